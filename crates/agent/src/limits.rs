//! How long and how much a call may take.

use std::time::Duration;

/// Limits of one call.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the start to the answer, waits included. Default 60 s.
    pub deadline: Duration,
    /// For one attempt of a request that may be sent again. Default 20 s.
    pub attempt_timeout: Duration,
    /// How often a request is sent at most. Default 3.
    pub attempts: u32,
    /// Wait before the second attempt if the answer names none, doubled for each further one. Default 500 ms.
    pub first_pause: Duration,
    /// Longest wait that we choose ourselves. Default 8 s.
    pub longest_pause: Duration,
    /// How often an effect is looked up before it counts as absent: a listing may lag behind its write. Default 3.
    pub looks: u32,
    /// Largest file of an upload, which is held in memory. Default 256 MiB.
    pub file_bytes: usize,
    /// Largest answer. Default 16 MiB.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(20),
            attempts: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            looks: 3,
            file_bytes: 256 << 20,
            answer_bytes: 16 << 20,
        }
    }
}

impl Limits {
    /// The same rules with short waits.
    pub fn for_testing() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            ..Self::default()
        }
    }
}
