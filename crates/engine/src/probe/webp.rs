use transform::Format;

use super::coverage::{Coverage, Disposed};
use super::reader::{Reader, Stop};
use super::{Header, Want};
use crate::{ProbeError, exif};

/// Chunks of a file, the frames of an animation among them.
const MAX_CHUNKS: usize = 100_000;

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    walk(reader, want).map_err(|stop| stop.of(Format::Webp))
}

fn walk(reader: &mut Reader, want: Want) -> Result<Header, Stop> {
    reader.skip(12)?;
    let (name, length) = chunk(reader)?;
    match &name {
        b"VP8 " => lossy(reader),
        b"VP8L" => lossless(reader),
        b"VP8X" if length >= 10 => extended(reader, length, want),
        _ => Err(Stop::Broken("the first chunk is no picture")),
    }
}

/// Frame tag, start code, then fourteen bits of each side (RFC 6386, 9.1).
fn lossy(reader: &mut Reader) -> Result<Header, Stop> {
    reader.skip(3)?;
    if reader.array()? != [0x9d, 0x01, 0x2a] {
        return Err(Stop::Broken("no key frame"));
    }
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    Ok(Header::new(
        Format::Webp,
        u32::from(width & 0x3fff),
        u32::from(height & 0x3fff),
    ))
}

/// Signature, then fourteen bits of each side less one and a bit for alpha (RFC 9649, 3.4).
fn lossless(reader: &mut Reader) -> Result<Header, Stop> {
    if reader.u8()? != 0x2f {
        return Err(Stop::Broken("no lossless signature"));
    }
    let bits = reader.u32_le()?;
    let mut header = Header::new(Format::Webp, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
    header.info.has_alpha = bits >> 28 & 1 == 1;
    Ok(header)
}

fn extended(reader: &mut Reader, length: u32, want: Want) -> Result<Header, Stop> {
    const ANIMATION: u8 = 0x02;
    const EXIF: u8 = 0x08;
    const ALPHA: u8 = 0x10;
    const ICC: u8 = 0x20;
    let [flags, ..] = reader.array::<4>()?;
    let [w0, w1, w2, h0, h1, h2] = reader.array()?;
    reader.skip(padded(length) - 10)?;
    let (width, height) = (
        u32::from_le_bytes([w0, w1, w2, 0]) + 1,
        u32::from_le_bytes([h0, h1, h2, 0]) + 1,
    );
    let mut header = Header::new(Format::Webp, width, height);
    header.info.has_alpha = flags & ALPHA != 0;
    header.has_profile = flags & ICC != 0;
    if flags & (ANIMATION | EXIF) == 0 && want == Want::Facts {
        return Ok(header);
    }
    let mut frames = 0;
    let mut coverage = Coverage::default();
    for _ in 0..MAX_CHUNKS {
        // What follows the header may be cut off: that is for the decoder to say.
        let Ok((name, length)) = chunk(reader) else { break };
        let length_padded = padded(length);
        if length_padded > reader.left() {
            break;
        }
        match &name {
            b"ANMF" if length >= 16 => {
                frames += 1;
                let [x0, x1, x2, y0, y1, y2] = reader.array()?;
                let [w0, w1, w2, h0, h1, h2, _, _, _, flags] = reader.array()?;
                let number = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
                let covers = number([x0, x1, x2]) == 0
                    && number([y0, y1, y2]) == 0
                    && (number([w0, w1, w2]) + 1, number([h0, h1, h2]) + 1) == (width, height);
                let disposal = if flags & 1 == 1 {
                    Disposed::Cleared
                } else {
                    Disposed::Kept
                };
                coverage.frame(covers, false, disposal);
                reader.skip(length_padded - 16)?;
                continue;
            }
            b"EXIF" => {
                let block = block(reader, length)?;
                // Some writers keep the prefix that only JPEG has.
                let exif = block.strip_prefix(b"Exif\0\0").unwrap_or(&block).to_vec();
                header.info.orientation = exif::orientation(Some(&exif));
                header.metadata.exif = Some(exif);
                continue;
            }
            b"ICCP" if want == Want::Everything => {
                header.metadata.icc = Some(block(reader, length)?);
                continue;
            }
            b"XMP " if want == Want::Everything => {
                header.metadata.xmp = Some(block(reader, length)?);
                continue;
            }
            _ => {}
        }
        reader.skip(length_padded)?;
    }
    if flags & ANIMATION != 0 {
        header.info.frames = frames.max(1);
        // The flag speaks of the frames themselves, not of what is around them.
        header.info.has_alpha |= coverage.has_gaps;
    }
    Ok(header)
}

fn chunk(reader: &mut Reader) -> Result<([u8; 4], u32), Stop> {
    Ok((reader.array()?, reader.u32_le()?))
}

fn block(reader: &mut Reader, length: u32) -> Result<Vec<u8>, Stop> {
    let bytes = reader.block(length.into())?;
    reader.skip(padded(length) - u64::from(length))?;
    Ok(bytes)
}

/// Chunks begin at even places.
fn padded(length: u32) -> u64 {
    let length = u64::from(length);
    length + length % 2
}
