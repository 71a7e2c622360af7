//! `/v1/accounts/webhooks`: receivers of events as ImageKit's SDKs manage them (`accounts.webhooks`).
//!
//! They are the same receivers as those of `/v1/webhooks`, by the rules of this API: at most three are made here, no two at one URL, and every answer has the secret.
//! So even looking needs a key that may change them. The receiver of the server's settings is the operator's and not among them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{EventKind, Timestamp, WantedEvents, Webhook, WebhookError, WebhookId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::api::body::Fields;
use crate::api::webhooks::{find, missing, reachable};
use crate::api::{Json, Path};
use crate::app::{App, webhooks};
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// `GET`: all, the oldest first, as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let all = app.library.webhooks().await;
    let all = all.map_err(|error| ApiError::internal(&error))?;
    let shown = all.iter().filter(|webhook| !is_of_settings(webhook));
    let shown = shown
        .map(|webhook| opened(&app, webhook))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!(shown)))
}

/// `POST`: `endpoint`, `events`, `enabled`. The secret is made here.
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let secret = webhooks::new_secret();
    let now = Timestamp::now();
    let id = WebhookId::generate(now);
    let webhook = Webhook {
        id,
        url: endpoint(&app, &fields)?.ok_or_else(|| ApiError::invalid("endpoint is required and must be a string"))?,
        events: events(&fields)?.ok_or_else(|| ApiError::invalid("events is required and must be an array"))?,
        secret: webhooks::seal(&app, id, &secret).map_err(|error| ApiError::internal(&error))?,
        is_enabled: fields.flag("enabled")?.unwrap_or(true),
        created_at: now,
        updated_at: now,
    };
    app.library.create_account_webhook(&webhook).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&webhook, &secret))).into_response())
}

/// `GET` of one.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let webhook = of_account(&app, &id).await?;
    opened(&app, &webhook).map(Json)
}

/// `PATCH`: what is absent stays, and the secret always does.
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let mut webhook = of_account(&app, &id).await?;
    if let Some(url) = endpoint(&app, &fields)? {
        webhook.url = url;
    }
    if let Some(events) = events(&fields)? {
        webhook.events = events;
    }
    if let Some(enabled) = fields.flag("enabled")? {
        webhook.is_enabled = enabled;
    }
    webhook.updated_at = Timestamp::now();
    match app.library.change_account_webhook(&webhook).await.map_err(refused)? {
        true => opened(&app, &webhook).map(Json),
        false => Err(missing()),
    }
}

/// `DELETE`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let webhook = of_account(&app, &id).await?;
    let removed = app.library.remove_webhook(webhook.id).await;
    match removed.map_err(|error| ApiError::internal(&error))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

fn is_of_settings(webhook: &Webhook) -> bool {
    webhook.id == WebhookId::OF_SETTINGS
}

async fn of_account(app: &App, id: &str) -> Result<Webhook, ApiError> {
    let webhook = find(app, id).await?;
    match is_of_settings(&webhook) {
        true => Err(missing()),
        false => Ok(webhook),
    }
}

fn refused(error: WebhookError) -> ApiError {
    match error {
        WebhookError::TooMany(limit) => ApiError::invalid(format!("You can have at most {limit} webhooks.")),
        WebhookError::UrlTaken => ApiError::invalid("endpoint is used by another webhook"),
        WebhookError::Store(error) => ApiError::internal(&error),
    }
}

fn endpoint(app: &App, fields: &Fields) -> Result<Option<String>, ApiError> {
    match fields.get("endpoint") {
        None => Ok(None),
        Some(Value::String(url)) => reachable(app, "endpoint", url).map(|()| Some(url.clone())),
        Some(_) => Err(ApiError::invalid("endpoint must be a string")),
    }
}

fn events(fields: &Fields) -> Result<Option<WantedEvents>, ApiError> {
    let wrong = || ApiError::invalid("events must be an array of event types, at least one");
    let names: Vec<&str> = match fields.get("events") {
        None => return Ok(None),
        Some(Value::Array(names)) if !names.is_empty() => names
            .iter()
            .map(|name| name.as_str().ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong()),
    };
    match WantedEvents::parse(names) {
        Ok(some @ WantedEvents::Some(_)) => Ok(Some(some)),
        // `*` is a word of `/v1/webhooks` alone: who reads the types of the SDKs does not expect it.
        Ok(WantedEvents::All) => Err(unknown("*")),
        Err(name) => Err(unknown(&name)),
    }
}

fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().take(100).collect();
    let known = EventKind::ALL.map(EventKind::as_str).join(", ");
    ApiError::invalid(format!("events has the unknown type {name}. Must be of {known}."))
}

fn opened(app: &App, webhook: &Webhook) -> Result<Value, ApiError> {
    let secret = webhooks::open(app, webhook.id, &webhook.secret).map_err(|error| ApiError::internal(&error))?;
    Ok(shown(webhook, &secret))
}

fn shown(webhook: &Webhook, secret: &SecretString) -> Value {
    let events = match &webhook.events {
        WantedEvents::All => EventKind::ALL.map(EventKind::as_str).to_vec(),
        some @ WantedEvents::Some(_) => some.names(),
    };
    json!({
        "id": webhook.id,
        "endpoint": webhook.url,
        "events": events,
        "enabled": webhook.is_enabled,
        "secret": secret.expose_secret(),
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_types_of_the_sdks() {
        let read = |given: Value| {
            let fields = Fields::from(json!({ "events": given }).as_object().unwrap().clone());
            events(&fields)
                .map(|events| events.map(|events| events.names()))
                .map_err(|error| error.to_string())
        };
        let twice = json!(["folder.deleted", "file.created", "folder.deleted"]);
        assert_eq!(read(twice), Ok(Some(vec!["folder.deleted", "file.created"])));
        assert_eq!(read(Value::Null), Ok(None));
        let none = "events must be an array of event types, at least one";
        for given in [json!([]), json!("file.created"), json!([5]), json!({})] {
            assert_eq!(read(given.clone()).unwrap_err(), none, "{given}");
        }
        for name in ["*", "file.exploded"] {
            let text = read(json!(["file.created", name])).unwrap_err();
            assert!(
                text.starts_with(&format!(
                    "events has the unknown type {name}. Must be of file.created, "
                )),
                "{text}"
            );
        }
    }
}
