//! Looking up whether an effect took place: what to ask, what to expect, and what was found. Pure; the pipeline asks.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::request::ApiRequest;

/// One look at an effect.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub request: ApiRequest,
    expected: Expected,
}

#[derive(Debug, Clone)]
enum Expected {
    /// The answer's fields are so.
    Fields(Vec<(&'static str, Wanted)>),
    /// There is no such thing any more.
    Absent,
    /// The answer is a list with a row whose `key` is `value`, and whose fields are so.
    Row {
        key: &'static str,
        value: String,
        fields: Vec<(&'static str, Wanted)>,
    },
    /// The answer is a list without such a row.
    NoRow { key: &'static str, value: String },
    /// Work that goes on by itself has come to its end.
    Done { field: &'static str, when: &'static str },
    /// A job on a folder has come to its end, and did all of its work.
    Job,
    /// Nothing: what is answered is for the way back, if anything is.
    Told,
}

/// What a field should be.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// Exactly this. A number is the same whether it is written with a fraction or not.
    Is(Value),
    /// A list of these tags in any order, as the API keeps them: trimmed, without empty ones; null counts as an empty one.
    Set(Vec<String>),
    /// A list with all of these tags.
    With(Vec<String>),
    /// A list with none of these tags.
    Without(Vec<String>),
    /// `x,y,width,height`, with or without spaces; nothing at all for null and an empty text.
    Area(Option<String>),
    /// A list of objects of which none has one of these names.
    WithoutNamed(Vec<String>),
    /// An object with these values, others too; null means that the key is absent or null.
    Merged(Vec<(String, Value)>),
}

/// One thing that was looked up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The field, or `status` for the answer's status.
    pub name: String,
    /// What it should be.
    pub expected: Value,
    /// What it is.
    pub actual: Value,
    /// Whether they are the same.
    pub ok: bool,
}

/// What is known about an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Verification {
    /// The action changes nothing, or the caller asked for no look.
    NotNeeded,
    /// The effect was looked up and is there.
    Verified {
        /// What was looked up.
        checks: Vec<Check>,
    },
    /// The upstream said that it was done; looking it up was not possible, or the work goes on.
    Unverified {
        /// Why not.
        reason: String,
        /// What was looked up before.
        checks: Vec<Check>,
    },
}

/// What one look says.
#[derive(Debug)]
pub(crate) enum Look {
    Checks(Vec<Check>),
    /// The work is still going on.
    NotYet(String),
    /// The work has ended, and not all of it was done.
    Partly(String),
}

impl Probe {
    pub fn fields(request: ApiRequest, expected: Vec<(&'static str, Wanted)>) -> Self {
        Self {
            request,
            expected: Expected::Fields(expected),
        }
    }

    pub fn absent(request: ApiRequest) -> Self {
        Self {
            request,
            expected: Expected::Absent,
        }
    }

    pub fn row(
        request: ApiRequest,
        key: &'static str,
        value: impl Into<String>,
        fields: Vec<(&'static str, Wanted)>,
    ) -> Self {
        Self {
            request,
            expected: Expected::Row {
                key,
                value: value.into(),
                fields,
            },
        }
    }

    pub fn no_row(request: ApiRequest, key: &'static str, value: impl Into<String>) -> Self {
        Self {
            request,
            expected: Expected::NoRow {
                key,
                value: value.into(),
            },
        }
    }

    pub fn done(request: ApiRequest, field: &'static str, when: &'static str) -> Self {
        Self {
            request,
            expected: Expected::Done { field, when },
        }
    }

    /// About a job on a folder.
    pub fn job(request: ApiRequest) -> Self {
        Self {
            request,
            expected: Expected::Job,
        }
    }

    /// A look that says nothing about the effect, and may fail.
    pub fn told(request: ApiRequest) -> Self {
        Self {
            request,
            expected: Expected::Told,
        }
    }

    /// True if it does not matter whether it is answered.
    pub fn is_told(&self) -> bool {
        matches!(self.expected, Expected::Told)
    }

    /// True if it is about work that goes on.
    pub fn waits(&self) -> bool {
        matches!(self.expected, Expected::Done { .. } | Expected::Job)
    }

    /// The row that it is about, in an answer.
    pub fn found(&self, answer: &Value) -> Option<Value> {
        match &self.expected {
            Expected::Row { key, value, .. } => row(answer, key, value).cloned(),
            _ => None,
        }
    }

    /// True for answers that say something about the effect; others say something about the upstream.
    pub fn is_answered_by(status: StatusCode) -> bool {
        status.is_success() || status == StatusCode::NOT_FOUND
    }

    pub fn compare(&self, status: StatusCode, answer: &Value) -> Look {
        let status = status.as_u16();
        let missing = || vec![check("status", json!(200), json!(404))];
        Look::Checks(match &self.expected {
            Expected::Told => Vec::new(),
            Expected::Absent => vec![check("status", json!(404), json!(status))],
            Expected::Fields(_) | Expected::Done { .. } | Expected::Job if status == 404 => missing(),
            Expected::Fields(fields) => fields
                .iter()
                .map(|(name, wanted)| wanted.check(name, &answer[*name]))
                .collect(),
            Expected::Done { field, when } => {
                let actual = &answer[*field];
                if actual != *when {
                    return Look::NotYet(format!("{field} is still {actual}"));
                }
                vec![check(field, json!(when), actual.clone())]
            }
            Expected::Job => match answer["status"].as_str() {
                Some("Completed") => {
                    let failed = answer["failed"].as_u64().unwrap_or(0);
                    vec![
                        check("status", json!("Completed"), json!("Completed")),
                        check("failed", json!(0), json!(failed)),
                    ]
                }
                Some("Failed") => vec![check("status", json!("Completed"), json!("Failed"))],
                // The folder is renamed, its old URLs may still be in caches.
                Some("Partial success") => {
                    return Look::Partly(match answer["message"].as_str() {
                        Some(message) => format!("the job ended in part: {message}"),
                        None => "the job ended in part".to_owned(),
                    });
                }
                _ => return Look::NotYet(format!("status is still {}", answer["status"])),
            },
            Expected::NoRow { key, value } => vec![check(
                &format!("no {key} {value}"),
                json!(true),
                json!(row(answer, key, value).is_none()),
            )],
            Expected::Row { key, value, fields } => match row(answer, key, value) {
                None => vec![check(key, json!(value), Value::Null)],
                Some(found) => {
                    let mut checks = vec![check(key, json!(value), found[*key].clone())];
                    checks.extend(fields.iter().map(|(name, wanted)| wanted.check(name, &found[*name])));
                    checks
                }
            },
        })
    }
}

impl Wanted {
    fn check(&self, name: &str, actual: &Value) -> Check {
        let held: Vec<&str> = actual
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let trimmed = |items: &[String]| -> Vec<String> {
            let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let (expected, ok) = match self {
            Self::Area(area) => {
                let numbers = |text: &str| -> Vec<String> { text.split(',').map(|n| n.trim().to_owned()).collect() };
                let wanted = area.as_deref().map(str::trim).filter(|area| !area.is_empty());
                let held = actual.as_str().filter(|area| !area.is_empty());
                (json!(wanted), wanted.map(numbers) == held.map(numbers))
            }
            Self::Is(value) => (value.clone(), same(value, actual)),
            Self::Set(items) => {
                let items = trimmed(items);
                let is_list = actual.is_null() || actual.is_array();
                let all = items.iter().all(|i| held.contains(&i.as_str()));
                (
                    json!(items),
                    is_list && all && held.iter().all(|h| items.iter().any(|i| i == h)),
                )
            }
            Self::With(items) => {
                let items = trimmed(items);
                let ok = items.iter().all(|i| held.contains(&i.as_str()));
                (json!({ "with": items }), ok)
            }
            Self::Without(items) => {
                let items = trimmed(items);
                let ok = !items.iter().any(|i| held.contains(&i.as_str()));
                (json!({ "without": items }), ok)
            }
            Self::WithoutNamed(names) => {
                let mut rows = actual.as_array().into_iter().flatten();
                let has = rows.any(|row| names.iter().any(|name| row["name"] == name.as_str()));
                (json!({ "without": names }), !has)
            }
            Self::Merged(values) => {
                let ok = values.iter().all(|(key, value)| same(value, &actual[key.as_str()]));
                let expected = values.iter().cloned().collect::<serde_json::Map<_, _>>();
                (Value::Object(expected), ok)
            }
        };
        Check {
            name: name.to_owned(),
            expected,
            actual: actual.clone(),
            ok,
        }
    }
}

fn row<'a>(answer: &'a Value, key: &str, value: &str) -> Option<&'a Value> {
    answer.as_array()?.iter().find(|row| row[key] == value)
}

fn same(expected: &Value, actual: &Value) -> bool {
    match (expected.as_f64(), actual.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => expected == actual,
    }
}

fn check(name: &str, expected: Value, actual: Value) -> Check {
    Check {
        name: name.to_owned(),
        ok: expected == actual,
        expected,
        actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(wanted: Wanted, actual: Value) -> bool {
        wanted.check("x", &actual).ok
    }

    #[test]
    fn wants() {
        let list = |items: &[&str]| items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        assert!(ok(Wanted::Is(json!(5)), json!(5.0)));
        assert!(ok(Wanted::Set(list(&["a", "b"])), json!(["b", "a"])));
        assert!(ok(Wanted::Set(list(&[])), json!(null)));
        assert!(ok(Wanted::Set(list(&[" a ", " "])), json!(["a"])));
        assert!(ok(Wanted::With(list(&["a\n"])), json!(["a", "b"])));
        assert!(!ok(Wanted::Without(list(&[" a"])), json!(["a"])));
        let area = |text: Option<&str>| Wanted::Area(text.map(str::to_owned));
        assert!(ok(area(Some(" 1, 2,3 ,4 ")), json!("1,2,3,4")));
        assert!(ok(area(None), json!(null)) && ok(area(Some("")), json!(null)));
        assert!(!ok(area(Some("1,2,3,4")), json!("1,2,3,5")) && !ok(area(Some("1,2,3,4")), json!(null)));
        assert!(!ok(Wanted::Set(list(&["a"])), json!(["a", "b"])));
        assert!(ok(Wanted::With(list(&["a"])), json!(["a", "b"])));
        assert!(!ok(Wanted::With(list(&["a"])), json!(null)));
        assert!(ok(Wanted::Without(list(&["a"])), json!(null)));
        let merged = || Wanted::Merged(vec![("a".into(), json!(1)), ("b".into(), json!(null))]);
        assert!(ok(merged(), json!({ "a": 1, "c": 2 })));
        assert!(!ok(merged(), json!({ "a": 1, "b": 2 })));
    }
}
