//! `/v1/files` and the upload route.

pub mod delete;
pub mod details;
pub mod list;
pub mod upload;

use std::str::FromStr;

use library::FileId;

use crate::error::ApiError;

/// The `{fileId}` of a path: a malformed one is 400, not 404.
pub(super) fn file_id(text: &str) -> Result<FileId, ApiError> {
    FileId::from_str(text).map_err(|_| ApiError::invalid("Your request contains invalid fileId parameter."))
}

fn no_such_file() -> ApiError {
    ApiError::not_found("The requested file does not exist.")
}
