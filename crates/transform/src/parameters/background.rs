//! `bg`: what shows where the picture is not.

use std::fmt;

use super::{Param, Prompt, Refusal, number};
use crate::{Color, Mode};

/// What shows where the picture is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fill {
    /// One colour, possibly with alpha.
    Color(Color),
    /// The picture itself, enlarged and blurred. Pads only.
    Blurred {
        /// 0 to 100; chosen from the size if absent.
        intensity: Option<u8>,
        /// Added to every channel: -255 to 255.
        brightness: i16,
    },
    /// The dominant colour of the picture's edge. Pads only.
    Dominant,
    /// A gradient of 2 or 4 dominant colours. Pads only.
    Gradient(u8),
    /// Painted by a model. Pads only; see [`Transformation::stages`](crate::Transformation::stages).
    Generated(Option<Prompt>),
}

pub(super) fn color(value: &str, mode: Mode) -> Result<Param, Refusal> {
    let what = match value.split(['_', '-']).next().unwrap_or_default() {
        "blurred" => "a blurred background",
        "dominant" | "gradient" => "a background of dominant colours",
        "genfill" => "a generated background",
        _ => {
            return Color::parse(value, mode)
                .map(|color| Param::Background(Fill::Color(color)))
                .ok_or_else(|| {
                    Refusal::invalid("a colour: RRGGBB, RRGGBBAA with AA from 00 to 99 percent, or a name")
                });
        }
    };
    Err(Refusal::unavailable(what))
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Color(color) => write!(f, "{color}"),
            Self::Blurred { intensity, brightness } => {
                f.write_str("blurred_")?;
                match intensity {
                    Some(intensity) => write!(f, "{intensity}")?,
                    None => f.write_str("auto")?,
                }
                write!(f, "_{}", number::write_signed(f64::from(*brightness)))
            }
            Self::Dominant => f.write_str("dominant"),
            Self::Gradient(colors) => write!(f, "gradient_dominant_{colors}"),
            Self::Generated(None) => f.write_str("genfill"),
            Self::Generated(Some(prompt)) => write!(f, "genfill-{prompt}"),
        }
    }
}
