//! Pixels to pixels: a file an operation, named as in the plan.

pub(crate) mod background;
pub(crate) mod blur;
pub(crate) mod composite;
pub(crate) mod crop;
pub(crate) mod distort;
pub(crate) mod dither;
pub(crate) mod flatten;
pub(crate) mod flip;
pub(crate) mod gaussian;
pub(crate) mod gradient;
pub(crate) mod light;
pub(crate) mod orient;
pub(crate) mod outline;
pub(crate) mod pad;
#[cfg(test)]
mod properties;
pub(crate) mod replace;
pub(crate) mod resample;
pub(crate) mod resize;
pub(crate) mod rotate;
pub(crate) mod salient;
pub(crate) mod sample;
pub(crate) mod shadow;
pub(crate) mod sharpen;
pub(crate) mod simd;
pub(crate) mod tone;
pub(crate) mod trim;
