//! What stands before the picture data of a JPEG (ITU-T T.81, annex B): sizes, sampling, tables.

use super::huffman::Lengths;

/// Zigzag order (T.81, figure 5): where the n-th coefficient of a block is, in rows of eight. Positions beyond the last,
/// which only damaged files reach, lead to a place that nobody reads.
pub(super) const ZIGZAG: [u8; 128] = {
    let mut order = [64; 128];
    let (mut x, mut y, mut n) = (0, 0, 0);
    while n < 64 {
        order[n] = y * 8 + x;
        n += 1;
        // Up to the right on even diagonals, down to the left on odd ones.
        if (x + y) % 2 == 0 {
            if x == 7 {
                y += 1;
            } else if y == 0 {
                x += 1;
            } else {
                x += 1;
                y -= 1;
            }
        } else if y == 7 {
            x += 1;
        } else if x == 0 {
            y += 1;
        } else {
            x -= 1;
            y += 1;
        }
    }
    order
};

/// A sequential picture of one scan, whose data begin at `data`.
pub(super) struct Frame {
    pub width: u32,
    pub height: u32,
    /// One (grey), or three: luma, blue and red difference.
    pub components: Vec<Component>,
    /// Blocks of luma in a coding unit, across and down; 1 x 1 of grey.
    pub unit: (u32, u32),
    /// Coding units between restart markers; 0 without them.
    pub restart_interval: u32,
    /// Where the entropy-coded data begin in the file.
    pub data: usize,
}

/// A component, with the tables that it names.
pub(super) struct Component {
    /// Blocks in a coding unit, across and down.
    pub blocks: (u32, u32),
    /// Steps of the quantiser in zigzag order, zero beyond.
    pub steps: [i16; 128],
    /// Code for differences of DC.
    pub dc: Lengths,
    /// Code for runs and sizes of AC.
    pub ac: Lengths,
}

impl Frame {
    /// Nothing, when the file is not one of those that are decoded here: eight bits, Huffman code, one scan, YCbCr or
    /// grey, no damage.
    pub fn read(source: &[u8]) -> Option<Self> {
        let mut tables = Tables::default();
        let mut frame: Option<Stated> = None;
        let mut color = Color::default();
        let mut restart_interval = 0;
        let mut at = 2;
        loop {
            let (marker, segment) = next(source, &mut at)?;
            match marker {
                0xc0 | 0xc1 if frame.is_none() => frame = Some(Stated::read(segment)?),
                0xc4 => tables.read_codes(segment)?,
                0xdb => tables.read_steps(segment)?,
                0xdd => restart_interval = u32::from(u16::from_be_bytes(segment.try_into().ok()?)),
                0xe0 => color.jfif |= segment.len() >= 12 && segment.starts_with(b"JFIF\0"),
                0xee if segment.len() >= 12 && segment.starts_with(b"Adobe") => color.adobe = Some(segment[11]),
                0xe1..=0xef | 0xfe => {}
                0xda => return frame?.with(&tables, &color, restart_interval, segment, at),
                // Progressive, arithmetic, lossless, hierarchical; a second frame; the end.
                _ => return None,
            }
        }
    }

    /// Coding units across and down.
    pub fn units(&self) -> (u32, u32) {
        (
            self.width.div_ceil(8 * self.unit.0),
            self.height.div_ceil(8 * self.unit.1),
        )
    }
}

/// The marker segment at a position, without its length, and the position behind it. Only what stands in good order.
fn next<'a>(source: &'a [u8], at: &mut usize) -> Option<(u8, &'a [u8])> {
    if *source.get(*at)? != 0xff {
        return None;
    }
    while *source.get(*at)? == 0xff {
        *at += 1;
    }
    let marker = source[*at];
    let length = usize::from(u16::from_be_bytes([*source.get(*at + 1)?, *source.get(*at + 2)?]));
    let start = *at + 3;
    let end = start + length.checked_sub(2)?;
    *at = end;
    Some((marker, source.get(start..end)?))
}

#[derive(Default)]
struct Tables {
    steps: [Option<[i16; 128]>; 4],
    dc: [Option<Lengths>; 4],
    ac: [Option<Lengths>; 4],
}

impl Tables {
    fn read_steps(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let width = usize::from(head >> 4) + 1;
            if width > 2 || rest.len() < 64 * width {
                return None;
            }
            let (values, rest) = rest.split_at(64 * width);
            let mut steps = [0; 128];
            for (step, value) in steps.iter_mut().zip(values.chunks_exact(width)) {
                // Larger ones make no picture of eight bits.
                *step = value
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | i32::from(*byte))
                    .try_into()
                    .ok()?;
            }
            *self.steps.get_mut(usize::from(head & 15))? = Some(steps);
            segment = rest;
        }
        Some(())
    }

    fn read_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let lengths;
            (lengths, segment) = Lengths::read(rest)?;
            let place = usize::from(head & 15);
            match head >> 4 {
                0 if lengths.symbols().iter().all(|size| *size <= 15) => *self.dc.get_mut(place)? = Some(lengths),
                1 => *self.ac.get_mut(place)? = Some(lengths),
                _ => return None,
            }
        }
        Some(())
    }
}

/// What says how colours are coded.
#[derive(Default)]
struct Color {
    jfif: bool,
    /// Adobe's transform code.
    adobe: Option<u8>,
}

/// A frame header.
struct Stated {
    width: u32,
    height: u32,
    components: Vec<StatedComponent>,
}

struct StatedComponent {
    name: u8,
    sampling: (u32, u32),
    steps: usize,
}

impl Stated {
    fn read(segment: &[u8]) -> Option<Self> {
        let [8, h1, h2, w1, w2, count, rest @ ..] = segment else {
            return None;
        };
        let components: Vec<_> = rest
            .chunks_exact(3)
            .map(|c| StatedComponent {
                name: c[0],
                sampling: ((c[1] >> 4).into(), (c[1] & 15).into()),
                steps: c[2].into(),
            })
            .collect();
        let (width, height) = (u16::from_be_bytes([*w1, *w2]), u16::from_be_bytes([*h1, *h2]));
        let whole = rest.len() == usize::from(*count) * 3 && width > 0 && height > 0;
        whole.then_some(Self {
            width: width.into(),
            height: height.into(),
            components,
        })
    }

    fn with(self, tables: &Tables, color: &Color, restart_interval: u32, scan: &[u8], data: usize) -> Option<Frame> {
        let count = self.components.len();
        let unit = match &self.components[..] {
            // Alone it is not interleaved, whatever its sampling.
            [_] => (1, 1),
            [luma, blue, red] if self.is_ycc(color) && blue.sampling == red.sampling => {
                // Only whole multiples of one block of chroma; no more blocks than the standard has in a unit.
                if blue.sampling != (1, 1) || !matches!(luma.sampling, (1 | 2 | 4, 1 | 2 | 4)) {
                    return None;
                }
                if luma.sampling.0 * luma.sampling.1 > 8 {
                    return None;
                }
                luma.sampling
            }
            _ => return None,
        };
        let [named, codes @ .., 0, 63, 0] = scan else {
            return None;
        };
        if usize::from(*named) != count || codes.len() != count * 2 {
            return None;
        }
        let components = self.components.iter().zip(codes.chunks_exact(2)).map(|(stated, code)| {
            if stated.name != code[0] {
                return None;
            }
            Some(Component {
                blocks: if count == 1 { (1, 1) } else { stated.sampling },
                steps: (*tables.steps.get(stated.steps)?)?,
                dc: tables.dc.get(usize::from(code[1] >> 4))?.clone()?,
                ac: tables.ac.get(usize::from(code[1] & 15))?.clone()?,
            })
        });
        Some(Frame {
            width: self.width,
            height: self.height,
            components: components.collect::<Option<_>>()?,
            unit,
            restart_interval,
            data,
        })
    }

    /// As libjpeg decides it: JFIF means YCbCr, then Adobe's word counts, then the names of the components.
    fn is_ycc(&self, color: &Color) -> bool {
        let names: Vec<_> = self.components.iter().map(|component| component.name).collect();
        color.jfif || color.adobe.map_or(names != *b"RGB", |transform| transform == 1)
    }
}
