use transform::Color;

use super::simd::{Kernel, wide};
use crate::picture::Picture;

/// Paints an opaque colour behind transparent pixels; the result has no alpha.
pub(crate) fn flatten(picture: Picture, color: Color) -> Picture {
    if !picture.has_alpha {
        return picture;
    }
    let mut result = Picture::new(picture.width, picture.height, false);
    wide(Flatten {
        from: &picture.pixels,
        to: &mut result.pixels,
        behind: [color.red, color.green, color.blue],
    });
    result
}

struct Flatten<'a> {
    from: &'a [u8],
    to: &'a mut [u8],
    behind: [u8; 3],
}

impl Kernel for Flatten<'_> {
    #[inline(always)]
    fn run(self) {
        for (to, from) in self.to.chunks_exact_mut(3).zip(self.from.chunks_exact(4)) {
            let alpha = u16::from(from[3]);
            for channel in 0..3 {
                let mixed = u16::from(from[channel]) * alpha + u16::from(self.behind[channel]) * (255 - alpha);
                // Division by 255, rounded, of anything up to 255 * 255.
                let mixed = mixed + 128;
                to[channel] = ((mixed + (mixed >> 8)) >> 8) as u8;
            }
        }
    }
}
