use fast_image_resize::images::{CroppedImage, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use transform::{Rect, Size};

use super::crop::cropped;
use super::light::{self, WHITE, encode_fourteen};
use super::resample::{Axis, Resampler};
use crate::RenderError;
use crate::budget::Light;
use crate::picture::Picture;

/// A part of a picture whose edges need not fall on pixels: a crop of stored pixels, seen in a picture that a decoder
/// has shrunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Region {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Region {
    /// The rectangle, in a picture that is this many times smaller, each way.
    pub fn shrunk(rect: Rect, shrink: u32) -> Self {
        let scale = |length: u32| f64::from(length) / f64::from(shrink);
        Self {
            x: scale(rect.x),
            y: scale(rect.y),
            width: scale(rect.width),
            height: scale(rect.height),
        }
    }

    /// The smallest rectangle of whole pixels around it.
    pub fn cover(self, width: u32, height: u32) -> Rect {
        let (x, y) = (self.x.floor() as u32, self.y.floor() as u32);
        let right = ((self.x + self.width).ceil() as u32).min(width);
        let bottom = ((self.y + self.height).ceil() as u32).min(height);
        Rect {
            x,
            y,
            width: right.saturating_sub(x).max(1),
            height: bottom.saturating_sub(y).max(1),
        }
    }
}

/// Scales a part of a picture to exactly this size, each axis on its own: Lanczos3, with colours weighted by alpha.
/// Nothing outside the part bleeds in.
pub(crate) fn resize(picture: &Picture, region: Region, size: Size, light: Light) -> Result<Picture, RenderError> {
    let cover = region.cover(picture.width, picture.height);
    if f64::from(size.width) == region.width && f64::from(size.height) == region.height {
        return Ok(cropped(picture, cover));
    }
    let inner = Region {
        x: region.x - f64::from(cover.x),
        y: region.y - f64::from(cover.y),
        ..region
    };
    match light {
        Light::Gamma => {
            let mut result = Picture::new(size.width, size.height, picture.has_alpha);
            let kind = if picture.has_alpha {
                PixelType::U8x4
            } else {
                PixelType::U8x3
            };
            let from = (picture.width, picture.height, picture.pixels.as_slice());
            scale(from, cover, inner, size, &mut result.pixels, kind)?;
            Ok(result)
        }
        Light::Linear => Ok(in_linear_light(picture, cover, inner, size)),
    }
}

/// The same in linear light. Rows stream: all that there is beside the two pictures are the rows that a filter reaches.
fn in_linear_light(picture: &Picture, cover: Rect, inner: Region, size: Size) -> Picture {
    let mut result = Picture::new(size.width, size.height, picture.has_alpha);
    let channels = picture.channels();
    let (width, height) = within(inner, cover);
    let columns = Axis::new(cover.width, inner.x, width, size.width);
    let rows = Axis::new(cover.height, inner.y, height, size.height);
    let mut resampler = Resampler::new(channels, cover.width, columns, rows);
    let mut results = result.pixels.chunks_exact_mut(size.width as usize * channels);
    let (start, end) = (cover.x as usize * channels, (cover.x + cover.width) as usize * channels);
    for row in picture.rows().skip(cover.y as usize).take(cover.height as usize) {
        let fill = |to: &mut [i16]| {
            light::linear(&row[start..end], to);
            if picture.has_alpha {
                weigh(&row[start..end], to);
            }
        };
        resampler.push(fill, |from| {
            let Some(to) = results.next() else { return };
            if picture.has_alpha {
                encode_weighed(from, to);
            } else {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = encode_fourteen(*from);
                }
            }
        });
    }
    result
}

/// Multiplies a row's colours in linear light by its alpha, so that what is transparent has no colour.
fn weigh(row: &[u8], light: &mut [i16]) {
    for (light, pixel) in light.as_chunks_mut::<4>().0.iter_mut().zip(row.as_chunks::<4>().0) {
        let alpha = u32::from(pixel[3]);
        light[3] = ((alpha * u32::from(WHITE) + 127) / 255) as i16;
        if alpha < 255 {
            for color in &mut light[..3] {
                *color = ((*color as u32 * alpha + 127) / 255) as i16;
            }
        }
    }
}

/// And back to eight bits.
fn encode_weighed(light: &[i16], row: &mut [u8]) {
    let white = i32::from(WHITE);
    for (light, pixel) in light.as_chunks::<4>().0.iter().zip(row.as_chunks_mut::<4>().0) {
        let alpha = i32::from(light[3]).clamp(0, white);
        pixel[3] = ((alpha * 255 + white / 2) / white) as u8;
        for (color, to) in light[..3].iter().zip(pixel) {
            let color = i32::from(*color).clamp(0, alpha);
            *to = match alpha {
                0 => 0,
                alpha if alpha == white => encode_fourteen(color as i16),
                alpha => encode_fourteen(((color * white + alpha / 2) / alpha) as i16),
            };
        }
    }
}

/// Columns and rows of a region in its cover. Decoders round the shrunk size up, so the last pixel may reach beyond the true
/// edge, never fall short of it.
fn within(inner: Region, cover: Rect) -> (f64, f64) {
    (
        inner.width.min(f64::from(cover.width) - inner.x),
        inner.height.min(f64::from(cover.height) - inner.y),
    )
}

/// Scales a part of a cover, which is a rectangle of whole pixels, by Lanczos3.
pub(crate) fn scale(
    (width, height, pixels): (u32, u32, &[u8]),
    cover: Rect,
    inner: Region,
    size: Size,
    to: &mut [u8],
    kind: PixelType,
) -> Result<(), RenderError> {
    let internal = |error: &dyn std::fmt::Display| RenderError::Internal(format!("resize: {error}"));
    let whole = ImageRef::new(width, height, pixels, kind).map_err(|error| internal(&error))?;
    let part =
        CroppedImage::new(&whole, cover.x, cover.y, cover.width, cover.height).map_err(|error| internal(&error))?;
    let mut to = Image::from_slice_u8(size.width, size.height, to, kind).map_err(|error| internal(&error))?;
    let (width, height) = within(inner, cover);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(inner.x, inner.y, width, height);
    Resizer::new()
        .resize(&part, &mut to, &options)
        .map_err(|error| internal(&error))
}
