//! What happened, in numbers. Plain counts are kept here and read by [`Stats`]; what has labels or a distribution goes to whatever recorder the process has
//! (`metrics`), and nowhere without one.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The target of the spans that traces are made of. What they say holds no path, no query and no secret.
pub const TRACE: &str = "tintype::trace";

/// Renditions made, by `format`.
pub const RENDITIONS: &str = "tintype_renditions_total";
/// Time that a rendering waited for a worker and memory.
pub const QUEUE_WAIT: &str = "tintype_queue_wait_seconds";
/// Time that a rendering took, once it was its turn.
pub const RENDER: &str = "tintype_render_seconds";
/// Requests to origins, by `kind` and `outcome`: `found`, `absent`, `error`.
pub const ORIGINS: &str = "tintype_origin_requests_total";

/// Looks for renditions that other servers have made, by `outcome`: `hit`, `miss`, `error`.
pub const SHARED: &str = "tintype_shared_renditions_total";

/// Claims of renditions among servers, by `outcome`: `ours`, `waited` (for another server), `given_up` (it took too long), `unknown` (the database did not say).
pub const CLAIMS: &str = "tintype_rendition_claims_total";

/// Results of AI operations that were not at hand, by `outcome`: `made` (by a model or a service), `shared` (another server had made it), `error`.
pub const AI_RESULTS: &str = "tintype_ai_results_total";

/// Files of origins that were not at hand, looked for among those of other servers, by `outcome`: `hit`, `miss`, `error`.
pub const SHARED_ORIGINALS: &str = "tintype_shared_originals_total";

pub(crate) fn ai_result(outcome: &'static str) {
    metrics::counter!(AI_RESULTS, "outcome" => outcome).increment(1);
}

pub(crate) fn shared_original(outcome: &'static str) {
    metrics::counter!(SHARED_ORIGINALS, "outcome" => outcome).increment(1);
}

pub(crate) fn claimed(outcome: &'static str) {
    metrics::counter!(CLAIMS, "outcome" => outcome).increment(1);
}

pub(crate) fn shared_read(outcome: &'static str) {
    metrics::counter!(SHARED, "outcome" => outcome).increment(1);
}

pub(crate) fn rendered(format: &'static str) {
    metrics::counter!(RENDITIONS, "format" => format).increment(1);
}

pub(crate) fn waited(time: Duration) {
    metrics::histogram!(QUEUE_WAIT).record(time.as_secs_f64());
}

pub(crate) fn took(time: Duration) {
    metrics::histogram!(RENDER).record(time.as_secs_f64());
}

/// Counts what became of a request to an origin.
pub(crate) async fn counted<T, E>(
    kind: String,
    request: impl Future<Output = Result<Option<T>, E>>,
) -> Result<Option<T>, E> {
    let result = request.await;
    let outcome = match &result {
        Ok(Some(_)) => "found",
        Ok(None) => "absent",
        Err(_) => "error",
    };
    metrics::counter!(ORIGINS, "kind" => kind, "outcome" => outcome).increment(1);
    result
}

/// What happened since the start, and what is going on: for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Renditions found in memory.
    pub hits_memory: u64,
    /// Renditions found on disk.
    pub hits_disk: u64,
    /// Renditions found where other servers put them.
    pub hits_shared: u64,
    /// Renditions found nowhere.
    pub misses: u64,
    /// Requests that waited for a rendition that another request had caused.
    pub coalesced: u64,
    /// Renderings that were done.
    pub renders: u64,
    /// Renderings that failed.
    pub render_errors: u64,
    /// Requests refused because too many waited.
    pub overloads: u64,
    /// Bytes of renditions and originals that answers carried or began to carry.
    pub bytes: u64,
    /// Bytes that renditions had less than their originals, in answers.
    pub saved: u64,
    /// Renditions that are being made or waited for.
    pub in_flight: u64,
    /// Renderings that wait for a worker or memory.
    pub waiting: u64,
    /// Bytes of renditions in memory.
    pub cache_memory_bytes: u64,
    /// Bytes of decoded sources in memory.
    pub source_memory_bytes: u64,
}

impl Stats {
    /// What only grows, by name.
    pub fn counters(&self) -> [(&'static str, u64); 10] {
        [
            ("hits_memory", self.hits_memory),
            ("hits_disk", self.hits_disk),
            ("hits_shared", self.hits_shared),
            ("misses", self.misses),
            ("coalesced", self.coalesced),
            ("renders", self.renders),
            ("render_errors", self.render_errors),
            ("overloads", self.overloads),
            ("bytes", self.bytes),
            ("saved", self.saved),
        ]
    }

    /// What goes up and down, by name.
    pub fn gauges(&self) -> [(&'static str, u64); 4] {
        [
            ("in_flight", self.in_flight),
            ("waiting", self.waiting),
            ("cache_memory_bytes", self.cache_memory_bytes),
            ("source_memory_bytes", self.source_memory_bytes),
        ]
    }
}

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits_memory: Counter,
    pub(crate) hits_disk: Counter,
    pub(crate) hits_shared: Counter,
    pub(crate) misses: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) renders: Counter,
    pub(crate) render_errors: Counter,
    pub(crate) overloads: Counter,
    pub(crate) bytes: Counter,
    pub(crate) saved: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
