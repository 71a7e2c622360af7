use transform::{Rect, Size};

use super::blur::blur;
use super::tone::luma;
use crate::picture::Picture;

/// The rectangle of `window`'s size that keeps what is most interesting. Meant for small copies of pictures: its time
/// grows with the number of pixels, and fine texture counts less in them.
pub(crate) fn salient(picture: &Picture, window: Size) -> Rect {
    let (width, height) = (window.width.min(picture.width), window.height.min(picture.height));
    let (free_x, free_y) = (picture.width - width, picture.height - height);
    let mut best = Rect {
        x: free_x / 2,
        y: free_y / 2,
        width,
        height,
    };
    if free_x == 0 && free_y == 0 {
        return best;
    }
    let sums = Sums::new(&attention(picture), picture.width as usize);
    // The middle itself is tried first, and only what is better takes its place.
    let mut most = worth(&sums, best, (free_x, free_y));
    for y in 0..=free_y {
        for x in 0..=free_x {
            let rect = Rect { x, y, width, height };
            let worth = worth(&sums, rect, (free_x, free_y));
            if worth > most * 1.000_001 {
                (most, best) = (worth, rect);
            }
        }
    }
    best
}

/// Shares of a window's sides that its inner windows leave out on each side. Attention inside of them counts once more:
/// things are better kept whole, and in the middle, than cut by the edge.
const INNER: [f64; 3] = [0.08, 0.18, 0.3];
/// Share of its worth that a window loses at the farthest place from the middle.
const OFF_CENTRE: f64 = 0.25;

fn worth(sums: &Sums, rect: Rect, free: (u32, u32)) -> f64 {
    let (x, y, width, height) = (
        f64::from(rect.x),
        f64::from(rect.y),
        f64::from(rect.width),
        f64::from(rect.height),
    );
    let inner = INNER.map(|share| {
        let at = |from: f64, side: f64| {
            let margin = (side * share).round();
            ((from + margin) as usize, (from + side - margin) as usize)
        };
        let ((left, right), (top, bottom)) = (at(x, width), at(y, height));
        sums.within(left, top, right, bottom)
    });
    let whole = sums.within(
        rect.x as usize,
        rect.y as usize,
        (rect.x + rect.width) as usize,
        (rect.y + rect.height) as usize,
    );
    let off = |at: f64, free: u32| {
        if free == 0 {
            0.0
        } else {
            (2.0 * at / f64::from(free) - 1.0).powi(2)
        }
    };
    let off_centre = (off(x, free.0) + off(y, free.1)) / 2.0;
    (whole + inner.iter().sum::<f64>()) * (1.0 - OFF_CENTRE * off_centre)
}

/// Sums over any rectangle by four numbers (Crow, "Summed-Area Tables for Texture Mapping", 1984). Whole numbers, so that
/// nothing depends on the order of additions.
struct Sums {
    stride: usize,
    sums: Vec<u64>,
}

impl Sums {
    fn new(values: &[u32], width: usize) -> Self {
        let stride = width + 1;
        let mut sums = vec![0; stride];
        for row in values.chunks_exact(width.max(1)) {
            let above = sums.len() - stride;
            let mut sum = 0;
            sums.push(0);
            for (x, value) in row.iter().enumerate() {
                sum += u64::from(*value);
                sums.push(sums[above + x + 1] + sum);
            }
        }
        Self { stride, sums }
    }

    fn within(&self, left: usize, top: usize, right: usize, bottom: usize) -> f64 {
        if right <= left || bottom <= top {
            return 0.0;
        }
        let at = |x: usize, y: usize| self.sums[y * self.stride + x];
        (at(right, bottom) + at(left, top) - at(right, top) - at(left, bottom)) as f64
    }
}

/// What each of the four signs of interest counts.
const DISTINCT: f32 = 1.0;
const DETAIL: f32 = 0.7;
const SKIN: f32 = 1.2;
const SATURATED: f32 = 0.3;

/// How much each pixel draws the eye: colours unlike most of the picture (Achanta et al., "Frequency-tuned Salient Region
/// Detection", 2009), edges, skin, saturation (the three measures of smartcrop.js, Wagner 2014). What is below the
/// picture's average does not count at all, so that a large meadow does not outweigh a small sheep.
fn attention(picture: &Picture) -> Vec<u32> {
    let (width, height, channels) = (picture.width as usize, picture.height as usize, picture.channels());
    let smooth = blur(picture.clone(), 1.5);
    let colors = || smooth.pixels.chunks_exact(channels).map(opponent);
    let alpha = |pixel: &[u8]| f64::from(pixel.get(3).copied().unwrap_or(255)) / 255.0;
    let mut mean = [0.0_f64; 3];
    let mut opaque = 0.0;
    for (color, pixel) in colors().zip(smooth.pixels.chunks_exact(channels)) {
        let alpha = alpha(pixel);
        (0..3).for_each(|i| mean[i] += f64::from(color[i]) * alpha);
        opaque += alpha;
    }
    let mean = mean.map(|sum| (sum / f64::max(opaque, 1e-9)) as f32);
    let distinct: Vec<f32> = colors()
        .map(|color| (0..3).map(|i| (color[i] - mean[i]).powi(2)).sum::<f32>().sqrt())
        .collect();

    let light: Vec<f32> = picture.pixels.chunks_exact(channels).map(luma).collect();
    let mut values = Vec::with_capacity(width * height);
    for (at, pixel) in picture.pixels.chunks_exact(channels).enumerate() {
        let (x, y) = (at % width, at / width);
        let near = |x: usize, y: usize| light[y * width + x];
        let (left, right) = (near(x.saturating_sub(1), y), near((x + 1).min(width - 1), y));
        let (up, down) = (near(x, y.saturating_sub(1)), near(x, (y + 1).min(height - 1)));
        let detail = (right - left).hypot(down - up).min(120.0) / 120.0;
        let value = DISTINCT * distinct[at] / 255.0
            + DETAIL * detail
            + SKIN * skin(pixel)
            + SATURATED * saturation(pixel) * light[at].min(128.0) / 128.0;
        values.push(value * alpha(pixel) as f32);
    }
    let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
    let average = (sum / f64::max(opaque, 1.0)) as f32;
    values
        .iter()
        .map(|value| ((value - average).max(0.0) * 1000.0) as u32)
        .collect()
}

/// Lightness, red against green, blue against yellow.
fn opponent(pixel: &[u8]) -> [f32; 3] {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
    [luma(pixel), (red - green) * 0.7, ((red + green) / 2.0 - blue) * 0.5]
}

/// How likely a pixel is skin, 0 to 1: by the rule of Kovač, Peer and Solina ("Human Skin Colour Clustering for Face
/// Detection", 2003), and then by the angle to a typical tone as in smartcrop.js.
fn skin(pixel: &[u8]) -> f32 {
    let (red, green, blue) = (pixel[0], pixel[1], pixel[2]);
    let spread = red.max(green).max(blue) - red.min(green).min(blue);
    let is_skin = red > 95 && green > 40 && blue > 20 && spread > 15 && red > blue && red.saturating_sub(green) > 15;
    if !is_skin {
        return 0.0;
    }
    let color = [red, green, blue].map(f32::from);
    let length = color.iter().map(|value| value * value).sum::<f32>().sqrt();
    // The tone (0.78, 0.57, 0.44), of length 1.
    let tone = [0.735, 0.537, 0.415];
    let distance = (0..3)
        .map(|i| (color[i] / length - tone[i]).powi(2))
        .sum::<f32>()
        .sqrt();
    ((0.2 - distance) / 0.2).clamp(0.0, 1.0)
}

/// Of the model of hue, saturation and value.
fn saturation(pixel: &[u8]) -> f32 {
    let most = pixel[0].max(pixel[1]).max(pixel[2]);
    let least = pixel[0].min(pixel[1]).min(pixel[2]);
    if most == 0 {
        return 0.0;
    }
    f32::from(most - least) / f32::from(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A colourful thing with stripes of this size around this place, on a plain ground that grows brighter downwards.
    fn scene(width: u32, height: u32, (x, y): (u32, u32), side: u32) -> Picture {
        let mut picture = Picture::new(width, height, false);
        for (at, pixel) in (0_u32..).zip(picture.pixels.chunks_exact_mut(3)) {
            let (column, row) = (at % width, at / width);
            let is_thing = column.abs_diff(x) * 2 <= side && row.abs_diff(y) * 2 <= side;
            let gray = (120 + row * 60 / height) as u8;
            pixel.copy_from_slice(&match (is_thing, (column + row) / 3 % 2) {
                (false, _) => [gray, gray, gray],
                (true, 0) => [220, 60, 30],
                (true, _) => [240, 200, 60],
            });
        }
        picture
    }

    #[test]
    fn things_off_centre_are_kept() {
        for (width, height) in [(200, 100), (100, 200), (160, 120)] {
            for place in [
                (20, 20),
                (width - 21, 20),
                (20, height - 21),
                (width - 21, height - 21),
                (width / 2, 25),
            ] {
                let picture = scene(width, height, place, 24);
                for (w, h) in [(100, 100), (60, 80), (80, 60), (width, 40), (40, height), (40, 40)] {
                    let window = Size {
                        width: w.min(width),
                        height: h.min(height),
                    };
                    let rect = salient(&picture, window);
                    let keeps = rect.x <= place.0 - 12
                        && rect.y <= place.1 - 12
                        && rect.x + rect.width > place.0 + 12
                        && rect.y + rect.height > place.1 + 12;
                    assert!(keeps, "{rect:?} of {width}x{height} loses what is at {place:?}");
                    assert_eq!((rect.width, rect.height), (window.width, window.height));
                    assert!(rect.x + rect.width <= width && rect.y + rect.height <= height);
                }
            }
        }
    }

    #[test]
    fn of_nothing_the_middle_is_kept() {
        for has_alpha in [false, true] {
            let window = Size { width: 10, height: 7 };
            let rect = salient(&Picture::new(31, 20, has_alpha), window);
            assert_eq!((rect.x, rect.y), (10, 6));
        }
        let one = Size { width: 1, height: 1 };
        assert_eq!(salient(&Picture::new(1, 1, true), one).x, 0);
        // A window larger than the picture is the picture.
        assert_eq!(
            salient(&Picture::new(1, 3, false), Size { width: 9, height: 2 }).width,
            1
        );
    }

    #[test]
    fn what_is_transparent_draws_no_eye() {
        let mut picture = scene(100, 50, (20, 25), 24).with_alpha();
        for (at, pixel) in picture.pixels.chunks_exact_mut(4).enumerate() {
            pixel[3] = if at % 100 < 50 { 0 } else { 255 };
        }
        let rect = salient(&picture, Size { width: 40, height: 50 });
        assert!(rect.x >= 30, "{rect:?}");
    }
}
