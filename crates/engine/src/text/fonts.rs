use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use parley::fontique::{Blob, Collection, CollectionOptions, FontInfoOverride, FontStyle, FontWeight};
use parley::{FontContext, LayoutContext};
use skrifa::raw::FileRef;
use skrifa::raw::TableProvider;
use transform::{Font, MeasureError, Size, Text};

use super::script::Scripts;
use super::{FontFile, FontFiles, faces};

/// The fonts that texts are set in: those that come with the server, and the operator's for what they lack.
///
/// Cheap to clone; clones share what they have unpacked and measured.
#[derive(Clone)]
pub struct Fonts(Arc<Shared>);

struct Shared {
    /// All fonts that were asked for so far, under their keys in `faces`, and the fallbacks under their own names.
    known: Mutex<Known>,
    fallbacks: Fallbacks,
    /// Room to work in that nobody uses just now.
    idle: Mutex<Vec<LayoutContext<()>>>,
    measured: Mutex<HashMap<Measured, Size>>,
}

struct Known {
    context: FontContext,
    families: Vec<&'static str>,
}

/// Names of families among the operator's fonts.
#[derive(Default)]
struct Fallbacks {
    plain: Vec<String>,
    colored: Vec<String>,
}

/// How many sizes of texts are remembered: a plan that is made again for each request needs only those of its own texts.
const MEASURED: usize = 1024;
/// How many idle rooms to work in are kept; about as many as there may be threads at work.
const IDLE: usize = 16;
/// The name under which a file of the library stands in its text's own collection.
const CUSTOM: &str = "\u{1}file";

impl Fonts {
    /// Only the fonts that come with the server: Latin, Greek and Cyrillic as far as the fonts have them, Arabic, Hebrew.
    pub fn bundled() -> Self {
        static BUNDLED: LazyLock<Fonts> = LazyLock::new(|| Fonts::with_fallbacks(Vec::<Vec<u8>>::new()));
        BUNDLED.clone()
    }

    /// With font files (TrueType, OpenType, or collections of them) for what the bundled fonts lack, such as Chinese,
    /// Japanese, Korean or emoji. Earlier ones are preferred; what is no font is left out.
    pub fn with_fallbacks<T: Into<Arc<[u8]>>>(files: impl IntoIterator<Item = T>) -> Self {
        let mut collection = Collection::new(CollectionOptions {
            shared: false,
            system_fonts: false,
        });
        let mut fallbacks = Fallbacks::default();
        for file in files {
            let bytes: Arc<[u8]> = file.into();
            let names = if is_colored(&bytes) {
                &mut fallbacks.colored
            } else {
                &mut fallbacks.plain
            };
            for (family, _) in collection.register_fonts(Blob::new(Arc::new(bytes)), None) {
                if let Some(name) = collection.family_name(family)
                    && !names.iter().any(|known| known == name)
                {
                    names.push(name.to_string());
                }
            }
        }
        let context = FontContext {
            collection,
            ..FontContext::default()
        };
        let families = Vec::new();
        Self(Arc::new(Shared {
            known: Mutex::new(Known { context, families }),
            fallbacks,
            idle: Mutex::default(),
            measured: Mutex::default(),
        }))
    }

    /// The fonts that one text needs.
    pub(super) fn chosen(&self, text: &Text, files: &FontFiles<'_>) -> Result<Chosen, MeasureError> {
        let scripts = Scripts::of(&text.text);
        let mut bundled = Vec::new();
        if let Font::Family(name) = &text.font {
            bundled.extend(faces::family(name));
        }
        bundled.extend(faces::family(faces::DEFAULT));
        bundled.extend(faces::family(faces::ARABIC).filter(|_| scripts.arabic));
        bundled.extend(faces::family(faces::HEBREW).filter(|_| scripts.hebrew));

        let mut known = lock(&self.0.known);
        for family in &bundled {
            known.add(family);
        }
        let mut context = known.context.clone();
        drop(known);

        let custom = match &text.font {
            Font::Family(_) => None,
            Font::File(name) => {
                let bytes = files(name).ok_or_else(|| MeasureError::NoInput(name.clone()))?;
                add_file(&mut context.collection, bytes).map_err(|reason| MeasureError::BadFont {
                    font: name.clone(),
                    reason,
                })?;
                Some(CUSTOM)
            }
        };
        let Fallbacks { plain, colored } = &self.0.fallbacks;
        let first = custom
            .into_iter()
            .chain(bundled.iter().map(|family| family.key))
            .map(String::from);
        let families: Vec<String> = first.chain(plain.iter().chain(colored).cloned()).collect();
        let emoji = colored.iter().chain(&families).cloned().collect();
        Ok(Chosen {
            context,
            families,
            emoji,
            has_emoji: !colored.is_empty(),
        })
    }

    /// The operator's fonts, as files.
    pub(super) fn fallback_files(&self) -> Vec<FontFile> {
        let Fallbacks { plain, colored } = &self.0.fallbacks;
        let mut known = lock(&self.0.known);
        plain
            .iter()
            .chain(colored)
            .filter_map(|name| known.context.collection.family_by_name(name))
            .filter_map(|family| family.default_font()?.load(None))
            .map(|blob| blob.into_raw_parts().0)
            .collect()
    }

    /// Room to work in; give it back.
    pub(super) fn room(&self) -> LayoutContext<()> {
        lock(&self.0.idle).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, room: LayoutContext<()>) {
        let mut idle = lock(&self.0.idle);
        if idle.len() < IDLE {
            idle.push(room);
        }
    }

    pub(super) fn remembered(&self, key: &Measured) -> Option<Size> {
        lock(&self.0.measured).get(key).copied()
    }

    pub(super) fn remember(&self, key: Measured, size: Size) {
        let mut measured = lock(&self.0.measured);
        if measured.len() >= MEASURED {
            measured.clear();
        }
        measured.insert(key, size);
    }
}

impl Default for Fonts {
    fn default() -> Self {
        Self::bundled()
    }
}

impl fmt::Debug for Fonts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fallbacks { plain, colored } = &self.0.fallbacks;
        f.debug_struct("Fonts")
            .field("plain", plain)
            .field("colored", colored)
            .finish()
    }
}

/// Nothing is left half done by a panic under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn add(&mut self, family: &'static faces::Family) {
        if self.families.contains(&family.key) {
            return;
        }
        self.families.push(family.key);
        for face in family.faces {
            let about = FontInfoOverride {
                family_name: Some(family.key),
                weight: Some(weight(face.is_bold())),
                style: Some(style(face.is_italic())),
                ..FontInfoOverride::default()
            };
            self.context.collection.register_fonts(face.blob(), Some(about));
        }
    }
}

pub(super) fn weight(bold: bool) -> FontWeight {
    if bold { FontWeight::BOLD } else { FontWeight::NORMAL }
}

pub(super) fn style(italic: bool) -> FontStyle {
    if italic { FontStyle::Italic } else { FontStyle::Normal }
}

fn add_file(collection: &mut Collection, bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(b"wOFF") || bytes.starts_with(b"wOF2") {
        return Err(String::from(
            "it is packed as WOFF: TrueType and OpenType files are read",
        ));
    }
    let file = FileRef::new(bytes).map_err(|_| String::from("it is no TrueType or OpenType file"))?;
    // Their nesting has no bound that could be found beforehand, and hardly a font has them.
    if file.fonts().flatten().any(|font| font.varc().is_ok()) {
        return Err(String::from("variable components (VARC) are not read"));
    }
    let about = FontInfoOverride {
        family_name: Some(CUSTOM),
        ..FontInfoOverride::default()
    };
    let found = collection.register_fonts(Blob::new(Arc::new(bytes.to_vec())), Some(about));
    if found.iter().all(|(_, fonts)| fonts.is_empty()) {
        return Err(String::from("it is broken: its tables cannot be read"));
    }
    Ok(())
}

fn is_colored(bytes: &[u8]) -> bool {
    let Ok(file) = FileRef::new(bytes) else { return false };
    file.fonts()
        .flatten()
        .any(|font| font.colr().is_ok() || font.cbdt().is_ok() || font.sbix().is_ok())
}

/// The fonts for one text.
pub(super) struct Chosen {
    pub context: FontContext,
    /// Families in the order in which a letter is looked for.
    pub families: Vec<String>,
    /// The same for emoji.
    pub emoji: Vec<String>,
    /// Whether there is a font with coloured glyphs that emoji should come from.
    pub has_emoji: bool,
}

/// What the size of a text's box depends on.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Measured {
    text: String,
    family: String,
    numbers: [u64; 3],
    flags: [bool; 3],
    align: transform::TextAlign,
    padding: [u32; 4],
}

impl Measured {
    /// None for a file: its name may come to stand for other bytes.
    pub fn of(text: &Text) -> Option<Self> {
        let Font::Family(family) = &text.font else { return None };
        let line_height = text.line_height.map_or(u64::MAX, f64::to_bits);
        let wrap = text.wrap.map_or(u64::MAX, u64::from);
        Some(Self {
            text: text.text.clone(),
            family: family.clone(),
            numbers: [text.size.to_bits(), line_height, wrap],
            flags: [text.bold, text.italic, text.strikethrough],
            align: text.align,
            padding: text.padding,
        })
    }
}
