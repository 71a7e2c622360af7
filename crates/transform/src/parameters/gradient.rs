//! `e-gradient`: a gradient laid over the picture.

use std::fmt;

use super::{Param, Reading, Refusal, number, resize, subs};
use crate::Color;
use crate::expression::{Expression, Scope};

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

const DIRECTIONS: [(&str, f64); 8] = [
    ("top", 0.0),
    ("topright", 45.0),
    ("right", 90.0),
    ("bottomright", 135.0),
    ("bottom", 180.0),
    ("bottomleft", 225.0),
    ("left", 270.0),
    ("topleft", 315.0),
];

/// From white above to nothing below where nothing is said.
pub(super) fn gradient(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let mut gradient = Gradient {
        degrees: 180.0,
        from: Color::WHITE,
        to: Color::TRANSPARENT,
        stop: Stop::Fraction(1.0),
    };
    for (key, value) in subs(value, &["ld", "from", "to", "sp"])? {
        let color = || {
            let expected = || Refusal::invalid(format!("a colour after `{key}-`"));
            Color::parse(value, reading.mode).ok_or_else(expected)
        };
        match key {
            "ld" => gradient.degrees = direction(value)?,
            "from" => gradient.from = color()?,
            "to" => gradient.to = color()?,
            _ => gradient.stop = stop(value, reading.scope)?,
        }
    }
    Ok(Param::Gradient(gradient))
}

fn direction(value: &str) -> Result<f64, Refusal> {
    let name: String = value
        .chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .collect();
    let named = DIRECTIONS.iter().find(|(known, _)| *known == name);
    named
        .map(|(_, degrees)| *degrees)
        .or_else(|| number::degrees(value))
        .ok_or_else(|| Refusal::invalid("degrees, or a side or corner such as top_left, after `ld-`"))
}

fn stop(value: &str, scope: Scope) -> Result<Stop, Refusal> {
    match number::unsigned(value) {
        Some(number) if number > 0.0 && number <= 1.0 => Ok(Stop::Fraction(number)),
        Some(number) if number > 1.0 => Ok(Stop::Pixels(number)),
        Some(_) => Err(Refusal::invalid("a fraction or a number of pixels above 0 after `sp-`")),
        None => resize::expression(value, "a fraction or a number of pixels after `sp-`", scope).map(Stop::Expression),
    }
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
