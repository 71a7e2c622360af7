//! Limits of requests to the management API, for the whole account on this node.

use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::config::RateLimit;

/// The two classes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Only looks.
    Read,
    /// Changes something.
    Write,
}

/// The limits of both classes; either may be off.
#[derive(Debug, Default)]
pub struct RateLimits {
    read: Option<Limiter>,
    write: Option<Limiter>,
}

#[derive(Debug)]
struct Limiter {
    limit: RateLimit,
    clock: DefaultClock,
    state: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
}

/// What an answer says of the limit that its request counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests in an interval.
    pub limit: u32,
    /// The interval.
    pub interval: Duration,
    /// How long to wait until the next request is allowed; zero if it is now.
    pub reset: Duration,
    /// This one was not.
    pub is_exceeded: bool,
}

impl RateLimits {
    /// Limits, each `None` for no limit.
    pub fn new(read: Option<RateLimit>, write: Option<RateLimit>) -> Self {
        Self {
            read: read.map(Limiter::new),
            write: write.map(Limiter::new),
        }
    }

    /// True where nothing is limited.
    pub fn are_off(&self) -> bool {
        self.read.is_none() && self.write.is_none()
    }

    /// Counts a request; `None` where its class has no limit.
    pub fn count(&self, class: Class) -> Option<Standing> {
        let limiter = match class {
            Class::Read => self.read.as_ref(),
            Class::Write => self.write.as_ref(),
        };
        limiter.map(Limiter::count)
    }
}

impl Limiter {
    fn new(limit: RateLimit) -> Self {
        let each = limit.interval / limit.requests.get();
        // A period of zero is none; the settings' bounds keep it above.
        let quota = Quota::with_period(each)
            .unwrap_or_else(|| Quota::per_second(limit.requests))
            .allow_burst(limit.requests);
        let clock = DefaultClock::default();
        let state = RateLimiter::direct_with_clock(quota, clock.clone());
        Self {
            limit,
            state: state.with_middleware::<StateInformationMiddleware>(),
            clock,
        }
    }

    fn count(&self) -> Standing {
        let (reset, is_exceeded) = match self.state.check() {
            Ok(state) if state.remaining_burst_capacity() > 0 => (Duration::ZERO, false),
            Ok(state) => (state.quota().replenish_interval(), false),
            Err(refused) => (refused.wait_time_from(self.clock.now()), true),
        };
        Standing {
            limit: self.limit.requests.get(),
            interval: self.limit.interval,
            reset,
            is_exceeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_own_limit() {
        let limits = RateLimits::new("2/1h".parse().ok(), None);
        assert!(!limits.are_off() && RateLimits::default().are_off());
        assert_eq!(limits.count(Class::Write), None);
        let standings: Vec<_> = (0..3).filter_map(|_| limits.count(Class::Read)).collect();
        assert_eq!(
            standings.iter().map(|s| s.is_exceeded).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert_eq!(standings[0].reset, Duration::ZERO);
        assert!(standings[2].reset > Duration::from_secs(29 * 60) && standings[2].reset <= Duration::from_secs(1800));
        assert_eq!(
            (standings[0].limit, standings[0].interval),
            (2, Duration::from_secs(3600))
        );
    }
}
