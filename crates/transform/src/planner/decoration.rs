//! The picture's outline, its position, and what is behind it.

use super::draft::Draft;
use super::placement::Placement;
use crate::parameters::{CornerRadius, Flip, Param, Radius, Turn};
use crate::{Background, Color, Corner, Op, Params, PlanError, Size, size};

impl Draft<'_> {
    /// Rounded corners and the frame around them.
    pub(super) fn outline(&mut self, params: &Params) -> Result<(), PlanError> {
        let mut corners = [Corner::default(); 4];
        for param in params.iter() {
            match param {
                Param::Radius(radius) => {
                    corners = rounded(radius, self.size);
                    if corners.iter().any(|corner| corner.x > 0.0 && corner.y > 0.0) {
                        self.push(Op::Round(corners), self.size)?;
                        self.alpha = true;
                    }
                }
                Param::Border(border) => {
                    let token = || param.to_string();
                    let value = self.length(&border.width, token)?;
                    if value < 0.0 {
                        return Err(PlanError::NotASize { token: token(), value });
                    }
                    let width = value.round().min(f64::from(u32::MAX)) as u32;
                    if width == 0 {
                        continue;
                    }
                    let framed = |side: u32| side.saturating_add(width.saturating_mul(2));
                    let canvas = Size {
                        width: framed(self.size.width),
                        height: framed(self.size.height),
                    };
                    let color = border.color;
                    self.focus = None;
                    self.push(Op::Border { width, color, corners }, canvas)?;
                    self.alpha |= !color.is_opaque();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Rotation, then mirroring.
    pub(super) fn turn(&mut self, params: &Params, placement: &Placement<'_>) -> Result<(), PlanError> {
        for param in params.iter() {
            match param {
                Param::Rotate(Turn::Degrees(degrees)) if *degrees != 0.0 => self.rotate(*degrees, placement)?,
                Param::Flip(flip) => {
                    let horizontal = matches!(flip, Flip::Horizontal | Flip::Both);
                    let vertical = matches!(flip, Flip::Vertical | Flip::Both);
                    self.focus = None;
                    self.push(Op::Flip { horizontal, vertical }, self.size)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rotate(&mut self, degrees: f64, placement: &Placement<'_>) -> Result<(), PlanError> {
        let canvas = size::turned(self.size, degrees);
        let has_corners = degrees % 90.0 != 0.0;
        let background = match placement.color() {
            Some(color) => Background::of(color),
            // Without corners nothing shows, so that the format is no question.
            None if has_corners && self.may_be_transparent() => Background::Transparent,
            None => Background::Color(Color::BLACK),
        };
        self.focus = None;
        let op = Op::Rotate {
            degrees,
            canvas,
            background,
        };
        self.push(op, canvas)?;
        self.alpha |= has_corners && background.shows_through();
        Ok(())
    }

    /// Opacity, and the colour behind what is transparent.
    pub(super) fn ground(&mut self, params: &Params, placement: &Placement<'_>) -> Result<(), PlanError> {
        let opacity = params.iter().find_map(|param| match param {
            Param::Opacity(percent) if *percent < 100.0 => Some(*percent),
            _ => None,
        });
        if let Some(percent) = opacity {
            self.push(Op::Opacity(percent / 100.0), self.size)?;
            self.alpha = true;
        }
        let Some(mut color) = placement.color().filter(|_| self.alpha) else {
            return Ok(());
        };
        // With an opacity, the colour's own has no say.
        if opacity.is_some() {
            color.alpha = 255;
        }
        if color.alpha > 0 {
            self.push(Op::Flatten(color), self.size)?;
            self.alpha = !color.is_opaque();
        }
        Ok(())
    }
}

fn rounded(radius: &Radius, size: Size) -> [Corner; 4] {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let most = width.min(height) / 2.0;
    match radius {
        Radius::Max => {
            [Corner {
                x: width / 2.0,
                y: height / 2.0,
            }; 4]
        }
        Radius::Corners(corners) => corners.map(|corner| {
            let side = match corner {
                CornerRadius::Pixels(pixels) => pixels.min(most),
                CornerRadius::Max => most,
            };
            Corner { x: side, y: side }
        }),
    }
}
