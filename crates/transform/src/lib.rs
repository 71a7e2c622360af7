//! The URL language: text becomes steps once, steps and facts about a source become a plan.
//!
//! Nothing here does IO, looks at a clock or touches a pixel. A plan has no choices left: it can be printed, hashed
//! and explained before anything is decoded.
//!
//! ```
//! use transform::{Mode, Transformation};
//!
//! let transformation = Transformation::parse("h-200, w-300.0:rt-90", Mode::Strict)?;
//! assert_eq!(transformation.canonical(), "w-300,h-200:rt-90");
//! # Ok::<(), transform::ParseError>(())
//! ```

mod color;
mod color_names;
mod condition;
mod decode;
mod error;
mod expression;
mod format;
mod hint;
mod input;
mod key;
mod limits;
mod measure;
mod named;
mod negotiate;
mod number;
pub mod parameters;
mod parse;
mod plan;
mod plan_error;
mod planner;
mod rewriter;
mod size;
mod source;
mod stage;
mod step;
mod token;
mod transformation;
mod url;

pub use color::Color;
pub use condition::{Comparison, Condition, Predicate, Property, Test};
pub use error::{Ignored, ParseError, ParseErrorKind};
pub use expression::{Expression, ExpressionError, Scope};
pub use format::Format;
pub use input::{Input, InputKind};
pub use key::RenditionKey;
pub use limits::Limits;
pub use measure::{Measure, MeasureError, Subject, Unmeasured};
pub use named::{BUILT_IN_NAMES, ExpandError};
pub use negotiate::{Accept, Hints, OutputSettings};
pub use parameters::Param;
pub use parse::Mode;
pub use plan::{
    Background, Corner, Encoding, Font, Layer, LayerSource, Mix, Op, Output, Part, Plan, Rect, Size, Text, TextAlign,
};
pub use plan_error::PlanError;
pub use planner::{Context, content_dpr, plan};
pub use rewriter::{Rewriter, Rewritten};
pub use size::Ring;
pub use source::{Orientation, SourceInfo};
pub use stage::{LooksFor, Stage, Stages};
pub use step::{Params, Step};
pub use transformation::Transformation;
pub use url::{AssetRequest, Attachment, DeliveryUrl, Marker, Position, SignatureState, UrlError, sign, verify};
