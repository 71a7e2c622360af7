//! A perceptual hash: pictures that look alike have hashes that differ in few bits, whatever their size and format.

use std::f32::consts::PI;
use std::fmt;
use std::str::FromStr;

use transform::{Op, Orientation, Part, Size};

use crate::execute::{Inputs, Session, caught};
use crate::models::Models;
use crate::picture::Picture;
use crate::probe::{Header, Want};
use crate::text::Fonts;
use crate::{Budget, RenderError, ops};

/// Columns and rows of the picture that is hashed.
const SIDE: usize = 32;
/// Columns and rows of the frequencies that count.
const KEPT: usize = 8;

/// 64 bits that tell how a picture looks. Written as sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerceptualHash(u64);

impl PerceptualHash {
    /// In how many bits two hashes differ: 0 for the same picture, about 32 for two that have nothing in common.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    /// As a number.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// From [`to_bits`](Self::to_bits).
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a perceptual hash is sixteen hexadecimal digits")]
pub struct PerceptualHashError;

impl FromStr for PerceptualHash {
    type Err = PerceptualHashError;

    fn from_str(text: &str) -> Result<Self, PerceptualHashError> {
        let sound = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(text, 16).ok().filter(|_| sound);
        bits.map(Self).ok_or(PerceptualHashError)
    }
}

/// Hashes a picture as a viewer sees it: its first frame, upright, on white. It is decoded as small as its format can be,
/// so a photograph of twenty megapixels costs a fraction of what showing it would.
///
/// # Errors
///
/// Those of [`render`](crate::render): a picture that is broken, or larger than the budget.
pub fn perceptual_hash(source: &[u8], budget: &Budget) -> Result<PerceptualHash, RenderError> {
    caught(|| {
        budget.check_source(source.len())?;
        let header = Header::of(source, &Part::Default, Want::Facts)?;
        budget.check_pixels(header.info.width, header.info.height)?;
        let side = SIDE as u32;
        let mut ops = vec![Op::Resize(Size {
            width: side,
            height: side,
        })];
        if header.info.orientation != Orientation::Upright {
            ops.insert(0, Op::Orient(header.info.orientation));
        }
        let inputs = Inputs {
            source,
            decoded: None,
            files: &std::collections::HashMap::new(),
            fonts: &Fonts::bundled(),
            models: &Models::default(),
        };
        let base = Session::new(&inputs, budget).base(&Part::Default, &ops, false, None)?;
        Ok(of_picture(base.pixels.into_rgb()?))
    })
}

/// Of a picture of 32 x 32: whether each of the lowest frequencies of its brightness is more than their median. How bright
/// it is as a whole does not count.
fn of_picture(picture: Picture) -> PerceptualHash {
    let picture = ops::flatten::flatten(picture, transform::Color::WHITE);
    let luma: Vec<f32> = picture
        .pixels
        .chunks_exact(picture.channels())
        .map(|pixel| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]))
        .collect();
    let mean = luma.iter().sum::<f32>() / luma.len().max(1) as f32;
    let waves: Vec<[f32; SIDE]> = (0..KEPT)
        .map(|frequency| std::array::from_fn(|at| (PI / SIDE as f32 * (at as f32 + 0.5) * frequency as f32).cos()))
        .collect();
    let along = |values: &dyn Fn(usize) -> f32, wave: &[f32; SIDE]| -> f32 {
        wave.iter().enumerate().map(|(at, wave)| wave * values(at)).sum()
    };
    // Across each row first, then down.
    let rows: Vec<Vec<f32>> = waves
        .iter()
        .map(|wave| {
            (0..SIDE)
                .map(|y| along(&|x| luma.get(y * SIDE + x).map_or(0.0, |luma| luma - mean), wave))
                .collect()
        })
        .collect();
    let strengths: Vec<f32> = waves
        .iter()
        .flat_map(|wave| rows.iter().map(move |row| along(&|y| row[y], wave)))
        .collect();
    let mut sorted = strengths.clone();
    sorted.sort_by(f32::total_cmp);
    let median = (sorted[KEPT * KEPT / 2 - 1] + sorted[KEPT * KEPT / 2]) / 2.0;
    // What is nothing but rounding is no difference: a plain area has no bits.
    const NOTHING: f32 = 0.5;
    let bits = strengths
        .iter()
        .fold(0, |bits, strength| bits << 1 | u64::from(strength - median > NOTHING));
    PerceptualHash(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let hash = |text: &str| text.parse::<PerceptualHash>().expect("a hash");
        for (a, b, expected) in [
            ("63433b3ccf8e1ebe", "f5d2226cd9d32b16", 27),
            ("63433b3ccf8e1ebe", "61433b3fcf8f9faf", 8),
            ("0000000000000000", "FFFFFFFFFFFFFFFF", 64),
            ("00000000000000ff", "00000000000000ff", 0),
        ] {
            assert_eq!(hash(a).distance(hash(b)), expected);
        }
        assert_eq!(hash("00000000000000Ff").to_string(), "00000000000000ff");
        for text in [
            "",
            "63433b3ccf8e1eb",
            "63433b3ccf8e1ebe0",
            "+3433b3ccf8e1ebe",
            "x3433b3ccf8e1ebe",
        ] {
            assert_eq!(text.parse::<PerceptualHash>(), Err(PerceptualHashError), "{text}");
        }
    }
}
