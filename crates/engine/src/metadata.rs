//! What a file says of itself beside its pixels: EXIF, IPTC, XMP, the name of its colour profile. Read from the header in
//! bounded time and memory; what is broken or too long is left out, and the rest stands.

mod dates;
mod embedded;
mod exif;
mod iptc;
mod phash;
mod readable;
mod xmp;

use std::io::{Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use moxcms::{ColorProfile, ProfileText};
use serde_json::{Map, Value};
use transform::{Format, Part, SourceInfo};

use crate::ProbeError;
use crate::probe::{Metadata as Blocks, Reader, Resolution, Want, read_header};

pub use exif::Exif;
pub use phash::{PerceptualHash, PerceptualHashError, perceptual_hash};

/// The longest text that is taken over, in bytes.
const MAX_TEXT: usize = 8 << 10;
/// The longest list.
const MAX_ITEMS: usize = 500;
/// Bytes of a profile that is looked into for its name. That is at its beginning, but all of it is parsed.
const MAX_PROFILE: usize = 4 << 20;

/// What a picture's file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// What its header says.
    pub info: SourceInfo,
    /// Bytes of the file.
    pub size: u64,
    /// Dots per inch, as EXIF or else the format states it; 72 where neither does.
    pub density: u32,
    /// An ICC profile is embedded.
    pub has_color_profile: bool,
    /// EXIF, field by field.
    pub exif: Exif,
    /// EXIF, IPTC and XMP in one object for people: names in `PascalCase`, values as words, moments as ISO 8601 in UTC. Empty
    /// when there is nothing.
    pub embedded: Map<String, Value>,
    /// The keywords of `embedded`, each once.
    pub keywords: Vec<String>,
    /// When it was taken (`DateTimeOriginal`), in milliseconds since 1970; as if in UTC where no offset is stated.
    pub taken_at_ms: Option<i64>,
    /// Where it was taken.
    pub location: Option<Location>,
}

/// A place on the earth, in degrees: north and east count up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// -90 to 90.
    pub latitude: f64,
    /// -180 to 180.
    pub longitude: f64,
}

impl Location {
    fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let sound = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        sound.then_some(Self { latitude, longitude })
    }
}

/// Reads what is beside the pixels of a picture; never a pixel.
///
/// # Errors
///
/// When the header itself can't be read. Broken metadata is no error.
pub fn metadata(source: &mut (impl Read + Seek)) -> Result<Metadata, ProbeError> {
    let header = read_header(source, &Part::Default, Want::Everything)
        // A block that is too long to be taken leaves the picture as it is.
        .or_else(|_| read_header(source, &Part::Default, Want::Facts))?;
    let blocks = header.metadata;
    let mut reader = Reader::new(source)?;
    let size = reader.left();
    let exif = match (&blocks.exif, header.info.format) {
        (Some(exif), _) => Exif::of(exif),
        // The file is the structure that EXIF has borrowed; what would be its thumbnail is its second page.
        (None, Format::Tiff) => Exif {
            thumbnail: Map::new(),
            ..Exif::read(&mut reader)
        },
        (None, _) => Exif::default(),
    };
    let resolution = exif.resolution().or(header.resolution);
    let parts = embedded::Parts {
        exif: &exif,
        iptc: blocks.iptc.as_deref().map(iptc::read).unwrap_or_default(),
        xmp: blocks.xmp.as_deref().map(xmp::read).unwrap_or_default(),
        resolution,
        profile: profile_name(&blocks),
    };
    let embedded = embedded::merge(parts);
    Ok(Metadata {
        info: header.info,
        size,
        density: density(resolution).unwrap_or(header.info.density),
        has_color_profile: header.has_profile,
        embedded: embedded.fields,
        keywords: embedded.keywords,
        taken_at_ms: embedded.taken_at_ms,
        location: embedded.location,
        exif,
    })
}

/// [`metadata`] of a source in memory.
pub fn metadata_bytes(source: &[u8]) -> Result<Metadata, ProbeError> {
    metadata(&mut Cursor::new(source))
}

fn density(resolution: Option<Resolution>) -> Option<u32> {
    let dots = resolution?.x.round();
    (1.0..=65_535.0).contains(&dots).then_some(dots as u32)
}

/// What a profile calls itself, in English if it knows several languages.
fn profile_name(blocks: &Blocks) -> Option<String> {
    let icc = blocks.icc.as_deref().filter(|icc| icc.len() <= MAX_PROFILE)?;
    // Its parser is somebody else's; a profile that nobody tried before has no name.
    let profile = catch_unwind(AssertUnwindSafe(|| ColorProfile::new_from_slice(icc)))
        .ok()?
        .ok()?;
    let name = match profile.description? {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => {
            let english = texts.iter().position(|text| text.language == "en").unwrap_or(0);
            texts.into_iter().nth(english)?.value
        }
        ProfileText::Description(text) => text.ascii_string,
    };
    text(&name)
}

/// A text without what is around it and without control characters; none where nothing is left, or too much.
fn text(text: &str) -> Option<String> {
    let clean: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let clean = clean.trim();
    (!clean.is_empty() && clean.len() <= MAX_TEXT).then(|| clean.to_owned())
}

/// Bytes up to the first zero, in UTF-8 or else in Latin-1, which older programs write.
fn text_of(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(utf8) => text(utf8),
        Err(_) => text(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
    }
}

/// A JSON number, without a fraction where it has none.
fn number(value: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some(Value::from(value as i64));
    }
    value.is_finite().then(|| Value::from(value))
}
