//! Styles without what would be fetched.
//!
//! Read token by token, as CSS Syntax Level 3 has it, so that comments and escapes hide nothing. What is harmless stays
//! byte for byte; only a rule, a reference or a function that names something outside of the drawing is replaced.

use std::ops::Range;

use super::references::Kept;
use crate::RenderError;

/// Functions whose arguments are, or may be, addresses written as strings, and one that old browsers run.
const REFUSED: &[&str] = &[
    "-moz-element",
    "-webkit-cross-fade",
    "-webkit-image-set",
    "cross-fade",
    "element",
    "expression",
    "image",
    "image-set",
    "src",
];

/// Names that `@namespace` may give a prefix to. They are never fetched.
const NAMESPACES: &[&str] = &[
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/2000/svg",
];

/// Stands for a picture or a paint that is not to be had.
const NOTHING: &str = " none ";

type Judge<'a> = &'a mut dyn FnMut(&str) -> Result<Kept, RenderError>;

/// A style sheet, the content of a `style` attribute or the value of a property, with every address judged. `None` if all of it stays.
pub(super) fn cleaned(text: &str, judge: Judge<'_>) -> Result<Option<String>, RenderError> {
    // Functions have a parenthesis that is not escaped, and rules that import an at sign.
    if !text.contains(['(', '@']) {
        return Ok(None);
    }
    let tokens = tokens(text);
    let mut replaced: Vec<(Range<usize>, String)> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let mut end = at + 1;
        let instead = match &token.kind {
            Token::At(name) if matches!(name.as_str(), "import" | "charset" | "document" | "-moz-document") => {
                end = end_of_rule(&tokens, at);
                Some(" ".to_owned())
            }
            Token::At(name) if name == "namespace" => {
                end = end_of_rule(&tokens, at);
                let known = |token: &Spanned| match &token.kind {
                    Token::String(name) | Token::Url(name) => NAMESPACES.contains(&name.as_str()),
                    Token::Function(_) | Token::BadUrl | Token::BadString => false,
                    _ => true,
                };
                (!tokens[at + 1..end].iter().all(known)).then(|| " ".to_owned())
            }
            Token::Url(url) => judged(url, judge)?,
            Token::BadUrl => Some(NOTHING.to_owned()),
            Token::Function(name) if name == "url" => {
                end = end_of_function(&tokens, at);
                match only_string(&tokens[at + 1..end]) {
                    Some(url) => judged(url, judge)?,
                    None => Some(NOTHING.to_owned()),
                }
            }
            Token::Function(name) if REFUSED.contains(&name.as_str()) => {
                end = end_of_function(&tokens, at);
                Some(NOTHING.to_owned())
            }
            _ => None,
        };
        if let Some(instead) = instead {
            let until = tokens.get(end - 1).map_or(text.len(), |last| last.span.end);
            replaced.push((token.span.start..until, instead));
        }
        at = end;
    }
    if replaced.is_empty() {
        return Ok(None);
    }
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for (span, instead) in replaced {
        result.push_str(&text[copied..span.start]);
        result.push_str(&instead);
        copied = span.end;
    }
    result.push_str(&text[copied..]);
    Ok(Some(result))
}

/// What stands in the place of an address; `None` if it stays.
fn judged(url: &str, judge: Judge<'_>) -> Result<Option<String>, RenderError> {
    Ok(match judge(url)? {
        Kept::AsItIs => None,
        // Base64, so nothing in it ends a string.
        Kept::As(other) => Some(format!("url(\"{other}\")")),
        Kept::Not => Some(NOTHING.to_owned()),
    })
}

/// The string that is all there is between the parentheses.
fn only_string(arguments: &[Spanned]) -> Option<&str> {
    let mut found = None;
    for token in arguments {
        match &token.kind {
            Token::Space | Token::Close(')') => {}
            Token::String(text) if found.is_none() => found = Some(text.as_str()),
            _ => return None,
        }
    }
    found
}

/// Behind the parenthesis that closes the function at `at`.
fn end_of_function(tokens: &[Spanned], at: usize) -> usize {
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match &token.kind {
            Token::Function(_) => open.push(')'),
            Token::Open(close) => open.push(*close),
            // A bracket that does not fit closes nothing.
            Token::Close(close) if open.last() == Some(close) => {
                open.pop();
                if open.is_empty() {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Behind the semicolon or the block that ends the rule at `at`, or before the brace that ends what it stands in.
fn end_of_rule(tokens: &[Spanned], at: usize) -> usize {
    let mut open: Vec<char> = Vec::new();
    for (index, token) in tokens.iter().enumerate().skip(at + 1) {
        match &token.kind {
            Token::Function(_) => open.push(')'),
            Token::Open(close) => open.push(*close),
            Token::Close(close) if open.last() == Some(close) => {
                open.pop();
                if *close == '}' && open.is_empty() {
                    return index + 1;
                }
            }
            Token::Close('}') if open.is_empty() => return index,
            Token::Semicolon if open.is_empty() => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Blanks and comments.
    Space,
    String(String),
    BadString,
    /// `url(` with an address that has no quotes.
    Url(String),
    BadUrl,
    /// With its parenthesis; the name in lower case.
    Function(String),
    /// `@name`, in lower case.
    At(String),
    /// A bracket, by the one that closes it.
    Open(char),
    Close(char),
    Semicolon,
    /// Names, numbers, signs.
    Other,
}

#[derive(Debug)]
struct Spanned {
    kind: Token,
    span: Range<usize>,
}

fn tokens(text: &str) -> Vec<Spanned> {
    let mut reader = Reader { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(first) = reader.peek() {
        let start = reader.at;
        let kind = reader.token(first);
        tokens.push(Spanned {
            kind,
            span: start..reader.at,
        });
    }
    tokens
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn nth(&self, index: usize) -> Option<char> {
        self.rest().chars().nth(index)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
    }

    /// "Consume a token", which begins with `first`.
    fn token(&mut self, first: char) -> Token {
        if self.rest().starts_with("/*") {
            self.at = self.rest()[2..]
                .find("*/")
                .map_or(self.text.len(), |end| self.at + 2 + end + 2);
            return Token::Space;
        }
        if self.rest().starts_with("-->") {
            self.at += 3;
            return Token::Other;
        }
        if self.begins_number() {
            self.number();
            return Token::Other;
        }
        if self.begins_name(0) {
            return self.name_or_function();
        }
        self.bump();
        match first {
            c if is_blank(c) => {
                self.skip_while(is_blank);
                Token::Space
            }
            '"' | '\'' => self.string(first),
            '@' if self.begins_name(0) => Token::At(self.name().to_ascii_lowercase()),
            '#' if self.peek().is_some_and(is_name) || self.is_escape(0) => {
                self.name();
                Token::Other
            }
            '(' => Token::Open(')'),
            '[' => Token::Open(']'),
            '{' => Token::Open('}'),
            ')' | ']' | '}' => Token::Close(first),
            ';' => Token::Semicolon,
            _ => Token::Other,
        }
    }

    fn name_or_function(&mut self) -> Token {
        let name = self.name().to_ascii_lowercase();
        if self.peek() != Some('(') {
            return Token::Other;
        }
        self.bump();
        if name != "url" {
            return Token::Function(name);
        }
        let inner = self.rest().trim_start_matches(is_blank);
        if inner.starts_with(['"', '\'']) {
            return Token::Function(name);
        }
        self.skip_while(is_blank);
        self.url()
    }

    /// "Consume a url token", behind its parenthesis and blanks.
    fn url(&mut self) -> Token {
        let mut url = String::new();
        loop {
            if self.is_escape(0) {
                self.bump();
                url.push(self.escaped());
                continue;
            }
            match self.bump() {
                None | Some(')') => return Token::Url(url),
                Some(c) if is_blank(c) => {
                    self.skip_while(is_blank);
                    return match self.peek() {
                        None | Some(')') => {
                            self.bump();
                            Token::Url(url)
                        }
                        Some(_) => self.bad_url(),
                    };
                }
                Some('"' | '\'' | '(' | '\\') => return self.bad_url(),
                Some(c) if is_unprintable(c) => return self.bad_url(),
                Some(c) => url.push(c),
            }
        }
    }

    /// "Consume the remnants of a bad url".
    fn bad_url(&mut self) -> Token {
        loop {
            if self.is_escape(0) {
                self.bump();
                self.escaped();
                continue;
            }
            if matches!(self.bump(), None | Some(')')) {
                return Token::BadUrl;
            }
        }
    }

    /// "Consume a string token", behind its first quote.
    fn string(&mut self, quote: char) -> Token {
        let mut string = String::new();
        loop {
            match self.peek() {
                None => return Token::String(string),
                Some(c) if c == quote => {
                    self.bump();
                    return Token::String(string);
                }
                Some(c) if is_line_end(c) => return Token::BadString,
                Some('\\') => {
                    self.bump();
                    match self.peek() {
                        None => {}
                        Some('\r') => {
                            self.bump();
                            if self.peek() == Some('\n') {
                                self.bump();
                            }
                        }
                        Some(c) if is_line_end(c) => {
                            self.bump();
                        }
                        Some(_) => string.push(self.escaped()),
                    }
                }
                Some(c) => {
                    self.bump();
                    string.push(c);
                }
            }
        }
    }

    /// "Consume an ident sequence".
    fn name(&mut self) -> String {
        let mut name = String::new();
        loop {
            match self.peek() {
                Some(c) if is_name(c) => {
                    self.bump();
                    name.push(c);
                }
                _ if self.is_escape(0) => {
                    self.bump();
                    name.push(self.escaped());
                }
                _ => return name,
            }
        }
    }

    /// "Consume an escaped code point", behind the backslash.
    fn escaped(&mut self) -> char {
        let rest = self.rest();
        let digits = rest.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if digits == 0 {
            return self.bump().unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let code = u32::from_str_radix(&rest[..digits], 16).unwrap_or_default();
        self.at += digits;
        if self.rest().starts_with("\r\n") {
            self.at += 2;
        } else if self.peek().is_some_and(is_blank) {
            self.bump();
        }
        char::from_u32(code)
            .filter(|c| *c != '\0')
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// "Check if two code points are a valid escape", `ahead` characters from here.
    fn is_escape(&self, ahead: usize) -> bool {
        self.nth(ahead) == Some('\\') && self.nth(ahead + 1).is_some_and(|c| !is_line_end(c))
    }

    /// "Check if three code points would start an ident sequence", `ahead` characters from here.
    fn begins_name(&self, ahead: usize) -> bool {
        match self.nth(ahead) {
            Some('-') => self.nth(ahead + 1).is_some_and(|c| is_name_start(c) || c == '-') || self.is_escape(ahead + 1),
            Some(c) if is_name_start(c) => true,
            _ => self.is_escape(ahead),
        }
    }

    /// "Check if three code points would start a number".
    fn begins_number(&self) -> bool {
        let digit = |index| self.nth(index).is_some_and(|c: char| c.is_ascii_digit());
        match self.peek() {
            Some('+' | '-') => digit(1) || (self.nth(1) == Some('.') && digit(2)),
            Some('.') => digit(1),
            _ => digit(0),
        }
    }

    /// "Consume a numeric token", its unit included.
    fn number(&mut self) {
        if matches!(self.peek(), Some('+' | '-')) {
            self.bump();
        }
        let is_digit = |c: char| c.is_ascii_digit();
        self.skip_while(is_digit);
        if self.peek() == Some('.') && self.nth(1).is_some_and(is_digit) {
            self.bump();
            self.skip_while(is_digit);
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.nth(1), Some('+' | '-')));
            if self.nth(1 + sign).is_some_and(is_digit) {
                self.at += 1 + sign;
                self.skip_while(is_digit);
            }
        }
        if self.begins_name(0) {
            self.name();
        } else if self.peek() == Some('%') {
            self.bump();
        }
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{c}')
}

fn is_blank(c: char) -> bool {
    is_line_end(c) || matches!(c, ' ' | '\t')
}

fn is_unprintable(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}')
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let mut judge = |url: &str| {
            Ok(if url.starts_with('#') || url.starts_with("data:image/png") {
                Kept::AsItIs
            } else {
                Kept::Not
            })
        };
        cleaned(text, &mut judge).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn what_is_harmless_stays_byte_for_byte() {
        for text in [
            "",
            ".a{fill:url(#b) red;stroke:url( '#c' )}",
            "fill: url(\"#a\"); transform: rotate(3deg)",
            "@media (min-width: 3px) { .a > b:not(.c)::after { content: 'url(http://h)' } }",
            "@font-face { font-family: X; src: local('Y'), url(data:image/png;base64,AA==) format(\"woff\") }",
            "/* url(http://h) @import 'x' */ a { width: calc(1px + (2em * 3)) }",
            "@namespace svg url(http://www.w3.org/2000/svg); svg|g { fill: red }",
            "@namespace \"http://www.w3.org/2000/svg\";",
            "<!-- .a { fill: red } -->",
            "--x: url(#a)",
            "M 1 2 (nonsense",
            "\u{e9}url(x",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_would_be_fetched_goes() {
        for (text, expected) in [
            ("@import url(http://h/a.css); a{}", "  a{}"),
            ("@import 'a.css' screen;a{}", " a{}"),
            ("@\\69mport 'a.css';a{}", " a{}"),
            ("@IMPORT \"a.css\"", " "),
            ("a{@import 'x'}b{}", "a{ }b{}"),
            ("@document url(http://h) { a{} } b{}", "  b{}"),
            ("@namespace 'http://h'; a{}", "  a{}"),
            ("fill:url(http://h/a.svg#b)", "fill: none "),
            ("fill:url( 'a.svg#b' ) red", "fill: none  red"),
            ("fill:URL(a)", "fill: none "),
            ("fill:u\\72l(a)", "fill: none "),
            ("fill:\\75 \\72\\00006c(a)", "fill: none "),
            ("fill:url(\\68ttp://h)", "fill: none "),
            ("fill:url(\"\\23 a\")", "fill:url(\"\\23 a\")"),
            ("fill:url/**/(a)", "fill:url/**/(a)"),
            ("fill:url(a b)c", "fill: none c"),
            ("fill:url(a'b) url(http://h)", "fill: none   none "),
            ("fill:url('a", "fill: none "),
            ("fill:url(a", "fill: none "),
            ("fill:url()", "fill: none "),
            ("fill:url(var(--x))", "fill: none )"),
            ("fill:url('#a' 'b')", "fill: none "),
            (
                "background:image-set('a.png' 1x, url(b.png) 2x);x:y",
                "background: none ;x:y",
            ),
            ("background:-WEBKIT-image-set(url(a) 1x)", "background: none "),
            ("background:src('a')", "background: none "),
            ("width:expression(alert(1))", "width: none "),
            ("content:'\\'url(#';fill:url(x)", "content:'\\'url(#';fill: none "),
            ("content:'a\n;fill:url(x)", "content:'a\n;fill: none "),
            ("content:'a\\\n;fill:url(x)'", "content:'a\\\n;fill:url(x)'"),
            ("x:1url(a) url(b)", "x:1url(a)  none "),
            ("#url(a)", "#url(a)"),
            ("/* a */url(b)/* c", "/* a */ none /* c"),
            ("-->url(b)", "--> none "),
            ("--a:url(b)", "--a: none "),
            ("-\\75rl(b)", "-\\75rl(b)"),
        ] {
            assert_eq!(clean(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_cleaned_is_clean() {
        let pieces = [
            "url(",
            "'",
            "\"",
            "\\",
            "(",
            ")",
            "@import ",
            "a",
            "#",
            "/*",
            "*/",
            "\n",
            ";",
            "}",
            "{",
            "1",
            "image-set(",
            " ",
            "-",
            "\\75",
        ];
        // Every sentence of four of these: what is left of it has nothing that would go.
        let count = pieces.len();
        for number in 0..count.pow(4) {
            let text: String = (0..4).map(|place| pieces[number / count.pow(place) % count]).collect();
            let once = clean(&format!("{text}url(b)"));
            assert_eq!(clean(&once), once, "{text}");
        }
    }
}
