//! Whether a request is sent again, and when. Pure: the time and the chance are parameters.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::limits::Limits;
use crate::upstream::TransportError;

/// What an attempt came to, as far as it matters here.
pub(crate) enum Failure<'a> {
    /// An answer that is not success.
    Answer(StatusCode, &'a HeaderMap),
    /// No answer.
    Transport(&'a TransportError),
}

/// True if the request may be sent again without doing more than was asked for.
pub(crate) fn may_repeat(failure: &Failure<'_>, idempotent: bool) -> bool {
    match failure {
        Failure::Answer(status, headers) => match header(headers, "x-should-retry") {
            Some("true") => true,
            Some("false") => false,
            // Refused before anything was done with it.
            _ if *status == StatusCode::TOO_MANY_REQUESTS => true,
            // An upload may have been stored before the server stumbled.
            _ => idempotent && (status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT),
        },
        // Nothing was sent.
        Failure::Transport(TransportError::Connect(_)) => true,
        Failure::Transport(TransportError::Lost(_) | TransportError::Timeout) => idempotent,
        Failure::Transport(TransportError::TooLarge { .. }) => false,
    }
}

/// True if the request may have been carried out although there is no success to show.
pub(crate) fn is_unsettled(failure: &Failure<'_>) -> bool {
    match failure {
        Failure::Answer(status, headers) => {
            let final_word = header(headers, "x-should-retry").is_some();
            !final_word && status.is_server_error()
        }
        Failure::Transport(TransportError::Connect(_)) => false,
        Failure::Transport(_) => true,
    }
}

/// How long to wait after the failed attempt number `attempt`: what the answer names, else doubling with full jitter,
/// so that many clients do not come back at once. `chance` is from 0 to 1.
pub(crate) fn pause(limits: &Limits, attempt: u32, failure: &Failure<'_>, now: SystemTime, chance: f64) -> Duration {
    named_pause(failure, now).unwrap_or_else(|| {
        let doubled = limits
            .first_pause
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled.min(limits.longest_pause).mul_f64(chance.clamp(0.0, 1.0))
    })
}

/// The wait that an answer names; the longest, if it names several.
pub(crate) fn named_pause(failure: &Failure<'_>, now: SystemTime) -> Option<Duration> {
    let Failure::Answer(status, headers) = failure else {
        return None;
    };
    let exact = number(headers, "retry-after-ms").and_then(|millis| seconds(millis / 1000.0));
    // Some servers send their rate limits with every answer; a stumble has nothing to do with them.
    let [reset, limit] = match *status == StatusCode::TOO_MANY_REQUESTS {
        true => [reset(headers, now), rate_limit(headers)],
        false => [None, None],
    };
    // `retry-after` rounds up to seconds what the headers in milliseconds say exactly.
    let is_exact = |whole: &Duration| {
        let rounded = |exact: Duration| Duration::from_secs(exact.as_millis().div_ceil(1000) as u64);
        [exact, reset]
            .into_iter()
            .flatten()
            .any(|exact| rounded(exact) == *whole)
    };
    let whole = retry_after(headers, now).filter(|whole| !is_exact(whole));
    [exact, reset, limit, whole].into_iter().flatten().max()
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    match number(headers, "retry-after") {
        Some(whole) => seconds(whole),
        None => {
            let date = httpdate::parse_http_date(header(headers, "retry-after")?).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

/// `X-RateLimit-Reset`, which has no standard. ImageKit counts milliseconds, and says in `X-RateLimit-Interval` how long its
/// window is; others count seconds, or name a time since 1970 in seconds or milliseconds.
fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    /// Too long for a wait: 31 years.
    const A_TIME: f64 = 1e9;
    let value = number(headers, "x-ratelimit-reset")?;
    let since_1970 = |time: f64| {
        let then = SystemTime::UNIX_EPOCH.checked_add(seconds(time)?)?;
        Some(then.duration_since(now).unwrap_or_default())
    };
    match value {
        _ if value >= A_TIME * 1000.0 => since_1970(value / 1000.0),
        _ if value >= A_TIME => since_1970(value),
        _ if headers.contains_key("x-ratelimit-interval") => seconds(value / 1000.0),
        _ => seconds(value),
    }
}

/// The fields of the drafts for rate limits (draft-ietf-httpapi-ratelimit-headers): `RateLimit: "default";r=0;t=30`, earlier
/// `RateLimit: limit=100, remaining=0, reset=30`, earlier still `RateLimit-Reset: 30`. In seconds.
fn rate_limit(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers
        .get_all("ratelimit")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let waits = fields.flat_map(|field| field.split(',')).filter_map(|limit| {
        let named = |wanted: &str| -> Option<f64> {
            let mut pairs = limit.split(';').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| name.trim() == wanted)?.1.trim().parse().ok()
        };
        // A limit that still lets something through is not the one that was met.
        let met = named("r").is_none_or(|left| left <= 0.0);
        named("t").filter(|_| met).or_else(|| named("reset"))
    });
    let waits = waits.chain(number(headers, "ratelimit-reset"));
    waits.filter_map(seconds).max()
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    header(headers, name)?.parse().ok()
}

/// `None` for what is no length of time.
fn seconds(count: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(count).ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn headers(pairs: Pairs) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn what_may_be_sent_again() {
        // status, headers, a read or delete, an upload
        let cases: &[(u16, Pairs, bool, bool)] = &[
            (429, &[], true, true),
            (429, &[("x-should-retry", "false")], false, false),
            (500, &[], true, false),
            (503, &[("x-should-retry", "true")], true, true),
            (501, &[("x-should-retry", "false")], false, false),
            (408, &[], true, false),
            (400, &[], false, false),
            (404, &[], false, false),
            (409, &[], false, false),
        ];
        for (status, pairs, read, upload) in cases {
            let headers = headers(pairs);
            let failure = Failure::Answer(StatusCode::from_u16(*status).unwrap(), &headers);
            assert_eq!(may_repeat(&failure, true), *read, "{status} {pairs:?}");
            assert_eq!(may_repeat(&failure, false), *upload, "{status} {pairs:?}");
        }
        let connect = TransportError::Connect("refused".into());
        let lost = TransportError::Lost("reset".into());
        for (error, read, upload) in [
            (&connect, true, true),
            (&lost, true, false),
            (&TransportError::Timeout, true, false),
            (&TransportError::TooLarge { limit: 1 }, false, false),
        ] {
            assert_eq!(may_repeat(&Failure::Transport(error), true), read, "{error}");
            assert_eq!(may_repeat(&Failure::Transport(error), false), upload, "{error}");
        }
    }

    #[test]
    fn every_dialect_of_waiting() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let cases: &[(Pairs, Option<u64>)] = &[
            (&[("retry-after-ms", "20"), ("retry-after", "1")], Some(20)),
            (
                &[("x-ratelimit-reset", "370"), ("x-ratelimit-interval", "1000")],
                Some(370),
            ),
            (&[("x-ratelimit-reset", "370")], Some(370_000)),
            (&[("x-ratelimit-reset", "1784111770")], Some(1_000_000_000_000)),
            (&[("x-ratelimit-reset", "1784111770000")], Some(1_000_000_000_000)),
            (
                &[
                    ("x-ratelimit-reset", "370"),
                    ("x-ratelimit-interval", "1000"),
                    ("retry-after", "1"),
                ],
                Some(370),
            ),
            (
                &[
                    ("x-ratelimit-reset", "370"),
                    ("x-ratelimit-interval", "1000"),
                    ("retry-after", "2"),
                ],
                Some(2000),
            ),
            (&[("ratelimit", "\"burst\";r=0;t=2, \"day\";r=7;t=3600")], Some(2000)),
            (&[("ratelimit", "limit=100, remaining=0, reset=3")], Some(3000)),
            (&[("ratelimit-reset", "4"), ("retry-after", "1")], Some(4000)),
            (&[("ratelimit", "default")], None),
            (&[("retry-after", "2")], Some(2000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(7000)),
            (&[("retry-after", "Tue, 06 Nov 1984 08:49:37 GMT")], Some(0)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after-ms", "-5")], None),
            (&[("retry-after-ms", "NaN")], None),
            (&[], None),
        ];
        for (pairs, expected) in cases {
            let headers = headers(pairs);
            let named = named_pause(&Failure::Answer(StatusCode::TOO_MANY_REQUESTS, &headers), now);
            assert_eq!(named, expected.map(Duration::from_millis), "{pairs:?}");
        }
        let headers = headers(&[("x-ratelimit-reset", "370")]);
        let stumble = Failure::Answer(StatusCode::INTERNAL_SERVER_ERROR, &headers);
        assert_eq!(named_pause(&stumble, now), None);
    }

    #[test]
    fn our_own_waits_double_up_to_a_limit() {
        let limits = Limits::default();
        let failure = TransportError::Timeout;
        let pause = |attempt, chance| {
            pause(
                &limits,
                attempt,
                &Failure::Transport(&failure),
                SystemTime::UNIX_EPOCH,
                chance,
            )
            .as_millis()
        };
        assert_eq!([pause(1, 1.0), pause(2, 1.0), pause(3, 1.0)], [250, 500, 1000]);
        assert_eq!([pause(60, 1.0), pause(2, 0.25), pause(1, 0.0)], [30_000, 125, 0]);
    }
}
