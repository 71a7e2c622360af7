//! The table in registers, for processors that look up sixty-four bytes at once.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

/// Values of a row by the table. False, and nothing done, without the instructions.
pub(super) fn linear(table: &[u16; 256], from: &[u8], to: &mut [i16]) -> bool {
    if !is_x86_feature_detected!("avx512bw") || !is_x86_feature_detected!("avx512vbmi") {
        return false;
    }
    // SAFETY: the processor was just asked.
    unsafe { look_up(table, from, to) };
    true
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look_up(table: &[u16; 256], from: &[u8], to: &mut [i16]) {
    let low = quarters(&table.map(|value| value as u8));
    let high = quarters(&table.map(|value| (value >> 8) as u8));
    // Halves of four lanes each, so that low and high bytes that are put together come out in order.
    let order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    let count = from.len().min(to.len());
    let (from, from_rest) = from[..count].as_chunks::<64>();
    let (to, to_rest) = to[..count].as_chunks_mut::<64>();
    for (from, to) in from.iter().zip(to) {
        // SAFETY: the array has sixty-four bytes.
        let places = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
        let places = _mm512_permutexvar_epi64(order, places);
        let upper = _mm512_movepi8_mask(places);
        let find = |quarters: &[__m512i; 4]| {
            let below = _mm512_permutex2var_epi8(quarters[0], places, quarters[1]);
            let above = _mm512_permutex2var_epi8(quarters[2], places, quarters[3]);
            _mm512_mask_blend_epi8(upper, below, above)
        };
        let (low, high) = (find(&low), find(&high));
        // SAFETY: the array has sixty-four values of two bytes.
        unsafe {
            let to: *mut i16 = to.as_mut_ptr();
            _mm512_storeu_si512(to.cast(), _mm512_unpacklo_epi8(low, high));
            _mm512_storeu_si512(to.add(32).cast(), _mm512_unpackhi_epi8(low, high));
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = table[usize::from(*from)] as i16;
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn quarters(table: &[u8; 256]) -> [__m512i; 4] {
    // SAFETY: each of the four arrays has sixty-four bytes.
    std::array::from_fn(|n| unsafe { _mm512_loadu_si512(table.as_chunks::<64>().0[n].as_ptr().cast()) })
}
