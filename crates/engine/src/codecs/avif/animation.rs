use std::time::Duration;

use libavif_sys as avif;
use transform::{Encoding, Format};

use super::super::{Attachments, cannot_encode, check_side};
use super::{Encoder, Image, MAX_ENCODED_SIDE, Output, block, check_encode, colors, encoder, has_few_colors, image};
use crate::RenderError;
use crate::animation::Plays;
use crate::budget::Effort;
use crate::picture::Picture;

/// Milliseconds, as viewers round to.
const TIMESCALE: u64 = 1000;

/// Writes an AVIF sequence. The last frame is kept until it is known how long it is shown.
pub(crate) struct Animation {
    encoder: Encoder,
    encoding: Encoding,
    icc: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
    last: Option<(Image, Picture, u64)>,
}

impl Animation {
    pub fn new(
        first: &Picture,
        encoding: &Encoding,
        attachments: &Attachments,
        plays: Plays,
        effort: Effort,
    ) -> Result<Self, RenderError> {
        check_side(first, Format::Avif, MAX_ENCODED_SIDE)?;
        let encoder = encoder(has_few_colors(colors(first)), encoding, effort)?;
        // SAFETY: the encoder is alive and borrowed by nobody else.
        unsafe {
            (*encoder.0).timescale = TIMESCALE;
            (*encoder.0).repetitionCount = match plays {
                Plays::Forever => avif::AVIF_REPETITION_COUNT_INFINITE,
                Plays::Times(times) => i32::try_from(times.saturating_sub(1)).unwrap_or(i32::MAX),
            };
        }
        Ok(Self {
            encoder,
            encoding: *encoding,
            icc: attachments.icc.map(<[u8]>::to_vec),
            exif: attachments.exif.map(<[u8]>::to_vec),
            xmp: attachments.xmp.map(<[u8]>::to_vec),
            last: None,
        })
    }

    /// The next frame, and when it begins.
    pub fn add(&mut self, picture: Picture, start: Duration) -> Result<(), RenderError> {
        if self.last.as_ref().is_some_and(|(_, last, _)| *last == picture) {
            return Ok(());
        }
        let start = milliseconds(start);
        self.write_last(start)?;
        let attachments = Attachments {
            icc: self.icc.as_deref(),
            exif: self.exif.as_deref(),
            xmp: self.xmp.as_deref(),
            iptc: None,
        };
        let image = image(&picture, &self.encoding, &attachments)?;
        self.last = Some((image, picture, start));
        Ok(())
    }

    /// The whole file; its last frame is shown until `end`.
    pub fn finish(mut self, end: Duration) -> Result<Vec<u8>, RenderError> {
        self.write_last(milliseconds(end))?;
        let mut output = Output::default();
        // SAFETY: the encoder is alive; the output is allocated by the library.
        check_encode(unsafe { avif::avifEncoderFinish(self.encoder.0, &mut output.0) })?;
        block(&output.0).ok_or_else(|| cannot_encode(Format::Avif, "an empty file"))
    }

    fn write_last(&mut self, end: u64) -> Result<(), RenderError> {
        let Some((image, _, start)) = self.last.take() else {
            return Ok(());
        };
        // The format has no frame of no duration.
        let duration = end.saturating_sub(start).max(1);
        // SAFETY: encoder and image are alive; the library copies what it keeps.
        check_encode(unsafe {
            avif::avifEncoderAddImage(self.encoder.0, image.0, duration, avif::AVIF_ADD_IMAGE_FLAG_NONE)
        })
    }
}

/// Rounds times, not durations, so that errors do not add up.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 500_000) / 1_000_000).unwrap_or(u64::MAX)
}
