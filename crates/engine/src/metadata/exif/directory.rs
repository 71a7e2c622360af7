//! Directories of a TIFF structure (TIFF 6.0, section 2; BigTIFF): entries, and where the next one is.

use crate::probe::Reader;

/// Entries of one directory that are looked at.
const MAX_ENTRIES: u64 = 1000;
/// Bytes of one value.
const MAX_BYTES: u64 = 64 << 10;

/// How the structure's numbers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endian {
    big: bool,
    /// BigTIFF: eight bytes an offset.
    wide: bool,
}

/// A directory, with those entries that were wanted.
pub(super) struct Directory {
    pub entries: Vec<(u16, Stored)>,
    /// Where the next one is.
    pub next: Option<u64>,
}

/// The value of an entry as it is in the file.
pub(super) struct Stored {
    kind: u16,
    bytes: Vec<u8>,
    endian: Endian,
}

/// One number of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    /// A fraction as stored, or a floating point number over one.
    Fraction(f64, f64),
}

impl Number {
    /// None for a fraction of nothing.
    pub fn value(self) -> Option<f64> {
        let value = match self {
            Self::Whole(whole) => whole as f64,
            Self::Fraction(above, below) => above / below,
        };
        value.is_finite().then_some(value)
    }
}

/// The byte order and the place of the first directory.
pub(super) fn open(reader: &mut Reader) -> Option<(Endian, u64)> {
    reader.seek(0).ok()?;
    let head: [u8; 4] = reader.array().ok()?;
    let endian = match &head {
        b"II*\0" => Endian {
            big: false,
            wide: false,
        },
        b"MM\0*" => Endian { big: true, wide: false },
        b"II+\0" => Endian { big: false, wide: true },
        b"MM\0+" => Endian { big: true, wide: true },
        _ => return None,
    };
    if endian.wide {
        reader.skip(4).ok()?;
    }
    let first = endian.offset(reader)?;
    Some((endian, first))
}

impl Directory {
    /// Reads the entries that are wanted. A value that leaves the file is left out.
    pub fn read(reader: &mut Reader, endian: Endian, at: u64, wanted: &dyn Fn(u16) -> bool) -> Option<Self> {
        reader.seek(at).ok()?;
        let (count, size) = if endian.wide {
            (endian.number(reader, 8)?, 20)
        } else {
            (endian.number(reader, 2)?, 12)
        };
        let start = reader.position();
        // One that claims more than there is has as many as there are.
        let count = count.min(reader.left() / size);
        let mut places = Vec::new();
        for index in 0..count.min(MAX_ENTRIES) {
            reader.seek(start + index * size).ok()?;
            let tag = u16::try_from(endian.number(reader, 2)?).ok()?;
            if !wanted(tag) {
                continue;
            }
            let kind = u16::try_from(endian.number(reader, 2)?).ok()?;
            let count = endian.offset(reader)?;
            let inline = reader.position();
            let offset = endian.offset(reader)?;
            let Some(length) = width(kind).and_then(|width| count.checked_mul(width)) else {
                continue;
            };
            let room = if endian.wide { 8 } else { 4 };
            let at = if length <= room { inline } else { offset };
            places.push((tag, kind, at, length));
        }
        let next = match reader.seek(start + count * size) {
            Ok(()) => endian.offset(reader).filter(|next| *next != 0),
            Err(_) => None,
        };
        let mut entries = Vec::new();
        for (tag, kind, at, length) in places {
            if length <= MAX_BYTES
                && reader.seek(at).is_ok()
                && let Ok(bytes) = reader.block(length)
            {
                entries.push((tag, Stored { kind, bytes, endian }));
            }
        }
        Some(Self { entries, next })
    }

    /// The place that an entry points at.
    pub fn pointer(&self, tag: u16) -> Option<u64> {
        let (_, stored) = self.entries.iter().find(|(number, _)| *number == tag)?;
        match stored.numbers().first()? {
            Number::Whole(at) => u64::try_from(*at).ok(),
            Number::Fraction(..) => None,
        }
    }
}

impl Endian {
    fn offset(self, reader: &mut Reader) -> Option<u64> {
        self.number(reader, if self.wide { 8 } else { 4 })
    }

    fn number(self, reader: &mut Reader, size: u64) -> Option<u64> {
        reader.block(size).ok().map(|bytes| self.unsigned(&bytes))
    }

    /// Of at most eight bytes.
    fn unsigned(self, bytes: &[u8]) -> u64 {
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        }
    }

    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len() as u32;
        (self.unsigned(bytes) << unused) as i64 >> unused
    }
}

impl Stored {
    /// As numbers; none of a text.
    pub fn numbers(&self) -> Vec<Number> {
        let Some(width) = width(self.kind).and_then(|width| usize::try_from(width).ok()) else {
            return Vec::new();
        };
        let of = |bytes: &[u8]| {
            let (above, below) = bytes.split_at(bytes.len() / 2);
            let unsigned = || i64::try_from(self.endian.unsigned(bytes)).ok().map(Number::Whole);
            match self.kind {
                1 | 3 | 4 | 7 | 13 | 16 | 18 => unsigned(),
                6 | 8 | 9 | 17 => Some(Number::Whole(self.endian.signed(bytes))),
                5 => Some(Number::Fraction(
                    self.endian.unsigned(above) as f64,
                    self.endian.unsigned(below) as f64,
                )),
                10 => Some(Number::Fraction(
                    self.endian.signed(above) as f64,
                    self.endian.signed(below) as f64,
                )),
                11 => {
                    let bits = u32::try_from(self.endian.unsigned(bytes)).ok()?;
                    Some(Number::Fraction(f32::from_bits(bits).into(), 1.0))
                }
                12 => Some(Number::Fraction(f64::from_bits(self.endian.unsigned(bytes)), 1.0)),
                _ => None,
            }
        };
        self.bytes.chunks_exact(width).map_while(of).collect()
    }

    /// As bytes, where a byte is what it is made of.
    pub fn bytes(&self) -> Option<&[u8]> {
        // 129 is UTF-8, of EXIF 3.
        matches!(self.kind, 1 | 2 | 6 | 7 | 129).then_some(&self.bytes)
    }

    pub fn is_big_endian(&self) -> bool {
        self.endian.big
    }
}

/// Bytes of one value of a type.
fn width(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 | 129 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
