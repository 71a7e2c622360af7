//! Trimming, and bringing the picture into the box that is asked for.

use super::{Draft, hinted_width};
use crate::parameters::{Anchor, Dpr, Extent, Fill, Focus, Offset, Param, Pixels, Ratio, Strategy, Trim};
use crate::{Background, Color, Op, Params, PlanError, Rect, Size, Subject, size};

/// The parameters of one step that place pixels.
#[derive(Default)]
pub(super) struct Placement<'a> {
    width: Option<&'a Extent>,
    height: Option<&'a Extent>,
    ratio: Option<&'a Ratio>,
    dpr: Option<&'a Dpr>,
    strategy: Strategy,
    focus: Option<&'a Focus>,
    zoom: Option<f64>,
    x: Option<&'a Offset>,
    y: Option<&'a Offset>,
    center_x: Option<&'a Offset>,
    center_y: Option<&'a Offset>,
    fill: Option<&'a Fill>,
}

/// Sides that a pixel ratio may lead to; beyond them it is ignored.
const DPR_SIDES: std::ops::RangeInclusive<f64> = 1.0..=5000.0;

/// How much larger than a face or an object its window is at zoom 1, so that it does not touch the edges.
const FACE_MARGIN: f64 = 1.8;
const OBJECT_MARGIN: f64 = 1.2;

impl<'a> Placement<'a> {
    pub fn of(params: &'a Params) -> Self {
        let mut placement = Self::default();
        for param in params.iter() {
            match param {
                Param::Width(extent) => placement.width = Some(extent),
                Param::Height(extent) => placement.height = Some(extent),
                Param::AspectRatio(ratio) => placement.ratio = Some(ratio),
                Param::Dpr(dpr) => placement.dpr = Some(dpr),
                Param::Crop(strategy) => placement.strategy = *strategy,
                Param::Focus(focus) => placement.focus = Some(focus),
                Param::Zoom(zoom) => placement.zoom = Some(*zoom),
                Param::X(offset) => placement.x = Some(offset),
                Param::Y(offset) => placement.y = Some(offset),
                Param::CenterX(offset) => placement.center_x = Some(offset),
                Param::CenterY(offset) => placement.center_y = Some(offset),
                Param::Background(fill) => placement.fill = Some(fill),
                _ => {}
            }
        }
        placement
    }

    /// The background, where it is one colour.
    pub fn color(&self) -> Option<Color> {
        match self.fill {
            Some(Fill::Color(color)) => Some(*color),
            _ => None,
        }
    }

    /// Where a pad puts the picture, and what a crop keeps that has no other focus.
    fn anchor(&self) -> Anchor {
        match self.focus {
            Some(Focus::Anchor(anchor)) => *anchor,
            _ => Anchor::Center,
        }
    }

    fn subject(&self) -> Option<Subject> {
        match self.focus {
            Some(Focus::Face) => Some(Subject::Faces),
            Some(Focus::Objects(names)) => Some(Subject::Objects(names.clone())),
            _ => None,
        }
    }
}

impl Draft<'_, '_> {
    pub(super) fn trim(&mut self, params: &Params) -> Result<(), PlanError> {
        for param in params.iter() {
            if let Param::Trim(Trim::Tolerance(tolerance)) = param {
                let rect = self.measure.trim(&self.part, &self.ops, self.size, *tolerance)?;
                self.crop(rect)?;
            }
        }
        Ok(())
    }

    /// Brings the picture into the box, by the strategy.
    pub(super) fn place(&mut self, step: &Placement<'_>) -> Result<(), PlanError> {
        let (width, height) = self.requested(step)?;
        let from = self.size;
        let (within, both) = match (width, height) {
            (None, None) => return self.show_subject(step),
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
                let rect = self.kept(within, step)?;
                self.crop(rect)?;
                self.resize(within)
            }
            Strategy::MaintainRatioNoEnlarge => {
                let rect = self.kept(within, step)?;
                self.crop(rect)?;
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

    pub(super) fn side(
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
                let token = || param(extent.clone()).to_string();
                let value = self.value(expression, token)?;
                if value <= 0.0 {
                    return Err(PlanError::NotASize { token: token(), value });
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
                let value = self.value(expression, token)?;
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
            Some(Dpr::Expression(expression)) => self.value(expression, || {
                Param::Dpr(Dpr::Expression(expression.clone())).to_string()
            })?,
        };
        Ok(if Dpr::RANGE.contains(&ratio) { ratio } else { 1.0 })
    }

    /// What is kept of the picture for a box of this ratio.
    fn kept(&mut self, within: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let from = self.size;
        let largest = size::window(from, within, step.anchor());
        let window = rect_size(largest);
        let found = match self.found(step)? {
            Some((rect, margin)) => {
                // The smallest window of the ratio that holds the subject and its margin, but inside the picture.
                let side = |length: u32| f64::from(length) * margin / step.zoom.unwrap_or(1.0);
                let scale =
                    (side(rect.width) / f64::from(window.width)).max(side(rect.height) / f64::from(window.height));
                let scaled = |length: u32| size::side(f64::from(length) * scale.min(1.0)).unwrap_or(1).min(length);
                let window = Size {
                    width: scaled(window.width),
                    height: scaled(window.height),
                };
                return Ok(around(from, window, middle(rect)));
            }
            None => self.stored_focus(step),
        };
        match (found, step.focus) {
            (Some(focus), _) => Ok(around(from, window, middle(focus))),
            (None, None | Some(Focus::Anchor(_) | Focus::Custom)) => Ok(largest),
            (None, Some(_)) if window == from => Ok(largest),
            (None, Some(_)) => Ok(self.measure.salient(&self.part, &self.ops, from, window)?),
        }
    }

    /// The subject of the focus in the picture as it is now, and its margin.
    fn found(&mut self, step: &Placement<'_>) -> Result<Option<(Rect, f64)>, PlanError> {
        let Some(subject) = step.subject() else { return Ok(None) };
        let margin = if subject == Subject::Faces {
            FACE_MARGIN
        } else {
            OBJECT_MARGIN
        };
        let rect = self.measure.find(&self.part, &self.ops, self.size, &subject)?;
        let inside = |rect: Rect| {
            let Size { width, height } = self.size;
            let (x, y) = (
                rect.x.min(width.saturating_sub(1)),
                rect.y.min(height.saturating_sub(1)),
            );
            Rect {
                x,
                y,
                width: rect.width.clamp(1, width - x),
                height: rect.height.clamp(1, height - y),
            }
        };
        Ok(rect.map(|rect| (inside(rect), margin)))
    }

    /// The area that is stored with the file, as long as the picture is still the source.
    fn stored_focus(&self, step: &Placement<'_>) -> Option<Rect> {
        let wanted = matches!(step.focus, Some(Focus::Custom | Focus::CustomOrAuto));
        self.focus.filter(|rect| {
            let inside = |at: u32, length: u32, whole: u32| at.checked_add(length).is_some_and(|end| end <= whole);
            wanted
                && self.is_untouched()
                && inside(rect.x, rect.width, self.size.width)
                && inside(rect.y, rect.height, self.size.height)
        })
    }

    /// A subject without a size: its box, brought to the ratio that is asked for by adding, never by cutting.
    fn show_subject(&mut self, step: &Placement<'_>) -> Result<(), PlanError> {
        if !matches!(step.strategy, Strategy::MaintainRatio | Strategy::Extract) {
            return Ok(());
        }
        let Some((rect, _)) = self.found(step)? else {
            return Ok(());
        };
        let zoom = step.zoom.unwrap_or(1.0);
        let zoomed = |length: u32, whole: u32| size::side(f64::from(length) / zoom).unwrap_or(1).min(whole);
        let mut window = Size {
            width: zoomed(rect.width, self.size.width),
            height: zoomed(rect.height, self.size.height),
        };
        if let Some(ratio) = step.ratio {
            let ratio = self.ratio(ratio)?;
            let side = |value: f64, whole: u32| size::side(value).unwrap_or(1).min(whole);
            if f64::from(window.width) < f64::from(window.height) * ratio {
                window.width = side(f64::from(window.height) * ratio, self.size.width);
            } else {
                window.height = side(f64::from(window.width) / ratio, self.size.height);
            }
        }
        self.crop(around(self.size, window, middle(rect)))
    }

    /// The window of an extract: a corner is moved back inside, a centre is not.
    fn extracted(&mut self, window: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let mut rect = size::anchored(self.size, window, step.anchor());
        let cornered = step.x.is_some() || step.y.is_some();
        let centered = step.center_x.is_some() || step.center_y.is_some();
        if !cornered && !centered {
            let window = rect_size(rect);
            if let Some((found, _)) = self.found(step)? {
                return Ok(around(self.size, window, middle(found)));
            }
            if let Some(focus) = self.stored_focus(step) {
                return Ok(around(self.size, window, middle(focus)));
            }
            let plain = matches!(step.focus, None | Some(Focus::Anchor(_) | Focus::Custom));
            if plain || window == self.size {
                return Ok(rect);
            }
            return Ok(self.measure.salient(&self.part, &self.ops, self.size, window)?);
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

    pub(super) fn offset(&self, offset: Option<&Offset>, param: fn(Offset) -> Param) -> Result<Option<f64>, PlanError> {
        match offset {
            None => Ok(None),
            Some(Offset::Number(number)) => Ok(Some(*number)),
            Some(offset @ Offset::Expression(expression)) => {
                self.value(expression, || param(offset.clone()).to_string()).map(Some)
            }
        }
    }

    fn crop(&mut self, rect: Rect) -> Result<(), PlanError> {
        let size = rect_size(rect);
        if size == self.size {
            Ok(())
        } else {
            self.push(Op::Crop(rect), size)
        }
    }

    fn resize(&mut self, size: Size) -> Result<(), PlanError> {
        if size == self.size {
            Ok(())
        } else {
            self.push(Op::Resize(size), size)
        }
    }

    fn pad(&mut self, canvas: Size, step: &Placement<'_>) -> Result<(), PlanError> {
        if canvas == self.size {
            return Ok(());
        }
        let (x, y) = size::placed(self.size, canvas, step.anchor());
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
        let background = self.background(canvas, step);
        let coordinate = |at: i64| i32::try_from(at).ok();
        let (Some(x), Some(y)) = (coordinate(x), coordinate(y)) else {
            return Err(self.too_large(canvas));
        };
        self.push(
            Op::Pad {
                canvas,
                x,
                y,
                background,
            },
            canvas,
        )?;
        self.alpha |= match background {
            Background::Color(color) => !color.is_opaque(),
            Background::Transparent => true,
            _ => false,
        };
        Ok(())
    }

    fn background(&self, canvas: Size, step: &Placement<'_>) -> Background {
        match step.fill {
            Some(Fill::Color(color)) if color.alpha == 0 => Background::Transparent,
            Some(Fill::Color(color)) => Background::Color(*color),
            Some(Fill::Blurred { intensity, brightness }) if step.strategy == Strategy::PadResize => {
                Background::Blurred {
                    sigma_tenths: blurred_sigma_tenths(*intensity, canvas),
                    brightness: *brightness,
                }
            }
            Some(Fill::Dominant) => Background::Dominant,
            Some(Fill::Gradient(colors)) => Background::DominantGradient { colors: *colors },
            // A picture with transparency gets more of it where it can.
            _ if self.alpha && self.format.is_none_or(crate::Format::holds_alpha) => Background::Transparent,
            _ => Background::Color(Color::BLACK),
        }
    }
}

/// An intensity of 100 blurs by a tenth of the longer side; left to us, by a thirtieth, which hides what is in the picture
/// and keeps its colours.
fn blurred_sigma_tenths(intensity: Option<u8>, canvas: Size) -> u32 {
    let longer = f64::from(canvas.width.max(canvas.height));
    let sigma = match intensity {
        Some(intensity) => longer * f64::from(intensity) / 1000.0,
        None => longer / 30.0,
    };
    (sigma * 10.0).round() as u32
}

fn rect_size(rect: Rect) -> Size {
    Size {
        width: rect.width,
        height: rect.height,
    }
}

fn middle(rect: Rect) -> (f64, f64) {
    (
        f64::from(rect.x) + f64::from(rect.width) / 2.0,
        f64::from(rect.y) + f64::from(rect.height) / 2.0,
    )
}

/// A window around a point, moved so that it is inside. It must not be larger than the picture.
fn around(picture: Size, window: Size, (x, y): (f64, f64)) -> Rect {
    let start = |at: f64, window: u32, whole: u32| {
        (at - f64::from(window) / 2.0)
            .round()
            .clamp(0.0, f64::from(whole - window)) as u32
    };
    Rect {
        x: start(x, window.width, picture.width),
        y: start(y, window.height, picture.height),
        width: window.width,
        height: window.height,
    }
}
