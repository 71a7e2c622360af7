//! What a crop keeps.

use super::draft::Draft;
use super::placement::Placement;
use crate::parameters::{Anchor, Focus, Ratio, Strategy};
use crate::{PlanError, Rect, Size, Subject, size};

/// How much larger than a face or an object its window is at zoom 1, so that it does not touch the edges.
const FACE_MARGIN: f64 = 1.8;
const OBJECT_MARGIN: f64 = 1.2;

/// What is kept, as far as it is known before a window is.
enum Found {
    /// This, and as much around it.
    Subject { rect: Rect, margin: f64 },
    /// The stored area.
    Area(Rect),
    /// Whatever is most interesting.
    Interest,
    /// A side, or the centre.
    Anchor,
}

impl Placement<'_> {
    /// Where a pad puts the picture, and what a crop keeps that has no other focus.
    pub(super) fn anchor(&self) -> Anchor {
        match self.focus {
            Some(Focus::Anchor(anchor)) => *anchor,
            _ => Anchor::Center,
        }
    }
}

impl Draft<'_> {
    /// What is kept of the picture for a box of this ratio.
    pub(super) fn kept(&mut self, within: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let from = self.size;
        let largest = size::window(from, within, step.anchor());
        let window = largest.size();
        match self.found(step)? {
            // The smallest window of the ratio that holds the subject and its margin, but inside the picture.
            Found::Subject { rect, margin } => {
                let side = |length: u32| f64::from(length) * margin / step.zoom.unwrap_or(1.0);
                let scale =
                    (side(rect.width) / f64::from(window.width)).max(side(rect.height) / f64::from(window.height));
                let scaled = |length: u32| size::side(f64::from(length) * scale.min(1.0)).unwrap_or(1).min(length);
                let window = Size {
                    width: scaled(window.width),
                    height: scaled(window.height),
                };
                Ok(size::around(from, window, rect.middle()))
            }
            Found::Area(rect) => Ok(size::around(from, window, rect.middle())),
            Found::Interest => self.interesting(largest),
            Found::Anchor => Ok(largest),
        }
    }

    /// An unscaled window of an extract that has no coordinates.
    pub(super) fn extracted_window(&mut self, window: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let anchored = size::anchored(self.size, window, step.anchor());
        let window = anchored.size();
        match self.found(step)? {
            Found::Subject { rect, .. } => {
                let zoom = step.zoom.unwrap_or(1.0);
                let closer = |length: u32, most: u32| size::side(f64::from(length) / zoom).unwrap_or(1).min(most);
                let window = Size {
                    width: closer(window.width, self.size.width),
                    height: closer(window.height, self.size.height),
                };
                Ok(size::around(self.size, window, rect.middle()))
            }
            Found::Area(rect) => Ok(size::around(self.size, window, rect.middle())),
            Found::Interest => self.interesting(anchored),
            Found::Anchor => Ok(anchored),
        }
    }

    /// A subject without a size: its box, brought to the ratio that is asked for by adding, never by cutting.
    pub(super) fn show_subject(&mut self, step: &Placement<'_>) -> Result<(), PlanError> {
        if !matches!(step.strategy, Strategy::MaintainRatio | Strategy::Extract) || step.subject().is_none() {
            return Ok(());
        }
        let Found::Subject { rect, .. } = self.found(step)? else {
            return Ok(());
        };
        let zoom = step.zoom.unwrap_or(1.0);
        let zoomed = |length: u32, whole: u32| size::side(f64::from(length) / zoom).unwrap_or(1).min(whole);
        let mut window = Size {
            width: zoomed(rect.width, self.size.width),
            height: zoomed(rect.height, self.size.height),
        };
        if let Some(ratio) = step.ratio {
            window = self.widened(window, ratio)?;
        }
        self.crop(size::around(self.size, window, rect.middle()))
    }

    /// The window at this ratio, by adding columns or rows as far as the picture has them.
    fn widened(&self, window: Size, ratio: &Ratio) -> Result<Size, PlanError> {
        let ratio = self.ratio(ratio)?;
        let side = |value: f64, least: u32, whole: u32| size::side(value).unwrap_or(whole).clamp(least, whole);
        let (width, height) = (f64::from(window.width), f64::from(window.height));
        Ok(if width < height * ratio {
            Size {
                width: side(height * ratio, window.width, self.size.width),
                ..window
            }
        } else {
            Size {
                height: side(width / ratio, window.height, self.size.height),
                ..window
            }
        })
    }

    fn found(&mut self, step: &Placement<'_>) -> Result<Found, PlanError> {
        let focus = match step.focus {
            None | Some(Focus::Anchor(_)) => return Ok(Found::Anchor),
            Some(focus) => focus,
        };
        let area = self.focus.map(Found::Area);
        if !self.pixels {
            return Ok(Found::Anchor);
        }
        let (subject, margin) = match (focus, step.subject()) {
            (_, Some(subject @ Subject::Faces)) => (subject, FACE_MARGIN),
            (_, Some(subject @ Subject::Objects(_))) => (subject, OBJECT_MARGIN),
            (Focus::Custom, None) => return Ok(area.unwrap_or(Found::Anchor)),
            (Focus::CustomOrAuto, None) => return Ok(area.unwrap_or(Found::Interest)),
            (_, None) => return Ok(Found::Interest),
        };
        let rect = self.measure.find(&self.part, &self.ops, self.size, &subject)?;
        // Where nothing was found, or nothing could look, what is most interesting has to do.
        Ok(rect.map_or(Found::Interest, |rect| Found::Subject {
            rect: size::inside(rect, self.size),
            margin,
        }))
    }

    /// The most interesting window of this one's size.
    fn interesting(&mut self, window: Rect) -> Result<Rect, PlanError> {
        if window.size() == self.size {
            return Ok(window);
        }
        let rect = self.measure.salient(&self.part, &self.ops, self.size, window.size())?;
        Ok(size::moved_inside(rect, window.size(), self.size))
    }
}
