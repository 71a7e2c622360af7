//! What differs between two pictures of one size: as a picture, and in numbers.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};
use serde_json::{Value, json};

/// A channel that differs by no more is the same to the eye, and to an encoder that rounds.
const SAME: u8 = 8;
/// Of a picture, decoded: no side is longer than is shown to a model.
const MOST_BYTES: usize = 16 << 20;

/// Pixels of four bytes: red, green, blue, alpha.
struct Pixels {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

/// The size of a PNG.
pub fn size_of(png: &[u8]) -> Option<(u32, u32)> {
    let reader = Decoder::new(Cursor::new(png)).read_info().ok()?;
    let info = reader.info();
    Some((info.width, info.height))
}

/// What differs between two PNGs of one size: a PNG in which the second is pale and what differs is red, the redder the
/// more, and how much it is. `None` if they are not of one size, or can't be read.
pub fn between(before: &[u8], after: &[u8]) -> Option<(Vec<u8>, Value)> {
    let (before, after) = (pixels(before)?, pixels(after)?);
    if (before.width, before.height) != (after.width, after.height) {
        return None;
    }
    let mut shown = Vec::with_capacity(after.rgba.len() / 4 * 3);
    let (mut changed, mut sum, mut most) = (0_u64, 0_u64, 0_u8);
    let mut area: Option<(u32, u32, u32, u32)> = None;
    for (index, (one, other)) in before.rgba.chunks_exact(4).zip(after.rgba.chunks_exact(4)).enumerate() {
        let channels = one.iter().zip(other).map(|(a, b)| a.abs_diff(*b));
        let difference = channels.max().unwrap_or(0);
        sum += u64::from(difference);
        most = most.max(difference);
        let gray = other[..3].iter().map(|c| u16::from(*c)).sum::<u16>() / 3;
        // A quarter of the contrast, near white: where nothing differs, the picture says where one is.
        let pale = u8::try_from(191 + gray / 4).unwrap_or(u8::MAX);
        if difference <= SAME {
            shown.extend([pale; 3]);
            continue;
        }
        changed += 1;
        let at = u32::try_from(index).unwrap_or(u32::MAX);
        let (x, y) = (at % after.width, at / after.width);
        let (left, top, right, bottom) = area.unwrap_or((x, y, x, y));
        area = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
        let strength = difference.saturating_mul(4).max(64);
        let rest = u8::MAX - strength;
        shown.extend([u8::MAX, pale.min(rest), pale.min(rest)]);
    }
    let count = u64::from(after.width) * u64::from(after.height);
    let share = |part: u64| (part as f64 / count as f64 * 10_000.0).round() / 10_000.0;
    let facts = json!({
        "width": after.width,
        "height": after.height,
        "changedShare": share(changed),
        "meanDifference": share(sum),
        "largestDifference": most,
        "changedArea": area.map(|(left, top, right, bottom)| {
            json!({ "x": left, "y": top, "width": right - left + 1, "height": bottom - top + 1 })
        }),
    });
    Some((png_of(after.width, after.height, &shown)?, facts))
}

fn pixels(png: &[u8]) -> Option<Pixels> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(png), Limits { bytes: MOST_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let mut reader = decoder.read_info().ok()?;
    let mut raw = vec![0; reader.output_buffer_size().filter(|size| *size <= MOST_BYTES)?];
    let frame = reader.next_frame(&mut raw).ok()?;
    raw.truncate(frame.buffer_size());
    let rgba = match frame.color_type {
        ColorType::Rgba => raw,
        ColorType::GrayscaleAlpha => raw.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect(),
        ColorType::Rgb => raw.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], u8::MAX]).collect(),
        ColorType::Grayscale => raw.iter().flat_map(|p| [*p, *p, *p, u8::MAX]).collect(),
        ColorType::Indexed => return None,
    };
    Some(Pixels {
        width: frame.width,
        height: frame.height,
        rgba,
    })
}

fn png_of(width: u32, height: u32, rgb: &[u8]) -> Option<Vec<u8>> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(rgb).ok()?;
    writer.finish().ok()?;
    Some(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, dot: Option<(u32, u32)>) -> Vec<u8> {
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|at| match dot {
                Some((x, y)) if at == y * width + x => [250, 0, 0],
                _ => [100, 150, 200],
            })
            .collect();
        png_of(width, height, &rgb).unwrap()
    }

    #[test]
    fn what_differs_is_red_and_counted() {
        let (picture, facts) = between(&plain(10, 8, None), &plain(10, 8, Some((3, 5)))).unwrap();
        assert_eq!(
            facts,
            json!({
                "width": 10, "height": 8, "changedShare": 0.0125, "meanDifference": 2.5, "largestDifference": 200,
                "changedArea": { "x": 3, "y": 5, "width": 1, "height": 1 },
            })
        );
        let shown = pixels(&picture).unwrap().rgba;
        let at = |x: usize, y: usize| &shown[(y * 10 + x) * 4..][..3];
        assert_eq!(at(3, 5), [255, 0, 0]);
        assert_eq!(at(4, 5), [228, 228, 228]);
    }

    #[test]
    fn the_same_differs_in_nothing_and_other_sizes_can_t_be_compared() {
        let same = plain(4, 4, None);
        let (_, facts) = between(&same, &same).unwrap();
        assert_eq!(
            (&facts["changedShare"], &facts["changedArea"]),
            (&json!(0.0), &Value::Null)
        );
        assert!(between(&same, &plain(4, 5, None)).is_none());
        assert!(between(&same, b"no picture").is_none());
        assert_eq!(size_of(&same), Some((4, 4)));
    }
}
