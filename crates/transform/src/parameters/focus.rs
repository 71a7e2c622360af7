//! `fo`: what a crop keeps, and where a pad puts the picture.

use super::{Param, Reading, Refusal};
use crate::hint;

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

impl Anchor {
    /// By its name, with either separator.
    pub(super) fn named(value: &str) -> Option<Self> {
        let spelled = value.replace('-', "_");
        ANCHORS
            .iter()
            .find(|(name, _)| *name == spelled)
            .map(|(_, anchor)| *anchor)
    }
}

/// The classes of COCO (Lin and others, 2014), which detectors are usually trained on.
#[rustfmt::skip]
pub const OBJECTS: [&str; 80] = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "trafficLight",
    "fireHydrant", "stopSign", "parkingMeter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sportsBall", "kite", "baseballBat", "baseballGlove", "skateboard", "surfboard", "tennisRacket", "bottle",
    "wineGlass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hotDog", "pizza", "donut", "cake", "chair", "couch", "pottedPlant", "bed", "diningTable", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cellPhone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddyBear", "hairDrier", "toothbrush",
];

pub(super) fn focus(value: &str, _: Reading) -> Result<Param, Refusal> {
    if let Some(anchor) = Anchor::named(value) {
        return Ok(Param::Focus(Focus::Anchor(anchor)));
    }
    Ok(Param::Focus(match value {
        "auto" => Focus::Auto,
        "face" => Focus::Face,
        "custom" => Focus::Custom,
        "auto-custom_override" | "auto_custom_override" | "custom-auto" | "custom_auto" => Focus::CustomOrAuto,
        _ => objects(value)?,
    }))
}

/// Each once, in the order of the classes: one spelling for one set.
fn objects(value: &str) -> Result<Focus, Refusal> {
    let mut places = Vec::new();
    for word in value.split('_') {
        let same = |name: &str| name.eq_ignore_ascii_case(word);
        let place = OBJECTS.iter().position(|name| same(name)).ok_or_else(|| Refusal {
            hint: hint::closest_of(word, &OBJECTS).map(|name| format!("did you mean `{name}`?")),
            ..Refusal::invalid(
                "center, a side or corner such as top_left, auto, face, custom, or objects such as dog_cat",
            )
        })?;
        places.push(place);
    }
    places.sort_unstable();
    places.dedup();
    Ok(Focus::Objects(
        places.into_iter().map(|place| OBJECTS[place].to_owned()).collect(),
    ))
}
