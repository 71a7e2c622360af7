//! `GET /v1/files/{fileId}/details`

use axum::extract::{Path, State};
use axum::http::HeaderMap;

use super::{file_id, no_such_file};
use crate::api::Json;
use crate::api::file_object;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// The current version of a file.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let id = file_id(&id)?;
    let file = app
        .library
        .file(id)
        .await
        .map_err(|e| ApiError::internal(&e))?
        .ok_or_else(no_such_file)?;
    Ok(Json(file_object::file(&file, &app.url_endpoint)))
}
