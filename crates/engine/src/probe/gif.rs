use transform::Format;

use super::Header;
use super::coverage::{Coverage, Disposed};
use super::reader::{Reader, Stop};
use crate::ProbeError;

pub(super) fn read(reader: &mut Reader) -> Result<Header, ProbeError> {
    walk(reader).map_err(|stop| stop.of(Format::Gif))
}

/// The logical screen, then over all blocks to count the frames: GIF says nowhere how many there are.
fn walk(reader: &mut Reader) -> Result<Header, Stop> {
    reader.skip(6)?;
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let [flags, _background, _aspect] = reader.array()?;
    skip_palette(reader, flags)?;
    let mut header = Header::new(Format::Gif, width.into(), height.into());
    let mut frames = Frames::default();
    // A file that is cut off after its first frames still has a sound header.
    while let Ok(more) = block(reader, &header, &mut frames) {
        if !more {
            break;
        }
    }
    if frames.count == 0 {
        return Err(Stop::Broken("no frame"));
    }
    header.info.frames = frames.count;
    header.info.has_alpha = frames.coverage.has_gaps;
    Ok(header)
}

/// What the blocks so far tell of the frames.
#[derive(Default)]
struct Frames {
    count: u32,
    /// A frame need not cover the screen, any may have a transparent colour, and any may be cleared away.
    coverage: Coverage,
    /// Flags of the control block that goes with the next frame.
    control: u8,
}

/// One block; false at the trailer.
fn block(reader: &mut Reader, header: &Header, frames: &mut Frames) -> Result<bool, Stop> {
    match reader.u8()? {
        0x21 => {
            const GRAPHIC_CONTROL: u8 = 0xf9;
            if reader.u8()? == GRAPHIC_CONTROL {
                let [length, flags] = reader.array()?;
                frames.control = flags;
                reader.skip(u64::from(length).saturating_sub(1))?;
            }
            skip_sub_blocks(reader)?;
        }
        0x2c => {
            let (left, top) = (reader.u16_le()?, reader.u16_le()?);
            let (width, height) = (reader.u16_le()?, reader.u16_le()?);
            let flags = reader.u8()?;
            skip_palette(reader, flags)?;
            reader.skip(1)?;
            // Counted although its data may be cut off: that is for the decoder to say.
            let covers = left == 0
                && top == 0
                && u32::from(width) >= header.info.width
                && u32::from(height) >= header.info.height;
            let control = std::mem::take(&mut frames.control);
            let disposal = match control >> 2 & 7 {
                2 => Disposed::Cleared,
                3 => Disposed::Restored,
                _ => Disposed::Kept,
            };
            frames.coverage.frame(covers, control & 1 == 1, disposal);
            frames.count += 1;
            skip_sub_blocks(reader)?;
        }
        0x3b => return Ok(false),
        // Padding between blocks is seen in the wild.
        0x00 => {}
        _ => return Err(Stop::Broken("an unknown block")),
    }
    Ok(true)
}

fn skip_palette(reader: &mut Reader, flags: u8) -> Result<(), Stop> {
    if flags & 0x80 != 0 {
        reader.skip(3 << ((flags & 7) + 1))
    } else {
        Ok(())
    }
}

fn skip_sub_blocks(reader: &mut Reader) -> Result<(), Stop> {
    loop {
        match reader.u8()? {
            0 => return Ok(()),
            length => reader.skip(length.into())?,
        }
    }
}
