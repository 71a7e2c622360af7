use transform::Format;

use super::{Frame, Plays};
use crate::RenderError;
use crate::codecs::{avif, gif, png, webp};
use crate::color::Space;
use crate::probe::Header;

/// Yields the frames of an animation in order, each as the whole canvas.
pub(crate) enum FrameReader<'a> {
    Gif(Box<gif::Frames<'a>>),
    Webp(webp::Frames<'a>),
    Png(Box<png::Frames<'a>>),
    Avif(avif::Frames<'a>),
}

impl<'a> FrameReader<'a> {
    /// Of a source whose size has been held against the budget.
    pub fn new(source: &'a [u8], header: &Header) -> Result<Self, RenderError> {
        Ok(match header.info.format {
            Format::Gif => Self::Gif(Box::new(gif::Frames::new(source, header)?)),
            Format::Webp => Self::Webp(webp::Frames::new(source, header)?),
            Format::Png => Self::Png(Box::new(png::Frames::new(source, header)?)),
            Format::Avif => Self::Avif(avif::Frames::new(source, header)?),
            _ => return Err(RenderError::Plan("a format without frames")),
        })
    }

    /// The next frame; none at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, RenderError> {
        match self {
            Self::Gif(frames) => frames.next_frame(),
            Self::Webp(frames) => frames.next_frame(),
            Self::Png(frames) => frames.next_frame(),
            Self::Avif(frames) => frames.next_frame(),
        }
    }

    /// How often it is shown; known once the first frame has been read.
    pub fn plays(&self) -> Plays {
        match self {
            Self::Gif(frames) => frames.plays(),
            Self::Webp(frames) => frames.plays(),
            Self::Png(frames) => frames.plays(),
            Self::Avif(frames) => frames.plays(),
        }
    }

    /// What the numbers of all frames mean.
    pub fn space(&self) -> &Space {
        match self {
            Self::Gif(_) => &Space::Srgb,
            Self::Webp(frames) => frames.space(),
            Self::Png(frames) => frames.space(),
            Self::Avif(frames) => frames.space(),
        }
    }
}
