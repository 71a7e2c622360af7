//! The trash: what was deleted, and how it comes back. A part of Tintype's own; ImageKit's cloud has none.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Deleted, Id, VersionInfo};
use super::files::{is_gone, unique};
use super::operation::Step;
use super::page::{Cursor, USUAL, page};
use super::{About, Inverse, InverseCall, Lost, Operation, Reconcile, path};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target, details, trash_item};

/// Most things that one call brings back.
pub(crate) const MOST_AT_ONCE: usize = 100;

/// `GET /v1/trash`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListTrash {
    /// Only what was in this folder or below it.
    #[schemars(length(min = 1, max = 2000))]
    path: Option<String>,
    /// Only what is of these files.
    #[schemars(length(min = 1, max = 100))]
    file_ids: Option<Vec<Id>>,
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most rows; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Something in the trash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Trashed {
    /// For restore_from_trash.
    id: Id,
    /// `file` with all its versions, or a single `file-version`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["file", "file-version"]))]
    kind: String,
    file_id: Id,
    #[schemars(extend("x-untrusted" = true))]
    name: String,
    /// Where it was.
    #[schemars(extend("x-untrusted" = true))]
    file_path: String,
    /// The version, or the file's current one.
    version_info: VersionInfo,
    version_count: u64,
    /// Bytes of all versions together.
    size: u64,
    deleted_at: String,
    /// When it is deleted for good.
    purge_at: String,
}

/// A page of the trash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct TrashPage {
    trashed: Vec<Trashed>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

impl ListTrash {
    fn begins(&self) -> Cursor {
        self.cursor.clone().unwrap_or_default()
    }
}

impl Operation for ListTrash {
    const ABOUT: About = About::read(
        "list_trash",
        "List the trash",
        "What was deleted and can still be brought back, the newest first: files, and single versions. Use it to find what \
         restore_from_trash needs. To take back a deletion of your own, take back the call instead.",
    )
    .lists("trashed")
    .examples(&["{}", r#"{"path":"/travel","limit":20}"#]);
    type Output = TrashPage;

    fn request(&self) -> Result<ApiRequest, CallError> {
        let path = self.path.as_deref().map(|p| path::checked("path", p)).transpose()?;
        let ids = self.file_ids.as_deref().map(joined);
        let skip = self.begins().skip();
        Ok(ApiRequest::get(&["v1", "trash"])
            .query("path", path)
            .query("fileIds", ids)
            .query("limit", Some(self.limit.unwrap_or(USUAL).to_string()))
            .query("skip", (skip > 0).then(|| skip.to_string())))
    }

    fn shape(&self, answer: Value) -> Value {
        let Value::Array(rows) = answer else {
            return answer;
        };
        let is_full = rows.len() >= usize::try_from(self.limit.unwrap_or(USUAL)).unwrap_or(usize::MAX);
        let next = is_full.then(|| self.begins().further(rows.len()));
        page("trashed", rows, next)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        let kept = output["trashed"].as_array()?.get(..rows)?;
        Some(json!({ "trashed": kept, "nextCursor": self.begins().further(rows) }))
    }
}

/// Ids as the API takes several.
pub(crate) fn joined(ids: &[Id]) -> String {
    ids.iter().map(Id::as_str).collect::<Vec<_>>().join(",")
}

/// What the trash has of those files.
pub(crate) fn trashed_of(ids: &[Id]) -> ApiRequest {
    ApiRequest::get(&["v1", "trash"])
        .query("fileIds", Some(joined(ids)))
        .query("limit", Some("1000".into()))
}

/// What the trash has of that folder.
pub(crate) fn trashed_below(folder: &str) -> ApiRequest {
    ApiRequest::get(&["v1", "trash"])
        .query("path", Some(folder.to_owned()))
        .query("limit", Some("1000".into()))
}

/// The calls that bring things back, and until when all of them can be: rows of the trash. `None` if there are none.
pub(super) fn back<'a>(rows: impl Iterator<Item = &'a Value>) -> Option<Inverse> {
    let mut ids = Vec::new();
    let mut until: Option<&str> = None;
    for row in rows {
        ids.push(row["id"].as_str()?.to_owned());
        let purge = row["purgeAt"].as_str()?;
        // Times of one form compare as texts do.
        until = Some(until.map_or(purge, |until| until.min(purge)));
    }
    let until = until?.to_owned();
    let calls = ids.chunks(MOST_AT_ONCE).map(|ids| {
        let input = json!({ "trashIds": ids });
        InverseCall::new("restore_from_trash", input)
    });
    Some(Inverse::Until(calls.collect(), until))
}

/// `POST /v1/trash/{id}/restore`, one request each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RestoreFromTrash {
    /// Up to 100 ids, from list_trash (`id`).
    #[schemars(length(min = 1, max = 100))]
    trash_ids: Vec<Id>,
}

/// What came back, and what did not.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Restored {
    restored: Vec<RestoredOne>,
    /// What could not be brought back; null if all was.
    errors: Option<Vec<TrashError>>,
}

/// Something that came back.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct RestoredOne {
    trash_id: String,
    file_id: Id,
    /// Where it is: another name than before, if that was taken.
    #[schemars(extend("x-untrusted" = true))]
    file_path: String,
    version_id: Option<Id>,
    /// True for a version that came back to its file as an older one.
    is_older_version: bool,
}

/// What went wrong with one of several.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct TrashError {
    trash_id: String,
    error: String,
}

impl Operation for RestoreFromTrash {
    const ABOUT: About = About {
        many: true,
        ..About::write(
            "restore_from_trash",
            "Bring back what was deleted",
            "Brings files and versions back from the trash, each with its id, tags and metadata: a file to its old place with \
             all its versions, or beside it under a new name if that is taken by now; a version to its file as an older one. \
             To take back a deletion of your own, take back the call instead.",
        )
        .reversible()
        .examples(&[r#"{"trashIds":["1b0c5a52d9f1f3a2c4e6b8d0"]}"#])
    };
    type Output = Restored;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(unique(&self.trash_ids).into_iter().map(Target::Trashed).collect())
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("restore_from_trash is made of several requests"))
    }

    fn steps(&self, _: &Survey) -> Result<Vec<Step>, CallError> {
        let steps = unique(&self.trash_ids).into_iter().map(|id| Step {
            request: ApiRequest::post(&["v1", "trash", id.as_str(), "restore"], json!({})),
            label: id.as_str().to_owned(),
        });
        Ok(steps.collect())
    }

    fn combine(&self, outcomes: Vec<(String, Result<Value, String>)>) -> Value {
        let (mut restored, mut errors) = (Vec::new(), Vec::new());
        for (id, outcome) in outcomes {
            match outcome {
                Ok(file) => restored.push(json!({
                    "trashId": id,
                    "fileId": file["fileId"],
                    "filePath": file["filePath"],
                    "versionId": file["versionInfo"]["id"],
                    "isOlderVersion": file["type"] == "file-version",
                })),
                Err(error) => errors.push(json!({ "trashId": id, "error": error })),
            }
        }
        json!({ "restored": restored, "errors": (!errors.is_empty()).then_some(errors) })
    }

    fn read_back(&self, output: &Restored, _: &Survey) -> Vec<Probe> {
        let probes = output
            .restored
            .iter()
            .map(|one| match (&one.version_id, one.is_older_version) {
                (Some(version), true) => {
                    let id = ("fileId", Wanted::Is(json!(one.file_id)));
                    let path = ["v1", "files", one.file_id.as_str(), "versions", version.as_str()];
                    Probe::fields(ApiRequest::get(&path), vec![id])
                }
                _ => {
                    let path = ("filePath", Wanted::Is(json!(one.file_path)));
                    Probe::fields(details(one.file_id.as_str()), vec![path])
                }
            });
        probes.collect()
    }

    fn inverse(&self, output: &Restored, _: &Survey, _: &[Value]) -> Inverse {
        let mut files = Vec::new();
        let mut calls = Vec::new();
        for one in &output.restored {
            match (&one.version_id, one.is_older_version) {
                (Some(version), true) => {
                    let input = json!({ "fileId": one.file_id, "versionId": version });
                    calls.push(InverseCall::new("delete_file_version", input));
                }
                (_, true) => return Inverse::None("which version came back is not known"),
                _ => files.push(&one.file_id),
            }
        }
        if !files.is_empty() {
            let input = json!({ "fileIds": files });
            calls.push(InverseCall::new("delete_multiple_files", input));
        }
        Inverse::Calls(calls)
    }
}

/// `DELETE /v1/trash/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteFromTrash {
    /// From list_trash (`id`).
    trash_id: Id,
}

impl Operation for DeleteFromTrash {
    const ABOUT: About = About::destructive(
        "delete_from_trash",
        "Delete something in the trash for good",
        "Deletes one thing in the trash for good, before its time: nothing brings it back. Needed only where bytes must not \
         be kept; the trash empties itself.",
    )
    .idempotent()
    .examples(&[r#"{"trashId":"1b0c5a52d9f1f3a2c4e6b8d0"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::Trashed(self.trash_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&["v1", "trash", self.trash_id.as_str()]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::absent(trash_item(&self.trash_id))]
    }

    fn inverse(&self, _: &Deleted, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("what is deleted from the trash is gone for good")
    }
}

/// `DELETE /v1/trash`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyTrash {}

/// How much it was.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Emptied {
    /// Things that were in the trash.
    deleted: u64,
}

impl Operation for EmptyTrash {
    const ABOUT: About = About::destructive(
        "empty_trash",
        "Empty the trash",
        "Deletes everything in the trash for good, before its time: nothing brings it back, and no deletion before can be \
         taken back any more. Needed only where bytes must not be kept; the trash empties itself.",
    )
    .of_account()
    .examples(&["{}"]);
    type Output = Emptied;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::Trash])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&["v1", "trash"]))
    }

    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        let trash = survey.trash().filter(|trash| trash["newest"].is_string())?;
        let is_counted = trash["atLeast"] != true;
        Some(Reconcile {
            probes: newest_gone(survey),
            answer: if is_counted {
                Lost::Known(json!({ "deleted": trash["count"] }))
            } else {
                Lost::Gone
            },
        })
    }

    fn read_back(&self, _: &Emptied, survey: &Survey) -> Vec<Probe> {
        newest_gone(survey)
    }

    fn inverse(&self, _: &Emptied, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("what is deleted from the trash is gone for good")
    }
}

/// Something may have been deleted since: what was the newest before is gone.
fn newest_gone(survey: &Survey) -> Vec<Probe> {
    let newest = survey.trash().and_then(|trash| trash["newest"].as_str());
    let newest = newest.and_then(|id| Id::try_from(id.to_owned()).ok());
    newest.map(|id| Probe::absent(trash_item(&id))).into_iter().collect()
}

/// The row of a version among what the trash has of its file.
pub(super) fn version_in_trash<'a>(looked: Option<&'a Value>, file: &Id, version: &Id) -> Option<&'a Value> {
    looked?.as_array()?.iter().find(|row| {
        row["type"] == "file-version" && row["fileId"] == file.as_str() && row["versionInfo"]["id"] == version.as_str()
    })
}
