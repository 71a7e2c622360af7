//! `GET /v1/files/{fileId}/details`

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{File, FileId};
use super::{Effect, Operation};
use crate::error::CallError;
use crate::read_back::ReadBack;
use crate::request::ApiRequest;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetFileDetails {
    file_id: FileId,
}

impl Operation for GetFileDetails {
    const NAME: &'static str = "get_file_details";
    const TITLE: &'static str = "Get file details";
    const DESCRIPTION: &'static str = "Everything the library knows about one file in its current version: path, URL, \
        size, dimensions, tags, metadata. Needs the fileId; find it with list_files.";
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    type Output = File;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(details(self.file_id.as_str()))
    }

    fn read_back(&self, _: &File) -> Option<ReadBack> {
        None
    }
}

/// Also how writes look up what became of a file.
pub(super) fn details(file_id: &str) -> ApiRequest {
    ApiRequest::get(&["v1", "files", file_id, "details"])
}
