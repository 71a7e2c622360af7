//! `bg`: what shows where the picture is not.

use std::fmt;

use super::{Param, Prompt, Reading, Refusal, ai, number, percent};
use crate::Color;
use crate::expression::Scope;

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

pub(super) fn background(value: &str, reading: Reading) -> Result<Param, Refusal> {
    let fill = match value.split(['_', '-']).next().unwrap_or_default() {
        "blurred" => blurred(value),
        "dominant" | "gradient" => dominant(value),
        "genfill" => generated(value, reading),
        _ => return color(value, reading).map(|color| Param::Background(Fill::Color(color))),
    };
    fill.map(Param::Background)
}

fn color(value: &str, reading: Reading) -> Result<Color, Refusal> {
    let expected = match reading.scope {
        Scope::Block => "a colour: RRGGBB, RRGGBBAA with AA from 00 to 99 percent, or a name",
        _ => {
            "a colour (RRGGBB, RRGGBBAA with AA from 00 to 99 percent, or a name), blurred, dominant, \
             gradient_dominant or genfill"
        }
    };
    Color::parse(value, reading.mode).ok_or_else(|| Refusal::invalid(expected))
}

fn blurred(value: &str) -> Result<Fill, Refusal> {
    let expected = || Refusal::invalid("blurred_<0 to 100 or auto>_<N255 to 255>");
    let mut words = value.split('_');
    if words.next() != Some("blurred") {
        return Err(expected());
    }
    let intensity = match words.next() {
        None | Some("auto") => None,
        Some(word) => Some(percent(word).ok_or_else(expected)?.round() as u8),
    };
    let brightness = match words.next() {
        None => 0,
        Some(word) => number::signed(word)
            .filter(|number| number.abs() <= 255.0)
            .ok_or_else(expected)?
            .round() as i16,
    };
    match words.next() {
        None => Ok(Fill::Blurred { intensity, brightness }),
        Some(_) => Err(expected()),
    }
}

fn dominant(value: &str) -> Result<Fill, Refusal> {
    match value {
        "dominant" => Ok(Fill::Dominant),
        "gradient_dominant" | "gradient_dominant_2" => Ok(Fill::Gradient(2)),
        "gradient_dominant_4" => Ok(Fill::Gradient(4)),
        _ => Err(Refusal::invalid("dominant, gradient_dominant_2 or gradient_dominant_4")),
    }
}

fn generated(value: &str, reading: Reading) -> Result<Fill, Refusal> {
    if reading.scope != Scope::Base {
        return Err(Refusal::invalid(
            "a background without a model: genfill is not for layers",
        ));
    }
    match value.strip_prefix("genfill") {
        Some("") => Ok(Fill::Generated(None)),
        Some(rest) => {
            ai::prompt("bg-genfill", rest.strip_prefix('-').unwrap_or(rest)).map(|p| Fill::Generated(Some(p)))
        }
        None => Err(Refusal::invalid("genfill, or genfill-prompt-<text>")),
    }
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
