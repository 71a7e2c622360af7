//! What changes the look of the picture.

use super::draft::Draft;
use crate::parameters::{Distort, Gradient, Param, Stop};
use crate::{Op, PlanError, Ring, size};

/// Most pixels of a picture that gets a soft shadow.
const SHADOW_PIXELS: u64 = 2_000_000;

impl Draft<'_> {
    /// Colour, sharpness and blur.
    pub(super) fn change_tone(&mut self, param: &Param) -> Result<(), PlanError> {
        let op = match param {
            Param::ReplaceColor(replace) => Op::ReplaceColor {
                from: replace.from,
                to: replace.to,
                tolerance: f64::from(replace.tolerance) / 100.0,
            },
            Param::Contrast => Op::StretchContrast,
            Param::Grayscale => Op::Grayscale,
            Param::Colorize(tint) if tint.intensity > 0.0 => Op::Colorize {
                color: tint.color,
                intensity: tint.intensity / 100.0,
            },
            Param::Sharpen(strength) if *strength > 0.0 => Op::Sharpen(*strength),
            Param::UnsharpMask(mask) if mask.sigma > 0.0 && mask.amount > 0.0 => Op::UnsharpMask {
                radius: mask.radius,
                sigma: mask.sigma,
                amount: mask.amount,
                threshold: mask.threshold,
            },
            // The value is a radius; a Gaussian of half of it fades out there.
            Param::Blur(radius) if *radius > 0.0 => Op::Blur(radius / 2.0),
            _ => return Ok(()),
        };
        self.push(op, self.size)
    }

    /// What is laid over and below the picture, and what bends it.
    pub(super) fn change_shape(&mut self, param: &Param) -> Result<(), PlanError> {
        match param {
            Param::Gradient(gradient) => {
                let op = Op::Gradient {
                    degrees: gradient.degrees,
                    from: gradient.from,
                    to: gradient.to,
                    length: self.gradient_length(gradient)?,
                };
                self.push(op, self.size)
            }
            Param::Distort(Distort::Perspective(corners)) => {
                if size::is_flat(corners) {
                    return Err(PlanError::FlatDistortion {
                        token: param.to_string(),
                    });
                }
                self.focus = None;
                self.alpha = true;
                self.push(Op::Perspective(*corners), self.size)
            }
            Param::Distort(Distort::Arc(degrees)) if Ring::new(self.size, *degrees).is_some() => {
                let (canvas, degrees) = (size::arc(self.size, *degrees), *degrees);
                self.focus = None;
                self.alpha = true;
                self.push(Op::Arc { degrees, canvas }, canvas)
            }
            Param::Shadow(shadow) => {
                let pixels = self.size.pixels();
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
                self.shade(op)
            }
            Param::DropShadow(shadow) => {
                let op = Op::DropShadow {
                    azimuth: shadow.azimuth,
                    elevation: shadow.elevation,
                    strength: shadow.strength / 100.0,
                };
                self.shade(op)
            }
            _ => Ok(()),
        }
    }

    /// A shadow falls on what is transparent; behind an opaque picture nobody sees it.
    fn shade(&mut self, op: Op) -> Result<(), PlanError> {
        if self.alpha { self.push(op, self.size) } else { Ok(()) }
    }

    /// Pixels along the direction. The whole length is that of CSS: the picture's size as seen along the direction
    /// (CSS Images Module Level 3, 3.1).
    fn gradient_length(&self, gradient: &Gradient) -> Result<f64, PlanError> {
        let (sine, cosine) = gradient.degrees.to_radians().sin_cos();
        let whole = f64::from(self.size.width) * sine.abs() + f64::from(self.size.height) * cosine.abs();
        // Without what is left in the last bits of the sines of quarter turns.
        let whole = (whole * 1e6).round() / 1e6;
        match &gradient.stop {
            Stop::Fraction(fraction) => Ok(whole * fraction),
            Stop::Pixels(pixels) => Ok(*pixels),
            Stop::Expression(expression) => {
                let token = || format!("sp-{expression}");
                let value = self.value(expression, token)?;
                if value > 0.0 {
                    Ok(value)
                } else {
                    Err(PlanError::NotASize { token: token(), value })
                }
            }
        }
    }
}
