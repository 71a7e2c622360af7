use transform::Color;

use crate::picture::Picture;

/// Paints an opaque colour behind transparent pixels; the result has no alpha.
pub(crate) fn flatten(picture: Picture, color: Color) -> Picture {
    if !picture.has_alpha {
        return picture;
    }
    let behind = [color.red, color.green, color.blue];
    let mut result = Picture::new(picture.width, picture.height, false);
    for (to, from) in result.pixels.chunks_exact_mut(3).zip(picture.pixels.chunks_exact(4)) {
        let alpha = u32::from(from[3]);
        for channel in 0..3 {
            let mixed = u32::from(from[channel]) * alpha + u32::from(behind[channel]) * (255 - alpha);
            to[channel] = ((mixed + 127) / 255) as u8;
        }
    }
    result
}
