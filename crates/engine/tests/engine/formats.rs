//! Inputs that are only read: each made here, byte by byte or by a library's own encoder, decoded, and broken.

mod bmp;
mod drawings;
mod psd;
mod tiff;

use engine::{Budget, ProbeError, RenderError, probe_bytes, probe_part, render};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use transform::{Format, Op, Orientation, Part, Plan, Size};

use crate::sample::{Raster, convert, encoding, plan};

/// A part of a file in pixels, at its own size.
fn decoded(file: &[u8], part: &Part) -> Raster {
    let probe = probe_part(&mut std::io::Cursor::new(file), part).expect("a header");
    let (width, height) = probe.info.upright();
    sized(file, part, width, height)
}

/// A part of a file scaled, or drawn, to a size.
fn sized(file: &[u8], part: &Part, width: u32, height: u32) -> Raster {
    let probe = probe_part(&mut std::io::Cursor::new(file), part).expect("a header");
    let mut ops = vec![Op::Resize(Size { width, height })];
    if probe.info.orientation != Orientation::Upright {
        ops.insert(0, Op::Orient(probe.info.orientation));
    }
    let plan = Plan {
        part: part.clone(),
        ..plan(&ops, width, height, encoding(Format::Png))
    };
    let rendition = render(file, &plan, &Budget::default()).expect("a picture");
    Raster::from_png(&rendition.bytes)
}

fn refusal(file: &[u8], part: &Part) -> String {
    probe_part(&mut std::io::Cursor::new(file), part)
        .expect_err("refused")
        .to_string()
}

/// Five columns and four rows: red is 60 times the column, green 80 times the row, blue 200; the last two columns are
/// half transparent. Lossless, by libjxl.
pub const JXL: &[u8] = &[
    0xff, 0x0a, 0x18, 0x30, 0xb0, 0x12, 0x08, 0x00, 0x10, 0x00, 0x94, 0x01, 0x4b, 0x18, 0x93, 0x8e, 0x83, 0x83, 0x09,
    0x11, 0x2c, 0x69, 0x1d, 0xc6, 0xa0, 0x22, 0x00, 0x5f, 0x40, 0x28, 0x80, 0xa4, 0xd0, 0x00, 0x80, 0x1a, 0x4f, 0xb4,
    0x37, 0xda, 0x1b, 0x3f, 0x5b, 0x31, 0x02, 0xbf, 0xdf, 0x68, 0x6f, 0xfc, 0x0c, 0x5c, 0xd3, 0xfc, 0x0c, 0x7f, 0xe3,
    0xf8, 0x59, 0x93, 0xf3, 0x19, 0x02, 0xfd, 0xb8, 0x8c, 0x82, 0xd0, 0xe7, 0x41, 0x22, 0x91, 0xa4, 0xbe, 0x90, 0x90,
    0x4e, 0x01, 0x20, 0x90, 0xac, 0xf5, 0x03, 0x3d, 0xd0, 0x33, 0x83, 0xe3, 0xf6, 0xfd, 0x7d, 0x7f, 0xdf, 0xdf, 0xa7,
    0x69, 0xf5, 0xf7, 0xfd, 0x7d, 0x7f, 0xdf, 0x0f, 0x05, 0x04, 0x56, 0x1f, 0xc6, 0xc7, 0xd6, 0x3c, 0xdc, 0x03,
];

#[test]
fn jpeg_xl() {
    let expected = Raster::new(5, 4, |x, y| {
        [(x * 60) as u8, (y * 80) as u8, 200, if x < 3 { 255 } else { 128 }]
    });
    let mut container = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ".to_vec();
    container.extend((JXL.len() as u32 + 8).to_be_bytes());
    container.extend(b"jxlc");
    container.extend(JXL);
    for file in [JXL, &container] {
        let info = probe_bytes(file).expect("a header").info;
        assert_eq!(
            (info.format, info.width, info.height, info.has_alpha),
            (Format::Jxl, 5, 4, true)
        );
        assert_eq!(decoded(file, &Part::Default).difference(&expected).0, 0);
    }
}

fn heic_file(raster: &Raster) -> Vec<u8> {
    let pixels: Vec<u8> = raster.pixels.iter().flatten().copied().collect();
    let options = heifer::EncodeOptions {
        quality: 95,
        ..heifer::EncodeOptions::default()
    };
    heifer::encode_rgba8(raster.width, raster.height, &pixels, &options).expect("a file")
}

#[test]
fn heic() {
    for raster in [Raster::quadrants(96, 64), Raster::disc(80)] {
        let file = heic_file(&raster);
        let info = probe_bytes(&file).expect("a header").info;
        let has_alpha = raster.pixels.iter().any(|pixel| pixel[3] != 255);
        assert_eq!(
            (info.format, info.width, info.height, info.has_alpha),
            (Format::Heic, raster.width, raster.height, has_alpha)
        );
        let (_, mean) = decoded(&file, &Part::Default).difference(&raster);
        assert!(mean < 2.0, "{mean}");
    }
}

#[test]
fn av1_in_a_file_that_only_says_heif() {
    let picture = Raster::quadrants(64, 48);
    let mut file = convert(&picture.to_png(), encoding(Format::Avif)).bytes;
    let end = u32::from_be_bytes([file[0], file[1], file[2], file[3]]) as usize;
    for brand in file[8..end].chunks_exact_mut(4).filter(|brand| *brand == b"avif") {
        brand.copy_from_slice(b"mif1");
    }
    assert_eq!(probe_bytes(&file).expect("a header").info.format, Format::Avif);
    assert!(decoded(&file, &Part::Default).difference(&picture).1 < 3.0);
}

#[test]
fn what_is_not_read_is_named() {
    let cases: [(&[u8], &str); 4] = [
        (
            b"\0\0\0\x0cjP  \r\n\x87\n",
            "JPEG 2000 files are not read: convert it to JPEG, PNG, TIFF or another kind that is",
        ),
        (
            b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
            "camera raw (Canon) files are not read: convert it to JPEG, PNG, TIFF or another kind that is",
        ),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            "PostScript (EPS) files are not read: convert it to JPEG, PNG, TIFF or another kind that is",
        ),
        (
            b"hello",
            "this is not a picture of a kind that is read: JPEG, PNG, WebP, AVIF, GIF, HEIC, JPEG XL, TIFF, BMP, ICO, PSD, SVG or PDF",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(refusal(file, &Part::Default), expected);
    }
}

/// One small valid file of each kind.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![
        ("jxl", JXL.to_vec()),
        ("heic", heic_file(&Raster::disc(24))),
        ("bmp", bmp::runs()),
        ("ico", bmp::icon()),
        ("psd", psd::layered(8)),
        ("deep psd", psd::layered(16)),
        ("svg", drawings::SVG.as_bytes().to_vec()),
        ("pdf", drawings::pdf()),
    ];
    seeds.extend(tiff::seeds());
    seeds
}

#[test]
fn mutations() {
    let budget = Budget {
        max_pixels: 1 << 16,
        max_output_bytes: 1 << 20,
        ..Budget::default()
    };
    let parts = [Part::Default, Part::Page(2), Part::Layers(vec![(1, u32::MAX)])];
    let mut random = StdRng::seed_from_u64(11);
    for (name, seed) in seeds() {
        let mut whole = 0;
        for round in 0..300 {
            let mut file = seed.clone();
            for _ in 0..random.random_range(1..5) {
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
            let part = &parts[round % parts.len()];
            match attempt(&file, part, &budget) {
                Ok(()) => whole += 1,
                Err(RenderError::Internal(what)) => panic!("{name}, round {round}: {what}"),
                Err(_) => {}
            }
        }
        assert!(whole > 0, "{name}: mutations are too rough to reach the decoder");
    }
}

fn attempt(file: &[u8], part: &Part, budget: &Budget) -> Result<(), RenderError> {
    let info = probe_part(&mut std::io::Cursor::new(file), part)?.info;
    let (width, height) = info.upright();
    let size = Size {
        width: width.div_ceil(2).min(64),
        height: height.div_ceil(2).min(64),
    };
    let ops = [Op::Orient(info.orientation), Op::Resize(size)];
    let plan = Plan {
        part: part.clone(),
        ..plan(&ops, size.width, size.height, encoding(Format::Png))
    };
    render(file, &plan, budget).map(|_| ())
}

#[test]
fn cut_off_is_an_error() {
    for (name, file) in seeds() {
        assert!(
            attempt(&file, &Part::Default, &Budget::default()).is_ok(),
            "{name} is whole"
        );
        let cut = &file[..file.len() / 2];
        match attempt(cut, &Part::Default, &Budget::default()) {
            Err(RenderError::Malformed { .. } | RenderError::Probe(ProbeError::Malformed { .. })) => {}
            // Pages are looked for when the list of them is missing.
            other => assert!(name == "pdf", "{name}: {other:?}"),
        }
    }
}
