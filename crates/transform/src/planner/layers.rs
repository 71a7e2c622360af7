//! Layers: a chain of steps of their own, and a place on the picture below.

use super::draft::{Draft, Start, simplified, value};
use super::output;
use super::placement::Placement;
use crate::parameters::{
    Anchor, LayerBlock, LayerKind, LayerMode, LayerOffset, LayerPosition, LayerSpec, Offset, Param, Place, Side, Turn,
};
use crate::{InputKind, Layer, LayerSource, Mix, Op, Part, PlanError, Size, Step, size, transformation};

/// A finished layer, but for its place.
struct Finished {
    source: LayerSource,
    initial: Size,
    size: Size,
    ops: Vec<Op>,
}

impl Draft<'_> {
    pub(super) fn layer(&mut self, spec: &LayerSpec) -> Result<(), PlanError> {
        let finished = match &spec.kind {
            LayerKind::Picture(_) => self.picture_layer(spec)?,
            LayerKind::Canvas => self.block_layer(spec)?,
            LayerKind::Text(text) => {
                let text = self.text(text)?;
                let initial = self.measure.text(&text)?;
                // Blanks alone.
                if initial.pixels() == 0 {
                    return Ok(());
                }
                let alpha = text.background.is_none_or(|color| !color.is_opaque());
                self.drawn(LayerSource::Text(text), initial, alpha, &spec.steps)?
            }
        };
        let (x, y) = self.position(&spec.position, &finished)?;
        let mode = self.mode(&spec.mode, &finished)?;
        let layer = Layer {
            source: finished.source,
            ops: simplified(finished.ops),
            size: finished.size,
            x,
            y,
            mode,
        };
        self.push(Op::Layer(Box::new(layer)), self.size)?;
        self.alpha |= matches!(mode, Mix::Cutter | Mix::Cutout);
        Ok(())
    }

    fn picture_layer(&mut self, spec: &LayerSpec) -> Result<Finished, PlanError> {
        let Some(picture) = spec.picture() else {
            return Err(PlanError::NeedsModel { operation: "l-image" });
        };
        let part = match picture.input.kind {
            InputKind::Picture { part, stages } if stages.is_empty() => part,
            // Of what a model has made there is one part.
            _ => Part::Default,
        };
        let (context, parent) = (self.context, self.size);
        let (info, mut scope) = self.measure.layer(&picture.input.name, &part)?;
        if let Some(error) = output::source_too_large(&info, context) {
            return Err(error);
        }
        output::check_part(&part, &info)?;
        let orient = context.settings.auto_orient
            || transformation::parameters(&picture.steps).any(|(param, _)| *param == Param::Rotate(Turn::Auto));
        let start = Start {
            parent: Some(parent),
            ..Start::of_picture(part.clone(), &info, orient)
        };
        let mut draft = Draft::new(context, start, None, &mut *scope);
        draft.steps(&picture.steps)?;
        Ok(Finished {
            source: LayerSource::Picture {
                input: picture.input.name,
                part,
            },
            initial: draft.initial,
            size: draft.size,
            ops: draft.ops,
        })
    }

    fn block_layer(&mut self, spec: &LayerSpec) -> Result<Finished, PlanError> {
        let Some((LayerBlock { width, height, color }, mut steps)) = spec.block() else {
            return Err(PlanError::NeedsModel { operation: "l-image" });
        };
        // What is left of the size belongs to the block, too.
        let (mut ratio, mut dpr) = (None, None);
        if let Some(Step::Apply(first)) = steps.first_mut() {
            first.retain(|param| {
                match param {
                    Param::AspectRatio(value) => ratio = Some(value.clone()),
                    Param::Dpr(value) => dpr = Some(value.clone()),
                    _ => return true,
                }
                false
            });
        }
        let placement = Placement {
            width: width.as_ref(),
            height: height.as_ref(),
            ratio: ratio.as_ref(),
            dpr: dpr.as_ref(),
            ..Placement::default()
        };
        let parent = self.size;
        let start = Start::of_drawing(parent, parent, !color.is_opaque());
        let (width, height) = Draft::new(self.context, start, None, &mut *self.measure).requested(&placement)?;
        let size = Size {
            width: width.unwrap_or(parent.width),
            height: height.unwrap_or(parent.height),
        };
        self.drawn(LayerSource::Canvas { size, color }, size, !color.is_opaque(), &steps)
    }

    /// A text or a block, with its steps.
    fn drawn(&mut self, source: LayerSource, size: Size, alpha: bool, steps: &[Step]) -> Result<Finished, PlanError> {
        self.check(size)?;
        let start = Start::of_drawing(size, self.size, alpha);
        let mut draft = Draft::new(self.context, start, None, &mut *self.measure);
        draft.steps(steps)?;
        Ok(Finished {
            source,
            initial: size,
            size: draft.size,
            ops: draft.ops,
        })
    }

    fn position(&self, position: &LayerPosition, layer: &Finished) -> Result<(i32, i32), PlanError> {
        let (below, size) = (self.size, layer.size);
        match position {
            LayerPosition::Focus(anchor) => {
                let (x, y) = size::placed(size, below, *anchor);
                let kept = |at: i64| i32::try_from(at).map_err(|_| self.too_large(size));
                Ok((kept(x)?, kept(y)?))
            }
            LayerPosition::At { x, y, anchor } => {
                let column = Axis {
                    key: "lx",
                    below: f64::from(below.width),
                    length: f64::from(size.width),
                    side: anchor.horizontal(),
                };
                let row = Axis {
                    key: "ly",
                    below: f64::from(below.height),
                    length: f64::from(size.height),
                    side: anchor.vertical(),
                };
                Ok((
                    self.start(x.as_ref(), &column, *anchor, layer)?,
                    self.start(y.as_ref(), &row, *anchor, layer)?,
                ))
            }
        }
    }

    /// Where the layer begins on an axis.
    fn start(&self, place: Option<&Place>, axis: &Axis, anchor: Anchor, layer: &Finished) -> Result<i32, PlanError> {
        let Axis {
            key,
            below,
            length,
            side,
            ..
        } = *axis;
        let origin = match side {
            Side::Start => 0.0,
            Side::Middle => below / 2.0,
            Side::End => below,
        };
        let (offset, in_front) = match place {
            None => (None, 0.0),
            Some(Place::Edge(offset)) => (Some(offset), 0.0),
            Some(Place::Center(offset)) => (Some(offset), length / 2.0),
        };
        let start = match offset {
            None => origin,
            Some(offset) => {
                let amount = self.amount(&offset.amount, key, layer)?;
                // At the top left `N` counts from the opposite side, to the same point of the layer or its opposite edge.
                match (offset, anchor) {
                    (LayerOffset { negative: false, .. }, _) => origin + amount - in_front,
                    (_, Anchor::TopLeft) => below - amount - (length - in_front),
                    _ => origin - amount - in_front,
                }
            }
        };
        // What fits stays inside; what is larger begins at the edge.
        Ok(start.clamp(0.0, (below - length).max(0.0)).round() as i32)
    }

    /// An offset of a finished layer: `cw` and `ch` in it are the layer's own.
    fn amount(&self, amount: &Offset, key: &str, layer: &Finished) -> Result<f64, PlanError> {
        match amount {
            Offset::Number(number) => Ok(*number),
            Offset::Expression(expression) => {
                let pair = |size: Size| (size.width, size.height);
                let mut variables = self.variables();
                variables.initial = pair(layer.initial);
                variables.current = pair(layer.size);
                variables.parent = pair(self.size);
                value(expression, &variables, || format!("{key}-{expression}"))
            }
        }
    }

    fn mode(&self, mode: &LayerMode, layer: &Finished) -> Result<Mix, PlanError> {
        Ok(match mode {
            LayerMode::Over => Mix::Over,
            LayerMode::Multiply => Mix::Multiply,
            LayerMode::Cutter => Mix::Cutter,
            LayerMode::Cutout => Mix::Cutout,
            LayerMode::Displace { x, y } => Mix::Displace {
                x: self.amount(x, "x", layer)?,
                y: self.amount(y, "y", layer)?,
            },
        })
    }
}

/// A direction in which a layer is placed.
struct Axis {
    /// For errors.
    key: &'static str,
    /// Of the picture below.
    below: f64,
    /// Of the layer.
    length: f64,
    side: Side,
}
