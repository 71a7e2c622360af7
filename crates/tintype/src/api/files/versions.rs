//! `/v1/files/{fileId}/versions`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use library::{ChangeError, Timestamp};
use serde_json::Value;

use super::{file_id, no_such_file, refusal, version_id};
use crate::api::empty;
use crate::api::file_object;
use crate::api::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// All versions of a file, the newest first.
pub async fn list(State(app): State<App>, headers: HeaderMap, Path(file): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let file = file_id(&file)?;
    let versions = app.library.versions(file).await.map_err(|e| ApiError::internal(&e))?;
    if versions.is_empty() {
        return Err(no_such_file());
    }
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| file_object::version(version, &app.url_endpoint))
        .collect();
    Ok(Json(versions.into()))
}

/// One version of a file.
pub async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    Path((file, version)): Path<(String, String)>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let (file, version) = (file_id(&file)?, version_id(&version)?);
    let version = app
        .library
        .version(file, version)
        .await
        .map_err(|e| ApiError::internal(&e))?
        .ok_or_else(|| ApiError::not_found("The requested file version does not exist."))?;
    Ok(Json(file_object::version(&version, &app.url_endpoint)))
}

/// Deletes an older version.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path((file, version)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let (file, version) = (file_id(&file)?, version_id(&version)?);
    app.library
        .delete_version(file, version, Timestamp::now())
        .await
        .map_err(|error| match error {
            ChangeError::NoFile(_) | ChangeError::NoVersion { .. } => {
                ApiError::not_found("The requested asset does not exist.")
            }
            ChangeError::CurrentVersion(_) => ApiError::invalid("You cannot delete current version of a file."),
            other => refusal(other),
        })?;
    Ok(empty::done(&headers))
}

/// Makes a version the current one.
pub async fn restore(
    State(app): State<App>,
    headers: HeaderMap,
    Path((file, version)): Path<(String, String)>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let (file, version) = (file_id(&file)?, version_id(&version)?);
    let file = app
        .library
        .restore_version(file, version, Timestamp::now())
        .await
        .map_err(refusal)?;
    Ok(Json(file_object::file(&file, &app.url_endpoint)))
}
