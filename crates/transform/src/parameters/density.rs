//! `dn`: dots per inch.

use std::fmt;

use crate::expression::Expression;

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

impl fmt::Display for Density {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
