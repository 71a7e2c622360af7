//! `/v1/accounts/keys`: keys beside the first pair. ImageKit has them in its dashboard only, so these routes are ours.
//!
//! Only a key that may do everything gets in here: one that may not could make itself another.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{AccountError, ApiKey, KeyChange, NewApiKey, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::time::Duration;

use super::{optional_text, refusal, required_text};
use crate::api::body::Fields;
use crate::api::{Json, Path};
use crate::app::App;
use crate::app::keyring::{AREAS, digest, place_of_key, shown_levels};
use crate::auth::require_all;
use crate::error::ApiError;
use crate::keys::random;

const MISSING: &str = "The requested key does not exist.";
const LONGEST_NAME: usize = 100;

/// The id by which the first pair is shown.
const FIRST: &str = "first";

/// `GET`: the first pair, then the others. Private halves are never shown again.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require_all(&app, &headers).await?;
    let keys = app.library.api_keys().await;
    let keys = keys.map_err(|error| ApiError::internal(&error))?;
    let now = Timestamp::now();
    let first_row = keys.iter().find(|key| is_first(&app, key));
    let first = json!({
        "id": FIRST,
        "name": "The first pair",
        "publicKey": app.keys.public_key,
        "permissions": null,
        "state": first_row.map_or("active", |row| state(row, now)),
        "expiresAt": first_row.and_then(|row| row.expires_at),
        "createdAt": null,
        "lastUsedAt": null,
    });
    let others = keys
        .iter()
        .filter(|key| !is_first(&app, key))
        .map(|key| shown(key, now));
    Ok(Json([first].into_iter().chain(others).collect()))
}

/// `POST`: a new key. Its private half is in this answer and nowhere else.
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require_all(&app, &headers).await?;
    let fields = fields?;
    let name = required_text(&fields, "name", LONGEST_NAME)?;
    let restrictions = fields.get("permissions").map(permissions).transpose()?;
    let (private_key, new) = pair(&app, name, restrictions)?;
    let now = Timestamp::now();
    let made = app.library.create_api_key(new, now).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(with_private(&made, &private_key, now))).into_response())
}

/// `PATCH`: `name`, `permissions` (`null` takes the restrictions away) and `enabled`.
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require_all(&app, &headers).await?;
    let fields = fields?;
    not_the_first(&app, &id).await?;
    let restrictions = match fields.raw("permissions") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(given) => Some(Some(permissions(given)?)),
    };
    let change = KeyChange {
        name: optional_text(&fields, "name", LONGEST_NAME)?.map(str::to_owned),
        restrictions,
        is_disabled: fields.flag("enabled")?.map(|enabled| !enabled),
    };
    let changed = app.library.update_api_key(&id, change).await.map_err(refused)?;
    Ok(Json(shown(&changed, Timestamp::now())))
}

/// `DELETE`: the key is unknown from now on.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require_all(&app, &headers).await?;
    not_the_first(&app, &id).await?;
    let deleted = app.library.delete_api_key(&id).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

/// `POST /{id}/roll`: a new key with the same rights; the old one ends after `expireAfter`: `now`, `1h`, `24h`, `3d` or `7d`.
pub async fn roll(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require_all(&app, &headers).await?;
    let fields = fields?;
    let after = match fields.text("expireAfter")? {
        Some("now") => Duration::ZERO,
        Some("1h") => Duration::from_secs(3600),
        Some("24h") => Duration::from_secs(24 * 3600),
        Some("3d") => Duration::from_secs(3 * 24 * 3600),
        Some("7d") => Duration::from_secs(7 * 24 * 3600),
        _ => return Err(ApiError::invalid("expireAfter must be one of now, 1h, 24h, 3d, 7d")),
    };
    let now = Timestamp::now();
    let keys = app.library.api_keys().await;
    let keys = keys.map_err(|error| ApiError::internal(&error))?;
    let ends = Some(now.saturating_add(after));
    let (old, restrictions) = if id == FIRST {
        let id = NewApiKey::random_id();
        let old = NewApiKey {
            secret: seal(&app, &id, app.keys.private_key())?,
            id,
            name: "The first pair".to_owned(),
            public_key: app.keys.public_key.clone(),
            digest: app.keyring.first_digest().to_owned(),
            restrictions: None,
            expires_at: ends,
        };
        let row = keys.iter().find(|key| is_first(&app, key));
        row.map_or(Ok(()), |row| rollable(row, now))?;
        (old, None)
    } else {
        let key = keys.iter().find(|key| key.id == id && !is_first(&app, key));
        let key = key.ok_or_else(|| ApiError::not_found(MISSING))?;
        rollable(key, now)?;
        let old = NewApiKey {
            id: key.id.clone(),
            name: key.name.clone(),
            public_key: key.public_key.clone(),
            digest: key.digest.clone(),
            secret: key.secret.clone(),
            restrictions: key.restrictions.clone(),
            expires_at: ends,
        };
        (old, key.restrictions.clone())
    };
    let (private_key, new) = pair(&app, &old.name, restrictions)?;
    let made = app.library.roll_api_key(old, new, now).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(with_private(&made, &private_key, now))).into_response())
}

/// Only an active key makes another; one that is about to end may end sooner.
fn rollable(key: &ApiKey, now: Timestamp) -> Result<(), ApiError> {
    match state(key, now) {
        "expired" => Err(ApiError::invalid("The key has expired already.")),
        "disabled" => Err(ApiError::invalid("The key is disabled: enable it first.")),
        _ => Ok(()),
    }
}

fn pair(
    app: &App,
    name: &str,
    restrictions: Option<Map<String, Value>>,
) -> Result<(SecretString, NewApiKey), ApiError> {
    let id = NewApiKey::random_id();
    let private_key = SecretString::from(random("private_"));
    let new = NewApiKey {
        secret: seal(app, &id, &private_key)?,
        id,
        name: name.to_owned(),
        public_key: random("public_"),
        digest: digest(private_key.expose_secret()),
        restrictions,
        expires_at: None,
    };
    Ok((private_key, new))
}

fn seal(app: &App, id: &str, private_key: &SecretString) -> Result<String, ApiError> {
    let sealed = app.seal.seal(&place_of_key(id), private_key);
    sealed.map_err(|error| ApiError::internal(&error))
}

fn is_first(app: &App, key: &ApiKey) -> bool {
    key.digest == app.keyring.first_digest()
}

/// The first pair can be rolled; it is changed where it is configured.
async fn not_the_first(app: &App, id: &str) -> Result<(), ApiError> {
    let keys = app.library.api_keys().await;
    let keys = keys.map_err(|error| ApiError::internal(&error))?;
    if id == FIRST || keys.iter().any(|key| key.id == id && is_first(app, key)) {
        return Err(ApiError::invalid(
            "The first pair is that of the configuration: roll it, or change it there.",
        ));
    }
    Ok(())
}

fn refused(error: AccountError) -> ApiError {
    match error {
        AccountError::TooMany { limit } => ApiError::invalid(format!(
            "You can have at most {limit} keys with restrictions and {limit} without."
        )),
        other => refusal(other, MISSING),
    }
}

/// `{"mediaAccess": "none" | "read" | "write", ...}`: an area that is not named has none.
fn permissions(given: &Value) -> Result<Map<String, Value>, ApiError> {
    let names = AREAS.map(|(name, _)| name).join(", ");
    let wrong = || {
        ApiError::invalid(format!(
            "permissions must be an object of none, read or write for {names}"
        ))
    };
    let given = given.as_object().ok_or_else(wrong)?;
    for (name, level) in given {
        let known = AREAS.iter().any(|(area, _)| area == name);
        if !known || !matches!(level.as_str(), Some("none" | "read" | "write")) {
            return Err(wrong());
        }
    }
    if given.values().all(|level| level == "none") {
        return Err(ApiError::invalid("permissions must allow something"));
    }
    Ok(given.clone())
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match key.expires_at {
        _ if key.is_disabled => "disabled",
        Some(end) if end <= now => "expired",
        Some(_) => "expiring",
        None => "active",
    }
}

fn shown(key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "publicKey": key.public_key,
        "permissions": key.restrictions.as_ref().map(shown_levels),
        "state": state(key, now),
        "expiresAt": key.expires_at,
        "createdAt": key.created_at,
        "lastUsedAt": key.last_used_at,
    })
}

fn with_private(key: &ApiKey, private_key: &SecretString, now: Timestamp) -> Value {
    let mut json = shown(key, now);
    json["privateKey"] = json!(private_key.expose_secret());
    json
}
