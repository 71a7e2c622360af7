//! Words, strings and symbols, one at a time. What a word may hold depends on where it stands, so the parser asks for
//! what it expects.

use super::{ErrorKind, ExpressionError, Literal, Span};

/// Words that mean something by themselves, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    In,
    Has,
    Exists,
}

impl Keyword {
    pub(super) fn of(word: &str) -> Option<Self> {
        [
            ("AND", Self::And),
            ("OR", Self::Or),
            ("NOT", Self::Not),
            ("IN", Self::In),
            ("HAS", Self::Has),
            ("EXISTS", Self::Exists),
        ]
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, keyword)| keyword)
    }
}

/// Quotes that word processors put in place of straight ones.
const CURLY: [char; 6] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{201a}'];

/// A place in the text.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next character alone, or the end of the text.
    pub(super) fn here(&self) -> Span {
        Span {
            start: self.at,
            end: self.at + self.peek().map_or(0, char::len_utf8),
        }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// From there to here.
    pub(super) fn since(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// The word here, without moving: letters, digits and what field names hold besides.
    pub(super) fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$')))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    pub(super) fn peek_keyword(&self) -> Option<Keyword> {
        Keyword::of(self.peek_word())
    }

    pub(super) fn take_keyword(&mut self, keyword: Keyword) -> bool {
        let word = self.peek_word();
        let found = Keyword::of(word) == Some(keyword);
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn take_word(&mut self) -> Literal {
        let (start, word) = (self.at, self.peek_word());
        self.at += word.len();
        Literal {
            text: word.to_owned(),
            quoted: false,
            span: self.since(start),
        }
    }

    /// A value without quotes: everything up to white space or a symbol of the language. Empty if there is none.
    pub(super) fn take_bareword(&mut self) -> Literal {
        let (start, rest) = (self.at, self.rest());
        let ends = |c: char| {
            c.is_whitespace()
                || matches!(c, '"' | '\'' | '(' | ')' | '[' | ']' | ',' | '<' | '>' | '=')
                || CURLY.contains(&c)
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        Literal {
            text: rest[..end].to_owned(),
            quoted: false,
            span: self.since(start),
        }
    }

    /// The string here, if one begins here. `\` before a quote or another `\` takes that as it is; elsewhere it is a
    /// character like any other.
    pub(super) fn take_string(&mut self) -> Result<Option<Literal>, ExpressionError> {
        let start = self.at;
        let Some(quote) = self.peek() else { return Ok(None) };
        if CURLY.contains(&quote) {
            return Err(ExpressionError::new(
                ErrorKind::Syntax,
                self.here(),
                format!("{quote} does not begin a string"),
            )
            .hint("write straight quotes: \"…\""));
        }
        if !matches!(quote, '"' | '\'') {
            return Ok(None);
        }
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.at = start + at + 1;
                return Ok(Some(Literal {
                    text,
                    quoted: true,
                    span: self.since(start),
                }));
            }
            let escaped = (c == '\\')
                .then(|| characters.next_if(|&(_, next)| matches!(next, '"' | '\'' | '\\')))
                .flatten();
            text.push(escaped.map_or(c, |(_, next)| next));
        }
        let span = Span {
            start,
            end: self.text.len(),
        };
        Err(
            ExpressionError::new(ErrorKind::Syntax, span, "the string that begins here has no end")
                .hint(format!("close it with {quote}")),
        )
    }

    /// What stands here, short enough to be quoted in a message.
    pub(super) fn found(&self) -> String {
        const MAX_CHARS: usize = 30;
        let rest = self.rest();
        let word = self.peek_word();
        let shown = match (word, rest.chars().next()) {
            (_, None) => return "the end".to_owned(),
            ("", Some(c)) => c.to_string(),
            (word, _) => word.chars().take(MAX_CHARS).collect(),
        };
        format!("`{shown}`")
    }
}
