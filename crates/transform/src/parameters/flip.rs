//! `fl`: mirroring.

use super::{Param, Reading, Refusal};

/// Which sides are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flip {
    /// Left and right.
    Horizontal,
    /// Top and bottom.
    Vertical,
    /// All of them.
    Both,
}

impl Flip {
    /// As written in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Horizontal => "h",
            Self::Vertical => "v",
            Self::Both => "h_v",
        }
    }
}

pub(super) fn flip(value: &str, _: Reading) -> Result<Param, Refusal> {
    match value {
        "h" => Ok(Param::Flip(Flip::Horizontal)),
        "v" => Ok(Param::Flip(Flip::Vertical)),
        "h_v" | "v_h" => Ok(Param::Flip(Flip::Both)),
        _ => Err(Refusal::invalid("h, v or h_v")),
    }
}
