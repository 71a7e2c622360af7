use std::fmt;

use crate::{Color, Format, Orientation};

/// Decided work: what the engine does, with no choice left to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which part of the source the pixels come from.
    pub part: Part,
    /// True when the ops are done on every frame of an animation, and the result is one; otherwise on the first frame
    /// (or on `part`) alone.
    pub animated: bool,
    /// Work on pixels, in this order, starting from the stored (not yet upright) pixels of the first frame.
    pub ops: Vec<Op>,
    /// Width and height after the last op. For [`Output::Original`] the upright size of the source.
    pub size: Size,
    /// What becomes of the result.
    pub output: Output,
}

/// Which part of a source with several the pixels come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Part {
    /// The first frame or page; the merged picture of a layered file.
    #[default]
    Default,
    /// One frame, page or layer, counted from 1.
    Page(u32),
    /// Several layers, merged: ranges counted from 1, both ends included; an open end is `u32::MAX`.
    Layers(Vec<(u32, u32)>),
    /// Layers by their names, merged.
    Named(Vec<String>),
}

/// One operation on pixels. Sizes and places are whole pixels, decided by the planner.
#[derive(Debug, Clone, PartialEq)]
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
    /// Paint this colour behind transparent pixels. If it is opaque, the result has no alpha.
    Flatten(Color),
    /// Gaussian blur. Standard deviation in pixels, above 0.
    Blur(f64),
    /// Sharpen by the language's own scale: 1 to 100, above it clamped.
    Sharpen(f64),
    /// Unsharp mask with the four classic numbers.
    UnsharpMask {
        /// Pixels; 0 is chosen from `sigma`.
        radius: f64,
        /// Standard deviation of the blur, in pixels.
        sigma: f64,
        /// How much of the difference is added, as a factor.
        amount: f64,
        /// Differences below this fraction of the full range are left alone.
        threshold: f64,
    },
    /// Spread the range of intensities that is used over the full range.
    StretchContrast,
    /// Luminance only.
    Grayscale,
    /// Tint: `pixel * (1 - intensity) + intensity * luma(pixel) * color`.
    Colorize {
        /// The tint; its alpha has no meaning.
        color: Color,
        /// 0 to 1.
        intensity: f64,
    },
    /// Replace a colour and its neighbours, keeping the shading.
    ReplaceColor {
        /// What is replaced; the dominant colour if absent.
        from: Option<Color>,
        /// By what.
        to: Color,
        /// 0 (this very colour) to 1 (all colours).
        tolerance: f64,
    },
    /// Multiply alpha by this, 0 to 1; the result has alpha.
    Opacity(f64),
    /// A linear gradient laid over the picture.
    Gradient {
        /// Where it runs to: 0 is up, 90 right, clockwise.
        degrees: f64,
        /// Colour at its start.
        from: Color,
        /// Colour from `length` on.
        to: Color,
        /// Pixels along its direction after which `to` is reached, above 0.
        length: f64,
    },
    /// A soft shadow below what is not transparent. The canvas does not grow.
    Shadow {
        /// Standard deviation of the blur in pixels, 0 for none.
        sigma: f64,
        /// Opacity, 0 to 1.
        strength: f64,
        /// Columns to the right.
        x: i32,
        /// Rows down.
        y: i32,
    },
    /// A shadow that a cut-out throws on the ground, from a light in the sky. The canvas does not grow.
    DropShadow {
        /// Where the light comes from, degrees clockwise from above.
        azimuth: f64,
        /// How high the light stands, 0 to 90 degrees.
        elevation: f64,
        /// Opacity, 0 to 1.
        strength: f64,
    },
    /// Perspective: the corners, clockwise from the top left, move to these places on a canvas of the same size; what
    /// they leave is transparent.
    Perspective([(f64, f64); 4]),
    /// Bend along a circle; what is left is transparent.
    ///
    /// The picture becomes a part of a [`Ring`](crate::Ring), a column a radius of it: the middle one points straight up, those
    /// at the sides by half of the angle to either side. Bent downwards everything is mirrored: the picture's bottom row is
    /// the outer one, and its middle column points down. (This is the `Arc` method of ImageMagick's distortions, by Anthony
    /// Thyssen.)
    ///
    /// `canvas` is the box around it: the ring's centre is in the middle of the columns, and its outer radius below the top
    /// (above the bottom, when bent downwards).
    Arc {
        /// Of the whole picture: above 0 bends upwards, below 0 downwards. Within -360 to 360, not 0.
        degrees: f64,
        /// Size of the result.
        canvas: Size,
    },
    /// Round the corners off, clockwise from the top left; what is cut is transparent.
    Round([Corner; 4]),
    /// A frame around the picture: the canvas grows by `width` on each side. Rounded corners are the picture's own, from
    /// a [`Op::Round`] before it; the outer radius is larger by `width`.
    Border {
        /// Pixels, at least 1.
        width: u32,
        /// Of the frame.
        color: Color,
        /// The picture's corners.
        corners: [Corner; 4],
    },
    /// Another picture on top.
    Layer(Box<Layer>),
}

/// A corner's ellipse, in pixels; 0 is square.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Corner {
    /// Half axis along the row.
    pub x: f64,
    /// Half axis along the column.
    pub y: f64,
}

/// A picture, a text or a block of colour that is laid on the picture of which the operation is part.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What it is made of.
    pub source: LayerSource,
    /// Work on it before it is laid on; layers of its own among them.
    pub ops: Vec<Op>,
    /// Its size after `ops`.
    pub size: Size,
    /// Column of its left edge on the picture below. What leaves that picture is cut.
    pub x: i32,
    /// Row of its top edge.
    pub y: i32,
    /// How the two are mixed.
    pub mode: Mix,
}

/// Where a layer's first pixels come from.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerSource {
    /// A file, by the name under which the engine is given its bytes: see [`crate::Input`].
    Picture {
        /// Which of the inputs.
        input: String,
        /// Which part of it.
        part: Part,
    },
    /// A text in its box.
    Text(Text),
    /// A block of one colour, transparent or not.
    Canvas {
        /// Columns and rows.
        size: Size,
        /// All over.
        color: Color,
    },
}

/// How a layer and the picture below it are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Mix {
    /// The layer covers the picture as far as it is opaque (Porter and Duff's source-over).
    #[default]
    Over,
    /// Product of the channels.
    Multiply,
    /// The picture stays only where the layer is opaque.
    Cutter,
    /// The picture becomes transparent where the layer is opaque.
    Cutout,
    /// The layer's red moves pixels of the picture along rows, its green along columns; mid-grey is none.
    Displace {
        /// Pixels at full red.
        x: f64,
        /// Pixels at full green.
        y: f64,
    },
}

/// A text, its type, and its box. All lengths are pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// What is written, lines parted by `\n`.
    pub text: String,
    /// In which type.
    pub font: Font,
    /// Size of the type (em), above 0.
    pub size: f64,
    /// Colour of the glyphs.
    pub color: Color,
    /// Bold, if the font has it.
    pub bold: bool,
    /// Italic, if the font has it.
    pub italic: bool,
    /// A line through the middle of the letters.
    pub strikethrough: bool,
    /// Of lines among each other.
    pub align: TextAlign,
    /// Width at which words wrap; none for no wrapping.
    pub wrap: Option<u32>,
    /// From one line to the next; the font's own if absent.
    pub line_height: Option<f64>,
    /// Around the glyphs: top, right, bottom, left.
    pub padding: [u32; 4],
    /// Behind the glyphs and the padding.
    pub background: Option<Color>,
}

/// Which type a text is set in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Font {
    /// A font that comes with the server, or the default one for an unknown name.
    Family(String),
    /// A font file, by the name under which the engine is given its bytes.
    File(String),
}

/// Where lines shorter than their box stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TextAlign {
    Left,
    #[default]
    Center,
    Right,
}

/// What shows where the picture is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Background {
    /// This colour, possibly with alpha.
    Color(Color),
    /// Nothing: the result has alpha.
    Transparent,
    /// The picture itself, enlarged to cover the canvas and blurred. Pads only.
    Blurred {
        /// Tenths of a pixel of standard deviation.
        sigma_tenths: u32,
        /// Added to every channel, -255 to 255.
        brightness: i16,
    },
    /// The dominant colour of the picture's edge. Pads only.
    Dominant,
    /// A gradient between the two dominant colours, or of one at each corner. Pads only.
    DominantGradient {
        /// 2 or 4.
        colors: u8,
    },
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

impl Op {
    /// The size of a picture of the size `from` after this operation; `None` if it cannot be done to such a picture.
    pub fn size_after(&self, from: Size) -> Option<Size> {
        let to = match self {
            Self::Orient(orientation) if orientation.swaps_sides() => Size {
                width: from.height,
                height: from.width,
            },
            Self::Crop(rect) => {
                let inside = |at: u32, length: u32, whole: u32| at.checked_add(length).is_some_and(|end| end <= whole);
                let fits = inside(rect.x, rect.width, from.width) && inside(rect.y, rect.height, from.height);
                return Some(rect.size()).filter(|size| fits && size.pixels() > 0);
            }
            Self::Resize(size) => *size,
            Self::Pad { canvas, .. } | Self::Rotate { canvas, .. } | Self::Arc { canvas, .. } => *canvas,
            Self::Border { width, .. } => {
                let framed = |side: u32| width.checked_mul(2)?.checked_add(side);
                Size {
                    width: framed(from.width)?,
                    height: framed(from.height)?,
                }
            }
            _ => from,
        };
        Some(to).filter(|size| size.pixels() > 0)
    }
}

impl Background {
    /// One colour. What is seen through it is painted behind the whole picture once, at the end of its step.
    pub(crate) fn of(color: Color) -> Self {
        if color.is_opaque() {
            Self::Color(color)
        } else {
            Self::Transparent
        }
    }

    /// True when there is transparency where it shows and the picture itself has none.
    pub(crate) fn shows_through(self) -> bool {
        match self {
            Self::Transparent => true,
            Self::Color(color) => !color.is_opaque(),
            Self::Blurred { .. } | Self::Dominant | Self::DominantGradient { .. } => false,
        }
    }
}

impl Size {
    /// Columns times rows.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl Rect {
    /// Its sides.
    pub fn size(self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// Column and row of its centre.
    pub(crate) fn middle(self) -> (f64, f64) {
        (
            f64::from(self.x) + f64::from(self.width) / 2.0,
            f64::from(self.y) + f64::from(self.height) / 2.0,
        )
    }
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
    /// Dots per inch that the file states, in JPEG and PNG; the format's own default if absent.
    pub density: Option<u16>,
    /// Nothing was asked of the pixels: answer with the stored bytes when they are upright, of the same format and
    /// no larger than the result.
    pub keep_original_if_smaller: bool,
}

/// For people and tests: a line an operation, then one for the output.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = match &self.output {
            Output::Original => return write!(f, "original {}", self.size),
            Output::Encoded(encoding) => encoding,
        };
        if self.part != Part::Default {
            writeln!(f, "take{}", self.part)?;
        }
        for op in &self.ops {
            writeln!(f, "{op}")?;
        }
        let frames = if self.animated { "all frames " } else { "" };
        write!(f, "encode {frames}{} {encoding}", self.size)
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
            Self::Blur(sigma) => write!(f, "blur by {sigma}"),
            Self::Sharpen(strength) => write!(f, "sharpen by {strength}"),
            Self::UnsharpMask {
                radius,
                sigma,
                amount,
                threshold,
            } => write!(f, "unsharp mask {radius} {sigma} {amount} {threshold}"),
            Self::StretchContrast => f.write_str("stretch contrast"),
            Self::Grayscale => f.write_str("grayscale"),
            Self::Colorize { color, intensity } => write!(f, "colorize {color} by {intensity}"),
            Self::ReplaceColor { from, to, tolerance } => match from {
                Some(from) => write!(f, "replace {from} by {to} within {tolerance}"),
                None => write!(f, "replace the dominant colour by {to} within {tolerance}"),
            },
            Self::Opacity(factor) => write!(f, "opacity {factor}"),
            Self::Gradient {
                degrees,
                from,
                to,
                length,
            } => write!(
                f,
                "gradient from {from} to {to} over {length} pixels at {degrees} degrees"
            ),
            Self::Shadow { sigma, strength, x, y } => write!(f, "shadow at {x},{y} of {strength} blurred by {sigma}"),
            Self::DropShadow {
                azimuth,
                elevation,
                strength,
            } => write!(f, "drop shadow from {azimuth} at {elevation} degrees of {strength}"),
            Self::Perspective(corners) => {
                f.write_str("perspective")?;
                corners.iter().try_for_each(|(x, y)| write!(f, " {x},{y}"))
            }
            Self::Arc { degrees, canvas } => write!(f, "arc of {degrees} degrees to {canvas}"),
            Self::Round(corners) => {
                f.write_str("round")?;
                corners.iter().try_for_each(|corner| write!(f, " {corner}"))
            }
            Self::Border { width, color, .. } => write!(f, "border of {width} in {color}"),
            Self::Layer(layer) => write!(f, "{layer}"),
        }
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Color(color) => write!(f, "{color}"),
            Self::Transparent => f.write_str("nothing"),
            Self::Blurred {
                sigma_tenths,
                brightness,
            } => write!(
                f,
                "itself blurred by {}, brighter by {brightness}",
                f64::from(*sigma_tenths) / 10.0
            ),
            Self::Dominant => f.write_str("its dominant colour"),
            Self::DominantGradient { colors } => write!(f, "a gradient of its {colors} dominant colours"),
        }
    }
}

impl fmt::Display for Corner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.x == self.y {
            write!(f, "{}", self.x)
        } else {
            write!(f, "{}/{}", self.x, self.y)
        }
    }
}

/// A line for the layer, and one for each of its own operations, indented.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, x, y, .. } = self;
        match &self.source {
            LayerSource::Picture { input, part } => write!(f, "layer `{input}`{part}")?,
            LayerSource::Text(text) => write!(f, "text {:?} in {} at {} px", text.text, text.font, text.size)?,
            LayerSource::Canvas { size, color } => write!(f, "canvas of {size} in {color}")?,
        }
        write!(f, " as {size} at {x},{y}{}", self.mode)?;
        for op in &self.ops {
            for line in op.to_string().lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Page(page) => write!(f, " page {page}"),
            Self::Layers(ranges) => {
                f.write_str(" layers")?;
                ranges.iter().try_for_each(|(from, to)| match *to {
                    to if to == *from => write!(f, " {from}"),
                    u32::MAX => write!(f, " {from}-"),
                    to => write!(f, " {from}-{to}"),
                })
            }
            Self::Named(names) => {
                f.write_str(" layers")?;
                names.iter().try_for_each(|name| write!(f, " {name:?}"))
            }
        }
    }
}

impl fmt::Display for Font {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family(name) => f.write_str(name),
            Self::File(path) => write!(f, "`{path}`"),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => Ok(()),
            Self::Multiply => f.write_str(", multiplied"),
            Self::Cutter => f.write_str(", as a cutter"),
            Self::Cutout => f.write_str(", cut out"),
            Self::Displace { x, y } => write!(f, ", displacing by {x},{y}"),
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
            Format::Png | Format::Gif => {}
            _ => write!(f, " quality {}", self.quality)?,
        }
        if let Some(density) = self.density {
            write!(f, ", at {density} dpi")?;
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
