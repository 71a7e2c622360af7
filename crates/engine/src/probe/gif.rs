use transform::Format;

use super::Header;
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
    // A frame need not cover the screen, and any may have a transparent colour: found below, in the first frame only.
    let mut frames = 0;
    // A file that is cut off after its first frames still has a sound header.
    while let Ok(more) = block(reader, &mut header, &mut frames) {
        if !more {
            break;
        }
    }
    if frames == 0 {
        return Err(Stop::Broken("no frame"));
    }
    header.info.frames = frames;
    Ok(header)
}

/// One block; false at the trailer.
fn block(reader: &mut Reader, header: &mut Header, frames: &mut u32) -> Result<bool, Stop> {
    match reader.u8()? {
        0x21 => {
            const GRAPHIC_CONTROL: u8 = 0xf9;
            if reader.u8()? == GRAPHIC_CONTROL && *frames == 0 {
                let [length, flags] = reader.array()?;
                header.info.has_alpha |= flags & 1 == 1;
                reader.skip(u64::from(length).saturating_sub(1))?;
            }
            skip_sub_blocks(reader)?;
        }
        0x2c => {
            let (left, top) = (reader.u16_le()?, reader.u16_le()?);
            let (width, height) = (reader.u16_le()?, reader.u16_le()?);
            if *frames == 0 {
                let covers = left == 0
                    && top == 0
                    && u32::from(width) >= header.info.width
                    && u32::from(height) >= header.info.height;
                header.info.has_alpha |= !covers;
            }
            *frames += 1;
            let flags = reader.u8()?;
            skip_palette(reader, flags)?;
            reader.skip(1)?;
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
