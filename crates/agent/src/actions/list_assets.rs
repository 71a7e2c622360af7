//! `GET /v1/files`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Asset;
use super::operation::word;
use super::{About, Operation, path};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::Target;

/// The API's own default is 1000, which floods an agent's context.
const DEFAULT_LIMIT: u32 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListAssets {
    /// What to list: current files (default), older versions, folders, or files and folders. Ignored with searchQuery.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Only what lies directly in this folder, such as `/travel`. Default: the whole library.
    #[schemars(length(min = 1, max = 2000))]
    path: Option<String>,
    /// A query in the search language, such as `name : "cat" AND size > "1MB"`. Overrides type, tags and name.
    #[schemars(length(min = 1, max = 8000))]
    search_query: Option<String>,
    /// Only pictures, or only what is none. Default: all.
    file_type: Option<FileType>,
    /// Default: ASC_CREATED. RELEVANCE goes with a searchQuery that uses HAS.
    sort: Option<Sort>,
    /// The exact name.
    #[schemars(length(min = 1, max = 1000))]
    name: Option<String>,
    /// Files that have any of these.
    #[schemars(length(max = 50), inner(length(min = 1, max = 500)))]
    tags: Option<Vec<String>>,
    /// Most entries to return; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// Entries to leave out from the start: nextSkip of the page before.
    #[schemars(range(min = 0, max = 1_000_000_000))]
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
    assets: Vec<Asset>,
    /// Pass it as skip for the next page; null on the last one.
    next_skip: Option<u64>,
}

impl Operation for ListAssets {
    const ABOUT: About = About::read(
        "list_assets",
        "List and search assets",
        "Lists or searches files and folders, a page at a time. Use it to find a fileId by name, folder, tag or search \
         query; use get_file_details when you already have the fileId. A page that says nextSkip has more behind it.",
    )
    .examples(&[
        r#"{"path":"/travel","sort":"DESC_CREATED","limit":20}"#,
        r#"{"searchQuery":"name : \"cat\" AND size > \"1MB\""}"#,
        r#"{"type":"folder","path":"/"}"#,
        r#"{"tags":["sea","dawn"],"fileType":"image","skip":100}"#,
    ]);
    type Output = Page;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        // Without a path the whole library is listed; a grant by folder then keeps what it covers.
        Ok(Vec::new())
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let tags = self
            .tags
            .as_deref()
            .map(|tags| comma_joined("tags", tags))
            .transpose()?;
        let path = self.path.as_deref().map(|p| path::checked("path", p)).transpose()?;
        Ok(ApiRequest::get(&["v1", "files"])
            .query("type", self.kind.map(word))
            .query("path", path)
            .query("searchQuery", self.search_query.clone())
            .query("fileType", self.file_type.map(word))
            .query("sort", self.sort.map(word))
            .query("name", self.name.clone())
            .query("tags", tags)
            .query("limit", Some(self.limit().to_string()))
            .query("skip", self.skip.map(|n| n.to_string())))
    }

    fn shape(&self, answer: Value) -> Value {
        let Value::Array(rows) = answer else {
            return answer;
        };
        let full = rows.len() >= usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let next = full.then(|| self.skip.unwrap_or(0).saturating_add(rows.len() as u64));
        json!({ "assets": rows, "nextSkip": next })
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        let kept = output["assets"].as_array()?.get(..rows)?;
        let next = self.skip.unwrap_or(0).saturating_add(rows as u64);
        Some(json!({ "assets": kept, "nextSkip": next }))
    }
}

impl ListAssets {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT)
    }
}

/// The API splits lists at commas, so an element with one would arrive as two.
pub(super) fn comma_joined(field: &str, tags: &[String]) -> Result<String, CallError> {
    match tags.iter().find(|tag| tag.contains(',') || tag.trim().is_empty()) {
        Some(tag) => Err(CallError::invalid(format!(
            "{field}: `{tag}` can't be a tag: a tag is not empty and holds no comma"
        ))),
        None => Ok(tags.join(",")),
    }
}
