//! How long and how much a call may take.

use std::time::Duration;

use crate::rate::{Patience, Rate};

/// Limits of one call.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the start to the answer, waits included. Default 60 s.
    pub deadline: Duration,
    /// For one attempt of a request that may be sent again. Default 20 s.
    pub attempt_timeout: Duration,
    /// How often a request is sent at most. Default 4.
    pub attempts: u32,
    /// Wait before the second attempt if the answer names none, doubled for each further one. Default 250 ms.
    pub first_pause: Duration,
    /// Longest wait that we choose ourselves. Default 30 s.
    pub longest_pause: Duration,
    /// How often an effect is looked up before it counts as absent: a listing may lag behind its write. Default 3.
    pub looks: u32,
    /// Largest file of an upload, which is held in memory. Default 256 MiB.
    pub file_bytes: usize,
    /// Largest answer of an upstream. Default 16 MiB.
    pub answer_bytes: usize,
    /// Largest output that a caller is given: it fills an agent's context. Default 256 KiB.
    pub output_bytes: usize,
    /// How fast a kept key may read. Default 40 in a second, 100 at once.
    pub read_rate: Rate,
    /// How fast a kept key may write. Default 20 in a second.
    pub write_rate: Rate,
    /// The same for custom metadata fields and tags of several files. Default 5 in a second.
    pub slow_rate: Rate,
    /// When an upstream that fails is left alone.
    pub patience: Patience,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |sustained, burst| Rate { sustained, burst };
        Self {
            deadline: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(20),
            attempts: 4,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
            looks: 3,
            file_bytes: 256 << 20,
            answer_bytes: 16 << 20,
            output_bytes: 256 << 10,
            read_rate: rate(40.0, 100.0),
            write_rate: rate(20.0, 20.0),
            slow_rate: rate(5.0, 5.0),
            patience: Patience {
                failures: 5,
                pause: Duration::from_secs(60),
            },
        }
    }
}

impl Limits {
    /// The same rules with short waits.
    pub fn for_testing() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(5),
            attempts: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            ..Self::default()
        }
    }
}
