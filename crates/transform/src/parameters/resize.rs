//! `w`, `h`, `ar`, `dpr`: the size that is asked for.

use std::fmt;
use std::num::NonZeroU32;

use super::{Param, Reading, Refusal, number};
use crate::expression::{Expression, Scope};
use crate::limits::Limits;

/// A side in pixels: from 1 to [`Limits::REQUESTED_SIDE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pixels(NonZeroU32);

impl Pixels {
    /// Rounds to nearest; `None` outside the range.
    pub fn rounded(value: f64) -> Option<Self> {
        let rounded = value.round();
        if !(1.0..=f64::from(Limits::REQUESTED_SIDE)).contains(&rounded) {
            return None;
        }
        NonZeroU32::new(rounded as u32).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// A requested side.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// `auto`: what the client's hint says.
    Auto,
    /// So many pixels.
    Pixels(Pixels),
    /// A part of the step's input: above 0, below 1.
    Fraction(f64),
    /// Computed from sizes.
    Expression(Expression),
}

/// Width divided by height.
#[derive(Debug, Clone, PartialEq)]
pub enum Ratio {
    /// Above 0, finite.
    Number(f64),
    /// Both above 0: `16-9`.
    Sides(f64, f64),
    /// Computed from sizes.
    Expression(Expression),
}

/// What requested sides are multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub enum Dpr {
    /// `auto`: what the client's hint says.
    Auto,
    /// From 0.1 to 5.
    Number(f64),
    /// Computed from sizes.
    Expression(Expression),
}

impl Dpr {
    /// The ratios that count.
    pub const RANGE: std::ops::RangeInclusive<f64> = 0.1..=5.0;
}

pub(super) fn width(value: &str, reading: Reading) -> Result<Param, Refusal> {
    match value {
        "auto" if reading.scope != Scope::Base => {
            Err(Refusal::invalid("a width of its own: auto is for the base picture"))
        }
        "auto" => Ok(Param::Width(Extent::Auto)),
        _ => side(value, reading.scope).map(Param::Width),
    }
}

pub(super) fn height(value: &str, reading: Reading) -> Result<Param, Refusal> {
    side(value, reading.scope).map(Param::Height)
}

pub(super) fn aspect_ratio(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let positive = |text: &str| number::unsigned(text).filter(|number| *number > 0.0);
    if let Some(number) = positive(value) {
        return Ok(Param::AspectRatio(Ratio::Number(number)));
    }
    if let Some((width, height)) = value.split_once(['-', '_', ':'])
        && let (Some(width), Some(height)) = (positive(width), positive(height))
        && (width / height).is_normal()
    {
        return Ok(Param::AspectRatio(Ratio::Sides(width, height)));
    }
    expression(value, "a ratio such as 16-9", reading.scope)
        .map(|expression| Param::AspectRatio(Ratio::Expression(expression)))
}

pub(super) fn dpr(value: &str, reading: Reading) -> Result<Param, Refusal> {
    if value == "auto" {
        return Ok(Param::Dpr(Dpr::Auto));
    }
    match number::unsigned(value) {
        Some(ratio) if Dpr::RANGE.contains(&ratio) => Ok(Param::Dpr(Dpr::Number(ratio))),
        Some(_) => Err(Refusal::invalid("0.1 to 5")),
        None => expression(value, "0.1 to 5, or auto", reading.scope)
            .map(|expression| Param::Dpr(Dpr::Expression(expression))),
    }
}

fn side(value: &str, scope: Scope) -> Result<Extent, Refusal> {
    match number::unsigned(value) {
        Some(number) if number > 0.0 && number < 1.0 => Ok(Extent::Fraction(number)),
        Some(number) => Pixels::rounded(number)
            .map(Extent::Pixels)
            .ok_or_else(|| Refusal::invalid(format!("1 to {} pixels", Limits::REQUESTED_SIDE))),
        None => expression(value, "a number of pixels", scope).map(Extent::Expression),
    }
}

pub(super) fn expression(value: &str, expected: &str, scope: Scope) -> Result<Expression, Refusal> {
    Expression::parse(value, scope).map_err(|reason| {
        // A value without an operator was hardly meant as an expression.
        Refusal::invalid(if value.contains('_') || reason.contains("only") {
            format!("{expected} or an expression, but {reason}")
        } else {
            expected.to_owned()
        })
    })
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Pixels(pixels) => write!(f, "{}", pixels.get()),
            Self::Fraction(fraction) => write!(f, "{fraction}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Sides(width, height) => write!(f, "{width}-{height}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

impl fmt::Display for Dpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
