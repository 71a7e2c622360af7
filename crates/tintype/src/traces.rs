//! Traces for OpenTelemetry: what a request waited for, from its head to the codec.
//!
//! The spans are `tracing`'s, of one target, and stand where the work is done; without a receiver they cost next to nothing. They are sent by OTLP over
//! HTTP, in protobuf, to what the standard variables name (`OTEL_EXPORTER_OTLP_ENDPOINT`, ...), and nothing is sent if those name nothing. What a span
//! says is chosen where it stands: no query, no header, no key; of a path what [`shown`] leaves.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use agent::Transport;
use async_trait::async_trait;
use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tower::ServiceExt as _;
use tracing::Span;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

pub use delivery::stats::TRACE;

/// As the standard has it, unless its variables say otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// That the receiver is away is said no oftener.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Why traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The variables ask for what is not here.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL is `{0}`: traces are sent by `http/protobuf` only")]
    Protocol(String),
    /// The variables hold what can't be used.
    #[error("the OTEL_ variables can't be used")]
    Settings(#[source] opentelemetry_otlp::ExporterBuildError),
    /// There is no HTTP client.
    #[error("could not set up the client for traces")]
    Client(#[source] agent::SetUpError),
}

/// What sends spans. Dropping it loses those that wait.
#[derive(Debug, Clone)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// By the standard variables; `None` if they name no receiver.
    pub fn from_environment(runtime: &Handle) -> Result<Option<Self>, TracesError> {
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        if is_off || endpoints.into_iter().all(|name| variable(name).is_none()) {
            return Ok(None);
        }
        let protocol = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            return Err(TracesError::Protocol(protocol));
        }
        let timeout = either("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
        let timeout = timeout.and_then(|text| text.parse().ok()).map(Duration::from_millis);
        let sender = Sender {
            transport: agent::network(&agent::Limits::default()).map_err(TracesError::Client)?,
            runtime: runtime.clone(),
            timeout: timeout.unwrap_or(TIMEOUT),
            complained: Mutex::new(None),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(TracesError::Settings)?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Some(Self(provider)))
    }

    /// The layer that takes spans in.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = filter_fn(|metadata| metadata.target() == TRACE).with_max_level_hint(LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("tintype"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_filter(ours)
    }

    /// Sends what waits. The runtime has to be running.
    pub async fn close(self) {
        let closed = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(TIMEOUT)).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!(target: LOG, "the last traces could not be sent");
        }
    }
}

/// Of our own words in the log: a filter for the spans' target is one for all that begins with it, this module's name among them.
const LOG: &str = "tintype::otlp";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn either(first: &str, second: &str) -> Option<String> {
    variable(first).or_else(|| variable(second))
}

/// Who we are: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` first.
fn resource() -> Resource {
    let is_named = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.contains("service.name="));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match is_named {
        true => builder.build(),
        false => builder.with_service_name("tintype").build(),
    }
}

/// Posts what the SDK has packed. The SDK does so from a thread of its own, without a runtime.
struct Sender {
    transport: Transport,
    runtime: Handle,
    timeout: Duration,
    complained: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (transport, timeout) = (self.transport.clone(), self.timeout);
        let sending = async move { tokio::time::timeout(timeout, transport.oneshot(request)).await };
        let answer: Result<Response<Bytes>, HttpError> = match self.runtime.spawn(sending).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(error.into()),
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(ended) => Err(ended.into()),
        };
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.complain(&format!("it answered {}", answer.status().as_u16())),
            Err(error) => self.complain(&error.to_string()),
        }
        answer
    }
}

impl Sender {
    fn complain(&self, problem: &str) {
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            tracing::warn!(target: LOG, problem, "the receiver of traces did not take them");
        }
    }
}

/// True if somebody takes spans in.
pub fn are_made() -> bool {
    tracing::enabled!(target: TRACE, tracing::Level::DEBUG)
}

/// The span of a request, in the trace that its `traceparent` names or in one of its own. `area` is what kind of path it is.
pub fn of_request(headers: &HeaderMap, method: &str, path: &str, area: &'static str) -> Span {
    let span = tracing::debug_span!(
        target: TRACE,
        "request",
        otel.name = format!("{method} {area}"),
        otel.kind = "server",
        http.request.method = method,
        url.path = shown(path, area),
        tintype.area = area,
        tintype.request_id = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    if !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        if parent.span().span_context().is_valid() {
            // Fails where nobody takes spans in.
            let _ = span.set_parent(parent);
        }
    }
    span
}

/// Notes what was answered. A span ends when all that it caused has ended, which may be later: work that others will want is finished.
pub fn answered(span: &Span, status: u16) {
    // Unsigned numbers would be sent as text.
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
    tracing::debug!(target: TRACE, parent: span, "answered");
}

/// What is shown of a path: not the URLs of others that stand in it, which may hold tokens, and nothing of pages for people, whose links may.
fn shown(path: &str, area: &str) -> String {
    const LONGEST: usize = 500;
    if area == "agents" {
        return path.split('/').take(2).collect::<Vec<_>>().join("/");
    }
    let lower = path.to_ascii_lowercase();
    let end = ["://", ":/", "%3a%2f", "%3a/", ":%2f", "?", "%3f"]
        .into_iter()
        .filter_map(|mark| lower.find(mark))
        .min();
    // What is cut off begins with a scheme, which tells nothing.
    let shown: String = path[..end.unwrap_or(path.len())].chars().take(LONGEST).collect();
    match end.is_some() || shown.len() < path.len() {
        true => format!("{shown}\u{2026}"),
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_without_what_others_may_have_put_there() {
        for (path, area, expected) in [
            ("/demo/tr:w-300/a/b.jpg", "delivery", "/demo/tr:w-300/a/b.jpg"),
            ("/v1/files/1/details", "management", "/v1/files/1/details"),
            ("/demo/https://u:p@h/a.jpg", "delivery", "/demo/https\u{2026}"),
            ("/demo/tr:w-3/https:/h/a.jpg", "delivery", "/demo/tr:w-3/https\u{2026}"),
            (
                "/demo/HTTPS%3A%2F%2Fh%2Fa%3Ftoken%3Dx",
                "delivery",
                "/demo/HTTPS\u{2026}",
            ),
            ("/demo/a%3Ftoken", "delivery", "/demo/a\u{2026}"),
            ("/access/approvals/secret", "agents", "/access"),
            ("/mcp", "agents", "/mcp"),
        ] {
            assert_eq!(shown(path, area), expected, "{path}");
        }
        assert_eq!(shown(&"\u{e9}".repeat(600), "delivery").chars().count(), 501);
    }
}
