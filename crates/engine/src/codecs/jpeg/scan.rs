//! Decoding of a sequential scan to planes of a reduced size.
#![allow(unsafe_code)]

use super::bits::{Cursor, Data, Window};
use super::frame::{Component, Frame, ZIGZAG};
use super::huffman::{END, Runs, Symbols};
use super::idct;
use crate::budget::Light;
use crate::ops::light::{encode_fourteen, fourteen};
use crate::planes::{Plane, Planes, Sizes};

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
    /// How many rows of coding units the plane has room for.
    rows: u32,
    /// What coefficients are multiplied by and where they go, in zigzag order.
    weights: Box<[Weight; 128]>,
    /// DC of the block before.
    before: i32,
    /// Whether samples are means of four, in linear light.
    averages: bool,
}

/// The planes of a picture that is `shrink` (2, 4 or 8) times smaller. Nothing, when there is damage of any kind, or
/// chroma cannot be made as large as was asked for. In linear light half the size is the mean of four samples of luma.
pub(super) fn decode(source: &[u8], frame: &Frame, shrink: u32, chroma: Chroma, light: Light) -> Option<Planes> {
    let sizes = sizes(frame, shrink, chroma)?;
    let mut decoders = decoders(frame, shrink, chroma, frame.units().1)?;
    decoders[0].averages = light == Light::Linear && shrink == 2;
    run(source, frame, &mut decoders, &mut |_, _| {})?;
    let mut planes = decoders
        .into_iter()
        .zip(sizes.each())
        .map(|(decoder, (width, height))| Plane {
            width,
            height,
            ..decoder.plane
        });
    Some(Planes {
        luma: planes.next()?,
        chroma: planes.next().zip(planes.next()).map(|(blue, red)| [blue, red]),
        sampling: sizes.sampling,
    })
}

/// The same row by row: `take` gets the number of a plane and its next row.
pub(super) fn decode_rows(
    source: &[u8],
    frame: &Frame,
    shrink: u32,
    chroma: Chroma,
    take: &mut dyn FnMut(usize, &[u8]),
) -> Option<()> {
    let sizes: Vec<_> = sizes(frame, shrink, chroma)?.each().collect();
    let mut decoders = decoders(frame, shrink, chroma, 1)?;
    run(source, frame, &mut decoders, &mut |y, decoders| {
        for (number, (decoder, (width, height))) in decoders.iter().zip(&sizes).enumerate() {
            let rows = decoder.plane.values.chunks_exact(decoder.plane.stride);
            let left = (*height as usize).saturating_sub(y * rows.len());
            rows.take(left).for_each(|row| take(number, &row[..*width as usize]));
        }
    })
}

/// How large the planes will be. Nothing, when chroma cannot be made as large as was asked for.
pub(super) fn sizes(frame: &Frame, shrink: u32, chroma: Chroma) -> Option<Sizes> {
    let size = 8 / shrink;
    let (width, height) = (frame.width.div_ceil(shrink), frame.height.div_ceil(shrink));
    let sampling = match frame.components.get(1) {
        None => (1, 1),
        Some(component) => {
            let samples = component.samples(frame, size, chroma)?;
            (
                frame.unit.0 * size / (component.blocks.0 * samples.0),
                frame.unit.1 * size / (component.blocks.1 * samples.1),
            )
        }
    };
    Some(Sizes {
        luma: (width, height),
        chroma: (frame.components.len() > 1).then(|| (width.div_ceil(sampling.0), height.div_ceil(sampling.1))),
        sampling,
    })
}

/// With room for so many rows of coding units, in which later ones take the place of earlier ones.
fn decoders(frame: &Frame, shrink: u32, chroma: Chroma, rows: u32) -> Option<Vec<Decoder<'_>>> {
    let components = frame.components.iter();
    components
        .map(|component| Decoder::new(frame, component, component.samples(frame, 8 / shrink, chroma)?, rows))
        .collect()
}

/// Decodes all there is, by the best instructions of this machine.
fn run(source: &[u8], frame: &Frame, decoders: &mut [Decoder], finished: Finished) -> Option<()> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn run_avx2(source: &[u8], frame: &Frame, decoders: &mut [Decoder], finished: Finished) -> Option<()> {
            run_plainly(source, frame, decoders, finished)
        }
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { run_avx2(source, frame, decoders, finished) };
        }
    }
    run_plainly(source, frame, decoders, finished)
}

/// What is to be done when a row of coding units, of this number, is there.
type Finished<'a> = &'a mut dyn FnMut(usize, &[Decoder]);

#[inline(always)]
fn run_plainly(source: &[u8], frame: &Frame, decoders: &mut [Decoder], finished: Finished) -> Option<()> {
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
                let y = y % decoder.rows;
                cursor = decoder.unit(&data.window, cursor, &mut coefficients, x as usize, y as usize)?;
            }
        }
        finished(y as usize, decoders);
    }
    (!data.is_past_end(cursor)).then_some(())
}

impl Component {
    /// How many samples are made of a block of it, across and down, when one of luma becomes `size` each way.
    fn samples(&self, frame: &Frame, size: u32, chroma: Chroma) -> Option<(u32, u32)> {
        let (width, height) = match chroma {
            Chroma::Stored => (size, size),
            Chroma::Full => (size * frame.unit.0 / self.blocks.0, size * frame.unit.1 / self.blocks.1),
        };
        (width <= 8 && height <= 8).then_some((width, height))
    }
}

impl Sizes {
    /// Of one plane after the other.
    fn each(self) -> impl Iterator<Item = (u32, u32)> {
        let chroma = self.chroma.into_iter().flat_map(|size| [size, size]);
        std::iter::once(self.luma).chain(chroma)
    }
}

impl<'a> Decoder<'a> {
    fn new(frame: &Frame, component: &'a Component, (width, height): (u32, u32), rows: u32) -> Option<Self> {
        let plane = Plane::new(
            frame.units().0 * component.blocks.0 * width,
            rows * component.blocks.1 * height,
        );
        let ac = component.ac.ac();
        Some(Self {
            component,
            dc: component.dc.dc(),
            runs: Runs::of(&ac),
            ac,
            width: width as usize,
            height: height as usize,
            plane,
            rows,
            weights: Box::new(std::array::from_fn(|n| Weight {
                step: component.steps[n].into(),
                place: ZIGZAG[n].into(),
            })),
            before: 0,
            averages: false,
        })
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
            (4, 4) if self.averages => self.averaged_blocks(window, cursor, coefficients, x, y),
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

    /// The same at half the size, by means in linear light of what there is at full size.
    #[inline(always)]
    fn averaged_blocks(
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
                coefficients[..64].fill(0);
                cursor = self.block::<8, 8>(window, cursor, coefficients)?;
                let (left, top) = ((x * across + h) * 4, (y * down + v) * 4);
                let to = self.plane.values.get_mut(top * stride + left..)?;
                let mut samples = [0; 64];
                idct::samples::<8, 8>(coefficients, &mut samples, 8);
                average(&samples, to, stride);
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

/// Means in linear light of two by two samples of a block.
#[inline(always)]
fn average(block: &[u8; 64], to: &mut [u8], stride: usize) {
    let table = fourteen();
    let light = |at: usize| table[usize::from(block[at])];
    for (y, row) in to.chunks_mut(stride).take(4).enumerate() {
        for (x, to) in row[..4].iter_mut().enumerate() {
            let at = y * 16 + x * 2;
            let sum = light(at) + light(at + 1) + light(at + 8) + light(at + 9);
            *to = encode_fourteen(((sum + 2) / 4) as i16);
        }
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
