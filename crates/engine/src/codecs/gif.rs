//! GIF by the `gif` crate; read only.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};
use transform::Format;

use super::{Decoded, malformed};
use crate::RenderError;
use crate::color::{Channels, Samples, Space};
use crate::picture::Picture;
use crate::probe::Header;

/// The first frame, in its place on the screen; around it nothing.
pub(super) fn decode(source: &[u8], header: &Header) -> Result<Decoded, RenderError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // A frame has up to 65535 x 65535 pixels whatever the screen: frames that stick out are seen, but not by much.
    let screen = u64::from(header.info.width) * u64::from(header.info.height) * 4;
    options.set_memory_limit(MemoryLimit::Bytes(
        NonZeroU64::MIN.saturating_add(screen.saturating_mul(2)),
    ));
    let mut decoder = options.read_info(source).map_err(broken)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder
        .read_next_frame()
        .map_err(broken)?
        .ok_or_else(|| malformed(Format::Gif, "no frame"))?;

    let mut screen = Picture::new(width, height, true);
    let stride = screen.stride();
    let left = usize::from(frame.left) * 4;
    let row_length = usize::from(frame.width) * 4;
    if row_length > 0 && left < stride {
        let visible = row_length.min(stride - left);
        let rows = screen.pixels.chunks_exact_mut(stride).skip(usize::from(frame.top));
        for (to, from) in rows.zip(frame.buffer.chunks_exact(row_length)) {
            to[left..left + visible].copy_from_slice(&from[..visible]);
        }
    }
    let (channels, screen) = if header.info.has_alpha {
        (Channels::Rgba, screen)
    } else {
        (Channels::Rgb, screen.without_alpha())
    };
    Ok(Decoded {
        samples: Samples::eight(width, height, channels, screen.pixels),
        space: Space::Srgb,
        shrink: 1,
    })
}

fn broken(error: DecodingError) -> RenderError {
    malformed(Format::Gif, error.to_string())
}
