//! Icons and cursors: their largest picture.

use std::io::Cursor;

use transform::{Format, Part};

use super::{Decoded, bmp, malformed, png};
use crate::RenderError;
use crate::color::{Channels, Samples, Space};
use crate::probe::bmp::Bitmap;
use crate::probe::{Header, Reader, Want, ico};

pub(super) fn decode(source: &[u8]) -> Result<Decoded, RenderError> {
    let mut cursor = Cursor::new(source);
    let entry = ico::largest(&mut Reader::new(&mut cursor)?).map_err(|stop| stop.of(Format::Ico))?;
    if entry.is_png {
        let mut header = Header::of(&entry.bytes, &Part::Default, Want::Everything)?;
        return png::decode(&entry.bytes, &mut header);
    }
    let mut cursor = Cursor::new(&entry.bytes);
    let mut bitmap = Bitmap::read(&mut Reader::new(&mut cursor)?).map_err(|stop| stop.of(Format::Ico))?;
    bitmap.height /= 2;
    if bitmap.width == 0 || bitmap.height == 0 {
        return Err(malformed(Format::Ico, "a side of no pixels"));
    }
    // Pixels of 32 bits carry alpha in an icon, whether they say so or not.
    if bitmap.bits == 32 && bitmap.masks[3] == 0 {
        bitmap.masks[3] = !(bitmap.masks[0] | bitmap.masks[1] | bitmap.masks[2]);
    }
    let data_at = bitmap.palette_at + bitmap.palette_entries * bitmap.palette_entry_size;
    let data = entry.bytes.get(data_at as usize..).unwrap_or_default();
    let (channels, mut pixels) = bmp::unpack(&bitmap, &entry.bytes, data, Format::Ico)?;
    let has_alpha = channels == Channels::Rgba && pixels.chunks_exact(4).any(|pixel| pixel[3] != 0);
    if channels != Channels::Rgba {
        pixels = pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    }
    if !has_alpha {
        mask(&bitmap, data, &mut pixels);
    }
    Ok(Decoded {
        samples: Samples::eight(bitmap.width, bitmap.height, Channels::Rgba, pixels),
        space: Space::Srgb,
        shrink: 1,
    })
}

/// Sets alpha from the mask behind the pixels: one bit each, 1 is transparent. Without a mask all is opaque.
fn mask(bitmap: &Bitmap, data: &[u8], pixels: &mut [u8]) {
    let (width, height) = (bitmap.width as usize, bitmap.height as usize);
    let colors = (width * usize::from(bitmap.bits)).div_ceil(32) * 4 * height;
    let mask = data.get(colors..).unwrap_or_default();
    let stride = width.div_ceil(32) * 4;
    for (y, row) in pixels.chunks_exact_mut(width * 4).enumerate() {
        let line = if bitmap.top_down { y } else { height - 1 - y };
        let bits = mask.get(line * stride..).unwrap_or_default();
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            let transparent = bits.get(x / 8).is_some_and(|byte| byte >> (7 - x % 8) & 1 == 1);
            pixel[3] = if transparent { 0 } else { 255 };
        }
    }
}
