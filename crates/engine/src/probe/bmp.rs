use transform::{Format, SourceInfo};

use super::reader::{Reader, Stop};
use super::{Header, Want};
use crate::ProbeError;

/// The header of a device-independent bitmap, which BMP and ICO files share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bitmap {
    pub width: u32,
    pub height: u32,
    pub top_down: bool,
    pub bits: u16,
    pub packing: Packing,
    /// Which bits of a pixel are red, green, blue and alpha, for 16 and 32 bits.
    pub masks: [u32; 4],
    /// Bytes from the start of this header to the palette.
    pub palette_at: u64,
    pub palette_entries: u64,
    pub palette_entry_size: u64,
    density: u32,
    /// Bytes from the start of this header, and how many.
    profile: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    RunLength,
    /// A whole JPEG or PNG file, meant for printers.
    File,
    /// Of OS/2: rarely met, and not read.
    Other,
}

/// Bytes of the file's own header, before that of the bitmap.
pub(crate) const FILE_HEADER: u64 = 14;

const BITFIELDS: u32 = 3;
const ALPHA_BITFIELDS: u32 = 6;
/// `MBED`: a profile is embedded.
const EMBEDDED: u32 = 0x4d42_4544;

pub(super) fn is_bmp(head: &[u8]) -> bool {
    let size = head
        .get(14..18)
        .map_or(0, |size| u32::from_le_bytes(size.try_into().unwrap_or([0; 4])));
    head.starts_with(b"BM") && matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124)
}

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    let mut read = || {
        reader.skip(FILE_HEADER)?;
        let bitmap = Bitmap::read(reader)?;
        let mut header = Header::new(Format::Bmp, bitmap.width, bitmap.height);
        header.bit_depth = if bitmap.bits < 8 { bitmap.bits as u8 } else { 8 };
        header.info.has_alpha = bitmap.masks[3] != 0;
        header.info.density = bitmap.density;
        header.has_profile = bitmap.profile.is_some();
        if let (Some((at, length)), Want::Everything) = (bitmap.profile, want) {
            header.metadata.icc = reader
                .seek(FILE_HEADER + u64::from(at))
                .and_then(|()| reader.block(length.into()))
                .ok();
        }
        Ok(header)
    };
    read().map_err(|stop: Stop| stop.of(Format::Bmp))
}

impl Bitmap {
    /// From the place where its header begins.
    pub fn read(reader: &mut Reader) -> Result<Self, Stop> {
        let size = reader.u32_le()?;
        if size == 12 {
            return Self::read_core(reader);
        }
        if !(16..=1024).contains(&size) {
            return Err(Stop::Broken("a bitmap header of no known size"));
        }
        // What a shorter header leaves out is zero.
        let mut fields = reader.block(u64::from(size) - 4)?;
        let is_os2 = size == 64 || size == 16;
        fields.resize(fields.len().max(124), 0);
        // Places are counted from the start of the header, whose first field has been read.
        let field = |place: usize| {
            let bytes = &fields[place - 4..];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        let (width, height) = (field(4), field(8) as i32);
        let bits = (field(12) >> 16) as u16;
        let compression = field(16);
        let mut masks = match bits {
            16 => [0x7c00, 0x03e0, 0x001f, 0],
            _ => [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0],
        };
        let mut palette_at = u64::from(size);
        if !is_os2 && matches!(compression, BITFIELDS | ALPHA_BITFIELDS) {
            let with_alpha = size >= 56 || compression == ALPHA_BITFIELDS;
            if size >= 52 {
                masks = [field(40), field(44), field(48), if with_alpha { field(52) } else { 0 }];
            } else {
                let count = if with_alpha { 4 } else { 3 };
                for mask in &mut masks[..count] {
                    *mask = reader.u32_le()?;
                }
                palette_at += 4 * count as u64;
            }
        }
        let packing = match (compression, is_os2) {
            (0, _) => Packing::None,
            (1, _) if bits == 8 => Packing::RunLength,
            (2, _) if bits == 4 => Packing::RunLength,
            (BITFIELDS | ALPHA_BITFIELDS, false) if matches!(bits, 16 | 32) => Packing::None,
            (4 | 5, false) => Packing::File,
            _ => Packing::Other,
        };
        let used = u64::from(field(32));
        let most = if bits <= 8 { 1 << bits } else { 0 };
        let per_metre = f64::from(field(24));
        let per_inch = (per_metre * 0.0254).round();
        Ok(Self {
            width: width.min(i32::MAX as u32),
            height: height.unsigned_abs(),
            top_down: height < 0,
            bits,
            packing,
            masks,
            palette_at,
            palette_entries: if used == 0 { most } else { used.min(most) },
            palette_entry_size: 4,
            density: if (1.0..65_536.0).contains(&per_inch) {
                per_inch as u32
            } else {
                SourceInfo::DENSITY
            },
            profile: (size >= 124 && field(56) == EMBEDDED).then(|| (field(112), field(116))),
        })
    }

    /// Of OS/2 1.x and Windows 2: sixteen-bit sizes, three bytes a colour.
    fn read_core(reader: &mut Reader) -> Result<Self, Stop> {
        let (width, height) = (reader.u16_le()?, reader.u16_le()?);
        reader.u16_le()?;
        let bits = reader.u16_le()?;
        Ok(Self {
            width: width.into(),
            height: height.into(),
            top_down: false,
            bits,
            packing: Packing::None,
            masks: [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0],
            palette_at: 12,
            palette_entries: if bits <= 8 { 1 << bits } else { 0 },
            palette_entry_size: 3,
            density: SourceInfo::DENSITY,
            profile: None,
        })
    }
}
