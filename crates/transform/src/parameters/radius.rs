//! `r`: rounded corners.

use std::fmt;

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
