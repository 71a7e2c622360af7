//! EXIF as six objects of fields, each with the type that its name promises, whatever type a writer chose.

mod directory;
mod tags;

use std::io::Cursor;

use serde_json::{Map, Value};

use super::{MAX_TEXT, number, text, text_of};
use crate::probe::{Reader, Resolution};
use directory::{Directory, Number, Stored};
use tags::{Kind, Tag};

/// The fields of EXIF, in the groups in which they are stored. All are empty when there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exif {
    /// Of the picture (the first directory): who, with what, which way up.
    pub image: Map<String, Value>,
    /// Of the thumbnail inside.
    pub thumbnail: Map<String, Value>,
    /// How it was taken.
    pub exif: Map<String, Value>,
    /// Where it was taken.
    pub gps: Map<String, Value>,
    /// By which rules it was written.
    pub interoperability: Map<String, Value>,
    /// What the camera's maker keeps to itself. It is not read, and always empty.
    pub makernote: Map<String, Value>,
}

impl Exif {
    /// Of a TIFF structure in memory.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match Reader::new(&mut Cursor::new(bytes)) {
            Ok(mut reader) => Self::read(&mut reader),
            Err(_) => Self::default(),
        }
    }

    /// Of a file that is a TIFF structure.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut exif = Self::default();
        let Some((endian, first)) = directory::open(reader) else {
            return exif;
        };
        let mut read =
            |at: u64, tags: &'static [Tag]| Directory::read(reader, endian, at, &|tag| find(tags, tag).is_some());
        let Some(image) = read(first, tags::IMAGE) else {
            return exif;
        };
        exif.image = fields(&image, tags::IMAGE);
        if let Some(thumbnail) = image.next.and_then(|at| read(at, tags::THUMBNAIL)) {
            exif.thumbnail = fields(&thumbnail, tags::THUMBNAIL);
        }
        if let Some(gps) = image.pointer(tags::GPS_POINTER).and_then(|at| read(at, tags::GPS)) {
            exif.gps = fields(&gps, tags::GPS);
        }
        let Some(taken) = image.pointer(tags::EXIF_POINTER).and_then(|at| read(at, tags::EXIF)) else {
            return exif;
        };
        exif.exif = fields(&taken, tags::EXIF);
        if let Some(rules) = taken
            .pointer(tags::INTEROP_POINTER)
            .and_then(|at| read(at, tags::INTEROP))
        {
            exif.interoperability = fields(&rules, tags::INTEROP);
        }
        exif
    }

    /// What it says of the picture's resolution, in dots per inch.
    pub(super) fn resolution(&self) -> Option<Resolution> {
        let dots = |name| self.image.get(name).and_then(Value::as_f64).filter(|dots| *dots > 0.0);
        let x = dots("XResolution")?;
        let y = dots("YResolution").unwrap_or(x);
        match self.image.get("ResolutionUnit").and_then(Value::as_i64).unwrap_or(2) {
            2 => Some(Resolution { x, y }),
            3 => Some(Resolution {
                x: x * 2.54,
                y: y * 2.54,
            }),
            _ => None,
        }
    }
}

fn find(tags: &'static [Tag], number: u16) -> Option<&'static Tag> {
    tags.iter().find(|tag| tag.number == number)
}

fn fields(directory: &Directory, tags: &'static [Tag]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (number, stored) in &directory.entries {
        if let Some(tag) = find(tags, *number)
            && let Some(value) = value(tag.kind, stored)
        {
            // Of a tag that stands twice the first counts.
            fields.entry(tag.name).or_insert(value);
        }
    }
    fields
}

/// What is stored, as the kind of value that the tag's name promises.
fn value(kind: Kind, stored: &Stored) -> Option<Value> {
    match kind {
        Kind::Integer => integer(*stored.numbers().first()?).map(Value::from),
        Kind::Number => number(stored.numbers().first()?.value()?),
        Kind::Integers(count) => {
            let numbers = stored.numbers();
            let numbers = numbers.get(..count)?.iter();
            numbers
                .map(|n| integer(*n).map(Value::from))
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
        }
        Kind::Numbers(count) => {
            let numbers = stored.numbers();
            let numbers = numbers.get(..count)?.iter();
            numbers
                .map(|n| number(n.value()?))
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
        }
        Kind::Text => words(stored.bytes()?).map(Value::from),
        Kind::Code => match stored.bytes()? {
            [byte @ 0..32, ..] => Some(Value::from(byte.to_string())),
            bytes => text_of(bytes).map(Value::from),
        },
        Kind::Comment => comment(stored.bytes()?, stored.is_big_endian()).map(Value::from),
        Kind::Wide => utf16(stored.bytes()?, false).map(Value::from),
    }
}

fn integer(number: Number) -> Option<i64> {
    match number {
        Number::Whole(whole) => Some(whole),
        Number::Fraction(..) => {
            let value = number.value()?.round();
            (value.abs() < 9e15).then_some(value as i64)
        }
    }
}

/// The first of the texts between zeros that says anything: a copyright has two, of which the first may be blank.
fn words(bytes: &[u8]) -> Option<String> {
    bytes.split(|byte| *byte == 0).find_map(text_of)
}

/// Eight bytes that name the character code, then the text (CIPA DC-008, `UserComment`).
fn comment(bytes: &[u8], big_endian: bool) -> Option<String> {
    match bytes.split_first_chunk::<8>() {
        Some((b"UNICODE\0", rest)) => utf16(rest, big_endian),
        // Two bytes a character of a set that nothing else here needs.
        Some((b"JIS\0\0\0\0\0", _)) => None,
        Some((b"ASCII\0\0\0" | &[0, 0, 0, 0, 0, 0, 0, 0], rest)) => text_of(rest),
        _ => text_of(bytes),
    }
}

fn utf16(bytes: &[u8], big_endian: bool) -> Option<String> {
    let (bytes, big_endian) = match bytes {
        [0xfe, 0xff, rest @ ..] => (rest, true),
        [0xff, 0xfe, rest @ ..] => (rest, false),
        bytes => (bytes, big_endian),
    };
    if bytes.len() > 2 * MAX_TEXT {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        }
    });
    let units = units.take_while(|unit| *unit != 0);
    text(
        &char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>(),
    )
}
