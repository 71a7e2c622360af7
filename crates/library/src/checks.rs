//! The conditions that an upload can be made to meet: the language of `checks`.
//!
//! ```
//! use library::checks::{Checks, Facts};
//! use library::search::Fields;
//! use library::Timestamp;
//!
//! let checks = Checks::parse(r#""file.size" <= 1mb AND "file.mime" : image"#, &Fields::default(), Timestamp::now())?;
//! let mut facts = Facts::default();
//! facts.set("file.size", 5000);
//! facts.set("file.mime", "image/png");
//! assert!(checks.evaluate(&facts));
//! # Ok::<(), library::expression::ExpressionError>(())
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expression::{self, Bounds, ErrorKind, Expression, ExpressionError, Literal, Operand, Operator, closest};
use crate::search::{self, Comparison, FieldType, Fields};
use crate::timestamp::Timestamp;

/// Conditions on an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Checks {
    check: Check,
}

/// What is known about an upload, by the names of fields: `file.size`, `request.tags`, `request.customMetadata.brand`.
/// A fact that is not there, or is null, fails every condition about it, negated ones too.
#[derive(Clone, Debug, Default)]
pub struct Facts(BTreeMap<String, Value>);

/// Which half of the facts some conditions need. Facts about the request are there before the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `request.*`
    Request,
    /// `file.*` and `mediaMetadata.*`
    File,
}

#[derive(Clone, Debug, PartialEq)]
enum Check {
    All(Vec<Check>),
    Any(Vec<Check>),
    Not(Box<Check>),
    Is { field: String, test: Test, negated: bool },
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Text(Vec<String>),
    StartsWith(String),
    Folder(Vec<String>),
    FolderStartsWith(String),
    Numbers(Vec<f64>),
    Ordered(Comparison, f64),
    /// As above, of a text that is a date.
    Dates(Vec<i64>),
    DateOrdered(Comparison, i64),
    Flag(bool),
    /// A list holds this.
    Holds(String),
}

/// How the values of a field are read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Folder,
    Flag,
    List,
    Number,
    Size,
    Date,
    Choice,
}

use Operator::{Equal, Greater, GreaterEqual, Has, In, Less, LessEqual, NotEqual, NotHas, NotIn, StartsWith};

const TEXT: &[Operator] = &[Equal, NotEqual, StartsWith, In, NotIn];
const FLAG: &[Operator] = &[Equal, NotEqual];
const LIST: &[Operator] = &[Has, NotHas];
const MEASURE: &[Operator] = &[Equal, Greater, GreaterEqual, Less, LessEqual];
const NUMBER: &[Operator] = &[Equal, NotEqual, Greater, GreaterEqual, Less, LessEqual];
const ORDERED_TEXT: &[Operator] = &[
    Equal,
    NotEqual,
    StartsWith,
    In,
    NotIn,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
];

const FIELDS: &[(&str, Kind, &[Operator])] = &[
    ("request.fileName", Kind::Text, TEXT),
    ("request.folder", Kind::Folder, TEXT),
    ("request.customCoordinates", Kind::Text, TEXT),
    ("request.webhookUrl", Kind::Text, TEXT),
    ("request.useUniqueFileName", Kind::Flag, FLAG),
    ("request.isPrivateFile", Kind::Flag, FLAG),
    ("request.isPublished", Kind::Flag, FLAG),
    ("request.overwriteFile", Kind::Flag, FLAG),
    ("request.overwriteAITags", Kind::Flag, FLAG),
    ("request.overwriteTags", Kind::Flag, FLAG),
    ("request.overwriteCustomMetadata", Kind::Flag, FLAG),
    ("request.tags", Kind::List, LIST),
    ("file.size", Kind::Size, MEASURE),
    ("file.mime", Kind::Text, TEXT),
    ("mediaMetadata.width", Kind::Number, MEASURE),
    ("mediaMetadata.height", Kind::Number, MEASURE),
    ("mediaMetadata.duration", Kind::Number, MEASURE),
    ("mediaMetadata.bitRate", Kind::Number, MEASURE),
    ("mediaMetadata.videoCodec", Kind::Text, TEXT),
    ("mediaMetadata.audioCodec", Kind::Text, TEXT),
];

const CUSTOM: &str = "request.customMetadata.";

fn of_custom(kind: FieldType) -> (Kind, &'static [Operator]) {
    match kind {
        FieldType::Text | FieldType::Textarea => (Kind::Text, TEXT),
        FieldType::Number => (Kind::Number, NUMBER),
        FieldType::Date => (Kind::Date, ORDERED_TEXT),
        FieldType::Boolean => (Kind::Flag, FLAG),
        FieldType::SingleSelect => (Kind::Choice, ORDERED_TEXT),
        FieldType::MultiSelect => (Kind::List, LIST),
    }
}

impl Facts {
    /// Says what a field is. Tags and several choices are arrays.
    pub fn set(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(field.into(), value.into());
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

impl Checks {
    /// Reads checks. Times that are relative (`7d`) count from `now`.
    pub fn parse(text: &str, fields: &Fields, now: Timestamp) -> Result<Self, ExpressionError> {
        let expression = expression::parse(text, &Bounds::default())?;
        let check = Reader { fields, now }.check(&expression)?;
        Ok(Self { check })
    }

    /// True if the upload meets them.
    pub fn evaluate(&self, facts: &Facts) -> bool {
        self.check.holds(facts)
    }

    /// True if facts about the request alone fail the checks already, so that the file need not be waited for.
    pub fn fails_before_the_file(&self, request: &Facts) -> bool {
        self.check.known(request) == Some(false)
    }

    /// True if any condition is about this half of the facts.
    pub fn needs(&self, stage: Stage) -> bool {
        self.check.needs(stage)
    }
}

impl Stage {
    fn of(field: &str) -> Self {
        if field.starts_with("request.") {
            Self::Request
        } else {
            Self::File
        }
    }
}

impl Check {
    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::All(inner) => inner.iter().all(|check| check.holds(facts)),
            Self::Any(inner) => inner.iter().any(|check| check.holds(facts)),
            Self::Not(inner) => !inner.holds(facts),
            Self::Is { field, test, negated } => facts
                .get(field)
                .and_then(|value| test.holds(value))
                .is_some_and(|holds| holds != *negated),
        }
    }

    /// What is certain while nothing is known of the file.
    fn known(&self, request: &Facts) -> Option<bool> {
        match self {
            Self::All(inner) => {
                let known: Vec<_> = inner.iter().map(|check| check.known(request)).collect();
                if known.contains(&Some(false)) {
                    Some(false)
                } else {
                    known.iter().all(Option::is_some).then_some(true)
                }
            }
            Self::Any(inner) => {
                let known: Vec<_> = inner.iter().map(|check| check.known(request)).collect();
                if known.contains(&Some(true)) {
                    Some(true)
                } else {
                    known.iter().all(Option::is_some).then_some(false)
                }
            }
            Self::Not(inner) => inner.known(request).map(|known| !known),
            Self::Is { field, .. } => (Stage::of(field) == Stage::Request).then(|| self.holds(request)),
        }
    }

    fn needs(&self, stage: Stage) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(|check| check.needs(stage)),
            Self::Not(inner) => inner.needs(stage),
            Self::Is { field, .. } => Stage::of(field) == stage,
        }
    }
}

impl Test {
    /// None where the value is of a kind that cannot be compared, which fails the condition like no value at all.
    fn holds(&self, value: &Value) -> Option<bool> {
        match self {
            Self::Text(texts) => text(value).map(|value| texts.contains(&value)),
            Self::StartsWith(start) => text(value).map(|value| value.starts_with(start)),
            Self::Folder(folders) => text(value).map(|value| folders.iter().any(|folder| folder == trimmed(&value))),
            // With the slash at its end, a folder begins with `sales/` exactly if it is that folder or below it.
            Self::FolderStartsWith(start) => text(value).map(|value| {
                let folder = trimmed(&value);
                format!("{folder}/").starts_with(start)
            }),
            Self::Numbers(numbers) => number(value).map(|value| numbers.contains(&value)),
            Self::Ordered(comparison, than) => number(value).map(|value| comparison.holds(&value, than)),
            Self::Dates(dates) => date(value).map(|value| dates.contains(&value)),
            Self::DateOrdered(comparison, than) => date(value).map(|value| comparison.holds(&value, than)),
            Self::Flag(flag) => value.as_bool().map(|value| value == *flag),
            Self::Holds(wanted) => value
                .as_array()
                .map(|values| values.iter().filter_map(text).any(|value| value == *wanted)),
        }
    }
}

impl Comparison {
    fn holds<T: PartialOrd>(self, value: &T, than: &T) -> bool {
        match self {
            Self::Less => value < than,
            Self::LessEqual => value <= than,
            Self::Greater => value > than,
            Self::GreaterEqual => value >= than,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_f64().map(search::number_text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        // An option of a select field may be a number in quotes.
        Value::String(text) => search::plain_number(text),
        _ => None,
    }
}

fn date(value: &Value) -> Option<i64> {
    value.as_str().and_then(search::absolute_date)
}

fn trimmed(folder: &str) -> &str {
    folder.trim_matches('/')
}

struct Reader<'a> {
    fields: &'a Fields,
    now: Timestamp,
}

type Read<T> = Result<T, ExpressionError>;

impl Reader<'_> {
    fn check(&self, expression: &Expression) -> Read<Check> {
        let all = |inner: &[Expression]| inner.iter().map(|inner| self.check(inner)).collect::<Read<Vec<_>>>();
        Ok(match expression {
            Expression::And(inner) => Check::All(all(inner)?),
            Expression::Or(inner) => Check::Any(all(inner)?),
            Expression::Not(inner) => Check::Not(Box::new(self.check(inner)?)),
            Expression::Condition(condition) => self.condition(condition)?,
        })
    }

    fn condition(&self, condition: &expression::Condition) -> Read<Check> {
        let (kind, operators) = self.field(&condition.field)?;
        search::allowed(condition, operators)?;
        let (operator, negated) = condition.operator.positive();
        let values = match &condition.operand {
            Operand::None => &[],
            Operand::One(value) => std::slice::from_ref(value),
            Operand::List(values, _) => values.as_slice(),
        };
        let name = condition.field.text.as_str();
        Ok(Check::Is {
            field: name.to_owned(),
            test: self.test(name, kind, operator, values)?,
            negated,
        })
    }

    fn field(&self, literal: &Literal) -> Read<(Kind, &'static [Operator])> {
        let name = literal.text.as_str();
        if name.contains('.') && !literal.quoted {
            let message = format!("{name} must be enclosed within quotes");
            return Err(ExpressionError::new(ErrorKind::Field, literal.span, message).hint(format!("write \"{name}\"")));
        }
        if let Some((_, kind, operators)) = FIELDS.iter().find(|(known, ..)| *known == name) {
            return Ok((*kind, operators));
        }
        if let Some(custom) = name.strip_prefix(CUSTOM).and_then(|name| self.fields.get(name)) {
            return Ok(of_custom(custom.kind));
        }
        let message = if name.starts_with(CUSTOM) {
            format!("{name} is not a custom metadata field of this library")
        } else {
            format!("{name} is not a field that can be checked")
        };
        let custom: Vec<String> = self.fields.names().map(|name| format!("{CUSTOM}{name}")).collect();
        let known = || {
            FIELDS
                .iter()
                .map(|(name, ..)| *name)
                .chain(custom.iter().map(String::as_str))
        };
        // `size` for `file.size`: the last part alone is nearer than any count of edits says.
        let meant = known()
            .find(|full| full.rsplit('.').next() == Some(name))
            .or_else(|| closest(name, known()));
        Err(ExpressionError::new(ErrorKind::Field, literal.span, message)
            .maybe_hint(meant.map(|name| format!("did you mean \"{name}\"?"))))
    }

    fn test(&self, name: &str, kind: Kind, operator: Operator, values: &[Literal]) -> Read<Test> {
        let texts = || values.iter().map(|value| value.text.clone()).collect::<Vec<_>>();
        // The operators here all have a value, and those that are not IN have one.
        let first = || values.first().map(|value| value.text.clone()).unwrap_or_default();
        let starts_with = operator == StartsWith;
        let ordered = Comparison::of(operator);
        let each = |of: &dyn Fn(&Literal) -> Option<f64>, what: &str, hint: &str| -> Read<Vec<f64>> {
            values
                .iter()
                .map(|value| {
                    of(value).ok_or_else(|| {
                        let message = format!("{name} field must have a valid {what} value");
                        ExpressionError::new(ErrorKind::Value, value.span, message).hint(hint)
                    })
                })
                .collect()
        };
        let numbers = || {
            each(
                &|value| search::plain_number(&value.text),
                "number",
                "write digits and a point",
            )
        };
        let numeric = |numbers: Vec<f64>| match (ordered, numbers.first()) {
            (Some(comparison), Some(&than)) => Test::Ordered(comparison, than),
            _ => Test::Numbers(numbers),
        };
        Ok(match kind {
            Kind::Text | Kind::Choice | Kind::Date if starts_with => Test::StartsWith(first()),
            Kind::Choice if ordered.is_some() => numeric(numbers()?),
            Kind::Text => Test::Text(texts()),
            Kind::Choice => Test::Text(values.iter().map(search::choice).collect()),
            Kind::Folder if starts_with => Test::FolderStartsWith(first().trim_start_matches('/').to_owned()),
            Kind::Folder => Test::Folder(texts().iter().map(|text| trimmed(text).to_owned()).collect()),
            Kind::Number => numeric(numbers()?),
            Kind::Size => numeric(each(
                &|value| search::parse_size(&value.text),
                "size",
                "write a number of bytes, or a size with its unit like \"500kb\" or \"1.5mb\"",
            )?),
            Kind::Date => {
                let dates = each(
                    &|value| search::parse_date(&value.text, self.now).map(|ms| ms as f64),
                    "date",
                    "Make sure the value is enclosed within quotes",
                )?;
                let dates: Vec<i64> = dates.into_iter().map(|ms| ms as i64).collect();
                match (ordered, dates.first()) {
                    (Some(comparison), Some(&than)) => Test::DateOrdered(comparison, than),
                    _ => Test::Dates(dates),
                }
            }
            Kind::Flag => match first().to_ascii_lowercase().as_str() {
                "true" => Test::Flag(true),
                "false" => Test::Flag(false),
                _ => {
                    let span = values.first().map(|value| value.span).unwrap_or_default();
                    let message = format!("{name} field must have a boolean value");
                    return Err(ExpressionError::new(ErrorKind::Value, span, message).hint("write true or false"));
                }
            },
            Kind::List => Test::Holds(values.first().map(search::choice).unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::CustomField;
    use serde_json::json;

    fn fields() -> Fields {
        Fields::new(
            [
                ("brand", FieldType::Text),
                ("price", FieldType::Number),
                ("shot", FieldType::Date),
                ("sale", FieldType::Boolean),
                ("shade", FieldType::SingleSelect),
                ("sizes", FieldType::MultiSelect),
            ]
            .map(|(name, kind)| {
                let id = name.to_owned();
                (name.to_owned(), CustomField { id, kind })
            }),
        )
    }

    fn parse(text: &str) -> Result<Checks, ExpressionError> {
        Checks::parse(
            text,
            &fields(),
            Timestamp::from_millis(1_767_323_045_678).expect("a time"),
        )
    }

    fn request() -> Facts {
        let mut facts = Facts::default();
        facts.set("request.fileName", "harbour.jpg");
        facts.set("request.folder", "/marketing/2026/");
        facts.set("request.tags", json!(["sea", "summer-sale"]));
        facts.set("request.useUniqueFileName", true);
        facts.set("request.isPrivateFile", false);
        facts.set("request.webhookUrl", Value::Null);
        facts.set("request.customMetadata.brand", "Acme");
        facts.set("request.customMetadata.price", 4.5);
        facts.set("request.customMetadata.shot", "2026-01-01T00:00:00Z");
        facts.set("request.customMetadata.sale", true);
        facts.set("request.customMetadata.shade", 42);
        facts.set("request.customMetadata.sizes", json!(["S", 42, true]));
        facts
    }

    fn facts() -> Facts {
        let mut facts = request();
        facts.set("file.size", 1_000_000);
        facts.set("file.mime", "image/jpeg");
        facts.set("mediaMetadata.width", 1500);
        facts.set("mediaMetadata.height", 900);
        facts
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, expected) in [
            (r#""request.folder" : "marketing/""#, true),
            (r#""request.folder" : "/marketing""#, true),
            (r#""request.folder" : "market""#, true),
            (r#""request.folder" : "market/""#, false),
            (r#""request.folder" : "marketing/2026/""#, true),
            (r#""request.folder" NOT = marketing"#, true),
            (r#""request.folder" = marketing/2026"#, true),
            (r#""request.folder" IN ["a", "/marketing/2026/"]"#, true),
            (r#""request.fileName" : harb"#, true),
            (r#""request.fileName" = "Harbour.jpg""#, false),
            (r#""request.fileName" NOT IN ["a.jpg", "b.jpg"]"#, true),
            (r#""request.useUniqueFileName" = true"#, true),
            (r#""request.isPrivateFile" NOT = true"#, true),
            (r#""request.isPublished" = true"#, false),
            (r#""request.isPublished" NOT = true"#, false),
            (r#""request.webhookUrl" NOT = "x""#, false),
            (r#""request.tags" HAS sea"#, true),
            (r#""request.tags" HAS "summer-sale""#, true),
            (r#""request.tags" HAS "summer""#, false),
            (r#""request.tags" NOT HAS "winter""#, true),
            (r#""request.customMetadata.brand" = Acme"#, true),
            (r#""request.customMetadata.price" >= 4.5"#, true),
            (r#""request.customMetadata.price" NOT = 4.50"#, false),
            (r#""request.customMetadata.shot" > "2025-12-31""#, true),
            (r#""request.customMetadata.shot" = 2026-01-01"#, true),
            (r#""request.customMetadata.shot" : "2026-01""#, true),
            (r#""request.customMetadata.shot" < 2d"#, false),
            (r#""request.customMetadata.sale" = true"#, true),
            (r#""request.customMetadata.shade" = 42"#, true),
            (r#""request.customMetadata.shade" < 43"#, true),
            (r#""request.customMetadata.shade" : 4"#, true),
            (r#""request.customMetadata.sizes" HAS 42"#, true),
            (r#""request.customMetadata.sizes" HAS "true""#, true),
            (r#""request.customMetadata.sizes" NOT HAS "L""#, true),
            ("'file.size' < '1mb'", true),
            (r#""file.size" < 976kb"#, false),
            (r#""file.size" = 1000000"#, true),
            (r#""file.mime" : image"#, true),
            (r#""file.mime" : video"#, false),
            (
                r#""mediaMetadata.width" <= 1500 AND "mediaMetadata.height" <= 2000"#,
                true,
            ),
            (
                r#""file.mime" : image OR ("mediaMetadata.videoCodec" = hevc AND "mediaMetadata.audioCodec" = aac)"#,
                true,
            ),
            (r#""mediaMetadata.duration" > 1"#, false),
            (r#"NOT ("file.mime" : video)"#, true),
            (r#"not ("file.mime" : image and 'file.size' > 1)"#, false),
        ] {
            let checks = parse(text).unwrap_or_else(|error| panic!("{text}: {}", error.drawn(text)));
            assert_eq!(checks.evaluate(&facts()), expected, "{text}");
        }
    }

    #[test]
    fn what_fails_already_is_known_before_the_file() {
        for (text, fails) in [
            (r#""request.fileName" = x AND "file.size" < 1mb"#, true),
            (r#""request.fileName" = x OR "file.size" < 1mb"#, false),
            (r#""request.fileName" = harbour.jpg AND "file.size" < 1"#, false),
            (r#"NOT ("request.fileName" = harbour.jpg OR "file.size" < 1)"#, true),
            (r#""file.size" < 1"#, false),
            (r#""request.isPublished" = true"#, true),
        ] {
            let checks = parse(text).expect(text);
            assert_eq!(checks.fails_before_the_file(&request()), fails, "{text}");
        }
        assert!(!parse(r#""file.size" < 1"#).expect("checks").needs(Stage::Request));
        assert!(parse(r#""file.size" < 1"#).expect("checks").needs(Stage::File));
    }

    #[test]
    fn refusals_say_what_to_write() {
        for (text, expected) in [
            (
                "file.size < 1mb",
                "file.size must be enclosed within quotes. Write \"file.size\".",
            ),
            (
                "size < 1mb",
                "size is not a field that can be checked. Did you mean \"file.size\"?",
            ),
            (
                r#""request.filename" = x"#,
                "request.filename is not a field that can be checked. Did you mean \"request.fileName\"?",
            ),
            (
                r#""request.customMetadata.brandd" = x"#,
                "request.customMetadata.brandd is not a custom metadata field of this library. \
                 Did you mean \"request.customMetadata.brand\"?",
            ),
            (
                r#""file.size" NOT = 5"#,
                "NOT = operator is not allowed for file.size field. Allowed are =, >, >=, <, <=.",
            ),
            (
                r#""request.tags" IN ["a"]"#,
                "IN operator is not allowed for request.tags field. Allowed are HAS, NOT HAS.",
            ),
            (
                r#""file.size" < big"#,
                "file.size field must have a valid size value. Write a number of bytes, or a size with its unit like \
                 \"500kb\" or \"1.5mb\".",
            ),
            (
                r#""mediaMetadata.width" < "1mb""#,
                "mediaMetadata.width field must have a valid number value. Write digits and a point.",
            ),
            (
                r#""request.isPublished" = yes"#,
                "request.isPublished field must have a boolean value. Write true or false.",
            ),
            (
                r#""request.customMetadata.shot" > soon"#,
                "request.customMetadata.shot field must have a valid date value. Make sure the value is enclosed \
                 within quotes.",
            ),
            (
                r#""file.mime" : "#,
                "expected a value after :, found the end (at character 15).",
            ),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.sentences(text), expected, "{text}");
        }
    }
}
