//! Steps and facts about a source become a plan. Decides everything and touches nothing.
//!
//! The steps are gone through twice. The first time tells the size and the transparency of the result, from which its format
//! follows; the second time knows the format, and with it what shows where the picture is not. What only pixels or fonts can
//! tell is asked for on the way: see [`Measure`].

mod effects;
mod layers;
mod placement;

use crate::expression::{Expression, Variables};
use crate::negotiate::{self, Accept, Asked, Hints, OutputSettings};
use crate::parameters::{Density, Extent, Flip, Param, Pixels, Turn};
use crate::{
    Background, Color, Format, Limits, Measure, Op, Orientation, Output, Params, Part, Plan, PlanError, Rect, Size,
    SourceInfo, Step, Transformation, size,
};
use placement::Placement;

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
    /// A still is asked for: of a document a page, of an animation a frame.
    pub still: bool,
}

/// Decides what is done to this source, to the pixel. Names have to be [expanded](Transformation::expand) and operations
/// that need a model [split off](Transformation::stages) before.
pub fn plan(
    transformation: &Transformation,
    source: &SourceInfo,
    context: &Context<'_>,
    measure: &mut dyn Measure,
) -> Result<Plan, PlanError> {
    let original = original(transformation, source);
    if transformation.is_original() {
        return Ok(original);
    }
    // Orientation comes first, because coordinates refer to the upright picture: so `rt-auto` counts wherever it is.
    let orient = context.settings.auto_orient
        || transformation
            .all_params()
            .any(|(param, _)| *param == Param::Rotate(Turn::Auto));
    let start = Start::of(transformation, source, orient);
    let pixels = u64::from(start.size.width) * u64::from(start.size.height);
    let source_too_large = (pixels > context.limits.source_pixels).then_some(PlanError::SourceTooLarge {
        pixels,
        limit: context.limits.source_pixels,
    });
    // A source that is too large makes large windows of itself: it is the cause, they are not.
    let cause = |error: PlanError| source_too_large.clone().filter(|_| error.is_limit()).unwrap_or(error);

    let mut first = Draft::new(context, start.clone(), None, &mut *measure);
    first.steps(&transformation.steps).map_err(cause)?;
    let asked = first.asked;
    if asked.original || first.is_untouched() && stays(&asked, source, context) {
        return Ok(original);
    }
    let chosen = negotiate::format(&asked, source, context, first.size, first.alpha, first.is_untouched())?;
    let Some(chosen) = chosen else {
        return Ok(original);
    };
    if let Some(error) = source_too_large {
        return Err(error);
    }

    let mut draft = Draft::new(context, start, Some(chosen.format), measure);
    draft.steps(&transformation.steps)?;
    let untouched = draft.is_untouched();
    let Draft {
        mut ops, size, alpha, ..
    } = draft;
    if alpha && !chosen.format.holds_alpha() {
        ops.push(Op::Flatten(Color::WHITE));
    }
    if chosen.animated {
        let pixels = u64::from(source.frames) * u64::from(size.width) * u64::from(size.height);
        let stored = u64::from(source.frames) * u64::from(source.width) * u64::from(source.height);
        let limit = context.limits.animation_pixels;
        if pixels.max(stored) > limit {
            return Err(PlanError::AnimationTooLarge {
                frames: source.frames,
                pixels: pixels.max(stored),
                limit,
            });
        }
    }
    Ok(Plan {
        part: original.part,
        animated: chosen.animated,
        ops: simplified(ops),
        size,
        output: Output::Encoded(negotiate::encoding(&asked, &chosen, source, context, untouched)),
    })
}

fn original(transformation: &Transformation, source: &SourceInfo) -> Plan {
    let (width, height) = source.upright();
    Plan {
        part: transformation.part(),
        animated: false,
        ops: Vec::new(),
        size: Size { width, height },
        output: Output::Original,
    }
}

/// True when nothing is asked of the pixels, and the stored file is the best answer there is.
fn stays(asked: &Asked, source: &SourceInfo, context: &Context<'_>) -> bool {
    let explicit = asked.explicit(source);
    if context.still {
        return false;
    }
    match source.format {
        // Negotiation never turns a drawing into pixels, and a document is delivered as it is.
        Format::Svg => explicit.is_none_or(|format| format == Format::Svg),
        Format::Pdf | Format::Psd => true,
        // Encoded anew it would only get worse.
        Format::Gif => explicit == Some(Format::Gif),
        format => source.frames > 1 && explicit == Some(format),
    }
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

/// What a chain of steps begins with.
#[derive(Debug, Clone)]
struct Start {
    part: Part,
    /// Upright, if it is turned; of a vector picture at the density that is asked for.
    size: Size,
    alpha: bool,
    /// Before the first step.
    ops: Vec<Op>,
    density: u32,
    /// The stored area of interest, in pixels of `size`.
    focus: Option<Rect>,
    /// Of the picture below, for a layer.
    parent: Option<Size>,
    /// Conditions are not for GIF.
    conditions: bool,
}

impl Start {
    fn of(transformation: &Transformation, source: &SourceInfo, orient: bool) -> Self {
        let mut start = Self::of_part(transformation.part(), source, orient);
        start.conditions = source.format != Format::Gif;
        if !source.format.is_vector() {
            return start;
        }
        let asked = transformation.all_params().filter_map(|(param, _)| match param {
            Param::Density(density) => Some(density),
            _ => None,
        });
        let density = match asked.last() {
            Some(Density::Number(number)) => f64::from(*number),
            Some(Density::Expression(expression)) => {
                let variables = Variables {
                    initial: (start.size.width, start.size.height),
                    current: (start.size.width, start.size.height),
                    parent: (1, 1),
                    density: source.density,
                };
                expression
                    .value(&variables)
                    .ok()
                    .filter(|value| Density::RANGE.contains(value))
                    .unwrap_or(f64::from(source.density))
            }
            None => return start,
        };
        let scale = density / f64::from(source.density.max(1));
        let scaled = |side: u32| size::side(f64::from(side) * scale).unwrap_or(side);
        let size = Size {
            width: scaled(start.size.width),
            height: scaled(start.size.height),
        };
        if size != start.size {
            start.size = size;
            start.ops.push(Op::Resize(size));
        }
        start
    }

    fn of_part(part: Part, source: &SourceInfo, orient: bool) -> Self {
        let (width, height) = if orient {
            source.upright()
        } else {
            (source.width, source.height)
        };
        let turned = orient && source.orientation != Orientation::Upright;
        Self {
            part,
            size: Size { width, height },
            alpha: source.has_alpha,
            ops: turned.then_some(Op::Orient(source.orientation)).into_iter().collect(),
            density: source.density,
            focus: source.focus,
            parent: None,
            conditions: true,
        }
    }
}

struct Draft<'c, 'm> {
    context: &'c Context<'c>,
    measure: &'m mut dyn Measure,
    part: Part,
    initial: Size,
    density: u32,
    focus: Option<Rect>,
    parent: Option<Size>,
    conditions: bool,
    /// Of the result, once it is known.
    format: Option<Format>,
    /// After the operations so far.
    size: Size,
    /// True when some pixel may be transparent after the operations so far.
    alpha: bool,
    ops: Vec<Op>,
    /// How many of `ops` were there before the first step.
    given: usize,
    asked: Asked,
}

impl<'c, 'm> Draft<'c, 'm> {
    fn new(context: &'c Context<'c>, start: Start, format: Option<Format>, measure: &'m mut dyn Measure) -> Self {
        Self {
            context,
            measure,
            part: start.part,
            initial: start.size,
            density: start.density,
            focus: start.focus,
            parent: start.parent,
            conditions: start.conditions,
            format,
            size: start.size,
            alpha: start.alpha,
            given: start.ops.len(),
            ops: start.ops,
            asked: Asked::default(),
        }
    }

    /// True when no step has asked anything of the pixels.
    fn is_untouched(&self) -> bool {
        self.ops.len() == self.given
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), PlanError> {
        for step in steps {
            match step {
                Step::Apply(params) => self.step(params)?,
                Step::If(_) if !self.conditions => {}
                Step::If(condition) => {
                    let pair = |size: Size| (size.width, size.height);
                    let holds = condition.predicate.holds(pair(self.size), pair(self.initial));
                    self.steps(if holds { &condition.then } else { &condition.otherwise })?;
                }
            }
        }
        Ok(())
    }

    /// One step, in the language's own order.
    fn step(&mut self, params: &Params) -> Result<(), PlanError> {
        self.ask(params)?;
        let placement = Placement::of(params);
        let begun = self.ops.len();
        self.trim(params)?;
        self.place(&placement)?;
        self.tones(params)?;
        self.overlays(params)?;
        self.outline(params)?;
        self.turn(params, &placement)?;
        self.ground(params, &placement, begun)?;
        for param in params.iter() {
            if let Param::Layer(layer) = param {
                self.layer(layer)?;
            }
        }
        Ok(())
    }

    /// What the step says about the answer as a whole.
    fn ask(&mut self, params: &Params) -> Result<(), PlanError> {
        for param in params.iter() {
            match param {
                Param::Named(name) => {
                    return Err(PlanError::NotExpanded {
                        name: name.as_str().to_owned(),
                    });
                }
                Param::Ai(operation) => {
                    return Err(PlanError::NeedsModel {
                        operation: operation.key(),
                    });
                }
                Param::Quality(quality) => self.asked.quality = Some(*quality),
                Param::Format(format) => self.asked.format = Some(*format),
                Param::Lossless(on) => self.asked.lossless = Some(*on),
                Param::Progressive(on) => self.asked.progressive = Some(*on),
                Param::KeepProfile(on) => self.asked.keep_profile = Some(*on),
                Param::KeepMetadata(on) => self.asked.keep_metadata = Some(*on),
                Param::Original(on) => self.asked.original |= *on,
                // The manual promises that such a picture is never an AVIF.
                Param::UnsharpMask(_) => self.asked.not_avif = true,
                Param::Density(density) => self.asked.density = self.dots(density)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn dots(&self, density: &Density) -> Result<Option<u16>, PlanError> {
        Ok(match density {
            Density::Number(number) => Some(*number),
            Density::Expression(expression) => {
                let value = self.value(expression, || Param::Density(density.clone()).to_string())?;
                Density::RANGE.contains(&value).then(|| value.round() as u16)
            }
        })
    }

    /// Rotation, then mirroring.
    fn turn(&mut self, params: &Params, placement: &Placement<'_>) -> Result<(), PlanError> {
        for param in params.iter() {
            if let Param::Rotate(Turn::Degrees(degrees)) = param
                && *degrees != 0.0
            {
                let canvas = size::turned(self.size, *degrees);
                let corners = degrees % 90.0 != 0.0;
                let background = match placement.color() {
                    Some(color) if color.alpha == 0 => Background::Transparent,
                    Some(color) => Background::Color(color),
                    None if self.format.is_some_and(Format::holds_alpha) => Background::Transparent,
                    None => Background::Color(Color::BLACK),
                };
                self.push(
                    Op::Rotate {
                        degrees: *degrees,
                        canvas,
                        background,
                    },
                    canvas,
                )?;
                let shows_through = match background {
                    Background::Color(color) => !color.is_opaque(),
                    _ => true,
                };
                self.alpha |= corners && shows_through;
            }
        }
        for param in params.iter() {
            if let Param::Flip(flip) = param {
                let horizontal = matches!(flip, Flip::Horizontal | Flip::Both);
                let vertical = matches!(flip, Flip::Vertical | Flip::Both);
                self.push(Op::Flip { horizontal, vertical }, self.size)?;
            }
        }
        Ok(())
    }

    /// Opacity, and the colour behind what is transparent.
    fn ground(&mut self, params: &Params, placement: &Placement<'_>, begun: usize) -> Result<(), PlanError> {
        let opacity = params.iter().find_map(|param| match param {
            Param::Opacity(percent) if *percent < 100.0 => Some(*percent),
            _ => None,
        });
        if let Some(percent) = opacity {
            self.push(Op::Opacity(percent / 100.0), self.size)?;
            self.alpha = true;
        }
        let Some(mut color) = placement.color().filter(|color| color.alpha > 0 && self.alpha) else {
            return Ok(());
        };
        // With an opacity, the colour's own has no say.
        if opacity.is_some() {
            color.alpha = 255;
        }
        // A colour that shows through is laid on once: where the step has padded with it, it is there already.
        let padded = |op: &Op| matches!(op, Op::Pad { background, .. } | Op::Rotate { background, .. } if *background == Background::Color(color));
        if !color.is_opaque() && self.ops.iter().skip(begun).any(padded) {
            return Ok(());
        }
        self.push(Op::Flatten(color), self.size)?;
        self.alpha &= !color.is_opaque();
        Ok(())
    }

    fn variables(&self) -> Variables {
        let pair = |size: Size| (size.width, size.height);
        Variables {
            initial: pair(self.initial),
            current: pair(self.size),
            parent: pair(self.parent.unwrap_or(self.size)),
            density: self.density,
        }
    }

    fn value(&self, expression: &Expression, token: impl FnOnce() -> String) -> Result<f64, PlanError> {
        expression
            .value(&self.variables())
            .map_err(|source| PlanError::Expression { token: token(), source })
    }

    fn push(&mut self, op: Op, result: Size) -> Result<(), PlanError> {
        let limits = self.context.limits;
        let pixels = u64::from(result.width) * u64::from(result.height);
        if pixels > limits.result_pixels || result.width.max(result.height) > limits.result_side {
            return Err(self.too_large(result));
        }
        self.ops.push(op);
        self.size = result;
        Ok(())
    }

    fn too_large(&self, size: Size) -> PlanError {
        PlanError::ResultTooLarge {
            width: size.width,
            height: size.height,
            pixels: self.context.limits.result_pixels,
            side: self.context.limits.result_side,
        }
    }
}

/// The width hint, up to the next multiple of 100, so that few sizes are made and none is too small.
pub(crate) fn hinted_width(hint: Option<f64>) -> Option<u32> {
    let rounded = (hint.filter(|hint| hint.is_finite() && *hint > 0.0)? / 100.0).ceil() * 100.0;
    Pixels::rounded(rounded).map(Pixels::get)
}

/// Joins neighbours that say one thing in two operations.
fn simplified(ops: Vec<Op>) -> Vec<Op> {
    let mut kept: Vec<Op> = Vec::with_capacity(ops.len());
    for op in ops {
        let joined = match (kept.last(), &op) {
            (Some(Op::Crop(outer)), Op::Crop(inner)) => Some(Op::Crop(Rect {
                x: outer.x + inner.x,
                y: outer.y + inner.y,
                ..*inner
            })),
            // What a smaller size shows is all in the source. The reverse does not hold: enlarging what was shrunk
            // looks as asked only if it was shrunk.
            (Some(Op::Resize(first)), Op::Resize(second))
                if second.width <= first.width && second.height <= first.height =>
            {
                Some(Op::Resize(*second))
            }
            _ => None,
        };
        match joined {
            Some(joined) => {
                kept.pop();
                kept.push(joined);
            }
            None => kept.push(op),
        }
    }
    kept
}
