//! `/v1/trash`: what was deleted, and how it comes back. A part of Tintype's own, beside ImageKit's API.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::IntoResponse;
use library::{ChangeError, FileId, FolderPath, Timestamp, TrashFilter, TrashId, Trashed};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::file_object;
use super::files::refusal;
use super::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Most things in one answer, and how many there are where the request names no number.
const PAGE: u32 = 1000;

/// Days that what is deleted now can be restored: 0 if there is no trash.
const DAYS: HeaderName = HeaderName::from_static("x-trash-days");
/// Most files that one question may name.
const MOST_FILES: usize = 100;

/// What is in the trash, the newest first.
pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let query = query.unwrap_or_default();
    let given = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, value)| key == name && !value.is_empty())
    };
    let limit = match given("limit") {
        None => PAGE,
        Some((_, value)) => value
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE).contains(limit))
            .ok_or_else(|| ApiError::invalid(format!("limit must be a number from 1 to {PAGE}.")))?,
    };
    let skip = match given("skip") {
        None => 0,
        Some((_, value)) => value
            .parse()
            .map_err(|_| ApiError::invalid("skip must be a number, 0 or more."))?,
    };
    let filter = TrashFilter {
        folder: given("path").map(|(_, path)| folder(&path)).transpose()?,
        files: given("fileIds")
            .map(|(_, ids)| file_ids(&ids))
            .transpose()?
            .unwrap_or_default(),
    };
    let trash = app
        .library
        .trash_of(&filter, limit, skip)
        .await
        .map_err(|e| ApiError::internal(&e))?;
    let days = app.library.trash_life().as_secs() / 86_400;
    Ok(([(DAYS, days.to_string())], Json(trash.iter().map(item).collect())))
}

fn folder(path: &str) -> Result<FolderPath, ApiError> {
    FolderPath::sanitised(path)
        .map_err(|error| ApiError::invalid(format!("Your request contains invalid path parameter: {error}.")))
}

fn file_ids(text: &str) -> Result<Vec<FileId>, ApiError> {
    let wrong = || {
        ApiError::invalid(format!(
            "fileIds must be 1 to {MOST_FILES} file ids with commas between them."
        ))
    };
    let ids = text.split(',').map(|id| id.trim().parse().map_err(|_| wrong()));
    let ids: Vec<FileId> = ids.collect::<Result<_, _>>()?;
    if ids.len() > MOST_FILES {
        return Err(wrong());
    }
    Ok(ids)
}

/// Something in the trash.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let id = trash_id(&id)?;
    let found = app.library.trashed(id).await.map_err(|e| ApiError::internal(&e))?;
    found
        .map(|found| Json(item(&found)))
        .ok_or_else(|| unrestored(ChangeError::NotInTrash(id)))
}

/// Brings something back; the answer is the file, or the version, as it is then.
pub async fn restore(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let restored = app
        .library
        .restore_trashed(trash_id(&id)?, Timestamp::now())
        .await
        .map_err(unrestored)?;
    Ok(Json(file_object::version(&restored, &app.url_endpoint)))
}

/// Deletes something for good.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    app.library
        .purge_trashed(trash_id(&id)?, Timestamp::now())
        .await
        .map_err(unrestored)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes everything in the trash for good.
pub async fn empty(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let now = Timestamp::now();
    let purged = app.library.empty_trash(now, now).await.map_err(refusal)?;
    Ok(Json(json!({ "deleted": purged })))
}

fn trash_id(text: &str) -> Result<TrashId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid("Your request contains invalid trash id parameter."))
}

fn unrestored(error: ChangeError) -> ApiError {
    match error {
        ChangeError::NotInTrash(_) => ApiError::not_found("There is nothing in the trash with this id."),
        ChangeError::FileInTrash(file) => {
            ApiError::conflict("The file that this version belongs to is in the trash itself. Restore the file first.")
                .with("fileId", FileId::to_string(&file).into())
        }
        other => refusal(other),
    }
}

fn item(trashed: &Trashed) -> Value {
    json!({
        "id": trashed.id,
        "type": if trashed.is_whole_file { "file" } else { "file-version" },
        "fileId": trashed.file,
        "versionInfo": { "id": trashed.version, "name": format!("Version {}", trashed.version_number) },
        "versionCount": trashed.versions,
        "name": trashed.name,
        "filePath": trashed.folder.join(&trashed.name),
        "size": trashed.bytes,
        "deletedAt": trashed.deleted_at,
        "purgeAt": trashed.purge_at,
    })
}
