use transform::{Rect, Size};

use crate::picture::Picture;

/// The rectangle of `window`'s size that keeps what is most interesting.
pub(crate) fn salient(picture: &Picture, window: Size) -> Rect {
    Rect {
        x: (picture.width - window.width) / 2,
        y: (picture.height - window.height) / 2,
        width: window.width,
        height: window.height,
    }
}
