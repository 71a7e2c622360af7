//! `DELETE /v1/files/{fileId}`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::{file_id, no_such_file};
use library::{Code, Timestamp};

use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Deletes a file with every version of it.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let id = file_id(&id)?;
    match app.library.delete(id, Timestamp::now()).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.code() == Code::NotFound => Err(no_such_file()),
        Err(error) => Err(ApiError::internal(&error)),
    }
}
