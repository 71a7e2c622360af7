use transform::{Mix, Size};

use super::pad::Overlap;
use super::sample::Sampler;
use crate::picture::Picture;

/// Lays `layer` on `below` with its top-left corner at (`x`, `y`); what leaves `below` is cut. The result has the size of
/// `below`, and alpha if that has it, or if the mode makes pixels transparent.
pub(crate) fn composite(below: Picture, layer: &Picture, x: i32, y: i32, mode: Mix) -> Picture {
    let size = Size {
        width: below.width,
        height: below.height,
    };
    let overlap = Overlap::new(size, layer, x, y);
    match mode {
        Mix::Over if layer.has_alpha => mix(below, layer, &overlap, over),
        Mix::Over => cover(below, layer, &overlap),
        Mix::Multiply => mix(below, layer, &overlap, multiply),
        Mix::Cutter => cut(below, layer, &overlap),
        Mix::Cutout => cut_out(below, layer, &overlap),
        Mix::Displace { x, y } => displace(below, layer, &overlap, x, y),
    }
}

/// To the nearest: 255 is odd, so that there are no ties.
fn over_255(value: u32) -> u32 {
    (value + 127) / 255
}

fn alpha_of(pixel: &[u8]) -> u32 {
    pixel.get(3).map_or(255, |alpha| u32::from(*alpha))
}

/// An opaque layer.
fn cover(mut below: Picture, layer: &Picture, overlap: &Overlap) -> Picture {
    let has_alpha = below.has_alpha;
    for (to, from) in overlap.rows(&mut below, layer) {
        if has_alpha {
            for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(3)) {
                to[..3].copy_from_slice(from);
                to[3] = 255;
            }
        } else {
            to.copy_from_slice(from);
        }
    }
    below
}

fn mix(mut below: Picture, layer: &Picture, overlap: &Overlap, pixel: impl Fn(&mut [u8], &[u8])) -> Picture {
    let (channels_to, channels_from) = (below.channels(), layer.channels());
    for (to, from) in overlap.rows(&mut below, layer) {
        let from = from.chunks_exact(channels_from);
        for (to, from) in to.chunks_exact_mut(channels_to).zip(from) {
            pixel(to, from);
        }
    }
    below
}

/// Porter and Duff's source-over on straight alpha.
fn over(to: &mut [u8], from: &[u8]) {
    let (above, below) = (alpha_of(from), alpha_of(to));
    if above == 0 {
        return;
    }
    if above == 255 {
        to[..3].copy_from_slice(&from[..3]);
    } else if below == 255 {
        for (to, from) in to[..3].iter_mut().zip(from) {
            *to = over_255(u32::from(*from) * above + u32::from(*to) * (255 - above)) as u8;
        }
    } else {
        let (above, rest) = (above * 255, below * (255 - above));
        let sum = above + rest;
        for (to, from) in to[..3].iter_mut().zip(from) {
            *to = ((u32::from(*from) * above + u32::from(*to) * rest + sum / 2) / sum) as u8;
        }
        to[3] = over_255(sum) as u8;
        return;
    }
    if let Some(alpha) = to.get_mut(3) {
        *alpha = 255;
    }
}

/// The separable blend mode "multiply" (W3C, Compositing and Blending Level 1): where either of the two is transparent
/// the other shows as it is.
fn multiply(to: &mut [u8], from: &[u8]) {
    let (above, below) = (u64::from(alpha_of(from)), u64::from(alpha_of(to)));
    if above == 0 {
        return;
    }
    let sum = above * 255 + below * (255 - above);
    for (to, from) in to[..3].iter_mut().zip(from) {
        let (a, b) = (u64::from(*from), u64::from(*to));
        let mixed = a * above * (255 - below) * 255 + b * below * (255 - above) * 255 + above * below * a * b;
        let whole = sum * 255;
        *to = ((mixed + whole / 2) / whole) as u8;
    }
    if let Some(alpha) = to.get_mut(3) {
        *alpha = over_255(sum as u32) as u8;
    }
}

/// What is left of the picture inside the layer's shape.
fn cut(below: Picture, layer: &Picture, overlap: &Overlap) -> Picture {
    let (left, top) = overlap.corner();
    let (width, height) = overlap.size();
    if !layer.has_alpha && (width, height) == (below.width as usize, below.height as usize) {
        return below;
    }
    let mut result = mix(below.with_alpha(), layer, overlap, |to, from| {
        to[3] = over_255(u32::from(to[3]) * alpha_of(from)) as u8;
    });
    let stride = result.stride();
    for (y, row) in result.pixels.chunks_exact_mut(stride).enumerate() {
        if (top..top + height).contains(&y) {
            row[..left * 4].fill(0);
            row[(left + width) * 4..].fill(0);
        } else {
            row.fill(0);
        }
    }
    result
}

/// What is left of the picture outside of the layer's shape.
fn cut_out(below: Picture, layer: &Picture, overlap: &Overlap) -> Picture {
    if overlap.is_empty() {
        return below;
    }
    mix(below.with_alpha(), layer, overlap, |to, from| {
        to[3] = over_255(u32::from(to[3]) * (255 - alpha_of(from))) as u8;
    })
}

/// Every pixel takes what is as many columns to its right as the layer's red says, and rows down as its green says, as a
/// displacement map of SVG does (Filter Effects Level 1): 128 is none, 255 all of `x` or `y`, less than 128 the other way.
/// A map moves as far as it is opaque. Beyond its edges the picture goes on as its outermost pixels.
fn displace(below: Picture, layer: &Picture, overlap: &Overlap, x: f64, y: f64) -> Picture {
    // Farther away there is no pixel of any picture.
    let strength = |value: f64| (value.clamp(-65_536.0, 65_536.0) / 127.0 / 255.0) as f32;
    let (x, y) = (strength(x), strength(y));
    if overlap.is_empty() || !x.is_finite() || !y.is_finite() || (x == 0.0 && y == 0.0) {
        return below;
    }
    let mut result = below.clone();
    let sampler = Sampler::new(&below);
    let (channels_to, channels_from) = (result.channels(), layer.channels());
    let (left, top) = overlap.corner();
    for (row, (to, from)) in overlap.rows(&mut result, layer).enumerate() {
        let from = from.chunks_exact(channels_from);
        for (column, (to, from)) in to.chunks_exact_mut(channels_to).zip(from).enumerate() {
            let opaque = alpha_of(from) as f32;
            let shift = |value: u8, strength: f32| f64::from((f32::from(value) - 128.0) * opaque * strength);
            let (dx, dy) = (shift(from[0], x), shift(from[1], y));
            if dx != 0.0 || dy != 0.0 {
                let place = ((left + column) as f64 + 0.5 + dx, (top + row) as f64 + 0.5 + dy);
                let pixel = super::sample::unweighted(sampler.at(place.0, place.1));
                to.copy_from_slice(&pixel[..channels_to]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pad::filled;
    use transform::Color;

    const MODES: [Mix; 5] = [
        Mix::Over,
        Mix::Multiply,
        Mix::Cutter,
        Mix::Cutout,
        Mix::Displace { x: 3.0, y: -2.0 },
    ];

    fn one([red, green, blue, alpha]: [u8; 4], has_alpha: bool) -> Picture {
        let size = Size { width: 1, height: 1 };
        let color = Color {
            red,
            green,
            blue,
            alpha,
        };
        filled(size, color, has_alpha)
    }

    fn mixed(below: [u8; 4], above: [u8; 4], mode: Mix) -> [u8; 4] {
        let result = composite(one(below, true), &one(above, true), 0, 0, mode);
        result.pixels.try_into().expect("one pixel")
    }

    #[test]
    fn single_pixels() {
        let (red, half) = ([200, 0, 100, 255], [100, 50, 200, 128]);
        assert_eq!(mixed(red, half, Mix::Over), [150, 25, 150, 255]);
        assert_eq!(mixed([9, 9, 9, 0], half, Mix::Over), half);
        assert_eq!(mixed(half, [9, 9, 9, 0], Mix::Over), half);
        // Two halves leave a quarter open: (100 * 128 * 255 + 0) / (128 * 255 + 128 * 127).
        assert_eq!(mixed([0, 0, 0, 128], half, Mix::Over), [67, 33, 134, 192]);
        assert_eq!(mixed(red, [100, 255, 0, 255], Mix::Multiply), [78, 0, 0, 255]);
        assert_eq!(mixed([9, 9, 9, 0], half, Mix::Multiply), half);
        assert_eq!(mixed(red, half, Mix::Cutter), [200, 0, 100, 128]);
        assert_eq!(mixed(red, half, Mix::Cutout), [200, 0, 100, 127]);
    }

    /// Against the definition, in real numbers.
    #[test]
    fn rounding_is_exact() {
        for below in (0..=255).step_by(51) {
            for above in (0..=255).step_by(17) {
                for value in (0..=255).step_by(15) {
                    let (a, b) = (f64::from(above) / 255.0, f64::from(below) / 255.0);
                    let alpha = a + b * (1.0 - a);
                    let color = (f64::from(value) * a + 77.0 * b * (1.0 - a)) / alpha;
                    let [red, .., result] = mixed([77, 0, 0, below as u8], [value as u8, 0, 0, above as u8], Mix::Over);
                    assert!((f64::from(result) - alpha * 255.0).abs() <= 0.5 + 1e-9);
                    assert!(alpha == 0.0 || (f64::from(red) - color).abs() <= 0.5 + 1e-9);
                    let product = mixed([77, 0, 0, below as u8], [value as u8, 0, 0, above as u8], Mix::Multiply)[0];
                    let value = f64::from(value);
                    let color = (value * a * (1.0 - b) + 77.0 * b * (1.0 - a) + a * b * value * 77.0 / 255.0) / alpha;
                    assert!(alpha == 0.0 || (f64::from(product) - color).abs() <= 0.5 + 1e-9);
                }
            }
        }
    }

    #[test]
    fn any_place_keeps_the_size() {
        for mode in MODES {
            for has_alpha in [false, true] {
                for x in [i32::MIN, -4, -1, 0, 2, i32::MAX] {
                    let below = filled(Size { width: 3, height: 2 }, Color::WHITE, has_alpha);
                    let layer = filled(Size { width: 4, height: 1 }, Color::BLACK, !has_alpha);
                    let result = composite(below.clone(), &layer, x, 1, mode);
                    assert_eq!((result.width, result.height), (3, 2));
                    assert_eq!(result.pixels.len(), result.stride() * 2);
                    if x.unsigned_abs() > 3 && mode != Mix::Cutter {
                        assert_eq!(result, below, "{mode:?} at {x}");
                    }
                }
            }
        }
    }

    #[test]
    fn alpha_only_where_needed() {
        let (opaque, layer) = (one([1, 2, 3, 255], false), one([255; 4], false));
        for mode in [Mix::Over, Mix::Multiply, Mix::Cutter] {
            assert!(!composite(opaque.clone(), &layer, 0, 0, mode).has_alpha, "{mode:?}");
        }
        assert!(composite(opaque.clone(), &layer, 0, 0, Mix::Cutout).has_alpha);
        assert!(composite(opaque, &layer, 1, 0, Mix::Cutter).has_alpha);
    }

    #[test]
    fn displacing_by_odd_numbers() {
        for strength in [f64::NAN, f64::INFINITY, -1e300, 1e-300] {
            let mode = Mix::Displace {
                x: strength,
                y: strength,
            };
            let below = filled(Size { width: 3, height: 2 }, Color::WHITE, false);
            let layer = filled(Size { width: 3, height: 2 }, Color::BLACK, false);
            assert_eq!(composite(below.clone(), &layer, 0, 0, mode), below);
        }
    }
}
