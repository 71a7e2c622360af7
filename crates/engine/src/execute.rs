//! The pipeline: decode, crop and scale, the other operations one after the other, encode.

pub(crate) mod head;

use std::panic::{AssertUnwindSafe, catch_unwind};

use transform::{Encoding, Format, Op, Orientation, Output, Plan, Size};

use crate::codecs::{self, Attachments};
use crate::picture::Picture;
use crate::probe::{Header, Metadata, Want};
use crate::{Budget, RenderError, color, exif, ops};
use head::{Head, inside};
use ops::resize::Region;

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

/// Does a plan on the bytes of its source.
///
/// The plan must have been made for this source. An input is never trusted: it is refused by its header when it is
/// larger than the budget, with an error when it is broken or cut off, and never with a panic.
pub fn render(source: &[u8], plan: &Plan, budget: &Budget) -> Result<Rendition, RenderError> {
    catch_unwind(AssertUnwindSafe(|| execute(source, plan, budget))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()));
        Err(RenderError::Internal(text.unwrap_or_else(|| String::from("panicked"))))
    })
}

fn execute(source: &[u8], plan: &Plan, budget: &Budget) -> Result<Rendition, RenderError> {
    budget.check_source(source.len())?;
    let mut header = Header::of(source, Want::Everything)?;
    let encoding = match plan.output {
        // Whatever its size: no pixel of it is made.
        Output::Original => return original(source, &header, budget),
        Output::Encoded(encoding) => encoding,
    };
    budget.check_pixels(header.info.width, header.info.height)?;
    // Memory for every step is known now: nothing is decoded for a plan that would be given up half way.
    budget.check_pixels(plan.size.width, plan.size.height)?;
    check_canvases(&plan.ops, budget)?;

    let (head, rest) = Head::split(&plan.ops, &header.info);
    budget.check_cancelled()?;
    let decoded = codecs::decode(source, &mut header, head.shrink())?;
    let (mut picture, to_srgb) = color::to_rgb(decoded.samples, &decoded.space, encoding.keep_profile);

    budget.check_cancelled()?;
    let region = Region::shrunk(head.region, decoded.shrink);
    picture = ops::resize::resize(picture, region, head.target, budget.light)?;
    picture = ops::orient::orient(picture, head.orientation);
    if let Some(to_srgb) = to_srgb {
        picture = to_srgb.apply(picture);
    }

    for op in rest {
        budget.check_cancelled()?;
        picture = apply(picture, op, budget)?;
    }
    if (picture.width, picture.height) != (plan.size.width, plan.size.height) {
        return Err(RenderError::Plan("the operations do not lead to the stated size"));
    }

    budget.check_cancelled()?;
    let attachments = attachments(&mut header.metadata, &decoded.space, &encoding);
    let bytes = codecs::encode(&picture, &encoding, &attachments.as_refs(), budget.effort)?;
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

fn apply(picture: Picture, op: &Op, budget: &Budget) -> Result<Picture, RenderError> {
    Ok(match op.clone() {
        Op::Orient(_) => return Err(RenderError::Plan("a picture is turned upright once, and first")),
        Op::Crop(rect) if !inside(rect, picture.width, picture.height) => {
            return Err(RenderError::Plan("a crop that leaves the picture"));
        }
        Op::Crop(rect) => ops::crop::crop(picture, rect),
        Op::Resize(size) => {
            let whole = transform::Rect {
                x: 0,
                y: 0,
                width: picture.width,
                height: picture.height,
            };
            ops::resize::resize(picture, Region::shrunk(whole, 1), size, budget.light)?
        }
        Op::Pad {
            canvas,
            x,
            y,
            background,
        } => ops::pad::pad(picture, canvas, x, y, background),
        Op::Rotate { degrees, .. } if !(degrees > 0.0 && degrees < 360.0) => {
            return Err(RenderError::Plan("an angle that is not between 0 and 360"));
        }
        Op::Rotate {
            degrees,
            canvas,
            background,
        } => ops::rotate::rotate(picture, degrees, canvas, background),
        Op::Flip { horizontal, vertical } => ops::flip::flip(picture, horizontal, vertical),
        Op::Flatten(color) => ops::flatten::flatten(picture, color),
        Op::Blur(sigma) => ops::blur::blur(picture, sigma),
        Op::Sharpen(strength) => ops::sharpen::sharpen(picture, strength),
        Op::UnsharpMask {
            radius,
            sigma,
            amount,
            threshold,
        } => ops::sharpen::unsharp_mask(picture, radius, sigma, amount, threshold),
        Op::StretchContrast => ops::tone::stretch_contrast(picture),
        Op::Grayscale => ops::tone::grayscale(picture),
        Op::Colorize { color, intensity } => ops::tone::colorize(picture, color, intensity),
        Op::ReplaceColor { from, to, tolerance } => ops::tone::replace_color(picture, from, to, tolerance),
        Op::Opacity(factor) => ops::tone::opacity(picture, factor),
        Op::Gradient {
            degrees,
            from,
            to,
            length,
        } => ops::gradient::gradient(picture, degrees, from, to, length),
        Op::Shadow { sigma, strength, x, y } => ops::shadow::shadow(picture, sigma, strength, x, y),
        Op::DropShadow {
            azimuth,
            elevation,
            strength,
        } => ops::shadow::drop_shadow(picture, azimuth, elevation, strength),
        Op::Perspective(corners) => ops::distort::perspective(picture, corners),
        Op::Arc { degrees, canvas } => ops::distort::arc(picture, degrees, canvas),
        Op::Round(corners) => ops::outline::round(picture, corners),
        Op::Border { width, color, corners } => ops::outline::border(picture, width, color, corners),
        Op::Layer(_) => return Err(RenderError::Plan("layers")),
    })
}

fn check_canvases(ops: &[Op], budget: &Budget) -> Result<(), RenderError> {
    for op in ops {
        let size = match *op {
            Op::Resize(size) => size,
            Op::Pad { canvas, .. } | Op::Rotate { canvas, .. } | Op::Arc { canvas, .. } => canvas,
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
struct Kept {
    icc: Option<Vec<u8>>,
    metadata: Metadata,
}

impl Kept {
    fn as_refs(&self) -> Attachments<'_> {
        Attachments {
            icc: self.icc.as_deref(),
            exif: self.metadata.exif.as_deref(),
            xmp: self.metadata.xmp.as_deref(),
            iptc: self.metadata.iptc.as_deref(),
        }
    }
}

fn attachments(metadata: &mut Metadata, space: &color::Space, encoding: &Encoding) -> Kept {
    let mut kept = Kept::default();
    if encoding.keep_profile {
        kept.icc = color::profile_for_rgb(space).map(<[u8]>::to_vec);
    }
    if encoding.keep_metadata {
        kept.metadata = std::mem::take(metadata);
        kept.metadata.exif = kept.metadata.exif.filter(|exif| exif::is_sound(exif));
        if let Some(exif) = &mut kept.metadata.exif {
            exif::set_upright(exif);
        }
    }
    kept
}
