use transform::{Background, Color, Size};

use crate::picture::Picture;

/// Puts a picture on a canvas. The background shows where the picture is not; behind its transparent pixels there is
/// still nothing.
pub(crate) fn pad(picture: Picture, canvas: Size, x: i32, y: i32, background: Background) -> Picture {
    let color = color(background);
    let picture = if color.is_opaque() {
        picture
    } else {
        picture.with_alpha()
    };
    let mut result = filled(canvas, color, picture.has_alpha);

    let (columns, rows) = (
        shared(canvas.width, picture.width, x),
        shared(canvas.height, picture.height, y),
    );
    let channels = picture.channels();
    let (stride_to, stride_from) = (result.stride(), picture.stride());
    let length = columns.length * channels;
    for row in 0..rows.length {
        let to = (rows.to + row) * stride_to + columns.to * channels;
        let from = (rows.from + row) * stride_from + columns.from * channels;
        result.pixels[to..to + length].copy_from_slice(&picture.pixels[from..from + length]);
    }
    result
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

/// What canvas and picture have in common along one side.
struct Shared {
    to: usize,
    from: usize,
    length: usize,
}

fn shared(canvas: u32, picture: u32, offset: i32) -> Shared {
    let (canvas, picture, offset) = (i64::from(canvas), i64::from(picture), i64::from(offset));
    let to = offset.clamp(0, canvas);
    let from = to - offset;
    let length = (canvas - to).min(picture - from).max(0);
    Shared {
        to: to as usize,
        from: from as usize,
        length: length as usize,
    }
}
