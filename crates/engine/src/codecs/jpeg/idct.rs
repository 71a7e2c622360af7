//! From coefficients to samples, at once smaller: the inverse transform of a block's lowest frequencies only.
//!
//! The lowest n coefficients of eight, with a gain of n / 8, are the transform of what the eight samples are at n places:
//! a reduction by a filter of the sharpest kind. (R. Dugad and N. Ahuja, "A fast scheme for image size change in the
//! compressed domain", 2001.)

use std::num::Wrapping;

/// Of coefficients in rows of eight, makes samples at a place among rows of `stride`.
pub(super) type Transform = fn(coefficients: &[i16; 128], to: &mut [u8], at: usize, stride: usize);

/// The transform to so many samples across and down (1, 2, 4 or 8 each), where there is one.
pub(super) fn transform(across: u32, down: u32) -> Option<Transform> {
    Some(match (across, down) {
        (1, 1) => samples::<1, 1>,
        (2, 1) => samples::<2, 1>,
        (4, 1) => samples::<4, 1>,
        (1, 2) => samples::<1, 2>,
        (2, 2) => samples::<2, 2>,
        (4, 2) => samples::<4, 2>,
        (8, 2) => samples::<8, 2>,
        (1, 4) => samples::<1, 4>,
        (2, 4) => samples::<2, 4>,
        (4, 4) => samples::<4, 4>,
        (8, 4) => samples::<8, 4>,
        (2, 8) => samples::<2, 8>,
        (4, 8) => samples::<4, 8>,
        (8, 8) => samples::<8, 8>,
        _ => return None,
    })
}

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

fn samples<const NX: usize, const NY: usize>(coefficients: &[i16; 128], to: &mut [u8], at: usize, stride: usize) {
    let mut columns = [[Wrapping(0); NX]; NY];
    for x in 0..NX {
        let column = points(std::array::from_fn::<_, NY, _>(|y| Wrapping(i32::from(coefficients[y * 8 + x]))));
        for y in 0..NY {
            columns[y][x] = if NY <= 2 {
                column[y] << EXTRA
            } else {
                round(column[y], SCALE - EXTRA)
            };
        }
    }
    for (y, row) in columns.into_iter().enumerate() {
        let row = points(row);
        let start = at + y * stride;
        // A block has eight times the mean in its first coefficient, and values around zero.
        let bits = if NX <= 2 { EXTRA + 3 } else { SCALE + EXTRA + 3 };
        for (to, value) in to[start..start + NX].iter_mut().zip(row) {
            *to = (round(value, bits).0.wrapping_add(128)).clamp(0, 255) as u8;
        }
    }
}

fn round(value: Fixed, bits: usize) -> Fixed {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

/// One dimension. The result of four and eight points is scaled by `SCALE` bits.
#[inline(always)]
fn points<const N: usize>(from: [Fixed; N]) -> [Fixed; N] {
    let f = |index: usize| if index < N { from[index] } else { Wrapping(0) };
    let four = |a: Fixed, b: Fixed, c: Fixed, d: Fixed| {
        let (sum, difference) = ((a + c) << SCALE, (a - c) << SCALE);
        let (outer, inner) = (b * C2 + d * C6, b * C6 - d * C2);
        [sum + outer, difference + inner, difference - inner, sum - outer]
    };
    let mut to = [Wrapping(0); N];
    match N {
        1 => to[0] = from[0],
        2 => {
            to[0] = f(0) + f(1);
            to[1] = f(0) - f(1);
        }
        4 => to.copy_from_slice(&four(f(0), f(1), f(2), f(3))),
        _ => {
            let even = four(f(0), f(2), f(4), f(6));
            let (a, b, c, d) = (f(1), f(3), f(5), f(7));
            let odd = [
                a * C1 + b * C3 + c * C5 + d * C7,
                a * C3 - b * C7 - c * C1 - d * C5,
                a * C5 - b * C1 + c * C7 + d * C3,
                a * C7 - b * C5 + c * C3 - d * C1,
            ];
            for i in 0..4 {
                to[i] = even[i] + odd[i];
                to[N - 1 - i] = even[i] - odd[i];
            }
        }
    }
    to
}
