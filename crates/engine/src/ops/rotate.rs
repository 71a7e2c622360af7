use transform::{Background, Color, Orientation, Size};

use super::orient::orient;
use super::pad::{color, pad};
use crate::picture::Picture;

/// Turns clockwise about the centre. Quarter turns move pixels, other angles mix them: Catmull-Rom, with colours
/// weighted by alpha, and edges that are smooth against the background.
pub(crate) fn rotate(picture: Picture, degrees: f64, canvas: Size, background: Background) -> Picture {
    let quarter = match degrees {
        90.0 => Some(Orientation::OnLeftSide),
        180.0 => Some(Orientation::UpsideDown),
        270.0 => Some(Orientation::OnRightSide),
        _ => None,
    };
    match quarter {
        Some(orientation) => {
            let turned = orient(picture, orientation);
            if (turned.width, turned.height) == (canvas.width, canvas.height) {
                return turned;
            }
            let middle = |canvas: u32, side: u32| ((i64::from(canvas) - i64::from(side)) / 2) as i32;
            let (x, y) = (middle(canvas.width, turned.width), middle(canvas.height, turned.height));
            pad(turned, canvas, x, y, background)
        }
        None => turn(&picture, degrees, canvas, color(background)),
    }
}

fn turn(picture: &Picture, degrees: f64, canvas: Size, background: Color) -> Picture {
    let has_alpha = picture.has_alpha || !background.is_opaque();
    let mut result = Picture::new(canvas.width, canvas.height, has_alpha);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (sin, cos) = (sin as f32, cos as f32);
    let (width, height) = (picture.width as f32, picture.height as f32);
    let (middle_x, middle_y) = (canvas.width as f32 / 2.0, canvas.height as f32 / 2.0);
    let background = weighted([background.red, background.green, background.blue, background.alpha]);

    let stride = result.stride();
    let channels = result.channels();
    for (y, row) in result.pixels.chunks_exact_mut(stride).enumerate() {
        let dy = y as f32 + 0.5 - middle_y;
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let dx = x as f32 + 0.5 - middle_x;
            // Where this pixel comes from: the turn undone.
            let from_x = dx * cos + dy * sin + width / 2.0;
            let from_y = dy * cos - dx * sin + height / 2.0;
            // How much of this pixel the picture covers, from its distance to the nearest edges.
            let inside = |place: f32, side: f32| (place.min(side - place) + 0.5).clamp(0.0, 1.0);
            let covered = inside(from_x, width) * inside(from_y, height);
            let mut value = background;
            if covered > 0.0 {
                let sample = sample(picture, from_x - 0.5, from_y - 0.5);
                for channel in 0..4 {
                    value[channel] = sample[channel] * covered + background[channel] * (1.0 - covered);
                }
            }
            pixel.copy_from_slice(&unweighted(value)[..channels]);
        }
    }
    result
}

/// The picture between its pixels; beyond its edges the nearest ones go on.
fn sample(picture: &Picture, x: f32, y: f32) -> [f32; 4] {
    let (left, top) = (x.floor(), y.floor());
    let (across, down) = (catmull_rom(x - left), catmull_rom(y - top));
    let channels = picture.channels();
    let (last_x, last_y) = (picture.width as i64 - 1, picture.height as i64 - 1);
    let mut sum = [0.0; 4];
    for (row, weight_y) in down.into_iter().enumerate() {
        let y = (top as i64 + row as i64 - 1).clamp(0, last_y) as usize;
        for (column, weight_x) in across.into_iter().enumerate() {
            let x = (left as i64 + column as i64 - 1).clamp(0, last_x) as usize;
            let at = y * picture.stride() + x * channels;
            let pixel = &picture.pixels[at..at + channels];
            let alpha = if channels == 4 { pixel[3] } else { 255 };
            let value = weighted([pixel[0], pixel[1], pixel[2], alpha]);
            for channel in 0..4 {
                sum[channel] += value[channel] * weight_x * weight_y;
            }
        }
    }
    sum
}

fn catmull_rom(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        -0.5 * t + t2 - 0.5 * t3,
        1.0 - 2.5 * t2 + 1.5 * t3,
        0.5 * t + 2.0 * t2 - 1.5 * t3,
        -0.5 * t2 + 0.5 * t3,
    ]
}

/// Colours times alpha, so that what is transparent has no say in the mix.
fn weighted([red, green, blue, alpha]: [u8; 4]) -> [f32; 4] {
    let weight = f32::from(alpha) / 255.0;
    [
        f32::from(red) * weight,
        f32::from(green) * weight,
        f32::from(blue) * weight,
        f32::from(alpha),
    ]
}

fn unweighted([red, green, blue, alpha]: [f32; 4]) -> [u8; 4] {
    if alpha < 0.5 {
        return [0; 4];
    }
    let weight = 255.0 / alpha.min(255.0);
    // `as` keeps within 0 and 255.
    [red * weight, green * weight, blue * weight, alpha].map(|value| value.round() as u8)
}
