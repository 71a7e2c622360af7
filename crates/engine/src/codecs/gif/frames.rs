use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, Repeat};
use transform::{Format, Rect};

use super::broken;
use crate::RenderError;
use crate::animation::canvas::{Canvas, Disposal};
use crate::animation::{Frame, Plays};
use crate::codecs::malformed;
use crate::probe::Header;

/// The frames of a GIF on its screen.
pub(crate) struct Frames<'a> {
    decoder: Decoder<&'a [u8]>,
    canvas: Canvas,
    channels: usize,
    /// Indices into the palette that a frame may have, whatever the screen.
    most: u64,
    indices: Vec<u8>,
    /// How many the header counted: a file whose end is missing after them is whole enough.
    expected: u32,
    read: u32,
}

impl<'a> Frames<'a> {
    pub fn new(source: &'a [u8], header: &Header) -> Result<Self, RenderError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        let decoder = options.read_info(source).map_err(broken)?;
        let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
        if (width, height) != (header.info.width, header.info.height) {
            return Err(malformed(Format::Gif, "two headers"));
        }
        let has_alpha = header.info.has_alpha;
        Ok(Self {
            decoder,
            canvas: Canvas::new(width, height, has_alpha),
            channels: if has_alpha { 4 } else { 3 },
            // A frame has up to 65535 x 65535 pixels: frames that stick out are seen, but not by much.
            most: u64::from(width) * u64::from(height) * 2 + 1,
            indices: Vec::new(),
            expected: header.info.frames,
            read: 0,
        })
    }

    pub fn next_frame(&mut self) -> Result<Option<Frame>, RenderError> {
        let frame = match self.decoder.next_frame_info() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(_) if self.read > 0 && self.read >= self.expected => return Ok(None),
            Err(error) => return Err(broken(error)),
        };
        let place = Rect {
            x: frame.left.into(),
            y: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        let disposal = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            DisposalMethod::Background => Disposal::Clear,
            DisposalMethod::Previous => Disposal::Restore,
        };
        let (delay, transparent) = (frame.delay, frame.transparent);
        let count = u64::from(place.width) * u64::from(place.height);
        if count > self.most {
            return Err(malformed(Format::Gif, "a frame much larger than the picture"));
        }
        // Bounded by twice the screen, which is within the budget.
        self.indices.resize(count as usize, 0);
        if count > 0 {
            self.decoder.read_into_buffer(&mut self.indices).map_err(broken)?;
        }

        // Beyond the palette is black, as in browsers; what is transparent leaves the canvas alone.
        let mut colors = [[0, 0, 0, 255]; 256];
        for (color, entry) in colors
            .iter_mut()
            .zip(self.decoder.palette().map_err(broken)?.chunks_exact(3))
        {
            color[..3].copy_from_slice(entry);
        }
        let (channels, width, indices) = (self.channels, place.width as usize, &self.indices);
        self.canvas.draw(place, disposal, |index, row| {
            let pixels = row.chunks_exact_mut(channels).zip(&indices[index * width..]);
            match transparent {
                Some(transparent) => {
                    for (pixel, index) in pixels.filter(|(_, index)| **index != transparent) {
                        pixel.copy_from_slice(&colors[usize::from(*index)][..channels]);
                    }
                }
                None => {
                    for (pixel, index) in pixels {
                        pixel.copy_from_slice(&colors[usize::from(*index)][..channels]);
                    }
                }
            }
        });
        self.read += 1;
        Ok(Some(Frame {
            picture: self.canvas.picture().clone(),
            delay: Duration::from_millis(u64::from(delay) * 10),
        }))
    }

    /// The file says how often it is repeated after the first time, and nothing when it is not.
    pub fn plays(&self) -> Plays {
        match self.decoder.repeat() {
            Repeat::Infinite => Plays::Forever,
            Repeat::Finite(times) => Plays::Times(u32::from(times) + 1),
        }
    }
}
