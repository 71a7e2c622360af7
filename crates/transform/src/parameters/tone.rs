//! `e-colorize`, `e-grayscale`, `e-contrast`: what changes colours and no shape.

use std::fmt;

use super::{Param, Reading, Refusal, flag, number, percent, subs};
use crate::Color;

/// A tint over the whole picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colorize {
    /// The tint; its alpha has no meaning.
    pub color: Color,
    /// 0 (nothing) to 100 (nothing but the tint).
    pub intensity: f64,
}

/// `bl`
pub(super) fn blur(value: &str, _: Reading) -> Result<Param, Refusal> {
    percent(value)
        .map(Param::Blur)
        .ok_or_else(|| Refusal::invalid("0 to 100"))
}

/// `o`
pub(super) fn opacity(value: &str, _: Reading) -> Result<Param, Refusal> {
    percent(value)
        .map(Param::Opacity)
        .ok_or_else(|| Refusal::invalid("0 to 100"))
}

/// `z`
pub(super) fn zoom(value: &str, _: Reading) -> Result<Param, Refusal> {
    let zoom = number::unsigned(value).filter(|number| *number > 0.0);
    zoom.map(Param::Zoom)
        .ok_or_else(|| Refusal::invalid("a number above 0"))
}

pub(super) fn grayscale(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Grayscale)
}

pub(super) fn contrast(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Contrast)
}

/// Gray at full intensity where nothing is said.
pub(super) fn colorize(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let mut tint = Colorize {
        color: Color {
            red: 128,
            green: 128,
            blue: 128,
            alpha: 255,
        },
        intensity: 100.0,
    };
    for (key, value) in subs(value, &["co", "in"])? {
        if key == "co" {
            let color = Color::parse(value, reading.mode).ok_or_else(|| Refusal::invalid("a colour after `co-`"))?;
            tint.color = Color { alpha: 255, ..color };
        } else {
            tint.intensity = percent(value).ok_or_else(|| Refusal::invalid("0 to 100 after `in-`"))?;
        }
    }
    Ok(Param::Colorize(tint))
}

impl fmt::Display for Colorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "co-{}_in-{}", self.color, self.intensity)
    }
}
