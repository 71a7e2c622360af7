//! Pictures that tests make, and ways to look at results.

use engine::{Budget, Rendition, render};
use transform::{Encoding, Format, Op, Output, Plan, Size};

pub const RED: [u8; 4] = [220, 40, 40, 255];
pub const GREEN: [u8; 4] = [40, 180, 60, 255];
pub const BLUE: [u8; 4] = [50, 70, 220, 255];
pub const YELLOW: [u8; 4] = [240, 220, 60, 255];

/// Pixels with alpha, in rows from the top.
#[derive(Clone, PartialEq)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<[u8; 4]>,
}

impl Raster {
    pub fn new(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let pixels = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| pixel(x, y))
            .collect();
        Self { width, height, pixels }
    }

    /// Four colours, red green over blue yellow, of which no mirroring looks like another.
    pub fn quadrants(width: u32, height: u32) -> Self {
        Self::new(width, height, |x, y| match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => YELLOW,
        })
    }

    /// Red grows to the right, green downwards, blue with both.
    pub fn gradient(width: u32, height: u32) -> Self {
        let ramp = |at: u32, length: u32| (at * 255 / (length - 1).max(1)) as u8;
        Self::new(width, height, |x, y| {
            [ramp(x, width), ramp(y, height), ramp(x + y, width + height - 1), 255]
        })
    }

    /// An orange disc on nothing, smooth at its edge; what is transparent is coloured too, to catch it bleeding in.
    pub fn disc(side: u32) -> Self {
        let middle = side as f32 / 2.0;
        Self::new(side, side, |x, y| {
            let (dx, dy) = (x as f32 + 0.5 - middle, y as f32 + 0.5 - middle);
            let inside = middle * 0.8 - (dx * dx + dy * dy).sqrt() + 0.5;
            let alpha = (inside.clamp(0.0, 1.0) * 255.0) as u8;
            if alpha == 0 {
                [0, 255, 0, 0]
            } else {
                [250, 140, 20, alpha]
            }
        })
    }

    /// A sun in a sky above hills and a house, with a fence of fine lines and a grain as of film: something of everything
    /// that filters meet.
    pub fn scene(width: u32, height: u32) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        let mix =
            |a: [f64; 3], b: [f64; 3], t: f64| -> [f64; 3] { std::array::from_fn(|i| a[i] * (1.0 - t) + b[i] * t) };
        Self::new(width, height, |column, row| {
            let (x, y) = ((f64::from(column) + 0.5) / w, (f64::from(row) + 0.5) / h);
            let mut color = mix([60.0, 110.0, 190.0], [220.0, 210.0, 190.0], (y / 0.7).min(1.0));
            let sun = ((x - 0.75).powi(2) * (w / h).powi(2) + (y - 0.25).powi(2)).sqrt();
            color = mix(color, [250.0, 225.0, 120.0], ((0.12 - sun) * h + 0.5).clamp(0.0, 1.0));
            let hill = 0.6 + 0.06 * (x * 7.0).sin() + 0.02 * (x * 23.0).cos();
            color = mix(
                color,
                mix([70.0, 120.0, 50.0], [30.0, 60.0, 30.0], (y - 0.5) * 2.0),
                ((y - hill) * h + 0.5).clamp(0.0, 1.0),
            );
            if (0.15..0.4).contains(&x) && (0.5..0.8).contains(&y) {
                let light = if x < 0.2 { 0.75 } else { 1.0 };
                color = [185.0 * light, 55.0 * light, 45.0 * light];
                if (0.28..0.34).contains(&x) && (0.58..0.68).contains(&y) {
                    color = [235.0, 235.0, 225.0];
                }
            }
            if (0.5..0.95).contains(&x) && (0.75..0.9).contains(&y) && column % 4 == 0 {
                color = [225.0, 220.0, 210.0];
            }
            let mut grain = (row * width + column).wrapping_mul(2_654_435_761);
            grain = (grain ^ (grain >> 15)).wrapping_mul(2_246_822_519);
            let grain = f64::from((grain >> 20) % 13) - 6.0;
            let [red, green, blue] = color.map(|value| (value + grain).round() as u8);
            [red, green, blue, 255]
        })
    }

    /// A lamp that stands on its foot, cut out: a thing that can throw a shadow.
    pub fn lamp(width: u32, height: u32) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        Self::new(width, height, |column, row| {
            let (x, y) = ((f64::from(column) + 0.5 - w / 2.0) / h, (f64::from(row) + 0.5) / h);
            let shade = 0.1 + 0.16 * ((y - 0.15) / 0.25);
            let inside = match y {
                0.15..0.4 => (shade - x.abs(), [230, 190, 110]),
                0.4..0.74 => (0.02 - x.abs(), [90, 70, 60]),
                0.74..0.8 => (0.14 - x.abs(), [60, 50, 50]),
                _ => (-1.0, [0, 0, 0]),
            };
            let alpha = ((inside.0 * h + 0.5).clamp(0.0, 1.0) * 255.0) as u8;
            let [red, green, blue] = inside.1;
            [red, green, blue, alpha]
        })
    }

    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        self.pixels[(y * self.width + x) as usize]
    }

    /// The colours near the corners: top left, top right, bottom left, bottom right.
    pub fn corners(&self) -> [[u8; 4]; 4] {
        let (left, right) = (self.width / 8, self.width - 1 - self.width / 8);
        let (top, bottom) = (self.height / 8, self.height - 1 - self.height / 8);
        [
            self.at(left, top),
            self.at(right, top),
            self.at(left, bottom),
            self.at(right, bottom),
        ]
    }

    pub fn to_png(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.pixels.iter().flatten().copied().collect();
        png_file(
            self.width,
            self.height,
            png::ColorType::Rgba,
            png::BitDepth::Eight,
            &bytes,
        )
    }

    pub fn from_png(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        let frame = reader.next_frame(&mut bytes).expect("pixels");
        let pixels = bytes[..frame.buffer_size()]
            .chunks_exact(4)
            .map(|p| [p[0], p[1], p[2], p[3]])
            .collect();
        Self {
            width: frame.width,
            height: frame.height,
            pixels,
        }
    }

    /// The largest and the mean difference of a channel, with colours weighted by alpha.
    pub fn difference(&self, other: &Self) -> (u32, f64) {
        assert_eq!((self.width, self.height), (other.width, other.height), "size");
        let mut largest = 0;
        let mut sum = 0u64;
        for (a, b) in self.pixels.iter().zip(&other.pixels) {
            for channel in 0..4 {
                let weight = |p: &[u8; 4]| if channel == 3 { 255 } else { u32::from(p[3]) };
                let (a, b) = (
                    u32::from(a[channel]) * weight(a) / 255,
                    u32::from(b[channel]) * weight(b) / 255,
                );
                largest = largest.max(a.abs_diff(b));
                sum += u64::from(a.abs_diff(b));
            }
        }
        (largest, sum as f64 / (self.pixels.len() * 4) as f64)
    }
}

pub fn png_file(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, pixels: &[u8]) -> Vec<u8> {
    png_with(width, height, color, depth, pixels, |_| ())
}

pub fn png_with(
    width: u32,
    height: u32,
    color: png::ColorType,
    depth: png::BitDepth,
    pixels: &[u8],
    change: impl FnOnce(&mut png::Info),
) -> Vec<u8> {
    let mut info = png::Info::with_size(width, height);
    info.color_type = color;
    info.bit_depth = depth;
    change(&mut info);
    let mut file = Vec::new();
    let mut writer = png::Encoder::with_info(&mut file, info)
        .expect("info")
        .write_header()
        .expect("header");
    writer.write_image_data(pixels).expect("pixels");
    writer.finish().expect("end");
    file
}

/// The plainest encoding.
pub fn encoding(format: Format) -> Encoding {
    Encoding {
        format,
        quality: 90,
        lossless: false,
        progressive: false,
        keep_profile: false,
        keep_metadata: false,
        density: None,
        keep_original_if_smaller: false,
    }
}

pub fn plan(ops: &[Op], width: u32, height: u32, encoding: Encoding) -> Plan {
    Plan {
        part: transform::Part::Default,
        animated: false,
        ops: ops.to_vec(),
        size: Size { width, height },
        output: Output::Encoded(encoding),
    }
}

/// The file in another format, at its own size.
pub fn convert(source: &[u8], encoding: Encoding) -> Rendition {
    let info = engine::probe_bytes(source).expect("a header").info;
    let plan = plan(&[], info.width, info.height, encoding);
    render(source, &plan, &Budget::default()).expect("a rendition")
}

/// The pixels of a file, by way of a lossless PNG.
pub fn pixels(file: &[u8]) -> Raster {
    Raster::from_png(&convert(file, encoding(Format::Png)).bytes)
}

/// A JPEG of a picture, with this EXIF orientation in front.
pub fn jpeg_with_orientation(picture: &Raster, value: u8) -> Vec<u8> {
    let mut source = picture.to_png();
    let info = engine::probe_bytes(&source).expect("a header").info;
    let flatten = [Op::Flatten(transform::Color::WHITE)];
    let jpeg = encoding(Format::Jpeg);
    source = render(
        &source,
        &plan(&flatten, info.width, info.height, jpeg),
        &Budget::default(),
    )
    .expect("a JPEG")
    .bytes;
    let mut segment = vec![0xff, 0xe1, 0, 34];
    segment.extend(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    segment.push(value);
    segment.extend([0; 6]);
    source.splice(2..2, segment);
    source
}
