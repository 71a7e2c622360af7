use transform::Rect;

use crate::picture::Picture;

/// Keeps a rectangle, which must lie inside.
pub(crate) fn crop(picture: Picture, rect: Rect) -> Picture {
    if (rect.width, rect.height) == (picture.width, picture.height) {
        picture
    } else {
        cropped(&picture, rect)
    }
}

/// A copy of a rectangle, which must lie inside.
pub(crate) fn cropped(picture: &Picture, rect: Rect) -> Picture {
    let mut result = Picture::new(rect.width, rect.height, picture.has_alpha);
    let stride = result.stride();
    let left = rect.x as usize * picture.channels();
    let rows = picture.rows().skip(rect.y as usize);
    for (to, from) in result.pixels.chunks_exact_mut(stride).zip(rows) {
        to.copy_from_slice(&from[left..left + stride]);
    }
    result
}
