//! Ten thousand damaged files: each is a picture or a clear error, in bounded time and memory, and never our mistake.

use std::fs;
use std::path::{Path, PathBuf};

use engine::{Bounds, Budget, Fonts, RenderError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use transform::{Accept, Context, Hints, Limits, Mode, OutputSettings, Transformation};

const MUTATIONS: usize = 10_000;
/// A damaged header may claim anything; a small budget keeps ten thousand of them quick.
const PIXELS: u64 = 1_000_000;

#[test]
fn ten_thousand_damaged_files() {
    let sources = sources();
    assert!(sources.len() >= 12, "only {} sources", sources.len());
    let mut random = StdRng::seed_from_u64(2025);
    let (mut pictures, mut errors) = (0, 0);
    for count in 0..MUTATIONS {
        let (path, original) = &sources[count % sources.len()];
        let file = damaged(original, &mut random);
        match thumbnail(&file) {
            Ok(()) => pictures += 1,
            Err(Problem::Refused) => errors += 1,
            Err(Problem::Ours(text)) => {
                let kept = std::env::temp_dir().join("tintype-damaged-file");
                fs::write(&kept, &file).expect("the file can be kept");
                panic!("{} number {count}: {text}; kept as {}", path.display(), kept.display());
            }
        }
    }
    // Most damage is noticed or harmless; if one of these were never seen, nothing was tested.
    assert!(
        pictures > MUTATIONS / 50 && errors > MUTATIONS / 50,
        "{pictures} pictures, {errors} errors"
    );
}

enum Problem {
    Refused,
    Ours(String),
}

fn thumbnail(file: &[u8]) -> Result<(), Problem> {
    let info = engine::probe_bytes(file).map_err(|_refused| Problem::Refused)?.info;
    let limits = Limits {
        source_pixels: PIXELS,
        result_pixels: PIXELS,
        animation_pixels: PIXELS,
        ..Limits::default()
    };
    let transformation = Transformation::parse("w-48,f-webp", Mode::Strict).expect("a transformation");
    let context = Context {
        accept: Accept::default(),
        hints: Hints::default(),
        settings: OutputSettings::default(),
        limits: &limits,
        still: true,
    };
    let fonts = Fonts::bundled();
    let plan = transform::plan(
        &transformation,
        &info,
        &context,
        &mut Bounds::new(&fonts, &|_, _| None, &|_| None),
    )
    .map_err(|_refused| Problem::Refused)?;
    let budget = Budget {
        max_pixels: PIXELS,
        max_frames_pixels: PIXELS,
        max_source_bytes: 1 << 20,
        ..Budget::default()
    };
    match engine::render(file, &plan, &budget) {
        Ok(_) => Ok(()),
        Err(error @ (RenderError::Internal(_) | RenderError::Plan(_))) => Err(Problem::Ours(error.to_string())),
        Err(_) => Err(Problem::Refused),
    }
}

/// A few bytes changed, a part cut out, doubled, or everything behind a place lost.
fn damaged(original: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut file = original.to_vec();
    match random.random_range(0..8) {
        0 => file.truncate(random.random_range(0..file.len())),
        1 => {
            let start = random.random_range(0..file.len());
            let end = (start + random.random_range(1..64)).min(file.len());
            file.drain(start..end);
        }
        2 => {
            let start = random.random_range(0..file.len());
            let end = (start + random.random_range(1..64)).min(file.len());
            let part = file[start..end].to_vec();
            file.splice(start..start, part);
        }
        _ => {
            for _ in 0..random.random_range(1..9) {
                // Headers stand at the beginning, and decide most.
                let within = if random.random_bool(0.5) {
                    file.len().min(200)
                } else {
                    file.len()
                };
                let at = random.random_range(0..within);
                file[at] = random.random();
            }
        }
    }
    file
}

fn sources() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = Vec::new();
    for folder in ["tests/files", "docs/gallery/sources"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("a file").path();
            let bytes = fs::read(&path).expect("a file");
            if bytes.len() < 20_000 && engine::probe_bytes(&bytes).is_ok() {
                sources.push((path, bytes));
            }
        }
    }
    sources.sort();
    sources
}
