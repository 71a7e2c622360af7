//! `t`: cutting edges of one colour.

use std::fmt;

use super::{Param, Reading, Refusal, boolean, number};

/// Whether edges that are nearly of one colour are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trim {
    /// `false`: nothing is cut.
    Off,
    /// Percent within which a colour counts as that of the edge: 1 to 99.
    Tolerance(u8),
}

impl Trim {
    /// What `true` means, and what an image layer gets that says nothing.
    pub const DEFAULT: Self = Self::Tolerance(10);
}

pub(super) fn trim(value: &str, _: Reading) -> Result<Param, Refusal> {
    let trim = match number::unsigned(value).map(f64::round) {
        Some(number) if (1.0..=99.0).contains(&number) => Some(Trim::Tolerance(number as u8)),
        Some(0.0) => Some(Trim::Off),
        Some(_) => None,
        None => boolean(value).ok().map(|on| if on { Trim::DEFAULT } else { Trim::Off }),
    };
    trim.map(Param::Trim)
        .ok_or_else(|| Refusal::invalid("true, false, or 1 to 99"))
}

impl fmt::Display for Trim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("false"),
            Self::Tolerance(percent) => write!(f, "{percent}"),
        }
    }
}
