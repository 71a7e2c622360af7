use std::io::Cursor;
use std::time::Duration;

use png::{BlendOp, ColorType, Decoder, DisposeOp, Limits, Reader, Transformations};
use transform::{Format, Rect};

use super::{MAX_EXTRA_BYTES, broken, space};
use crate::RenderError;
use crate::animation::canvas::{Canvas, Disposal};
use crate::animation::{Frame, Plays};
use crate::codecs::malformed;
use crate::color::Space;
use crate::probe::Header;

/// The frames of an APNG on its canvas. Sixteen bits become eight; a default image that is no frame is left out.
pub(crate) struct Frames<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    canvas: Canvas,
    channels: usize,
    space: Space,
    plays: Plays,
    expected: u32,
    read: u32,
    pixels: Vec<u8>,
}

impl<'a> Frames<'a> {
    pub fn new(source: &'a [u8], header: &Header) -> Result<Self, RenderError> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(source), Limits { bytes: MAX_EXTRA_BYTES });
        decoder.set_transformations(Transformations::normalize_to_color8());
        decoder.set_ignore_text_chunk(true);
        let mut reader = decoder.read_info().map_err(broken)?;
        let (width, height) = reader.info().size();
        if (width, height) != (header.info.width, header.info.height) {
            return Err(malformed(Format::Png, "two headers"));
        }
        let control = reader.info().animation_control().copied();
        let control = control.ok_or_else(|| malformed(Format::Png, "no animation"))?;
        if reader.info().frame_control().is_none() && control.num_frames > 0 {
            reader.next_frame_info().map_err(broken)?;
        }
        let length = reader
            .output_buffer_size()
            .ok_or_else(|| malformed(Format::Png, "too large"))?;
        let has_alpha = header.info.has_alpha;
        Ok(Self {
            space: space(reader.info()),
            canvas: Canvas::new(width, height, has_alpha),
            channels: if has_alpha { 4 } else { 3 },
            plays: Plays::from_count(control.num_plays),
            expected: control.num_frames,
            read: 0,
            pixels: vec![0; length],
            reader,
        })
    }

    pub fn next_frame(&mut self) -> Result<Option<Frame>, RenderError> {
        if self.read == self.expected {
            return Ok(None);
        }
        let output = self.reader.next_frame(&mut self.pixels).map_err(broken)?;
        let control = self.reader.info().frame_control().copied();
        let control = control.ok_or_else(|| malformed(Format::Png, "a frame without its place"))?;
        let from = match output.color_type {
            ColorType::Grayscale => 1,
            ColorType::GrayscaleAlpha => 2,
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            ColorType::Indexed => return Err(malformed(Format::Png, "a palette picture without a palette")),
        };
        let place = Rect {
            x: control.x_offset,
            y: control.y_offset,
            width: output.width,
            height: output.height,
        };
        let disposal = match control.dispose_op {
            DisposeOp::None => Disposal::Keep,
            DisposeOp::Background => Disposal::Clear,
            DisposeOp::Previous => Disposal::Restore,
        };
        let over = control.blend_op == BlendOp::Over && from % 2 == 0;
        let (to, line, pixels) = (self.channels, output.line_size, &self.pixels);
        self.canvas.draw(place, disposal, |index, row| {
            let source = pixels[index * line..].chunks_exact(from);
            for (below, source) in row.chunks_exact_mut(to).zip(source) {
                let pixel = match *source {
                    [gray] => [gray, gray, gray, 255],
                    [gray, alpha] => [gray, gray, gray, alpha],
                    [red, green, blue] => [red, green, blue, 255],
                    [red, green, blue, alpha, ..] => [red, green, blue, alpha],
                    [] => continue,
                };
                if over {
                    lay_over(below, pixel);
                } else {
                    below.copy_from_slice(&pixel[..to]);
                }
            }
        });
        self.read += 1;
        let parts = if control.delay_den == 0 { 100 } else { control.delay_den };
        Ok(Some(Frame {
            picture: self.canvas.picture().clone(),
            delay: Duration::from_secs(control.delay_num.into()) / u32::from(parts),
        }))
    }

    pub fn plays(&self) -> Plays {
        self.plays
    }

    pub fn space(&self) -> &Space {
        &self.space
    }
}

/// Porter and Duff's source-over with straight alpha, as the standard describes it (PNG third edition, 13.16).
fn lay_over(below: &mut [u8], pixel: [u8; 4]) {
    let alpha = u32::from(pixel[3]);
    let behind = below.get(3).map_or(255, |alpha| u32::from(*alpha));
    if alpha == 255 || behind == 0 {
        below.copy_from_slice(&pixel[..below.len()]);
        return;
    }
    if alpha == 0 {
        return;
    }
    // In 255 * 255 parts.
    let (front, back) = (alpha * 255, (255 - alpha) * behind);
    let sum = front + back;
    for (below, above) in below.iter_mut().zip(&pixel[..3]) {
        *below = ((u32::from(*above) * front + u32::from(*below) * back + sum / 2) / sum) as u8;
    }
    if let Some(below) = below.get_mut(3) {
        *below = ((sum + 127) / 255) as u8;
    }
}
