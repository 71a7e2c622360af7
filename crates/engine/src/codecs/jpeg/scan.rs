//! Decoding of a sequential scan to planes of a reduced size.
#![allow(unsafe_code)]

use super::bits::{Cursor, Data, Window};
use super::frame::{Component, Frame, ZIGZAG};
use super::huffman::{END, Runs, Symbols};
use super::idct;
use crate::planes::{Plane, Planes};

/// How large chroma is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As many times smaller than luma as it is stored.
    Stored,
    /// As large as luma.
    Full,
}

#[derive(Clone, Copy)]
struct Weight {
    step: i32,
    place: u32,
}

/// Everything to decode a component by.
struct Decoder<'a> {
    component: &'a Component,
    dc: Symbols,
    ac: Symbols,
    runs: Runs,
    /// Samples of a block.
    width: usize,
    height: usize,
    /// Whole blocks and coding units; cut to its size in the end.
    plane: Plane,
    /// What coefficients are multiplied by and where they go, in zigzag order.
    weights: Box<[Weight; 128]>,
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
    run(source, frame, &mut decoders)?;
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

/// Decodes all there is, by the best instructions of this machine.
fn run(source: &[u8], frame: &Frame, decoders: &mut [Decoder]) -> Option<()> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn run_avx2(source: &[u8], frame: &Frame, decoders: &mut [Decoder]) -> Option<()> {
            run_plainly(source, frame, decoders)
        }
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { run_avx2(source, frame, decoders) };
        }
    }
    run_plainly(source, frame, decoders)
}

#[inline(always)]
fn run_plainly(source: &[u8], frame: &Frame, decoders: &mut [Decoder]) -> Option<()> {
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
            for decoder in decoders.iter_mut() {
                cursor = decoder.unit(&data.window, cursor, &mut coefficients, x as usize, y as usize)?;
            }
        }
    }
    (!data.is_past_end(cursor)).then_some(())
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
        let (across, down) = frame.units();
        let plane = Plane::new(across * component.blocks.0 * width, down * component.blocks.1 * height);
        if width > 8 || height > 8 {
            return None;
        }
        let ac = component.ac.ac();
        Some(Self {
            component,
            dc: component.dc.dc(),
            runs: Runs::of(&ac),
            ac,
            width: width as usize,
            height: height as usize,
            plane,
            weights: Box::new(std::array::from_fn(|n| Weight {
                step: component.steps[n].into(),
                place: ZIGZAG[n].into(),
            })),
            before: 0,
        })
    }

    /// How many samples of luma a sample of this plane covers.
    fn covers(&self, frame: &Frame, size: u32) -> (u32, u32) {
        (
            frame.unit.0 * size / (self.component.blocks.0 * self.width as u32),
            frame.unit.1 * size / (self.component.blocks.1 * self.height as u32),
        )
    }

    /// This component's blocks in a coding unit.
    #[inline(always)]
    fn unit(
        &mut self,
        window: &Window,
        cursor: Cursor,
        coefficients: &mut [i16; 128],
        x: usize,
        y: usize,
    ) -> Option<Cursor> {
        match (self.width, self.height) {
            (1, 1) => self.blocks::<1, 1>(window, cursor, coefficients, x, y),
            (2, 1) => self.blocks::<2, 1>(window, cursor, coefficients, x, y),
            (4, 1) => self.blocks::<4, 1>(window, cursor, coefficients, x, y),
            (1, 2) => self.blocks::<1, 2>(window, cursor, coefficients, x, y),
            (2, 2) => self.blocks::<2, 2>(window, cursor, coefficients, x, y),
            (4, 2) => self.blocks::<4, 2>(window, cursor, coefficients, x, y),
            (8, 2) => self.blocks::<8, 2>(window, cursor, coefficients, x, y),
            (1, 4) => self.blocks::<1, 4>(window, cursor, coefficients, x, y),
            (2, 4) => self.blocks::<2, 4>(window, cursor, coefficients, x, y),
            (4, 4) => self.blocks::<4, 4>(window, cursor, coefficients, x, y),
            (8, 4) => self.blocks::<8, 4>(window, cursor, coefficients, x, y),
            (2, 8) => self.blocks::<2, 8>(window, cursor, coefficients, x, y),
            (4, 8) => self.blocks::<4, 8>(window, cursor, coefficients, x, y),
            (8, 8) => self.blocks::<8, 8>(window, cursor, coefficients, x, y),
            _ => None,
        }
    }

    #[inline(always)]
    fn blocks<const NX: usize, const NY: usize>(
        &mut self,
        window: &Window,
        mut cursor: Cursor,
        coefficients: &mut [i16; 128],
        x: usize,
        y: usize,
    ) -> Option<Cursor> {
        let (across, down) = self.component.blocks;
        let (across, down) = (across as usize, down as usize);
        let stride = self.plane.stride;
        for v in 0..down {
            for h in 0..across {
                // Others may hold what a block before left there, but are not looked at.
                coefficients[..8 * NY].fill(0);
                cursor = self.block::<NX, NY>(window, cursor, coefficients)?;
                let (left, top) = ((x * across + h) * NX, (y * down + v) * NY);
                let to = self.plane.values.get_mut(top * stride + left..)?;
                idct::samples::<NX, NY>(coefficients, to, stride);
            }
        }
        Some(cursor)
    }

    /// The coefficients of a block that are needed, each in its place.
    #[inline(always)]
    fn block<const NX: usize, const NY: usize>(
        &mut self,
        window: &Window,
        mut cursor: Cursor,
        to: &mut [i16; 128],
    ) -> Option<Cursor> {
        cursor.refill(window);
        let symbol = self.dc.look_up(cursor.buffer);
        if symbol.is_none() {
            return None;
        }
        self.before = self.before.wrapping_add(symbol.value(cursor.buffer));
        cursor.consume(symbol.bits());
        to[0] = self.before.wrapping_mul(self.weights[0].step) as i16;

        let ac = &self.ac;
        let weights = &self.weights;
        let last = const { last_needed(NX, NY) };
        let mut n = 1;
        while n <= last {
            cursor.refill(window);
            // Bits for two symbols of at most ten and fifteen bits; longer ones are followed by a refill.
            for _ in 0..2 {
                let symbol = ac.look_up(cursor.buffer);
                if symbol.is_none() {
                    return None;
                }
                let value = symbol.value(cursor.buffer);
                cursor.consume(symbol.bits());
                // At the end of the block this is a zero, somewhere behind what was set.
                let weight = weights[(n + symbol.run()) & 127];
                to[(weight.place & 127) as usize] = value.wrapping_mul(weight.step) as i16;
                n += symbol.advance();
                if n > last || symbol.is_long() {
                    break;
                }
            }
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

/// The last coefficient, in zigzag order, that so many samples need.
const fn last_needed(width: usize, height: usize) -> usize {
    let mut last = 63;
    while ZIGZAG[last] as usize % 8 >= width || ZIGZAG[last] as usize / 8 >= height {
        last -= 1;
    }
    last
}
