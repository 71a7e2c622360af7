/// A picture format that can be read. Which of them can be written is [`Format::can_be_written`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// ISO/IEC 10918-1, in a JFIF or Exif wrapper.
    Jpeg,
    /// W3C PNG, animated (APNG) or not.
    Png,
    /// WebP, lossy, lossless or animated.
    Webp,
    /// AVIF still or sequence.
    Avif,
    /// GIF87a or GIF89a.
    Gif,
}

impl Format {
    /// The media type of an answer in this format.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
        }
    }

    /// The usual file name ending, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Gif => "gif",
        }
    }

    /// True when pixels of this format may be transparent.
    pub fn holds_alpha(self) -> bool {
        !matches!(self, Self::Jpeg)
    }

    /// True when the engine has an encoder for it.
    pub fn can_be_written(self) -> bool {
        !matches!(self, Self::Gif)
    }
}
