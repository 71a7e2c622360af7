use transform::Orientation;

use super::flip::flip;
use crate::picture::Picture;

/// Turns and mirrors stored pixels upright.
pub(crate) fn orient(picture: Picture, orientation: Orientation) -> Picture {
    match orientation {
        Orientation::Upright => picture,
        Orientation::MirroredHorizontally => flip(picture, true, false),
        Orientation::UpsideDown => flip(picture, true, true),
        Orientation::MirroredVertically => flip(picture, false, true),
        // Quarter turns are an exchange of rows and columns, and a mirror.
        Orientation::Transposed => transpose(&picture),
        Orientation::OnLeftSide => flip(transpose(&picture), true, false),
        Orientation::Transversed => flip(transpose(&picture), true, true),
        Orientation::OnRightSide => flip(transpose(&picture), false, true),
    }
}

/// Rows become columns.
fn transpose(picture: &Picture) -> Picture {
    let mut result = Picture::new(picture.height, picture.width, picture.has_alpha);
    let (width, height) = (picture.width as usize, picture.height as usize);
    if picture.has_alpha {
        exchange::<4>(&picture.pixels, &mut result.pixels, width, height);
    } else {
        exchange::<3>(&picture.pixels, &mut result.pixels, width, height);
    }
    result
}

fn exchange<const N: usize>(from: &[u8], to: &mut [u8], width: usize, height: usize) {
    // Tiles that fit in the nearest cache: whole columns would miss it at every step.
    const TILE: usize = 32;
    let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..(top + TILE).min(height) {
                for x in left..(left + TILE).min(width) {
                    to[x * height + y] = from[y * width + x];
                }
            }
        }
    }
}
