//! Bytes to pixels and pixels to bytes. A file a format, and behind it a library that does the work.

pub(crate) mod avif;
pub(crate) mod gif;
mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

use transform::{Encoding, Format, Part, Size};

use crate::budget::Effort;
use crate::color::{Samples, Space};
use crate::picture::Picture;
use crate::probe::{Header, Metadata};
use crate::text::Fonts;
use crate::{Budget, RenderError, animation};

/// A source in pixels: its first frame, as stored.
pub(crate) struct Decoded {
    pub samples: Samples,
    /// What its numbers mean.
    pub space: Space,
    /// How many times smaller than stated it was made, each way.
    pub shrink: u32,
}

/// Blocks that go into a result beside its pixels.
#[derive(Debug, Default)]
pub(crate) struct Attachments<'a> {
    pub icc: Option<&'a [u8]>,
    pub exif: Option<&'a [u8]>,
    pub xmp: Option<&'a [u8]>,
    pub iptc: Option<&'a [u8]>,
}

/// A part of a source, at most `shrink` times smaller. Only JPEG shrinks. What a decoder alone finds of the metadata goes
/// to the header.
pub(crate) fn decode(source: &[u8], header: &mut Header, part: &Part, shrink: u32) -> Result<Decoded, RenderError> {
    let stated = (header.info.width, header.info.height);
    if let Some(number) = animation::frame_asked_for(part, header) {
        return animation::still(source, header, number);
    }
    let decoded = match header.info.format {
        Format::Jpeg => jpeg::decode(source, header, shrink),
        Format::Png => png::decode(source, header),
        Format::Webp => webp::decode(source, header),
        Format::Avif => avif::decode(source, header),
        Format::Gif => gif::decode(source, header),
        format @ (Format::Tiff
        | Format::Bmp
        | Format::Ico
        | Format::Jxl
        | Format::Heic
        | Format::Psd
        | Format::Svg
        | Format::Pdf) => Err(malformed(format, "not read yet")),
    }?;
    let expected = (stated.0.div_ceil(decoded.shrink), stated.1.div_ceil(decoded.shrink));
    if (decoded.samples.width, decoded.samples.height) != expected {
        return Err(malformed(
            header.info.format,
            "the picture is of another size than the header says",
        ));
    }
    Ok(decoded)
}

/// A vector picture or a page, drawn at this size.
pub(crate) fn draw(
    _source: &[u8],
    format: Format,
    _part: &Part,
    _size: Size,
    _fonts: &Fonts,
    _budget: &Budget,
) -> Result<Picture, RenderError> {
    Err(malformed(format, "not read yet"))
}

/// A whole file.
pub(crate) fn encode(
    picture: &Picture,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    match encoding.format {
        Format::Jpeg => jpeg::encode(picture, encoding, attachments),
        Format::Png => png::encode(picture, attachments),
        Format::Webp => webp::encode(picture, encoding, attachments, effort),
        Format::Avif => avif::encode(picture, encoding, attachments, effort),
        Format::Gif => gif::encode(picture),
        _ => Err(RenderError::Plan("a format that cannot be written")),
    }
}

/// Refuses a result that its format cannot hold.
fn check_side(picture: &Picture, format: Format, limit: u32) -> Result<(), RenderError> {
    let Picture { width, height, .. } = *picture;
    check_size(Size { width, height }, format, limit)
}

fn check_size(Size { width, height }: Size, format: Format, limit: u32) -> Result<(), RenderError> {
    if width > limit || height > limit {
        return Err(RenderError::TooLargeForFormat {
            format,
            width,
            height,
            limit,
        });
    }
    Ok(())
}

fn malformed(format: Format, what: impl Into<String>) -> RenderError {
    RenderError::Malformed {
        format,
        what: what.into(),
    }
}

fn cannot_encode(format: Format, what: impl Into<String>) -> RenderError {
    RenderError::Encode {
        format,
        what: what.into(),
    }
}

/// The meaning of a source that has no other way to say it than an embedded profile.
fn space(metadata: &Metadata) -> Space {
    metadata.icc.clone().map_or(Space::Srgb, Space::Icc)
}
