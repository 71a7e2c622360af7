//! What arrives from people who have not shown yet that they may upload: the form has to be read to know, so what is
//! read until then is bounded, in number and in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for all of them together.
#[derive(Debug)]
pub struct Spool {
    places: Arc<Semaphore>,
    bytes: Arc<AtomicU64>,
    limit: u64,
}

/// No room at the moment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many uploads without a key are arriving")]
pub struct SpoolFull;

/// One upload's share. Dropped, it makes room for others.
#[derive(Debug)]
pub struct Share {
    _place: OwnedSemaphorePermit,
    taken: u64,
    bytes: Arc<AtomicU64>,
    limit: u64,
}

impl Spool {
    /// Room for so many uploads at a time, and for so many bytes.
    pub fn new(uploads: usize, bytes: u64) -> Self {
        Self {
            places: Arc::new(Semaphore::new(uploads.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::default(),
            limit: bytes,
        }
    }

    /// A place for one more, if there is one. Nobody waits: a queue of strangers would take connections.
    pub fn enter(&self) -> Result<Share, SpoolFull> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| SpoolFull)?;
        Ok(Share {
            _place: place,
            taken: 0,
            bytes: self.bytes.clone(),
            limit: self.limit,
        })
    }
}

impl Share {
    /// Takes room for more bytes, or nothing if there is too little.
    pub fn grow(&mut self, bytes: u64) -> Result<(), SpoolFull> {
        let grown = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
            taken.checked_add(bytes).filter(|sum| *sum <= self.limit)
        });
        grown.map_err(|_| SpoolFull)?;
        self.taken += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.taken, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let spool = Spool::new(2, 100);
        let mut one = spool.enter().unwrap();
        let mut other = spool.enter().unwrap();
        assert_eq!(spool.enter().unwrap_err(), SpoolFull);
        one.grow(60).unwrap();
        assert_eq!(other.grow(41), Err(SpoolFull));
        other.grow(40).unwrap();
        assert_eq!(one.grow(1), Err(SpoolFull));
        assert_eq!(one.grow(u64::MAX), Err(SpoolFull));
        drop(other);
        one.grow(40).unwrap();
        drop(one);
        spool.enter().unwrap().grow(100).unwrap();
    }
}
