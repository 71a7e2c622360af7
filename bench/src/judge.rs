//! How good a result is: SSIMULACRA2 against two reductions of the lossless original, neither made by a contender.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use contender::{OutputFormat, Request, Task};
use image::RgbaImage;
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
    frames: PathBuf,
    animations: HashMap<PathBuf, Animation>,
    folder: PathBuf,
    originals: HashMap<PathBuf, Rgba32FImage>,
    references: HashMap<(PathBuf, u32, u32, Light), Rgba32FImage>,
}

impl Judge {
    /// `decoder` is a sharp of its own; `sharp` is its script, which has the one that lists frames beside it; `folder`
    /// takes decoded pictures.
    pub fn new(decoder: Process, sharp: &Path, folder: PathBuf) -> Self {
        Self {
            decoder,
            frames: sharp.with_file_name("frames.js"),
            animations: HashMap::new(),
            folder,
            originals: HashMap::new(),
            references: HashMap::new(),
        }
    }

    /// Forgets the originals of a case, which are large. References stay: another case may need the same.
    pub fn forget_originals(&mut self) {
        self.originals.clear();
        self.animations.clear();
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

    /// Scores the picture in `result` against a reduction of the lossless PNG `original`, or the frames of an
    /// animation against reductions of the frames of the GIF `original`.
    pub fn score(&mut self, result: &Path, original: &Path, light: Light) -> Result<f64, BenchError> {
        if original.extension().is_some_and(|extension| extension == "gif") {
            return self.score_frames(result, original, light);
        }
        let result = self.decode(result)?;
        let reference = self.reference(original, result.width(), result.height(), light)?;
        seen_score(reference, &result)
    }

    /// The mean over some frames, evenly spread. A result's frame is the one that is shown in the middle of the time of
    /// the original's, so that frames may have been joined.
    fn score_frames(&mut self, result: &Path, original: &Path, light: Light) -> Result<f64, BenchError> {
        let result = self.animation(result)?;
        if !self.animations.contains_key(original) {
            let animation = self.animation(original)?;
            self.animations.insert(original.to_owned(), animation);
        }
        let original_frames = self.animations[original].delays.len();
        if result.delays.len() == 1 && original_frames > 1 {
            return Err(format!("{}: a still was made of an animation", original.display()).into());
        }
        let scored = original_frames.min(FRAMES);
        let mut sum = 0.0;
        for nth in 0..scored {
            let index = nth * original_frames / scored;
            let source = &self.animations[original];
            let shown = result.frame(if result.delays.len() == original_frames {
                index
            } else {
                result.shown_at(source.middle_of(index))
            });
            let key = (original.join(index.to_string()), shown.width(), shown.height(), light);
            if !self.references.contains_key(&key) {
                let reduced = reduce(&source.frame(index), shown.width(), shown.height(), light);
                self.references.insert(key.clone(), reduced);
            }
            sum += seen_score(&self.references[&key], &shown)?;
        }
        Ok(sum / scored as f64)
    }

    fn animation(&self, picture: &Path) -> Result<Animation, BenchError> {
        let strip = self.folder.join("frames.png");
        let output = Command::new("node")
            .arg(&self.frames)
            .arg(picture)
            .arg(&strip)
            .output()?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{}: {reason}", picture.display()).into());
        }
        let facts: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let number = |name: &str| facts[name].as_u64().and_then(|number| u32::try_from(number).ok());
        let (Some(frames), Some(height)) = (number("frames"), number("height")) else {
            return Err(format!("{}: no frames in {facts}", picture.display()).into());
        };
        let delay = |frame: u32| facts["delays"][frame as usize].as_f64().unwrap_or(0.0);
        Ok(Animation {
            strip: image::open(&strip)?.into_rgba8(),
            height,
            delays: (0..frames).map(delay).collect(),
        })
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

/// As many frames of an animation are scored.
const FRAMES: usize = 10;

/// Frames one below the other.
struct Animation {
    strip: RgbaImage,
    height: u32,
    /// In milliseconds, one a frame.
    delays: Vec<f64>,
}

impl Animation {
    fn frame(&self, index: usize) -> Rgba32FImage {
        let top = u32::try_from(index).unwrap_or(0) * self.height;
        Rgba32FImage::from_fn(self.strip.width(), self.height, |column, row| {
            let pixel = self.strip.get_pixel(column, top + row);
            Rgba(pixel.0.map(|channel| f32::from(channel) / 255.0))
        })
    }

    /// In milliseconds from the start.
    fn middle_of(&self, index: usize) -> f64 {
        self.delays[..index].iter().sum::<f64>() + self.delays[index] / 2.0
    }

    fn shown_at(&self, time: f64) -> usize {
        let mut end = 0.0;
        let ends = self.delays.iter().map(|delay| {
            end += delay;
            end
        });
        ends.take_while(|end| *end <= time).count().min(self.delays.len() - 1)
    }
}

/// Where there is alpha, on black as on white: what is wrong at an edge shows on one of them, and the worse one counts.
fn seen_score(reference: &Rgba32FImage, result: &Rgba32FImage) -> Result<f64, BenchError> {
    let on_black = ssimulacra2(reference, result, 0.0)?;
    if !has_alpha(reference) {
        return Ok(on_black);
    }
    Ok(on_black.min(ssimulacra2(reference, result, 1.0)?))
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
