//! `e-sharpen`, `e-usm`: more contrast at edges.

use std::fmt;

/// The four classic numbers of an unsharp mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnsharpMask {
    /// Pixels; 0 is chosen from `sigma`.
    pub radius: f64,
    /// Standard deviation of the blur, in pixels; 0 sharpens nothing.
    pub sigma: f64,
    /// How much of the difference is added, as a factor.
    pub amount: f64,
    /// Differences below this fraction of the full range are left alone: 0 to 1.
    pub threshold: f64,
}

impl UnsharpMask {
    /// What `e-usm` means without numbers.
    pub const DEFAULT: Self = Self {
        radius: 2.0,
        sigma: 2.0,
        amount: 0.8,
        threshold: 0.024,
    };
}

impl fmt::Display for UnsharpMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            radius,
            sigma,
            amount,
            threshold,
        } = self;
        write!(f, "{radius}-{sigma}-{amount}-{threshold}")
    }
}
