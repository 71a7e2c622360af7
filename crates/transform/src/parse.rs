//! The only place where text becomes types: `w-300,h-200:rt-90` is two steps.

use crate::condition::{Condition, Predicate};
use crate::error::{Ignored, ParseError, ParseErrorKind, quoted};
use crate::hint;
use crate::parameters::{self, Meaning, Param, REMOVED, Strategy};
use crate::step::{Params, Step};
use crate::token::{self, Chain, Node, Token};
use crate::transformation::Transformation;

/// What becomes of a token that means nothing to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It has no effect, and is reported in [`Transformation::ignored`].
    #[default]
    Lenient,
    /// It is an error.
    Strict,
}

const LAYER_TYPES: [&str; 5] = ["image", "text", "video", "subtitles", "subtitle"];

pub fn parse(text: &str, mode: Mode) -> Result<Transformation, ParseError> {
    let chain = token::tree(text)?;
    let mut interpreter = Interpreter {
        text,
        mode,
        ignored: Vec::new(),
    };
    let steps = interpreter.chain(&chain)?;
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
    ignored: Vec<Ignored>,
}

impl Interpreter<'_> {
    fn chain(&mut self, chain: &Chain) -> Result<Vec<Step>, ParseError> {
        let mut steps = Vec::new();
        for nodes in &chain.steps {
            if let Some(step) = self.step(nodes)? {
                steps.push(step);
            }
        }
        Ok(steps)
    }

    /// `None` when every token of the step was ignored.
    fn step(&mut self, nodes: &[Node]) -> Result<Option<Step>, ParseError> {
        let mut params = Params::default();
        // `c` and `cm` name one thing; of the two, `cm` wins wherever it stands.
        let mut crop_mode = None;
        for node in nodes {
            match node {
                Node::If {
                    predicate,
                    then,
                    otherwise,
                } => return self.condition(predicate, then, otherwise),
                Node::Layer { opening, body } => return Err(self.layer(opening, body)),
                Node::Token(token) => match self.param(token)? {
                    Some(param @ Param::Crop(_)) if token.text.starts_with("cm-") => crop_mode = Some(param),
                    Some(param) => params.insert(param),
                    None => {}
                },
            }
        }
        if let Some(param) = crop_mode {
            params.insert(param);
        }
        self.drop_misplaced(nodes, &mut params);
        Ok((!params.is_empty()).then_some(Step::Apply(params)))
    }

    /// Coordinates say where an extract lies and nothing else. Without one they are left out, in strict mode too, for they
    /// are valid; whoever wrote them learns it. A stored transformation that is named in the step may bring the extract.
    fn drop_misplaced(&mut self, nodes: &[Node], params: &mut Params) {
        let extracts = |param: &Param| matches!(param, Param::Crop(Strategy::Extract) | Param::Named(_));
        if params.iter().any(extracts) {
            return;
        }
        params.retain(|param| !matches!(param, Param::X(_) | Param::Y(_) | Param::CenterX(_) | Param::CenterY(_)));
        for node in nodes {
            if let Node::Token(token) = node
                && ["x-", "y-", "xc-", "yc-"].iter().any(|key| token.text.starts_with(key))
                && !self.ignored.iter().any(|ignored| ignored.span == token.span)
            {
                self.ignored.push(Ignored {
                    span: token.span.clone(),
                    text: token.text.clone(),
                    reason: "it has an effect only with `cm-extract` in the same step".to_owned(),
                });
            }
        }
    }

    fn condition(&mut self, opening: &Token, then: &Chain, other: &Chain) -> Result<Option<Step>, ParseError> {
        let then = self.chain(then)?;
        let otherwise = self.chain(other)?;
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

    /// A layer that is well formed is still an error: leaving it out would deliver a picture that nobody asked for.
    fn layer(&self, opening: &Token, body: &Chain) -> ParseError {
        let kind = opening.text.strip_prefix("l-").unwrap_or_default();
        let mut inside = body.steps.iter().flatten();
        let (kind, message, hint) = if !LAYER_TYPES.contains(&kind) {
            let hint = "expected l-image, l-text, l-video or l-subtitles".to_owned();
            (
                ParseErrorKind::Structure,
                format!("unknown layer type {}", quoted(&opening.text)),
                hint,
            )
        } else if !inside.any(|node| ["i-", "ie-"].iter().any(|key| node.token().text.starts_with(key))) {
            let hint = "say what to lay on top: `i-<path or text>` or `ie-<base64>`".to_owned();
            (
                ParseErrorKind::Structure,
                format!("the layer {} has no input", quoted(&opening.text)),
                hint,
            )
        } else {
            let hint = format!("remove everything from `{}` to its `l-end`", opening.text);
            (
                ParseErrorKind::Unavailable,
                "layers are not available in this version".to_owned(),
                hint,
            )
        };
        self.error(opening, kind, message, Some(hint))
    }

    /// `None` when the token has no effect.
    fn param(&mut self, token: &Token) -> Result<Option<Param>, ParseError> {
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
        let refusal = match (&parameter.meaning, value) {
            (Meaning::Executed(parse), value) => {
                let value = match value {
                    Some(value) if !value.is_empty() => value,
                    // The server's own redirects write it bare.
                    None if key == "orig" => "true",
                    _ => {
                        let message = format!("{} has no value", quoted(&token.text));
                        self.refuse(
                            token,
                            ParseErrorKind::InvalidValue,
                            message,
                            Some(hint::syntax(parameter)),
                        )?;
                        return Ok(None);
                    }
                };
                match parse(value, self.mode) {
                    Ok(param) => return Ok(Some(param)),
                    Err(refusal) => refusal,
                }
            }
            (Meaning::Unavailable(reason), _) => {
                let message = format!(
                    "{} ({}) is not available in this version: {reason}",
                    parameter.key, parameter.name
                );
                self.refuse(token, ParseErrorKind::Unavailable, message, None)?;
                return Ok(None);
            }
            (Meaning::Block(end), _) => {
                let message = format!("{} opens no block", quoted(&token.text));
                let hint = format!("write `{}…,{end}`", parameter.key);
                self.refuse(token, ParseErrorKind::InvalidValue, message, Some(hint))?;
                return Ok(None);
            }
        };
        let kind = if refusal.unavailable {
            ParseErrorKind::Unavailable
        } else {
            ParseErrorKind::InvalidValue
        };
        self.refuse(
            token,
            kind,
            format!("{} in {}", refusal.reason, quoted(&token.text)),
            refusal.hint,
        )?;
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
        self.ignored.push(Ignored {
            span: token.span.clone(),
            text: token.text.clone(),
            reason,
        });
        Ok(())
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
