//! Texts, compared with pictures that a person looked at.
//!
//! `tests/cases/text/<case>.text` holds a text and its type; the expected picture lies beside it. A new case is a new
//! pair: write the text, run with `TINTYPE_BLESS=1`, look at the picture that appears.

use std::collections::HashMap;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

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
pub(super) fn text(words: &str) -> Text {
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

/// Deterministic texts of all kinds of letters.
fn any_text(random: &mut StdRng) -> Text {
    const PIECES: &[&str] = &[
        "a",
        "W",
        "fi",
        " ",
        "  ",
        "\n",
        "\t",
        "0",
        "é",
        "e\u{301}\u{323}",
        "Ж",
        "ש",
        "سلا",
        "م",
        "(",
        ")",
        "😀",
        "👩🏽\u{200d}🚀",
        "漢",
        "\u{200b}",
        "\u{202e}",
        "\u{2067}",
        "\u{0}",
        "\u{feff}",
        "-",
        "word ",
        "\u{e000}",
        "ก",
        "न्म",
        "1\u{fe0f}\u{20e3}",
        "🇫🇷",
    ];
    const FAMILIES: &[&str] = &["Lobster", "Open Sans", "PT Mono", "nothing", "Vollkorn", ""];
    let count = random.random_range(0..60);
    let words: String = (0..count).filter_map(|_| PIECES.choose(random)).copied().collect();
    Text {
        font: Font::Family(
            FAMILIES
                .choose(random)
                .map(|name| (*name).to_string())
                .unwrap_or_default(),
        ),
        size: random.random_range(0.1..90.0),
        bold: random.random(),
        italic: random.random(),
        strikethrough: random.random(),
        align: *[TextAlign::Left, TextAlign::Center, TextAlign::Right]
            .choose(random)
            .unwrap_or(&TextAlign::Left),
        wrap: random.random::<bool>().then(|| random.random_range(0..500)),
        line_height: random.random::<bool>().then(|| random.random_range(0.0..80.0)),
        padding: [0; 4].map(|_: u32| random.random_range(0..9)),
        background: random.random::<bool>().then_some(Color::WHITE),
        ..text(&words)
    }
}

#[test]
fn what_is_drawn_is_as_large_as_measured() {
    let files = case_fonts();
    let colored = Fonts::with_fallbacks([files["colr1.ttf"].clone(), b"no font at all".to_vec()]);
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..400 {
        let text = any_text(&mut random);
        let fonts = if round % 2 == 0 {
            Fonts::bundled()
        } else {
            colored.clone()
        };
        let measured = measure(&text, &fonts, &no_files);
        let drawn = draw(&text, &fonts, &no_files).as_ref().map(size).map_err(Clone::clone);
        assert_eq!(measured, drawn, "{text:?}");
    }
}

#[test]
fn the_box_ends_where_the_ink_ends() {
    for (words, align) in [
        ("Tq", TextAlign::Left),
        ("f\nWide\n.", TextAlign::Center),
        ("سلام y", TextAlign::Right),
    ] {
        let mut text = text(words);
        text.align = align;
        text.background = None;
        text.padding = [3, 4, 5, 6];
        let picture = draw(&text, &Fonts::bundled(), &no_files).expect("a picture");
        let seen = |x: u32, y: u32| picture.pixels[((y * picture.width + x) * 4 + 3) as usize] > 0;
        let columns: Vec<u32> = (0..picture.width)
            .filter(|x| (0..picture.height).any(|y| seen(*x, y)))
            .collect();
        let rows: Vec<u32> = (0..picture.height)
            .filter(|y| (0..picture.width).any(|x| seen(x, *y)))
            .collect();
        assert_eq!(
            (rows.first(), rows.last()),
            (Some(&3), Some(&(picture.height - 6))),
            "{words}"
        );
        assert_eq!(
            (columns.first(), columns.last()),
            (Some(&6), Some(&(picture.width - 5))),
            "{words}"
        );
    }
}

#[test]
fn nothing_to_see_is_a_pixel_or_the_padding() {
    for words in ["", " ", "\n\n", "\u{0}\u{1}", "\u{200b}\u{feff}"] {
        for strikethrough in [false, true] {
            let mut text = text(words);
            text.strikethrough = strikethrough;
            let side = |width, height| Ok(Size { width, height });
            assert_eq!(measure(&text, &Fonts::bundled(), &no_files), side(1, 1), "{words:?}");
            text.padding = [1, 2, 3, 4];
            assert_eq!(measure(&text, &Fonts::bundled(), &no_files), side(6, 4), "{words:?}");
        }
    }
}

#[test]
fn a_box_that_is_too_large_is_refused_before_it_is_drawn() {
    let refused = |text: &Text| match draw(text, &Fonts::bundled(), &no_files) {
        Err(MeasureError::TextTooLarge { width, height, limit }) => {
            assert!(width > limit || height > limit, "{width} x {height}");
            assert_eq!(limit, 16_383);
        }
        other => panic!("{:.60} became {:?}", text.text, other.map(|picture| size(&picture))),
    };
    let mut wide = text(&"W".repeat(2500));
    wide.size = 400.0;
    refused(&wide);
    wide.wrap = Some(1000);
    refused(&wide);
    wide.text.truncate(1);
    for size in [1e5, 1e7, 1e300, f64::INFINITY, f64::NAN, 0.0, -1.0] {
        wide.size = size;
        if size > 0.0 {
            refused(&wide);
        } else {
            assert!(draw(&wide, &Fonts::bundled(), &no_files).is_err());
        }
    }
    let mut padded = text("x");
    padded.padding = [0, u32::MAX, 0, u32::MAX];
    refused(&padded);
}

#[test]
fn long_texts_and_small_wraps_are_set() {
    let mut text = text(&"word سلام 漢字 ".repeat(190));
    for wrap in [Some(1), Some(900), None] {
        text.wrap = wrap;
        text.size = 4.0;
        let drawn = draw(&text, &Fonts::bundled(), &no_files).map(|picture| size(&picture));
        assert_eq!(measure(&text, &Fonts::bundled(), &no_files), drawn);
        assert!(drawn.is_ok(), "{drawn:?}");
    }
    text.text = "\n".repeat(2400) + "x";
    assert!(measure(&text, &Fonts::bundled(), &no_files).is_ok());
    text.text = format!("e{}", "\u{301}".repeat(2400));
    assert!(measure(&text, &Fonts::bundled(), &no_files).is_ok());
    text.text = "\u{2067}".repeat(2400) + "x";
    assert!(measure(&text, &Fonts::bundled(), &no_files).is_ok());
}

#[test]
fn names_of_styles_that_a_family_lacks_change_nothing() {
    let measured = |family: &str, bold: bool, italic: bool| {
        let font = Font::Family(family.to_string());
        let text = Text {
            font,
            bold,
            italic,
            ..text("Styles")
        };
        measure(&text, &Fonts::bundled(), &no_files).expect("a size")
    };
    assert_eq!(measured("Lobster", true, true), measured("Lobster", false, false));
    assert_eq!(
        measured("no such font", false, false),
        measured("Open Sans", false, false)
    );
    assert_ne!(measured("Lato", true, false), measured("Lato", false, false));
    assert_ne!(measured("Lato", false, true), measured("Lato", false, false));
}

#[test]
fn broken_font_files_are_named() {
    let whole = case_fonts();
    let with = |font: &[u8]| {
        let text = Text {
            font: Font::File(String::from("brand.ttf")),
            ..text("I 😀")
        };
        draw(&text, &Fonts::bundled(), &|name: &str| {
            (name == "brand.ttf").then_some(font)
        })
    };
    for broken in [
        &b""[..],
        b"wOF2 and more",
        b"not a font",
        b"\x00\x01\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00",
    ] {
        match with(broken) {
            Err(MeasureError::BadFont { font, reason }) => {
                assert_eq!(font, "brand.ttf");
                assert!(!reason.is_empty());
            }
            other => panic!("{broken:?} became {:?}", other.map(|picture| size(&picture))),
        }
    }
    let missing = Text {
        font: Font::File(String::from("other.ttf")),
        ..text("x")
    };
    let missing = measure(&missing, &Fonts::bundled(), &no_files);
    assert_eq!(missing, Err(MeasureError::NoInput(String::from("other.ttf"))));

    // Cut off anywhere, or with any byte changed: an error or a picture, but no panic.
    let mut random = StdRng::seed_from_u64(11);
    for font in whole.values() {
        assert!(with(font).is_ok());
        for _ in 0..150 {
            let mut bytes = font.clone();
            if random.random() {
                bytes.truncate(random.random_range(0..bytes.len()));
            } else {
                for _ in 0..random.random_range(1..6) {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] = random.random();
                }
            }
            let result = with(&bytes);
            let panicked = |reason: &str| reason == "it is broken";
            assert!(!matches!(result, Err(MeasureError::BadFont { reason, .. }) if panicked(&reason)));
        }
    }
}

#[test]
fn glyphs_made_of_glyphs_without_end_are_left_out() {
    let whole = case_fonts();
    for (name, words) in [("endless.ttf", "II"), ("endless-colr.ttf", "😀😀")] {
        let text = Text {
            font: Font::File(String::from(name)),
            ..text(words)
        };
        // That this ends at all is the test.
        let picture = draw(&text, &Fonts::bundled(), &|name: &str| {
            whole.get(name).map(Vec::as_slice)
        });
        assert!(picture.is_ok(), "{name}");
    }
}

/// The first font of this name among the system's, or a message that it is not there.
fn system_font(name: &str) -> Option<Vec<u8>> {
    let mut folders = vec![PathBuf::from("/usr/share/fonts")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|file| file == name) {
                return fs::read(path).ok();
            }
        }
    }
    eprintln!("skipped: the system has no {name}");
    None
}

#[test]
fn emoji_of_the_system_are_colored() {
    let Some(font) = system_font("NotoColorEmoji.ttf") else {
        return;
    };
    let fonts = Fonts::with_fallbacks([font]);
    let mut text = text("a 😀👩🏽\u{200d}🚀🇫🇷 1\u{fe0f}\u{20e3}");
    text.background = None;
    let picture = draw(&text, &fonts, &no_files).expect("a picture");
    let colored = |pixel: &&[u8; 4]| pixel[3] == 255 && pixel[0].abs_diff(pixel[2]) > 100;
    let count = picture.pixels.as_chunks::<4>().0.iter().filter(colored).count();
    assert!(count > 500, "{count}");
    // One astronaut, not a woman, a patch of skin and a rocket: four pictures and a letter.
    assert!((150..240).contains(&picture.width), "{}", picture.width);
    save("emoji", &picture);
}

#[test]
fn chinese_comes_from_the_system() {
    let Some(font) = system_font("wqy-microhei.ttc") else {
        return;
    };
    let mut text = text("漢字とかな 한글 and Latin");
    let missing = draw(&text, &Fonts::bundled(), &no_files).expect("a picture");
    let picture = draw(&text, &Fonts::with_fallbacks([font]), &no_files).expect("a picture");
    assert_ne!(picture, missing);
    text.wrap = Some(100);
    save("chinese", &picture);
}

/// For a look at what depends on the system: into the folder that `TINTYPE_LOOK` names.
fn save(name: &str, picture: &Picture) {
    if let Some(folder) = std::env::var_os("TINTYPE_LOOK") {
        write(&Path::new(&folder).join(name).with_extension("png"), picture);
    }
}
