//! Photoshop documents: the merged picture as it is stored, or layers laid on each other.

use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use transform::{Format, Part};

use super::{Decoded, malformed, space};
use crate::RenderError;
use crate::color::{Channels, Samples, Values};
use crate::probe::psd::{Document, Layer, Mode};
use crate::probe::{Header, Reader};

pub(super) fn decode(source: &[u8], header: &Header, part: &Part) -> Result<Decoded, RenderError> {
    let mut cursor = Cursor::new(source);
    let document = Document::read(&mut Reader::new(&mut cursor)?).map_err(|stop| stop.of(Format::Psd))?;
    let samples = match document.chosen(part)? {
        None => merged(source, &document)?,
        Some(indices) => {
            let mut canvas = Canvas::new(&document);
            for index in indices {
                canvas.lay(source, &document, &document.layers[index])?;
            }
            canvas.finish(&document)
        }
    };
    Ok(Decoded {
        samples,
        space: space(&header.metadata),
        shrink: 1,
    })
}

fn merged(source: &[u8], document: &Document) -> Result<Samples, RenderError> {
    let (width, height) = (document.width as usize, document.height as usize);
    let data = source.get(document.merged_at as usize..).ok_or_else(missing)?;
    let row_bytes = (width * usize::from(document.depth)).div_ceil(8);
    let rows = height * usize::from(document.channels);
    let mut plane = Plane::new(data, row_bytes, rows, document.depth)?;
    let colors = usize::from(document.mode.colors());
    let has_alpha = document.merged_alpha && document.mode != Mode::Cmyk;
    let kept = colors + usize::from(has_alpha);
    let mut row = vec![0; row_bytes];
    if document.depth == 16 {
        let mut values = vec![0u16; width * height * kept];
        for channel in 0..kept {
            for y in 0..height {
                plane.row(&mut row)?;
                let to = values[y * width * kept..][..width * kept].iter_mut();
                for (to, pair) in to.skip(channel).step_by(kept).zip(row.chunks_exact(2)) {
                    *to = u16::from_be_bytes([pair[0], pair[1]]);
                }
            }
        }
        match document.mode {
            Mode::Cmyk => values.iter_mut().for_each(|value| *value = 65_535 - *value),
            _ if has_alpha => values.chunks_exact_mut(kept).for_each(|pixel| {
                let alpha = i64::from(pixel[colors]);
                for value in &mut pixel[..colors] {
                    *value = off_white(i64::from(*value), alpha, 65_535) as u16;
                }
            }),
            _ => {}
        }
        return Ok(samples(document, has_alpha, Values::Sixteen(values)));
    }
    let mut values = vec![0u8; width * height * kept];
    for channel in 0..kept {
        for y in 0..height {
            plane.row(&mut row)?;
            let to = values[y * width * kept..][..width * kept].iter_mut().skip(channel);
            if document.depth == 1 {
                for (x, to) in to.step_by(kept).enumerate() {
                    // 1 is black.
                    *to = if row[x / 8] >> (7 - x % 8) & 1 == 1 { 0 } else { 255 };
                }
            } else {
                to.step_by(kept).zip(&row).for_each(|(to, value)| *to = *value);
            }
        }
    }
    match document.mode {
        Mode::Cmyk => values.iter_mut().for_each(|value| *value = 255 - *value),
        Mode::Indexed => {
            let (palette, step) = (&document.palette, kept);
            values = values
                .chunks_exact(step)
                .flat_map(|pixel| {
                    let index = usize::from(pixel[0]);
                    [palette[index], palette[256 + index], palette[512 + index], 255]
                        .into_iter()
                        .zip([true, true, true, has_alpha])
                        .filter_map(|(value, wanted)| wanted.then_some(value))
                })
                .collect();
        }
        _ if has_alpha => values.chunks_exact_mut(kept).for_each(|pixel| {
            let alpha = i64::from(pixel[colors]);
            for value in &mut pixel[..colors] {
                *value = off_white(i64::from(*value), alpha, 255) as u8;
            }
        }),
        _ => {}
    }
    Ok(samples(document, has_alpha, Values::Eight(values)))
}

/// The merged picture is stored as it looks on white; this is the colour that makes it look so.
fn off_white(value: i64, alpha: i64, most: i64) -> i64 {
    if alpha == 0 {
        return value;
    }
    ((value - (most - alpha)) * most / alpha).clamp(0, most)
}

fn samples(document: &Document, has_alpha: bool, values: Values) -> Samples {
    let channels = match (document.mode, has_alpha) {
        (Mode::Bitmap | Mode::Gray, false) => Channels::Gray,
        (Mode::Bitmap | Mode::Gray, true) => Channels::GrayAlpha,
        (Mode::Indexed | Mode::Rgb, false) => Channels::Rgb,
        (Mode::Indexed | Mode::Rgb, true) => Channels::Rgba,
        (Mode::Cmyk, _) => Channels::Cmyk,
    };
    Samples {
        width: document.width,
        height: document.height,
        channels,
        values,
    }
}

/// Where layers are laid on each other: eight bits, straight alpha, light (not ink) in all channels.
struct Canvas {
    width: usize,
    height: usize,
    colors: usize,
    /// Colours and alpha of each pixel.
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(document: &Document) -> Self {
        let colors = usize::from(document.mode.colors());
        let (width, height) = (document.width as usize, document.height as usize);
        Self {
            width,
            height,
            colors,
            pixels: vec![0; width * height * (colors + 1)],
        }
    }

    /// The layer at its place; what leaves the canvas is cut.
    fn lay(&mut self, source: &[u8], document: &Document, layer: &Layer) -> Result<(), RenderError> {
        let stride = self.colors + 1;
        let Some(window) = Window::of((layer.left, layer.top, layer.right, layer.bottom), self) else {
            return Ok(());
        };
        // The layer in its window alone, opaque until its transparency says otherwise.
        let mut own = vec![255; window.width * window.height * stride];
        for channel in &layer.channels {
            let to = match channel.id {
                -1 => self.colors,
                id if (0..self.colors as i16).contains(&id) => id as usize,
                _ => continue,
            };
            unpack(source, document, channel.at, channel.length, &window, |index, value| {
                own[index * stride + to] = value;
            })?;
        }
        if let Some(mask) = &layer.mask
            && let Some(channel) = layer.channels.iter().find(|channel| channel.id == -2)
        {
            self.mask(source, document, &window, mask, channel, &mut own)?;
        }
        for y in 0..window.height {
            let at = ((window.y + y) * self.width + window.x) * stride;
            let below = self.pixels[at..][..window.width * stride].chunks_exact_mut(stride);
            let above = own[y * window.width * stride..][..window.width * stride].chunks_exact(stride);
            for (below, above) in below.zip(above) {
                compose(below, above, layer.opacity, layer.blend);
            }
        }
        Ok(())
    }

    /// Multiplies a layer's alpha by its mask.
    fn mask(
        &self,
        source: &[u8],
        document: &Document,
        window: &Window,
        mask: &crate::probe::psd::Mask,
        channel: &crate::probe::psd::Channel,
        own: &mut [u8],
    ) -> Result<(), RenderError> {
        let stride = self.colors + 1;
        let mut alpha = vec![mask.outside; window.width * window.height];
        if let Some(part) = Window::of((mask.left, mask.top, mask.right, mask.bottom), self) {
            unpack(source, document, channel.at, channel.length, &part, |index, value| {
                let (x, y) = (part.x + index % part.width, part.y + index / part.width);
                if let (Some(x), Some(y)) = (x.checked_sub(window.x), y.checked_sub(window.y))
                    && x < window.width
                    && y < window.height
                {
                    alpha[y * window.width + x] = value;
                }
            })?;
        }
        for (pixel, mask) in own.chunks_exact_mut(stride).zip(alpha) {
            pixel[self.colors] = ((u32::from(pixel[self.colors]) * u32::from(mask) + 127) / 255) as u8;
        }
        Ok(())
    }

    fn finish(self, document: &Document) -> Samples {
        let mut values = self.pixels;
        if document.mode == Mode::Cmyk {
            // On paper: white where no layer is.
            let pixels = values.chunks_exact(5).flat_map(|pixel| {
                let alpha = u32::from(pixel[4]);
                [0, 1, 2, 3].map(|index| (((255 - u32::from(pixel[index])) * alpha + 127) / 255) as u8)
            });
            values = pixels.collect();
        }
        samples(document, document.mode != Mode::Cmyk, Values::Eight(values))
    }
}

/// The part of a rectangle that is on the canvas.
struct Window {
    /// On the canvas.
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    /// Columns and rows of the rectangle that are left out before.
    skip: (usize, usize),
    /// Columns and rows of the rectangle.
    whole: (usize, usize),
}

impl Window {
    fn of((left, top, right, bottom): (i32, i32, i32, i32), canvas: &Canvas) -> Option<Self> {
        let [left, top, right, bottom] = [left, top, right, bottom].map(i64::from);
        let (x, y) = (left.max(0), top.max(0));
        let (end_x, end_y) = (right.min(canvas.width as i64), bottom.min(canvas.height as i64));
        let size = |length: i64| usize::try_from(length).ok();
        let inside = end_x > x && end_y > y;
        inside.then_some(Self {
            x: size(x)?,
            y: size(y)?,
            width: size(end_x - x)?,
            height: size(end_y - y)?,
            skip: (size(x - left)?, size(y - top)?),
            whole: (size(right - left)?, size(bottom - top)?),
        })
    }
}

/// A channel's samples within a window, as eight bits, by their index in it.
fn unpack(
    source: &[u8],
    document: &Document,
    at: u64,
    length: u64,
    window: &Window,
    mut put: impl FnMut(usize, u8),
) -> Result<(), RenderError> {
    let range = at as usize..at.saturating_add(length) as usize;
    let data = source.get(range).ok_or_else(missing)?;
    let bytes = usize::from(document.depth.max(8)) / 8;
    let row_bytes = window.whole.0 * bytes;
    // Wider than any document may be.
    if window.whole.0 > 300_000 {
        return Err(malformed(Format::Psd, "a layer that is too wide"));
    }
    let mut plane = Plane::new(data, row_bytes, window.whole.1, document.depth)?;
    let mut row = vec![0; row_bytes];
    for y in 0..window.skip.1 + window.height {
        plane.row(&mut row)?;
        if let Some(y) = y.checked_sub(window.skip.1) {
            // The high byte of sixteen bits comes first.
            let values = row.iter().step_by(bytes).skip(window.skip.0);
            for (x, value) in values.take(window.width).enumerate() {
                put(y * window.width + x, *value);
            }
        }
    }
    Ok(())
}

/// Rows of samples, one after the other.
enum Plane<'a> {
    Raw(&'a [u8]),
    /// PackBits, and how many bytes each row takes.
    Runs {
        counts: &'a [u8],
        data: &'a [u8],
    },
    /// Deflate; with each sample stored as its difference from the one before.
    Deflate {
        data: Box<ZlibDecoder<&'a [u8]>>,
        differences: Option<u16>,
    },
}

impl<'a> Plane<'a> {
    fn new(data: &'a [u8], row_bytes: usize, rows: usize, depth: u16) -> Result<Self, RenderError> {
        let (kind, data) = data.split_at_checked(2).ok_or_else(missing)?;
        Ok(match u16::from_be_bytes([kind[0], kind[1]]) {
            0 => {
                let enough = row_bytes.checked_mul(rows).is_some_and(|bytes| bytes <= data.len());
                enough.then_some(Self::Raw(data)).ok_or_else(missing)?
            }
            1 => {
                let (counts, data) = data.split_at_checked(rows.saturating_mul(2)).ok_or_else(missing)?;
                Self::Runs { counts, data }
            }
            kind @ (2 | 3) => Self::Deflate {
                data: Box::new(ZlibDecoder::new(data)),
                differences: (kind == 3).then_some(depth),
            },
            _ => return Err(malformed(Format::Psd, "an unknown compression")),
        })
    }

    fn row(&mut self, row: &mut [u8]) -> Result<(), RenderError> {
        match self {
            Self::Raw(data) => {
                let (own, rest) = data.split_at_checked(row.len()).ok_or_else(missing)?;
                row.copy_from_slice(own);
                *data = rest;
            }
            Self::Runs { counts, data } => {
                let (count, counts_left) = counts.split_at_checked(2).ok_or_else(missing)?;
                let count = usize::from(u16::from_be_bytes([count[0], count[1]]));
                let (own, rest) = data.split_at_checked(count).ok_or_else(missing)?;
                unpack_bits(own, row);
                (*counts, *data) = (counts_left, rest);
            }
            Self::Deflate { data, differences } => {
                data.read_exact(row).map_err(|_| missing())?;
                match differences {
                    Some(16) => {
                        let mut sum = 0u16;
                        for pair in row.chunks_exact_mut(2) {
                            sum = sum.wrapping_add(u16::from_be_bytes([pair[0], pair[1]]));
                            pair.copy_from_slice(&sum.to_be_bytes());
                        }
                    }
                    Some(_) => {
                        let mut sum = 0u8;
                        for byte in row {
                            sum = sum.wrapping_add(*byte);
                            *byte = sum;
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// PackBits. What is missing stays as it was, what is too much is left out: the next row has a place of its own.
fn unpack_bits(mut packed: &[u8], row: &mut [u8]) {
    let mut filled = 0;
    while let [head, rest @ ..] = packed {
        let head = *head as i8;
        if head >= 0 {
            let count = (head as usize + 1).min(rest.len());
            let take = count.min(row.len() - filled);
            row[filled..filled + take].copy_from_slice(&rest[..take]);
            filled += take;
            packed = &rest[count..];
        } else if head == -128 {
            packed = rest;
        } else {
            let [value, rest @ ..] = rest else { return };
            let take = (1 - i32::from(head)) as usize;
            let take = take.min(row.len() - filled);
            row[filled..filled + take].fill(*value);
            filled += take;
            packed = rest;
        }
    }
}

/// One pixel over another, both with straight alpha at their end (W3C Compositing and Blending Level 1, 2015).
fn compose(below: &mut [u8], above: &[u8], opacity: u8, blend: [u8; 4]) {
    let last = below.len() - 1;
    let alpha = f32::from(above[last]) * f32::from(opacity) / (255.0 * 255.0);
    let backdrop = f32::from(below[last]) / 255.0;
    let result = alpha + backdrop * (1.0 - alpha);
    if result <= 0.0 {
        return;
    }
    for (to, from) in below[..last].iter_mut().zip(above) {
        let (under, over) = (f32::from(*to) / 255.0, f32::from(*from) / 255.0);
        let mixed = (1.0 - backdrop) * over + backdrop * mix(under, over, blend);
        let value = (alpha * mixed + (1.0 - alpha) * backdrop * under) / result;
        *to = (value * 255.0 + 0.5) as u8;
    }
    below[last] = (result * 255.0 + 0.5) as u8;
}

/// The modes that each channel has for itself; all others are laid on as they are.
fn mix(under: f32, over: f32, blend: [u8; 4]) -> f32 {
    match &blend {
        b"mul " => under * over,
        b"scrn" => under + over - under * over,
        b"over" => mix(over, under, *b"hLit"),
        b"hLit" if over <= 0.5 => under * 2.0 * over,
        b"hLit" => mix(under, 2.0 * over - 1.0, *b"scrn"),
        b"dark" => under.min(over),
        b"lite" => under.max(over),
        b"diff" => (under - over).abs(),
        b"smud" => under + over - 2.0 * under * over,
        b"lddg" => (under + over).min(1.0),
        b"lbrn" => (under + over - 1.0).max(0.0),
        b"div " if under <= 0.0 => 0.0,
        b"div " if over >= 1.0 => 1.0,
        b"div " => (under / (1.0 - over)).min(1.0),
        b"idiv" if under >= 1.0 => 1.0,
        b"idiv" if over <= 0.0 => 0.0,
        b"idiv" => 1.0 - ((1.0 - under) / over).min(1.0),
        _ => over,
    }
}

fn missing() -> RenderError {
    malformed(Format::Psd, "picture data is missing")
}
