//! GIF by the `gif` crate.

mod animation;
mod frames;

use gif::{DecodingError, EncodingError};
use transform::{Format, Size};

use super::{Decoded, cannot_encode, malformed};
use crate::RenderError;
use crate::animation::Plays;
use crate::color::{Channels, Samples, Space};
use crate::picture::Picture;
use crate::probe::Header;

pub(crate) use animation::Animation;
pub(crate) use frames::Frames;

/// The longest side of the format.
const MAX_SIDE: u32 = 65_535;

/// The first frame, in its place on the screen; around it nothing.
pub(super) fn decode(source: &[u8], header: &Header) -> Result<Decoded, RenderError> {
    let frame = Frames::new(source, header)?.next_frame()?;
    let Picture {
        width,
        height,
        has_alpha,
        pixels,
    } = frame.ok_or_else(|| malformed(Format::Gif, "no frame"))?.picture;
    let channels = if has_alpha { Channels::Rgba } else { Channels::Rgb };
    Ok(Decoded {
        samples: Samples::eight(width, height, channels, pixels),
        space: Space::Srgb,
        shrink: 1,
    })
}

/// A file of one frame, with a palette made for it.
pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>, RenderError> {
    let size = Size {
        width: picture.width,
        height: picture.height,
    };
    let mut animation = Animation::new(size, picture.has_alpha, Plays::Times(1))?;
    animation.add(picture.clone(), std::time::Duration::ZERO)?;
    animation.finish(std::time::Duration::ZERO)
}

fn broken(error: DecodingError) -> RenderError {
    malformed(Format::Gif, error.to_string())
}

fn failed(error: EncodingError) -> RenderError {
    cannot_encode(Format::Gif, error.to_string())
}
