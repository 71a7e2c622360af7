//! Fonts of the machine: for scripts and signs that the bundled fonts lack.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use engine::Fonts;

/// Where systems keep fonts.
const SYSTEM: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
/// All fonts together: they stay in memory.
const MOST_BYTES: u64 = 128 << 20;
/// Files that are looked at: a desktop has hundreds.
const MOST_FILES: usize = 2000;
/// Families that cover what the bundled fonts lack, in the order in which they are asked: a machine may have hundreds of
/// others, which would only take memory.
const WANTED: [&str; 12] = [
    "notocoloremoji",
    "notosanscjk",
    "notosansjp",
    "notosanssc",
    "notosanskr",
    "droidsansfallback",
    "wqy",
    "notosansdevanagari",
    "notosansthai",
    "notosanssymbols",
    "notosansmath",
    "dejavusans.",
];

/// The bundled fonts and those of a folder, all of which are taken; without one, the useful ones of the system.
pub fn load(folder: Option<&Path>) -> Fonts {
    match folder {
        Some(folder) => with(found(&[folder.to_owned()], |_| Some(0))),
        None => SYSTEM_FONTS.clone(),
    }
}

/// Read once: commands and tests ask more often.
static SYSTEM_FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let folders = SYSTEM.map(PathBuf::from);
    with(found(&folders, |name| {
        WANTED.iter().position(|wanted| name.starts_with(wanted))
    }))
});

/// Files that are fonts, by their rank and then by name.
fn found(folders: &[PathBuf], rank: impl Fn(&str) -> Option<usize>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = folders.to_vec();
    let mut looked_at = 0;
    while let Some(folder) = todo.pop() {
        for path in std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            looked_at += 1;
            if looked_at > MOST_FILES {
                break;
            }
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let plain = name.replace(['-', '_', ' '], "");
            let is_font = [".ttf", ".otf", ".ttc"].iter().any(|ending| name.ends_with(ending));
            if is_font && let Some(rank) = rank(&plain) {
                found.push((rank, path));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn with(files: Vec<PathBuf>) -> Fonts {
    let mut bytes = 0;
    let mut read = Vec::new();
    for path in files {
        match std::fs::read(&path) {
            Ok(font) if bytes + font.len() as u64 <= MOST_BYTES => {
                bytes += font.len() as u64;
                read.push(font);
            }
            Ok(_) => tracing::info!(font = %path.display(), "left out: the other fonts take all memory for fonts"),
            Err(error) => tracing::warn!(%error, font = %path.display(), "a font can't be read"),
        }
    }
    Fonts::with_fallbacks(read)
}
