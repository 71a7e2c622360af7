//! How good a result is: SSIMULACRA2 against two reductions of the lossless original, neither made by a contender.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use contender::{OutputFormat, Request, Task};
use image::imageops::{self, FilterType};
use image::{Rgba, Rgba32FImage};
use ssimulacra2::{LinearRgb, compute_frame_ssimulacra2};

use crate::BenchError;
use crate::process::Process;

/// In which numbers the reference was averaged. People disagree on which is right, so results are held against both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Light {
    /// Amounts of light, as optics would.
    Linear,
    /// The stored sRGB numbers, as most resizers do.
    Gamma,
}

/// SSIMULACRA2 against each reference: 100 is the same picture, 90 cannot be told apart, 70 is good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Against the reduction in linear light.
    pub linear: f64,
    /// Against the reduction of sRGB numbers.
    pub gamma: f64,
}

impl Scores {
    /// Against this one.
    pub fn against(&self, light: Light) -> f64 {
        match light {
            Light::Linear => self.linear,
            Light::Gamma => self.gamma,
        }
    }
}

/// Decodes everybody's results by one decoder and scores them.
pub struct Judge {
    decoder: Process,
    folder: PathBuf,
    originals: HashMap<PathBuf, Rgba32FImage>,
    references: HashMap<(PathBuf, u32, u32, Light), Rgba32FImage>,
}

impl Judge {
    /// `decoder` is a sharp of its own; `folder` takes decoded pictures.
    pub fn new(decoder: Process, folder: PathBuf) -> Self {
        Self {
            decoder,
            folder,
            originals: HashMap::new(),
            references: HashMap::new(),
        }
    }

    /// Forgets the originals of a case, which are large. References stay: another case may need the same.
    pub fn forget_originals(&mut self) {
        self.originals.clear();
    }

    /// Reads any picture file through the one decoder.
    pub fn decode(&mut self, picture: &Path) -> Result<Rgba32FImage, BenchError> {
        let png = self.folder.join("decoded.png");
        let task = Task {
            width: None,
            height: None,
            format: OutputFormat::Png,
            quality: 100,
        };
        // The decoder keeps what it has read, so that each picture to decode needs a name of its own.
        self.decoder.ask(&Request {
            source: picture.to_owned(),
            task,
            renders: 1,
            at_once: 1,
            save: Some(png.clone()),
        })?;
        read_png(&png)
    }

    /// Scores the picture in `result` against a reduction of the lossless PNG `original`.
    pub fn score(&mut self, result: &Path, original: &Path, light: Light) -> Result<f64, BenchError> {
        let result = self.decode(result)?;
        let reference = self.reference(original, result.width(), result.height(), light)?;
        if !has_alpha(reference) {
            return ssimulacra2(reference, &result, 0.0);
        }
        // On black as on white: what is wrong at an edge shows on one of them, and the worse one counts.
        Ok(ssimulacra2(reference, &result, 0.0)?.min(ssimulacra2(reference, &result, 1.0)?))
    }

    fn reference(
        &mut self,
        original: &Path,
        width: u32,
        height: u32,
        light: Light,
    ) -> Result<&Rgba32FImage, BenchError> {
        let key = (original.to_owned(), width, height, light);
        if !self.references.contains_key(&key) {
            if !self.originals.contains_key(original) {
                self.originals.insert(original.to_owned(), read_png(original)?);
            }
            let reduced = reduce(&self.originals[original], width, height, light);
            self.references.insert(key.clone(), reduced);
        }
        Ok(&self.references[&key])
    }
}

/// Lanczos-3 with alpha premultiplied, in floats; the result has straight alpha and sRGB numbers.
pub fn reduce(original: &Rgba32FImage, width: u32, height: u32, light: Light) -> Rgba32FImage {
    let mut picture = original.clone();
    for Rgba([red, green, blue, alpha]) in picture.pixels_mut() {
        for channel in [red, green, blue] {
            *channel = *alpha
                * if light == Light::Linear {
                    to_linear(*channel)
                } else {
                    *channel
                };
        }
    }
    let mut reduced = imageops::resize(&picture, width, height, FilterType::Lanczos3);
    for Rgba([red, green, blue, alpha]) in reduced.pixels_mut() {
        *alpha = alpha.clamp(0.0, 1.0);
        for channel in [red, green, blue] {
            let straight = if *alpha > 0.0 {
                (*channel / *alpha).clamp(0.0, 1.0)
            } else {
                0.0
            };
            *channel = if light == Light::Linear {
                from_linear(straight)
            } else {
                straight
            };
        }
    }
    reduced
}

fn ssimulacra2(reference: &Rgba32FImage, result: &Rgba32FImage, background: f32) -> Result<f64, BenchError> {
    let reference = seen_on(reference, background)?;
    let result = seen_on(result, background)?;
    Ok(compute_frame_ssimulacra2(reference, result)?)
}

/// What a viewer sees: painted over a grey as browsers do it, in sRGB numbers; returned as amounts of light.
fn seen_on(picture: &Rgba32FImage, background: f32) -> Result<LinearRgb, BenchError> {
    let pixels = picture
        .pixels()
        .map(|Rgba([red, green, blue, alpha])| {
            [red, green, blue].map(|channel| to_linear(channel * alpha + background * (1.0 - alpha)))
        })
        .collect();
    Ok(LinearRgb::new(
        pixels,
        usize::try_from(picture.width())?,
        usize::try_from(picture.height())?,
    )?)
}

fn has_alpha(picture: &Rgba32FImage) -> bool {
    picture.pixels().any(|Rgba([_, _, _, alpha])| *alpha < 1.0)
}

fn read_png(path: &Path) -> Result<Rgba32FImage, BenchError> {
    let picture = image::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(picture.into_rgba32f())
}

/// IEC 61966-2-1.
fn to_linear(channel: f32) -> f32 {
    if channel <= 0.04045 {
        channel / 12.92
    } else {
        ((channel + 0.055) / 1.055).powf(2.4)
    }
}

fn from_linear(channel: f32) -> f32 {
    if channel <= 0.003_130_8 {
        channel * 12.92
    } else {
        1.055 * channel.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes() -> Rgba32FImage {
        Rgba32FImage::from_fn(64, 64, |column, _| {
            let value = if column % 2 == 0 { 0.0 } else { 1.0 };
            Rgba([value, value, value, 1.0])
        })
    }

    #[test]
    fn stripes_become_half_the_light_or_half_the_number() {
        let middle = |light| reduce(&stripes(), 8, 8, light).get_pixel(4, 4).0[0];
        assert!((middle(Light::Gamma) - 0.5).abs() < 0.02, "{}", middle(Light::Gamma));
        assert!(
            (middle(Light::Linear) - 0.735).abs() < 0.02,
            "{}",
            middle(Light::Linear)
        );
    }

    #[test]
    fn what_is_transparent_lends_no_colour_to_its_neighbours() {
        let half = Rgba32FImage::from_fn(64, 64, |column, _| {
            if column < 32 {
                Rgba([1.0, 0.0, 0.0, 1.0])
            } else {
                Rgba([0.0, 1.0, 0.0, 0.0])
            }
        });
        for light in [Light::Linear, Light::Gamma] {
            for pixel in reduce(&half, 16, 16, light).pixels().filter(|pixel| pixel.0[3] > 0.05) {
                assert!(pixel.0[1] < 0.01, "{pixel:?}");
            }
        }
    }

    #[test]
    fn a_picture_scores_full_marks_against_itself() {
        assert!(ssimulacra2(&stripes(), &stripes(), 0.0).unwrap() > 99.99);
    }
}
