//! Decoding of a sequential scan to planes of a reduced size.

use super::bits::{Cursor, Data, Window};
use super::frame::{Component, Frame, ZIGZAG};
use super::huffman::{END, Runs, Symbols};
use super::idct::{self, Transform};
use crate::planes::{Plane, Planes};

/// How large chroma is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As many times smaller than luma as it is stored.
    Stored,
    /// As large as luma.
    Full,
}

/// Everything to decode a component by.
struct Decoder<'a> {
    component: &'a Component,
    dc: Symbols,
    ac: Symbols,
    runs: Runs,
    /// Samples of a block.
    width: u32,
    height: u32,
    /// The last coefficient that these need, in zigzag order.
    last: usize,
    transform: Transform,
    /// Whole blocks and coding units; cut to its size in the end.
    plane: Plane,
    /// DC of the block before.
    before: i32,
}

/// The planes of a picture that is `shrink` (2, 4 or 8) times smaller. Nothing, when there is damage of any kind, or
/// chroma cannot be made as large as was asked for.
pub(super) fn decode(source: &[u8], frame: &Frame, shrink: u32, chroma: Chroma) -> Option<Planes> {
    let size = 8 / shrink;
    let mut decoders = frame
        .components
        .iter()
        .map(|component| Decoder::new(frame, component, size, chroma))
        .collect::<Option<Vec<_>>>()?;
    let mut data = Data::new(source, frame.data);
    let mut cursor = data.start();
    let (across, down) = frame.units();
    let mut until_restart = frame.restart_interval;
    let mut restarts = 0u8;
    let mut coefficients = [0; 128];
    for y in 0..down {
        for x in 0..across {
            if frame.restart_interval > 0 {
                if until_restart == 0 {
                    cursor = data.restart(cursor, restarts & 7)?;
                    restarts = restarts.wrapping_add(1);
                    until_restart = frame.restart_interval;
                    decoders.iter_mut().for_each(|decoder| decoder.before = 0);
                }
                until_restart -= 1;
            }
            cursor = data.ready(cursor)?;
            for decoder in &mut decoders {
                cursor = decoder.unit(&data.window, cursor, &mut coefficients, x, y)?;
            }
        }
    }
    if data.is_past_end(cursor) {
        return None;
    }
    let (width, height) = (frame.width.div_ceil(shrink), frame.height.div_ceil(shrink));
    let mut planes = decoders.into_iter().map(|decoder| {
        let (h, v) = decoder.covers(frame, size);
        let plane = Plane {
            width: width.div_ceil(h),
            height: height.div_ceil(v),
            ..decoder.plane
        };
        (plane, (h, v))
    });
    let (luma, _) = planes.next()?;
    Some(match (planes.next(), planes.next()) {
        (Some((blue, sampling)), Some((red, _))) => Planes {
            luma,
            chroma: Some([blue, red]),
            sampling,
        },
        _ => Planes {
            luma,
            chroma: None,
            sampling: (1, 1),
        },
    })
}

impl<'a> Decoder<'a> {
    fn new(frame: &Frame, component: &'a Component, size: u32, chroma: Chroma) -> Option<Self> {
        let (width, height) = match chroma {
            Chroma::Stored => (size, size),
            Chroma::Full => (
                size * frame.unit.0 / component.blocks.0,
                size * frame.unit.1 / component.blocks.1,
            ),
        };
        let transform = idct::transform(width, height)?;
        let needed = |place: u8| u32::from(place % 8) < width && u32::from(place / 8) < height;
        let (across, down) = frame.units();
        let plane = Plane::new(
            across * component.blocks.0 * width,
            down * component.blocks.1 * height,
        );
        let ac = component.ac.ac();
        Some(Self {
            component,
            dc: component.dc.dc(),
            runs: Runs::of(&ac),
            ac,
            width,
            height,
            last: (0..64).rev().find(|n| needed(ZIGZAG[*n]))?,
            transform,
            plane,
            before: 0,
        })
    }

    /// How many samples of luma a sample of this plane covers.
    fn covers(&self, frame: &Frame, size: u32) -> (u32, u32) {
        (
            frame.unit.0 * size / (self.component.blocks.0 * self.width),
            frame.unit.1 * size / (self.component.blocks.1 * self.height),
        )
    }

    /// This component's blocks in a coding unit.
    #[inline(always)]
    fn unit(&mut self, window: &Window, mut cursor: Cursor, coefficients: &mut [i16; 128], x: u32, y: u32) -> Option<Cursor> {
        let (across, down) = self.component.blocks;
        let stride = self.plane.stride;
        for v in 0..down {
            for h in 0..across {
                if self.height <= 2 {
                    coefficients[..16].fill(0);
                } else {
                    coefficients[..64].fill(0);
                }
                cursor = self.block(window, cursor, coefficients)?;
                let left = (x * across + h) * self.width;
                let top = (y * down + v) * self.height;
                let at = top as usize * stride + left as usize;
                (self.transform)(coefficients, &mut self.plane.values, at, stride);
            }
        }
        Some(cursor)
    }

    /// The coefficients of a block that are needed, each in its place.
    #[inline(always)]
    fn block(&mut self, window: &Window, mut cursor: Cursor, to: &mut [i16; 128]) -> Option<Cursor> {
        let steps = &self.component.steps;
        cursor.refill(window);
        let symbol = self.dc.look_up(cursor.buffer);
        if symbol.is_none() {
            return None;
        }
        self.before = self.before.wrapping_add(symbol.value(cursor.buffer));
        cursor.consume(symbol.bits());
        to[0] = self.before.wrapping_mul(i32::from(steps[0])) as i16;

        let mut n = 1;
        while n <= self.last {
            cursor.refill(window);
            let symbol = self.ac.look_up(cursor.buffer);
            if symbol.is_none() {
                return None;
            }
            let value = symbol.value(cursor.buffer);
            cursor.consume(symbol.bits());
            let advance = symbol.advance();
            // At the end of the block this is a zero, somewhere behind what was set.
            let place = n + (advance - 1) % 16;
            to[usize::from(ZIGZAG[place & 127] & 127)] = value.wrapping_mul(i32::from(steps[place & 127])) as i16;
            n += advance;
        }
        while n < 64 {
            cursor.refill(window);
            // Bits for two look-ups of at most 27.
            for _ in 0..2 {
                let (bits, advance) = self.runs.look_up(cursor.buffer);
                let reached = n + advance;
                if reached < 64 {
                    n = reached;
                    cursor.consume(bits);
                } else if reached == 64 || reached.wrapping_sub(END) < 64 {
                    n = reached;
                    cursor.consume(bits);
                    break;
                } else {
                    // A long code, or symbols that belong to the next block already.
                    cursor.refill(window);
                    let symbol = self.ac.look_up(cursor.buffer);
                    if symbol.is_none() {
                        return None;
                    }
                    cursor.consume(symbol.bits());
                    n += symbol.advance();
                    break;
                }
            }
        }
        Some(cursor)
    }
}
