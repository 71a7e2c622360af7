//! Holds a value against a JSON Schema, as far as our own declarations use the language, and says where they differ.

use std::fmt;

use serde_json::Value;

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
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
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
    if let Some(rule) = out_of_range(schema, value) {
        note(DifferenceKind::Range { rule });
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

/// No difference if one branch fits, else those of the branch that comes nearest: null is a branch that says little.
fn any_of(branches: &[Value], value: &Value, at: &mut String, found: &mut Vec<Difference>) {
    let mut nearest: Option<Vec<Difference>> = None;
    for branch in branches {
        let mut differences = Vec::new();
        walk(branch, value, at, &mut differences);
        if differences.is_empty() {
            return;
        }
        let is_null = branch.get("type").and_then(Value::as_str) == Some("null");
        if nearest.is_none() || !is_null {
            nearest = Some(differences);
        }
    }
    found.extend(nearest.unwrap_or_default());
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
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in properties {
        match known.and_then(|k| k.get(name)) {
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
