//! `DELETE /v1/files/{fileId}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use library::Timestamp;

use super::{file_id, refusal};
use crate::api::Path;
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
    app.library.delete(id, Timestamp::now()).await.map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}
