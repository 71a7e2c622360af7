//! Our decoder against the library, by its results.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use transform::Part;

use super::*;
use crate::probe::Want;

/// How a file is made.
#[derive(Debug, Clone, Copy)]
struct Make {
    width: u32,
    height: u32,
    sampling: tj::TJSAMP,
    quality: u8,
    optimised: bool,
    /// Coding units from one restart marker to the next.
    restart: c_int,
}

const ALL: [tj::TJSAMP; 7] = [
    tj::TJSAMP_TJSAMP_444,
    tj::TJSAMP_TJSAMP_422,
    tj::TJSAMP_TJSAMP_420,
    tj::TJSAMP_TJSAMP_440,
    tj::TJSAMP_TJSAMP_411,
    tj::TJSAMP_TJSAMP_441,
    tj::TJSAMP_TJSAMP_GRAY,
];

impl Make {
    /// Soft colours with an edge and grain, far enough from black and white that nothing is clamped.
    fn file(self) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(u64::from(self.width * 71 + self.height));
        let mut picture = Picture::new(self.width, self.height, false);
        for y in 0..self.height {
            for x in 0..self.width {
                let edge = if x * 2 + y > self.width { 30 } else { 0 };
                let wave = (f64::from(x) / 5.0).sin() * 20.0 + (f64::from(y) / 9.0).cos() * 20.0;
                let at = ((y * self.width + x) * 3) as usize;
                for (channel, value) in picture.pixels[at..at + 3].iter_mut().enumerate() {
                    let grain: i32 = random.random_range(-12..=12);
                    *value = (100 + edge + channel as i32 * 10 + wave as i32 + grain) as u8;
                }
            }
        }
        let mut codec = Codec::new(tj::TJINIT_TJINIT_COMPRESS).expect("a codec");
        let set = [
            (tj::TJPARAM_TJPARAM_QUALITY, self.quality.into()),
            (tj::TJPARAM_TJPARAM_SUBSAMP, self.sampling as c_int),
            (tj::TJPARAM_TJPARAM_OPTIMIZE, self.optimised.into()),
            (tj::TJPARAM_TJPARAM_RESTARTBLOCKS, self.restart),
        ];
        for (parameter, value) in set {
            codec.set(parameter, value).expect("a parameter");
        }
        codec.compress(&picture).expect("a file")
    }
}

fn header(source: &[u8]) -> Header {
    Header::of(source, &Part::Default, Want::Everything).expect("a header")
}

/// What the library makes of luma and chroma at a scale.
fn by_library(source: &[u8], shrink: u32) -> Option<Vec<Vec<u8>>> {
    let header = header(source);
    let mut codec = Codec::open(source, &header).ok()?;
    let sampling = codec.get(tj::TJPARAM_TJPARAM_SUBSAMP);
    codec.shrink(shrink).ok()?;
    let (width, height) = (
        to_c_int(header.info.width.div_ceil(shrink) as usize).ok()?,
        to_c_int(header.info.height.div_ceil(shrink) as usize).ok()?,
    );
    // SAFETY: takes numbers.
    let sides = [0, 1, 2].map(|part| unsafe {
        (
            tj::tj3YUVPlaneWidth(part, width, sampling).max(1) as u32,
            tj::tj3YUVPlaneHeight(part, height, sampling).max(1) as u32,
        )
    });
    let mut planes = sides.map(|(width, height)| Plane::new(width, height));
    let complaint = codec.decompress_planes(source, &mut planes).ok()?;
    if complaint != Complaint::None {
        return None;
    }
    let mut planes = planes.to_vec();
    planes[0].width = width as u32;
    planes[0].height = height as u32;
    if sampling == tj::TJSAMP_TJSAMP_GRAY as c_int {
        planes.truncate(1);
    }
    Some(planes.iter().map(visible).collect())
}

fn visible(plane: &Plane) -> Vec<u8> {
    plane.rows().flatten().copied().collect()
}

fn by_us(source: &[u8], shrink: u32, chroma: Chroma) -> Option<Vec<Plane>> {
    let frame = our_frame(source, &header(source), shrink)?;
    let planes = scan::decode(source, &frame, shrink, chroma, Light::Gamma)?;
    Some(
        std::iter::once(planes.luma)
            .chain(planes.chroma.into_iter().flatten())
            .collect(),
    )
}

fn files() -> impl Iterator<Item = Make> {
    let mut random = StdRng::seed_from_u64(3);
    let sides = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 65, 70];
    ALL.into_iter().flat_map(move |sampling| {
        (0..60)
            .map(|_| Make {
                width: sides[random.random_range(0..sides.len())],
                height: sides[random.random_range(0..sides.len())],
                sampling,
                quality: random.random_range(5..=100),
                optimised: random.random(),
                restart: [0, 0, 1, 2, 5][random.random_range(0..5)],
            })
            .collect::<Vec<_>>()
    })
}

/// At 1/8 both make the mean of each block of the same numbers, so that every bit must have been read alike.
#[test]
fn an_eighth_is_exactly_the_librarys() {
    for make in files() {
        let file = make.file();
        let ours: Vec<_> = by_us(&file, 8, Chroma::Stored)
            .expect("planes")
            .iter()
            .map(visible)
            .collect();
        assert!(Some(ours) == by_library(&file, 8), "{make:?}");
    }
}

/// Larger results have the same means, and have them also where blocks leave the picture.
#[test]
fn a_half_and_a_quarter_have_the_means_of_an_eighth() {
    for make in files() {
        let file = make.file();
        let means = by_us(&file, 8, Chroma::Stored).expect("planes");
        for shrink in [4, 2] {
            let planes = by_us(&file, shrink, Chroma::Stored).expect("planes");
            let side = (8 / shrink) as usize;
            for (plane, means) in planes.iter().zip(&means) {
                for (y, row) in means.rows().enumerate() {
                    for (x, mean) in row.iter().enumerate() {
                        // Decoded blocks are whole, even if their picture is not.
                        let sum: u32 = (0..side * side)
                            .map(|i| plane.values[(y * side + i / side) * plane.stride + x * side + i % side])
                            .map(u32::from)
                            .sum();
                        let found = f64::from(sum) / (side * side) as f64;
                        assert!(
                            (found - f64::from(*mean)).abs() <= 1.0,
                            "{make:?} 1/{shrink}: {found}, {mean}"
                        );
                    }
                }
            }
        }
    }
}

/// The lowest frequencies of what the library makes at full size, reduced in floats.
#[test]
fn a_half_and_a_quarter_are_the_lowest_frequencies() {
    for sampling in ALL {
        let make = Make {
            width: 64,
            height: 64,
            sampling,
            quality: 85,
            optimised: true,
            restart: 0,
        };
        let file = make.file();
        let full = by_library(&file, 1).expect("planes");
        for shrink in [4, 2] {
            let side = (8 / shrink) as usize;
            for (plane, full) in by_us(&file, shrink, Chroma::Stored).expect("planes").iter().zip(&full) {
                let width = plane.width as usize / side * 8;
                for (y, row) in plane.rows().enumerate() {
                    for (x, found) in row.iter().enumerate() {
                        let block: [f64; 64] = std::array::from_fn(|i| {
                            f64::from(full[(y / side * 8 + i / 8) * width + x / side * 8 + i % 8])
                        });
                        let expected = reduced(&block, side, x % side, y % side);
                        let difference = (expected - f64::from(*found)).abs();
                        assert!(difference < 1.6, "{make:?} 1/{shrink}: {found}, {expected}");
                    }
                }
            }
        }
    }
}

/// A sample of a block that is transformed, cut to its lowest frequencies, and transformed back at `side` points.
fn reduced(block: &[f64; 64], side: usize, x: usize, y: usize) -> f64 {
    let wave = |points: usize, frequency: usize, at: usize| {
        let angle = (2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / (2 * points) as f64;
        angle.cos() * if frequency == 0 { 1.0 } else { 2f64.sqrt() }
    };
    let mut sum = 0.0;
    for v in 0..side {
        for u in 0..side {
            let coefficient: f64 = (0..64)
                .map(|i| block[i] * wave(8, u, i % 8) * wave(8, v, i / 8) / 64.0)
                .sum();
            sum += coefficient * wave(side, u, x) * wave(side, v, y);
        }
    }
    sum
}

#[test]
fn chroma_as_large_as_luma() {
    for make in files().filter(|make| make.sampling != tj::TJSAMP_TJSAMP_GRAY) {
        let file = make.file();
        for shrink in [2, 4, 8] {
            let Some(planes) = by_us(&file, shrink, Chroma::Full) else {
                let one_in_four = [tj::TJSAMP_TJSAMP_411, tj::TJSAMP_TJSAMP_441].contains(&make.sampling);
                assert!(one_in_four && shrink == 2, "{make:?} 1/{shrink}");
                continue;
            };
            let size = (make.width.div_ceil(shrink), make.height.div_ceil(shrink));
            assert!(
                planes.iter().all(|plane| (plane.width, plane.height) == size),
                "{make:?}"
            );
            // Its means are those of chroma as stored.
            let stored = by_us(&file, shrink, Chroma::Stored).expect("planes");
            for (large, small) in planes.iter().zip(&stored) {
                let mean = |plane: &Plane| {
                    plane.values.iter().map(|value| f64::from(*value)).sum::<f64>() / plane.values.len() as f64
                };
                assert!((mean(large) - mean(small)).abs() <= 1.0, "{make:?} 1/{shrink}");
            }
        }
    }
}

#[test]
fn others_are_left_to_the_library() {
    let make = Make {
        width: 40,
        height: 30,
        sampling: tj::TJSAMP_TJSAMP_420,
        quality: 80,
        optimised: true,
        restart: 0,
    };
    let file = make.file();
    assert!(by_us(&file, 4, Chroma::Full).is_some());
    assert!(by_us(&file, 1, Chroma::Full).is_none(), "not smaller");
    let place = file
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .expect("a frame header");
    let mut progressive = file.clone();
    progressive[place + 1] = 0xc2;
    assert!(by_us(&progressive, 4, Chroma::Full).is_none());
    let mut cut = file.clone();
    cut.truncate(file.len() - 20);
    assert!(by_us(&cut, 4, Chroma::Full).is_none());
    // Without its end marker it is whole all the same.
    let whole = by_us(&file, 4, Chroma::Full);
    assert_eq!(by_us(&file[..file.len() - 2], 4, Chroma::Full), whole);
}

/// Whatever is decoded here, the library decodes to the same; and no file makes either of them stumble.
#[test]
fn damaged_files_are_judged_alike() {
    let mut random = StdRng::seed_from_u64(11);
    let seeds: Vec<_> = files()
        .filter(|make| make.width > 8 && make.height > 8)
        .step_by(9)
        .map(Make::file)
        .collect();
    let (mut decoded, mut refused) = (0, 0);
    for round in 0..6000 {
        let mut file = seeds[round % seeds.len()].clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(2..file.len());
            match random.random_range(0..5) {
                0 => file[at] = random.random(),
                1 => file[at] ^= 1 << random.random_range(0..8),
                2 => file.truncate(at.max(64)),
                3 => file.insert(at, random.random()),
                _ => {
                    file.remove(at);
                }
            }
        }
        let Ok(header) = Header::of(&file, &Part::Default, Want::Everything) else {
            continue;
        };
        if header.info.width > 1000 || header.info.height > 1000 {
            continue;
        }
        let shrink = [8, 4, 2][round % 3];
        let ours = by_us(&file, shrink, Chroma::Stored);
        let Some(theirs) = by_library(&file, shrink) else {
            refused += u32::from(ours.is_some());
            continue;
        };
        if let Some(ours) = ours {
            decoded += 1;
            // Values beyond sixteen bits wrap in ways of their own, but only damage makes them.
            if shrink == 8 {
                let ours = visible(&ours[0]);
                let differing = ours
                    .iter()
                    .zip(&theirs[0])
                    .filter(|(ours, theirs)| ours != theirs)
                    .count();
                assert!(
                    differing * 20 <= ours.len(),
                    "round {round}: {differing} of {}",
                    ours.len()
                );
            }
        }
    }
    // Complaints of the library about what follows the picture data.
    assert!(
        decoded > 500 && refused * 10 < decoded,
        "{decoded} decoded, {refused} of them refused by the library"
    );
}
