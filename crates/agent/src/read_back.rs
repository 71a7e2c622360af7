//! Looking up whether an effect took place: what to ask, what to expect, and what was found. Pure; the pipeline asks.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::request::ApiRequest;

/// How to see an effect.
pub(crate) struct ReadBack {
    pub request: ApiRequest,
    expected: Expected,
}

enum Expected {
    /// The answer's fields have these values.
    Fields(Vec<(&'static str, Value)>),
    /// There is no such thing any more.
    Absent,
}

/// One thing that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Verification {
    /// The action changes nothing.
    NotNeeded,
    /// The effect was looked up and is there.
    Verified {
        /// What was looked up.
        checks: Vec<Check>,
    },
    /// The upstream said that it was done; looking it up was not possible.
    Unverified {
        /// Why not.
        reason: String,
    },
}

impl ReadBack {
    pub fn fields(request: ApiRequest, expected: Vec<(&'static str, Value)>) -> Self {
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

    /// True for answers that say something about the effect; others say something about the upstream.
    pub fn is_answered_by(status: StatusCode) -> bool {
        status.is_success() || status == StatusCode::NOT_FOUND
    }

    pub fn compare(&self, status: StatusCode, answer: &Value) -> Vec<Check> {
        let check = |name: &str, expected: Value, actual: Value| Check {
            name: name.to_owned(),
            ok: expected == actual,
            expected,
            actual,
        };
        let status = status.as_u16();
        match &self.expected {
            Expected::Absent => vec![check("status", json!(404), json!(status))],
            Expected::Fields(_) if status == 404 => vec![check("status", json!(200), json!(404))],
            Expected::Fields(fields) => fields
                .iter()
                .map(|(name, expected)| {
                    let actual = answer.get(name).cloned().unwrap_or(Value::Null);
                    check(name, expected.clone(), actual)
                })
                .collect(),
        }
    }
}
