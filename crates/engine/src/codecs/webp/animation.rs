mod encoding;

use std::time::Duration;

use transform::{Encoding, Format, Rect, Size};

use self::encoding::{Encoder, Job, Place};
use super::{MAX_SIDE, configure};
use crate::animation::Plays;
use crate::animation::difference::{BLOCK, Difference};
use crate::budget::Effort;
use crate::codecs::{Attachments, cannot_encode, check_size};
use crate::ops::crop::crop;
use crate::picture::Picture;
use crate::{Budget, RenderError};

/// Bits of the extended header.
const ANIMATION: u8 = 0x02;
const XMP: u8 = 0x04;
const EXIF: u8 = 0x08;
const ALPHA: u8 = 0x10;
const ICC: u8 = 0x20;
/// Where they stand.
const FLAGS_AT: usize = 20;
/// Bits of a frame: it replaces what is under it, instead of being laid over it.
const REPLACES: u8 = 0x02;

/// As for stills, one step faster: there are many pictures to one request, and each is seen for a moment only.
const METHOD_AT_LEISURE: i32 = 2;
const METHOD_UNDER_LOAD: i32 = 1;
/// The longest that a frame can be shown.
const MAX_MILLISECONDS: u64 = (1 << 24) - 1;
/// Below this share of changed blocks in the rectangle around them the others are left out by making them transparent,
/// which takes an alpha channel.
const MASK_BELOW: f64 = 0.9;

/// Writes an animated WebP (RFC 9649, 2.7.1.1). Each frame is the rectangle around the blocks that changed.
pub(crate) struct Animation {
    file: Vec<u8>,
    encoder: Encoder,
    /// Largest difference of a channel that is not worth writing again.
    tolerance: u8,
    /// What viewers show, before loss.
    shown: Option<Picture>,
    has_alpha: bool,
    /// Where the last frame's duration stands in the file, and the millisecond at which it begins.
    last: Option<(usize, u64)>,
    exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
}

impl Animation {
    pub fn new(
        size: Size,
        encoding: &Encoding,
        attachments: &Attachments,
        plays: Plays,
        budget: &Budget,
    ) -> Result<Self, RenderError> {
        let effort = budget.effort;
        check_size(size, Format::Webp, MAX_SIDE)?;
        let mut config = configure(encoding, effort)?;
        if !encoding.lossless {
            config.method = if effort == Effort::Load {
                METHOD_UNDER_LOAD
            } else {
                METHOD_AT_LEISURE
            };
            // Masks are squares: nothing that a filter foretells better.
            config.alpha_filtering = 0;
        }
        let flags = ANIMATION
            | if attachments.icc.is_some() { ICC } else { 0 }
            | if attachments.exif.is_some() { EXIF } else { 0 }
            | if attachments.xmp.is_some() { XMP } else { 0 };
        let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
        file.extend([flags, 0, 0, 0]);
        file.extend(three_bytes(size.width - 1));
        file.extend(three_bytes(size.height - 1));
        if let Some(icc) = attachments.icc {
            chunk(&mut file, b"ICCP", icc);
        }
        // A background that nobody shows, and the number of loops.
        let mut control = [0; 6];
        let count = u16::try_from(plays.to_count()).unwrap_or(u16::MAX);
        control[4..].copy_from_slice(&count.to_le_bytes());
        chunk(&mut file, b"ANIM", &control);
        Ok(Self {
            file,
            tolerance: if encoding.lossless {
                0
            } else {
                tolerance(config.quality)
            },
            encoder: Encoder::new(config, budget.helpers),
            shown: None,
            has_alpha: false,
            last: None,
            exif: attachments.exif.map(<[u8]>::to_vec),
            xmp: attachments.xmp.map(<[u8]>::to_vec),
        })
    }

    /// The next frame, and when it begins.
    pub fn add(&mut self, picture: Picture, start: Duration) -> Result<(), RenderError> {
        if let Some(job) = self.job(picture, milliseconds(start)) {
            self.encoder.take(job)?;
        }
        while let Some((place, data)) = self.encoder.finished(false)? {
            self.write(place, &data)?;
        }
        Ok(())
    }

    /// What of a picture is to be encoded; nothing when the frame before is shown longer.
    fn job(&mut self, picture: Picture, start: u64) -> Option<Job> {
        let Some(shown) = &mut self.shown else {
            let rect = Rect {
                x: 0,
                y: 0,
                width: picture.width,
                height: picture.height,
            };
            self.has_alpha |= picture.has_alpha;
            self.shown = Some(picture.clone());
            let flags = REPLACES;
            let place = Place { rect, flags, start };
            return Some(Job {
                place,
                picture,
                mask: None,
            });
        };
        let picture = if shown.has_alpha { picture.with_alpha() } else { picture };
        if picture.has_alpha && !shown.has_alpha {
            let opaque = std::mem::replace(shown, Picture::new(0, 0, true));
            *shown = opaque.with_alpha();
        }
        let difference = Difference::between(shown, &picture, self.tolerance);
        let rect = difference.place?;
        let (mask, flags) = if picture.has_alpha && has_transparency(&picture, rect) {
            self.has_alpha = true;
            (None, REPLACES)
        } else if difference.share() < MASK_BELOW {
            self.has_alpha = true;
            (Some(mask(rect, &difference)), 0)
        } else {
            (None, REPLACES)
        };
        for block in difference.blocks(picture.width, picture.height) {
            copy(&picture, shown, block);
        }
        Some(Job {
            place: Place { rect, flags, start },
            picture: crop(picture, rect),
            mask,
        })
    }

    /// Bytes so far.
    pub fn length(&self) -> usize {
        self.file.len()
    }

    /// The whole file; its last frame is shown until `end`.
    pub fn finish(mut self, end: Duration) -> Result<Vec<u8>, RenderError> {
        while let Some((place, data)) = self.encoder.finished(true)? {
            self.write(place, &data)?;
        }
        self.end_frame(milliseconds(end));
        if let Some(exif) = &self.exif {
            chunk(&mut self.file, b"EXIF", exif);
        }
        if let Some(xmp) = &self.xmp {
            chunk(&mut self.file, b"XMP ", xmp);
        }
        if self.has_alpha {
            self.file[FLAGS_AT] |= ALPHA;
        }
        let length = u32::try_from(self.file.len() - 8).map_err(|_| cannot_encode(Format::Webp, "it is too long"))?;
        self.file[4..8].copy_from_slice(&length.to_le_bytes());
        Ok(self.file)
    }

    /// A frame from a file of its own.
    fn write(&mut self, place: Place, file: &[u8]) -> Result<(), RenderError> {
        let Place { rect, flags, start } = place;
        const RIFF_HEADER: usize = 12;
        const EXTENDED_HEADER: usize = 18;
        self.end_frame(start);
        let data = file.get(RIFF_HEADER..).unwrap_or_default();
        let data = match data.get(..4) {
            Some(b"VP8X") => data.get(EXTENDED_HEADER..).unwrap_or_default(),
            _ => data,
        };
        let mut frame = Vec::with_capacity(data.len() + 16);
        frame.extend(three_bytes(rect.x / 2));
        frame.extend(three_bytes(rect.y / 2));
        frame.extend(three_bytes(rect.width - 1));
        frame.extend(three_bytes(rect.height - 1));
        // Eight bytes of the chunk's own header come before these twelve.
        self.last = Some((self.file.len() + 8 + frame.len(), start));
        frame.extend([0, 0, 0, flags]);
        frame.extend_from_slice(data);
        chunk(&mut self.file, b"ANMF", &frame);
        Ok(())
    }

    fn end_frame(&mut self, at: u64) {
        if let Some((place, start)) = self.last {
            let duration = at.saturating_sub(start).min(MAX_MILLISECONDS);
            self.file[place..place + 3].copy_from_slice(&duration.to_le_bytes()[..3]);
        }
    }
}

/// What a change must exceed to be seen beside the loss: the scale of libwebp's own encoder of animations.
fn tolerance(quality: f32) -> u8 {
    let kept = (quality / 100.0).clamp(0.0, 1.0).sqrt();
    (31.0 * (1.0 - kept) + kept).round() as u8
}

/// Rounds times, not durations, so that errors do not add up.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 500_000) / 1_000_000).unwrap_or(u64::MAX)
}

fn has_transparency(picture: &Picture, place: Rect) -> bool {
    let rows = picture.rows().skip(place.y as usize).take(place.height as usize);
    let columns = place.x as usize * 4..(place.x + place.width) as usize * 4;
    rows.map(|row| &row[columns.clone()])
        .any(|row| row.chunks_exact(4).any(|pixel| pixel[3] != 255))
}

/// Alpha for a part of an opaque picture: none where nothing changed.
fn mask(place: Rect, difference: &Difference) -> Vec<u8> {
    let width = place.width as usize;
    let mut mask = vec![0; width * place.height as usize];
    for (y, row) in (place.y..).zip(mask.chunks_exact_mut(width)) {
        for (x, block) in (place.x..).step_by(BLOCK as usize).zip(row.chunks_mut(BLOCK as usize)) {
            if difference.at(x, y) {
                block.fill(255);
            }
        }
    }
    mask
}

fn copy(from: &Picture, to: &mut Picture, place: Rect) {
    let (stride, channels) = (from.stride(), from.channels());
    for row in place.y..place.y + place.height {
        let start = row as usize * stride + place.x as usize * channels;
        let span = start..start + place.width as usize * channels;
        to.pixels[span.clone()].copy_from_slice(&from.pixels[span]);
    }
}

/// Chunks begin at even places.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend(name);
    file.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.extend_from_slice(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
}

fn three_bytes(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}
