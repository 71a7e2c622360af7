//! Delivery: the raw request in, an answer with headers out. The one place where delivery's values become HTTP.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use delivery::{Answer, CachePolicy, Code, Country, DeliveryError, ServedFrom, own_target};
use library::Timestamp;

use crate::app::App;
use crate::app::domains::host;
use crate::app::usage::Served;
use crate::app::visitors::Peer;
use crate::clock::unix_now;

/// Names the server, as `x-server` does in the reference.
const SERVER: &str = concat!("Tintype/", env!("CARGO_PKG_VERSION"));

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_SERVER: HeaderName = HeaderName::from_static("x-server");
const IK_ERROR: HeaderName = HeaderName::from_static("ik-error");
const SEC_CH_WIDTH: HeaderName = HeaderName::from_static("sec-ch-width");
const SEC_CH_DPR: HeaderName = HeaderName::from_static("sec-ch-dpr");
const WIDTH: HeaderName = HeaderName::from_static("width");
const DPR: HeaderName = HeaderName::from_static("dpr");
const SAVE_DATA: HeaderName = HeaderName::from_static("save-data");

/// Fields of all answers.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (TIMING_ALLOW_ORIGIN, "*"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_SERVER, SERVER),
];

/// No answer has more fields, those of all requests included.
const FIELDS: usize = 24;

/// `GET` and `HEAD` below the account's path.
pub async fn get(app: &App, request: &Parts) -> Response {
    let headers = &request.headers;
    let accept = joined(headers, &header::ACCEPT);
    let asked = delivery::Request {
        head: request.method == Method::HEAD,
        visitor: app.visitors.visitor(&request.extensions, headers),
        ..asked(&request.uri, headers, accept.as_deref())
    };
    let target = asked.target;
    let country = asked.visitor.as_ref().map(|visitor| visitor.country);
    let started = Instant::now();
    let answered = app.delivery.answer(asked).await;
    count(app, &place(app, target), headers, country, &Outcome::of(&answered));
    let mut response = match answered {
        Ok(answer) => shape(app, answer),
        Err(error) => refuse(app, &error),
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    set(headers, SERVER_TIMING, server_timing(started.elapsed()));
    response
}

/// `GET` below the account's path, if it takes no waiting.
pub fn recall(app: &App, peer: Peer, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let started = Instant::now();
    let accept = joined(headers, &header::ACCEPT);
    let visitor = app.visitors.visitor_by(peer, headers);
    let country = visitor.country;
    let asked = delivery::Request {
        visitor: Some(visitor),
        ..asked(uri, headers, accept.as_deref())
    };
    let recalled = app.delivery.recall(&asked)?;
    let prepared = recalled.prepared(|| Prepared::new(app, asked.target))?;
    let (fields, status, body) = match recalled.bytes() {
        Some(bytes) => (&prepared.full, StatusCode::OK, Body::from(bytes.clone())),
        None => (&prepared.not_modified, StatusCode::NOT_MODIFIED, Body::empty()),
    };
    let fields = fields.get_or_init(|| lasting_fields(app, recalled.answer()));
    let outcome = Outcome {
        status: status.as_u16(),
        bytes: recalled.bytes().map_or(0, |bytes| bytes.len() as u64),
        from: Some(recalled.origin()),
        content_type: match recalled.bytes() {
            Some(_) => fields
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default(),
            None => "",
        },
        error: None,
    };
    count(app, &prepared.place, headers, Some(country), &outcome);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields.clone();
    set(response.headers_mut(), SERVER_TIMING, server_timing(started.elapsed()));
    Some(response)
}

/// What answers from memory to equal requests have in common: nearly all of them. To put it together takes longer than to find the bytes.
struct Prepared {
    place: Place<'static>,
    full: OnceLock<HeaderMap>,
    not_modified: OnceLock<HeaderMap>,
}

impl Prepared {
    fn new(app: &App, target: &str) -> Self {
        let Place { endpoint, target } = place(app, target);
        Self {
            place: Place {
                endpoint: endpoint.into_owned().into(),
                target: target.into_owned().into(),
            },
            full: OnceLock::new(),
            not_modified: OnceLock::new(),
        }
    }
}

/// The header fields that are the same each time. The number of bytes is said when they are sent.
fn lasting_fields(app: &App, answer: Answer) -> HeaderMap {
    let mut fields = std::mem::take(shape(app, answer).headers_mut());
    fields.remove(header::CONTENT_LENGTH);
    for (name, value) in ALWAYS {
        fields.insert(name, HeaderValue::from_static(value));
    }
    fields
}

/// What a request says of itself, but for its method and who sent it.
fn asked<'a>(uri: &'a Uri, headers: &'a HeaderMap, accept: Option<&'a str>) -> delivery::Request<'a> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    delivery::Request {
        head: false,
        target: uri.path_and_query().map_or("/", |target| target.as_str()),
        accept,
        if_none_match: text(header::IF_NONE_MATCH),
        if_modified_since: text(header::IF_MODIFIED_SINCE),
        range: text(header::RANGE),
        if_range: text(header::IF_RANGE),
        width_hint: text(SEC_CH_WIDTH).or_else(|| text(WIDTH)),
        dpr_hint: text(SEC_CH_DPR).or_else(|| text(DPR)),
        save_data: text(SAVE_DATA),
        host: host(uri, headers),
        visitor: None,
        now_unix: unix_now(),
    }
}

/// Milliseconds with one digit behind the point.
fn server_timing(spent: Duration) -> Cow<'static, str> {
    match spent.as_micros() / 100 {
        // From memory: no text has to be put together for it.
        0 => "total;dur=0.0".into(),
        tenths => format!("total;dur={}.{}", tenths / 10, tenths % 10).into(),
    }
}

/// Where a request belongs, for usage and analytics.
struct Place<'a> {
    /// The prefix of the URL endpoint; empty for the default one.
    endpoint: Cow<'a, str>,
    /// Path and query, below the account's path.
    target: Cow<'a, str>,
}

fn place<'a>(app: &App, target: &'a str) -> Place<'a> {
    let below = target.strip_prefix(app.endpoint_path.as_str()).unwrap_or_default();
    let first = below
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap_or_default();
    let Some(account) = app.library.known_account() else {
        return Place {
            endpoint: "".into(),
            target: target.into(),
        };
    };
    let known = !first.is_empty() && account.url_endpoint(first).is_some();
    Place {
        endpoint: if known { first } else { "" }.into(),
        target: own_target(target, &app.endpoint_path, &account),
    }
}

/// What became of a request, for usage and analytics.
struct Outcome<'a> {
    status: u16,
    bytes: u64,
    from: Option<ServedFrom>,
    content_type: &'a str,
    error: Option<Cow<'a, str>>,
}

impl<'a> Outcome<'a> {
    fn of(answered: &'a Result<Answer, DeliveryError>) -> Self {
        match answered {
            Ok(answer) => Self {
                status: answer.status(),
                bytes: match answer.body {
                    delivery::Body::Empty => 0,
                    _ => answer.content_length,
                },
                from: Some(answer.origin),
                content_type: match answer.kind {
                    delivery::Kind::NotModified => "",
                    _ => answer.content_type.as_ref(),
                },
                error: None,
            },
            Err(error) => Self {
                status: status(error).as_u16(),
                bytes: 0,
                from: None,
                content_type: "",
                error: Some(error.ik_error().into()),
            },
        }
    }
}

/// Counts an answer for usage and analytics.
fn count(app: &App, place: &Place<'_>, headers: &HeaderMap, country: Option<Country>, outcome: &Outcome<'_>) {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let served = Served {
        target: &place.target,
        account_path: &app.endpoint_path,
        endpoint: &place.endpoint,
        status: outcome.status,
        bytes: outcome.bytes,
        from: outcome.from,
        content_type: outcome.content_type,
        error: outcome.error.as_deref(),
        referrer: text(header::REFERER),
        user_agent: text(header::USER_AGENT),
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
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = lines.next()?;
    let Some(second) = lines.next() else {
        return Some(first.into());
    };
    let lines: Vec<&str> = [first, second].into_iter().chain(lines).collect();
    Some(lines.join(",").into())
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
