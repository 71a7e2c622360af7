//! [`Expression`] to text that reads as the same expression.

use std::fmt::{self, Display, Formatter, Write as _};

use super::scan::Keyword;
use super::{Condition, Expression, Literal, Operand};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => joined(f, all, " AND ", |inner| matches!(inner, Self::And(_) | Self::Or(_))),
            Self::Or(all) => joined(f, all, " OR ", |inner| matches!(inner, Self::Or(_))),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                grouped(f, inner, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::Condition(condition) => condition.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, all: &[Expression], by: &str, group: fn(&Expression) -> bool) -> fmt::Result {
    for (at, inner) in all.iter().enumerate() {
        if at > 0 {
            f.write_str(by)?;
        }
        grouped(f, inner, group(inner))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, inner: &Expression, group: bool) -> fmt::Result {
    if group {
        write!(f, "({inner})")
    } else {
        write!(f, "{inner}")
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.operator.as_str())?;
        match &self.operand {
            Operand::None => Ok(()),
            Operand::One(value) => write!(f, " {value}"),
            Operand::List(values, _) => {
                f.write_str(" [")?;
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.quoted && !self.text.is_empty() && Keyword::of(&self.text).is_none() {
            return f.write_str(&self.text);
        }
        f.write_char('"')?;
        for c in self.text.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}
