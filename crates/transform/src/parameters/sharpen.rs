//! `e-sharpen`, `e-usm`: more contrast at edges.

use std::fmt;

use super::{Param, Reading, Refusal, number};

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

/// What `e-sharpen` means without a number.
const STRENGTH: f64 = 50.0;

/// Rewriters of other dialects send strengths up to 2000: what is above 100 is 100.
pub(super) fn sharpen(value: &str, _: Reading) -> Result<Param, Refusal> {
    let strength = match value {
        "" | "true" => Some(STRENGTH),
        _ => number::unsigned(value).map(|number| number.min(100.0)),
    };
    strength
        .map(Param::Sharpen)
        .ok_or_else(|| Refusal::invalid("a strength of 1 to 100"))
}

pub(super) fn unsharp_mask(value: &str, _: Reading) -> Result<Param, Refusal> {
    if matches!(value, "" | "true") {
        return Ok(Param::UnsharpMask(UnsharpMask::DEFAULT));
    }
    let numbers: Option<Vec<f64>> = value.split('-').map(number::unsigned).collect();
    let Some([radius, sigma, amount, threshold]) = numbers.as_deref() else {
        return Err(Refusal::invalid("four numbers such as 2-2-0.8-0.024"));
    };
    Ok(Param::UnsharpMask(UnsharpMask {
        radius: *radius,
        sigma: *sigma,
        amount: *amount,
        threshold: threshold.min(1.0),
    }))
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
