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
    /// AVIF is not to be chosen.
    pub not_avif: bool,
    pub original: bool,
}

impl Asked {
    /// The format that is named, whatever the client accepts.
    pub fn explicit(&self, source: &SourceInfo) -> Option<Format> {
        match self.format {
            // These are only kept, never made of something else.
            Some(AskedFormat::Exactly(format @ (Format::Gif | Format::Svg))) if source.format != format => None,
            Some(AskedFormat::Exactly(format)) => Some(format),
            Some(AskedFormat::Source) if source.format.can_be_written() => Some(source.format),
            Some(AskedFormat::Source | AskedFormat::Auto) | None => None,
        }
    }
}

/// What the result is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub format: Format,
    /// All frames, and not only the first.
    pub animated: bool,
}

impl Chosen {
    fn still(format: Format) -> Self {
        Self {
            format,
            animated: false,
        }
    }
}

/// The format of the result, whose size and transparency are known. `None` when the stored file is as good as anything.
pub(crate) fn format(
    asked: &Asked,
    source: &SourceInfo,
    context: &Context<'_>,
    size: Size,
    alpha: bool,
    untouched: bool,
) -> Result<Option<Chosen>, PlanError> {
    let (accept, settings) = (context.accept, &context.settings);
    let fits_webp = size.width <= WEBP_SIDE && size.height <= WEBP_SIDE;
    let moves = source.frames > 1 && !context.still;
    if let Some(format) = asked.explicit(source) {
        return match format {
            Format::Webp if !fits_webp => Err(PlanError::TooLargeForWebp {
                size,
                longest: WEBP_SIDE,
            }),
            format if format.can_be_written() => Ok(Some(Chosen {
                format,
                animated: moves && matches!(format, Format::Webp | Format::Gif),
            })),
            format => Err(PlanError::CannotBeWritten { format }),
        };
    }
    let automatic = settings.auto_format || asked.format.is_some();
    if moves {
        // Encoding frames takes long: what is already as small as it can be for this client is left alone.
        let format = if automatic && accept.webp && fits_webp {
            Format::Webp
        } else {
            Format::Gif
        };
        if untouched && (format == source.format || format == Format::Gif) {
            return Ok(None);
        }
        return Ok(Some(Chosen { format, animated: true }));
    }
    let family = match source.format {
        Format::Png => Format::Png,
        _ if alpha => Format::Png,
        _ => Format::Jpeg,
    };
    // A format that is not named but wished for (`f-gif` of another source, `f-orig` of what is only read) is chosen, too.
    if !automatic {
        let kept = match source.format {
            Format::Jpeg if alpha => family,
            Format::Webp if !fits_webp => family,
            Format::Gif => family,
            format if format.can_be_written() => format,
            _ => family,
        };
        return Ok(Some(Chosen::still(kept)));
    }
    let lossless = asked.lossless.unwrap_or(false);
    let keep_profile = asked.keep_profile.unwrap_or(settings.keep_profile);
    let avif = accept.avif && settings.avif && !keep_profile && !lossless && !asked.not_avif;
    Ok(Some(Chosen::still(if avif && source.format != Format::Heic {
        Format::Avif
    } else if accept.webp && fits_webp {
        Format::Webp
    } else if source.format == Format::Gif && untouched && !context.still {
        return Ok(None);
    } else {
        family
    })))
}

pub(crate) fn encoding(
    asked: &Asked,
    chosen: &Chosen,
    source: &SourceInfo,
    context: &Context<'_>,
    untouched: bool,
) -> Encoding {
    let (format, settings) = (chosen.format, &context.settings);
    let save_data = context.hints.save_data && settings.save_data;
    let lowered = Quality::new(OutputSettings::SAVE_DATA_QUALITY).filter(|_| save_data);
    let default = lowered.map_or(settings.quality, |lowered| lowered.min(settings.quality));
    // What a source has lost does not come back: the setting only lowers the quality.
    let known = source.quality.and_then(Quality::new);
    let default = known.map_or(default, |known| known.min(default));
    Encoding {
        format,
        quality: own_scale(format, asked.quality.unwrap_or(default)),
        lossless: asked.lossless.unwrap_or(false) && format != Format::Jpeg,
        progressive: asked.progressive.unwrap_or(false) && format == Format::Jpeg,
        keep_profile: asked.keep_profile.unwrap_or(settings.keep_profile),
        keep_metadata: asked.keep_metadata.unwrap_or(settings.keep_metadata),
        density: asked.density,
        // A quality, or the absence of loss, was asked for: then it counts, even if it costs bytes.
        keep_original_if_smaller: untouched
            && !context.still
            && asked.quality.is_none()
            && asked.lossless.is_none()
            && asked.progressive.is_none()
            && asked.density.is_none(),
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
