//! `l-image,…,l-end`: a layer's own parameters may stand in any of its steps.

use super::{Interpreter, Place};
use crate::error::{ParseError, ParseErrorKind, quoted};
use crate::parameters::{
    Anchor, AssetPath, Extent, Fill, LayerKind, LayerMode, LayerOffset, LayerParam, LayerPosition, LayerSpec, Length,
    NamedMode, Offset, Param, Place as Placed, Refusal, TextSpec, Turn,
};
use crate::token::{Chain, Node, Token};
use crate::{Color, Params, Step, decode};

const LAYER_TYPES: [&str; 5] = ["image", "text", "video", "subtitles", "subtitle"];

/// What a layer has said of itself so far.
#[derive(Default)]
pub struct LayerReader {
    /// The current step has an extract, so that coordinates are its own.
    pub extracts: bool,
    mode: Option<NamedMode>,
    /// How far a displacement moves.
    strength: [Option<Offset>; 2],
    /// `lx`, `ly`
    edges: [Option<(LayerOffset, Token)>; 2],
    /// `lxc`, `lyc`
    centers: [Option<(LayerOffset, Token)>; 2],
    anchor: Option<(Anchor, Token)>,
    focus: Option<(Anchor, Token)>,
    alpha: Option<(u8, Token)>,
    /// The colour that `al` is for was written without an opacity of its own.
    plain_color: bool,
    text: TextSpec,
}

impl LayerReader {
    /// True when a key that is an extract's says how far a displacement moves.
    pub fn displaces(&self, key: &str) -> bool {
        self.mode == Some(NamedMode::Displace) && !self.extracts && matches!(key, "x" | "y")
    }

    pub fn set(&mut self, param: LayerParam, token: &Token) {
        let written = |offset: LayerOffset| Some((offset, token.clone()));
        match param {
            LayerParam::Mode(mode) => self.mode = Some(mode),
            LayerParam::X(offset) => self.edges[0] = written(offset),
            LayerParam::Y(offset) => self.edges[1] = written(offset),
            LayerParam::CenterX(offset) => self.centers[0] = written(offset),
            LayerParam::CenterY(offset) => self.centers[1] = written(offset),
            LayerParam::AnchorPoint(anchor) => self.anchor = Some((anchor, token.clone())),
            LayerParam::Focus(anchor) => self.focus = Some((anchor, token.clone())),
            LayerParam::Alpha(tenths) => self.alpha = Some((tenths, token.clone())),
            LayerParam::FontSize(length) => self.text.size = Some(length),
            LayerParam::FontFamily(font) => self.text.font = Some(font),
            LayerParam::FontColor(color) => {
                self.text.color = Some(color);
                self.plain_color = is_plain(&token.text);
            }
            LayerParam::Align(align) => self.text.align = Some(align),
            LayerParam::Padding(padding) => self.text.padding = Some(padding),
            LayerParam::Typography {
                bold,
                italic,
                strikethrough,
            } => {
                (self.text.bold, self.text.italic, self.text.strikethrough) = (bold, italic, strikethrough);
            }
            LayerParam::LineHeight(length) => self.text.line_height = Some(length),
            LayerParam::Input => {}
        }
    }

    /// Keeps what is the layer's own and gives the rest back.
    pub fn take(
        &mut self,
        param: Param,
        token: &Token,
        place: Place,
        makes_block: bool,
    ) -> Result<Option<Param>, Refusal> {
        let refuse = |reason: &str| Refusal {
            reason: reason.to_owned(),
            hint: None,
            unavailable: false,
        };
        match param {
            Param::X(offset) if self.displaces("x") => self.strength[0] = Some(offset),
            Param::Y(offset) if self.displaces("y") => self.strength[1] = Some(offset),
            Param::Width(extent) if place == Place::Text => {
                self.text.width = Some(match extent {
                    Extent::Pixels(pixels) => Length::Number(f64::from(pixels.get())),
                    Extent::Expression(expression) => Length::Expression(expression),
                    Extent::Auto | Extent::Fraction(_) => return Err(refuse("expected pixels or an expression")),
                });
            }
            Param::Background(Fill::Color(color)) if place == Place::Text => self.text.background = Some(color),
            Param::Background(ref fill)
                if place == Place::Text || (place == Place::Canvas && !matches!(fill, Fill::Color(_))) =>
            {
                return Err(refuse("expected a colour"));
            }
            Param::Rotate(Turn::Auto) if place != Place::Picture => return Err(refuse("expected degrees")),
            param => {
                if makes_block && matches!(param, Param::Background(_)) {
                    self.plain_color = is_plain(&token.text);
                }
                return Ok(Some(param));
            }
        }
        Ok(None)
    }
}

/// True for six (or three) digits: no name, no opacity of its own.
fn is_plain(token: &str) -> bool {
    let value = token.split_once('-').map_or("", |(_, value)| value);
    matches!(value.len(), 3 | 6) && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Interpreter<'_> {
    /// A layer without which the picture would be another one is never left out: what is wrong with it as a whole is an
    /// error in both modes.
    pub(super) fn layer(&mut self, opening: &Token, body: &Chain) -> Result<LayerSpec, ParseError> {
        let kind = opening.text.strip_prefix("l-").unwrap_or_default();
        let structure = ParseErrorKind::Structure;
        if !LAYER_TYPES.contains(&kind) {
            let message = format!("unknown layer type {}", quoted(&opening.text));
            let hint = match kind {
                "solid" | "gradient" | "canvas" => "a block is `l-image,i-ik_canvas,bg-<colour>,l-end`",
                _ => "expected l-image, l-text, l-video or l-subtitles",
            };
            return Err(self.error(opening, structure, message, Some(hint.to_owned())));
        }
        let (input, token) = self.input(opening, body)?;
        if !matches!(kind, "image" | "text") {
            let message = format!(
                "{} needs a video below it, and only images are transformed",
                quoted(&opening.text)
            );
            let hint = format!("remove everything from `{}` to its `l-end`", opening.text);
            return Err(self.error(opening, ParseErrorKind::Unavailable, message, Some(hint)));
        }
        let mut reader = LayerReader {
            // It decides what other tokens mean, so it is looked for before they are read.
            mode: tokens(body)
                .any(|token| matches!(token.text.as_str(), "lm-displace" | "lm-displacement"))
                .then_some(NamedMode::Displace),
            ..LayerReader::default()
        };
        let path = AssetPath::new(&input.replace("@@", "/"));
        let place = match &path {
            _ if kind == "text" => Place::Text,
            Some(path) if path.as_str() == "ik_canvas" => Place::Canvas,
            _ => Place::Picture,
        };
        if place == Place::Text {
            reader.text.text = self.cut(input, token);
        } else if path.is_none() {
            let message = format!("{} is not the path of a file", quoted(&token.text));
            let hint = "write the path with @@ for /, without `.` and `..`".to_owned();
            return Err(self.error(token, structure, message, Some(hint)));
        }
        let conditions = std::mem::take(&mut self.conditions);
        let steps = self.chain(body, place, Some(&mut reader));
        self.conditions = conditions;
        let mut steps = steps?;

        if let Some((tenths, token)) = reader.alpha.take() {
            // The colour of a text that says none is black.
            let plain = reader.plain_color || (place == Place::Text && reader.text.color.is_none());
            let color = match (place, steps.first_mut()) {
                (Place::Text, _) => Some(reader.text.color.get_or_insert(Color::BLACK)),
                (_, Some(Step::Apply(params))) => block_color(params),
                _ => None,
            };
            match color {
                Some(color) if plain => {
                    // As the digits of the canonical form say it, so that both are one colour.
                    color.alpha = u8::try_from((u16::from(tenths) * 10 * 255 + 50) / 100).unwrap_or(u8::MAX);
                }
                _ => self.note(&token, "it counts only for a colour of six digits".to_owned()),
            }
        }
        let (mode, position) = self.placed(&mut reader);
        let kind = match (place, path) {
            (Place::Text, _) => LayerKind::Text(reader.text),
            (Place::Picture, Some(path)) => LayerKind::Picture(path),
            _ => LayerKind::Canvas,
        };
        Ok(LayerSpec {
            kind,
            mode,
            position,
            steps,
        })
    }

    /// The input, decoded, and its token. `ie` wins over `i`.
    fn input<'t>(&mut self, opening: &Token, body: &'t Chain) -> Result<(String, &'t Token), ParseError> {
        let last = |key: &str| {
            tokens(body)
                .filter(|token| token.text.strip_prefix(key).is_some_and(|value| !value.is_empty()))
                .last()
        };
        let (plain, encoded) = (last("i-"), last("ie-"));
        if let (Some(plain), Some(encoded)) = (plain, encoded) {
            self.note(plain, format!("{} of the same layer counts", quoted(&encoded.text)));
        }
        if let Some(token) = encoded {
            return match decode::base64_decode(&token.text["ie-".len()..]) {
                Some(text) if !text.is_empty() => Ok((text, token)),
                _ => {
                    let message = format!("{} is not base64", quoted(&token.text));
                    let hint = "write the path or text in base64, percent-encoded, or plainly with `i-`".to_owned();
                    Err(self.error(token, ParseErrorKind::Structure, message, Some(hint)))
                }
            };
        }
        if let Some(token) = plain {
            return Ok((token.text["i-".len()..].to_owned(), token));
        }
        let message = format!("the layer {} has no input", quoted(&opening.text));
        let hint = "say what to lay on top: `i-<path or text>` or `ie-<base64>`".to_owned();
        Err(self.error(opening, ParseErrorKind::Structure, message, Some(hint)))
    }

    fn cut(&mut self, text: String, token: &Token) -> String {
        let most = if token.text.starts_with("ie-") {
            TextSpec::ENCODED_CHARACTERS
        } else {
            TextSpec::PLAIN_CHARACTERS
        };
        let text = text.replace("\r\n", "\n");
        match text.char_indices().nth(most) {
            None => text,
            Some((end, _)) => {
                self.note(token, format!("the text is cut after {most} characters"));
                text[..end].to_owned()
            }
        }
    }

    /// How and where the layer is laid on.
    fn placed(&mut self, reader: &mut LayerReader) -> (LayerMode, LayerPosition) {
        let mode = match reader.mode {
            None => LayerMode::Over,
            Some(NamedMode::Multiply) => LayerMode::Multiply,
            Some(NamedMode::Cutter) => LayerMode::Cutter,
            Some(NamedMode::Cutout) => LayerMode::Cutout,
            Some(NamedMode::Displace) => {
                let [x, y] = &mut reader.strength;
                // Libraries write the position's keys; then a map lies where layers usually lie.
                if x.is_none() && y.is_none() {
                    for (strength, edge) in [x, y].into_iter().zip(&mut reader.edges) {
                        *strength = edge.take().and_then(|(offset, token)| self.strength(offset, &token));
                    }
                }
                let [x, y] = std::mem::take(&mut reader.strength);
                let default = if x.is_none() && y.is_none() {
                    LayerMode::DISPLACEMENT
                } else {
                    0.0
                };
                LayerMode::Displace {
                    x: x.unwrap_or(Offset::Number(default)),
                    y: y.unwrap_or(Offset::Number(default)),
                }
            }
        };
        let mut places = [None, None];
        for (axis, place) in places.iter_mut().enumerate() {
            let (edge, center) = (reader.edges[axis].take(), reader.centers[axis].take());
            if let (Some((_, edge)), Some((_, center))) = (&edge, &center) {
                self.note(center, format!("{} of the same layer counts", quoted(&edge.text)));
            }
            *place = edge
                .map(|(offset, _)| Placed::Edge(offset))
                .or(center.map(|(offset, _)| Placed::Center(offset)));
        }
        let [x, y] = places;
        let position = if x.is_some() || y.is_some() {
            if let Some((_, token)) = &reader.focus {
                self.note(token, "coordinates of the same layer count".to_owned());
            }
            let anchor = reader.anchor.take().map_or(Anchor::TopLeft, |(anchor, _)| anchor);
            LayerPosition::At { x, y, anchor }
        } else {
            if let Some((_, token)) = &reader.anchor {
                self.note(
                    token,
                    "it has an effect only with `lx`, `ly`, `lxc` or `lyc`".to_owned(),
                );
            }
            LayerPosition::Focus(reader.focus.take().map_or(Anchor::Center, |(anchor, _)| anchor))
        };
        (mode, position)
    }

    fn strength(&mut self, offset: LayerOffset, token: &Token) -> Option<Offset> {
        match offset.amount {
            Offset::Number(number) if offset.negative => Some(Offset::Number(0.0 - number)),
            Offset::Expression(_) if offset.negative => {
                let reason = "a displacement cannot have `N` before an expression".to_owned();
                self.note(token, reason);
                None
            }
            amount => Some(amount),
        }
    }
}

/// The tokens of a layer's own steps.
fn tokens(body: &Chain) -> impl Iterator<Item = &Token> {
    body.steps.iter().flatten().filter_map(|node| match node {
        Node::Token(token) => Some(token),
        _ => None,
    })
}

fn block_color(params: &mut Params) -> Option<&mut Color> {
    params.iter_mut().find_map(|param| match param {
        Param::Background(Fill::Color(color)) => Some(color),
        _ => None,
    })
}
