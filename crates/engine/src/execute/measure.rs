//! Answers to a planner's questions: with pixels, and without.

use transform::{Measure, MeasureError, Op, Part, Rect, Size, SourceInfo, Subject, Text};

use super::session::{Question, QuestionKind, Session};
use crate::models::Models;
use crate::probe::{Header, Want};
use crate::text::{self, Fonts};
use crate::{RenderError, ops};

/// Answers without pixels, by the largest size that can be true: for a plan that bounds the cost of the true one. Texts
/// are really measured.
pub struct Bounds<'a> {
    fonts: &'a Fonts,
    info: &'a dyn Fn(&str, &Part) -> Option<SourceInfo>,
    font_file: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    asked: std::cell::Cell<bool>,
}

impl<'a> Bounds<'a> {
    /// `info` knows the facts about each input's part, `font_file` the bytes of each font file.
    pub fn new(
        fonts: &'a Fonts,
        info: &'a dyn Fn(&str, &Part) -> Option<SourceInfo>,
        font_file: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    ) -> Self {
        Self {
            fonts,
            info,
            font_file,
            asked: std::cell::Cell::new(false),
        }
    }

    /// True when a question was about pixels: the plan is a bound, and the true one needs
    /// [`render_measured`](crate::render_measured).
    pub fn asked_for_pixels(&self) -> bool {
        self.asked.get()
    }
}

impl Measure for Bounds<'_> {
    fn trim(&mut self, part: &Part, ops: &[Op], size: Size, tolerance: u8) -> Result<Rect, MeasureError> {
        (&*self).trim(part, ops, size, tolerance)
    }

    fn salient(&mut self, part: &Part, ops: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError> {
        (&*self).salient(part, ops, size, window)
    }

    fn find(&mut self, part: &Part, ops: &[Op], size: Size, subject: &Subject) -> Result<Option<Rect>, MeasureError> {
        (&*self).find(part, ops, size, subject)
    }

    fn text(&mut self, text: &Text) -> Result<Size, MeasureError> {
        (&*self).text(text)
    }

    fn layer(&mut self, input: &str, part: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError> {
        let info = (self.info)(input, part).ok_or_else(|| MeasureError::NoInput(input.to_owned()))?;
        Ok((info, Box::new(&*self)))
    }
}

/// A layer's scope knows no more than the base's.
impl Measure for &Bounds<'_> {
    fn trim(&mut self, _: &Part, _: &[Op], size: Size, _: u8) -> Result<Rect, MeasureError> {
        self.asked.set(true);
        Ok(whole(size))
    }

    fn salient(&mut self, _: &Part, _: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError> {
        self.asked.set(true);
        Ok(centred(size, window))
    }

    fn find(&mut self, _: &Part, _: &[Op], _: Size, _: &Subject) -> Result<Option<Rect>, MeasureError> {
        self.asked.set(true);
        Ok(None)
    }

    fn text(&mut self, text: &Text) -> Result<Size, MeasureError> {
        text::measure(text, self.fonts, &|name| (self.font_file)(name))
    }

    fn layer(&mut self, input: &str, part: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError> {
        let info = (self.info)(input, part).ok_or_else(|| MeasureError::NoInput(input.to_owned()))?;
        Ok((info, Box::new(*self)))
    }
}

/// Answers by decoding the source and doing the operations so far.
pub(crate) struct Pixels<'a> {
    session: &'a Session<'a>,
    /// None for the base picture.
    input: Option<String>,
}

/// Enough to find what is interesting, and little enough to be quick.
const SALIENT_SIDE: u32 = 256;

impl<'a> Pixels<'a> {
    pub fn of_base(session: &'a Session<'a>) -> Self {
        Self { session, input: None }
    }

    /// The picture after the operations.
    fn picture(&self, part: &Part, ops: &[Op]) -> Result<crate::picture::Picture, RenderError> {
        let session = self.session;
        let base = match &self.input {
            None => session.base(part, ops, false, None),
            Some(input) => {
                let source = session.inputs.files.get(input.as_str()).copied();
                let source = source.ok_or(RenderError::Plan("a layer whose file is not there"))?;
                session.picture(source, None, part, ops, false, None)
            }
        };
        base?.pixels.into_rgb()
    }

    fn answer(
        &self,
        (part, ops): (&Part, &[Op]),
        kind: QuestionKind,
        look: impl FnOnce() -> Result<Option<Rect>, RenderError>,
    ) -> Result<Option<Rect>, MeasureError> {
        let question = Question {
            input: self.input.clone(),
            part: part.clone(),
            ops: ops.to_vec(),
            kind,
        };
        let known = self
            .session
            .answers
            .borrow()
            .iter()
            .find(|(asked, _)| *asked == question)
            .map(|(_, rect)| *rect);
        if let Some(rect) = known {
            return Ok(rect);
        }
        let rect = look().map_err(|error| MeasureError::Unreadable(error.to_string()))?;
        self.session.answers.borrow_mut().push((question, rect));
        Ok(rect)
    }

    /// The picture at a small size, and how many times smaller it is.
    fn small(
        &self,
        part: &Part,
        ops: &[Op],
        size: Size,
        side: u32,
    ) -> Result<(crate::picture::Picture, f64), RenderError> {
        let scale = (f64::from(size.width.max(size.height)) / f64::from(side)).max(1.0);
        let shrunk = |length: u32| ((f64::from(length) / scale).round() as u32).max(1);
        let mut ops = ops.to_vec();
        if scale > 1.0 {
            ops.push(Op::Resize(Size {
                width: shrunk(size.width),
                height: shrunk(size.height),
            }));
        }
        Ok((self.picture(part, &ops)?, scale))
    }
}

impl Measure for Pixels<'_> {
    fn trim(&mut self, part: &Part, ops: &[Op], size: Size, tolerance: u8) -> Result<Rect, MeasureError> {
        let found = self.answer((part, ops), QuestionKind::Trim(tolerance), || {
            let picture = self.picture(part, ops)?;
            Ok(Some(ops::trim::trim(&picture, tolerance)))
        })?;
        Ok(found.unwrap_or_else(|| whole(size)))
    }

    fn salient(&mut self, part: &Part, ops: &[Op], size: Size, window: Size) -> Result<Rect, MeasureError> {
        let found = self.answer((part, ops), QuestionKind::Salient(window), || {
            let (picture, scale) = self.small(part, ops, size, SALIENT_SIDE)?;
            let small = |length: u32, most: u32| ((f64::from(length) / scale).round() as u32).clamp(1, most);
            let window_small = Size {
                width: small(window.width, picture.width),
                height: small(window.height, picture.height),
            };
            let rect = ops::salient::salient(&picture, window_small);
            let back = |at: u32, window: u32, full: u32| {
                ((f64::from(at) * scale).round() as u32).min(full.saturating_sub(window))
            };
            Ok(Some(Rect {
                x: back(rect.x, window.width, size.width),
                y: back(rect.y, window.height, size.height),
                width: window.width,
                height: window.height,
            }))
        })?;
        Ok(found.unwrap_or_else(|| centred(size, window)))
    }

    fn find(&mut self, part: &Part, ops: &[Op], size: Size, subject: &Subject) -> Result<Option<Rect>, MeasureError> {
        let models = self.session.inputs.models;
        if !models.know(subject) {
            return Ok(None);
        }
        self.answer((part, ops), QuestionKind::Find(subject.clone()), || {
            let (picture, _) = self.small(part, ops, size, Models::SIDE)?;
            models.find(&picture, size, subject)
        })
    }

    fn text(&mut self, text: &Text) -> Result<Size, MeasureError> {
        let inputs = self.session.inputs;
        text::measure(text, inputs.fonts, &|name| inputs.files.get(name).copied())
    }

    fn layer(&mut self, input: &str, part: &Part) -> Result<(SourceInfo, Box<dyn Measure + '_>), MeasureError> {
        let source = self.session.inputs.files.get(input).copied();
        let source = source.ok_or_else(|| MeasureError::NoInput(input.to_owned()))?;
        let header = Header::of(source, part, Want::Facts).map_err(|error| MeasureError::BadInput {
            input: input.to_owned(),
            reason: error.to_string(),
        })?;
        let scope = Pixels {
            session: self.session,
            input: Some(input.to_owned()),
        };
        Ok((header.info, Box::new(scope)))
    }
}

fn whole(size: Size) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: size.width,
        height: size.height,
    }
}

fn centred(size: Size, window: Size) -> Rect {
    Rect {
        x: size.width.saturating_sub(window.width) / 2,
        y: size.height.saturating_sub(window.height) / 2,
        width: window.width,
        height: window.height,
    }
}
