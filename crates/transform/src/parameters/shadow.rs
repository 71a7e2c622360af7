//! `e-shadow`, `e-dropshadow`: what a cut-out throws.

use std::fmt;

use super::number;

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
