use transform::{Format, Op, Output, Part, Plan, SourceInfo};

use super::head::Head;
use super::planar;
use super::session::Pixels;
use crate::budget::Light;
use crate::codecs::{self, Chroma};
use crate::color::{self, Space, ToSrgb};
use crate::probe::{Header, Metadata, Want};
use crate::{Budget, RenderError};

/// A source in pixels, possibly smaller than it is: what many renditions of one picture can be derived from. Decoding is
/// most of the time of a thumbnail.
#[derive(Debug)]
pub struct DecodedSource {
    pub(super) pixels: Pixels,
    /// What is left to convert once the picture is small.
    pub(super) to_srgb: Option<ToSrgb>,
    pub(super) space: Space,
    pub(super) metadata: Metadata,
    pub(super) info: SourceInfo,
    part: Part,
    shrink: u32,
    keep_profile: bool,
}

impl DecodedSource {
    /// Bytes of memory that it holds.
    pub fn memory(&self) -> u64 {
        match &self.pixels {
            Pixels::Rgb(picture) => picture.pixels.len() as u64,
            Pixels::Planes(planes) => planes.memory(),
        }
    }

    /// True when the plan can start from it: it is as large as the plan needs it, of the same part, in the same colours.
    pub fn serves(&self, plan: &Plan, info: &SourceInfo) -> bool {
        let keep_profile = matches!(plan.output, Output::Encoded(encoding) if encoding.keep_profile);
        self.part == plan.part
            && self.keep_profile == keep_profile
            && shrink_for(plan, info).is_multiple_of(self.shrink)
    }

    pub(super) fn shrink(&self) -> u32 {
        self.shrink
    }
}

/// How many times smaller, each way, a source may be decoded for a plan: 1, 2, 4 or 8. Only JPEG shrinks.
pub fn shrink_for(plan: &Plan, info: &SourceInfo) -> u32 {
    shrink(&plan.ops, info)
}

pub(super) fn shrink(ops: &[Op], info: &SourceInfo) -> u32 {
    let (head, _) = Head::split(ops, info);
    if info.format == transform::Format::Jpeg {
        head.shrink()
    } else {
        1
    }
}

/// Decodes a source for a plan, and for others that need it no larger. Not for [vectors](transform::Format::is_vector),
/// which have no pixels of their own.
pub fn decode_source(source: &[u8], plan: &Plan, budget: &Budget) -> Result<DecodedSource, RenderError> {
    let keep_profile = matches!(plan.output, Output::Encoded(encoding) if encoding.keep_profile);
    let _span = tracing::debug_span!(target: super::TRACE, "decode", to_be_kept = true).entered();
    super::caught(|| {
        budget.check_source(source.len())?;
        let header = Header::of(source, &plan.part, Want::Everything)?;
        budget.check_pixels(header.info.width, header.info.height)?;
        let shrink = shrink_for(plan, &header.info);
        let accepted = match &plan.output {
            Output::Encoded(encoding) => codecs::sampling_of_planes(encoding),
            Output::Original => None,
        };
        let chroma = planar::wanted(&plan.ops, &header.info, accepted, budget.light);
        decode(source, header, &plan.part, shrink, keep_profile, chroma, budget.light)
    })
}

pub(super) fn decode(
    source: &[u8],
    mut header: Header,
    part: &Part,
    shrink: u32,
    keep_profile: bool,
    chroma: Option<Chroma>,
    light: Light,
) -> Result<DecodedSource, RenderError> {
    if let Some(chroma) = chroma
        && header.info.format == Format::Jpeg
        && let Some(planes) = codecs::decode_planes(source, &header, shrink, chroma, light)?
    {
        let space = codecs::space(&header.metadata);
        return Ok(DecodedSource {
            pixels: Pixels::Planes(planes),
            to_srgb: color::rgb_to_srgb(&space, keep_profile),
            space,
            metadata: header.metadata,
            info: header.info,
            part: part.clone(),
            shrink,
            keep_profile,
        });
    }
    let decoded = codecs::decode(source, &mut header, part, shrink)?;
    let (picture, to_srgb) = color::to_rgb(decoded.samples, &decoded.space, keep_profile);
    Ok(DecodedSource {
        pixels: Pixels::Rgb(picture),
        to_srgb,
        space: decoded.space,
        metadata: header.metadata,
        info: header.info,
        part: part.clone(),
        shrink: decoded.shrink,
        keep_profile,
    })
}
