//! Every file of the folder that `TINTYPE_CORPUS` names: a picture, or an error that says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sample::{encoding, plan};
use engine::{Budget, RenderError, probe, render};
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
