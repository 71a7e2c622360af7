//! `dn`: dots per inch.

use std::fmt;

use super::{Param, Reading, Refusal, number, resize};
use crate::expression::{Expression, Scope};

/// At which resolution a vector source is drawn, and what the result says of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Density {
    /// Dots per inch: 1 to 1200.
    Number(u16),
    /// Computed from that of the source, which is `idn`.
    Expression(Expression),
}

impl Density {
    /// Dots per inch that count.
    pub const RANGE: std::ops::RangeInclusive<f64> = 1.0..=1200.0;
}

pub(super) fn density(value: &str, _: Reading) -> Result<Param, Refusal> {
    let density = match number::unsigned(value) {
        Some(number) if Density::RANGE.contains(&number) => Density::Number(number.round() as u16),
        Some(_) => return Err(Refusal::invalid("1 to 1200")),
        None => Density::Expression(resize::expression(value, "1 to 1200", Scope::Density)?),
    };
    Ok(Param::Density(density))
}

impl fmt::Display for Density {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
