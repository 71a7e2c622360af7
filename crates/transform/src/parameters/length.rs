//! Pixels that are given or computed.

use std::fmt;

use super::number;
use crate::expression::Expression;

/// A number of pixels, not negative.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Possibly with a fraction; 0 or more.
    Number(f64),
    /// Computed from sizes: the value may be anything.
    Expression(Expression),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&number::write_signed(*value)),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
