use transform::Color;

use super::simd::{Kernel, wide};
use crate::picture::Picture;

/// Paints a colour behind transparent pixels. If it is opaque, the result has no alpha; if not, the two lie above each
/// other (Porter and Duff's source-over, 1984).
pub(crate) fn flatten(mut picture: Picture, color: Color) -> Picture {
    if !picture.has_alpha {
        return picture;
    }
    if !color.is_opaque() {
        let behind = [color.red, color.green, color.blue];
        for pixel in picture.pixels.as_chunks_mut::<4>().0 {
            paint_behind(pixel, behind, color.alpha);
        }
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

/// All in 255ths of 255ths, so that it is rounded once.
fn paint_behind(pixel: &mut [u8; 4], behind: [u8; 3], alpha: u8) {
    let front = u32::from(pixel[3]) * 255;
    let back = u32::from(alpha) * (255 - u32::from(pixel[3]));
    let both = front + back;
    if both == 0 {
        return;
    }
    for (channel, behind) in pixel.iter_mut().zip(behind) {
        let mixed = u32::from(*channel) * front + u32::from(behind) * back;
        *channel = ((mixed + both / 2) / both) as u8;
    }
    pixel[3] = ((both + 127) / 255) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_colour_behind_half_a_colour() {
        let red = Color {
            red: 255,
            green: 0,
            blue: 0,
            alpha: 128,
        };
        let behind = [red.red, red.green, red.blue];
        for (pixel, expected) in [
            // Half of blue, and half of what it leaves of red.
            ([0, 0, 255, 128], [85, 0, 170, 192]),
            ([1, 2, 3, 0], [255, 0, 0, 128]),
            ([1, 2, 3, 255], [1, 2, 3, 255]),
        ] {
            let mut pixel = pixel;
            paint_behind(&mut pixel, behind, red.alpha);
            assert_eq!(pixel, expected);
        }
    }
}
