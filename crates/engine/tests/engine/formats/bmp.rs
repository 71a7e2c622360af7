use transform::{Format, Part};

use super::decoded;
use engine::probe_bytes;

/// A file with a header of 40 bytes, or of 56 with masks.
fn file(width: i32, height: i32, bits: u16, compression: u32, extra: &[u8], data: &[u8]) -> Vec<u8> {
    let bitmap = bitmap(width, height, bits, compression, extra);
    let data_at = 14 + bitmap.len() as u32;
    let mut file = b"BM".to_vec();
    file.extend((data_at + data.len() as u32).to_le_bytes());
    file.extend([0; 4]);
    file.extend(data_at.to_le_bytes());
    file.extend(bitmap);
    file.extend(data);
    file
}

/// `extra` is the palette, or 16 bytes of masks.
fn bitmap(width: i32, height: i32, bits: u16, compression: u32, extra: &[u8]) -> Vec<u8> {
    let size: u32 = if compression == 3 { 56 } else { 40 };
    let mut bytes = size.to_le_bytes().to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(compression.to_le_bytes());
    bytes.extend([0; 12]);
    let colors = if bits <= 8 { extra.len() as u32 / 4 } else { 0 };
    bytes.extend(colors.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(extra);
    bytes
}

const PALETTE: &[u8] = &[3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0];
const FIRST: [u8; 4] = [1, 2, 3, 255];
const SECOND: [u8; 4] = [4, 5, 6, 255];
const THIRD: [u8; 4] = [7, 8, 9, 255];

pub fn runs() -> Vec<u8> {
    // Two of the third; one of each literally; the end of the line; a jump of one; one of the second; the end.
    let data = [2, 2, 0, 3, 0, 1, 2, 0, 0, 0, 0, 2, 1, 0, 1, 1, 0, 1];
    file(5, 2, 8, 1, PALETTE, &data)
}

/// Two pictures: four pixels of 32 bits with a mask, and one of 24.
pub fn icon() -> Vec<u8> {
    let mut large = bitmap(2, 4, 32, 0, &[]);
    large.extend([0, 0, 200, 0, 0, 200, 0, 0]);
    large.extend([200, 0, 0, 0, 9, 9, 9, 0]);
    // From the bottom, filled to four bytes: the lower right pixel is transparent.
    large.extend([0b0100_0000, 0, 0, 0, 0, 0, 0, 0]);
    let mut small = bitmap(1, 2, 24, 0, &[]);
    small.extend([1, 1, 1, 0, 0, 0, 0, 0]);
    let mut file = vec![0, 0, 1, 0, 2, 0];
    let mut at = 6 + 32;
    for (side, picture) in [(1, &small), (2, &large)] {
        file.extend([side, side, 0, 0, 1, 0, 0, 0]);
        file.extend((picture.len() as u32).to_le_bytes());
        file.extend((at as u32).to_le_bytes());
        at += picture.len();
    }
    file.extend(small);
    file.extend(large);
    file
}

#[test]
fn depths() {
    let masks: Vec<u8> = [0xf000u32, 0x0f00, 0x00f0, 0x000f]
        .iter()
        .flat_map(|m| m.to_le_bytes())
        .collect();
    type Case = (&'static str, Vec<u8>, Vec<[u8; 4]>);
    let cases: Vec<Case> = vec![
        (
            "one bit",
            file(3, 1, 1, 0, &PALETTE[..8], &[0b0110_0000, 0, 0, 0]),
            vec![FIRST, SECOND, SECOND],
        ),
        (
            "four bits",
            file(3, 1, 4, 0, PALETTE, &[0x21, 0x00, 0, 0]),
            vec![THIRD, SECOND, FIRST],
        ),
        (
            "from the bottom",
            file(1, 2, 8, 0, PALETTE, &[0, 0, 0, 0, 2, 0, 0, 0]),
            vec![THIRD, FIRST],
        ),
        (
            "from the top",
            file(1, -2, 8, 0, PALETTE, &[0, 0, 0, 0, 2, 0, 0, 0]),
            vec![FIRST, THIRD],
        ),
        (
            "fifteen bits",
            file(1, 1, 16, 0, &[], &[0x1f, 0x7c, 0, 0]),
            vec![[255, 0, 255, 255]],
        ),
        (
            "masks",
            file(1, 1, 16, 3, &masks, &[0x8f, 0xf0, 0, 0]),
            vec![[255, 0, 136, 255]],
        ),
        (
            "alpha",
            file(1, 1, 16, 3, &masks, &[0x03, 0xf0, 0, 0]),
            vec![[255, 0, 0, 51]],
        ),
        ("24 bits", file(1, 1, 24, 0, &[], &[3, 2, 1, 0]), vec![FIRST]),
        (
            "32 bits without alpha",
            file(1, 1, 32, 0, &[], &[3, 2, 1, 0]),
            vec![FIRST],
        ),
        (
            "runs of bytes",
            runs(),
            vec![FIRST, SECOND, FIRST, FIRST, FIRST, THIRD, THIRD, FIRST, SECOND, THIRD],
        ),
        (
            "runs of nibbles",
            file(5, 1, 4, 2, PALETTE, &[3, 0x12, 0, 3, 0x01, 0x20, 0, 1]),
            vec![SECOND, THIRD, SECOND, FIRST, SECOND],
        ),
    ];
    for (name, file, expected) in cases {
        assert_eq!(decoded(&file, &Part::Default).pixels, expected, "{name}");
    }
}

#[test]
fn the_largest_picture_of_an_icon() {
    let file = icon();
    let info = probe_bytes(&file).expect("a header").info;
    assert_eq!(
        (info.format, info.width, info.height, info.has_alpha),
        (Format::Ico, 2, 2, true)
    );
    let found = decoded(&file, &Part::Default);
    assert_eq!(
        found.pixels,
        [[0, 0, 200, 255], [9, 9, 9, 255], [200, 0, 0, 255], [0, 200, 0, 0]]
    );
}

#[test]
fn a_png_in_an_icon() {
    let picture = crate::sample::Raster::disc(40);
    let png = picture.to_png();
    let mut file = vec![0, 0, 2, 0, 1, 0, 40, 40, 0, 0, 5, 0, 5, 0];
    file.extend((png.len() as u32).to_le_bytes());
    file.extend(22u32.to_le_bytes());
    file.extend(png);
    assert_eq!(decoded(&file, &Part::Default).difference(&picture).0, 0);
}
