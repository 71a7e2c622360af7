//! Palettes: the few colours that stand for all of a picture, and which of them each pixel becomes.

use std::collections::HashSet;

/// A colour without alpha.
pub(crate) type Rgb = [u8; 3];

/// Bits of a channel by which colours are counted together.
const BITS: u32 = 5;
const BINS: usize = 1 << (3 * BITS);
/// Bits of a channel by which the nearest colour is remembered.
const LOOKUP_BITS: u32 = 6;
/// How much a channel's differences are seen: a rough luma, in which blue still counts.
const WEIGHTS: [f32; 3] = [3.0, 5.0, 2.0];
/// Rounds in which colours move to the middle of what they stand for (Lloyd 1982).
const ROUNDS: usize = 3;

/// How often colours occur, and those colours themselves while they are few.
pub(crate) struct Histogram {
    bins: Vec<Bin>,
    /// Up to one more than a palette holds.
    exact: HashSet<Rgb>,
    last: Option<Rgb>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: u32,
    sums: [u64; 3],
}

/// Colours that were counted together, at their mean.
#[derive(Debug, Clone, Copy)]
struct Point {
    color: [f32; 3],
    weight: f32,
}

impl Histogram {
    pub fn new() -> Self {
        Self {
            bins: vec![Bin::default(); BINS],
            exact: HashSet::new(),
            last: None,
        }
    }

    pub fn count(&mut self, color: Rgb) {
        let bin = &mut self.bins[cell(color, BITS)];
        bin.count += 1;
        for (sum, value) in bin.sums.iter_mut().zip(color) {
            *sum += u64::from(value);
        }
        if self.last != Some(color) && self.exact.len() <= 256 {
            self.exact.insert(color);
            self.last = Some(color);
        }
    }

    /// True when there are no more colours than these.
    pub fn is_few(&self, most: usize) -> bool {
        self.exact.len() <= most.min(256)
    }

    /// All colours, when there are no more than these.
    fn few(&self, most: usize) -> Option<Vec<Rgb>> {
        self.is_few(most).then(|| {
            let mut colors: Vec<_> = self.exact.iter().copied().collect();
            colors.sort_unstable();
            colors
        })
    }

    fn points(&self) -> Vec<Point> {
        let occupied = self.bins.iter().filter(|bin| bin.count > 0);
        occupied
            .map(|bin| Point {
                color: bin.sums.map(|sum| (sum as f64 / f64::from(bin.count)) as f32),
                weight: bin.count as f32,
            })
            .collect()
    }
}

/// Up to 256 colours.
#[derive(Debug, Clone)]
pub(crate) struct Palette {
    colors: Vec<Rgb>,
    /// True when no counted colour is missing.
    exact: bool,
    /// The nearest colour of each cell of the colour cube, once it was asked for; exact palettes are looked up in full.
    nearest: Vec<u16>,
}

const UNKNOWN: u16 = u16::MAX;

impl Palette {
    /// The best that can be found for these colours.
    pub fn of(histogram: &Histogram, most: usize) -> Self {
        let (colors, exact) = match histogram.few(most) {
            Some(colors) => (colors, true),
            None => (reduced(&histogram.points(), most), false),
        };
        Self {
            colors,
            exact,
            nearest: vec![UNKNOWN; 1 << (3 * LOOKUP_BITS)],
        }
    }

    pub fn colors(&self) -> &[Rgb] {
        &self.colors
    }

    /// The mean squared difference, on the scale of a channel's values, of these colours to those that stand for them.
    pub fn error(&mut self, histogram: &Histogram) -> f32 {
        if let Some(few) = histogram.few(256)
            && few.iter().all(|color| self.colors.contains(color))
        {
            return 0.0;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        for point in histogram.points() {
            let index = self.nearest(point.color.map(|value| value.round() as u8));
            sum += distance(point.color, self.colors[usize::from(index)].map(f32::from)) * point.weight;
            weight += point.weight;
        }
        sum / f32::max(weight, 1.0) / WEIGHTS.iter().sum::<f32>()
    }

    /// True when every colour of these is in it.
    pub fn holds_all(&self, histogram: &Histogram) -> bool {
        let few = histogram.few(256);
        few.is_some_and(|few| few.iter().all(|color| self.colors.contains(color)))
    }

    /// Which colour stands for this one.
    pub fn nearest(&mut self, color: Rgb) -> u8 {
        let place = cell(color, LOOKUP_BITS);
        let known = self.nearest[place];
        if known != UNKNOWN && (!self.exact || self.colors[usize::from(known)] == color) {
            return known as u8;
        }
        let color = color.map(f32::from);
        let mut best = (f32::INFINITY, 0);
        for (index, candidate) in self.colors.iter().enumerate() {
            let distance = distance(color, candidate.map(f32::from));
            if distance < best.0 {
                best = (distance, index);
            }
        }
        self.nearest[place] = best.1 as u16;
        best.1 as u8
    }
}

fn cell(color: Rgb, bits: u32) -> usize {
    let [red, green, blue] = color.map(|value| usize::from(value >> (8 - bits)));
    (red << (2 * bits)) | (green << bits) | blue
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| WEIGHTS[i] * (a[i] - b[i]) * (a[i] - b[i])).sum()
}

/// Cuts the colours into boxes, each time the one with the greatest variance where that leaves the least (Wu 1991, done
/// on the occupied cells), and lets the means settle.
fn reduced(points: &[Point], most: usize) -> Vec<Rgb> {
    let mut points = points.to_vec();
    // Ranges of `points`, with what can be won by cutting each and where.
    let mut boxes = vec![(0..points.len(), None)];
    while boxes.len() < most {
        for (range, cut) in &mut boxes {
            if cut.is_none() {
                *cut = Some(best_cut(&mut points[range.clone()]));
            }
        }
        let best = boxes.iter().enumerate().max_by(|(_, (_, a)), (_, (_, b))| {
            let gain = |cut: &Option<Cut>| cut.map_or(0.0, |cut| cut.gain);
            gain(a).total_cmp(&gain(b))
        });
        let Some((index, (range, Some(cut)))) = best.map(|(index, entry)| (index, entry.clone())) else {
            break;
        };
        if cut.gain <= 0.0 {
            break;
        }
        sort_by_axis(&mut points[range.clone()], cut.axis);
        let middle = range.start + cut.after;
        boxes[index] = (range.start..middle, None);
        boxes.push((middle..range.end, None));
    }
    let mut means: Vec<[f32; 3]> = boxes.iter().map(|(range, _)| mean(&points[range.clone()])).collect();
    for _ in 0..ROUNDS {
        let mut sums = vec![([0.0f64; 3], 0.0f64); means.len()];
        for point in &points {
            let mut best = (f32::INFINITY, 0);
            for (index, mean) in means.iter().enumerate() {
                let distance = distance(point.color, *mean);
                if distance < best.0 {
                    best = (distance, index);
                }
            }
            let (sum, weight) = &mut sums[best.1];
            for (sum, value) in sum.iter_mut().zip(point.color) {
                *sum += f64::from(value) * f64::from(point.weight);
            }
            *weight += f64::from(point.weight);
        }
        for (mean, (sum, weight)) in means.iter_mut().zip(sums).filter(|(_, (_, weight))| *weight > 0.0) {
            *mean = sum.map(|sum| (sum / weight) as f32);
        }
    }
    let mut colors: Vec<Rgb> = means.iter().map(|mean| mean.map(|value| value.round() as u8)).collect();
    colors.sort_unstable();
    colors.dedup();
    colors
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// By how much the squared differences get smaller.
    gain: f64,
    axis: usize,
    /// Points before it, once they are sorted along the axis.
    after: usize,
}

fn best_cut(points: &mut [Point]) -> Cut {
    let mut best = Cut {
        gain: 0.0,
        axis: 0,
        after: 0,
    };
    // The axis along which they differ most.
    let middle = mean(points);
    let mut spread = [0.0f64; 3];
    for point in points.iter() {
        for axis in 0..3 {
            let difference = f64::from(point.color[axis] - middle[axis]);
            spread[axis] += f64::from(WEIGHTS[axis]) * difference * difference * f64::from(point.weight);
        }
    }
    best.axis = (0..3).max_by(|a, b| spread[*a].total_cmp(&spread[*b])).unwrap_or(0);
    if points.len() < 2 {
        return best;
    }
    sort_by_axis(points, best.axis);
    // The squared differences to the mean are what is left of the squares after `sum * sum / weight` of each side.
    let total = points.iter().fold(([0.0; 3], 0.0), add);
    let share = |(sum, weight): ([f64; 3], f64)| -> f64 {
        (0..3)
            .map(|axis| f64::from(WEIGHTS[axis]) * sum[axis] * sum[axis] / weight)
            .sum()
    };
    let whole = share(total);
    let mut before = ([0.0; 3], 0.0);
    for (index, point) in points.iter().enumerate().take(points.len() - 1) {
        before = add(before, point);
        let rest = (
            std::array::from_fn(|axis| total.0[axis] - before.0[axis]),
            total.1 - before.1,
        );
        let gain = share(before) + share(rest) - whole;
        if gain > best.gain {
            best.gain = gain;
            best.after = index + 1;
        }
    }
    best
}

fn add((mut sum, weight): ([f64; 3], f64), point: &Point) -> ([f64; 3], f64) {
    for (sum, value) in sum.iter_mut().zip(point.color) {
        *sum += f64::from(value) * f64::from(point.weight);
    }
    (sum, weight + f64::from(point.weight))
}

fn sort_by_axis(points: &mut [Point], axis: usize) {
    points.sort_by(|a, b| a.color[axis].total_cmp(&b.color[axis]));
}

fn mean(points: &[Point]) -> [f32; 3] {
    let (sum, weight) = points.iter().fold(([0.0; 3], 0.0), add);
    sum.map(|sum| (sum / weight.max(1.0)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colors_are_kept_exactly() {
        let mut histogram = Histogram::new();
        let colors: Vec<Rgb> = (0..256).map(|i: u32| [i as u8, (i * 7) as u8, 3]).collect();
        colors.iter().for_each(|color| histogram.count(*color));
        let mut palette = Palette::of(&histogram, 256);
        for color in &colors {
            let index = palette.nearest(*color);
            assert_eq!(palette.colors()[usize::from(index)], *color);
        }
        assert_eq!(palette.error(&histogram), 0.0);
        assert!(Palette::of(&histogram, 255).colors().len() <= 255);
    }

    #[test]
    fn many_colors_are_near_to_one_of_them() {
        let mut histogram = Histogram::new();
        for red in 0..=255 {
            for green in 0..=255 {
                histogram.count([red, green, 128]);
            }
        }
        let mut palette = Palette::of(&histogram, 255);
        // 255 squares of 16 x 16: a mean squared difference of 21 in red and green each, and none in blue.
        assert!(
            palette.error(&histogram) < 21.0 * 8.0 / 10.0 * 1.1,
            "{}",
            palette.error(&histogram)
        );
        assert!(!palette.holds_all(&histogram));
    }
}
