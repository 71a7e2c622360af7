use std::sync::LazyLock;

use fast_image_resize::images::{CroppedImage, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use transform::{Rect, Size};

use super::crop::cropped;
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
        Light::Linear => {
            let kind = if picture.has_alpha {
                PixelType::U16x4
            } else {
                PixelType::U16x3
            };
            let picture = cropped(picture, cover);
            let linear = to_linear(&picture);
            let whole = Rect { x: 0, y: 0, ..cover };
            let mut scaled = vec![0; size.width as usize * size.height as usize * picture.channels() * 2];
            scale(
                (picture.width, picture.height, &linear),
                whole,
                inner,
                size,
                &mut scaled,
                kind,
            )?;
            Ok(from_linear(&scaled, size, picture.has_alpha))
        }
    }
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
    // Decoders round the shrunk size up, so the last pixel may reach beyond the true edge, never fall short of it.
    let width = inner.width.min(f64::from(cover.width) - inner.x);
    let height = inner.height.min(f64::from(cover.height) - inner.y);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(inner.x, inner.y, width, height);
    Resizer::new()
        .resize(&part, &mut to, &options)
        .map_err(|error| internal(&error))
}

/// The sRGB curve, from eight bits to sixteen of linear light.
static LINEAR: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let encoded = value as f64 / 255.0;
        let light = if encoded <= 0.040_45 {
            encoded / 12.92
        } else {
            ((encoded + 0.055) / 1.055).powf(2.4)
        };
        (light * 65_535.0).round() as u16
    })
});

/// And back.
static ENCODED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let encode = |value: u32| {
        let light = f64::from(value) / 65_535.0;
        let encoded = if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    };
    (0..=65_535).map(encode).collect()
});

/// Sixteen-bit values in the machine's byte order, which is what the resizer takes.
fn to_linear(picture: &Picture) -> Vec<u8> {
    let table = &*LINEAR;
    let channels = picture.channels();
    let mut linear = vec![0; picture.pixels.len() * 2];
    for (to, from) in linear
        .chunks_exact_mut(channels * 2)
        .zip(picture.pixels.chunks_exact(channels))
    {
        for channel in 0..channels {
            let value = if channel == 3 {
                u16::from(from[3]) * 257
            } else {
                table[usize::from(from[channel])]
            };
            to[channel * 2..channel * 2 + 2].copy_from_slice(&value.to_ne_bytes());
        }
    }
    linear
}

fn from_linear(linear: &[u8], size: Size, has_alpha: bool) -> Picture {
    let table = &*ENCODED;
    let mut picture = Picture::new(size.width, size.height, has_alpha);
    let channels = picture.channels();
    for (to, from) in picture
        .pixels
        .chunks_exact_mut(channels)
        .zip(linear.chunks_exact(channels * 2))
    {
        for channel in 0..channels {
            let value = u16::from_ne_bytes([from[channel * 2], from[channel * 2 + 1]]);
            to[channel] = if channel == 3 {
                ((u32::from(value) * 255 + 32_895) >> 16) as u8
            } else {
                table[usize::from(value)]
            };
        }
    }
    picture
}
