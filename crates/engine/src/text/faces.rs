//! The fonts that come with the server: `crates/engine/fonts`, each unpacked when it is first used.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use parley::fontique::Blob;

/// A family as users name it, with its faces.
pub(super) struct Family {
    /// In lower case, letters and digits only.
    pub key: &'static str,
    pub faces: &'static [Face],
}

/// One font file.
pub(super) struct Face {
    style: &'static str,
    compressed: &'static [u8],
    unpacked: OnceLock<Blob<u8>>,
}

impl Face {
    pub fn is_bold(&self) -> bool {
        self.style.starts_with("Bold")
    }

    pub fn is_italic(&self) -> bool {
        self.style.ends_with("Italic")
    }

    /// The font. Empty if the file in the source tree is damaged, which a test rules out.
    pub fn blob(&self) -> Blob<u8> {
        let unpack = || {
            let mut bytes = Vec::new();
            let unpacked = flate2::read::GzDecoder::new(self.compressed).read_to_end(&mut bytes);
            if unpacked.is_err() {
                bytes.clear();
            }
            Blob::new(Arc::new(bytes))
        };
        self.unpacked.get_or_init(unpack).clone()
    }
}

/// What an unknown name becomes, and where the letters are taken from that another font lacks.
pub(super) const DEFAULT: &str = "opensans";
pub(super) const ARABIC: &str = "notosansarabic";
pub(super) const HEBREW: &str = "notosanshebrew";

/// The family of this name. Case, blanks, `_` and `-` have no meaning.
pub(super) fn family(name: &str) -> Option<&'static Family> {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    let mut key: String = letters.flat_map(char::to_lowercase).collect();
    if key == "oldstandardtt" {
        key = String::from("oldstandard");
    }
    FAMILIES.iter().find(|family| family.key == key)
}

macro_rules! family {
    ($key:literal, $file:literal: $($style:ident)*) => {
        Family {
            key: $key,
            faces: {
                static FACES: [Face; [$(stringify!($style)),*].len()] = [$(Face {
                    style: stringify!($style),
                    compressed: include_bytes!(concat!("../../fonts/", $file, "-", stringify!($style), ".ttf.gz")),
                    unpacked: OnceLock::new(),
                }),*];
                &FACES
            },
        }
    };
}

static FAMILIES: &[Family] = &[
    family!("abrilfatface", "AbrilFatface": Regular),
    family!("amaranth", "Amaranth": Regular Italic Bold BoldItalic),
    family!("arvo", "Arvo": Regular Italic Bold BoldItalic),
    family!("audiowide", "Audiowide": Regular),
    family!("chivo", "Chivo": Regular Italic Bold BoldItalic),
    family!("crimsontext", "CrimsonText": Regular Italic Bold BoldItalic),
    family!("exo", "Exo": Regular Italic Bold BoldItalic),
    family!("fredokaone", "FredokaOne": Regular),
    family!("gravitasone", "GravitasOne": Regular),
    family!("kanit", "Kanit": Regular Italic Bold BoldItalic),
    family!("lato", "Lato": Regular Italic Bold BoldItalic),
    family!("lobster", "Lobster": Regular),
    family!("lora", "Lora": Regular Italic Bold BoldItalic),
    family!("monoton", "Monoton": Regular),
    family!("montserrat", "Montserrat": Regular Italic Bold BoldItalic),
    family!("notosansarabic", "NotoSansArabic": Regular Bold),
    family!("notosanshebrew", "NotoSansHebrew": Regular Bold),
    family!("oldstandard", "OldStandardTT": Regular Italic Bold),
    family!("opensans", "OpenSans": Regular Italic Bold BoldItalic),
    family!("ptmono", "PTMono": Regular),
    family!("ptserif", "PTSerif": Regular Italic Bold BoldItalic),
    family!("roboto", "Roboto": Regular Italic Bold BoldItalic),
    family!("ubuntu", "Ubuntu": Regular Italic Bold BoldItalic),
    family!("vollkorn", "Vollkorn": Regular Italic Bold BoldItalic),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_is_a_font_and_is_what_its_name_says() {
        for face in FAMILIES.iter().flat_map(|family| family.faces) {
            use skrifa::MetadataProvider;
            let blob = face.blob();
            let font = skrifa::FontRef::new(blob.as_ref()).unwrap();
            assert!(
                font.charmap().map('A').is_some()
                    || font.charmap().map('\u{5d0}').is_some()
                    || font.charmap().map('\u{627}').is_some()
            );
            let attributes = font.attributes();
            assert_eq!(attributes.weight.value() > 600.0, face.is_bold());
            assert_eq!(attributes.style == skrifa::attribute::Style::Italic, face.is_italic());
        }
    }

    #[test]
    fn families_are_found_as_people_write_them() {
        for (name, key) in [
            ("Open Sans", "opensans"),
            ("PT_Serif", "ptserif"),
            ("exo", "exo"),
            ("AbrilFatFace", "abrilfatface"),
            ("old-standard", "oldstandard"),
            ("Old Standard TT", "oldstandard"),
            ("CRIMSON TEXT", "crimsontext"),
        ] {
            assert_eq!(family(name).map(|family| family.key), Some(key), "{name}");
        }
        assert!(family("Comic Sans").is_none());
        assert!(family("").is_none());
    }
}
