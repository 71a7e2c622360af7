//! From coefficients to samples, at once smaller: the inverse transform of a block's lowest frequencies only.
//!
//! The lowest n coefficients of eight, with a gain of n / 8, are the transform of what the eight samples are at n places:
//! a reduction by a filter of the sharpest kind. (R. Dugad and N. Ahuja, "A fast scheme for image size change in the
//! compressed domain", 2001.)

use std::num::Wrapping;

type Fixed = Wrapping<i32>;

/// Fractional bits of factors.
const SCALE: usize = 11;
/// Fractional bits that are kept between columns and rows.
const EXTRA: usize = 2;

/// Factors are the square root of two times cos(k pi / 16).
const fn factor(value: f64) -> Fixed {
    Wrapping((value * (1 << SCALE) as f64 + 0.5) as i32)
}
const C1: Fixed = factor(1.387_039_845);
const C2: Fixed = factor(1.306_562_965);
const C3: Fixed = factor(1.175_875_602);
const C5: Fixed = factor(0.785_694_958);
const C6: Fixed = factor(0.541_196_100);
const C7: Fixed = factor(0.275_899_379);

/// Of coefficients in rows of eight, makes samples across and down (1, 2, 4 or 8 each) in rows of `stride`.
#[inline(always)]
pub(super) fn samples<const NX: usize, const NY: usize>(from: &[i16; 128], to: &mut [u8], stride: usize) {
    // Plain loops over small arrays: that is what the compiler makes vectors of.
    let mut lines = [[Wrapping(0); NX]; NY];
    for y in 0..NY {
        for x in 0..NX {
            lines[y][x] = Wrapping(i32::from(from[y * 8 + x]));
        }
    }
    points(&mut lines);
    let bits = if NY <= 2 { 0 } else { SCALE - EXTRA };
    let mut columns = [[Wrapping(0); NY]; NX];
    for y in 0..NY {
        for x in 0..NX {
            columns[x][y] = round(lines[y][x], bits);
        }
    }
    points(&mut columns);
    // A block has eight times the mean in its first coefficient, and values around zero.
    let bits = 3 + if NY <= 2 { 0 } else { EXTRA } + if NX <= 2 { 0 } else { SCALE };
    let mut samples = [[0; NX]; NY];
    for y in 0..NY {
        for x in 0..NX {
            let sample: i32 = (round(columns[x][y], bits) + Wrapping(128)).0;
            samples[y][x] = sample.clamp(0, 255) as u8;
        }
    }
    for (row, samples) in to.chunks_mut(stride).zip(&samples) {
        row[..NX].copy_from_slice(samples);
    }
}

#[inline(always)]
fn round(value: Fixed, bits: usize) -> Fixed {
    if bits == 0 {
        value
    } else {
        (value + Wrapping(1 << (bits - 1))) >> bits
    }
}

/// One dimension, of `L` lines at once, in place. The result of four and eight points is scaled by `SCALE` bits.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "several lines are worked on at one index: this is what vectorises"
)]
fn points<const L: usize, const N: usize>(lines: &mut [[Fixed; L]; N]) {
    for i in 0..L {
        match N {
            1 => {}
            2 => (lines[0][i], lines[1][i]) = (lines[0][i] + lines[1][i], lines[0][i] - lines[1][i]),
            4 => {
                let to = four(lines[0][i], lines[1][i], lines[2][i], lines[3][i]);
                for n in 0..N {
                    lines[n][i] = to[n];
                }
            }
            _ => {
                let even = four(lines[0][i], lines[2][i], lines[4][i], lines[6][i]);
                let (a, b, c, d) = (lines[1][i], lines[3][i], lines[5][i], lines[7][i]);
                let odd = [
                    a * C1 + b * C3 + c * C5 + d * C7,
                    a * C3 - b * C7 - c * C1 - d * C5,
                    a * C5 - b * C1 + c * C7 + d * C3,
                    a * C7 - b * C5 + c * C3 - d * C1,
                ];
                for n in 0..N / 2 {
                    lines[n][i] = even[n] + odd[n];
                    lines[N - 1 - n][i] = even[n] - odd[n];
                }
            }
        }
    }
}

#[inline(always)]
fn four(a: Fixed, b: Fixed, c: Fixed, d: Fixed) -> [Fixed; 4] {
    let (sum, difference) = ((a + c) << SCALE, (a - c) << SCALE);
    let (outer, inner) = (b * C2 + d * C6, b * C6 - d * C2);
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn check<const NX: usize, const NY: usize>() {
        let mut random = StdRng::seed_from_u64(5);
        for _ in 0..200 {
            let mut from = [0; 128];
            for (index, value) in from[..64].iter_mut().enumerate() {
                let range = if index == 0 {
                    600
                } else {
                    400 / (index as i16 % 8 + index as i16 / 8)
                };
                *value = random.random_range(-range..=range);
            }
            let mut found = [0; 64];
            samples::<NX, NY>(&from, &mut found, 8);
            let wave = |points: usize, frequency: usize, at: usize| {
                let angle = (2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / (2 * points) as f64;
                angle.cos() * if frequency == 0 { 1.0 } else { 2f64.sqrt() }
            };
            for y in 0..8 {
                for x in 0..8 {
                    let sum: f64 = (0..NX * NY)
                        .map(|i| (i % NX, i / NX))
                        .map(|(u, v)| f64::from(from[v * 8 + u]) * wave(NX, u, x) * wave(NY, v, y))
                        .sum();
                    let inside = x < NX && y < NY;
                    let expected = if inside {
                        (sum / 8.0 + 128.0).clamp(0.0, 255.0)
                    } else {
                        0.0
                    };
                    let value = f64::from(found[y * 8 + x]);
                    assert!((value - expected).abs() < 0.75, "{NX} x {NY}: {value}, {expected}");
                }
            }
        }
    }

    #[test]
    fn all_sizes() {
        check::<1, 1>();
        check::<2, 1>();
        check::<1, 4>();
        check::<2, 2>();
        check::<4, 2>();
        check::<4, 4>();
        check::<8, 4>();
        check::<2, 8>();
        check::<8, 8>();
    }
}
