//! `/v1/bulkJobs`: copying, moving and renaming folders.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{FolderJob, FolderJobError, FolderPath, JobId, JobState, PurgeOrder, RenamePurge, Timestamp};
use serde_json::{Map, Value, json};

use super::body::Fields;
use super::file_object;
use super::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const LOCKED: &str = "A bulk job is running on given folder path, please try after sometime.";
const DESTINATION_LOCKED: &str = "Destination folder path is already locked. Please try after sometime.";
/// Longer than any path that can be stored.
const LONGEST_PATH: usize = 4096;

/// `POST /v1/bulkJobs/copyFolder`
pub async fn copy_folder(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let source = required(&fields, "sourceFolderPath")?;
    let into = destination(required(&fields, "destinationPath")?)?;
    let mut versions = false;
    // Three spellings are in use; any that is true counts.
    for name in ["includeVersions", "includeFileVersions", "IncludeFileVersions"] {
        versions |= flag(&fields, name)?.unwrap_or(false);
    }
    let path = existing(source)?;
    let begun = app.library.copy_folder(&path, &into, versions, Timestamp::now()).await;
    let id = begun.map_err(|error| refused(FolderJob::Copy, source, &error))?;
    Ok(begun_answer(StatusCode::OK, id))
}

/// `POST /v1/bulkJobs/moveFolder`
pub async fn move_folder(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let source = required(&fields, "sourceFolderPath")?;
    let into = destination(required(&fields, "destinationPath")?)?;
    let path = existing(source)?;
    let begun = app.library.move_folder(&path, &into, Timestamp::now()).await;
    let id = begun.map_err(|error| refused(FolderJob::Move, source, &error))?;
    Ok(begun_answer(StatusCode::OK, id))
}

/// `POST /v1/bulkJobs/renameFolder`
pub async fn rename_folder(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let source = required(&fields, "folderPath")?;
    let name = required(&fields, "newFolderName")?;
    let purges = flag(&fields, "purgeCache")?.unwrap_or(false);
    if purges {
        require(&app, &headers, Area::Purge, Level::Write).await?;
    }
    let path = match existing(source) {
        Ok(path) => path,
        Err(_) => return Err(ApiError::not_found("Source folder not found.")),
    };
    let order = if purges && !path.is_root() {
        Some(PurgeOrder {
            url: format!("{}/*", file_object::url(app.url_endpoint.files(), path.as_str())),
            limit: app.purge_limit,
        })
    } else {
        None
    };
    let begun = app.library.rename_folder(&path, name, order, Timestamp::now()).await;
    let id = begun.map_err(|error| refused(FolderJob::Rename, source, &error))?;
    Ok(begun_answer(StatusCode::ACCEPTED, id))
}

/// `GET /v1/bulkJobs/{jobId}`
pub async fn status(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let missing = || ApiError::not_found("The requested job does not exist.");
    let id: JobId = id.parse().map_err(|_| missing())?;
    let job = app.library.job(id).await.map_err(|error| ApiError::internal(&error))?;
    let job = job.ok_or_else(missing)?;
    let what = FolderJob::of_kind(&job.kind).ok_or_else(missing)?;
    let mut body = Map::new();
    body.insert("jobId".into(), json!(job.id));
    let name = match what {
        FolderJob::Copy => "COPY_FOLDER",
        FolderJob::Move => "MOVE_FOLDER",
        FolderJob::Rename => "RENAME_FOLDER",
    };
    body.insert("type".into(), json!(name));
    let purge = RenamePurge::of(&job);
    let (code, status) = match (job.state, &purge) {
        (JobState::Completed, RenamePurge::Refused) => (StatusCode::MULTI_STATUS, "Partial success"),
        (JobState::Completed, _) => (StatusCode::OK, "Completed"),
        (JobState::Failed, _) => (StatusCode::OK, "Failed"),
        (JobState::Pending | JobState::Running, _) => (StatusCode::OK, "Pending"),
    };
    body.insert("status".into(), json!(status));
    match purge {
        RenamePurge::Requested(id) => {
            body.insert("purgeRequestId".into(), json!(id));
        }
        RenamePurge::Refused => {
            let text = "Folder renamed successfully but purging cache on nested files failed.";
            body.insert("message".into(), json!(text));
            body.insert("help".into(), json!(crate::error::HELP));
        }
        RenamePurge::None => {}
    }
    // Beyond the documented keys.
    body.insert("progress".into(), json!({ "done": job.done, "total": job.total }));
    if job.failed > 0 {
        let failures: Vec<Value> = job
            .failures
            .iter()
            .map(|failure| json!({ "path": failure.item, "reason": failure.reason }))
            .collect();
        body.insert("failures".into(), json!(failures));
        body.insert("failed".into(), json!(job.failed));
    }
    if job.state == JobState::Failed {
        body.insert(
            "message".into(),
            json!("The job was given up. What it had done stays done."),
        );
    }
    Ok((code, Json(Value::Object(body))).into_response())
}

fn begun_answer(status: StatusCode, id: JobId) -> Response {
    (status, Json(json!({ "jobId": id }))).into_response()
}

fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, ApiError> {
    let invalid = || ApiError::invalid(format!("{name} parameter is invalid.")).with_reason("INVALID_PARAMETER");
    let text = fields.text(name).map_err(|_| invalid())?.unwrap_or_default();
    if text.is_empty() {
        return Err(ApiError::invalid(format!("{name} parameter is missing.")).with_reason("MISSING_PARAMETER"));
    }
    if text.len() > LONGEST_PATH || text.contains('\0') {
        return Err(invalid());
    }
    Ok(text)
}

fn flag(fields: &Fields, name: &str) -> Result<Option<bool>, ApiError> {
    fields
        .flag(name)
        .map_err(|error| error.with_reason("INVALID_PARAMETER"))
}

/// The path of a folder that should be there: nothing in it is replaced, so what is not a path of ours is not found.
fn existing(text: &str) -> Result<FolderPath, ApiError> {
    let plain: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    FolderPath::sanitised(text)
        .ok()
        .filter(|path| path.as_str().trim_start_matches('/') == plain.join("/"))
        .ok_or_else(|| nothing_at(text))
}

fn nothing_at(text: &str) -> ApiError {
    ApiError::not_found(format!("No files & folder found at sourceFolderPath `{text}`.")).with_reason("NO_FILES_FOLDER")
}

fn destination(text: &str) -> Result<FolderPath, ApiError> {
    let wrong = |message: String| ApiError::invalid(message).with_reason("INVALID_FOLDER_PATH");
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(wrong("'.' & '..' can not be used as folder-name".into()));
    }
    FolderPath::sanitised(text).map_err(|error| wrong(format!("destinationPath parameter is invalid: {error}.")))
}

fn refused(what: FolderJob, source: &str, error: &FolderJobError) -> ApiError {
    let rename = what == FolderJob::Rename;
    match error {
        FolderJobError::SourceMissing(_) if rename => ApiError::not_found("Source folder not found."),
        FolderJobError::SourceMissing(_) => nothing_at(source),
        FolderJobError::SourceIsRoot => ApiError::invalid(if rename {
            "folderPath cannot be root."
        } else {
            "sourceFolderPath cannot be root."
        })
        .with_reason("SOURCE_IS_ROOT"),
        FolderJobError::SamePlace(_) => {
            ApiError::invalid("sourceFolderPath and destinationPath is same").with_reason("SAME_SOURCE_AND_DESTINATION")
        }
        FolderJobError::IntoItself(_) => ApiError::invalid(if what == FolderJob::Move {
            "This operation is not allowed because parent folder cannot be moved into child folder."
        } else {
            "This operation is not allowed because parent folder cannot be copied into child folder."
        })
        .with_reason("INVALID_DESTINATION_PATH"),
        FolderJobError::TooMany { limit, .. } => ApiError::invalid(format!(
            "Total nested assets (files, folders and file versions) are more than allowed limit of {limit} items."
        ))
        .with_reason("TOO_MANY_OBJECTS"),
        FolderJobError::Name(error) if rename => {
            ApiError::invalid(format!("newFolderName parameter is invalid: {error}.")).with_reason("INVALID_PARAMETER")
        }
        FolderJobError::Name(error) => ApiError::invalid(format!("destinationPath parameter is invalid: {error}."))
            .with_reason("INVALID_FOLDER_PATH"),
        FolderJobError::NameTaken(path) => ApiError::conflict(format!(
            "Folder with name {} already exists at the same location.",
            path.name()
        )),
        FolderJobError::SourceLocked(_) => ApiError::locked(LOCKED),
        FolderJobError::DestinationLocked(_) if rename => ApiError::locked(LOCKED),
        FolderJobError::DestinationLocked(_) => ApiError::locked(DESTINATION_LOCKED),
        FolderJobError::Store(error) if error.code() == library::Code::StorageFull => ApiError::storage_full(),
        FolderJobError::Store(error) => ApiError::internal(error),
    }
}
