use crate::{ExpressionError, Format, MeasureError, Part, Size};

/// Why a transformation cannot be done on this source.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The source has more pixels than may be decoded.
    #[error("the source has {pixels} pixels, more than the limit of {limit}")]
    SourceTooLarge {
        /// Its pixels.
        pixels: u64,
        /// [`Limits::source_pixels`].
        limit: u64,
    },
    /// An operation would make more pixels than may be made.
    #[error("the result would be {width}x{height}, more than the limit of {pixels} pixels or {side} on a side")]
    ResultTooLarge {
        /// Columns it would have.
        width: u32,
        /// Rows it would have.
        height: u32,
        /// [`Limits::result_pixels`].
        pixels: u64,
        /// [`Limits::result_side`].
        side: u32,
    },
    /// An expression has no value here.
    #[error("`{token}` cannot be computed: {source}")]
    Expression {
        /// The parameter.
        token: String,
        /// Why.
        source: ExpressionError,
    },
    /// An expression has a value that is no size.
    #[error("`{token}` is {value} here, which is not a size")]
    NotASize {
        /// The parameter.
        token: String,
        /// What it comes to.
        value: f64,
    },
    /// A window around a centre leaves the picture.
    #[error("the window of {window_width}x{window_height} around the centre leaves the picture of {width}x{height}")]
    WindowOutside {
        /// Columns of the window.
        window_width: u32,
        /// Rows of the window.
        window_height: u32,
        /// Columns of the picture.
        width: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// `f-webp` of a result that WebP cannot hold.
    #[error("WebP holds at most {longest} pixels on a side, and the result is {}x{}", size.width, size.height)]
    TooLargeForWebp {
        /// Size of the result.
        size: Size,
        /// The longest side that it may have.
        longest: u32,
    },
    /// A format that can only be read.
    #[error("{} cannot be written in this version", format.mime())]
    CannotBeWritten {
        /// Which.
        format: Format,
    },
    /// An animation with more pixels than may be worked on.
    #[error("the animation's {frames} frames have {pixels} pixels together, more than the limit of {limit}")]
    AnimationTooLarge {
        /// Its frames.
        frames: u32,
        /// Pixels of all of them, before or after.
        pixels: u64,
        /// [`Limits::animation_pixels`].
        limit: u64,
    },
    /// `e-shadow` of a large picture.
    #[error("`e-shadow` works on up to {limit} pixels, and the picture has {pixels} here")]
    TooLargeForShadow {
        /// Of the picture where the shadow is made.
        pixels: u64,
        /// Most that it may have.
        limit: u64,
    },
    /// A fact about pixels, a text or a layer could not be found.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// Three corners of a perspective are on one line.
    #[error("`{token}` moves three corners onto one line, where nothing is to be seen")]
    FlatDistortion {
        /// The parameter.
        token: String,
    },
    /// A page, layer or frame that the source does not have.
    #[error("`pg` asks for{asked}, and the source has {parts} (pages, layers or frames)")]
    NoSuchPart {
        /// Which, with a blank before it.
        asked: Part,
        /// How many pages, layers or frames it has.
        parts: u32,
    },
    /// Content credentials of pixels that are changed.
    #[error("`c2pa-true` keeps the credentials of the stored file, and here another one is made")]
    LosesCredentials,
    /// An operation that a model has to do was not split off.
    #[error("`{operation}` needs a model")]
    NeedsModel {
        /// Its key.
        operation: &'static str,
    },
    /// A name that was not replaced by its steps.
    #[error("the named transformation `{name}` was not looked up")]
    NotExpanded {
        /// The name.
        name: String,
    },
}

impl PlanError {
    /// What to ask for instead.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::SourceTooLarge { .. } => "ask for the stored file with `orig-true`, or upload a smaller one",
            Self::ResultTooLarge { .. } => "ask for a smaller size",
            Self::Expression { .. } => "see to it that nothing is divided by zero",
            Self::NotASize { .. } => "see to it that the result is at least 1",
            Self::WindowOutside { .. } => "use `x` and `y`, which are moved back inside, or a smaller `w` and `h`",
            Self::TooLargeForWebp { .. } => "ask for a smaller size, or for `f-jpg`",
            Self::CannotBeWritten { .. } => "ask for `f-auto` or `f-webp`",
            Self::AnimationTooLarge { .. } => {
                "ask for one frame with `f-jpg` or `pg-1`, or for the stored file with `orig-true`"
            }
            Self::TooLargeForShadow { .. } => "scale down in the same step or before, such as `w-800,e-shadow`",
            Self::Measure(MeasureError::TextTooLarge { .. }) => "use a smaller `fs`, or let it wrap with `w`",
            Self::FlatDistortion { .. } => {
                "name the corners clockwise from the top left, such as `e-distort-p-20_0_380_0_400_300_0_300`"
            }
            Self::NoSuchPart { parts: 1, .. } => "leave `pg` out",
            Self::NoSuchPart { parts, .. } => return Some(format!("ask for `pg-1` to `pg-{parts}`")),
            Self::LosesCredentials => "leave `c2pa-true` out, or ask for the stored file with `orig-true`",
            Self::Measure(_) | Self::NeedsModel { .. } | Self::NotExpanded { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// True when a limit of [`Limits`] is the reason.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::SourceTooLarge { .. }
                | Self::ResultTooLarge { .. }
                | Self::TooLargeForWebp { .. }
                | Self::AnimationTooLarge { .. }
                | Self::TooLargeForShadow { .. }
                | Self::Measure(MeasureError::TextTooLarge { .. })
        )
    }
}
