//! `e-distort`: perspective and arc.

use std::fmt;

use super::number;

/// How the picture is bent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distort {
    /// The corners, clockwise from the top left, move to these places, in pixels.
    Perspective([(f64, f64); 4]),
    /// Along a circle: degrees above 0 bend upwards, below 0 downwards. Within -360 to 360.
    Arc(f64),
}

impl fmt::Display for Distort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Perspective(corners) => {
                let numbers = corners.iter().flat_map(|(x, y)| [*x, *y]).map(number::write_signed);
                write!(f, "p-{}", numbers.collect::<Vec<_>>().join("_"))
            }
            Self::Arc(degrees) => write!(f, "a-{}", number::write_signed(*degrees)),
        }
    }
}
