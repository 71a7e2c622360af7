//! Logs, request ids and metrics.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Instrument;
use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Starts logging to standard error. Only the first call in a process has an effect.
pub fn start_logging(config: &Config) {
    // The cache's storage engine tells of its own workings at `info`; a filter that names it beats this.
    let filter = EnvFilter::try_new(format!("foyer_storage=warn,{}", config.log)).unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if config.log_format.is_json() {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    } else {
        builder.with_target(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// The process's meters, rendered in Prometheus' text format.
#[derive(Clone)]
pub struct Meters(PrometheusHandle);

const REQUESTS: &str = "tintype_http_requests_total";
const SECONDS: &str = "tintype_http_request_seconds";

impl Meters {
    /// Starts counting. At most once in a process.
    pub fn start() -> Result<Self, metrics_exporter_prometheus::BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full(SECONDS.to_owned()),
                &[
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
                ],
            )?
            .install_recorder()?;
        metrics::describe_counter!(REQUESTS, "Answers by area, method and status");
        metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "Time to the answer's headers, by area");
        metrics::describe_counter!("tintype_uploads_total", "Files taken in");
        metrics::describe_counter!("tintype_upload_bytes_total", "Bytes of files taken in");
        Ok(Self(handle))
    }

    /// What `/metrics` answers, with the state of delivery as of now.
    pub fn render(&self, delivery: &delivery::Stats) -> String {
        let counters = [
            ("tintype_cache_memory_hits_total", delivery.hits_memory),
            ("tintype_cache_disk_hits_total", delivery.hits_disk),
            ("tintype_cache_misses_total", delivery.misses),
            ("tintype_renditions_coalesced_total", delivery.coalesced),
            ("tintype_renditions_total", delivery.renders),
            ("tintype_rendition_errors_total", delivery.render_errors),
            ("tintype_overloads_total", delivery.overloads),
            ("tintype_delivered_bytes_total", delivery.bytes),
        ];
        for (name, value) in counters {
            metrics::counter!(name).absolute(value);
        }
        let gauges = [
            ("tintype_renditions_in_flight", delivery.in_flight),
            ("tintype_renditions_waiting", delivery.waiting),
            ("tintype_cache_memory_bytes", delivery.cache_memory_bytes),
        ];
        for (name, value) in gauges {
            metrics::gauge!(name).set(value as f64);
        }
        self.0.run_upkeep();
        self.0.render()
    }
}

/// The id under which the log and the answer speak of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(pub uuid::Uuid);

/// Gives the request an id, logs it when it is answered, and counts it. Outermost of all.
pub async fn observe(State(area): State<fn(&str) -> &'static str>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId(uuid::Uuid::new_v4());
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    // The query stays out of the log: it may hold signatures and tokens.
    let path = request.uri().path().to_owned();
    let area = area(&path);
    let span = tracing::info_span!("request", request_id = %id.0);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let elapsed = started.elapsed();
    span.in_scope(|| {
        tracing::info!(%method, path, status = status.as_u16(), ms = elapsed.as_millis() as u64, "answered");
    });
    let text = HeaderValue::from_str(&id.0.to_string());
    if let Ok(value) = text {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-ik-requestid"), value.clone());
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    // An unknown method is the client's text: it must not become a label of its own.
    let method = match method.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method.to_string(),
        _ => "OTHER".to_owned(),
    };
    metrics::counter!(REQUESTS, "area" => area, "method" => method, "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!(SECONDS, "area" => area).record(elapsed.as_secs_f64());
    response
}
