//! Steps and facts about a source become a plan. Decides everything and touches nothing.

use crate::expression::Variables;
use crate::negotiate::{self, Accept, Asked, Hints, OutputSettings};
use crate::parameters::{Anchor, Dpr, Extent, Fill, Flip, Focus, Offset, Param, Pixels, Ratio, Strategy, Turn};
use crate::{
    Background, Color, Format, Limits, Op, Orientation, Output, Params, Part, Plan, PlanError, Rect, Size, SourceInfo,
    Step, Transformation, size,
};

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
}

/// Decides what is done to this source, to the pixel. Names have to be [expanded](Transformation::expand) before.
pub fn plan(transformation: &Transformation, source: &SourceInfo, context: &Context<'_>) -> Result<Plan, PlanError> {
    let (width, height) = source.upright();
    let upright = Size { width, height };
    let original = Plan {
        part: Part::Default,
        animated: false,
        ops: Vec::new(),
        size: upright,
        output: Output::Original,
    };
    if transformation.is_original() {
        return Ok(original);
    }

    let mut draft = Draft {
        context,
        initial: upright,
        size: upright,
        alpha: source.has_alpha,
        ops: Vec::new(),
        asked: Asked::default(),
        // Conditions are not for GIF.
        conditions: source.format != Format::Gif,
    };
    // Orientation comes first, because coordinates refer to the upright picture: so `rt-auto` counts wherever it is.
    let orient = context.settings.auto_orient
        || transformation
            .all_params()
            .any(|(param, _)| *param == Param::Rotate(Turn::Auto));
    if !orient {
        draft.initial = Size {
            width: source.width,
            height: source.height,
        };
        draft.size = draft.initial;
    }
    let pixels = u64::from(source.width) * u64::from(source.height);
    let source_too_large = (pixels > context.limits.source_pixels).then_some(PlanError::SourceTooLarge {
        pixels,
        limit: context.limits.source_pixels,
    });
    if let Err(error) = draft.steps(&transformation.steps) {
        // A source that is too large makes large windows of itself: it is the cause, they are not.
        return Err(source_too_large.filter(|_| error.is_limit()).unwrap_or(error));
    }

    let Draft {
        asked,
        mut ops,
        size,
        alpha,
        ..
    } = draft;
    if asked.original {
        return Ok(original);
    }
    // Re-encoding would lose the animation, and nothing asked for that.
    if ops.is_empty() && source.frames > 1 && asked.explicit(source).is_none_or(|format| format == source.format) {
        return Ok(original);
    }
    if ops.is_empty() && source.format == Format::Gif && asked.explicit(source) == Some(Format::Gif) {
        return Ok(original);
    }
    let format = negotiate::format(&asked, source, context.accept, &context.settings, size, alpha)?;
    // A GIF that becomes neither smaller nor anything else is best left alone.
    let negotiated = matches!(format, Format::Avif | Format::Webp);
    if ops.is_empty() && source.format == Format::Gif && !negotiated && asked.explicit(source).is_none() {
        return Ok(original);
    }

    if let Some(error) = source_too_large {
        return Err(error);
    }
    let untouched = ops.is_empty();
    if orient && source.orientation != Orientation::Upright {
        ops.insert(0, Draw::Final(Op::Orient(source.orientation)));
    }
    let ops = colored(&simplified(ops), source.has_alpha, format);
    let encoding = negotiate::encoding(&asked, format, context.hints.save_data, &context.settings, untouched);
    Ok(Plan {
        part: Part::Default,
        animated: false,
        ops,
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

/// An operation, but for the colours that only the output format decides.
#[derive(Debug, Clone)]
enum Draw {
    Final(Op),
    Pad {
        canvas: Size,
        x: i32,
        y: i32,
        background: Option<Color>,
    },
    Rotate {
        degrees: f64,
        canvas: Size,
        background: Option<Color>,
    },
}

struct Draft<'a> {
    context: &'a Context<'a>,
    initial: Size,
    /// After the operations so far.
    size: Size,
    /// True when some pixel may be transparent after the operations so far.
    alpha: bool,
    ops: Vec<Draw>,
    asked: Asked,
    conditions: bool,
}

/// The parameters of one step that place pixels.
#[derive(Default)]
struct Placement<'a> {
    width: Option<&'a Extent>,
    height: Option<&'a Extent>,
    ratio: Option<&'a Ratio>,
    dpr: Option<&'a Dpr>,
    strategy: Strategy,
    anchor: Anchor,
    x: Option<&'a Offset>,
    y: Option<&'a Offset>,
    center_x: Option<&'a Offset>,
    center_y: Option<&'a Offset>,
    background: Option<Color>,
}

impl Draft<'_> {
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

    /// One step, in the language's own order: place, turn, mirror, flatten.
    fn step(&mut self, params: &Params) -> Result<(), PlanError> {
        let mut placement = Placement::default();
        let (mut degrees, mut flip) = (0.0, None);
        for param in params.iter() {
            match param {
                Param::Named(name) => {
                    return Err(PlanError::NotExpanded {
                        name: name.as_str().to_owned(),
                    });
                }
                Param::Width(extent) => placement.width = Some(extent),
                Param::Height(extent) => placement.height = Some(extent),
                Param::AspectRatio(ratio) => placement.ratio = Some(ratio),
                Param::Dpr(dpr) => placement.dpr = Some(dpr),
                Param::Crop(strategy) => placement.strategy = *strategy,
                Param::Focus(Focus::Anchor(anchor)) => placement.anchor = *anchor,
                Param::X(offset) => placement.x = Some(offset),
                Param::Y(offset) => placement.y = Some(offset),
                Param::CenterX(offset) => placement.center_x = Some(offset),
                Param::CenterY(offset) => placement.center_y = Some(offset),
                Param::Background(Fill::Color(color)) => placement.background = Some(*color),
                Param::Rotate(Turn::Degrees(turn)) => degrees = *turn,
                Param::Flip(mirrored) => flip = Some(*mirrored),
                Param::Quality(quality) => self.asked.quality = Some(*quality),
                Param::Format(format) => self.asked.format = Some(*format),
                Param::Lossless(on) => self.asked.lossless = Some(*on),
                Param::Progressive(on) => self.asked.progressive = Some(*on),
                Param::KeepProfile(on) => self.asked.keep_profile = Some(*on),
                Param::KeepMetadata(on) => self.asked.keep_metadata = Some(*on),
                Param::Original(on) => self.asked.original |= *on,
                // Decided before the steps, and before the plan.
                Param::Rotate(Turn::Auto) | Param::DefaultImage(_) => {}
                _ => {}
            }
        }
        let (width, height) = self.requested(&placement)?;
        self.place(width, height, &placement)?;
        if degrees != 0.0 {
            let canvas = size::turned(self.size, degrees);
            self.rotate(degrees, canvas, placement.background)?;
        }
        if let Some(flip) = flip {
            let horizontal = matches!(flip, Flip::Horizontal | Flip::Both);
            let vertical = matches!(flip, Flip::Vertical | Flip::Both);
            self.push(Draw::Final(Op::Flip { horizontal, vertical }), self.size)?;
        }
        if let Some(color) = placement.background.filter(|color| color.is_opaque() && self.alpha) {
            self.push(Draw::Final(Op::Flatten(color)), self.size)?;
            self.alpha = false;
        }
        Ok(())
    }

    /// The sides that are asked for, once `ar` and `dpr` are counted in.
    fn requested(&self, placement: &Placement<'_>) -> Result<(Option<u32>, Option<u32>), PlanError> {
        let mut width = self.side(placement.width, self.size.width, Param::Width)?;
        let mut height = self.side(placement.height, self.size.height, Param::Height)?;
        if let Some(ratio) = placement.ratio
            && width.is_some() != height.is_some()
        {
            let value = self.ratio(ratio)?;
            let token = || Param::AspectRatio(ratio.clone()).to_string();
            let other = |value: f64| size::side(value).ok_or_else(|| PlanError::NotASize { token: token(), value });
            match (width, height) {
                (Some(width), _) => height = Some(other((f64::from(width) / value).max(0.5))?),
                (_, Some(height)) => width = Some(other((f64::from(height) * value).max(0.5))?),
                _ => {}
            }
        }
        let from_hint = placement.width == Some(&Extent::Auto) && width.is_some();
        let ratio = self.dpr(placement.dpr, from_hint)?;
        // The ratio counts for both sides or for none.
        let in_range = |side: Option<u32>| side.is_none_or(|side| DPR_SIDES.contains(&size::multiplied(side, ratio)));
        if ratio != 1.0 && in_range(width) && in_range(height) {
            let multiplied = |side: u32| size::side(size::multiplied(side, ratio)).unwrap_or(side);
            (width, height) = (width.map(multiplied), height.map(multiplied));
        }
        Ok((width, height))
    }

    fn side(
        &self,
        extent: Option<&Extent>,
        current: u32,
        param: fn(Extent) -> Param,
    ) -> Result<Option<u32>, PlanError> {
        Ok(match extent {
            None => None,
            Some(Extent::Auto) => hinted_width(self.context.hints.width),
            Some(Extent::Pixels(pixels)) => Some(pixels.get()),
            Some(Extent::Fraction(fraction)) => size::side(f64::from(current) * fraction),
            Some(extent @ Extent::Expression(expression)) => {
                let token = param(extent.clone()).to_string();
                let value = match expression.value(&self.variables()) {
                    Ok(value) => value,
                    Err(source) => return Err(PlanError::Expression { token, source }),
                };
                if value <= 0.0 {
                    return Err(PlanError::NotASize { token, value });
                }
                // Above the largest side it is ignored, as the plain number would be.
                Pixels::rounded(value.max(1.0)).map(Pixels::get)
            }
        })
    }

    fn ratio(&self, ratio: &Ratio) -> Result<f64, PlanError> {
        let value = match ratio {
            Ratio::Number(number) => *number,
            Ratio::Sides(width, height) => width / height,
            Ratio::Expression(expression) => {
                let token = || Param::AspectRatio(ratio.clone()).to_string();
                let value = expression
                    .value(&self.variables())
                    .map_err(|source| PlanError::Expression { token: token(), source })?;
                if value <= 0.0 {
                    return Err(PlanError::NotASize { token: token(), value });
                }
                value
            }
        };
        Ok(value)
    }

    fn dpr(&self, dpr: Option<&Dpr>, width_from_hint: bool) -> Result<f64, PlanError> {
        let ratio = match dpr {
            None => 1.0,
            // The width hint already is in device pixels.
            Some(Dpr::Auto) if width_from_hint => 1.0,
            Some(Dpr::Auto) => self.context.hints.dpr.unwrap_or(1.0),
            Some(Dpr::Number(number)) => *number,
            Some(Dpr::Expression(expression)) => {
                expression
                    .value(&self.variables())
                    .map_err(|source| PlanError::Expression {
                        token: Param::Dpr(Dpr::Expression(expression.clone())).to_string(),
                        source,
                    })?
            }
        };
        Ok(if Dpr::RANGE.contains(&ratio) { ratio } else { 1.0 })
    }

    fn variables(&self) -> Variables {
        Variables {
            initial: (self.initial.width, self.initial.height),
            current: (self.size.width, self.size.height),
            parent: (self.size.width, self.size.height),
            density: SourceInfo::DENSITY,
        }
    }

    /// Brings the picture into the box, by the strategy.
    fn place(&mut self, width: Option<u32>, height: Option<u32>, step: &Placement<'_>) -> Result<(), PlanError> {
        let from = self.size;
        let (within, both) = match (width, height) {
            (None, None) => return Ok(()),
            (Some(width), Some(height)) => (Size { width, height }, true),
            (Some(width), None) => (
                Size {
                    width,
                    height: size::scaled(from.height, width, from.width),
                },
                false,
            ),
            (None, Some(height)) => (
                Size {
                    width: size::scaled(from.width, height, from.height),
                    height,
                },
                false,
            ),
        };
        let grows = within.width > from.width || within.height > from.height;
        match step.strategy {
            Strategy::Extract => {
                let window = Size {
                    width: width.unwrap_or(from.width),
                    height: height.unwrap_or(from.height),
                };
                let rect = self.extracted(window, step)?;
                self.crop(rect)
            }
            Strategy::AtMax => {
                let fitted = if both { size::fit(from, within) } else { within };
                let enlarges = fitted.width > from.width || fitted.height > from.height;
                if enlarges { Ok(()) } else { self.resize(fitted) }
            }
            // With one side every other strategy scales in proportion.
            _ if !both => self.resize(within),
            Strategy::Force => self.resize(within),
            Strategy::AtMaxEnlarge => self.resize(size::fit(from, within)),
            Strategy::AtLeast => self.resize(size::cover(from, within)),
            // The overhang is cut before scaling, so that only what is kept is scaled.
            Strategy::MaintainRatio => {
                self.crop(size::window(from, within, step.anchor))?;
                self.resize(within)
            }
            Strategy::MaintainRatioNoEnlarge => {
                self.crop(size::window(from, within, step.anchor))?;
                if grows { Ok(()) } else { self.resize(within) }
            }
            Strategy::PadResize => {
                self.resize(size::fit(from, within))?;
                self.pad(within, step)
            }
            Strategy::PadResizeNoEnlarge => {
                let fitted = size::fit(from, within);
                if fitted.width <= from.width && fitted.height <= from.height {
                    self.resize(fitted)?;
                }
                self.pad(within, step)
            }
            Strategy::PadExtract => self.pad(within, step),
            Strategy::PadExtractNoShrink => {
                let canvas = Size {
                    width: within.width.max(from.width),
                    height: within.height.max(from.height),
                };
                self.pad(canvas, step)
            }
        }
    }

    /// The window of an extract: a corner is moved back inside, a centre is not.
    fn extracted(&self, window: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let mut rect = size::anchored(self.size, window, step.anchor);
        let cornered = step.x.is_some() || step.y.is_some();
        let centered = step.center_x.is_some() || step.center_y.is_some();
        if !cornered && !centered {
            return Ok(rect);
        }
        let outside = || PlanError::WindowOutside {
            window_width: window.width,
            window_height: window.height,
            width: self.size.width,
            height: self.size.height,
        };
        let axis = |corner: Option<f64>, center: Option<f64>, window: u32, kept: u32, full: u32| {
            let last = f64::from(full - kept);
            match (corner, center) {
                // A corner beats a centre on the same axis.
                (Some(corner), _) => Ok(corner.round().clamp(0.0, last) as u32),
                (None, Some(center)) => {
                    let start = (center - f64::from(window) / 2.0).floor();
                    let inside = start >= 0.0 && start + f64::from(window) <= f64::from(full);
                    if inside { Ok(start as u32) } else { Err(outside()) }
                }
                // The missing member of a pair: the edge for a corner, the middle for a centre.
                (None, None) if cornered => Ok(0),
                (None, None) => Ok((full - kept) / 2),
            }
        };
        let (x, center_x) = (
            self.offset(step.x, Param::X)?,
            self.offset(step.center_x, Param::CenterX)?,
        );
        let (y, center_y) = (
            self.offset(step.y, Param::Y)?,
            self.offset(step.center_y, Param::CenterY)?,
        );
        rect.x = axis(x, center_x, window.width, rect.width, self.size.width)?;
        rect.y = axis(y, center_y, window.height, rect.height, self.size.height)?;
        Ok(rect)
    }

    fn offset(&self, offset: Option<&Offset>, param: fn(Offset) -> Param) -> Result<Option<f64>, PlanError> {
        match offset {
            None => Ok(None),
            Some(Offset::Number(number)) => Ok(Some(*number)),
            Some(offset @ Offset::Expression(expression)) => {
                let value = expression.value(&self.variables());
                let token = || param(offset.clone()).to_string();
                value
                    .map(Some)
                    .map_err(|source| PlanError::Expression { token: token(), source })
            }
        }
    }

    fn crop(&mut self, rect: Rect) -> Result<(), PlanError> {
        let size = Size {
            width: rect.width,
            height: rect.height,
        };
        if size == self.size {
            Ok(())
        } else {
            self.push(Draw::Final(Op::Crop(rect)), size)
        }
    }

    fn resize(&mut self, size: Size) -> Result<(), PlanError> {
        if size == self.size {
            Ok(())
        } else {
            self.push(Draw::Final(Op::Resize(size)), size)
        }
    }

    fn pad(&mut self, canvas: Size, step: &Placement<'_>) -> Result<(), PlanError> {
        if canvas == self.size {
            return Ok(());
        }
        let (x, y) = size::placed(self.size, canvas, step.anchor);
        if canvas.width <= self.size.width && canvas.height <= self.size.height {
            let corner = |at: i64| u32::try_from(-at).unwrap_or_default();
            let rect = Rect {
                x: corner(x),
                y: corner(y),
                width: canvas.width,
                height: canvas.height,
            };
            return self.crop(rect);
        }
        let background = step.background;
        let coordinate = |at: i64| i32::try_from(at).ok();
        let (Some(x), Some(y)) = (coordinate(x), coordinate(y)) else {
            return Err(self.too_large(canvas));
        };
        self.push(
            Draw::Pad {
                canvas,
                x,
                y,
                background,
            },
            canvas,
        )?;
        self.alpha |= background.is_some_and(|color| !color.is_opaque());
        Ok(())
    }

    fn rotate(&mut self, degrees: f64, canvas: Size, background: Option<Color>) -> Result<(), PlanError> {
        self.push(
            Draw::Rotate {
                degrees,
                canvas,
                background,
            },
            canvas,
        )?;
        let corners = degrees % 90.0 != 0.0;
        self.alpha |= corners && background.is_some_and(|color| !color.is_opaque());
        Ok(())
    }

    fn push(&mut self, op: Draw, result: Size) -> Result<(), PlanError> {
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

/// Sides that a pixel ratio may lead to; beyond them it is ignored.
const DPR_SIDES: std::ops::RangeInclusive<f64> = 1.0..=5000.0;

/// The width hint, up to the next multiple of 100, so that few sizes are made and none is too small.
pub(crate) fn hinted_width(hint: Option<f64>) -> Option<u32> {
    let rounded = (hint.filter(|hint| hint.is_finite() && *hint > 0.0)? / 100.0).ceil() * 100.0;
    Pixels::rounded(rounded).map(Pixels::get)
}

/// Joins neighbours that say one thing in two operations.
fn simplified(ops: Vec<Draw>) -> Vec<Draw> {
    let mut kept: Vec<Draw> = Vec::with_capacity(ops.len());
    for op in ops {
        let joined = match (kept.last(), &op) {
            (Some(Draw::Final(Op::Crop(outer))), Draw::Final(Op::Crop(inner))) => Some(Op::Crop(Rect {
                x: outer.x + inner.x,
                y: outer.y + inner.y,
                ..*inner
            })),
            // What a smaller size shows is all in the source. The reverse does not hold: enlarging what was shrunk
            // looks as asked only if it was shrunk.
            (Some(Draw::Final(Op::Resize(first))), Draw::Final(Op::Resize(second)))
                if second.width <= first.width && second.height <= first.height =>
            {
                Some(Op::Resize(*second))
            }
            _ => None,
        };
        match joined {
            Some(joined) => {
                kept.pop();
                kept.push(Draw::Final(joined));
            }
            None => kept.push(op),
        }
    }
    kept
}

/// Fills in the colours that depend on the format, and flattens what it cannot hold.
fn colored(ops: &[Draw], source_alpha: bool, format: Format) -> Vec<Op> {
    let mut alpha = source_alpha;
    let mut finished = Vec::with_capacity(ops.len() + 1);
    let background = |asked: Option<Color>, transparent: bool| match asked {
        Some(color) if color.alpha == 0 => Background::Transparent,
        Some(color) => Background::Color(color),
        None if transparent => Background::Transparent,
        None => Background::Color(Color::BLACK),
    };
    let shows_through = |background: Background| match background {
        Background::Transparent => true,
        Background::Color(color) => !color.is_opaque(),
        _ => false,
    };
    for op in ops {
        finished.push(match op.clone() {
            Draw::Final(op) => {
                alpha &= !matches!(op, Op::Flatten(_));
                op
            }
            Draw::Pad {
                canvas,
                x,
                y,
                background: asked,
            } => {
                let background = background(asked, alpha && format.holds_alpha());
                alpha |= shows_through(background);
                Op::Pad {
                    canvas,
                    x,
                    y,
                    background,
                }
            }
            Draw::Rotate {
                degrees,
                canvas,
                background: asked,
            } => {
                let background = background(asked, format.holds_alpha());
                alpha |= degrees % 90.0 != 0.0 && shows_through(background);
                Op::Rotate {
                    degrees,
                    canvas,
                    background,
                }
            }
        });
    }
    if alpha && !format.holds_alpha() {
        finished.push(Op::Flatten(Color::WHITE));
    }
    finished
}
