//! `l-…`: another picture, a text or a block of colour on top.

use std::fmt;

use super::{Anchor, AssetPath, Extent, Fill, Offset, Param, Strategy, TextSpec, Trim};
use crate::expression::Expression;
use crate::{Color, Input, Params, Step, decode, transformation};

/// A layer as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSpec {
    /// What it is made of.
    pub kind: LayerKind,
    /// How it is mixed with what is below.
    pub mode: LayerMode,
    /// Where it lies.
    pub position: LayerPosition,
    /// What is done to it before it is laid on: layers of its own among it. For the planner see
    /// [`picture`](Self::picture) and [`block`](Self::block).
    pub steps: Vec<Step>,
}

/// What a layer is made of.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a layer as a whole is boxed where it is kept")]
pub enum LayerKind {
    /// A file.
    Picture(AssetPath),
    /// `ik_canvas`: a block of one colour, or of a gradient.
    Canvas,
    /// A text.
    Text(TextSpec),
}

/// Where a layer lies on the picture below it.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerPosition {
    /// `lfo`: flush with these sides, in the middle otherwise.
    Focus(Anchor),
    /// `lx`, `ly`, `lxc`, `lyc`; a missing one is at 0.
    At {
        /// Column.
        x: Option<Place>,
        /// Row.
        y: Option<Place>,
        /// `lap`: the point of the picture below from which both count. At the top left, where nothing is said, a
        /// negative offset is measured from the opposite edge, at others it goes to the left or up.
        anchor: Anchor,
    },
}

/// What is placed, and where on one axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// `lx`, `ly`: an edge of the layer.
    Edge(LayerOffset),
    /// `lxc`, `lyc`: the layer's centre.
    Center(LayerOffset),
}

/// An offset that knows `N0` from `0`.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOffset {
    /// Written with `N`.
    pub negative: bool,
    /// Pixels without the sign; an expression may have any value. Its `cw` and `ch` are the layer's final size.
    pub amount: Offset,
}

/// How a layer is mixed with what is below.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum LayerMode {
    /// Covers it.
    #[default]
    Over,
    /// Product of the channels.
    Multiply,
    /// Keeps it only where the layer is opaque.
    Cutter,
    /// Makes it transparent where the layer is opaque.
    Cutout,
    /// Moves its pixels: red along rows, green along columns.
    Displace {
        /// Pixels at full red.
        x: Offset,
        /// Pixels at full green.
        y: Offset,
    },
}

/// A block of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Columns; those of the picture below if absent.
    pub width: Option<Extent>,
    /// Rows; those of the picture below if absent.
    pub height: Option<Extent>,
    /// All over, with `al` counted in.
    pub color: Color,
}

/// A file that becomes a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPicture {
    /// Where its first pixels come from.
    pub input: Input,
    /// What is done to them: trimming is explicit, operations that need a model are done already.
    pub steps: Vec<Step>,
}

impl LayerMode {
    /// Pixels by which a displacement moves where nothing is said.
    pub const DISPLACEMENT: f64 = 10.0;
}

impl Default for LayerPosition {
    fn default() -> Self {
        Self::Focus(Anchor::Center)
    }
}

impl LayerSpec {
    /// The file of a picture layer with what is left to do to it. `None` for texts and blocks.
    ///
    /// Image layers are trimmed unless they say otherwise: the steps say so. Operations that need a model belong to the
    /// input: it is a file that has to be derived first.
    pub fn picture(&self) -> Option<LayerPicture> {
        let LayerKind::Picture(path) = &self.kind else {
            return None;
        };
        let mut steps = self.steps.clone();
        let says_trim = transformation::parameters(&steps).any(|(param, _)| matches!(param, Param::Trim(_)));
        if !says_trim {
            let trim = Param::Trim(Trim::DEFAULT);
            match steps.first_mut() {
                Some(Step::Apply(params)) => params.insert(trim),
                _ => steps.insert(0, Step::Apply(Params::from_iter([trim]))),
            }
        }
        let (input, steps) = Input::picture(path, steps);
        Some(LayerPicture { input, steps })
    }

    /// The block of a canvas layer with what is left to do to it. `None` for texts and files.
    ///
    /// Size and colour are those of its first step. Without a colour it is black, or transparent below a gradient.
    pub fn block(&self) -> Option<(Block, Vec<Step>)> {
        let LayerKind::Canvas = &self.kind else { return None };
        let mut steps = self.steps.clone();
        let mut block = Block {
            width: None,
            height: None,
            color: Color::BLACK,
        };
        let Some(Step::Apply(first)) = steps.first_mut() else {
            return Some((block, steps));
        };
        if first.iter().any(|param| matches!(param, Param::Gradient(_))) {
            block.color = Color::TRANSPARENT;
        }
        first.retain(|param| {
            match param {
                Param::Width(extent) => block.width = Some(extent.clone()),
                Param::Height(extent) => block.height = Some(extent.clone()),
                Param::Background(Fill::Color(color)) => block.color = *color,
                _ => return true,
            }
            false
        });
        Some((block, steps))
    }

    /// For people: `picture logo.png (layer focus top, width 90; rotation 90)`.
    pub fn describe(&self) -> String {
        let what = match &self.kind {
            LayerKind::Picture(path) => format!("picture {}", path.as_str()),
            LayerKind::Canvas => "block".to_owned(),
            LayerKind::Text(text) => format!("text {:?}", text.text),
        };
        // The first two say what it is.
        let own = self.tokens().into_iter().skip(2).map(|token| {
            let (key, value) = super::split(&token);
            let name = super::find(key).map_or(key, |parameter| parameter.name);
            format!("{name} {}", decode::percent(value.unwrap_or_default()))
        });
        let own = own.collect::<Vec<_>>().join(", ");
        let steps = self.steps.iter().map(|step| match step {
            Step::Apply(params) => params.iter().map(Param::describe).collect::<Vec<_>>().join(", "),
            Step::If(condition) => format!("steps if {}", condition.predicate.to_string().replace('_', " ")),
        });
        let all: Vec<String> = std::iter::once(own)
            .chain(steps)
            .filter(|text| !text.is_empty())
            .collect();
        if all.is_empty() {
            what
        } else {
            format!("{what} ({})", all.join("; "))
        }
    }

    fn tokens(&self) -> Vec<String> {
        let mut tokens = match &self.kind {
            LayerKind::Picture(path) => vec!["l-image".to_owned(), format!("i-{}", decode::escape(path.as_str()))],
            LayerKind::Canvas => vec!["l-image".to_owned(), "i-ik_canvas".to_owned()],
            LayerKind::Text(text) => {
                let mut tokens = vec!["l-text".to_owned()];
                tokens.extend(text.tokens());
                tokens
            }
        };
        match &self.mode {
            LayerMode::Over => {}
            LayerMode::Multiply => tokens.push("lm-multiply".to_owned()),
            LayerMode::Cutter => tokens.push("lm-cutter".to_owned()),
            LayerMode::Cutout => tokens.push("lm-cutout".to_owned()),
            LayerMode::Displace { x, y } => {
                tokens.extend(["lm-displace".to_owned(), format!("x-{x}"), format!("y-{y}")])
            }
        }
        match &self.position {
            LayerPosition::Focus(Anchor::Center) => {}
            LayerPosition::Focus(anchor) => tokens.push(format!("lfo-{}", anchor.name())),
            LayerPosition::At { x, y, anchor } => {
                for (axis, place) in [("x", x), ("y", y)] {
                    match place {
                        Some(Place::Edge(offset)) => tokens.push(format!("l{axis}-{offset}")),
                        Some(Place::Center(offset)) => tokens.push(format!("l{axis}c-{offset}")),
                        None => {}
                    }
                }
                if *anchor != Anchor::TopLeft {
                    tokens.push(format!("lap-{}", anchor.name()));
                }
            }
        }
        tokens
    }
}

/// As written in a URL, from `l-` to `l-end`.
impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tokens().join(","))?;
        let steps = transformation::chain(&self.steps);
        if !steps.is_empty() {
            // A condition has its step to itself, and the coordinates of an extract are not those of a displacement.
            let apart = match self.steps.first() {
                Some(Step::If(_)) => true,
                Some(Step::Apply(params)) => {
                    matches!(self.mode, LayerMode::Displace { .. })
                        && params.iter().any(|param| *param == Param::Crop(Strategy::Extract))
                }
                None => false,
            };
            let separator = if apart { ':' } else { ',' };
            write!(f, "{separator}{steps}")?;
        }
        f.write_str(",l-end")
    }
}

impl fmt::Display for LayerOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "N" } else { "" }, self.amount)
    }
}

impl LayerOffset {
    /// The expression, if there is one.
    pub fn expression(&self) -> Option<&Expression> {
        match &self.amount {
            Offset::Expression(expression) => Some(expression),
            Offset::Number(_) => None,
        }
    }
}
