//! The URL language: text becomes steps once, steps and facts about a source become a plan.
//!
//! Nothing here does IO, looks at a clock or touches a pixel. A plan has no choices left: it can be printed, hashed
//! and explained before anything is decoded.

mod color;
mod format;
mod plan;
mod source;

pub use color::Color;
pub use format::Format;
pub use plan::{Background, Encoding, Op, Output, Plan, Rect, Size};
pub use source::{Orientation, SourceInfo};
