//! The header of a JPEG XL file. Its fields are bits after bits and some are entropy coded, so the decoder reads them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool};
use transform::Format;

use super::reader::{Reader, Stop};
use super::{Header, Metadata, Want};
use crate::ProbeError;

const CONTAINER: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
const CODESTREAM: &[u8] = &[0xff, 0x0a];

/// Bytes that are read at once.
const STEP: u64 = 16 << 10;
/// Boxes of one file.
const MAX_BOXES: usize = 1000;
/// Bytes that EXIF or XMP may have.
const MAX_METADATA: u64 = 4 << 20;
/// A profile is all that takes memory before the first frame.
const MEMORY: usize = 64 << 20;

pub(super) fn is_jxl(head: &[u8]) -> bool {
    head.starts_with(CONTAINER) || head.starts_with(CODESTREAM)
}

pub(super) fn read(reader: &mut Reader, want: Want) -> Result<Header, ProbeError> {
    // What panics inside is a file that nobody tried before.
    catch_unwind(AssertUnwindSafe(|| image(reader)))
        .unwrap_or(Err(Stop::Broken("its decoder gave up on it")))
        .map(|image| {
            let mut header = header(&image);
            if want == Want::Everything {
                header.metadata.icc = image.original_icc().map(<[u8]>::to_vec);
                // What breaks off behind the picture leaves the picture as it is.
                let _ = boxes(reader, &mut header.metadata);
            }
            header
        })
        .map_err(|stop| stop.of(Format::Jxl))
}

/// Goes over the boxes of a container for those of metadata; compressed ones are left to the decoder.
fn boxes(reader: &mut Reader, metadata: &mut Metadata) -> Result<(), Stop> {
    reader.seek(0)?;
    if reader.block(CONTAINER.len() as u64)? != CONTAINER {
        return Ok(());
    }
    for _ in 0..MAX_BOXES {
        if reader.left() == 0 {
            break;
        }
        let start = reader.position();
        let (short, kind): (u32, [u8; 4]) = (reader.u32_be()?, reader.array()?);
        let length = match short {
            0 => reader.left(),
            1 => (u64::from(reader.u32_be()?) << 32 | u64::from(reader.u32_be()?)).saturating_sub(16),
            short => u64::from(short).saturating_sub(reader.position() - start),
        };
        match &kind {
            b"Exif" if length <= MAX_METADATA => {
                let block = reader.block(length)?;
                // How many bytes are before the structure.
                let before = block.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)) as usize;
                let exif = block.get(before.saturating_add(4)..).map(<[u8]>::to_vec);
                metadata.exif = metadata.exif.take().or(exif);
            }
            b"xml " if length <= MAX_METADATA => {
                let block = reader.block(length)?;
                metadata.xmp.get_or_insert(block);
            }
            _ => reader.skip(length)?,
        }
    }
    Ok(())
}

fn image(reader: &mut Reader) -> Result<JxlImage, Stop> {
    let broken = |_| Stop::Broken("it is not as the standard says");
    let mut image = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(MEMORY))
        .build_uninit();
    loop {
        let bytes = reader.block(reader.left().min(STEP))?;
        if bytes.is_empty() {
            return Err(Stop::End);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match image.feed_bytes(rest).map_err(broken)? {
                0 => break,
                taken => rest = rest.get(taken..).unwrap_or_default(),
            }
        }
        match image.try_init().map_err(broken)? {
            InitializeResult::NeedMoreData(more) => image = more,
            InitializeResult::Initialized(image) => return Ok(image),
        }
    }
}

fn header(image: &JxlImage) -> Header {
    // Width and height are those of the upright picture, as which it is decoded.
    let mut header = Header::new(Format::Jxl, image.width(), image.height());
    header.info.has_alpha = image.pixel_format().has_alpha() && !image.pixel_format().has_black();
    header.has_profile = image.original_icc().is_some();
    header.bit_depth = match image.image_header().metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } => bits_per_sample.clamp(1, 16) as u8,
        BitDepth::FloatSample { .. } => 16,
    };
    header
}
