//! Pixels to pixels: a file an operation, named as in the plan.

pub(crate) mod crop;
pub(crate) mod flatten;
pub(crate) mod flip;
pub(crate) mod orient;
pub(crate) mod pad;
pub(crate) mod resize;
pub(crate) mod rotate;
