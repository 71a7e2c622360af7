//! Pictures for those who have no folder of photographs: always the same, with the smooth shades, fine grain, hard
//! edges and thin lines that encoders and resamplers meet in photographs.

use image::{Rgb, RgbImage, Rgba, RgbaImage};

/// A scene of hills under a sky, with discs and a fence of thin lines before it. Each `seed` is another one.
pub fn scene(seed: u32, width: u32, height: u32) -> RgbImage {
    let scale = f64::from(width.max(height));
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = (f64::from(column) / scale, f64::from(row) / scale);
        let coarse = fractal(seed, x * 4.0, y * 4.0, 5);
        let fine = fractal(seed ^ 0x9e37, x * 160.0, y * 160.0, 3);
        let horizon = 0.3 + 0.25 * fractal(seed ^ 0x51ed, x * 3.0, 0.0, 4);
        let mut colour = if y < horizon {
            [0.35 + 0.5 * y + 0.15 * coarse, 0.55 + 0.35 * y, 0.9 - 0.2 * coarse]
        } else {
            let light = 0.25 + 0.5 * coarse + 0.35 * (fine - 0.5);
            [light * 0.8, light, light * 0.45]
        };
        for disc in 0..9 {
            let random = |n| lattice(seed.wrapping_add(disc), n, 77);
            let (dx, dy) = (x - random(1), y - 0.75 * random(2));
            if (dx * dx + dy * dy).sqrt() < 0.02 + 0.07 * random(3) {
                let shade = 0.7 + 0.3 * fine;
                colour = [random(4) * shade, random(5) * shade, random(6) * shade];
            }
        }
        if y > 0.5 && (x * 90.0).fract() < 0.06 {
            colour = [0.92, 0.9, 0.85];
        }
        let grain = 0.03 * (lattice(seed ^ 0xa5a5, column, row) - 0.5);
        Rgb(colour.map(|channel| to_byte(channel + grain)))
    })
}

/// Frames one below the other: a window that moves over a scene.
pub fn strip(seed: u32, width: u32, height: u32, frames: u32) -> RgbImage {
    const STEP: u32 = 12;
    let wide = scene(seed, width + STEP * frames, height);
    RgbImage::from_fn(width, height * frames, |column, row| {
        *wide.get_pixel(column + STEP * (row / height), row % height)
    })
}

/// The picture in an oval that fades out over a few pixels.
pub fn in_an_oval(picture: &RgbImage) -> RgbaImage {
    let (half_width, half_height) = (f64::from(picture.width()) / 2.0, f64::from(picture.height()) / 2.0);
    RgbaImage::from_fn(picture.width(), picture.height(), |column, row| {
        let (dx, dy) = (f64::from(column) / half_width - 1.0, f64::from(row) / half_height - 1.0);
        let inside = (1.0 - (dx * dx + dy * dy).sqrt()) * half_width.min(half_height) / 6.0;
        let Rgb([red, green, blue]) = *picture.get_pixel(column, row);
        Rgba([red, green, blue, to_byte(inside)])
    })
}

/// Value noise, octave over octave; from 0 to 1.
fn fractal(seed: u32, x: f64, y: f64, octaves: u32) -> f64 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..octaves {
        let frequency = f64::from(1u32 << octave);
        sum += weight * smooth_noise(seed.wrapping_add(octave), x * frequency, y * frequency);
        total += weight;
        weight *= 0.55;
    }
    sum / total
}

fn smooth_noise(seed: u32, x: f64, y: f64) -> f64 {
    // Coordinates are small and not negative, so that the cast keeps the whole part.
    let (column, row) = (x.floor() as u32, y.floor() as u32);
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(x.fract()), ease(y.fract()));
    let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
    mix(
        mix(lattice(seed, column, row), lattice(seed, column + 1, row), tx),
        mix(lattice(seed, column, row + 1), lattice(seed, column + 1, row + 1), tx),
        ty,
    )
}

/// An even spread of numbers from 0 to 1, the same on every machine (a finaliser in the manner of MurmurHash3).
fn lattice(seed: u32, column: u32, row: u32) -> f64 {
    let mut hash = seed.wrapping_mul(0x9e37_79b9) ^ column.wrapping_mul(0x85eb_ca6b) ^ row.wrapping_mul(0xc2b2_ae35);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x7feb_352d);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x846c_a68b);
    f64::from(hash ^ (hash >> 16)) / f64::from(u32::MAX)
}

fn to_byte(channel: f64) -> u8 {
    // A float cast saturates, so that what is too bright stays white.
    (channel * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_the_same_every_time_and_another_for_another_seed() {
        assert_eq!(scene(1, 64, 48), scene(1, 64, 48));
        assert_ne!(scene(1, 64, 48), scene(2, 64, 48));
    }

    #[test]
    fn an_oval_is_opaque_in_the_middle_and_clear_in_the_corners() {
        let oval = in_an_oval(&scene(1, 64, 48));
        assert_eq!(oval.get_pixel(32, 24).0[3], 255);
        assert_eq!(oval.get_pixel(0, 0).0[3], 0);
    }
}
