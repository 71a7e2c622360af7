//! What becomes of the pixels: the stored file as it is, a still, or all frames; and in which format.

use super::Context;
use super::draft::Draft;
use crate::negotiate::{self, Outcome};
use crate::parameters::{AskedFormat, Param};
use crate::{Encoding, Format, Part, PlanError, SourceInfo, Transformation};

pub(super) enum Decision {
    /// The stored bytes are the best answer.
    Original,
    Encode {
        format: Format,
        /// All frames.
        animated: bool,
        encoding: Encoding,
    },
}

/// True for a file that is delivered as it is unless pixels of it are asked for in so many words.
pub(super) fn stays_a_file(transformation: &Transformation, source: &SourceInfo, context: &Context<'_>) -> bool {
    let names_pixels = |param: &Param| match param {
        Param::Format(AskedFormat::Exactly(format)) => *format != Format::Svg && *format != Format::Gif,
        _ => false,
    };
    match source.format {
        _ if context.still => false,
        // Negotiation never turns a drawing into pixels.
        Format::Svg => !transformation.all_params().any(|(param, _)| names_pixels(param)),
        format => format.is_document(),
    }
}

/// Refuses parts that the source does not have, as far as its header tells.
pub(super) fn check_part(part: &Part, source: &SourceInfo) -> Result<(), PlanError> {
    let parts = source.pages.max(source.frames);
    let first = match part {
        Part::Default => return Ok(()),
        Part::Page(page) => Some(*page),
        Part::Layers(ranges) => ranges.iter().map(|(from, _)| *from).max(),
        Part::Named(_) => None,
    };
    let layered = matches!(part, Part::Page(_)) || source.format == Format::Psd;
    if layered && first.is_none_or(|first| first <= parts) {
        Ok(())
    } else {
        Err(PlanError::NoSuchPart {
            asked: part.clone(),
            parts,
        })
    }
}

/// Why the source may not be decoded. A drawing has no pixels before it is drawn.
pub(super) fn source_too_large(source: &SourceInfo, context: &Context<'_>) -> Option<PlanError> {
    let (pixels, limit) = (
        u64::from(source.width) * u64::from(source.height),
        context.limits.source_pixels,
    );
    (pixels > limit).then_some(PlanError::SourceTooLarge { pixels, limit })
}

/// After all steps, with size and transparency known.
pub(super) fn decide(draft: &Draft<'_>, part: &Part, source: &SourceInfo) -> Result<Decision, PlanError> {
    let (asked, context) = (&draft.asked, draft.context);
    let explicit = asked.explicit(source);
    let whole = *part == Part::Default && !context.still;
    let untouched = !draft.touched;
    // A condition may have left out the `f` that would have made pixels of it.
    if source.format == Format::Svg && !context.still && explicit.is_none() {
        return Ok(Decision::Original);
    }
    if asked.credentials {
        return if untouched && whole && asked.format.is_none() {
            Ok(Decision::Original)
        } else {
            Err(PlanError::LosesCredentials)
        };
    }
    let moving = source.frames > 1 && whole;
    let outcome = Outcome {
        size: draft.size,
        alpha: draft.alpha,
        moving,
    };
    let format = negotiate::format(asked, source, context, &outcome)?;
    let animated = moving && negotiate::animates(asked, format);
    if untouched && whole && stays(draft, source, format, animated) {
        return Ok(Decision::Original);
    }
    if animated {
        let pixels = draft
            .most_pixels
            .max(u64::from(source.width) * u64::from(source.height));
        let pixels = pixels.saturating_mul(u64::from(source.frames));
        let limit = context.limits.animation_pixels;
        if pixels > limit && untouched && explicit.is_none() {
            return Ok(Decision::Original);
        }
        if pixels > limit {
            return Err(PlanError::AnimationTooLarge {
                frames: source.frames,
                pixels,
                limit,
            });
        }
    }
    // The stored file may stand for the result only if it shows as much.
    let same =
        untouched && *part == Part::Default && source.format.can_be_written() && (animated || source.frames == 1);
    Ok(Decision::Encode {
        format,
        animated,
        encoding: negotiate::encoding(asked, source, context, format, same),
    })
}

/// True when encoding anew would only lose something.
fn stays(draft: &Draft<'_>, source: &SourceInfo, format: Format, animated: bool) -> bool {
    let asked = &draft.asked;
    match (source.format, format) {
        (Format::Gif, Format::Gif) => true,
        // A GIF that becomes neither smaller nor anything else is best left alone.
        (Format::Gif, Format::Jpeg | Format::Png) => asked.explicit(source).is_none(),
        (from, to) => animated && from == to && !asked.asks_of_bytes(),
    }
}
