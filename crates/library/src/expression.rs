//! The boolean expressions that searches and upload checks are written in: text becomes an [`Expression`].
//!
//! This part knows how conditions are combined and what values look like. Which fields there are and what may be asked
//! of them is the business of [`search`](crate::search) and [`checks`](crate::checks).

mod error;
mod parse;
mod print;
mod scan;

pub(crate) use error::closest;
pub use error::{ErrorKind, ExpressionError};
pub use parse::parse;

/// Where something stands in the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Of its first byte.
    pub start: usize,
    /// After its last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }
}

/// What is refused, however well it is formed.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of the whole text. 32,768 by default.
    pub bytes: usize,
    /// Parentheses and free-standing `NOT` inside each other. 32 by default.
    pub depth: usize,
    /// Conditions. 100 by default.
    pub conditions: usize,
    /// Values in all lists together. 1000 by default.
    pub values: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: 32 * 1024,
            depth: 32,
            conditions: 100,
            values: 1000,
        }
    }
}

/// Conditions and how they are combined. Parentheses stay visible: `a AND (b AND c)` holds an `And` in an `And`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// All of them hold. Two or more.
    And(Vec<Expression>),
    /// At least one of them holds. Two or more.
    Or(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// A single condition.
    Condition(Condition),
}

/// `field operator value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field's name.
    pub field: Literal,
    /// What is asked of it.
    pub operator: Operator,
    /// Where the operator stands.
    pub operator_span: Span,
    /// What it is compared with.
    pub operand: Operand,
}

impl Condition {
    /// From the field to the last value.
    pub fn span(&self) -> Span {
        let end = match &self.operand {
            Operand::None => self.operator_span,
            Operand::One(value) => value.span,
            Operand::List(_, span) => *span,
        };
        self.field.span.to(end)
    }
}

/// The right-hand side of a condition. The parser gives each operator the kind that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// After `EXISTS` there is none.
    None,
    /// One value.
    One(Literal),
    /// What stands in brackets: one value or more. The span includes the brackets.
    List(Vec<Literal>, Span),
}

/// A word, or a string in quotes. What it means depends on the field that it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Without quotes and escapes.
    pub text: String,
    /// It was in quotes.
    pub quoted: bool,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// What can be asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `NOT =`
    NotEqual,
    /// `:`
    StartsWith,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `HAS`
    Has,
    /// `NOT HAS`
    NotHas,
    /// `EXISTS`
    Exists,
    /// `NOT EXISTS`
    NotExists,
}

impl Operator {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "NOT =",
            Self::StartsWith => ":",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Has => "HAS",
            Self::NotHas => "NOT HAS",
            Self::Exists => "EXISTS",
            Self::NotExists => "NOT EXISTS",
        }
    }

    /// The operator without its `NOT`, and whether it had one.
    pub(crate) fn positive(self) -> (Self, bool) {
        match self {
            Self::NotEqual => (Self::Equal, true),
            Self::NotIn => (Self::In, true),
            Self::NotHas => (Self::Has, true),
            Self::NotExists => (Self::Exists, true),
            other => (other, false),
        }
    }
}

#[cfg(test)]
mod tests;
