use crate::picture::Picture;

/// Mirrors in place, left to right and/or top to bottom.
pub(crate) fn flip(mut picture: Picture, horizontal: bool, vertical: bool) -> Picture {
    let stride = picture.stride();
    if horizontal {
        for row in picture.pixels.chunks_exact_mut(stride) {
            if picture.has_alpha {
                reverse::<4>(row)
            } else {
                reverse::<3>(row)
            }
        }
    }
    if vertical {
        let height = picture.height as usize;
        for y in 0..height / 2 {
            let (top, bottom) = picture.pixels.split_at_mut((height - 1 - y) * stride);
            top[y * stride..][..stride].swap_with_slice(&mut bottom[..stride]);
        }
    }
    picture
}

fn reverse<const N: usize>(row: &mut [u8]) {
    row.as_chunks_mut::<N>().0.reverse();
}
