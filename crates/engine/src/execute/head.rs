use transform::{Format, Op, Orientation, Rect, Size, SourceInfo};

/// The beginning of a plan, up to its first change of size, turned around: crop and scale the stored pixels first, and
/// turn the small result upright. The pixels are the same, and far fewer are turned; the decoder may shrink, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Head {
    /// What is kept of the stored pixels.
    pub region: Rect,
    /// What it is scaled to, still as stored.
    pub target: Size,
    /// How the result is turned upright.
    pub orientation: Orientation,
}

// JPEG decoders can shrink by 1/2, 1/4 or 1/8 for almost nothing. At least twice the target is left, so that our own
// filter, not the decoder's, decides how sharp the result is.
const SHRINK_MARGIN: u32 = 2;

impl Head {
    /// Splits a plan's operations into its head and the rest. A crop that leaves the picture stays in the rest, where
    /// it is refused.
    pub fn split<'a>(ops: &'a [Op], info: &SourceInfo) -> (Self, &'a [Op]) {
        let (orientation, ops) = match ops {
            [Op::Orient(orientation), rest @ ..] => (*orientation, rest),
            ops => (Orientation::Upright, ops),
        };
        let stored = Size {
            width: info.width,
            height: info.height,
        };
        let upright = swap(stored, orientation);
        let mut region = Rect {
            x: 0,
            y: 0,
            width: upright.width,
            height: upright.height,
        };
        let mut taken = 0;
        let mut target = None;
        for op in ops {
            match *op {
                Op::Crop(rect) if inside(rect, region.width, region.height) => {
                    region = Rect {
                        x: region.x + rect.x,
                        y: region.y + rect.y,
                        ..rect
                    };
                }
                Op::Resize(size) => target = Some(size),
                _ => break,
            }
            taken += 1;
            if target.is_some() {
                break;
            }
        }
        let target = target.unwrap_or(Size {
            width: region.width,
            height: region.height,
        });
        let head = Self {
            region: as_stored(region, upright, orientation),
            target: swap(target, orientation),
            orientation,
        };
        (head, &ops[taken..])
    }

    /// 1, 2, 4 or 8: how much smaller a decoder may make the picture for this head.
    pub fn shrink(&self) -> u32 {
        let enough = |shrink: &u32| {
            let least = shrink * SHRINK_MARGIN;
            u64::from(self.region.width) >= u64::from(self.target.width) * u64::from(least)
                && u64::from(self.region.height) >= u64::from(self.target.height) * u64::from(least)
        };
        [8, 4, 2].into_iter().find(enough).unwrap_or(1)
    }

    /// How large the decoded picture will be.
    pub fn decoded_size(&self, info: &SourceInfo) -> Size {
        let shrink = if info.format == Format::Jpeg { self.shrink() } else { 1 };
        Size {
            width: info.width.div_ceil(shrink),
            height: info.height.div_ceil(shrink),
        }
    }
}

/// True when the rectangle has pixels and all are in a picture of this size.
pub(crate) fn inside(rect: Rect, width: u32, height: u32) -> bool {
    let fits =
        |start: u32, length: u32, whole: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= whole);
    fits(rect.x, rect.width, width) && fits(rect.y, rect.height, height)
}

fn swap(size: Size, orientation: Orientation) -> Size {
    if orientation.swaps_sides() {
        Size {
            width: size.height,
            height: size.width,
        }
    } else {
        size
    }
}

/// Where a rectangle of the upright picture is among the stored pixels.
fn as_stored(rect: Rect, upright: Size, orientation: Orientation) -> Rect {
    let Rect { x, y, width, height } = rect;
    let (from_right, from_bottom) = (upright.width - x - width, upright.height - y - height);
    let (x, y) = match orientation {
        Orientation::Upright => (x, y),
        Orientation::MirroredHorizontally => (from_right, y),
        Orientation::UpsideDown => (from_right, from_bottom),
        Orientation::MirroredVertically => (x, from_bottom),
        Orientation::Transposed => (y, x),
        Orientation::OnLeftSide => (y, from_right),
        Orientation::Transversed => (from_bottom, from_right),
        Orientation::OnRightSide => (from_bottom, x),
    };
    let size = swap(Size { width, height }, orientation);
    Rect {
        x,
        y,
        width: size.width,
        height: size.height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: SourceInfo = SourceInfo {
        orientation: Orientation::OnLeftSide,
        ..SourceInfo::new(Format::Jpeg, 4032, 3024)
    };

    fn resize(width: u32, height: u32) -> Op {
        Op::Resize(Size { width, height })
    }

    #[test]
    fn shrink_leaves_twice_the_target() {
        let cases = [
            (500, 375, 4), // 8.06 times smaller: at 1/8 nothing would be left for our filter
            (252, 189, 8),
            (253, 189, 4),
            (1008, 756, 2),
            (1009, 756, 1),
            (8000, 6000, 1),
            (200, 3024, 1), // the axis that shrinks least decides
        ];
        for (width, height, expected) in cases {
            let ops = [resize(width, height)];
            let (head, rest) = Head::split(&ops, &INFO);
            assert_eq!((head.shrink(), rest.len()), (expected, 0), "{width} x {height}");
        }
    }

    #[test]
    fn crops_and_turns_are_seen_as_stored() {
        let crop = |x, y, width, height| Op::Crop(Rect { x, y, width, height });
        // Upright it is 3024 x 4032; its top right corner is stored at the top left.
        let ops = [
            Op::Orient(Orientation::OnLeftSide),
            crop(1024, 0, 2000, 3000),
            crop(1000, 0, 1000, 800),
            resize(250, 200),
        ];
        let (head, rest) = Head::split(&ops, &INFO);
        assert_eq!(
            head.region,
            Rect {
                x: 0,
                y: 0,
                width: 800,
                height: 1000
            }
        );
        assert_eq!(
            head.target,
            Size {
                width: 200,
                height: 250
            }
        );
        assert_eq!((head.shrink(), rest.len()), (2, 0));
    }

    #[test]
    fn what_follows_is_left_alone() {
        let flip = Op::Flip {
            horizontal: true,
            vertical: false,
        };
        let ops = [flip, resize(10, 10)];
        let (head, rest) = Head::split(&ops, &INFO);
        assert_eq!(rest, ops);
        assert_eq!((head.target.width, head.target.height, head.shrink()), (4032, 3024, 1));
        let outside = [Op::Crop(Rect {
            x: 4000,
            y: 0,
            width: 33,
            height: 1,
        })];
        assert_eq!(Head::split(&outside, &INFO).1, outside);
    }
}
