//! Points in time, to the millisecond.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// 9999-12-31T23:59:59.999Z: the last moment that the four-digit year of the text form can show.
const LAST_MS: i64 = 253_402_300_799_999;

/// A moment in UTC, in whole milliseconds, from 1970 to 9999. Its text form is `YYYY-MM-DDTHH:mm:ss.sssZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A moment outside 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time must lie between the years 1970 and 9999")]
pub struct TimestampError;

impl Timestamp {
    /// The system's clock.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// Milliseconds since 1970.
    pub fn from_millis(ms: i64) -> Result<Self, TimestampError> {
        if (0..=LAST_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(TimestampError)
        }
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub fn as_secs(self) -> i64 {
        self.0 / 1000
    }

    /// The moment this much earlier, or 1970 if that is later.
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
                .max(0),
        )
    }

    /// The moment this much later, or the end of 9999 if that is earlier.
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
                .min(LAST_MS),
        )
    }
}

impl From<OffsetDateTime> for Timestamp {
    /// Cuts to the millisecond; a moment outside the range becomes its nearest end.
    fn from(at: OffsetDateTime) -> Self {
        let ms = at.unix_timestamp_nanos() / 1_000_000;
        Self(
            i64::try_from(ms)
                .unwrap_or(if ms < 0 { 0 } else { LAST_MS })
                .clamp(0, LAST_MS),
        )
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(at: Timestamp) -> Self {
        OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(at.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from(*self).format(FORMAT).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_always_has_three_decimals() {
        let text = |ms| Timestamp::from_millis(ms).expect("in range").to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_767_323_045_678), "2026-01-02T03:04:05.678Z");
        assert_eq!(text(1_767_427_200_000), "2026-01-03T08:00:00.000Z");
        assert_eq!(text(LAST_MS), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn the_range_is_closed() {
        assert_eq!(Timestamp::from_millis(-1), Err(TimestampError));
        assert_eq!(Timestamp::from_millis(LAST_MS + 1), Err(TimestampError));
        let first = Timestamp::from_millis(5).expect("in range");
        assert_eq!(first.saturating_sub(Duration::from_secs(1)).as_millis(), 0);
        assert_eq!(first.saturating_add(Duration::MAX).as_millis(), LAST_MS);
        assert_eq!(
            Timestamp::from(OffsetDateTime::UNIX_EPOCH - time::Duration::DAY).as_millis(),
            0
        );
    }
}
