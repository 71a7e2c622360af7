use transform::Rect;

use crate::picture::Picture;

/// Side of the squares that are compared: a macroblock of VP8, so that what has not changed costs its encoder nothing.
pub(crate) const BLOCK: u32 = 16;

/// Which blocks of a frame differ from what is shown.
#[derive(Debug)]
pub(crate) struct Difference {
    /// One a block, in rows.
    changed: Vec<bool>,
    columns: u32,
    /// Around all that changed, on the grid of blocks; none if nothing did.
    pub place: Option<Rect>,
    /// How many blocks of `place` changed.
    count: usize,
}

impl Difference {
    /// Of two pictures of one size and kind. A block is the same when no channel of any pixel differs by more than
    /// `tolerance`, and none by more than half of that on average, for a change of a whole area shows more than noise.
    pub fn between(shown: &Picture, next: &Picture, tolerance: u8) -> Self {
        let (columns, rows) = (next.width.div_ceil(BLOCK), next.height.div_ceil(BLOCK));
        let mut changed = vec![false; columns as usize * rows as usize];
        let (stride, channels) = (next.stride(), next.channels());
        let mut bounds: Option<(u32, u32, u32, u32)> = None;
        let mut count = 0;
        for row in 0..rows {
            let lines = row * BLOCK..(row * BLOCK + BLOCK).min(next.height);
            let span = lines.start as usize * stride..lines.end as usize * stride;
            if shown.pixels[span.clone()] == next.pixels[span] {
                continue;
            }
            for column in 0..columns {
                let start = column as usize * BLOCK as usize * channels;
                let end = (start + BLOCK as usize * channels).min(stride);
                let mut sums = [0i32; 4];
                let mut largest = 0;
                for line in lines.clone() {
                    let at = line as usize * stride;
                    let (old, new) = (&shown.pixels[at + start..at + end], &next.pixels[at + start..at + end]);
                    if old == new {
                        continue;
                    }
                    largest = largest.max(compare(old, new, channels, &mut sums));
                    if largest > tolerance {
                        break;
                    }
                }
                let pixels = lines.len() * (end - start) / channels;
                let shifted = sums
                    .iter()
                    .any(|sum| sum.unsigned_abs() as usize * 2 > pixels * usize::from(tolerance));
                if largest > tolerance || shifted {
                    changed[(row * columns + column) as usize] = true;
                    count += 1;
                    let (left, top, right, bottom) = bounds.unwrap_or((column, row, column, row));
                    bounds = Some((left.min(column), top, right.max(column), bottom.max(row)));
                }
            }
        }
        let place = bounds.map(|(left, top, right, bottom)| {
            let (x, y) = (left * BLOCK, top * BLOCK);
            Rect {
                x,
                y,
                width: ((right + 1) * BLOCK).min(next.width) - x,
                height: ((bottom + 1) * BLOCK).min(next.height) - y,
            }
        });
        Self {
            changed,
            columns,
            place,
            count,
        }
    }

    /// True for the block that holds this pixel.
    pub fn at(&self, x: u32, y: u32) -> bool {
        self.changed[(y / BLOCK * self.columns + x / BLOCK) as usize]
    }

    /// How much of `place` changed, 0 to 1.
    pub fn share(&self) -> f64 {
        let blocks = self
            .place
            .map_or(1, |place| place.width.div_ceil(BLOCK) * place.height.div_ceil(BLOCK));
        self.count as f64 / f64::from(blocks)
    }

    /// The changed blocks, row by row, cut at the edges of the picture.
    pub fn blocks(&self, width: u32, height: u32) -> impl Iterator<Item = Rect> {
        let columns = self.columns;
        (0u32..)
            .zip(&self.changed)
            .filter(|(_, changed)| **changed)
            .map(move |(index, _)| {
                let (x, y) = (index % columns * BLOCK, index / columns * BLOCK);
                Rect {
                    x,
                    y,
                    width: BLOCK.min(width - x),
                    height: BLOCK.min(height - y),
                }
            })
    }
}

/// The largest difference of a channel. What is transparent in both has no colour.
fn compare(old: &[u8], new: &[u8], channels: usize, sums: &mut [i32; 4]) -> u8 {
    let mut largest = 0;
    if channels == 4 {
        for (old, new) in old.chunks_exact(4).zip(new.chunks_exact(4)) {
            if old[3] != new[3] {
                return u8::MAX;
            }
            if new[3] == 0 {
                continue;
            }
            for channel in 0..3 {
                largest = largest.max(old[channel].abs_diff(new[channel]));
                sums[channel] += i32::from(new[channel]) - i32::from(old[channel]);
            }
        }
    } else {
        for (old, new) in old.chunks_exact(3).zip(new.chunks_exact(3)) {
            for channel in 0..3 {
                largest = largest.max(old[channel].abs_diff(new[channel]));
                sums[channel] += i32::from(new[channel]) - i32::from(old[channel]);
            }
        }
    }
    largest
}
