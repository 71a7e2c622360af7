//! Every file of the folder that `TINTYPE_CORPUS` names: a picture, or an error that says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sample::{encoding, plan};
use engine::{Budget, RenderError, metadata, perceptual_hash, probe, render};
use transform::{Format, Op, Orientation, Size};

#[test]
fn every_file_is_a_picture_or_a_clear_error() {
    let Some(root) = std::env::var_os("TINTYPE_CORPUS") else {
        eprintln!("skipped: TINTYPE_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    collect(Path::new(&root), &mut files);
    assert!(!files.is_empty(), "TINTYPE_CORPUS has no files");
    let mut pictures = 0;
    for path in &files {
        match thumbnail(path) {
            Ok(()) => pictures += 1,
            Err(error) => {
                assert!(
                    !matches!(error, RenderError::Internal(_) | RenderError::Plan(_)),
                    "{}: {error}",
                    path.display()
                );
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    assert!(pictures > 0, "no file is a picture");
    eprintln!("{pictures} of {} files are pictures", files.len());
}

/// What is known of some files in it, wherever in the folder they are.
#[test]
fn metadata_of_every_file() {
    let Some(root) = std::env::var_os("TINTYPE_CORPUS") else {
        eprintln!("skipped: TINTYPE_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    collect(Path::new(&root), &mut files);
    let known = [
        ("apple-iphone-6.jpg", "Make", "Apple"),
        ("canon-eos-1000d.jpg", "DateTimeOriginal", "2008-07-01T17:27:03.020Z"),
        ("nikon-d90.jpg", "ExposureTime", "1/10"),
        ("issue-266.jpg", "LensModel", "EF24-70mm f/2.8L USM"),
        ("img_1034.heic", "Model", "iPhone 8"),
        ("p3.png", "ProfileDescription", "Display P3"),
        ("Landscape_6.jpg", "Orientation", "Rotate 90 CW"),
    ];
    let (mut headers, mut said, mut hashed) = (0, 0, 0);
    for path in &files {
        let Ok(found) = metadata(&mut fs::File::open(path).expect("a file")) else {
            continue;
        };
        headers += 1;
        said += usize::from(!found.embedded.is_empty());
        match perceptual_hash(&fs::read(path).expect("a file"), &Budget::default()) {
            Ok(_) => hashed += 1,
            Err(error @ (RenderError::Internal(_) | RenderError::Plan(_))) => panic!("{}: {error}", path.display()),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        for (_, field, value) in known.iter().filter(|(known, ..)| *known == name) {
            assert_eq!(
                found.embedded.get(*field).and_then(|found| found.as_str()),
                Some(*value),
                "{name}"
            );
        }
    }
    assert!(headers > 0 && hashed > 0, "no file is a picture");
    eprintln!(
        "{headers} headers, {said} with metadata, {hashed} hashes, of {} files",
        files.len()
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files)
        } else {
            files.push(path)
        }
    }
}

fn thumbnail(path: &Path) -> Result<(), RenderError> {
    let mut file = fs::File::open(path).expect("a file");
    let info = probe(&mut file)?.info;
    let (width, height) = info.upright();
    let scale = 200.0 / f64::from(width.max(height)).max(200.0);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let size = Size {
        width: side(width),
        height: side(height),
    };
    let mut ops = Vec::new();
    if info.orientation != Orientation::Upright {
        ops.push(Op::Orient(info.orientation));
    }
    ops.push(Op::Resize(size));
    let source = fs::read(path).expect("a file");
    let plan = plan(&ops, size.width, size.height, encoding(Format::Webp));
    let rendition = render(&source, &plan, &Budget::default())?;
    let found = engine::probe_bytes(&rendition.bytes)?.info;
    assert_eq!(
        (found.format, found.width, found.height),
        (Format::Webp, size.width, size.height)
    );
    Ok(())
}
