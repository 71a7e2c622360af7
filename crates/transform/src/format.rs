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
    /// GIF87a or GIF89a, animated or not.
    Gif,
    /// TIFF 6.0 and BigTIFF, of one page or several.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Windows icon or cursor; its largest picture.
    Ico,
    /// JPEG XL, ISO/IEC 18181.
    Jxl,
    /// HEIF still coded in HEVC.
    Heic,
    /// Photoshop document.
    Psd,
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Document Format (also the shell of recent Illustrator files).
    Pdf,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Avif,
        Self::Gif,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
        Self::Jxl,
        Self::Heic,
        Self::Psd,
        Self::Svg,
        Self::Pdf,
    ];

    /// The format of a stored picture, by the media type that was found in its content; `None` for what can't be read.
    pub fn of_mime(mime: &str) -> Option<Self> {
        let mime = match mime {
            "image/heif" => "image/heic",
            "image/vnd.microsoft.icon" => "image/x-icon",
            "application/postscript" | "application/illustrator" => "application/pdf",
            mime => mime,
        };
        Self::ALL.into_iter().find(|format| format.mime() == mime)
    }

    /// The media type of an answer in this format.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/x-icon",
            Self::Jxl => "image/jxl",
            Self::Heic => "image/heic",
            Self::Psd => "image/vnd.adobe.photoshop",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
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
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
            Self::Jxl => "jxl",
            Self::Heic => "heic",
            Self::Psd => "psd",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
        }
    }

    /// True when pixels of this format may be transparent.
    pub fn holds_alpha(self) -> bool {
        !matches!(self, Self::Jpeg | Self::Bmp)
    }

    /// True when the engine has an encoder for it. GIF is only made of GIF and of animations: the language has it so.
    pub fn can_be_written(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp | Self::Avif | Self::Gif)
    }

    /// True when it has no pixels of its own: it is drawn at whatever size is asked for.
    pub fn is_vector(self) -> bool {
        matches!(self, Self::Svg | Self::Pdf)
    }

    /// True when the plain URL delivers the file itself, and pictures of it are stills of its pages.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Pdf | Self::Psd)
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Avif => "AVIF",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Ico => "ICO",
            Self::Jxl => "JPEG XL",
            Self::Heic => "HEIC",
            Self::Psd => "PSD",
            Self::Svg => "SVG",
            Self::Pdf => "PDF",
        }
    }
}
