//! Rates and circuits: how fast a credential may be used, and whether an upstream is asked at all. Pure but for the lock;
//! the time is a parameter.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// A bucket of permissions that fills steadily.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests in a second that can go on for ever.
    pub sustained: f64,
    /// Requests at once after a rest.
    pub burst: f64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// A bucket for each credential and tier.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<(String, Tier), Bucket>>);

/// The API's tiers of rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tier {
    Read,
    Write,
    /// Custom metadata fields and tags of several files.
    Slow,
    /// Not limited by the API.
    Upload,
}

impl Buckets {
    /// Takes a permission, or tells how long it takes until there is one. The permission is taken either way: who waits
    /// so long may go on.
    pub fn take(&self, credential: &str, tier: Tier, rate: Rate, now: Instant) -> Duration {
        if tier == Tier::Upload {
            return Duration::ZERO;
        }
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((credential.to_owned(), tier)).or_insert(Bucket {
            tokens: rate.burst,
            filled: now,
        });
        let gained = now.saturating_duration_since(bucket.filled).as_secs_f64() * rate.sustained;
        bucket.tokens = (bucket.tokens + gained).min(rate.burst) - 1.0;
        bucket.filled = now;
        if bucket.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-bucket.tokens / rate.sustained.max(0.001))
    }

    /// Gives a permission back that was not used.
    pub fn give_back(&self, credential: &str, tier: Tier) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&(credential.to_owned(), tier)) {
            bucket.tokens += 1.0;
        }
    }
}

/// Whether an upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// It is.
    Closed,
    /// It failed often in a row and is left alone for a while.
    Open,
    /// One call tries whether it is there again.
    HalfOpen,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    opened: Option<Instant>,
    probing: bool,
}

/// A circuit for each upstream.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<String, Breaker>>);

/// Failures in a row that open a circuit, and how long it stays so.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// In a row. Default 5.
    pub failures: u32,
    /// Until one call tries again. Default 60 s.
    pub pause: Duration,
}

/// A call that was let through. Dropped without a word on how it ended, it leaves its place to the next.
#[derive(Debug)]
pub(crate) struct Passage<'a> {
    breakers: &'a Breakers,
    upstream: String,
    /// It is the one that tries whether the upstream is there again.
    probes: bool,
}

impl Breakers {
    /// Lets a call through, or tells how long the circuit stays open.
    pub fn enter(&self, upstream: &str, patience: Patience, now: Instant) -> Result<Passage<'_>, Duration> {
        let mut passage = Passage {
            breakers: self,
            upstream: upstream.to_owned(),
            probes: false,
        };
        let mut all = self.lock();
        let Some(breaker) = all.get_mut(upstream) else {
            return Ok(passage);
        };
        let Some(opened) = breaker.opened else {
            return Ok(passage);
        };
        let left = patience.pause.saturating_sub(now.saturating_duration_since(opened));
        if !left.is_zero() {
            return Err(left);
        }
        if breaker.probing {
            return Err(Duration::from_secs(1));
        }
        breaker.probing = true;
        passage.probes = true;
        Ok(passage)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For doors that tell agents not to try.
    pub fn state(&self, upstream: &str, patience: Patience, now: Instant) -> Circuit {
        let all = self.lock();
        match all.get(upstream).and_then(|b| b.opened) {
            None => Circuit::Closed,
            Some(opened) if now.saturating_duration_since(opened) < patience.pause => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }
}

impl Passage<'_> {
    /// Notes how the request ended: whether the upstream is there, whatever it said.
    pub fn leave(mut self, is_there: bool, patience: Patience, now: Instant) {
        let mut all = self.breakers.lock();
        if is_there {
            all.remove(&self.upstream);
        } else {
            let breaker = all.entry(self.upstream.clone()).or_default();
            breaker.failures += 1;
            if self.probes {
                breaker.probing = false;
            }
            if breaker.failures >= patience.failures {
                breaker.opened = Some(now);
            }
        }
        self.probes = false;
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.probes
            && let Some(breaker) = self.breakers.lock().get_mut(&self.upstream)
        {
            breaker.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_its_rate() {
        let buckets = Buckets::default();
        let rate = Rate {
            sustained: 10.0,
            burst: 3.0,
        };
        let start = Instant::now();
        let take = |at: u64| {
            buckets
                .take("a", Tier::Read, rate, start + Duration::from_millis(at))
                .as_millis()
        };
        assert_eq!([take(0), take(0), take(0), take(0), take(0)], [0, 0, 0, 100, 200]);
        buckets.give_back("a", Tier::Read);
        assert_eq!(take(0), 200);
        assert_eq!(take(1000), 0);
        assert_eq!(buckets.take("b", Tier::Read, rate, start), Duration::ZERO);
        assert_eq!(buckets.take("a", Tier::Upload, rate, start), Duration::ZERO);
    }

    #[test]
    fn a_circuit_opens_tries_one_call_and_closes() {
        let breakers = Breakers::default();
        let patience = Patience {
            failures: 2,
            pause: Duration::from_secs(60),
        };
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let enter = |s| breakers.enter("u", patience, at(s));
        enter(0).unwrap().leave(false, patience, at(0));
        enter(0).unwrap().leave(false, patience, at(0));
        assert_eq!(enter(10).unwrap_err(), Duration::from_secs(50));
        assert_eq!(breakers.state("u", patience, at(10)), Circuit::Open);
        assert_eq!(breakers.state("u", patience, at(60)), Circuit::HalfOpen);
        let probe = enter(60).unwrap();
        assert!(enter(60).is_err(), "one call tries");
        probe.leave(false, patience, at(61));
        assert!(enter(100).is_err());
        // One that is broken off says nothing, and the next one tries.
        drop(enter(121).unwrap());
        let probe = enter(121).unwrap();
        assert!(enter(121).is_err(), "one call tries");
        probe.leave(true, patience, at(121));
        assert_eq!(breakers.state("u", patience, at(121)), Circuit::Closed);
    }
}
