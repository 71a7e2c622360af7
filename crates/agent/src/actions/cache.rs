//! Purging what caches hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Id;
use super::operation::plain;
use super::{About, Delivered, Inverse, Operation, path};
use crate::error::CallError;
use crate::read_back::Probe;
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

/// `POST /v1/files/purge`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PurgeCache {
    /// The file's delivery URL; one `*` at its very end stands for all that begins so, such as its transformations.
    #[schemars(length(min = 8, max = 4000), extend("pattern" = "^https?://"))]
    url: Option<String>,
    /// Instead of url, on a Tintype: one file with all its versions and transformations, under whatever URL.
    file_id: Option<Id>,
    /// Instead of url, on a Tintype: a folder and everything below it; `/` for the whole library.
    #[schemars(length(min = 1, max = 2000), extend("pattern" = "^/"))]
    folder_path: Option<String>,
    /// Instead of url, on a Tintype: all paths that begin so, such as `/travel/2026-`.
    #[schemars(length(min = 2, max = 2000), extend("pattern" = "^/"))]
    prefix: Option<String>,
    /// Instead of url, on a Tintype: all files that have this tag, one that a person gave.
    #[schemars(length(min = 1, max = 500))]
    tag: Option<String>,
}

/// What is purged: exactly one of them.
enum Subject<'a> {
    Url(&'a str),
    File(&'a Id),
    Folder(String),
    Prefix(String),
    Tag(&'a str),
}

impl PurgeCache {
    fn subject(&self) -> Result<Subject<'_>, CallError> {
        let mut given = Vec::new();
        if let Some(url) = &self.url {
            if url.find('*').is_some_and(|at| at + 1 != url.len()) {
                return Err(CallError::invalid("url: `*` can stand at the very end only"));
            }
            given.push(Subject::Url(url));
        }
        given.extend(self.file_id.as_ref().map(Subject::File));
        if let Some(folder) = &self.folder_path {
            given.push(Subject::Folder(path::checked("folderPath", folder)?));
        }
        if let Some(prefix) = &self.prefix {
            given.push(Subject::Prefix(path::start("prefix", prefix)?));
        }
        if let Some(tag) = &self.tag {
            let tag = tag.trim();
            if tag.is_empty() || tag.contains(',') {
                return Err(CallError::invalid("tag: a tag is not empty and holds no comma"));
            }
            given.push(Subject::Tag(tag));
        }
        match (given.pop(), given.is_empty()) {
            (Some(subject), true) => Ok(subject),
            _ => Err(CallError::invalid(
                "give one of url, fileId, folderPath, prefix and tag: a purge is for one of them",
            )),
        }
    }
}

/// A purge that is under way.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Purging {
    /// For get_purge_status.
    request_id: Id,
}

fn status(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "files", "purge", id.as_str()])
}

impl Operation for PurgeCache {
    const ABOUT: About = About::write(
        "purge_cache",
        "Purge caches",
        "Makes caches forget what they hold for a delivery URL, or on a Tintype for a file, a folder, a beginning of paths or \
         a tag, so that the next request gets the present file. Give one of them, as narrow as it can be; a dry run tells \
         which files it is about. No file is changed. Needed after a file was deleted or overwritten, not after every \
         upload; the number of purges a month is limited. Ask get_purge_status for its end.",
    )
    .idempotent()
    .polled_by("get_purge_status")
    .examples(&[
        r#"{"url":"https://media.example.org/acme/travel/harbour.jpg*"}"#,
        r#"{"fileId":"65f0c0ffee0123456789abcd"}"#,
        r#"{"folderPath":"/travel/2026"}"#,
        r#"{"prefix":"/travel/2026-"}"#,
        r#"{"tag":"summer"}"#,
    ]);
    type Output = Purging;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![match self.subject()? {
            // Where the library of the connection is, the pipeline knows.
            Subject::Url(url) => Target::Url(Delivered::read(url, &[])),
            Subject::File(id) => Target::File(id.clone()),
            // What is gone from there may be in caches yet.
            Subject::Folder(folder) => Target::Url(Delivered::below(&folder)),
            Subject::Prefix(start) => Target::Url(Delivered::starting(&start)),
            Subject::Tag(tag) => Target::Tagged(tag.to_owned()),
        }])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (name, value) = match self.subject()? {
            Subject::Url(url) => ("url", json!(url)),
            Subject::File(id) => ("fileId", plain(id)),
            Subject::Folder(folder) => ("folderPath", json!(folder)),
            Subject::Prefix(start) => ("prefix", json!(start)),
            Subject::Tag(tag) => ("tag", json!(tag)),
        };
        Ok(ApiRequest::post(&["v1", "files", "purge"], json!({ name: value })))
    }

    fn read_back(&self, output: &Purging, _: &Survey) -> Vec<Probe> {
        vec![Probe::done(status(&output.request_id), "status", "Completed")]
    }

    fn inverse(&self, _: &Purging, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("a cache fills again by itself")
    }
}

/// `GET /v1/files/purge/{requestId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetPurgeStatus {
    /// From purge_cache, or from a rename that purges.
    request_id: Id,
}

/// How a purge stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct PurgeStatus {
    /// `Completed` is the end, and so is `Failed`.
    #[schemars(extend("enum" = ["Pending", "Completed", "Failed"]))]
    status: String,
    /// Caches in front of the server, if it tells any of purges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caches: Option<Vec<PurgedCache>>,
}

/// How far a cache is with a purge.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct PurgedCache {
    /// Which one.
    cache: String,
    /// `Completed`: it has accepted the purge.
    #[schemars(extend("enum" = ["Pending", "Completed", "Failed"]))]
    status: String,
    /// How often it was asked.
    attempts: u32,
    /// What it said, if that was no.
    message: Option<String>,
}

impl Operation for GetPurgeStatus {
    const ABOUT: About = About::read(
        "get_purge_status",
        "Get the state of a purge",
        "Whether a purge has come to its end. It changes nothing.",
    )
    .examples(&[r#"{"requestId":"65f0c0ffee0123456789bb01"}"#]);
    type Output = PurgeStatus;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(status(&self.request_id))
    }
}
