//! HEIC by heifer, which is written in safe Rust: no library to install, nothing to load at run time.

use heifer::heifer_isobmff::HeifFile;
use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
use heifer::{Error, Options};
use transform::Format;

use super::{Decoded, guarded, malformed};
use crate::RenderError;
use crate::color::{Channels, Samples, Space};
use crate::probe::Header;

/// The primary picture, upright and cropped as its properties say; ten and twelve bits become eight.
pub(super) fn decode(source: &[u8], header: &mut Header) -> Result<Decoded, RenderError> {
    let (width, height) = (header.info.width, header.info.height);
    guarded(Format::Heic, || {
        let options = Options {
            // Renditions run beside each other; one of them gets one processor.
            max_threads: 1,
            // Tiles reach over the right and lower edge.
            max_pixels: (u64::from(width) * u64::from(height)).saturating_mul(2) + (1 << 20),
        };
        let file = HeifFile::parse(source).map_err(|error| broken(error.into()))?;
        let primary = file.primary_id;
        // A broken block of metadata leaves the picture as it is.
        header.metadata.exif = file.exif(primary).ok().flatten();
        header.metadata.xmp = file.xmp(primary).ok().flatten();
        let space = match header.metadata.icc.clone() {
            Some(icc) => Space::Icc(icc),
            None => code_points(&file).unwrap_or(Space::Srgb),
        };
        drop(file);

        let image = heifer::decode_rgba8(source, &options).map_err(broken)?;
        if (image.width, image.height) != (width, height) {
            return Err(malformed(
                Format::Heic,
                "the picture is of another size than the header says",
            ));
        }
        let mut pixels = image.data;
        let channels = if header.info.has_alpha {
            Channels::Rgba
        } else {
            let count = pixels.len() / 4;
            for index in 0..count {
                pixels.copy_within(index * 4..index * 4 + 3, index * 3);
            }
            pixels.truncate(count * 3);
            Channels::Rgb
        };
        Ok(Decoded {
            samples: Samples::eight(width, height, channels, pixels),
            space,
            shrink: 1,
        })
    })
}

/// What the primary item says of its colours, or its first tile.
fn code_points(file: &HeifFile) -> Option<Space> {
    let primary = file.primary_id;
    let tile = file.referenced_items(primary, b"dimg").first().copied();
    [Some(primary), tile].into_iter().flatten().find_map(|item| {
        file.item_properties(item).ok()?.find_map(|property| match property {
            Property::Color(ColorInfo::Nclx {
                primaries, transfer, ..
            }) => Some(Space::Cicp {
                primaries: u8::try_from(*primaries).ok()?,
                transfer: u8::try_from(*transfer).ok()?,
            }),
            _ => None,
        })
    })
}

fn broken(error: Error) -> RenderError {
    match error {
        Error::Unsupported(_) => RenderError::Unsupported {
            format: Format::Heic,
            what: "another codec than HEVC, or a rare tool of it,",
        },
        error => malformed(Format::Heic, error.to_string()),
    }
}
