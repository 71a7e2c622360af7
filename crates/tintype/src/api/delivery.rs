//! Delivery: the raw request in, an answer with headers out. The one place where delivery's values become HTTP.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use delivery::{Answer, CachePolicy, Code, Country, DeliveryError, own_target};
use library::Timestamp;

use crate::app::App;
use crate::app::domains::host;
use crate::app::usage::Served;
use crate::clock::unix_now;

/// Names the server, as `x-server` does in the reference.
const SERVER: &str = concat!("Tintype/", env!("CARGO_PKG_VERSION"));

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_SERVER: HeaderName = HeaderName::from_static("x-server");
const IK_ERROR: HeaderName = HeaderName::from_static("ik-error");

/// No answer has more fields, those of all requests included.
const FIELDS: usize = 24;

/// `GET` and `HEAD` below the account's path.
pub async fn get(app: &App, request: &Parts) -> Response {
    let head = request.method == Method::HEAD;
    let target = request.uri.path_and_query().map_or("/", |t| t.as_str());
    let headers = &request.headers;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let accept = joined(headers, &header::ACCEPT);
    let visitor = app.visitors.visitor(&request.extensions, headers);
    let country = visitor.as_ref().map(|visitor| visitor.country);
    let asked = delivery::Request {
        head,
        target,
        accept: accept.as_deref(),
        if_none_match: text("if-none-match"),
        if_modified_since: text("if-modified-since"),
        range: text("range"),
        if_range: text("if-range"),
        width_hint: text("sec-ch-width").or_else(|| text("width")),
        dpr_hint: text("sec-ch-dpr").or_else(|| text("dpr")),
        save_data: text("save-data"),
        host: host(&request.uri, headers),
        visitor,
        now_unix: unix_now(),
    };
    let started = Instant::now();
    let answered = app.delivery.answer(asked).await;
    count(app, target, headers, country, &answered);
    let mut response = match answered {
        Ok(answer) => shape(app, answer),
        Err(error) => refuse(app, &error),
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_SERVER, HeaderValue::from_static(SERVER));
    set(headers, SERVER_TIMING, server_timing(started.elapsed()).into());
    response
}

/// Milliseconds with one digit behind the point.
fn server_timing(spent: Duration) -> String {
    let tenths = spent.as_micros() / 100;
    format!("total;dur={}.{}", tenths / 10, tenths % 10)
}

/// Counts an answer for usage and analytics.
fn count(
    app: &App,
    target: &str,
    headers: &HeaderMap,
    country: Option<Country>,
    answered: &Result<Answer, DeliveryError>,
) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let below = target.strip_prefix(app.endpoint_path.as_str()).unwrap_or_default();
    let first = below
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap_or_default();
    let account = app.library.known_account();
    let known = account
        .as_ref()
        .is_some_and(|account| !first.is_empty() && account.url_endpoint(first).is_some());
    let target = match &account {
        Some(account) => own_target(target, &app.endpoint_path, account),
        None => Cow::Borrowed(target),
    };
    let error = answered.as_ref().err().map(DeliveryError::ik_error);
    let (status, bytes, from, content_type) = match answered {
        Ok(answer) => {
            let bytes = match answer.body {
                delivery::Body::Empty => 0,
                _ => answer.content_length,
            };
            let content_type = match answer.kind {
                delivery::Kind::NotModified => "",
                _ => answer.content_type.as_ref(),
            };
            (answer.status(), bytes, Some(answer.origin), content_type)
        }
        Err(error) => (status(error).as_u16(), 0, None, ""),
    };
    let served = Served {
        target: &target,
        account_path: &app.endpoint_path,
        endpoint: if known { first } else { "" },
        status,
        bytes,
        from,
        content_type,
        error: error.as_deref(),
        referrer: text("referer"),
        user_agent: text("user-agent"),
        country: country
            .as_ref()
            .filter(|country| **country != Country::UNKNOWN)
            .map(Country::as_str),
    };
    app.usage.served(&served, Timestamp::now());
}

/// `OPTIONS`: any page may read what is public.
pub fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Clients may split a list over several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn shape(app: &App, answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = answer.headers();
    let for_caches = app.edge.headers(&answer);
    let body = match answer.body {
        delivery::Body::Empty => Body::empty(),
        delivery::Body::Bytes(bytes) => Body::from(bytes),
        delivery::Body::Stream(stream) => Body::from_stream(stream),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(FIELDS);
    for (name, value) in fields.into_iter().chain(for_caches) {
        set(headers, HeaderName::from_static(name), value);
    }
    response
}

/// The status that an error has.
fn status(error: &DeliveryError) -> StatusCode {
    match error.code() {
        Code::BadTransformation | Code::Limit => StatusCode::BAD_REQUEST,
        Code::Unauthorised => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unavailable => StatusCode::NOT_IMPLEMENTED,
        Code::Upstream => StatusCode::BAD_GATEWAY,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Errors are plain text with the reason in `ik-error`.
fn refuse(app: &App, error: &DeliveryError) -> Response {
    let status = status(error);
    if error.code() == Code::Internal {
        tracing::error!(error = chain(error), "delivery failed");
    }
    let mut text = match error.code() {
        Code::NotFound => "Not Found".to_owned(),
        Code::Internal => "We have experienced an internal error while processing your request.".to_owned(),
        _ => error.to_string(),
    };
    if let Some(hint) = error.hint() {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text.push('\n');
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    set(headers, IK_ERROR, error.ik_error().into());
    let policy = match error.cache() {
        CachePolicy::Brief if !app.delivery.answers_everybody_alike() => CachePolicy::NoStore,
        policy => policy,
    };
    for (name, value) in app.edge.error_headers(policy) {
        set(headers, HeaderName::from_static(name), value);
    }
    if let Some(seconds) = error.retry_after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let DeliveryError::RangeNotSatisfiable { total } = error {
        set(headers, header::CONTENT_RANGE, format!("bytes */{total}").into());
    }
    response
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Sets a header unless its text can't stand in one; what a user wrote must not break the answer.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Cow<'static, str>) {
    let value = match value {
        Cow::Borrowed(ours) => Ok(HeaderValue::from_static(ours)),
        Cow::Owned(text) => HeaderValue::try_from(text),
    };
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_tenths_of_milliseconds() {
        for (micros, expected) in [(0, "total;dur=0.0"), (199, "total;dur=0.1"), (12_345, "total;dur=12.3")] {
            assert_eq!(server_timing(Duration::from_micros(micros)), expected);
        }
    }
}
