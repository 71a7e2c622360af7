//! Folders, and the jobs that work on them.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Created, Deleted, Id};
use super::files::{GONE, is_gone};
use super::operation::{body, plain};
use super::trash::{back, trashed_below};
use super::{About, Inverse, Operation, path};
use crate::error::CallError;
use crate::read_back::Probe;
use crate::request::ApiRequest;
use crate::survey::{MOST_ROWS, Survey, Target, folder_at};

/// `POST /v1/folder`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateFolder {
    /// One name. Characters other than letters, digits, `-` and `_` become `_`.
    #[schemars(length(min = 1, max = 1000))]
    folder_name: String,
    /// Where to make it, such as `/` or `/shop/2026`; missing parents are made too.
    #[schemars(length(min = 1, max = 2000))]
    parent_folder_path: String,
}

impl CreateFolder {
    /// Where it is made, and how it is called there.
    fn place(&self) -> Result<(String, String), CallError> {
        if self.folder_name.contains('/') || self.folder_name.chars().all(|c| c == '.') {
            return Err(CallError::invalid(
                "folderName: one name without slashes, not `.` or `..`; give parents in parentFolderPath",
            ));
        }
        Ok((
            path::destination("parentFolderPath", &self.parent_folder_path)?,
            path::folder_name("folderName", &self.folder_name)?,
        ))
    }

    fn path(&self) -> Result<String, CallError> {
        let (parent, name) = self.place()?;
        Ok(path::join(&parent, &name))
    }
}

impl Operation for CreateFolder {
    const ABOUT: About = About::write(
        "create_folder",
        "Create a folder",
        "Makes a folder, with missing parents; one that is there already is left as it is. An upload makes its folder by \
         itself.",
    )
    .reversible()
    .idempotent()
    .examples(&[r#"{"folderName":"summer_sale","parentFolderPath":"/shop/2026"}"#]);
    type Output = Created;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::Place(self.path()?)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (parent, name) = self.place()?;
        let sent = json!({ "folderName": name, "parentFolderPath": parent });
        Ok(ApiRequest::post(&["v1", "folder"], sent))
    }

    fn shape(&self, _: Value) -> Value {
        Created::shape()
    }

    fn read_back(&self, _: &Created, _: &Survey) -> Vec<Probe> {
        let path = self.path().ok();
        path.map(|path| Probe::row(folder_at(&path), "folderPath", path, Vec::new()))
            .into_iter()
            .collect()
    }

    fn inverse(&self, _: &Created, survey: &Survey, _: &[Value]) -> Inverse {
        match self.path() {
            Ok(path) if survey.lacks_folder(&path) => Inverse::call("delete_folder", json!({ "folderPath": path })),
            Ok(path) if survey.has_folder(&path) => Inverse::Calls(Vec::new()),
            _ => Inverse::None("whether it was there before is not known"),
        }
    }
}

/// `DELETE /v1/folder`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteFolder {
    /// The folder's full path, such as `/travel/2026`; not the root.
    #[schemars(length(min = 1, max = 2000))]
    folder_path: String,
}

impl Operation for DeleteFolder {
    const ABOUT: About = About::destructive(
        "delete_folder",
        "Delete a folder",
        "Deletes a folder with everything in it, at any depth and with all versions. On a server with a trash its files can \
         be brought back for a while (empty folders and what was said of folders can't), on others all is gone for good: a \
         dry run tells that, and how much it is. To delete some of its files use delete_multiple_files.",
    )
    .trashes()
    .unlinks()
    .idempotent()
    .examples(&[r#"{"folderPath":"/travel/2026"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::Folder(path::below_root("folderPath", &self.folder_path)?)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let folder = path::below_root("folderPath", &self.folder_path)?;
        Ok(ApiRequest::delete(&["v1", "folder"]).body(json!({ "folderPath": folder })))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        let folder = path::normal(&self.folder_path);
        vec![
            Probe::told(trashed_below(&folder)),
            Probe::no_row(folder_at(&folder), "folderPath", folder),
        ]
    }

    fn inverse(&self, _: &Deleted, survey: &Survey, looked: &[Value]) -> Inverse {
        // Without a look before, what was deleted earlier can't be told apart.
        let Some(rows) = looked
            .first()
            .and_then(Value::as_array)
            .filter(|_| survey.bin.is_some())
        else {
            return Inverse::None(GONE);
        };
        let ours: Vec<&Value> = rows
            .iter()
            .filter(|row| row["type"] == "file" && survey.is_new_in_bin(row))
            .collect();
        if ours.len() >= MOST_ROWS {
            return Inverse::None("it held more files than one call brings back: list_trash and restore_from_trash do");
        }
        back(ours.into_iter()).unwrap_or(Inverse::None("no file of it is in a trash"))
    }
}

/// A job that works on in the background.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Started {
    /// For bulk_job_status.
    job_id: Id,
}

fn job(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "bulkJobs", id.as_str()])
}

fn job_done(output: &Started) -> Probe {
    Probe::job(job(&output.job_id))
}

/// What is said where a folder was put into another of its name, which can't be told apart again.
const MERGED: &str = "a folder of that name was or may have been there, and both are one now";

/// A folder's place now and the one it will have inside of the destination.
fn places(source: &str, destination: &str) -> Result<(String, String), CallError> {
    let source = path::below_root("sourceFolderPath", source)?;
    let destination = path::destination("destinationPath", destination)?;
    let (parent, name) = path::split(&source);
    if parent == destination {
        return Err(CallError::invalid("destinationPath: is the folder that it is in"));
    }
    if path::is_within(&destination, &source) {
        return Err(CallError::invalid("destinationPath: lies in the folder itself"));
    }
    Ok((source, path::join(&destination, &name)))
}

/// `POST /v1/bulkJobs/copyFolder`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CopyFolder {
    /// The folder to copy, such as `/photos/summer`.
    #[schemars(length(min = 1, max = 2000))]
    source_folder_path: String,
    /// The folder into which the copy goes: `/archive` gives `/archive/summer`.
    #[schemars(length(min = 1, max = 2000))]
    destination_path: String,
    /// All versions of each file, or only the current one (default).
    include_versions: Option<bool>,
}

impl Operation for CopyFolder {
    const ABOUT: About = About::write(
        "copy_folder",
        "Copy a folder",
        "Starts a job that copies a folder with everything in it into another folder. Files of the same name there get \
         the copies as further versions. Ask bulk_job_status for its end.",
    )
    .reversible()
    .polled_by("bulk_job_status")
    .examples(&[r#"{"sourceFolderPath":"/photos/summer","destinationPath":"/archive","includeVersions":true}"#]);
    type Output = Started;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let (source, new) = places(&self.source_folder_path, &self.destination_path)?;
        Ok(vec![Target::Folder(source), Target::Landing(new)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (source, new) = places(&self.source_folder_path, &self.destination_path)?;
        let sent = body([
            ("sourceFolderPath", Some(json!(source))),
            ("destinationPath", Some(json!(path::split(&new).0))),
            ("includeVersions", self.include_versions.map(plain)),
        ]);
        Ok(ApiRequest::post(&["v1", "bulkJobs", "copyFolder"], sent))
    }

    fn read_back(&self, output: &Started, _: &Survey) -> Vec<Probe> {
        let mut probes = vec![job_done(output)];
        if let Ok((_, new)) = places(&self.source_folder_path, &self.destination_path) {
            probes.push(Probe::row(folder_at(&new), "folderPath", new, Vec::new()));
        }
        probes
    }

    fn inverse(&self, _: &Started, survey: &Survey, _: &[Value]) -> Inverse {
        match places(&self.source_folder_path, &self.destination_path) {
            Ok((_, new)) if survey.lacks_folder(&new) => Inverse::call("delete_folder", json!({ "folderPath": new })),
            _ => Inverse::None(MERGED),
        }
    }
}

/// `POST /v1/bulkJobs/moveFolder`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MoveFolder {
    /// The folder to move, such as `/photos/summer`.
    #[schemars(length(min = 1, max = 2000))]
    source_folder_path: String,
    /// The folder into which it goes: `/archive` gives `/archive/summer`.
    #[schemars(length(min = 1, max = 2000))]
    destination_path: String,
}

impl Operation for MoveFolder {
    const ABOUT: About = About::write(
        "move_folder",
        "Move a folder",
        "Starts a job that moves a folder with everything in it into another folder; all its old URLs stop working. Ask \
         bulk_job_status for its end. To change only its name use rename_folder.",
    )
    .reversible()
    .unlinks()
    .polled_by("bulk_job_status")
    .examples(&[r#"{"sourceFolderPath":"/photos/summer","destinationPath":"/archive"}"#]);
    type Output = Started;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let (source, new) = places(&self.source_folder_path, &self.destination_path)?;
        Ok(vec![Target::Folder(source), Target::Landing(new)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (source, new) = places(&self.source_folder_path, &self.destination_path)?;
        let sent = json!({
            "sourceFolderPath": source,
            "destinationPath": path::split(&new).0,
        });
        Ok(ApiRequest::post(&["v1", "bulkJobs", "moveFolder"], sent))
    }

    fn read_back(&self, output: &Started, _: &Survey) -> Vec<Probe> {
        let mut probes = vec![job_done(output)];
        if let Ok((source, new)) = places(&self.source_folder_path, &self.destination_path) {
            probes.push(Probe::row(folder_at(&new), "folderPath", new, Vec::new()));
            probes.push(Probe::no_row(folder_at(&source), "folderPath", source));
        }
        probes
    }

    fn inverse(&self, _: &Started, survey: &Survey, _: &[Value]) -> Inverse {
        match places(&self.source_folder_path, &self.destination_path) {
            Ok((source, new)) if survey.lacks_folder(&new) => {
                let (parent, _) = path::split(&source);
                Inverse::call(
                    "move_folder",
                    json!({ "sourceFolderPath": new, "destinationPath": parent }),
                )
            }
            _ => Inverse::None(MERGED),
        }
    }
}

/// `POST /v1/bulkJobs/renameFolder`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RenameFolder {
    /// The folder's full path.
    #[schemars(length(min = 1, max = 2000))]
    folder_path: String,
    /// The new name. Characters other than letters, digits, `-` and `_` become `_`.
    #[schemars(length(min = 1, max = 1000))]
    new_folder_name: String,
    /// Also purges all old URLs below it from caches. Default: false.
    purge_cache: Option<bool>,
}

impl RenameFolder {
    /// The new name as it will be, and the path with it.
    fn new_place(&self) -> Result<(String, String), CallError> {
        if self.new_folder_name.contains('/') || self.new_folder_name.chars().all(|c| c == '.') {
            return Err(CallError::invalid(
                "newFolderName: one name without slashes, not `.` or `..`",
            ));
        }
        let (parent, _) = path::split(&self.folder_path);
        let name = path::folder_name("newFolderName", &self.new_folder_name)?;
        let path = path::join(&parent, &name);
        Ok((name, path))
    }
}

impl Operation for RenameFolder {
    const ABOUT: About = About::write(
        "rename_folder",
        "Rename a folder",
        "Starts a job that gives a folder another name in its place; all old URLs below it stop working. Ask \
         bulk_job_status for its end. To put it into another folder use move_folder.",
    )
    .reversible()
    .unlinks()
    .polled_by("bulk_job_status")
    .examples(&[r#"{"folderPath":"/shop/2026","newFolderName":"2027"}"#]);
    type Output = Started;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let folder = path::below_root("folderPath", &self.folder_path)?;
        Ok(vec![Target::Folder(folder), Target::Landing(self.new_place()?.1)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let folder = path::below_root("folderPath", &self.folder_path)?;
        let (name, _) = self.new_place()?;
        let sent = body([
            ("folderPath", Some(json!(folder))),
            ("newFolderName", Some(json!(name))),
            ("purgeCache", self.purge_cache.map(plain)),
        ]);
        Ok(ApiRequest::post(&["v1", "bulkJobs", "renameFolder"], sent))
    }

    fn read_back(&self, output: &Started, _: &Survey) -> Vec<Probe> {
        let old = path::normal(&self.folder_path);
        let mut probes = vec![job_done(output), Probe::no_row(folder_at(&old), "folderPath", old)];
        if let Ok((_, new)) = self.new_place() {
            probes.push(Probe::row(folder_at(&new), "folderPath", new, Vec::new()));
        }
        probes
    }

    fn inverse(&self, _: &Started, survey: &Survey, _: &[Value]) -> Inverse {
        let (_, name) = path::split(&self.folder_path);
        match self.new_place() {
            Ok((_, new)) if survey.lacks_folder(&new) => {
                Inverse::call("rename_folder", json!({ "folderPath": new, "newFolderName": name }))
            }
            _ => Inverse::None(MERGED),
        }
    }
}

/// `GET /v1/bulkJobs/{jobId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkJobStatus {
    /// From copy_folder, move_folder or rename_folder.
    job_id: Id,
}

/// How a job stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Job {
    job_id: Id,
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["COPY_FOLDER", "MOVE_FOLDER", "RENAME_FOLDER", null]))]
    kind: Option<String>,
    /// `Completed` is the end, so are `Failed` and `Partial success` (renamed, but not purged).
    #[schemars(extend("enum" = ["Pending", "Completed", "Partial success", "Failed"]))]
    status: String,
    /// For get_purge_status, of a rename that purges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purge_request_id: Option<String>,
    /// What went wrong in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// How many files and folders it could not do; their paths are in `failures`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<Failure>>,
}

/// How far a job is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Progress {
    done: u64,
    /// Null while it is not known.
    #[serde(default)]
    total: Option<u64>,
}

/// What a job could not do.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Failure {
    #[schemars(extend("x-untrusted" = true))]
    path: String,
    reason: String,
}

impl Operation for BulkJobStatus {
    const ABOUT: About = About::read(
        "bulk_job_status",
        "Get the state of a job",
        "Whether a job that copies, moves or renames a folder has come to its end. Wait a few seconds between two looks.",
    )
    .examples(&[r#"{"jobId":"65f0c0ffee0123456789aa01"}"#]);
    type Output = Job;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(job(&self.job_id))
    }
}
