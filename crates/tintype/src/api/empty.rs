//! Answers that say "done" and nothing else.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Json;

/// 204 without a body, or 200 with `{}` for the SDKs that decode a body where the documentation says there is none.
///
/// For the five operations that the SDKs type as an object: copy and move a file, delete a version, a folder, a custom
/// metadata field. Some clients accept 204 only, others fail on it, and those tell their language.
pub fn done(headers: &HeaderMap) -> Response {
    let language = headers.get("x-stainless-lang").and_then(|value| value.to_str().ok());
    match language {
        Some("go" | "java" | "kotlin" | "csharp") => Json(json!({})).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}
