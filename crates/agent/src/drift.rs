//! Drift: an upstream that answers with something else than its contract says. It is noted and told, so that a changed
//! API is seen before it hurts; where that is asked for, listed and tested coercions mend it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schema::{self, Difference, DifferenceKind};

/// More places than these are not told.
const MOST: usize = 50;

/// What is done about drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// It is told. What the action depends on must be there all the same.
    #[default]
    Observe,
    /// It is told, and mended where that is safe: numbers and truth values written as text, other spellings of a known
    /// word, an envelope around the answer.
    Repair,
    /// The call fails.
    Strict,
}

/// One place where an answer is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Drift {
    /// JSON Pointer into the output; `*` stands for every element of a list.
    pub pointer: String,
    /// What is different.
    pub kind: DriftKind,
    /// In words, without the value itself.
    pub detail: String,
    /// It was mended.
    pub repaired: bool,
}

/// What is different about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A field that the contract does not have. It is left out of the output.
    Added,
    /// A promised field is not there.
    Missing,
    /// A value of another type.
    TypeChanged,
    /// Null where there is always a value.
    NullAdded,
    /// A word that is none of the known ones.
    EnumAdded,
    /// A text or number of another form or range.
    FormatChanged,
    /// The whole answer lies in an object of its own.
    Wrapped,
}

impl DriftKind {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Missing => "missing",
            Self::TypeChanged => "type_changed",
            Self::NullAdded => "null_added",
            Self::EnumAdded => "enum_added",
            Self::FormatChanged => "format_changed",
            Self::Wrapped => "wrapped",
        }
    }
}

/// The differences as drift, each place once.
pub(crate) fn of(differences: &[Difference]) -> Vec<Drift> {
    let all: BTreeSet<Drift> = differences.iter().map(told).collect();
    all.into_iter().take(MOST).collect()
}

/// An envelope that was taken off.
pub(crate) fn envelope() -> Drift {
    Drift {
        pointer: String::new(),
        kind: DriftKind::Wrapped,
        detail: "the answer lies in an object of its own".to_owned(),
        repaired: true,
    }
}

/// What lies in an envelope: an object with one of the usual names and nothing else that tells something.
pub(crate) fn unwrapped(answer: &Value) -> Option<Value> {
    let fields = answer.as_object()?;
    let plain = ["success", "message", "status", "meta", "error"];
    let (mut inner, mut others) = (None, 0);
    for (name, value) in fields {
        match name.as_str() {
            "data" | "result" | "response" | "items" if value.is_object() || value.is_array() => inner = Some(value),
            name if plain.contains(&name) => {}
            _ => others += 1,
        }
    }
    inner.filter(|_| others == 0).cloned()
}

/// Mends what can be mended safely, and says at each drift whether it was.
pub(crate) fn repair(schema: &Value, value: &mut Value, drift: &mut [Drift]) {
    coerce(schema, value);
    let left = of(&schema::differences(schema, value));
    for drift in drift.iter_mut().filter(|d| d.kind != DriftKind::Added) {
        drift.repaired = drift.repaired || !left.iter().any(|l| l.pointer == drift.pointer && l.kind == drift.kind);
    }
}

fn coerce(schema: &Value, value: &mut Value) {
    if let Some(branches) = schema::branches(schema) {
        if let Some((branch, differences)) = schema::nearest(branches, value)
            && !differences.is_empty()
        {
            coerce(branch, value);
        }
        return;
    }
    if let Some(mended) = mended(schema, value) {
        *value = mended;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(schema) = schema["properties"].get(name) {
                    coerce(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| coerce(schema, item));
            }
        }
        _ => {}
    }
}

fn mended(schema: &Value, value: &Value) -> Option<Value> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let takes = |name: &str| types.contains(&name);
    if let (Some(choices), Some(text)) = (schema["enum"].as_array(), value.as_str()) {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect()
        };
        let is_it = |choice: &&Value| choice.as_str().is_some_and(|c| plain(c) == plain(text));
        return choices.iter().find(is_it).filter(|c| *c != value).cloned();
    }
    match value {
        Value::String(text) if !takes("string") => {
            let text = text.trim();
            if takes("boolean")
                && let Ok(truth) = text.to_ascii_lowercase().parse::<bool>()
            {
                return Some(json!(truth));
            }
            if takes("integer") || takes("number") {
                let number: serde_json::Number = serde_json::from_str(text).ok()?;
                let fits = takes("number") || number.as_f64().is_some_and(|n| n.fract() == 0.0);
                return fits.then_some(Value::Number(number));
            }
            None
        }
        Value::Number(number) if takes("string") && !takes("number") && !takes("integer") => {
            Some(json!(number.to_string()))
        }
        // Serde takes an integer only without a fraction.
        Value::Number(number) if takes("integer") && !takes("number") && number.is_f64() => {
            let n = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
            Some(json!(n as i64))
        }
        _ => None,
    }
}

fn told(difference: &Difference) -> Drift {
    let (kind, detail) = match &difference.kind {
        DifferenceKind::Unknown { .. } => (DriftKind::Added, "not in the contract".to_owned()),
        DifferenceKind::Missing => (DriftKind::Missing, "promised by the contract".to_owned()),
        DifferenceKind::Type {
            expected,
            found: "null",
        } => (DriftKind::NullAdded, format!("null instead of {expected}")),
        DifferenceKind::Type { expected, found } => (DriftKind::TypeChanged, format!("{found} instead of {expected}")),
        DifferenceKind::Choice { choices, .. } => (DriftKind::EnumAdded, format!("none of {}", choices.join(", "))),
        DifferenceKind::Range { rule } => (DriftKind::FormatChanged, rule.clone()),
        DifferenceKind::Form { form } => (DriftKind::FormatChanged, format!("must be {form}")),
    };
    let is_index = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let segments = difference.pointer.split('/').map(|s| if is_index(s) { "*" } else { s });
    Drift {
        pointer: segments.collect::<Vec<_>>().join("/"),
        kind,
        detail,
        repaired: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_once_for_all_rows() {
        let missing = |pointer: &str| Difference {
            pointer: pointer.to_owned(),
            kind: DifferenceKind::Missing,
        };
        let drift = of(&[
            missing("/files/0/size"),
            missing("/files/17/size"),
            missing("/files/0/url"),
        ]);
        let pointers: Vec<&str> = drift.iter().map(|d| d.pointer.as_str()).collect();
        assert_eq!(pointers, ["/files/*/size", "/files/*/url"]);
    }

    #[test]
    fn listed_coercions_mend_and_say_so() {
        let schema = json!({
            "type": "object",
            "properties": {
                "size": { "type": "integer" },
                "ratio": { "type": ["number", "null"] },
                "private": { "type": "boolean" },
                "kind": { "type": "string", "enum": ["COPY_FOLDER", "MOVE_FOLDER"] },
                "name": { "type": "string" },
                "rows": { "type": "array", "items": { "anyOf": [{ "type": "integer" }, { "type": "null" }] } },
            },
            "additionalProperties": false,
        });
        let mut value = json!({
            "size": "12", "ratio": "0.5", "private": "True", "kind": "copyFolder", "name": 7, "rows": ["1", null],
            "extra": 1,
        });
        let mut drift = of(&schema::differences(&schema, &value));
        repair(&schema, &mut value, &mut drift);
        assert_eq!(
            value,
            json!({
                "size": 12, "ratio": 0.5, "private": true, "kind": "COPY_FOLDER", "name": "7", "rows": [1, null],
                "extra": 1,
            })
        );
        let left: Vec<&str> = drift
            .iter()
            .filter(|d| !d.repaired)
            .map(|d| d.pointer.as_str())
            .collect();
        assert_eq!(left, ["/extra"]);
        // What could mean something else stays as it is.
        for (field, wrong) in [
            ("size", json!("1.5")),
            ("kind", json!("ZIP_FOLDER")),
            ("private", json!("maybe")),
        ] {
            let mut value = json!({ field: wrong });
            let mut drift = of(&schema::differences(&schema, &value));
            repair(&schema, &mut value, &mut drift);
            assert_eq!(value[field], wrong);
            assert!(drift.iter().all(|d| !d.repaired));
        }
    }

    #[test]
    fn only_an_envelope_is_taken_off() {
        assert_eq!(unwrapped(&json!({ "data": [1], "success": true })), Some(json!([1])));
        assert_eq!(unwrapped(&json!({ "data": [1], "name": "x" })), None);
        assert_eq!(unwrapped(&json!({ "data": 1 })), None);
        assert_eq!(unwrapped(&json!([1])), None);
    }
}
