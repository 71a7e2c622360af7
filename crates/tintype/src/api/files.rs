//! `/v1/files` and the upload route.

pub mod bulk;
pub mod delete;
pub mod details;
pub mod list;
pub mod relocate;
pub mod upload;
pub mod versions;

use std::str::FromStr;

use library::{ChangeError, Code, FileId, VersionId};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The `{fileId}` of a path: a malformed one is 400, not 404.
pub(crate) fn file_id(text: &str) -> Result<FileId, ApiError> {
    FileId::from_str(text).map_err(|_| ApiError::invalid("Your request contains invalid fileId parameter."))
}

/// The `{versionId}` of a path.
fn version_id(text: &str) -> Result<VersionId, ApiError> {
    VersionId::from_str(text).map_err(|_| ApiError::invalid("Your request contains invalid versionId parameter."))
}

pub(crate) fn no_such_file() -> ApiError {
    ApiError::not_found("The requested file does not exist.")
}

/// What a refused change is to the client, where its route has no words of its own.
pub(crate) fn refusal(error: ChangeError) -> ApiError {
    match error {
        ChangeError::NoFile(_) => no_such_file(),
        ChangeError::NoVersion { .. } => ApiError::not_found("The requested file version does not exist."),
        ChangeError::MissingFiles(files) => missing_files(files.iter().map(FileId::to_string).collect()),
        ChangeError::CustomMetadata(errors) => {
            let errors: Map<String, Value> = errors
                .into_iter()
                .map(|(field, text)| (field, Value::String(text)))
                .collect();
            ApiError::invalid("Invalid custom metadata.").with("errors", errors.into())
        }
        ChangeError::Locked(_) => {
            ApiError::locked("A bulk job is running on given folder path, please try after sometime.")
        }
        error => match error.code() {
            Code::NotFound => ApiError::not_found(sentence(&error)),
            Code::Conflict => ApiError::conflict(sentence(&error)),
            Code::Invalid => ApiError::invalid(sentence(&error)),
            Code::StorageFull => ApiError::storage_full(),
            _ => ApiError::internal(&error),
        },
    }
}

/// 404 of a bulk call: nothing was changed.
fn missing_files(ids: Vec<String>) -> ApiError {
    ApiError::not_found("The requested file(s) does not exist.").with("missingFileIds", ids.into())
}

fn sentence(error: &ChangeError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => text,
    }
}
