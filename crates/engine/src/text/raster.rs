//! Outlines to coverage: how much of each pixel a glyph covers, computed as an exact area, in 256 steps.

use skrifa::outline::OutlinePen;

/// Smallest rectangle around something, in pixels; y runs down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Bounds {
    pub fn moved(self, x: f32, y: f32) -> Self {
        Self {
            left: self.left + x,
            top: self.top + y,
            right: self.right + x,
            bottom: self.bottom + y,
        }
    }

    pub fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Around the two, of which either may be nothing.
    pub fn around(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.union(other)),
            (one, other) => one.or(other),
        }
    }

    fn point(x: f32, y: f32) -> Self {
        Self {
            left: x,
            top: y,
            right: x,
            bottom: y,
        }
    }
}

/// An outline of straight lines, which stand for its curves to a twentieth of a pixel. A pen: it takes y upwards, as
/// fonts have it, and turns it downwards.
#[derive(Default)]
pub(super) struct Outline {
    lines: Vec<[f32; 4]>,
    bounds: Option<Bounds>,
    start: (f32, f32),
    at: (f32, f32),
}

impl Outline {
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// A rectangle.
    pub fn rectangle(bounds: Bounds) -> Self {
        let mut outline = Self::default();
        outline.move_to(bounds.left, -bounds.top);
        outline.line_to(bounds.right, -bounds.top);
        outline.line_to(bounds.right, -bounds.bottom);
        outline.line_to(bounds.left, -bounds.bottom);
        outline.close();
        outline
    }

    fn to(&mut self, x: f32, y: f32) {
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        let (from, to) = (Bounds::point(self.at.0, self.at.1), Bounds::point(x, y));
        self.bounds = Bounds::around(self.bounds, Some(from.union(to)));
        self.lines.push([self.at.0, self.at.1, x, y]);
        self.at = (x, y);
    }
}

/// Lines that a curve becomes, so that none is further off than a twentieth of a pixel. `bend` is the largest second
/// difference of its control points: the error of n lines is at most `bend * factor / n²` (Wang's formula, 1984).
fn pieces(bend: f32, factor: f32) -> u16 {
    (bend * factor * 20.0).sqrt().ceil().clamp(1.0, 256.0) as u16
}

impl OutlinePen for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        if x.is_finite() && y.is_finite() {
            self.start = (x, -y);
            self.at = self.start;
        }
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.to(x, -y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((x0, y0), (cy, y)) = (self.at, (-cy, -y));
        let bend = (x0 - 2.0 * cx + x).hypot(y0 - 2.0 * cy + y);
        let count = pieces(bend, 0.25);
        for step in 1..count {
            let t = f32::from(step) / f32::from(count);
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            self.to(a * x0 + b * cx + c * x, a * y0 + b * cy + c * y);
        }
        self.to(x, y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let ((x0, y0), (cy0, cy1, y)) = (self.at, (-cy0, -cy1, -y));
        let first = (x0 - 2.0 * cx0 + cx1).hypot(y0 - 2.0 * cy0 + cy1);
        let second = (cx0 - 2.0 * cx1 + x).hypot(cy0 - 2.0 * cy1 + y);
        let count = pieces(first.max(second), 0.75);
        for step in 1..count {
            let t = f32::from(step) / f32::from(count);
            let s = 1.0 - t;
            let (a, b, c, d) = (s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t);
            self.to(a * x0 + b * cx0 + c * cx1 + d * x, a * y0 + b * cy0 + c * cy1 + d * y);
        }
        self.to(x, y);
    }

    fn close(&mut self) {
        if self.at != self.start {
            let (x, y) = self.start;
            self.to(x, y);
        }
    }
}

/// Coverage of pixels by all that was added: 0 for none, 255 for the whole pixel.
pub(super) struct Mask {
    width: usize,
    height: usize,
    coverage: Vec<u8>,
    cells: Vec<f32>,
}

/// Cells that are worked on at a time: a glyph as large as the picture goes through in bands.
const CELLS: usize = 1 << 18;

impl Mask {
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self {
            width,
            height,
            coverage: vec![0; width * height],
            cells: Vec::new(),
        }
    }

    pub fn coverage(&self) -> &[u8] {
        &self.coverage
    }

    /// Adds an outline with its origin here. What leaves the mask is cut. Where two outlines meet in a pixel their areas
    /// add up, so that the joins of Arabic letters do not show.
    pub fn add(&mut self, outline: &Outline, x: f32, y: f32) {
        let Some(bounds) = outline.bounds.map(|bounds| bounds.moved(x, y)) else {
            return;
        };
        // Casts saturate: below 0 is 0.
        let left = bounds.left.floor() as usize;
        let right = (bounds.right.ceil() as usize).min(self.width);
        let top = bounds.top.floor() as usize;
        let bottom = (bounds.bottom.ceil() as usize).min(self.height);
        if left >= right || top >= bottom {
            return;
        }
        // One more, where what runs along the right edge leaves its rest.
        let columns = right - left + 1;
        let band = (CELLS / columns).clamp(1, bottom - top);
        for first in (top..bottom).step_by(band) {
            let rows = band.min(bottom - first);
            self.cells.clear();
            self.cells.resize(columns * rows, 0.0);
            let (dx, dy) = (x - left as f32, y - first as f32);
            for [x0, y0, x1, y1] in &outline.lines {
                let (from, to) = ((x0 + dx, y0 + dy), (x1 + dx, y1 + dy));
                accumulate(&mut self.cells, columns, rows, from, to);
            }
            for (row, cells) in self.cells.chunks_exact(columns).enumerate() {
                let start = (first + row) * self.width + left;
                let mut sum = 0.0_f32;
                for (to, cell) in self.coverage[start..start + columns - 1].iter_mut().zip(cells) {
                    sum += cell;
                    *to = to.saturating_add((sum.abs().min(1.0) * 255.0 + 0.5) as u8);
                }
            }
        }
    }
}

/// Adds to each cell by how much a line changes the covered area from one column to the next: the running sum over a row
/// is the coverage. As in Raph Levien's font-rs (2016); opposite windings take each other away.
fn accumulate(cells: &mut [f32], columns: usize, rows: usize, from: (f32, f32), to: (f32, f32)) {
    if from.1 == to.1 {
        return;
    }
    let (sign, (x0, y0), (x1, y1)) = if from.1 < to.1 {
        (1.0, from, to)
    } else {
        (-1.0, to, from)
    };
    if y1 <= 0.0 || y0 >= rows as f32 {
        return;
    }
    let slope = (x1 - x0) / (y1 - y0);
    let limit = (columns - 1) as f32;
    let mut x = if y0 < 0.0 { x0 - y0 * slope } else { x0 };
    let last = (y1.ceil() as usize).min(rows);
    for row in (y0.max(0.0) as usize)..last {
        let height = y1.min((row + 1) as f32) - y0.max(row as f32);
        let next = x + slope * height;
        let area = height * sign;
        let cells = &mut cells[row * columns..(row + 1) * columns];
        let (left, right) = (x.min(next).clamp(0.0, limit), x.max(next).clamp(0.0, limit));
        x = next;
        let (column, end) = (left.floor(), right.ceil());
        let (first, past) = (column as usize, end as usize);
        if past <= first + 1 {
            // Within one column: the area right of the line's middle.
            let beyond = area * ((left + right) / 2.0 - column);
            cells[first] += area - beyond;
            if let Some(cell) = cells.get_mut(first + 1) {
                *cell += beyond;
            }
            continue;
        }
        let share = 1.0 / (right - left);
        let (enter, leave) = (1.0 - (left - column), right - end + 1.0);
        // A triangle in the first column, one in the last, and trapezia between.
        let mut before = 0.5 * share * enter * enter;
        cells[first] += area * before;
        for (index, cell) in cells[first + 1..past - 1].iter_mut().enumerate() {
            let covered = share * (enter + index as f32 + 0.5);
            *cell += area * (covered - before);
            before = covered;
        }
        let covered = 1.0 - 0.5 * share * leave * leave;
        cells[past - 1] += area * (covered - before);
        if let Some(cell) = cells.get_mut(past) {
            *cell += area * (1.0 - covered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(left: f32, top: f32, right: f32, bottom: f32) -> Outline {
        Outline::rectangle(Bounds {
            left,
            top,
            right,
            bottom,
        })
    }

    #[test]
    fn coverage_is_the_area() {
        let mut mask = Mask::new(4, 3);
        mask.add(&rectangle(0.5, 0.25, 3.0, 2.0), 0.0, 0.0);
        assert_eq!(mask.coverage(), [96, 191, 191, 0, 128, 255, 255, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_slope_is_smooth_and_the_sum_is_its_area() {
        let mut outline = Outline::default();
        outline.move_to(0.0, 0.0);
        outline.line_to(10.0, -3.0);
        outline.line_to(0.0, -3.0);
        outline.close();
        let mut mask = Mask::new(10, 3);
        mask.add(&outline, 0.0, 0.0);
        let sum: f32 = mask.coverage().iter().map(|value| f32::from(*value) / 255.0).sum();
        assert!((sum - 15.0).abs() < 0.05, "{sum}");
        assert!(mask.coverage()[..10].is_sorted_by(|one, other| one >= other));
    }

    #[test]
    fn shapes_that_meet_leave_no_seam_and_holes_stay_open() {
        let mut mask = Mask::new(4, 1);
        mask.add(&rectangle(0.0, 0.0, 1.3, 1.0), 0.0, 0.0);
        mask.add(&rectangle(1.3, 0.0, 4.0, 1.0), 0.0, 0.0);
        assert_eq!(mask.coverage(), [255; 4]);

        let mut ring = rectangle(0.0, 0.0, 4.0, 3.0);
        ring.move_to(1.0, -1.0);
        ring.line_to(1.0, -2.0);
        ring.line_to(3.0, -2.0);
        ring.line_to(3.0, -1.0);
        ring.close();
        let mut mask = Mask::new(4, 3);
        mask.add(&ring, 0.0, 0.0);
        assert_eq!(mask.coverage()[4..8], [255, 0, 0, 255]);
    }

    #[test]
    fn what_leaves_the_mask_is_cut() {
        let mut mask = Mask::new(2, 2);
        mask.add(&rectangle(-5.0, -5.0, 50.0, 50.0), 0.0, 0.0);
        assert_eq!(mask.coverage(), [255; 4]);
        mask.add(&rectangle(0.0, 0.0, 1.0, 1.0), -7.0, 900.0);
        mask.add(&rectangle(f32::NAN, 0.0, f32::INFINITY, 1.0), 0.0, 0.0);
    }

    #[test]
    fn bands_join() {
        let mut mask = Mask::new(3000, 300);
        mask.add(&rectangle(0.0, 0.0, 3000.0, 300.0), 0.0, 0.0);
        assert!(mask.coverage().iter().all(|value| *value == 255));
    }
}
