//! Admission by cost: what a rendering will take decides when it may start, not how many requests there are.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{DeliveryError, stats};

/// What may run at once, and how long the rest may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionLimits {
    /// Renderings at once.
    pub(crate) workers: usize,
    /// Bytes that they may need together.
    pub(crate) memory_bytes: u64,
    /// Renderings that may wait.
    pub(crate) queue: usize,
    /// How long they may wait.
    pub(crate) wait: Duration,
}

/// Work above this many megapixels is dear.
///
/// A page's thumbnails are below it, a camera's full-size photograph is above: at about 60 megapixels a second that is
/// a quarter of a second, the longest that somebody else's work should hold up a thumbnail.
const DEAR_MEGAPIXELS: f64 = 16.0;

/// Semaphores count in this unit, so that their 32 bits reach beyond every machine's memory.
const MEMORY_UNIT: u64 = 64 << 10;

/// Lets work start when there is a worker and memory for it.
///
/// Dear work never takes the last worker or the last quarter of the memory, and it waits for its own turn before it
/// stands in line for either: cheap work does not wait behind it.
#[derive(Debug)]
pub(crate) struct Admission {
    workers: Arc<Semaphore>,
    dear_workers: Arc<Semaphore>,
    memory: Lane,
    dear_memory: Lane,
    waiting: Arc<AtomicUsize>,
    turns: Turns,
    limits: AdmissionLimits,
}

#[derive(Debug)]
struct Lane {
    units: u32,
    free: Arc<Semaphore>,
}

impl Lane {
    fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / MEMORY_UNIT)
            .unwrap_or(u32::MAX)
            .min(Semaphore::MAX_PERMITS as u32)
            .max(1);
        Self {
            units,
            free: Arc::new(Semaphore::new(units as usize)),
        }
    }

    /// Work that needs more than there is runs alone: how large it may get is for the limits on pixels to say.
    fn units_for(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(MEMORY_UNIT))
            .unwrap_or(u32::MAX)
            .min(self.units)
    }
}

/// The right to run. Give it back by dropping it.
#[derive(Debug)]
pub(crate) struct Permit {
    _held: Vec<OwnedSemaphorePermit>,
    since: Instant,
    typical: Arc<AtomicU64>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let took = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Of two that end at once one may not count.
        let before = self.typical.load(Ordering::Relaxed);
        let typical = if before == 0 {
            took
        } else {
            before - before / 8 + took / 8
        };
        self.typical.store(typical, Ordering::Relaxed);
    }
}

/// When who is refused should ask again. Each is told a time at which it would be its turn if all who were refused stood in the queue: told the same time,
/// they would come together, and most of them in vain, again and again.
#[derive(Debug)]
struct Turns {
    workers: u64,
    /// Microseconds that work has taken lately.
    typical: Arc<AtomicU64>,
    /// The last turn that somebody was told.
    told: Mutex<Option<Instant>>,
}

/// Nobody is told to wait for longer: by then much may have changed.
const LONGEST_AWAY: Duration = Duration::from_secs(60);

impl Turns {
    fn next(&self, now: Instant, waiting: usize) -> DeliveryError {
        let turn = Duration::from_micros(self.typical.load(Ordering::Relaxed) / self.workers);
        let free = now
            + turn
                .saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX))
                .min(LONGEST_AWAY);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = told.filter(|last| *last > free).unwrap_or(free);
        let next = (last + turn).min(now + LONGEST_AWAY);
        *told = Some(next);
        let away = next.saturating_duration_since(now).as_millis().div_ceil(1000);
        DeliveryError::Overloaded {
            retry_after_s: u32::try_from(away).unwrap_or(u32::MAX).max(1),
        }
    }
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        let workers = limits.workers.max(1);
        let reserved = limits.memory_bytes / 4;
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            dear_workers: Arc::new(Semaphore::new((workers - 1).max(1))),
            memory: Lane::new(reserved),
            dear_memory: Lane::new(limits.memory_bytes - reserved),
            waiting: Arc::new(AtomicUsize::new(0)),
            turns: Turns {
                workers: workers as u64,
                typical: Arc::default(),
                told: Mutex::default(),
            },
            limits,
        }
    }

    /// Starts at once where that can be; else waits for a turn, not longer than the limit, and not at all when too many
    /// wait already.
    pub(crate) async fn admit(&self, cost: engine::Cost) -> Result<Permit, DeliveryError> {
        let dear = cost.megapixels > DEAR_MEGAPIXELS || self.memory.units_for(cost.bytes) == self.memory.units;
        let lane = if dear { &self.dear_memory } else { &self.memory };
        let needs = [
            Some((&self.dear_workers, 1)).filter(|_| dear),
            Some((&lane.free, lane.units_for(cost.bytes))),
            Some((&self.workers, 1)),
        ];
        let came = Instant::now();
        let permit = match take_now(&needs) {
            Some(held) => Ok(held),
            None => {
                let _place = self.queue_up()?;
                tokio::time::timeout(self.limits.wait, take(&needs))
                    .await
                    .unwrap_or_else(|_elapsed| Err(self.overloaded()))
            }
        };
        stats::waited(came.elapsed());
        Ok(Permit {
            _held: permit?,
            since: Instant::now(),
            typical: self.turns.typical.clone(),
        })
    }

    /// Workers that have nothing to do.
    pub(crate) fn idle(&self) -> usize {
        self.workers.available_permits()
    }

    /// Renderings that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn queue_up(&self) -> Result<Place, DeliveryError> {
        let place = Place(self.waiting.clone());
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.limits.queue {
            Ok(place)
        } else {
            Err(self.overloaded())
        }
    }

    fn overloaded(&self) -> DeliveryError {
        self.turns.next(Instant::now(), self.waiting())
    }
}

/// What a permit is made of, in the order in which everybody takes it: so nobody waits in a circle.
type Needs<'a> = [Option<(&'a Arc<Semaphore>, u32)>; 3];

fn take_now(needs: &Needs<'_>) -> Option<Vec<OwnedSemaphorePermit>> {
    let held = needs
        .iter()
        .flatten()
        .map(|(free, permits)| (*free).clone().try_acquire_many_owned(*permits));
    held.collect::<Result<_, _>>().ok()
}

async fn take(needs: &Needs<'_>) -> Result<Vec<OwnedSemaphorePermit>, DeliveryError> {
    let mut held = Vec::with_capacity(needs.len());
    for (free, permits) in needs.iter().flatten() {
        let permit = (*free).clone().acquire_many_owned(*permits).await;
        held.push(permit.map_err(|closed| DeliveryError::internal("wait for a worker", closed))?);
    }
    Ok(held)
}

/// One who waits, counted for as long as it lives.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use engine::Cost;

    const CHEAP: Cost = Cost {
        megapixels: 1.0,
        bytes: 1 << 20,
    };
    const DEAR: Cost = Cost {
        megapixels: 50.0,
        bytes: 1 << 20,
    };

    fn limits() -> AdmissionLimits {
        AdmissionLimits {
            workers: 2,
            memory_bytes: 64 << 20,
            queue: 4,
            wait: Duration::from_millis(1),
        }
    }

    #[test]
    fn who_is_refused_is_told_a_turn_of_its_own() {
        let turns = Turns {
            workers: 2,
            typical: Arc::new(AtomicU64::new(400_000)),
            told: Mutex::default(),
        };
        let now = Instant::now();
        let told = |after_ms, waiting| match turns.next(now + Duration::from_millis(after_ms), waiting) {
            DeliveryError::Overloaded { retry_after_s } => retry_after_s,
            other => panic!("{other}"),
        };
        // A turn each 200 ms: ten wait, so the next one is free in 2.2 seconds.
        let seconds: Vec<u32> = (0..6).map(|_| told(0, 10)).collect();
        assert_eq!(seconds, [3, 3, 3, 3, 3, 4]);
        assert_eq!(told(60_000, 0), 1, "later nobody waits");
        assert_eq!((0..1000).map(|_| told(60_000, 10)).max(), Some(60));
    }

    async fn code(admission: &Admission, cost: Cost) -> Option<Code> {
        admission.admit(cost).await.err().map(|error| error.code())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_workers_at_once() {
        let admission = Admission::new(limits());
        let first = admission.admit(CHEAP).await.unwrap();
        let _second = admission.admit(CHEAP).await.unwrap();
        assert_eq!(code(&admission, CHEAP).await, Some(Code::Overloaded));
        drop(first);
        assert_eq!(code(&admission, CHEAP).await, None);
        assert_eq!(admission.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn dear_work_leaves_a_worker_for_cheap_work() {
        let admission = Admission::new(limits());
        let _dear = admission.admit(DEAR).await.unwrap();
        assert_eq!(code(&admission, DEAR).await, Some(Code::Overloaded));
        assert_eq!(code(&admission, CHEAP).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_bounds_what_runs_at_once() {
        let admission = Admission::new(AdmissionLimits { workers: 8, ..limits() });
        let large = Cost {
            megapixels: 1.0,
            bytes: 30 << 20,
        };
        let _first = admission.admit(large).await.unwrap();
        assert_eq!(code(&admission, large).await, Some(Code::Overloaded));
        assert_eq!(code(&admission, CHEAP).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_beyond_the_budget_runs_alone() {
        let admission = Admission::new(AdmissionLimits { workers: 8, ..limits() });
        let huge = Cost {
            megapixels: 500.0,
            bytes: u64::MAX,
        };
        let _huge = admission.admit(huge).await.unwrap();
        assert_eq!(code(&admission, DEAR).await, Some(Code::Overloaded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once() {
        let admission = Arc::new(Admission::new(AdmissionLimits {
            workers: 1,
            wait: Duration::MAX,
            ..limits()
        }));
        let running = admission.admit(CHEAP).await.unwrap();
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.admit(CHEAP).await.is_ok() })
            })
            .collect();
        while admission.waiting() < 4 {
            tokio::task::yield_now().await;
        }
        assert_eq!(code(&admission, CHEAP).await, Some(Code::Overloaded));
        drop(running);
        for one in waiting {
            assert!(one.await.unwrap(), "those who queued in time get their turn");
        }
    }
}
