use transform::Color;

use super::blur::to_byte;
use super::light::{LINEAR, encode};
use super::simd::{Kernel, wide};
use crate::picture::Picture;

/// Luma by the weights of Rec. ITU-R BT.709, whose primaries are those of sRGB, from encoded values: 0 to 255.
#[inline(always)]
pub(crate) fn luma(pixel: &[u8]) -> f32 {
    0.2126 * f32::from(pixel[0]) + 0.7152 * f32::from(pixel[1]) + 0.0722 * f32::from(pixel[2])
}

/// Luminance only: the light of a pixel, summed up as light (with the weights of BT.709) and encoded again. That is what
/// libvips does for black and white; sums of encoded values make blue and red too dark.
pub(crate) fn grayscale(mut picture: Picture) -> Picture {
    let table: &[f32; 256] = &LINEAR;
    let [red, green, blue] = [0.2126, 0.7152, 0.0722].map(|weight: f32| table.map(|light| light * weight));
    let channels = picture.channels();
    for pixel in picture.pixels.chunks_exact_mut(channels) {
        let light = red[usize::from(pixel[0])] + green[usize::from(pixel[1])] + blue[usize::from(pixel[2])];
        pixel[..3].fill(encode(light));
    }
    picture
}

/// Share of the pixels that may become black, and that may become white.
const CLIPPED: f64 = 0.01;

/// Spreads the used range of intensities over the full range: all channels by the same line, so that colours keep their
/// cast, and so that one percent of the luma is cut off at each end. Pixels count as far as they are opaque. A picture
/// of one intensity stays as it is.
pub(crate) fn stretch_contrast(mut picture: Picture) -> Picture {
    let channels = picture.channels();
    let mut histogram = [0_u64; 256];
    for pixel in picture.pixels.chunks_exact(channels) {
        let weight = if channels == 4 { u64::from(pixel[3]) } else { 1 };
        histogram[(luma(pixel) + 0.5) as usize & 255] += weight;
    }
    let clipped = (histogram.iter().sum::<u64>() as f64 * CLIPPED) as u64;
    let mut passed = [0; 2];
    let mut is_end = |side: usize, value: usize| {
        passed[side] += histogram[value];
        passed[side] > clipped
    };
    let low = (0..256).find(|value| is_end(0, *value));
    let high = (0..256).rev().find(|value| is_end(1, *value));
    let (Some(low), Some(high)) = (low, high) else {
        return picture;
    };
    if high <= low {
        return picture;
    }
    let scale = 255.0 / (high - low) as f32;
    let table: [u8; 256] = std::array::from_fn(|value| ((value as f32 - low as f32) * scale).round() as u8);
    map_colors(&mut picture, &table);
    picture
}

fn map_colors(picture: &mut Picture, table: &[u8; 256]) {
    let channels = picture.channels();
    for pixel in picture.pixels.chunks_exact_mut(channels) {
        for channel in &mut pixel[..3] {
            *channel = table[usize::from(*channel)];
        }
    }
}

/// Tints: `pixel * (1 - intensity) + intensity * luma(pixel) * color`, on encoded values.
pub(crate) fn colorize(mut picture: Picture, color: Color, intensity: f64) -> Picture {
    let intensity = intensity.clamp(0.0, 1.0) as f32;
    let tint = [color.red, color.green, color.blue].map(|channel| f32::from(channel) / 255.0 * intensity);
    wide(Colorize {
        picture: &mut picture,
        rest: 1.0 - intensity,
        tint,
    });
    picture
}

struct Colorize<'a> {
    picture: &'a mut Picture,
    rest: f32,
    tint: [f32; 3],
}

impl Kernel for Colorize<'_> {
    #[inline(always)]
    fn run(self) {
        if self.picture.has_alpha {
            self.tint::<4>();
        } else {
            self.tint::<3>();
        }
    }
}

impl Colorize<'_> {
    #[inline(always)]
    fn tint<const CHANNELS: usize>(self) {
        for pixel in self.picture.pixels.chunks_exact_mut(CHANNELS) {
            let luma = luma(pixel);
            for (channel, tint) in pixel.iter_mut().zip(self.tint) {
                *channel = to_byte((f32::from(*channel) * self.rest + luma * tint).min(255.0));
            }
        }
    }
}

/// Multiplies alpha.
pub(crate) fn opacity(picture: Picture, factor: f64) -> Picture {
    let factor = factor.clamp(0.0, 1.0);
    let table: [u8; 256] = std::array::from_fn(|alpha| (alpha as f64 * factor).round() as u8);
    let mut picture = picture.with_alpha();
    for pixel in picture.pixels.chunks_exact_mut(4) {
        pixel[3] = table[usize::from(pixel[3])];
    }
    picture
}

pub(crate) use super::replace::replace_color;
