//! `POST /api/v1/files/upload`, also reached as `/v1/files/upload`.

mod base64_text;
mod form;

pub(super) use form::coordinates;

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
use crate::auth;
use crate::clock::unix_now;
use crate::error::ApiError;
use form::Form;
use library::Timestamp;

/// Takes in a file. Browsers call this from any page, so every answer, errors too, allows any origin.
pub async fn create(State(app): State<App>, request: Request) -> Response {
    let mut response = match take_in(&app, request).await {
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

async fn take_in(app: &App, request: Request) -> Result<Json, ApiError> {
    let (parts, body) = request.into_parts();
    let key = auth::presented_key(&parts.headers);
    if let Some(key) = &key
        && let Err(refusal) = auth::require_key(app, key, auth::Area::Media, auth::Level::Write).await
    {
        drain(body).await;
        return Err(refusal);
    }
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let mut form = Form::read(app, content_type, body).await?;
    authorise(app, key.is_some(), &form).await?;
    form.check_metadata(app).await?;
    let asked = form.response_fields.clone();
    let stored = upload(app, form.into_upload()?).await.map_err(refusal)?;
    let metadata = if asked.contains(&ResponseField::Metadata) {
        // The file is stored by now: what can't be read of it is left out of the answer.
        of_asset(app, &stored).await.ok()
    } else {
        None
    };
    let answer = file_object::upload_result(&stored, &app.url_endpoint, &asked, metadata.as_ref());
    Ok(Json(answer))
}

/// Either the private key (checked already) or a client-side signature; not both.
async fn authorise(app: &App, has_key: bool, form: &Form) -> Result<(), ApiError> {
    if has_key {
        if form.signature.signature.is_some() {
            return Err(ApiError::invalid(
                "Your request contains both signature and basic auth parameter. \
                 Use only one method, you might be exposing your private API key.",
            ));
        }
        return Ok(());
    }
    let now = unix_now();
    let signed = form.signature.check(app, now).await?;
    let fresh = app
        .library
        .spend_token(&signed.token, timestamp(signed.expire), timestamp(now))
        .await
        .map_err(|e| ApiError::internal(&e))?;
    if fresh {
        Ok(())
    } else {
        Err(ApiError::invalid("Your request contains invalid token parameter."))
    }
}

fn timestamp(seconds: u64) -> Timestamp {
    let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    Timestamp::from_millis(millis).unwrap_or_else(|_| Timestamp::now())
}

fn refusal(error: UploadError) -> ApiError {
    match error {
        UploadError::Invalid(message) => ApiError::invalid(message),
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
