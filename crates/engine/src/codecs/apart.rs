//! Work of which nobody knows beforehand how long it takes, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use transform::Format;

use super::{guarded, malformed};
use crate::{Budget, RenderError};

/// Drawings recurse as deep as their files do.
const STACK: usize = 64 << 20;
/// How often it is looked whether somebody gave up.
const LOOK: Duration = Duration::from_millis(20);
/// Looks after which a drawing has taken too long, even when nobody gives up: a minute.
const LONGEST: usize = 3000;
/// Drawings that were given up and still run: nothing can stop them, but there can be few.
const MAX_ABANDONED: usize = 4;

static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// Does the work on another thread and waits for it, until the budget is cancelled. What then still runs is left alone;
/// while too much of that runs, nothing new begins.
pub(super) fn apart<T: Send + 'static>(
    format: Format,
    budget: &Budget,
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, RenderError> {
    if ABANDONED.load(Ordering::Relaxed) >= MAX_ABANDONED {
        return Err(RenderError::Cancelled);
    }
    let (sender, receiver) = channel();
    // Set by whoever is done first: the thread with its work, or the one who waits with waiting.
    let over = Arc::new(AtomicBool::new(false));
    let over_here = over.clone();
    let thread = std::thread::Builder::new()
        .name(format!("draw {}", format.extension()))
        .stack_size(STACK);
    thread
        .spawn(move || {
            let result = guarded(format, work);
            if over.swap(true, Ordering::Relaxed) {
                ABANDONED.fetch_sub(1, Ordering::Relaxed);
            } else {
                // Whoever waits takes it, or gave up since and lets it go.
                let _ = sender.send(result);
            }
        })
        .map_err(|error| RenderError::Internal(format!("no thread to draw on: {error}")))?;
    for _ in 0..LONGEST {
        match receiver.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(malformed(format, "its decoder gave up on it")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if budget.check_cancelled().is_err() {
            break;
        }
    }
    ABANDONED.fetch_add(1, Ordering::Relaxed);
    if over_here.swap(true, Ordering::Relaxed) {
        ABANDONED.fetch_sub(1, Ordering::Relaxed);
    }
    Err(RenderError::Cancelled)
}
