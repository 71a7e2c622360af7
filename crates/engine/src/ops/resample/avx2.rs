//! The same for processors that multiply and add sixteen pairs at once.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Axis, LANES, sum};

/// A row of a source, scaled across. False, and nothing done, for counts of channels that it does not know.
pub(super) fn across(channels: usize, axis: &Axis, line: &[i16], to: &mut [i16]) -> bool {
    if !is_x86_feature_detected!("avx2") {
        return false;
    }
    // SAFETY: the processor was just asked.
    unsafe {
        match channels {
            1 => across_one(axis, line, to),
            3 => across_three(axis, line, to),
            4 => across_four(axis, line, to),
            _ => return false,
        }
    }
    true
}

/// Rows of a source, weighted and summed up. False, and nothing done, without the instructions.
pub(super) fn down(rows: &[&[[i16; LANES]]], weights: &[i16], bits: u32, to: &mut [[i16; LANES]]) -> bool {
    if !is_x86_feature_detected!("avx2") {
        return false;
    }
    // SAFETY: the processor was just asked.
    unsafe { down_rows(rows, weights, bits, to) };
    true
}

#[target_feature(enable = "avx2")]
#[allow(
    clippy::needless_range_loop,
    reason = "what closures of iterators do is not compiled for these registers"
)]
fn across_one(axis: &Axis, line: &[i16], to: &mut [i16]) {
    let half = _mm256_set1_epi32(1 << (axis.bits - 1));
    let bits = _mm_cvtsi32_si128(axis.bits as i32);
    let (eights, rest) = to[..axis.len()].as_chunks_mut::<8>();
    let windows = axis.windows.as_chunks::<8>().0;
    let weights = axis.weights.chunks_exact(axis.taps * 8);
    for ((to, windows), weights) in eights.iter_mut().zip(windows).zip(weights) {
        // Sums of two places, one in each half of the register.
        let mut pairs = [_mm256_setzero_si256(); 4];
        for n in 0..4 {
            let first = line[windows[n * 2].start..][..axis.taps].as_chunks::<8>().0;
            let second = line[windows[n * 2 + 1].start..][..axis.taps].as_chunks::<8>().0;
            let (first_weights, second_weights) = weights[n * 2 * axis.taps..][..axis.taps * 2].split_at(axis.taps);
            let (first_weights, second_weights) = (first_weights.as_chunks::<8>().0, second_weights.as_chunks::<8>().0);
            let mut sums = _mm256_setzero_si256();
            for step in 0..axis.taps / 8 {
                let samples = _mm256_set_m128i(eight(&second[step]), eight(&first[step]));
                let weights = _mm256_set_m128i(eight(&second_weights[step]), eight(&first_weights[step]));
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(samples, weights));
            }
            pairs[n] = sums;
        }
        // Even places in one half, odd ones in the other.
        let sums = _mm256_hadd_epi32(
            _mm256_hadd_epi32(pairs[0], pairs[1]),
            _mm256_hadd_epi32(pairs[2], pairs[3]),
        );
        let samples = _mm256_sra_epi32(_mm256_add_epi32(sums, half), bits);
        let (even, odd) = (_mm256_castsi256_si128(samples), _mm256_extracti128_si256::<1>(samples));
        let samples = _mm_packs_epi32(_mm_unpacklo_epi32(even, odd), _mm_unpackhi_epi32(even, odd));
        // SAFETY: the array has eight values.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), samples) };
    }
    let done = eights.len() * 8;
    for (place, to) in (done..).zip(rest) {
        let (window, weights) = axis.at(place);
        *to = sum(axis, &line[window.start..], weights);
    }
}

#[target_feature(enable = "avx2")]
fn across_three(axis: &Axis, line: &[i16], to: &mut [i16]) {
    // Of two pixels in each half: both reds, both greens, both blues.
    #[rustfmt::skip]
    let pairs = _mm256_setr_epi8(
        0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, -1, -1, -1, -1,
        0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, -1, -1, -1, -1,
    );
    let half = _mm_set1_epi32(1 << (axis.bits - 1));
    let bits = _mm_cvtsi32_si128(axis.bits as i32);
    for (place, to) in to.as_chunks_mut::<3>().0.iter_mut().take(axis.len()).enumerate() {
        let (window, weights) = axis.at(place);
        let samples = &line[window.start * 3..][..weights.len() * 3 + 2];
        let mut sums = _mm256_setzero_si256();
        for (n, weights) in weights.as_chunks::<4>().0.iter().enumerate() {
            let samples = &samples[n * 12..n * 12 + 14];
            if let (Some(low), Some(high)) = (samples.first_chunk(), samples.last_chunk()) {
                let samples = _mm256_shuffle_epi8(_mm256_set_m128i(eight(high), eight(low)), pairs);
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(samples, spread(weights)));
            }
        }
        let samples = finish(sums, half, bits);
        *to = [samples as i16, (samples >> 16) as i16, (samples >> 32) as i16];
    }
}

#[target_feature(enable = "avx2")]
fn across_four(axis: &Axis, line: &[i16], to: &mut [i16]) {
    #[rustfmt::skip]
    let pairs = _mm256_setr_epi8(
        0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15,
        0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15,
    );
    let half = _mm_set1_epi32(1 << (axis.bits - 1));
    let bits = _mm_cvtsi32_si128(axis.bits as i32);
    for (place, to) in to.as_chunks_mut::<4>().0.iter_mut().take(axis.len()).enumerate() {
        let (window, weights) = axis.at(place);
        let samples = &line[window.start * 4..][..weights.len() * 4];
        let mut sums = _mm256_setzero_si256();
        for (samples, weights) in samples.as_chunks::<16>().0.iter().zip(weights.as_chunks::<4>().0) {
            let samples = _mm256_shuffle_epi8(sixteen(samples), pairs);
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(samples, spread(weights)));
        }
        let samples = finish(sums, half, bits);
        *to = std::array::from_fn(|n| (samples >> (16 * n)) as i16);
    }
}

/// The first two weights in all pairs of one half, the others in those of the other.
#[inline]
#[target_feature(enable = "avx2")]
fn spread(weights: &[i16; 4]) -> __m256i {
    let [a, b, c, d] = weights.map(|weight| u64::from(weight as u16));
    let weights = _mm256_set1_epi64x((a | b << 16 | c << 32 | d << 48) as i64);
    #[rustfmt::skip]
    let halves = _mm256_setr_epi8(
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
        4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
    );
    _mm256_shuffle_epi8(weights, halves)
}

/// Sums of a pixel's channels from both halves, as samples from the lowest bits on.
#[inline]
#[target_feature(enable = "avx2")]
fn finish(sums: __m256i, half: __m128i, bits: __m128i) -> i64 {
    let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let samples = _mm_sra_epi32(_mm_add_epi32(sums, half), bits);
    _mm_cvtsi128_si64(_mm_packs_epi32(samples, samples))
}

#[target_feature(enable = "avx2")]
fn down_rows(rows: &[&[[i16; LANES]]], weights: &[i16], bits: u32, to: &mut [[i16; LANES]]) {
    let half = _mm256_set1_epi32(1 << (bits - 1));
    let bits = _mm_cvtsi32_si128(bits as i32);
    for (index, to) in to.iter_mut().enumerate() {
        let mut sums = [half; 4];
        for (rows, weights) in rows.chunks(2).zip(weights.as_chunks::<2>().0) {
            // Behind the last row its weight is zero.
            let (first, second) = (&rows[0][index], &rows[rows.len() - 1][index]);
            let weights = _mm256_set1_epi32(i32::from(weights[0]) & 0xffff | i32::from(weights[1]) << 16);
            for n in 0..2 {
                let (a, b) = (sixteen(&first.as_chunks().0[n]), sixteen(&second.as_chunks().0[n]));
                let low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weights);
                let high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weights);
                sums[2 * n] = _mm256_add_epi32(sums[2 * n], low);
                sums[2 * n + 1] = _mm256_add_epi32(sums[2 * n + 1], high);
            }
        }
        for (n, to) in to.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let low = _mm256_sra_epi32(sums[2 * n], bits);
            let high = _mm256_sra_epi32(sums[2 * n + 1], bits);
            // SAFETY: the array has sixteen values.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm256_packs_epi32(low, high)) };
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn eight(values: &[i16; 8]) -> __m128i {
    // SAFETY: the array has eight values.
    unsafe { _mm_loadu_si128(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn sixteen(values: &[i16; 16]) -> __m256i {
    // SAFETY: the array has sixteen values.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}
