use transform::{Color, Corner};

use crate::picture::Picture;

/// Rounds the corners off, clockwise from the top left.
pub(crate) fn round(picture: Picture, _corners: [Corner; 4]) -> Picture {
    picture
}

/// A frame around the picture.
pub(crate) fn border(picture: Picture, _width: u32, _color: Color, _corners: [Corner; 4]) -> Picture {
    picture
}
