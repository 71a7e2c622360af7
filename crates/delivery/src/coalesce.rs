//! One leader per key: whoever asks while it works waits for its result.

use std::collections::{HashMap, hash_map};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, Shared};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::DeliveryError;

type Outcome<V> = Result<V, DeliveryError>;
type Work<V> = Shared<BoxFuture<'static, Outcome<V>>>;

/// Work in flight, by key.
///
/// The caches we use can do this too, but they run the work inside one of the requests that wait, or keep its result
/// in ways that we don't want; here an error is given to all who waited and then forgotten.
#[derive(Debug)]
pub(crate) struct Coalescer<K, V> {
    in_flight: Arc<Mutex<HashMap<K, Work<V>>>>,
}

/// How a result was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Leader,
    Follower,
}

impl<K, V> Default for Coalescer<K, V> {
    fn default() -> Self {
        Self {
            in_flight: Arc::default(),
        }
    }
}

impl<K, V> Coalescer<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts `work`, or waits for the one that is under way for this key.
    ///
    /// The work is a task of its own: it goes on when the client that caused it hangs up, and a panic in it is an error
    /// for those who wait.
    pub(crate) async fn run<F>(&self, key: K, work: F) -> (Role, Outcome<V>)
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let (role, shared) = self.join_or_lead(key, work);
        (role, shared.await)
    }

    /// Starts `work` unless it is under way for this key, and waits for nothing.
    pub(crate) fn start<F>(&self, key: K, work: F)
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        drop(self.join_or_lead(key, work));
    }

    /// Keys that are being worked on.
    pub(crate) fn in_flight(&self) -> usize {
        lock(&self.in_flight).len()
    }

    fn join_or_lead<F>(&self, key: K, work: F) -> (Role, Work<V>)
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let shared = result
            .map(|result| result.unwrap_or_else(|_dropped| Err(ended_early())))
            .boxed()
            .shared();
        match lock(&self.in_flight).entry(key.clone()) {
            hash_map::Entry::Occupied(entry) => return (Role::Follower, entry.get().clone()),
            hash_map::Entry::Vacant(entry) => entry.insert(shared.clone()),
        };
        // Not under the lock: a runtime that is going down drops the task right here, and so its place in the list.
        let place = Place {
            key,
            in_flight: self.in_flight.clone(),
        };
        let task = async move {
            let outcome = work.await;
            drop(place);
            // Nobody may be waiting any more.
            let _ = done.send(outcome);
        };
        // What it logs and traces belongs to the request that caused it, even if that is answered before.
        tokio::spawn(task.in_current_span());
        (Role::Leader, shared)
    }
}

fn ended_early() -> DeliveryError {
    DeliveryError::internal("make the rendition", "the task that made it ended early")
}

/// Takes the work off the list when it ends, however it ends.
struct Place<K: Eq + Hash, V> {
    key: K,
    in_flight: Arc<Mutex<HashMap<K, Work<V>>>>,
}

impl<K: Eq + Hash, V> Drop for Place<K, V> {
    fn drop(&mut self) {
        lock(&self.in_flight).remove(&self.key);
    }
}

/// Nothing is half done while the lock is held, so a panic of another holder does not matter.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn fifty_ask_and_one_works() {
        let coalescer = Arc::new(Coalescer::<u8, u32>::default());
        let (runs, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let here = Arc::new(AtomicU32::new(0));
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let (coalescer, runs, go) = (coalescer.clone(), runs.clone(), go.clone());
                let work = async move {
                    go.notified().await;
                    Ok(runs.fetch_add(1, Ordering::Relaxed) + 1)
                };
                let here = here.clone();
                tokio::spawn(async move {
                    here.fetch_add(1, Ordering::Relaxed);
                    coalescer.run(1, work).await
                })
            })
            .collect();
        while here.load(Ordering::Relaxed) < 50 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        let mut leaders = 0;
        for one in asked {
            let (role, outcome) = one.await.unwrap();
            leaders += usize::from(role == Role::Leader);
            assert_eq!(outcome.unwrap(), 1);
        }
        assert_eq!(leaders, 1);
        assert_eq!(coalescer.in_flight(), 0);
    }

    #[tokio::test]
    async fn work_outlives_the_client_that_caused_it() {
        let coalescer = Arc::new(Coalescer::<u8, u32>::default());
        let go = Arc::new(Notify::new());
        let first = tokio::spawn({
            let (coalescer, go) = (coalescer.clone(), go.clone());
            async move {
                let work = async move {
                    go.notified().await;
                    Ok(7)
                };
                coalescer.run(1, work).await
            }
        });
        while coalescer.in_flight() == 0 {
            tokio::task::yield_now().await;
        }
        let (role, second) = coalescer.join_or_lead(1, async { Ok(0) });
        assert_eq!(role, Role::Follower);
        first.abort();
        assert!(first.await.is_err());
        go.notify_one();
        assert_eq!(second.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn errors_are_shared_and_forgotten() {
        let coalescer = Coalescer::<u8, u32>::default();
        let (_, failed) = coalescer.run(1, async { Err(DeliveryError::NotFound) }).await;
        assert_eq!(failed.unwrap_err().code(), Code::NotFound);
        let (role, worked) = coalescer.run(1, async { Ok(3) }).await;
        assert_eq!((role, worked.unwrap()), (Role::Leader, 3));
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let coalescer = Coalescer::<u8, u32>::default();
        let (_, outcome) = coalescer.run(1, async { panic!("on purpose") }).await;
        assert_eq!(outcome.unwrap_err().code(), Code::Internal);
        assert_eq!(coalescer.in_flight(), 0);
    }
}
