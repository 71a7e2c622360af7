//! TIFF. The crate unpacks strips and tiles into samples; what they mean is decided here.

use std::io::{Cursor, Read, Seek, SeekFrom};

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::{TiffError, TiffUnsupportedError};
use transform::{Format, Part};

use super::{Decoded, guarded, malformed, space};
use crate::RenderError;
use crate::color::{Channels, Samples, Values};
use crate::probe::tiff::{Alpha, Page};
use crate::probe::{Header, Reader, tiff};

/// Bytes that one pixel may take while it is unpacked: four samples of 32 bits.
const BYTES_PER_PIXEL: u64 = 16;
const MAX_SAMPLES: u16 = 16;

pub(super) fn decode(source: &[u8], header: &Header, part: &Part) -> Result<Decoded, RenderError> {
    let mut cursor = Cursor::new(source);
    let (page, _) = tiff::page(&mut Reader::new(&mut cursor)?, part)?;
    let colors = page.colors().ok_or(unsupported("such a colour space"))?;
    if page.samples < colors || page.samples > MAX_SAMPLES {
        return Err(malformed(Format::Tiff, "an impossible number of samples"));
    }
    if page.photometric == 5 && page.ink_set != 1 {
        return Err(unsupported("inks other than cyan, magenta, yellow and black"));
    }
    if page.photometric == 6 && page.compression != JPEG && page.subsampling != (1, 1) {
        return Err(unsupported("colour at a lower resolution, other than as JPEG,"));
    }
    let planes = guarded(Format::Tiff, || unpack(source, &page))?;
    let samples = interpret(&page, planes)?;
    Ok(Decoded {
        samples,
        space: space(&header.metadata),
        shrink: 1,
    })
}

const JPEG: u16 = 7;

/// All samples of a page, pixel by pixel.
fn unpack(source: &[u8], page: &Page) -> Result<Values, RenderError> {
    let as_gray: u16 = 1;
    let patched = Patched {
        inner: Cursor::new(source),
        at: page.photometric_at,
        // The crate knows fewer meanings of samples than there are; as shades of grey it hands them out untouched.
        bytes: if page.big_endian {
            as_gray.to_be_bytes()
        } else {
            as_gray.to_le_bytes()
        },
    };
    let pixels = u64::from(page.width) * u64::from(page.height);
    let limit = usize::try_from(pixels * BYTES_PER_PIXEL).unwrap_or(usize::MAX);
    // The lists of strips are held to it, too.
    let limit = limit.max(1 << 20);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = limit;
    limits.intermediate_buffer_size = limit;
    limits.ifd_value_size = source.len();

    let mut decoder = Decoder::new(patched).map_err(broken)?.with_limits(limits);
    decoder.seek_to_image(page.number as usize - 1).map_err(broken)?;
    if decoder.dimensions().map_err(broken)? != (page.width, page.height) {
        return Err(malformed(Format::Tiff, "two sizes of one page"));
    }
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut result).map_err(broken)?;
    if layout.complete_len > limit {
        return Err(malformed(Format::Tiff, "too many samples"));
    }
    let values = match result {
        DecodingResult::U8(packed) if page.bits < 8 => Values::Eight(spread(&packed, page)),
        DecodingResult::U8(values) => Values::Eight(values),
        DecodingResult::U16(values) => Values::Sixteen(values),
        DecodingResult::U32(values) => Values::Sixteen(values.iter().map(|value| (value >> 16) as u16).collect()),
        DecodingResult::U64(values) => Values::Sixteen(values.iter().map(|value| (value >> 48) as u16).collect()),
        DecodingResult::F16(values) => Values::Sixteen(values.iter().map(|value| of_float(value.to_f32())).collect()),
        DecodingResult::F32(values) => Values::Sixteen(values.iter().map(|value| of_float(*value)).collect()),
        DecodingResult::F64(values) => Values::Sixteen(values.iter().map(|value| of_float(*value as f32)).collect()),
        _ => return Err(unsupported("signed samples")),
    };
    let expected = pixels * u64::from(page.samples);
    let planes = layout.planes;
    let values = match values {
        Values::Eight(values) => Values::Eight(interleave(values, planes)),
        Values::Sixteen(values) => Values::Sixteen(interleave(values, planes)),
    };
    let found = match &values {
        Values::Eight(values) => values.len(),
        Values::Sixteen(values) => values.len(),
    };
    if found as u64 == expected {
        Ok(values)
    } else {
        Err(malformed(Format::Tiff, "picture data is missing"))
    }
}

/// Samples of less than a byte, each in a byte of its own. Rows begin at bytes.
fn spread(packed: &[u8], page: &Page) -> Vec<u8> {
    let bits = usize::from(page.bits.clamp(1, 8));
    let in_row = page.width as usize * usize::from(page.samples);
    let mask = ((1u32 << bits) - 1) as u8;
    let mut values = Vec::with_capacity(in_row * page.height as usize);
    for row in packed.chunks_exact((in_row * bits).div_ceil(8)) {
        values.extend((0..in_row).map(|index| {
            let (byte, bit) = (index * bits / 8, index * bits % 8);
            let pair = u16::from_be_bytes([row[byte], row.get(byte + 1).copied().unwrap_or(0)]);
            (pair >> (16 - bits - bit)) as u8 & mask
        }));
    }
    values
}

/// Planes one after the other become pixels one after the other.
fn interleave<T: Copy>(values: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return values;
    }
    let plane = values.len() / planes;
    let mut result = Vec::with_capacity(plane * planes);
    for index in 0..plane {
        result.extend((0..planes).map(|number| values[number * plane + index]));
    }
    result
}

/// Black is 0 and white 1, as programs that store pictures so agree.
fn of_float(value: f32) -> u16 {
    (value.clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16
}

fn interpret(page: &Page, values: Values) -> Result<Samples, RenderError> {
    let (width, height) = (page.width, page.height);
    if page.photometric == 3 {
        return Ok(Samples::eight(width, height, Channels::Rgb, look_up(page, &values)?));
    }
    // The colours are there: `decode` has looked.
    let colors = page.colors().unwrap_or(1);
    let alpha = page.alpha();
    let kept = colors + u16::from(alpha != Alpha::None);
    let (stride, kept, colors) = (usize::from(page.samples), usize::from(kept), usize::from(colors));
    let values = match values {
        Values::Eight(mut values) => {
            if page.bits < 8 {
                let most = (1u32 << page.bits) - 1;
                values
                    .iter_mut()
                    .for_each(|value| *value = (u32::from(*value) * 255 / most) as u8);
            }
            let mut values = keep(values, stride, kept);
            match page.photometric {
                0 => invert(&mut values, kept, |value| 255 - value),
                6 => values.chunks_exact_mut(3).for_each(|pixel| {
                    let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
                    pixel.copy_from_slice(&from_ycc(y, cb, cr).map(|value| (value + 0.5) as u8));
                }),
                _ => {}
            }
            if alpha == Alpha::Premultiplied {
                values.chunks_exact_mut(kept).for_each(|pixel| {
                    let (color, alpha) = pixel.split_at_mut(colors);
                    let alpha = u32::from(alpha[0]);
                    color.iter_mut().for_each(|value| {
                        *value = (u32::from(*value) * 255 + alpha / 2)
                            .checked_div(alpha)
                            .unwrap_or(0)
                            .min(255) as u8;
                    });
                });
            }
            Values::Eight(values)
        }
        Values::Sixteen(values) => {
            let mut values = keep(values, stride, kept);
            match page.photometric {
                0 => invert(&mut values, kept, |value| 65_535 - value),
                6 => return Err(unsupported("YCbCr colours of more than eight bits")),
                _ => {}
            }
            if alpha == Alpha::Premultiplied {
                values.chunks_exact_mut(kept).for_each(|pixel| {
                    let (color, alpha) = pixel.split_at_mut(colors);
                    let alpha = u64::from(alpha[0]);
                    color.iter_mut().for_each(|value| {
                        *value = (u64::from(*value) * 65_535 + alpha / 2)
                            .checked_div(alpha)
                            .unwrap_or(0)
                            .min(65_535) as u16;
                    });
                });
            }
            Values::Sixteen(values)
        }
    };
    let channels = match (colors, alpha) {
        (1, Alpha::None) => Channels::Gray,
        (1, _) => Channels::GrayAlpha,
        (3, Alpha::None) => Channels::Rgb,
        (3, _) => Channels::Rgba,
        _ => Channels::Cmyk,
    };
    Ok(Samples {
        width,
        height,
        channels,
        values,
    })
}

/// The first samples of each pixel.
fn keep<T: Copy>(mut values: Vec<T>, stride: usize, kept: usize) -> Vec<T> {
    if kept < stride {
        let pixels = values.len() / stride;
        for index in 0..pixels {
            values.copy_within(index * stride..index * stride + kept, index * kept);
        }
        values.truncate(pixels * kept);
    }
    values
}

fn invert<T: Copy>(values: &mut [T], stride: usize, negative: impl Fn(T) -> T) {
    values
        .chunks_exact_mut(stride)
        .for_each(|pixel| pixel[0] = negative(pixel[0]));
}

/// ITU-R BT.601 with the full range, as in JFIF; what TIFF 6.0 recommends and all writers do.
fn from_ycc(y: f32, cb: f32, cr: f32) -> [f32; 3] {
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| value.clamp(0.0, 255.0))
}

fn look_up(page: &Page, indices: &Values) -> Result<Vec<u8>, RenderError> {
    let Values::Eight(indices) = indices else {
        return Err(unsupported("palettes of more than 256 colours"));
    };
    let count = page.palette.len() / 3;
    if count == 0 {
        return Err(malformed(Format::Tiff, "a palette picture without a palette"));
    }
    // Some old writers store eight bits.
    let shift = if page.palette.iter().all(|value| *value < 256) {
        0
    } else {
        8
    };
    let color = |index: usize| {
        let index = index.min(count - 1);
        [0, 1, 2].map(|plane| (page.palette[plane * count + index] >> shift) as u8)
    };
    let table: Vec<[u8; 3]> = (0..256).map(color).collect();
    let stride = usize::from(page.samples);
    Ok(indices
        .chunks_exact(stride)
        .flat_map(|pixel| table[usize::from(pixel[0])])
        .collect())
}

fn unsupported(what: &'static str) -> RenderError {
    RenderError::Unsupported {
        format: Format::Tiff,
        what,
    }
}

fn broken(error: TiffError) -> RenderError {
    match error {
        TiffError::UnsupportedError(TiffUnsupportedError::UnsupportedCompressionMethod(_)) => {
            unsupported("this compression")
        }
        TiffError::UnsupportedError(_) => unsupported("samples stored this way"),
        error => malformed(Format::Tiff, error.to_string()),
    }
}

/// A file in which two bytes read differently than they are.
struct Patched<'a> {
    inner: Cursor<&'a [u8]>,
    at: u64,
    bytes: [u8; 2],
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let start = self.inner.position();
        let count = self.inner.read(buffer)?;
        for (place, byte) in (self.at..).zip(self.bytes) {
            if let Some(index) = place.checked_sub(start).and_then(|index| usize::try_from(index).ok())
                && let Some(to) = buffer[..count].get_mut(index)
            {
                *to = byte;
            }
        }
        Ok(count)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
