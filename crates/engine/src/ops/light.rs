//! The sRGB curve (IEC 61966-2-1), as tables.

#[cfg(target_arch = "x86_64")]
mod avx512;

use std::sync::LazyLock;

/// From eight encoded bits to linear light, 0 to 1.
pub(crate) static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let encoded = value as f64 / 255.0;
        let light = if encoded <= 0.040_45 {
            encoded / 12.92
        } else {
            ((encoded + 0.055) / 1.055).powf(2.4)
        };
        light as f32
    })
});

/// From linear light to the nearest of 256 encoded values; what is outside 0 to 1 is cut.
#[inline(always)]
pub(crate) fn encode(light: f32) -> u8 {
    ENCODED[((light * 16_383.0 + 0.5) as usize).min(16_383)]
}

/// Fine enough that every eight-bit value comes back as itself.
static ENCODED: LazyLock<[u8; 16_384]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let light = value as f64 / 16_383.0;
        let encoded = if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
});

/// The most that linear light of fourteen bits can be: white.
pub(crate) const WHITE: u16 = 16_383;

/// From eight encoded bits to fourteen of linear light: five steps and more for each of the eight bits.
static FOURTEEN: LazyLock<[u16; 256]> =
    LazyLock::new(|| LINEAR.map(|light| (f64::from(light) * f64::from(WHITE)).round() as u16));

/// Linear light of fourteen bits.
pub(crate) fn fourteen() -> &'static [u16; 256] {
    &FOURTEEN
}

/// Eight encoded bits of linear light of fourteen bits; what is outside the two ends is cut.
#[inline(always)]
pub(crate) fn encode_fourteen(light: i16) -> u8 {
    ENCODED[usize::from(light.max(0) as u16).min(16_383)]
}

/// Values of a row, all of them encoded, in linear light of fourteen bits.
pub(crate) fn linear(from: &[u8], to: &mut [i16]) {
    let table = fourteen();
    #[cfg(target_arch = "x86_64")]
    if avx512::linear(table, from, to) {
        return;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = table[usize::from(*from)] as i16;
    }
}
