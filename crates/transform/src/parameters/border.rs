//! `b`: a frame around the picture.

use std::fmt;

use super::{Length, Param, Reading, Refusal, length};
use crate::Color;

/// A frame that is added outside: the picture grows by its width on each side.
#[derive(Debug, Clone, PartialEq)]
pub struct Border {
    /// On each side, in pixels; 0 is no frame.
    pub width: Length,
    /// All around.
    pub color: Color,
}

/// The last word is the colour: an expression before it has words of its own. `-` before the colour is in use, too.
pub(super) fn border(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let expected = || Refusal::invalid("a width and a colour such as 5_FF0000");
    let at = value.rfind(['_', '-']).ok_or_else(expected)?;
    let color = Color::parse(&value[at + 1..], reading.mode).ok_or_else(expected)?;
    let width = length::length(&value[..at], reading.scope)?;
    Ok(Param::Border(Border { width, color }))
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.width, self.color)
    }
}
