//! Steps and facts about a source become a plan. Decides everything and touches nothing.
//!
//! The steps are gone through twice. The first time tells the size and the transparency of the result, from which its
//! format follows; the second time knows the format, and with it what shows where the picture is not. What only pixels or
//! fonts can tell is asked for on the way: see [`Measure`].

mod decoration;
mod draft;
mod effects;
mod focus;
mod layers;
mod output;
mod placement;
mod text;

use crate::negotiate::{Accept, Hints, OutputSettings};
use crate::parameters::{Extent, Param, Pixels, Turn};
use crate::{Color, Limits, Measure, Op, Output, Part, Plan, PlanError, Size, SourceInfo, Transformation};
use draft::{Draft, Start};
use output::Decision;

/// What a plan depends on beside the transformation and the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Context<'a> {
    /// Formats that the client accepts.
    pub accept: Accept,
    /// The client's screen and connection.
    pub hints: Hints,
    /// The server's settings.
    pub settings: OutputSettings,
    /// What the request may cost.
    pub limits: &'a Limits,
    /// A still is asked for: a page of a document, a frame of an animation, pixels of a drawing.
    pub still: bool,
}

/// Decides what is done to this source, to the pixel. Names have to be [expanded](Transformation::expand) and operations
/// that need a model [split off](Transformation::stages) before.
///
/// `source` describes the [part](Transformation::part) that is asked for. `measure` is asked for what the header does not
/// say, in an order that depends only on its answers: equal answers are equal plans.
pub fn plan(
    transformation: &Transformation,
    source: &SourceInfo,
    context: &Context<'_>,
    measure: &mut dyn Measure,
) -> Result<Plan, PlanError> {
    let part = transformation.part();
    let (width, height) = source.upright();
    let original = Plan {
        part: Part::Default,
        animated: false,
        ops: Vec::new(),
        size: Size { width, height },
        output: Output::Original,
    };
    if transformation.is_original() || output::stays_a_file(transformation, source, context) {
        return Ok(original);
    }
    output::check_part(&part, source)?;
    // Orientation comes first, because coordinates refer to the upright picture: so `rt-auto` counts wherever it is.
    let orient = context.settings.auto_orient
        || transformation
            .all_params()
            .any(|(param, _)| *param == Param::Rotate(Turn::Auto));
    let start = Start::of_base(transformation, source, orient)?;
    let too_large = output::source_too_large(source, context);
    // A source that is too large makes large windows of itself: it is the cause, they are not.
    let cause = |error: PlanError| too_large.clone().filter(|_| error.is_limit()).unwrap_or(error);

    let mut draft = Draft::new(context, start.clone(), None, &mut *measure);
    draft.steps(&transformation.steps).map_err(cause)?;
    let decision = output::decide(&draft, &part, source)?;
    let Decision::Encode {
        format,
        animated,
        encoding,
    } = decision
    else {
        return Ok(original);
    };
    if let Some(error) = too_large {
        return Err(error);
    }
    if draft.looked_at_format {
        draft = Draft::new(context, start, Some(format), measure);
        draft.steps(&transformation.steps)?;
    }
    let Draft {
        mut ops, size, alpha, ..
    } = draft;
    if alpha && !format.holds_alpha() {
        ops.push(Op::Flatten(Color::WHITE));
    }
    Ok(Plan {
        part,
        animated,
        ops: draft::simplified(ops),
        size,
        output: Output::Encoded(encoding),
    })
}

/// `Content-DPR` of an answer to `w-auto`: pixels delivered per CSS pixel, when the width was rounded up.
pub fn content_dpr(transformation: &Transformation, plan: &Plan, hints: &Hints) -> Option<f64> {
    let auto = transformation
        .all_params()
        .any(|(param, _)| *param == Param::Width(Extent::Auto));
    let hint = hints
        .width
        .filter(|width| auto && hinted_width(Some(*width)).is_some())?;
    let dpr = hints.dpr.filter(|dpr| dpr.is_finite() && *dpr > 0.0).unwrap_or(1.0);
    (f64::from(plan.size.width) != hint).then(|| f64::from(plan.size.width) / (hint / dpr))
}

/// The width hint, up to the next multiple of 100, so that few sizes are made and none is too small.
pub(crate) fn hinted_width(hint: Option<f64>) -> Option<u32> {
    let rounded = (hint.filter(|hint| hint.is_finite() && *hint > 0.0)? / 100.0).ceil() * 100.0;
    Pixels::rounded(rounded).map(Pixels::get)
}
