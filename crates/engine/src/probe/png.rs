use std::io::Read;

use transform::Format;

use super::coverage::{Coverage, Disposed};
use super::reader::{Reader, Stop};
use super::{Header, Resolution, Want};
use crate::{ProbeError, exif};

/// Chunks of a still. A palette picture with much text has some tens, one in small pieces thousands.
const MAX_CHUNKS: usize = 4096;
/// Bytes that an inflated profile may have.
const MAX_PROFILE: u64 = 4 << 20;
/// Chunks of an animation, its frames among them.
const MAX_ANIMATION_CHUNKS: usize = 100_000;

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    walk(reader, want).map_err(|stop| stop.of(Format::Png))
}

/// Goes over the chunks before the picture data. `eXIf` may come after it, and is looked for there too, by skipping.
fn walk(reader: &mut Reader, want: Want) -> Result<Header, Stop> {
    reader.skip(8)?;
    let length = reader.u32_be()?;
    if reader.array()? != *b"IHDR" || length != 13 {
        return Err(Stop::Broken("it does not begin with IHDR"));
    }
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let [bit_depth, color_type, ..] = reader.array::<5>()?;
    reader.skip(4)?;
    let mut header = Header::new(Format::Png, width, height);
    header.bit_depth = bit_depth;
    header.info.has_alpha = matches!(color_type, 4 | 6);
    let mut in_pixels = false;
    let mut coverage = Coverage::default();
    let mut read = 0;
    let mut most = MAX_CHUNKS;
    while read < most {
        read += 1;
        // A file that is cut off inside its pixels still has a sound header.
        let Ok((length, name)) = chunk(reader) else {
            return if in_pixels { Ok(header) } else { Err(Stop::End) };
        };
        match &name {
            b"IDAT" => in_pixels = true,
            b"IEND" => {
                return if in_pixels {
                    Ok(header)
                } else {
                    Err(Stop::Broken("no picture data"))
                };
            }
            b"tRNS" => header.info.has_alpha = true,
            b"fcTL" if length == 26 && most == MAX_ANIMATION_CHUNKS => {
                reader.skip(4)?;
                let (w, h, x, y) = (reader.u32_be()?, reader.u32_be()?, reader.u32_be()?, reader.u32_be()?);
                let [_, _, _, _, disposal, _] = reader.array()?;
                let disposal = match disposal {
                    1 => Disposed::Cleared,
                    2 => Disposed::Restored,
                    _ => Disposed::Kept,
                };
                coverage.frame((x, y, w, h) == (0, 0, width, height), false, disposal);
                header.info.has_alpha |= coverage.has_gaps;
                reader.skip(4)?;
                continue;
            }
            b"acTL" if !in_pixels && length >= 8 => {
                header.info.frames = reader.u32_be()?.max(1);
                most = MAX_ANIMATION_CHUNKS;
                reader.skip(u64::from(length) - 4 + 4)?;
                continue;
            }
            b"pHYs" if length == 9 => {
                let (x, y) = (reader.u32_be()?, reader.u32_be()?);
                // Per metre, or of no unit.
                if reader.u8()? == 1 {
                    header.resolution = Resolution::per(1.0 / 0.0254, x.into(), y.into());
                }
                reader.skip(4)?;
                continue;
            }
            b"iCCP" => {
                header.has_profile = true;
                if want == Want::Everything {
                    header.metadata.icc = profile(&reader.block(length.into())?);
                    reader.skip(4)?;
                    continue;
                }
            }
            b"eXIf" => {
                let exif = reader.block(length.into())?;
                header.info.orientation = exif::orientation(Some(&exif));
                header.metadata.exif = Some(exif);
                reader.skip(4)?;
                continue;
            }
            b"iTXt" if want == Want::Everything => {
                let text = reader.block(length.into())?;
                header.metadata.xmp = header.metadata.xmp.take().or_else(|| xmp(&text));
                reader.skip(4)?;
                continue;
            }
            _ => {}
        }
        // The chunk and its checksum.
        if reader.skip(u64::from(length) + 4).is_err() {
            return if in_pixels { Ok(header) } else { Err(Stop::End) };
        }
    }
    // Very many small IDAT chunks: the header is sound, and what may follow them is only metadata.
    if in_pixels {
        Ok(header)
    } else {
        Err(Stop::Broken("too many chunks"))
    }
}

fn chunk(reader: &mut Reader) -> Result<(u32, [u8; 4]), Stop> {
    Ok((reader.u32_be()?, reader.array()?))
}

/// XMP is an uncompressed `iTXt` with this keyword; a compressed one is legal, and never written.
fn xmp(text: &[u8]) -> Option<Vec<u8>> {
    let rest = text.strip_prefix(b"XML:com.adobe.xmp\0\0\0")?;
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    parts.nth(2).map(<[u8]>::to_vec)
}

/// Behind a name and the one method of compression that there is.
fn profile(chunk: &[u8]) -> Option<Vec<u8>> {
    let (_, rest) = chunk.split_at_checked(memchr::memchr(0, chunk)? + 2)?;
    let mut profile = Vec::new();
    let mut inflated = flate2::read::ZlibDecoder::new(rest).take(MAX_PROFILE);
    inflated.read_to_end(&mut profile).ok()?;
    (!profile.is_empty()).then_some(profile)
}
