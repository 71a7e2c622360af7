//! What a text layer says of its text.

use std::fmt;

use super::{AssetPath, Length};
use crate::expression::Expression;
use crate::{Color, Font, Input, InputKind, TextAlign, decode};

/// A text and its type, as asked for: what is not said is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextSpec {
    /// `i`, `ie`: what is written, lines parted by `\n`. Not empty.
    pub text: String,
    /// `w`: width at which words wrap.
    pub width: Option<Length>,
    /// `fs`: size of the type.
    pub size: Option<Length>,
    /// `ff`: a family or a file.
    pub font: Option<Font>,
    /// `co`, with `al` counted in.
    pub color: Option<Color>,
    /// `ia`: of lines among each other.
    pub align: Option<TextAlign>,
    /// `pa`: around the text.
    pub padding: Option<Padding>,
    /// `tg-b`
    pub bold: bool,
    /// `tg-i`
    pub italic: bool,
    /// `tg-strikethrough`
    pub strikethrough: bool,
    /// `bg`: behind the text and its padding.
    pub background: Option<Color>,
    /// `lh`: from one line to the next.
    pub line_height: Option<Length>,
}

/// Space around a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Padding {
    /// Pixels: top, right, bottom, left.
    Sides([u32; 4]),
    /// The same on all sides, computed from sizes.
    Expression(Expression),
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sides([top, right, bottom, left]) if right != left => write!(f, "{top}_{right}_{bottom}_{left}"),
            Self::Sides([top, right, bottom, _]) if top != bottom => write!(f, "{top}_{right}_{bottom}"),
            Self::Sides([top, right, ..]) if top != right => write!(f, "{top}_{right}"),
            Self::Sides([top, ..]) => write!(f, "{top}"),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

impl TextSpec {
    /// Most characters of a text that is written plainly; longer ones are cut.
    pub const PLAIN_CHARACTERS: usize = 2000;
    /// Most characters of a text that is written in base64; longer ones are cut.
    pub const ENCODED_CHARACTERS: usize = 2500;

    /// The file of its font, if it is in a file.
    pub fn font_file(&self) -> Option<Input> {
        let Some(Font::File(name)) = &self.font else {
            return None;
        };
        Some(Input {
            name: name.clone(),
            path: AssetPath::new(name)?,
            kind: InputKind::Font,
        })
    }

    /// Canonical tokens, the text first.
    pub(super) fn tokens(&self) -> Vec<String> {
        let text = if self.text.chars().count() > Self::PLAIN_CHARACTERS {
            format!("ie-{}", decode::escape(&decode::base64_encode(&self.text)))
        } else {
            format!("i-{}", decode::escape(&self.text))
        };
        let font = self.font.as_ref().map(|font| match font {
            Font::Family(name) | Font::File(name) => decode::escape(name),
        });
        let align = self.align.map(|align| match align {
            TextAlign::Left => "left",
            TextAlign::Center => "center",
            TextAlign::Right => "right",
        });
        let styles = [
            (self.bold, "b"),
            (self.italic, "i"),
            (self.strikethrough, "strikethrough"),
        ];
        let styles: Vec<&str> = styles.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let optional = [
            ("w", self.width.as_ref().map(ToString::to_string)),
            ("fs", self.size.as_ref().map(ToString::to_string)),
            ("ff", font),
            ("co", self.color.map(|color| color.to_string())),
            ("ia", align.map(str::to_owned)),
            ("pa", self.padding.as_ref().map(ToString::to_string)),
            ("tg", (!styles.is_empty()).then(|| styles.join("_"))),
            ("bg", self.background.map(|color| color.to_string())),
            ("lh", self.line_height.as_ref().map(ToString::to_string)),
        ];
        let written = optional
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| format!("{key}-{value}")));
        std::iter::once(text).chain(written).collect()
    }
}
