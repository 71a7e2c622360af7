//! Boxes around what detectors find.

use transform::{Rect, Size};

/// A box in shares of the picture's sides, and how certain it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
    pub score: f32,
}

impl Found {
    fn area(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// The share of both that both cover.
    fn overlap(&self, other: &Self) -> f32 {
        let common = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
            score: 0.0,
        };
        common.area() / (self.area() + other.area() - common.area()).max(f32::MIN_POSITIVE)
    }
}

/// Candidates beyond this are left out: the overlaps of all pairs are looked at.
const MOST: usize = 1000;

/// Of boxes that overlap by more than `overlap`, the most certain one (non-maximum suppression).
pub(super) fn strongest(mut boxes: Vec<Found>, overlap: f32) -> Vec<Found> {
    boxes.retain(|found| found.area().is_finite() && found.area() > 0.0);
    boxes.sort_by(|one, other| other.score.total_cmp(&one.score));
    boxes.truncate(MOST);
    let mut kept: Vec<Found> = Vec::new();
    for found in boxes {
        if kept.iter().all(|other| found.overlap(other) <= overlap) {
            kept.push(found);
        }
    }
    kept
}

/// Pixels by which a share of a picture's side may be off.
const SLACK: f64 = 1e-3;

/// The smallest rectangle of pixels around all of them.
pub(super) fn around(boxes: &[Found], size: Size) -> Option<Rect> {
    let first = boxes.first()?;
    let all = boxes.iter().fold(*first, |all, found| Found {
        left: all.left.min(found.left),
        top: all.top.min(found.top),
        right: all.right.max(found.right),
        bottom: all.bottom.max(found.bottom),
        score: all.score,
    });
    let span = |from: f32, to: f32, length: u32| {
        let at = |share: f32| f64::from(share.clamp(0.0, 1.0)) * f64::from(length);
        // Shares have 32 bits: what is a pixel's edge may come out a hair beside it.
        let from = ((at(from) + SLACK).floor() as u32).min(length.saturating_sub(1));
        let to = ((at(to) - SLACK).ceil() as u32).clamp(from + 1, length.max(from + 1));
        (from, to - from)
    };
    let (x, width) = span(all.left, all.right, size.width);
    let (y, height) = span(all.top, all.bottom, size.height);
    Some(Rect { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: f32, top: f32, right: f32, bottom: f32, score: f32) -> Found {
        Found {
            left,
            top,
            right,
            bottom,
            score,
        }
    }

    #[test]
    fn the_strongest_of_a_crowd_stays() {
        let boxes = vec![
            found(0.1, 0.1, 0.3, 0.3, 0.8),
            found(0.11, 0.1, 0.31, 0.3, 0.9),
            found(0.6, 0.6, 0.7, 0.7, 0.75),
            found(0.5, 0.5, 0.5, 0.6, 1.0),
            found(f32::NAN, 0.5, 0.5, 0.6, 1.0),
        ];
        let kept = strongest(boxes, 0.3);
        assert_eq!(kept.iter().map(|found| found.score).collect::<Vec<_>>(), [0.9, 0.75]);
        let size = Size { width: 100, height: 50 };
        let rect = around(&kept, size).unwrap();
        assert_eq!((rect.x, rect.y, rect.width, rect.height), (11, 5, 59, 30));
        assert_eq!(around(&[], size), None);
        let outside = around(&[found(-1.0, 0.9, 4.0, 7.0, 1.0)], size).unwrap();
        assert_eq!((outside.x, outside.y, outside.width, outside.height), (0, 45, 100, 5));
    }
}
