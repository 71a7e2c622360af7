//! JPEG XL by jxl-oxide.

use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, ExtraChannelType, JxlImage, JxlThreadPool, PixelFormat};
use transform::Format;

use super::{Decoded, guarded, malformed};
use crate::RenderError;
use crate::color::{Channels, Samples, Space, Values};
use crate::probe::Header;

/// Bytes that decoding may take for each pixel: planes of 32 bits, several of them at once, and filters' borders.
const BYTES_PER_PIXEL: usize = 48;
/// Bytes that decoding takes for the smallest picture: tables, and whole groups.
const BYTES_AT_LEAST: usize = 64 << 20;

/// The first frame, upright: the decoder turns it.
pub(super) fn decode(source: &[u8], header: &mut Header) -> Result<Decoded, RenderError> {
    guarded(Format::Jxl, || {
        let pixels = header.info.width as usize * header.info.height as usize;
        let limit = pixels.saturating_mul(BYTES_PER_PIXEL).saturating_add(BYTES_AT_LEAST);
        let image = JxlImage::builder()
            .pool(JxlThreadPool::none())
            .alloc_tracker(AllocTracker::with_limit(limit))
            .read(source)
            .map_err(broken)?;
        if (image.width(), image.height()) != (header.info.width, header.info.height) {
            return Err(malformed(
                Format::Jxl,
                "the picture is of another size than the header says",
            ));
        }
        if image.num_loaded_keyframes() == 0 {
            return Err(malformed(Format::Jxl, "picture data is missing"));
        }
        let render = image.render_frame(0).map_err(broken)?;
        let mut stream = render.stream();
        let stored = match image.pixel_format() {
            PixelFormat::Gray => Stored::Color(Channels::Gray),
            PixelFormat::Graya => Stored::Color(Channels::GrayAlpha),
            PixelFormat::Rgb => Stored::Color(Channels::Rgb),
            PixelFormat::Rgba => Stored::Color(Channels::Rgba),
            PixelFormat::Cmyk => Stored::Inks(4),
            PixelFormat::Cmyka => Stored::Inks(5),
        };
        let count = match stored {
            Stored::Color(channels) => channels.count(),
            Stored::Inks(count) => count,
        };
        if (stream.width(), stream.height(), stream.channels() as usize)
            != (header.info.width, header.info.height, count)
        {
            return Err(malformed(Format::Jxl, "a frame of another size than the picture"));
        }
        let deep = !matches!(
            image.image_header().metadata.bit_depth,
            BitDepth::IntegerSample { bits_per_sample: ..=8 }
        );
        let mut values = if deep {
            let mut values = vec![0u16; pixels * count];
            stream.write_to_buffer(&mut values);
            Values::Sixteen(values)
        } else {
            let mut values = vec![0u8; pixels * count];
            stream.write_to_buffer(&mut values);
            Values::Eight(values)
        };
        let channels = match stored {
            Stored::Color(channels) => {
                if is_premultiplied(&image) {
                    straighten(&mut values, channels);
                }
                channels
            }
            Stored::Inks(count) => {
                values = inks(values, count);
                Channels::Cmyk
            }
        };
        let space = match image.rendered_cicp() {
            Some([primaries, transfer, ..]) => Space::Cicp { primaries, transfer },
            None => Space::Icc(image.rendered_icc()),
        };
        header.metadata.icc = match &space {
            Space::Icc(icc) => Some(icc.clone()),
            _ => None,
        };
        header.metadata.exif = match image.aux_boxes().first_exif() {
            Ok(jxl_oxide::AuxBoxData::Data(exif)) => Some(exif.payload().to_vec()),
            _ => None,
        };
        header.metadata.xmp = match image.aux_boxes().first_xml() {
            jxl_oxide::AuxBoxData::Data(xmp) => Some(xmp.to_vec()),
            _ => None,
        };
        Ok(Decoded {
            samples: Samples {
                width: header.info.width,
                height: header.info.height,
                channels,
                values,
            },
            space,
            shrink: 1,
        })
    })
}

enum Stored {
    Color(Channels),
    /// Cyan, magenta, yellow, black, and perhaps alpha.
    Inks(usize),
}

fn is_premultiplied(image: &JxlImage) -> bool {
    let extra = &image.image_header().metadata.ec_info;
    extra
        .iter()
        .any(|channel| matches!(channel.ty, ExtraChannelType::Alpha { alpha_associated: true }))
}

/// Colours that were multiplied with alpha, divided by it.
fn straighten(values: &mut Values, channels: Channels) {
    let count = channels.count();
    match values {
        Values::Eight(values) if channels == Channels::Rgba => super::unpremultiply(values),
        Values::Eight(values) => values.chunks_exact_mut(count).for_each(|pixel| {
            let alpha = u32::from(pixel[count - 1]);
            for value in &mut pixel[..count - 1] {
                *value = (u32::from(*value) * 255 + alpha / 2)
                    .checked_div(alpha)
                    .unwrap_or(0)
                    .min(255) as u8;
            }
        }),
        Values::Sixteen(values) => values.chunks_exact_mut(count).for_each(|pixel| {
            let alpha = u64::from(pixel[count - 1]);
            for value in &mut pixel[..count - 1] {
                *value = (u64::from(*value) * 65_535 + alpha / 2)
                    .checked_div(alpha)
                    .unwrap_or(0)
                    .min(65_535) as u16;
            }
        }),
    }
}

/// In JPEG XL 0 is all of an ink (ISO/IEC 18181-1, annex on extra channels).
fn inks(values: Values, count: usize) -> Values {
    match values {
        Values::Eight(values) => Values::Eight(
            values
                .chunks_exact(count)
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]].map(|light| 255 - light))
                .collect(),
        ),
        Values::Sixteen(values) => Values::Sixteen(
            values
                .chunks_exact(count)
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]].map(|light| 65_535 - light))
                .collect(),
        ),
    }
}

fn broken(error: Box<dyn std::error::Error + Send + Sync>) -> RenderError {
    malformed(Format::Jxl, error.to_string())
}
