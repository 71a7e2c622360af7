//! What a layer says of itself, in any of its steps: position, mode, and the type of a text.

use super::{Anchor, AssetPath, Length, Offset, Padding, Reading, Refusal, length, number, resize};
use crate::{Color, Font, TextAlign};

use super::layer::LayerOffset;

/// A parameter that only layers have.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerParam {
    /// `lm`
    Mode(NamedMode),
    /// `lx`
    X(LayerOffset),
    /// `ly`
    Y(LayerOffset),
    /// `lxc`
    CenterX(LayerOffset),
    /// `lyc`
    CenterY(LayerOffset),
    /// `lap`
    AnchorPoint(Anchor),
    /// `lfo`
    Focus(Anchor),
    /// `al`: tenths of opacity, 1 to 9.
    Alpha(u8),
    /// `fs`
    FontSize(Length),
    /// `ff`
    FontFamily(Font),
    /// `co`
    FontColor(Color),
    /// `ia`
    Align(TextAlign),
    /// `pa`
    Padding(Padding),
    /// `tg`
    Typography {
        /// `b`
        bold: bool,
        /// `i`
        italic: bool,
        /// `strikethrough`
        strikethrough: bool,
    },
    /// `lh`
    LineHeight(Length),
    /// `i`, `ie`: read before everything else, because it says what the layer is.
    Input,
}

/// What `lm` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "see LayerMode")]
pub enum NamedMode {
    Multiply,
    Cutter,
    Cutout,
    Displace,
}

pub(super) fn input(_: &str, _: Reading) -> Result<LayerParam, Refusal> {
    Ok(LayerParam::Input)
}

pub(super) fn mode(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    let mode = match value {
        "multiply" => NamedMode::Multiply,
        "cutter" => NamedMode::Cutter,
        "cutout" => NamedMode::Cutout,
        "displace" | "displacement" => NamedMode::Displace,
        _ => return Err(Refusal::invalid("multiply, cutter, cutout or displace")),
    };
    Ok(LayerParam::Mode(mode))
}

pub(super) fn x(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    offset(value, reading).map(LayerParam::X)
}

pub(super) fn y(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    offset(value, reading).map(LayerParam::Y)
}

pub(super) fn x_center(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    offset(value, reading).map(LayerParam::CenterX)
}

pub(super) fn y_center(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    offset(value, reading).map(LayerParam::CenterY)
}

/// No variable begins with `N`, so it can stand before an expression, too.
fn offset(value: &str, reading: Reading) -> Result<LayerOffset, Refusal> {
    let (negative, rest) = match value.strip_prefix(['N', '-']) {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let amount = match number::unsigned(rest) {
        Some(number) => Offset::Number(number),
        None => Offset::Expression(resize::expression(
            rest,
            "a number of pixels",
            reading.scope.position(),
        )?),
    };
    Ok(LayerOffset { negative, amount })
}

pub(super) fn anchor_point(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    anchor(value).map(LayerParam::AnchorPoint)
}

pub(super) fn focus(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    anchor(value).map(LayerParam::Focus)
}

fn anchor(value: &str) -> Result<Anchor, Refusal> {
    Anchor::named(value).ok_or_else(|| Refusal::invalid("center, or a side or corner such as top_left"))
}

pub(super) fn alpha(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    match value.as_bytes() {
        [digit @ b'1'..=b'9'] => Ok(LayerParam::Alpha(digit - b'0')),
        _ => Err(Refusal::invalid("1 to 9")),
    }
}

pub(super) fn font_size(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    positive(value, reading).map(LayerParam::FontSize)
}

pub(super) fn line_height(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    positive(value, reading).map(LayerParam::LineHeight)
}

fn positive(value: &str, reading: Reading) -> Result<Length, Refusal> {
    match length::length(value, reading.scope)? {
        Length::Number(0.0) => Err(Refusal::invalid("pixels above 0")),
        length => Ok(length),
    }
}

/// A name, or a file: that has one of these endings.
pub(super) fn font_family(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    let is_file = value.rsplit_once('.').is_some_and(|(_, ending)| {
        ["ttf", "otf", "ttc", "woff", "woff2"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    });
    let font = if is_file {
        let path = AssetPath::new(&value.replace("@@", "/"));
        let path = path.ok_or_else(|| Refusal::invalid("the path of a font, with @@ for /"))?;
        Font::File(path.as_str().to_owned())
    } else {
        Font::Family(value.to_owned())
    };
    Ok(LayerParam::FontFamily(font))
}

pub(super) fn font_color(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    Color::parse(value, reading.mode)
        .map(LayerParam::FontColor)
        .ok_or_else(|| Refusal::invalid("a colour: RRGGBB, RRGGBBAA with AA from 00 to 99 percent, or a name"))
}

pub(super) fn inner_alignment(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    let align = match value {
        "left" => TextAlign::Left,
        "center" => TextAlign::Center,
        "right" => TextAlign::Right,
        _ => return Err(Refusal::invalid("left, center or right")),
    };
    Ok(LayerParam::Align(align))
}

/// In the order of CSS: what is missing is as opposite.
pub(super) fn padding(value: &str, reading: Reading) -> Result<LayerParam, Refusal> {
    const MOST: f64 = 16_383.0;
    let side = |word: &str| number::unsigned(word).map(|number| number.min(MOST).round() as u32);
    let sides: Option<Vec<u32>> = value.split('_').map(side).collect();
    let sides = match sides.as_deref() {
        Some([all]) => [*all; 4],
        Some([rows, columns]) => [*rows, *columns, *rows, *columns],
        Some([top, columns, bottom]) => [*top, *columns, *bottom, *columns],
        Some([top, right, bottom, left]) => [*top, *right, *bottom, *left],
        Some(_) => return Err(Refusal::invalid("one to four numbers")),
        None => {
            let expression = resize::expression(value, "one to four numbers", reading.scope)?;
            return Ok(LayerParam::Padding(Padding::Expression(expression)));
        }
    };
    Ok(LayerParam::Padding(Padding::Sides(sides)))
}

pub(super) fn typography(value: &str, _: Reading) -> Result<LayerParam, Refusal> {
    let (mut bold, mut italic, mut strikethrough) = (false, false, false);
    for word in value.split('_') {
        match word {
            "b" => bold = true,
            "i" => italic = true,
            "strikethrough" => strikethrough = true,
            _ => return Err(Refusal::invalid("b, i, strikethrough, or several such as b_i")),
        }
    }
    Ok(LayerParam::Typography {
        bold,
        italic,
        strikethrough,
    })
}
