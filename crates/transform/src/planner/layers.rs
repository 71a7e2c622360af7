//! Layers: a chain of steps of their own, and a place on the picture below.

use super::{Draft, Start};
use crate::expression::Expression;
use crate::parameters::LayerBlock as Block;
use crate::parameters::{
    Anchor, LayerKind, LayerMode, LayerOffset, LayerPosition, LayerSpec, Length, Offset, Padding, Param, Place, Side,
    TextSpec,
};
use crate::{Color, Font, Format, Layer, LayerSource, Mix, Op, Part, PlanError, Size, Text};

/// Size of the type where nothing is said, in pixels.
const TYPE_SIZE: f64 = 45.0;
/// Larger type is no type any more: a text's box has a limit of its own.
const TYPE_SIZES: std::ops::RangeInclusive<f64> = 1.0..=16_384.0;
/// The family where nothing is said.
const FAMILY: &str = "Open Sans";
/// Padding beyond this is cut to it: the box has a limit of its own.
const MOST_PADDING: f64 = 16_384.0;

/// A finished layer, but for its place.
struct Finished {
    source: LayerSource,
    initial: Size,
    size: Size,
    ops: Vec<Op>,
}

impl Draft<'_, '_> {
    pub(super) fn layer(&mut self, spec: &LayerSpec) -> Result<(), PlanError> {
        let finished = match &spec.kind {
            LayerKind::Picture(_) => self.picture_layer(spec)?,
            LayerKind::Canvas => self.block_layer(spec)?,
            LayerKind::Text(text) => self.text_layer(spec, text)?,
        };
        let (x, y) = self.position(&spec.position, &finished)?;
        let mode = self.mode(&spec.mode)?;
        let layer = Layer {
            source: finished.source,
            ops: super::simplified(finished.ops),
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
        let part = match &picture.input.kind {
            crate::InputKind::Picture { part, .. } => part.clone(),
            crate::InputKind::Font => Part::Default,
        };
        let (context, parent) = (self.context, self.size);
        let (info, mut scope) = self.measure.layer(&picture.input.name, &part)?;
        let pixels = u64::from(info.width) * u64::from(info.height);
        if pixels > context.limits.source_pixels {
            return Err(PlanError::SourceTooLarge {
                pixels,
                limit: context.limits.source_pixels,
            });
        }
        let start = Start {
            parent: Some(parent),
            ..Start::of_part(part.clone(), &info, context.settings.auto_orient)
        };
        let initial = start.size;
        // Between layer and picture below transparency is never lost.
        let mut draft = Draft::new(context, start, Some(Format::Png), &mut *scope);
        draft.steps(&picture.steps)?;
        Ok(Finished {
            source: LayerSource::Picture {
                input: picture.input.name,
                part,
            },
            initial,
            size: draft.size,
            ops: draft.ops,
        })
    }

    fn block_layer(&mut self, spec: &LayerSpec) -> Result<Finished, PlanError> {
        let parent = self.size;
        let Some((Block { width, height, color }, steps)) = spec.block() else {
            return Err(PlanError::NeedsModel { operation: "l-image" });
        };
        let initial = {
            let mut scope = Draft::new(
                self.context,
                drawn(parent, parent),
                Some(Format::Png),
                &mut *self.measure,
            );
            scope.parent = Some(parent);
            Size {
                width: scope
                    .side(width.as_ref(), parent.width, Param::Width)?
                    .unwrap_or(parent.width),
                height: scope
                    .side(height.as_ref(), parent.height, Param::Height)?
                    .unwrap_or(parent.height),
            }
        };
        let pixels = u64::from(initial.width) * u64::from(initial.height);
        if pixels > self.context.limits.result_pixels {
            return Err(self.too_large(initial));
        }
        let mut draft = Draft::new(
            self.context,
            drawn(initial, parent),
            Some(Format::Png),
            &mut *self.measure,
        );
        draft.alpha = !color.is_opaque();
        draft.steps(&steps)?;
        Ok(Finished {
            source: LayerSource::Canvas { size: initial, color },
            initial,
            size: draft.size,
            ops: draft.ops,
        })
    }

    fn text_layer(&mut self, spec: &LayerSpec, text: &TextSpec) -> Result<Finished, PlanError> {
        let parent = self.size;
        let text = self.text(text)?;
        let initial = self.measure.text(&text)?;
        let mut draft = Draft::new(
            self.context,
            drawn(initial, parent),
            Some(Format::Png),
            &mut *self.measure,
        );
        draft.alpha = text.background.is_none_or(|color| !color.is_opaque());
        draft.steps(&spec.steps)?;
        Ok(Finished {
            source: LayerSource::Text(text),
            initial,
            size: draft.size,
            ops: draft.ops,
        })
    }

    /// The text with all lengths in pixels; `bw` and `bh` in them are the picture's, below.
    fn text(&self, spec: &TextSpec) -> Result<Text, PlanError> {
        let length = |length: &Option<Length>, key: &str| -> Result<Option<f64>, PlanError> {
            match length {
                None => Ok(None),
                Some(Length::Number(number)) => Ok(Some(*number)),
                Some(Length::Expression(expression)) => self.below(expression, key).map(Some),
            }
        };
        let size = length(&spec.size, "fs")?.unwrap_or(TYPE_SIZE);
        if size <= 0.0 {
            return Err(PlanError::NotASize {
                token: String::from("fs"),
                value: size,
            });
        }
        let wrap = match length(&spec.width, "w")? {
            Some(width) if width < 0.5 => {
                return Err(PlanError::NotASize {
                    token: String::from("w"),
                    value: width,
                });
            }
            width => width.map(|width| width.round().min(f64::from(u16::MAX)) as u32),
        };
        let padding = match &spec.padding {
            None => [0; 4],
            Some(Padding::Sides(sides)) => sides.map(|side| side.min(MOST_PADDING as u32)),
            Some(Padding::Expression(expression)) => {
                [self.below(expression, "pa")?.round().clamp(0.0, MOST_PADDING) as u32; 4]
            }
        };
        Ok(Text {
            text: spec.text.clone(),
            font: spec.font.clone().unwrap_or_else(|| Font::Family(FAMILY.to_owned())),
            size: size.clamp(*TYPE_SIZES.start(), *TYPE_SIZES.end()),
            color: spec.color.unwrap_or(Color::BLACK),
            bold: spec.bold,
            italic: spec.italic,
            strikethrough: spec.strikethrough,
            align: spec.align.unwrap_or_default(),
            wrap,
            line_height: length(&spec.line_height, "lh")?.filter(|height| *height > 0.0),
            padding,
            background: spec.background,
        })
    }

    /// An expression of a layer, seen from the picture below.
    fn below(&self, expression: &Expression, key: &str) -> Result<f64, PlanError> {
        let mut variables = self.variables();
        variables.parent = (self.size.width, self.size.height);
        expression.value(&variables).map_err(|source| PlanError::Expression {
            token: format!("{key}-{expression}"),
            source,
        })
    }

    fn position(&self, position: &LayerPosition, layer: &Finished) -> Result<(i32, i32), PlanError> {
        let (below, size) = (self.size, layer.size);
        match position {
            LayerPosition::Focus(anchor) => {
                let (x, y) = crate::size::placed(size, below, *anchor);
                Ok((whole(x as f64), whole(y as f64)))
            }
            LayerPosition::At { x, y, anchor } => Ok((
                self.axis(
                    x.as_ref(),
                    "lx",
                    below.width,
                    size.width,
                    (*anchor, anchor.horizontal()),
                    layer,
                )?,
                self.axis(
                    y.as_ref(),
                    "ly",
                    below.height,
                    size.height,
                    (*anchor, anchor.vertical()),
                    layer,
                )?,
            )),
        }
    }

    fn axis(
        &self,
        place: Option<&Place>,
        key: &str,
        below: u32,
        length: u32,
        (anchor, side): (Anchor, Side),
        layer: &Finished,
    ) -> Result<i32, PlanError> {
        let (below, length) = (f64::from(below), f64::from(length));
        let origin = match side {
            Side::Start => 0.0,
            Side::Middle => below / 2.0,
            Side::End => below,
        };
        // At the top left `N` counts from the opposite side, at other anchors it goes to the left or up.
        let from_start = anchor == Anchor::TopLeft;
        let start = match place {
            None => origin,
            Some(Place::Edge(offset)) => {
                let amount = self.amount(offset, key, layer)?;
                match (offset.negative, from_start) {
                    (true, true) => below - length - amount,
                    (true, false) => origin - amount,
                    (false, _) => origin + amount,
                }
            }
            Some(Place::Center(offset)) => {
                let amount = self.amount(offset, key, layer)?;
                let center = match (offset.negative, from_start) {
                    (true, true) => below - amount,
                    (true, false) => origin - amount,
                    (false, _) => origin + amount,
                };
                center - length / 2.0
            }
        };
        // What fits stays inside; what is larger begins at the edge.
        Ok(whole(start.clamp(0.0, (below - length).max(0.0))))
    }

    fn amount(&self, offset: &LayerOffset, key: &str, layer: &Finished) -> Result<f64, PlanError> {
        match &offset.amount {
            Offset::Number(number) => Ok(*number),
            Offset::Expression(expression) => {
                let pair = |size: Size| (size.width, size.height);
                let mut variables = self.variables();
                variables.initial = pair(layer.initial);
                variables.current = pair(layer.size);
                variables.parent = pair(self.size);
                expression.value(&variables).map_err(|source| PlanError::Expression {
                    token: format!("{key}-{expression}"),
                    source,
                })
            }
        }
    }

    fn mode(&self, mode: &LayerMode) -> Result<Mix, PlanError> {
        Ok(match mode {
            LayerMode::Over => Mix::Over,
            LayerMode::Multiply => Mix::Multiply,
            LayerMode::Cutter => Mix::Cutter,
            LayerMode::Cutout => Mix::Cutout,
            LayerMode::Displace { x, y } => {
                let amount = |offset: &Offset, key: &str| match offset {
                    Offset::Number(number) => Ok(*number),
                    Offset::Expression(expression) => self.below(expression, key),
                };
                Mix::Displace {
                    x: amount(x, "x")?,
                    y: amount(y, "y")?,
                }
            }
        })
    }
}

/// What is made, not read: a text or a block.
fn drawn(size: Size, parent: Size) -> Start {
    Start {
        part: Part::Default,
        size,
        alpha: true,
        ops: Vec::new(),
        density: crate::SourceInfo::DENSITY,
        focus: None,
        parent: Some(parent),
        conditions: true,
    }
}

fn whole(value: f64) -> i32 {
    // `as` keeps within the range.
    value.round() as i32
}
