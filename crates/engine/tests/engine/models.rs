//! Networks that the test writes: what goes in and comes out of each layout.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use engine::{Budget, Fonts, Inputs, Model, ModelKind, Models, RenderError, render_measured};
use transform::{Accept, Context, Hints, Limits, Mode, OutputSettings, Transformation};

use crate::onnx;
use crate::sample::{RED, Raster};

fn load(kind: ModelKind, file: Vec<u8>) -> Model {
    Model::load(kind, file).expect("a model")
}

fn apply(model: &Model, picture: &Raster) -> Raster {
    let made = model.apply(&picture.to_png(), &Budget::default()).expect("a picture");
    Raster::from_png(&made.bytes)
}

/// Bright on dark: its brightness is its mask.
fn lantern(width: u32, height: u32) -> Raster {
    Raster::new(width, height, |x, y| {
        let inside = (width / 4..width * 3 / 4).contains(&x) && (height / 4..height * 3 / 4).contains(&y);
        if inside { [255, 255, 255, 255] } else { [0, 0, 0, 255] }
    })
}

#[test]
fn a_mask_cuts_the_subject_out() {
    let model = load(ModelKind::Background, onnx::background(32));
    let cut = apply(&model, &lantern(96, 64));
    assert_eq!((cut.width, cut.height), (96, 64));
    assert_eq!((cut.at(48, 32), cut.at(4, 4)[3]), ([255; 4], 0));
    // What was transparent stays so.
    let mut half = lantern(96, 64);
    for pixel in &mut half.pixels {
        pixel[3] = 128;
    }
    assert_eq!(apply(&model, &half).at(48, 32)[3], 128);
}

#[test]
fn tiles_join_without_a_seam() {
    let picture = Raster::scene(331, 203);
    let model = load(ModelKind::Upscale, onnx::twice());
    let made = apply(&model, &picture);
    let expected = Raster::new(662, 406, |x, y| picture.at(x / 2, y / 2));
    assert_eq!(made.difference(&expected), (0, 0.0));

    let model = load(ModelKind::Retouch, onnx::negative(64));
    let made = apply(&model, &picture);
    let expected = Raster::new(331, 203, |x, y| {
        let [red, green, blue, alpha] = picture.at(x, y);
        [255 - red, 255 - green, 255 - blue, alpha]
    });
    assert!(made.difference(&expected).0 <= 1);
    // Smaller than one tile, and with holes.
    let disc = Raster::disc(20);
    let made = apply(&model, &disc);
    assert_eq!((made.at(0, 0)[3], made.at(10, 10)), (0, [5, 115, 235, 255]));
}

#[test]
fn what_would_be_too_large_is_scaled_while_it_is_made() {
    // Waves of two levels a pixel: what is laid a pixel off shows everywhere.
    let wave = |at: f64| ((at.rem_euclid(200.0) - 100.0).abs() * 2.0).round() as u8;
    let picture = Raster::new(2600, 2000, |x, y| [wave(x.into()), wave(y.into()), 90, 255]);
    let model = load(ModelKind::Upscale, onnx::twice());
    let made = apply(&model, &picture);
    let pixels = made.width * made.height;
    assert!(
        (15_900_000..=16_000_000).contains(&pixels),
        "{} x {}",
        made.width,
        made.height
    );
    let (across, down) = (f64::from(made.width) / 2600.0, f64::from(made.height) / 2000.0);
    let expected = Raster::new(made.width, made.height, |x, y| {
        let at = |place: u32, scale: f64| (f64::from(place) + 0.5) / scale - 0.5;
        [wave(at(x, across)), wave(at(y, down)), 90, 255]
    });
    let (largest, mean) = made.difference(&expected);
    assert!(largest <= 5 && mean < 0.6, "{largest}, {mean}");
}

#[test]
fn work_can_be_called_off() {
    let model = load(ModelKind::Upscale, onnx::twice());
    let flag = AtomicBool::new(true);
    let budget = Budget {
        cancelled: Some(&flag),
        ..Budget::default()
    };
    let made = model.apply(&Raster::scene(40, 40).to_png(), &budget);
    assert!(matches!(made, Err(RenderError::Cancelled)));
}

fn focused(text: &str, source: &Raster, models: &Models) -> Raster {
    let transformation = Transformation::parse(text, Mode::Strict).expect("a transformation");
    let source = source.to_png();
    let info = engine::probe_bytes(&source).expect("a header").info;
    let limits = Limits::default();
    let context = Context {
        accept: Accept::default(),
        hints: Hints::default(),
        settings: OutputSettings::default(),
        limits: &limits,
        still: false,
    };
    let inputs = Inputs {
        source: &source,
        decoded: None,
        files: &HashMap::new(),
        fonts: &Fonts::bundled(),
        models,
    };
    let made = render_measured(
        &inputs,
        |measure| transform::plan(&transformation, &info, &context, measure),
        &Budget::default(),
    );
    Raster::from_png(&made.expect("a rendition").0.bytes)
}

#[test]
fn crops_keep_what_is_found() {
    let models = Models {
        faces: Some(Arc::new(load(ModelKind::Faces, onnx::faces([0.75, 0.1, 0.95, 0.4])))),
        objects: Some(Arc::new(load(ModelKind::Objects, onnx::objects(16)))),
    };
    // Red where the second face is; the first one is too uncertain to count.
    let picture = Raster::new(400, 200, |x, y| {
        if (300..380).contains(&x) && (20..80).contains(&y) {
            RED
        } else {
            [200, 200, 200, 255]
        }
    });
    let face = focused("w-80,h-60,fo-face,z-4,f-png", &picture, &models);
    assert_eq!((face.width, face.height), (80, 60));
    assert_eq!(face.at(40, 30), RED);
    let reds = face.pixels.iter().filter(|pixel| **pixel == RED).count();
    assert!(reds > 80 * 60 * 8 / 10, "{reds}");

    // A dog in the middle of the network's square, which the picture fills down to its middle.
    let dog = focused("fo-dog,f-png", &picture, &models);
    assert_eq!((dog.width, dog.height), (100, 50));
    // No cat, so like `fo-auto`.
    let cat = focused("w-100,h-100,fo-cat,f-png", &picture, &models);
    let auto = focused("w-100,h-100,fo-auto,f-png", &picture, &models);
    assert_eq!(cat.difference(&auto), (0, 0.0));
}

#[test]
fn files_that_are_no_such_models_are_named() {
    let refused = |kind, file: Vec<u8>| match Model::load(kind, file) {
        Err(error) => error.to_string(),
        Ok(model) => {
            let made = model.apply(&Raster::scene(40, 40).to_png(), &Budget::default());
            made.expect_err("it cannot work").to_string()
        }
    };
    let text = refused(ModelKind::Upscale, b"no model".to_vec());
    assert!(
        text.starts_with("`upscale.onnx` cannot be used: it is no ONNX file"),
        "{text}"
    );
    assert_eq!(
        refused(ModelKind::Retouch, onnx::twice()),
        "the model `retouch.onnx` makes 320x320 of 160x160 pixels"
    );
    assert_eq!(
        refused(ModelKind::Background, onnx::negative(32)),
        "the model `background.onnx` gives a mask of the shape [1, 3, 32, 32]"
    );
    assert_eq!(
        refused(ModelKind::Upscale, onnx::background(64)),
        "the model `upscale.onnx` gives the shape [1, 1, 64, 64]"
    );
    assert_eq!(
        refused(ModelKind::Upscale, onnx::negative(16)),
        "the model `upscale.onnx` takes tiles that are too small to overlap"
    );
}
