use transform::{Format, Orientation};

use super::reader::{Reader, Stop};
use super::{Header, Want, items};
use crate::ProbeError;

/// Boxes at the top of a file. Fragmented sequences have many; the ones looked for come early.
const MAX_BOXES: usize = 1000;
/// Properties and items are counted by the file, and gone over in pairs.
const MAX_ITEMS: usize = 4096;

/// True when the file type box names AVIF, as first brand or as one of the compatible ones.
pub(crate) fn is_avif(head: &[u8]) -> bool {
    brands(head).any(|brand| brand == b"avif" || brand == b"avis")
}

/// The brands in a file type box: what readers have to know to read the file.
pub(super) fn brands(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = match (u32_at(head, 0), head.get(4..8)) {
        (Some(size), Some(b"ftyp")) => usize::try_from(size).unwrap_or(usize::MAX).min(head.len()),
        _ => 0,
    };
    let brands = head.get(8..end).unwrap_or_default().chunks_exact(4).enumerate();
    // The second four bytes are a version.
    brands.filter(|(index, _)| *index != 1).map(|(_, brand)| brand)
}

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    walk(reader, want).map_err(|stop| stop.of(Format::Avif))
}

/// Goes over the boxes (ISO/IEC 14496-12) to the one that describes items (`meta`) and, in a sequence, tracks (`moov`).
fn walk(reader: &mut Reader, want: Want) -> Result<Header, Stop> {
    let mut still = None;
    let mut described = Vec::new();
    let mut sequence = None;
    let mut is_sequence = false;
    for _ in 0..MAX_BOXES {
        if reader.left() == 0 || (still.is_some() && (sequence.is_some() || !is_sequence)) {
            break;
        }
        let start = reader.position();
        let (short, kind) = (reader.u32_be()?, reader.array()?);
        let length = match short {
            0 => reader.left(),
            1 => (u64::from(reader.u32_be()?) << 32 | u64::from(reader.u32_be()?)).saturating_sub(16),
            short => u64::from(short)
                .checked_sub(reader.position() - start)
                .ok_or(SHORT_BOX)?,
        };
        match &kind {
            b"ftyp" => is_sequence = reader.block(length)?.chunks_exact(4).any(|brand| brand == b"avis"),
            b"meta" => {
                described = reader.block(length)?;
                still = meta(&described);
            }
            b"moov" => sequence = moov(&reader.block(length)?),
            // The rest of a file that is cut off is for the decoder to miss.
            _ if length > reader.left() => break,
            _ => reader.skip(length)?,
        }
    }
    let frames = sequence.as_ref().map_or(1, |header| header.info.frames);
    let mut header = still.or(sequence).ok_or(Stop::Broken("it describes no picture"))?;
    header.info.frames = frames.max(1);
    if want == Want::Everything {
        (header.metadata.exif, header.metadata.xmp) = items::exif_and_xmp(reader, &described);
    } else {
        header.metadata.icc = None;
    }
    Ok(header)
}

const SHORT_BOX: Stop = Stop::Broken("a box shorter than itself");

/// The primary item and its properties (ISO/IEC 23008-12).
fn meta(bytes: &[u8]) -> Option<Header> {
    let children = bytes.get(4..)?;
    let pitm = child(children, b"pitm")?;
    let primary = if *pitm.first()? == 0 {
        u32::from(u16_at(pitm, 4)?)
    } else {
        u32_at(pitm, 4)?
    };
    let iprp = child(children, b"iprp")?;
    let properties: Vec<_> = boxes(child(iprp, b"ipco")?).take(MAX_ITEMS).collect();
    let associations = associations(child(iprp, b"ipma")?)?;
    let of = |item: u32| {
        let indices = associations
            .iter()
            .filter(move |(of, _)| *of == item)
            .map(|(_, index)| *index);
        indices.filter_map(|index| properties.get(index.checked_sub(1)?))
    };

    let (_, ispe) = of(primary).find(|(kind, _)| kind == b"ispe")?;
    let mut header = Header::new(Format::Avif, u32_at(ispe, 4)?, u32_at(ispe, 8)?);
    let (mut turn, mut mirror) = (0, None);
    for (kind, value) in of(primary) {
        match kind {
            b"irot" => turn = value.first()? & 3,
            b"imir" => mirror = Some(value.first()? & 1),
            b"pixi" => header.bit_depth = *value.get(5)?,
            b"av1C" => header.bit_depth = av1_bit_depth(*value.get(2)?),
            b"colr" if matches!(value.get(..4), Some(b"prof" | b"rICC")) => {
                header.has_profile = true;
                header.metadata.icc.get_or_insert_with(|| value[4..].to_vec());
            }
            _ => {}
        }
    }
    header.info.orientation = orientation(turn, mirror);

    let mut auxiliaries = child(children, b"iref")
        .into_iter()
        .flat_map(|iref| references_to(iref, primary, b"auxl", false));
    header.info.has_alpha = auxiliaries.any(|item| of(item).any(|(kind, value)| kind == b"auxC" && is_alpha(value)));
    Some(header)
}

/// Pairs of an item and the number of one of its properties.
pub(super) fn associations(ipma: &[u8]) -> Option<Vec<(u32, usize)>> {
    let (version, wide) = (*ipma.first()?, ipma.get(3)? & 1 == 1);
    let count = u32_at(ipma, 4)?;
    let mut rest = ipma.get(8..)?;
    let mut pairs = Vec::new();
    for _ in 0..count {
        let item = if version == 0 {
            u32::from(u16_at(rest, 0)?)
        } else {
            u32_at(rest, 0)?
        };
        rest = rest.get(if version == 0 { 2 } else { 4 }..)?;
        let properties = *rest.first()?;
        rest = rest.get(1..)?;
        for _ in 0..properties {
            // The highest bit says whether the property must be understood.
            let index = if wide {
                u16_at(rest, 0)? & 0x7fff
            } else {
                u16::from(rest.first()? & 0x7f)
            };
            rest = rest.get(if wide { 2 } else { 1 }..)?;
            pairs.push((item, usize::from(index)));
        }
        if pairs.len() > MAX_ITEMS {
            return None;
        }
    }
    Some(pairs)
}

/// Items that refer to this one in a certain way; with `from`, those that this one refers to.
pub(super) fn references_to(iref: &[u8], item: u32, wanted: &[u8; 4], from: bool) -> Vec<u32> {
    let wide = iref.first() == Some(&1);
    let id = |bytes: &[u8], at: usize| {
        if wide {
            u32_at(bytes, at)
        } else {
            u16_at(bytes, at).map(u32::from)
        }
    };
    let size = if wide { 4 } else { 2 };
    let mut items = Vec::new();
    for (kind, value) in boxes(iref.get(4..).unwrap_or_default()).take(MAX_ITEMS) {
        let (Some(origin), Some(count)) = (id(value, 0), u16_at(value, size)) else {
            continue;
        };
        let mut to = (0..usize::from(count)).filter_map(|index| id(value, size + 2 + index * size));
        if &kind != wanted {
            continue;
        }
        if from && origin == item {
            items.extend(to.take(16));
        } else if !from && to.any(|to| to == item) {
            items.push(origin);
        }
    }
    items.truncate(16);
    items
}

pub(super) fn is_alpha(aux_c: &[u8]) -> bool {
    let kind = aux_c.get(4..).unwrap_or_default().split(|byte| *byte == 0).next();
    kind == Some(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha") || kind == Some(b"urn:mpeg:hevc:2015:auxid:1")
}

fn av1_bit_depth(flags: u8) -> u8 {
    match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    }
}

/// Quarter turns against the clock first, then the mirror: 0 exchanges top and bottom, 1 left and right.
fn orientation(turn: u8, mirror: Option<u8>) -> Orientation {
    Orientation::from_exif(match (turn, mirror) {
        (1, None) => 8,
        (2, None) => 3,
        (3, None) => 6,
        (0, Some(0)) | (2, Some(1)) => 4,
        (0, Some(1)) | (2, Some(0)) => 2,
        (1, Some(0)) | (3, Some(1)) => 5,
        (3, Some(0)) | (1, Some(1)) => 7,
        _ => 1,
    })
}

/// The first picture track of a sequence: its size, how many samples it has, and whether another track is its alpha.
fn moov(bytes: &[u8]) -> Option<Header> {
    let mut header: Option<Header> = None;
    let mut has_alpha = false;
    for (_, trak) in boxes(bytes).filter(|(kind, _)| kind == b"trak").take(16) {
        let mdia = child(trak, b"mdia")?;
        match child(mdia, b"hdlr").and_then(|hdlr| hdlr.get(8..12)) {
            Some(b"pict") if header.is_none() => {
                let tkhd = child(trak, b"tkhd")?;
                // Sixteen bits before the point and sixteen after, at the end of the box.
                let place = tkhd.len().checked_sub(8)?;
                let (width, height) = (u32_at(tkhd, place)? >> 16, u32_at(tkhd, place + 4)? >> 16);
                let stsz = child(child(child(mdia, b"minf")?, b"stbl")?, b"stsz")?;
                let mut track = Header::new(Format::Avif, width, height);
                track.info.frames = u32_at(stsz, 8)?;
                header = Some(track);
            }
            Some(b"auxv") => has_alpha = true,
            _ => {}
        }
    }
    let mut header = header?;
    header.info.has_alpha = has_alpha;
    Some(header)
}

/// The boxes one after another in these bytes, up to the first that is not whole.
pub(super) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = bytes.get(4..8)?.try_into().ok()?;
        let (start, size) = match u32_at(bytes, 0)? {
            0 => (8, bytes.len()),
            1 => (
                16,
                usize::try_from(u64::from(u32_at(bytes, 8)?) << 32 | u64::from(u32_at(bytes, 12)?)).ok()?,
            ),
            size => (8, usize::try_from(size).ok()?),
        };
        let value = bytes.get(start..size)?;
        bytes = &bytes[size..];
        Some((kind, value))
    })
}

pub(super) fn child<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes)
        .take(MAX_ITEMS)
        .find(|(kind, _)| kind == wanted)
        .map(|(_, value)| value)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen at the corners of a picture that stores 0 1 over 2 3, by EXIF orientation less one.
    const SEEN: [[u8; 4]; 8] = [
        [0, 1, 2, 3],
        [1, 0, 3, 2],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
        [0, 2, 1, 3],
        [2, 0, 3, 1],
        [3, 1, 2, 0],
        [1, 3, 0, 2],
    ];

    #[test]
    fn turn_and_mirror() {
        for turn in 0..4 {
            for mirror in [None, Some(0), Some(1)] {
                let mut corners = [0, 1, 2, 3];
                for _ in 0..turn {
                    corners = [corners[1], corners[3], corners[0], corners[2]];
                }
                let [a, b, c, d] = corners;
                let seen = match mirror {
                    None => corners,
                    Some(0) => [c, d, a, b],
                    Some(_) => [b, a, d, c],
                };
                let found = usize::from(orientation(turn, mirror).to_exif()) - 1;
                assert_eq!(SEEN[found], seen, "{turn} {mirror:?}");
            }
        }
    }

    #[test]
    fn brands() {
        assert!(is_avif(b"\0\0\0\x14ftypmif1\0\0\0\0avis"));
        assert!(!is_avif(b"\0\0\0\x10ftypmif1avif"), "that is a version, not a brand");
        assert!(!is_avif(b"\0\0\0\x10ftypmif1\0\0\0\0avif"), "that is beyond the box");
        assert!(!is_avif(b"\0\0\0\x04ftyp"));
    }
}
