use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start, and what is going on: for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Renditions found in memory.
    pub hits_memory: u64,
    /// Renditions found on disk.
    pub hits_disk: u64,
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
    pub fn counters(&self) -> [(&'static str, u64); 8] {
        [
            ("hits_memory", self.hits_memory),
            ("hits_disk", self.hits_disk),
            ("misses", self.misses),
            ("coalesced", self.coalesced),
            ("renders", self.renders),
            ("render_errors", self.render_errors),
            ("overloads", self.overloads),
            ("bytes", self.bytes),
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
    pub(crate) misses: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) renders: Counter,
    pub(crate) render_errors: Counter,
    pub(crate) overloads: Counter,
    pub(crate) bytes: Counter,
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
