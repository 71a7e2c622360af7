//! `rt`: turning.

use std::fmt;

use super::{Param, Reading, Refusal, number};

/// How far a picture is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// `auto`: upright, as the source's orientation tag says.
    Auto,
    /// Clockwise; from 0 to below 360.
    Degrees(f64),
}

pub(super) fn degrees(value: &str, _: Reading) -> Result<Param, Refusal> {
    if value == "auto" {
        return Ok(Param::Rotate(Turn::Auto));
    }
    number::degrees(value)
        .map(|degrees| Param::Rotate(Turn::Degrees(degrees)))
        .ok_or_else(|| Refusal::invalid("degrees such as 90 or N40, or auto"))
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Degrees(degrees) => write!(f, "{degrees}"),
        }
    }
}
