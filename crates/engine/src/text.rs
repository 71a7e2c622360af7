//! Texts: measured, and drawn.

use transform::{MeasureError, Size, Text};

use crate::picture::Picture;

/// The fonts that texts are set in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fonts {}

impl Fonts {
    /// Those that come with the engine.
    pub fn bundled() -> Self {
        Self {}
    }
}

/// Gives the bytes of a font file by the name that a plan has for it.
pub(crate) type FontFiles<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

/// The size of a text's box.
pub(crate) fn measure(_text: &Text, _fonts: &Fonts, _files: &FontFiles<'_>) -> Result<Size, MeasureError> {
    Err(MeasureError::Unreadable(String::from("texts are not drawn yet")))
}

/// The text in its box.
pub(crate) fn draw(_text: &Text, _fonts: &Fonts, _files: &FontFiles<'_>) -> Result<Picture, MeasureError> {
    Err(MeasureError::Unreadable(String::from("texts are not drawn yet")))
}
