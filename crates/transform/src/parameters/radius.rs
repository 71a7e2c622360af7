//! `r`: rounded corners.

use std::fmt;

use super::{Param, Reading, Refusal, number};

/// How corners are rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Radius {
    /// Half of each side: a circle of a square, an ellipse of everything else.
    Max,
    /// Clockwise from the top left.
    Corners([CornerRadius; 4]),
}

/// How one corner is rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CornerRadius {
    /// So many pixels, 0 or more; above half of the shorter side that half counts.
    Pixels(f64),
    /// Half of the shorter side.
    Max,
}

pub(super) fn radius(value: &str, _: Reading) -> Result<Param, Refusal> {
    let corner = |word: &str| match word {
        "max" => Some(CornerRadius::Max),
        _ => number::unsigned(word).map(CornerRadius::Pixels),
    };
    let corners: Option<Vec<CornerRadius>> = value.split('_').map(corner).collect();
    let radius = match corners.as_deref() {
        Some([CornerRadius::Max]) => Some(Radius::Max),
        Some([corner]) => Some(Radius::Corners([*corner; 4])),
        Some([first, second, third, fourth]) => Some(Radius::Corners([*first, *second, *third, *fourth])),
        _ => None,
    };
    let expected = || Refusal::invalid("pixels or max, once or for the four corners such as 8_8_max_0");
    radius.map(Param::Radius).ok_or_else(expected)
}

impl fmt::Display for Radius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Corners([CornerRadius::Pixels(first), rest @ ..])
                if rest.iter().all(|corner| *corner == CornerRadius::Pixels(*first)) =>
            {
                write!(f, "{first}")
            }
            Self::Corners([first, second, third, fourth]) => write!(f, "{first}_{second}_{third}_{fourth}"),
        }
    }
}

impl fmt::Display for CornerRadius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => write!(f, "{pixels}"),
            Self::Max => f.write_str("max"),
        }
    }
}
