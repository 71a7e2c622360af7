//! Operations that need a model: they split a transformation into stages.

use std::fmt;

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
