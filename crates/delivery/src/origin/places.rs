//! How many files are fetched from origins at once.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::DeliveryError;

/// Files on their way. Each holds a connection and a file, and most of its time is waiting; what one machine has of connections
/// to elsewhere, and what an origin bears, ends somewhere near.
const FETCHES: usize = 64;
/// Fetches that may wait for a place; the next is refused. Each is a request or more of somebody who waits for a picture.
const QUEUE: usize = 256;
/// How long they may wait: as long as renderings do.
const WAIT: Duration = Duration::from_secs(20);
/// When a client that was refused may try again.
pub(super) const RETRY_AFTER_S: u32 = 2;

/// Places for fetches, and a queue before them.
#[derive(Debug)]
pub(super) struct Places {
    seats: Semaphore,
    places: Semaphore,
}

impl Default for Places {
    fn default() -> Self {
        Self::new(FETCHES, QUEUE)
    }
}

/// To be held for as long as the fetch takes.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _seat: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

impl Places {
    fn new(fetches: usize, queue: usize) -> Self {
        Self {
            seats: Semaphore::new(fetches + queue),
            places: Semaphore::new(fetches),
        }
    }

    /// A place, now or soon.
    pub(super) async fn take(&self) -> Result<Place<'_>, DeliveryError> {
        let full = || DeliveryError::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        };
        let seat = self.seats.try_acquire().map_err(|_none| full())?;
        let place = tokio::time::timeout(WAIT, self.places.acquire()).await;
        let place = place.map_err(|_elapsed| full())?.map_err(|_closed| full())?;
        Ok(Place {
            _seat: seat,
            _place: place,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_work_some_wait_and_the_rest_is_refused() {
        let refused =
            |result: Result<Place<'_>, _>| matches!(result, Err(DeliveryError::Overloaded { retry_after_s: 2 }));
        let places = Places::new(1, 1);
        let first = places.take().await.unwrap();
        let mut second = Box::pin(places.take());
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        assert!(refused(places.take().await), "the queue is full");
        drop(first);
        let second = second.await.unwrap();
        assert!(refused(places.take().await), "nobody waits for ever");
        drop(second);
        assert!(places.take().await.is_ok());
    }
}
