use transform::{Background, Color, Mix, Size};

use super::background;
use super::composite::composite;
use crate::RenderError;
use crate::picture::Picture;

/// Puts a picture on a canvas. The background shows where the picture is not. Behind transparent pixels there is still
/// nothing if it is a colour; what is made of the picture itself is there too.
pub(crate) fn pad(
    picture: Picture,
    canvas: Size,
    x: i32,
    y: i32,
    background: Background,
) -> Result<Picture, RenderError> {
    let behind = match background {
        Background::Color(color) => return Ok(pad_with(picture, canvas, x, y, color)),
        Background::Transparent => return Ok(pad_with(picture, canvas, x, y, Color::TRANSPARENT)),
        Background::Dominant => filled(canvas, background::dominant(&picture), false),
        Background::Blurred {
            sigma_tenths,
            brightness,
        } => background::blurred(&picture, canvas, f64::from(sigma_tenths) / 10.0, brightness)?,
        Background::DominantGradient { colors } => background::gradient(&picture, canvas, colors),
    };
    Ok(composite(behind, &picture, x, y, Mix::Over))
}

/// The same on one colour.
pub(crate) fn pad_with(picture: Picture, canvas: Size, x: i32, y: i32, color: Color) -> Picture {
    let picture = if color.is_opaque() {
        picture
    } else {
        picture.with_alpha()
    };
    let mut result = filled(canvas, color, picture.has_alpha);
    place(&picture, &mut result, x, y);
    result
}

/// Copies the pixels, alpha and all. Both must have alpha, or none.
fn place(picture: &Picture, canvas: &mut Picture, x: i32, y: i32) {
    let size = Size {
        width: canvas.width,
        height: canvas.height,
    };
    for (to, from) in Overlap::new(size, picture, x, y).rows(canvas, picture) {
        to.copy_from_slice(from);
    }
}

pub(crate) fn color(background: Background) -> Color {
    match background {
        Background::Color(color) => color,
        _ => Color::TRANSPARENT,
    }
}

/// A picture of one colour.
pub(crate) fn filled(size: Size, color: Color, has_alpha: bool) -> Picture {
    let mut picture = Picture::new(size.width, size.height, has_alpha);
    let bytes = [color.red, color.green, color.blue, color.alpha];
    let channels = picture.channels();
    if bytes[..channels].iter().any(|byte| *byte != 0) {
        for pixel in picture.pixels.chunks_exact_mut(channels) {
            pixel.copy_from_slice(&bytes[..channels]);
        }
    }
    picture
}

/// What a picture and one that lies on it have in common.
pub(crate) struct Overlap {
    columns: Shared,
    rows: Shared,
}

/// The same along one side.
#[derive(Clone, Copy)]
struct Shared {
    to: usize,
    from: usize,
    length: usize,
}

impl Overlap {
    /// `above` lies with its top-left corner at (`x`, `y`).
    pub fn new(below: Size, above: &Picture, x: i32, y: i32) -> Self {
        Self {
            columns: shared(below.width, above.width, x),
            rows: shared(below.height, above.height, y),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.columns.length == 0 || self.rows.length == 0
    }

    /// Where it begins on the picture below: column and row.
    pub fn corner(&self) -> (usize, usize) {
        (self.columns.to, self.rows.to)
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        (self.columns.length, self.rows.length)
    }

    /// The common parts of the rows of both.
    pub fn rows<'a>(
        &self,
        below: &'a mut Picture,
        above: &'a Picture,
    ) -> impl Iterator<Item = (&'a mut [u8], &'a [u8])> + use<'a> {
        let Self { columns, rows } = *self;
        let (channels_to, channels_from) = (below.channels(), above.channels());
        let (stride_to, stride_from) = (below.stride(), above.stride());
        let to = below.pixels.chunks_exact_mut(stride_to).skip(rows.to).take(rows.length);
        let from = above.pixels.chunks_exact(stride_from).skip(rows.from);
        let part = |at: usize, channels: usize| at * channels..(at + columns.length) * channels;
        let (part_to, part_from) = (part(columns.to, channels_to), part(columns.from, channels_from));
        to.zip(from)
            .map(move |(to, from)| (&mut to[part_to.clone()], &from[part_from.clone()]))
    }
}

fn shared(canvas: u32, picture: u32, offset: i32) -> Shared {
    let (canvas, picture, offset) = (i64::from(canvas), i64::from(picture), i64::from(offset));
    let to = offset.clamp(0, canvas);
    let from = (to - offset).clamp(0, picture);
    let length = (canvas - to).min(picture - from).max(0);
    Shared {
        to: to as usize,
        from: from as usize,
        length: length as usize,
    }
}
