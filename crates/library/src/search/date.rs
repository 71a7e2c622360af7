//! Dates as people write them, absolute and relative, as milliseconds since 1970.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::timestamp::Timestamp;

/// `1h`, `2d`, `3w`, `4m`, `1y` before now; otherwise as [`absolute`].
pub(crate) fn parse(text: &str, now: Timestamp) -> Option<i64> {
    let text = text.trim();
    relative(text, now).or_else(|| absolute(text))
}

fn relative(text: &str, now: Timestamp) -> Option<i64> {
    let now = OffsetDateTime::from(now);
    let unit = text.chars().next_back()?.to_ascii_lowercase();
    let count = &text[..text.len() - unit.len_utf8()];
    if !count.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // More than there have been, of any unit. Beyond the first year that can be written, there is nothing anyway.
    let count = i64::from(count.parse::<u32>().ok()?);
    let then = match unit {
        'h' => now.checked_sub(time::Duration::hours(count)),
        'd' => now.checked_sub(time::Duration::days(count)),
        'w' => now.checked_sub(time::Duration::weeks(count)),
        'm' => months_before(now, count),
        'y' => months_before(now, count.saturating_mul(12)),
        _ => return None,
    };
    Some(then.map_or(i64::MIN / 2, millis))
}

/// The same day and time of an earlier month, or its last day if it has fewer.
fn months_before(now: OffsetDateTime, count: i64) -> Option<OffsetDateTime> {
    let months = i64::from(now.year()) * 12 + i64::from(u8::from(now.month())) - 1 - count;
    let year = i32::try_from(months.div_euclid(12)).ok().filter(|&year| year > 0)?;
    let month = Month::try_from(u8::try_from(months.rem_euclid(12)).ok()? + 1).ok()?;
    let day = now.day().min(month.length(year));
    Some(now.replace_date(Date::from_calendar_date(year, month, day).ok()?))
}

/// A day (its start in UTC), or a day and a time, in UTC if no offset says otherwise. Fractions are cut to the
/// millisecond.
pub(crate) fn absolute(text: &str) -> Option<i64> {
    const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    const TIME: &[BorrowedFormatItem<'_>] = format_description!(
        version = 2,
        "[hour]:[minute][optional [:[second][optional [.[subsecond]]]]]"
    );
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10)?;
    let day = Date::parse(day, DAY).ok()?;
    if rest.is_empty() {
        return Some(millis(day.midnight().assume_utc()));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    // A time holds no sign and no letter, so the first of them begins the offset.
    let offset_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(offset_at);
    let time = time::Time::parse(time, TIME).ok()?;
    let at = PrimitiveDateTime::new(day, time);
    Some(millis(at.assume_offset(offset_of(offset)?)))
}

fn offset_of(text: &str) -> Option<UtcOffset> {
    if matches!(text, "" | "Z" | "z") {
        return Some(UtcOffset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|&c| c != ':').collect();
    let well_formed = matches!(text.len(), 3 | 5 | 6) && digits.bytes().all(|b| b.is_ascii_digit());
    if !well_formed || (text.len() == 6 && text.as_bytes().get(3) != Some(&b':')) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |part| part.parse::<i8>().ok());
    UtcOffset::from_hms(sign * part(0..2)?, sign * part(2..4)?, 0).ok()
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(absolute("2026-03-31T12:00:00Z").expect("a date")).expect("in range")
    }

    #[test]
    fn every_form_is_a_moment() {
        for (text, same) in [
            ("2020-01-01", "2020-01-01T00:00:00.000Z"),
            ("2020-01-01T12:12", "2020-01-01T12:12:00.000Z"),
            ("2020-01-01T12:12:12", "2020-01-01T12:12:12.000Z"),
            ("2020-01-01 12:12:12", "2020-01-01T12:12:12.000Z"),
            ("2020-01-01T12:12:12.5Z", "2020-01-01T12:12:12.500Z"),
            ("2020-01-01T12:12:12.123456Z", "2020-01-01T12:12:12.123Z"),
            ("2020-01-01T12:12:12+05:30", "2020-01-01T06:42:12.000Z"),
            ("2020-01-01T12:12:12+0530", "2020-01-01T06:42:12.000Z"),
            ("2020-01-01t12:12:12-08", "2020-01-01T20:12:12.000Z"),
            ("1h", "2026-03-31T11:00:00.000Z"),
            ("2d", "2026-03-29T12:00:00.000Z"),
            ("3W", "2026-03-10T12:00:00.000Z"),
            ("1m", "2026-02-28T12:00:00.000Z"),
            ("4m", "2025-11-30T12:00:00.000Z"),
            ("1y", "2025-03-31T12:00:00.000Z"),
        ] {
            let found = parse(text, now()).expect(text);
            let found = Timestamp::from_millis(found).expect("in range").to_string();
            assert_eq!(found, same, "{text}");
        }
    }

    #[test]
    fn a_moment_may_be_before_1970() {
        assert_eq!(parse("1969-12-31T23:59:59.5", now()), Some(-500));
        assert!(parse("4000000000y", now()).is_some_and(|at| at < -1_000_000_000_000_000));
        assert!(parse("100000000d", now()).is_some_and(|at| at < 0));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "1.5d",
            "7s",
            "yesterday",
            "2020",
            "2020-1-1",
            "2020-13-01",
            "2020-02-30",
            "2020-01-01T",
            "2020-01-01T25:00",
            "2020-01-01T12",
            "2020-01-01T12:00+5",
            "2020-01-01T12:00+99:00",
            "2020-01-01T12:00Zz",
            "2020-01-01x",
            "20200-01-0",
            "é020-01-01",
            "99999999999d",
        ] {
            assert_eq!(parse(text, now()), None, "{text}");
        }
    }
}
