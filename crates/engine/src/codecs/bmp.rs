//! Windows bitmaps, and what icons share with them.

use std::io::Cursor;

use transform::Format;

use super::{Decoded, malformed, space};
use crate::RenderError;
use crate::color::{Channels, Samples};
use crate::probe::bmp::{Bitmap, FILE_HEADER, Packing};
use crate::probe::{Header, Reader};

pub(super) fn decode(source: &[u8], header: &Header) -> Result<Decoded, RenderError> {
    let bytes = source.get(FILE_HEADER as usize..).unwrap_or_default();
    let mut cursor = Cursor::new(bytes);
    let bitmap = Bitmap::read(&mut Reader::new(&mut cursor)?).map_err(|stop| stop.of(Format::Bmp))?;
    let data_at = source
        .get(10..14)
        .map_or(0, |at| u32::from_le_bytes([at[0], at[1], at[2], at[3]]) as usize);
    let data = source.get(data_at..).unwrap_or_default();
    let (channels, values) = unpack(&bitmap, bytes, data, Format::Bmp)?;
    Ok(Decoded {
        samples: Samples::eight(bitmap.width, bitmap.height, channels, values),
        space: space(&header.metadata),
        shrink: 1,
    })
}

/// Pixels of a bitmap in rows from the top. `bytes` begins at its header, `data` at its pixels.
pub(super) fn unpack(
    bitmap: &Bitmap,
    bytes: &[u8],
    data: &[u8],
    format: Format,
) -> Result<(Channels, Vec<u8>), RenderError> {
    let width = bitmap.width as usize;
    let unpacked;
    let data = match bitmap.packing {
        Packing::None => data,
        Packing::RunLength => {
            unpacked = run_length(bitmap, data);
            &unpacked
        }
        Packing::File => return Err(unsupported(format, "another file inside")),
        Packing::Other => return Err(unsupported(format, "this compression")),
    };
    // Unpacked runs take a byte a pixel.
    let bits = if bitmap.packing == Packing::RunLength {
        8
    } else {
        usize::from(bitmap.bits)
    };
    let stride = (width * bits).div_ceil(32) * 4;
    let rows = data.chunks(stride).take(bitmap.height as usize);
    // The filling of the last row may be left out.
    let least = (bitmap.height as usize - 1) * stride + (width * bits).div_ceil(8);
    if data.len() < least {
        return Err(malformed(format, "picture data is missing"));
    }
    let palette = palette(bitmap, bytes);
    let masks = bitmap.masks.map(Mask::new);
    let has_alpha = bitmap.masks[3] != 0 && matches!(bits, 16 | 32);
    let channels = if has_alpha { Channels::Rgba } else { Channels::Rgb };
    let in_row = width * channels.count();
    let mut pixels = vec![0; in_row * bitmap.height as usize];
    for (index, row) in rows.enumerate() {
        let y = if bitmap.top_down {
            index
        } else {
            bitmap.height as usize - 1 - index
        };
        let to = &mut pixels[y * in_row..][..in_row];
        match bits {
            1 | 2 | 4 | 8 => {
                let each = 8 / bits;
                let mask = ((1u32 << bits) - 1) as u8;
                for (x, to) in to.chunks_exact_mut(3).enumerate() {
                    let index = row[x / each] >> (8 - bits - x % each * bits) & mask;
                    to.copy_from_slice(&palette[usize::from(index)]);
                }
            }
            24 => {
                for (to, from) in to.chunks_exact_mut(3).zip(row.chunks_exact(3)) {
                    to.copy_from_slice(&[from[2], from[1], from[0]]);
                }
            }
            16 | 32 => {
                let step = bits / 8;
                for (to, from) in to.chunks_exact_mut(channels.count()).zip(row.chunks_exact(step)) {
                    let value = match *from {
                        [a, b] => u32::from(u16::from_le_bytes([a, b])),
                        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
                        _ => 0,
                    };
                    for (to, mask) in to.iter_mut().zip(&masks) {
                        *to = mask.of(value);
                    }
                }
            }
            _ => return Err(malformed(format, "an impossible number of bits in a pixel")),
        }
    }
    Ok((channels, pixels))
}

/// 256 colours; those that the file leaves out are black.
fn palette(bitmap: &Bitmap, bytes: &[u8]) -> Vec<[u8; 3]> {
    let size = bitmap.palette_entry_size as usize;
    let entries = bytes
        .get(bitmap.palette_at as usize..)
        .unwrap_or_default()
        .chunks_exact(size);
    let mut palette: Vec<[u8; 3]> = entries
        .take(bitmap.palette_entries as usize)
        .map(|entry| [entry[2], entry[1], entry[0]])
        .collect();
    palette.resize(256, [0; 3]);
    palette
}

/// The indices of a run-length coded bitmap in rows as they are stored, filled up to four bytes. What the data leaves out
/// stays 0, as everywhere.
fn run_length(bitmap: &Bitmap, data: &[u8]) -> Vec<u8> {
    let (width, height) = (bitmap.width as usize, bitmap.height as usize);
    let stride = width.div_ceil(4) * 4;
    let mut indices = vec![0; stride * height];
    let nibbles = bitmap.bits == 4;
    let (mut x, mut y) = (0, 0);
    let mut at = 0;
    let byte = |at: usize| data.get(at).copied();
    while let (Some(count), Some(value)) = (byte(at), byte(at + 1)) {
        at += 2;
        let mut put = |index: u8| {
            if x < width && y < height {
                indices[y * stride + x] = index;
            }
            x += 1;
        };
        match (count, value) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => break,
            (0, 2) => {
                x += usize::from(byte(at).unwrap_or(0));
                y += usize::from(byte(at + 1).unwrap_or(0));
                at += 2;
            }
            (0, literal) => {
                let literal = usize::from(literal);
                for index in 0..literal {
                    let value = byte(at + if nibbles { index / 2 } else { index }).unwrap_or(0);
                    put(nibble(value, index, nibbles));
                }
                let taken = if nibbles { literal.div_ceil(2) } else { literal };
                at += taken.next_multiple_of(2);
            }
            (count, value) => (0..usize::from(count)).for_each(|index| put(nibble(value, index, nibbles))),
        }
        if y >= height {
            break;
        }
    }
    indices
}

fn nibble(value: u8, index: usize, nibbles: bool) -> u8 {
    match (nibbles, index % 2) {
        (false, _) => value,
        (true, 0) => value >> 4,
        (true, _) => value & 15,
    }
}

/// Takes the bits of one channel out of a pixel.
struct Mask {
    bits: u32,
    shift: u32,
}

impl Mask {
    fn new(bits: u32) -> Self {
        let shift = if bits == 0 { 0 } else { bits.trailing_zeros() };
        Self { bits, shift }
    }

    fn of(&self, pixel: u32) -> u8 {
        let most = u64::from(self.bits >> self.shift);
        let value = u64::from((pixel & self.bits) >> self.shift);
        (value * 255 + most / 2).checked_div(most).unwrap_or(0) as u8
    }
}

fn unsupported(format: Format, what: &'static str) -> RenderError {
    RenderError::Unsupported { format, what }
}
