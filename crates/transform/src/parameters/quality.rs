//! `q`: how much a lossy format keeps.

use super::{Param, Reading, Refusal, number};

/// From 1 (smallest) to 100 (best).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(u8);

impl Quality {
    /// What is used where nothing else is said.
    pub const DEFAULT: Self = Self(80);

    /// `None` outside the range.
    pub const fn new(value: u8) -> Option<Self> {
        if value >= 1 && value <= 100 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

pub(super) fn quality(value: &str, _: Reading) -> Result<Param, Refusal> {
    if value == "auto" {
        return Err(Refusal::unavailable("automatic quality"));
    }
    number::unsigned(value)
        .filter(|number| (1.0..=100.0).contains(number))
        .and_then(|number| Quality::new(number.round() as u8))
        .map(Param::Quality)
        .ok_or_else(|| Refusal::invalid("1 to 100"))
}
