//! Texts: all lengths in pixels.

use super::draft::{Draft, value};
use crate::expression::Expression;
use crate::parameters::{Length, Padding, TextSpec};
use crate::{Color, Font, PlanError, Text};

/// Size of the type where nothing is said, in pixels.
const TYPE_SIZE: f64 = 45.0;
/// The family where nothing is said.
const FAMILY: &str = "Open Sans";
/// Longest side that a text's box may have; more padding, or a wider line, is too large in any case.
const LONGEST: f64 = 16_383.0;

impl Draft<'_> {
    /// The text with all lengths in pixels; `bw` and `bh` in them are of the picture below.
    pub(super) fn text(&self, spec: &TextSpec) -> Result<Text, PlanError> {
        let positive = |length: &Option<Length>, key: &str| match length {
            None => Ok(None),
            Some(length) => self.positive(length, key).map(Some),
        };
        let wrap = positive(&spec.width, "w")?;
        let padding = match &spec.padding {
            None => [0; 4],
            Some(Padding::Sides(sides)) => *sides,
            Some(Padding::Expression(expression)) => {
                let token = || format!("pa-{expression}");
                let value = self.below(expression, "pa")?;
                if value < 0.0 {
                    return Err(PlanError::NotASize { token: token(), value });
                }
                [value.round() as u32; 4]
            }
        };
        Ok(Text {
            text: spec.text.clone(),
            font: spec.font.clone().unwrap_or_else(|| Font::Family(FAMILY.to_owned())),
            size: positive(&spec.size, "fs")?.unwrap_or(TYPE_SIZE),
            color: spec.color.unwrap_or(Color::BLACK),
            bold: spec.bold,
            italic: spec.italic,
            strikethrough: spec.strikethrough,
            align: spec.align.unwrap_or_default(),
            wrap: wrap.map(|width| width.round().clamp(1.0, LONGEST) as u32),
            line_height: positive(&spec.line_height, "lh")?,
            padding: padding.map(|side| side.min(LONGEST as u32)),
            background: spec.background,
        })
    }

    fn positive(&self, length: &Length, key: &str) -> Result<f64, PlanError> {
        let value = match length {
            Length::Number(number) => *number,
            Length::Expression(expression) => self.below(expression, key)?,
        };
        if value > 0.0 {
            Ok(value)
        } else {
            Err(PlanError::NotASize {
                token: format!("{key}-{length}"),
                value,
            })
        }
    }

    /// An expression of a layer that has no size yet, seen from the picture below.
    fn below(&self, expression: &Expression, key: &str) -> Result<f64, PlanError> {
        let mut variables = self.variables();
        variables.parent = (self.size.width, self.size.height);
        value(expression, &variables, || format!("{key}-{expression}"))
    }
}
