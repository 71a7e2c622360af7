//! Trimming, and bringing the picture into the box that is asked for.

use super::draft::Draft;
use super::hinted_width;
use crate::parameters::{Dpr, Extent, Fill, Focus, Offset, Param, Pixels, Ratio, Strategy, Trim};
use crate::{Background, Color, Op, Params, PlanError, Rect, Size, Subject, size};

/// The parameters of one step that place pixels.
#[derive(Default)]
pub(super) struct Placement<'a> {
    pub width: Option<&'a Extent>,
    pub height: Option<&'a Extent>,
    pub ratio: Option<&'a Ratio>,
    pub dpr: Option<&'a Dpr>,
    pub strategy: Strategy,
    pub focus: Option<&'a Focus>,
    pub zoom: Option<f64>,
    pub x: Option<&'a Offset>,
    pub y: Option<&'a Offset>,
    pub center_x: Option<&'a Offset>,
    pub center_y: Option<&'a Offset>,
    pub fill: Option<&'a Fill>,
}

/// Sides that a pixel ratio may lead to; beyond them it is ignored.
const DPR_SIDES: std::ops::RangeInclusive<f64> = 1.0..=5000.0;

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

    /// What has to be looked for.
    pub fn subject(&self) -> Option<Subject> {
        match self.focus {
            Some(Focus::Face) => Some(Subject::Faces),
            Some(Focus::Objects(names)) => Some(Subject::Objects(names.clone())),
            _ => None,
        }
    }
}

impl Draft<'_> {
    pub(super) fn trim(&mut self, params: &Params) -> Result<(), PlanError> {
        for param in params.iter() {
            if let Param::Trim(Trim::Tolerance(tolerance)) = param
                && self.pixels
            {
                let rect = self.measure.trim(&self.part, &self.ops, self.size, *tolerance)?;
                self.crop(size::inside(rect, self.size))?;
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
        match step.strategy {
            Strategy::Extract => {
                let window = Size {
                    width: width.unwrap_or(from.width),
                    height: height.unwrap_or(from.height),
                };
                self.extract(window, step)
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
            Strategy::MaintainRatio => {
                self.draw_large_enough(within)?;
                let rect = self.kept(within, step)?;
                self.crop(rect)?;
                self.resize(within)
            }
            Strategy::MaintainRatioNoEnlarge => {
                let grows = within.width > from.width || within.height > from.height;
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

    /// Pixels are cut before they are scaled, so that only what is kept is scaled. What is drawn has no pixels that would
    /// be lost, and its own are too coarse to cut at: a drawing is made in the right size, then cut.
    fn draw_large_enough(&mut self, within: Size) -> Result<(), PlanError> {
        let cover = size::cover(self.size, within);
        if self.is_drawing() && self.check(cover).is_ok() {
            self.resize(cover)
        } else {
            Ok(())
        }
    }

    /// The sides that are asked for, once `ar` and `dpr` are counted in.
    pub(super) fn requested(&self, placement: &Placement<'_>) -> Result<(Option<u32>, Option<u32>), PlanError> {
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

    pub(super) fn ratio(&self, ratio: &Ratio) -> Result<f64, PlanError> {
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

    fn extract(&mut self, window: Size, step: &Placement<'_>) -> Result<(), PlanError> {
        let coordinates = [step.x, step.y, step.center_x, step.center_y];
        if coordinates.iter().any(Option::is_some) {
            let rect = self.extracted(window, step)?;
            return self.crop(rect);
        }
        let full = size::anchored(self.size, window, step.anchor()).size();
        let rect = self.extracted_window(window, step)?;
        self.crop(rect)?;
        // Zoomed closer or farther, it still has the size that was asked for.
        self.resize(full)
    }

    /// The window of an extract: a corner is moved back inside, a centre is not.
    fn extracted(&self, window: Size, step: &Placement<'_>) -> Result<Rect, PlanError> {
        let mut rect = size::anchored(self.size, window, step.anchor());
        let cornered = step.x.is_some() || step.y.is_some();
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
                self.value(expression, || param(offset.clone()).to_string()).map(Some)
            }
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
        let op = Op::Pad {
            canvas,
            x,
            y,
            background,
        };
        self.focus = self.focus.and_then(|focus| size::shifted(focus, x, y, canvas));
        self.push(op, canvas)?;
        self.alpha |= background.shows_through();
        Ok(())
    }

    fn background(&mut self, canvas: Size, step: &Placement<'_>) -> Background {
        match step.fill {
            Some(Fill::Color(color)) => Background::of(*color),
            Some(Fill::Blurred { intensity, brightness }) if step.strategy == Strategy::PadResize => {
                Background::Blurred {
                    sigma_tenths: blurred_sigma_tenths(*intensity, canvas),
                    brightness: *brightness,
                }
            }
            Some(Fill::Dominant) => Background::Dominant,
            Some(Fill::Gradient(colors)) => Background::DominantGradient { colors: *colors },
            // A picture with transparency gets more of it where it can.
            _ if self.alpha && self.may_be_transparent() => Background::Transparent,
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
