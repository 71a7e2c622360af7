//! Texts: measured for the planner, drawn for the pipeline, by one and the same setting.

mod bitmap;
mod color;
mod cost;
mod faces;
mod files;
mod fonts;
mod glyph;
mod layout;
mod raster;
mod script;

use std::panic::{AssertUnwindSafe, catch_unwind};

use transform::{Color, Font, MeasureError, Size, Text};

use crate::picture::Picture;
use fonts::Measured;
use glyph::{Glyphs, Shape};
use layout::Run;
use raster::{Bounds, Mask, Outline};

pub(crate) use files::FontFile;
pub use fonts::Fonts;

/// Gives the bytes of a font file by the name that a plan has for it.
pub(crate) type FontFiles<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

/// Longest side of a text's box, in pixels.
const LONGEST: u32 = 16_383;
/// Sizes of type above this have no glyph that fits.
const LARGEST_TYPE: f64 = 1_000_000.0;
/// Parts of a pixel that rounding may add to an edge that falls on a whole pixel.
const NOISE: f32 = 1.0 / 512.0;

/// The size of a text's box: its glyphs, trimmed to what is to be seen of them, and the padding around.
///
/// `files` gives the bytes of a font that is a file.
///
/// # Errors
/// The font's file is missing or broken, or the box has a side of more than 16383 pixels.
pub(crate) fn measure(text: &Text, fonts: &Fonts, files: &FontFiles<'_>) -> Result<Size, MeasureError> {
    let key = Measured::of(text);
    if let Some(size) = key.as_ref().and_then(|key| fonts.remembered(key)) {
        return Ok(size);
    }
    let size = guarded(text, || {
        let runs = set(text, fonts, files)?;
        Ok(Frame::around(ink(text, &mut groups(&runs)), text)?.size)
    })?;
    if let Some(key) = key {
        fonts.remember(key, size);
    }
    Ok(size)
}

/// Draws a text on its background, or on nothing; as large as [`measure`] says.
///
/// # Errors
/// As [`measure`].
pub(crate) fn draw(text: &Text, fonts: &Fonts, files: &FontFiles<'_>) -> Result<Picture, MeasureError> {
    guarded(text, || draw_set(text, &set(text, fonts, files)?))
}

fn draw_set(text: &Text, runs: &[Run]) -> Result<Picture, MeasureError> {
    let mut groups = groups(runs);
    let frame = Frame::around(ink(text, &mut groups), text)?;
    let mut picture = Picture::new(frame.size.width, frame.size.height, true);
    if let Some(color) = text.background {
        let pixel = [color.red, color.green, color.blue, color.alpha];
        picture.pixels.as_chunks_mut::<4>().0.fill(pixel);
    }
    let mut mask = Mask::new(frame.size.width, frame.size.height);
    for group in &mut groups {
        for run in &group.runs {
            for place in &run.glyphs {
                if let Shape::Outline(outline) = group.glyphs.shape(place.id) {
                    mask.add(outline, place.x + frame.x, place.y + frame.y);
                }
            }
        }
    }
    if text.strikethrough {
        for bar in bars(&mut groups) {
            mask.add(&Outline::rectangle(bar), frame.x, frame.y);
        }
    }
    paint(&mut picture, &mask, text.color);
    for group in &mut groups {
        draw_pictures(&mut picture, group, &frame, text.color);
    }
    Ok(picture)
}

/// A font may be broken in a way that its readers did not think of. Planning has no other net below it.
fn guarded<T>(text: &Text, work: impl FnOnce() -> Result<T, MeasureError>) -> Result<T, MeasureError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let (Font::Family(font) | Font::File(font)) = &text.font;
        Err(MeasureError::BadFont {
            font: font.clone(),
            reason: String::from("it is broken"),
        })
    })
}

fn set(text: &Text, fonts: &Fonts, files: &FontFiles<'_>) -> Result<Vec<Run>, MeasureError> {
    if !(text.size > 0.0 && text.size <= LARGEST_TYPE) {
        let side = text.size.ceil() as u32;
        return Err(too_large(side, side));
    }
    let mut chosen = fonts.chosen(text, files)?;
    let mut room = fonts.room();
    let runs = layout::set(text, &mut chosen, &mut room);
    fonts.give_back(room);
    Ok(runs)
}

/// Runs with a font and size in common, and the glyphs that they need.
struct Group<'a> {
    runs: Vec<&'a Run>,
    glyphs: Glyphs<'a>,
}

fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        if let Some(group) = groups.iter_mut().find(|group| glyph::same(group.runs[0], run)) {
            group.runs.push(run);
        } else if let Some(glyphs) = Glyphs::of(run) {
            let runs = vec![run];
            groups.push(Group { runs, glyphs });
        }
    }
    groups
}

/// Around everything that is to be seen; none for a text of blanks.
fn ink(text: &Text, groups: &mut [Group<'_>]) -> Option<Bounds> {
    let mut ink = None;
    for group in groups.iter_mut() {
        for place in group.runs.iter().flat_map(|run| &run.glyphs) {
            let bounds = group.glyphs.shape(place.id).bounds();
            ink = Bounds::around(ink, bounds.map(|bounds| bounds.moved(place.x, place.y)));
        }
    }
    if text.strikethrough {
        ink = bars(groups).into_iter().map(Some).fold(ink, Bounds::around);
    }
    ink
}

/// The lines through the letters: one for each line of text, from its first visible glyph to its last, as its first
/// font has them.
fn bars(groups: &mut [Group<'_>]) -> Vec<Bounds> {
    let mut bars: Vec<(usize, Bounds)> = Vec::new();
    for group in groups {
        for run in &group.runs {
            let thickness = run.metrics.thickness.max(1.0);
            let top = (run.metrics.baseline - run.metrics.offset).round();
            for place in &run.glyphs {
                if group.glyphs.shape(place.id).bounds().is_none() {
                    continue;
                }
                let bar = Bounds {
                    left: place.x,
                    top,
                    right: place.x + place.advance,
                    bottom: top + thickness.round(),
                };
                match bars.iter_mut().rev().find(|(line, _)| *line == run.line) {
                    Some((_, all)) => {
                        all.left = all.left.min(bar.left);
                        all.right = all.right.max(bar.right);
                    }
                    None => bars.push((run.line, bar)),
                }
            }
        }
    }
    bars.into_iter().map(|(_, bar)| bar).collect()
}

/// A text's box, and where the origin of its setting is in it.
struct Frame {
    size: Size,
    x: f32,
    y: f32,
}

impl Frame {
    fn around(ink: Option<Bounds>, text: &Text) -> Result<Self, MeasureError> {
        let [top, right, bottom, left] = text.padding;
        let ink = ink.unwrap_or(Bounds {
            left: 0.0,
            top: 0.0,
            right: 0.0,
            bottom: 0.0,
        });
        // Across, the first glyph begins with a pixel; down, baselines stay where they are, on whole pixels.
        let first = (ink.top + NOISE).floor();
        let width = (ink.right - ink.left - NOISE).ceil().max(0.0);
        let height = ((ink.bottom - NOISE).ceil() - first).max(0.0);
        let side = |length: f32, before: u32, after: u32| {
            let side = (length as u64).saturating_add(u64::from(before) + u64::from(after));
            u32::try_from(side).unwrap_or(u32::MAX).max(1)
        };
        let size = Size {
            width: side(width, left, right),
            height: side(height, top, bottom),
        };
        if size.width > LONGEST || size.height > LONGEST {
            return Err(too_large(size.width, size.height));
        }
        Ok(Self {
            size,
            x: left as f32 - ink.left,
            y: top as f32 - first,
        })
    }
}

fn too_large(width: u32, height: u32) -> MeasureError {
    MeasureError::TextTooLarge {
        width,
        height,
        limit: LONGEST,
    }
}

fn paint(picture: &mut Picture, mask: &Mask, color: Color) {
    let (pixels, _) = picture.pixels.as_chunks_mut::<4>();
    for (pixel, coverage) in pixels.iter_mut().zip(mask.coverage()) {
        if *coverage > 0 {
            let alpha = (u32::from(*coverage) * u32::from(color.alpha) + 127) / 255;
            over(pixel, [color.red, color.green, color.blue, alpha as u8]);
        }
    }
}

fn draw_pictures(picture: &mut Picture, group: &mut Group<'_>, frame: &Frame, color: Color) {
    let mut drawn = std::collections::HashMap::new();
    for place in group.runs.iter().flat_map(|run| &run.glyphs) {
        group.glyphs.shape(place.id);
        let Some((shape, bounds)) = group.glyphs.visible(place.id) else {
            continue;
        };
        if matches!(shape, Shape::Outline(_)) {
            continue;
        }
        let glyph = drawn
            .entry(place.id)
            .or_insert_with(|| group.glyphs.picture(shape, color));
        if let Some(glyph) = glyph {
            let x = (place.x + frame.x + bounds.left).round() as i64;
            let y = (place.y + frame.y + bounds.top).round() as i64;
            stamp(picture, glyph, x, y, color.alpha);
        }
    }
}

/// Lays one picture with alpha over another; what leaves it is cut.
fn stamp(below: &mut Picture, above: &Picture, x: i64, y: i64, opacity: u8) {
    let (stride, width) = (below.stride(), i64::from(below.width));
    for (row, pixels) in (y..).zip(above.rows()) {
        if row < 0 || row >= i64::from(below.height) {
            continue;
        }
        let line = &mut below.pixels[row as usize * stride..(row as usize + 1) * stride];
        for (column, [red, green, blue, alpha]) in (x..).zip(pixels.as_chunks::<4>().0) {
            if column < 0 || column >= width || *alpha == 0 {
                continue;
            }
            let alpha = (u32::from(*alpha) * u32::from(opacity) + 127) / 255;
            if let Some(pixel) = line.as_chunks_mut::<4>().0.get_mut(column as usize) {
                over(pixel, [*red, *green, *blue, alpha as u8]);
            }
        }
    }
}

/// Porter and Duff's source-over (1984) with straight alpha.
fn over(below: &mut [u8; 4], above: [u8; 4]) {
    let alpha = u32::from(above[3]);
    if alpha == 255 || below[3] == 0 {
        *below = above;
        return;
    }
    // Both in 255ths of 255ths.
    let (front, back) = (alpha * 255, u32::from(below[3]) * (255 - alpha));
    let sum = front + back;
    if sum == 0 {
        return;
    }
    for (channel, value) in below.iter_mut().zip(above).take(3) {
        *channel = ((u32::from(value) * front + u32::from(*channel) * back + sum / 2) / sum) as u8;
    }
    below[3] = ((sum + 127) / 255) as u8;
}

#[cfg(test)]
mod tests;
