//! Versions of a file.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Deleted, File, Id};
use super::files::{GONE, OneFile, is_gone};
use super::page::{Cursor, Slice};
use super::trash::{back, trashed_of, version_in_trash};
use super::{About, Inverse, Operation};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target, details, versions};

/// `GET /v1/files/{fileId}/versions`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListFileVersions {
    /// The file's fileId, from list_assets.
    file_id: Id,
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most versions; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Versions, the current one among them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Versions {
    versions: Vec<File>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

impl ListFileVersions {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

fn version(file_id: &Id, version_id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "files", file_id.as_str(), "versions", version_id.as_str()])
}

impl Operation for ListFileVersions {
    const ABOUT: About = About::read(
        "list_file_versions",
        "List versions of a file",
        "All versions of one file, newest first; the current one has the type `file`. Use it to find a versionId for \
         restore_file_version or delete_file_version.",
    )
    .lists("versions")
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = Versions;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(versions(self.file_id.as_str()))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("versions", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("versions", output, rows)
    }
}

/// `GET /v1/files/{fileId}/versions/{versionId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetFileVersionDetails {
    /// The file's fileId, from list_assets.
    file_id: Id,
    /// The version's id, from list_file_versions (`versionInfo.id`).
    version_id: Id,
}

impl Operation for GetFileVersionDetails {
    const ABOUT: About = About::read(
        "get_file_version_details",
        "Get details of a version",
        "Everything the library knows about one version of a file. Use get_file_details for the current version.",
    )
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd","versionId":"65f0c0ffee0123456789ac01"}"#]);
    type Output = OneFile;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(version(&self.file_id, &self.version_id))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "asset": answer })
    }
}

/// `PUT /v1/files/{fileId}/versions/{versionId}/restore`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RestoreFileVersion {
    /// The file's fileId, from list_assets.
    file_id: Id,
    /// The version to make current, from list_file_versions (`versionInfo.id`).
    version_id: Id,
}

impl Operation for RestoreFileVersion {
    const ABOUT: About = About::write(
        "restore_file_version",
        "Restore a version",
        "Makes an older version of a file the current one: its URL then delivers that. No version is lost.",
    )
    .reversible()
    .idempotent()
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd","versionId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = OneFile;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (file, version) = (self.file_id.as_str(), self.version_id.as_str());
        Ok(ApiRequest::put(
            &["v1", "files", file, "versions", version, "restore"],
            json!({}),
        ))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "asset": answer })
    }

    fn read_back(&self, output: &OneFile, _: &Survey) -> Vec<Probe> {
        // Whether the version keeps its id or is put on top as a new one is the server's choice; its content is the same.
        let size = Wanted::Is(json!(output.asset.size));
        let current = output.asset.version_info.as_ref().map(|v| v.id.clone());
        vec![Probe::fields(
            details(self.file_id.as_str()),
            vec![
                ("size", size),
                ("versionInfo", Wanted::Merged(vec![("id".into(), json!(current))])),
            ],
        )]
    }

    fn inverse(&self, _: &OneFile, survey: &Survey, _: &[Value]) -> Inverse {
        let before = survey.file(self.file_id.as_str());
        match before.and_then(|file| file["versionInfo"]["id"].as_str()) {
            Some(version) => Inverse::call(
                "restore_file_version",
                json!({ "fileId": self.file_id, "versionId": version }),
            ),
            None => Inverse::None("the version that was current is not known"),
        }
    }
}

/// `DELETE /v1/files/{fileId}/versions/{versionId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteFileVersion {
    /// The file's fileId, from list_assets.
    file_id: Id,
    /// The version to delete, from list_file_versions (`versionInfo.id`); not the current one.
    version_id: Id,
}

impl Operation for DeleteFileVersion {
    const ABOUT: About = About::destructive(
        "delete_file_version",
        "Delete a version",
        "Deletes one older version of a file. On a server with a trash it can be taken back for a while, on others it is \
         gone for good: a dry run tells. The current version can't be deleted: restore another first, or delete the whole \
         file with delete_file.",
    )
    .trashes()
    .idempotent()
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd","versionId":"65f0c0ffee0123456789ac01"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (file, version) = (self.file_id.as_str(), self.version_id.as_str());
        Ok(ApiRequest::delete(&["v1", "files", file, "versions", version]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![
            Probe::absent(version(&self.file_id, &self.version_id)),
            Probe::told(trashed_of(std::slice::from_ref(&self.file_id))),
        ]
    }

    fn inverse(&self, _: &Deleted, _: &Survey, looked: &[Value]) -> Inverse {
        let row = version_in_trash(looked.last(), &self.file_id, &self.version_id);
        back(row.into_iter()).unwrap_or(Inverse::None(GONE))
    }
}
