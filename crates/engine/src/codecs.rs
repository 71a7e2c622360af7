//! Bytes to pixels and pixels to bytes. A file a format, and behind it a library that does the work.

mod apart;
pub(crate) mod avif;
mod bmp;
mod density;
pub(crate) mod gif;
mod heic;
mod ico;
mod jpeg;
mod jxl;
mod pdf;
pub(crate) mod png;
mod psd;
pub(crate) mod svg;
mod tiff;
pub(crate) mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) use jpeg::{Chroma, decode_planes, stream_planes, to_picture};

use transform::{Encoding, Format, Part, Size};

use crate::budget::Effort;
use crate::color::{Channels, Samples, Space};
use crate::picture::Picture;
use crate::planes::Planes;
use crate::probe::avif::is_avif;
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
        Format::Avif if !is_avif(source) => avif::decode(&named_avif(source), header),
        Format::Avif => avif::decode(source, header),
        Format::Gif => gif::decode(source, header),
        Format::Tiff => tiff::decode(source, header, part),
        Format::Bmp => bmp::decode(source, header),
        Format::Ico => ico::decode(source),
        Format::Jxl => jxl::decode(source, header),
        Format::Heic => heic::decode(source, header),
        Format::Psd => psd::decode(source, header, part),
        Format::Svg | Format::Pdf => {
            let (width, height) = stated;
            let size = Size { width, height };
            let format = header.info.format;
            let Picture { has_alpha, pixels, .. } =
                draw(source, format, part, size, &Fonts::bundled(), &Budget::default())?;
            let channels = if has_alpha { Channels::Rgba } else { Channels::Rgb };
            Ok(Decoded {
                samples: Samples::eight(width, height, channels, pixels),
                space: Space::Srgb,
                shrink: 1,
            })
        }
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

/// A HEIF file that holds AV1 without saying so at its beginning, as the library wants it: with its first brand changed.
fn named_avif(source: &[u8]) -> Vec<u8> {
    let mut named = source.to_vec();
    if let Some(brand) = named.get_mut(8..12) {
        brand.copy_from_slice(b"avif");
    }
    named
}

/// A vector picture or a page, drawn at this size: a drawing on nothing, a page on white paper. Gives up when the budget is
/// cancelled.
pub(crate) fn draw(
    source: &[u8],
    format: Format,
    part: &Part,
    size: Size,
    fonts: &Fonts,
    budget: &Budget,
) -> Result<Picture, RenderError> {
    budget.check_pixels(size.width, size.height)?;
    let (source, part, fonts) = (source.to_vec(), part.clone(), fonts.clone());
    match format {
        Format::Svg => apart::apart(format, budget, move || svg::draw(&source, size, &fonts)),
        Format::Pdf => apart::apart(format, budget, move || pdf::draw(source, &part, size)),
        _ => Err(RenderError::Internal(String::from("only vectors are drawn"))),
    }
}

/// A whole file.
pub(crate) fn encode(
    picture: &Picture,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    let file = match encoding.format {
        Format::Jpeg => jpeg::encode(picture, encoding, attachments),
        Format::Png => png::encode(picture, attachments),
        Format::Webp => webp::encode(picture, encoding, attachments, effort),
        Format::Avif => avif::encode(picture, encoding, attachments, effort),
        Format::Gif => gif::encode(picture),
        _ => Err(RenderError::Plan("a format that cannot be written")),
    }?;
    Ok(match encoding.density {
        Some(dots) => density::stated(file, encoding.format, dots),
        None => file,
    })
}

/// How many samples of luma share one of chroma, across and down, in a file that is written from planes; nothing when it
/// is not.
pub(crate) fn sampling_of_planes(encoding: &Encoding) -> Option<(u32, u32)> {
    if encoding.lossless {
        return None;
    }
    match encoding.format {
        Format::Jpeg => Some(jpeg::sampling(encoding.quality)),
        Format::Webp => Some((2, 2)),
        Format::Avif => Some(avif::sampling(encoding.quality)),
        _ => None,
    }
}

/// A whole file of planes that are [sampled](sampling_of_planes) as it needs them.
pub(crate) fn encode_planes(
    planes: &Planes,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    if sampling_of_planes(encoding) != Some(planes.sampling) {
        return Err(RenderError::Internal(String::from("planes of another sampling")));
    }
    match encoding.format {
        Format::Jpeg => jpeg::encode_planes(planes, encoding, attachments),
        Format::Webp => webp::encode_planes(planes, encoding, attachments, effort),
        _ => avif::encode_planes(planes, encoding, attachments, effort),
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

/// Runs a decoder that others wrote. Where it panics, the file is one that nobody tried before, and counts as broken.
fn guarded<T>(format: Format, work: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(malformed(format, "its decoder gave up on it")))
}

/// Makes premultiplied RGBA straight. What is wholly transparent becomes black.
fn unpremultiply(pixels: &mut [u8]) {
    for pixel in pixels.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha != 255 {
            for value in &mut pixel[..3] {
                *value = (u32::from(*value) * 255 + alpha / 2)
                    .checked_div(alpha)
                    .unwrap_or(0)
                    .min(255) as u8;
            }
        }
    }
}

pub(crate) fn malformed(format: Format, what: impl Into<String>) -> RenderError {
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
pub(crate) fn space(metadata: &Metadata) -> Space {
    metadata.icc.clone().map_or(Space::Srgb, Space::Icc)
}
