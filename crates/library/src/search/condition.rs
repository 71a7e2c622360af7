//! Expressions to typed conditions. After this, nobody sees the text again.

use super::fields::{Abilities, CustomField, FIELDS, Field, Fields, ValueKind};
use super::place::Area;
use super::words::Words;
use super::{date, size};
use crate::expression::{
    self, Bounds, ErrorKind, Expression, ExpressionError, Literal, Operand, Operator, Span, closest,
};
use crate::list::EntryKind;
use crate::name::FolderPath;
use crate::timestamp::Timestamp;

/// A search: conditions, each of them true or false for a file, an older version or a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    filter: Filter,
}

/// How conditions are combined.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them hold; all of none do.
    All(Vec<Filter>),
    /// One of them holds at least; of none, none does.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// One condition. It does not hold where the field has no value.
    Is(Condition),
}

/// What must be true of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Of which.
    pub field: Field,
    /// What.
    pub test: Test,
}

/// What a value must be. Of several values, one.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is a value.
    Exists,
    /// Texts, compared byte by byte.
    Text(TextTest),
    /// The words of a text.
    Words(Words),
    /// Numbers, sizes in bytes, and moments in milliseconds since 1970.
    Number(NumberTest),
    /// True or false.
    Flag(bool),
    /// One of these kinds.
    Kind(Vec<EntryKind>),
    /// In one of these folders. Such as cannot exist are left out.
    Folder(Vec<FolderPath>),
    /// In this folder or below it; nowhere if it cannot exist.
    Below(Option<FolderPath>),
    /// A place inside.
    Area(Area),
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTest {
    /// One of these.
    OneOf(Vec<String>),
    /// This, or longer.
    StartsWith(String),
}

/// What a number must be.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberTest {
    /// One of these.
    OneOf(Vec<f64>),
    /// So in relation to that.
    Ordered(Comparison, f64),
}

/// A relation in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Search {
    /// Reads a search. Times that are relative (`7d`) count from `now`.
    pub fn parse(text: &str, fields: &Fields, now: Timestamp) -> Result<Self, ExpressionError> {
        let expression = expression::parse(text, &Bounds::default())?;
        let filter = Reader { fields, now }.filter(&expression)?;
        Ok(Self { filter })
    }

    /// What it asks for.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

impl Filter {
    /// True if any condition is about the field.
    pub fn mentions(&self, field: &Field) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(|inner| inner.mentions(field)),
            Self::Not(inner) => inner.mentions(field),
            Self::Is(condition) => condition.field == *field,
        }
    }
}

impl Comparison {
    pub(crate) fn of(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Less => Some(Self::Less),
            Operator::LessEqual => Some(Self::LessEqual),
            Operator::Greater => Some(Self::Greater),
            Operator::GreaterEqual => Some(Self::GreaterEqual),
            _ => None,
        }
    }
}

struct Reader<'a> {
    fields: &'a Fields,
    now: Timestamp,
}

type Read<T> = Result<T, ExpressionError>;

impl Reader<'_> {
    fn filter(&self, expression: &Expression) -> Read<Filter> {
        let all = |inner: &[Expression]| inner.iter().map(|inner| self.filter(inner)).collect::<Read<Vec<_>>>();
        Ok(match expression {
            Expression::And(inner) => Filter::All(all(inner)?),
            Expression::Or(inner) => Filter::Any(all(inner)?),
            Expression::Not(inner) => Filter::Not(Box::new(self.filter(inner)?)),
            Expression::Condition(condition) => self.condition(condition)?,
        })
    }

    fn condition(&self, condition: &expression::Condition) -> Read<Filter> {
        let (field, abilities) = self.field(&condition.field)?;
        allowed(condition, abilities.operators)?;
        let (operator, negated) = condition.operator.positive();
        let subject = Subject {
            name: &condition.field.text,
            values: abilities.values,
            now: self.now,
        };
        let test = subject.test(operator, &condition.operand)?;
        let is = Filter::Is(Condition { field, test });
        Ok(if negated { Filter::Not(Box::new(is)) } else { is })
    }

    fn field(&self, literal: &Literal) -> Read<(Field, Abilities)> {
        let name = literal.text.as_str();
        if name.contains('.') && !literal.quoted {
            let message = format!("{name} must be enclosed within quotes");
            return Err(ExpressionError::new(ErrorKind::Field, literal.span, message).hint(format!("write \"{name}\"")));
        }
        if let Some((_, field, values, operators)) = FIELDS.iter().find(|(known, ..)| *known == name) {
            let abilities = Abilities {
                values: *values,
                operators,
            };
            return Ok((field.clone(), abilities));
        }
        if let Some(custom) = name
            .strip_prefix("customMetadata.")
            .and_then(|name| self.fields.get(name))
        {
            return Ok((Field::Custom(CustomField::clone(custom)), custom.kind.abilities()));
        }
        let message = if name.starts_with("customMetadata.") {
            format!("{name} is not a custom metadata field of this library")
        } else {
            format!("{name} is not a field that can be searched")
        };
        Err(ExpressionError::new(ErrorKind::Field, literal.span, message).maybe_hint(self.meant(name)))
    }

    fn meant(&self, name: &str) -> Option<String> {
        let custom: Vec<String> = self
            .fields
            .names()
            .map(|name| format!("customMetadata.{name}"))
            .collect();
        let known = FIELDS.iter().map(|(name, ..)| *name);
        let by_field = closest(name, known.chain(custom.iter().map(String::as_str)));
        // A custom field that was named alone, without what it belongs to.
        let alone = || {
            custom
                .iter()
                .map(String::as_str)
                .find(|full| full.strip_prefix("customMetadata.") == Some(name))
        };
        let found = alone().or(by_field)?;
        Some(if found.contains('.') {
            format!("did you mean \"{found}\"?")
        } else {
            format!("did you mean {found}?")
        })
    }
}

/// Refuses an operator that the field does not have.
pub(crate) fn allowed(condition: &expression::Condition, operators: &[Operator]) -> Read<()> {
    if operators.contains(&condition.operator) {
        return Ok(());
    }
    let message = format!(
        "{} operator is not allowed for {} field",
        condition.operator.as_str(),
        condition.field.text
    );
    let list: Vec<&str> = operators.iter().map(|operator| operator.as_str()).collect();
    Err(
        ExpressionError::new(ErrorKind::Operator, condition.operator_span, message)
            .hint(format!("allowed are {}", list.join(", "))),
    )
}

/// A field whose values are being read.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: ValueKind,
    pub(crate) now: Timestamp,
}

impl Subject<'_> {
    /// `operator` is without `NOT`, and one that the field has.
    pub(crate) fn test(&self, operator: Operator, operand: &Operand) -> Read<Test> {
        let values = match operand {
            Operand::None => return Ok(Test::Exists),
            Operand::One(value) => std::slice::from_ref(value),
            Operand::List(values, _) => values,
        };
        // An operator other than IN comes with one value.
        let Some(value) = values.first() else {
            return Ok(Test::Exists);
        };
        if operator == Operator::Has {
            let words = Words::parse(&value.text)
                .ok_or_else(|| self.wrong(value.span, "must be searched for a word with letters or digits", None))?;
            return Ok(Test::Words(words));
        }
        if let Some(comparison) = Comparison::of(operator) {
            return Ok(Test::Number(NumberTest::Ordered(comparison, self.number(value)?)));
        }
        let starts_with = operator == Operator::StartsWith;
        Ok(match self.values {
            ValueKind::Text | ValueKind::Choice if starts_with => Test::Text(TextTest::StartsWith(value.text.clone())),
            ValueKind::Folder if starts_with => Test::Below(folder(value)),
            ValueKind::Text => Test::Text(TextTest::OneOf(values.iter().map(|value| value.text.clone()).collect())),
            ValueKind::Choice => Test::Text(TextTest::OneOf(values.iter().map(choice).collect())),
            ValueKind::Format => Test::Text(TextTest::OneOf(
                values.iter().map(|value| format(&value.text)).collect(),
            )),
            ValueKind::Folder => Test::Folder(values.iter().filter_map(folder).collect()),
            ValueKind::Number | ValueKind::Date | ValueKind::Size => {
                let numbers = values.iter().map(|value| self.number(value)).collect::<Read<_>>()?;
                Test::Number(NumberTest::OneOf(numbers))
            }
            ValueKind::Boolean => Test::Flag(self.boolean(value)?),
            ValueKind::EntryKind => Test::Kind(values.iter().map(|value| self.kind(value)).collect::<Read<_>>()?),
            ValueKind::Area => Test::Area(
                Area::parse(&value.text)
                    .map_err(|hint| self.wrong(value.span, "must have a valid location value", Some(hint)))?,
            ),
        })
    }

    fn number(&self, value: &Literal) -> Read<f64> {
        match self.values {
            ValueKind::Date => date::parse(&value.text, self.now)
                // Exact: a double counts milliseconds for 285,000 years.
                .map(|ms| ms as f64)
                .ok_or_else(|| {
                    self.wrong(
                        value.span,
                        "must have a valid date value",
                        Some("Make sure the value is enclosed within quotes"),
                    )
                }),
            ValueKind::Size => size::parse(&value.text).ok_or_else(|| {
                self.wrong(
                    value.span,
                    "must have a valid size value",
                    Some("write a number of bytes, or a size with its unit like \"500kb\" or \"1.5mb\""),
                )
            }),
            _ => size::plain_number(&value.text)
                .ok_or_else(|| self.wrong(value.span, "must have a valid number value", None)),
        }
    }

    fn boolean(&self, value: &Literal) -> Read<bool> {
        if value.text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if value.text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(self.wrong(value.span, "must have a boolean value", Some("write true or false")))
        }
    }

    fn kind(&self, value: &Literal) -> Read<EntryKind> {
        match value.text.as_str() {
            "file" => Ok(EntryKind::File),
            "file-version" => Ok(EntryKind::FileVersion),
            "folder" => Ok(EntryKind::Folder),
            _ => Err(self.wrong(value.span, "must be file, file-version or folder", None)),
        }
    }

    fn wrong(&self, span: Span, what: &str, hint: Option<&str>) -> ExpressionError {
        ExpressionError::new(ErrorKind::Value, span, format!("{} field {what}", self.name))
            .maybe_hint(hint.map(str::to_owned))
    }
}

/// What cannot be the path of a folder is the path of none.
fn folder(value: &Literal) -> Option<FolderPath> {
    FolderPath::sanitised(&value.text).ok()
}

/// As formats are stored: lower case, one name each.
pub(crate) fn format(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "jpeg" => "jpg".to_owned(),
        "tif" => "tiff".to_owned(),
        other => other.to_owned(),
    }
}

/// An option as text. `4.50` without quotes is the number 4.5.
pub(crate) fn choice(value: &Literal) -> String {
    match size::plain_number(&value.text) {
        Some(number) if !value.quoted => number_text(number),
        _ => value.text.clone(),
    }
}

/// A number as its one text, so that equal numbers are equal texts.
pub(crate) fn number_text(number: f64) -> String {
    // Adding zero makes the negative zero positive.
    (number + 0.0).to_string()
}
