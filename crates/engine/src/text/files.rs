//! The same fonts as files, for drawings that bring texts of their own.

use std::sync::Arc;

use skrifa::MetadataProvider;

use super::Fonts;
use super::faces;

/// A whole font file.
pub(crate) type FontFile = Arc<dyn AsRef<[u8]> + Send + Sync>;

impl Fonts {
    /// The face of a bundled family that is most like what is asked for.
    pub(crate) fn file(&self, family: &str, bold: bool, italic: bool) -> Option<FontFile> {
        let faces = faces::family(family)?.faces;
        let unlike = |face: &&faces::Face| u8::from(face.is_italic() != italic) * 2 + u8::from(face.is_bold() != bold);
        faces
            .iter()
            .min_by_key(unlike)
            .map(|face| face.blob().into_raw_parts().0)
    }

    /// Fonts that have this letter: bundled ones first, then the operator's.
    pub(crate) fn files_with(&self, letter: char) -> Vec<FontFile> {
        let bundled = [faces::DEFAULT, faces::ARABIC, faces::HEBREW];
        let bundled = bundled.iter().filter_map(|family| self.file(family, false, false));
        let has_letter = |file: &FontFile| {
            let fonts = skrifa::raw::FileRef::new((**file).as_ref());
            fonts.is_ok_and(|file| file.fonts().flatten().any(|font| font.charmap().map(letter).is_some()))
        };
        bundled.chain(self.fallback_files()).filter(has_letter).collect()
    }
}
