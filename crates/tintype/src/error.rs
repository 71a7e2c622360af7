//! The one place where what went wrong becomes an HTTP answer of the management and upload APIs.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::api::Json;

/// Clients index this key, so every error carries it.
pub const HELP: &str =
    "See the message for what to change; the server's log has more under this answer's x-request-id.";

/// An error as a client of the API sees it: never more than it may know.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
    /// Further keys of the body: `reason`, `errors`, `missingFileIds`.
    details: Map<String, Value>,
    /// A repeat is answered the same.
    is_final: bool,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: Map::new(),
            is_final: false,
        }
    }

    /// Clients repeat 409, 429 and every 5xx, if the answer does not forbid it.
    fn not_to_be_repeated(self) -> Self {
        Self { is_final: true, ..self }
    }

    /// Adds the upper-case code that programs compare.
    pub fn with_reason(self, reason: &str) -> Self {
        self.with("reason", reason.into())
    }

    /// Adds a key to the body.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.details.insert(key.to_owned(), value);
        self
    }

    /// 400: the request can't be carried out as it stands.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: no key in the request.
    pub fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Your request does not contain private API key.",
        )
    }

    /// 403: a key that is not the account's.
    pub fn wrong_key() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Your account cannot be authenticated.")
    }

    /// 403: a key that was the account's.
    pub fn expired_key() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Your request contains expired private API key.")
    }

    /// 403: a key that is switched off.
    pub fn disabled() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Your account is disabled.")
    }

    /// 429: more requests than the operator allows. The same request passes a little later.
    pub fn too_many_requests() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "You have exceeded the rate limit for this API.",
        )
    }

    /// 404: no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409: what is there already forbids it. A repeat does not help, and the answer says so.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message).not_to_be_repeated()
    }

    /// 413: more bytes than this route takes.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 423: a job works on the folder.
    pub fn locked(message: impl Into<String>) -> Self {
        Self::new(StatusCode::LOCKED, message)
    }

    /// 429: the month's share of something is used up. A repeat within the month does not help.
    pub fn over_quota(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message).not_to_be_repeated()
    }

    /// 405; the router adds which methods the path does take.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "This path does not take that method.")
    }

    /// 408: the client sent too slowly.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time.")
    }

    /// 501: a part of ImageKit's API that this version does not have.
    pub fn unavailable(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("{what} is not available in this version of Tintype."),
        )
        .not_to_be_repeated()
    }

    /// 507: the disk that holds the files is full.
    pub fn storage_full() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "The server has no room left to store the file. Nothing was changed.",
        )
        .not_to_be_repeated()
    }

    /// 503: too much to do right now.
    pub fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server has too much to do right now. Try again in a moment.",
        )
    }

    /// 500. The cause goes to the log, with the request id of the answer; the client learns nothing of the inside.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            chain.push_str(": ");
            chain.push_str(&source.to_string());
            next = source.source();
        }
        tracing::error!(cause = chain, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "We have experienced an internal error while processing your request.",
        )
    }

    /// The status that the answer carries.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("message".to_owned(), self.message.into());
        body.insert("help".to_owned(), HELP.into());
        body.extend(self.details);
        let mut response = (self.status, Json(Value::Object(body))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.is_final {
            headers.insert(
                HeaderName::from_static("x-should-retry"),
                HeaderValue::from_static("false"),
            );
        }
        response
    }
}
