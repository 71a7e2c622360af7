//! Who waits in this process for what transactions leave behind.

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
}
