//! A Gaussian filter of any standard deviation, in time that does not grow with it and memory of a few dozen rows.
//!
//! Small ones are convolved with the sampled curve, truncated at three standard deviations. Large ones are convolved on
//! a coarser grid, as in a pyramid (Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983): down by a
//! tent, up by the cubic B-spline (Unser, "Splines: A Perfect Fit for Signal and Image Processing", 1999), and between
//! them a Gaussian of the variance that those two leave over, since variances of successive filters add up. What the
//! coarse grid can't hold, the filter removes anyway.
//!
//! Rows stream through: each is read once, in order, and written once, after all those that it needs were read. A
//! picture can be filtered in place.

use super::simd::{Kernel, wide};

/// Where rows come from and go to. A row has `N` numbers a pixel.
pub(crate) trait Rows {
    /// Writes row `y` into `row`.
    fn read(&self, y: usize, row: &mut [f32]);
    /// Takes the filtered row `y`. Rows above it are not read any more, nor is it.
    fn write(&mut self, y: usize, row: &[f32]);
}

/// Filters with a Gaussian of this standard deviation in pixels. Beyond its edges a picture goes on as its outermost
/// pixels. Nothing happens unless `sigma` is above 0.
pub(crate) fn gaussian<const N: usize>(rows: &mut impl Rows, width: usize, height: usize, sigma: f64) {
    if sigma.is_nan() || sigma <= 0.0 || width == 0 || height == 0 {
        return;
    }
    let sigma = sigma.min(MOST);
    let mut step = 1;
    while rest(sigma, step * 2) >= LEAST_ON_GRID {
        step *= 2;
    }
    let kernel = half_kernel(rest(sigma, step), None);
    wide(Pass::<N, _> {
        rows,
        width,
        height,
        step,
        kernel,
    });
}

/// The same with the curve cut off at `radius` pixels, as a kernel of that size cuts it.
pub(crate) fn gaussian_within<const N: usize>(
    rows: &mut impl Rows,
    width: usize,
    height: usize,
    sigma: f64,
    radius: usize,
) {
    if sigma.is_nan() || sigma <= 0.0 || width == 0 || height == 0 || radius == 0 {
        return;
    }
    if radius as f64 >= 3.0 * sigma {
        return gaussian::<N>(rows, width, height, sigma);
    }
    if radius > LARGEST_KERNEL {
        // The curve of the same variance, found on a kernel of the same shape.
        let scale = radius as f64 / LARGEST_KERNEL as f64;
        let kernel = half_kernel(sigma / scale, Some(LARGEST_KERNEL));
        let taps = kernel.iter().enumerate();
        let variance: f64 = taps
            .map(|(at, weight)| 2.0 * (at * at) as f64 * f64::from(*weight))
            .sum();
        return gaussian::<N>(rows, width, height, variance.sqrt() * scale);
    }
    let kernel = half_kernel(sigma, Some(radius));
    wide(Pass::<N, _> {
        rows,
        width,
        height,
        step: 1,
        kernel,
    });
}

/// Beyond this every picture that can be stored is of one colour but for a slope.
const MOST: f64 = 10_000.0;
/// Standard deviation that must be left on the coarse grid: aliases of it stay below one level in 255.
const LEAST_ON_GRID: f64 = 1.5;
/// Radius in pixels of kernels that are convolved as they are.
const LARGEST_KERNEL: usize = 24;
/// Numbers that are summed up side by side.
const LANES: usize = 32;

/// Standard deviation that is left for a grid of this step, in its cells; 0 if there is none.
fn rest(sigma: f64, step: usize) -> f64 {
    if step == 1 {
        return sigma;
    }
    let cell = (step * step) as f64;
    let tent: f64 = tent(step)
        .enumerate()
        .map(|(at, weight)| f64::from(weight) * (at as f64 + 0.5 - step as f64).powi(2))
        .sum();
    ((sigma * sigma - tent) / cell - 1.0 / 3.0).max(0.0).sqrt()
}

/// Weights of the `2 * step` pixels around the middle of a cell, whose sum is 1.
fn tent(step: usize) -> impl Iterator<Item = f32> {
    let length = step as f32;
    (0..2 * step).map(move |at| (length - (at as f32 + 0.5 - length).abs()) / (length * length))
}

/// The sampled curve from its middle to one side. The sum of both sides is 1.
fn half_kernel(sigma: f64, radius: Option<usize>) -> Vec<f32> {
    let radius = radius.unwrap_or((3.0 * sigma).ceil() as usize).max(1);
    let mut kernel: Vec<f64> = (0..=radius)
        .map(|at| (-0.5 * (at as f64 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * kernel.iter().sum::<f64>() - kernel[0];
    kernel.iter_mut().for_each(|weight| *weight /= sum);
    kernel.into_iter().map(|weight| weight as f32).collect()
}

struct Pass<'a, const N: usize, R> {
    rows: &'a mut R,
    width: usize,
    height: usize,
    step: usize,
    kernel: Vec<f32>,
}

impl<const N: usize, R: Rows> Kernel for Pass<'_, N, R> {
    #[inline(always)]
    fn run(self) {
        if self.step == 1 {
            self.convolve();
        } else {
            self.by_grid();
        }
    }
}

impl<const N: usize, R: Rows> Pass<'_, N, R> {
    #[inline(always)]
    fn convolve(self) {
        let mut filter = Convolver::<N>::new(self.width, self.height, &self.kernel);
        let mut result = filter.row();
        for y in 0..self.height {
            filter.next(y, |from, row| self.rows.read(from, row), &mut result);
            self.rows.write(y, &result[..self.width * N]);
        }
    }

    #[inline(always)]
    fn by_grid(self) {
        let (width, height, step) = (self.width, self.height, self.step);
        let mut reducer = Reducer::<N>::new(width, height, step);
        let cells = reducer.size;
        let mut filter = Convolver::<N>::new(cells.0, cells.1, &self.kernel);
        let mut filtered = filter.row();
        let splines = splines(step);

        // Four rows of the grid, wide as the picture.
        let length = (width * N).next_multiple_of(LANES);
        let mut ring = vec![0.0; 4 * length];
        let mut result = vec![0.0; length];
        let mut ready = 0;
        for y in 0..height {
            let at = y + step * 3 / 2;
            let (cell, phase) = (at / step, at % step);
            while ready <= cell + 2 {
                filter.next(ready, |_, row| reducer.next(self.rows, row), &mut filtered);
                let slot = ready % 4 * length;
                expand::<N>(&filtered, &splines, step, &mut ring[slot..slot + width * N]);
                ready += 1;
            }
            let four: [&[f32]; 4] = std::array::from_fn(|row| {
                let slot = (cell + row - 1) % 4 * length;
                &ring[slot..slot + length]
            });
            mix(four, splines[phase], &mut result);
            self.rows.write(y, &result[..width * N]);
        }
    }
}

/// Convolves rows with a kernel, first along them, then across.
struct Convolver<'a, const N: usize> {
    width: usize,
    height: usize,
    kernel: &'a [f32],
    /// The row that was read last, with its outermost pixels repeated on both sides.
    extended: Vec<f32>,
    /// The last `2 * radius + 1` rows, convolved along.
    ring: Vec<f32>,
    /// Rows read so far.
    ready: usize,
}

impl<'a, const N: usize> Convolver<'a, N> {
    fn new(width: usize, height: usize, kernel: &'a [f32]) -> Self {
        let radius = kernel.len() - 1;
        let length = (width * N).next_multiple_of(LANES);
        Self {
            width,
            height,
            kernel,
            extended: vec![0.0; length + 2 * radius * N],
            ring: vec![0.0; length * (2 * radius + 1)],
            ready: 0,
        }
    }

    /// Room for a result: a row, and some more to make it even.
    fn row(&self) -> Vec<f32> {
        vec![0.0; (self.width * N).next_multiple_of(LANES)]
    }

    /// Makes row `y`; they must be asked for in order. `read` is called for each row once, in order.
    #[inline(always)]
    fn next(&mut self, y: usize, mut read: impl FnMut(usize, &mut [f32]), result: &mut [f32]) {
        let radius = self.kernel.len() - 1;
        let (length, slots) = (result.len(), 2 * radius + 1);
        while self.ready < self.height && self.ready <= y + radius {
            let (start, end) = (radius * N, (radius + self.width) * N);
            read(self.ready, &mut self.extended[start..end]);
            for pixel in 0..radius {
                self.extended.copy_within(start..start + N, pixel * N);
                self.extended.copy_within(end - N..end, end + pixel * N);
            }
            let slot = self.ready % slots * length;
            let to = &mut self.ring[slot..slot + length];
            convolve(to, self.kernel, |offset, at| {
                &self.extended[(start as isize + offset * N as isize) as usize + at..][..LANES]
            });
            self.ready += 1;
        }
        let last = self.height as isize - 1;
        convolve(result, self.kernel, |offset, at| {
            let row = (y as isize + offset).clamp(0, last) as usize;
            &self.ring[row % slots * length + at..][..LANES]
        });
    }
}

/// A weighted sum of slices on both sides of the middle: `slice(offset, at)` is that from number `at` on.
#[inline(always)]
fn convolve<'a>(to: &mut [f32], kernel: &[f32], slice: impl Fn(isize, usize) -> &'a [f32]) {
    for (block, to) in to.chunks_exact_mut(LANES).enumerate() {
        let at = block * LANES;
        let mut sum = [0.0; LANES];
        let middle = slice(0, at);
        for lane in 0..LANES {
            sum[lane] = kernel[0] * middle[lane];
        }
        for (offset, weight) in kernel.iter().enumerate().skip(1) {
            let (before, after) = (slice(-(offset as isize), at), slice(offset as isize, at));
            for lane in 0..LANES {
                sum[lane] += weight * (before[lane] + after[lane]);
            }
        }
        to.copy_from_slice(&sum);
    }
}

/// Makes the rows of a grid whose cells are `step` pixels wide and high. It is two cells larger on every side than the
/// picture: the outermost are all outside, so that repeating them is the same as repeating the picture's edge.
struct Reducer<const N: usize> {
    size: (usize, usize),
    width: usize,
    height: usize,
    step: usize,
    tent: Vec<f32>,
    /// The row that was read last.
    row: Vec<f32>,
    read: Option<usize>,
    /// Sums for the cell that is nearly done and for the one after it.
    done: Vec<f32>,
    begun: Vec<f32>,
    extended: Vec<f32>,
    /// Stretches between the middles of two rows of cells that were summed up.
    stretches: usize,
}

impl<const N: usize> Reducer<N> {
    fn new(width: usize, height: usize, step: usize) -> Self {
        let size = (width.div_ceil(step) + 4, height.div_ceil(step) + 4);
        let length = (width * N).next_multiple_of(LANES);
        Self {
            size,
            width,
            height,
            step,
            tent: tent(step).collect(),
            row: vec![0.0; length],
            read: None,
            done: vec![0.0; length],
            begun: vec![0.0; length],
            extended: vec![0.0; (size.0 + 1) * step * N],
            stretches: 0,
        }
    }

    #[inline(always)]
    fn next(&mut self, rows: &impl Rows, to: &mut [f32]) {
        if self.stretches == 0 {
            self.sum_up(rows);
        }
        self.sum_up(rows);
        self.along(to);
    }

    /// Adds the rows from the middle of one row of cells to that of the next to both.
    #[inline(always)]
    fn sum_up(&mut self, rows: &impl Rows) {
        std::mem::swap(&mut self.done, &mut self.begun);
        self.begun.fill(0.0);
        let first = (self.stretches * self.step) as isize - (self.step * 5 / 2) as isize;
        let inside = |at: usize| (first + at as isize).clamp(0, self.height as isize - 1) as usize;
        let mut at = 0;
        while at < self.step {
            let y = inside(at);
            let (mut rising, mut falling) = (0.0, 0.0);
            while at < self.step && inside(at) == y {
                rising += self.tent[at];
                falling += self.tent[self.step + at];
                at += 1;
            }
            if self.read != Some(y) {
                rows.read(y, &mut self.row[..self.width * N]);
                self.read = Some(y);
            }
            for ((done, begun), value) in self.done.iter_mut().zip(&mut self.begun).zip(&self.row) {
                *done += value * falling;
                *begun += value * rising;
            }
        }
        self.stretches += 1;
    }

    /// The same along the row that is done.
    #[inline(always)]
    fn along(&mut self, to: &mut [f32]) {
        let (start, length) = (self.step * 5 / 2 * N, self.width * N);
        self.extended[start..start + length].copy_from_slice(&self.done[..length]);
        let (before, rest) = self.extended.split_at_mut(start);
        let (row, after) = rest.split_at_mut(length);
        for pixel in before.chunks_exact_mut(N) {
            pixel.copy_from_slice(&row[..N]);
        }
        for pixel in after.chunks_exact_mut(N) {
            pixel.copy_from_slice(&row[length - N..]);
        }
        for (cell, to) in to.chunks_exact_mut(N).enumerate() {
            let pixels = &self.extended[cell * self.step * N..][..2 * self.step * N];
            let mut sum = [0.0; N];
            for (pixel, weight) in pixels.chunks_exact(N).zip(&self.tent) {
                for channel in 0..N {
                    sum[channel] += pixel[channel] * weight;
                }
            }
            to.copy_from_slice(&sum);
        }
    }
}

/// Weights of the four cells around each pixel between the middles of two.
fn splines(step: usize) -> Vec<[f32; 4]> {
    (0..step)
        .map(|at| {
            let t = (at as f32 + 0.5) / step as f32;
            let (t2, t3, u) = (t * t, t * t * t, 1.0 - t);
            let (left, right) = (u * u * u, t3);
            [left, 4.0 - 6.0 * t2 + 3.0 * t3, 1.0 + 3.0 * (t + t2 - t3), right].map(|weight| weight / 6.0)
        })
        .collect()
}

/// A row of the grid, wide as the picture.
#[inline(always)]
fn expand<const N: usize>(cells: &[f32], splines: &[[f32; 4]], step: usize, to: &mut [f32]) {
    for (x, pixel) in to.chunks_exact_mut(N).enumerate() {
        let at = x + step * 3 / 2;
        let (cell, [a, b, c, d]) = (at / step, splines[at % step]);
        let four = &cells[(cell - 1) * N..(cell + 3) * N];
        for channel in 0..N {
            pixel[channel] =
                a * four[channel] + b * four[N + channel] + c * four[2 * N + channel] + d * four[3 * N + channel];
        }
    }
}

#[inline(always)]
fn mix([a, b, c, d]: [&[f32]; 4], weights: [f32; 4], to: &mut [f32]) {
    let length = to.len();
    let (a, b, c, d) = (&a[..length], &b[..length], &c[..length], &d[..length]);
    for at in 0..length {
        to[at] = a[at] * weights[0] + b[at] * weights[1] + c[at] * weights[2] + d[at] * weights[3];
    }
}
