//! `bg`: what shows where the picture is not.

use super::{Param, Refusal};
use crate::{Color, Mode};

pub(super) fn color(value: &str, mode: Mode) -> Result<Param, Refusal> {
    let what = match value.split(['_', '-']).next().unwrap_or_default() {
        "blurred" => "a blurred background",
        "dominant" | "gradient" => "a background of dominant colours",
        "genfill" => "a generated background",
        _ => {
            return Color::parse(value, mode).map(Param::Background).ok_or_else(|| {
                Refusal::invalid("a colour: RRGGBB, RRGGBBAA with AA from 00 to 99 percent, or a name")
            });
        }
    };
    Err(Refusal::unavailable(what))
}
