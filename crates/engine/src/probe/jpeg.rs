mod quality;

use transform::Format;

use super::reader::{Reader, Stop};
use super::{Header, Metadata, Resolution, Want};
use crate::{ProbeError, exif};

/// What application segments begin with.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
pub(crate) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub(crate) const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const JFIF: &[u8] = b"JFIF\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
/// Segments before the picture. Real files have fewer than fifty, with an ICC profile in chunks some hundreds.
const MAX_SEGMENTS: usize = 1000;

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    walk(reader, want).map_err(|stop| stop.of(Format::Jpeg))
}

/// Goes over the marker segments up to the frame header (SOF), which all metadata precedes.
fn walk(reader: &mut Reader, want: Want) -> Result<Header, Stop> {
    reader.skip(2)?;
    let mut metadata = Metadata::default();
    let mut profile = Vec::new();
    let mut has_profile = false;
    let mut inverted_inks = false;
    let mut quality = None;
    let mut resolution = None;
    for _ in 0..MAX_SEGMENTS {
        let marker = next_marker(reader)?;
        match marker {
            // Stand-alone markers have no length.
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 | 0xda => return Err(Stop::Broken("no frame header before the picture data")),
            _ => {}
        }
        let length = u64::from(reader.u16_be()?)
            .checked_sub(2)
            .ok_or(Stop::Broken("a segment shorter than itself"))?;
        match marker {
            // SOF0 to SOF15, without DHT, JPG and DAC, which share the range.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [bit_depth] = reader.array()?;
                let (height, width) = (reader.u16_be()?, reader.u16_be()?);
                if height == 0 {
                    return Err(Stop::Broken("no height in the frame header"));
                }
                let mut header = Header::new(Format::Jpeg, width.into(), height.into());
                header.bit_depth = bit_depth;
                header.has_profile = has_profile;
                header.inverted_inks = inverted_inks;
                header.info.quality = quality;
                header.resolution = resolution;
                header.info.orientation = exif::orientation(metadata.exif.as_deref());
                metadata.icc = join(profile);
                header.metadata = metadata;
                return Ok(header);
            }
            0xe0 => resolution = resolution.or(jfif(&reader.block(length)?)),
            0xe1 => {
                let segment = reader.block(length)?;
                if let Some(exif) = segment.strip_prefix(EXIF) {
                    metadata.exif.get_or_insert_with(|| exif.to_vec());
                } else if let Some(xmp) = segment.strip_prefix(XMP) {
                    metadata.xmp.get_or_insert_with(|| xmp.to_vec());
                }
            }
            0xe2 => {
                let segment = reader.block(length)?;
                if let Some([number, _of, part @ ..]) = segment.strip_prefix(ICC) {
                    has_profile = true;
                    profile.push((*number, part.to_vec()));
                }
            }
            0xed if want == Want::Everything => {
                let segment = reader.block(length)?;
                if let Some(resources) = segment.strip_prefix(PHOTOSHOP) {
                    metadata.iptc.get_or_insert_with(|| resources.to_vec());
                }
            }
            0xdb => quality = quality.or(quality::of_tables(&reader.block(length)?)),
            0xee => inverted_inks |= reader.block(length)?.starts_with(b"Adobe"),
            _ => reader.skip(length)?,
        }
    }
    Err(Stop::Broken("too many segments"))
}

fn next_marker(reader: &mut Reader) -> Result<u8, Stop> {
    // Decoders pass over stray bytes between segments, and so do we; but not over a whole file.
    const MAX_STRAY: usize = 4096;
    let mut after_fill = false;
    for _ in 0..MAX_STRAY {
        match reader.u8()? {
            0xff => after_fill = true,
            0x00 => after_fill = false,
            marker if after_fill => return Ok(marker),
            _ => {}
        }
    }
    Err(Stop::Broken("bytes that belong to no segment"))
}

/// Version, unit and both densities (JFIF 1.02). The unit 0 only gives the shape of a pixel.
fn jfif(segment: &[u8]) -> Option<Resolution> {
    let [_, _, unit, x0, x1, y0, y1, ..] = *segment.strip_prefix(JFIF)? else {
        return None;
    };
    let inches = match unit {
        1 => 1.0,
        2 => 1.0 / 2.54,
        _ => return None,
    };
    Resolution::per(
        inches,
        u16::from_be_bytes([x0, x1]).into(),
        u16::from_be_bytes([y0, y1]).into(),
    )
}

/// The chunks of a profile in their order; they are numbered from 1.
fn join(mut chunks: Vec<(u8, Vec<u8>)>) -> Option<Vec<u8>> {
    chunks.sort_by_key(|(number, _)| *number);
    let whole: Vec<u8> = chunks.into_iter().flat_map(|(_, part)| part).collect();
    (!whole.is_empty()).then_some(whole)
}
