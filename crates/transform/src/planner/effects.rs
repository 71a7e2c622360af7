//! What changes the look of the picture, and its outline.

use super::Draft;
use crate::parameters::{CornerRadius, Distort, Length, Param, Radius, Stop};
use crate::{Corner, Op, Params, PlanError, Size, size};

/// Most pixels of a picture that gets a soft shadow.
const SHADOW_PIXELS: u64 = 2_000_000;

impl Draft<'_, '_> {
    /// Colour, sharpness and blur.
    pub(super) fn tones(&mut self, params: &Params) -> Result<(), PlanError> {
        // In the language's own order, not in that of the text.
        let order: [fn(&Param) -> Option<Op>; 7] = [
            |param| match param {
                Param::ReplaceColor(replace) => Some(Op::ReplaceColor {
                    from: replace.from,
                    to: replace.to,
                    tolerance: f64::from(replace.tolerance) / 100.0,
                }),
                _ => None,
            },
            |param| matches!(param, Param::Contrast).then_some(Op::StretchContrast),
            |param| matches!(param, Param::Grayscale).then_some(Op::Grayscale),
            |param| match param {
                Param::Colorize(tint) if tint.intensity > 0.0 => Some(Op::Colorize {
                    color: tint.color,
                    intensity: tint.intensity / 100.0,
                }),
                _ => None,
            },
            |param| match param {
                Param::Sharpen(strength) if *strength > 0.0 => Some(Op::Sharpen(*strength)),
                _ => None,
            },
            |param| match param {
                Param::UnsharpMask(mask) if mask.sigma > 0.0 && mask.amount > 0.0 => Some(Op::UnsharpMask {
                    radius: mask.radius,
                    sigma: mask.sigma,
                    amount: mask.amount,
                    threshold: mask.threshold,
                }),
                _ => None,
            },
            // The value is a radius; a Gaussian of half of it fades out there.
            |param| match param {
                Param::Blur(radius) if *radius > 0.0 => Some(Op::Blur(radius / 2.0)),
                _ => None,
            },
        ];
        for kind in order {
            for op in params.iter().filter_map(kind) {
                self.push(op, self.size)?;
            }
        }
        Ok(())
    }

    /// What is laid over and below the picture, and bends it.
    pub(super) fn overlays(&mut self, params: &Params) -> Result<(), PlanError> {
        for param in params.iter() {
            if let Param::Gradient(gradient) = param {
                let length = self.gradient_length(gradient.degrees, &gradient.stop, param)?;
                let op = Op::Gradient {
                    degrees: gradient.degrees,
                    from: gradient.from,
                    to: gradient.to,
                    length,
                };
                self.push(op, self.size)?;
            }
        }
        for param in params.iter() {
            match param {
                Param::Distort(Distort::Perspective(corners)) => {
                    self.push(Op::Perspective(*corners), self.size)?;
                    self.alpha = true;
                }
                Param::Distort(Distort::Arc(degrees)) if *degrees != 0.0 => {
                    let canvas = size::arc(self.size, *degrees);
                    let degrees = *degrees;
                    self.push(Op::Arc { degrees, canvas }, canvas)?;
                    self.alpha = true;
                }
                _ => {}
            }
        }
        for param in params.iter() {
            match param {
                Param::Shadow(shadow) => {
                    let pixels = u64::from(self.size.width) * u64::from(self.size.height);
                    if pixels > SHADOW_PIXELS {
                        return Err(PlanError::TooLargeForShadow {
                            pixels,
                            limit: SHADOW_PIXELS,
                        });
                    }
                    let share = |percent: f64, side: u32| (percent / 100.0 * f64::from(side)).round() as i32;
                    let op = Op::Shadow {
                        sigma: shadow.blur,
                        strength: shadow.strength / 100.0,
                        x: share(shadow.x, self.size.width),
                        y: share(shadow.y, self.size.height),
                    };
                    self.push(op, self.size)?;
                }
                Param::DropShadow(shadow) => {
                    let op = Op::DropShadow {
                        azimuth: shadow.azimuth,
                        elevation: shadow.elevation,
                        strength: shadow.strength / 100.0,
                    };
                    self.push(op, self.size)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The length of CSS gradients: the picture's size as seen along the direction (CSS Images 3, 3.1).
    fn gradient_length(&self, degrees: f64, stop: &Stop, param: &Param) -> Result<f64, PlanError> {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let whole = f64::from(self.size.width) * sine.abs() + f64::from(self.size.height) * cosine.abs();
        let length = match stop {
            Stop::Fraction(fraction) => whole * fraction,
            Stop::Pixels(pixels) => *pixels,
            Stop::Expression(expression) => {
                let value = self.value(expression, || param.to_string())?;
                if value <= 0.0 {
                    return Err(PlanError::NotASize {
                        token: param.to_string(),
                        value,
                    });
                }
                value
            }
        };
        Ok(length.max(1e-3))
    }

    /// Rounded corners and the frame around them.
    pub(super) fn outline(&mut self, params: &Params) -> Result<(), PlanError> {
        let mut corners = [Corner::default(); 4];
        for param in params.iter() {
            if let Param::Radius(radius) = param {
                corners = rounded(radius, self.size);
                if corners.iter().any(|corner| corner.x > 0.0 && corner.y > 0.0) {
                    self.push(Op::Round(corners), self.size)?;
                    self.alpha = true;
                }
            }
        }
        for param in params.iter() {
            if let Param::Border(border) = param {
                let width = match &border.width {
                    Length::Number(number) => *number,
                    Length::Expression(expression) => self.value(expression, || param.to_string())?,
                };
                let width = width.round().clamp(0.0, f64::from(u16::MAX)) as u32;
                if width > 0 {
                    let canvas = Size {
                        width: self.size.width.saturating_add(2 * width),
                        height: self.size.height.saturating_add(2 * width),
                    };
                    let color = border.color;
                    self.push(Op::Border { width, color, corners }, canvas)?;
                    self.alpha |= !color.is_opaque();
                }
            }
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
