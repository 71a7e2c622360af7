//! Arithmetic: `iw_sub_100_mul_2`. No parentheses; the precedence is the language's own.

use std::fmt;

use crate::number;

/// A variable, or numbers and variables joined by operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    first: Operand,
    rest: Vec<(Operator, Operand)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Number(f64),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    InitialWidth,
    InitialHeight,
    InitialRatio,
    CurrentWidth,
    CurrentHeight,
    CurrentRatio,
    ParentWidth,
    ParentHeight,
    ParentRatio,
    Density,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Multiply,
    Divide,
    Add,
    Subtract,
    Modulo,
    Power,
}

/// Where an expression stands, which decides about the variables that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The base picture.
    Base,
    /// `dn` of the base picture.
    Density,
    /// Inside an image layer, its position included.
    Picture,
    /// Inside a text, or a block of colour.
    Block,
    /// The position of a text, or of a block of colour.
    BlockPosition,
}

impl Scope {
    /// The scope of a layer's position.
    pub(crate) fn position(self) -> Self {
        match self {
            Self::Block => Self::BlockPosition,
            scope => scope,
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Base => &["iw", "ih", "iar", "cw", "ch", "car"],
            Self::Density => &["iw", "ih", "iar", "cw", "ch", "car", "idn"],
            Self::Picture => &["iw", "ih", "iar", "cw", "ch", "car", "bw", "bh", "bar"],
            Self::Block => &["bw", "bh", "bar"],
            Self::BlockPosition => &["cw", "ch", "car", "bw", "bh", "bar"],
        }
    }
}

/// What the variables stand for when an expression is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variables {
    pub initial: (u32, u32),
    pub current: (u32, u32),
    /// Of the picture below a layer; of no meaning elsewhere.
    pub parent: (u32, u32),
    /// Dots per inch of the source.
    pub density: u32,
}

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The right side of `div` or `mod` is zero.
    #[error("it divides by zero")]
    DivisionByZero,
    /// The value is beyond what a number can hold, or none at all (a root of a negative number).
    #[error("its value is not a finite number")]
    NotFinite,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("mul", Operator::Multiply),
    ("div", Operator::Divide),
    ("add", Operator::Add),
    ("sub", Operator::Subtract),
    ("mod", Operator::Modulo),
    ("pow", Operator::Power),
];

const VARIABLES: [(&str, Variable); 10] = [
    ("iw", Variable::InitialWidth),
    ("ih", Variable::InitialHeight),
    ("iar", Variable::InitialRatio),
    ("cw", Variable::CurrentWidth),
    ("ch", Variable::CurrentHeight),
    ("car", Variable::CurrentRatio),
    ("bw", Variable::ParentWidth),
    ("bh", Variable::ParentHeight),
    ("bar", Variable::ParentRatio),
    ("idn", Variable::Density),
];

/// Operators that bind tightest come first; one level is computed from left to right. `pow` binding weakest is
/// unusual but documented: `iw_sub_100_pow_2` is the square of the difference.
const LEVELS: [&[Operator]; 4] = [
    &[Operator::Multiply, Operator::Divide],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Modulo],
    &[Operator::Power],
];

impl Expression {
    /// Reads `value *( "_" op "_" value )`. The error says what was expected.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, String> {
        let mut words = text.split('_');
        let first = Operand::parse(words.next().unwrap_or_default(), scope)?;
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            let operator = OPERATORS
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, operator)| *operator)
                .ok_or_else(|| format!("`{word}` is not an operator: expected add, sub, mul, div, mod or pow"))?;
            let operand = words
                .next()
                .ok_or_else(|| format!("a value is missing after `{word}`"))?;
            rest.push((operator, Operand::parse(operand, scope)?));
        }
        Ok(Self { first, rest })
    }

    pub(crate) fn value(&self, variables: &Variables) -> Result<f64, ExpressionError> {
        let mut values = vec![self.first.value(variables)];
        let mut operators = Vec::new();
        for (operator, operand) in &self.rest {
            operators.push(*operator);
            values.push(operand.value(variables));
        }
        for level in LEVELS {
            let mut kept_values = Vec::with_capacity(values.len());
            let mut kept_operators = Vec::with_capacity(operators.len());
            let mut left = values[0];
            for (operator, right) in operators.into_iter().zip(values.into_iter().skip(1)) {
                if level.contains(&operator) {
                    left = operator.apply(left, right)?;
                } else {
                    kept_values.push(left);
                    kept_operators.push(operator);
                    left = right;
                }
            }
            kept_values.push(left);
            (values, operators) = (kept_values, kept_operators);
        }
        let value = values[0];
        if value.is_finite() {
            Ok(value)
        } else {
            Err(ExpressionError::NotFinite)
        }
    }
}

impl Operand {
    fn parse(word: &str, scope: Scope) -> Result<Self, String> {
        if let Some(number) = number::unsigned(word) {
            return Ok(Self::Number(number));
        }
        let names = scope.names();
        if let Some((_, variable)) = VARIABLES.iter().find(|(name, _)| *name == word)
            && names.contains(&word)
        {
            return Ok(Self::Variable(*variable));
        }
        let names = names.join(", ");
        Err(match word {
            "bw" | "bh" | "bar" => format!("`{word}` exists only inside layers"),
            "idu" | "bdu" => format!("`{word}` exists only for videos"),
            "idn" => "`idn` exists only in `dn`".to_owned(),
            "iw" | "ih" | "iar" | "cw" | "ch" | "car" => format!("`{word}` does not exist here, only {names}"),
            _ => format!("`{word}` is neither a number nor one of {names}"),
        })
    }

    fn value(self, variables: &Variables) -> f64 {
        let Variables {
            initial,
            current,
            parent,
            ..
        } = *variables;
        match self {
            Self::Number(number) => number,
            Self::Variable(Variable::InitialWidth) => f64::from(initial.0),
            Self::Variable(Variable::InitialHeight) => f64::from(initial.1),
            Self::Variable(Variable::InitialRatio) => f64::from(initial.0) / f64::from(initial.1),
            Self::Variable(Variable::CurrentWidth) => f64::from(current.0),
            Self::Variable(Variable::CurrentHeight) => f64::from(current.1),
            Self::Variable(Variable::CurrentRatio) => f64::from(current.0) / f64::from(current.1),
            Self::Variable(Variable::ParentWidth) => f64::from(parent.0),
            Self::Variable(Variable::ParentHeight) => f64::from(parent.1),
            Self::Variable(Variable::ParentRatio) => f64::from(parent.0) / f64::from(parent.1),
            Self::Variable(Variable::Density) => f64::from(variables.density),
        }
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> Result<f64, ExpressionError> {
        if right == 0.0 && matches!(self, Self::Divide | Self::Modulo) {
            return Err(ExpressionError::DivisionByZero);
        }
        Ok(match self {
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Modulo => left % right,
            Self::Power => left.powf(right),
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|(operator, operand)| {
            let name = OPERATORS
                .iter()
                .find(|(_, candidate)| candidate == operator)
                .map_or("", |(name, _)| name);
            write!(f, "_{name}_{operand}")
        })
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Variable(variable) => f.write_str(
                VARIABLES
                    .iter()
                    .find(|(_, candidate)| candidate == variable)
                    .map_or("", |(name, _)| name),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<f64, ExpressionError> {
        let variables = Variables {
            initial: (1200, 800),
            current: (600, 300),
            parent: (100, 50),
            density: 72,
        };
        Expression::parse(text, Scope::Picture).unwrap().value(&variables)
    }

    #[test]
    fn precedence_is_the_languages_own() {
        for (text, expected) in [
            ("iw", 1200.0),
            ("iw_add_2_mul_3", 1206.0),
            ("iw_sub_100_pow_2", 1_210_000.0),
            ("iw_mod_7_add_1", 0.0), // 1200 mod 8
            ("iar_mul_2", 3.0),
            ("cw_div_2_div_3", 100.0),
            ("ch_sub_100_sub_50", 150.0),
            ("car", 2.0),
            ("2_pow_3_pow_2", 64.0),
            ("bw_div_bh", 2.0),
            ("bar_mul_bw", 200.0),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
            assert_eq!(Expression::parse(text, Scope::Picture).unwrap().to_string(), text);
        }
    }

    #[test]
    fn values_that_do_not_exist() {
        assert_eq!(value("iw_div_0"), Err(ExpressionError::DivisionByZero));
        assert_eq!(value("iw_mod_0"), Err(ExpressionError::DivisionByZero));
        assert_eq!(value("iw_pow_iw_pow_iw"), Err(ExpressionError::NotFinite));
        assert_eq!(value("iw_sub_5000_pow_0.5"), Err(ExpressionError::NotFinite));
    }

    #[test]
    fn variables_exist_where_the_language_has_them() {
        for (text, scopes) in [
            ("iw", &[Scope::Base, Scope::Density, Scope::Picture][..]),
            (
                "car",
                &[Scope::Base, Scope::Density, Scope::Picture, Scope::BlockPosition],
            ),
            ("bh", &[Scope::Picture, Scope::Block, Scope::BlockPosition]),
            ("idn", &[Scope::Density]),
            ("idu", &[]),
        ] {
            for scope in [
                Scope::Base,
                Scope::Density,
                Scope::Picture,
                Scope::Block,
                Scope::BlockPosition,
            ] {
                assert_eq!(
                    Expression::parse(text, scope).is_ok(),
                    scopes.contains(&scope),
                    "{text} in {scope:?}"
                );
            }
        }
    }

    #[test]
    fn refusals_say_what_was_expected() {
        for (text, reason) in [
            (
                "iw_times_2",
                "`times` is not an operator: expected add, sub, mul, div, mod or pow",
            ),
            ("iw_mul", "a value is missing after `mul`"),
            ("bw_mul_2", "`bw` exists only inside layers"),
            (
                "iw_mul_x",
                "`x` is neither a number nor one of iw, ih, iar, cw, ch, car",
            ),
        ] {
            assert_eq!(Expression::parse(text, Scope::Base).unwrap_err(), reason);
        }
    }
}
