//! The sRGB curve (IEC 61966-2-1), as tables.

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
