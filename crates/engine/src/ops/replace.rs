use transform::Color;

use super::light::{LINEAR, encode};
use crate::picture::Picture;

/// Replaces a colour (the dominant one if there is no `from`) and its neighbours by `to`, keeping the shading.
///
/// Distances are those of OKLab (Ottosson, "A perceptual color space for image processing", 2020), in which lightness
/// counts half: a fold in a red cloth is still that cloth. Whatever is near is moved by the difference of the two colours
/// in that space, so lighter stays lighter; between near and far there is a soft edge. `tolerance` is 0 for this very
/// colour to 1 for all, and grows with the square, as the number of colours nearby does. The alpha of `to` multiplies
/// that of what it replaces.
pub(crate) fn replace_color(picture: Picture, from: Option<Color>, to: Color, tolerance: f64) -> Picture {
    let Some(from) = from.or_else(|| dominant(&picture)) else {
        return picture;
    };
    let mut picture = if to.is_opaque() { picture } else { picture.with_alpha() };
    let replacement = Replacement::new(from, to, tolerance);
    let channels = picture.channels();
    for pixels in picture.pixels.chunks_mut(channels * BLOCK) {
        replacement.apply(pixels, channels);
    }
    picture
}

/// The most frequent colour, as far as pixels are opaque: the mean of the fullest of 4096 boxes and its neighbours.
/// None if everything is transparent.
pub(crate) fn dominant(picture: &Picture) -> Option<Color> {
    const SIDE: usize = 16;
    // Weights, and weighted sums of the three channels.
    let mut boxes = vec![[0_u64; 4]; SIDE * SIDE * SIDE];
    let channels = picture.channels();
    for pixel in picture.pixels.chunks_exact(channels) {
        let weight = if channels == 4 { u64::from(pixel[3]) } else { 1 };
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(usize::from);
        let sums = &mut boxes[((red >> 4) * SIDE + (green >> 4)) * SIDE + (blue >> 4)];
        sums[0] += weight;
        sums[1] += weight * red as u64;
        sums[2] += weight * green as u64;
        sums[3] += weight * blue as u64;
    }
    let near = |at: usize| at.saturating_sub(1)..=(at + 1).min(SIDE - 1);
    // A colour that lies on the border of two boxes is found by what they hold together.
    let around = |at: usize| {
        let mut sums = [0; 4];
        for red in near(at / (SIDE * SIDE)) {
            for green in near(at / SIDE % SIDE) {
                for blue in near(at % SIDE) {
                    let more = boxes[(red * SIDE + green) * SIDE + blue];
                    (0..4).for_each(|index| sums[index] += more[index]);
                }
            }
        }
        sums
    };
    let fullest = (0..boxes.len())
        .filter(|at| boxes[*at][0] > 0)
        .max_by_key(|at| (around(*at)[0], boxes[*at][0], std::cmp::Reverse(*at)))?;
    let [weight, red, green, blue] = around(fullest);
    let mean = |sum: u64| ((sum + weight / 2) / weight) as u8;
    Some(Color {
        red: mean(red),
        green: mean(green),
        blue: mean(blue),
        alpha: 255,
    })
}

/// Pixels that are converted side by side.
const BLOCK: usize = 64;
/// What lightness counts among the three coordinates.
const LIGHTNESS: f32 = 0.5;
/// Distance of the soft edge's middle at tolerance 1: no two colours of sRGB are farther apart than three quarters of it.
const FARTHEST: f64 = 1.1;
/// What eight bits a channel can't tell from the colour itself.
const LEAST: f64 = 0.004;

struct Replacement {
    from: [f32; 3],
    shift: [f32; 3],
    /// Squares: everything nearer is replaced, nothing farther.
    near: f32,
    far: f32,
    alpha: f32,
}

impl Replacement {
    fn new(from: Color, to: Color, tolerance: f64) -> Self {
        let [from, wanted] = [from, to].map(|color| {
            let [red, green, blue] = [color.red, color.green, color.blue].map(|value| LINEAR[usize::from(value)]);
            oklab(red, green, blue)
        });
        let middle = LEAST + FARTHEST * tolerance.clamp(0.0, 1.0).powi(2);
        Self {
            from,
            shift: std::array::from_fn(|index| wanted[index] - from[index]),
            near: (middle * 0.75).powi(2) as f32,
            far: (middle * 1.25).powi(2) as f32,
            alpha: f32::from(to.alpha) / 255.0,
        }
    }

    /// At most [`BLOCK`] pixels.
    fn apply(&self, pixels: &mut [u8], channels: usize) {
        let mut lab = [[0.0; BLOCK]; 3];
        for (at, pixel) in pixels.chunks_exact(channels).enumerate() {
            for channel in 0..3 {
                lab[channel][at] = LINEAR[usize::from(pixel[channel])];
            }
        }
        let mut distances = [0.0_f32; BLOCK];
        for at in 0..BLOCK {
            let [lightness, a, b] = oklab(lab[0][at], lab[1][at], lab[2][at]);
            let (dl, da, db) = (lightness - self.from[0], a - self.from[1], b - self.from[2]);
            (lab[0][at], lab[1][at], lab[2][at]) = (lightness, a, b);
            distances[at] = LIGHTNESS * LIGHTNESS * dl * dl + da * da + db * db;
        }
        for (at, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
            if distances[at] >= self.far {
                continue;
            }
            let share = self.share(distances[at]);
            let moved = linear(std::array::from_fn(|index| lab[index][at] + self.shift[index] * share));
            for channel in 0..3 {
                pixel[channel] = encode(moved[channel]);
            }
            if channels == 4 {
                let factor = 1.0 + (self.alpha - 1.0) * share;
                pixel[3] = (f32::from(pixel[3]) * factor + 0.5) as u8;
            }
        }
    }

    /// How much of a pixel at this squared distance is replaced: from 1 to 0 without a corner.
    fn share(&self, squared: f32) -> f32 {
        if squared <= self.near {
            return 1.0;
        }
        let (near, far) = (self.near.sqrt(), self.far.sqrt());
        let t = ((far - squared.sqrt()) / (far - near)).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    }
}

/// From linear light to lightness and the two colour axes.
#[inline(always)]
fn oklab(red: f32, green: f32, blue: f32) -> [f32; 3] {
    let l = cube_root(0.412_221_46 * red + 0.536_332_55 * green + 0.051_445_995 * blue);
    let m = cube_root(0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue);
    let s = cube_root(0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// And back; what sRGB has not is outside 0 to 1.
fn linear([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    let cube = |root: f32| root * root * root;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

/// Of a number from 0 to 1. A third of the exponent is a first guess, three of Newton's steps make it exact: no branch,
/// so that many are done side by side.
#[inline(always)]
fn cube_root(value: f32) -> f32 {
    let value = value.max(1e-12);
    let mut root = f32::from_bits(value.to_bits() / 3 + 0x2a51_37a0);
    for _ in 0..3 {
        root = (2.0 * root + value / (root * root)) / 3.0;
    }
    root
}
