//! `f`, `lo`, `pr`, `cp`, `md`, `c2pa`: what the pixels are written as.

use super::{Param, Reading, Refusal, boolean};
use crate::Format;

/// What `f` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AskedFormat {
    /// `auto`: the best that the client accepts.
    Auto,
    /// `orig`: that of the source.
    Source,
    /// This one, whatever the client accepts.
    Exactly(Format),
}

impl AskedFormat {
    /// As written in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Source => "orig",
            Self::Exactly(format) => format.extension(),
        }
    }
}

pub(super) fn format(value: &str, _: Reading) -> Result<Param, Refusal> {
    let asked = match value {
        "auto" => AskedFormat::Auto,
        "orig" => AskedFormat::Source,
        "jpg" | "jpeg" => AskedFormat::Exactly(Format::Jpeg),
        "png" => AskedFormat::Exactly(Format::Png),
        "webp" => AskedFormat::Exactly(Format::Webp),
        "avif" => AskedFormat::Exactly(Format::Avif),
        "gif" => AskedFormat::Exactly(Format::Gif),
        "svg" => AskedFormat::Exactly(Format::Svg),
        "jxl" if Format::Jxl.can_be_written() => AskedFormat::Exactly(Format::Jxl),
        "mp4" | "webm" | "jxl" => return Err(Refusal::unavailable(format_args!("the format {value}"))),
        _ => return Err(Refusal::invalid("one of auto, jpg, png, webp, avif, gif, svg, orig")),
    };
    Ok(Param::Format(asked))
}

pub(super) fn lossless(value: &str, _: Reading) -> Result<Param, Refusal> {
    boolean(value).map(Param::Lossless)
}

pub(super) fn progressive(value: &str, _: Reading) -> Result<Param, Refusal> {
    boolean(value).map(Param::Progressive)
}

pub(super) fn keep_profile(value: &str, _: Reading) -> Result<Param, Refusal> {
    boolean(value).map(Param::KeepProfile)
}

pub(super) fn content_credentials(value: &str, _: Reading) -> Result<Param, Refusal> {
    boolean(value).map(Param::ContentCredentials)
}

pub(super) fn keep_metadata(value: &str, _: Reading) -> Result<Param, Refusal> {
    boolean(value).map(Param::KeepMetadata)
}
