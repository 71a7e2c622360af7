use std::collections::HashSet;

use transform::{Format, Orientation, Part, SourceInfo};

use super::reader::{Reader, Stop};
use super::{Header, Want};
use crate::ProbeError;

/// Pages of one file. A scanned book has hundreds.
const MAX_PAGES: u32 = 10_000;
/// Entries of one directory that are looked at; they are sorted by tag, and the ones looked for are low.
const MAX_ENTRIES: u64 = 4096;
/// Values of one entry, but for those that are taken as a block.
const MAX_VALUES: u64 = 3 << 16;

/// What one page's directory (IFD) says, as far as it matters for its pixels.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub number: u32,
    pub width: u32,
    pub height: u32,
    pub bits: u16,
    pub compression: u16,
    pub photometric: u16,
    /// Where in the file the value of the photometric entry is.
    pub photometric_at: u64,
    pub big_endian: bool,
    pub orientation: u16,
    pub samples: u16,
    /// None when the entry is absent.
    pub extra_samples: Option<Vec<u16>>,
    /// Red, green and blue of each colour, sixteen bits each, all reds first.
    pub palette: Vec<u16>,
    pub ink_set: u16,
    /// Columns and rows that share one chroma sample.
    pub subsampling: (u16, u16),
    density: Option<f64>,
    density_unit: u16,
    icc: Option<Place>,
    xmp: Option<Place>,
    iptc: Option<Place>,
    /// The same without the resources around it.
    bare_iptc: Option<Place>,
}

/// A block of bytes in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u64,
}

/// What the samples after the colour mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    None,
    Straight,
    Premultiplied,
}

pub(super) fn is_tiff(head: &[u8]) -> bool {
    [&b"II*\0"[..], b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"]
        .iter()
        .any(|magic| head.starts_with(magic))
}

pub(super) fn read(reader: &mut Reader, part: &Part, want: Want) -> Result<Header, ProbeError> {
    let (page, pages) = page(reader, part)?;
    let mut header = Header::new(Format::Tiff, page.width, page.height);
    header.info.pages = pages;
    header.info.orientation = Orientation::from_exif(page.orientation);
    header.info.has_alpha = page.alpha() != Alpha::None;
    header.info.density = page.density();
    // Samples of 32 and 64 bits are read as sixteen.
    header.bit_depth = page.bits.min(16) as u8;
    header.has_profile = page.icc.is_some();
    if want == Want::Everything {
        let mut block = |place: Option<Place>| {
            let place = place?;
            reader.seek(place.at).ok()?;
            reader.block(place.length).ok()
        };
        header.metadata.icc = block(page.icc);
        header.metadata.xmp = block(page.xmp);
        header.metadata.iptc = block(page.iptc).or_else(|| Some(resource_of(&block(page.bare_iptc)?)));
    }
    Ok(header)
}

/// IPTC records as the Photoshop image resource that other formats have them in.
fn resource_of(records: &[u8]) -> Vec<u8> {
    let mut resource = b"8BIM\x04\x04\0\0".to_vec();
    resource.extend(u32::try_from(records.len()).unwrap_or(0).to_be_bytes());
    resource.extend(records);
    resource
}

/// The directory of a page, and how many pages there are.
pub(crate) fn page(reader: &mut Reader, part: &Part) -> Result<(Page, u32), ProbeError> {
    let wanted = match part {
        Part::Page(number) => (*number).max(1),
        _ => 1,
    };
    let mut file = File::open(reader).map_err(|stop| stop.of(Format::Tiff))?;
    let mut next = file.first;
    let mut seen = HashSet::new();
    let mut found = None;
    let mut pages = 0;
    while next != 0 && pages < MAX_PAGES && seen.insert(next) {
        let directory = file.directory(next);
        // A chain that breaks off after the page that is wanted still has that page.
        let (entries, after) = match directory {
            Ok(directory) => directory,
            Err(_) if found.is_some() => break,
            Err(stop) => return Err(stop.of(Format::Tiff)),
        };
        pages += 1;
        if pages == wanted {
            let mut page = file.page(&entries).map_err(|stop| stop.of(Format::Tiff))?;
            page.number = wanted;
            found = Some(page);
        }
        next = after;
    }
    match found {
        Some(page) => Ok((page, pages)),
        None if pages > 0 => Err(ProbeError::NoSuchPart {
            asked: wanted,
            part: "page",
            count: pages,
        }),
        None => Err(Stop::Broken("it has no page").of(Format::Tiff)),
    }
}

impl Page {
    /// Samples that are colour, by the photometric interpretation. None for one that is not read.
    pub fn colors(&self) -> Option<u16> {
        Some(match self.photometric {
            0 | 1 | 3 => 1,
            2 | 6 => 3,
            5 => 4,
            _ => return None,
        })
    }

    /// The first sample after the colours. One that the file says nothing of is alpha; one of which it says that it is
    /// unspecified is a mask that painting programs store, and is left out.
    pub fn alpha(&self) -> Alpha {
        let beyond = self.colors().map_or(0, |colors| self.samples.saturating_sub(colors));
        if beyond == 0 || !matches!(self.photometric, 0..=2) {
            return Alpha::None;
        }
        match self.extra_samples.as_deref() {
            Some([1, ..]) => Alpha::Premultiplied,
            Some([2, ..]) => Alpha::Straight,
            Some([_, ..]) => Alpha::None,
            Some([]) | None => Alpha::Straight,
        }
    }

    fn density(&self) -> u32 {
        let per_inch = match (self.density, self.density_unit) {
            (Some(density), 2) => density,
            (Some(density), 3) => density * 2.54,
            _ => return SourceInfo::DENSITY,
        };
        if (1.0..=65_535.0).contains(&per_inch) {
            per_inch.round() as u32
        } else {
            SourceInfo::DENSITY
        }
    }
}

/// A file's byte order and width of offsets, and the way to its directories.
struct File<'r, 'a> {
    reader: &'r mut Reader<'a>,
    big_endian: bool,
    /// BigTIFF: eight bytes an offset.
    wide: bool,
    first: u64,
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Where the value is, in the entry itself or elsewhere.
    at: u64,
}

impl<'r, 'a> File<'r, 'a> {
    fn open(reader: &'r mut Reader<'a>) -> Result<Self, Stop> {
        let order: [u8; 2] = reader.array()?;
        let mut file = Self {
            reader,
            big_endian: &order == b"MM",
            wide: false,
            first: 0,
        };
        file.wide = file.u16()? == 43;
        if file.wide {
            file.u32()?;
        }
        file.first = file.offset()?;
        Ok(file)
    }

    /// The entries of a directory, and the place of the next one.
    fn directory(&mut self, at: u64) -> Result<(Vec<Entry>, u64), Stop> {
        self.reader.seek(at)?;
        let count = if self.wide { self.u64()? } else { self.u16()?.into() };
        let size = if self.wide { 20 } else { 12 };
        if count > self.reader.left() / size {
            return Err(Stop::End);
        }
        let start = self.reader.position();
        let mut entries = Vec::new();
        for _ in 0..count.min(MAX_ENTRIES) {
            let entry_at = self.reader.position();
            let (tag, kind) = (self.u16()?, self.u16()?);
            let count = self.offset()?;
            let bytes = count.saturating_mul(size_of_kind(kind));
            let value_at = self.reader.position();
            let room = if self.wide { 8 } else { 4 };
            let at = self.offset()?;
            let at = if bytes <= room { value_at } else { at };
            entries.push(Entry { tag, kind, count, at });
            debug_assert_eq!(self.reader.position() - entry_at, size);
        }
        self.reader.seek(start + count * size)?;
        // Some writers leave out the zero that ends the chain.
        let next = self.offset().unwrap_or(0);
        Ok((entries, next))
    }

    fn page(&mut self, entries: &[Entry]) -> Result<Page, Stop> {
        let mut page = Page {
            bits: 1,
            compression: 1,
            photometric: u16::MAX,
            big_endian: self.big_endian,
            orientation: 1,
            samples: 1,
            ink_set: 1,
            subsampling: (2, 2),
            density_unit: 2,
            ..Page::default()
        };
        for entry in entries {
            let place = Place {
                at: entry.at,
                length: entry.count.saturating_mul(size_of_kind(entry.kind)),
            };
            match entry.tag {
                256 => page.width = self.number(entry)?,
                257 => page.height = self.number(entry)?,
                258 => page.bits = self.short(entry)?,
                259 => page.compression = self.short(entry)?,
                262 => {
                    page.photometric = self.short(entry)?;
                    page.photometric_at = entry.at;
                }
                274 => page.orientation = self.short(entry)?,
                277 => page.samples = self.short(entry)?,
                282 => page.density = self.rational(entry).ok(),
                296 => page.density_unit = self.short(entry)?,
                320 => page.palette = self.shorts(entry)?,
                332 => page.ink_set = self.short(entry)?,
                338 => page.extra_samples = Some(self.shorts(entry)?),
                530 => {
                    if let [across, down, ..] = self.shorts(entry)?[..] {
                        page.subsampling = (across, down);
                    }
                }
                700 => page.xmp = Some(place),
                33_723 => page.bare_iptc = Some(place),
                34_377 => page.iptc = Some(place),
                34_675 => page.icc = Some(place),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The first value of an entry.
    fn number(&mut self, entry: &Entry) -> Result<u32, Stop> {
        self.reader.seek(entry.at)?;
        match entry.kind {
            1 => self.reader.u8().map(u32::from),
            3 => self.u16().map(u32::from),
            4 => self.u32(),
            16 => u32::try_from(self.u64()?).map_err(|_| Stop::Broken("a number that is too large")),
            _ => Err(Stop::Broken("a number of another type")),
        }
    }

    fn short(&mut self, entry: &Entry) -> Result<u16, Stop> {
        let number = self.number(entry)?;
        u16::try_from(number).map_err(|_| Stop::Broken("a number that is too large"))
    }

    fn shorts(&mut self, entry: &Entry) -> Result<Vec<u16>, Stop> {
        if entry.kind != 3 || entry.count > MAX_VALUES {
            return Err(Stop::Broken("a list of another type"));
        }
        self.reader.seek(entry.at)?;
        let bytes = self.reader.block(entry.count * 2)?;
        let value = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if self.big_endian {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        };
        Ok(bytes.chunks_exact(2).map(value).collect())
    }

    fn rational(&mut self, entry: &Entry) -> Result<f64, Stop> {
        if entry.kind != 5 {
            return Err(Stop::Broken("a fraction of another type"));
        }
        self.reader.seek(entry.at)?;
        Ok(f64::from(self.u32()?) / f64::from(self.u32()?))
    }

    fn offset(&mut self) -> Result<u64, Stop> {
        if self.wide {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    fn u16(&mut self) -> Result<u16, Stop> {
        let bytes = self.reader.array()?;
        Ok(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.reader.array()?;
        Ok(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let bytes = self.reader.array()?;
        Ok(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }
}

fn size_of_kind(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 1,
    }
}
