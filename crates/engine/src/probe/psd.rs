//! Photoshop documents (Adobe Photoshop File Formats Specification, 2019): the header, resources and the list of layers.

use transform::{Format, Part, SourceInfo};

use super::reader::{Reader, Stop};
use super::{Header, Metadata, Want};
use crate::ProbeError;

const MAX_LAYERS: usize = 8000;
const MAX_CHANNELS: u16 = 56;
/// Image resources that are looked at.
const MAX_RESOURCES: usize = 2000;

/// A document, its pixels apart.
#[derive(Debug)]
pub(crate) struct Document {
    pub width: u32,
    pub height: u32,
    pub channels: u16,
    pub depth: u16,
    pub mode: Mode,
    /// 256 reds, greens and blues of an indexed picture.
    pub palette: Vec<u8>,
    /// From the bottom to the top, without the marks of groups.
    pub layers: Vec<Layer>,
    /// The merged picture's first channel after the colours is its transparency.
    pub merged_alpha: bool,
    /// Where the merged picture begins.
    pub merged_at: u64,
    density: u32,
    metadata: Metadata,
    has_profile: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Bitmap,
    Gray,
    Indexed,
    Rgb,
    Cmyk,
}

#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub name: String,
    pub top: i32,
    pub left: i32,
    pub bottom: i32,
    pub right: i32,
    pub channels: Vec<Channel>,
    pub blend: [u8; 4],
    /// 0 to 255.
    pub opacity: u8,
    pub mask: Option<Mask>,
}

#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// 0 and up are colours, -1 is transparency, -2 the mask.
    pub id: i16,
    /// Where its data begins, with how it is packed.
    pub at: u64,
    pub length: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Mask {
    pub top: i32,
    pub left: i32,
    pub bottom: i32,
    pub right: i32,
    /// What it is where it is not.
    pub outside: u8,
}

impl Mode {
    pub fn colors(self) -> u16 {
        match self {
            Self::Bitmap | Self::Gray | Self::Indexed => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

pub(super) fn is_psd(head: &[u8]) -> bool {
    head.starts_with(b"8BPS\0\x01")
}

pub(super) fn read(reader: &mut Reader, part: &Part, want: Want) -> Result<Header, ProbeError> {
    let document = Document::read(reader).map_err(|stop| stop.of(Format::Psd))?;
    document.chosen(part)?;
    let mut header = Header::new(Format::Psd, document.width, document.height);
    header.bit_depth = document.depth.min(16) as u8;
    header.info.pages = u32::try_from(document.layers.len()).unwrap_or(1).max(1);
    header.info.density = document.density;
    // Ink on paper has no transparency here.
    header.info.has_alpha = document.mode != Mode::Cmyk
        && match part {
            Part::Default => document.merged_alpha,
            _ => !document.layers.is_empty(),
        };
    header.has_profile = document.has_profile;
    if want == Want::Everything {
        header.metadata = document.metadata;
    }
    Ok(header)
}

impl Document {
    pub fn read(reader: &mut Reader) -> Result<Self, Stop> {
        reader.skip(12)?;
        let channels = reader.u16_be()?;
        let (height, width) = (reader.u32_be()?, reader.u32_be()?);
        let (depth, mode) = (reader.u16_be()?, reader.u16_be()?);
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(Stop::Broken("an impossible number of channels"));
        }
        let mode = match (mode, depth) {
            (0, 1) => Mode::Bitmap,
            // Duotones are stored as the grey picture that their inks print.
            (1 | 8, 8 | 16) => Mode::Gray,
            (2, 8) => Mode::Indexed,
            (3, 8 | 16) => Mode::Rgb,
            (4, 8 | 16) => Mode::Cmyk,
            (_, 32) => return Err(Stop::Broken("samples of 32 bits, which are not read")),
            _ => return Err(Stop::Broken("a colour mode that is not read")),
        };
        if channels < mode.colors() {
            return Err(Stop::Broken("too few channels for its colours"));
        }
        let length = reader.u32_be()?;
        let palette = if mode == Mode::Indexed {
            reader.block(length.into())?
        } else {
            reader.skip(length.into())?;
            Vec::new()
        };
        if mode == Mode::Indexed && palette.len() < 768 {
            return Err(Stop::Broken("a palette that is too short"));
        }
        let mut document = Self {
            width,
            height,
            channels,
            depth,
            mode,
            palette,
            layers: Vec::new(),
            merged_alpha: false,
            merged_at: 0,
            density: SourceInfo::DENSITY,
            metadata: Metadata::default(),
            has_profile: false,
        };
        document.resources(reader)?;
        let length = u64::from(reader.u32_be()?);
        let start = reader.position();
        document.merged_at = start + length;
        if length > 0 {
            document.layers_and_masks(reader, start + length)?;
        }
        Ok(document)
    }

    fn resources(&mut self, reader: &mut Reader) -> Result<(), Stop> {
        let length = u64::from(reader.u32_be()?);
        let end = reader.position() + length;
        for _ in 0..MAX_RESOURCES {
            if reader.position() + 12 > end || &reader.array()? != b"8BIM" {
                break;
            }
            let id = reader.u16_be()?;
            // A Pascal string, filled up to an even number of bytes.
            let name = u64::from(reader.u8()?);
            reader.skip((name + 1).next_multiple_of(2) - 1)?;
            let length = u64::from(reader.u32_be()?);
            let next = reader.position() + length.next_multiple_of(2);
            match id {
                1005 => {
                    // Sixteen bits before the point and sixteen after, per inch.
                    let per_inch = reader.u32_be()? >> 16;
                    self.density = if per_inch == 0 { SourceInfo::DENSITY } else { per_inch };
                }
                1028 => {
                    // As a resource of its own, with what is before its data.
                    let mut resource = b"8BIM\x04\x04\0\0".to_vec();
                    resource.extend(u32::try_from(length).unwrap_or(0).to_be_bytes());
                    resource.extend(reader.block(length)?);
                    self.metadata.iptc = Some(resource);
                }
                1039 => {
                    self.metadata.icc = Some(reader.block(length)?);
                    self.has_profile = true;
                }
                1058 => self.metadata.exif = Some(reader.block(length)?),
                1060 => self.metadata.xmp = Some(reader.block(length)?),
                _ => {}
            }
            reader.seek(next)?;
        }
        reader.seek(end)
    }

    fn layers_and_masks(&mut self, reader: &mut Reader, end: u64) -> Result<(), Stop> {
        let length = u64::from(reader.u32_be()?);
        let start = reader.position();
        if length > 0 {
            self.layer_info(reader)?;
        }
        // Layers of sixteen bits are in a block behind, as it was added to the format later.
        reader.seek(start + length)?;
        if self.layers.is_empty() && reader.position() + 4 <= end {
            let global = u64::from(reader.u32_be()?);
            reader.skip(global)?;
            while reader.position() + 12 <= end {
                let (mark, key): ([u8; 4], [u8; 4]) = (reader.array()?, reader.array()?);
                if &mark != b"8BIM" && &mark != b"8B64" {
                    break;
                }
                let length = u64::from(reader.u32_be()?);
                let next = reader.position() + length.next_multiple_of(4);
                if &key == b"Lr16" {
                    self.layer_info(reader)?;
                    break;
                }
                reader.seek(next)?;
            }
        }
        Ok(())
    }

    fn layer_info(&mut self, reader: &mut Reader) -> Result<(), Stop> {
        let count = reader.u16_be()? as i16;
        self.merged_alpha = count < 0 && self.channels > self.mode.colors();
        let count = usize::from(count.unsigned_abs());
        if count > MAX_LAYERS {
            return Err(Stop::Broken("too many layers"));
        }
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(layer(reader)?);
        }
        let mut at = reader.position();
        for (layer, _) in &mut all {
            for channel in &mut layer.channels {
                channel.at = at;
                at = at.saturating_add(channel.length);
            }
        }
        self.layers = all
            .into_iter()
            .filter_map(|(layer, is_mark)| (!is_mark).then_some(layer))
            .collect();
        Ok(())
    }

    /// The layers of a part, as indices from the bottom; none for the merged picture.
    pub fn chosen(&self, part: &Part) -> Result<Option<Vec<usize>>, ProbeError> {
        // A document of a single background has no list of layers: it is its own first.
        let count = self.layers.len().max(1);
        let missing = |asked: u32| ProbeError::NoSuchPart {
            asked,
            part: "layer",
            count: count as u32,
        };
        let indices: Vec<usize> = match part {
            Part::Default => return Ok(None),
            Part::Page(number) => vec![(*number).max(1) as usize - 1],
            Part::Layers(ranges) => {
                let mut indices = Vec::new();
                for (first, last) in ranges {
                    let first = (*first).max(1) as usize - 1;
                    let last = if *last == u32::MAX { count } else { *last as usize };
                    // One that is out of range is found below.
                    indices.extend(first..last.clamp(first + 1, count.max(first) + 1));
                    if last > count {
                        return Err(missing(u32::try_from(last).unwrap_or(u32::MAX)));
                    }
                }
                indices
            }
            Part::Named(names) => {
                let mut indices = Vec::new();
                for name in names {
                    let found = self.layers.iter().position(|layer| layer.name == *name);
                    indices.push(found.ok_or_else(|| ProbeError::NoSuchLayer {
                        asked: name.clone(),
                        names: self.names(),
                    })?);
                }
                indices
            }
        };
        if let Some(beyond) = indices.iter().find(|index| **index >= count) {
            return Err(missing(u32::try_from(*beyond + 1).unwrap_or(u32::MAX)));
        }
        let mut indices = indices;
        indices.sort_unstable();
        indices.dedup();
        if self.layers.is_empty() {
            Ok(None)
        } else {
            Ok(Some(indices))
        }
    }

    fn names(&self) -> String {
        const SHOWN: usize = 20;
        let names: Vec<_> = self
            .layers
            .iter()
            .take(SHOWN)
            .map(|layer| format!("\"{}\"", layer.name))
            .collect();
        let more = if self.layers.len() > SHOWN { ", ..." } else { "" };
        names.join(", ") + more
    }
}

/// A layer without the places of its channels, and whether it only marks the bounds of a group.
fn layer(reader: &mut Reader) -> Result<(Layer, bool), Stop> {
    let side = |reader: &mut Reader| reader.u32_be().map(|side| side as i32);
    let (top, left, bottom, right) = (side(reader)?, side(reader)?, side(reader)?, side(reader)?);
    let count = reader.u16_be()?;
    if count > MAX_CHANNELS + 2 {
        return Err(Stop::Broken("a layer of too many channels"));
    }
    let mut channels = Vec::new();
    for _ in 0..count {
        let (id, length) = (reader.u16_be()? as i16, reader.u32_be()?);
        channels.push(Channel {
            id,
            at: 0,
            length: length.into(),
        });
    }
    if &reader.array()? != b"8BIM" {
        return Err(Stop::Broken("a layer without its mark"));
    }
    let blend = reader.array()?;
    let [opacity, _clipping, _flags, _] = reader.array()?;
    let length = u64::from(reader.u32_be()?);
    let end = reader.position() + length;

    let mask_length = u64::from(reader.u32_be()?);
    let mask_end = reader.position() + mask_length;
    let mut mask = None;
    if mask_length >= 18 {
        let (top, left, bottom, right) = (side(reader)?, side(reader)?, side(reader)?, side(reader)?);
        let [outside, flags]: [u8; 2] = reader.array()?;
        let is_off = flags & 2 != 0;
        mask = (!is_off).then_some(Mask {
            top,
            left,
            bottom,
            right,
            outside,
        });
    }
    reader.seek(mask_end)?;
    let ranges = u64::from(reader.u32_be()?);
    reader.skip(ranges)?;
    let short = u64::from(reader.u8()?);
    let name = reader.block(short)?;
    reader.skip((short + 1).next_multiple_of(4) - 1 - short)?;
    let mut name = String::from_utf8_lossy(&name).into_owned();
    let mut is_mark = false;
    while reader.position() + 12 <= end {
        let (mark, key): ([u8; 4], [u8; 4]) = (reader.array()?, reader.array()?);
        if &mark != b"8BIM" && &mark != b"8B64" {
            break;
        }
        let length = u64::from(reader.u32_be()?);
        let next = reader.position() + length.next_multiple_of(2);
        match &key {
            b"luni" => {
                let count = reader.u32_be()?;
                let units = reader.block(u64::from(count) * 2)?;
                let units: Vec<u16> = units
                    .chunks_exact(2)
                    .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                    .collect();
                name = String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned();
            }
            b"lsct" => is_mark = reader.u32_be()? != 0,
            _ => {}
        }
        reader.seek(next)?;
    }
    reader.seek(end)?;
    let layer = Layer {
        name,
        top,
        left,
        bottom,
        right,
        channels,
        blend,
        opacity,
        mask,
    };
    Ok((layer, is_mark))
}
