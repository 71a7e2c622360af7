//! Conditional requests (RFC 9110, 13): does the client already have it?

use std::time::{Duration, SystemTime};

/// What names the present state of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validators<'a> {
    /// A strong entity tag, quotes included.
    pub(crate) etag: &'a str,
    /// Unix seconds.
    pub(crate) last_modified: u64,
}

impl Validators<'_> {
    /// True when the client's copy is still good: `If-None-Match` decides alone where it is given.
    pub(crate) fn match_cached(&self, if_none_match: Option<&str>, if_modified_since: Option<&str>) -> bool {
        match if_none_match {
            Some(list) => {
                entity_tags(list).any(|tag| tag == "*" || opaque(tag) == self.etag || opaque(tag) == hasty(self.etag))
            }
            None => if_modified_since
                .and_then(unix_seconds)
                .is_some_and(|since| self.last_modified <= since),
        }
    }

    /// True when a part may be sent: the client's other parts are of this very state, byte for byte. Weak tags never
    /// are, and a date has to be the same to the second.
    pub(crate) fn match_partial(&self, if_range: Option<&str>) -> bool {
        match if_range.map(str::trim) {
            None => true,
            Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => tag == self.etag,
            Some(date) => unix_seconds(date) == Some(self.last_modified),
        }
    }
}

/// The same picture in more bytes than it need have: a strong validator must tell the two apart.
pub(crate) fn hasty(etag: &str) -> String {
    format!("{}-h\"", etag.trim_end_matches('"'))
}

/// `Last-Modified` and its kin.
pub(crate) fn http_date(unix_seconds: u64) -> String {
    // Dates that the format cannot write (past the year 9999) are written as the last one that it can.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds.min(LAST)))
}

fn unix_seconds(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

/// `If-None-Match` compares weakly: proxies that compress make our tags weak.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The members of a list such as `"a", W/"b,c", *`. Stops at the first thing that is no entity tag.
fn entity_tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let quote = if rest.starts_with('*') {
            0
        } else if rest.starts_with("W/\"") {
            2
        } else if rest.starts_with('"') {
            0
        } else {
            return None;
        };
        let end = match rest.strip_prefix('*') {
            Some(_) => 1,
            None => quote + 2 + rest.get(quote + 1..)?.find('"')?,
        };
        let (tag, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Validators<'_> = Validators {
        etag: "\"abc\"",
        last_modified: 1_700_000_000,
    };
    const SAME: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const EARLIER: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const LATER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";

    #[test]
    fn dates_are_written_as_they_are_read() {
        assert_eq!(http_date(NOW.last_modified), SAME);
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn if_none_match() {
        let cases = [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("*", true),
            (" \"x\" , \"abc\"", true),
            ("\"x,y\",W/\"abc\"", true),
            ("\"ab\"", false),
            ("\"abcd\"", false),
            ("abc", false),
            ("\"abc", false),
            ("W/", false),
            ("W/\"", false),
            ("", false),
            (",,,", false),
            ("garbage, \"abc\"", false),
        ];
        for (header, expected) in cases {
            assert_eq!(NOW.match_cached(Some(header), None), expected, "{header}");
        }
    }

    #[test]
    fn if_modified_since() {
        for (date, expected) in [
            (SAME, true),
            (LATER, true),
            (EARLIER, false),
            ("yesterday", false),
            ("", false),
        ] {
            assert_eq!(NOW.match_cached(None, Some(date)), expected, "{date}");
        }
        assert!(
            !NOW.match_cached(Some("\"other\""), Some(LATER)),
            "the tag decides alone"
        );
        assert!(!NOW.match_cached(None, None));
    }

    #[test]
    fn if_range() {
        let cases = [
            (None, true),
            (Some("\"abc\""), true),
            (Some(SAME), true),
            (Some("W/\"abc\""), false),
            (Some("\"x\""), false),
            (Some(LATER), false),
            (Some("nonsense"), false),
        ];
        for (header, expected) in cases {
            assert_eq!(NOW.match_partial(header), expected, "{header:?}");
        }
    }
}
