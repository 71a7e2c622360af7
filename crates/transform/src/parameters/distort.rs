//! `e-distort`: perspective and arc.

use std::fmt;

use super::{Param, Reading, Refusal, number};

/// How the picture is bent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distort {
    /// The corners, clockwise from the top left, move to these places, in pixels.
    Perspective([(f64, f64); 4]),
    /// Along a circle: degrees above 0 bend upwards, below 0 downwards. Within -360 to 360.
    Arc(f64),
}

/// Farthest that a corner may go, in pixels.
const FARTHEST: f64 = 65_535.0;

pub(super) fn distort(value: &str, _: Reading) -> Result<Param, Refusal> {
    let (kind, numbers) = value.split_once('-').unwrap_or_default();
    let numbers: Option<Vec<f64>> = numbers.split('_').map(number::signed).collect();
    let distort = match (kind, numbers.as_deref()) {
        ("a", Some([degrees])) if degrees.abs() <= 360.0 => Distort::Arc(*degrees),
        ("p", Some([a, b, c, d, e, f, g, h])) if numbers.iter().flatten().all(|number| number.abs() <= FARTHEST) => {
            Distort::Perspective([(*a, *b), (*c, *d), (*e, *f), (*g, *h)])
        }
        _ => {
            return Err(Refusal::invalid(
                "p-x1_y1_x2_y2_x3_y3_x4_y4 in pixels, or a- and N360 to 360 degrees",
            ));
        }
    };
    Ok(Param::Distort(distort))
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
