//! `b`: a frame around the picture.

use std::fmt;

use super::Length;
use crate::Color;

/// A frame that is added outside: the picture grows by its width on each side.
#[derive(Debug, Clone, PartialEq)]
pub struct Border {
    /// On each side, in pixels; 0 is no frame.
    pub width: Length,
    /// All around.
    pub color: Color,
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.width, self.color)
    }
}
