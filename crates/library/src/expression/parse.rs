//! Text to [`Expression`], by recursive descent.

use super::scan::{Keyword, Scanner};
use super::{Bounds, Condition, ErrorKind, Expression, ExpressionError, Literal, Operand, Operator, Span};

/// Reads a whole expression. `AND` binds tighter than `OR`.
///
/// Lenient where writers differ: keywords in any case, either kind of quotes, values without quotes, `NOT` before a
/// condition or a parenthesis, and one quote too many at the very end.
pub fn parse(text: &str, bounds: &Bounds) -> Result<Expression, ExpressionError> {
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    if text.len() > bounds.bytes {
        return Err(ExpressionError::new(
            ErrorKind::TooLarge,
            whole,
            format!("it has {} bytes; {} are allowed", text.len(), bounds.bytes),
        ));
    }
    // No field holds one, and not every database can be asked for it.
    if let Some(at) = text.find('\0') {
        let span = Span { start: at, end: at + 1 };
        return Err(ExpressionError::new(
            ErrorKind::Syntax,
            span,
            "it holds a NUL character",
        ));
    }
    let mut parser = Parser {
        scanner: Scanner::new(text),
        bounds,
        depth: 0,
        conditions: 0,
        values: 0,
    };
    let expression = parser.alternatives()?;
    parser.end()?;
    Ok(expression)
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    bounds: &'a Bounds,
    depth: usize,
    conditions: usize,
    values: usize,
}

type Parsed<T> = Result<T, ExpressionError>;

impl Parser<'_> {
    fn alternatives(&mut self) -> Parsed<Expression> {
        let first = self.conjunction()?;
        let mut all = vec![first];
        while self.keyword(Keyword::Or) {
            all.push(self.conjunction()?);
        }
        Ok(several(all, Expression::Or))
    }

    fn conjunction(&mut self) -> Parsed<Expression> {
        let first = self.primary()?;
        let mut all = vec![first];
        while self.keyword(Keyword::And) {
            all.push(self.primary()?);
        }
        Ok(several(all, Expression::And))
    }

    fn primary(&mut self) -> Parsed<Expression> {
        self.scanner.skip_space();
        let opening = self.scanner.here();
        if self.scanner.take("(") {
            self.deeper(opening)?;
            let inner = self.alternatives()?;
            self.scanner.skip_space();
            if !self.scanner.take(")") {
                return Err(match self.scanner.peek() {
                    None => syntax(opening, "the parenthesis that opens here is not closed"),
                    Some(_) => self.expected("AND, OR or `)`"),
                });
            }
            self.depth -= 1;
            return Ok(inner);
        }
        if self.scanner.take_keyword(Keyword::Not) {
            self.deeper(opening)?;
            let inner = self.primary()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        Ok(Expression::Condition(self.condition()?))
    }

    fn deeper(&mut self, span: Span) -> Parsed<()> {
        self.depth += 1;
        if self.depth > self.bounds.depth {
            let message = format!("it is nested more than {} levels deep", self.bounds.depth);
            return Err(ExpressionError::new(ErrorKind::TooLarge, span, message));
        }
        Ok(())
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let field = self.field()?;
        self.conditions += 1;
        if self.conditions > self.bounds.conditions {
            let message = format!("it has more than {} conditions", self.bounds.conditions);
            return Err(ExpressionError::new(ErrorKind::TooLarge, field.span, message));
        }
        self.scanner.skip_space();
        let start = self.scanner.position();
        let operator = self.operator(&field)?;
        let operator_span = self.scanner.since(start);
        let operand = match operator {
            Operator::Exists | Operator::NotExists => Operand::None,
            Operator::In | Operator::NotIn => self.list(operator)?,
            _ => Operand::One(self.single(operator)?),
        };
        Ok(Condition {
            field,
            operator,
            operator_span,
            operand,
        })
    }

    fn field(&mut self) -> Parsed<Literal> {
        self.scanner.skip_space();
        if let Some(string) = self.scanner.take_string()? {
            return Ok(string);
        }
        if self.scanner.peek_word().is_empty() || self.scanner.peek_keyword().is_some() {
            return Err(self.expected("a field"));
        }
        Ok(self.scanner.take_word())
    }

    fn operator(&mut self, field: &Literal) -> Parsed<Operator> {
        const HABITS: [(&str, &str); 6] = [
            ("!=", "NOT ="),
            ("<>", "NOT ="),
            ("==", "="),
            ("=>", ">="),
            ("=<", "<="),
            ("=~", "HAS"),
        ];
        let start = self.scanner.position();
        for (habit, ours) in HABITS {
            if self.scanner.take(habit) {
                return Err(
                    syntax(self.scanner.since(start), format!("`{habit}` is not an operator"))
                        .hint(format!("write {ours}")),
                );
            }
        }
        if self.scanner.take_keyword(Keyword::Not) {
            self.scanner.skip_space();
            for (keyword, operator) in [
                (Keyword::In, Operator::NotIn),
                (Keyword::Has, Operator::NotHas),
                (Keyword::Exists, Operator::NotExists),
            ] {
                if self.scanner.take_keyword(keyword) {
                    return Ok(operator);
                }
            }
            if self.scanner.take("=") {
                return Ok(Operator::NotEqual);
            }
            return Err(self
                .expected("=, IN, HAS or EXISTS after NOT")
                .hint("to negate another condition, put NOT before it: NOT (…)"));
        }
        for (symbol, operator) in [
            ("<=", Operator::LessEqual),
            (">=", Operator::GreaterEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
            (":", Operator::StartsWith),
        ] {
            if self.scanner.take(symbol) {
                return Ok(operator);
            }
        }
        for (keyword, operator) in [
            (Keyword::In, Operator::In),
            (Keyword::Has, Operator::Has),
            (Keyword::Exists, Operator::Exists),
        ] {
            if self.scanner.take_keyword(keyword) {
                return Ok(operator);
            }
        }
        let hint = match self.scanner.peek_word().to_ascii_lowercase().as_str() {
            "like" | "contains" | "matches" | "match" => "write HAS for words anywhere, : for how it begins".to_owned(),
            "is" | "equals" | "eq" => "write =".to_owned(),
            "ne" | "isnt" => "write NOT =".to_owned(),
            _ => "the operators are =, NOT =, :, <, <=, >, >=, IN, NOT IN, HAS, EXISTS and NOT EXISTS".to_owned(),
        };
        Err(self.expected(&format!("an operator after {}", field.text)).hint(hint))
    }

    fn single(&mut self, operator: Operator) -> Parsed<Literal> {
        self.scanner.skip_space();
        if self.scanner.peek() == Some('[') {
            return Err(syntax(
                self.scanner.here(),
                format!("{} takes one value, not a list", operator.as_str()),
            )
            .hint("for one of several values write IN [\"…\", \"…\"]"));
        }
        self.value(&format!("a value after {}", operator.as_str()))
    }

    fn list(&mut self, operator: Operator) -> Parsed<Operand> {
        self.scanner.skip_space();
        let start = self.scanner.position();
        if !self.scanner.take("[") {
            return Err(self
                .expected(&format!("a list after {}", operator.as_str()))
                .hint("put the values into brackets: [\"…\", \"…\"]"));
        }
        let mut values = Vec::new();
        loop {
            self.scanner.skip_space();
            if values.is_empty() && self.scanner.peek() == Some(']') {
                return Err(syntax(self.scanner.here(), "the list is empty"));
            }
            let value = self.value("a value in the list")?;
            self.values += 1;
            if self.values > self.bounds.values {
                let message = format!("its lists have more than {} values", self.bounds.values);
                return Err(ExpressionError::new(ErrorKind::TooLarge, value.span, message));
            }
            values.push(value);
            self.scanner.skip_space();
            if self.scanner.take("]") {
                return Ok(Operand::List(values, self.scanner.since(start)));
            }
            if !self.scanner.take(",") {
                return Err(match self.scanner.peek() {
                    None => syntax(
                        Span { start, end: start + 1 },
                        "the list that begins here is not closed",
                    )
                    .hint("close it with ]"),
                    Some(_) => self.expected("`,` or `]` in the list"),
                });
            }
        }
    }

    fn value(&mut self, what: &str) -> Parsed<Literal> {
        if let Some(string) = self.scanner.take_string()? {
            return Ok(string);
        }
        let before = self.scanner.clone();
        let word = self.scanner.take_bareword();
        if word.text.is_empty() {
            return Err(self.expected(what));
        }
        if Keyword::of(&word.text).is_some() {
            self.scanner = before;
            return Err(self.expected(what).hint(format!(
                "if the word itself is meant, put it in quotes: \"{}\"",
                word.text
            )));
        }
        Ok(word)
    }

    fn keyword(&mut self, keyword: Keyword) -> bool {
        self.scanner.skip_space();
        self.scanner.take_keyword(keyword)
    }

    /// Nothing may follow but the one stray quote that examples in circulation end with.
    fn end(&mut self) -> Parsed<()> {
        self.scanner.skip_space();
        let rest = self.scanner.rest().trim_end();
        if matches!(rest, "" | "\"" | "'") {
            return Ok(());
        }
        if rest.starts_with(')') {
            return Err(syntax(self.scanner.here(), "this parenthesis closes nothing"));
        }
        let error = self.expected("AND or OR");
        Err(match rest {
            _ if rest.starts_with("&&") => error.hint("write AND"),
            _ if rest.starts_with("||") => error.hint("write OR"),
            _ => error.hint("join conditions with AND or OR, and put values with spaces in quotes"),
        })
    }

    fn expected(&self, what: &str) -> ExpressionError {
        let word = self.scanner.peek_word();
        let start = self.scanner.position();
        let span = if word.is_empty() {
            self.scanner.here()
        } else {
            Span {
                start,
                end: start + word.len(),
            }
        };
        syntax(span, format!("expected {what}, found {}", self.scanner.found()))
    }
}

fn several(mut all: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => {
            all.extend(last);
            join(all)
        }
    }
}

fn syntax(span: Span, message: impl Into<String>) -> ExpressionError {
    ExpressionError::new(ErrorKind::Syntax, span, message)
}
