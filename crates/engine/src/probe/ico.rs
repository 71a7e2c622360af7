use std::io::Cursor;

use transform::{Format, Part};

use super::bmp::Bitmap;
use super::reader::{Reader, Stop};
use super::{Header, Want};
use crate::ProbeError;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One picture of an icon.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its bytes: a PNG file, or a bitmap without a file header and with a mask behind it.
    pub bytes: Vec<u8>,
    pub is_png: bool,
}

/// An icon or a cursor: the magic number is weak, so its first entry is looked at, too.
pub(super) fn is_ico(head: &[u8]) -> bool {
    let Some(&[0, 0, 1 | 2, 0, low, high, _, _, _, 0, ..]) = head.get(..22) else {
        return false;
    };
    let count = u32::from(u16::from_le_bytes([low, high]));
    let offset = u32::from_le_bytes([head[18], head[19], head[20], head[21]]);
    count > 0 && offset >= 6 + 16 * count
}

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    let broken = |stop: Stop| stop.of(Format::Ico);
    let entry = largest(reader).map_err(broken)?;
    let mut cursor = Cursor::new(&entry.bytes);
    if entry.is_png {
        let mut header = Header::of(&entry.bytes, &Part::Default, want)?;
        header.info.format = Format::Ico;
        header.info.frames = 1;
        return Ok(header);
    }
    let bitmap = Bitmap::read(&mut Reader::new(&mut cursor)?).map_err(broken)?;
    // The mask is counted in.
    let mut header = Header::new(Format::Ico, bitmap.width, bitmap.height / 2);
    header.info.has_alpha = true;
    Ok(header)
}

/// The picture of most pixels; of several, the one of most bytes, which has the most colours.
pub(crate) fn largest(reader: &mut Reader) -> Result<Entry, Stop> {
    reader.skip(4)?;
    let count = reader.u16_le()?;
    let mut best: Option<((u32, u32), u32)> = None;
    for _ in 0..count {
        let entry: [u8; 16] = reader.array()?;
        // 0 stands for 256 and more.
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        let u32_at = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
        let (length, offset) = (u32_at(8), u32_at(12));
        let rank = (side(entry[0]) * side(entry[1]), length);
        if best.is_none_or(|(known, _)| rank > known) {
            best = Some((rank, offset));
        }
    }
    let ((_, length), offset) = best.ok_or(Stop::Broken("it has no picture"))?;
    reader.seek(offset.into())?;
    // Some writers state a length that is too long by the bitmap's header.
    let bytes = reader.block(u64::from(length).min(reader.left()))?;
    let is_png = bytes.starts_with(PNG);
    Ok(Entry { bytes, is_png })
}
