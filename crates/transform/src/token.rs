//! Text to a tree of tokens and blocks. Commas and colons inside a block belong to the block.

use std::borrow::Cow;
use std::ops::Range;

use crate::decode::{self, Mapped};
use crate::error::{ParseError, ParseErrorKind, quoted};
use crate::limits::Limits;
use crate::number;

/// `step *( ":" step )`
pub struct Chain {
    pub steps: Vec<Vec<Node>>,
}

/// What stands between two separators.
pub enum Node {
    Token(Token),
    /// `if-<predicate>,…[,if-else,…],if-end`
    If {
        predicate: Token,
        then: Chain,
        otherwise: Chain,
    },
    /// `l-<type>,…,l-end`
    Layer {
        opening: Token,
        body: Chain,
    },
}

/// `key-value` or a bare flag, decoded.
#[derive(Clone)]
pub struct Token {
    pub text: String,
    /// In the text as sent.
    pub span: Range<usize>,
}

/// Prompts are free text: an encoded comma in a lone one separates nothing.
const FREE_TEXT: [&str; 3] = ["e-edit-prompt-", "e-changebg-prompt-", "bg-genfill-prompt-"];

/// Reads the structure of a text. Empty tokens are skipped.
pub fn tree(sent: &str) -> Result<Chain, ParseError> {
    if sent.len() > Limits::TEXT_BYTES {
        let message = format!("the transformation is longer than {} bytes", Limits::TEXT_BYTES);
        // The whole text would only fill logs.
        let text: String = sent.chars().take(60).collect();
        return Err(ParseError {
            kind: ParseErrorKind::TooLong,
            span: 0..text.len(),
            text,
            message,
            hint: None,
        });
    }
    let separated = sent.contains([',', ':']);
    let upper = sent.to_ascii_uppercase();
    let hidden = upper.contains("%2C") || upper.contains("%3A");
    let free_text = FREE_TEXT.iter().any(|prefix| sent.starts_with(prefix));
    let mapped = (!separated && hidden && !free_text).then(|| Mapped::decode(sent));

    let text = mapped.as_ref().map_or(sent, |mapped| mapped.text.as_str());
    let pieces = split(text)
        .into_iter()
        .map(|piece| Piece {
            text: decode::percent(&text[piece.span.clone()]),
            span: mapped
                .as_ref()
                .map_or(piece.span.clone(), |mapped| mapped.sent_span(&piece.span)),
            starts_step: piece.starts_step,
        })
        .collect();
    let mut reader = Reader {
        sent,
        pieces,
        at: 0,
        open: Vec::new(),
        steps: 0,
        layers: 0,
    };
    reader.chain()
}

struct RawPiece {
    span: Range<usize>,
    starts_step: bool,
}

/// Cuts at separators; blanks around a piece are not part of it.
fn split(text: &str) -> Vec<RawPiece> {
    let mut pieces = Vec::new();
    let (mut start, mut starts_step) = (0, false);
    let mut push = |start: usize, end: usize, starts_step: bool| {
        let piece = &text[start..end];
        let trimmed = piece.trim_matches(|character: char| character.is_ascii_whitespace());
        let start = start + (piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_whitespace()).len());
        pieces.push(RawPiece {
            span: start..start + trimmed.len(),
            starts_step,
        });
    };
    for (at, separator) in text
        .char_indices()
        .filter(|(_, character)| matches!(character, ',' | ':'))
    {
        if separator == ':' && is_ratio_colon(&text[start..at], &text[at + 1..]) {
            continue;
        }
        push(start, at, starts_step);
        (start, starts_step) = (at + 1, separator == ':');
    }
    push(start, text.len(), starts_step);
    pieces
}

/// `ar-4:3`, which client libraries emit for a ratio given as `4:3`.
fn is_ratio_colon(before: &str, after: &str) -> bool {
    let next = after.split([',', ':']).next().unwrap_or_default().trim_ascii();
    let ratio = before.trim_ascii().strip_prefix("ar-");
    ratio.is_some_and(|width| number::unsigned(width).is_some()) && number::unsigned(next).is_some()
}

struct Piece<'a> {
    text: Cow<'a, str>,
    span: Range<usize>,
    starts_step: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Block {
    Layer,
    Then,
    Else,
}

struct Reader<'a> {
    sent: &'a str,
    pieces: Vec<Piece<'a>>,
    at: usize,
    /// The blocks around the current piece, with the place where each was opened.
    open: Vec<(Block, Token)>,
    steps: usize,
    layers: usize,
}

impl Reader<'_> {
    /// Reads steps up to the token that closes the innermost open block, which is consumed, or the end of the text.
    fn chain(&mut self) -> Result<Chain, ParseError> {
        let mut steps = Vec::new();
        let mut step = Vec::new();
        loop {
            let Some(piece) = self.pieces.get(self.at) else {
                if let Some((block, opening)) = self.open.last() {
                    let end = if *block == Block::Layer { "l-end" } else { "if-end" };
                    let message = format!("{} is never closed", quoted(&opening.text));
                    return Err(self.refuse(opening, message, format!("close it with `{end}`")));
                }
                self.finish(&mut steps, step)?;
                return Ok(Chain { steps });
            };
            self.at += 1;
            let token = Token {
                text: piece.text.clone().into_owned(),
                span: piece.span.clone(),
            };
            if piece.starts_step {
                self.finish(&mut steps, std::mem::take(&mut step))?;
            }
            match token.text.as_str() {
                "" => {}
                "l-end" => match self.open.last() {
                    Some((Block::Layer, _)) => {
                        self.finish(&mut steps, step)?;
                        self.open.pop();
                        return Ok(Chain { steps });
                    }
                    _ => return Err(self.unopened(&token, "l-")),
                },
                "if-end" | "if-else" => {
                    let opened = self.open.last().map(|(block, _)| *block);
                    if !matches!(opened, Some(Block::Then | Block::Else))
                        || (token.text == "if-else" && opened == Some(Block::Else))
                    {
                        return Err(self.unopened(&token, "if-"));
                    }
                    if token.text == "if-else" {
                        if let Some((block, _)) = self.open.last_mut() {
                            *block = Block::Else;
                        }
                    } else {
                        self.open.pop();
                    }
                    self.finish(&mut steps, step)?;
                    return Ok(Chain { steps });
                }
                text if text.starts_with("if-") => {
                    self.enter(Block::Then, &token)?;
                    let depth = self.open.len();
                    let then = self.chain()?;
                    // `if-else` leaves the block open.
                    let otherwise = if self.open.len() == depth {
                        self.chain()?
                    } else {
                        Chain { steps: Vec::new() }
                    };
                    step.push(Node::If {
                        predicate: token,
                        then,
                        otherwise,
                    });
                }
                text if text.starts_with("l-") => {
                    self.enter(Block::Layer, &token)?;
                    step.push(Node::Layer {
                        opening: token,
                        body: self.chain()?,
                    });
                }
                _ => step.push(Node::Token(token)),
            }
        }
    }

    fn enter(&mut self, block: Block, opening: &Token) -> Result<(), ParseError> {
        if self.open.len() == Limits::NESTING {
            let hint = Some("put inner blocks beside the outer one".to_owned());
            let message = format!("blocks are nested deeper than {}", Limits::NESTING);
            return Err(ParseError {
                hint,
                ..self.too_long(opening, message)
            });
        }
        if block == Block::Layer {
            self.layers += 1;
            if self.layers > Limits::LAYERS {
                return Err(self.too_long(opening, format!("there are more than {} layers", Limits::LAYERS)));
            }
        }
        self.open.push((block, opening.clone()));
        Ok(())
    }

    fn finish(&mut self, steps: &mut Vec<Vec<Node>>, step: Vec<Node>) -> Result<(), ParseError> {
        let Some(first) = step.first() else { return Ok(()) };
        // Those of a layer are the layer's own, and layers are counted.
        let inside = self.open.iter().any(|(block, _)| *block == Block::Layer);
        self.steps += usize::from(!inside);
        if self.steps > Limits::STEPS {
            return Err(self.too_long(first.token(), format!("there are more than {} steps", Limits::STEPS)));
        }
        if inside && steps.len() == Limits::STEPS {
            let message = format!("a layer has more than {} steps", Limits::STEPS);
            return Err(self.too_long(first.token(), message));
        }
        let condition = step.iter().find(|node| matches!(node, Node::If { .. }));
        if let Some(condition) = condition.filter(|_| step.len() > 1) {
            return Err(self.refuse(
                condition.token(),
                "an `if` block shares its step with other parameters".to_owned(),
                "give it a step of its own: put `:` instead of `,` around it".to_owned(),
            ));
        }
        steps.push(step);
        Ok(())
    }

    fn unopened(&self, token: &Token, opening: &str) -> ParseError {
        let message = format!("{} closes nothing", quoted(&token.text));
        self.refuse(
            token,
            message,
            format!("remove it, or open the block with `{opening}…` before it"),
        )
    }

    fn refuse(&self, token: &Token, message: String, hint: String) -> ParseError {
        let kind = ParseErrorKind::Structure;
        ParseError {
            kind,
            span: token.span.clone(),
            text: self.sent.to_owned(),
            message,
            hint: Some(hint),
        }
    }

    fn too_long(&self, token: &Token, message: String) -> ParseError {
        let kind = ParseErrorKind::TooLong;
        ParseError {
            kind,
            span: token.span.clone(),
            text: self.sent.to_owned(),
            message,
            hint: None,
        }
    }
}

impl Node {
    /// The token that the node is, or that opens it.
    pub fn token(&self) -> &Token {
        match self {
            Self::Token(token) | Self::If { predicate: token, .. } | Self::Layer { opening: token, .. } => token,
        }
    }
}
