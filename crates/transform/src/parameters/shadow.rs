//! `e-shadow`, `e-dropshadow`: what a cut-out throws.

use std::fmt;

use super::{Param, Reading, Refusal, number, subs};

/// A soft shadow below what is not transparent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shadow {
    /// 0 to 15.
    pub blur: f64,
    /// Percent of opacity: 0 to 100.
    pub strength: f64,
    /// To the right, in percent of the width; negative to the left.
    pub x: f64,
    /// Down, in percent of the height; negative up.
    pub y: f64,
}

/// A shadow on the ground, from a light in the sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropShadow {
    /// Where the light comes from: degrees, 0 to 360.
    pub azimuth: f64,
    /// How high the light stands: degrees, 0 to 90.
    pub elevation: f64,
    /// Percent of opacity: 0 to 100.
    pub strength: f64,
}

impl Shadow {
    /// What `e-shadow` means without numbers.
    pub const DEFAULT: Self = Self {
        blur: 10.0,
        strength: 30.0,
        x: 2.0,
        y: 2.0,
    };
}

impl DropShadow {
    /// What `e-dropshadow` means without numbers.
    pub const DEFAULT: Self = Self {
        azimuth: 215.0,
        elevation: 45.0,
        strength: 60.0,
    };
}

pub(super) fn shadow(value: &str, _: Reading) -> Result<Param, Refusal> {
    let mut shadow = Shadow::DEFAULT;
    for (key, value) in subs(value, &["bl", "st", "x", "y"])? {
        match key {
            "bl" => shadow.blur = within(key, value, 15.0)?,
            "st" => shadow.strength = within(key, value, 100.0)?,
            "x" => shadow.x = offset(key, value)?,
            _ => shadow.y = offset(key, value)?,
        }
    }
    Ok(Param::Shadow(shadow))
}

pub(super) fn drop_shadow(value: &str, _: Reading) -> Result<Param, Refusal> {
    let mut shadow = DropShadow::DEFAULT;
    for (key, value) in subs(value, &["az", "el", "st"])? {
        match key {
            "az" => shadow.azimuth = within(key, value, 360.0)?,
            "el" => shadow.elevation = within(key, value, 90.0)?,
            _ => shadow.strength = within(key, value, 100.0)?,
        }
    }
    Ok(Param::DropShadow(shadow))
}

fn within(key: &str, value: &str, most: f64) -> Result<f64, Refusal> {
    number::unsigned(value)
        .filter(|number| *number <= most)
        .ok_or_else(|| Refusal::invalid(format!("0 to {most} after `{key}-`")))
}

fn offset(key: &str, value: &str) -> Result<f64, Refusal> {
    number::signed(value)
        .filter(|number| (-100.0..=100.0).contains(number))
        .ok_or_else(|| Refusal::invalid(format!("N100 to 100 percent after `{key}-`")))
}

impl fmt::Display for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y) = (number::write_signed(self.x), number::write_signed(self.y));
        write!(f, "bl-{}_st-{}_x-{x}_y-{y}", self.blur, self.strength)
    }
}

impl fmt::Display for DropShadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "az-{}_el-{}_st-{}", self.azimuth, self.elevation, self.strength)
    }
}
