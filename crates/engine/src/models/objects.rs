//! Objects, by networks laid out like YOLOX (Ge and others, 2021) with the classes of COCO.

use transform::parameters::OBJECTS;

use super::detect::{Found, strongest};
use super::network::{Network, stretched};
use crate::RenderError;
use crate::picture::Picture;

/// As in the network's own program.
const LEAST_SCORE: f32 = 0.3;
const OVERLAP: f32 = 0.45;
const STRIDES: [usize; 3] = [8, 16, 32];
/// Around the picture, where it does not have the network's shape.
const GREY: f32 = 114.0;
/// Centre, size, whether there is something, and what.
const NUMBERS: usize = 5 + OBJECTS.len();

/// Everything whose class is among `names`.
pub(super) fn find(network: &Network, picture: &Picture, names: &[String]) -> Result<Vec<Found>, RenderError> {
    let sides @ (height, width) = network.sides_or(640, 640);
    let scale = f64::min(
        height as f64 / f64::from(picture.height),
        width as f64 / f64::from(picture.width),
    );
    let side = |length: u32, most: usize| ((f64::from(length) * scale) as usize).clamp(1, most);
    let (fitted_height, fitted_width) = (side(picture.height, height), side(picture.width, width));
    let small = stretched(picture, (fitted_height, fitted_width))?;
    // In the picture's top left corner; blue first.
    let mut input = vec![GREY; 3 * height * width];
    for (y, row) in small.rows().enumerate() {
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            for (plane, channel) in [2, 1, 0].into_iter().enumerate() {
                input[(plane * height + y) * width + x] = f32::from(pixel[channel]);
            }
        }
    }
    let outputs = network.run(input, sides)?;
    let output = outputs
        .first()
        .filter(|output| output.shape.len() == 3 && output.shape[0] == 1 && output.shape[2] == NUMBERS)
        .ok_or_else(|| network.wrong("does not give [1, n, 85]"))?;
    let cells = STRIDES.into_iter().flat_map(|stride| {
        let (rows, columns) = (height / stride, width / stride);
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (column as f32, row as f32, stride as f32)))
    });
    let expected: usize = STRIDES
        .into_iter()
        .map(|stride| (height / stride) * (width / stride))
        .sum();
    if output.shape[1] != expected {
        return Err(network.wrong(format!("looks at {} places instead of {expected}", output.shape[1])));
    }
    let wanted: Vec<bool> = OBJECTS
        .iter()
        .map(|class| names.iter().any(|name| name == class))
        .collect();
    let mut boxes = Vec::new();
    for ((column, row, stride), numbers) in cells.zip(output.data.chunks_exact(NUMBERS)) {
        let (class, likeness) = numbers[5..]
            .iter()
            .copied()
            .enumerate()
            .max_by(|one, other| one.1.total_cmp(&other.1))
            .unwrap_or_default();
        let score = numbers[4] * likeness;
        if score < LEAST_SCORE || !wanted[class] {
            continue;
        }
        let (x, y) = ((numbers[0] + column) * stride, (numbers[1] + row) * stride);
        let (across, down) = (numbers[2].exp() * stride, numbers[3].exp() * stride);
        let share = |at: f32, length: usize| at / length as f32;
        boxes.push(Found {
            left: share(x - across / 2.0, fitted_width),
            top: share(y - down / 2.0, fitted_height),
            right: share(x + across / 2.0, fitted_width),
            bottom: share(y + down / 2.0, fitted_height),
            score,
        });
    }
    Ok(strongest(boxes, OVERLAP))
}
