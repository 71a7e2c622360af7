use std::time::Duration;

use transform::{Encoding, Format, Size};

use super::Plays;
use crate::codecs::{Attachments, avif, gif, png, webp};
use crate::picture::Picture;
use crate::{Budget, RenderError};

/// Takes frames in order, and writes each as what is new in it.
pub(crate) struct FrameWriter {
    file: File,
    /// True when all frames get an alpha channel: a file has one kind of pixels.
    with_alpha: bool,
}

enum File {
    Webp(webp::Animation),
    Gif(Box<gif::Animation>),
    Png(png::Animation),
    Avif(avif::Animation),
}

impl FrameWriter {
    /// For frames of the size of `first`, which is still to be added. Frames may have alpha or not as they come, if they
    /// `may_have_alpha` at all.
    pub fn new(
        first: &Picture,
        may_have_alpha: bool,
        encoding: &Encoding,
        attachments: &Attachments,
        plays: Plays,
        budget: &Budget,
    ) -> Result<Self, RenderError> {
        let size = Size {
            width: first.width,
            height: first.height,
        };
        let (file, with_alpha) = match encoding.format {
            Format::Webp => {
                let animation = webp::Animation::new(size, encoding, attachments, plays, budget)?;
                // Its frames have alpha each on its own.
                (File::Webp(animation), false)
            }
            Format::Gif => {
                let animation = gif::Animation::new(size, may_have_alpha, plays)?;
                (File::Gif(Box::new(animation)), false)
            }
            Format::Png => {
                let animation = png::Animation::new(size, may_have_alpha, attachments, plays)?;
                (File::Png(animation), may_have_alpha)
            }
            Format::Avif => {
                let animation = avif::Animation::new(first, encoding, attachments, plays, budget.effort)?;
                (File::Avif(animation), may_have_alpha)
            }
            _ => return Err(RenderError::Plan("a format that holds no animation")),
        };
        Ok(Self { file, with_alpha })
    }

    /// The next frame, and when it begins.
    pub fn add(&mut self, picture: Picture, start: Duration) -> Result<(), RenderError> {
        let picture = if self.with_alpha { picture.with_alpha() } else { picture };
        match &mut self.file {
            File::Webp(animation) => animation.add(picture, start),
            File::Gif(animation) => animation.add(picture, start),
            File::Png(animation) => animation.add(picture, start),
            File::Avif(animation) => animation.add(picture, start),
        }
    }

    /// Bytes so far.
    pub fn length(&self) -> usize {
        match &self.file {
            File::Webp(animation) => animation.length(),
            File::Gif(animation) => animation.length(),
            File::Png(animation) => animation.length(),
            // The library keeps them to itself until the end; they are checked there.
            File::Avif(_) => 0,
        }
    }

    /// The whole file; its last frame is shown until `end`.
    pub fn finish(self, end: Duration) -> Result<Vec<u8>, RenderError> {
        match self.file {
            File::Webp(animation) => animation.finish(end),
            File::Gif(animation) => animation.finish(end),
            File::Png(animation) => animation.finish(end),
            File::Avif(animation) => animation.finish(end),
        }
    }
}
