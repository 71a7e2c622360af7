//! The only place where text becomes types: `w-300,h-200:rt-90` is two steps.

mod layer;
mod place;
pub(crate) mod useless;

use std::mem::discriminant;

use crate::condition::{Condition, Predicate};
use crate::error::{Ignored, ParseError, ParseErrorKind, quoted};
use crate::hint;
use crate::parameters::{self, BARE, LayerParam, Meaning, Param, Parameter, REMOVED, Reading, Refusal};
use crate::step::{Params, Step};
use crate::token::{self, Chain, Node, Token};
use crate::transformation::Transformation;

use layer::LayerReader;
pub(crate) use place::Place;

/// What becomes of a token that means nothing to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It has no effect, and is reported in [`Transformation::ignored`].
    #[default]
    Lenient,
    /// It is an error.
    Strict,
}

/// Most effects of a transformation, those of layers included: each is work on all pixels.
const EFFECTS: usize = 40;

pub fn parse(text: &str, mode: Mode) -> Result<Transformation, ParseError> {
    read(text, mode, Place::Base, false)
}

/// What is stored under a name that stands in this place. It is merged with the tokens beside the name: what has no
/// effect alone may have one then.
pub fn stored(text: &str, place: Place) -> Result<Transformation, ParseError> {
    read(text, Mode::Lenient, place, true)
}

fn read(text: &str, mode: Mode, place: Place, stored: bool) -> Result<Transformation, ParseError> {
    let chain = token::tree(text)?;
    let mut interpreter = Interpreter {
        text,
        mode,
        stored,
        conditions: 0,
        effects: 0,
        ignored: Vec::new(),
    };
    let steps = interpreter.chain(&chain, place, None)?;
    if chain.steps.is_empty() && mode == Mode::Strict {
        return Err(ParseError {
            kind: ParseErrorKind::Empty,
            span: 0..text.len(),
            text: text.to_owned(),
            message: "the transformation is empty".to_owned(),
            hint: Some("leave `tr` out, or write a parameter such as `w-300`".to_owned()),
        });
    }
    Ok(Transformation {
        steps,
        ignored: interpreter.ignored,
    })
}

struct Interpreter<'a> {
    text: &'a str,
    mode: Mode,
    stored: bool,
    /// How many conditions are around the current token.
    conditions: usize,
    effects: usize,
    ignored: Vec<Ignored>,
}

/// A parameter and the token that it was read from.
type Written<'t> = (Param, &'t Token);

impl Interpreter<'_> {
    /// `layer` is there for the steps of a layer itself, and not for those inside its conditions.
    fn chain(
        &mut self,
        chain: &Chain,
        place: Place,
        mut layer: Option<&mut LayerReader>,
    ) -> Result<Vec<Step>, ParseError> {
        let mut steps = Vec::new();
        for nodes in &chain.steps {
            // A block of colour gets its size and colour from its first step.
            let makes_block = place == Place::Canvas && steps.is_empty() && layer.is_some();
            if let Some(step) = self.step(nodes, place, layer.as_deref_mut(), makes_block)? {
                steps.push(step);
            }
        }
        Ok(steps)
    }

    /// `None` when every token of the step was ignored.
    fn step(
        &mut self,
        nodes: &[Node],
        place: Place,
        mut layer: Option<&mut LayerReader>,
        makes_block: bool,
    ) -> Result<Option<Step>, ParseError> {
        let mut written: Vec<Written<'_>> = Vec::new();
        let extracts = nodes.iter().any(
            |node| matches!(node, Node::Token(token) if matches!(token.text.as_str(), "cm-extract" | "c-extract")),
        );
        if let Some(layer) = layer.as_deref_mut() {
            layer.extracts = extracts;
        }
        for node in nodes {
            match node {
                Node::If {
                    predicate,
                    then,
                    otherwise,
                } => return self.condition(predicate, then, otherwise, place),
                Node::Layer { opening, body } => {
                    let spec = self.layer(opening, body)?;
                    // Counted when blocks were.
                    written.push((Param::Layer(Box::new(spec)), opening));
                }
                Node::Token(token) => {
                    if let Some(param) = self.param(token, place, layer.as_deref_mut(), makes_block)? {
                        self.put(&mut written, param, token)?;
                    }
                }
            }
        }
        self.leave_out_useless(&mut written, makes_block);
        let params: Params = written.into_iter().map(|(param, _)| param).collect();
        Ok((!params.is_empty()).then_some(Step::Apply(params)))
    }

    /// Of a kind the last one counts; of `c` and `cm`, which name one thing, `cm` wins wherever it stands.
    fn put<'t>(&mut self, written: &mut Vec<Written<'t>>, param: Param, token: &'t Token) -> Result<(), ParseError> {
        if param.accumulates() {
            if !matches!(param, Param::Named(_) | Param::Layer(_)) {
                self.effects += 1;
            }
            if self.effects > EFFECTS {
                let message = format!("there are more than {EFFECTS} effects");
                let hint = "leave some of them out".to_owned();
                return Err(self.error(token, ParseErrorKind::TooLong, message, Some(hint)));
            }
            written.push((param, token));
            return Ok(());
        }
        let same = |present: &Written<'_>| discriminant(&present.0) == discriminant(&param);
        if let Some(at) = written.iter().position(same) {
            let (_, before) = &written[at];
            if before.text.starts_with("cm-") && token.text.starts_with("c-") {
                self.note(token, format!("{} of the same step counts", quoted(&before.text)));
                return Ok(());
            }
            self.note(before, format!("{} of the same step counts", quoted(&token.text)));
            written.remove(at);
        }
        written.push((param, token));
        Ok(())
    }

    /// Leaves out what has no effect beside the others of its step, in strict mode too, for it is valid; whoever wrote it
    /// learns it. A stored transformation that is named in the step may bring what is missing.
    fn leave_out_useless(&mut self, written: &mut Vec<Written<'_>>, makes_block: bool) {
        if self.stored || written.iter().any(|(param, _)| matches!(param, Param::Named(_))) {
            return;
        }
        for ((_, token), reason) in useless::leave_out(written, |(param, _)| param, makes_block) {
            self.note(token, reason.to_owned());
        }
    }

    fn condition(
        &mut self,
        opening: &Token,
        then: &Chain,
        other: &Chain,
        place: Place,
    ) -> Result<Option<Step>, ParseError> {
        if place == Place::Text {
            let message = format!("{} is not available in {}", quoted(&opening.text), place.name());
            let hint = "put the condition around the whole layer".to_owned();
            self.refuse(opening, ParseErrorKind::Misplaced, message, Some(hint))?;
            return Ok(None);
        }
        self.conditions += 1;
        let branches = self.chain(then, place, None).and_then(|then| {
            let otherwise = self.chain(other, place, None)?;
            Ok((then, otherwise))
        });
        self.conditions -= 1;
        let (then, otherwise) = branches?;
        let text = opening.text.strip_prefix("if-").unwrap_or_default();
        match Predicate::parse(text) {
            Ok(predicate) => Ok(Some(Step::If(Condition {
                predicate,
                then,
                otherwise,
            }))),
            Err(reason) => {
                let hint = Some("write it like `if-w_gt_800,w-800,if-end`".to_owned());
                self.refuse(
                    opening,
                    ParseErrorKind::InvalidValue,
                    format!("the condition is not understood: {reason}"),
                    hint,
                )?;
                Ok(None)
            }
        }
    }

    /// `None` when the token has no effect, or is the layer's own.
    fn param(
        &mut self,
        token: &Token,
        place: Place,
        layer: Option<&mut LayerReader>,
        makes_block: bool,
    ) -> Result<Option<Param>, ParseError> {
        let (key, value) = parameters::split(&token.text);
        if let Some((_, instead)) = REMOVED
            .iter()
            .find(|(removed, _)| *removed == key)
            .filter(|_| value.is_some())
        {
            let message = format!("{} is syntax that was removed", quoted(&token.text));
            return Err(self.error(
                token,
                ParseErrorKind::Removed,
                message,
                Some(format!("write {instead}")),
            ));
        }
        let Some(parameter) = parameters::find(key) else {
            let message = format!("unknown parameter {}", quoted(&token.text));
            self.refuse(
                token,
                ParseErrorKind::UnknownParameter,
                message,
                hint::unknown(&token.text),
            )?;
            return Ok(None);
        };
        if place != Place::Base && matches!(key, "lso" | "leo" | "ldu") {
            self.note(
                token,
                "a picture has no time in which a layer could come and go".to_owned(),
            );
            return Ok(None);
        }
        let displaces = layer.as_ref().is_some_and(|layer| layer.displaces(key));
        if !displaces && let Some((message, hint)) = self.misplaced(parameter, token, place, layer.is_some()) {
            self.refuse(token, ParseErrorKind::Misplaced, message, hint)?;
            return Ok(None);
        }
        let value = match value {
            Some(value) if !value.is_empty() => value,
            _ if BARE.contains(&key) => "",
            _ => {
                if let Meaning::Unavailable(reason) = &parameter.meaning {
                    self.unavailable(parameter, token, reason)?;
                } else {
                    let message = format!("{} has no value", quoted(&token.text));
                    let hint = Some(hint::syntax(parameter));
                    self.refuse(token, ParseErrorKind::InvalidValue, message, hint)?;
                }
                return Ok(None);
            }
        };
        let reading = Reading {
            mode: self.mode,
            scope: place.scope(),
        };
        let read = match &parameter.meaning {
            Meaning::Executed(parse) => parse(value, reading).map(Read::Param),
            Meaning::InLayer(parse) => parse(value, reading).map(Read::Layer),
            Meaning::Unavailable(reason) => {
                self.unavailable(parameter, token, reason)?;
                return Ok(None);
            }
            Meaning::Block(end) => {
                let message = format!("{} opens no block", quoted(&token.text));
                let hint = format!("write `{}…,{end}`", parameter.key);
                self.refuse(token, ParseErrorKind::InvalidValue, message, Some(hint))?;
                return Ok(None);
            }
        };
        match (read, layer) {
            (Ok(Read::Param(Param::Quality(_))), _) if place != Place::Base => {
                self.note(token, "a layer is not encoded on its own".to_owned());
                Ok(None)
            }
            (Ok(Read::Param(param)), Some(layer)) => match layer.take(param, token, place, makes_block) {
                Ok(param) => Ok(param),
                Err(refusal) => self.invalid(token, refusal),
            },
            (Ok(Read::Param(param)), None) => Ok(Some(param)),
            (Ok(Read::Layer(param)), Some(layer)) => {
                layer.set(param, token);
                Ok(None)
            }
            // It was found to be misplaced.
            (Ok(Read::Layer(_)), None) => Ok(None),
            (Err(refusal), _) => self.invalid(token, refusal),
        }
    }

    /// Why a parameter cannot stand here, and the next move.
    fn misplaced(
        &self,
        parameter: &Parameter,
        token: &Token,
        place: Place,
        in_layer: bool,
    ) -> Option<(String, Option<String>)> {
        let named = format!("{} ({})", quoted(&token.text), parameter.name);
        match parameter.meaning {
            Meaning::Unavailable(_) | Meaning::Block(_) => None,
            Meaning::InLayer(_) if place == Place::Base => Some((
                format!("{named} belongs to a layer"),
                Some("put it between `l-…` and its `l-end`".to_owned()),
            )),
            _ if !place.has(parameter) => Some((format!("{named} is not available in {}", place.name()), None)),
            Meaning::InLayer(_) if !in_layer => Some((
                format!("{named} is not available inside conditions and named transformations"),
                Some("put it beside the input of the layer".to_owned()),
            )),
            _ if parameter.key == "pg" && self.conditions > 0 => Some((
                format!("{named} is not available inside conditions"),
                Some("put it into a step of its own, outside of the condition".to_owned()),
            )),
            _ => None,
        }
    }

    fn unavailable(&mut self, parameter: &Parameter, token: &Token, reason: &str) -> Result<(), ParseError> {
        let message = format!(
            "{} ({}) is not available in this version: {reason}",
            parameter.key, parameter.name
        );
        self.refuse(token, ParseErrorKind::Unavailable, message, None)
    }

    fn invalid(&mut self, token: &Token, refusal: Refusal) -> Result<Option<Param>, ParseError> {
        let kind = if refusal.unavailable {
            ParseErrorKind::Unavailable
        } else {
            ParseErrorKind::InvalidValue
        };
        let message = format!("{} in {}", refusal.reason, quoted(&token.text));
        self.refuse(token, kind, message, refusal.hint)?;
        Ok(None)
    }

    /// Reports a token in lenient mode, refuses it in strict mode.
    fn refuse(
        &mut self,
        token: &Token,
        kind: ParseErrorKind,
        message: String,
        hint: Option<String>,
    ) -> Result<(), ParseError> {
        if self.mode == Mode::Strict {
            return Err(self.error(token, kind, message, hint));
        }
        let reason = match hint {
            Some(hint) => format!("{message} ({hint})"),
            None => message,
        };
        self.note(token, reason);
        Ok(())
    }

    /// Reports a token that has no effect, in both modes.
    fn note(&mut self, token: &Token, reason: String) {
        self.ignored.push(Ignored {
            span: token.span.clone(),
            text: token.text.clone(),
            reason,
        });
    }

    fn error(&self, token: &Token, kind: ParseErrorKind, message: String, hint: Option<String>) -> ParseError {
        ParseError {
            kind,
            span: token.span.clone(),
            text: self.text.to_owned(),
            message,
            hint,
        }
    }
}

/// What a token was read as.
enum Read {
    Param(Param),
    Layer(LayerParam),
}
