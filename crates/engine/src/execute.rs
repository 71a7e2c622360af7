//! The pipeline: decode, crop and scale, the other operations one after the other, encode.

mod decoded;
mod fit;
pub(crate) mod head;
mod measure;
mod planar;
mod session;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use transform::{Encoding, Format, Measure, Op, Orientation, Output, Plan, PlanError, Size};

use crate::codecs::{self, Attachments};
use crate::models::Models;
use crate::probe::{Header, Metadata, Want};
use crate::text::Fonts;
use crate::{Budget, RenderError, animation, color, exif};

pub use decoded::{DecodedSource, decode_source, shrink_for};
pub use measure::Bounds;
use session::Pixels;
pub(crate) use session::Session;

/// The target of the spans that traces are made of: decoding, the operations behind it, encoding.
pub(crate) const TRACE: &str = "tintype::trace";

/// A produced file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub format: Format,
    /// Columns and rows, as a viewer sees them.
    pub size: Size,
    /// True when the stored bytes of the source are the answer, untouched.
    pub kept_original: bool,
}

/// All bytes that a plan works on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The source of the base picture.
    pub source: &'a [u8],
    /// The same in pixels, when somebody has decoded it before. It must [serve](DecodedSource::serves) the plan.
    pub decoded: Option<&'a DecodedSource>,
    /// The files of layers and fonts, by the names that the plan has for them.
    pub files: &'a HashMap<String, &'a [u8]>,
    /// Fonts for texts.
    pub fonts: &'a Fonts,
    /// What looks for faces and objects.
    pub models: &'a Models,
}

/// Does a plan without layers on the bytes of its source.
///
/// The plan must have been made for this source. An input is never trusted: it is refused by its header when it is
/// larger than the budget, with an error when it is broken or cut off, and never with a panic.
pub fn render(source: &[u8], plan: &Plan, budget: &Budget) -> Result<Rendition, RenderError> {
    let inputs = Inputs {
        source,
        decoded: None,
        files: &HashMap::new(),
        fonts: &Fonts::bundled(),
        models: &Models::default(),
    };
    render_with(&inputs, plan, budget)
}

/// Does a plan on all the bytes that it names. See [`render`].
pub fn render_with(inputs: &Inputs, plan: &Plan, budget: &Budget) -> Result<Rendition, RenderError> {
    caught(|| execute(&Session::new(inputs, budget), plan))
}

/// Plans with a look at the pixels, and does that plan. `planner` is called once; its questions are answered by decoding
/// the sources and doing the operations that it has decided so far.
pub fn render_measured(
    inputs: &Inputs,
    planner: impl FnOnce(&mut dyn Measure) -> Result<Plan, PlanError>,
    budget: &Budget,
) -> Result<(Rendition, Plan), RenderError> {
    caught(|| {
        let session = Session::new(inputs, budget);
        let plan = planner(&mut measure::Pixels::of_base(&session))?;
        execute(&session, &plan).map(|rendition| (rendition, plan))
    })
}

pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()));
        Err(RenderError::Internal(text.unwrap_or_else(|| String::from("panicked"))))
    })
}

fn execute(session: &Session, plan: &Plan) -> Result<Rendition, RenderError> {
    let (source, budget) = (session.inputs.source, session.budget);
    budget.check_source(source.len())?;
    let header = Header::of(source, &plan.part, Want::Everything)?;
    let encoding = match plan.output {
        // Whatever its size: no pixel of it is made.
        Output::Original => return original(source, &header, budget),
        Output::Encoded(encoding) => encoding,
    };
    budget.check_pixels(header.info.width, header.info.height)?;
    // Memory for every step is known now: nothing is decoded for a plan that would be given up half way.
    budget.check_pixels(plan.size.width, plan.size.height)?;
    check_canvases(&plan.ops, budget)?;

    let bytes = if plan.animated {
        // All three for each frame, which would be too many spans.
        let _span = tracing::debug_span!(target: TRACE, "animate", format = encoding.format.extension()).entered();
        animation::render(source, plan, budget, &mut |picture| session.frame(picture, plan))?
    } else {
        let base = session.base(
            &plan.part,
            &plan.ops,
            encoding.keep_profile,
            codecs::sampling_of_planes(&encoding),
        )?;
        check_size(base.pixels.size(), plan.size)?;
        budget.check_cancelled()?;
        let attachments = attachments(base.metadata, &base.space, &encoding);
        let _span = tracing::debug_span!(target: TRACE, "encode", format = encoding.format.extension()).entered();
        match &base.pixels {
            Pixels::Rgb(picture) => codecs::encode(picture, &encoding, &attachments.as_refs(), budget.effort)?,
            Pixels::Planes(planes) => codecs::encode_planes(planes, &encoding, &attachments.as_refs(), budget.effort)?,
        }
    };
    if encoding.keep_original_if_smaller && may_stand_for(&header, &encoding) && source.len() <= bytes.len() {
        return original(source, &header, budget);
    }
    budget.check_output(bytes.len())?;
    Ok(Rendition {
        bytes,
        format: encoding.format,
        size: plan.size,
        kept_original: false,
    })
}

fn check_size(found: Size, size: Size) -> Result<(), RenderError> {
    if found == size {
        Ok(())
    } else {
        Err(RenderError::Plan("the operations do not lead to the stated size"))
    }
}

fn check_canvases(ops: &[Op], budget: &Budget) -> Result<(), RenderError> {
    for op in ops {
        let size = match *op {
            Op::Resize(size) => size,
            Op::Pad { canvas, .. } | Op::Rotate { canvas, .. } | Op::Arc { canvas, .. } => canvas,
            Op::Layer(ref layer) => {
                check_canvases(&layer.ops, budget)?;
                layer.size
            }
            _ => continue,
        };
        if size.width == 0 || size.height == 0 {
            return Err(RenderError::Plan("a side of no pixels"));
        }
        budget.check_pixels(size.width, size.height)?;
    }
    Ok(())
}

fn original(source: &[u8], header: &Header, budget: &Budget) -> Result<Rendition, RenderError> {
    budget.check_output(source.len())?;
    let (width, height) = header.info.upright();
    let (bytes, format) = (source.to_vec(), header.info.format);
    Ok(Rendition {
        bytes,
        format,
        size: Size { width, height },
        kept_original: true,
    })
}

/// True when the stored file is what was asked for, but for its bytes.
fn may_stand_for(header: &Header, encoding: &Encoding) -> bool {
    header.info.format == encoding.format && header.info.orientation == Orientation::Upright
}

/// What is kept of the source beside its pixels, as the result needs it.
#[derive(Default)]
pub(crate) struct Kept {
    icc: Option<Vec<u8>>,
    metadata: Metadata,
}

impl Kept {
    pub fn as_refs(&self) -> Attachments<'_> {
        Attachments {
            icc: self.icc.as_deref(),
            exif: self.metadata.exif.as_deref(),
            xmp: self.metadata.xmp.as_deref(),
            iptc: self.metadata.iptc.as_deref(),
        }
    }
}

pub(crate) fn attachments(metadata: Metadata, space: &color::Space, encoding: &Encoding) -> Kept {
    let mut kept = Kept::default();
    if encoding.keep_profile {
        kept.icc = color::profile_for_rgb(space).map(<[u8]>::to_vec);
    }
    if encoding.keep_metadata {
        kept.metadata = metadata;
        kept.metadata.exif = kept.metadata.exif.filter(|exif| exif::is_sound(exif));
        if let Some(exif) = &mut kept.metadata.exif {
            exif::set_upright(exif);
        }
    }
    kept
}
