//! Fixed facts about pixels and texts: what a planner makes of them is what is tested.

use std::collections::HashMap;

use transform::{Measure, MeasureError, Op, Part, Rect, Size, SourceInfo, Subject, Text};

/// Answers that are the same for every picture.
#[derive(Default, Clone)]
pub struct Facts {
    /// Columns and rows that are cut from each side; none if 0.
    pub edge: u32,
    /// Where whatever is looked for is.
    pub subject: Option<Rect>,
    /// The files that layers may use.
    pub files: HashMap<String, SourceInfo>,
}

impl Measure for Facts {
    fn trim(&mut self, _: &Part, _: &[Op], size: Size, _: u8) -> Result<Rect, MeasureError> {
        let edge = self.edge.min((size.width.min(size.height) - 1) / 2);
        Ok(Rect {
            x: edge,
            y: edge,
            width: size.width - 2 * edge,
            height: size.height - 2 * edge,
        })
    }

    /// The right bottom corner, which no other rule chooses.
    fn salient(&mut self, _: &Part, _: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError> {
        Ok(Rect {
            x: size.width - window.width,
            y: size.height - window.height,
            width: window.width,
            height: window.height,
        })
    }

    fn find(&mut self, _: &Part, _: &[Op], _: Size, _: &Subject) -> Result<Option<Rect>, MeasureError> {
        Ok(self.subject)
    }

    /// Every character is half as wide as the type is large, every line as high as that.
    fn text(&mut self, text: &Text) -> Result<Size, MeasureError> {
        let [top, right, bottom, left] = text.padding;
        let longest = text
            .text
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or_default();
        let lines = text.text.lines().count().max(1);
        let width = (longest as f64 * text.size / 2.0).ceil().max(1.0) as u32 + left + right;
        let height = (lines as f64 * text.size).ceil() as u32 + top + bottom;
        if width.max(height) > 16_383 {
            return Err(MeasureError::TextTooLarge {
                width,
                height,
                limit: 16_383,
            });
        }
        Ok(Size { width, height })
    }

    fn layer(&mut self, input: &str, _: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError> {
        let info = self.files.get(input).copied();
        let info = info.ok_or_else(|| MeasureError::NoInput(input.to_owned()))?;
        Ok((info, Box::new(self.clone())))
    }
}
