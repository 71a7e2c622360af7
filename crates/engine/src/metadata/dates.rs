//! Moments as metadata writes them, in the many ways that there are, and as ISO 8601.

use time::{Date, Duration, Month, OffsetDateTime, Time};

/// A moment; as if in UTC where nothing else was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(OffsetDateTime);

impl Moment {
    /// From `2026:01:02 03:04:05` as EXIF writes it, or `2026-01-02T03:04:05.678+01:00` as XMP does, in which everything
    /// behind the year may be absent. With the fraction and the offset that stand elsewhere.
    pub fn parse(text: &str, fraction: Option<&str>, offset: Option<&str>) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = match text.find([' ', 'T', 't']) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
        let mut parts = date.split([':', '-', '/']);
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        if parts.next().is_some() || year == 0 {
            return None;
        }
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;

        let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (clock, zone) = rest.split_at(zone_at);
        let (clock, own_fraction) = match clock.trim().split_once('.') {
            Some((clock, fraction)) => (clock, Some(fraction)),
            None => (clock.trim(), None),
        };
        let mut parts = clock.split(':').filter(|part| !part.is_empty());
        let mut part = || parts.next().map_or(Some(0), |part| digits(part, 2));
        let (hours, minutes, seconds) = (part()?, part()?, part()?);
        let millis = own_fraction.or(fraction).map_or(0, millis);
        let narrow = |value: u32| u8::try_from(value).ok();
        // A leap second is the last one of its minute.
        let time = Time::from_hms_milli(narrow(hours)?, narrow(minutes)?, narrow(seconds.min(59))?, millis).ok()?;
        let zone = if zone.is_empty() {
            offset.unwrap_or_default()
        } else {
            zone
        };
        let moment = date.with_time(time).assume_utc().checked_sub(minutes_of(zone)?)?;
        (1..=9999).contains(&moment.year()).then_some(Self(moment))
    }

    /// From `20260102` and `030405+0100`, as IPTC writes it.
    pub fn of_iptc(date: &str, time: Option<&str>) -> Option<Self> {
        let date = date.trim();
        if date.len() != 8 || !date.is_ascii() {
            return None;
        }
        // Zeros stand for a month or a day that is not known.
        let part = |part: &str| {
            if part == "00" {
                String::from("01")
            } else {
                part.to_owned()
            }
        };
        let mut text = format!("{}-{}-{}", &date[..4], part(&date[4..6]), part(&date[6..]));
        if let Some(time) = time.map(str::trim).filter(|time| time.len() >= 6 && time.is_ascii()) {
            text.push_str(&format!(
                "T{}:{}:{}{}",
                &time[..2],
                &time[2..4],
                &time[4..6],
                &time[6..]
            ));
        }
        Self::parse(&text, None, None)
    }

    /// `2026-01-02T03:04:05.678Z`
    pub fn iso(self) -> String {
        let moment = self.0;
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.millisecond()
        )
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.unix_timestamp() * 1000 + i64::from(self.0.millisecond())
    }
}

/// A number of at most so many digits and nothing else.
fn digits(text: &str, most: usize) -> Option<u32> {
    let sound = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| sound)
}

/// The digits behind a point.
fn millis(fraction: &str) -> u16 {
    let digits = fraction.trim().bytes().take_while(u8::is_ascii_digit).chain([b'0'; 3]);
    digits.take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}

/// How far `Z`, `+01:00` or `-0330` is from UTC; nothing is not at all.
fn minutes_of(zone: &str) -> Option<Duration> {
    let zone = zone.trim();
    let sign = match zone.as_bytes().first() {
        None | Some(b'Z' | b'z') => return Some(Duration::ZERO),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return None,
    };
    let numbers: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let number = digits(&numbers, 4)?;
    let (hours, minutes) = if numbers.len() <= 2 {
        (number, 0)
    } else {
        (number / 100, number % 100)
    };
    (hours <= 15 && minutes < 60).then(|| Duration::minutes(sign * i64::from(hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_write_a_moment() {
        let cases = [
            ("2026:01:02 03:04:05", None, None, "2026-01-02T03:04:05.000Z"),
            (
                "2026:01:02 03:04:05",
                Some("67"),
                Some("+02:00"),
                "2026-01-02T01:04:05.670Z",
            ),
            (
                "2026:01:02 03:04:05",
                Some("6789 "),
                Some("-03:30"),
                "2026-01-02T06:34:05.678Z",
            ),
            ("2026:01:02", None, None, "2026-01-02T00:00:00.000Z"),
            ("2026", None, None, "2026-01-01T00:00:00.000Z"),
            ("2026-05", None, None, "2026-05-01T00:00:00.000Z"),
            ("2026-01-02T03:04", None, None, "2026-01-02T03:04:00.000Z"),
            ("2026-01-02T03:04+01:00", None, None, "2026-01-02T02:04:00.000Z"),
            (
                "2026-01-02T03:04:05.5Z",
                Some("1"),
                Some("+05:00"),
                "2026-01-02T03:04:05.500Z",
            ),
            ("2026-12-31T23:59:60-0100", None, None, "2027-01-01T00:59:59.000Z"),
            ("2024-02-29", None, None, "2024-02-29T00:00:00.000Z"),
        ];
        for (text, fraction, offset, expected) in cases {
            let moment = Moment::parse(text, fraction, offset).expect(text);
            assert_eq!(moment.iso(), expected, "{text}");
        }
        assert_eq!(
            Moment::parse("1970:01:01 00:00:01", Some("25"), None).map(Moment::millis),
            Some(1250)
        );
        assert_eq!(
            Moment::parse("1969:12:31 23:59:59", Some("25"), None).map(Moment::millis),
            Some(-750)
        );
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "2026:13:01 00:00:00",
            "2026:02:29 00:00:00",
            "2026:01:02 24:00:00",
            "2026:01:02:03",
            "+2026:01:02",
            "yesterday",
            "2026:01:02 03:04:05+99:99",
            "0001-01-01T00:00:00+10:00",
            "2026-01-02T\u{e9}",
        ] {
            assert_eq!(Moment::parse(text, None, None), None, "{text}");
        }
    }

    #[test]
    fn iptc() {
        let iso = |date, time| Moment::of_iptc(date, time).map(Moment::iso);
        assert_eq!(
            iso("20260102", Some("030405+0100")).as_deref(),
            Some("2026-01-02T02:04:05.000Z")
        );
        assert_eq!(
            iso("20260102", Some("030405")).as_deref(),
            Some("2026-01-02T03:04:05.000Z")
        );
        assert_eq!(iso("20260000", None).as_deref(), Some("2026-01-01T00:00:00.000Z"));
        assert_eq!(iso("2026010", None), None);
        assert_eq!(iso("2026\u{e9}\u{e9}", None), None);
        assert_eq!(iso("00000000", None), None);
    }
}
