//! All rounding: from sizes that are asked for to whole pixels.
//!
//! A scale factor comes from the requested side, the other side is rounded to nearest, and no side is below 1. Whole
//! numbers all the way, so that no result depends on how a fraction is stored.

use crate::parameters::{Anchor, Side};
use crate::{Rect, Size};

/// `side * numerator / denominator`, to the nearest whole number, at least 1.
pub fn scaled(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1));
    let doubled = 2 * u64::from(side) * u64::from(numerator) + denominator;
    u32::try_from(doubled / (2 * denominator)).unwrap_or(u32::MAX).max(1)
}

/// To the nearest whole number, at least 1; `None` for what is not a size at all: zero, negative, beyond 32 bits.
pub fn side(value: f64) -> Option<u32> {
    (value > 0.0 && value <= f64::from(u32::MAX)).then(|| (value.round() as u32).max(1))
}

/// A requested side times a pixel ratio.
pub fn multiplied(side: u32, ratio: f64) -> f64 {
    (f64::from(side) * ratio).round()
}

/// The largest size of the picture's ratio inside the box.
pub fn fit(picture: Size, within: Size) -> Size {
    if is_wider(picture, within) {
        Size {
            width: within.width,
            height: scaled(picture.height, within.width, picture.width),
        }
    } else {
        Size {
            width: scaled(picture.width, within.height, picture.height),
            height: within.height,
        }
    }
}

/// The smallest size of the picture's ratio that covers the box.
pub fn cover(picture: Size, covered: Size) -> Size {
    if is_wider(picture, covered) {
        Size {
            width: scaled(picture.width, covered.height, picture.height),
            height: covered.height,
        }
    } else {
        Size {
            width: covered.width,
            height: scaled(picture.height, covered.width, picture.width),
        }
    }
}

/// The largest part of the picture that has the ratio of the box.
pub fn window(picture: Size, ratio: Size, anchor: Anchor) -> Rect {
    let size = if is_wider(picture, ratio) {
        Size {
            width: scaled(ratio.width, picture.height, ratio.height).min(picture.width),
            height: picture.height,
        }
    } else {
        Size {
            width: picture.width,
            height: scaled(ratio.height, picture.width, ratio.width).min(picture.height),
        }
    };
    anchored(picture, size, anchor)
}

/// A window of this size, cut to the picture, at that side of it.
pub fn anchored(picture: Size, window: Size, anchor: Anchor) -> Rect {
    let (width, height) = (window.width.min(picture.width), window.height.min(picture.height));
    Rect {
        x: share(picture.width - width, anchor.horizontal()),
        y: share(picture.height - height, anchor.vertical()),
        width,
        height,
    }
}

/// Where the picture's top-left corner lies on a canvas; negative where it overhangs.
pub fn placed(picture: Size, canvas: Size, anchor: Anchor) -> (i64, i64) {
    let offset = |canvas: u32, picture: u32, side: Side| {
        let free = i64::from(canvas) - i64::from(picture);
        match side {
            Side::Start => 0,
            Side::Middle => free.div_euclid(2),
            Side::End => free,
        }
    };
    (
        offset(canvas.width, picture.width, anchor.horizontal()),
        offset(canvas.height, picture.height, anchor.vertical()),
    )
}

/// The canvas that holds a rectangle turned by any angle.
pub fn turned(picture: Size, degrees: f64) -> Size {
    if degrees == 180.0 {
        return picture;
    }
    if degrees == 90.0 || degrees == 270.0 {
        return Size {
            width: picture.height,
            height: picture.width,
        };
    }
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    Size {
        width: whole(width * cosine.abs() + height * sine.abs()),
        height: whole(width * sine.abs() + height * cosine.abs()),
    }
}

/// The ring of which a picture becomes a part when it is bent along a circle. Its middle row keeps its length; where that
/// would leave its shorter edge a radius below 0, the circle is larger, and that edge becomes a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    /// Radius in pixels of the longer of the picture's bent edges.
    pub outer: f64,
    /// Radius of the shorter one, at least 0.
    pub inner: f64,
}

impl Ring {
    /// `degrees` is the angle that the picture spans, whichever its sign, at most 360. None if it is so small that nothing
    /// would be bent.
    pub fn new(picture: Size, degrees: f64) -> Option<Self> {
        let angle = degrees.abs().to_radians();
        if angle.is_nan() || angle <= 1e-6 {
            return None;
        }
        let (width, half) = (f64::from(picture.width), f64::from(picture.height) / 2.0);
        let middle = (width / angle).max(half);
        Some(Self {
            outer: middle + half,
            inner: middle - half,
        })
    }
}

/// The canvas that holds a picture bent along a circle, of which it spans this angle: see [`Ring`].
pub fn arc(picture: Size, degrees: f64) -> Size {
    let Some(Ring { outer, inner }) = Ring::new(picture, degrees) else {
        return picture;
    };
    let half = (degrees.abs().to_radians() / 2.0).min(std::f64::consts::PI);
    let (width, height) = if half < std::f64::consts::FRAC_PI_2 {
        // As `outer - inner * cos(half)`, without the difference of two large numbers.
        let rise = 2.0 * inner * (half / 2.0).sin().powi(2);
        (2.0 * outer * half.sin(), f64::from(picture.height) + rise)
    } else {
        (2.0 * outer, outer - outer * half.cos())
    };
    Size {
        width: whole(width),
        height: whole(height),
    }
}

/// What is left of a rectangle inside another, seen from that one's corner.
pub fn overlap(rect: Rect, window: Rect) -> Option<Rect> {
    let axis = |at: u32, length: u32, start: u32, whole: u32| {
        let first = at.max(start);
        let end = at.saturating_add(length).min(start.saturating_add(whole));
        (end > first).then(|| (first - start, end - first))
    };
    let (x, width) = axis(rect.x, rect.width, window.x, window.width)?;
    let (y, height) = axis(rect.y, rect.height, window.y, window.height)?;
    Some(Rect { x, y, width, height })
}

/// A rectangle of a picture that is put on a canvas: what is left of it there.
pub fn shifted(rect: Rect, x: i32, y: i32, canvas: Size) -> Option<Rect> {
    let axis = |at: u32, length: u32, by: i32, whole: u32| {
        let start = i64::from(at) + i64::from(by);
        let end = (start + i64::from(length)).min(i64::from(whole));
        let start = start.max(0);
        let (start, length) = (u32::try_from(start).ok()?, u32::try_from(end - start).ok()?);
        (length > 0).then_some((start, length))
    };
    let (x, width) = axis(rect.x, rect.width, x, canvas.width)?;
    let (y, height) = axis(rect.y, rect.height, y, canvas.height)?;
    Some(Rect { x, y, width, height })
}

/// A rectangle of a picture that is scaled.
pub fn scaled_rect(rect: Rect, from: Size, to: Size) -> Rect {
    let axis = |at: u32, length: u32, from: u32, to: u32| {
        let scale = f64::from(to) / f64::from(from.max(1));
        let start = ((f64::from(at) * scale).round() as u32).min(to.saturating_sub(1));
        let length = ((f64::from(length) * scale).round() as u32).clamp(1, (to - start).max(1));
        (start, length)
    };
    let (x, width) = axis(rect.x, rect.width, from.width, to.width);
    let (y, height) = axis(rect.y, rect.height, from.height, to.height);
    Rect { x, y, width, height }
}

/// A drawing of which a window is seen, both larger by as much as the window becomes `size`.
pub fn magnified(drawn: Size, window: Rect, size: Size) -> (Size, Rect) {
    let axis = |drawn: u32, at: u32, window: u32, wanted: u32| {
        let drawn = scaled(drawn, wanted, window).max(wanted);
        let start = u64::from(at) * u64::from(wanted) / u64::from(window.max(1));
        (drawn, u32::try_from(start).unwrap_or(u32::MAX).min(drawn - wanted))
    };
    let (width, x) = axis(drawn.width, window.x, window.width, size.width);
    let (height, y) = axis(drawn.height, window.y, window.height, size.height);
    let window = Rect {
        x,
        y,
        width: size.width,
        height: size.height,
    };
    (Size { width, height }, window)
}

/// A window around a point, moved so that it is inside. It must not be larger than the picture.
pub fn around(picture: Size, window: Size, (x, y): (f64, f64)) -> Rect {
    let start = |at: f64, window: u32, whole: u32| {
        let last = f64::from(whole.saturating_sub(window));
        (at - f64::from(window) / 2.0).round().clamp(0.0, last) as u32
    };
    Rect {
        x: start(x, window.width, picture.width),
        y: start(y, window.height, picture.height),
        width: window.width,
        height: window.height,
    }
}

/// A window of this size where a rectangle begins, moved so that it is inside.
pub fn moved_inside(rect: Rect, window: Size, picture: Size) -> Rect {
    Rect {
        x: rect.x.min(picture.width.saturating_sub(window.width)),
        y: rect.y.min(picture.height.saturating_sub(window.height)),
        width: window.width,
        height: window.height,
    }
}

/// A rectangle cut to the picture, with one pixel at least.
pub fn inside(rect: Rect, picture: Size) -> Rect {
    let axis = |at: u32, length: u32, whole: u32| {
        let start = at.min(whole.saturating_sub(1));
        (start, length.clamp(1, (whole - start).max(1)))
    };
    let (x, width) = axis(rect.x, rect.width, picture.width);
    let (y, height) = axis(rect.y, rect.height, picture.height);
    Rect { x, y, width, height }
}

/// True when three of four corners are on one line: no perspective shows a picture so.
pub fn is_flat(corners: &[(f64, f64); 4]) -> bool {
    let doubled_area = |[a, b, c]: [(f64, f64); 3]| (b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1);
    (0..4).any(|left_out| {
        let at = |step: usize| corners[(left_out + step) % 4];
        doubled_area([at(1), at(2), at(3)]).abs() < 1.0
    })
}

/// Up to whole pixels. The margin keeps what is a whole number but for the last bit of a fraction from growing by one.
fn whole(length: f64) -> u32 {
    (length - 1e-6).ceil().max(1.0) as u32
}

fn share(free: u32, side: Side) -> u32 {
    match side {
        Side::Start => 0,
        Side::Middle => free / 2,
        Side::End => free,
    }
}

/// True when the width decides how far the picture has to shrink to fit.
fn is_wider(picture: Size, other: Size) -> bool {
    u64::from(picture.width) * u64::from(other.height) >= u64::from(other.width) * u64::from(picture.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn documented_pairs() {
        let picture = size(640, 865);
        assert_eq!(fit(picture, size(300, 200)), size(148, 200));
        assert_eq!(cover(picture, size(300, 200)), size(300, 405));
        assert_eq!(fit(picture, size(850, 1000)), size(740, 1000));
    }

    #[test]
    fn extremes_stay_sizes() {
        assert_eq!(fit(size(65_535, 1), size(10, 10)), size(10, 1));
        assert_eq!(cover(size(65_535, 1), size(65_535, 65_535)).width, 65_535 * 65_535);
        assert_eq!(
            window(size(1, 1), size(65_535, 1), Anchor::Center),
            Rect {
                x: 0,
                y: 0,
                width: 1,
                height: 1
            }
        );
        assert_eq!(side(0.2), Some(1));
        assert_eq!(side(0.0), None);
        assert_eq!(side(-3.0), None);
        assert_eq!(side(f64::NAN), None);
    }

    #[test]
    fn turned_canvases() {
        assert_eq!(turned(size(300, 200), 90.0), size(200, 300));
        assert_eq!(turned(size(300, 200), 180.0), size(300, 200));
        assert_eq!(turned(size(300, 200), 45.0), size(354, 354));
        assert_eq!(turned(size(100, 100), 1e-9), size(100, 100));
    }

    #[test]
    fn bent_canvases() {
        // A half ring: middle radius 100, 20 rows thick.
        let half = 100.0 * std::f64::consts::PI;
        assert_eq!(arc(size(half as u32, 20), 180.0), size(220, 110));
        assert_eq!(arc(size(half as u32, 20), -180.0), size(220, 110));
        assert_eq!(arc(size(628, 20), 360.0), size(220, 220));
        assert_eq!(arc(size(300, 200), 1e-9), size(300, 200));
        assert_eq!(arc(size(300, 200), 0.01), size(301, 201));
        assert_eq!(arc(size(1, 100), 180.0), size(200, 100));
        assert_eq!(arc(size(300, 200), f64::NAN), size(300, 200));
        assert!(arc(size(65_535, 65_535), 360.0).width <= 2 * 65_535);
    }

    #[test]
    fn rectangles_go_along() {
        let rect = |x, y, width, height| Rect { x, y, width, height };
        assert_eq!(overlap(rect(5, 5, 10, 10), rect(10, 0, 20, 8)), Some(rect(0, 5, 5, 3)));
        assert_eq!(overlap(rect(5, 5, 10, 10), rect(15, 0, 20, 8)), None);
        assert_eq!(
            shifted(rect(5, 5, 10, 10), -10, 3, size(100, 12)),
            Some(rect(0, 8, 5, 4))
        );
        assert_eq!(shifted(rect(5, 5, 10, 10), -15, 3, size(100, 12)), None);
        assert_eq!(
            scaled_rect(rect(5, 5, 10, 10), size(20, 20), size(10, 40)),
            rect(3, 10, 5, 20)
        );
        assert_eq!(
            magnified(size(50, 50), rect(0, 10, 50, 30), size(100, 60)),
            (size(100, 100), rect(0, 20, 100, 60))
        );
        assert_eq!(inside(rect(90, 200, 50, 50), size(100, 100)), rect(90, 99, 10, 1));
        assert_eq!(around(size(100, 100), size(30, 30), (95.0, 50.0)), rect(70, 35, 30, 30));
    }

    #[test]
    fn flat_perspectives() {
        assert!(!is_flat(&[(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)]));
        assert!(is_flat(&[(0.0, 0.0), (9.0, 0.0), (18.0, 0.0), (0.0, 9.0)]));
        assert!(is_flat(&[(5.0, 5.0); 4]));
    }

    #[test]
    fn centring_rounds_down() {
        assert_eq!(placed(size(10, 10), size(15, 13), Anchor::Center), (2, 1));
        assert_eq!(placed(size(13, 13), size(10, 10), Anchor::BottomRight), (-3, -3));
        assert_eq!(
            anchored(size(10, 10), size(5, 7), Anchor::Right),
            Rect {
                x: 5,
                y: 1,
                width: 5,
                height: 7
            }
        );
    }
}
