//! Logs, request ids and metrics; traces are in `traces`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use delivery::stats::{CLAIMS, ORIGINS, QUEUE_WAIT, RENDER, RENDITIONS, SHARED};
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Instrument, Span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::Config;
use crate::traces::{self, TRACE, Traces};

/// Starts logging to standard error, and hands spans to `traces` if there are any. Only the first call in a process has an effect.
pub fn start_logging(config: &Config, traces: Option<&Traces>) {
    // The cache's storage engine tells of its own workings at `info`; a filter that names it beats this. Spans of traces are not for the log, whose lines name
    // the request that they belong to.
    // The MCP library's last word beats every filter: below `info` it prints whole messages, inputs with secrets among them.
    let filter = format!("foyer_storage=warn,{TRACE}=off,{},rmcp=info", config.log);
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if config.log_format.is_json() {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    } else {
        lines.with_target(false).boxed()
    };
    let started = match traces {
        // One filter for all is the cheaper one.
        None => tracing_subscriber::registry().with(lines).with(filter).try_init(),
        Some(traces) => tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(traces.layer())
            .try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// The process's meters, rendered in Prometheus' text format.
#[derive(Clone)]
pub struct Meters {
    handle: PrometheusHandle,
    answers: Arc<AnswerMeters>,
}

/// How often distributions are put together from what was recorded: until then each record takes memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

const REQUESTS: &str = "tintype_http_requests_total";
const SECONDS: &str = "tintype_http_request_seconds";
/// Requests to caches in front, by `cache` and `outcome`.
pub const EDGE_PURGES: &str = "tintype_edge_purges_total";
const WORK_BUCKETS: &[f64] = &[
    0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

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
            .set_buckets_for_metric(Matcher::Full(QUEUE_WAIT.to_owned()), WORK_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(RENDER.to_owned()), WORK_BUCKETS)?
            .install_recorder()?;
        describe();
        metrics::gauge!("tintype_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self {
            handle,
            answers: Arc::default(),
        })
    }

    /// Folds what was recorded into its buckets, which rendering would do, too: a server whose meters nobody asks for must not grow. Never ends.
    pub async fn upkeep(self) {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            self.handle.run_upkeep();
        }
    }

    /// Who observes requests.
    pub fn observer(&self, area: fn(&str) -> &'static str) -> Observer {
        Observer {
            area,
            answers: Arc::clone(&self.answers),
        }
    }

    /// What `/metrics` answers, with the state of delivery as of now.
    pub fn render(&self, delivery: &delivery::Stats) -> String {
        let counters = [
            ("tintype_cache_memory_hits_total", delivery.hits_memory),
            ("tintype_cache_disk_hits_total", delivery.hits_disk),
            ("tintype_cache_shared_hits_total", delivery.hits_shared),
            ("tintype_cache_misses_total", delivery.misses),
            ("tintype_renditions_coalesced_total", delivery.coalesced),
            ("tintype_rendition_errors_total", delivery.render_errors),
            ("tintype_overloads_total", delivery.overloads),
            ("tintype_delivered_bytes_total", delivery.bytes),
            ("tintype_saved_bytes_total", delivery.saved),
        ];
        for (name, value) in counters {
            metrics::counter!(name).absolute(value);
        }
        let gauges = [
            ("tintype_renditions_in_flight", delivery.in_flight),
            ("tintype_renditions_waiting", delivery.waiting),
            ("tintype_cache_memory_bytes", delivery.cache_memory_bytes),
            ("tintype_source_memory_bytes", delivery.source_memory_bytes),
        ];
        for (name, value) in gauges {
            metrics::gauge!(name).set(value as f64);
        }
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
        }
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// Says what everything is: tools show it, and refuse metrics without it.
fn describe() {
    use metrics::Unit;
    for (name, help) in [
        (REQUESTS, "Answers by area, method and status"),
        ("tintype_uploads_total", "Files taken in"),
        ("tintype_upload_bytes_total", "Bytes of files taken in"),
        ("tintype_cache_memory_hits_total", "Renditions found in memory"),
        ("tintype_cache_disk_hits_total", "Renditions found on disk"),
        (
            "tintype_cache_shared_hits_total",
            "Renditions found where other servers put them",
        ),
        (
            SHARED,
            "Looks for renditions that other servers have made, by outcome: hit, miss, error",
        ),
        (
            CLAIMS,
            "Renditions that were to be made, by what other servers were doing: ours, waited, given_up, unknown",
        ),
        ("tintype_cache_misses_total", "Renditions found nowhere"),
        (
            "tintype_renditions_coalesced_total",
            "Requests that waited for a rendition another one had caused",
        ),
        (RENDITIONS, "Renditions made, by format"),
        ("tintype_rendition_errors_total", "Renditions that could not be made"),
        ("tintype_overloads_total", "Requests refused because too many waited"),
        (
            "tintype_delivered_bytes_total",
            "Bytes of files and renditions in answers",
        ),
        (
            "tintype_saved_bytes_total",
            "Bytes that renditions had less than their originals, in answers",
        ),
        (ORIGINS, "Requests to origins by kind and outcome: found, absent, error"),
        (
            EDGE_PURGES,
            "Requests to caches in front to forget, by cache and outcome: accepted, refused",
        ),
    ] {
        metrics::describe_counter!(name, help);
    }
    for (name, help) in [
        ("tintype_renditions_in_flight", "Renditions being made or waited for"),
        (
            "tintype_renditions_waiting",
            "Renderings that wait for a worker or memory",
        ),
        ("tintype_build_info", "1, with the version of the server"),
    ] {
        metrics::describe_gauge!(name, help);
    }
    for (name, help) in [
        ("tintype_cache_memory_bytes", "Renditions in memory"),
        ("tintype_source_memory_bytes", "Decoded sources in memory"),
        ("process_resident_memory_bytes", "Memory of the process that is in use"),
    ] {
        metrics::describe_gauge!(name, Unit::Bytes, help);
    }
    for (name, help) in [
        (SECONDS, "Time to the answer's headers, by area"),
        (QUEUE_WAIT, "Time that renderings waited for a worker and memory"),
        (RENDER, "Time that renderings took once it was their turn"),
    ] {
        metrics::describe_histogram!(name, Unit::Seconds, help);
    }
}

/// Elsewhere than on Linux there is no such file.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The id under which the log and the answer speak of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(pub uuid::Uuid);

impl RequestId {
    /// A new one, and the span that the log knows the request by.
    fn new() -> (Self, Span) {
        // The generator of this process: one of the system costs a call each time.
        let id = Self(uuid::Builder::from_random_bytes(rand::random()).into_uuid());
        (id, tracing::info_span!("request", request_id = %id.0))
    }
}

/// Gives requests their ids, logs them when they are answered, and counts them. Outermost of all.
#[derive(Clone)]
pub struct Observer {
    area: fn(&str) -> &'static str,
    answers: Arc<AnswerMeters>,
}

/// An [`Observer`] as a layer of a router.
pub async fn observe(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let traced = observer.trace(&method, &path, request.headers());
    let answer = |id: RequestId| {
        request.extensions_mut().insert(id);
        next.run(request)
    };
    observer.observe(&method, &path, traced, answer).await
}

impl Observer {
    /// The span of a request, for traces.
    pub fn trace(&self, method: &Method, path: &str, headers: &HeaderMap) -> Span {
        traces::of_request(headers, known_method(method), path, (self.area)(path))
    }

    /// Has a request answered, within the span that [`trace`](Self::trace) gave. The query stays out of the log: it may hold signatures and tokens.
    pub async fn observe<F: Future<Output = Response>>(
        &self,
        method: &Method,
        path: &str,
        traced: Span,
        answer: impl FnOnce(RequestId) -> F,
    ) -> Response {
        let started = Instant::now();
        let (id, span) = RequestId::new();
        traced.record("tintype.request_id", tracing::field::display(id.0));
        // The one for traces is the inner one: work that goes on in a task of its own takes the innermost along.
        let response = answer(id).instrument(traced.clone()).instrument(span.clone()).await;
        traces::answered(&traced, response.status().as_u16());
        self.finish(method, path, (id, &span), started, response)
    }

    /// Has a request answered that takes no waiting, if `answer` can do that. Not where requests are traced: each step has its span there.
    pub fn observe_at_once(
        &self,
        method: &Method,
        path: &str,
        answer: impl FnOnce() -> Option<Response>,
    ) -> Option<Response> {
        if traces::are_made() {
            return None;
        }
        let started = Instant::now();
        let response = answer()?;
        let (id, span) = RequestId::new();
        Some(self.finish(method, path, (id, &span), started, response))
    }

    /// Logs and counts an answer, and puts the request's id on it.
    fn finish(
        &self,
        method: &Method,
        path: &str,
        (id, span): (RequestId, &Span),
        started: Instant,
        mut response: Response,
    ) -> Response {
        let status = response.status().as_u16();
        let elapsed = started.elapsed();
        span.in_scope(|| {
            tracing::info!(%method, path, status, ms = elapsed.as_millis() as u64, "answered");
        });
        let mut text = uuid::Uuid::encode_buffer();
        if let Ok(value) = HeaderValue::from_str(id.0.as_hyphenated().encode_lower(&mut text)) {
            let headers = response.headers_mut();
            headers.insert(X_IK_REQUEST_ID, value.clone());
            headers.insert(X_REQUEST_ID, value);
        }
        self.answers
            .count((self.area)(path), known_method(method), status, elapsed);
        response
    }
}

const X_IK_REQUEST_ID: HeaderName = HeaderName::from_static("x-ik-requestid");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The meters of answers, each found once: to find one by its labels takes as long as some answers do.
#[derive(Default)]
struct AnswerMeters {
    found: RwLock<HashMap<(&'static str, &'static str, u16), AnswerMeter>>,
}

#[derive(Clone)]
struct AnswerMeter {
    requests: Counter,
    seconds: Histogram,
}

impl AnswerMeters {
    fn count(&self, area: &'static str, method: &'static str, status: u16, elapsed: Duration) {
        let labels = (area, method, status);
        {
            let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(meter) = found.get(&labels) {
                return meter.count(elapsed);
            }
        }
        let meter = AnswerMeter {
            requests: metrics::counter!(REQUESTS, "area" => area, "method" => method, "status" => status.to_string()),
            seconds: metrics::histogram!(SECONDS, "area" => area),
        };
        meter.count(elapsed);
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        found.insert(labels, meter);
    }
}

impl AnswerMeter {
    fn count(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.seconds.record(elapsed.as_secs_f64());
    }
}

/// An unknown method is the client's text: it must not become a label of its own.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("OTHER")
}
