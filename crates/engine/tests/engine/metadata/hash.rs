//! Perceptual hashes of pictures made here.

use engine::{Budget, PerceptualHash, RenderError, perceptual_hash};
use transform::{Encoding, Format, Op, Size};

use crate::sample::{Raster, convert, encoding, jpeg_with_orientation, plan};

fn hash(file: &[u8]) -> PerceptualHash {
    perceptual_hash(file, &Budget::default()).expect("a hash")
}

#[test]
fn alike_is_near_and_other_is_far() {
    let scene = Raster::scene(320, 240);
    let source = jpeg_with_orientation(&scene, 1);
    let original = hash(&source);
    let resized = |width, height| {
        let ops = [Op::Resize(Size { width, height })];
        let plan = plan(&ops, width, height, encoding(Format::Webp));
        engine::render(&source, &plan, &Budget::default())
            .expect("a rendition")
            .bytes
    };
    let poor = Encoding {
        quality: 30,
        ..encoding(Format::Jpeg)
    };
    for (what, file) in [
        ("as PNG", scene.to_png()),
        ("as AVIF", convert(&source, encoding(Format::Avif)).bytes),
        ("poor", convert(&source, poor).bytes),
        ("smaller", resized(96, 72)),
        ("squeezed", resized(200, 90)),
    ] {
        let distance = hash(&file).distance(original);
        assert!(distance <= 6, "{what}: {distance}");
    }
    for (what, other) in [
        ("a lamp", Raster::lamp(320, 240)),
        ("quadrants", Raster::quadrants(320, 240)),
        ("a disc", Raster::disc(200)),
    ] {
        let distance = hash(&other.to_png()).distance(original);
        assert!(distance >= 16, "{what}: {distance}");
    }
}

#[test]
fn upright_and_on_white() {
    let scene = Raster::scene(160, 120);
    let upright = hash(&jpeg_with_orientation(&scene, 1));
    // The same pixels, said to lie on their side, show another picture.
    assert!(hash(&jpeg_with_orientation(&scene, 6)).distance(upright) > 10);
    // Turned back by its orientation it is the same.
    let turned = Raster::new(120, 160, |x, y| scene.at(y, 119 - x));
    assert!(hash(&jpeg_with_orientation(&turned, 8)).distance(upright) <= 4);

    let disc = Raster::disc(64);
    let on_white = Raster::new(64, 64, |x, y| {
        let [r, g, b, a] = disc.at(x, y);
        let over = |value: u8| (u32::from(value) * u32::from(a) / 255 + 255 - u32::from(a)) as u8;
        [over(r), over(g), over(b), 255]
    });
    assert!(hash(&disc.to_png()).distance(hash(&on_white.to_png())) <= 4);
}

/// What changes along one side only has a hash, too, and another one than what changes along the other side.
#[test]
fn one_direction() {
    let bowl = |at: u32, side: u32| (at.abs_diff(side / 2).pow(2) / 8).min(255) as u8;
    let across = Raster::new(80, 60, |x, _| [bowl(x, 80), bowl(x, 80), bowl(x, 80), 255]);
    let down = Raster::new(80, 60, |_, y| [bowl(y, 60), bowl(y, 60), bowl(y, 60), 255]);
    let hashes = [&across, &down].map(|picture| hash(&picture.to_png()));
    assert!(hashes.iter().all(|hash| hash.to_bits() != 0), "{hashes:?}");
    assert!(hashes[0].distance(hashes[1]) >= 2, "{hashes:?}");
}

#[test]
fn plain_and_large() {
    let plain = Raster::new(50, 50, |_, _| [90, 120, 30, 255]).to_png();
    assert_eq!(hash(&plain).to_string(), "0000000000000000");
    let small = Budget {
        max_pixels: 100,
        ..Budget::default()
    };
    assert!(matches!(
        perceptual_hash(&plain, &small),
        Err(RenderError::OverBudget { .. })
    ));
    assert!(matches!(
        perceptual_hash(b"no picture", &small),
        Err(RenderError::Probe(_))
    ));
    let cut = &plain[..plain.len() - 20];
    assert!(matches!(
        perceptual_hash(cut, &Budget::default()),
        Err(RenderError::Malformed { .. })
    ));
}
