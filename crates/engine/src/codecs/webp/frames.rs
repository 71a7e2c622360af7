use std::marker::PhantomData;
use std::ptr::null_mut;
use std::time::Duration;

use libwebp_sys as webp;
use transform::Format;

use super::super::{malformed, space};
use crate::RenderError;
use crate::animation::{Frame, Plays};
use crate::color::Space;
use crate::picture::Picture;
use crate::probe::Header;

/// The frames of an animated WebP on its canvas.
pub(crate) struct Frames<'a> {
    decoder: Decoder,
    size: (u32, u32),
    has_alpha: bool,
    plays: Plays,
    space: Space,
    /// Milliseconds at which the last frame ended.
    shown: i32,
    /// The decoder reads from it.
    source: PhantomData<&'a [u8]>,
}

impl<'a> Frames<'a> {
    pub fn new(source: &'a [u8], header: &Header) -> Result<Self, RenderError> {
        let data = webp::WebPData {
            bytes: source.as_ptr(),
            size: source.len(),
        };
        let mut options = webp::WebPAnimDecoderOptions {
            color_mode: webp::WEBP_CSP_MODE::MODE_RGBA,
            use_threads: 0,
            padding: [0; 7],
        };
        let version = webp::WebPGetDemuxABIVersion();
        // SAFETY: the options are initialised by the library. The decoder borrows the source, which outlives it by the
        // lifetime of this struct, and copies the rest.
        let decoder = unsafe {
            if webp::WebPAnimDecoderOptionsInitInternal(&mut options, version) == 0 {
                return Err(RenderError::Internal(String::from("libwebp of another version")));
            }
            options.color_mode = webp::WEBP_CSP_MODE::MODE_RGBA;
            options.use_threads = 0;
            webp::WebPAnimDecoderNewInternal(&data, &options, version)
        };
        if decoder.is_null() {
            return Err(malformed(Format::Webp, "the animation is cut off or damaged"));
        }
        let decoder = Decoder(decoder);
        // SAFETY: all fields are numbers, for which zero is a value.
        let mut info: webp::WebPAnimInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the decoder is alive, and fills the struct.
        let known = unsafe { webp::WebPAnimDecoderGetInfo(decoder.0, &mut info) } != 0;
        let size = (header.info.width, header.info.height);
        if !known || (info.canvas_width, info.canvas_height) != size {
            return Err(malformed(
                Format::Webp,
                "the picture is of another size than the header says",
            ));
        }
        Ok(Self {
            decoder,
            size,
            has_alpha: header.info.has_alpha,
            plays: Plays::from_count(info.loop_count),
            space: space(&header.metadata),
            shown: 0,
            source: PhantomData,
        })
    }

    pub fn next_frame(&mut self) -> Result<Option<Frame>, RenderError> {
        // SAFETY: the decoder is alive.
        if unsafe { webp::WebPAnimDecoderHasMoreFrames(self.decoder.0) } == 0 {
            return Ok(None);
        }
        let (mut canvas, mut end) = (null_mut(), 0);
        // SAFETY: the decoder is alive; the canvas it names is its own until the next call.
        let decoded = unsafe { webp::WebPAnimDecoderGetNext(self.decoder.0, &mut canvas, &mut end) } != 0;
        if !decoded || canvas.is_null() {
            return Err(malformed(Format::Webp, "a frame is damaged"));
        }
        let (width, height) = self.size;
        let length = width as usize * height as usize * 4;
        // SAFETY: the canvas has as many pixels as the decoder said, of four bytes each.
        let canvas = unsafe { std::slice::from_raw_parts(canvas, length) };
        let mut picture = Picture::new(width, height, self.has_alpha);
        if self.has_alpha {
            picture.pixels.copy_from_slice(canvas);
        } else {
            for (to, from) in picture.pixels.chunks_exact_mut(3).zip(canvas.chunks_exact(4)) {
                to.copy_from_slice(&from[..3]);
            }
        }
        // Sums of 24-bit numbers that may overflow the library's own count of milliseconds.
        let delay = u64::try_from(end.wrapping_sub(self.shown)).unwrap_or(0);
        self.shown = end;
        Ok(Some(Frame {
            picture,
            delay: Duration::from_millis(delay),
        }))
    }

    pub fn plays(&self) -> Plays {
        self.plays
    }

    pub fn space(&self) -> &Space {
        &self.space
    }
}

struct Decoder(*mut webp::WebPAnimDecoder);

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: made by WebPAnimDecoderNew, and dropped once.
        unsafe { webp::WebPAnimDecoderDelete(self.0) }
    }
}
