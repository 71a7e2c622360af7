//! Pages of a PDF file. Where they are and how large is all over the file, so the reader of PDF looks.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::ZlibDecoder;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use transform::{Format, Part};

use super::Header;
use super::reader::{Reader, Stop};
use crate::ProbeError;

/// Bytes that all packed streams of a document may become.
pub(crate) const MAX_UNPACKED: u64 = 512 << 20;
/// The longest side that a page has at 72 dots an inch: 200 inches, more than PDF allows by itself.
const MAX_POINTS: f32 = 14_400.0;

/// PDF's mark has to be within the first kilobyte; Illustrator's files begin with it.
pub(super) fn is_pdf(head: &[u8]) -> bool {
    let head = &head[..head.len().min(1024)];
    head.windows(5).any(|window| window == b"%PDF-")
}

pub(super) fn read(reader: &mut Reader, part: &Part) -> Result<Header, ProbeError> {
    let bytes = reader.block(reader.left()).map_err(|stop| stop.of(Format::Pdf))?;
    catch_unwind(AssertUnwindSafe(|| header(bytes, part)))
        .unwrap_or_else(|_| Err(Stop::Broken("its reader gave up on it").of(Format::Pdf)))
}

fn header(bytes: Vec<u8>, part: &Part) -> Result<Header, ProbeError> {
    let pdf = open(bytes).map_err(|what| Stop::Broken(what).of(Format::Pdf))?;
    let pages = pdf.pages();
    let number = number(part);
    let page = pages.get(number as usize - 1).ok_or(ProbeError::NoSuchPart {
        asked: number,
        part: "page",
        count: u32::try_from(pages.len()).unwrap_or(u32::MAX),
    })?;
    let (width, height) = page.render_dimensions();
    let side = |points: f32| points.round().clamp(1.0, MAX_POINTS) as u32;
    let mut header = Header::new(Format::Pdf, side(width), side(height));
    header.info.pages = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    Ok(header)
}

/// Which page, counted from 1.
pub(crate) fn number(part: &Part) -> u32 {
    match part {
        Part::Page(number) => (*number).max(1),
        Part::Layers(ranges) => ranges.first().map_or(1, |(first, _)| (*first).max(1)),
        Part::Default | Part::Named(_) => 1,
    }
}

/// The document, or what is wrong with it.
pub(crate) fn open(bytes: Vec<u8>) -> Result<Pdf, &'static str> {
    if !unpacks_to_little(&bytes) {
        return Err("its streams unpack to too much");
    }
    Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => "it is locked with a password",
        LoadPdfError::Invalid => "its pages cannot be found",
    })
}

/// Whether all that looks like a deflated stream stays within bounds: already to find the pages, some are unpacked, and
/// nothing in the library limits that.
fn unpacks_to_little(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"stream";
    let mut left = MAX_UNPACKED;
    let mut at = 0;
    let mut buffer = [0; 32 << 10];
    while let Some(found) = memchr::memmem::find(&bytes[at..], MARK) {
        at += found + MARK.len();
        let data = match bytes[at..] {
            [b'\r', b'\n', ref data @ ..] | [b'\n' | b'\r', ref data @ ..] => data,
            _ => continue,
        };
        // The first byte of a zlib stream names deflate and its window (RFC 1950).
        if data.first().is_none_or(|byte| byte & 0x8f != 0x08) {
            continue;
        }
        let mut unpacked = ZlibDecoder::new(data).take(left + 1);
        while let Ok(count @ 1..) = unpacked.read(&mut buffer) {
            match left.checked_sub(count as u64) {
                Some(less) => left = less,
                None => return false,
            }
        }
        at += unpacked.into_inner().total_in() as usize;
    }
    true
}
