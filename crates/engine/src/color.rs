//! Colour spaces of sources, and the way from them to sRGB.

use std::sync::Arc;

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients, TransferCharacteristics,
    TransformExecutor, TransformOptions,
};

use crate::picture::Picture;

/// What the numbers of a source mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Space {
    /// Nothing was said, or sRGB was.
    Srgb,
    /// An embedded profile, not looked at yet.
    Icc(Vec<u8>),
    /// Code points of ITU-T H.273.
    Cicp { primaries: u8, transfer: u8 },
}

/// Pixels as a decoder gives them.
#[derive(Debug)]
pub(crate) struct Samples {
    pub width: u32,
    pub height: u32,
    pub channels: Channels,
    pub values: Values,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Cyan, magenta, yellow, black; 0 is no ink.
    Cmyk,
}

#[derive(Debug)]
pub(crate) enum Values {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// A conversion of eight-bit RGB to sRGB that is put off until a picture is small.
#[derive(Debug)]
pub(crate) struct ToSrgb {
    profile: ColorProfile,
}

impl Channels {
    pub fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Gray => Layout::Gray,
            Self::GrayAlpha => Layout::GrayAlpha,
            Self::Rgb => Layout::Rgb,
            Self::Rgba | Self::Cmyk => Layout::Rgba,
        }
    }

    /// The space that a profile must be of to say anything about these channels.
    fn color_space(self) -> DataColorSpace {
        match self {
            Self::Gray | Self::GrayAlpha => DataColorSpace::Gray,
            Self::Rgb | Self::Rgba => DataColorSpace::Rgb,
            Self::Cmyk => DataColorSpace::Cmyk,
        }
    }
}

impl Samples {
    pub fn eight(width: u32, height: u32, channels: Channels, values: Vec<u8>) -> Self {
        Self {
            width,
            height,
            channels,
            values: Values::Eight(values),
        }
    }

    fn into_picture(self, pixels: Vec<u8>, has_alpha: bool) -> Picture {
        Picture {
            width: self.width,
            height: self.height,
            has_alpha,
            pixels,
        }
    }
}

/// Makes an eight-bit RGB picture of what a decoder gave, and says what is left to convert. Grey, CMYK and sixteen-bit
/// sources are converted here, for afterwards it would be too late; other pictures may be scaled first, which is less work.
///
/// A broken profile counts as none. With `keep_profile` RGB stays in its space; grey and CMYK cannot, since their
/// profiles would not fit RGB pixels, so they become sRGB all the same.
pub(crate) fn to_rgb(mut samples: Samples, space: &Space, keep_profile: bool) -> (Picture, Option<ToSrgb>) {
    let profile = profile(space).filter(|profile| profile.color_space == samples.channels.color_space());
    // Code points cannot be carried into every format, so what they describe is converted all the same.
    let keep_profile = keep_profile && matches!(space, Space::Icc(_));
    let values = std::mem::replace(&mut samples.values, Values::Eight(Vec::new()));
    match (samples.channels, values, profile) {
        (Channels::Rgb | Channels::Rgba, Values::Eight(pixels), profile) => {
            let has_alpha = samples.channels == Channels::Rgba;
            let later = profile.filter(|_| !keep_profile).and_then(ToSrgb::needed);
            (samples.into_picture(pixels, has_alpha), later)
        }
        (Channels::Rgb | Channels::Rgba, Values::Sixteen(values), profile) => {
            let has_alpha = samples.channels == Channels::Rgba;
            let converted = profile.filter(|_| !keep_profile).and_then(|profile| {
                let layout = samples.channels.layout();
                let options = TransformOptions::default();
                let transform = profile
                    .create_transform_16bit(layout, &ColorProfile::new_srgb(), layout, options)
                    .ok()?;
                convert(&*transform, &values, samples.channels.count(), samples.channels.count())
            });
            (
                samples.into_picture(to_eight(&converted.unwrap_or(values)), has_alpha),
                None,
            )
        }
        (channels @ (Channels::Gray | Channels::GrayAlpha), values, profile) => {
            let has_alpha = channels == Channels::GrayAlpha;
            let values = match values {
                Values::Eight(values) => values,
                Values::Sixteen(values) => to_eight(&values),
            };
            let to = if has_alpha { Layout::Rgba } else { Layout::Rgb };
            let converted = profile.and_then(|profile| {
                let options = TransformOptions::default();
                let srgb = ColorProfile::new_srgb();
                let transform = profile
                    .create_transform_8bit(channels.layout(), &srgb, to, options)
                    .ok()?;
                convert(&*transform, &values, channels.count(), channels.count() + 2)
            });
            let pixels = converted.unwrap_or_else(|| spread_gray(&values, has_alpha));
            (samples.into_picture(pixels, has_alpha), None)
        }
        (Channels::Cmyk, values, profile) => {
            let values = match values {
                Values::Eight(values) => values,
                Values::Sixteen(values) => to_eight(&values),
            };
            let converted = profile.and_then(|profile| {
                let options = TransformOptions::default();
                let srgb = ColorProfile::new_srgb();
                let transform = profile
                    .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                    .ok()?;
                convert(&*transform, &values, 4, 3)
            });
            let pixels = converted.unwrap_or_else(|| mix_inks(&values));
            (samples.into_picture(pixels, false), None)
        }
    }
}

/// What is left to convert of eight-bit RGB, as [`to_rgb`] says it.
pub(crate) fn rgb_to_srgb(space: &Space, keep_profile: bool) -> Option<ToSrgb> {
    let keep_profile = keep_profile && matches!(space, Space::Icc(_));
    profile(space)
        .filter(|profile| !keep_profile && profile.color_space == DataColorSpace::Rgb)
        .and_then(ToSrgb::needed)
}

impl ToSrgb {
    /// Nothing, when the profile is sRGB under whatever name: decided by what it does to a grid of colours.
    fn needed(profile: ColorProfile) -> Option<Self> {
        const STEPS: [u8; 6] = [0, 32, 64, 128, 192, 255];
        let step = |index: usize| STEPS[index % STEPS.len()];
        let colors = STEPS.len().pow(3);
        let grid: Vec<u8> = (0..colors).flat_map(|i| [step(i), step(i / 6), step(i / 36)]).collect();
        let same = convert(&*transform(&profile, Layout::Rgb)?, &grid, 3, 3)?
            .iter()
            .zip(&grid)
            .all(|(after, before)| after.abs_diff(*before) <= 1);
        (!same).then_some(Self { profile })
    }

    /// Converts a picture. One that cannot be converted stays as it is, like one with a broken profile.
    pub fn apply(&self, mut picture: Picture) -> Picture {
        let layout = if picture.has_alpha { Layout::Rgba } else { Layout::Rgb };
        let channels = picture.channels();
        let converted = transform(&self.profile, layout)
            .and_then(|transform| convert(&*transform, &picture.pixels, channels, channels));
        if let Some(pixels) = converted {
            picture.pixels = pixels;
        }
        picture
    }
}

fn transform(profile: &ColorProfile, layout: Layout) -> Option<Arc<dyn TransformExecutor<u8> + Send + Sync>> {
    profile
        .create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, TransformOptions::default())
        .ok()
}

fn convert<T: Copy + Default>(
    transform: &dyn TransformExecutor<T>,
    from: &[T],
    channels_from: usize,
    channels_to: usize,
) -> Option<Vec<T>> {
    let mut to = vec![T::default(); from.len() / channels_from * channels_to];
    transform.transform(from, &mut to).ok()?;
    Some(to)
}

/// The embedded profile, when pixels that stay in its space may be RGB.
pub(crate) fn profile_for_rgb(space: &Space) -> Option<&[u8]> {
    let Space::Icc(bytes) = space else { return None };
    (profile(space)?.color_space == DataColorSpace::Rgb).then_some(bytes)
}

fn profile(space: &Space) -> Option<ColorProfile> {
    match space {
        Space::Srgb => None,
        Space::Icc(bytes) => ColorProfile::new_from_slice(bytes).ok(),
        Space::Cicp { primaries, transfer } => {
            let transfer = match TransferCharacteristics::try_from(*transfer).ok()? {
                // Shown as SDR by everyone, and meant so: the camera curves go with the sRGB display curve. The curves
                // of HDR would need tone mapping; without it their primaries are all that can be put right.
                TransferCharacteristics::Linear => TransferCharacteristics::Linear,
                TransferCharacteristics::Bt470M => TransferCharacteristics::Bt470M,
                TransferCharacteristics::Bt470Bg => TransferCharacteristics::Bt470Bg,
                _ => TransferCharacteristics::Srgb,
            };
            let primaries = match CicpColorPrimaries::try_from(*primaries).ok()? {
                CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified => CicpColorPrimaries::Bt709,
                primaries => primaries,
            };
            if primaries == CicpColorPrimaries::Bt709 && transfer == TransferCharacteristics::Srgb {
                return None;
            }
            Some(ColorProfile::new_from_cicp(CicpProfile {
                color_primaries: primaries,
                transfer_characteristics: transfer,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            }))
        }
    }
}

fn to_eight(values: &[u16]) -> Vec<u8> {
    // Rounds v / 257 without dividing.
    values
        .iter()
        .map(|value| ((u32::from(*value) * 255 + 32_895) >> 16) as u8)
        .collect()
}

fn spread_gray(values: &[u8], has_alpha: bool) -> Vec<u8> {
    if has_alpha {
        values
            .chunks_exact(2)
            .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
            .collect()
    } else {
        values.iter().flat_map(|gray| [*gray; 3]).collect()
    }
}

/// What is left of white light after the colour's ink and the black one: the usual guess when no profile says better.
fn mix_inks(values: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| (((255 - u32::from(ink)) * (255 - u32::from(black)) + 127) / 255) as u8;
    values
        .chunks_exact(4)
        .flat_map(|p| [light(p[0], p[3]), light(p[1], p[3]), light(p[2], p[3])])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(channels: Channels, values: Values) -> Vec<u8> {
        let samples = Samples {
            width: 2,
            height: 1,
            channels,
            values,
        };
        let (picture, later) = to_rgb(samples, &Space::Srgb, false);
        assert!(later.is_none());
        picture.pixels
    }

    #[test]
    fn inks_without_a_profile() {
        // Cyan alone, and half of magenta under half of black.
        let inks = vec![255, 0, 0, 0, 0, 128, 0, 128];
        assert_eq!(rgb(Channels::Cmyk, Values::Eight(inks)), [0, 255, 255, 127, 63, 127]);
    }

    #[test]
    fn gray_and_sixteen_bits() {
        assert_eq!(
            rgb(Channels::GrayAlpha, Values::Eight(vec![9, 8, 7, 6])),
            [9, 9, 9, 8, 7, 7, 7, 6]
        );
        assert_eq!(
            rgb(Channels::Gray, Values::Sixteen(vec![257, 65_535])),
            [1, 1, 1, 255, 255, 255]
        );
        // Half a step rounds up, less does not.
        assert_eq!(rgb(Channels::Gray, Values::Sixteen(vec![128, 129])), [0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_profile_that_is_srgb_asks_for_nothing() {
        let samples = || Samples::eight(1, 1, Channels::Rgb, vec![200, 60, 60]);
        let icc = |profile: ColorProfile| Space::Icc(profile.encode().expect("a profile"));
        assert!(to_rgb(samples(), &icc(ColorProfile::new_srgb()), false).1.is_none());
        let p3 = icc(ColorProfile::new_display_p3());
        assert!(to_rgb(samples(), &p3, false).1.is_some());
        assert!(to_rgb(samples(), &p3, true).1.is_none());
    }

    #[test]
    fn a_profile_of_other_channels_is_none() {
        let gray = Space::Icc(ColorProfile::new_gray_with_gamma(1.8).encode().expect("a profile"));
        let (picture, later) = to_rgb(Samples::eight(1, 1, Channels::Rgb, vec![200, 60, 60]), &gray, true);
        assert!(later.is_none() && picture.pixels == [200, 60, 60]);
        assert_eq!(profile_for_rgb(&gray), None);
    }
}
