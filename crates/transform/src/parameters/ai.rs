//! Operations that need a model: they split a transformation into stages.

use std::fmt;

use super::{Param, Reading, Refusal, flag};
use crate::decode;

/// What is asked of a model. It works on a whole picture and gives a whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AiOperation {
    /// `e-bgremove`: what is not the subject becomes transparent.
    RemoveBackground,
    /// `e-removedotbg`: the same, by another provider.
    RemoveBackgroundExternal,
    /// `e-changebg`: another background.
    ChangeBackground(Prompt),
    /// `e-edit`
    Edit(Prompt),
    /// `e-retouch`: better quality at the same size.
    Retouch,
    /// `e-upscale`: larger.
    Upscale,
    /// `e-genvar`: a variation.
    Variation,
    /// `bg-genfill`: what is transparent is painted in. Never a parameter of its own: see
    /// [`Transformation::stages`](crate::Transformation::stages).
    Fill(Option<Prompt>),
}

/// What is asked for in words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prompt(String);

impl Prompt {
    /// `None` when it has no words.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AiOperation {
    /// The key under which it is written.
    pub fn key(&self) -> &'static str {
        match self {
            Self::RemoveBackground => "e-bgremove",
            Self::RemoveBackgroundExternal => "e-removedotbg",
            Self::ChangeBackground(_) => "e-changebg",
            Self::Edit(_) => "e-edit",
            Self::Retouch => "e-retouch",
            Self::Upscale => "e-upscale",
            Self::Variation => "e-genvar",
            Self::Fill(_) => "bg-genfill",
        }
    }

    /// The words, if it has some.
    pub fn prompt(&self) -> Option<&Prompt> {
        match self {
            Self::ChangeBackground(prompt) | Self::Edit(prompt) | Self::Fill(Some(prompt)) => Some(prompt),
            _ => None,
        }
    }
}

pub(super) fn remove_background(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Ai(AiOperation::RemoveBackground))
}

pub(super) fn remove_background_external(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Ai(AiOperation::RemoveBackgroundExternal))
}

pub(super) fn change_background(value: &str, _: Reading) -> Result<Param, Refusal> {
    prompt("e-changebg", value).map(|prompt| Param::Ai(AiOperation::ChangeBackground(prompt)))
}

pub(super) fn edit(value: &str, _: Reading) -> Result<Param, Refusal> {
    prompt("e-edit", value).map(|prompt| Param::Ai(AiOperation::Edit(prompt)))
}

pub(super) fn retouch(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Ai(AiOperation::Retouch))
}

pub(super) fn upscale(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Ai(AiOperation::Upscale))
}

pub(super) fn variation(value: &str, _: Reading) -> Result<Param, Refusal> {
    flag(value, Param::Ai(AiOperation::Variation))
}

/// `prompt-<text>` or `prompte-<base64>`.
pub(super) fn prompt(key: &str, value: &str) -> Result<Prompt, Refusal> {
    let text = match (value.strip_prefix("prompt-"), value.strip_prefix("prompte-")) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Some(encoded)) => decode::base64_decode(encoded),
        (None, None) => None,
    };
    text.as_deref().and_then(Prompt::new).ok_or_else(|| Refusal {
        hint: Some(format!("write `{key}-prompt-<text>` or `{key}-prompte-<base64>`")),
        ..Refusal::invalid("a prompt")
    })
}

/// As written in a URL.
impl fmt::Display for AiOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())?;
        self.prompt().iter().try_for_each(|prompt| write!(f, "-{prompt}"))
    }
}

/// As written in a URL: `prompt-a%20hat`.
impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prompt-{}", decode::escape(&self.0))
    }
}
