//! Liveness, readiness and metrics: for orchestrators, not for the public.

use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::Json;
use crate::app::App;
use crate::observe::Meters;

/// `GET /health/live`: the process runs and answers.
pub async fn live() -> Response {
    Json(json!({ "status": "live", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

/// `GET /health/ready`: the database and the blob store answer.
pub async fn ready(State(app): State<App>) -> Response {
    match app.library.health().await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
        }
    }
}

/// `GET /metrics`, in Prometheus' text format.
pub async fn metrics(State(app): State<App>, Extension(meters): Extension<Meters>) -> Response {
    let text = meters.render(&app.delivery.stats());
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
