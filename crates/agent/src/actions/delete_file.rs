//! `DELETE /v1/files/{fileId}`

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::FileId;
use super::get_file_details::details;
use super::{Effect, Operation};
use crate::error::CallError;
use crate::read_back::ReadBack;
use crate::request::ApiRequest;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteFile {
    file_id: FileId,
}

/// What was done.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Deleted {
    deleted: bool,
}

impl Operation for DeleteFile {
    const NAME: &'static str = "delete_file";
    const TITLE: &'static str = "Delete a file";
    const DESCRIPTION: &'static str = "Deletes one file with all its versions, for good. Copies in a CDN may be \
        delivered until they expire. Look at the file with get_file_details first and be sure that it is the right one.";
    const EFFECT: Effect = Effect::Delete;
    const IDEMPOTENT: bool = true;
    type Output = Deleted;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&["v1", "files", self.file_id.as_str()]))
    }

    /// A file that is gone at the second attempt was deleted by the first, whose answer was lost.
    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        status.is_success() || (repeated && status == StatusCode::NOT_FOUND)
    }

    fn shape(&self, _: Value) -> Value {
        json!({ "deleted": true })
    }

    fn read_back(&self, _: &Deleted) -> Option<ReadBack> {
        Some(ReadBack::absent(details(self.file_id.as_str())))
    }
}
