//! Holds a value against a JSON Schema, as far as our own declarations use the language, and says where they differ.

mod compiled;

use std::fmt;

use serde_json::Value;

pub(crate) use compiled::Compiled;

/// More are not looked for: an answer with another shape altogether has one for every row.
const MOST: usize = 100;

/// One place where a value is not what the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// JSON Pointer.
    pub pointer: String,
    pub kind: DifferenceKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DifferenceKind {
    /// A property that the schema does not have; these are the ones it has.
    Unknown { known: Vec<String> },
    /// A required property is not there.
    Missing,
    /// Another type.
    Type { expected: String, found: &'static str },
    /// None of the values that it may have.
    Choice { choices: Vec<String>, found: String },
    /// Outside the range of a number, a length or a count.
    Range { rule: String },
    /// A text that is not of the form.
    Form { form: &'static str },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.pointer.trim_start_matches('/');
        let place = if place.is_empty() { "the input" } else { place };
        match &self.kind {
            DifferenceKind::Unknown { known } => write!(f, "{place}: unknown; known are {}", known.join(", ")),
            DifferenceKind::Missing => write!(f, "{place}: missing"),
            DifferenceKind::Type { expected, found } => write!(f, "{place}: must be {expected}, not {found}"),
            DifferenceKind::Choice { choices, found } => {
                write!(f, "{place}: must be one of {}, not {found}", choices.join(", "))
            }
            DifferenceKind::Range { rule } => write!(f, "{place}: {rule}"),
            DifferenceKind::Form { form } => write!(f, "{place}: must be {form}"),
        }
    }
}

/// Where `value` differs from `schema`; empty if it fits.
pub(crate) fn differences(schema: &Value, value: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(schema, value, &mut String::new(), &mut found);
    found
}

fn walk(schema: &Value, value: &Value, at: &mut String, found: &mut Vec<Difference>) {
    if found.len() >= MOST {
        return;
    }
    if let Some(branches) = branches(schema) {
        any_of(branches, value, at, found);
        return;
    }
    let mut note = |kind| {
        found.push(Difference {
            pointer: at.clone(),
            kind,
        });
    };
    if let Some(types) = schema.get("type")
        && !names(types).iter().any(|name| is_a(value, name))
    {
        note(DifferenceKind::Type {
            expected: names(types).join(" or "),
            found: type_of(value),
        });
        return;
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        note(DifferenceKind::Choice {
            choices: choices.iter().map(ToString::to_string).collect(),
            found: value.to_string().chars().take(40).collect(),
        });
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        note(DifferenceKind::Choice {
            choices: vec![only.to_string()],
            found: value.to_string().chars().take(40).collect(),
        });
    }
    if let Some(rule) = out_of_range(schema, value) {
        note(DifferenceKind::Range { rule });
    }
    if let Some(form) = out_of_form(schema, value) {
        note(DifferenceKind::Form { form });
    }
    match value {
        Value::Object(properties) => object(schema, properties, at, found),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    below(at, &index.to_string(), |at| walk(schema, item, at, found));
                }
            }
        }
        _ => {}
    }
}

/// The schemas of which one must fit. Ours never overlap, so `oneOf` and `anyOf` say the same.
pub(crate) fn branches(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array())
}

/// The branch that comes nearest: null says little, and a word that tells branches apart says most.
pub(crate) fn nearest<'a>(branches: &'a [Value], value: &Value) -> Option<(&'a Value, Vec<Difference>)> {
    // Most values say by their type or by one word which branch is theirs: holding each row of a listing against the others
    // as well costs more than all the rest of a call.
    let mut possible = branches.iter().filter(|branch| may_fit(branch, value));
    if let (Some(only), None) = (possible.next(), possible.next()) {
        return Some((only, differences(only, value)));
    }
    let weighed = branches.iter().map(|branch| {
        let found = differences(branch, value);
        let is_null = branch.get("type").and_then(Value::as_str) == Some("null");
        let told_apart = |d: &Difference| {
            let place = format!("/properties{}/const", d.pointer);
            d.pointer.matches('/').count() == 1 && branch.pointer(&place).is_some()
        };
        let wrong_type = |d: &Difference| d.pointer.is_empty() && matches!(d.kind, DifferenceKind::Type { .. });
        let weight: usize = found
            .iter()
            .map(|d| if told_apart(d) || wrong_type(d) { 100 } else { 1 })
            .sum();
        (weight + usize::from(is_null && weight > 0) * 1000, branch, found)
    });
    weighed
        .min_by_key(|(weight, ..)| *weight)
        .map(|(_, branch, found)| (branch, found))
}

/// False if the type, or one of its words, says that a value is none of the branch.
fn may_fit(branch: &Value, value: &Value) -> bool {
    let of_the_type = branch
        .get("type")
        .is_none_or(|types| names(types).iter().any(|name| is_a(value, name)));
    let mut fields = branch
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    of_the_type
        && fields.all(|(name, field)| {
            let said = value.get(name);
            let is_only = field.get("const").is_none_or(|only| said == Some(only));
            let choices = field.get("enum").and_then(Value::as_array);
            is_only && said.is_none_or(|said| choices.is_none_or(|choices| choices.contains(said)))
        })
}

/// No difference if one branch fits, else those of the branch that comes nearest.
fn any_of(branches: &[Value], value: &Value, at: &str, found: &mut Vec<Difference>) {
    let Some((_, mut differences)) = nearest(branches, value) else {
        return;
    };
    for difference in &mut differences {
        // A word that tells the branches apart may be that of any of them.
        let place = format!("/properties{}/const", difference.pointer);
        if let DifferenceKind::Choice { choices, .. } = &mut difference.kind {
            let words: Vec<String> = branches
                .iter()
                .filter_map(|b| Some(b.pointer(&place)?.to_string()))
                .collect();
            if !words.is_empty() {
                *choices = words;
            }
        }
        difference.pointer.insert_str(0, at);
    }
    found.extend(differences);
}

fn object(schema: &Value, properties: &serde_json::Map<String, Value>, at: &mut String, found: &mut Vec<Difference>) {
    let known = schema.get("properties").and_then(Value::as_object);
    for name in schema.get("required").map(names).unwrap_or_default() {
        if !properties.contains_key(name) {
            below(at, name, |at| {
                found.push(Difference {
                    pointer: at.clone(),
                    kind: DifferenceKind::Missing,
                });
            });
        }
    }
    let others = schema.get("additionalProperties");
    let closed = others == Some(&Value::Bool(false));
    for (name, value) in properties {
        match known
            .and_then(|k| k.get(name))
            .or_else(|| others.filter(|o| o.is_object()))
        {
            Some(schema) => below(at, name, |at| walk(schema, value, at, found)),
            None if closed => below(at, name, |at| {
                found.push(Difference {
                    pointer: at.clone(),
                    kind: DifferenceKind::Unknown {
                        known: known.map(|k| k.keys().cloned().collect()).unwrap_or_default(),
                    },
                });
            }),
            None => {}
        }
    }
}

/// Calls with the pointer of a child, and puts the parent's back.
fn below(at: &mut String, name: &str, then: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push('/');
    // A name from outside may be of any length.
    at.extend(name.chars().take(100).flat_map(|c| match c {
        '~' => vec!['~', '0'],
        '/' => vec!['~', '1'],
        c => vec![c],
    }));
    then(at);
    at.truncate(length);
}

fn out_of_range(schema: &Value, value: &Value) -> Option<String> {
    let rule = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (amount, what, least, most) = match value {
        Value::Number(n) => (n.as_f64()?, "", rule("minimum"), rule("maximum")),
        Value::String(s) => (
            s.chars().count() as f64,
            " characters",
            rule("minLength"),
            rule("maxLength"),
        ),
        Value::Array(a) => (a.len() as f64, " items", rule("minItems"), rule("maxItems")),
        _ => return None,
    };
    if let Some(least) = least.filter(|least| amount < *least) {
        return Some(format!("must be at least {least}{what}"));
    }
    let most = most.filter(|most| amount > *most)?;
    Some(format!("must be at most {most}{what}"))
}

/// A pattern with its check and what it asks for. The catalogue uses these and no others, which a test holds.
type Form = (&'static str, fn(&str) -> bool, &'static str);

pub(crate) const FORMS: &[Form] = &[
    (
        "^[A-Za-z0-9_-]+$",
        |t| all(t, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
        "letters, digits, `_` and `-`",
    ),
    (
        "^[A-Za-z0-9_]+$",
        |t| all(t, |b| b.is_ascii_alphanumeric() || b == b'_'),
        "letters, digits and `_`",
    ),
    (
        "^[A-Za-z0-9-]+$",
        |t| all(t, |b| b.is_ascii_alphanumeric() || b == b'-'),
        "letters, digits and `-`",
    ),
    (
        "^[A-Za-z0-9-]*$",
        |t| t.is_empty() || all(t, |b| b.is_ascii_alphanumeric() || b == b'-'),
        "letters, digits and `-`",
    ),
    (
        "^[A-Za-z0-9 ]+$",
        |t| all(t, |b| b.is_ascii_alphanumeric() || b == b' '),
        "letters, digits and spaces",
    ),
    (
        "^[A-Za-z0-9_.=-]+$",
        |t| {
            all(t, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'=' | b'-')
            })
        },
        "what nextCursor of the page before said",
    ),
    ("^/", |t| t.starts_with('/'), "a path that begins with `/`"),
    (
        "^https?://",
        |t| t.starts_with("http://") || t.starts_with("https://"),
        "an URL that begins with http:// or https://",
    ),
    ("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", is_day, "a day, YYYY-MM-DD"),
];

fn all(text: &str, is_fine: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(is_fine)
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| {
            if i == 4 || i == 7 {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        })
}

fn out_of_form(schema: &Value, value: &Value) -> Option<&'static str> {
    let pattern = schema.get("pattern")?.as_str()?;
    let (_, fits, form) = FORMS.iter().find(|(known, ..)| *known == pattern)?;
    (!fits(value.as_str()?)).then_some(*form)
}

/// A keyword's value may be one name or a list of them.
fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        // 3.0 is an integer to JSON Schema.
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        name => type_of(value) == name,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn said(value: Value) -> String {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 3 },
                "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 10 },
                "kind": { "anyOf": [{ "type": "string", "enum": ["file", "all"] }, { "type": "null" }] },
                "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 2 },
                "free": { "type": "object", "additionalProperties": true },
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        let differences = differences(&schema, &value);
        differences
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn what_fits_has_no_difference() {
        for fits in [
            json!({ "name": "cat" }),
            json!({ "name": "c", "limit": null, "kind": "all", "tags": [], "free": { "a/b": [1] } }),
            json!({ "name": "c", "limit": 10, "kind": null }),
            json!({ "name": "c", "limit": 3.0 }),
        ] {
            assert_eq!(said(fits.clone()), "", "{fits}");
        }
    }

    #[test]
    fn differences_name_the_place_and_what_would_be_right() {
        assert_snapshot!(said(json!({ "limit": "many", "kind": "dir", "tags": ["a", 1, "b"], "a/b": 1 })), @r#"
        name: missing
        a~1b: unknown; known are free, kind, limit, name, tags
        kind: must be one of "file", "all", not "dir"
        limit: must be integer or null, not string
        tags: must be at most 2 items
        tags/1: must be string, not number
        "#);
        assert_snapshot!(said(json!({ "name": "", "limit": 11 })), @r"
        limit: must be at most 10
        name: must be at least 1 characters
        ");
        assert_snapshot!(said(json!({ "name": "cats", "limit": 1.5 })), @r"
        limit: must be integer or null, not number
        name: must be at most 3 characters
        ");
        assert_snapshot!(said(json!([])), @"the input: must be object, not array");
    }
}
