//! What is wrong with an expression, where, and what to write instead.

use super::Span;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What kind of mistake it is.
    pub kind: ErrorKind,
    /// What is wrong. No full stop at the end.
    pub message: String,
    /// What to do about it, as a sentence without its full stop.
    pub hint: Option<String>,
    /// Where.
    pub span: Span,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It cannot be read.
    Syntax,
    /// There is no such field.
    Field,
    /// The field cannot be asked this.
    Operator,
    /// The field cannot be compared with this.
    Value,
    /// It is too long, too deep or too much.
    TooLarge,
}

impl ExpressionError {
    pub(crate) fn new(kind: ErrorKind, span: Span, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            span,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The mistake and the hint in one line of whole sentences. Where the words alone do not show the place, the
    /// character is named, counted from 1.
    pub fn sentences(&self, source: &str) -> String {
        let mut text = self.message.clone();
        if self.kind == ErrorKind::Syntax {
            let before = source.get(..self.span.start).unwrap_or(source);
            text.push_str(&format!(" (at character {})", before.chars().count() + 1));
        }
        text.push('.');
        if let Some(hint) = &self.hint {
            text.push(' ');
            let mut rest = hint.chars();
            text.extend(rest.next().into_iter().flat_map(char::to_uppercase));
            text.push_str(rest.as_str());
            if !hint.ends_with(['?', '.']) {
                text.push('.');
            }
        }
        text
    }

    /// The mistake, the line with the place marked below, and the hint: for a terminal.
    pub fn drawn(&self, source: &str) -> String {
        let line: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = |range: &str| range.chars().count();
        let before = width(source.get(..self.span.start).unwrap_or_default());
        let marked = width(source.get(self.span.start..self.span.end).unwrap_or_default()).max(1);
        let mut text = format!(
            "{}\n  {line}\n  {}{}",
            self.message,
            " ".repeat(before),
            "^".repeat(marked)
        );
        if let Some(hint) = &self.hint {
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        text
    }
}

/// The name that was probably meant.
pub(crate) fn closest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // `created_at` and `Created-At` are `createdAt` in another habit, and nearer than any count of edits says.
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric() || *c == '.')
            .flat_map(char::to_lowercase)
            .collect()
    };
    let wrong = plain(wrong);
    names
        .into_iter()
        .filter_map(|name| {
            let known = plain(name);
            // Where the part before the last dot is the same, only the rest can be a slip.
            let (left, right) = match (wrong.rsplit_once('.'), known.rsplit_once('.')) {
                (Some((group, left)), Some((same, right))) if group == same => (left, right),
                _ => (wrong.as_str(), known.as_str()),
            };
            let distance = strsim::damerau_levenshtein(left, right);
            (distance * 3 <= left.len().max(right.len())).then_some((distance, name))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}
