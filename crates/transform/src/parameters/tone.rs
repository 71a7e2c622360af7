//! `e-colorize`, `e-grayscale`, `e-contrast`: what changes colours and no shape.

use std::fmt;

use crate::Color;

/// A tint over the whole picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colorize {
    /// The tint; its alpha has no meaning.
    pub color: Color,
    /// 0 (nothing) to 100 (nothing but the tint).
    pub intensity: f64,
}

impl fmt::Display for Colorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "co-{}_in-{}", self.color, self.intensity)
    }
}
