//! `cr`: replacing a colour.

use std::fmt;

use super::{Param, Reading, Refusal, percent};
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

pub(super) fn replace(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let expected = || Refusal::invalid("a colour, a tolerance of 0 to 100 and a colour, such as 3366CC_35_red");
    let color = |word: &str| Color::parse(word, reading.mode).ok_or_else(expected);
    let mut words = value.split('_');
    let to = color(words.next().unwrap_or_default())?;
    let tolerance = words
        .next()
        .map(|word| percent(word).ok_or_else(expected))
        .transpose()?;
    let from = words.next().map(color).transpose()?;
    if words.next().is_some() {
        return Err(expected());
    }
    let tolerance = tolerance.map_or(ReplaceColor::TOLERANCE, |percent| percent.round() as u8);
    Ok(Param::ReplaceColor(ReplaceColor { to, tolerance, from }))
}

impl fmt::Display for ReplaceColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.to, self.tolerance)?;
        self.from.iter().try_for_each(|from| write!(f, "_{from}"))
    }
}
