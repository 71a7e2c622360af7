//! Animations: each frame as it is shown, for how long, how often; and what is wrong with some files.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;

use engine::{Budget, RenderError, probe_bytes, render};
use gif::DisposalMethod::{self, Background, Keep, Previous};
use transform::{Encoding, Format, Op, Part, Plan, Rect, Size};

use crate::sample::{BLUE, GREEN, RED, Raster, YELLOW, encoding, plan};

const NOTHING: [u8; 4] = [0; 4];
const PALETTE: [[u8; 4]; 4] = [RED, GREEN, BLUE, YELLOW];

/// A frame in one colour of the palette: where, which, what becomes of it, hundredths of a second.
type Flat = (Rect, usize, DisposalMethod, u16);

const fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

fn gif_frame(&(place, color, dispose, delay): &Flat) -> gif::Frame<'static> {
    gif::Frame {
        delay,
        dispose,
        left: place.x as u16,
        top: place.y as u16,
        width: place.width as u16,
        height: place.height as u16,
        buffer: Cow::Owned(vec![color as u8; (place.width * place.height) as usize]),
        ..gif::Frame::default()
    }
}

fn gif_file(width: u16, height: u16, repeat: Option<gif::Repeat>, frames: &[gif::Frame]) -> Vec<u8> {
    let palette: Vec<u8> = PALETTE.iter().flat_map(|color| color[..3].to_vec()).collect();
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, &palette).expect("a GIF");
    if let Some(repeat) = repeat {
        encoder.set_repeat(repeat).expect("a loop");
    }
    for frame in frames {
        encoder.write_frame(frame).expect("a frame");
    }
    encoder.into_inner().expect("a file")
}

fn flat_gif(repeat: Option<gif::Repeat>, frames: &[Flat]) -> Vec<u8> {
    gif_file(48, 32, repeat, &frames.iter().map(gif_frame).collect::<Vec<_>>())
}

const WHOLE: Rect = rect(0, 0, 48, 32);

/// A red screen on which a green square comes, a blue one replaces it, and a yellow one stays.
const SQUARES: [Flat; 4] = [
    (WHOLE, 0, Keep, 10),
    (rect(0, 0, 16, 16), 1, Previous, 0),
    (rect(16, 16, 16, 16), 2, Previous, 7),
    (rect(32, 0, 16, 16), 3, Keep, 250),
];

/// The same with squares that leave holes behind them.
const HOLES: [Flat; 4] = [
    (WHOLE, 0, Keep, 10),
    (rect(0, 0, 16, 16), 1, Background, 20),
    (rect(16, 16, 16, 16), 2, Background, 30),
    (rect(32, 0, 16, 16), 3, Keep, 40),
];

fn frame(file: &[u8], number: u32) -> Result<Raster, RenderError> {
    let info = probe_bytes(file)?.info;
    let plan = Plan {
        part: Part::Page(number),
        ..plan(&[], info.width, info.height, encoding(Format::Png))
    };
    render(file, &plan, &Budget::default()).map(|still| Raster::from_png(&still.bytes))
}

fn frames(file: &[u8]) -> Vec<Raster> {
    let count = probe_bytes(file).expect("a header").info.frames;
    (1..=count)
        .map(|number| frame(file, number).expect("a frame"))
        .collect()
}

/// The colours in the middle of the six squares of 16 pixels.
fn squares(frame: &Raster) -> [[u8; 4]; 6] {
    [(8, 8), (24, 8), (40, 8), (8, 24), (24, 24), (40, 24)].map(|(x, y)| match frame.at(x, y) {
        [_, _, _, 0] => NOTHING,
        color => color,
    })
}

fn animated(ops: &[Op], width: u32, height: u32, encoding: Encoding) -> Plan {
    Plan {
        animated: true,
        ..plan(ops, width, height, encoding)
    }
}

fn lossless(format: Format) -> Encoding {
    Encoding {
        lossless: true,
        ..encoding(format)
    }
}

fn convert(file: &[u8], encoding: Encoding) -> Vec<u8> {
    let info = probe_bytes(file).expect("a header").info;
    let plan = animated(&[], info.width, info.height, encoding);
    render(file, &plan, &Budget::default()).expect("an animation").bytes
}

/// Milliseconds of each frame of a WebP, and how often it is played.
fn timing(webp: &[u8]) -> (Vec<u32>, u16) {
    let (mut delays, mut plays) = (Vec::new(), u16::MAX);
    let mut rest = &webp[12..];
    while let [a, b, c, d, l0, l1, l2, l3, after @ ..] = rest {
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        match &[*a, *b, *c, *d] {
            b"ANIM" => plays = u16::from_le_bytes([after[4], after[5]]),
            b"ANMF" => delays.push(u32::from_le_bytes([after[12], after[13], after[14], 0])),
            _ => {}
        }
        rest = &after[length + length % 2..];
    }
    (delays, plays)
}

#[test]
fn disposals_of_gif() {
    let shown: Vec<_> = frames(&flat_gif(None, &SQUARES)).iter().map(squares).collect();
    assert_eq!(
        shown,
        [
            [RED; 6],
            [GREEN, RED, RED, RED, RED, RED],
            [RED, RED, RED, RED, BLUE, RED],
            [RED, RED, YELLOW, RED, RED, RED],
        ]
    );
    let shown: Vec<_> = frames(&flat_gif(None, &HOLES)).iter().map(squares).collect();
    assert_eq!(
        shown,
        [
            [RED; 6],
            [GREEN, RED, RED, RED, RED, RED],
            [NOTHING, RED, RED, RED, BLUE, RED],
            [NOTHING, RED, YELLOW, RED, NOTHING, RED],
        ]
    );
}

#[test]
fn odd_frames_of_gif() {
    let mut own_palette = gif_frame(&(rect(16, 0, 16, 16), 1, Keep, 5));
    own_palette.palette = Some(vec![1, 1, 1, 250, 10, 200]);
    let mut see_through = gif_frame(&(WHOLE, 2, Keep, 5));
    see_through.transparent = Some(2);
    see_through.buffer.to_mut()[..48 * 16].fill(3);
    let mut interlaced = gif_frame(&(rect(0, 0, 48, 32), 0, Keep, 5));
    interlaced.interlaced = true;
    // Rows come as 0 8 16 24, 4 12 20 28, 2 6 10 ..., 1 3 5 ...: the upper half green, the lower blue.
    let order = (0..4).map(|i| i * 8).chain((0..4).map(|i| i * 8 + 4));
    let order = order.chain((0..8).map(|i| i * 4 + 2)).chain((0..16).map(|i| i * 2 + 1));
    let rows = order.flat_map(|row: usize| [if row < 16 { 1 } else { 2 }; 48]);
    interlaced.buffer = Cow::Owned(rows.collect());
    let source = gif_file(
        48,
        32,
        None,
        &[
            gif_frame(&(WHOLE, 0, Keep, 5)),
            own_palette,
            gif_frame(&(rect(32, 16, 40, 20), 1, Keep, 5)),
            see_through,
            interlaced,
        ],
    );
    let shown: Vec<_> = frames(&source).iter().map(squares).collect();
    let own = [250, 10, 200, 255];
    assert_eq!(
        shown,
        [
            [RED; 6],
            [RED, own, RED, RED, RED, RED],
            [RED, own, RED, RED, RED, GREEN],
            [YELLOW, YELLOW, YELLOW, RED, RED, GREEN],
            [GREEN, GREEN, GREEN, BLUE, BLUE, BLUE],
        ]
    );
}

/// Frames of an APNG: what is drawn where, and how it is blended and disposed of.
fn apng(frames: &[(Rect, [u8; 4], png::BlendOp, png::DisposeOp)]) -> Vec<u8> {
    let mut info = png::Info::with_size(48, 32);
    info.color_type = png::ColorType::Rgba;
    info.bit_depth = png::BitDepth::Eight;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut file, info).expect("info");
    encoder.set_animated(frames.len() as u32, 3).expect("an animation");
    let mut writer = encoder.write_header().expect("a header");
    for (index, (place, color, blend, dispose)) in frames.iter().enumerate() {
        writer.set_frame_dimension(place.width, place.height).expect("a size");
        writer.set_frame_position(place.x, place.y).expect("a place");
        writer.set_frame_delay(1, 3).expect("a delay");
        writer.set_blend_op(*blend).expect("a blend");
        writer.set_dispose_op(*dispose).expect("a disposal");
        let pixels = color.repeat((place.width * place.height) as usize);
        writer.write_image_data(&pixels).expect("pixels");
        if index + 1 == frames.len() {
            break;
        }
        // Place and size are checked against each other as they are set.
        writer.reset_frame_position().expect("no place");
        writer.reset_frame_dimension().expect("no size");
    }
    writer.finish().expect("a file");
    file
}

#[test]
fn blends_and_disposals_of_apng() {
    use png::{BlendOp, DisposeOp};
    let half = [50, 70, 220, 128];
    let source = apng(&[
        (WHOLE, RED, BlendOp::Source, DisposeOp::None),
        (rect(0, 0, 16, 16), half, BlendOp::Over, DisposeOp::Previous),
        (rect(16, 0, 16, 16), half, BlendOp::Source, DisposeOp::Background),
        (rect(32, 0, 16, 16), NOTHING, BlendOp::Over, DisposeOp::None),
        (rect(16, 0, 32, 16), half, BlendOp::Over, DisposeOp::None),
    ]);
    let mixed = [135, 55, 130, 255];
    let shown: Vec<_> = frames(&source).iter().map(squares).collect();
    assert_eq!(
        shown,
        [
            [RED; 6],
            [mixed, RED, RED, RED, RED, RED],
            [RED, half, RED, RED, RED, RED],
            [RED, NOTHING, RED, RED, RED, RED],
            [RED, half, mixed, RED, RED, RED],
        ]
    );
    let (delays, plays) = timing(&convert(&source, lossless(Format::Webp)));
    // Thirds of a second do not drift.
    assert_eq!((delays, plays), (vec![333, 334, 333, 333, 334], 3));
}

#[test]
fn what_is_written_is_read_again() {
    for frames_written in [SQUARES, HOLES] {
        let source = flat_gif(Some(gif::Repeat::Finite(4)), &frames_written);
        let expected = frames(&source);
        for format in [Format::Webp, Format::Gif, Format::Png, Format::Avif] {
            let file = convert(&source, lossless(format));
            let info = probe_bytes(&file).expect("a header").info;
            assert_eq!((info.format, info.width, info.height, info.frames), (format, 48, 32, 4));
            for (number, (shown, expected)) in frames(&file).iter().zip(&expected).enumerate() {
                assert_eq!(shown.difference(expected).0, 0, "{format:?} {number}");
            }
            // Whatever was in between, times and loops come out of it as they went in, to the hundredth.
            let (mut delays, plays) = timing(&convert(&file, lossless(Format::Webp)));
            let mut stated: Vec<_> = frames_written.iter().map(|frame| u32::from(frame.3) * 10).collect();
            if format == Format::Avif {
                // A sequence has no frame of no duration.
                delays.iter_mut().for_each(|delay| *delay = *delay / 10 * 10);
                stated.iter_mut().for_each(|delay| *delay = *delay / 10 * 10);
            }
            assert_eq!((delays, plays), (stated, 5), "{format:?}");
        }
    }
}

#[test]
fn loops() {
    let cases = [
        (None, 1),
        (Some(gif::Repeat::Infinite), 0),
        (Some(gif::Repeat::Finite(1)), 2),
        (Some(gif::Repeat::Finite(u16::MAX)), u16::MAX),
    ];
    for (repeat, plays) in cases {
        let webp = convert(&flat_gif(repeat, &SQUARES), encoding(Format::Webp));
        assert_eq!(timing(&webp).1, plays);
        let again = convert(&convert(&webp, encoding(Format::Gif)), encoding(Format::Webp));
        assert_eq!(timing(&again).1, plays);
    }
}

#[test]
fn equal_frames_become_one() {
    let mut frames = vec![SQUARES[0], SQUARES[0], SQUARES[3], SQUARES[3]];
    frames.push((rect(40, 24, 1, 1), 0, Keep, 3));
    let source = flat_gif(None, &frames);
    for format in [Format::Webp, Format::Gif, Format::Png, Format::Avif] {
        let file = convert(&source, encoding(format));
        assert_eq!(probe_bytes(&file).expect("a header").info.frames, 2, "{format:?}");
        assert_eq!(timing(&convert(&file, encoding(Format::Webp))).0, [200, 5030]);
    }
}

#[test]
fn small_changes_of_many_colors_survive() {
    // A disc that moves over a gradient, and over nothing.
    let disc = |frame: u32, x: u32, y: u32| {
        let (x, y) = (f64::from(x) - f64::from(20 + frame * 9), f64::from(y) - 30.0);
        x * x + y * y < 200.0
    };
    let scene = |frame: u32, background: &dyn Fn(u32, u32) -> [u8; 4]| {
        Raster::new(120, 70, |x, y| {
            if disc(frame, x, y) {
                [230, (x * 2) as u8, 60, 255]
            } else {
                background(x, y)
            }
        })
    };
    let gradient = |x: u32, y: u32| [(x * 2) as u8, (y * 3) as u8, 120, 255];
    let nothing = |_: u32, _: u32| NOTHING;
    for background in [&gradient as &dyn Fn(u32, u32) -> [u8; 4], &nothing] {
        let scenes: Vec<_> = (0..6).map(|frame| scene(frame, background)).collect();
        let source = apng_of(&scenes);
        for (format, mean_allowed) in [
            (Format::Webp, 3.0),
            (Format::Gif, 4.0),
            (Format::Png, 0.0),
            (Format::Avif, 3.0),
        ] {
            let file = convert(&source, encoding(format));
            let shown = frames(&file);
            assert_eq!(shown.len(), scenes.len(), "{format:?}");
            for (number, (shown, expected)) in shown.iter().zip(&scenes).enumerate() {
                let mean = shown.difference(expected).1;
                assert!(mean <= mean_allowed, "{format:?} {number}: {mean:.2}");
            }
        }
    }
}

fn apng_of(frames: &[Raster]) -> Vec<u8> {
    let mut info = png::Info::with_size(frames[0].width, frames[0].height);
    info.color_type = png::ColorType::Rgba;
    info.bit_depth = png::BitDepth::Eight;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut file, info).expect("info");
    encoder.set_animated(frames.len() as u32, 0).expect("an animation");
    encoder.set_frame_delay(1, 10).expect("a delay");
    let mut writer = encoder.write_header().expect("a header");
    for frame in frames {
        writer.write_image_data(&frame.pixels.concat()).expect("pixels");
    }
    writer.finish().expect("a file");
    file
}

#[test]
fn operations_are_done_on_every_frame() {
    let source = flat_gif(None, &SQUARES);
    let ops = [
        Op::Crop(rect(0, 0, 48, 16)),
        Op::Flip {
            horizontal: true,
            vertical: false,
        },
        Op::Resize(Size { width: 24, height: 8 }),
    ];
    let file = render(
        &source,
        &animated(&ops, 24, 8, lossless(Format::Webp)),
        &Budget::default(),
    );
    let shown = frames(&file.expect("an animation").bytes);
    let row = |frame: &Raster| [4, 12, 20].map(|x| frame.at(x, 4));
    // The third frame has changed nothing in the crop but the square that goes.
    assert_eq!(
        shown.iter().map(row).collect::<Vec<_>>(),
        [[RED; 3], [RED, RED, GREEN], [RED; 3], [YELLOW, RED, RED]]
    );
}

#[test]
fn a_still_gif() {
    let source = Raster::gradient(60, 40);
    let still = crate::sample::convert(&source.to_png(), encoding(Format::Gif));
    let info = probe_bytes(&still.bytes).expect("a header").info;
    assert_eq!((info.format, info.frames, info.has_alpha), (Format::Gif, 1, false));
    let (largest, mean) = crate::sample::pixels(&still.bytes).difference(&source);
    assert!(largest < 60 && mean < 6.0, "{largest} {mean}");
    let disc = crate::sample::convert(&Raster::disc(40).to_png(), encoding(Format::Gif));
    assert!(probe_bytes(&disc.bytes).expect("a header").info.has_alpha);
}

#[test]
fn frames_that_are_not_there() {
    let source = flat_gif(None, &SQUARES);
    for number in [0, 5, u32::MAX] {
        let error = frame(&source, number).err().expect("no such frame");
        assert_eq!(error.to_string(), format!("there is no frame {number}: the file has 4"));
    }
    let still = Raster::gradient(4, 4).to_png();
    assert!(frame(&still, 1).is_ok());
    let error = frame(&still, 2).err().expect("no such frame");
    assert_eq!(error.to_string(), "there is no frame 2: the file has 1");
}

#[test]
fn cut_off_animations_are_errors() {
    let source = flat_gif(None, &SQUARES);
    let expected = frames(&source);
    for format in [Format::Gif, Format::Webp, Format::Png, Format::Avif] {
        let file = convert(&source, lossless(format));
        for length in (0..file.len()).rev().step_by(3) {
            let plan = animated(&[], 48, 32, lossless(Format::Webp));
            match render(&file[..length], &plan, &Budget::default()) {
                Err(RenderError::Probe(_) | RenderError::Malformed { .. }) => {}
                Err(error) => panic!("{format:?} {length}: {error}"),
                // Whole frames without an end, which a GIF cannot tell from a file that was written so; or a missing
                // end of the file that holds nothing.
                Ok(rendition) => {
                    let shown = frames(&rendition.bytes);
                    assert!(
                        format == Format::Gif || shown.len() == expected.len(),
                        "{format:?} {length}"
                    );
                    for (shown, expected) in shown.iter().zip(&expected) {
                        assert_eq!(shown.difference(expected).0, 0, "{format:?} {length}");
                    }
                }
            }
        }
    }
}

#[test]
fn damaged_animations_do_not_panic() {
    let source = flat_gif(Some(gif::Repeat::Infinite), &HOLES);
    for format in [Format::Gif, Format::Webp, Format::Png, Format::Avif] {
        let file = convert(&source, encoding(format));
        for place in (0..file.len()).step_by(2) {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[place] ^= change;
                let Ok(probe) = probe_bytes(&damaged) else { continue };
                let plan = animated(&[], probe.info.width, probe.info.height, encoding(Format::Webp));
                let budget = Budget {
                    max_pixels: 10_000,
                    max_frames_pixels: 100_000,
                    ..Budget::default()
                };
                if let Err(error @ RenderError::Internal(_)) = render(&damaged, &plan, &budget) {
                    panic!("{format:?} {place}: {error}");
                }
            }
        }
    }
}

#[test]
fn budgets() {
    let tiny: Vec<Flat> = (0..10_000).map(|i| (rect(0, 0, 1, 1), i % 2, Keep, 1)).collect();
    let tiny = gif_file(1, 1, None, &tiny.iter().map(gif_frame).collect::<Vec<_>>());
    let plan = animated(&[], 1, 1, encoding(Format::Webp));
    let webp = render(&tiny, &plan, &Budget::default()).expect("an animation").bytes;
    assert_eq!(timing(&webp).0.len(), 10_000);

    // The same frames, enlarged: what they become counts.
    let size = Size {
        width: 200,
        height: 200,
    };
    let plan = animated(&[Op::Resize(size)], 200, 200, encoding(Format::Webp));
    let error = render(&tiny, &plan, &Budget::default()).expect_err("too much");
    assert_eq!(
        error.to_string(),
        "400000000 pixels in all frames, where 100000000 are allowed"
    );

    let plan = animated(&[], 48, 32, encoding(Format::Webp));
    let stop = AtomicBool::new(true);
    let budget = Budget {
        cancelled: Some(&stop),
        ..Budget::default()
    };
    let error = render(&flat_gif(None, &SQUARES), &plan, &budget).expect_err("cancelled");
    assert!(matches!(error, RenderError::Cancelled));
    let budget = Budget {
        max_output_bytes: 100,
        ..Budget::default()
    };
    let error = render(&flat_gif(None, &SQUARES), &plan, &budget).expect_err("too long");
    assert!(matches!(error, RenderError::OverBudget { .. }), "{error}");
}

#[test]
fn helpers_change_nothing() {
    let frames: Vec<_> = (0..40)
        .map(|n| {
            gif_frame(&(
                rect(n % 5 * 8, n % 3 * 8, 16 + n % 7, 8 + n % 9),
                n as usize % 4,
                Keep,
                5,
            ))
        })
        .collect();
    let file = gif_file(48, 32, None, &frames);
    let plan = animated(&[], 48, 32, encoding(Format::Webp));
    let of = |helpers| {
        let budget = Budget {
            helpers,
            ..Budget::default()
        };
        render(&file, &plan, &budget).expect("an animation").bytes
    };
    assert!(of(0) == of(1));
}
