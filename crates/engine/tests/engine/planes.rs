//! Photographs that stay in planes of luma and chroma come out as those that go over RGB.

use crate::sample::{Raster, convert, encoding, jpeg_with_orientation, pixels, plan};
use engine::{Budget, Inputs, decode_source, render, render_with};
use transform::{Encoding, Format, Op, Orientation, Rect, Size};

/// Soft shapes in many colours, unlike in any two corners.
fn photograph(width: u32, height: u32) -> Raster {
    Raster::new(width, height, |x, y| {
        let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let wave = |rate: f64, at: f64| ((at * rate).sin() * 90.0 + 125.0) as u8;
        [wave(9.0, x + y * 0.3), wave(7.0, y + 0.4), wave(5.0, x - y), 255]
    })
}

fn lossy(format: Format, quality: u8) -> Encoding {
    Encoding {
        quality,
        ..encoding(format)
    }
}

/// The same plan, made to need RGB by a crop that cuts nothing.
fn over_rgb(ops: &[Op], size: Size) -> Vec<Op> {
    let Size { width, height } = size;
    let mut ops = ops.to_vec();
    ops.push(Op::Resize(size));
    ops.push(Op::Crop(Rect {
        x: 0,
        y: 0,
        width,
        height,
    }));
    ops
}

#[test]
fn every_turn_crop_and_size() {
    let flip = |horizontal, vertical| Op::Flip { horizontal, vertical };
    let part = Rect {
        x: 31,
        y: 17,
        width: 205,
        height: 151,
    };
    let crops: [&[Op]; 2] = [&[], &[Op::Crop(part)]];
    // Odd sides have a sample of chroma that covers less than the others; enlarged, kept, and shrunk by the decoder.
    let sizes = [(51, 37), (50, 38), (205, 151), (25, 19), (301, 223)];
    let flips: [&[Op]; 3] = [&[], &[flip(true, false)], &[flip(true, true)]];
    for value in 1..=8u8 {
        let source = jpeg_with_orientation(&photograph(321, 277), value);
        let orientation = Orientation::from_exif(value.into());
        for (round, (width, height)) in sizes.into_iter().enumerate() {
            let size = Size { width, height };
            let crop = crops[(round + usize::from(value)) % 2];
            let flip = flips[(round + usize::from(value)) % 3];
            let head = [&[Op::Orient(orientation)], crop].concat();
            let format = [Format::Jpeg, Format::Webp, Format::Avif][round % 3];
            let encoding = lossy(format, [85, 95][round % 2]);
            let of = |ops: &[Op]| {
                let plan = plan(ops, width, height, encoding);
                render(&source, &plan, &Budget::default()).expect("a rendition").bytes
            };
            let planes = pixels(&of(&[&head, &[Op::Resize(size)][..], flip].concat()));
            let rgb = pixels(&of(&[&over_rgb(&head, size), flip].concat()));
            let (largest, mean) = planes.difference(&rgb);
            assert!(
                largest <= 40 && mean <= 2.0,
                "{value}, {size:?}, {crop:?}, {flip:?}, {format:?}: {largest}, {mean:.2}"
            );
        }
    }
}

#[test]
fn of_a_decoded_source() {
    // At this quality with a quarter of the chroma.
    let source = convert(
        &jpeg_with_orientation(&photograph(400, 300), 1),
        lossy(Format::Jpeg, 85),
    )
    .bytes;
    let size = Size { width: 99, height: 75 };
    let budget = Budget::default();
    let files = std::collections::HashMap::new();
    let (fonts, models) = (engine::Fonts::bundled(), engine::Models::default());
    let first = plan(&[Op::Resize(size)], 99, 75, lossy(Format::Webp, 80));
    let decoded = decode_source(&source, &first, &budget).expect("a decoded source");
    // Two bytes of chroma for four of luma, at half the size.
    assert!(decoded.memory() <= 208 * 160 * 3 / 2, "{}", decoded.memory());
    for format in [Format::Jpeg, Format::Png, Format::Avif, Format::Webp] {
        let plan = plan(&[Op::Resize(size)], 99, 75, lossy(format, 85));
        let inputs = |decoded| Inputs {
            source: &source,
            decoded,
            files: &files,
            fonts: &fonts,
            models: &models,
        };
        let of = |decoded| {
            render_with(&inputs(decoded), &plan, &budget)
                .expect("a rendition")
                .bytes
        };
        // Row by row or whole, to the same bytes, where both want chroma of this size.
        if matches!(format, Format::Jpeg | Format::Webp) {
            assert!(of(Some(&decoded)) == of(None), "{format:?}");
        }
        let (largest, mean) = pixels(&of(Some(&decoded))).difference(&pixels(&of(None)));
        assert!(largest <= 20 && mean <= 1.0, "{format:?}: {largest}, {mean:.2}");
    }
}

#[test]
fn grays_and_other_colours_go_another_way() {
    let source = jpeg_with_orientation(&photograph(320, 240), 1);
    let size = Size { width: 40, height: 30 };
    for quality in [80, 95] {
        let plan = plan(&[Op::Resize(size)], 40, 30, lossy(Format::Jpeg, quality));
        let expected = pixels(&render(&source, &plan, &Budget::default()).expect("a rendition").bytes);
        // Adobe's word that the three components are red, green and blue: read as such, whatever it looks like.
        let mut rgb = source.clone();
        let start = rgb.windows(4).position(|bytes| bytes == b"JFIF").expect("JFIF");
        rgb[start..start + 4].copy_from_slice(b"XXXX");
        rgb.splice(2..2, *b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0");
        let found = pixels(&render(&rgb, &plan, &Budget::default()).expect("a rendition").bytes);
        assert!(found.difference(&expected).1 > 10.0);
    }
}
