//! Pixels that are given or computed.

use std::fmt;

use super::{Refusal, number, resize};
use crate::expression::{Expression, Scope};

/// A number of pixels, not negative.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Possibly with a fraction; 0 or more.
    Number(f64),
    /// Computed from sizes: the value may be anything.
    Expression(Expression),
}

/// A number of pixels, or an expression.
pub(super) fn length(value: &str, scope: Scope) -> Result<Length, Refusal> {
    match number::unsigned(value) {
        Some(number) => Ok(Length::Number(number)),
        None => resize::expression(value, "a number of pixels", scope).map(Length::Expression),
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&number::write_signed(*value)),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
