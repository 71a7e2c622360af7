//! `POST /api/v1/files/upload`, also reached as `/v1/files/upload`, and `POST /api/v2/files/upload`. They differ in how a
//! browser shows that it may upload: by a signature of a token and a time, or by a JSON Web Token that lists the form.

mod base64_text;
mod brackets;
mod fields;
mod form;

pub(super) use fields::{coordinates, webhook_url};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::time::Duration;

use crate::api::Json;
use crate::api::file_object::{self, ResponseField};
use crate::app::App;
use crate::app::metadata::of_asset;
use crate::app::upload::{UploadError, upload};
use crate::auth::upload_token::UploadToken;
use crate::auth::{self, Area, Level};
use crate::clock::unix_now;
use crate::error::ApiError;
use crate::observe::RequestId;
use form::Form;
use library::Timestamp;

/// How a browser shows that it may upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// `signature`, `token`, `expire` and `publicKey`.
    One,
    /// `token`, which is a JSON Web Token.
    Two,
}

/// Takes in a file.
pub async fn create(State(app): State<App>, request: Request) -> Response {
    answer(take_in(&app, Version::One, request).await)
}

/// Takes in a file, by version 2.
pub async fn create_v2(State(app): State<App>, request: Request) -> Response {
    answer(take_in(&app, Version::Two, request).await)
}

/// Browsers call this from any page, so every answer, errors too, allows any origin.
fn answer(outcome: Result<Json, ApiError>) -> Response {
    let mut response = match outcome {
        Ok(json) => json.into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-request-id, x-ik-requestid"),
    );
    response
}

/// `OPTIONS`: the preflight of a browser that reports upload progress.
pub async fn preflight(headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    allowed.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    let requested = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    allowed.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        requested.unwrap_or(HeaderValue::from_static("*")),
    );
    response
}

async fn take_in(app: &App, version: Version, request: Request) -> Result<Json, ApiError> {
    let (parts, body) = request.into_parts();
    let has_key = auth::presented_key(&parts.headers).is_some();
    if has_key && let Err(refused) = auth::require(app, &parts.headers, Area::Media, Level::Write).await {
        drain(body).await;
        return Err(refused);
    }
    let mut share = None;
    if !has_key {
        match app.spool.enter() {
            Ok(entered) => share = Some(entered),
            Err(full) => {
                tracing::warn!(%full, "an upload was turned away");
                drain(body).await;
                return Err(ApiError::overloaded());
            }
        }
    }
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let form = Form::read(app, content_type, body, share.as_mut()).await?;
    let signed = authorise(app, version, has_key, &form).await?;
    drop(share);
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0).unwrap_or_default();
    let (wanted, asked) = fields::understand(form, signed, request_id)?;
    let uploaded = upload(app, wanted).await.map_err(refusal)?;
    let metadata = if asked.contains(&ResponseField::Metadata) {
        // The file is stored by now: what can't be read of it is left out of the answer.
        of_asset(app, &uploaded.asset).await.ok()
    } else {
        None
    };
    let mut answer = file_object::upload_result(&uploaded.asset, &app.url_endpoint, &asked, metadata.as_ref());
    if !uploaded.extension_status.is_empty() {
        answer["extensionStatus"] = uploaded.extension_status.into();
    }
    Ok(Json(answer))
}

/// Either the private key (checked already) or what a browser was given; not both. True if every field of the form is
/// vouched for: a signature of version 1 covers none of them.
async fn authorise(app: &App, version: Version, has_key: bool, form: &Form) -> Result<bool, ApiError> {
    let both = |what: &str| {
        ApiError::invalid(format!(
            "Your request contains both {what} and basic auth parameter. \
             Use only one method, you might be exposing your private API key."
        ))
    };
    match (version, has_key) {
        (Version::One, true) if form.text("signature").is_some() => Err(both("signature")),
        (Version::Two, true) if form.text("token").is_some() => Err(both("token")),
        (_, true) => Ok(true),
        (Version::One, false) => {
            let signed = form.signature().check(app, unix_now()).await?;
            spend(
                app,
                &signed.token,
                signed.expire,
                "Your request contains invalid token parameter.",
            )
            .await?;
            Ok(false)
        }
        (Version::Two, false) => {
            let token = form
                .text("token")
                .ok_or_else(|| ApiError::invalid("Your request is missing token parameter."))?;
            let token = UploadToken::read(token)?;
            token.check(app, &form.sent()?, unix_now()).await?;
            spend(app, &token.name(), token.expires(), INVALID_TOKEN).await?;
            Ok(true)
        }
    }
}

const INVALID_TOKEN: &str = "Your request has invalid token.";

async fn spend(app: &App, token: &str, expires: u64, used: &str) -> Result<(), ApiError> {
    let fresh = app
        .library
        .spend_token(token, timestamp(expires), timestamp(unix_now()))
        .await
        .map_err(|e| ApiError::internal(&e))?;
    if fresh { Ok(()) } else { Err(ApiError::invalid(used)) }
}

fn timestamp(seconds: u64) -> Timestamp {
    let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    Timestamp::from_millis(millis).unwrap_or_else(|_| Timestamp::now())
}

fn refusal(error: UploadError) -> ApiError {
    match error {
        UploadError::Invalid(message) => ApiError::invalid(message),
        UploadError::Explained { message, errors } => ApiError::invalid(message).with("errors", errors.into()),
        UploadError::Overloaded => ApiError::overloaded(),
        UploadError::TooLarge { limit } => too_large(limit),
        UploadError::StorageFull => ApiError::storage_full(),
        UploadError::Internal(cause) => ApiError::internal(cause.as_ref()),
    }
}

fn too_large(limit: u64) -> ApiError {
    ApiError::invalid(format!(
        "Your request contains invalid file parameter. The file size exceeds {limit} bytes limit."
    ))
}

/// Reads on for a moment after a refusal: a client that is still sending would otherwise see a broken connection
/// instead of the answer.
async fn drain(body: Body) {
    const AT_MOST_BYTES: usize = 64 << 20;
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut read = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            read += chunk.len();
            if read > AT_MOST_BYTES {
                break;
            }
        }
    };
    // A slow client is cut off: it was refused anyway.
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
}
