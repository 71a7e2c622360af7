//! `POST /v1/files/copy`, `POST /v1/files/move`, `PUT /v1/files/rename`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{ChangeError, FileName, FolderPath, PurgeOrder, Timestamp};
use serde_json::json;

use super::refusal;
use crate::api::Json;
use crate::api::body::Fields;
use crate::api::empty;
use crate::api::file_object::url;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::{ApiError, HELP};

/// A folder's path and a name of the greatest lengths, percent-encoded or not: what is longer is nobody's path, and is not
/// repeated in an answer.
const LONGEST_PATH: usize = FolderPath::MAX_BYTES + 256;

/// Copies a file into a folder.
pub async fn copy(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let (source, destination) = places(&fields)?;
    let all_versions = flag(&fields, "includeFileVersions")? || flag(&fields, "includeVersions")?;
    app.library
        .copy_file(source, &destination, all_versions, Timestamp::now())
        .await
        .map_err(unplaced)?;
    Ok(empty::done(&headers))
}

/// Moves a file with all its versions into a folder.
pub async fn relocate(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let (source, destination) = places(&fields)?;
    app.library
        .move_file(source, &destination, Timestamp::now())
        .await
        .map_err(unplaced)?;
    Ok(empty::done(&headers))
}

/// Gives a file another name in its folder.
pub async fn rename(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let path = required(&fields, "filePath")?;
    let given = required(&fields, "newFileName")?;
    let purges = fields
        .flag("purgeCache")
        .map_err(|error| error.with_reason("INVALID_PARAMETER"))?
        .unwrap_or(false);
    let purge = if purges {
        require(&app, &headers, Area::Purge, Level::Write).await?;
        let old = url(app.url_endpoint.files(), &format!("/{}", path.trim_start_matches('/')));
        Some(PurgeOrder {
            url: format!("{old}*"),
            limit: app.purge_limit,
        })
    } else {
        None
    };
    let name = FileName::sanitised(given).map_err(|error| {
        ApiError::invalid(format!("Your request contains invalid newFileName parameter: {error}."))
            .with_reason("INVALID_PARAMETER")
    })?;
    if path.len() > LONGEST_PATH {
        return Err(
            ApiError::invalid("Your request contains invalid filePath parameter.").with_reason("INVALID_PARAMETER")
        );
    }
    let (_, purged) = app
        .library
        .rename_file(path, &name, purge.as_ref(), Timestamp::now())
        .await
        .map_err(|error| match error {
            ChangeError::NoFileAt(_) => {
                ApiError::not_found(format!("No file found in media library at filePath {path}"))
                    .with_reason("FILE_MISSING")
            }
            ChangeError::SamePlace(_) => ApiError::invalid("newFileName cannot be the same as its existing name.")
                .with_reason("SAME_OLD_AND_NEW_NAME"),
            ChangeError::PathTaken(_) => {
                ApiError::conflict(format!("File with name {name} already exists at the same location."))
                    .with_reason("FILE_ALREADY_EXISTS")
            }
            other => refusal(other),
        })?;
    if !purges {
        return Ok(Json(json!({})).into_response());
    }
    if let Some(id) = purged {
        return Ok(Json(json!({ "purgeRequestId": id })).into_response());
    }
    let body = json!({
        "message": "File renamed successfully but we could not purge the CDN cache for old URL because of rate limits on purge \
                    API.",
        "help": HELP,
        "reason": "PURGE_FAILED",
    });
    Ok((StatusCode::MULTI_STATUS, Json(body)).into_response())
}

/// The file to copy or move, and the folder to go to.
fn places(fields: &Fields) -> Result<(&str, FolderPath), ApiError> {
    let text = |name| match fields.text(name) {
        Ok(Some(text)) if !text.is_empty() && text.len() <= LONGEST_PATH => Ok(text),
        _ => Err(generic("MISSING_PARAMETER")),
    };
    let source = text("sourceFilePath")?;
    let destination = folder(text("destinationPath")?)?;
    Ok((source, destination))
}

/// A folder to go to. Characters that a folder may not have become `_`, as in uploads; what climbs is refused.
fn folder(text: &str) -> Result<FolderPath, ApiError> {
    if climbs(text) {
        return Err(generic("INVALID_FOLDER_PATH"));
    }
    FolderPath::sanitised(text).map_err(|_| generic("INVALID_FOLDER_PATH"))
}

/// True if a path goes up, or to where it is.
pub(crate) fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn flag(fields: &Fields, name: &str) -> Result<bool, ApiError> {
    match fields.flag(name) {
        Ok(flag) => Ok(flag.unwrap_or(false)),
        Err(_) => Err(generic("MISSING_PARAMETER")),
    }
}

fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, ApiError> {
    let given = fields
        .text(name)
        .map_err(|error| error.with_reason("INVALID_PARAMETER"))?;
    match given {
        None | Some("") => {
            Err(ApiError::invalid(format!("{name} parameter is missing.")).with_reason("MISSING_PARAMETER"))
        }
        Some(text) => Ok(text),
    }
}

fn generic(reason: &str) -> ApiError {
    ApiError::invalid("Your request is missing parameters / contains invalid parameters.").with_reason(reason)
}

/// What is wrong with a copy or a move.
fn unplaced(error: ChangeError) -> ApiError {
    match error {
        ChangeError::NoFileAt(path) => {
            ApiError::not_found(format!("No file found with filePath `{path}`.")).with_reason("SOURCE_FILE_MISSING")
        }
        ChangeError::SamePlace(_) => generic("SAME_SOURCE_AND_DESTINATION"),
        ChangeError::TooManyVersions { .. } => generic("VERSION_LIMIT_EXCEEDED"),
        other => refusal(other),
    }
}
