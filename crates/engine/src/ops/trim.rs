use transform::Rect;

use crate::picture::Picture;

/// The smallest rectangle outside of which everything is within `tolerance` percent of the edge's colour; the whole
/// picture if nothing would be left.
///
/// The edge's colour is that of the corner which most pixels of the picture's rim are like, averaged over these, so that
/// noise in the corner itself does no harm. Channels are compared each on its own, in percent of the full range, colours
/// times alpha: all that is transparent is alike.
pub(crate) fn trim(picture: &Picture, tolerance: u8) -> Rect {
    let (width, height) = (picture.width, picture.height);
    let whole = Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
    let Some(edge) = Edge::of(picture, tolerance) else {
        return whole;
    };
    let channels = picture.channels();
    let stride = picture.stride();
    let row = |y: u32| &picture.pixels[y as usize * stride..][..stride];
    let Some(top) = (0..height).find(|y| edge.first_unlike(row(*y), channels).is_some()) else {
        return whole;
    };
    let last = (top..height)
        .rev()
        .find(|y| edge.first_unlike(row(*y), channels).is_some());
    let bottom = last.unwrap_or(top);
    // Only what is still beyond the narrowest margins so far is looked at.
    let (mut left, mut right) = (width as usize, 0);
    for y in top..=bottom {
        let pixels = row(y);
        if let Some(first) = edge.first_unlike(&pixels[..left * channels], channels) {
            left = first;
        }
        if let Some(last) = edge.last_unlike(&pixels[right * channels..], channels) {
            right += last + 1;
        }
    }
    Rect {
        x: left as u32,
        y: top,
        width: (right - left) as u32,
        height: bottom - top + 1,
    }
}

struct Edge {
    color: [u8; 4],
    tolerance: u8,
}

impl Edge {
    fn of(picture: &Picture, tolerance: u8) -> Option<Self> {
        let channels = picture.channels();
        let stride = picture.stride();
        let bottom = picture.pixels.len().checked_sub(stride)?;
        let corners = [0, stride - channels, bottom, bottom + stride - channels];
        let tolerance = (u16::from(tolerance.min(100)) * 255 / 100) as u8;
        let rim = || {
            let sides = picture
                .rows()
                .flat_map(move |row| [&row[..channels], &row[stride - channels..]]);
            let ends = [0, bottom]
                .into_iter()
                .flat_map(move |row| picture.pixels[row..row + stride].chunks_exact(channels));
            sides.chain(ends).map(weighted)
        };
        let like = |at: usize| {
            let color = weighted(&picture.pixels[at..at + channels]);
            let edge = Self { color, tolerance };
            let mut sums = [0_u64; 5];
            for pixel in rim().filter(|pixel| edge.is_like(*pixel)) {
                sums[4] += 1;
                (0..4).for_each(|channel| sums[channel] += u64::from(pixel[channel]));
            }
            sums
        };
        // The first of equals.
        let [sums @ .., count] = corners.map(like).into_iter().rev().max_by_key(|sums| sums[4])?;
        Some(Self {
            color: sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8),
            tolerance,
        })
    }

    fn is_like(&self, pixel: [u8; 4]) -> bool {
        (0..4).all(|channel| pixel[channel].abs_diff(self.color[channel]) <= self.tolerance)
    }

    fn first_unlike(&self, pixels: &[u8], channels: usize) -> Option<usize> {
        pixels
            .chunks_exact(channels)
            .position(|pixel| !self.is_like(weighted(pixel)))
    }

    fn last_unlike(&self, pixels: &[u8], channels: usize) -> Option<usize> {
        pixels
            .chunks_exact(channels)
            .rposition(|pixel| !self.is_like(weighted(pixel)))
    }
}

/// Colours times alpha.
#[inline]
fn weighted(pixel: &[u8]) -> [u8; 4] {
    let (red, green, blue) = (pixel[0], pixel[1], pixel[2]);
    let alpha = pixel.get(3).copied().unwrap_or(255);
    let times = |value: u8| ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8;
    match alpha {
        255 => [red, green, blue, 255],
        _ => [times(red), times(green), times(blue), alpha],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` content, `.` edge, `,` edge with some noise, `o` transparent red, `x` transparent green.
    fn picture(rows: &[&str]) -> Picture {
        let mut picture = Picture::new(rows[0].len() as u32, rows.len() as u32, true);
        let letters = rows.iter().flat_map(|row| row.chars());
        for (pixel, letter) in picture.pixels.chunks_exact_mut(4).zip(letters) {
            pixel.copy_from_slice(match letter {
                '#' => &[20, 60, 90, 255],
                '.' => &[250, 250, 250, 255],
                ',' => &[238, 255, 241, 255],
                'o' => &[255, 0, 0, 0],
                _ => &[0, 255, 0, 0],
            });
        }
        picture
    }

    #[test]
    fn margins() {
        for (rows, expected) in [
            (&["......", "..##..", "..#...", "......"][..], (2, 1, 2, 2)),
            // Noise within the tolerance, in a corner too.
            (&[",.,.,.", ".,##,.", "..,..,", ".,.,.,"], (2, 1, 2, 1)),
            // One corner belongs to the content.
            (&["#.....", "......", "......"], (0, 0, 1, 1)),
            (&["....#.", "......", ".#...."], (1, 0, 4, 3)),
            // Transparent is one colour, whatever it hides.
            (&["oxoxox", "xo##ox", "oxoxox"], (2, 1, 2, 1)),
            // An opaque margin around something transparent.
            (&["......", "..ox..", "......"], (2, 1, 2, 1)),
            // All of one colour, and nothing of one colour.
            (&["......", ",.,.,."], (0, 0, 6, 2)),
            (&["xoxo"], (0, 0, 4, 1)),
            (&["#"], (0, 0, 1, 1)),
            (&["..#"], (2, 0, 1, 1)),
            (&["##.", "#.#", "###"], (1, 0, 2, 2)),
        ] {
            let Rect { x, y, width, height } = trim(&picture(rows), 10);
            assert_eq!((x, y, width, height), expected, "{rows:#?}");
            if !rows.concat().contains(['o', 'x']) {
                let Rect { x, y, width, height } = trim(&picture(rows).without_alpha(), 10);
                assert_eq!((x, y, width, height), expected, "{rows:#?} without alpha");
            }
        }
    }

    #[test]
    fn tolerance_decides() {
        let noisy = picture(&["......", ".,##,.", "......"]);
        assert_eq!(trim(&noisy, 10).width, 2);
        assert_eq!(trim(&noisy, 1).width, 4);
        assert_eq!(trim(&noisy, 99).width, 6, "nothing would be left");
    }
}
