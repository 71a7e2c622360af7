//! `cr`: replacing a colour.

use std::fmt;

use crate::Color;

/// A colour takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplaceColor {
    /// The new one.
    pub to: Color,
    /// Percent within which a colour counts as the old one: 0 to 100.
    pub tolerance: u8,
    /// The old one; the dominant colour of the picture if absent.
    pub from: Option<Color>,
}

impl ReplaceColor {
    /// Where nothing is said.
    pub const TOLERANCE: u8 = 35;
}

impl fmt::Display for ReplaceColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.to, self.tolerance)?;
        self.from.iter().try_for_each(|from| write!(f, "_{from}"))
    }
}
