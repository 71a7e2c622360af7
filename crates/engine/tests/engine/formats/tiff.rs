use transform::{Format, Orientation, Part};

use super::{decoded, refusal};
use crate::sample::Raster;
use engine::probe_bytes;

/// An uncompressed page: its entries but for size and places, and its pixels.
struct Page {
    width: u32,
    height: u32,
    /// Tag and values; of one value or more, sixteen bits each.
    entries: Vec<(u16, Vec<u16>)>,
    /// One strip, or one for each plane.
    strips: Vec<Vec<u8>>,
}

const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
const PLANAR: u16 = 284;
const COLOR_MAP: u16 = 320;
const EXTRA: u16 = 338;
const FORMAT: u16 = 339;

/// A whole file, in either byte order.
fn file(pages: &[Page], big_endian: bool) -> Vec<u8> {
    let short = |value: u16| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let long = |value: u32| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut file = if big_endian {
        b"MM\0*".to_vec()
    } else {
        b"II*\0".to_vec()
    };
    let mut pointer = file.len();
    file.extend([0; 4]);
    for page in pages {
        let offsets: Vec<u32> = page
            .strips
            .iter()
            .map(|strip| {
                let at = file.len() as u32;
                file.extend(strip);
                at
            })
            .collect();
        let lengths: Vec<u32> = page.strips.iter().map(|strip| strip.len() as u32).collect();
        let mut entries: Vec<(u16, u16, u32, Vec<u8>)> = vec![
            (256, 4, 1, long(page.width).to_vec()),
            (257, 4, 1, long(page.height).to_vec()),
            (
                273,
                4,
                offsets.len() as u32,
                offsets.iter().flat_map(|v| long(*v)).collect(),
            ),
            (278, 4, 1, long(page.height).to_vec()),
            (
                279,
                4,
                lengths.len() as u32,
                lengths.iter().flat_map(|v| long(*v)).collect(),
            ),
        ];
        for (tag, values) in &page.entries {
            let bytes = values.iter().flat_map(|value| short(*value)).collect();
            entries.push((*tag, 3, values.len() as u32, bytes));
        }
        entries.sort_by_key(|entry| entry.0);
        for entry in &mut entries {
            if entry.3.len() > 4 {
                let at = file.len() as u32;
                file.extend(&entry.3);
                entry.3 = long(at).to_vec();
            }
            entry.3.resize(4, 0);
        }
        let at = file.len() as u32;
        file[pointer..pointer + 4].copy_from_slice(&long(at));
        file.extend(short(entries.len() as u16));
        for (tag, kind, count, value) in &entries {
            file.extend(short(*tag));
            file.extend(short(*kind));
            file.extend(long(*count));
            file.extend(value);
        }
        pointer = file.len();
        file.extend([0; 4]);
    }
    file
}

fn page(width: u32, height: u32, entries: &[(u16, &[u16])], pixels: Vec<u8>) -> Page {
    Page {
        width,
        height,
        entries: entries.iter().map(|(tag, values)| (*tag, values.to_vec())).collect(),
        strips: vec![pixels],
    }
}

pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let rgb = page(
        4,
        3,
        &[(BITS, &[8, 8, 8]), (PHOTOMETRIC, &[2]), (SAMPLES, &[3])],
        (0..36).map(|i| i * 7).collect(),
    );
    let gray = page(3, 2, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], vec![9; 6]);
    vec![("tiff", file(&[rgb, gray], true)), ("packed tiff", packed())]
}

fn packed() -> Vec<u8> {
    use tiff::encoder::{Compression, TiffEncoder, colortype::RGB8};
    let pixels: Vec<u8> = Raster::gradient(20, 16)
        .pixels
        .iter()
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    let mut bytes = std::io::Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut bytes).expect("a file");
    encoder
        .with_compression(Compression::Lzw)
        .write_image::<RGB8>(20, 16, &pixels)
        .expect("a page");
    bytes.into_inner()
}

#[test]
fn lzw_with_strips() {
    let found = decoded(&packed(), &Part::Default);
    assert_eq!(found.difference(&Raster::gradient(20, 16)).0, 0);
}

#[test]
fn samples() {
    const OPAQUE: u8 = 255;
    type Case = (&'static str, Page, [[u8; 4]; 2]);
    let cases: Vec<Case> = vec![
        (
            "one bit, white is 0",
            page(2, 1, &[(BITS, &[1]), (PHOTOMETRIC, &[0])], vec![0b0100_0000]),
            [[255, 255, 255, OPAQUE], [0, 0, 0, OPAQUE]],
        ),
        (
            "four bits",
            page(2, 1, &[(BITS, &[4]), (PHOTOMETRIC, &[1])], vec![0x3f]),
            [[51, 51, 51, OPAQUE], [255, 255, 255, OPAQUE]],
        ),
        (
            "two bits of a palette",
            page(
                2,
                1,
                &[
                    (BITS, &[2]),
                    (PHOTOMETRIC, &[3]),
                    (
                        COLOR_MAP,
                        &[
                            0, 0x1000, 0x2000, 0x3000, 0, 0x4000, 0x5000, 0x6000, 0, 0x7000, 0x8000, 0x9000,
                        ],
                    ),
                ],
                vec![0b0111_0000],
            ),
            [[0x10, 0x40, 0x70, OPAQUE], [0x30, 0x60, 0x90, OPAQUE]],
        ),
        (
            "premultiplied alpha",
            page(
                2,
                1,
                &[(BITS, &[8; 4]), (PHOTOMETRIC, &[2]), (SAMPLES, &[4]), (EXTRA, &[1])],
                vec![100, 50, 0, 128, 0, 0, 0, 0],
            ),
            [[199, 100, 0, 128], [0, 0, 0, 0]],
        ),
        (
            "a mask of a painting program",
            page(
                2,
                1,
                &[(BITS, &[8; 4]), (PHOTOMETRIC, &[2]), (SAMPLES, &[4]), (EXTRA, &[0])],
                vec![100, 50, 0, 128, 1, 2, 3, 0],
            ),
            [[100, 50, 0, OPAQUE], [1, 2, 3, OPAQUE]],
        ),
        (
            "grey and alpha",
            page(
                2,
                1,
                &[(BITS, &[8; 2]), (PHOTOMETRIC, &[1]), (SAMPLES, &[2]), (EXTRA, &[2])],
                vec![7, 8, 9, 10],
            ),
            [[7, 7, 7, 8], [9, 9, 9, 10]],
        ),
        (
            "inks",
            page(
                2,
                1,
                &[(BITS, &[8; 4]), (PHOTOMETRIC, &[5]), (SAMPLES, &[4])],
                vec![255, 0, 0, 0, 0, 0, 0, 255],
            ),
            [[0, 255, 255, OPAQUE], [0, 0, 0, OPAQUE]],
        ),
        (
            "planes",
            Page {
                strips: vec![vec![1, 2], vec![3, 4], vec![5, 6]],
                ..page(
                    2,
                    1,
                    &[(BITS, &[8; 3]), (PHOTOMETRIC, &[2]), (SAMPLES, &[3]), (PLANAR, &[2])],
                    vec![],
                )
            },
            [[1, 3, 5, OPAQUE], [2, 4, 6, OPAQUE]],
        ),
    ];
    for (name, page, expected) in cases {
        let little = file(std::slice::from_ref(&page), false);
        let big = file(&[page], true);
        for file in [little, big] {
            assert_eq!(decoded(&file, &Part::Default).pixels, expected, "{name}");
        }
    }
}

#[test]
fn deep_samples_in_both_orders() {
    let entries: &[(u16, &[u16])] = &[(BITS, &[16]), (PHOTOMETRIC, &[1])];
    let floats: &[(u16, &[u16])] = &[(BITS, &[32]), (PHOTOMETRIC, &[1]), (FORMAT, &[3])];
    let expected = vec![[64, 64, 64, 255], [128, 128, 128, 255]];
    let sixteen = [64u16 * 257, 128 * 257];
    let float = [64.0f32 / 255.0, 128.0 / 255.0];
    let files = [
        file(
            &[page(
                2,
                1,
                entries,
                sixteen.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )],
            false,
        ),
        file(
            &[page(
                2,
                1,
                entries,
                sixteen.iter().flat_map(|v| v.to_be_bytes()).collect(),
            )],
            true,
        ),
        file(
            &[page(2, 1, floats, float.iter().flat_map(|v| v.to_le_bytes()).collect())],
            false,
        ),
    ];
    for file in files {
        assert_eq!(probe_bytes(&file).expect("a header").bit_depth(), 16);
        assert_eq!(decoded(&file, &Part::Default).pixels, expected);
    }
}

#[test]
fn pages_and_orientation() {
    let rgb = |width: u32, color: [u8; 3], orientation: u16| {
        page(
            width,
            2,
            &[
                (BITS, &[8; 3]),
                (PHOTOMETRIC, &[2]),
                (SAMPLES, &[3]),
                (ORIENTATION, &[orientation]),
            ],
            color.repeat(width as usize * 2),
        )
    };
    let file = file(&[rgb(3, [1, 2, 3], 1), rgb(5, [4, 5, 6], 6)], false);
    let info = probe_bytes(&file).expect("a header").info;
    assert_eq!(
        (info.format, info.width, info.height, info.pages),
        (Format::Tiff, 3, 2, 2)
    );
    assert_eq!(info.orientation, Orientation::Upright);
    let second = decoded(&file, &Part::Page(2));
    assert_eq!((second.width, second.height, second.pixels[0]), (2, 5, [4, 5, 6, 255]));
    assert_eq!(refusal(&file, &Part::Page(3)), "there is no page 3: the file has 2");
}
