//! Operations, compared with pictures that a person looked at.
//!
//! `tests/cases/<noun>/<case>.txt` holds the source, the operations in their order, and how much may differ; the
//! expected picture lies beside it. A new case is a new pair: write the text, run with `TINTYPE_BLESS=1`, look at the
//! picture that appears.

use std::fs;
use std::path::Path;

use crate::sample::{Raster, encoding, plan};
use engine::{Budget, Light, render};
use transform::{Background, Color, Corner, Format, Layer, LayerSource, Mix, Op, Orientation, Rect, Size};

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut count = 0;
    for noun in fs::read_dir(root).expect("the cases") {
        for case in fs::read_dir(noun.expect("a folder").path()).expect("a folder") {
            let path = case.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                check(&path);
                count += 1;
            }
        }
    }
    assert!(count >= 15, "only {count} cases were found");
}

fn check(path: &Path) {
    let case = Case::parse(&fs::read_to_string(path).expect("a case"));
    let budget = Budget {
        light: case.light,
        ..Budget::default()
    };
    let plan = plan(&case.ops, case.size.width, case.size.height, encoding(Format::Png));
    let rendition =
        render(&case.source.to_png(), &plan, &budget).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let picture = Raster::from_png(&rendition.bytes);
    let expected = path.with_extension("png");
    if std::env::var_os("TINTYPE_BLESS").is_some() {
        fs::write(&expected, &rendition.bytes).expect("the expected picture");
    }
    let (largest, mean) = picture.difference(&Raster::from_png(&fs::read(&expected).expect("the expected picture")));
    assert!(
        largest <= case.largest && mean <= case.mean,
        "{}: differs by up to {largest} (of {}), {mean:.2} on average (of {})",
        path.display(),
        case.largest,
        case.mean
    );
}

struct Case {
    source: Raster,
    ops: Vec<Op>,
    size: Size,
    light: Light,
    largest: u32,
    mean: f64,
}

impl Case {
    fn parse(text: &str) -> Self {
        let mut source = None;
        let mut case = Self {
            source: Raster::quadrants(2, 2),
            ops: Vec::new(),
            size: Size { width: 0, height: 0 },
            light: Light::Gamma,
            largest: 0,
            mean: 0.0,
        };
        let mut below = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let n = |index: usize| words[index].parse::<u32>().expect(line);
            let real = |index: usize| words[index].parse::<f64>().expect(line);
            let size = |index: usize| Size {
                width: n(index),
                height: n(index + 1),
            };
            match words[0] {
                "quadrants" => source = Some(Raster::quadrants(n(1), n(2))),
                "gradient" => source = Some(Raster::gradient(n(1), n(2))),
                "disc" => source = Some(Raster::disc(n(1))),
                "lamp" => source = Some(Raster::lamp(n(1), n(2))),
                // Black and white by turns: what linear light makes brighter.
                "checks" => {
                    source = Some(Raster::new(n(1), n(2), |x, y| {
                        let gray = ((x + y) % 2 * 255) as u8;
                        [gray, gray, gray, 255]
                    }))
                }
                "light" if words[1] == "linear" => case.light = Light::Linear,
                "orient" => case.ops.push(Op::Orient(Orientation::from_exif(n(1) as u16))),
                "crop" => case.ops.push(Op::Crop(Rect {
                    x: n(1),
                    y: n(2),
                    width: n(3),
                    height: n(4),
                })),
                "resize" => case.ops.push(Op::Resize(size(1))),
                "pad" => case.ops.push(Op::Pad {
                    canvas: size(1),
                    x: words[3].parse().expect(line),
                    y: words[4].parse().expect(line),
                    background: background(words[5]),
                }),
                "rotate" => case.ops.push(Op::Rotate {
                    degrees: words[1].parse().expect(line),
                    canvas: size(2),
                    background: background(words[4]),
                }),
                "flip" => case.ops.push(Op::Flip {
                    horizontal: words.contains(&"horizontal"),
                    vertical: words.contains(&"vertical"),
                }),
                "flatten" => case.ops.push(Op::Flatten(color(words[1]))),
                "scene" => source = Some(Raster::scene(n(1), n(2))),
                "blur" => case.ops.push(Op::Blur(real(1))),
                "sharpen" => case.ops.push(Op::Sharpen(real(1))),
                "unsharp" => case.ops.push(Op::UnsharpMask {
                    radius: real(1),
                    sigma: real(2),
                    amount: real(3),
                    threshold: real(4),
                }),
                "contrast" => case.ops.push(Op::StretchContrast),
                "grayscale" => case.ops.push(Op::Grayscale),
                "colorize" => case.ops.push(Op::Colorize {
                    color: color(words[1]),
                    intensity: real(2),
                }),
                "replace" => case.ops.push(Op::ReplaceColor {
                    from: (words[1] != "dominant").then(|| color(words[1])),
                    to: color(words[2]),
                    tolerance: real(3),
                }),
                "opacity" => case.ops.push(Op::Opacity(real(1))),
                "round" => case.ops.push(Op::Round(corners(&words[1..]))),
                "border" => case.ops.push(Op::Border {
                    width: n(1),
                    color: color(words[2]),
                    corners: corners(&words[3..]),
                }),
                "overlay" => case.ops.push(Op::Gradient {
                    degrees: real(1),
                    from: color(words[2]),
                    to: color(words[3]),
                    length: real(4),
                }),
                "shadow" => case.ops.push(Op::Shadow {
                    sigma: real(1),
                    strength: real(2),
                    x: words[3].parse().expect(line),
                    y: words[4].parse().expect(line),
                }),
                "thrown" => case.ops.push(Op::DropShadow {
                    azimuth: real(1),
                    elevation: real(2),
                    strength: real(3),
                }),
                "perspective" => case.ops.push(Op::Perspective(std::array::from_fn(|corner| {
                    (real(corner * 2 + 1), real(corner * 2 + 2))
                }))),
                "arc" => case.ops.push(Op::Arc {
                    degrees: real(1),
                    canvas: size(2),
                }),
                // A block of colour; the operations up to `end` are done on it.
                "layer" => below.push((std::mem::take(&mut case.ops), size(1), color(words[3]))),
                "end" => {
                    let (ops, block, color) = below.pop().expect(line);
                    let layer = Layer {
                        source: LayerSource::Canvas { size: block, color },
                        ops: std::mem::replace(&mut case.ops, ops),
                        size: size(1),
                        x: words[3].parse().expect(line),
                        y: words[4].parse().expect(line),
                        mode: mix(&words[5..]),
                    };
                    case.ops.push(Op::Layer(Box::new(layer)));
                }
                "size" => case.size = size(1),
                "tolerance" => {
                    case.largest = n(1);
                    case.mean = words[2].parse().expect(line);
                }
                _ => panic!("unknown line: {line}"),
            }
        }
        case.source = source.expect("a source");
        case
    }
}

fn background(word: &str) -> Background {
    let words: Vec<&str> = word.split('/').collect();
    match words[0] {
        "transparent" => Background::Transparent,
        "dominant" => Background::Dominant,
        "dominant-gradient" => Background::DominantGradient {
            colors: words[1].parse().expect(word),
        },
        "blurred" => Background::Blurred {
            sigma_tenths: words[1].parse().expect(word),
            brightness: words[2].parse().expect(word),
        },
        _ => Background::Color(color(word)),
    }
}

fn mix(words: &[&str]) -> Mix {
    match words {
        ["over"] => Mix::Over,
        ["multiply"] => Mix::Multiply,
        ["cutter"] => Mix::Cutter,
        ["cutout"] => Mix::Cutout,
        ["displace", x, y] => Mix::Displace {
            x: x.parse().expect("pixels"),
            y: y.parse().expect("pixels"),
        },
        _ => panic!("unknown mode: {words:?}"),
    }
}

fn color(word: &str) -> Color {
    let value = u32::from_str_radix(word, 16).expect("rrggbbaa");
    let [red, green, blue, alpha] = value.to_be_bytes();
    Color {
        red,
        green,
        blue,
        alpha,
    }
}

/// One radius for all, or four; `x/y` for an ellipse.
fn corners(words: &[&str]) -> [Corner; 4] {
    let number = |text: &str| text.parse::<f64>().expect("a radius");
    let corner = |word: &str| {
        let (x, y) = word.split_once('/').unwrap_or((word, word));
        Corner {
            x: number(x),
            y: number(y),
        }
    };
    match words {
        [] => [Corner::default(); 4],
        [all] => [corner(all); 4],
        _ => std::array::from_fn(|index| corner(words[index])),
    }
}
