//! A scope on its way through the steps: the base picture, or a layer.

use super::Context;
use super::placement::Placement;
use crate::expression::{Expression, Variables};
use crate::negotiate::Asked;
use crate::parameters::{Density, Fill, Length, Param};
use crate::{
    Format, Measure, Op, Orientation, Params, Part, PlanError, Rect, Size, SourceInfo, Step, Transformation, size,
};

/// What a chain of steps begins with.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub part: Part,
    /// Upright, if it is turned; of a vector picture at the density that is asked for.
    pub size: Size,
    pub alpha: bool,
    /// Before the first step.
    pub ops: Vec<Op>,
    pub density: u32,
    /// The stored area of interest, in pixels of `size`.
    pub focus: Option<Rect>,
    /// Of the picture below, for a layer.
    pub parent: Option<Size>,
    /// Conditions are not for GIF.
    pub conditions: bool,
    /// Drawn at whatever size is asked for.
    pub vector: bool,
    /// True when the scope's pixels are those of a file: a block and a text have nothing to look at.
    pub pixels: bool,
}

impl Start {
    /// The base picture.
    pub fn of_base(transformation: &Transformation, source: &SourceInfo, orient: bool) -> Result<Self, PlanError> {
        let mut start = Self::of_picture(transformation.part(), source, orient);
        let asked = transformation.all_params().filter_map(|(param, inside)| match param {
            Param::Density(density) if !inside => Some(density),
            _ => None,
        });
        // Whatever has pixels of its own has as many at any density.
        let Some(density) = asked.last().filter(|_| start.vector) else {
            return Ok(start);
        };
        let pair = (start.size.width, start.size.height);
        let variables = Variables {
            initial: pair,
            current: pair,
            parent: pair,
            density: source.density,
        };
        let density = dots(density, &variables)?.map_or(f64::from(source.density), f64::from);
        let scale = density / f64::from(source.density.max(1));
        let scaled = |side: u32| size::side(f64::from(side) * scale).unwrap_or(side);
        let size = Size {
            width: scaled(start.size.width),
            height: scaled(start.size.height),
        };
        if size != start.size {
            start.focus = start.focus.map(|focus| size::scaled_rect(focus, start.size, size));
            start.size = size;
            start.ops.push(Op::Resize(size));
        }
        Ok(start)
    }

    /// A file's picture.
    pub fn of_picture(part: Part, source: &SourceInfo, orient: bool) -> Self {
        let (width, height) = if orient {
            source.upright()
        } else {
            (source.width, source.height)
        };
        let lies = source.orientation != Orientation::Upright;
        Self {
            part,
            size: Size { width, height },
            alpha: source.has_alpha,
            ops: (orient && lies)
                .then_some(Op::Orient(source.orientation))
                .into_iter()
                .collect(),
            density: source.density,
            focus: source.focus.filter(|_| orient || !lies),
            parent: None,
            conditions: source.format != Format::Gif,
            vector: source.format.is_vector(),
            pixels: true,
        }
    }

    /// What is made, not read: a text or a block.
    pub fn of_drawing(size: Size, parent: Size, alpha: bool) -> Self {
        Self {
            part: Part::Default,
            size,
            alpha,
            ops: Vec::new(),
            density: SourceInfo::DENSITY,
            focus: None,
            parent: Some(parent),
            conditions: true,
            vector: false,
            pixels: false,
        }
    }
}

pub(super) struct Draft<'a> {
    pub context: &'a Context<'a>,
    pub measure: &'a mut dyn Measure,
    pub part: Part,
    pub initial: Size,
    density: u32,
    pub focus: Option<Rect>,
    pub parent: Option<Size>,
    conditions: bool,
    pub vector: bool,
    pub pixels: bool,
    /// Of the result, once it is known. Until then it holds everything.
    format: Option<Format>,
    /// True when another format might have led to other operations.
    pub looked_at_format: bool,
    /// At the beginning of the step.
    before: Size,
    /// After the operations so far.
    pub size: Size,
    /// True when some pixel may be transparent after the operations so far.
    pub alpha: bool,
    pub ops: Vec<Op>,
    /// True when a step has asked something of the pixels.
    pub touched: bool,
    /// Most pixels that the picture had at any time.
    pub most_pixels: u64,
    pub asked: Asked,
}

impl<'a> Draft<'a> {
    pub fn new(
        context: &'a Context<'a>,
        start: Start,
        format: Option<Format>,
        measure: &'a mut (dyn Measure + '_),
    ) -> Self {
        Self {
            context,
            measure,
            part: start.part,
            initial: start.size,
            density: start.density,
            focus: start.focus,
            parent: start.parent,
            conditions: start.conditions,
            vector: start.vector,
            pixels: start.pixels,
            format,
            looked_at_format: false,
            before: start.size,
            size: start.size,
            alpha: start.alpha,
            ops: start.ops,
            touched: false,
            most_pixels: start.size.pixels(),
            asked: Asked::default(),
        }
    }

    pub fn steps(&mut self, steps: &[Step]) -> Result<(), PlanError> {
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
        self.before = self.size;
        self.ask(params)?;
        let placement = Placement::of(params);
        self.trim(params)?;
        self.place(&placement)?;
        // Parameters come in canonical order, which is that in which they act.
        for param in params.iter() {
            self.change_tone(param)?;
        }
        for param in params.iter() {
            self.change_shape(param)?;
        }
        self.outline(params)?;
        self.turn(params, &placement)?;
        self.ground(params, &placement)?;
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
                Param::Background(Fill::Generated(_)) => {
                    return Err(PlanError::NeedsModel {
                        operation: "bg-genfill",
                    });
                }
                Param::Quality(quality) => self.asked.quality = Some(*quality),
                Param::Format(format) => self.asked.format = Some(*format),
                Param::Lossless(on) => self.asked.lossless = Some(*on),
                Param::Progressive(on) => self.asked.progressive = Some(*on),
                Param::KeepProfile(on) => self.asked.keep_profile = Some(*on),
                Param::KeepMetadata(on) => self.asked.keep_metadata = Some(*on),
                Param::ContentCredentials(on) => self.asked.credentials = *on,
                // The manual promises that such a picture is never an AVIF.
                Param::UnsharpMask(_) => self.asked.not_avif = true,
                Param::Density(density) => {
                    if let Some(dots) = dots(density, &self.variables())? {
                        self.asked.density = Some(dots);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn variables(&self) -> Variables {
        let pair = |size: Size| (size.width, size.height);
        Variables {
            initial: pair(self.initial),
            current: pair(self.before),
            parent: pair(self.parent.unwrap_or(self.size)),
            density: self.density,
        }
    }

    pub fn value(&self, expression: &Expression, token: impl FnOnce() -> String) -> Result<f64, PlanError> {
        value(expression, &self.variables(), token)
    }

    pub fn length(&self, length: &Length, token: impl FnOnce() -> String) -> Result<f64, PlanError> {
        match length {
            Length::Number(number) => Ok(*number),
            Length::Expression(expression) => self.value(expression, token),
        }
    }

    /// True when transparent pixels can be in the result, as far as it is known.
    pub fn may_be_transparent(&mut self) -> bool {
        self.looked_at_format = true;
        self.format.is_none_or(Format::holds_alpha)
    }

    /// True while nothing but the size and the window of a vector picture is decided.
    pub fn is_drawing(&self) -> bool {
        self.vector && self.ops.iter().all(|op| matches!(op, Op::Crop(_) | Op::Resize(_)))
    }

    pub fn crop(&mut self, rect: Rect) -> Result<(), PlanError> {
        let size = rect.size();
        if size == self.size {
            return Ok(());
        }
        self.focus = self.focus.and_then(|focus| size::overlap(focus, rect));
        if let Some(Op::Crop(outer)) = self.ops.last().filter(|_| self.vector) {
            let joined = Rect {
                x: outer.x + rect.x,
                y: outer.y + rect.y,
                ..rect
            };
            self.ops.pop();
            return self.push(Op::Crop(joined), size);
        }
        self.push(Op::Crop(rect), size)
    }

    pub fn resize(&mut self, size: Size) -> Result<(), PlanError> {
        if size == self.size {
            return Ok(());
        }
        let from = self.size;
        self.focus = self.focus.map(|focus| size::scaled_rect(focus, from, size));
        if self.is_drawing() {
            return self.redraw(size);
        }
        self.push(Op::Resize(size), size)
    }

    /// Another size for what is still to be drawn: it is drawn at that size, not scaled afterwards.
    fn redraw(&mut self, size: Size) -> Result<(), PlanError> {
        self.check(size)?;
        match self.ops.as_slice() {
            [.., Op::Resize(_)] => {
                self.ops.pop();
            }
            [.., Op::Resize(drawn), Op::Crop(window)] => {
                let (drawn, window) = size::magnified(*drawn, *window, size);
                // Too large to be drawn as a whole: then the window is scaled, after all.
                if self.check(drawn).is_ok() {
                    let kept = self.ops.len() - 2;
                    self.ops.truncate(kept);
                    self.ops.push(Op::Resize(drawn));
                    return self.push(Op::Crop(window), size);
                }
            }
            _ => {}
        }
        self.push(Op::Resize(size), size)
    }

    pub fn push(&mut self, op: Op, result: Size) -> Result<(), PlanError> {
        self.check(result)?;
        self.ops.push(op);
        self.size = result;
        self.most_pixels = self.most_pixels.max(result.pixels());
        self.touched = true;
        Ok(())
    }

    /// Refuses sizes beyond the limits.
    pub fn check(&self, size: Size) -> Result<(), PlanError> {
        let limits = self.context.limits;
        if size.pixels() > limits.result_pixels || size.width.max(size.height) > limits.result_side {
            Err(self.too_large(size))
        } else {
            Ok(())
        }
    }

    pub fn too_large(&self, size: Size) -> PlanError {
        PlanError::ResultTooLarge {
            width: size.width,
            height: size.height,
            pixels: self.context.limits.result_pixels,
            side: self.context.limits.result_side,
        }
    }
}

pub(super) fn value(
    expression: &Expression,
    variables: &Variables,
    token: impl FnOnce() -> String,
) -> Result<f64, PlanError> {
    expression
        .value(variables)
        .map_err(|source| PlanError::Expression { token: token(), source })
}

/// Dots per inch; nothing beyond the range in which they count.
fn dots(density: &Density, variables: &Variables) -> Result<Option<u16>, PlanError> {
    Ok(match density {
        Density::Number(number) => Some(*number),
        Density::Expression(expression) => {
            let value = value(expression, variables, || Param::Density(density.clone()).to_string())?;
            Density::RANGE.contains(&value).then(|| value.round() as u16)
        }
    })
}

/// Joins neighbours that say one thing in two operations.
pub(super) fn simplified(ops: Vec<Op>) -> Vec<Op> {
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
