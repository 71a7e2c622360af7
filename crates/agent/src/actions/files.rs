//! Files one by one and in bulk: details, update, rename, copy, move, delete.

use std::collections::BTreeMap;

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Copied, Deleted, FieldValue, File, Id, Moved};
use super::extensions::Extension;
use super::operation::{Step, body, plain, present};
use super::trash::{back, trashed_of};
use super::{About, Inverse, InverseCall, Lost, Operation, Reconcile, path};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target, details, file_at};

/// A file, alone in an object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct OneFile {
    pub asset: File,
}

/// `GET /v1/files/{fileId}/details`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetFileDetails {
    /// The file's fileId, from list_assets or upload_file.
    file_id: Id,
}

impl Operation for GetFileDetails {
    const ABOUT: About = About::read(
        "get_file_details",
        "Get file details",
        "Everything the library knows about one file in its current version: path, URL, size, dimensions, tags, \
         metadata. Needs the fileId; find it with list_assets. For EXIF and colour facts use \
         get_uploaded_file_metadata.",
    )
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = OneFile;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(details(self.file_id.as_str()))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "asset": answer })
    }
}

/// `PATCH /v1/files/{fileId}/details`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateFileDetails {
    /// The file's fileId, from list_assets.
    file_id: Id,
    /// Replaces all tags; null clears them. To add or remove some, use bulk_add_tags or bulk_remove_tags.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Vec<String>>", length(max = 100))]
    tags: Option<Option<Vec<String>>>,
    /// AI tags to remove, by name, or `all`.
    #[serde(rename = "removeAITags")]
    remove_ai_tags: Option<WhichTags>,
    /// `x,y,width,height` of the area that matters; null clears it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", length(max = 100))]
    custom_coordinates: Option<Option<String>>,
    /// Values by field name, merged into those there; a null value unsets that field. Fields are those of
    /// list_custom_metadata_fields.
    custom_metadata: Option<BTreeMap<String, Option<FieldValue>>>,
    /// Free text about the file; an empty one clears it.
    #[schemars(length(max = 10_000))]
    description: Option<String>,
    /// Work to do on the file: background removal, tagging, description.
    #[schemars(length(max = 20))]
    extensions: Option<Vec<Extension>>,
    /// Where the result of extensions that take time is posted.
    #[schemars(length(max = 2000))]
    webhook_url: Option<String>,
    /// Publishes or unpublishes; can't be combined with anything else.
    publish: Option<Publish>,
}

/// All AI tags, or those of these names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum WhichTags {
    All(AllTags),
    Named(Vec<String>),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum AllTags {
    All,
}

/// Whether the file is delivered to everybody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Publish {
    is_published: bool,
    /// Older versions too. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    include_file_versions: Option<bool>,
}

impl Operation for UpdateFileDetails {
    const ABOUT: About = About::write(
        "update_file_details",
        "Update file details",
        "Changes tags, metadata, description, coordinates or publication of one file, or runs extensions on it. Fields \
         that are not sent stay as they are. To change tags of several files use bulk_add_tags and bulk_remove_tags; to \
         change the name use rename_file.",
    )
    .reversible()
    .idempotent()
    .examples(&[
        r#"{"fileId":"65f0c0ffee0123456789abcd","tags":["sea"],"customMetadata":{"brand":"Acme","price":null}}"#,
        r#"{"fileId":"65f0c0ffee0123456789abcd","publish":{"isPublished":false}}"#,
        r#"{"fileId":"65f0c0ffee0123456789abcd","extensions":[{"name":"google-auto-tagging","minConfidence":80,"maxTags":5}]}"#,
    ]);
    type Output = OneFile;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let attributes = body([
            ("removeAITags", self.remove_ai_tags.as_ref().map(plain)),
            ("tags", self.tags.as_ref().map(plain)),
            ("customCoordinates", self.custom_coordinates.as_ref().map(plain)),
            ("customMetadata", self.custom_metadata.as_ref().map(plain)),
            ("description", self.description.as_ref().map(plain)),
            ("extensions", self.extensions.as_ref().map(plain)),
            ("webhookUrl", self.webhook_url.as_ref().map(plain)),
        ]);
        let is_empty = attributes.as_object().is_none_or(serde_json::Map::is_empty);
        let sent = match &self.publish {
            None if is_empty => return Err(CallError::invalid("give at least one field to change")),
            None => attributes,
            Some(publish) if is_empty => json!({ "publish": publish }),
            Some(_) => return Err(CallError::invalid("publish: can't be combined with other fields")),
        };
        Ok(ApiRequest::patch(
            &["v1", "files", self.file_id.as_str(), "details"],
            sent,
        ))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "asset": answer })
    }

    fn read_back(&self, _: &OneFile, _: &Survey) -> Vec<Probe> {
        let mut wanted = Vec::new();
        if let Some(tags) = &self.tags {
            wanted.push(("tags", Wanted::Set(tags.clone().unwrap_or_default())));
        }
        if let Some(area) = &self.custom_coordinates {
            wanted.push(("customCoordinates", Wanted::Area(area.clone())));
        }
        if let Some(values) = &self.custom_metadata {
            let values = values.iter().map(|(name, value)| (name.clone(), plain(value)));
            wanted.push(("customMetadata", Wanted::Merged(values.collect())));
        }
        // An extension may write a description after ours.
        if let (Some(text), None) = (&self.description, &self.extensions)
            && !text.is_empty()
        {
            wanted.push(("description", Wanted::Is(json!(text))));
        }
        if let Some(publish) = &self.publish {
            wanted.push(("isPublished", Wanted::Is(json!(publish.is_published))));
        }
        if wanted.is_empty() {
            wanted.push(("fileId", Wanted::Is(json!(self.file_id))));
        }
        vec![Probe::fields(details(self.file_id.as_str()), wanted)]
    }

    fn inverse(&self, _: &OneFile, survey: &Survey, _: &[Value]) -> Inverse {
        if self.extensions.is_some() || self.remove_ai_tags.is_some() {
            return Inverse::None("what extensions made and AI tags that were removed can't be put back");
        }
        let Some(before) = survey.file(self.file_id.as_str()) else {
            return Inverse::None("how it was before is not known");
        };
        let mut input = json!({ "fileId": self.file_id });
        if let Some(publish) = &self.publish {
            let was = before["isPublished"].as_bool();
            if publish.include_file_versions == Some(true) || was.is_none() {
                return Inverse::None("how each version was before is not known");
            }
            input["publish"] = json!({ "isPublished": was });
            return Inverse::call("update_file_details", input);
        }
        if self.tags.is_some() {
            input["tags"] = before["tags"].clone();
        }
        if self.custom_coordinates.is_some() {
            input["customCoordinates"] = before["customCoordinates"].clone();
        }
        if let Some(values) = &self.custom_metadata {
            let was = values
                .keys()
                .map(|name| (name.clone(), before["customMetadata"][name.as_str()].clone()));
            input["customMetadata"] = Value::Object(was.collect());
        }
        if self.description.is_some() {
            input["description"] = json!(before["description"].as_str().unwrap_or_default());
        }
        Inverse::call("update_file_details", input)
    }
}

/// `PUT /v1/files/rename`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RenameFile {
    /// The file's present path, such as `/travel/cat.jpg`.
    #[schemars(length(min = 1, max = 2000))]
    file_path: String,
    /// The new name with its extension. Characters other than letters, digits, `.`, `-` and `_` become `_`.
    #[schemars(length(min = 1, max = 1000))]
    new_file_name: String,
    /// Also purges the old URL from caches. Default: false.
    purge_cache: Option<bool>,
}

/// What became of the purge, if one was asked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Renamed {
    /// The requestId of the purge, for get_purge_status; null without one.
    #[serde(default)]
    purge_request_id: Option<String>,
    /// Why the file was renamed and the old URL not purged; null if all went well.
    #[serde(default)]
    message: Option<String>,
}

impl RenameFile {
    fn probes(&self, survey: &Survey) -> Vec<Probe> {
        let old = path::normal(&self.file_path);
        let mut probes = Vec::new();
        if let Ok((_, new)) = self.new_place() {
            // A rename keeps the id.
            let id = survey
                .at(&old)
                .map(|before| ("fileId", Wanted::Is(before["fileId"].clone())));
            probes.push(Probe::row(file_at(&new), "filePath", new, id.into_iter().collect()));
        }
        probes.push(Probe::no_row(file_at(&old), "filePath", old));
        probes
    }

    /// The new name as it will be, and the path with it.
    fn new_place(&self) -> Result<(String, String), CallError> {
        if self.new_file_name.contains('/') {
            return Err(CallError::invalid(
                "newFileName: a name holds no slash; use move_file for another folder",
            ));
        }
        let (folder, _) = path::split(&self.file_path);
        let name = path::file_name("newFileName", &self.new_file_name)?;
        let path = path::join(&folder, &name);
        Ok((name, path))
    }
}

impl Operation for RenameFile {
    const ABOUT: About = About::write(
        "rename_file",
        "Rename a file",
        "Gives a file with all its versions another name in the same folder; the old URL stops working, except while it \
         is cached. To put it into another folder use move_file.",
    )
    .reversible()
    .unlinks()
    .polled_by("get_purge_status")
    .examples(&[r#"{"filePath":"/archive/harbour.jpg","newFileName":"old_harbour.jpg","purgeCache":true}"#]);
    type Output = Renamed;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let file = path::below_root("filePath", &self.file_path)?;
        Ok(vec![Target::FileAt(file), Target::Slot(self.new_place()?.1)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let file_path = path::below_root("filePath", &self.file_path)?;
        let (name, _) = self.new_place()?;
        let sent = body([
            ("filePath", Some(json!(file_path))),
            ("newFileName", Some(json!(name))),
            ("purgeCache", self.purge_cache.map(plain)),
        ]);
        Ok(ApiRequest::put(&["v1", "files", "rename"], sent))
    }

    fn shape(&self, answer: Value) -> Value {
        // Of a partial success the message matters; help and reason say nothing more.
        json!({ "purgeRequestId": answer["purgeRequestId"], "message": answer["message"] })
    }

    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        Some(Reconcile {
            probes: self.probes(survey),
            // Whether a purge was begun can't be seen.
            answer: if self.purge_cache == Some(true) {
                Lost::Gone
            } else {
                Lost::Known(json!({}))
            },
        })
    }

    fn read_back(&self, _: &Renamed, survey: &Survey) -> Vec<Probe> {
        self.probes(survey)
    }

    fn inverse(&self, _: &Renamed, survey: &Survey, _: &[Value]) -> Inverse {
        let (_, name) = path::split(&self.file_path);
        match self.new_place() {
            Ok((_, new)) => {
                let back = InverseCall::new("rename_file", json!({ "filePath": new, "newFileName": name }));
                Inverse::Calls(vec![back.of(survey.at(&path::normal(&self.file_path)))])
            }
            Err(_) => Inverse::None("the name that it got is not known"),
        }
    }
}

/// `POST /v1/files/copy`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CopyFile {
    /// The file's path.
    #[schemars(length(min = 1, max = 2000))]
    source_file_path: String,
    /// The folder to copy it into; made if absent.
    #[schemars(length(min = 1, max = 2000))]
    destination_path: String,
    /// All versions, or only the current one (default).
    include_file_versions: Option<bool>,
}

/// What is said where a file was put in the place of another, which can't be told apart again.
const MERGED: &str = "a file of that name was or may have been there, and both are one file now";

/// A file's place now and the one it will have.
fn places(source: &str, destination: &str) -> Result<(String, String), CallError> {
    let source = path::below_root("sourceFilePath", source)?;
    let (folder, name) = path::split(&source);
    let destination = path::destination("destinationPath", destination)?;
    if folder == destination {
        return Err(CallError::invalid("destinationPath: is the folder that the file is in"));
    }
    Ok((source, path::join(&destination, &name)))
}

impl Operation for CopyFile {
    const ABOUT: About = About::write(
        "copy_file",
        "Copy a file",
        "Puts a copy of one file into another folder, under new ids. If a file of that name is there, it gets the source \
         as a further version. For a whole folder use copy_folder.",
    )
    .reversible()
    .examples(&[r#"{"sourceFilePath":"/travel/harbour.jpg","destinationPath":"/archive"}"#]);
    type Output = Copied;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let (source, new) = places(&self.source_file_path, &self.destination_path)?;
        Ok(vec![Target::FileAt(source), Target::Slot(new)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (source, new) = places(&self.source_file_path, &self.destination_path)?;
        let sent = body([
            ("sourceFilePath", Some(json!(source))),
            ("destinationPath", Some(json!(path::split(&new).0))),
            ("includeFileVersions", self.include_file_versions.map(plain)),
        ]);
        Ok(ApiRequest::post(&["v1", "files", "copy"], sent))
    }

    fn shape(&self, _: Value) -> Value {
        Copied::shape()
    }

    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        let (_, new) = places(&self.source_file_path, &self.destination_path).ok()?;
        // Where a file was before, nothing tells the copy from it.
        survey.lacks_file(&new).then(|| Reconcile {
            probes: Operation::read_back(self, &Copied { copied: true }, survey),
            answer: Lost::Known(Value::Null),
        })
    }

    fn read_back(&self, _: &Copied, survey: &Survey) -> Vec<Probe> {
        let Ok((source, new)) = places(&self.source_file_path, &self.destination_path) else {
            return Vec::new();
        };
        let size = survey
            .at(&source)
            .map(|before| ("size", Wanted::Is(before["size"].clone())));
        vec![Probe::row(file_at(&new), "filePath", new, size.into_iter().collect())]
    }

    fn inverse(&self, _: &Copied, survey: &Survey, looked: &[Value]) -> Inverse {
        let Ok((_, new)) = places(&self.source_file_path, &self.destination_path) else {
            return Inverse::None("the place of the copy is not known");
        };
        let id = looked.first().and_then(|rows| rows[0]["fileId"].as_str());
        match id {
            Some(id) if survey.lacks_file(&new) => Inverse::call("delete_file", json!({ "fileId": id })),
            _ => Inverse::None("a file of that name was there and got further versions"),
        }
    }
}

/// `POST /v1/files/move`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MoveFile {
    /// The file's path.
    #[schemars(length(min = 1, max = 2000))]
    source_file_path: String,
    /// The folder to move it into; made if absent.
    #[schemars(length(min = 1, max = 2000))]
    destination_path: String,
}

fn move_request(source: &str, destination: &str) -> ApiRequest {
    let sent = json!({ "sourceFilePath": source, "destinationPath": destination });
    ApiRequest::post(&["v1", "files", "move"], sent)
}

fn move_back(source: &str, new: &str, file: Option<&Value>) -> InverseCall {
    let (folder, _) = path::split(source);
    InverseCall::new("move_file", json!({ "sourceFilePath": new, "destinationPath": folder })).of(file)
}

impl Operation for MoveFile {
    const ABOUT: About = About::write(
        "move_file",
        "Move a file",
        "Moves one file with all its versions into another folder; its old URL stops working, except while it is \
         cached. For several files use bulk_move_files, for a whole folder move_folder.",
    )
    .reversible()
    .unlinks()
    .examples(&[r#"{"sourceFilePath":"/inbox/harbour.jpg","destinationPath":"/travel/2026"}"#]);
    type Output = Moved;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let (source, new) = places(&self.source_file_path, &self.destination_path)?;
        Ok(vec![Target::FileAt(source), Target::Slot(new)])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (source, new) = places(&self.source_file_path, &self.destination_path)?;
        Ok(move_request(&source, &path::split(&new).0))
    }

    fn shape(&self, _: Value) -> Value {
        Moved::shape()
    }

    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        Some(Reconcile {
            probes: Operation::read_back(self, &Moved { moved: true }, survey),
            answer: Lost::Known(Value::Null),
        })
    }

    fn read_back(&self, _: &Moved, survey: &Survey) -> Vec<Probe> {
        let Ok((source, new)) = places(&self.source_file_path, &self.destination_path) else {
            return Vec::new();
        };
        let size = survey
            .at(&source)
            .map(|before| ("size", Wanted::Is(before["size"].clone())));
        vec![
            Probe::row(file_at(&new), "filePath", new, size.into_iter().collect()),
            Probe::no_row(file_at(&source), "filePath", source),
        ]
    }

    fn inverse(&self, _: &Moved, survey: &Survey, _: &[Value]) -> Inverse {
        match places(&self.source_file_path, &self.destination_path) {
            Ok((source, new)) if survey.lacks_file(&new) => {
                Inverse::Calls(vec![move_back(&source, &new, survey.at(&source))])
            }
            _ => Inverse::None(MERGED),
        }
    }
}

/// Up to 100 ids, each once.
pub(super) fn unique(ids: &[Id]) -> Vec<Id> {
    let mut seen = std::collections::HashSet::new();
    ids.iter()
        .filter(|id| seen.insert(id.as_str().to_owned()))
        .cloned()
        .collect()
}

/// Moves by id, one request a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkMoveFiles {
    /// Up to 100 fileIds, from list_assets.
    #[schemars(length(min = 1, max = 100))]
    file_ids: Vec<Id>,
    /// The folder to move them into, such as `/archive`.
    #[schemars(length(min = 1, max = 2000), extend("pattern" = "^/"))]
    destination_path: String,
}

/// What became of each file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct BulkMoved {
    successfully_moved_file_ids: Vec<Id>,
    errors: Option<Vec<FileError>>,
    /// Files that are not there. If there are any, nothing is moved.
    missing_file_ids: Option<Vec<Id>>,
    message: Option<String>,
}

/// What went wrong with one file of many.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct FileError {
    pub file_id: String,
    pub error: String,
}

impl BulkMoveFiles {
    fn new_path(&self, before: &Value) -> Option<String> {
        let (_, name) = path::split(before["filePath"].as_str()?);
        let destination = path::destination("destinationPath", &self.destination_path).ok()?;
        Some(path::join(&destination, &name))
    }
}

impl Operation for BulkMoveFiles {
    const ABOUT: About = About {
        many: true,
        needs_survey: true,
        ..About::write(
            "bulk_move_files",
            "Move several files",
            "Moves up to 100 files into one folder, by their fileIds. Each file is a request of its own: the answer says \
             which were moved and which not. For a whole folder use move_folder.",
        )
        .reversible()
    .unlinks()
        .examples(&[r#"{"fileIds":["65f0c0ffee0123456789abcd","65f0c0ffee0123456789abce"],"destinationPath":"/archive"}"#])
    };
    type Output = BulkMoved;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let mut targets: Vec<Target> = unique(&self.file_ids).into_iter().map(Target::File).collect();
        targets.push(Target::Place(path::destination(
            "destinationPath",
            &self.destination_path,
        )?));
        Ok(targets)
    }

    /// Where they will be: a file that is there already and one that comes are one file afterwards.
    fn further(&self, survey: &Survey) -> Vec<Target> {
        let destination = path::destination("destinationPath", &self.destination_path);
        if destination.is_ok_and(|destination| survey.lacks_folder(&destination)) {
            return Vec::new();
        }
        let ids = unique(&self.file_ids);
        let moved = ids.iter().filter_map(|id| {
            let before = survey.file(id.as_str())?;
            let new = self.new_path(before)?;
            (before["filePath"] != new.as_str()).then_some(Target::Slot(new))
        });
        moved.collect()
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("bulk_move_files is made of several requests"))
    }

    fn steps(&self, survey: &Survey) -> Result<Vec<Step>, CallError> {
        let destination = path::destination("destinationPath", &self.destination_path)?;
        let mut steps = Vec::new();
        for id in unique(&self.file_ids) {
            // A file that is not there stops the whole before anything is moved: the pipeline says so.
            let before = survey.file(id.as_str()).and_then(|file| file["filePath"].as_str());
            let Some(source) = before else {
                return Err(CallError::missing(id.as_str()));
            };
            if path::split(source).0 != destination {
                steps.push(Step {
                    label: id.as_str().to_owned(),
                    request: move_request(source, &destination),
                });
            }
        }
        Ok(steps)
    }

    fn combine(&self, outcomes: Vec<(String, Result<Value, String>)>) -> Value {
        let errors: Vec<Value> = outcomes
            .iter()
            .filter_map(|(id, outcome)| Some(json!({ "fileId": id, "error": outcome.as_ref().err()? })))
            .collect();
        let failed: Vec<&str> = errors.iter().filter_map(|e| e["fileId"].as_str()).collect();
        let moved: Vec<Id> = unique(&self.file_ids)
            .into_iter()
            .filter(|id| !failed.contains(&id.as_str()))
            .collect();
        json!({
            "successfullyMovedFileIds": moved,
            "errors": (!errors.is_empty()).then_some(&errors),
            "missingFileIds": null,
            "message": (!errors.is_empty()).then(|| format!("{} of the files could not be moved", errors.len())),
        })
    }

    fn read_back(&self, output: &BulkMoved, survey: &Survey) -> Vec<Probe> {
        let moved = output.successfully_moved_file_ids.iter().filter_map(|id| {
            let before = survey.file(id.as_str())?;
            let new = self.new_path(before)?;
            let size = vec![("size", Wanted::Is(before["size"].clone()))];
            Some(Probe::row(file_at(&new), "filePath", new, size))
        });
        moved.collect()
    }

    fn inverse(&self, output: &BulkMoved, survey: &Survey, _: &[Value]) -> Inverse {
        let was_free = |path: &str| {
            let folder = path::split(path).0;
            survey.lacks_folder(&folder) || survey.lacks_file(path)
        };
        let mut taken = std::collections::HashSet::new();
        let mut back = Vec::new();
        for id in &output.successfully_moved_file_ids {
            let before = survey.file(id.as_str());
            let places = before.and_then(|before| Some((before["filePath"].as_str()?, self.new_path(before)?)));
            let Some((source, new)) = places else {
                return Inverse::None("where a file was before is not known");
            };
            if source == new {
                continue;
            }
            // Two of the same name become one as well.
            if !was_free(&new) || !taken.insert(new.clone()) {
                return Inverse::None(MERGED);
            }
            back.push(move_back(source, &new, before));
        }
        Inverse::Calls(back)
    }
}

/// `DELETE /v1/files/{fileId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteFile {
    /// The file's fileId, from list_assets.
    file_id: Id,
}

/// What is gone at the second attempt was deleted by the first, whose answer was lost.
pub(super) fn is_gone(status: StatusCode, repeated: bool) -> bool {
    status.is_success() || (repeated && status == StatusCode::NOT_FOUND)
}

impl Operation for DeleteFile {
    const ABOUT: About = About::destructive(
        "delete_file",
        "Delete a file",
        "Deletes one file with all its versions. On a server with a trash it can be taken back for a while, on others it \
         is gone for good: a dry run tells. Copies in a CDN may be delivered until they expire; purge_cache ends that. Look \
         at the file with get_file_details first and be sure that it is the right one. To only hide it, unpublish it with \
         update_file_details.",
    )
    .trashes()
    .unlinks()
    .idempotent()
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&["v1", "files", self.file_id.as_str()]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![
            Probe::absent(details(self.file_id.as_str())),
            Probe::told(trashed_of(std::slice::from_ref(&self.file_id))),
        ]
    }

    fn inverse(&self, _: &Deleted, survey: &Survey, looked: &[Value]) -> Inverse {
        files_back(std::slice::from_ref(&self.file_id), survey, looked)
    }
}

/// What is said where a deletion can't be taken back.
pub(super) const GONE: &str = "the server has no trash, or did not put it there";

/// The way back of deleted files: the last look was at what the trash has of them.
fn files_back(ids: &[Id], survey: &Survey, looked: &[Value]) -> Inverse {
    let rows = looked.last().and_then(Value::as_array).into_iter().flatten();
    let ours = |row: &&Value| {
        row["type"] == "file" && ids.iter().any(|id| row["fileId"] == id.as_str()) && survey.is_new_in_bin(row)
    };
    let rows: Vec<&Value> = rows.filter(ours).collect();
    if rows.len() < ids.len() {
        return Inverse::None(GONE);
    }
    back(rows.into_iter()).unwrap_or(Inverse::None(GONE))
}

/// `POST /v1/files/batch/deleteByFileIds`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteMultipleFiles {
    /// Up to 100 fileIds, from list_assets.
    #[schemars(length(min = 1, max = 100))]
    file_ids: Vec<Id>,
}

/// What became of each file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct BulkDeleted {
    successfully_deleted_file_ids: Vec<Id>,
    /// Files that are there and could not be deleted; null if there are none.
    #[serde(default)]
    errors: Option<Vec<FileError>>,
    #[serde(default)]
    message: Option<String>,
}

/// The answer of a bulk call without what says nothing to a caller.
pub(super) fn bulk(done: &str, answer: Value) -> Value {
    if !answer.is_object() {
        return answer;
    }
    let mut shaped = json!({ "errors": answer["errors"], "message": answer["message"] });
    if let Some(ids) = answer.get(done) {
        shaped[done] = ids.clone();
    }
    shaped
}

impl Operation for DeleteMultipleFiles {
    const ABOUT: About = About::destructive(
        "delete_multiple_files",
        "Delete several files",
        "Deletes up to 100 files with all their versions. On a server with a trash it can be taken back for a while, on \
         others they are gone for good: a dry run tells. If one of the ids is unknown, nothing is deleted and the call fails \
         with not_found. Copies in a CDN are not purged. For everything in a folder use delete_folder.",
    )
    .trashes()
    .unlinks()
    .examples(&[r#"{"fileIds":["65f0c0ffee0123456789abcd","65f0c0ffee0123456789abce"]}"#]);
    type Output = BulkDeleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(unique(&self.file_ids).into_iter().map(Target::File).collect())
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let sent = json!({ "fileIds": unique(&self.file_ids) });
        Ok(ApiRequest::post(&["v1", "files", "batch", "deleteByFileIds"], sent))
    }

    fn shape(&self, answer: Value) -> Value {
        bulk("successfullyDeletedFileIds", answer)
    }

    fn reconcile(&self, _: &Survey) -> Option<Reconcile> {
        let ids = unique(&self.file_ids);
        Some(Reconcile {
            probes: ids.iter().map(|id| Probe::absent(details(id.as_str()))).collect(),
            answer: Lost::Known(json!({ "successfullyDeletedFileIds": ids })),
        })
    }

    fn read_back(&self, output: &BulkDeleted, _: &Survey) -> Vec<Probe> {
        let gone = &output.successfully_deleted_file_ids;
        let absent = gone.iter().map(|id| Probe::absent(details(id.as_str())));
        let in_trash = (!gone.is_empty()).then(|| Probe::told(trashed_of(gone)));
        absent.chain(in_trash).collect()
    }

    fn inverse(&self, output: &BulkDeleted, survey: &Survey, looked: &[Value]) -> Inverse {
        match output.successfully_deleted_file_ids.as_slice() {
            [] => Inverse::Calls(Vec::new()),
            gone => files_back(gone, survey, looked),
        }
    }
}
