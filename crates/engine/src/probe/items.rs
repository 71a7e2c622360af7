//! Metadata in HEIF files, AVIF among them: items beside the picture, found by `iinf` and `iloc` (ISO/IEC 14496-12 and
//! 23008-12).

use super::avif::{boxes, child, u16_at, u32_at};
use super::reader::Reader;

/// Items that are looked at. A picture in tiles has hundreds.
const MAX_ITEMS: usize = 4096;
/// Pieces of one item.
const MAX_EXTENTS: u16 = 64;
/// Bytes that an item may have.
const MAX_BYTES: u64 = 4 << 20;

/// EXIF (from its TIFF header on) and XMP, where there are any. `meta` is the box of that name, without its head.
pub(super) fn exif_and_xmp(reader: &mut Reader, meta: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let children = meta.get(4..).unwrap_or_default();
    let found = |wanted| {
        let item = item(child(children, b"iinf")?, wanted)?;
        Some((child(children, b"iloc")?, item))
    };
    let mut block = |wanted| {
        let (iloc, item) = found(wanted)?;
        content(reader, iloc, child(children, b"idat"), item)
    };
    let exif = block(Wanted::Exif).and_then(|block| {
        // The first four bytes say how many more are before the structure, which is where "Exif\0\0" may stand.
        let before = usize::try_from(u32_at(&block, 0)?).ok()?.checked_add(4)?;
        block.get(before..).map(<[u8]>::to_vec)
    });
    (exif, block(Wanted::Xmp))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Exif,
    Xmp,
}

/// The number of the first item of this kind.
fn item(iinf: &[u8], wanted: Wanted) -> Option<u32> {
    let entries = iinf.get(if *iinf.first()? == 0 { 6 } else { 8 }..)?;
    boxes(entries).take(MAX_ITEMS).find_map(|(name, infe)| {
        let (id, after) = match (&name, infe.first()?) {
            (b"infe", 2) => (u32::from(u16_at(infe, 4)?), 6),
            (b"infe", 3) => (u32_at(infe, 4)?, 8),
            _ => return None,
        };
        // Two bytes of protection are between.
        let is_wanted = match (wanted, infe.get(after + 2..after + 6)?) {
            (Wanted::Exif, b"Exif") => true,
            (Wanted::Xmp, b"mime") => {
                // Its name, then its media type.
                let mut texts = infe.get(after + 6..)?.split(|byte| *byte == 0);
                texts.nth(1) == Some(b"application/rdf+xml")
            }
            _ => false,
        };
        is_wanted.then_some(id)
    })
}

/// The bytes of an item, from the file or from the box for small ones.
fn content(reader: &mut Reader, iloc: &[u8], idat: Option<&[u8]>, wanted: u32) -> Option<Vec<u8>> {
    let mut fields = Fields { bytes: iloc, at: 0 };
    let version = fields.number(1)?;
    fields.number(3)?;
    let sizes = fields.number(2)?;
    let nibble = |shift: u32| usize::try_from(sizes >> shift & 15).unwrap_or(0);
    let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
    let index_size = if version == 0 { 0 } else { nibble(0) };
    let wide = if version < 2 { 2 } else { 4 };
    let count = usize::try_from(fields.number(wide)?).ok()?;
    for _ in 0..count.min(MAX_ITEMS) {
        let id = fields.number(wide)?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
        fields.number(2)?;
        let base = fields.number(base_size)?;
        let extents = u16::try_from(fields.number(2)?).ok()?;
        if id != u64::from(wanted) {
            // At once: extents may have no width, and be many all the same.
            fields.skip(usize::from(extents) * (index_size + offset_size + length_size))?;
            continue;
        }
        if extents > MAX_EXTENTS {
            return None;
        }
        let mut content = Vec::new();
        for _ in 0..extents {
            fields.number(index_size)?;
            let start = base.checked_add(fields.number(offset_size)?)?;
            let length = fields.number(length_size)?;
            if length.checked_add(content.len() as u64)? > MAX_BYTES {
                return None;
            }
            match method {
                0 => {
                    reader.seek(start).ok()?;
                    content.extend(reader.block(length).ok()?);
                }
                1 => {
                    let start = usize::try_from(start).ok()?;
                    let end = start.checked_add(usize::try_from(length).ok()?)?;
                    content.extend(idat?.get(start..end)?);
                }
                _ => return None,
            }
        }
        return (!content.is_empty()).then_some(content);
    }
    None
}

/// Big-endian numbers of whatever width, one after another.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    /// A number of so many bytes, at most eight; of none, zero.
    fn number(&mut self, size: usize) -> Option<u64> {
        if size > 8 {
            return None;
        }
        let bytes = self.bytes.get(self.at..self.at + size)?;
        self.at += size;
        Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// Leaves out bytes that must be there.
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|end| *end <= self.bytes.len())?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// An `iloc` box of items whose extents are in `idat`, with offsets and lengths of four bytes.
    fn iloc(items: &[(u16, &[(u32, u32)])]) -> Vec<u8> {
        let mut bytes = vec![1, 0, 0, 0, 0x44, 0];
        bytes.extend((items.len() as u16).to_be_bytes());
        for (id, extents) in items {
            for number in [*id, 1, 0, extents.len() as u16] {
                bytes.extend(number.to_be_bytes());
            }
            for (offset, length) in *extents {
                bytes.extend(offset.to_be_bytes());
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes
    }

    #[test]
    fn extents_of_an_item_are_joined_and_have_a_limit() {
        let read = |iloc: &[u8], wanted| {
            let mut file = Cursor::new(Vec::new());
            let mut reader = Reader::new(&mut file).expect("a reader");
            content(&mut reader, iloc, Some(b"abcdef"), wanted)
        };
        let most = vec![(0, 1); usize::from(MAX_EXTENTS)];
        let more = vec![(0, 1); usize::from(MAX_EXTENTS) + 1];
        let many = vec![(9, 9); 500];
        let file = iloc(&[
            (7, &many),
            (1, &[(4, 2), (0, 1)]),
            (2, &most),
            (3, &more),
            (4, &[(5, 2)]),
        ]);
        assert_eq!(
            read(&file, 1).as_deref(),
            Some(&b"efa"[..]),
            "behind one with many extents"
        );
        assert_eq!(read(&file, 2), Some(vec![b'a'; usize::from(MAX_EXTENTS)]));
        for (wanted, why) in [(3, "too many"), (4, "beyond the box"), (5, "none"), (7, "too many")] {
            assert_eq!(read(&file, wanted), None, "{why}");
        }
        assert_eq!(read(&file[..file.len() - 20], 4), None, "the box is cut off");
        // As many as can be counted, of items as many as are looked at, without a byte to read.
        let mut empty = vec![1, 0, 0, 0, 0, 0];
        empty.extend((MAX_ITEMS as u16).to_be_bytes());
        for _ in 0..MAX_ITEMS {
            empty.extend([0, 8, 0, 1, 0, 0, 0xff, 0xff]);
        }
        assert_eq!(read(&empty, 9), None);
    }
}
