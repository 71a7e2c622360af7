use std::f64::consts::{PI, TAU};

use transform::{Ring, Size};

use super::sample::{Pyramid, unweighted};
use crate::picture::Picture;

/// Moves the corners, clockwise from the top left, to these places on a canvas of the same size, in pixels from its top
/// left. What is left is transparent, and so is all of it where no plane seen in perspective looks like that: if the
/// corners are not those of a convex quadrilateral. A mirrored one is convex too.
pub(crate) fn perspective(picture: Picture, corners: [(f64, f64); 4]) -> Picture {
    let mut result = Picture::new(picture.width, picture.height, true);
    let Some(outline) = Outline::new(corners) else {
        return result;
    };
    let size = (f64::from(picture.width), f64::from(picture.height));
    let map = Homography::onto_unit_square(corners);
    let shrunk = corners.iter().chain([&outline.middle]);
    let shrunk = shrunk.map(|corner| map.at(*corner, size).shrunk()).fold(1.0, f64::max);
    let pyramid = Pyramid::new(&picture, shrunk);
    draw(&mut result, &pyramid, outline.bounds(), |x, y| {
        let covered = outline.covers(x, y);
        (covered > 0.0).then(|| (covered, map.at((x, y), size)))
    });
    result
}

/// Bends along a circle so that the picture spans this angle of it, upwards in the middle if it is above 0, downwards if
/// below. The canvas is that of [`transform::Ring`]; what is left is transparent.
pub(crate) fn arc(picture: Picture, degrees: f64, canvas: Size) -> Picture {
    let size = Size {
        width: picture.width,
        height: picture.height,
    };
    let Some(ring) = Ring::new(size, degrees) else {
        return picture;
    };
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let (canvas_width, canvas_height) = (f64::from(canvas.width), f64::from(canvas.height));
    let angle = degrees.abs().to_radians().min(TAU);
    let is_closed = angle > TAU - 1e-9;
    // Along a row while a pixel goes once around a circle of this radius.
    let stretch = width / angle;
    let mut result = Picture::new(canvas.width, canvas.height, true);
    let pyramid = Pyramid::new(&picture, 1.0);
    let bounds = (0.0, 0.0, canvas_width, canvas_height);
    draw(&mut result, &pyramid, bounds, |x, y| {
        // From the circle's middle to the picture's.
        let (across, along) = if degrees > 0.0 {
            (x - canvas_width / 2.0, ring.outer - y)
        } else {
            (x - canvas_width / 2.0, y - (canvas_height - ring.outer))
        };
        let radius = across.hypot(along);
        let turned = across.atan2(along);
        let mut covered = (ring.outer - radius + 0.5).clamp(0.0, 1.0);
        if ring.inner > 0.0 {
            covered *= (radius - ring.inner + 0.5).clamp(0.0, 1.0);
        }
        if !is_closed {
            // To the nearer of the two straight edges.
            let left = angle / 2.0 - turned.abs();
            let distance = radius
                * if left.abs() < PI / 2.0 {
                    left.sin()
                } else {
                    left.signum()
                };
            covered *= (distance + 0.5).clamp(0.0, 1.0);
        }
        if covered <= 0.0 {
            return None;
        }
        let (from_y, sign) = if degrees > 0.0 {
            (ring.outer - radius, -1.0)
        } else {
            (height - (ring.outer - radius), 1.0)
        };
        // The middle of the circle itself is nowhere in particular.
        let radius = radius.max(0.25);
        let (sin, cos) = (across / radius, along / radius);
        let step = (stretch / radius).min(width);
        let down = if degrees > 0.0 { -1.0 } else { 1.0 };
        let place = Place {
            x: (turned / angle + 0.5) * width,
            y: from_y,
            right: (step * cos, sign * sin),
            down: (-step * sin * down, sign * cos * down),
        };
        Some((covered, place))
    });
    result
}

/// Where in the picture a pixel of the result comes from, and how far away its neighbours to the right and below do.
struct Place {
    x: f64,
    y: f64,
    right: (f64, f64),
    down: (f64, f64),
}

impl Place {
    /// How many times smaller the picture becomes here, along the direction in which it shrinks least.
    fn shrunk(&self) -> f64 {
        let (a, b) = (self.right, self.down);
        let sum = (a.0 * a.0 + a.1 * a.1 + b.0 * b.0 + b.1 * b.1) / 2.0;
        let area = a.0 * b.1 - a.1 * b.0;
        (sum - (sum * sum - area * area).max(0.0).sqrt()).max(0.0).sqrt()
    }
}

/// Fills the pixels within these bounds: left, top, right, bottom. `place` says where one comes from and how much of it is
/// covered, above 0 to 1.
fn draw(
    result: &mut Picture,
    pyramid: &Pyramid,
    (left, top, right, bottom): (f64, f64, f64, f64),
    place: impl Fn(f64, f64) -> Option<(f64, Place)>,
) {
    // `as` keeps within the numbers that there are.
    let range = |from: f64, to: f64, side: u32| {
        let to = (to.ceil() as usize).saturating_add(1).min(side as usize);
        (from.floor() as usize).saturating_sub(1).min(to)..to
    };
    let (columns, rows) = (range(left, right, result.width), range(top, bottom, result.height));
    let stride = result.stride();
    for y in rows {
        let row = &mut result.pixels[y * stride..(y + 1) * stride];
        for x in columns.clone() {
            let Some((covered, place)) = place(x as f64 + 0.5, y as f64 + 0.5) else {
                continue;
            };
            let sample = pyramid.over(place.x, place.y, place.right, place.down);
            let pixel = unweighted(sample.map(|value| value * covered as f32));
            row[x * 4..x * 4 + 4].copy_from_slice(&pixel);
        }
    }
}

/// A convex quadrilateral.
struct Outline {
    corners: [(f64, f64); 4],
    middle: (f64, f64),
    /// Of each side: the numbers that make of a place its distance from that side, above 0 inside.
    sides: [[f64; 3]; 4],
}

/// Farther out than any picture, and near enough for the arithmetic.
const FARTHEST: f64 = 1e7;

impl Outline {
    fn new(corners: [(f64, f64); 4]) -> Option<Self> {
        if !corners.iter().all(|(x, y)| x.abs() <= FARTHEST && y.abs() <= FARTHEST) {
            return None;
        }
        let turn = |at: usize| {
            let [a, b, c] = [0, 1, 2].map(|next| corners[(at + next) % 4]);
            (b.0 - a.0) * (c.1 - b.1) - (b.1 - a.1) * (c.0 - b.0)
        };
        let turns = [0, 1, 2, 3].map(turn);
        let sign = turns[0].signum();
        // A turn of less is not to be told from a straight line.
        if !turns.iter().all(|turn| turn * sign > 1e-3) {
            return None;
        }
        let side = |at: usize| {
            let (from, to) = (corners[at], corners[(at + 1) % 4]);
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let scale = sign / dx.hypot(dy);
            [-dy * scale, dx * scale, (dy * from.0 - dx * from.1) * scale]
        };
        let mean = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).sum::<f64>() / 4.0;
        Some(Self {
            corners,
            middle: (mean(|corner| corner.0), mean(|corner| corner.1)),
            sides: [0, 1, 2, 3].map(side),
        })
    }

    /// How much of the pixel with this middle is inside, 0 to 1.
    #[inline]
    fn covers(&self, x: f64, y: f64) -> f64 {
        let [a, b, c, d] = self
            .sides
            .map(|[right, down, constant]| (right * x + down * y + constant + 0.5).clamp(0.0, 1.0));
        // Between two sides that are nearer than a pixel only what is inside of both counts.
        (a + c - 1.0).max(0.0) * (b + d - 1.0).max(0.0)
    }

    /// Left, top, right, bottom.
    fn bounds(&self) -> (f64, f64, f64, f64) {
        let (x, y) = (self.corners.map(|corner| corner.0), self.corners.map(|corner| corner.1));
        let least = |values: [f64; 4]| values.into_iter().fold(f64::INFINITY, f64::min);
        let most = |values: [f64; 4]| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        (least(x), least(y), most(x), most(y))
    }
}

/// A projective map of a plane, by rows.
struct Homography([[f64; 3]; 3]);

impl Homography {
    /// The map of a convex quadrilateral onto the square from (0, 0) to (1, 1) (Heckbert, "Fundamentals of Texture Mapping
    /// and Image Warping", 1989).
    fn onto_unit_square([p0, p1, p2, p3]: [(f64, f64); 4]) -> Self {
        let (dx1, dx2, sx) = (p1.0 - p2.0, p3.0 - p2.0, p0.0 - p1.0 + p2.0 - p3.0);
        let (dy1, dy2, sy) = (p1.1 - p2.1, p3.1 - p2.1, p0.1 - p1.1 + p2.1 - p3.1);
        let determinant = dx1 * dy2 - dx2 * dy1;
        let g = (sx * dy2 - dx2 * sy) / determinant;
        let h = (dx1 * sy - sx * dy1) / determinant;
        let (a, b, c) = (p1.0 - p0.0 + g * p1.0, p3.0 - p0.0 + h * p3.0, p0.0);
        let (d, e, f) = (p1.1 - p0.1 + g * p1.1, p3.1 - p0.1 + h * p3.1, p0.1);
        // The adjugate: the inverse but for a factor, which has no meaning.
        Self([
            [e - f * h, c * h - b, b * f - c * e],
            [f * g - d, a - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ])
    }

    /// The place of a point in a picture of this size that fills the square.
    #[inline]
    fn at(&self, (x, y): (f64, f64), (width, height): (f64, f64)) -> Place {
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        let [[ux, uy, _], [vx, vy, _], [wx, wy, _]] = self.0;
        let (u, v) = (u / w, v / w);
        Place {
            x: u * width,
            y: v * height,
            right: ((ux - u * wx) / w * width, (vx - v * wx) / w * height),
            down: ((uy - u * wy) / w * width, (vy - v * wy) / w * height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::pad::filled;
    use transform::Color;

    fn noise(width: u32, height: u32) -> Picture {
        let mut picture = Picture::new(width, height, true);
        let mut state = 1_u32;
        for pixel in picture.pixels.chunks_exact_mut(4) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            pixel.copy_from_slice(&state.to_be_bytes());
            pixel[3] = 255;
        }
        picture
    }

    #[test]
    fn corners_at_their_places_change_nothing() {
        let picture = noise(17, 9);
        let same = [(0.0, 0.0), (17.0, 0.0), (17.0, 9.0), (0.0, 9.0)];
        assert_eq!(perspective(picture.clone(), same), picture);
        let mirrored = [(17.0, 0.0), (0.0, 0.0), (0.0, 9.0), (17.0, 9.0)];
        assert_eq!(
            perspective(picture.clone(), mirrored),
            crate::ops::flip::flip(picture, true, false)
        );
    }

    #[test]
    fn what_is_no_quadrilateral_is_nothing() {
        let (far, nan) = (1e300, f64::NAN);
        for corners in [
            [(0.0, 0.0); 4],
            // A bow tie, a dart, a triangle, a line.
            [(0.0, 0.0), (8.0, 8.0), (8.0, 0.0), (0.0, 8.0)],
            [(0.0, 0.0), (4.0, 3.0), (8.0, 0.0), (4.0, 8.0)],
            [(0.0, 0.0), (4.0, 0.0), (8.0, 0.0), (4.0, 8.0)],
            [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)],
            [(0.0, 0.0), (far, 0.0), (far, far), (0.0, far)],
            [(0.0, 0.0), (nan, 0.0), (8.0, 8.0), (0.0, 8.0)],
        ] {
            let result = perspective(noise(8, 8), corners);
            assert!(result.pixels.iter().all(|value| *value == 0), "{corners:?}");
        }
    }

    #[test]
    fn strong_perspective_has_no_aliases() {
        // Columns by turns black and white, far away: gray.
        let mut picture = Picture::new(256, 256, false);
        for (at, pixel) in picture.pixels.chunks_exact_mut(3).enumerate() {
            pixel.fill((at % 2 * 255) as u8);
        }
        let result = perspective(picture, [(120.0, 0.0), (136.0, 0.0), (256.0, 256.0), (0.0, 256.0)]);
        for x in 124..132 {
            let pixel = &result.pixels[(4 * 256 + x) * 4..][..4];
            assert!(pixel[0].abs_diff(128) < 40 && pixel[3] == 255, "{pixel:?}");
        }
        for (width, height) in [(1, 1), (1, 9), (9, 1)] {
            let tiny = [(0.2, 0.1), (0.4, 0.1), (0.3, 0.5), (0.2, 0.4)];
            assert_eq!(
                perspective(noise(width, height), tiny).pixels.len(),
                (width * height * 4) as usize
            );
        }
    }

    #[test]
    fn arcs_of_any_kind() {
        let canvas = Size { width: 40, height: 30 };
        for degrees in [-360.0, -359.9, -180.0, -1e-12, 1e-5, 10.0, 180.0, 360.0, f64::NAN] {
            for (width, height) in [(1, 1), (20, 5), (2, 20)] {
                arc(noise(width, height), degrees, canvas);
            }
        }
    }

    /// A ring is as large as the picture, but for its edges.
    #[test]
    fn arcs_keep_the_area() {
        let picture = filled(Size { width: 314, height: 40 }, Color::WHITE, false);
        for degrees in [45.0, -90.0, 180.0, 300.0, 360.0] {
            let result = arc(
                picture.clone(),
                degrees,
                Size {
                    width: 420,
                    height: 420,
                },
            );
            let covered: f64 = result
                .pixels
                .iter()
                .skip(3)
                .step_by(4)
                .map(|a| f64::from(*a) / 255.0)
                .sum();
            assert!((covered - 314.0 * 40.0).abs() < 80.0, "{covered} at {degrees}");
        }
    }
}
