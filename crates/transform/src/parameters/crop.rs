//! `c`, `cm`, `x`, `y`, `xc`, `yc`: how a picture is brought into a box.

use std::fmt;

use super::{Param, Reading, Refusal, number, resize};
use crate::expression::{Expression, Scope};

/// How a picture is brought into the box that `w` and `h` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Fill the box, cut the overhang.
    #[default]
    MaintainRatio,
    /// Each axis on its own: distorts.
    Force,
    /// Inside the box, never enlarged.
    AtMax,
    /// Inside the box, enlarged if need be.
    AtMaxEnlarge,
    /// Cover the box, cut nothing.
    AtLeast,
    /// Fill the box; a picture that is smaller is only cut to the ratio of the box.
    MaintainRatioNoEnlarge,
    /// Inside the box, the rest is background.
    PadResize,
    /// The same, never enlarged.
    PadResizeNoEnlarge,
    /// A window of the unscaled picture.
    Extract,
    /// The unscaled picture on a canvas; what overhangs is cut.
    PadExtract,
    /// The same, but the canvas is never smaller than the picture.
    PadExtractNoShrink,
}

/// A place in pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Offset {
    /// Possibly negative or with a fraction.
    Number(f64),
    /// Computed from sizes.
    Expression(Expression),
}

const STRATEGIES: [(&str, &str, Strategy); 11] = [
    ("c", "maintain_ratio", Strategy::MaintainRatio),
    ("c", "force", Strategy::Force),
    ("c", "at_max", Strategy::AtMax),
    ("c", "at_max_enlarge", Strategy::AtMaxEnlarge),
    ("c", "at_least", Strategy::AtLeast),
    ("c", "maintain_ratio_no_enlarge", Strategy::MaintainRatioNoEnlarge),
    ("cm", "pad_resize", Strategy::PadResize),
    ("cm", "pad_resize_no_enlarge", Strategy::PadResizeNoEnlarge),
    ("cm", "extract", Strategy::Extract),
    ("cm", "pad_extract", Strategy::PadExtract),
    ("cm", "pad_extract_no_shrink", Strategy::PadExtractNoShrink),
];

/// What other dialects call the strategies.
const FOREIGN: [(&str, &str); 9] = [
    ("fill", "c-maintain_ratio"),
    ("cover", "c-maintain_ratio"),
    ("crop", "c-maintain_ratio"),
    ("fit", "c-at_max"),
    ("max", "c-at_max"),
    ("contain", "c-at_max_enlarge"),
    ("clip", "c-at_max_enlarge"),
    ("scale", "c-force"),
    ("pad", "cm-pad_resize"),
];

impl Strategy {
    /// The key under which it is usually written.
    pub fn key(self) -> &'static str {
        self.row().0
    }

    /// As written in a URL.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = STRATEGIES.iter().find(|(_, _, strategy)| *strategy == self);
        row.map_or(("c", "maintain_ratio"), |(key, name, _)| (key, name))
    }
}

/// Any value under either key: both spellings are in use.
pub(super) fn strategy(value: &str, _: Reading) -> Result<Param, Refusal> {
    if value == "resize" {
        return Ok(Param::Crop(Strategy::MaintainRatio));
    }
    if let Some((_, _, strategy)) = STRATEGIES.iter().find(|(_, name, _)| *name == value) {
        return Ok(Param::Crop(*strategy));
    }
    let names = STRATEGIES.map(|(_, name, _)| name).join(", ");
    let hint = FOREIGN
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, ours)| format!("write `{ours}`"));
    Err(Refusal {
        hint,
        ..Refusal::invalid(format!("one of {names}"))
    })
}

pub(super) fn x(value: &str, reading: Reading) -> Result<Param, Refusal> {
    offset(value, reading.scope).map(Param::X)
}

pub(super) fn y(value: &str, reading: Reading) -> Result<Param, Refusal> {
    offset(value, reading.scope).map(Param::Y)
}

pub(super) fn x_center(value: &str, reading: Reading) -> Result<Param, Refusal> {
    offset(value, reading.scope).map(Param::CenterX)
}

pub(super) fn y_center(value: &str, reading: Reading) -> Result<Param, Refusal> {
    offset(value, reading.scope).map(Param::CenterY)
}

pub(super) fn offset(value: &str, scope: Scope) -> Result<Offset, Refusal> {
    match number::signed(value) {
        Some(number) => Ok(Offset::Number(number)),
        None => resize::expression(value, "a number of pixels", scope).map(Offset::Expression),
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&number::write_signed(*value)),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}
