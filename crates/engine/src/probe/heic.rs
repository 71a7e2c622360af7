//! HEIF stills coded in HEVC. The boxes are those of AVIF, and so is most of the reading.

use transform::Format;

use super::avif::{self, associations, boxes, child, is_alpha, references_to, u16_at, u32_at};
use super::reader::{Reader, Stop};
use super::{Header, Want, items};
use crate::ProbeError;

/// Boxes at the top of a file before the one that is looked for.
const MAX_BOXES: usize = 1000;
const MAX_ITEMS: usize = 4096;

/// Brands of files that may hold an HEVC picture.
const BRANDS: [&[u8; 4]; 9] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1",
];

/// True when the file type box names HEIF, and not AVIF.
pub(super) fn is_heic(head: &[u8]) -> bool {
    avif::brands(head).any(|brand| BRANDS.iter().any(|known| known[..] == *brand)) && !avif::is_avif(head)
}

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    let broken = |stop: Stop| stop.of(Format::Heic);
    let meta = meta(reader).map_err(broken)?;
    let picture = Picture::of(&meta).ok_or_else(|| broken(Stop::Broken("it describes no picture")))?;
    if picture.codec == *b"av01" {
        reader.seek(0).map_err(broken)?;
        return avif::read(reader, want);
    }
    let mut header = picture.header;
    if want == Want::Everything {
        (header.metadata.exif, header.metadata.xmp) = items::exif_and_xmp(reader, &meta);
    } else {
        header.metadata.icc = None;
    }
    Ok(header)
}

/// Goes over the boxes (ISO/IEC 14496-12) to the one that describes items.
fn meta(reader: &mut Reader) -> Result<Vec<u8>, Stop> {
    for _ in 0..MAX_BOXES {
        let start = reader.position();
        let (short, kind): (u32, [u8; 4]) = (reader.u32_be()?, reader.array()?);
        let length = match short {
            0 => reader.left(),
            1 => (u64::from(reader.u32_be()?) << 32 | u64::from(reader.u32_be()?)).saturating_sub(16),
            short => u64::from(short)
                .checked_sub(reader.position() - start)
                .ok_or(Stop::Broken("a box shorter than itself"))?,
        };
        match &kind {
            b"meta" => return reader.block(length),
            b"moov" => return Err(Stop::Broken("it is a sequence without a still")),
            _ => reader.skip(length)?,
        }
    }
    Err(Stop::Limit)
}

struct Picture {
    header: Header,
    /// How it, or its first tile, is coded.
    codec: [u8; 4],
}

impl Picture {
    /// The primary item with its properties applied, as it is decoded (ISO/IEC 23008-12).
    fn of(meta: &[u8]) -> Option<Self> {
        let children = meta.get(4..)?;
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
        let iref = child(children, b"iref");
        let kind = kind(child(children, b"iinf")?, primary)?;
        // Tiles stand for the whole in what the whole does not say.
        let tile = iref.and_then(|iref| references_to(iref, primary, b"dimg", true).first().copied());
        let codec = match (&kind, tile) {
            (b"grid" | b"iovl" | b"iden", Some(tile)) => self::kind(child(children, b"iinf")?, tile)?,
            _ => kind,
        };

        let (_, ispe) = of(primary).find(|(kind, _)| kind == b"ispe")?;
        let (mut width, mut height) = (u32_at(ispe, 4)?, u32_at(ispe, 8)?);
        let mut header = Header::new(Format::Heic, width, height);
        for (kind, value) in of(primary) {
            match kind {
                b"clap" => {
                    let length = |at: usize| Some(f64::from(u32_at(value, at)?) / f64::from(u32_at(value, at + 4)?));
                    width = width.min(length(0)?.round() as u32);
                    height = height.min(length(8)?.round() as u32);
                }
                b"irot" if value.first()? & 1 == 1 => (width, height) = (height, width),
                _ => {}
            }
        }
        (header.info.width, header.info.height) = (width, height);
        for (kind, value) in of(primary).chain(tile.into_iter().flat_map(of)) {
            match kind {
                b"pixi" => header.bit_depth = *value.get(5)?,
                b"hvcC" => header.bit_depth = (value.get(17)? & 7) + 8,
                b"colr" => match value.get(..4)? {
                    b"prof" | b"rICC" => {
                        header.has_profile = true;
                        header.metadata.icc.get_or_insert_with(|| value[4..].to_vec());
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        let mut auxiliaries = iref
            .into_iter()
            .flat_map(|iref| references_to(iref, primary, b"auxl", false));
        header.info.has_alpha =
            auxiliaries.any(|item| of(item).any(|(kind, value)| kind == b"auxC" && is_alpha(value)));
        Some(Self { header, codec })
    }
}

/// What an item is: `hvc1`, `grid`, `Exif`.
fn kind(iinf: &[u8], wanted: u32) -> Option<[u8; 4]> {
    let entries = iinf.get(if *iinf.first()? == 0 { 6 } else { 8 }..)?;
    boxes(entries).take(MAX_ITEMS).find_map(|(name, infe)| {
        let (id, after) = match (&name, infe.first()?) {
            (b"infe", 2) => (u32::from(u16_at(infe, 4)?), 6),
            (b"infe", 3) => (u32_at(infe, 4)?, 8),
            _ => return None,
        };
        // Two bytes of protection are between.
        (id == wanted).then(|| infe.get(after + 2..after + 6)?.try_into().ok())?
    })
}
