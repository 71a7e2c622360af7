use super::gaussian::{Rows, gaussian};
use crate::picture::Picture;

/// Gaussian blur with this standard deviation, in pixels. Colours are weighted by alpha; beyond its edges the picture
/// goes on as its outermost pixels. In place.
pub(crate) fn blur(mut picture: Picture, sigma: f64) -> Picture {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let stride = picture.stride();
    let pixels = picture.pixels.as_mut_slice();
    if picture.has_alpha {
        gaussian::<4>(&mut Weighted { pixels, stride }, width, height, sigma);
    } else {
        gaussian::<3>(&mut Plain { pixels, stride }, width, height, sigma);
    }
    picture
}

/// Blurs one channel, a byte a pixel, in place. Beyond its edges it goes on as its outermost pixels.
pub(crate) fn blur_plane(pixels: &mut [u8], width: u32, height: u32, sigma: f64) {
    let (width, height) = (width as usize, height as usize);
    let stride = width;
    gaussian::<1>(&mut Plain { pixels, stride }, width, height, sigma);
}

/// To the nearest byte. `value` is within 0 and 255: beyond 2^23 a float has no place for fractions, so the sum's lowest
/// bits are the number. Unlike a cast this becomes one instruction for many numbers.
#[inline(always)]
pub(crate) fn to_byte(value: f32) -> u8 {
    (value + 8_388_608.0).to_bits() as u8
}

struct Plain<'a> {
    pixels: &'a mut [u8],
    stride: usize,
}

impl Rows for Plain<'_> {
    #[inline(always)]
    fn read(&self, y: usize, row: &mut [f32]) {
        let from = &self.pixels[y * self.stride..][..row.len()];
        for (to, from) in row.iter_mut().zip(from) {
            *to = f32::from(*from);
        }
    }

    #[inline(always)]
    fn write(&mut self, y: usize, row: &[f32]) {
        let to = &mut self.pixels[y * self.stride..][..row.len()];
        for (to, from) in to.iter_mut().zip(row) {
            *to = to_byte(*from);
        }
    }
}

/// Straight alpha outside, colours times alpha inside.
struct Weighted<'a> {
    pixels: &'a mut [u8],
    stride: usize,
}

impl Rows for Weighted<'_> {
    #[inline(always)]
    fn read(&self, y: usize, row: &mut [f32]) {
        let from = &self.pixels[y * self.stride..][..row.len()];
        for (to, from) in row.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
            let weight = f32::from(from[3]) / 255.0;
            to[0] = f32::from(from[0]) * weight;
            to[1] = f32::from(from[1]) * weight;
            to[2] = f32::from(from[2]) * weight;
            to[3] = f32::from(from[3]);
        }
    }

    #[inline(always)]
    fn write(&mut self, y: usize, row: &[f32]) {
        let to = &mut self.pixels[y * self.stride..][..row.len()];
        for (to, from) in to.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
            // What rounds to transparent has no colour.
            let weight = if from[3] < 0.5 { 0.0 } else { 255.0 / from[3] };
            to[0] = to_byte((from[0] * weight).min(255.0));
            to[1] = to_byte((from[1] * weight).min(255.0));
            to[2] = to_byte((from[2] * weight).min(255.0));
            to[3] = to_byte(from[3].min(255.0));
        }
    }
}
