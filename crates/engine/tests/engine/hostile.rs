//! Broken and lying files: an error or a picture, never a panic, never more than the budget.

use std::sync::atomic::AtomicBool;

use crate::sample::{Raster, convert, encoding, jpeg_with_orientation, plan, png_file};
use engine::{Budget, ProbeError, RenderError, probe_bytes, render};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use transform::{Color, Format, Op, Output, Plan, Rect, Size};

/// One small valid file of each kind.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let gradient = Raster::gradient(24, 16).to_png();
    let disc = Raster::disc(20).to_png();
    let mut lossless = encoding(Format::Webp);
    lossless.lossless = true;
    let mut progressive = encoding(Format::Jpeg);
    progressive.progressive = true;
    let baseline = jpeg_with_orientation(&Raster::gradient(24, 16), 6);
    vec![
        ("progressive jpeg", convert(&baseline, progressive).bytes),
        ("jpeg", baseline),
        ("palette png", palette_png()),
        ("webp", convert(&disc, encoding(Format::Webp)).bytes),
        ("lossless webp", convert(&disc, lossless).bytes),
        ("avif", convert(&disc, encoding(Format::Avif)).bytes),
        ("gif", gif_file()),
        ("png", gradient),
    ]
}

fn palette_png() -> Vec<u8> {
    crate::sample::png_with(8, 8, png::ColorType::Indexed, png::BitDepth::Two, &[0x1b; 16], |info| {
        info.palette = Some(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9].into());
        info.trns = Some(vec![255, 128].into());
    })
}

fn gif_file() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 16, 12, &[255, 0, 0, 0, 0, 255]).expect("a header");
    for x in [0, 4] {
        let pixels: Vec<u8> = (0..96).map(|i| (i % 3 == 0).into()).collect();
        let frame = gif::Frame {
            width: 12,
            height: 8,
            left: x,
            ..gif::Frame::from_indexed_pixels(12, 8, pixels, Some(1))
        };
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

fn thumbnail(source: &[u8], budget: &Budget) -> Result<usize, RenderError> {
    let probe = probe_bytes(source)?;
    let (width, height) = probe.info.upright();
    let size = Size {
        width: width.div_ceil(2).min(64),
        height: height.div_ceil(2).min(64),
    };
    let ops = [
        Op::Orient(probe.info.orientation),
        Op::Resize(size),
        Op::Flatten(Color::WHITE),
    ];
    render(
        source,
        &plan(&ops, size.width, size.height, encoding(Format::Jpeg)),
        budget,
    )
    .map(|done| done.bytes.len())
}

#[test]
fn ten_thousand_mutations() {
    let budget = Budget {
        max_pixels: 1 << 16,
        max_output_bytes: 1 << 16,
        ..Budget::default()
    };
    let seeds = seeds();
    let mut random = StdRng::seed_from_u64(7);
    let mut whole = 0;
    for round in 0..10_000 {
        let (name, seed) = &seeds[round % seeds.len()];
        let mut file = seed.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..file.len());
            match random.random_range(0..5) {
                0 => file[at] = random.random(),
                1 => file[at] ^= 1 << random.random_range(0..8),
                2 => file.truncate(at.max(1)),
                3 => file.insert(at, random.random()),
                _ => {
                    let end = (at + random.random_range(1..9)).min(file.len());
                    file[at..end].fill([0x00, 0xff, 0x7f, 0x80][random.random_range(0..4)]);
                }
            }
        }
        match thumbnail(&file, &budget) {
            Ok(length) => {
                whole += 1;
                assert!(length <= 1 << 16);
            }
            Err(RenderError::Internal(what)) => panic!("round {round}, {name}: {what}"),
            Err(_) => {}
        }
    }
    assert!(whole > 500, "mutations are too rough to reach the decoders: {whole}");
}

#[test]
fn cut_off_is_an_error() {
    let picture = Raster::new(200, 150, |x, y| {
        [(x * y) as u8, ((x * 7) ^ (y * 3)) as u8, (x + y) as u8, 255]
    });
    let png = picture.to_png();
    let mut progressive = encoding(Format::Jpeg);
    progressive.progressive = true;
    let flat = convert(&jpeg_with_orientation(&picture, 1), encoding(Format::Png)).bytes;
    let files = [
        convert(&flat, encoding(Format::Jpeg)).bytes,
        convert(&flat, progressive).bytes,
        convert(&png, encoding(Format::Webp)).bytes,
        convert(&png, encoding(Format::Avif)).bytes,
        png,
        gif_file(),
    ];
    for file in files {
        let format = probe_bytes(&file).expect("a header").info.format;
        assert!(thumbnail(&file, &Budget::default()).is_ok(), "{format:?} is whole");
        for percent in [30, 60, 90] {
            let cut = &file[..file.len() * percent / 100];
            let result = thumbnail(cut, &Budget::default());
            // A GIF's first frame may be there although the file is not.
            let fine = format == Format::Gif && percent > 50;
            assert!(
                fine || matches!(result, Err(RenderError::Malformed { .. } | RenderError::Probe(_))),
                "{format:?} {percent} %: {result:?}"
            );
        }
    }
}

#[test]
fn a_missing_end_marker_is_not_missing_data() {
    let mut file = jpeg_with_orientation(&Raster::gradient(64, 48), 1);
    file.truncate(file.len() - 2);
    assert!(thumbnail(&file, &Budget::default()).is_ok());
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let mut file = png_file(1, 1, png::ColorType::Grayscale, png::BitDepth::Eight, &[0]);
    file[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    // The checksum of the header chunk is left wrong: the size is refused before anybody looks at it.
    let error = thumbnail(&file, &Budget::default()).expect_err("too many pixels");
    assert_eq!(error.to_string(), "4294836225 pixels, where 100000000 are allowed");
    file[17] = 1;
    let error = probe_bytes(&file).expect_err("too long a side");
    assert_eq!(
        error.to_string(),
        "a picture of 131071 x 65535 is too large: no side may be longer than 65535"
    );
}

#[test]
fn budgets_are_kept() {
    let source = Raster::gradient(40, 30).to_png();
    let good = plan(&[], 40, 30, encoding(Format::Png));
    let enlarge = plan(
        &[Op::Resize(Size {
            width: 1000,
            height: 1000,
        })],
        1000,
        1000,
        encoding(Format::Png),
    );
    let refusal = |plan: &Plan, budget: Budget| render(&source, plan, &budget).expect_err("refused").to_string();
    let cancelled = AtomicBool::new(true);
    assert_eq!(
        refusal(
            &good,
            Budget {
                max_pixels: 1199,
                ..Budget::default()
            }
        ),
        "1200 pixels, where 1199 are allowed"
    );
    assert_eq!(
        refusal(
            &enlarge,
            Budget {
                max_pixels: 5000,
                ..Budget::default()
            }
        ),
        "1000000 pixels, where 5000 are allowed"
    );
    assert!(
        refusal(
            &good,
            Budget {
                max_source_bytes: 9,
                ..Budget::default()
            }
        )
        .ends_with("bytes of the source, where 9 are allowed")
    );
    assert!(
        refusal(
            &good,
            Budget {
                max_output_bytes: 9,
                ..Budget::default()
            }
        )
        .ends_with("bytes of the result, where 9 are allowed")
    );
    assert_eq!(
        refusal(
            &good,
            Budget {
                cancelled: Some(&cancelled),
                ..Budget::default()
            }
        ),
        "cancelled"
    );
}

#[test]
fn plans_that_do_not_fit_are_refused() {
    let source = Raster::disc(20).to_png();
    let outside = Op::Crop(Rect {
        x: 10,
        y: 0,
        width: 11,
        height: 5,
    });
    let overflow = Op::Crop(Rect {
        x: u32::MAX,
        y: 0,
        width: 2,
        height: 5,
    });
    let cases = [
        (
            plan(&[outside], 11, 5, encoding(Format::Png)),
            "the plan does not fit: a crop that leaves the picture",
        ),
        (
            plan(&[overflow], 2, 5, encoding(Format::Png)),
            "the plan does not fit: a crop that leaves the picture",
        ),
        (
            plan(&[], 21, 20, encoding(Format::Png)),
            "the plan does not fit: the operations do not lead to the stated size",
        ),
        (
            plan(&[], 20, 20, encoding(Format::Jpeg)),
            "the plan does not fit: JPEG has no transparency; flatten first",
        ),
        (
            plan(&[], 20, 20, encoding(Format::Tiff)),
            "the plan does not fit: a format that cannot be written",
        ),
        (
            plan(&[Op::Resize(Size { width: 0, height: 4 })], 0, 4, encoding(Format::Png)),
            "the plan does not fit: a side of no pixels",
        ),
        (
            plan(
                &[Op::Resize(Size {
                    width: 16_384,
                    height: 2,
                })],
                16_384,
                2,
                encoding(Format::Webp),
            ),
            "WebP holds sides up to 16383, not 16384 x 2",
        ),
    ];
    for (plan, expected) in cases {
        let error = render(&source, &plan, &Budget::default()).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_no_picture_is_unrecognised() {
    for bytes in [&b""[..], b"hello", b"%PNG-1.7", b"\xff\xd8", b"GIF90a"] {
        assert!(matches!(probe_bytes(bytes), Err(ProbeError::Unrecognised)));
        let plan = Plan {
            part: transform::Part::Default,
            animated: false,
            ops: vec![],
            size: Size { width: 1, height: 1 },
            output: Output::Original,
        };
        assert!(matches!(
            render(bytes, &plan, &Budget::default()),
            Err(RenderError::Probe(ProbeError::Unrecognised))
        ));
    }
}

#[test]
fn broken_metadata_is_left_out() {
    let mut source = jpeg_with_orientation(&Raster::gradient(16, 16), 6);
    let place = source.windows(4).position(|bytes| bytes == b"MM\0*").expect("EXIF");
    source[place] = b'X';
    assert_eq!(probe_bytes(&source).expect("a header").info.orientation.to_exif(), 1);
    for format in [Format::Jpeg, Format::Png, Format::Webp, Format::Avif] {
        let kept = convert(
            &source,
            transform::Encoding {
                keep_metadata: true,
                ..encoding(format)
            },
        )
        .bytes;
        assert!(!kept.windows(4).any(|bytes| bytes == b"XM\0*"), "{format:?}");
    }
}
