//! Glyphs that are pictures in the font: CBDT (as in Noto Color Emoji) and sbix (as in Apple's).

use skrifa::bitmap::{BitmapData, BitmapGlyph, Origin};
use transform::Rect;

use super::raster::Bounds;
use crate::budget::Light;
use crate::ops::resize::{Region, resize};
use crate::picture::Picture;

/// Longest side of a stored bitmap that is read; those of fonts have 160 pixels or less.
const LONGEST: u32 = 2048;

/// Where the bitmap goes when its glyph is set in this size, with the origin at 0, 0; y runs down. None for a kind that
/// is not drawn.
pub(super) fn bounds(glyph: &BitmapGlyph<'_>, size: f32, units_per_em: f32) -> Option<Bounds> {
    let (width, height) = (glyph.width, glyph.height);
    let drawn = matches!(glyph.data, BitmapData::Png(_) | BitmapData::Bgra(_));
    let sound = (1..=LONGEST).contains(&width) && (1..=LONGEST).contains(&height);
    if !(drawn && sound && glyph.ppem_x > 0.0 && glyph.ppem_y > 0.0 && units_per_em > 0.0) {
        return None;
    }
    let (across, down, unit) = (size / glyph.ppem_x, size / glyph.ppem_y, size / units_per_em);
    let left = glyph.bearing_x * unit + glyph.inner_bearing_x * across;
    let edge = -glyph.bearing_y * unit - glyph.inner_bearing_y * down;
    let top = match glyph.placement_origin {
        Origin::TopLeft => edge,
        Origin::BottomLeft => edge - height as f32 * down,
    };
    Some(Bounds {
        left,
        top,
        right: left + width as f32 * across,
        bottom: top + height as f32 * down,
    })
}

/// The bitmap in the size of its bounds, rounded.
pub(super) fn picture(glyph: &BitmapGlyph<'_>, bounds: Bounds) -> Option<Picture> {
    let stored = match glyph.data {
        BitmapData::Png(bytes) => decode(bytes)?,
        BitmapData::Bgra(bytes) => from_bgra(bytes, glyph.width, glyph.height)?,
        BitmapData::Mask(_) => return None,
    };
    let whole = Rect {
        x: 0,
        y: 0,
        width: stored.width,
        height: stored.height,
    };
    let size = transform::Size {
        width: ((bounds.right - bounds.left).round() as u32).max(1),
        height: ((bounds.bottom - bounds.top).round() as u32).max(1),
    };
    resize(&stored, Region::shrunk(whole, 1), size, Light::Gamma).ok()
}

fn decode(bytes: &[u8]) -> Option<Picture> {
    let mut decoder = png::Decoder::new_with_limits(std::io::Cursor::new(bytes), png::Limits { bytes: 64 << 20 });
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > LONGEST || height > LONGEST {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    pixels.truncate(frame.buffer_size());
    let pixels: Vec<u8> = match frame.color_type {
        png::ColorType::Rgba => pixels,
        png::ColorType::Rgb => pixels
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|[r, g, b]| [*r, *g, *b, 255])
            .collect(),
        png::ColorType::GrayscaleAlpha => pixels
            .as_chunks::<2>()
            .0
            .iter()
            .flat_map(|[g, a]| [*g, *g, *g, *a])
            .collect(),
        png::ColorType::Grayscale => pixels.iter().flat_map(|g| [*g, *g, *g, 255]).collect(),
        png::ColorType::Indexed => return None,
    };
    of_pixels(width, height, pixels)
}

/// Stored with colours multiplied by alpha.
fn from_bgra(bytes: &[u8], width: u32, height: u32) -> Option<Picture> {
    let straight = |value: u8, alpha: u8| {
        let alpha = u32::from(alpha).max(1);
        ((u32::from(value) * 255 + alpha / 2) / alpha).min(255) as u8
    };
    let pixels = bytes.as_chunks::<4>().0.iter();
    let pixels = pixels.flat_map(|[b, g, r, a]| [straight(*r, *a), straight(*g, *a), straight(*b, *a), *a]);
    of_pixels(width, height, pixels.collect())
}

fn of_pixels(width: u32, height: u32, pixels: Vec<u8>) -> Option<Picture> {
    (pixels.len() == width as usize * height as usize * 4 && !pixels.is_empty()).then_some(Picture {
        width,
        height,
        has_alpha: true,
        pixels,
    })
}
