//! `Range` with one byte range (RFC 9110, 14).

/// Which bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them: nothing was asked, or not in a way that we serve.
    Whole,
    /// These, at least one, all of them inside.
    Part(std::ops::Range<u64>),
    /// None of the asked bytes exist.
    Unsatisfiable,
}

/// Reads a `Range` header against the size of the answer.
///
/// Several ranges at once get the whole, which the standard allows: nobody but downloaders asks for them, and a
/// multipart answer can be made larger than the file.
pub(crate) fn wanted(header: Option<&str>, total: u64) -> Wanted {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (position(first), position(last)) {
        (Some(None), Some(Some(suffix))) => match suffix.min(total) {
            0 => Wanted::Unsatisfiable,
            suffix => Wanted::Part(total - suffix..total),
        },
        (Some(Some(first)), Some(last)) if last.is_none_or(|last| last >= first) => {
            if first >= total {
                return Wanted::Unsatisfiable;
            }
            Wanted::Part(first..last.map_or(total, |last| last.saturating_add(1).min(total)))
        }
        _ => Wanted::Whole,
    }
}

/// `Some(None)` when there is no number, `None` when there is something else. A number beyond 64 bits is beyond every
/// file, so it may as well be the largest.
fn position(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let cases: &[(&str, Wanted)] = &[
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-99", Wanted::Part(0..100)),
            ("bytes=10-", Wanted::Part(10..100)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=99-99", Wanted::Part(99..100)),
            ("bytes=-1", Wanted::Part(99..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("BYTES= 0-4 ", Wanted::Part(0..5)),
            ("bytes=0-18446744073709551615", Wanted::Part(0..100)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("bytes=7", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(wanted(Some(header), 100), *expected, "{header}");
        }
        assert_eq!(wanted(None, 100), Wanted::Whole);
    }

    #[test]
    fn nothing_of_an_empty_file_can_be_sent() {
        assert_eq!(wanted(Some("bytes=0-0"), 0), Wanted::Unsatisfiable);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Unsatisfiable);
        assert_eq!(wanted(None, 0), Wanted::Whole);
    }
}
