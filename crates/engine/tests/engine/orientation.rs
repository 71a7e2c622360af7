//! The eight EXIF orientations, through every way that stored pixels can take.

use crate::sample::{BLUE, GREEN, RED, Raster, YELLOW, encoding, jpeg_with_orientation, plan};
use engine::{Budget, probe_bytes, render};
use transform::{Format, Op, Orientation, Rect, Size};

/// What a viewer sees at the corners of a picture that stores red, green, blue, yellow: top left, top right, bottom
/// left, bottom right.
const SEEN: [[[u8; 4]; 4]; 8] = [
    [RED, GREEN, BLUE, YELLOW],
    [GREEN, RED, YELLOW, BLUE],
    [YELLOW, BLUE, GREEN, RED],
    [BLUE, YELLOW, RED, GREEN],
    [RED, BLUE, GREEN, YELLOW],
    [BLUE, RED, YELLOW, GREEN],
    [YELLOW, GREEN, BLUE, RED],
    [GREEN, YELLOW, RED, BLUE],
];

fn near(found: [u8; 4], expected: [u8; 4]) -> bool {
    found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 12)
}

fn check(value: u8, source: &[u8], ops: &[Op], size: Size, expected: &[[u8; 4]; 4]) {
    let plan = plan(ops, size.width, size.height, encoding(Format::Png));
    let rendition = render(source, &plan, &Budget::default()).expect("a rendition");
    let corners = Raster::from_png(&rendition.bytes).corners();
    for (found, expected) in corners.iter().zip(expected) {
        assert!(near(*found, *expected), "orientation {value}, {ops:?}: {corners:?}");
    }
}

#[test]
fn all_eight() {
    // 803 is not a multiple of 8: the last shrunk column is only partly picture, wherever it ends up.
    let picture = Raster::quadrants(803, 602);
    for value in 1..=8u8 {
        let source = jpeg_with_orientation(&picture, value);
        let info = probe_bytes(&source).expect("a header").info;
        assert_eq!(info.orientation.to_exif(), u16::from(value));
        assert_eq!((info.width, info.height), (803, 602));
        let (width, height) = info.upright();
        let seen = &SEEN[usize::from(value) - 1];
        let orient = || Op::Orient(Orientation::from_exif(value.into()));
        let small = Size {
            width: width / 8,
            height: height / 8,
        };

        check(value, &source, &[orient()], Size { width, height }, seen);
        check(value, &source, &[orient(), Op::Resize(small)], small, seen);
        let part = Rect {
            x: width - width / 2 + 8,
            y: 8,
            width: width / 2 - 16,
            height: height / 2 - 16,
        };
        let top_right = [seen[1]; 4];
        let size = Size {
            width: part.width,
            height: part.height,
        };
        check(value, &source, &[orient(), Op::Crop(part)], size, &top_right);
        let tiny = Size {
            width: part.width / 5,
            height: part.height / 5,
        };
        check(
            value,
            &source,
            &[orient(), Op::Crop(part), Op::Resize(tiny)],
            tiny,
            &top_right,
        );
    }
}

#[test]
fn kept_metadata_says_upright() {
    let source = jpeg_with_orientation(&Raster::quadrants(64, 48), 6);
    for format in [Format::Jpeg, Format::Png, Format::Webp, Format::Avif] {
        let mut encoding = encoding(format);
        encoding.keep_metadata = true;
        let orient = [Op::Orient(Orientation::OnLeftSide)];
        let rendition = render(&source, &plan(&orient, 48, 64, encoding), &Budget::default()).expect("a rendition");
        let info = probe_bytes(&rendition.bytes).expect("a header").info;
        assert_eq!((info.width, info.height), (48, 64), "{format:?}");
        assert_eq!(info.orientation, Orientation::Upright, "{format:?}");
        let has_tag = rendition.bytes.windows(4).any(|bytes| bytes == b"MM\0*");
        assert!(has_tag, "EXIF is in {format:?}");
    }
}
