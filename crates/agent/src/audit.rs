//! The record of calls: who asked for what, what was done, and how it ended. Without secrets, without content.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::actions::{Action, Effect};
use crate::drift::Drift;
use crate::error::Code;
use crate::read_back::Verification;

/// Longer texts of an input are cut.
const LONGEST_TEXT: usize = 200;
/// Longer lists of an input are cut.
const LONGEST_LIST: usize = 50;

/// Takes records. A write is recorded before it is sent and after it ended, so a crash in between can be seen.
pub trait Audit: Send + Sync {
    /// Keeps the record for good before it returns.
    fn record(&self, record: &CallRecord) -> Result<(), AuditError>;
}

/// Why a record could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the audit file {path} can't be written")]
pub struct AuditError {
    path: String,
    #[source]
    source: std::io::Error,
}

/// One call.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// Names the call.
    pub id: String,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub time: OffsetDateTime,
    /// Who made it.
    pub principal: String,
    /// The action as asked for.
    pub action: String,
    /// Its declared effect; `None` for an unknown action.
    pub effect: Option<Effect>,
    /// The input, long texts cut, secrets and content taken out; null for an unknown action.
    pub input: Value,
    /// Size of the attached file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<usize>,
    /// Base URL of the upstream.
    pub upstream: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The error in words, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
    /// Waits between attempts.
    pub waited_ms: u64,
    /// The upstream's names of its answers, those of the read-back too.
    pub request_ids: Vec<String>,
    /// Where the answer was not what the contract says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// What is known about the effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Not yet: a write that is about to be sent.
    Begun,
    /// With success.
    Done,
    /// Before anything was sent.
    Refused,
    /// With an error.
    Failed,
}

/// The input as a record shows it.
pub(crate) fn shortened(input: &Value, action: &Action) -> Value {
    let Value::Object(properties) = input else {
        return shorten(input);
    };
    let shown = properties.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) if action.content_fields.contains(&name.as_str()) => {
                json!(format!("({} characters)", text.len()))
            }
            value => shorten(value),
        };
        (cut(name), value)
    });
    Value::Object(shown.collect())
}

fn shorten(value: &Value) -> Value {
    match value {
        // The query of a URL is where signatures and tokens are.
        Value::String(text) if text.starts_with("http") => json!(cut(text.split(['?', '#']).next().unwrap_or(text))),
        Value::String(text) => json!(cut(text)),
        Value::Array(items) => items.iter().take(LONGEST_LIST).map(shorten).collect(),
        // No action takes nested objects: what is in one is not ours to repeat.
        Value::Object(properties) => json!(format!("({} properties)", properties.len())),
        other => other.clone(),
    }
}

fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_TEXT {
        return text.to_owned();
    }
    let head: String = text.chars().take(60).collect();
    format!("{head}... ({length} characters)")
}

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

/// A file with a line of JSON for each record, only ever appended to.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: Mutex<File>,
}

impl JsonLines {
    /// Opens the file for appending; makes it, readable by its owner only, if it is not there.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| failed(path, e))?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        })
    }
}

impl Audit for JsonLines {
    fn record(&self, record: &CallRecord) -> Result<(), AuditError> {
        let mut line = serde_json::to_vec(record).map_err(|e| failed(&self.path, e.into()))?;
        line.push(b'\n');
        // One write for a line: several processes append to the same file.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(|e| failed(&self.path, e))
    }
}

fn failed(path: &Path, source: std::io::Error) -> AuditError {
    AuditError {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn inputs_are_shown_without_content_and_secrets() {
        let upload = crate::actions::find("upload_file").unwrap();
        let input = json!({
            "fileName": "a".repeat(300),
            "contentBase64": "aGVsbG8=",
            "url": "https://host/cat.jpg?signature=5ecret",
            "tags": ["sea"],
            "isPrivateFile": true,
            "nested": { "token": "5ecret" },
        });
        let shown = serde_json::to_string_pretty(&shortened(&input, upload)).unwrap();
        assert_snapshot!(shown, @r#"
        {
          "contentBase64": "(8 characters)",
          "fileName": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... (300 characters)",
          "isPrivateFile": true,
          "nested": "(1 properties)",
          "tags": [
            "sea"
          ],
          "url": "https://host/cat.jpg"
        }
        "#);
    }
}
