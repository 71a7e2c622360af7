use transform::{Color, Size};

use crate::picture::Picture;

/// The picture, enlarged to cover the canvas, blurred and made brighter.
pub(crate) fn blurred(_picture: &Picture, canvas: Size, _sigma: f64, _brightness: i16) -> Picture {
    Picture::new(canvas.width, canvas.height, false)
}

/// The dominant colour of the picture's edge.
pub(crate) fn dominant(_picture: &Picture) -> Color {
    Color::BLACK
}

/// A gradient of two or four dominant colours.
pub(crate) fn gradient(_picture: &Picture, canvas: Size, _colors: u8) -> Picture {
    Picture::new(canvas.width, canvas.height, false)
}
