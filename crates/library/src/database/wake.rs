//! Who waits in this process for what transactions leave behind.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// What a transaction left to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A job.
    Jobs,
    /// An event that others have to hear of.
    Events,
    /// A message to a receiver.
    Deliveries,
    /// Other receivers of events.
    Receivers,
    /// What every node has to forget.
    Purges,
}

/// One waiter each. A wake that comes while nobody waits is kept, and several are one.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    jobs: Notify,
    events: Notify,
    deliveries: Notify,
    receivers: Notify,
    purges: Notify,
    commits: AtomicU64,
}

impl Wakers {
    pub(crate) fn of(&self, waiting: Waiting) -> &Notify {
        match waiting {
            Waiting::Jobs => &self.jobs,
            Waiting::Events => &self.events,
            Waiting::Deliveries => &self.deliveries,
            Waiting::Receivers => &self.receivers,
            Waiting::Purges => &self.purges,
        }
    }

    /// Something may have changed.
    pub(crate) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::AcqRel);
    }

    /// How many transactions have ended that may have changed something.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }
}
