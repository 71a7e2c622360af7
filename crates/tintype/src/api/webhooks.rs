//! `/v1/webhooks`: receivers of events, with what ImageKit's API (`accounts/webhooks.rs`) has no words for: secrets of one's own, deliveries, tests.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use library::{Delivery, Timestamp, WantedEvents, Webhook, WebhookError, WebhookId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::body::Fields;
use super::{Json, Path};
use crate::app::{App, webhooks};
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const LONGEST_URL: usize = 2048;
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=200;
const DELIVERIES: u32 = 100;

/// `GET /v1/webhooks`
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let all = app
        .library
        .webhooks()
        .await
        .map_err(|error| ApiError::internal(&error))?;
    Ok(Json(json!(all.iter().map(shown).collect::<Vec<_>>())).into_response())
}

/// `POST /v1/webhooks`. The secret is in this answer and in no other of these routes.
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let url = fields
        .text("url")?
        .ok_or_else(|| ApiError::invalid("url parameter is missing."))?;
    reachable(&app, "url parameter", url)?;
    let secret = secret(&fields)?.unwrap_or_else(webhooks::new_secret);
    let now = Timestamp::now();
    let id = WebhookId::generate(now);
    let webhook = Webhook {
        id,
        url: url.to_owned(),
        events: events(&fields)?.unwrap_or(WantedEvents::All),
        secret: webhooks::seal(&app, id, &secret).map_err(|error| ApiError::internal(&error))?,
        is_enabled: fields.flag("isEnabled")?.unwrap_or(true),
        created_at: now,
        updated_at: now,
    };
    put(&app, &webhook).await?;
    Ok((StatusCode::CREATED, Json(with_secret(&webhook, &secret))).into_response())
}

/// `GET /v1/webhooks/{id}`
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    Ok(Json(shown(&find(&app, &id).await?)).into_response())
}

/// `PATCH /v1/webhooks/{id}`. With `secret`, the new one is in the answer; `""` asks for a made one.
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let mut webhook = changeable(find(&app, &id).await?)?;
    if let Some(url) = fields.text("url")? {
        reachable(&app, "url parameter", url)?;
        webhook.url = url.to_owned();
    }
    if let Some(events) = events(&fields)? {
        webhook.events = events;
    }
    if let Some(enabled) = fields.flag("isEnabled")? {
        webhook.is_enabled = enabled;
    }
    let secret = match fields.text("secret")? {
        Some("") => Some(webhooks::new_secret()),
        _ => secret(&fields)?,
    };
    if let Some(secret) = &secret {
        webhook.secret = webhooks::seal(&app, webhook.id, secret).map_err(|error| ApiError::internal(&error))?;
    }
    webhook.updated_at = Timestamp::now();
    put(&app, &webhook).await?;
    let body = match &secret {
        Some(secret) => with_secret(&webhook, secret),
        None => shown(&webhook),
    };
    Ok(Json(body).into_response())
}

/// `DELETE /v1/webhooks/{id}`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let webhook = changeable(find(&app, &id).await?)?;
    let removed = app.library.remove_webhook(webhook.id).await;
    match removed.map_err(|error| ApiError::internal(&error))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

/// `GET /v1/webhooks/{id}/deliveries`: the newest first, as far back as they are kept.
pub async fn deliveries(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let webhook = find(&app, &id).await?;
    let query = uri.query().unwrap_or_default().as_bytes();
    let asked = url::form_urlencoded::parse(query).find(|(name, _)| name == "limit");
    let limit = match asked.map(|(_, value)| value.parse()) {
        None => DELIVERIES,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(_) => return Err(ApiError::invalid("limit parameter should be a number from 1 to 1000.")),
    };
    let sent = app.library.deliveries(webhook.id, limit).await;
    let sent = sent.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(json!(sent.iter().map(delivery).collect::<Vec<_>>())).into_response())
}

/// `POST /v1/webhooks/{id}/test`: sends a message of type `webhook.test`; how it went is among the deliveries.
pub async fn test(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let webhook = find(&app, &id).await?;
    if !webhook.is_enabled {
        return Err(ApiError::conflict("The webhook is disabled."));
    }
    let sent = webhooks::send_test(&app, &webhook).await;
    let id = sent.map_err(|error| ApiError::internal(&error))?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "deliveryId": id }))).into_response())
}

/// What a URL of a receiver must be; the error says what it is not.
pub fn check_url(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_URL {
        return Err(format!("must have at most {LONGEST_URL} bytes"));
    }
    let url =
        Url::parse(text).map_err(|error| format!("must be a URL such as https://app.example.com/hooks: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not hold a user name, a password or a fragment".into());
    }
    Ok(())
}

/// Refuses a URL that no receiver may have; `field` is what the request calls it.
pub(super) fn reachable(app: &App, field: &str, url: &str) -> Result<(), ApiError> {
    check_url(url).map_err(|reason| ApiError::invalid(format!("{field} {reason}.")))?;
    // Names are looked up when a message is sent, for they may mean something else by then.
    app.fetcher
        .check(url)
        .map_err(|error| ApiError::invalid(format!("{field} is invalid: {error}.")))
}

async fn put(app: &App, webhook: &Webhook) -> Result<(), ApiError> {
    app.library.put_webhook(webhook).await.map_err(|error| match error {
        WebhookError::TooMany(_) | WebhookError::UrlTaken => ApiError::invalid(format!("{error}.")),
        WebhookError::Store(error) => ApiError::internal(&error),
    })
}

pub(super) fn missing() -> ApiError {
    ApiError::not_found("The requested webhook does not exist.")
}

pub(super) async fn find(app: &App, id: &str) -> Result<Webhook, ApiError> {
    let id: WebhookId = id.parse().map_err(|_| missing())?;
    let found = app
        .library
        .webhook(id)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    found.ok_or_else(missing)
}

fn changeable(webhook: Webhook) -> Result<Webhook, ApiError> {
    if webhook.id == WebhookId::OF_SETTINGS {
        return Err(ApiError::conflict(
            "This webhook comes from the server's settings and is changed there.",
        ));
    }
    Ok(webhook)
}

fn events(fields: &Fields) -> Result<Option<WantedEvents>, ApiError> {
    let wrong = || ApiError::invalid("events parameter should be a list of event types, or [\"*\"].");
    let names: Vec<&str> = match fields.get("events") {
        None => return Ok(None),
        Some(Value::String(text)) => text.split(',').map(str::trim).collect(),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong()),
    };
    if names.is_empty() {
        return Err(wrong());
    }
    let events = WantedEvents::parse(names)
        .map_err(|name| ApiError::invalid(format!("events parameter: there is no event `{}`.", short(&name))))?;
    Ok(Some(events))
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

fn secret(fields: &Fields) -> Result<Option<SecretString>, ApiError> {
    let Some(text) = fields.text("secret")? else {
        return Ok(None);
    };
    if !SECRET_CHARS.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ApiError::invalid(
            "secret parameter should be 16 to 200 letters, digits and signs without spaces.",
        ));
    }
    Ok(Some(SecretString::from(text)))
}

fn shown(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events.names(),
        "isEnabled": webhook.is_enabled,
        "isFromSettings": webhook.id == WebhookId::OF_SETTINGS,
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
    })
}

fn with_secret(webhook: &Webhook, secret: &SecretString) -> Value {
    let mut body = shown(webhook);
    body["secret"] = json!(secret.expose_secret());
    body
}

fn delivery(sent: &Delivery) -> Value {
    let status = match (sent.delivered_at, sent.given_up_at) {
        (Some(_), _) => "delivered",
        (None, Some(_)) => "given up",
        (None, None) => "pending",
    };
    let next = (status == "pending").then_some(sent.run_at);
    json!({
        "id": sent.id,
        "eventId": sent.message.id,
        "type": sent.message.event_type,
        "status": status,
        "attempts": sent.attempts,
        "lastStatus": sent.last_status,
        "lastError": sent.last_error,
        "createdAt": sent.created_at,
        "deliveredAt": sent.delivered_at,
        "nextAttemptAt": next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_receivers() {
        for (url, good) in [
            ("https://app.example.com/hooks?x=1", true),
            ("http://h", true),
            ("ftp://h", false),
            ("h/hooks", false),
            ("https://u:p@h/", false),
            ("https://h/#x", false),
            ("", false),
        ] {
            assert_eq!(check_url(url).is_ok(), good, "{url}");
        }
        assert!(check_url(&format!("https://h/{}", "x".repeat(LONGEST_URL))).is_err());
    }
}
