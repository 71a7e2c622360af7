//! `/v1/saved-extensions`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{ExtensionChange, SavedExtension, Timestamp};
use serde_json::{Value, json};

use super::accounts::{optional_text, refusal, required_text};
use super::body::Fields;
use crate::api::{Json, Path};
use crate::app::App;
use crate::app::extensions::Extension;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const MISSING: &str = "The requested saved extension does not exist.";
const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 2000;

/// `GET`: all, as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let saved = app.library.saved_extensions().await;
    let saved = saved.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(saved.iter().map(shown).collect()))
}

/// `POST`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let name = required_text(&fields, "name", LONGEST_NAME)?;
    let description = required_text(&fields, "description", LONGEST_DESCRIPTION)?;
    let config = config(&app, fields.get("config")).await?;
    let made = app
        .library
        .create_saved_extension(name, description, config, Timestamp::now())
        .await
        .map_err(|error| match error {
            library::AccountError::TooMany { limit } => {
                ApiError::invalid(format!("You can have at most {limit} saved extensions."))
            }
            other => refusal(other, MISSING),
        })?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// `GET` of one.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    check_id(&id)?;
    let saved = app.library.saved_extension(&id).await;
    let saved = saved.map_err(|error| ApiError::internal(&error))?;
    saved
        .map(|saved| Json(shown(&saved)))
        .ok_or_else(|| ApiError::not_found(MISSING))
}

/// `PATCH`: what is absent stays.
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    check_id(&id)?;
    let change = ExtensionChange {
        name: optional_text(&fields, "name", LONGEST_NAME)?.map(str::to_owned),
        description: optional_text(&fields, "description", LONGEST_DESCRIPTION)?.map(str::to_owned),
        config: match fields.get("config") {
            None => None,
            given => Some(config(&app, given).await?),
        },
    };
    let changed = app.library.update_saved_extension(&id, change, Timestamp::now()).await;
    changed
        .map(|changed| Json(shown(&changed)))
        .map_err(|error| refusal(error, MISSING))
}

/// `DELETE`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    check_id(&id)?;
    let deleted = app.library.delete_saved_extension(&id).await;
    deleted
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| refusal(error, MISSING))
}

/// Ids are `ext_` and letters and digits.
fn check_id(id: &str) -> Result<(), ApiError> {
    let token = id.strip_prefix("ext_").unwrap_or_default();
    if !token.is_empty()
        && id.len() <= 64
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        Ok(())
    } else {
        Err(ApiError::invalid("Invalid saved extension ID."))
    }
}

/// The configuration in the form that is stored.
async fn config(app: &App, given: Option<&Value>) -> Result<Value, ApiError> {
    let refuse =
        |why: String| ApiError::invalid("Invalid extension configuration.").with("errors", json!({ "config": why }));
    let given = given.ok_or_else(|| refuse("is required".to_owned()))?;
    let account = app
        .library
        .account()
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let extension = Extension::parse_config(given, &|name| account.has_field(name));
    extension
        .map(|extension| extension.to_json())
        .map_err(|error| refuse(error.to_string()))
}

fn shown(saved: &SavedExtension) -> Value {
    json!({
        "id": saved.id,
        "name": saved.name,
        "description": saved.description,
        "config": saved.config,
        "createdAt": saved.created_at,
        "updatedAt": saved.updated_at,
    })
}
