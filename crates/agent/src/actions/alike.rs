//! Files that look alike, and files that are the same: parts of Tintype's own of `GET /v1/files`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{File, Id};
use super::operation::Told;
use super::page::{Cursor, USUAL, page};
use super::{About, Operation, path};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::Target;

/// Puts into each row why it is there, as far as the server says.
fn explained(rows: &mut [Value], name: &str, told: &Told, read: impl Fn(&str) -> Value) {
    // One that says too little says nothing of which row.
    if told.matched.len() != rows.len() {
        return;
    }
    for (row, why) in rows.iter_mut().zip(&told.matched) {
        if let Some(fields) = row.as_object_mut() {
            fields.insert(name.to_owned(), read(why));
        }
    }
}

/// A server that does not know the question answers another one: with all files.
fn answered(told: &Told, question: &str) -> Result<(), &'static str> {
    if told.listed.as_deref() == Some(question) {
        return Ok(());
    }
    Err("this server does not compare files; Tintype does")
}

/// `GET /v1/files?similarTo=`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FindSimilarFiles {
    /// The file to compare with: a picture.
    file_id: Id,
    /// In how many of 64 bits the looks may differ: 0 for what looks the same, up to 15; default 8.
    #[schemars(range(min = 0, max = 15))]
    max_distance: Option<u32>,
    /// Only what lies directly in this folder.
    #[schemars(length(min = 1, max = 2000))]
    path: Option<String>,
    /// Most files; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Files, the nearest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Alike {
    assets: Vec<File>,
}

impl Operation for FindSimilarFiles {
    const ABOUT: About = About::read(
        "find_similar_files",
        "Find pictures that look alike",
        "Pictures that look like one of the library, by their looks and not by name or tags: other sizes and formats, light \
         edits; distance says how near each is. For pictures that look the same anywhere in the library use \
         find_duplicate_files; for what is on pictures use list_assets with a searchQuery.",
    )
    .lists("assets")
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd","maxDistance":4}"#]);
    type Output = Alike;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let path = self.path.as_deref().map(|p| path::checked("path", p)).transpose()?;
        Ok(ApiRequest::get(&["v1", "files"])
            .query("similarTo", Some(self.file_id.as_str().to_owned()))
            .query("maxDistance", self.max_distance.map(|n| n.to_string()))
            .query("path", path)
            .query("limit", Some(self.limit.unwrap_or(USUAL).to_string())))
    }

    fn supported(&self, told: &Told) -> Result<(), &'static str> {
        answered(told, "similar")
    }

    fn shape_told(&self, answer: Value, told: &Told) -> Value {
        let Value::Array(mut rows) = answer else {
            return answer;
        };
        explained(&mut rows, "distance", told, |bits| json!(bits.parse::<u64>().ok()));
        let mut alike = json!({});
        alike["assets"] = Value::Array(rows);
        alike
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        // The nearest are in front; those behind are asked for with a smaller distance or a folder.
        Some(json!({ "assets": output["assets"].as_array()?.get(..rows)? }))
    }
}

/// `GET /v1/files?duplicates=true`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FindDuplicateFiles {
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most files; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Pictures that look the same as another, side by side.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Duplicates {
    assets: Vec<File>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

impl FindDuplicateFiles {
    fn begins(&self) -> Cursor {
        self.cursor.clone().unwrap_or_default()
    }
}

impl Operation for FindDuplicateFiles {
    const ABOUT: About = About::read(
        "find_duplicate_files",
        "Find pictures that look the same",
        "Pictures that look the same as another of the library, those that do one after the other. Of them, rows with the same \
         content have the same bytes; others are other sizes, formats or light edits. It says nothing about which of them is \
         superfluous: look where each is used. For pictures that only look alike use find_similar_files.",
    )
    .lists("assets")
    .examples(&["{}", r#"{"limit":20}"#]);
    type Output = Duplicates;

    fn request(&self) -> Result<ApiRequest, CallError> {
        let skip = self.begins().skip();
        Ok(ApiRequest::get(&["v1", "files"])
            .query("duplicates", Some("true".to_owned()))
            .query("limit", Some(self.limit.unwrap_or(USUAL).to_string()))
            .query("skip", (skip > 0).then(|| skip.to_string())))
    }

    fn supported(&self, told: &Told) -> Result<(), &'static str> {
        answered(told, "duplicates")
    }

    fn shape_told(&self, answer: Value, told: &Told) -> Value {
        let Value::Array(mut rows) = answer else {
            return answer;
        };
        explained(&mut rows, "content", told, |digits| json!(digits));
        let is_full = rows.len() >= usize::try_from(self.limit.unwrap_or(USUAL)).unwrap_or(usize::MAX);
        let next = is_full.then(|| self.begins().further(rows.len()));
        page("assets", rows, next)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        let kept = output["assets"].as_array()?.get(..rows)?;
        Some(json!({ "assets": kept, "nextCursor": self.begins().further(rows) }))
    }
}
