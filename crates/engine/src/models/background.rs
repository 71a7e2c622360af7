//! Subject and background by a mask: U²-Net (Qin and others, 2020), IS-Net (Qin and others, 2022) and what is laid out
//! like them.

use super::network::{Network, planes, stretched};
use crate::picture::Picture;
use crate::{Budget, RenderError};

/// Mean and deviation of ImageNet, with which U²-Net was trained.
const IMAGENET: [(f32, f32); 3] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];
/// IS-Net was trained with these.
const CENTRED: [(f32, f32); 3] = [(0.5, 1.0); 3];
/// Networks whose pictures are at least this large are of IS-Net's kind.
const LARGE: usize = 1024;

/// The picture with its background transparent.
pub(super) fn cut_out(network: &Network, picture: Picture, budget: &Budget) -> Result<Picture, RenderError> {
    let sides @ (height, width) = network.sides_or(320, 320);
    let small = stretched(&picture, sides)?;
    let norm = if height.max(width) >= LARGE { CENTRED } else { IMAGENET };
    let brightest = f32::from(small.pixels.iter().copied().max().unwrap_or(255).max(1));
    let input = planes(&small, |channel, value| {
        let (mean, deviation) = norm[channel];
        (f32::from(value) / brightest - mean) / deviation
    });
    budget.check_cancelled()?;
    let outputs = network.run(input, sides)?;
    let mask = outputs.first().ok_or_else(|| network.wrong("gives no mask"))?;
    // [1, 1, height, width], or without the dimensions of one.
    let count: usize = mask.shape.iter().product();
    if count != height * width || mask.data.len() != count {
        return Err(network.wrong(format!("gives a mask of the shape {:?}", mask.shape)));
    }
    budget.check_cancelled()?;
    masked(picture, &mask_picture(&mask.data, (height, width)))
}

/// Grey levels from the least to the most certain, as U²-Net's own programs do.
fn mask_picture(mask: &[f32], (height, width): (usize, usize)) -> Picture {
    let (least, most) = mask
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
    let level = |value: f32| {
        let share = if most - least > 1e-6 {
            (value - least) / (most - least)
        } else {
            value
        };
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    let mut picture = Picture::new(width as u32, height as u32, false);
    for (pixel, value) in picture.pixels.chunks_exact_mut(3).zip(mask) {
        pixel.fill(level(*value));
    }
    picture
}

fn masked(picture: Picture, mask: &Picture) -> Result<Picture, RenderError> {
    let mask = stretched(mask, (picture.height as usize, picture.width as usize))?;
    let mut picture = picture.with_alpha();
    for (pixel, mask) in picture.pixels.chunks_exact_mut(4).zip(mask.pixels.chunks_exact(3)) {
        pixel[3] = ((u16::from(pixel[3]) * u16::from(mask[0]) + 127) / 255) as u8;
    }
    Ok(picture)
}
