//! Texts, compared with pictures that a person looked at.
//!
//! `tests/cases/text/<case>.text` holds a text and its type; the expected picture lies beside it. A new case is a new
//! pair: write the text, run with `TINTYPE_BLESS=1`, look at the picture that appears.

use std::collections::HashMap;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use transform::{Color, Font, MeasureError, Size, Text, TextAlign};

use super::{Fonts, draw, measure};
use crate::picture::Picture;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/text")
}

/// The fonts of the cases, by their files' names.
fn case_fonts() -> HashMap<String, Vec<u8>> {
    let fonts = fs::read_dir(folder().join("fonts")).expect("the fonts of the cases");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("a font"))
    };
    fonts.map(|font| read(font.expect("a font").path())).collect()
}

#[test]
fn cases() {
    let files = case_fonts();
    let fonts = Fonts::bundled();
    let mut count = 0;
    for entry in fs::read_dir(folder()).expect("the cases") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "text") {
            let case = Case::parse(&fs::read_to_string(&path).expect("a case"));
            let fallbacks = case.fallbacks.iter().map(|name| files[name].clone());
            let fonts = if case.fallbacks.is_empty() {
                fonts.clone()
            } else {
                Fonts::with_fallbacks(fallbacks)
            };
            check(&path, &case, &fonts, &files);
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} cases were found");
}

fn check(path: &Path, case: &Case, fonts: &Fonts, files: &HashMap<String, Vec<u8>>) {
    let files = |name: &str| files.get(name).map(Vec::as_slice);
    let picture = draw(&case.text, fonts, &files).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(
        measure(&case.text, fonts, &files),
        Ok(size(&picture)),
        "{}",
        path.display()
    );
    let expected = path.with_extension("png");
    if std::env::var_os("TINTYPE_BLESS").is_some() {
        write(&expected, &picture);
    }
    let expected = read(&expected);
    assert_eq!(size(&picture), size(&expected), "{}", path.display());
    // What shows on white and on black.
    let shown = |picture: &Picture, index: usize| {
        let pixel = &picture.pixels[index / 3 * 4..index / 3 * 4 + 4];
        (
            u32::from(pixel[index % 3]) * u32::from(pixel[3]) / 255,
            u32::from(pixel[3]),
        )
    };
    let count = picture.pixels.len() / 4 * 3;
    let differences = (0..count).map(|index| {
        let (one, other) = (shown(&picture, index), shown(&expected, index));
        one.0.abs_diff(other.0).max(one.1.abs_diff(other.1))
    });
    let largest = differences.max().unwrap_or(0);
    assert!(largest <= 2, "{}: differs by up to {largest} of 255", path.display());
}

fn size(picture: &Picture) -> Size {
    Size {
        width: picture.width,
        height: picture.height,
    }
}

fn write(path: &Path, picture: &Picture) {
    let file = BufWriter::new(fs::File::create(path).expect("a new picture"));
    let mut encoder = png::Encoder::new(file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&picture.pixels).expect("pixels");
}

fn read(path: &Path) -> Picture {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .expect("a picture");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let frame = reader.next_frame(&mut pixels).expect("pixels");
    assert_eq!(frame.color_type, png::ColorType::Rgba);
    Picture {
        width: frame.width,
        height: frame.height,
        has_alpha: true,
        pixels,
    }
}

struct Case {
    text: Text,
    fallbacks: Vec<String>,
}

impl Case {
    /// Lines of a key and values, then a line `text`, then the text.
    fn parse(case: &str) -> Self {
        let (head, words) = case.split_once("text\n").expect("a text");
        let mut text = text(words.strip_suffix('\n').unwrap_or(words));
        let mut fallbacks = Vec::new();
        for line in head.lines().filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "font" => text.font = Font::Family(value.to_string()),
                "file" => text.font = Font::File(value.to_string()),
                "fallback" => fallbacks.push(value.to_string()),
                "size" => text.size = value.parse().expect(line),
                "color" => text.color = color(value),
                "bold" => text.bold = true,
                "italic" => text.italic = true,
                "strikethrough" => text.strikethrough = true,
                "align" => {
                    text.align = match value {
                        "left" => TextAlign::Left,
                        "center" => TextAlign::Center,
                        "right" => TextAlign::Right,
                        _ => panic!("{line}"),
                    }
                }
                "wrap" => text.wrap = Some(value.parse().expect(line)),
                "line-height" => text.line_height = Some(value.parse().expect(line)),
                "padding" => {
                    let sides: Vec<u32> = value.split(' ').map(|side| side.parse().expect(line)).collect();
                    text.padding = sides.try_into().expect(line);
                }
                "background" => text.background = Some(color(value)),
                _ => panic!("unknown line: {line}"),
            }
        }
        Self { text, fallbacks }
    }
}

fn color(value: &str) -> Color {
    let [red, green, blue, alpha] = u32::from_str_radix(value, 16).expect("rrggbbaa").to_be_bytes();
    Color {
        red,
        green,
        blue,
        alpha,
    }
}

/// 32 pixels, black on white, in the default font.
fn text(words: &str) -> Text {
    Text {
        text: words.to_string(),
        font: Font::Family(String::from("Open Sans")),
        size: 32.0,
        color: Color::BLACK,
        bold: false,
        italic: false,
        strikethrough: false,
        align: TextAlign::Center,
        wrap: None,
        line_height: None,
        padding: [0; 4],
        background: Some(Color::WHITE),
    }
}

fn no_files(_: &str) -> Option<&'static [u8]> {
    None
}
