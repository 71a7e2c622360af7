//! Lanczos3, row by row: each row is read once, in order, and what is made of it comes as soon as all that it needs was
//! there. So no picture need be in memory whole, neither before nor after.
//!
//! Whole numbers all the way: results are the same to the last bit on every machine, with and without wide registers.
//! Samples have fourteen bits. That is five steps of linear light for the flattest step of the sRGB curve, and leaves room
//! for what a filter overshoots.

#[cfg(target_arch = "x86_64")]
mod avx2;

use std::f64::consts::PI;

/// What each place of a result is made of, along one axis.
#[derive(Debug)]
pub(crate) struct Axis {
    windows: Vec<Window>,
    /// Weights of all windows, each filled up with zeros to `taps`.
    weights: Vec<i16>,
    taps: usize,
    /// Fractional bits of weights.
    bits: u32,
}

/// Neighbouring places of a source.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: usize,
    length: usize,
}

/// Windows are filled up to a multiple of this many weights.
const STEP: usize = 8;
/// Rows between are filled up to a multiple of this many samples.
const LANES: usize = 32;

impl Axis {
    /// `to` places are made of `length` ones of `whole`, from `start` on. What is outside the whole counts for nothing.
    pub fn new(whole: u32, start: f64, length: f64, to: u32) -> Self {
        let scale = length / f64::from(to);
        let stretch = scale.max(1.0);
        let center = |place: usize| start + (place as f64 + 0.5) * scale;
        let windows: Vec<_> = (0..to as usize)
            .map(|place| {
                let (first, end) = (center(place) - 3.0 * stretch, center(place) + 3.0 * stretch);
                let start = (first.floor().max(0.0) as u32).min(whole.saturating_sub(1));
                let end = (end.ceil().max(0.0) as u32).min(whole).max(start + 1);
                Window {
                    start: start as usize,
                    length: (end - start) as usize,
                }
            })
            .collect();
        let longest = windows.iter().map(|window| window.length).max().unwrap_or(1);
        let taps = longest.next_multiple_of(STEP);
        let mut curve = vec![0.0; longest];
        // The largest weight of all is that of an enlargement in the middle of a place, which may be a little above one.
        let bits = if stretch >= 1.5 { 15 } else { 14 };
        let mut weights = vec![0; taps * windows.len()];
        for (place, (window, to)) in windows.iter().zip(weights.chunks_exact_mut(taps)).enumerate() {
            let curve = &mut curve[..window.length];
            let first = (window.start as f64 + 0.5 - center(place)) / stretch;
            lanczos3(first, 1.0 / stretch, curve);
            let one = f64::from(1 << bits) / curve.iter().sum::<f64>();
            let mut left = 1 << bits;
            for (to, value) in to.iter_mut().zip(&*curve) {
                *to = (value * one).round() as i16;
                left -= i32::from(*to);
            }
            // What rounding left over goes where it counts least.
            if let Some(largest) = to.iter_mut().max_by_key(|weight| **weight) {
                *largest = (i32::from(*largest) + left) as i16;
            }
        }
        Self {
            windows,
            weights,
            taps,
            bits,
        }
    }

    /// How many places it makes.
    fn len(&self) -> usize {
        self.windows.len()
    }

    fn at(&self, place: usize) -> (Window, &[i16]) {
        (self.windows[place], &self.weights[place * self.taps..][..self.taps])
    }
}

/// The curve, sampled from `first` on, `step` apart: `sinc(x) * sinc(x / 3)`. With `a = pi x / 3` that is
/// `sin(3a) sin(a) / 3a^2`, or with `s` as the square of `sin(a)`, `s (3 - 4s) / 3a^2`; and `s` is had by turning a pointer.
fn lanczos3(first: f64, step: f64, to: &mut [f64]) {
    let (mut sin, mut cos) = (first * PI * 2.0 / 3.0).sin_cos();
    let (sin_step, cos_step) = (step * PI * 2.0 / 3.0).sin_cos();
    for (index, to) in to.iter_mut().enumerate() {
        let x = first + index as f64 * step;
        let square = (1.0 - cos) / 2.0;
        let a = x * PI / 3.0;
        *to = if x.abs() >= 3.0 {
            0.0
        } else if a.abs() < 1e-4 {
            1.0
        } else {
            square * (3.0 - 4.0 * square) / (3.0 * a * a)
        };
        (sin, cos) = (sin * cos_step + cos * sin_step, cos * cos_step - sin * sin_step);
    }
}

/// Takes a picture's rows and makes those of another size.
pub(crate) struct Resampler {
    channels: usize,
    columns: Axis,
    rows: Axis,
    /// The last rows of the source; row `y` is at `y % places`.
    ring: Vec<i16>,
    places: usize,
    /// Samples of a row in the ring.
    stride: usize,
    /// Rows that were scaled down.
    between: Vec<i16>,
    /// A row of the result.
    done: Vec<i16>,
    /// The row of the source that comes next.
    next: usize,
    /// The row of the result that comes next.
    place: usize,
    wide: bool,
}

impl Resampler {
    /// Of rows of `width` pixels with `channels` (1, 3 or 4) samples each.
    pub fn new(channels: usize, width: u32, columns: Axis, rows: Axis) -> Self {
        let places = rows.windows.iter().map(|window| window.length).max().unwrap_or(1);
        let stride = (width as usize * channels).next_multiple_of(LANES);
        Self {
            channels,
            ring: vec![0; stride * places],
            places,
            stride,
            // Behind it windows that are filled up may be read, where their weights are zero.
            between: vec![0; stride + (columns.taps + 1) * channels],
            done: vec![0; columns.len() * channels],
            next: 0,
            place: 0,
            wide: is_wide(),
            columns,
            rows,
        }
    }

    /// The next row of the source. `fill` writes its samples, unless nothing is made of it; `emit` takes the rows that are
    /// finished with it.
    pub fn push(&mut self, fill: impl FnOnce(&mut [i16]), mut emit: impl FnMut(&[i16])) {
        let row = self.next;
        self.next += 1;
        // Windows begin and end one after the other.
        if self.place >= self.rows.len() || row < self.rows.at(self.place).0.start {
            return;
        }
        fill(&mut self.ring[row % self.places * self.stride..][..self.stride]);
        while self.place < self.rows.len() {
            let (window, weights) = self.rows.at(self.place);
            if window.start + window.length > row + 1 {
                break;
            }
            let (before, from) = self.ring.split_at(window.start % self.places * self.stride);
            let rows = from.chunks_exact(self.stride).chain(before.chunks_exact(self.stride));
            let rows: Vec<_> = rows.take(window.length).map(|row| row.as_chunks().0).collect();
            let between = self.between.as_chunks_mut().0;
            down(
                self.wide,
                &rows,
                weights,
                self.rows.bits,
                &mut between[..self.stride / LANES],
            );
            across(self.wide, self.channels, &self.columns, &self.between, &mut self.done);
            emit(&self.done);
            self.place += 1;
        }
    }
}

fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// A row of a source, scaled across.
fn across(wide: bool, channels: usize, axis: &Axis, line: &[i16], to: &mut [i16]) {
    #[cfg(target_arch = "x86_64")]
    if wide && avx2::across(channels, axis, line, to) {
        return;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = wide;
    for (place, to) in to.chunks_exact_mut(channels).take(axis.len()).enumerate() {
        let (window, weights) = axis.at(place);
        let from = &line[window.start * channels..][..window.length * channels];
        for (channel, to) in to.iter_mut().enumerate() {
            *to = sum(axis, from[channel..].iter().step_by(channels), weights);
        }
    }
}

/// Samples of one channel, weighted and summed up.
fn sum<'a>(axis: &Axis, samples: impl IntoIterator<Item = &'a i16>, weights: &[i16]) -> i16 {
    let pairs = samples.into_iter().zip(weights);
    let sum: i32 = pairs
        .map(|(sample, weight)| i32::from(*sample) * i32::from(*weight))
        .sum();
    narrow((sum + (1 << (axis.bits - 1))) >> axis.bits)
}

/// Rows of a source, weighted and summed up.
fn down(wide: bool, rows: &[&[[i16; LANES]]], weights: &[i16], bits: u32, to: &mut [[i16; LANES]]) {
    #[cfg(target_arch = "x86_64")]
    if wide && avx2::down(rows, weights, bits, to) {
        return;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = wide;
    for (index, to) in to.iter_mut().enumerate() {
        let mut sums = [1 << (bits - 1); LANES];
        for (row, weight) in rows.iter().zip(weights) {
            for (sum, sample) in sums.iter_mut().zip(&row[index]) {
                *sum += i32::from(*sample) * i32::from(*weight);
            }
        }
        *to = sums.map(|sum| narrow(sum >> bits));
    }
}

fn narrow(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn resampled(from: &[i16], (width, height): (u32, u32), to: (u32, u32), channels: usize, wide: bool) -> Vec<i16> {
        let columns = Axis::new(width, 0.0, width.into(), to.0);
        let rows = Axis::new(height, 0.0, height.into(), to.1);
        let mut resampler = Resampler::new(channels, width, columns, rows);
        resampler.wide &= wide;
        let mut result = Vec::new();
        for row in from.chunks_exact(width as usize * channels) {
            resampler.push(
                |to| to[..row.len()].copy_from_slice(row),
                |row| result.extend_from_slice(row),
            );
        }
        result
    }

    const SIZES: [((u32, u32), (u32, u32)); 7] = [
        ((64, 48), (16, 12)),
        ((61, 47), (17, 13)),
        ((5, 3), (33, 21)),
        ((1, 1), (7, 5)),
        ((100, 90), (1, 1)),
        ((40, 30), (40, 11)),
        ((130, 2), (33, 2)),
    ];

    #[test]
    fn wide_registers_change_nothing() {
        let mut random = StdRng::seed_from_u64(7);
        for channels in [1, 3, 4] {
            for (from, to) in SIZES {
                let count = (from.0 * from.1) as usize * channels;
                let source: Vec<i16> = (0..count).map(|_| random.random_range(0..=16_383)).collect();
                let plain = resampled(&source, from, to, channels, false);
                assert_eq!(plain.len(), (to.0 * to.1) as usize * channels);
                assert!(
                    plain == resampled(&source, from, to, channels, true),
                    "{from:?} to {to:?}, {channels} channels"
                );
            }
        }
    }

    #[test]
    fn what_is_even_stays_so() {
        for (from, to) in SIZES {
            let source: Vec<i16> = [16_383, 700, 3].repeat((from.0 * from.1) as usize);
            let result = resampled(&source, from, to, 3, true);
            assert!(
                result.chunks_exact(3).all(|pixel| pixel == [16_383, 700, 3]),
                "{from:?} to {to:?}"
            );
        }
    }

    #[test]
    fn the_curve_by_its_definition() {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        for (first, step, count) in [
            (-2.875, 0.25, 24),
            (-2.9999, 0.0123, 480),
            (-3.2, 1.0, 7),
            (0.0, 0.5, 4),
        ] {
            let mut found = vec![0.0; count];
            lanczos3(first, step, &mut found);
            for (index, found) in found.iter().enumerate() {
                let x: f64 = first + index as f64 * step;
                let expected = if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 };
                assert!((found - expected).abs() < 1e-7, "at {x}: {found}, {expected}");
            }
        }
    }
}
