//! Some work at the same time, some may wait, the rest is turned away.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::DeliveryError;

#[derive(Debug)]
pub(crate) struct Turns {
    running: Semaphore,
    present: Semaphore,
}

/// A turn. It ends when this is dropped.
pub(crate) struct Turn<'a> {
    _running: SemaphorePermit<'a>,
    _present: SemaphorePermit<'a>,
}

impl Turns {
    pub(crate) fn new(running: usize, waiting: usize) -> Self {
        Self {
            running: Semaphore::new(running),
            present: Semaphore::new(running + waiting),
        }
    }

    pub(crate) async fn take(&self) -> Result<Turn<'_>, DeliveryError> {
        let full = DeliveryError::Overloaded { retry_after_s: 10 };
        let present = self.present.try_acquire().map_err(|_| full.clone())?;
        let running = self.running.acquire().await.map_err(|_| full)?;
        Ok(Turn {
            _running: running,
            _present: present,
        })
    }
}
