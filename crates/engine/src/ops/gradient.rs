use transform::Color;

use crate::picture::Picture;

/// A linear gradient over the picture.
pub(crate) fn gradient(picture: Picture, _degrees: f64, _from: Color, _to: Color, _length: f64) -> Picture {
    picture
}
