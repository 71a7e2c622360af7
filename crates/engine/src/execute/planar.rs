//! The short way for photographs: cropped, scaled and turned as planes of luma and chroma, and encoded from them. Most
//! renditions of most libraries have never a pixel of RGB, and the others not before they are small.

use fast_image_resize::PixelType;
use transform::{Format, Op, Orientation, Rect, Size, SourceInfo};

use super::head::Head;
use crate::RenderError;
use crate::budget::Light;
use crate::codecs::Chroma;
use crate::ops::resize::{Region, scale};
use crate::planes::{Plane, Planes};

/// As what a source is decoded for these operations: planes with chroma of this size, or RGB (nothing). `accepted` is the
/// sampling of planes that the result can be encoded from, if it can.
pub(super) fn wanted(ops: &[Op], info: &SourceInfo, accepted: Option<(u32, u32)>, light: Light) -> Option<Chroma> {
    if info.format != Format::Jpeg || light != Light::Gamma {
        return None;
    }
    let (head, rest) = Head::split(ops, info);
    match accepted.filter(|_| Turn::of(head.orientation).then_all(rest).is_some()) {
        Some(FULL) => Some(Chroma::Full),
        Some(_) => Some(Chroma::Stored),
        // At their own size the library makes pixels faster than we can of planes.
        None if (head.target.width, head.target.height) == (head.region.width, head.region.height) => None,
        None => Some(Chroma::Full),
    }
}

/// Planes after a head and mirrorings, of this sampling.
pub(super) fn fit_and_turn(
    planes: &Planes,
    head: &Head,
    shrink: u32,
    sampling: (u32, u32),
    turn: Turn,
) -> Result<Planes, RenderError> {
    Ok(turn.apply(fit(planes, head, shrink, sampling, turn)?))
}

/// A sample of chroma for each of luma.
pub(super) const FULL: (u32, u32) = (1, 1);

/// Crops and scales each plane on its own, so that chroma comes out sampled as the result needs it.
fn fit(planes: &Planes, head: &Head, shrink: u32, sampling: (u32, u32), turn: Turn) -> Result<Planes, RenderError> {
    let region = Region::shrunk(head.region, shrink);
    let luma = fit_plane(&planes.luma, region, region, head.target)?;
    let Some(chroma) = &planes.chroma else {
        return Ok(Planes {
            luma,
            chroma: None,
            sampling: FULL,
        });
    };
    let size = Size {
        width: head.target.width.div_ceil(sampling.0),
        height: head.target.height.div_ceil(sampling.1),
    };
    let (across, down) = planes.sampling;
    let part = Region {
        x: region.x / f64::from(across),
        y: region.y / f64::from(down),
        width: region.width / f64::from(across),
        height: region.height / f64::from(down),
    };
    // The last sample of chroma may cover more than there is of luma; last once the picture is upright.
    let (before, after) = turn.reversed();
    let (x, width) = covered(part.x, part.width, head.target.width, size.width * sampling.0, before);
    let (y, height) = covered(part.y, part.height, head.target.height, size.height * sampling.1, after);
    let wanted = Region { x, y, width, height };
    let [blue, red] = chroma;
    let chroma = [
        fit_plane(blue, wanted, part, size)?,
        fit_plane(red, wanted, part, size)?,
    ];
    Ok(Planes {
        luma,
        chroma: Some(chroma),
        sampling,
    })
}

/// Start and length of what is needed for `covered` samples, when `length` from `start` on makes `target` of them.
fn covered(start: f64, length: f64, target: u32, covered: u32, reversed: bool) -> (f64, f64) {
    let longer = length * f64::from(covered) / f64::from(target);
    (if reversed { start + length - longer } else { start }, longer)
}

/// Scales a region of a plane to this size. What of the region is not in `part` is made of the part's edge.
fn fit_plane(plane: &Plane, region: Region, part: Region, size: Size) -> Result<Plane, RenderError> {
    let cover = part.cover(plane.width, plane.height);
    let (left, top) = (f64::from(cover.x), f64::from(cover.y));
    let (right, bottom) = (left + f64::from(cover.width), top + f64::from(cover.height));
    let room = |beyond: f64| if beyond > 0.0 { beyond.ceil() as u32 } else { 0 };
    let more = [
        room(left - region.x),
        room(top - region.y),
        room(region.x + region.width - right),
        room(region.y + region.height - bottom),
    ];
    if more != [0; 4] {
        let larger = extended(plane, cover, more);
        let region = Region {
            x: region.x - left + f64::from(more[0]),
            y: region.y - top + f64::from(more[1]),
            ..region
        };
        let whole = Region {
            x: 0.0,
            y: 0.0,
            width: f64::from(larger.width),
            height: f64::from(larger.height),
        };
        return fit_plane(&larger, region, whole, size);
    }
    let inner = Region {
        x: region.x - left,
        y: region.y - top,
        ..region
    };
    let mut result = Plane::new(size.width, size.height);
    let is = |length: u32, wanted: f64, start: f64| f64::from(length) == wanted && start.fract() == 0.0;
    if is(size.width, inner.width, inner.x) && is(size.height, inner.height, inner.y) {
        let (x, y) = ((left + inner.x) as usize, (top + inner.y) as usize);
        for (to, from) in result
            .values
            .chunks_exact_mut(size.width as usize)
            .zip(plane.rows().skip(y))
        {
            to.copy_from_slice(&from[x..x + size.width as usize]);
        }
        return Ok(result);
    }
    let rows = plane.values.len() / plane.stride;
    let from = (plane.stride as u32, rows as u32, &plane.values[..rows * plane.stride]);
    scale(from, cover, inner, size, &mut result.values, PixelType::U8)?;
    Ok(result)
}

/// A part of a plane, with so many columns and rows more (left, top, right, bottom) that repeat its edge.
fn extended(plane: &Plane, part: Rect, [left, top, right, bottom]: [u32; 4]) -> Plane {
    let mut result = Plane::new(left + part.width + right, top + part.height + bottom);
    let width = part.width as usize;
    let (start, end) = (left as usize, left as usize + width);
    let stride = result.stride;
    for (y, to) in result.values.chunks_exact_mut(stride).enumerate() {
        let row = part.y as usize + (y.saturating_sub(top as usize)).min(part.height as usize - 1);
        let from = &plane.values[row * plane.stride + part.x as usize..][..width];
        to[start..end].copy_from_slice(from);
        to[..start].fill(from[0]);
        to[end..].fill(from[width - 1]);
    }
    result
}

/// How stored samples become upright ones: rows and columns exchanged, then mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    exchange: bool,
    mirror_x: bool,
    mirror_y: bool,
}

impl Turn {
    pub fn of(orientation: Orientation) -> Self {
        let (mirror_x, mirror_y) = match orientation {
            Orientation::Upright | Orientation::Transposed => (false, false),
            Orientation::MirroredHorizontally | Orientation::OnLeftSide => (true, false),
            Orientation::UpsideDown | Orientation::Transversed => (true, true),
            Orientation::MirroredVertically | Orientation::OnRightSide => (false, true),
        };
        Self {
            exchange: orientation.swaps_sides(),
            mirror_x,
            mirror_y,
        }
    }

    /// With the mirrorings that follow; nothing when other operations do.
    pub fn then_all(mut self, ops: &[Op]) -> Option<Self> {
        for op in ops {
            match *op {
                Op::Flip { horizontal, vertical } => {
                    self.mirror_x ^= horizontal;
                    self.mirror_y ^= vertical;
                }
                // There is nothing to see through.
                Op::Flatten(_) => {}
                _ => return None,
            }
        }
        Some(self)
    }

    /// Whether stored columns, and stored rows, come to stand in reverse.
    fn reversed(self) -> (bool, bool) {
        if self.exchange {
            (self.mirror_y, self.mirror_x)
        } else {
            (self.mirror_x, self.mirror_y)
        }
    }

    fn apply(self, planes: Planes) -> Planes {
        let (across, down) = planes.sampling;
        Planes {
            luma: self.apply_to_plane(planes.luma),
            chroma: planes
                .chroma
                .map(|planes| planes.map(|plane| self.apply_to_plane(plane))),
            sampling: if self.exchange { (down, across) } else { (across, down) },
        }
    }

    fn apply_to_plane(self, mut plane: Plane) -> Plane {
        if self.exchange {
            plane = exchanged(&plane);
        }
        if self.mirror_x {
            plane.values.chunks_exact_mut(plane.stride).for_each(<[u8]>::reverse);
        }
        if self.mirror_y {
            let mut mirrored = Plane::new(plane.width, plane.height);
            for (to, from) in mirrored
                .values
                .chunks_exact_mut(plane.stride)
                .zip(plane.values.rchunks_exact(plane.stride))
            {
                to.copy_from_slice(from);
            }
            plane = mirrored;
        }
        plane
    }
}

/// Rows become columns. The plane has no room between rows.
fn exchanged(plane: &Plane) -> Plane {
    // Tiles that fit in the nearest cache: whole columns would miss it at every step.
    const TILE: usize = 32;
    let mut result = Plane::new(plane.height, plane.width);
    let (width, height) = (plane.width as usize, plane.height as usize);
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..(top + TILE).min(height) {
                for x in left..(left + TILE).min(width) {
                    result.values[x * height + y] = plane.values[y * width + x];
                }
            }
        }
    }
    result
}
