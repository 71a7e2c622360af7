use transform::{Background, Color, Orientation, Size};

use super::blur::to_byte;
use super::orient::orient;
use super::pad::{color, pad_with};
use super::sample::{catmull_rom, weighted};
use super::simd::{Kernel, wide};
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
            pad_with(turned, canvas, x, y, color(background))
        }
        None => turn(&picture, degrees, canvas, color(background)),
    }
}

fn turn(picture: &Picture, degrees: f64, canvas: Size, background: Color) -> Picture {
    let has_alpha = picture.has_alpha || !background.is_opaque();
    let mut result = Picture::new(canvas.width, canvas.height, has_alpha);
    let (sin, cos) = degrees.to_radians().sin_cos();
    wide(Turn {
        picture,
        result: &mut result,
        sin: sin as f32,
        cos: cos as f32,
        background: weighted([background.red, background.green, background.blue, background.alpha]),
    });
    result
}

struct Turn<'a> {
    picture: &'a Picture,
    result: &'a mut Picture,
    sin: f32,
    cos: f32,
    background: [f32; 4],
}

impl Kernel for Turn<'_> {
    #[inline(always)]
    fn run(self) {
        match (self.picture.has_alpha, self.result.has_alpha) {
            (false, false) => self.turn::<3, 3>(),
            (false, true) => self.turn::<3, 4>(),
            (true, _) => self.turn::<4, 4>(),
        }
    }
}

/// Pixels that are made side by side.
const BLOCK: usize = 16;

impl Turn<'_> {
    #[inline(always)]
    fn turn<const FROM: usize, const TO: usize>(self) {
        let Self {
            picture,
            result,
            sin,
            cos,
            background,
        } = self;
        let (width, height) = (picture.width as f32, picture.height as f32);
        let (middle_x, middle_y) = (result.width as f32 / 2.0, result.height as f32 / 2.0);
        let outside = unweighted(background);
        let (stride, columns) = (result.stride(), result.width as usize);
        for (y, row) in result.pixels.chunks_exact_mut(stride).enumerate() {
            let dy = y as f32 + 0.5 - middle_y;
            // Where a pixel comes from: the turn undone.
            let place = |x: usize| {
                let dx = x as f32 + 0.5 - middle_x;
                (dx * cos + dy * sin + width / 2.0, dy * cos - dx * sin + height / 2.0)
            };
            let is_inner = |x: &usize| {
                let (x, y) = place(*x);
                x >= 2.0 && x < width - 5.0 && y >= 2.0 && y < height - 3.0
            };
            let start = (0..columns).find(is_inner).unwrap_or(columns);
            let end = (start..columns).rev().find(is_inner).map_or(start, |last| last + 1);

            for x in (0..start).chain(end..columns) {
                let (from_x, from_y) = place(x);
                // How much of this pixel the picture covers, from its distance to the nearest edges.
                let inside = |place: f32, side: f32| (place.min(side - place) + 0.5).clamp(0.0, 1.0);
                let covered = inside(from_x, width) * inside(from_y, height);
                let pixel = &mut row[x * TO..(x + 1) * TO];
                if covered > 0.0 {
                    let sample = sample(picture, from_x - 0.5, from_y - 0.5);
                    let value = std::array::from_fn(|channel| {
                        sample[channel] * covered + background[channel] * (1.0 - covered)
                    });
                    pixel.copy_from_slice(&unweighted(value)[..TO]);
                } else {
                    pixel.copy_from_slice(&outside[..TO]);
                }
            }
            for (block, pixels) in row[start * TO..end * TO].chunks_mut(TO * BLOCK).enumerate() {
                let first = start + block * BLOCK;
                inner::<FROM, TO>(picture, |index| place(first + index), pixels);
            }
        }
    }
}

/// At most [`BLOCK`] pixels that come from far within the picture: the same as [`sample`] without a look at edges,
/// columns first, for sixteen numbers at once.
#[inline(always)]
fn inner<const FROM: usize, const TO: usize>(
    picture: &Picture,
    place: impl Fn(usize) -> (f32, f32),
    pixels: &mut [u8],
) {
    let stride = picture.width as usize * FROM;
    // Four pixels next to each other, each the sum of a column of four.
    let mut sums = [[0.0_f32; 16]; BLOCK];
    let mut across = [[0.0_f32; 4]; BLOCK];
    for index in 0..pixels.len() / TO {
        let (x, y) = place(index);
        let (x, y) = (x - 0.5, y - 0.5);
        // Both are above 0: cutting the fraction off rounds down.
        let (left, top) = (x as u32, y as u32);
        across[index] = catmull_rom(x - left as f32);
        let start = (top as usize - 1) * stride + (left as usize - 1) * FROM;
        let down = catmull_rom(y - top as f32);
        let rows: [&[u8]; 4] = std::array::from_fn(|row| &picture.pixels[start + row * stride..][..16]);
        let is_opaque = |row: &[u8]| FROM == 3 || row[3] & row[7] & row[11] & row[15] == 255;
        let sums = &mut sums[index];
        if rows.iter().all(|row| is_opaque(row)) {
            for (row, weight) in rows.into_iter().zip(down) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += f32::from(*value) * weight;
                }
            }
        } else {
            for (row, weight) in rows.into_iter().zip(down) {
                for (sums, pixel) in sums.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
                    let alpha = f32::from(pixel[3]) / 255.0;
                    for channel in 0..3 {
                        sums[channel] += f32::from(pixel[channel]) * alpha * weight;
                    }
                    sums[3] += f32::from(pixel[3]) * weight;
                }
            }
        }
    }
    for (index, pixel) in pixels.chunks_exact_mut(TO).enumerate() {
        let (sums, across) = (&sums[index], &across[index]);
        let mut value = [255.0; 4];
        for channel in 0..FROM {
            let column = |index: usize| sums[index * FROM + channel] * across[index];
            value[channel] = column(0) + column(1) + column(2) + column(3);
        }
        let bytes = if FROM == 4 {
            unweighted(value)
        } else {
            value.map(|value| to_byte(value.clamp(0.0, 255.0)))
        };
        pixel.copy_from_slice(&bytes[..TO]);
    }
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

#[inline(always)]
fn unweighted([red, green, blue, alpha]: [f32; 4]) -> [u8; 4] {
    if alpha < 0.5 {
        return [0; 4];
    }
    let weight = 255.0 / alpha.min(255.0);
    [red * weight, green * weight, blue * weight, alpha].map(|value| to_byte(value.clamp(0.0, 255.0)))
}
