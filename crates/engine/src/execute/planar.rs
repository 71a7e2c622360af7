//! The short way for photographs: cropped, scaled and turned as planes of luma and chroma, and encoded from them. Most
//! renditions of most libraries have never a pixel of RGB, and the others not before they are small.

use transform::{Format, Op, Orientation, Size, SourceInfo};

use super::fit::Fit;
use super::head::Head;
use crate::budget::Light;
use crate::codecs::{self, Chroma};
use crate::ops::resize::Region;
use crate::planes::{Plane, Planes, Sizes};
use crate::probe::Header;

/// As what a source is decoded for these operations: planes with chroma of this size, or RGB (nothing). `accepted` is the
/// sampling of planes that the result can be encoded from, if it can.
pub(super) fn wanted(ops: &[Op], info: &SourceInfo, accepted: Option<(u32, u32)>, light: Light) -> Option<Chroma> {
    if info.format != Format::Jpeg {
        return None;
    }
    let (head, rest) = Head::split(ops, info);
    if light == Light::Linear {
        // Scaled as RGB; but who shrinks knows luma from chroma.
        return (head.shrink() > 1).then_some(Chroma::Full);
    }
    match accepted.filter(|_| Turn::of(head.orientation).then_all(rest).is_some()) {
        Some(FULL) => Some(Chroma::Full),
        Some(_) => Some(Chroma::Stored),
        // At their own size the library makes pixels faster than we can of planes.
        None if (head.target.width, head.target.height) == (head.region.width, head.region.height) => None,
        None => Some(Chroma::Full),
    }
}

/// A sample of chroma for each of luma.
pub(super) const FULL: (u32, u32) = (1, 1);

/// Planes after a head and mirrorings, of this sampling.
pub(super) fn fit_and_turn(planes: &Planes, head: &Head, shrink: u32, sampling: (u32, u32), turn: Turn) -> Planes {
    let luma = &planes.luma;
    let sizes = Sizes {
        luma: (luma.width, luma.height),
        chroma: planes.chroma.as_ref().map(|[blue, _]| (blue.width, blue.height)),
        sampling: planes.sampling,
    };
    let mut fits = Fits::new(&sizes, head, shrink, sampling, turn);
    let chroma = planes.chroma.iter().flatten();
    for (fit, plane) in fits.fits.iter_mut().zip(std::iter::once(luma).chain(chroma)) {
        plane.rows().for_each(|row| fit.push(row));
    }
    fits.finish(turn)
}

/// The same of a file, without ever having all of its planes. Nothing, when it has to be decoded whole.
pub(super) fn decode_fit_and_turn(
    source: &[u8],
    header: &Header,
    (shrink, chroma): (u32, Chroma),
    head: &Head,
    sampling: (u32, u32),
    turn: Turn,
) -> Option<Planes> {
    let begin = |sizes: &Sizes| Fits::new(sizes, head, shrink, sampling, turn);
    let fits = codecs::stream_planes(source, header, shrink, chroma, begin, |fits, plane, row| {
        fits.fits[plane].push(row);
    })?;
    Some(fits.finish(turn))
}

/// Crops and scales each plane on its own, so that chroma comes out sampled as the result needs it.
struct Fits {
    /// Luma first.
    fits: Vec<Fit>,
    sampling: (u32, u32),
}

impl Fits {
    fn new(sizes: &Sizes, head: &Head, shrink: u32, sampling: (u32, u32), turn: Turn) -> Self {
        let region = Region::shrunk(head.region, shrink);
        let mut fits = vec![Fit::new(sizes.luma, region, region, head.target)];
        let Some(chroma) = sizes.chroma else {
            return Self { fits, sampling: FULL };
        };
        let size = Size {
            width: head.target.width.div_ceil(sampling.0),
            height: head.target.height.div_ceil(sampling.1),
        };
        let (across, down) = sizes.sampling;
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
        for _ in 0..2 {
            fits.push(Fit::new(chroma, wanted, part, size));
        }
        Self { fits, sampling }
    }

    fn finish(self, turn: Turn) -> Planes {
        let mut planes = self.fits.into_iter().map(Fit::finish);
        let luma = planes.next().unwrap_or_else(|| Plane::new(0, 0));
        let chroma = planes.next().zip(planes.next()).map(|(blue, red)| [blue, red]);
        turn.apply(Planes {
            luma,
            chroma,
            sampling: self.sampling,
        })
    }
}

/// Start and length of what is needed for `covered` samples, when `length` from `start` on makes `target` of them.
fn covered(start: f64, length: f64, target: u32, covered: u32, reversed: bool) -> (f64, f64) {
    let longer = length * f64::from(covered) / f64::from(target);
    (if reversed { start + length - longer } else { start }, longer)
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
