//! `fo`: what a crop keeps, and where a pad puts the picture.

use super::{Param, Refusal};
use crate::Mode;

/// What a crop keeps, and where a pad puts the picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Focus {
    /// A side, a corner or the centre.
    Anchor(Anchor),
    /// `auto`: what is most interesting.
    Auto,
    /// `face`: all faces.
    Face,
    /// `custom`: the area that is stored with the file; the centre if there is none.
    Custom,
    /// `auto-custom_override`: the area that is stored with the file; what is most interesting if there is none.
    CustomOrAuto,
    /// All objects of these kinds: classes of COCO in camelCase.
    Objects(Vec<String>),
}

impl Default for Focus {
    fn default() -> Self {
        Self::Anchor(Anchor::Center)
    }
}

impl Focus {
    /// As written in a URL.
    pub fn name(&self) -> String {
        match self {
            Self::Anchor(anchor) => anchor.name().to_owned(),
            Self::Auto => "auto".to_owned(),
            Self::Face => "face".to_owned(),
            Self::Custom => "custom".to_owned(),
            Self::CustomOrAuto => "auto-custom_override".to_owned(),
            Self::Objects(names) => names.join("_"),
        }
    }
}

/// One of nine places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Anchor {
    #[default]
    Center,
    Top,
    Bottom,
    Left,
    Right,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// Where on one axis the kept part, or the picture, lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Start,
    Middle,
    End,
}

const ANCHORS: [(&str, Anchor); 9] = [
    ("center", Anchor::Center),
    ("top", Anchor::Top),
    ("bottom", Anchor::Bottom),
    ("left", Anchor::Left),
    ("right", Anchor::Right),
    ("top_left", Anchor::TopLeft),
    ("top_right", Anchor::TopRight),
    ("bottom_left", Anchor::BottomLeft),
    ("bottom_right", Anchor::BottomRight),
];

impl Anchor {
    /// As written in a URL.
    pub fn name(self) -> &'static str {
        ANCHORS
            .iter()
            .find(|(_, anchor)| *anchor == self)
            .map_or("center", |(name, _)| name)
    }

    pub(crate) fn horizontal(self) -> Side {
        match self {
            Self::Left | Self::TopLeft | Self::BottomLeft => Side::Start,
            Self::Center | Self::Top | Self::Bottom => Side::Middle,
            Self::Right | Self::TopRight | Self::BottomRight => Side::End,
        }
    }

    pub(crate) fn vertical(self) -> Side {
        match self {
            Self::Top | Self::TopLeft | Self::TopRight => Side::Start,
            Self::Center | Self::Left | Self::Right => Side::Middle,
            Self::Bottom | Self::BottomLeft | Self::BottomRight => Side::End,
        }
    }
}

pub(super) fn anchor(value: &str, _: Mode) -> Result<Param, Refusal> {
    let spelled = value.replace('-', "_");
    if let Some((_, anchor)) = ANCHORS.iter().find(|(name, _)| *name == spelled) {
        return Ok(Param::Focus(Focus::Anchor(*anchor)));
    }
    let what = match value {
        "auto" => "automatic focus".to_owned(),
        "custom" => "the stored focus area".to_owned(),
        "face" => "face detection".to_owned(),
        _ => "focus on an object".to_owned(),
    };
    let hint = Some("the centre is kept; choose a side with `fo-top` or the like".to_owned());
    Err(Refusal {
        hint,
        ..Refusal::unavailable(what)
    })
}
