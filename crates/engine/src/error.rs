use transform::{Format, MeasureError, PlanError};

/// Why a source could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Not a picture of a kind that can be read.
    #[error(
        "this is not a picture of a kind that is read: JPEG, PNG, WebP, AVIF, GIF, HEIC, JPEG XL, TIFF, BMP, ICO, PSD, SVG or PDF"
    )]
    Unrecognised,
    /// A file of a kind that is known by name, and not read.
    #[error("{0} files are not read: convert it to JPEG, PNG, TIFF or another kind that is")]
    NotRead(&'static str),
    /// It begins like a picture of this format, and then breaks its rules.
    #[error("broken {} header: {what}", name(*format))]
    Malformed {
        /// What it begins like.
        format: Format,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A side is longer than any picture may be here.
    #[error("a picture of {width} x {height} is too large: no side may be longer than {limit}")]
    TooLarge {
        /// Columns that the header claims.
        width: u32,
        /// Rows that the header claims.
        height: u32,
        /// The longest side that is read.
        limit: u32,
    },
    /// There are fewer pages, frames or layers than were asked for.
    #[error("there is no {part} {asked}: the file has {count}")]
    NoSuchPart {
        /// Which one, counted from 1.
        asked: u32,
        /// What it is called.
        part: &'static str,
        /// How many there are.
        count: u32,
    },
    /// No layer has this name.
    #[error("there is no layer \"{asked}\": the file has {names}")]
    NoSuchLayer {
        /// The name that was asked for.
        asked: String,
        /// The names that there are, each in quotes.
        names: String,
    },
    /// A drawing or a document of too many bytes: what they cost is not in their header.
    #[error("this {} file has {bytes} bytes, where {limit} are read", name(*format))]
    TooLong {
        /// What it begins like.
        format: Format,
        /// How many there are.
        bytes: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The source could not be read at all.
    #[error("could not read the source")]
    Io(#[source] std::io::Error),
}

/// Why a plan could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The source is no picture that can be read.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The header is fine, the picture data is not: cut off or damaged.
    #[error("broken {} picture: {what}", name(*format))]
    Malformed {
        /// Of the source.
        format: Format,
        /// What its decoder found.
        what: String,
    },
    /// A correct file that uses a part of its format which is not read here.
    #[error("{} pictures with {what} are not read", name(*format))]
    Unsupported {
        /// Of the source.
        format: Format,
        /// The part that is not read.
        what: &'static str,
    },
    /// More than the [`Budget`](crate::Budget) allows.
    #[error("{found} {what}, where {limit} are allowed")]
    OverBudget {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many there are or would be.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The plan does not fit the source, or asks for what no encoder does.
    #[error("the plan does not fit: {0}")]
    Plan(&'static str),
    /// The result has a side that its format cannot hold.
    #[error("{} holds sides up to {limit}, not {width} x {height}", name(*format))]
    TooLargeForFormat {
        /// Of the result.
        format: Format,
        /// Columns of the result.
        width: u32,
        /// Rows of the result.
        height: u32,
        /// The longest side that the format holds.
        limit: u32,
    },
    /// The encoder refused.
    #[error("could not write {}: {what}", name(*format))]
    Encode {
        /// Of the result.
        format: Format,
        /// What the encoder said.
        what: String,
    },
    /// The planner refused, once it had looked at the pixels.
    #[error(transparent)]
    Unplannable(#[from] PlanError),
    /// A text or a layer could not be made.
    #[error(transparent)]
    Layer(#[from] MeasureError),
    /// A model that the operator brought is not what its name says.
    #[error("the model `{file}` {what}")]
    Model {
        /// Its file.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// [`Budget::cancelled`](crate::Budget::cancelled) was set.
    #[error("cancelled")]
    Cancelled,
    /// A mistake of ours. The input may be fine.
    #[error("internal error: {0}")]
    Internal(String),
}

fn name(format: Format) -> &'static str {
    format.name()
}
