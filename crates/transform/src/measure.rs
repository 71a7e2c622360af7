//! What a plan depends on that only pixels, fonts and models can tell.

use crate::parameters::Anchor;
use crate::{Op, Part, Rect, Size, SourceInfo, Text};

/// Answers the planner's questions about one source: the base picture, or that of a layer.
///
/// A plan is decided by a pure function of what it is told. Some decisions need a look at pixels: where a picture's edge
/// ends, where a face is, how wide a text becomes. The planner asks for these facts here, in the order in which it needs
/// them, with the operations that it has decided so far: equal answers give equal plans.
///
/// An implementation without pixels answers with the largest size that can be true, so that a first plan bounds the cost.
pub trait Measure {
    /// The part of the picture that is not its nearly uniform edge: the smallest rectangle outside of which everything
    /// is within `tolerance` (0 to 100 percent) of the edge's colour. The whole picture if nothing else is left.
    ///
    /// `ops` make the picture of this scope's source, and `size` is the size that they lead to.
    fn trim(&mut self, part: &Part, ops: &[Op], size: Size, tolerance: u8) -> Result<Rect, MeasureError>;

    /// The rectangle of `window`'s size that keeps what is most interesting of the picture.
    fn salient(&mut self, part: &Part, ops: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError>;

    /// The rectangle around everything of this kind in the picture; none if nothing was found or nothing can look.
    fn find(&mut self, part: &Part, ops: &[Op], size: Size, subject: &Subject) -> Result<Option<Rect>, MeasureError>;

    /// The size of a text's box, padding included.
    fn text(&mut self, text: &Text) -> Result<Size, MeasureError>;

    /// The facts about an input's part, and the scope in which it is measured.
    fn layer(&mut self, input: &str, part: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError>;
}

/// What is looked for in a picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Faces of people.
    Faces,
    /// Objects, by their names in the URL (the classes of COCO in camelCase).
    Objects(Vec<String>),
}

/// Why a fact could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// There is no such input.
    #[error("the layer's file `{0}` does not exist")]
    NoInput(String),
    /// The input cannot be read.
    #[error("the layer's file `{input}` cannot be used: {reason}")]
    BadInput {
        /// Its name.
        input: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text's box is larger than any may be.
    #[error("the text takes {width} x {height} pixels: no side may be longer than {limit}")]
    TextTooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Longest side.
        limit: u32,
    },
    /// The font cannot be read.
    #[error("the font `{font}` cannot be used: {reason}")]
    BadFont {
        /// Its name.
        font: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The source could not be decoded far enough to look at it.
    #[error("the picture could not be measured: {0}")]
    Unreadable(String),
}

/// For callers with a header and nothing else: no edge is cut, crops keep the centre, nothing is found, and there are
/// neither fonts nor layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmeasured;

impl Measure for Unmeasured {
    fn trim(&mut self, _: &Part, _: &[Op], size: Size, _: u8) -> Result<Rect, MeasureError> {
        Ok(Rect {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        })
    }

    fn salient(&mut self, _: &Part, _: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError> {
        Ok(crate::size::anchored(size, window, Anchor::Center))
    }

    fn find(&mut self, _: &Part, _: &[Op], _: Size, _: &Subject) -> Result<Option<Rect>, MeasureError> {
        Ok(None)
    }

    fn text(&mut self, text: &Text) -> Result<Size, MeasureError> {
        Err(MeasureError::BadFont {
            font: text.font.to_string(),
            reason: "there are no fonts here".to_owned(),
        })
    }

    fn layer(&mut self, input: &str, _: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError> {
        Err(MeasureError::NoInput(input.to_owned()))
    }
}
