//! `GET /v1/files`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Asset;
use super::operation::{Told, word};
use super::page::{Cursor, USUAL};
use super::{About, Operation, path};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::Target;

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
    /// Entries to leave out from the start: nextSkip of the page before. A cursor is better: what is added or deleted
    /// meanwhile moves nothing.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    skip: Option<u64>,
    /// nextCursor of the page before, with all else as it was asked for there.
    cursor: Option<Cursor>,
    /// Also count how many entries there are in all, where the server can. Default: false.
    count: Option<bool>,
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
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
    /// The same as a number for skip; null on the last page, and where only a cursor can go on.
    next_skip: Option<u64>,
    /// How many entries there are in all, if that was asked and the server counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// True if there are more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_is_at_least: Option<bool>,
}

impl Operation for ListAssets {
    const ABOUT: About = About::read(
        "list_assets",
        "List and search assets",
        "Lists or searches files and folders, a page at a time. Use it to find a fileId by name, folder, tag or search \
         query; use get_file_details when you already have the fileId. A page that says nextCursor has more behind it.",
    )
    .lists("assets")
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
        if self.cursor.is_some() && self.skip.is_some() {
            return Err(CallError::invalid("give cursor or skip, not both"));
        }
        let from = self.begins();
        Ok(ApiRequest::get(&["v1", "files"])
            .query("type", self.kind.map(word))
            .query("path", path)
            .query("searchQuery", self.search_query.clone())
            .query("fileType", self.file_type.map(word))
            .query("sort", self.sort.map(word))
            .query("name", self.name.clone())
            .query("tags", tags)
            .query("limit", Some(self.limit().to_string()))
            .query("skip", Some(from.skip()).filter(|n| *n > 0).map(|n| n.to_string()))
            // Empty asks a server that has cursors for one; others ignore what they do not know.
            .query("cursor", Some(from.place().unwrap_or_default().to_owned()))
            .query("count", self.count.filter(|count| *count).map(|_| "true".to_owned())))
    }

    fn shape_told(&self, answer: Value, told: &Told) -> Value {
        let Value::Array(rows) = answer else {
            return answer;
        };
        let from = self.begins();
        let is_full = rows.len() >= usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let named = told.next_cursor.as_deref().and_then(Cursor::after);
        // A server that gave a cursor before gives one as long as there is more.
        let next = named.or_else(|| (is_full && from.place().is_none()).then(|| from.further(rows.len())));
        let skip = next.as_ref().filter(|_| from.place().is_none());
        let mut page = json!({
            "nextSkip": skip.map(|_| from.further(rows.len()).skip()),
            "nextCursor": next,
        });
        page["assets"] = Value::Array(rows);
        if let Some((count, is_exact)) = told.total.filter(|_| self.count == Some(true)) {
            page["total"] = json!(count);
            page["totalIsAtLeast"] = json!(!is_exact);
        }
        page
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        let kept = output["assets"].as_array()?.get(..rows)?;
        let next = self.begins().further(rows);
        let others = output.as_object()?.iter().filter(|(name, _)| *name != "assets");
        let mut page: Value = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        page["assets"] = Value::Array(kept.to_vec());
        page["nextSkip"] = json!(next.place().is_none().then(|| next.skip()));
        page["nextCursor"] = json!(next);
        Some(page)
    }
}

impl ListAssets {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL)
    }

    /// Where the page begins.
    fn begins(&self) -> Cursor {
        self.cursor
            .clone()
            .unwrap_or_else(|| Cursor::skipping(self.skip.unwrap_or(0)))
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
