//! The limits of the management API, said in headers on every answer and enforced by 429.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::app::rate_limit::{Class, Standing};
use crate::auth;
use crate::error::ApiError;

/// Counts requests of the management API that carry a key of the account: nobody else can use up its allowance. Uploads have no limit here.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if app.rate_limits.are_off() || !path.starts_with("/v1/") || path == "/v1/files/upload" {
        return next.run(request).await;
    }
    let class = match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => Class::Read,
        _ => Class::Write,
    };
    let standing = match auth::is_known(&app, request.headers()).await {
        true => app.rate_limits.count(class),
        false => None,
    };
    let Some(standing) = standing else {
        return next.run(request).await;
    };
    let mut response = if standing.is_exceeded {
        ApiError::too_many_requests().into_response()
    } else {
        next.run(request).await
    };
    describe(response.headers_mut(), &standing);
    response
}

/// Durations are milliseconds but for `Retry-After`, as each of these headers has it.
fn describe(headers: &mut HeaderMap, standing: &Standing) {
    let reset = standing.reset.as_nanos().div_ceil(1_000_000);
    let mut set = |name: HeaderName, value: u128| {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            headers.insert(name, value);
        }
    };
    set(HeaderName::from_static("x-ratelimit-limit"), standing.limit.into());
    set(HeaderName::from_static("x-ratelimit-reset"), reset);
    set(
        HeaderName::from_static("x-ratelimit-interval"),
        standing.interval.as_millis(),
    );
    if standing.is_exceeded {
        set(HeaderName::from_static("retry-after-ms"), reset.max(1));
        set(header::RETRY_AFTER, reset.div_ceil(1000).max(1));
    }
}
