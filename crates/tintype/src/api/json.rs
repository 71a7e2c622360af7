use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A JSON answer, with the content type spelled as the contract has it.
pub struct Json(pub Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        let content_type = HeaderValue::from_static("application/json; charset=utf-8");
        ([(header::CONTENT_TYPE, content_type)], self.0.to_string()).into_response()
    }
}
