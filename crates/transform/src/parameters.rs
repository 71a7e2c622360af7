//! Every parameter of the URL language, once. Docs, hints and "did you mean" come from the table.

mod ai;
mod background;
mod border;
mod color_replace;
mod crop;
mod default_image;
mod density;
mod distort;
mod flip;
mod focus;
mod format;
mod gradient;
mod layer;
mod layer_param;
mod length;
mod named;
mod original;
mod page;
mod quality;
mod radius;
mod resize;
mod rotate;
mod shadow;
mod sharpen;
mod text;
mod tone;
mod trim;

use std::fmt;

pub use ai::{AiOperation, Prompt};
pub use background::Fill;
pub use border::Border;
pub use color_replace::ReplaceColor;
pub use crop::{Offset, Strategy};
pub use default_image::AssetPath;
pub use density::Density;
pub use distort::Distort;
pub use flip::Flip;
pub(crate) use focus::Side;
pub use focus::{Anchor, Focus, OBJECTS};
pub use format::AskedFormat;
pub use gradient::{Gradient, Stop};
pub use layer::{
    Block as LayerBlock, LayerKind, LayerMode, LayerOffset, LayerPicture, LayerPosition, LayerSpec, Place,
};
pub use layer_param::{LayerParam, NamedMode};
pub use length::Length;
pub use named::Name;
pub use quality::Quality;
pub use radius::{CornerRadius, Radius};
pub use resize::{Dpr, Extent, Pixels, Ratio};
pub use rotate::Turn;
pub use shadow::{DropShadow, Shadow};
pub use sharpen::UnsharpMask;
pub use text::{Padding, TextSpec};
pub use tone::Colorize;
pub use trim::Trim;

use crate::expression::Scope;
use crate::{Mode, Part, decode, number};

/// A row of the language's table.
pub struct Parameter {
    /// As written in a URL.
    pub key: &'static str,
    /// The noun that code, docs, errors and logs share.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// How its value is written.
    pub syntax: &'static str,
    /// Where it may stand: I image base, V video base, L image layers, B blocks of colour, T text layers.
    pub place: &'static str,
    /// Section of the description of the language.
    pub section: &'static str,
    /// What it means to this version.
    pub meaning: Meaning,
}

/// What a key means to this version.
pub enum Meaning {
    /// Carried out: the function reads the value.
    Executed(fn(&str, Reading) -> Result<Param, Refusal>),
    /// Carried out, in layers only: the function reads the value.
    InLayer(fn(&str, Reading) -> Result<LayerParam, Refusal>),
    /// Part of the language, but not carried out, for this reason.
    Unavailable(&'static str),
    /// Opens a block that ends with this token.
    Block(&'static str),
}

/// How values are read, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Decides about colours.
    pub mode: Mode,
    /// Decides about variables.
    pub scope: Scope,
}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// True when the language has the value and this version does not.
    pub unavailable: bool,
}

impl Refusal {
    fn invalid(expected: impl Into<String>) -> Self {
        Self {
            reason: format!("expected {}", expected.into()),
            hint: None,
            unavailable: false,
        }
    }

    fn unavailable(what: impl fmt::Display) -> Self {
        Self {
            reason: format!("{what} is not available in this version"),
            hint: None,
            unavailable: true,
        }
    }
}

/// A parameter with its value. The order of the variants has no meaning; that of [`PARAMETERS`] has.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `n`: steps stored under this name come here.
    Named(Name),
    /// `w`
    Width(Extent),
    /// `h`
    Height(Extent),
    /// `ar`: gives the side that is missing.
    AspectRatio(Ratio),
    /// `dpr`: multiplies the requested sides.
    Dpr(Dpr),
    /// `c` and `cm`: how a picture is brought into a box.
    Crop(Strategy),
    /// `fo`: what a crop keeps, and where a pad puts the picture.
    Focus(Focus),
    /// `z`: distance to a face or an object; above 1 is closer. Above 0.
    Zoom(f64),
    /// `x`: left edge of an extract.
    X(Offset),
    /// `y`: top edge of an extract.
    Y(Offset),
    /// `xc`: centre column of an extract.
    CenterX(Offset),
    /// `yc`: centre row of an extract.
    CenterY(Offset),
    /// `rt`
    Rotate(Turn),
    /// `fl`
    Flip(Flip),
    /// `bg`
    Background(Fill),
    /// `b`
    Border(Border),
    /// `r`
    Radius(Radius),
    /// `bl`: 0 (none) to 100.
    Blur(f64),
    /// `o`: percent, 0 to 100.
    Opacity(f64),
    /// `t`
    Trim(Trim),
    /// `cr`
    ReplaceColor(ReplaceColor),
    /// `e-grayscale`
    Grayscale,
    /// `e-contrast`: stretched over the full range.
    Contrast,
    /// `e-sharpen`: 0 (nothing) to 100.
    Sharpen(f64),
    /// `e-usm`
    UnsharpMask(UnsharpMask),
    /// `e-colorize`
    Colorize(Colorize),
    /// `e-gradient`
    Gradient(Gradient),
    /// `e-shadow`
    Shadow(Shadow),
    /// `e-dropshadow`
    DropShadow(DropShadow),
    /// `e-distort`
    Distort(Distort),
    /// `e-bgremove` and the like.
    Ai(AiOperation),
    /// `pg`: which part of a source with several.
    Page(Part),
    /// `dn`
    Density(Density),
    /// `c2pa`: keeps or attaches content credentials.
    ContentCredentials(bool),
    /// `l-…`: laid on top, in the order written.
    Layer(Box<LayerSpec>),
    /// `q`
    Quality(Quality),
    /// `f`
    Format(AskedFormat),
    /// `lo`
    Lossless(bool),
    /// `pr`
    Progressive(bool),
    /// `cp`
    KeepProfile(bool),
    /// `md`
    KeepMetadata(bool),
    /// `di`: delivered when the asset is missing.
    DefaultImage(AssetPath),
    /// `orig`: stored bytes, untouched.
    Original(bool),
}

impl Param {
    /// The key under which [`PARAMETERS`] has it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Named(_) => "n",
            Self::Width(_) => "w",
            Self::Height(_) => "h",
            Self::AspectRatio(_) => "ar",
            Self::Dpr(_) => "dpr",
            Self::Crop(strategy) => strategy.key(),
            Self::Focus(_) => "fo",
            Self::X(_) => "x",
            Self::Y(_) => "y",
            Self::CenterX(_) => "xc",
            Self::CenterY(_) => "yc",
            Self::Rotate(_) => "rt",
            Self::Flip(_) => "fl",
            Self::Zoom(_) => "z",
            Self::Background(_) => "bg",
            Self::Border(_) => "b",
            Self::Radius(_) => "r",
            Self::Blur(_) => "bl",
            Self::Opacity(_) => "o",
            Self::Trim(_) => "t",
            Self::ReplaceColor(_) => "cr",
            Self::Grayscale => "e-grayscale",
            Self::Contrast => "e-contrast",
            Self::Sharpen(_) => "e-sharpen",
            Self::UnsharpMask(_) => "e-usm",
            Self::Colorize(_) => "e-colorize",
            Self::Gradient(_) => "e-gradient",
            Self::Shadow(_) => "e-shadow",
            Self::DropShadow(_) => "e-dropshadow",
            Self::Distort(_) => "e-distort",
            Self::Ai(operation) => operation.key(),
            Self::Page(_) => "pg",
            Self::Density(_) => "dn",
            Self::ContentCredentials(_) => "c2pa",
            Self::Layer(_) => "l",
            Self::Quality(_) => "q",
            Self::Format(_) => "f",
            Self::Lossless(_) => "lo",
            Self::Progressive(_) => "pr",
            Self::KeepProfile(_) => "cp",
            Self::KeepMetadata(_) => "md",
            Self::DefaultImage(_) => "di",
            Self::Original(_) => "orig",
        }
    }

    /// Place in the canonical order of a step.
    pub fn rank(&self) -> usize {
        // Operations of models keep the order in which they were written, so they have one place.
        let key = match self {
            Self::Ai(_) => AiOperation::RemoveBackground.key(),
            _ => self.key(),
        };
        PARAMETERS
            .iter()
            .position(|parameter| parameter.key == key)
            .unwrap_or(PARAMETERS.len())
    }

    /// True when a step may have several.
    pub fn accumulates(&self) -> bool {
        matches!(
            self,
            Self::Named(_)
                | Self::Sharpen(_)
                | Self::UnsharpMask(_)
                | Self::Colorize(_)
                | Self::Gradient(_)
                | Self::Shadow(_)
                | Self::DropShadow(_)
                | Self::Distort(_)
                | Self::Ai(_)
                | Self::Layer(_)
        )
    }

    /// For people: `width 300`.
    pub fn describe(&self) -> String {
        let name = find(self.key()).map_or("", |parameter| parameter.name);
        match self {
            Self::Named(name) => format!("named {}", name.as_str()),
            Self::DefaultImage(path) => format!("{name} {}", path.as_str()),
            Self::Ai(operation) => match operation.prompt() {
                Some(prompt) => format!("{name} {:?}", prompt.as_str()),
                None => name.to_owned(),
            },
            Self::Page(part) => format!("{name}{part}"),
            Self::Layer(layer) => layer.describe(),
            Self::Grayscale | Self::Contrast => name.to_owned(),
            _ => format!("{name} {}", self.value()),
        }
    }

    /// The value in canonical spelling.
    fn value(&self) -> String {
        match self {
            Self::Named(name) => decode::escape(name.as_str()),
            Self::Width(extent) | Self::Height(extent) => extent.to_string(),
            Self::AspectRatio(ratio) => ratio.to_string(),
            Self::Dpr(dpr) => dpr.to_string(),
            Self::Crop(strategy) => strategy.name().to_owned(),
            Self::Focus(focus) => focus.name(),
            Self::X(offset) | Self::Y(offset) | Self::CenterX(offset) | Self::CenterY(offset) => offset.to_string(),
            Self::Rotate(turn) => turn.to_string(),
            Self::Flip(flip) => flip.name().to_owned(),
            Self::Background(fill) => fill.to_string(),
            Self::Border(border) => border.to_string(),
            Self::Radius(radius) => radius.to_string(),
            Self::Zoom(number) | Self::Blur(number) | Self::Opacity(number) | Self::Sharpen(number) => {
                number.to_string()
            }
            Self::Trim(trim) => trim.to_string(),
            Self::ReplaceColor(replaced) => replaced.to_string(),
            Self::Grayscale | Self::Contrast => String::new(),
            Self::UnsharpMask(mask) => mask.to_string(),
            Self::Colorize(tint) => tint.to_string(),
            Self::Gradient(gradient) => gradient.to_string(),
            Self::Shadow(shadow) => shadow.to_string(),
            Self::DropShadow(shadow) => shadow.to_string(),
            Self::Distort(distort) => distort.to_string(),
            Self::Ai(operation) => operation.prompt().map(ToString::to_string).unwrap_or_default(),
            Self::Page(part) => page::written(part),
            Self::Density(density) => density.to_string(),
            Self::Layer(layer) => layer.to_string(),
            Self::Quality(quality) => quality.get().to_string(),
            Self::Format(format) => format.name().to_owned(),
            Self::Lossless(on)
            | Self::Progressive(on)
            | Self::KeepProfile(on)
            | Self::KeepMetadata(on)
            | Self::ContentCredentials(on)
            | Self::Original(on) => on.to_string(),
            // A slash is written encoded and not as `@@`: the path may hold `@` beside a slash.
            Self::DefaultImage(path) => decode::escape(path.as_str()),
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        match self {
            Self::Layer(_) => f.write_str(&value),
            _ if value.is_empty() => f.write_str(self.key()),
            _ => write!(f, "{}-{value}", self.key()),
        }
    }
}

/// The row of a key.
pub fn find(key: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.key == key)
}

/// Key and value of a token: the first `-` separates, but effects have two words for a key.
pub(crate) fn split(token: &str) -> (&str, Option<&str>) {
    let from = if token.starts_with("e-") { 2 } else { 0 };
    match token[from..].find('-') {
        Some(at) => (&token[..from + at], Some(&token[from + at + 1..])),
        None => (token, None),
    }
}

/// Keys that may stand without a value.
pub(crate) const BARE: [&str; 14] = [
    "e-grayscale",
    "e-contrast",
    "e-sharpen",
    "e-usm",
    "e-shadow",
    "e-gradient",
    "e-dropshadow",
    "e-colorize",
    "e-bgremove",
    "e-removedotbg",
    "e-upscale",
    "e-retouch",
    "e-genvar",
    "orig",
];

fn boolean(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Refusal::invalid("true or false")),
    }
}

/// A key that needs no value. Some clients add a harmless one; one that switches it off is no reason to do it.
fn flag(value: &str, param: Param) -> Result<Param, Refusal> {
    match boolean(value) {
        Ok(false) => Err(Refusal::invalid("no value: leave it out to leave it undone")),
        _ => Ok(param),
    }
}

/// 0 to 100.
fn percent(text: &str) -> Option<f64> {
    number::unsigned(text).filter(|number| *number <= 100.0)
}

/// Parts of an effect's value: `ld-top_right_from-red` is `ld` and `from`. A word that begins with none of the keys
/// belongs to the part before it, because names and expressions hold the separator, too.
fn subs<'a>(value: &'a str, keys: &[&'static str]) -> Result<Vec<(&'static str, &'a str)>, Refusal> {
    let mut parts: Vec<(&'static str, usize, usize)> = Vec::new();
    let mut at = 0;
    if value.is_empty() || value == "true" {
        return Ok(Vec::new());
    }
    for word in value.split('_') {
        let end = at + word.len();
        let key = keys
            .iter()
            .find(|key| word.strip_prefix(**key).is_some_and(|rest| rest.starts_with('-')));
        match (key, parts.last_mut()) {
            (Some(key), _) => parts.push((key, at + key.len() + 1, end)),
            (None, Some(part)) => part.2 = end,
            (None, None) => {
                let keys: Vec<String> = keys.iter().map(|key| format!("{key}-…")).collect();
                return Err(Refusal::invalid(format!("{}, joined by _", keys.join(", "))));
            }
        }
        at = end + 1;
    }
    Ok(parts
        .into_iter()
        .map(|(key, start, end)| (key, &value[start..end]))
        .collect())
}

const NO_VIDEO: &str = "only images are transformed";

macro_rules! rows {
    ($($key:literal, $name:literal, $summary:literal, $syntax:literal, $place:literal, $section:literal, $meaning:expr;)*) => {
        &[$(Parameter {
            key: $key, name: $name, summary: $summary, syntax: $syntax, place: $place, section: $section,
            meaning: $meaning,
        }),*]
    };
}

use Meaning::{Block, Executed, InLayer, Unavailable};

/// Every parameter of the language. Those that are carried out stand first, in the canonical order of a step.
#[rustfmt::skip]
pub const PARAMETERS: &[Parameter] = rows![
    "n", "named", "steps stored under a name", "a name", "I V L B", "13", Executed(named::name);
    "pg", "page", "page, layer or frame of the source", "a number, layers such as 1_3-5 or 2-, or name-\"one\"_\"two\"", "I L", "8.5", Executed(page::page);
    "dn", "density", "dots per inch: at which a vector source is drawn, and what the result says", "1 to 1200, or an expression", "I", "8.3", Executed(density::density);
    "t", "trim", "cuts edges of one colour", "true, false, or a tolerance of 1 to 99 percent", "I L", "7.5", Executed(trim::trim);
    "e-bgremove", "ai remove background", "makes the background transparent", "no value", "I L", "9", Executed(ai::remove_background);
    "e-removedotbg", "ai remove background external", "makes the background transparent, by another provider", "no value", "I L", "9", Executed(ai::remove_background_external);
    "e-changebg", "ai change background", "paints another background", "prompt-<text> or prompte-<base64>", "I", "9", Executed(ai::change_background);
    "e-edit", "ai edit", "edits by a prompt", "prompt-<text> or prompte-<base64>", "I", "9", Executed(ai::edit);
    "e-retouch", "ai retouch", "improves the picture", "no value", "I", "9", Executed(ai::retouch);
    "e-upscale", "ai upscale", "enlarges by a model", "no value", "I", "9", Executed(ai::upscale);
    "e-genvar", "ai variation", "a variation of the picture", "no value", "I", "9", Executed(ai::variation);
    "w", "width", "width of the result, or at which a text wraps", "pixels, a fraction below 1, auto, or an expression", "I V L B T", "5.1", Executed(resize::width);
    "h", "height", "height of the result", "pixels, a fraction below 1, or an expression", "I V L B", "5.1", Executed(resize::height);
    "ar", "aspect ratio", "gives the side that is missing", "W-H, a number, or an expression", "I V L B", "5.2", Executed(resize::aspect_ratio);
    "dpr", "device pixel ratio", "multiplies the requested sides", "0.1 to 5, auto, or an expression", "I L B", "5.3", Executed(resize::dpr);
    "c", "crop", "how the picture is brought into the box", "maintain_ratio, force, at_max, at_max_enlarge, at_least, maintain_ratio_no_enlarge", "I V L B", "6.1", Executed(crop::strategy);
    "cm", "crop mode", "how the picture is brought into the box", "pad_resize, extract, pad_extract, pad_resize_no_enlarge, pad_extract_no_shrink", "I V L B", "6.1", Executed(crop::strategy);
    "fo", "focus", "what a crop keeps, where a pad puts the picture", "center, top, left, bottom, right, top_left, top_right, bottom_left, bottom_right, auto, face, custom, or objects such as dog_cat", "I V L B", "6.3", Executed(focus::focus);
    "z", "zoom", "distance to a face or an object", "a number above 0; above 1 is closer", "I L", "6.4", Executed(tone::zoom);
    "x", "x", "left edge of an extract", "pixels, or an expression", "I L B", "6.2", Executed(crop::x);
    "y", "y", "top edge of an extract", "pixels, or an expression", "I L B", "6.2", Executed(crop::y);
    "xc", "x center", "centre column of an extract", "pixels, or an expression", "I L B", "6.2", Executed(crop::x_center);
    "yc", "y center", "centre row of an extract", "pixels, or an expression", "I L B", "6.2", Executed(crop::y_center);
    "cr", "color replace", "replaces a colour", "<to>_<tolerance of 0 to 100>_<from>; the last two may be missing", "I L", "7.7", Executed(color_replace::replace);
    "e-contrast", "contrast stretch", "stretches intensities over the full range", "no value", "I L", "7.8", Executed(tone::contrast);
    "e-grayscale", "grayscale", "luminance only", "no value", "I L", "7.8", Executed(tone::grayscale);
    "e-colorize", "colorize", "tints", "co-<colour>_in-<0 to 100>", "I L", "7.9", Executed(tone::colorize);
    "e-sharpen", "sharpen", "sharpens", "nothing, or a strength of 1 to 100", "I L", "7.8", Executed(sharpen::sharpen);
    "e-usm", "unsharp mask", "sharpens", "<radius>-<sigma>-<amount>-<threshold>", "I L", "7.8", Executed(sharpen::unsharp_mask);
    "bl", "blur", "Gaussian blur", "1 to 100", "I L B", "7.4", Executed(tone::blur);
    "e-gradient", "gradient", "a gradient over the picture", "ld-<degrees or side>_from-<colour>_to-<colour>_sp-<fraction, pixels or expression>", "I L B", "7.10", Executed(gradient::gradient);
    "e-distort", "distort", "perspective or arc", "p-<eight numbers joined by _>, or a-<degrees>", "I L B", "7.12", Executed(distort::distort);
    "e-shadow", "shadow", "a soft shadow below what is not transparent", "bl-<0 to 15>_st-<0 to 100>_x-<percent>_y-<percent>", "I L B", "7.11", Executed(shadow::shadow);
    "e-dropshadow", "drop shadow", "a shadow on the ground below a cut-out", "az-<0 to 360>_el-<0 to 90>_st-<0 to 100>", "I L", "9", Executed(shadow::drop_shadow);
    "r", "radius", "rounds corners", "pixels or max, once or for the four corners", "I V L B T", "7.2", Executed(radius::radius);
    "b", "border", "frame around the picture", "<pixels or expression>_<colour>", "I V L B", "7.1", Executed(border::border);
    "rt", "rotation", "turns clockwise", "degrees, N before them for counter-clockwise, or auto", "I V L B T", "7.3", Executed(rotate::degrees);
    "fl", "flip", "mirrors", "h, v or h_v", "I V L B T", "7.3", Executed(flip::flip);
    "bg", "background", "what shows where the picture is not", "RRGGBB, RRGGBBAA with AA in percent, a colour name, blurred_<intensity>_<brightness>, dominant, gradient_dominant_<2 or 4>, or genfill-prompt-<text>", "I V L B T", "6.5", Executed(background::background);
    "o", "opacity", "opacity of the picture", "0 to 100", "I L B", "7.6", Executed(tone::opacity);
    "l", "overlay", "another picture, a block or a text on top", "l-<type>,i-<input>,…,l-end", "I V L B T", "10", Block("l-end");
    "q", "quality", "how much a lossy format keeps", "1 to 100", "I V L B", "8.1", Executed(quality::quality);
    "f", "format", "format of the result", "auto, jpg, png, webp, avif, gif, svg, orig", "I V", "8.2", Executed(format::format);
    "lo", "lossless", "lossless WebP or PNG", "true or false", "I", "8.3", Executed(format::lossless);
    "pr", "progressive", "progressive JPEG", "true or false", "I", "8.3", Executed(format::progressive);
    "cp", "color profile", "keeps the embedded colour profile", "true or false", "I", "8.3", Executed(format::keep_profile);
    "md", "metadata", "keeps all metadata", "true or false", "I", "8.3", Executed(format::keep_metadata);
    "c2pa", "content credentials", "keeps content credentials", "true or false", "I", "8.3", Executed(format::content_credentials);
    "di", "default image", "delivered when the asset is missing", "a path with @@ for /", "I", "8.4", Executed(default_image::path);
    "orig", "original", "stored bytes, untouched", "true or false", "I V", "8.3", Executed(original::original);
    "if", "condition", "steps that depend on the size", "if-<predicate>,…,if-else,…,if-end", "I V L B", "12", Block("if-end");

    "i", "input", "file or text of a layer, ik_canvas for a block of colour", "a path with @@ for /, or a text", "L B T", "2.5", InLayer(layer_param::input);
    "ie", "encoded input", "file or text of a layer", "base64", "L B T", "2.5", InLayer(layer_param::input);
    "lm", "layer mode", "how a layer is mixed in", "multiply, cutter, cutout, or displace with x and y", "L B T", "10.2", InLayer(layer_param::mode);
    "lfo", "layer focus", "side at which a layer lies", "center, or a side or corner such as top_left", "L B T", "10.1", InLayer(layer_param::focus);
    "lx", "layer x", "left edge of a layer; N counts from the right", "pixels, or an expression", "L B T", "10.1", InLayer(layer_param::x);
    "ly", "layer y", "top edge of a layer; N counts from the bottom", "pixels, or an expression", "L B T", "10.1", InLayer(layer_param::y);
    "lxc", "layer x center", "centre column of a layer", "pixels, or an expression", "L B T", "10.1", InLayer(layer_param::x_center);
    "lyc", "layer y center", "centre row of a layer", "pixels, or an expression", "L B T", "10.1", InLayer(layer_param::y_center);
    "lap", "layer anchor point", "from where a layer's place counts", "center, or a side or corner such as top_left", "L B T", "10.1", InLayer(layer_param::anchor_point);
    "fs", "font size", "size of a text", "pixels, or an expression", "T", "10.3", InLayer(layer_param::font_size);
    "ff", "font family", "font of a text", "a name, or the path of a font file with @@ for /", "T", "10.3", InLayer(layer_param::font_family);
    "co", "font color", "colour of a text", "RRGGBB, RRGGBBAA with AA in percent, or a colour name", "T", "10.3", InLayer(layer_param::font_color);
    "ia", "inner alignment", "alignment of a text's lines", "left, center or right", "T", "10.3", InLayer(layer_param::inner_alignment);
    "pa", "padding", "space around a text", "one to four numbers joined by _, or an expression", "T", "10.3", InLayer(layer_param::padding);
    "al", "alpha", "opacity of a text or a block whose colour is six digits", "1 to 9", "B T", "10.3", InLayer(layer_param::alpha);
    "tg", "typography", "style of a text", "b, i, strikethrough, or several such as b_i", "T", "10.3", InLayer(layer_param::typography);
    "lh", "line height", "distance of a text's lines", "pixels, or an expression", "T", "10.3", InLayer(layer_param::line_height);

    "ac", "audio codec", "codec of the sound", "aac, opus, none", "V", "17", Unavailable(NO_VIDEO);
    "du", "duration", "length of a clip", "seconds, or an expression", "V", "17", Unavailable(NO_VIDEO);
    "eo", "end offset", "end of a clip", "seconds, or an expression", "V", "17", Unavailable(NO_VIDEO);
    "so", "start offset", "start of a clip", "seconds, or an expression", "V", "17", Unavailable(NO_VIDEO);
    "fol", "font outline", "outline of subtitles", "width_colour", "V", "10.6", Unavailable(NO_VIDEO);
    "fsh", "font shadow", "shadow of subtitles", "colour_offset", "V", "10.6", Unavailable(NO_VIDEO);
    "lang", "language", "language of a track", "a language code", "V", "19", Unavailable(NO_VIDEO);
    "ldu", "layer duration", "how long a layer shows", "seconds, or an expression", "V", "10.5", Unavailable(NO_VIDEO);
    "leo", "layer end offset", "when a layer goes", "seconds, or an expression", "V", "10.5", Unavailable(NO_VIDEO);
    "lso", "layer start offset", "when a layer comes", "seconds, or an expression", "V", "10.5", Unavailable(NO_VIDEO);
    "sr", "streaming resolutions", "heights of an adaptive stream", "a list", "V", "18", Unavailable(NO_VIDEO);
    "vc", "video codec", "codec of the pictures", "h264, vp9, av1, none", "V", "17", Unavailable(NO_VIDEO);
];

/// Overlay parameters that the language had until 2023, and what took their place.
pub(crate) const REMOVED: &[(&str, &str)] = &[
    ("oi", "`l-image,i-<path>,l-end`"),
    ("ot", "`l-text,i-<text>,l-end`"),
    ("ote", "`l-text,ie-<base64>,l-end`"),
    ("obg", "`l-image,i-ik_canvas,bg-<colour>,l-end`"),
    ("ox", "`lx` in a layer"),
    ("oy", "`ly` in a layer"),
    ("ofo", "`lfo` in a layer"),
    ("ow", "`w` in a layer"),
    ("oh", "`h` in a layer"),
    ("ots", "`fs` in a text layer"),
    ("otf", "`ff` in a text layer"),
    ("otc", "`co` in a text layer"),
    ("otw", "`w` in a text layer"),
    ("otbg", "`bg` in a text layer"),
    ("otp", "`pa` in a text layer"),
    ("otia", "`ia` in a text layer"),
    ("ott", "`tg` in a text layer"),
    ("oa", "`al` in a layer"),
    ("or", "`r` in a layer"),
    ("oit", "`t` in an image layer"),
    ("oiar", "`ar` in an image layer"),
    ("oib", "`b` in an image layer"),
    ("oibg", "`bg` in an image layer"),
    ("oic", "`c` in an image layer"),
    ("oicm", "`cm` in an image layer"),
    ("oidpr", "`dpr` in an image layer"),
    ("oifo", "`fo` in an image layer"),
    ("oiq", "`q` in an image layer"),
    ("oix", "`x` in an image layer"),
    ("oiy", "`y` in an image layer"),
    ("oixc", "`xc` in an image layer"),
    ("oiyc", "`yc` in an image layer"),
];
