use std::fmt;

use crate::{Color, Format, Orientation};

/// Decided work: what the engine does, with no choice left to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Work on pixels, in this order, starting from the stored (not yet upright) pixels of the first frame.
    pub ops: Vec<Op>,
    /// Width and height after the last op. For [`Output::Original`] the upright size of the source.
    pub size: Size,
    /// What becomes of the result.
    pub output: Output,
}

/// One operation on pixels. Sizes and places are whole pixels, decided by the planner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Turn and mirror stored pixels upright. Lossless; at most once, and first.
    Orient(Orientation),
    /// Keep only this rectangle, which lies wholly inside the picture.
    Crop(Rect),
    /// Scale to exactly this size, each axis on its own.
    Resize(Size),
    /// Put the picture on a canvas of `canvas` pixels with its top-left corner at (`x`, `y`), which may be negative:
    /// what leaves the canvas is cut.
    Pad {
        /// Size of the result.
        canvas: Size,
        /// Column of the picture's left edge on the canvas.
        x: i32,
        /// Row of the picture's top edge on the canvas.
        y: i32,
        /// What shows where the picture is not.
        background: Background,
    },
    /// Turn clockwise about the centre. Multiples of 90 are exact; otherwise `canvas` holds the rotated rectangle.
    Rotate {
        /// Above 0 and below 360.
        degrees: f64,
        /// Size of the result.
        canvas: Size,
        /// What shows in the new corners.
        background: Background,
    },
    /// Mirror left to right and/or top to bottom.
    Flip {
        /// Left becomes right.
        horizontal: bool,
        /// Top becomes bottom.
        vertical: bool,
    },
    /// Paint this opaque colour behind transparent pixels; the result has no alpha.
    Flatten(Color),
}

/// What shows where the picture is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Background {
    /// This colour, possibly with alpha.
    Color(Color),
    /// Nothing: the result has alpha.
    Transparent,
}

/// Where a picture's top-left corner is and how large it is, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Column of the left edge.
    pub x: u32,
    /// Row of the top edge.
    pub y: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

/// Columns and rows, each at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// What becomes of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Output {
    /// The stored bytes, untouched. `ops` is empty.
    Original,
    /// Encode the pixels. `keep_original_if_smaller` of the encoding decides whether a larger result is thrown away.
    Encoded(Encoding),
}

/// How pixels become bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    /// One that [`Format::can_be_written`].
    pub format: Format,
    /// 1 (smallest) to 100 (best); what it means is the format's own. Ignored when `lossless`, and by PNG.
    pub quality: u8,
    /// No loss at all; WebP, PNG, AVIF only.
    pub lossless: bool,
    /// Progressive JPEG; ignored by other formats.
    pub progressive: bool,
    /// Keep the embedded colour profile and the pixels in its space, instead of converting to sRGB.
    pub keep_profile: bool,
    /// Keep EXIF, XMP and IPTC of the source (with the orientation tag reset to upright).
    pub keep_metadata: bool,
    /// Nothing was asked of the pixels: answer with the stored bytes when they are upright, of the same format and
    /// no larger than the result.
    pub keep_original_if_smaller: bool,
}

/// For people and tests: a line an operation, then one for the output.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for op in &self.ops {
            writeln!(f, "{op}")?;
        }
        match &self.output {
            Output::Original => write!(f, "original {}", self.size),
            Output::Encoded(encoding) => write!(f, "encode {} {encoding}", self.size),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orient(orientation) => write!(f, "orient from {}", orientation.to_exif()),
            Self::Crop(rect) => write!(f, "crop {}x{} at {},{}", rect.width, rect.height, rect.x, rect.y),
            Self::Resize(size) => write!(f, "resize to {size}"),
            Self::Pad {
                canvas,
                x,
                y,
                background,
            } => write!(f, "pad to {canvas} at {x},{y} on {background}"),
            Self::Rotate {
                degrees,
                canvas,
                background,
            } => {
                write!(f, "rotate by {degrees} to {canvas} on {background}")
            }
            Self::Flip { horizontal, vertical } => f.write_str(match (horizontal, vertical) {
                (true, true) => "flip both ways",
                (false, true) => "flip top to bottom",
                _ => "flip left to right",
            }),
            Self::Flatten(color) => write!(f, "flatten on {color}"),
        }
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Color(color) => write!(f, "{color}"),
            Self::Transparent => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "as {}", self.format.extension())?;
        match self.format {
            _ if self.lossless => f.write_str(" lossless")?,
            Format::Png => {}
            _ => write!(f, " quality {}", self.quality)?,
        }
        for (on, text) in [
            (self.progressive, ", progressive"),
            (self.keep_profile, ", with profile"),
            (self.keep_metadata, ", with metadata"),
            (self.keep_original_if_smaller, ", original if smaller"),
        ] {
            f.write_str(if on { text } else { "" })?;
        }
        Ok(())
    }
}
