//! `rt`: turning.

use std::fmt;

use super::{Param, Refusal, number};
use crate::Mode;

/// How far a picture is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// `auto`: upright, as the source's orientation tag says.
    Auto,
    /// Clockwise; from 0 to below 360.
    Degrees(f64),
}

pub(super) fn degrees(value: &str, _: Mode) -> Result<Param, Refusal> {
    if value == "auto" {
        return Ok(Param::Rotate(Turn::Auto));
    }
    let degrees = number::signed(value).ok_or_else(|| Refusal::invalid("degrees such as 90 or N40, or auto"))?;
    // Adding zero turns the negative zero that is left of whole turns into the plain one.
    let turned = degrees.rem_euclid(360.0) + 0.0;
    // The remainder of a tiny negative number rounds up to the divisor.
    Ok(Param::Rotate(Turn::Degrees(if turned < 360.0 { turned } else { 0.0 })))
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Degrees(degrees) => write!(f, "{degrees}"),
        }
    }
}
