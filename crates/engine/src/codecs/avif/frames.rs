use std::marker::PhantomData;
use std::time::Duration;

use libavif_sys as avif;
use transform::Format;

use super::super::malformed;
use super::{Decoder, check, image_space, prepare, to_picture};
use crate::RenderError;
use crate::animation::{Frame, Plays};
use crate::color::Space;
use crate::probe::Header;

/// The frames of an AVIF sequence.
pub(crate) struct Frames<'a> {
    decoder: Decoder,
    size: (u32, u32),
    has_alpha: bool,
    space: Space,
    /// The decoder reads from it.
    source: PhantomData<&'a [u8]>,
}

impl<'a> Frames<'a> {
    pub fn new(source: &'a [u8], header: &Header) -> Result<Self, RenderError> {
        let decoder = prepare(source, header)?;
        // SAFETY: the decoder is alive, borrowed by nobody else, and reads the source that outlives it.
        check(unsafe {
            (*decoder.0).requestedSource = avif::AVIF_DECODER_SOURCE_TRACKS;
            avif::avifDecoderParse(decoder.0)
        })?;
        // SAFETY: after parsing the image is there, owned by the decoder.
        let image = unsafe { &*(*decoder.0).image };
        let space = image_space(image);
        Ok(Self {
            decoder,
            size: (header.info.width, header.info.height),
            has_alpha: header.info.has_alpha,
            space,
            source: PhantomData,
        })
    }

    pub fn next_frame(&mut self) -> Result<Option<Frame>, RenderError> {
        // SAFETY: the decoder is alive and was parsed.
        match unsafe { avif::avifDecoderNextImage(self.decoder.0) } {
            avif::AVIF_RESULT_NO_IMAGES_REMAINING => return Ok(None),
            result => check(result)?,
        }
        // SAFETY: after a frame was decoded the image is there, owned by the decoder until its next call.
        let (image, timing) = unsafe { (&*(*self.decoder.0).image, (*self.decoder.0).imageTiming) };
        if (image.width, image.height) != self.size {
            return Err(malformed(
                Format::Avif,
                "the picture is of another size than the header says",
            ));
        }
        let nanoseconds = u128::from(timing.durationInTimescales) * 1_000_000_000;
        let nanoseconds = nanoseconds / u128::from(timing.timescale.max(1));
        Ok(Some(Frame {
            picture: to_picture(image, self.has_alpha)?,
            delay: Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)),
        }))
    }

    pub fn plays(&self) -> Plays {
        // SAFETY: the decoder is alive.
        match unsafe { (*self.decoder.0).repetitionCount } {
            // Infinite, or not said.
            ..0 => Plays::Forever,
            times => Plays::Times(times.unsigned_abs().saturating_add(1)),
        }
    }

    pub fn space(&self) -> &Space {
        &self.space
    }
}
