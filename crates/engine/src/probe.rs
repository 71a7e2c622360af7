//! A look at a source's header: never a pixel, few bytes, bounded. A file a format.

pub(crate) mod avif;
pub(crate) mod bmp;
mod coverage;
mod gif;
mod heic;
pub(crate) mod ico;
mod items;
pub(crate) mod jpeg;
mod jxl;
pub(crate) mod pdf;
mod png;
pub(crate) mod psd;
mod reader;
pub(crate) mod svg;
pub(crate) mod tiff;
mod webp;

use std::io::{Cursor, Read, Seek};

use transform::{Format, Part, SourceInfo};

use crate::ProbeError;
pub(crate) use reader::Reader;

/// The longest side that is read. JPEG, GIF and WebP cannot hold more.
pub(crate) const MAX_SIDE: u32 = 65_535;

/// Bytes that a drawing or a document may have: what they cost is not in their header.
pub(crate) const MAX_VECTOR: u64 = 5 << 20;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// What the planner needs.
    pub info: SourceInfo,
    bit_depth: u8,
    has_profile: bool,
}

impl Probe {
    /// Bits of a channel as stored: 8 for most, 1 to 16.
    pub fn bit_depth(&self) -> u8 {
        self.bit_depth
    }

    /// True when an ICC profile is embedded.
    pub fn has_profile(&self) -> bool {
        self.has_profile
    }
}

/// Header-only look at a source: decodes no pixel, reads little, and never more than a fixed number of bytes.
pub fn probe(source: &mut (impl Read + Seek)) -> Result<Probe, ProbeError> {
    probe_part(source, &Part::Default)
}

/// [`probe`] of one page, frame or layer.
pub fn probe_part(source: &mut (impl Read + Seek), part: &Part) -> Result<Probe, ProbeError> {
    let header = read_header(source, part, Want::Facts)?;
    Ok(Probe {
        info: header.info,
        bit_depth: header.bit_depth,
        has_profile: header.has_profile,
    })
}

/// [`probe`] of a source in memory.
pub fn probe_bytes(source: &[u8]) -> Result<Probe, ProbeError> {
    probe(&mut Cursor::new(source))
}

/// How much of a header is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// What [`Probe`] holds.
    Facts,
    /// The embedded profile and metadata too.
    Everything,
}

/// All that a header holds. Blocks are only there when [`Want::Everything`] was asked for.
#[derive(Debug)]
pub(crate) struct Header {
    pub info: SourceInfo,
    pub bit_depth: u8,
    pub has_profile: bool,
    /// CMYK is stored as its negative, as Adobe's programs do and mark.
    pub inverted_inks: bool,
    /// What the format itself says of it, EXIF aside.
    pub resolution: Option<Resolution>,
    pub metadata: Metadata,
}

/// Dots per inch, across and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resolution {
    pub x: f64,
    pub y: f64,
}

/// Blocks of a file that are not pixels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    /// ICC profile.
    pub icc: Option<Vec<u8>>,
    /// TIFF structure, without any `Exif\0\0` before it.
    pub exif: Option<Vec<u8>>,
    /// An XML packet.
    pub xmp: Option<Vec<u8>>,
    /// Photoshop image resources, in which IPTC lives; JPEG has them.
    pub iptc: Option<Vec<u8>>,
}

impl Resolution {
    /// Of dots counted in a unit of so many inches; none where they are none.
    fn per(inches: f64, x: f64, y: f64) -> Option<Self> {
        let sound = |dots: f64| dots.is_finite() && dots > 0.0;
        let (x, y) = (x / inches, y / inches);
        (sound(x) && sound(y)).then_some(Self { x, y })
    }
}

impl Header {
    /// A header to be filled in: no metadata, upright, a still.
    fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            info: SourceInfo::new(format, width, height),
            bit_depth: 8,
            has_profile: false,
            inverted_inks: false,
            resolution: None,
            metadata: Metadata::default(),
        }
    }

    /// Of a part of a source in memory.
    pub fn of(source: &[u8], part: &Part, want: Want) -> Result<Self, ProbeError> {
        read_header(&mut Cursor::new(source), part, want)
    }
}

pub(crate) fn read_header(source: &mut (impl Read + Seek), part: &Part, want: Want) -> Result<Header, ProbeError> {
    let mut reader = Reader::new(source)?;
    let head = reader.peek()?;
    if let Some(format) = unread(head) {
        return Err(ProbeError::NotRead(format));
    }
    let header = match format(head).ok_or(ProbeError::Unrecognised)? {
        Format::Jpeg => jpeg::read(&mut reader, want),
        Format::Png => png::read(&mut reader, want),
        Format::Webp => webp::read(&mut reader, want),
        Format::Avif => avif::read(&mut reader, want),
        Format::Gif => gif::read(&mut reader),
        Format::Tiff => tiff::read(&mut reader, part, want),
        Format::Bmp => bmp::read(&mut reader, want),
        Format::Ico => ico::read(&mut reader, want),
        Format::Jxl => jxl::read(&mut reader, want),
        Format::Heic => heic::read(&mut reader, want),
        Format::Psd => psd::read(&mut reader, part, want),
        format @ (Format::Svg | Format::Pdf) if reader.left() > MAX_VECTOR => Err(ProbeError::TooLong {
            format,
            bytes: reader.left(),
            limit: MAX_VECTOR,
        }),
        Format::Svg => svg::read(&mut reader),
        Format::Pdf => pdf::read(&mut reader, part),
    }?;
    let SourceInfo {
        format, width, height, ..
    } = header.info;
    if let Part::Page(asked) = *part
        && !format.is_document()
        && header.info.frames.max(header.info.pages) < asked.max(1)
    {
        return Err(ProbeError::NoSuchPart {
            asked,
            part: if header.info.pages > 1 { "page" } else { "frame" },
            count: header.info.frames.max(header.info.pages),
        });
    }
    if width == 0 || height == 0 {
        return Err(ProbeError::Malformed {
            format,
            what: "a side of no pixels",
        });
    }
    if !(1..=16).contains(&header.bit_depth) {
        return Err(ProbeError::Malformed {
            format,
            what: "an impossible number of bits in a sample",
        });
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(ProbeError::TooLarge {
            width,
            height,
            limit: MAX_SIDE,
        });
    }
    Ok(header)
}

/// The format by magic number, among those that are read.
fn format(head: &[u8]) -> Option<Format> {
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(Format::Jpeg)
    } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        Some(Format::Webp)
    } else if avif::is_avif(head) {
        Some(Format::Avif)
    } else if tiff::is_tiff(head) {
        Some(Format::Tiff)
    } else if bmp::is_bmp(head) {
        Some(Format::Bmp)
    } else if ico::is_ico(head) {
        Some(Format::Ico)
    } else if jxl::is_jxl(head) {
        Some(Format::Jxl)
    } else if heic::is_heic(head) {
        Some(Format::Heic)
    } else if psd::is_psd(head) {
        Some(Format::Psd)
    } else if svg::is_svg(head) {
        Some(Format::Svg)
    } else if pdf::is_pdf(head) {
        Some(Format::Pdf)
    } else {
        None
    }
}

/// The name of a format that is known and not read.
fn unread(head: &[u8]) -> Option<&'static str> {
    let brand = head
        .get(4..8)
        .filter(|kind| *kind == b"ftyp")
        .and_then(|_| head.get(8..12));
    Some(match head {
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        _ if brand == Some(b"crx ") || head.get(8..11) == Some(b"CR\x02") => "camera raw (Canon)",
        _ if head.starts_with(b"FUJIFILMCCD-RAW") => "camera raw (Fujifilm)",
        _ if head.starts_with(b"IIRO") || head.starts_with(b"IIRS") => "camera raw (Olympus)",
        _ if head.starts_with(b"IIU\0") => "camera raw (Panasonic)",
        _ if head.starts_with(b"8BPS\0\x02") => "large Photoshop (PSB)",
        _ if head.starts_with(b"%!PS") || head.starts_with(&[0xc5, 0xd0, 0xd3, 0xc6]) => "PostScript (EPS)",
        _ if head.starts_with(&[0x1f, 0x8b]) => "gzip",
        _ => return None,
    })
}
