use transform::{Color, Corner, Size};

use super::pad::filled;
use crate::picture::Picture;

/// Rounds the corners off, clockwise from the top left: alpha is multiplied by the share of each pixel that lies inside
/// the ellipse.
pub(crate) fn round(picture: Picture, corners: [Corner; 4]) -> Picture {
    let mut picture = picture.with_alpha();
    let (width, height) = (picture.width as usize, picture.height as usize);
    let outline = Outline::new(width, height, corners);
    let stride = picture.stride();
    let mut shares = vec![0; width];
    for (y, row) in picture.pixels.chunks_exact_mut(stride).enumerate() {
        if !outline.is_cut(y) {
            continue;
        }
        outline.shares(y, &mut shares);
        for (pixel, share) in row.chunks_exact_mut(4).zip(&shares) {
            pixel[3] = product(pixel[3], *share);
        }
    }
    picture
}

/// A frame around the picture, inside the rounded outline that is larger by `width`. Where corners of the picture were
/// cut, the frame fills what was cut away of each pixel, so there is no seam.
pub(crate) fn border(picture: Picture, width: u32, color: Color, corners: [Corner; 4]) -> Picture {
    let is_round = corners.iter().any(|corner| corner.x > 0.0 && corner.y > 0.0);
    let canvas = Size {
        width: picture.width.saturating_add(width.saturating_mul(2)),
        height: picture.height.saturating_add(width.saturating_mul(2)),
    };
    let has_alpha = picture.has_alpha || is_round || !color.is_opaque();
    let mut result = filled(canvas, color, has_alpha);
    let frame = width as usize;
    let (stride, channels) = (result.stride(), result.channels());
    let (inner_width, inner_height) = (picture.width as usize, picture.height as usize);
    let inner = Outline::new(inner_width, inner_height, corners);
    let mut shares = vec![255; inner_width];
    for (y, from) in picture.rows().enumerate() {
        let start = (y + frame) * stride + frame * channels;
        let to = &mut result.pixels[start..start + inner_width * channels];
        if !picture.has_alpha && channels == 3 {
            to.copy_from_slice(from);
            continue;
        }
        inner.shares(y, &mut shares);
        for ((to, from), share) in to
            .chunks_exact_mut(4)
            .zip(from.chunks_exact(picture.channels()))
            .zip(&shares)
        {
            let alpha = if picture.has_alpha { from[3] } else { 255 };
            to.copy_from_slice(&beside([from[0], from[1], from[2], alpha], color, 255 - share));
        }
    }
    if is_round {
        let outer = Outline::new(
            canvas.width as usize,
            canvas.height as usize,
            corners.map(|corner| wider(corner, width)),
        );
        let mut shares = vec![0; canvas.width as usize];
        for (y, row) in result.pixels.chunks_exact_mut(stride).enumerate() {
            if outer.is_cut(y) {
                outer.shares(y, &mut shares);
                for (pixel, share) in row.chunks_exact_mut(4).zip(&shares) {
                    pixel[3] = product(pixel[3], *share);
                }
            }
        }
    }
    result
}

/// A square corner stays square.
fn wider(corner: Corner, width: u32) -> Corner {
    if corner.x > 0.0 && corner.y > 0.0 {
        Corner {
            x: corner.x + f64::from(width),
            y: corner.y + f64::from(width),
        }
    } else {
        corner
    }
}

/// The picture's part of a pixel and the frame's, which takes `share` of it: they lie side by side, so that their
/// opacities add up.
fn beside(pixel: [u8; 4], color: Color, share: u8) -> [u8; 4] {
    if share == 0 {
        return pixel;
    }
    let frame = u32::from(product(color.alpha, share));
    let own = u32::from(pixel[3]).min(255 - frame);
    let alpha = own + frame;
    if alpha == 0 {
        return [0; 4];
    }
    let mix = |pixel: u8, color: u8| ((u32::from(pixel) * own + u32::from(color) * frame + alpha / 2) / alpha) as u8;
    [
        mix(pixel[0], color.red),
        mix(pixel[1], color.green),
        mix(pixel[2], color.blue),
        alpha as u8,
    ]
}

fn product(alpha: u8, share: u8) -> u8 {
    ((u16::from(alpha) * u16::from(share) + 127) / 255) as u8
}

/// A rectangle with elliptical corners, on a grid of pixels.
struct Outline {
    width: usize,
    height: usize,
    corners: [Corner; 4],
}

impl Outline {
    /// Corners that overlap are all made smaller by the same factor, as in CSS ("CSS Backgrounds and Borders Module
    /// Level 3", 5.5).
    fn new(width: usize, height: usize, corners: [Corner; 4]) -> Self {
        let corners = corners.map(|Corner { x, y }| {
            if x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite() {
                Corner { x, y }
            } else {
                Corner::default()
            }
        });
        let [a, b, c, d] = corners;
        let sides = [
            (width, a.x + b.x),
            (width, c.x + d.x),
            (height, a.y + d.y),
            (height, b.y + c.y),
        ];
        let factor = sides.iter().map(|(side, sum)| *side as f64 / sum).fold(1.0, f64::min);
        Self {
            width,
            height,
            corners: corners.map(|Corner { x, y }| Corner {
                x: x * factor,
                y: y * factor,
            }),
        }
    }

    /// True when a corner reaches into row `y`.
    fn is_cut(&self, y: usize) -> bool {
        let [a, b, c, d] = self.corners;
        (y as f64) < a.y.max(b.y) || ((self.height - 1 - y) as f64) < c.y.max(d.y)
    }

    /// How much of each pixel of row `y` is inside, 0 to 255.
    fn shares(&self, y: usize, shares: &mut [u8]) {
        shares.fill(255);
        if !self.is_cut(y) {
            return;
        }
        let [a, b, c, d] = self.corners;
        let below = self.height - 1 - y;
        // A pixel in the middle may be cut by several corners: what each removes is disjoint.
        let mut removed = |x: usize, share: f64| {
            shares[x] = shares[x].saturating_sub((share * 255.0).round() as u8);
        };
        for (corner, row, from_right) in [(a, y, false), (b, y, true), (c, below, true), (d, below, false)] {
            for (x, share) in cut_off(corner, row, self.width) {
                removed(if from_right { self.width - 1 - x } else { x }, share);
            }
        }
    }
}

/// The pixels of a row, counted from a corner both ways, of which it removes something, and how much.
fn cut_off(corner: Corner, row: usize, width: usize) -> impl Iterator<Item = (usize, f64)> {
    // From 1 at the corner down to 0 at the end of the curve.
    let down = |y: f64| ((corner.y - y) / corner.y).clamp(0.0, 1.0);
    let across = move |x: f64| ((corner.x - x) / corner.x).clamp(0.0, 1.0);
    let is_cut = (row as f64) < corner.y;
    let (v1, v0) = if is_cut {
        (down(row as f64), down(row as f64 + 1.0))
    } else {
        (0.0, 0.0)
    };
    // Columns left of `whole` are outside in all their height.
    let column = |v: f64| corner.x * (1.0 - (1.0 - v * v).max(0.0).sqrt());
    let whole = if is_cut { column(v0).floor() as usize } else { 0 };
    let end = if is_cut {
        (column(v1).ceil() as usize).min(width)
    } else {
        0
    };
    let area = corner.x * corner.y;
    (0..end).map(move |x| {
        if x < whole {
            return (x, 1.0);
        }
        let (u1, u0) = (across(x as f64), across(x as f64 + 1.0));
        let inside = quarter(u1, v1) - quarter(u0, v1) - quarter(u1, v0) + quarter(u0, v0);
        (x, (area * ((u1 - u0) * (v1 - v0) - inside)).clamp(0.0, 1.0))
    })
}

/// The area that the unit disc and the rectangle from its middle to (`u`, `v`) share; both 0 to 1.
fn quarter(u: f64, v: f64) -> f64 {
    if u * u + v * v <= 1.0 {
        return u * v;
    }
    // Flat up to where the circle is as high as the rectangle, then below the arc.
    let integral = |t: f64| (t * (1.0 - t * t).max(0.0).sqrt() + t.asin()) / 2.0;
    let flat = (1.0 - v * v).max(0.0).sqrt();
    v * flat + integral(u) - integral(flat)
}
