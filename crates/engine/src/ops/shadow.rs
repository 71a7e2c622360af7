use super::blur::blur_plane;
use crate::picture::Picture;

/// A soft black shadow below what is not transparent, `x` columns to the right and `y` rows down, blurred by a Gaussian of
/// this standard deviation. The picture keeps its size, and what falls outside is cut.
pub(crate) fn shadow(mut picture: Picture, sigma: f64, strength: f64, x: i32, y: i32) -> Picture {
    if !shows(&picture, strength) {
        return picture;
    }
    let (width, height) = (i64::from(picture.width), i64::from(picture.height));
    let mut plane = vec![0; picture.pixels.len() / 4];
    for (at, to) in plane.chunks_exact_mut(width as usize).enumerate() {
        let from = at as i64 - i64::from(y);
        if !(0..height).contains(&from) {
            continue;
        }
        let shift = i64::from(x).clamp(-width, width);
        let (to_x, from_x) = (shift.max(0) as usize, (-shift).max(0) as usize);
        let row = &picture.pixels[from as usize * width as usize * 4..][..width as usize * 4];
        let alphas = row.chunks_exact(4).skip(from_x).map(|pixel| pixel[3]);
        to.iter_mut().skip(to_x).zip(alphas).for_each(|(to, alpha)| *to = alpha);
    }
    blur_plane(&mut plane, picture.width, picture.height, sigma);
    let strength = strength.clamp(0.0, 1.0) as f32 / 255.0;
    for (pixel, shadow) in picture.pixels.chunks_exact_mut(4).zip(&plane) {
        lay_under(pixel, f32::from(*shadow) * strength);
    }
    picture
}

/// How much of a thing's height is seen again in its shadow where that runs straight away from us: the ground is looked at
/// from thirty degrees above.
const FORESHORTENED: f64 = 0.5;
/// Length of the longest shadow, in heights of the thing.
const LONGEST: f64 = 3.0;
/// Things are as deep as this share of their height, seen from above: no shadow is thinner.
const DEPTH: f64 = 0.12;
/// Standard deviation of the blur at the far end of a shadow, in its lengths, and at its near end.
const FAR_BLUR: f64 = 0.05;
const NEAR_BLUR: f64 = 0.006;
/// Share of its strength that a shadow has lost at its far end.
const FADED: f64 = 0.45;

/// The shadow that a cut-out throws on the ground below it, from a light that stands `azimuth` degrees clockwise from
/// behind it (90 is from the right, 180 from the viewer) and `elevation` degrees high. The ground is a plane on which the
/// lowest row that is opaque stands; the silhouette is sheared and scaled about that row. With the distance from it, the
/// shadow becomes softer and fainter. The picture keeps its size, and what falls outside is cut.
pub(crate) fn drop_shadow(mut picture: Picture, azimuth: f64, elevation: f64, strength: f64) -> Picture {
    if !shows(&picture, strength) || !azimuth.is_finite() || elevation.is_nan() {
        return picture;
    }
    let (width, height) = (picture.width as usize, picture.height as usize);
    let is_seen = |y: &usize| {
        picture.pixels[y * width * 4..][..width * 4]
            .chunks_exact(4)
            .any(|p| p[3] >= 128)
    };
    let (Some(top), Some(last)) = ((0..height).find(is_seen), (0..height).rev().find(is_seen)) else {
        return picture;
    };
    let ground = (last + 1) as f64;
    let tall = ground - top as f64;
    let length = (1.0 / elevation.clamp(1.0, 90.0).to_radians().tan()).clamp(0.0, LONGEST);
    let (sin, cos) = azimuth.to_radians().sin_cos();
    // Where a point that is one pixel high throws its shadow: columns to the right, rows up.
    let (right, up) = (-sin * length, -cos * length * FORESHORTENED);
    let up = if up < 0.0 { up.min(-DEPTH) } else { up.max(DEPTH) };

    let plane = thrown(&picture, top, ground, right, up);
    let reach = tall * length.max(0.3);
    // Between these three blurs the shadow is mixed, by its distance.
    let blurs = [NEAR_BLUR, (NEAR_BLUR + FAR_BLUR) / 2.0, FAR_BLUR].map(|share| {
        let mut plane = plane.clone();
        blur_plane(&mut plane, picture.width, picture.height, (reach * share).max(0.6));
        plane
    });
    for (y, row) in picture.pixels.chunks_exact_mut(width * 4).enumerate() {
        let far = ((ground - y as f64 - 0.5) / up / tall).clamp(0.0, 1.0);
        let strength = (strength.clamp(0.0, 1.0) * (1.0 - FADED * far) / 255.0) as f32;
        let (lower, share) = if far < 0.5 {
            (0, (far * 2.0) as f32)
        } else {
            (1, (far * 2.0 - 1.0) as f32)
        };
        let planes = [&blurs[lower], &blurs[lower + 1]].map(|plane| &plane[y * width..][..width]);
        for ((pixel, near), far) in row.chunks_exact_mut(4).zip(planes[0]).zip(planes[1]) {
            let shadow = f32::from(*near) * (1.0 - share) + f32::from(*far) * share;
            lay_under(pixel, shadow * strength);
        }
    }
    picture
}

/// Alpha as it falls on the ground.
fn thrown(picture: &Picture, top: usize, ground: f64, right: f64, up: f64) -> Vec<u8> {
    let width = picture.width as usize;
    let mut plane = vec![0; picture.pixels.len() / 4];
    // Where rows lie closer on the ground than in the picture, or move sideways from one to the next, each row of the
    // shadow is the mean of several.
    let samples = ((1.0 / up.abs()).max((right / up).abs() / 2.0).ceil() as usize).clamp(1, 24);
    let mut sums = vec![0.0_f32; width];
    for (y, to) in plane.chunks_exact_mut(width).enumerate() {
        sums.fill(0.0);
        let mut is_empty = true;
        for sample in 0..samples {
            let at = y as f64 + (sample as f64 + 0.5) / samples as f64;
            let high = (ground - at) / up;
            let from = (ground - high).floor();
            if high < 0.0 || from < top as f64 || from >= ground {
                continue;
            }
            is_empty = false;
            let row = &picture.pixels[from as usize * width * 4..][..width * 4];
            let shift = high * right;
            let whole = shift.floor();
            let part = (shift - whole) as f32;
            // Only the columns that come from inside; a shift is at most a few pictures long.
            let whole = whole as i64;
            let first = whole.clamp(0, width as i64);
            let last = (width as i64 + whole + 1).clamp(first, width as i64);
            let alpha = |x: i64| {
                usize::try_from(x)
                    .ok()
                    .and_then(|x| row.get(x * 4 + 3))
                    .map_or(0.0, |a| f32::from(*a))
            };
            for x in first..last {
                let from = x - whole;
                sums[x as usize] += alpha(from) * (1.0 - part) + alpha(from - 1) * part;
            }
        }
        if !is_empty {
            for (to, sum) in to.iter_mut().zip(&sums) {
                *to = (sum / samples as f32 + 0.5) as u8;
            }
        }
    }
    plane
}

fn shows(picture: &Picture, strength: f64) -> bool {
    picture.has_alpha && strength > 0.0 && picture.pixels.chunks_exact(4).any(|pixel| pixel[3] < 255)
}

/// Black of this opacity, 0 to 1, below a pixel.
fn lay_under(pixel: &mut [u8], shadow: f32) {
    if pixel[3] == 255 || shadow <= 0.0 {
        return;
    }
    let above = f32::from(pixel[3]) / 255.0;
    let sum = above + shadow * (1.0 - above);
    let weight = above / sum;
    for channel in &mut pixel[..3] {
        *channel = (f32::from(*channel) * weight + 0.5) as u8;
    }
    pixel[3] = (sum * 255.0 + 0.5) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pad::filled;
    use transform::{Color, Size};

    const SIZE: Size = Size { width: 20, height: 20 };

    fn block() -> Picture {
        let mut picture = Picture::new(20, 20, true);
        for y in 5..15 {
            for x in 5..15 {
                picture.pixels[(y * 20 + x) * 4..][..4].copy_from_slice(&[200, 100, 50, 255]);
            }
        }
        picture
    }

    fn all(picture: &Picture, strength: f64) -> Vec<Picture> {
        let numbers = [0.0, 1.0, 45.0, 90.0, 215.0, -1e300, f64::NAN, f64::INFINITY];
        let mut results = Vec::new();
        for a in numbers {
            for b in numbers {
                results.push(drop_shadow(picture.clone(), a, b, strength));
            }
            for x in [i32::MIN, -1, 0, i32::MAX] {
                results.push(shadow(picture.clone(), a.clamp(0.0, 100.0), strength, x, x));
            }
        }
        results
    }

    #[test]
    fn nothing_to_see() {
        let white = filled(SIZE, Color::WHITE, true);
        let nothing = Picture::new(20, 20, true);
        let opaque = filled(SIZE, Color::WHITE, false);
        for picture in [white, nothing, opaque] {
            assert!(all(&picture, 1.0).iter().all(|result| *result == picture));
        }
        assert!(all(&block(), 0.0).iter().all(|result| *result == block()));
        assert!(all(&block(), f64::NAN).iter().all(|result| *result == block()));
    }

    #[test]
    fn the_thing_itself_stays() {
        let before = block();
        for result in all(&before, 0.5).into_iter().chain(all(&before, 9.0)) {
            for (before, after) in before.pixels.chunks_exact(4).zip(result.pixels.chunks_exact(4)) {
                assert!(before[3] == 0 || before == after);
                assert!(before[3] == 255 || after[..3] == [0, 0, 0]);
            }
        }
        let mut one = Picture::new(1, 1, true);
        one.pixels[3] = 100;
        all(&one, 1.0);
    }

    #[test]
    fn it_falls_away_from_the_light() {
        let alpha = |picture: &Picture, x: usize, y: usize| picture.pixels[(y * 20 + x) * 4 + 3];
        let cast = shadow(block(), 0.0, 0.5, 3, -2);
        assert_eq!(
            (alpha(&cast, 17, 3), alpha(&cast, 4, 8), alpha(&cast, 17, 14)),
            (128, 0, 0)
        );
        // From the left: to the right, along the ground.
        let cast = drop_shadow(block(), 270.0, 45.0, 1.0);
        assert!(alpha(&cast, 16, 14) > 2 * alpha(&cast, 3, 14) + 10);
        // From behind: towards the viewer.
        let cast = drop_shadow(block(), 0.0, 45.0, 1.0);
        assert!(alpha(&cast, 10, 16) > 100 && alpha(&cast, 10, 3) == 0);
    }
}
