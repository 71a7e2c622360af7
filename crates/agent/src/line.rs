//! The line between a call and whoever waits for it: how far it is goes one way, that nobody waits any more the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Cheap to clone; all clones are the same line.
#[derive(Debug, Clone)]
pub struct Line(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    told: watch::Sender<String>,
    is_cancelled: AtomicBool,
}

impl Default for Line {
    fn default() -> Self {
        Self(Arc::new(Ends {
            told: watch::Sender::new(String::new()),
            is_cancelled: AtomicBool::new(false),
        }))
    }
}

impl Line {
    /// How far the call is, each time that it gets on.
    pub fn hear(&self) -> watch::Receiver<String> {
        self.0.told.subscribe()
    }

    /// Says that nobody wants the call any more: what is not sent yet is not sent, what was begun goes on to its end, and
    /// what a change set did before is put back.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// True if it was.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Relaxed)
    }

    /// Tells how far the call is.
    pub(crate) fn tell(&self, how_far: String) {
        self.0.told.send_if_modified(|told| {
            let is_new = *told != how_far;
            *told = how_far;
            is_new
        });
    }
}
