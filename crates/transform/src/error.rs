use std::fmt;
use std::ops::Range;

/// What is wrong with a transformation text, in kinds that a caller may tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// A key that the language does not have. Strict only.
    UnknownParameter,
    /// A known key with a value that it cannot have. Strict only.
    InvalidValue,
    /// A parameter of the language in a place where it cannot be. Strict only.
    Misplaced,
    /// A parameter or value of the language that this version does not carry out. Layers of videos are this in both modes.
    Unavailable,
    /// Blocks do not match, or stand where they may not.
    Structure,
    /// Syntax that the language had once: the overlay parameters.
    Removed,
    /// More text, steps, layers or nesting than [`crate::Limits`] allows.
    TooLong,
    /// A transformation without a step. Strict only.
    Empty,
}

/// A refusal that points: where, what was expected and, where there is one, the next move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes of `text`.
    pub span: Range<usize>,
    /// The transformation as it was sent.
    pub text: String,
    /// What is wrong there, in one line.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A token that had no effect, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Where it stands in the text as sent, in bytes.
    pub span: Range<usize>,
    /// The token, decoded.
    pub text: String,
    /// Why it has no effect.
    pub reason: String,
}

/// Characters of the text that are shown before and after the place in question.
const CONTEXT: usize = 60;
/// Characters of a token that a message repeats.
const QUOTED: usize = 60;

impl ParseError {
    /// The message, the text with the place marked, and the hint: three or four lines for a terminal.
    pub fn render(&self) -> String {
        let before = self.text.get(..self.span.start).unwrap_or_default();
        let marked = self.text.get(self.span.clone()).unwrap_or_default();
        let after = self.text.get(self.span.end..).unwrap_or_default();

        let skipped = before.chars().count().saturating_sub(CONTEXT);
        let before: String = (if skipped > 0 { "…" } else { "" })
            .chars()
            .chain(before.chars().skip(skipped).map(visible))
            .collect();
        let after: String = after
            .chars()
            .take(CONTEXT)
            .map(visible)
            .chain((if after.chars().count() > CONTEXT { "…" } else { "" }).chars())
            .collect();
        let marked: String = marked.chars().map(visible).collect();

        let carets = "^".repeat(marked.chars().count().max(1));
        let indent = " ".repeat(before.chars().count());
        let mut text = format!("{}\n  {before}{marked}{after}\n  {indent}{carets}", self.message);
        if let Some(hint) = &self.hint {
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        text
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", quoted(&self.text), self.reason)
    }
}

/// A token between backquotes, short and without control characters: it may end in a header or a log.
pub fn quoted(token: &str) -> String {
    let shown: String = token.chars().take(QUOTED).map(visible).collect();
    let more = if token.chars().count() > QUOTED { "…" } else { "" };
    format!("`{shown}{more}`")
}

fn visible(character: char) -> char {
    if character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}
