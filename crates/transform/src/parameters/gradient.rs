//! `e-gradient`: a gradient laid over the picture.

use std::fmt;

use crate::Color;
use crate::expression::Expression;

/// A linear gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// Where it runs to: 0 is up, 90 right, clockwise, below 360.
    pub degrees: f64,
    /// Colour at its start.
    pub from: Color,
    /// Colour from the stop on.
    pub to: Color,
    /// Where `to` is reached.
    pub stop: Stop,
}

/// Where along its direction a gradient ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// Of the whole length: above 0, at most 1.
    Fraction(f64),
    /// Above 1.
    Pixels(f64),
    /// Pixels that are computed from sizes.
    Expression(Expression),
}

impl fmt::Display for Gradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            degrees,
            from,
            to,
            stop,
        } = self;
        write!(f, "ld-{degrees}_from-{from}_to-{to}_sp-{stop}")
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(number) | Self::Pixels(number) => write!(f, "{number}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
