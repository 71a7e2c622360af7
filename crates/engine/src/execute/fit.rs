use transform::Size;

use crate::ops::resample::{Axis, Resampler};
use crate::ops::resize::Region;
use crate::planes::Plane;

/// A plane that is cropped and scaled while its rows come, so that it need not be in memory whole.
pub(super) struct Fit {
    across: Span,
    down: Span,
    way: Way,
    /// The row of the source that comes next.
    next: usize,
    /// The row of the result that comes next.
    place: usize,
    result: Plane,
}

/// What is used of a side: these places, the first and the last of them more than once.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
    before: usize,
    after: usize,
}

enum Way {
    /// Nothing changes but the frame: its left and upper edge.
    Cut(usize, usize),
    Scale(Box<Resampler>),
}

/// Fractional bits of samples on their way.
const EXTRA: u32 = 6;

impl Fit {
    /// A region of a plane of this size, to a size. What of the region is not in `part` is made of the part's edge.
    pub fn new((width, height): (u32, u32), region: Region, part: Region, size: Size) -> Self {
        let cover = part.cover(width, height);
        let (left, top) = (f64::from(cover.x), f64::from(cover.y));
        let room = |beyond: f64| if beyond > 0.0 { beyond.ceil() as usize } else { 0 };
        let across = Span {
            start: cover.x as usize,
            length: cover.width as usize,
            before: room(left - region.x),
            after: room(region.x + region.width - left - f64::from(cover.width)),
        };
        let down = Span {
            start: cover.y as usize,
            length: cover.height as usize,
            before: room(top - region.y),
            after: room(region.y + region.height - top - f64::from(cover.height)),
        };
        // Seen from where the span begins.
        let x = region.x - left + across.before as f64;
        let y = region.y - top + down.before as f64;
        let is = |length: u32, wanted: f64, start: f64| f64::from(length) == wanted && start.fract() == 0.0;
        let way = if is(size.width, region.width, x) && is(size.height, region.height, y) {
            Way::Cut(x as usize, y as usize)
        } else {
            let axis = |span: Span, start: f64, length: f64, to: u32| {
                let whole = span.whole() as u32;
                // Decoders round the shrunk size up, so the last sample may reach beyond the true edge, never fall short of it.
                Axis::new(whole, start, length.min(f64::from(whole) - start), to)
            };
            let columns = axis(across, x, region.width, size.width);
            let rows = axis(down, y, region.height, size.height);
            Way::Scale(Box::new(Resampler::new(1, across.whole() as u32, columns, rows)))
        };
        Self {
            across,
            down,
            way,
            next: 0,
            place: 0,
            result: Plane::new(size.width, size.height),
        }
    }

    /// The next row of the source.
    pub fn push(&mut self, row: &[u8]) {
        let number = self.next;
        self.next += 1;
        let Some(index) = number
            .checked_sub(self.down.start)
            .filter(|index| *index < self.down.length)
        else {
            return;
        };
        let before = if index == 0 { self.down.before } else { 0 };
        let after = if index + 1 == self.down.length {
            self.down.after
        } else {
            0
        };
        let across = self.across;
        let row = &row[across.start..][..across.length];
        let width = self.result.width as usize;
        for repeated in 0..=before + after {
            let mut results = self.result.values.chunks_exact_mut(width).skip(self.place);
            match &mut self.way {
                Way::Cut(left, top) => {
                    // Rows are counted from where the span begins.
                    let at = index + self.down.before - before + repeated;
                    if at >= *top
                        && let Some(to) = results.next()
                    {
                        across.cut(row, *left, to);
                        self.place += 1;
                    }
                }
                Way::Scale(resampler) => {
                    let mut finished = 0;
                    let emit = |from: &[i16]| {
                        finished += 1;
                        if let Some(to) = results.next() {
                            eight_bits(from, to);
                        }
                    };
                    resampler.push(|to| across.fill(row, to), emit);
                    self.place += finished;
                }
            }
        }
    }

    /// The plane, when all rows have come.
    pub fn finish(self) -> Plane {
        self.result
    }
}

/// Samples as the resampler gives them, rounded and cut.
fn eight_bits(from: &[i16], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (from.saturating_add(1 << (EXTRA - 1)) >> EXTRA).clamp(0, 255) as u8;
    }
}

impl Span {
    /// Places, repeated ones counted.
    fn whole(self) -> usize {
        self.before + self.length + self.after
    }

    /// Samples as the resampler takes them.
    fn fill(self, row: &[u8], to: &mut [i16]) {
        let sample = |value: u8| i16::from(value) << EXTRA;
        let (before, to) = to.split_at_mut(self.before);
        let (middle, after) = to.split_at_mut(self.length);
        for (to, from) in middle.iter_mut().zip(row) {
            *to = sample(*from);
        }
        before.fill(sample(row[0]));
        after[..self.after].fill(sample(row[row.len() - 1]));
    }

    /// As many samples from `left` on as there is room for.
    fn cut(self, row: &[u8], left: usize, to: &mut [u8]) {
        for (place, to) in (left..).zip(to) {
            let place = place.saturating_sub(self.before).min(self.length - 1);
            *to = row[place];
        }
    }
}
