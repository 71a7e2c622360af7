//! Which format an answer has, and how it is encoded: what was asked, what the client accepts, what the source is.

use crate::parameters::{AskedFormat, Quality};
use crate::{Context, Encoding, Format, PlanError, Size, SourceInfo};

/// Modern formats that the request's `Accept` names. `*/*` and `image/*` name none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Accept {
    /// `image/avif`
    pub avif: bool,
    /// `image/webp`
    pub webp: bool,
}

/// What the client says of its screen and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hints {
    /// `Sec-CH-Width`: the width of the place that the picture fills, in device pixels.
    pub width: Option<f64>,
    /// `Sec-CH-DPR`: device pixels per CSS pixel.
    pub dpr: Option<f64>,
    /// `Save-Data: on`.
    pub save_data: bool,
}

/// The server's part in what an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutputSettings {
    /// Quality where no `q` asks for another. Default 80.
    pub quality: Quality,
    /// Choose the best format that the client accepts, without `f-auto` being asked. Default on.
    pub auto_format: bool,
    /// AVIF may be chosen so. Default off: it takes long to encode.
    pub avif: bool,
    /// Turn pictures upright by their orientation tag. Default on.
    pub auto_orient: bool,
    /// Keep embedded colour profiles. Default off: pixels are converted to sRGB.
    pub keep_profile: bool,
    /// Keep EXIF, XMP and IPTC. Default off.
    pub keep_metadata: bool,
    /// Lower the quality to [`OutputSettings::SAVE_DATA_QUALITY`] for clients that ask to save data. Default off.
    pub save_data: bool,
    /// Scale pictures in linear light. Default off: browsers, and nearly all tools, do it in the stored values.
    pub linear_light: bool,
}

impl OutputSettings {
    /// Quality for clients that ask to save data.
    pub const SAVE_DATA_QUALITY: u8 = 60;
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            quality: Quality::DEFAULT,
            auto_format: true,
            avif: false,
            auto_orient: true,
            keep_profile: false,
            keep_metadata: false,
            save_data: false,
            linear_light: false,
        }
    }
}

/// Longest side that WebP can say.
const WEBP_SIDE: u32 = 16_383;

/// What the steps ask of the answer, the last one of a kind counting.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub quality: Option<Quality>,
    pub format: Option<AskedFormat>,
    pub lossless: Option<bool>,
    pub progressive: Option<bool>,
    pub keep_profile: Option<bool>,
    pub keep_metadata: Option<bool>,
    /// Dots per inch that the file is to state.
    pub density: Option<u16>,
    /// Content credentials are to be kept.
    pub credentials: bool,
    /// AVIF is not to be chosen.
    pub not_avif: bool,
}

impl Asked {
    /// The format that is named, whatever the client accepts.
    pub fn explicit(&self, source: &SourceInfo) -> Option<Format> {
        match self.format? {
            AskedFormat::Exactly(Format::Gif) if source.format != Format::Gif => None,
            // Pixels do not become a drawing; a drawing that is to stay one is not planned at all.
            AskedFormat::Exactly(Format::Svg) => None,
            AskedFormat::Exactly(format) => Some(format),
            AskedFormat::Source => Some(source.format).filter(|format| format.can_be_written()),
            AskedFormat::Auto => None,
        }
    }

    /// True when something is asked of the bytes, not of the pixels: then it counts, even if it costs bytes.
    pub fn asks_of_bytes(&self) -> bool {
        self.quality.is_some() || self.lossless.is_some() || self.progressive.is_some() || self.density.is_some()
    }
}

/// The picture that is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub size: Size,
    pub alpha: bool,
    /// There are several frames, and all are wanted.
    pub moving: bool,
}

/// The format of the result, whose size and transparency are known.
pub(crate) fn format(
    asked: &Asked,
    source: &SourceInfo,
    context: &Context<'_>,
    outcome: &Outcome,
) -> Result<Format, PlanError> {
    let (accept, settings, size) = (context.accept, &context.settings, outcome.size);
    let fits_webp = size.width <= WEBP_SIDE && size.height <= WEBP_SIDE;
    if let Some(format) = asked.explicit(source) {
        return match format {
            Format::Webp if !fits_webp => Err(PlanError::TooLargeForWebp {
                size,
                longest: WEBP_SIDE,
            }),
            format if format.can_be_written() => Ok(format),
            format => Err(PlanError::CannotBeWritten { format }),
        };
    }
    let family = match source.format {
        Format::Png => Format::Png,
        _ if outcome.moving => Format::Gif,
        _ if outcome.alpha => Format::Png,
        _ => Format::Jpeg,
    };
    // A format that is not named but wished for (`f-gif` of another source, `f-orig` of a HEIC) is chosen, too.
    if !settings.auto_format && asked.format.is_none() {
        return Ok(match source.format {
            Format::Jpeg if outcome.alpha => family,
            Format::Webp if !fits_webp => family,
            Format::Gif if context.still => family,
            format if format.can_be_written() => format,
            _ => family,
        });
    }
    let lossless = asked.lossless.unwrap_or(false);
    let keep_profile = asked.keep_profile.unwrap_or(settings.keep_profile);
    // A HEIC is decoded to something that is quick to encode; an animated AVIF takes too long for anybody to wait for.
    let may_be_avif = settings.avif
        && !keep_profile
        && !lossless
        && !asked.not_avif
        && !outcome.moving
        && source.format != Format::Heic;
    Ok(if accept.avif && may_be_avif {
        Format::Avif
    } else if accept.webp && fits_webp {
        Format::Webp
    } else {
        family
    })
}

/// True when the format is that of an animation here. `f-png` and `f-avif` ask for a still; who wants them to move says
/// `f-orig`.
pub(crate) fn animates(asked: &Asked, format: Format) -> bool {
    match format {
        Format::Webp | Format::Gif => true,
        Format::Png | Format::Avif => !matches!(asked.format, Some(AskedFormat::Exactly(_))),
        _ => false,
    }
}

pub(crate) fn encoding(
    asked: &Asked,
    source: &SourceInfo,
    context: &Context<'_>,
    format: Format,
    keep_original_if_smaller: bool,
) -> Encoding {
    let settings = &context.settings;
    let save_data = context.hints.save_data && settings.save_data;
    let lowered = Quality::new(OutputSettings::SAVE_DATA_QUALITY).filter(|_| save_data);
    // What a source has lost does not come back: the setting only lowers the quality.
    let known = source.quality.and_then(Quality::new);
    let default = [lowered, known]
        .into_iter()
        .flatten()
        .fold(settings.quality, Quality::min);
    let can_be_lossless = matches!(format, Format::Webp | Format::Png | Format::Avif);
    Encoding {
        format,
        quality: own_scale(format, asked.quality.unwrap_or(default)),
        lossless: asked.lossless.unwrap_or(false) && can_be_lossless,
        progressive: asked.progressive.unwrap_or(false) && format == Format::Jpeg,
        keep_profile: asked.keep_profile.unwrap_or(settings.keep_profile),
        keep_metadata: asked.keep_metadata.unwrap_or(settings.keep_metadata),
        density: asked.density,
        keep_original_if_smaller: keep_original_if_smaller && !asked.asks_of_bytes(),
    }
}

/// The number that a format's encoder gives about the quality that the same `q` gives in JPEG and WebP, so that negotiation
/// does not change how a picture looks. AV1 encoders reach the structural similarity of WebP at 80 with about 64.
fn own_scale(format: Format, quality: Quality) -> u8 {
    let asked = quality.get();
    match format {
        Format::Avif if asked <= 80 => (u16::from(asked) * 4).div_ceil(5) as u8,
        Format::Avif => 64 + (asked - 80) * 9 / 5,
        _ => asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avif_has_a_scale_of_its_own() {
        let own = |format, q| own_scale(format, Quality::new(q).unwrap());
        assert_eq!([1, 50, 80, 81, 100].map(|q| own(Format::Avif, q)), [1, 40, 64, 65, 100]);
        assert_eq!([1, 50, 80, 100].map(|q| own(Format::Jpeg, q)), [1, 50, 80, 100]);
        assert!(
            (1..100).all(|q| own(Format::Avif, q) <= own(Format::Avif, q + 1)),
            "never falls"
        );
    }
}
