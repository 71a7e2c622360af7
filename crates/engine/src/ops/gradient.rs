use transform::Color;

use super::dither::threshold;
use super::sample::{unweighted_dithered, weighted};
use crate::picture::Picture;

/// Lays a linear gradient over the picture: colours between `from` and `to`, mixed with alpha multiplied in, so that none
/// of a transparent colour shows. Geometry as in CSS (Images Level 3): 0 degrees is up, 90 right; the line on which it
/// runs goes through the middle, and starts where the corner that is farthest back is level with it. From `length` pixels
/// on it is `to`.
pub(crate) fn gradient(mut picture: Picture, degrees: f64, from: Color, to: Color, length: f64) -> Picture {
    if !degrees.is_finite() || length.is_nan() || length <= 0.0 {
        return picture;
    }
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let back = (width * sin.abs() + height * cos.abs()) / 2.0;
    let place = |x: f64, y: f64| (x - width / 2.0) * sin - (y - height / 2.0) * cos + back;
    let start = weighted([from.red, from.green, from.blue, from.alpha]);
    let end = weighted([to.red, to.green, to.blue, to.alpha]);
    let change: [f32; 4] = std::array::from_fn(|channel| end[channel] - start[channel]);

    let (stride, channels) = (picture.stride(), picture.channels());
    for (y, row) in picture.pixels.chunks_exact_mut(stride).enumerate() {
        // In 64 bits at a row's start alone: 32 hold a place along a row to less than what can be seen.
        let first = (place(0.5, y as f64 + 0.5) / length) as f32;
        let step = (sin / length) as f32;
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let t = (first + x as f32 * step).clamp(0.0, 1.0);
            let over: [f32; 4] = std::array::from_fn(|channel| start[channel] + change[channel] * t);
            if over[3] > 0.0 {
                lay_over(pixel, over, threshold(x, y));
            }
        }
    }
    picture
}

/// Porter and Duff's source-over of a colour with its alpha multiplied in.
fn lay_over(pixel: &mut [u8], over: [f32; 4], dither: f32) {
    let rest = 1.0 - over[3] / 255.0;
    if let Ok(opaque) = <&mut [u8; 3]>::try_from(&mut *pixel) {
        for (channel, over) in opaque.iter_mut().zip(over) {
            *channel = (f32::from(*channel) * rest + over + dither + 0.5) as u8;
        }
        return;
    }
    let below = weighted([pixel[0], pixel[1], pixel[2], pixel[3]]);
    let mixed = std::array::from_fn(|channel| below[channel] * rest + over[channel]);
    pixel.copy_from_slice(&unweighted_dithered(mixed, dither));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(red: u8, green: u8, blue: u8, alpha: u8) -> Color {
        Color {
            red,
            green,
            blue,
            alpha,
        }
    }

    #[test]
    fn one_colour_is_exact() {
        let picture = gradient(
            Picture::new(9, 7, true),
            30.0,
            color(1, 2, 3, 255),
            color(1, 2, 3, 255),
            5.0,
        );
        assert!(picture.pixels.chunks_exact(4).all(|pixel| pixel == [1, 2, 3, 255]));
    }

    #[test]
    fn ends_are_reached() {
        let picture = gradient(Picture::new(1, 256, false), 180.0, Color::BLACK, Color::WHITE, 256.0);
        assert!(picture.pixels[0] <= 1 && picture.pixels[255 * 3] >= 254);
        let sum: u32 = picture.pixels.iter().map(|value| u32::from(*value)).sum();
        assert!(sum.abs_diff(768 * 255 / 2) <= 768 / 8, "{sum}");
        // After the stop it is the last colour alone.
        let picture = gradient(Picture::new(4, 8, false), 0.0, Color::BLACK, Color::WHITE, 2.0);
        assert!(picture.pixels[..6 * 12].iter().all(|value| *value == 255));
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        for length in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            for degrees in [0.0, 1e18, f64::NAN, f64::INFINITY] {
                let picture = gradient(
                    Picture::new(1, 1, true),
                    degrees,
                    Color::WHITE,
                    Color::TRANSPARENT,
                    length,
                );
                assert_eq!(picture.pixels.len(), 4);
            }
        }
    }
}
