use std::collections::BTreeMap;

use transform::{Color, Size};

use super::blur::blur;
use super::dither::threshold;
use super::resize::{Region, resize};
use crate::RenderError;
use crate::budget::Light;
use crate::picture::Picture;

/// Standard deviation in pixels that is left to blur at a lower resolution.
const SIGMA_WHEN_SMALL: f64 = 4.0;

/// The picture, scaled to cover the canvas around the same middle, blurred by a Gaussian of this standard deviation, and
/// made brighter by `brightness` levels of 255.
///
/// What a blur of many pixels takes away need not be there in the first place: the more it is blurred, the lower the
/// resolution at which that is done.
pub(crate) fn blurred(picture: &Picture, canvas: Size, sigma: f64, brightness: i16) -> Result<Picture, RenderError> {
    let sigma = if sigma > 0.0 { sigma } else { 0.0 };
    let shrink = (sigma / SIGMA_WHEN_SMALL).floor().max(1.0);
    let side = |length: u32| ((f64::from(length) / shrink).round() as u32).max(1);
    let size = Size {
        width: side(canvas.width),
        height: side(canvas.height),
    };
    let small = resize(picture, covering(picture, canvas), size, Light::Gamma)?;
    let mut small = blur(small, sigma / shrink);
    if brightness != 0 {
        let channels = small.channels();
        for pixel in small.pixels.chunks_exact_mut(channels) {
            for channel in &mut pixel[..3] {
                *channel = (i32::from(*channel) + i32::from(brightness)).clamp(0, 255) as u8;
            }
        }
    }
    let whole = Region {
        x: 0.0,
        y: 0.0,
        width: f64::from(size.width),
        height: f64::from(size.height),
    };
    resize(&small, whole, canvas, Light::Gamma)
}

/// The largest part in the middle of the picture that has the shape of the canvas.
fn covering(picture: &Picture, canvas: Size) -> Region {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let scale = (width / f64::from(canvas.width)).min(height / f64::from(canvas.height));
    let part = |canvas: u32, side: f64| (f64::from(canvas) * scale).clamp(f64::MIN_POSITIVE, side);
    let (part_width, part_height) = (part(canvas.width, width), part(canvas.height, height));
    Region {
        x: (width - part_width) / 2.0,
        y: (height - part_height) / 2.0,
        width: part_width,
        height: part_height,
    }
}

/// The dominant colour of the picture's edge; of all of it if nothing at the edge is opaque, and black if nothing is.
pub(crate) fn dominant(picture: &Picture) -> Color {
    dominant_of(picture, |_, _| true)
}

/// A gradient of the dominant colours of the picture's edge, opaque: two run along the direction in which the canvas is
/// larger by more, from that of the half of the edge where it begins to that of the other half; of four, each is that of
/// the edge around one corner.
pub(crate) fn gradient(picture: &Picture, canvas: Size, colors: u8) -> Picture {
    let (middle_x, middle_y) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    let corner = |right: bool, bottom: bool| {
        let is_in = |at: u32, side: u32, middle: u32, far: bool| if far { at >= side - middle } else { at < middle };
        dominant_of(picture, |x, y| {
            is_in(x, picture.width, middle_x, right) && is_in(y, picture.height, middle_y, bottom)
        })
    };
    let growth = |canvas: u32, side: u32| i64::from(canvas) - i64::from(side);
    let corners = if colors >= 4 {
        [
            [corner(false, false), corner(true, false)],
            [corner(false, true), corner(true, true)],
        ]
    } else if growth(canvas.width, picture.width) >= growth(canvas.height, picture.height) {
        let left = dominant_of(picture, |x, _| x < middle_x);
        let right = dominant_of(picture, |x, _| x >= picture.width - middle_x);
        [[left, right], [left, right]]
    } else {
        let top = dominant_of(picture, |_, y| y < middle_y);
        let bottom = dominant_of(picture, |_, y| y >= picture.height - middle_y);
        [[top, top], [bottom, bottom]]
    };
    let corners = corners.map(|row| row.map(|color| [color.red, color.green, color.blue].map(f32::from)));

    let mut result = Picture::new(canvas.width, canvas.height, false);
    let stride = result.stride();
    for (y, row) in result.pixels.chunks_exact_mut(stride).enumerate() {
        let down = (y as f32 + 0.5) / canvas.height as f32;
        let mix = |a: [f32; 3], b: [f32; 3], t: f32| -> [f32; 3] { std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t) };
        let (left, right) = (
            mix(corners[0][0], corners[1][0], down),
            mix(corners[0][1], corners[1][1], down),
        );
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let color = mix(left, right, (x as f32 + 0.5) / canvas.width as f32);
            let dither = threshold(x, y) + 0.5;
            for (to, value) in pixel.iter_mut().zip(color) {
                *to = (value + dither) as u8;
            }
        }
    }
    result
}

/// The colour that most of the edge inside `part` is like. Colours are counted in boxes of sixteen levels; the fullest
/// box together with its neighbours is chosen, and its colour is the mean of what is in them.
fn dominant_of(picture: &Picture, part: impl Fn(u32, u32) -> bool) -> Color {
    let (width, height) = (picture.width, picture.height);
    let rim = (width.min(height) / 50).max(1);
    let is_rim =
        |x: u32, y: u32| x < rim || y < rim || x >= width.saturating_sub(rim) || y >= height.saturating_sub(rim);
    let at_rim = boxes(picture, |x, y| is_rim(x, y) && part(x, y), rim);
    let boxes = if at_rim.is_empty() {
        boxes(picture, part, width)
    } else {
        at_rim
    };

    let around = |key: [u8; 3]| {
        let mut sum = [0_u64; 4];
        for neighbour in 0..27_u8 {
            let offsets = [neighbour % 3, neighbour / 3 % 3, neighbour / 9];
            // One more than the box, so that none is below 0.
            let key: [u8; 3] = std::array::from_fn(|channel| key[channel] + offsets[channel]);
            let own = key.map(|value| value.wrapping_sub(1));
            if let Some(found) = boxes.get(&own) {
                (0..4).for_each(|i| sum[i] += found[i]);
            }
        }
        sum
    };
    // The first of equals, in an order that does not depend on anything else.
    let fullest = boxes.keys().map(|key| around(*key)).rev().max_by_key(|sum| sum[3]);
    let Some([red, green, blue, weight]) = fullest else {
        return Color::BLACK;
    };
    let mean = |sum: u64| ((sum + weight / 2) / weight) as u8;
    Color {
        red: mean(red),
        green: mean(green),
        blue: mean(blue),
        alpha: 255,
    }
}

/// Sums of the channels times alpha, and of alpha, for every box of colours. Rows that are not at the picture's upper or
/// lower rim are looked at `rim` columns deep from both sides.
fn boxes(picture: &Picture, is_part: impl Fn(u32, u32) -> bool, rim: u32) -> BTreeMap<[u8; 3], [u64; 4]> {
    let mut boxes = BTreeMap::new();
    let (width, height, channels) = (picture.width, picture.height, picture.channels());
    let mut count = |x: u32, y: u32, row: &[u8]| {
        let pixel = &row[x as usize * channels..][..channels];
        let alpha = u64::from(pixel.get(3).copied().unwrap_or(255));
        if alpha > 0 && is_part(x, y) {
            let sums: &mut [u64; 4] = boxes.entry([pixel[0] >> 4, pixel[1] >> 4, pixel[2] >> 4]).or_default();
            (0..3).for_each(|channel| sums[channel] += u64::from(pixel[channel]) * alpha);
            sums[3] += alpha;
        }
    };
    for (y, row) in (0..height).zip(picture.rows()) {
        if y < rim || y >= height.saturating_sub(rim) || width <= rim.saturating_mul(2) {
            (0..width).for_each(|x| count(x, y, row));
        } else {
            (0..rim).chain(width - rim..width).for_each(|x| count(x, y, row));
        }
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pad::{filled, pad};
    use transform::Background;

    const KINDS: [Background; 5] = [
        Background::Blurred {
            sigma_tenths: 0,
            brightness: 0,
        },
        Background::Blurred {
            sigma_tenths: 400,
            brightness: -300,
        },
        Background::Dominant,
        Background::DominantGradient { colors: 2 },
        Background::DominantGradient { colors: 4 },
    ];

    fn color(red: u8, green: u8, blue: u8) -> Color {
        Color {
            red,
            green,
            blue,
            alpha: 255,
        }
    }

    #[test]
    fn any_size_on_any_canvas() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (3, 3)] {
            for canvas in [(1, 1), (50, 2), (2, 50), (64, 64)] {
                for background in KINDS {
                    for has_alpha in [false, true] {
                        let picture = Picture::new(width, height, has_alpha);
                        let (width, height) = canvas;
                        let padded = pad(picture, Size { width, height }, -2, 5, background).expect("a picture");
                        let is_blurred = matches!(background, Background::Blurred { .. });
                        assert_eq!((padded.width, padded.height), (width, height));
                        assert_eq!(padded.has_alpha, has_alpha && is_blurred);
                    }
                }
            }
        }
    }

    #[test]
    fn one_colour_goes_on() {
        let picture = filled(Size { width: 30, height: 20 }, color(10, 200, 99), false);
        for background in KINDS {
            if matches!(background, Background::Blurred { brightness: -300, .. }) {
                continue;
            }
            let padded = pad(picture.clone(), Size { width: 60, height: 70 }, 15, 25, background).expect("a picture");
            assert!(
                padded.pixels.chunks_exact(3).all(|pixel| pixel == [10, 200, 99]),
                "{background:?}"
            );
        }
    }

    #[test]
    fn most_of_the_edge_decides() {
        // Green inside and on one side, red around the others.
        let mut picture = filled(Size { width: 40, height: 40 }, color(200, 0, 0), false);
        for y in 2..38 {
            for x in 4..40 {
                picture.pixels[(y * 40 + x) * 3..][..3].copy_from_slice(&[0, 180, 0]);
            }
        }
        assert_eq!(dominant(&picture), color(200, 0, 0));
        let wide = gradient(&picture, Size { width: 1000, height: 1 }, 2);
        assert!(wide.pixels[0] >= 199 && wide.pixels[2998] < 180);
    }
}
