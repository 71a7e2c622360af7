//! What holds for every operation that keeps the size, on any picture.

use transform::{Color, Corner};

use super::{blur, outline, sharpen, tone};
use crate::picture::Picture;

type Change = (&'static str, fn(Picture) -> Picture);

const RED: Color = Color {
    red: 220,
    green: 30,
    blue: 40,
    alpha: 255,
};

/// Those that mix pixels with their neighbours.
const FILTERS: [Change; 9] = [
    ("blur 0.4", |picture| blur::blur(picture, 0.4)),
    ("blur 2", |picture| blur::blur(picture, 2.0)),
    ("blur 5", |picture| blur::blur(picture, 5.0)),
    ("blur 50", |picture| blur::blur(picture, 50.0)),
    ("blur 1e9", |picture| blur::blur(picture, 1e9)),
    ("sharpen", |picture| sharpen::sharpen(picture, 80.0)),
    ("unsharp", |picture| sharpen::unsharp_mask(picture, 2.0, 1.5, 1.0, 0.02)),
    ("unsharp, cut", |picture| {
        sharpen::unsharp_mask(picture, 3.0, 40.0, 1.0, 0.0)
    }),
    ("unsharp, far", |picture| {
        sharpen::unsharp_mask(picture, 60.0, 40.0, 1e9, 0.0)
    }),
];

/// Those that look at each pixel alone.
const TONES: [Change; 5] = [
    ("grayscale", tone::grayscale),
    ("contrast", tone::stretch_contrast),
    ("colorize", |picture| tone::colorize(picture, RED, 0.5)),
    ("replace", |picture| tone::replace_color(picture, None, RED, 0.3)),
    ("replace all", |picture| {
        tone::replace_color(picture, Some(Color::WHITE), RED, 1.0)
    }),
];

fn all() -> impl Iterator<Item = Change> {
    FILTERS.into_iter().chain(TONES)
}

fn made(width: u32, height: u32, has_alpha: bool, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
    let mut picture = Picture::new(width, height, has_alpha);
    let channels = picture.channels();
    for (at, to) in picture.pixels.chunks_exact_mut(channels).enumerate() {
        let at = at as u32;
        to.copy_from_slice(&pixel(at % width, at / width)[..channels]);
    }
    picture
}

fn noise(x: u32, y: u32) -> [u8; 4] {
    let value = (y * 131 + x + 1).wrapping_mul(2_654_435_761);
    (value ^ (value >> 13)).wrapping_mul(2_246_822_519).to_be_bytes()
}

#[test]
fn any_size_is_kept() {
    for (width, height) in [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (33, 7), (64, 65)] {
        for has_alpha in [false, true] {
            for (name, change) in all() {
                let result = change(made(width, height, has_alpha, noise));
                let found = (result.width, result.height, result.has_alpha, result.pixels.len());
                let expected = (width, height, has_alpha, result.stride() * height as usize);
                assert_eq!(found, expected, "{name}");
            }
        }
    }
}

#[test]
fn one_color_stays_one_color() {
    for color in [
        [0, 0, 0, 255],
        [255, 255, 255, 255],
        [200, 13, 77, 255],
        [90, 160, 250, 128],
        [9, 9, 9, 0],
    ] {
        for has_alpha in [false, true] {
            for (name, change) in all() {
                let result = change(made(45, 31, has_alpha, |_, _| color));
                let mut pixels = result.pixels.chunks_exact(result.channels());
                let first = pixels.next().expect("a pixel");
                assert!(pixels.all(|pixel| pixel == first), "{name} of {color:?}");
            }
            for (name, change) in FILTERS {
                let picture = made(45, 31, has_alpha, |_, _| color);
                if color[3] == 255 {
                    assert_eq!(change(picture.clone()), picture, "{name} of {color:?}");
                }
            }
        }
    }
}

#[test]
fn opaque_stays_opaque() {
    for (name, change) in all() {
        let opaque = |x, y| {
            let [red, green, blue, _] = noise(x, y);
            [red, green, blue, 255]
        };
        let (plain, with_alpha) = (change(made(40, 30, false, opaque)), change(made(40, 30, true, opaque)));
        assert!(with_alpha.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255), "{name}");
        let differs = plain
            .pixels
            .iter()
            .zip(&with_alpha.without_alpha().pixels)
            .any(|(a, b)| a.abs_diff(*b) > 1);
        assert!(!differs, "{name} does something else when there is alpha");
    }
}

/// A gray half beside a transparent one, whose green must not show.
#[test]
fn nothing_bleeds_out_of_what_is_transparent() {
    let halves = |x, _| if x < 20 { [100, 100, 100, 255] } else { [0, 255, 0, 0] };
    for (name, change) in FILTERS {
        let result = change(made(40, 30, true, halves));
        for pixel in result.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
            let near = pixel[..3].iter().all(|value| value.abs_diff(100) <= 1);
            assert!(near, "{name}: {pixel:?}");
        }
    }
}

/// Against the definition, within what rounding and the coarse grid may do.
#[test]
fn blur_is_gaussian() {
    let (width, height) = (60, 1);
    let picture = made(width, height, false, |x, _| if x < 25 { [30; 4] } else { [230; 4] });
    for sigma in [0.5, 1.0, 3.0, 3.5, 7.0, 15.0, 50.0] {
        let result = blur::blur(picture.clone(), sigma);
        for x in 0..width {
            let weight = |at: i32| (-0.5 * (f64::from(at - x as i32) / sigma).powi(2)).exp();
            let reach = (x as i32 - 400)..(x as i32 + 400);
            let value = |at: i32| f64::from(picture.pixels[at.clamp(0, width as i32 - 1) as usize * 3]);
            let sum: f64 = reach.clone().map(weight).sum();
            let expected = reach.map(|at| weight(at) * value(at)).sum::<f64>() / sum;
            let found = f64::from(result.pixels[x as usize * 3]);
            assert!(
                (found - expected).abs() < 1.0,
                "sigma {sigma}, column {x}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn rounded_corners_cover_the_area_of_their_ellipses() {
    for (width, height, x, y) in [
        (40, 40, 20.0, 20.0),
        (41, 27, 20.5, 13.5),
        (60, 20, 7.3, 4.9),
        (1, 1, 0.5, 0.5),
        (9, 9, 0.3, 0.2),
    ] {
        let picture = outline::round(made(width, height, false, noise), [Corner { x, y }; 4]);
        let found = picture
            .pixels
            .chunks_exact(4)
            .map(|pixel| f64::from(pixel[3]))
            .sum::<f64>()
            / 255.0;
        let cut = (4.0 - std::f64::consts::PI) * x * y;
        let expected = f64::from(width * height) - cut;
        assert!(
            (found - expected).abs() < 0.1 + expected * 1e-3,
            "{width}x{height}: {found}, not {expected}"
        );
    }
}

/// No seam: where picture and frame are of one colour nothing can be seen of the curve between them.
#[test]
fn a_frame_meets_the_picture() {
    let corners = [12.0, 3.5, 0.0, 20.0].map(|radius| Corner { x: radius, y: radius });
    let color = [RED.red, RED.green, RED.blue, 255];
    let cut = outline::round(made(50, 40, false, |_, _| color), corners);
    let framed = outline::border(cut, 6, RED, corners);
    assert_eq!((framed.width, framed.height), (62, 52));
    let whole = corners.map(|Corner { x, y }| {
        if x > 0.0 {
            Corner { x: x + 6.0, y: y + 6.0 }
        } else {
            Corner { x, y }
        }
    });
    assert!(framed == outline::round(made(62, 52, false, |_, _| color), whole));
}
