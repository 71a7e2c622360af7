//! What is read from files and written to them, format by format.

use engine::{Budget, Effort, probe_bytes, render};
use transform::{Color, Encoding, Format, Op, Output, Plan, Size};

use crate::sample::{Raster, convert, encoding, jpeg_with_orientation, pixels, plan, png_file, png_with};

const WRITTEN: [Format; 4] = [Format::Jpeg, Format::Png, Format::Webp, Format::Avif];

#[test]
fn round_trips() {
    let source = Raster::gradient(96, 64);
    // Largest and mean difference: PNG is exact, the others lose what their quality says.
    let cases = [
        (Format::Jpeg, 12, 2.0),
        (Format::Png, 0, 0.0),
        (Format::Webp, 24, 3.0),
        (Format::Avif, 24, 3.0),
    ];
    let jpeg = jpeg_with_orientation(&source, 1);
    for (format, largest_allowed, mean_allowed) in cases {
        for effort in [Effort::Leisure, Effort::Load] {
            let plan = plan(&[], 96, 64, encoding(format));
            let rendition = render(
                &jpeg,
                &plan,
                &Budget {
                    effort,
                    ..Budget::default()
                },
            )
            .expect("a rendition");
            assert_eq!((rendition.format, rendition.kept_original), (format, false));
            let info = probe_bytes(&rendition.bytes).expect("a header").info;
            assert_eq!((info.format, info.width, info.height, info.frames), (format, 96, 64, 1));
            assert!(!info.has_alpha, "{format:?}");
            let (largest, mean) = pixels(&rendition.bytes).difference(&pixels(&jpeg));
            assert!(
                largest <= largest_allowed && mean <= mean_allowed,
                "{format:?}: {largest}, {mean:.2}"
            );
        }
    }
}

#[test]
fn alpha_survives() {
    let source = Raster::disc(48);
    for format in [Format::Png, Format::Webp, Format::Avif] {
        let file = convert(&source.to_png(), encoding(format)).bytes;
        assert!(probe_bytes(&file).expect("a header").info.has_alpha, "{format:?}");
        let (largest, mean) = pixels(&file).difference(&source);
        assert!(largest <= 40 && mean <= 3.0, "{format:?}: {largest}, {mean:.2}");
    }
}

#[test]
fn lossless_is_exact() {
    let opaque = Raster::new(40, 30, |x, y| [(x * 6) as u8, (y * 8) as u8, (x * y) as u8, 255]);
    for source in [opaque, Raster::disc(40)] {
        for format in [Format::Png, Format::Webp, Format::Avif] {
            let lossless = Encoding {
                lossless: true,
                ..encoding(format)
            };
            let file = convert(&source.to_png(), lossless).bytes;
            assert_eq!(pixels(&file).difference(&source).0, 0, "{format:?}");
        }
    }
}

#[test]
fn quality_costs_bytes() {
    let source = Raster::new(128, 96, |x, y| {
        [(x * y) as u8, ((x * 7) ^ (y * 3)) as u8, (x + y * 5) as u8, 255]
    })
    .to_png();
    let opaque = png_of(&source, &[Op::Flatten(Color::WHITE)]);
    for format in [Format::Jpeg, Format::Webp, Format::Avif] {
        let length = |quality| {
            convert(
                &opaque,
                Encoding {
                    quality,
                    ..encoding(format)
                },
            )
            .bytes
            .len()
        };
        let (low, middle, high) = (length(30), length(60), length(95));
        assert!(low < middle && middle < high, "{format:?}: {low} {middle} {high}");
    }
}

#[test]
fn progressive_jpeg() {
    let source = jpeg_with_orientation(&Raster::gradient(96, 64), 1);
    let file = convert(
        &source,
        Encoding {
            progressive: true,
            ..encoding(Format::Jpeg)
        },
    )
    .bytes;
    assert!(file.windows(2).any(|marker| marker == [0xff, 0xc2]), "SOF2");
    assert!(pixels(&file).difference(&pixels(&source)).1 <= 2.0);
}

#[test]
fn every_depth_of_png() {
    use png::{BitDepth, ColorType};
    // A row of two pixels, the darker and the lighter end, in each form.
    let palette = |info: &mut png::Info| {
        info.palette = Some(vec![0, 0, 0, 255, 255, 255].into());
    };
    let none = |_: &mut png::Info| ();
    type Change<'a> = &'a dyn Fn(&mut png::Info);
    let cases: [(ColorType, BitDepth, &[u8], Change); 10] = [
        (ColorType::Grayscale, BitDepth::One, &[0b0100_0000], &none),
        (ColorType::Grayscale, BitDepth::Two, &[0b0011_0000], &none),
        (ColorType::Grayscale, BitDepth::Four, &[0x0f], &none),
        (ColorType::Grayscale, BitDepth::Eight, &[0, 255], &none),
        (ColorType::Grayscale, BitDepth::Sixteen, &[0, 0, 255, 255], &none),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, &[0, 255, 255, 255], &none),
        (
            ColorType::GrayscaleAlpha,
            BitDepth::Sixteen,
            &[0, 0, 255, 255, 255, 255, 255, 255],
            &none,
        ),
        (
            ColorType::Rgb,
            BitDepth::Sixteen,
            &[0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255],
            &none,
        ),
        (ColorType::Indexed, BitDepth::One, &[0b0100_0000], &palette),
        (ColorType::Indexed, BitDepth::Eight, &[0, 1], &palette),
    ];
    for (color, depth, bytes, change) in cases {
        let file = png_with(2, 1, color, depth, bytes, |info| change(info));
        assert_eq!(
            probe_bytes(&file).expect("a header").bit_depth(),
            depth as u8,
            "{color:?} {depth:?}"
        );
        assert_eq!(pixels(&file).pixels, [[0, 0, 0, 255], [255; 4]], "{color:?} {depth:?}");
    }
}

#[test]
fn png_palette_alpha() {
    let file = png_with(2, 1, png::ColorType::Indexed, png::BitDepth::Eight, &[0, 1], |info| {
        info.palette = Some(vec![10, 20, 30, 40, 50, 60].into());
        info.trns = Some(vec![77].into());
    });
    assert!(probe_bytes(&file).expect("a header").info.has_alpha);
    assert_eq!(pixels(&file).pixels, [[10, 20, 30, 77], [40, 50, 60, 255]]);
}

#[test]
fn gif_first_frame() {
    // Rows of an interlaced frame are stored 0, 4, 2, 1, 3 for a height of five.
    let rows = [0u8, 4, 2, 1, 3];
    let stored: Vec<u8> = rows.iter().flat_map(|row| [*row; 3]).collect();
    let palette: Vec<u8> = (0..8u8).flat_map(|i| [i * 30, 0, 0]).collect();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 4, 6, &palette).expect("a header");
    let first = gif::Frame {
        left: 1,
        top: 1,
        interlaced: true,
        transparent: Some(3),
        ..gif::Frame::from_indexed_pixels(3, 5, stored, Some(3))
    };
    encoder.write_frame(&first).expect("a frame");
    encoder
        .write_frame(&gif::Frame::from_indexed_pixels(4, 6, vec![7; 24], None))
        .expect("a frame");
    drop(encoder);

    let info = probe_bytes(&file).expect("a header").info;
    assert_eq!(
        (info.format, info.width, info.height, info.frames, info.has_alpha),
        (Format::Gif, 4, 6, 2, true)
    );
    let expected = Raster::new(4, 6, |x, y| match (x, y) {
        (0, _) | (_, 0) | (_, 4) => [0; 4],
        (_, y) => [(y as u8 - 1) * 30, 0, 0, 255],
    });
    assert!(pixels(&file).difference(&expected).0 == 0);
}

/// Display P3, said by an embedded profile or by the code points of a `cICP` chunk.
fn p3_png(profile: bool) -> Vec<u8> {
    let pixels = [200, 60, 60].repeat(16);
    let mut info = png::Info::with_size(4, 4);
    info.color_type = png::ColorType::Rgb;
    if profile {
        info.icc_profile = Some(
            moxcms::ColorProfile::new_display_p3()
                .encode()
                .expect("a profile")
                .into(),
        );
    }
    let mut file = Vec::new();
    let mut writer = png::Encoder::with_info(&mut file, info)
        .expect("info")
        .write_header()
        .expect("header");
    if !profile {
        writer
            .write_chunk(png::chunk::ChunkType(*b"cICP"), &[12, 13, 0, 1])
            .expect("a chunk");
    }
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("end");
    file
}

#[test]
fn wide_gamut_becomes_srgb() {
    // By the published matrices: P3 (200, 60, 60) is sRGB (217, 42, 52).
    for profile in [false, true] {
        let file = p3_png(profile);
        assert_eq!(probe_bytes(&file).expect("a header").has_profile(), profile);
        let found = pixels(&file).at(1, 1);
        for (found, expected) in found.iter().zip([217u8, 42, 52, 255]) {
            assert!(
                found.abs_diff(expected) <= 2,
                "{found} for {expected}, profile {profile}"
            );
        }
    }
}

#[test]
fn a_kept_profile_goes_with_untouched_colours() {
    for format in WRITTEN {
        let kept = convert(
            &p3_png(true),
            Encoding {
                keep_profile: true,
                ..encoding(format)
            },
        )
        .bytes;
        assert!(probe_bytes(&kept).expect("a header").has_profile(), "{format:?}");
        // Converted from the profile that it carries, it is what the source would have become.
        let (largest, _) = pixels(&kept).difference(&pixels(&p3_png(true)));
        assert!(largest <= 6, "{format:?}: {largest}");
        let dropped = convert(&p3_png(true), encoding(format)).bytes;
        assert!(!probe_bytes(&dropped).expect("a header").has_profile(), "{format:?}");
    }
}

#[test]
fn a_broken_profile_is_none() {
    let file = png_with(
        1,
        1,
        png::ColorType::Rgb,
        png::BitDepth::Eight,
        &[200, 60, 60],
        |info| {
            info.icc_profile = Some(vec![7; 300].into());
        },
    );
    assert_eq!(pixels(&file).at(0, 0), [200, 60, 60, 255]);
}

#[test]
fn xmp_and_iptc_are_carried() {
    let xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
    let mut source = jpeg_with_orientation(&Raster::gradient(16, 16), 1);
    let mut segments = vec![0xff, 0xe1, 0, (2 + 29 + xmp.len()) as u8];
    segments.extend(b"http://ns.adobe.com/xap/1.0/\0");
    segments.extend(xmp);
    segments.extend([0xff, 0xed, 0, 2 + 14 + 4]);
    segments.extend(b"Photoshop 3.0\x008BIM");
    source.splice(2..2, segments);
    let contains = |file: &[u8], text: &[u8]| file.windows(text.len()).any(|window| window == text);
    for format in WRITTEN {
        let kept = convert(
            &source,
            Encoding {
                keep_metadata: true,
                ..encoding(format)
            },
        )
        .bytes;
        assert!(contains(&kept, xmp), "{format:?}");
        assert_eq!(contains(&kept, b"8BIM"), format == Format::Jpeg);
        let dropped = convert(&source, encoding(format)).bytes;
        assert!(
            !contains(&dropped, xmp) && !contains(&dropped, b"8BIM") && !contains(&dropped, b"MM\0*"),
            "{format:?}"
        );
        // From each format again: what was written can be read.
        let again = convert(
            &kept,
            Encoding {
                keep_metadata: true,
                ..encoding(Format::Jpeg)
            },
        )
        .bytes;
        assert!(
            contains(&again, xmp) && contains(&again, b"MM\0*"),
            "{format:?} to JPEG"
        );
    }
}

#[test]
fn the_original_answers_when_it_is_smaller() {
    let small = convert(
        &jpeg_with_orientation(&Raster::gradient(64, 64), 1),
        Encoding {
            quality: 20,
            ..encoding(Format::Jpeg)
        },
    );
    let keep = Encoding {
        keep_original_if_smaller: true,
        quality: 95,
        ..encoding(Format::Jpeg)
    };
    let kept = convert(&small.bytes, keep);
    assert!(kept.kept_original && kept.bytes == small.bytes);
    assert!(
        !convert(
            &small.bytes,
            Encoding {
                keep_original_if_smaller: false,
                ..keep
            }
        )
        .kept_original
    );
    assert!(
        !convert(
            &small.bytes,
            Encoding {
                format: Format::Webp,
                ..keep
            }
        )
        .kept_original
    );

    let turned = jpeg_with_orientation(&Raster::gradient(64, 64), 3);
    assert!(
        !convert(&turned, Encoding { quality: 100, ..keep }).kept_original,
        "it is not upright"
    );
}

#[test]
fn the_original_itself() {
    let source = jpeg_with_orientation(&Raster::gradient(64, 48), 6);
    let plan = Plan {
        part: transform::Part::Default,
        animated: false,
        ops: vec![],
        size: Size { width: 48, height: 64 },
        output: Output::Original,
    };
    let budget = Budget {
        max_pixels: 1,
        ..Budget::default()
    };
    let rendition = render(&source, &plan, &budget).expect("the original, for no pixel of it is made");
    assert!(rendition.kept_original && rendition.bytes == source && rendition.format == Format::Jpeg);
    assert_eq!(rendition.size, Size { width: 48, height: 64 });
}

#[test]
fn estimates_grow_with_the_work() {
    let info = probe_bytes(&jpeg_with_orientation(&Raster::gradient(800, 600), 1))
        .expect("a header")
        .info;
    let resize = |width, height| {
        plan(
            &[Op::Resize(Size { width, height })],
            width,
            height,
            encoding(Format::Webp),
        )
    };
    let small = engine::estimate(&resize(80, 60), &info);
    let large = engine::estimate(&resize(400, 300), &info);
    assert!(
        small.bytes < large.bytes && small.megapixels < large.megapixels,
        "{small:?} {large:?}"
    );
    // The whole source has to be read for the small one too; shrinking while decoding saves memory, not that.
    assert!(small.megapixels >= 0.48 && small.bytes < 800 * 600, "{small:?}");
}

#[test]
fn a_png_of_one_pixel() {
    let file = png_file(1, 1, png::ColorType::Rgb, png::BitDepth::Eight, &[1, 2, 3]);
    for format in WRITTEN {
        let done = convert(&file, encoding(format));
        assert_eq!(done.size, Size { width: 1, height: 1 });
    }
}

fn png_of(source: &[u8], ops: &[Op]) -> Vec<u8> {
    let info = probe_bytes(source).expect("a header").info;
    let plan = plan(ops, info.width, info.height, encoding(Format::Png));
    render(source, &plan, &Budget::default()).expect("a rendition").bytes
}
