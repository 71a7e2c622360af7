//! `GET /v1/files`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::{File, Folder};
use super::{Effect, Operation};
use crate::error::CallError;
use crate::read_back::ReadBack;
use crate::request::ApiRequest;

/// The API's own default is 1000, which floods an agent's context.
const DEFAULT_LIMIT: u32 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListFiles {
    /// What to list: current files (default), older versions, folders, or files and folders. Ignored with searchQuery.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Only what lies directly in this folder, such as `/travel`. Default: the whole library.
    #[schemars(length(min = 1, max = 2000))]
    path: Option<String>,
    /// A query in the search language, such as `name : "cat" AND size > "1MB"`. Overrides type, tags and name.
    #[schemars(length(min = 1, max = 8000))]
    search_query: Option<String>,
    file_type: Option<FileType>,
    sort: Option<Sort>,
    /// The exact name.
    #[schemars(length(min = 1, max = 1000))]
    name: Option<String>,
    /// Files that have any of these.
    #[schemars(length(max = 50))]
    tags: Option<Vec<String>>,
    /// Most entries to return; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// Entries to leave out from the start: nextSkip of the page before.
    skip: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    File,
    FileVersion,
    Folder,
    All,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum FileType {
    All,
    Image,
    NonImage,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Sort {
    AscName,
    DescName,
    AscCreated,
    DescCreated,
    AscUpdated,
    DescUpdated,
    AscHeight,
    DescHeight,
    AscWidth,
    DescWidth,
    AscSize,
    DescSize,
    AscRelevance,
    DescRelevance,
}

/// One page.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Page {
    files: Vec<File>,
    folders: Vec<Folder>,
    /// Pass it as skip for the next page; null on the last one.
    next_skip: Option<u64>,
}

impl Operation for ListFiles {
    const NAME: &'static str = "list_files";
    const TITLE: &'static str = "List and search files";
    const DESCRIPTION: &'static str = "Lists or searches the library, a page at a time. Use it to find a fileId by \
        name, folder, tag or search query; use get_file_details when you already have the fileId.";
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    type Output = Page;

    fn request(&self) -> Result<ApiRequest, CallError> {
        let tags = self.tags.as_deref().map(comma_joined).transpose()?;
        Ok(ApiRequest::get(&["v1", "files"])
            .query("type", self.kind.map(text))
            .query("path", self.path.clone())
            .query("searchQuery", self.search_query.clone())
            .query("fileType", self.file_type.map(text))
            .query("sort", self.sort.map(text))
            .query("name", self.name.clone())
            .query("tags", tags)
            .query("limit", Some(self.limit().to_string()))
            .query("skip", self.skip.map(|n| n.to_string())))
    }

    /// The API answers with one array, in which folders have other fields than files.
    fn shape(&self, answer: Value) -> Value {
        let Value::Array(rows) = answer else {
            return answer;
        };
        let full = rows.len() >= usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let next = full.then(|| self.skip.unwrap_or(0).saturating_add(rows.len() as u64));
        let (folders, files): (Vec<Value>, Vec<Value>) = rows
            .into_iter()
            .partition(|row| row.get("type").and_then(Value::as_str) == Some("folder"));
        json!({ "files": files, "folders": folders, "nextSkip": next })
    }

    fn read_back(&self, _: &Page) -> Option<ReadBack> {
        None
    }
}

impl ListFiles {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT)
    }
}

/// A choice's spelling is the one that serde gives it.
fn text(choice: impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The API splits lists at commas, so an element with one would arrive as two.
pub(super) fn comma_joined(tags: &[String]) -> Result<String, CallError> {
    match tags.iter().find(|tag| tag.contains(',') || tag.trim().is_empty()) {
        Some(tag) => Err(CallError::invalid(format!(
            "tags: `{tag}` can't be a tag: a tag is not empty and holds no comma"
        ))),
        None => Ok(tags.join(",")),
    }
}
