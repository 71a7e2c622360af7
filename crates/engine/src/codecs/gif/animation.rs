use std::borrow::Cow;
use std::time::Duration;

use gif::{DisposalMethod, Encoder, Repeat};
use transform::{Format, Rect, Size};

use super::{MAX_SIDE, failed};
use crate::RenderError;
use crate::animation::Plays;
use crate::codecs::{cannot_encode, check_size};
use crate::palette::{Histogram, Palette, Rgb};
use crate::picture::Picture;

/// From this alpha on a pixel is opaque.
const OPAQUE_FROM: u8 = 128;
/// The largest difference of a channel that is not worth writing again.
const TOLERANCE: u8 = 2;
/// How much worse than for the frame that it was made of a palette may be for another, in squared steps of a channel.
const PALETTE_SLACK: f32 = 1.0;
/// How much of the difference to a palette's colour is passed on to the neighbours, in 256ths: all of it makes noise in
/// flat areas, which costs bytes and is seen.
const DITHER: i32 = 208;

/// Writes a GIF. A frame holds what is new in it; the rest is transparent. One frame is kept back, until it is known how
/// long it is shown and whether it has to be cleared away.
pub(crate) struct Animation {
    width: u32,
    height: u32,
    has_alpha: bool,
    plays: Plays,
    encoder: Option<Encoder<Vec<u8>>>,
    /// What the first frame's palette was worth there.
    global: Option<(Palette, f32)>,
    /// What viewers show, in the source's colours; only opaque pixels have any.
    shown: Vec<Option<Rgb>>,
    pending: Option<Pending>,
}

/// A frame that is not written yet, in indices for the whole screen.
struct Pending {
    indices: Vec<u8>,
    place: Rect,
    /// None for the global one.
    palette: Option<Vec<Rgb>>,
    transparent: u8,
    clear: bool,
    start: u64,
}

impl Animation {
    /// For frames of this size, which may have alpha or not.
    pub fn new(size: Size, has_alpha: bool, plays: Plays) -> Result<Self, RenderError> {
        check_size(size, Format::Gif, MAX_SIDE)?;
        let Size { width, height } = size;
        Ok(Self {
            width,
            height,
            has_alpha,
            plays,
            encoder: None,
            global: None,
            shown: vec![None; width as usize * height as usize],
            pending: None,
        })
    }

    /// The next frame, and when it begins.
    pub fn add(&mut self, picture: Picture, start: Duration) -> Result<(), RenderError> {
        let start = hundredths(start);
        let mut bounds = Bounds::default();
        if let Some(pending) = &mut self.pending {
            // What disappears can only be cleared away with the frame before, in a rectangle.
            let mut vanishing = Bounds::default();
            for (index, (shown, next)) in self.shown.iter().zip(colors(&picture)).enumerate() {
                if shown.is_some() && next.is_none() {
                    vanishing.take(index, self.width);
                }
            }
            if let Some(place) = vanishing.place() {
                pending.clear = true;
                pending.place = around(pending.place, place);
                let place = pending.place;
                for row in place.y..place.y + place.height {
                    let start = row as usize * self.width as usize + place.x as usize;
                    self.shown[start..start + place.width as usize].fill(None);
                }
            }
        }
        let mut histogram = Histogram::new();
        let mut changed = vec![false; self.shown.len()];
        for (index, (shown, next)) in self.shown.iter_mut().zip(colors(&picture)).enumerate() {
            if let Some(next) = next
                && !shown.is_some_and(|shown| alike(shown, next))
            {
                *shown = Some(next);
                changed[index] = true;
                bounds.take(index, self.width);
                histogram.count(next);
            }
        }
        let place = match bounds.place() {
            Some(place) => place,
            None if self.pending.as_ref().is_some_and(|pending| !pending.clear) => return Ok(()),
            // Nothing to be seen is one pixel of nothing.
            None => Rect {
                x: 0,
                y: 0,
                width: 1,
                height: 1,
            },
        };
        self.write_pending(start)?;

        let most = if self.has_alpha || self.encoder.is_some() {
            255
        } else {
            256
        };
        // One palette serves as many frames as it can: each of its own costs bytes, and changes colours in flat areas.
        let serves = match &mut self.global {
            None => {
                let mut palette = Palette::of(&histogram, most);
                let error = palette.error(&histogram);
                self.global = Some((palette, error));
                true
            }
            // Without a place for a transparent colour it serves the first frame only.
            Some((palette, error)) => {
                // Few colours are better kept exactly than dithered.
                let exact = histogram.is_few(most) && !palette.holds_all(&histogram);
                palette.colors().len() < 256 && !exact && palette.error(&histogram) <= *error + PALETTE_SLACK
            }
        };
        let mut own = (!serves).then(|| Palette::of(&histogram, most));
        let global = self.global.as_mut().map(|(palette, _)| palette);
        let Some(palette) = own.as_mut().or(global) else {
            return Err(RenderError::Internal(String::from("a frame without a palette")));
        };
        let count = palette.colors().len();
        let transparent = count.min(255) as u8;
        let indices = indices(
            &picture,
            &changed,
            place,
            palette,
            !palette.holds_all(&histogram),
            transparent,
        );
        self.pending = Some(Pending {
            indices,
            place,
            palette: own.map(|palette| palette.colors().to_vec()),
            transparent,
            clear: false,
            start,
        });
        Ok(())
    }

    /// Bytes so far.
    pub fn length(&self) -> usize {
        self.encoder.as_ref().map_or(0, |encoder| encoder.get_ref().len())
    }

    /// The whole file; its last frame is shown until `end`.
    pub fn finish(mut self, end: Duration) -> Result<Vec<u8>, RenderError> {
        self.write_pending(hundredths(end))?;
        let encoder = self.encoder.ok_or_else(|| cannot_encode(Format::Gif, "no frame"))?;
        encoder.into_inner().map_err(failed)
    }

    fn write_pending(&mut self, end: u64) -> Result<(), RenderError> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        // The entry of a transparent colour is part of the palette.
        let table = |colors: &[Rgb]| {
            let mut table = colors.concat();
            if colors.len() < 256 {
                table.extend([0; 3]);
            }
            table
        };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let colors = self.global.as_ref().map_or(&[][..], |(palette, _)| palette.colors());
                // Both are at most MAX_SIDE.
                let (width, height) = (self.width as u16, self.height as u16);
                let mut encoder = Encoder::new(Vec::new(), width, height, &table(colors)).map_err(failed)?;
                match self.plays {
                    Plays::Forever => encoder.set_repeat(Repeat::Infinite).map_err(failed)?,
                    Plays::Times(times @ 2..) => {
                        let again = u16::try_from(times - 1).unwrap_or(u16::MAX);
                        encoder.set_repeat(Repeat::Finite(again)).map_err(failed)?;
                    }
                    Plays::Times(_) => {}
                }
                none.insert(encoder)
            }
        };
        let Rect { x, y, width, height } = pending.place;
        let rows = pending.indices.chunks_exact(self.width as usize);
        let rows = rows.skip(y as usize).take(height as usize);
        let buffer: Vec<u8> = rows
            .flat_map(|row| &row[x as usize..(x + width) as usize])
            .copied()
            .collect();
        let colors = pending.palette.as_deref();
        let full = colors.map_or_else(
            || {
                self.global
                    .as_ref()
                    .is_some_and(|(palette, _)| palette.colors().len() == 256)
            },
            |colors| colors.len() == 256,
        );
        let frame = gif::Frame {
            delay: u16::try_from(end.saturating_sub(pending.start)).unwrap_or(u16::MAX),
            dispose: if pending.clear {
                DisposalMethod::Background
            } else {
                DisposalMethod::Keep
            },
            transparent: (!full && buffer.contains(&pending.transparent)).then_some(pending.transparent),
            // All within MAX_SIDE.
            left: x as u16,
            top: y as u16,
            width: width as u16,
            height: height as u16,
            palette: colors.map(table),
            buffer: Cow::Owned(buffer),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).map_err(failed)
    }
}

/// The colours of all pixels; transparent ones have none.
fn colors(picture: &Picture) -> impl Iterator<Item = Option<Rgb>> {
    picture
        .pixels
        .chunks_exact(picture.channels())
        .map(|pixel| match *pixel {
            [red, green, blue] => Some([red, green, blue]),
            [red, green, blue, alpha] if alpha >= OPAQUE_FROM => Some([red, green, blue]),
            _ => None,
        })
}

fn alike(a: Rgb, b: Rgb) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= TOLERANCE)
}

/// Floyd and Steinberg's error diffusion (1976), every other row from the right, over the pixels that changed.
fn indices(
    picture: &Picture,
    changed: &[bool],
    place: Rect,
    palette: &mut Palette,
    dither: bool,
    transparent: u8,
) -> Vec<u8> {
    let (width, channels) = (picture.width as usize, picture.channels());
    let mut indices = vec![transparent; changed.len()];
    // A column more at each side, in sixteenths of a step.
    let mut errors = [vec![[0i32; 3]; width + 2], vec![[0i32; 3]; width + 2]];
    for y in place.y..place.y + place.height {
        let [here, below] = &mut errors;
        let from_left = y % 2 == 0;
        for step in 0..place.width {
            let column = if from_left {
                place.x + step
            } else {
                place.x + place.width - 1 - step
            } as usize;
            let index = y as usize * width + column;
            if !changed[index] {
                continue;
            }
            let pixel = &picture.pixels[index * channels..];
            let exact = [pixel[0], pixel[1], pixel[2]];
            if !dither {
                indices[index] = palette.nearest(exact);
                continue;
            }
            let wanted: [i32; 3] = std::array::from_fn(|channel| {
                (i32::from(exact[channel]) + here[column + 1][channel] / 16).clamp(0, 255)
            });
            let chosen = palette.nearest(wanted.map(|value| value as u8));
            indices[index] = chosen;
            let color = palette.colors()[usize::from(chosen)];
            for channel in 0..3 {
                let error = (wanted[channel] - i32::from(color[channel])) * DITHER / 256;
                let (ahead, behind) = if from_left {
                    (column + 2, column)
                } else {
                    (column, column + 2)
                };
                here[ahead][channel] += error * 7;
                below[behind][channel] += error * 3;
                below[column + 1][channel] += error * 5;
                below[ahead][channel] += error;
            }
        }
        here.fill([0; 3]);
        errors.swap(0, 1);
    }
    indices
}

/// Rounds times, not durations, so that errors do not add up.
fn hundredths(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 5_000_000) / 10_000_000).unwrap_or(u64::MAX)
}

/// The rectangle around some pixels.
#[derive(Default)]
struct Bounds(Option<(u32, u32, u32, u32)>);

impl Bounds {
    fn take(&mut self, index: usize, width: u32) {
        let (x, y) = ((index % width as usize) as u32, (index / width as usize) as u32);
        let (left, top, right, bottom) = self.0.unwrap_or((x, y, x, y));
        self.0 = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
    }

    fn place(&self) -> Option<Rect> {
        self.0.map(|(left, top, right, bottom)| Rect {
            x: left,
            y: top,
            width: right - left + 1,
            height: bottom - top + 1,
        })
    }
}

fn around(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect {
        x,
        y,
        width: (a.x + a.width).max(b.x + b.width) - x,
        height: (a.y + a.height).max(b.y + b.height) - y,
    }
}
