//! `GET /`: tells a person who opens the address what runs here and what to do next.

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use crate::app::App;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#222}\
pre{background:#f4f1ec;padding:1rem;overflow-x:auto;border-radius:6px}code{font-size:.9em}h1{margin-bottom:0}";

/// The page; it names no key.
pub async fn page(State(app): State<App>) -> Response {
    let endpoint = &app.url_endpoint;
    let base = endpoint.strip_suffix(app.endpoint_path.as_str()).unwrap_or(endpoint);
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Tintype</title><style>{STYLE}</style>\
         <h1>Tintype</h1><p>This media server is running.</p>\
         <h2>Upload</h2><pre>curl -u \"$PRIVATE_KEY:\" -F file=@photo.jpg -F fileName=photo.jpg \\\n     \
         -F useUniqueFileName=false {base}/api/v1/files/upload</pre>\
         <h2>Transform</h2><pre>{endpoint}/tr:w-400,h-300/photo.jpg</pre>\
         <h2>For programs</h2><p>SDK base URL: <code>{base}</code><br>URL endpoint: <code>{endpoint}</code><br>\
         Health: <code>/health/live</code>, <code>/health/ready</code>; metrics: <code>/metrics</code></p>",
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(body)).into_response()
}
