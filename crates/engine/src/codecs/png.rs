//! PNG by the `png` crate.

mod animation;
mod frames;

use std::borrow::Cow;
use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Info, Limits, Transformations};
use transform::Format;

use super::{Attachments, Decoded, cannot_encode, malformed};
use crate::RenderError;
use crate::color::{Channels, Samples, Space, Values};
use crate::picture::Picture;
use crate::probe::Header;

pub(crate) use animation::Animation;
pub(crate) use frames::Frames;

/// What a PNG may make the decoder allocate beside its pixels: rows, inflated profiles and texts.
const MAX_EXTRA_BYTES: usize = 32 << 20;
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

/// The default image, which of an APNG is nearly always its first frame.
pub(super) fn decode(source: &[u8], header: &mut Header) -> Result<Decoded, RenderError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(source), Limits { bytes: MAX_EXTRA_BYTES });
    // Palettes and low depths become eight bits, a transparent colour becomes alpha; sixteen bits stay.
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = reader.info().size();
    if (width, height) != (header.info.width, header.info.height) {
        return Err(malformed(Format::Png, "two headers"));
    }
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| malformed(Format::Png, "too large"))?;
    let mut bytes = vec![0; length];
    let frame = reader.next_frame(&mut bytes).map_err(broken)?;
    bytes.truncate(frame.buffer_size());

    let channels = match frame.color_type {
        ColorType::Grayscale => Channels::Gray,
        ColorType::GrayscaleAlpha => Channels::GrayAlpha,
        ColorType::Rgb => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
        ColorType::Indexed => return Err(malformed(Format::Png, "a palette picture without a palette")),
    };
    let values = match frame.bit_depth {
        BitDepth::Sixteen => Values::Sixteen(
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect(),
        ),
        _ => Values::Eight(bytes),
    };
    header.metadata.icc = reader.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    let space = space(reader.info());
    Ok(Decoded {
        samples: Samples {
            width,
            height,
            channels,
            values,
        },
        space,
        shrink: 1,
    })
}

/// In the order of precedence that the third edition of the standard gives. `gAMA` and `cHRM` alone are left aside:
/// writers that set them without a profile nearly always mean sRGB.
fn space(info: &Info) -> Space {
    if let Some(cicp) = info.coding_independent_code_points {
        return Space::Cicp {
            primaries: cicp.color_primaries,
            transfer: cicp.transfer_function,
        };
    }
    info.icc_profile
        .as_ref()
        .map_or(Space::Srgb, |icc| Space::Icc(icc.to_vec()))
}

/// Eight bits a channel. Carries EXIF and XMP.
pub(super) fn encode(picture: &Picture, attachments: &Attachments) -> Result<Vec<u8>, RenderError> {
    let mut info = Info::with_size(picture.width, picture.height);
    info.color_type = if picture.has_alpha {
        ColorType::Rgba
    } else {
        ColorType::Rgb
    };
    info.bit_depth = BitDepth::Eight;
    info.icc_profile = attachments.icc.map(Cow::Borrowed);
    info.exif_metadata = attachments.exif.map(Cow::Borrowed);
    let failed = |error: png::EncodingError| cannot_encode(Format::Png, error.to_string());

    let mut file = Vec::new();
    let mut encoder = Encoder::with_info(&mut file, info).map_err(failed)?;
    // Fast compression with a filter chosen for each row: on photographs a third of the time of zlib's default level,
    // and smaller than zlib without filters.
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    if let Some(xmp) = attachments.xmp.and_then(|xmp| std::str::from_utf8(xmp).ok()) {
        encoder
            .add_itxt_chunk(XMP_KEYWORD.to_string(), xmp.to_string())
            .map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&picture.pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn broken(error: png::DecodingError) -> RenderError {
    malformed(Format::Png, error.to_string())
}
