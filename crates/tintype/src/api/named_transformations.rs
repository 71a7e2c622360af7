//! `/v1/named-transformations`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{AccountError, NamedTransformation, Timestamp, TransformationChange};
use serde_json::{Value, json};
use transform::{BUILT_IN_NAMES, Mode, Transformation};

use super::accounts::{optional_text, refusal, required_text};
use super::body::Fields;
use crate::api::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const MISSING: &str = "The requested named transformation does not exist.";
const LONGEST_NAME: usize = 100;
/// The language's own limit.
const LONGEST_TEXT: usize = 8000;

/// `GET`: all, as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let named = app.library.named_transformations().await;
    let named = named.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(named.iter().map(shown).collect()))
}

/// `POST`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let name = required_text(&fields, "name", LONGEST_NAME).and_then(checked_name)?;
    let text = required_text(&fields, "transformation", LONGEST_TEXT).and_then(checked_steps)?;
    let enabled = fields.flag("enabled")?.unwrap_or(true);
    let made = app
        .library
        .create_named_transformation(name, text, enabled, Timestamp::now())
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// `GET` of one.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let named = app.library.named_transformation(&id).await;
    let named = named.map_err(|error| ApiError::internal(&error))?;
    named
        .map(|named| Json(shown(&named)))
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
    let name = optional_text(&fields, "name", LONGEST_NAME)?;
    let text = optional_text(&fields, "transformation", LONGEST_TEXT)?;
    let change = TransformationChange {
        name: name.map(checked_name).transpose()?.map(str::to_owned),
        transformation: text.map(checked_steps).transpose()?.map(str::to_owned),
        is_enabled: fields.flag("enabled")?,
    };
    let changed = app
        .library
        .update_named_transformation(&id, change, Timestamp::now())
        .await;
    changed.map(|changed| Json(shown(&changed))).map_err(refused)
}

/// `DELETE`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let deleted = app.library.delete_named_transformation(&id).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

fn refused(error: AccountError) -> ApiError {
    match error {
        AccountError::Taken(_) => ApiError::conflict("A named transformation with this name already exists."),
        AccountError::TooMany { limit } => {
            ApiError::invalid(format!("You can have at most {limit} named transformations."))
        }
        other => refusal(other, MISSING),
    }
}

fn checked_name(name: &str) -> Result<&str, ApiError> {
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(ApiError::invalid("name must have letters, digits and underscores only"));
    }
    if BUILT_IN_NAMES.iter().any(|(known, _)| *known == name) {
        return Err(ApiError::conflict(format!(
            "The name {name} is reserved for the media library."
        )));
    }
    Ok(name)
}

/// Steps that delivery will understand: they parse, refer to no other name and do something.
fn checked_steps(text: &str) -> Result<&str, ApiError> {
    let refuse = |why: String| ApiError::invalid(format!("transformation is not valid: {why}"));
    let steps = text.strip_prefix("tr:").unwrap_or(text);
    let parsed = Transformation::parse(steps, Mode::Lenient).map_err(|error| refuse(error.message))?;
    if parsed.is_empty() {
        return Err(refuse("nothing in it has an effect".to_owned()));
    }
    let expanded = parsed.expand(|_| None);
    expanded.map_err(|_| refuse("it may not refer to other named transformations".to_owned()))?;
    Ok(text)
}

fn shown(named: &NamedTransformation) -> Value {
    json!({
        "id": named.id,
        "name": named.name,
        "transformation": named.transformation,
        "enabled": named.is_enabled,
        "createdAt": named.created_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_steps() {
        assert!(checked_name("card_small2").is_ok());
        for name in ["card-small", "a b", "é", "ik_ml_thumbnail", "media_library_thumbnail"] {
            assert!(checked_name(name).is_err(), "{name}");
        }
        for text in [
            "w-150,h-150,fo-center",
            "tr:w-200:rt-90",
            "l-text,i-hi,l-end",
            "if-w_gt_5,w-5,if-end",
        ] {
            assert!(checked_steps(text).is_ok(), "{text}");
        }
        for text in ["n-other", "w-5:n-other,h-5", "l-text,i-hi", "nothing-1", "tr:"] {
            assert!(checked_steps(text).is_err(), "{text}");
        }
    }
}
