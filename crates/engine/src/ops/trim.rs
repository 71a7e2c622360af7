use transform::Rect;

use crate::picture::Picture;

/// The smallest rectangle outside of which everything is within `tolerance` percent of the edge's colour.
pub(crate) fn trim(picture: &Picture, _tolerance: u8) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: picture.width,
        height: picture.height,
    }
}
