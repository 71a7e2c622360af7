use std::time::Duration;

use transform::{Format, Rect, Size};

use super::encode;
use crate::RenderError;
use crate::animation::Plays;
use crate::animation::difference::Difference;
use crate::codecs::{Attachments, cannot_encode};
use crate::ops::crop::cropped;
use crate::picture::Picture;

/// Writes an APNG (PNG third edition, 4.9). Each frame is the rectangle around what changed.
pub(crate) struct Animation {
    file: Vec<u8>,
    shown: Option<Picture>,
    /// Where the count of frames stands: the chunk's data.
    control: usize,
    frames: u32,
    /// Of the chunks that are numbered.
    sequence: u32,
    /// Where the last frame's delay stands, and when it begins.
    last: Option<(usize, u64)>,
}

const SIGNATURE: usize = 8;
/// Length, name and checksum around a chunk's data.
const LENGTH: usize = 4;
const NAME: usize = 4;
const CHECKSUM: usize = 4;
/// Delays are given in these parts of a second.
const PARTS: u16 = 1000;

impl Animation {
    /// For frames of this size, all with alpha or all without. The metadata goes before the first of them.
    pub fn new(size: Size, has_alpha: bool, attachments: &Attachments, plays: Plays) -> Result<Self, RenderError> {
        let still = encode(&Picture::new(1, 1, has_alpha), attachments)?;
        let mut file = still[..SIGNATURE].to_vec();
        let mut control = 0;
        for (name, data) in chunks(&still) {
            match name {
                b"IHDR" => {
                    let mut data = data.to_vec();
                    data[..4].copy_from_slice(&size.width.to_be_bytes());
                    data[4..8].copy_from_slice(&size.height.to_be_bytes());
                    chunk(&mut file, name, &data);
                    let mut data = [0; 8];
                    data[4..].copy_from_slice(&plays.to_count().to_be_bytes());
                    control = chunk(&mut file, b"acTL", &data);
                }
                b"IDAT" | b"IEND" => {}
                _ => {
                    chunk(&mut file, name, data);
                }
            }
        }
        Ok(Self {
            file,
            shown: None,
            control,
            frames: 0,
            sequence: 0,
            last: None,
        })
    }

    /// The next frame, and when it begins.
    pub fn add(&mut self, picture: Picture, start: Duration) -> Result<(), RenderError> {
        let whole = Rect {
            x: 0,
            y: 0,
            width: picture.width,
            height: picture.height,
        };
        let place = match &self.shown {
            None => whole,
            Some(shown) => match Difference::between(shown, &picture, 0).place {
                None => return Ok(()),
                Some(place) => place,
            },
        };
        let start = milliseconds(start);
        self.end_frame(start);
        let mut control = Vec::with_capacity(26);
        control.extend(self.next_number());
        for number in [place.width, place.height, place.x, place.y] {
            control.extend(number.to_be_bytes());
        }
        let delay_at = control.len();
        // Nothing is disposed of, and the frame replaces what is there.
        control.extend([0; 6]);
        let at = chunk(&mut self.file, b"fcTL", &control);
        self.last = Some((at + delay_at, start));

        let part = encode(&cropped(&picture, place), &Attachments::default())?;
        for (_, data) in chunks(&part).filter(|(name, _)| *name == b"IDAT") {
            if self.frames == 0 {
                chunk(&mut self.file, b"IDAT", data);
            } else {
                let mut numbered = self.next_number().to_vec();
                numbered.extend_from_slice(data);
                chunk(&mut self.file, b"fdAT", &numbered);
            }
        }
        self.frames += 1;
        self.shown = Some(picture);
        Ok(())
    }

    pub fn length(&self) -> usize {
        self.file.len()
    }

    /// The whole file; its last frame is shown until `end`.
    pub fn finish(mut self, end: Duration) -> Result<Vec<u8>, RenderError> {
        if self.frames == 0 {
            return Err(cannot_encode(Format::Png, "no frame"));
        }
        self.end_frame(milliseconds(end));
        self.file[self.control..self.control + 4].copy_from_slice(&self.frames.to_be_bytes());
        self.sign(self.control, 8);
        chunk(&mut self.file, b"IEND", &[]);
        Ok(self.file)
    }

    fn next_number(&mut self) -> [u8; 4] {
        let number = self.sequence;
        self.sequence += 1;
        number.to_be_bytes()
    }

    fn end_frame(&mut self, at: u64) {
        const DATA: usize = 26;
        const BEFORE: usize = 20;
        if let Some((place, start)) = self.last {
            let longest = u64::from(u16::MAX);
            let milliseconds = at.saturating_sub(start);
            // Whole seconds go further than thousandths.
            let (delay, parts) = if milliseconds <= longest {
                (milliseconds, PARTS)
            } else {
                ((milliseconds / u64::from(PARTS)).min(longest), 1)
            };
            self.file[place..place + 2].copy_from_slice(&(delay as u16).to_be_bytes());
            self.file[place + 2..place + 4].copy_from_slice(&parts.to_be_bytes());
            self.sign(place - BEFORE, DATA);
        }
    }

    /// Puts the checksum behind a chunk whose data begins here.
    fn sign(&mut self, data: usize, length: usize) {
        let sum = checksum(&self.file[data - NAME..data + length]);
        self.file[data + length..data + length + CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Rounds times, not durations, so that errors do not add up.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from((time.as_nanos() + 500_000) / 1_000_000).unwrap_or(u64::MAX)
}

/// The chunks of a file of ours.
fn chunks(file: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = file.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<LENGTH>()?;
        let (name, after) = after.split_first_chunk::<NAME>()?;
        let data = after.get(..u32::from_be_bytes(*length) as usize)?;
        rest = after.get(data.len() + CHECKSUM..)?;
        Some((name, data))
    })
}

/// Appends a chunk, and says where its data begins.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) -> usize {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend_from_slice(data);
    let sum = checksum(&file[start..]);
    file.extend(sum.to_be_bytes());
    start + NAME
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes);
    hasher.finalize()
}
