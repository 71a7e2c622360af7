//! Pictures between their pixels. Colours are multiplied by alpha, so that what is transparent has no say in a mix; all
//! numbers are from 0 to 255. Places are in pixels from the top left, where (0.5, 0.5) is the middle of the first.

use std::borrow::Cow;

use crate::picture::Picture;

/// A picture at any place. Beyond its edges it goes on as its outermost pixels.
pub(crate) struct Sampler<'a> {
    picture: &'a Picture,
}

impl<'a> Sampler<'a> {
    pub fn new(picture: &'a Picture) -> Self {
        Self { picture }
    }

    /// Catmull-Rom (Catmull and Rom, "A Class of Local Interpolating Splines", 1974).
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> [f32; 4] {
        let (Some((left, x)), Some((top, y))) = (cell(x, self.picture.width), cell(y, self.picture.height)) else {
            return [0.0; 4];
        };
        self.mix(left - 1, top - 1, catmull_rom(x), catmull_rom(y))
    }

    /// The line between neighbours.
    #[inline]
    pub fn linear(&self, x: f64, y: f64) -> [f32; 4] {
        let (Some((left, x)), Some((top, y))) = (cell(x, self.picture.width), cell(y, self.picture.height)) else {
            return [0.0; 4];
        };
        self.mix(left, top, [1.0 - x, x], [1.0 - y, y])
    }

    #[inline(always)]
    fn mix<const N: usize>(&self, left: i64, top: i64, across: [f32; N], down: [f32; N]) -> [f32; 4] {
        let picture = self.picture;
        let (width, height) = (i64::from(picture.width), i64::from(picture.height));
        let (channels, stride) = (picture.channels(), picture.stride());
        let is_inside = left >= 0 && top >= 0 && left + N as i64 <= width && top + N as i64 <= height;
        let mut sum = [0.0; 4];
        for (row, weight_y) in down.into_iter().enumerate() {
            let y = (top + row as i64).clamp(0, height - 1) as usize;
            let mut line = [0.0; 4];
            if is_inside {
                let at = y * stride + left as usize * channels;
                let pixels = picture.pixels[at..at + N * channels].chunks_exact(channels);
                for (pixel, weight) in pixels.zip(across) {
                    add(&mut line, pixel, weight);
                }
            } else {
                for (column, weight) in across.into_iter().enumerate() {
                    let x = (left + column as i64).clamp(0, width - 1) as usize;
                    let at = y * stride + x * channels;
                    add(&mut line, &picture.pixels[at..at + channels], weight);
                }
            }
            for channel in 0..4 {
                sum[channel] += line[channel] * weight_y;
            }
        }
        sum
    }
}

#[inline(always)]
fn add(sum: &mut [f32; 4], pixel: &[u8], weight: f32) {
    let (weight, alpha) = match pixel.get(3) {
        Some(255) | None => (weight, weight * 255.0),
        Some(alpha) => (weight * f32::from(*alpha) * (1.0 / 255.0), weight * f32::from(*alpha)),
    };
    sum[0] += f32::from(pixel[0]) * weight;
    sum[1] += f32::from(pixel[1]) * weight;
    sum[2] += f32::from(pixel[2]) * weight;
    sum[3] += alpha;
}

/// The pixel whose middle is before this place, and how far it is past that, 0 to 1. None if it is not a number.
#[inline]
fn cell(place: f64, side: u32) -> Option<(i64, f32)> {
    // Farther out all is the same.
    let place = place.clamp(-4.0, f64::from(side) + 4.0) - 0.5;
    let before = place.floor();
    (!place.is_nan()).then_some((before as i64, (place - before) as f32))
}

/// Weights of the two pixels before a place and the two after it, `t` of the way from the second to the third.
#[inline(always)]
pub(crate) fn catmull_rom(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        -0.5 * t + t2 - 0.5 * t3,
        1.0 - 2.5 * t2 + 1.5 * t3,
        0.5 * t + 2.0 * t2 - 1.5 * t3,
        -0.5 * t2 + 0.5 * t3,
    ]
}

/// A picture at any place and any scale, down to nearly nothing: means over parallelograms. Where these are longer than
/// wide, as in perspective, several samples along them are taken of the picture at half, quarter… its size (Williams,
/// "Pyramidal Parametrics", 1983; McCormack et al., "Feline: Fast Elliptical Lines for Anisotropic Texture Mapping", 1999).
pub(crate) struct Pyramid<'a> {
    levels: Vec<Cow<'a, Picture>>,
}

/// Samples along a parallelogram's longer side.
const MOST_SAMPLES: f64 = 16.0;

impl<'a> Pyramid<'a> {
    /// One that serves where the picture is shrunk at most this many times along the side that is shrunk less.
    pub fn new(picture: &'a Picture, shrunk: f64) -> Self {
        let mut levels = vec![Cow::Borrowed(picture)];
        let mut scale = 2.0;
        while let Some(last) = levels.last()
            && scale <= shrunk
            && last.width.max(last.height) > 1
        {
            let half = halved(last);
            levels.push(Cow::Owned(half));
            scale *= 2.0;
        }
        Self { levels }
    }

    /// The mean around (`x`, `y`), over the parallelogram of these two sides.
    #[inline]
    pub fn over(&self, x: f64, y: f64, a: (f64, f64), b: (f64, f64)) -> [f32; 4] {
        // The axes of the ellipse that the sides make of a circle: eigenvectors of their matrix times its transpose.
        let (p, q, r) = (a.0 * a.0 + b.0 * b.0, a.0 * a.1 + b.0 * b.1, a.1 * a.1 + b.1 * b.1);
        let middle = (p + r) / 2.0;
        let spread = ((p - r) / 2.0).hypot(q);
        if (middle + spread).is_nan() || middle + spread <= 1.2 {
            return Sampler::new(&self.levels[0]).at(x, y);
        }
        let (major, minor) = ((middle + spread).sqrt(), (middle - spread).max(0.0).sqrt());
        let level = minor.log2().floor().max((major / MOST_SAMPLES).log2().ceil());
        let level = (level.max(0.0) as usize).min(self.levels.len() - 1);
        let scale = 1.0 / (1_u64 << level) as f64;
        let sampler = Sampler::new(&self.levels[level]);
        let count = |length: f64, most: f64| (length * scale - 0.05).ceil().clamp(1.0, most);
        let (along, across) = (count(major, MOST_SAMPLES), count(minor, 2.0));
        let (sin, cos) = (0.5 * (2.0 * q).atan2(p - r)).sin_cos();
        let is_fine = level == 0 && along * across <= 4.0;

        let mut sum = [0.0; 4];
        for i in 0..along as u32 {
            let u = ((f64::from(i) + 0.5) / along - 0.5) * major;
            for j in 0..across as u32 {
                let v = ((f64::from(j) + 0.5) / across - 0.5) * minor;
                let (x, y) = ((x + u * cos - v * sin) * scale, (y + u * sin + v * cos) * scale);
                let sample = if is_fine {
                    sampler.at(x, y)
                } else {
                    sampler.linear(x, y)
                };
                for channel in 0..4 {
                    sum[channel] += sample[channel];
                }
            }
        }
        let count = (along * across) as f32;
        sum.map(|value| value / count)
    }
}

/// Half as wide and high: means of four pixels.
fn halved(picture: &Picture) -> Picture {
    let mut half = Picture::new(picture.width.div_ceil(2), picture.height.div_ceil(2), picture.has_alpha);
    let (channels, stride, stride_to) = (picture.channels(), picture.stride(), half.stride());
    let (last_x, last_y) = (picture.width as usize - 1, picture.height as usize - 1);
    for (y, row) in half.pixels.chunks_exact_mut(stride_to).enumerate() {
        let rows = [y * 2, (y * 2 + 1).min(last_y)];
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let columns = [x * 2, (x * 2 + 1).min(last_x)];
            let mut sum = [0.0; 4];
            for y in rows {
                for x in columns {
                    let at = y * stride + x * channels;
                    add(&mut sum, &picture.pixels[at..at + channels], 0.25);
                }
            }
            pixel.copy_from_slice(&unweighted(sum)[..channels]);
        }
    }
    half
}

/// Colours times alpha.
pub(crate) fn weighted([red, green, blue, alpha]: [u8; 4]) -> [f32; 4] {
    let weight = f32::from(alpha) / 255.0;
    [
        f32::from(red) * weight,
        f32::from(green) * weight,
        f32::from(blue) * weight,
        f32::from(alpha),
    ]
}

/// Straight alpha again, to the nearest; what rounds to transparent has no colour.
#[inline]
pub(crate) fn unweighted(value: [f32; 4]) -> [u8; 4] {
    unweighted_dithered(value, 0.0)
}

/// The same with a number between -0.5 and 0.5 added before rounding.
#[inline]
pub(crate) fn unweighted_dithered([red, green, blue, alpha]: [f32; 4], dither: f32) -> [u8; 4] {
    let rounded = (alpha + dither + 0.5) as u8;
    // Also for what is not a number.
    if rounded == 0 || alpha.is_nan() || alpha <= 0.0 {
        return [0; 4];
    }
    let weight = 255.0 / alpha.min(255.0);
    // `as` keeps within 0 and 255.
    let channel = |value: f32| (value * weight + dither + 0.5) as u8;
    [channel(red), channel(green), channel(blue), rounded]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(side: u32) -> Picture {
        let mut picture = Picture::new(side, side, false);
        for (at, pixel) in picture.pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = (at % side as usize, at / side as usize);
            pixel.fill(((x + y) % 2 * 255) as u8);
        }
        picture
    }

    #[test]
    fn pixels_are_themselves() {
        let picture = checks(5);
        for (x, y, value) in [(0.5, 0.5, 0.0), (1.5, 0.5, 255.0), (-9.0, 0.5, 0.0), (4.5, 99.0, 0.0)] {
            assert_eq!(Sampler::new(&picture).at(x, y)[0], value, "{x} {y}");
            assert_eq!(Sampler::new(&picture).linear(x, y)[0], value, "{x} {y}");
        }
        assert_eq!(Sampler::new(&picture).at(f64::NAN, 0.0), [0.0; 4]);
        assert_eq!(Sampler::new(&picture).at(f64::INFINITY, 0.5)[3], 255.0);
    }

    #[test]
    fn shrunk_checks_are_gray() {
        let picture = checks(64);
        let pyramid = Pyramid::new(&picture, 32.0);
        for scale in [2.0, 3.0, 7.5, 30.0] {
            let gray = pyramid.over(31.3, 30.9, (scale, 0.0), (0.0, scale))[0];
            assert!((gray - 127.5).abs() < 24.0, "{gray} at {scale}");
        }
        let gray = pyramid.over(31.3, 30.9, (20.0, 1.0), (0.0, 1.0))[0];
        assert!((gray - 127.5).abs() < 24.0, "{gray}");
        assert!(pyramid.over(1.0, 1.0, (1e300, f64::NAN), (f64::INFINITY, 0.0))[0] >= 0.0);
    }
}
