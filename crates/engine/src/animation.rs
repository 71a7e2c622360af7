//! Animations, frame by frame: a source frame, what is made of it, and the one before it are in memory, never all.

pub(crate) mod canvas;
pub(crate) mod difference;
mod reader;
mod writer;

use std::time::Duration;

use transform::{Output, Part, Plan};

use crate::codecs::Decoded;
use crate::color::{self, Channels, Samples};
use crate::execute::attachments;
use crate::picture::Picture;
use crate::probe::{Header, Want};
use crate::{Budget, RenderError};
use reader::FrameReader;
use writer::FrameWriter;

/// One picture of an animation, with all that earlier frames left on the canvas.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The whole canvas; with alpha when the source's header says so.
    pub picture: Picture,
    /// How long it is shown, as the file states it: zero is for viewers to interpret.
    pub delay: Duration,
}

/// How often an animation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plays {
    Forever,
    /// At least once.
    Times(u32),
}

impl Plays {
    /// From the convention of WebP and APNG, where 0 is forever.
    pub fn from_count(count: u32) -> Self {
        match count {
            0 => Self::Forever,
            count => Self::Times(count),
        }
    }

    /// To that convention.
    pub fn to_count(self) -> u32 {
        match self {
            Self::Forever => 0,
            Self::Times(count) => count.max(1),
        }
    }
}

/// Does a plan on every frame of an animation. `apply` does the plan's operations on one.
///
/// Frames that show the same are merged. An animation that is cut off or broken anywhere is an error: nobody is served a
/// part of one.
pub(crate) fn render(
    source: &[u8],
    plan: &Plan,
    budget: &Budget,
    apply: &mut dyn FnMut(Picture) -> Result<Picture, RenderError>,
) -> Result<Vec<u8>, RenderError> {
    let Output::Encoded(encoding) = plan.output else {
        return Err(RenderError::Plan("an untouched animation has no frames to work on"));
    };
    let header = Header::of(source, &plan.part, Want::Everything)?;
    let canvas = (header.info.width, header.info.height);
    let result = (plan.size.width, plan.size.height);
    let check = |frames| {
        budget.check_frames(frames, canvas.0, canvas.1)?;
        budget.check_frames(frames, result.0, result.1)
    };
    // As the header says; frames that it does not tell of are counted as they come.
    check(header.info.frames)?;

    let mut reader = FrameReader::new(source, &header)?;
    let space = reader.space().clone();
    let kept = attachments(header.metadata.clone(), &space, &encoding);
    let mut writer: Option<FrameWriter> = None;
    let mut before: Option<Picture> = None;
    let mut shown = Duration::ZERO;
    let mut frames = 0;
    loop {
        budget.check_cancelled()?;
        let Some(Frame { picture, delay }) = reader.next_frame()? else {
            break;
        };
        frames += 1;
        check(frames)?;
        // Two equal frames are one that is shown longer.
        if before.as_ref() != Some(&picture) {
            // Most frames of files that may have alpha have none, and opaque pixels are less work.
            let opaque = picture.has_alpha && picture.is_opaque();
            let frame = picture.clone();
            let frame = if opaque { frame.without_alpha() } else { frame };
            before = Some(picture);
            let finished = apply(in_srgb(frame, &space, encoding.keep_profile))?;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let may_have_alpha = finished.has_alpha || header.info.has_alpha;
                    let (plays, kept) = (reader.plays(), kept.as_refs());
                    none.insert(FrameWriter::new(
                        &finished,
                        may_have_alpha,
                        &encoding,
                        &kept,
                        plays,
                        budget,
                    )?)
                }
            };
            writer.add(finished, shown)?;
            budget.check_output(writer.length())?;
        }
        shown = shown.saturating_add(delay);
    }
    let writer = writer.ok_or(RenderError::Malformed {
        format: header.info.format,
        what: String::from("no frame"),
    })?;
    writer.finish(shown)
}

/// One frame of an animation as a still, counted from 1.
pub(crate) fn still(source: &[u8], header: &Header, number: u32) -> Result<Decoded, RenderError> {
    let mut reader = FrameReader::new(source, header)?;
    let mut at = 0;
    while let Some(frame) = reader.next_frame()? {
        at += 1;
        if at == number {
            return Ok(Decoded {
                samples: samples(frame.picture),
                space: reader.space().clone(),
                shrink: 1,
            });
        }
    }
    Err(crate::ProbeError::NoSuchPart {
        asked: number,
        part: "frame",
        count: at,
    }
    .into())
}

/// True when the part is one frame of several.
pub(crate) fn frame_asked_for(part: &Part, header: &Header) -> Option<u32> {
    match part {
        Part::Page(number) if header.info.frames > 1 => Some(*number),
        _ => None,
    }
}

fn samples(picture: Picture) -> Samples {
    let channels = if picture.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    Samples::eight(picture.width, picture.height, channels, picture.pixels)
}

fn in_srgb(picture: Picture, space: &color::Space, keep_profile: bool) -> Picture {
    if *space == color::Space::Srgb {
        return picture;
    }
    let (picture, to_srgb) = color::to_rgb(samples(picture), space, keep_profile);
    match to_srgb {
        Some(to_srgb) => to_srgb.apply(picture),
        None => picture,
    }
}
