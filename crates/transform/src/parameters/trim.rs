//! `t`: cutting edges of one colour.

use std::fmt;

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

impl fmt::Display for Trim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("false"),
            Self::Tolerance(percent) => write!(f, "{percent}"),
        }
    }
}
