//! `Content-Disposition: attachment` with a name (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but `attr-char` of RFC 8187.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A longer name helps nobody, and file systems stop at 255 bytes.
const LONGEST: usize = 200;

/// Asks the browser to save the answer under `name`.
pub(crate) fn attachment(name: &str) -> String {
    // A path separator or a control character in a file name is somebody trying something.
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_control() || c == '/' || c == '\\' {
                '_'
            } else {
                c
            }
        })
        .collect();
    let name = shortened(name.trim());
    if name.is_empty() {
        return "attachment".to_owned();
    }
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii() && c != '"' && c != '%' { c } else { '_' })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, NOT_ATTR_CHAR)
    )
}

/// `wish` with the ending of what is really delivered; `fallback` where there is no wish.
pub(crate) fn file_name(wish: Option<&str>, fallback: &str, extension: Option<&str>) -> String {
    let stem = match (wish, extension) {
        (Some(wish), _) => wish,
        (None, Some(_)) => fallback.rsplit_once('.').map_or(fallback, |(stem, _)| stem),
        (None, None) => return fallback.to_owned(),
    };
    match extension.or_else(|| fallback.rsplit_once('.').map(|(_, extension)| extension)) {
        Some(extension) => format!("{stem}.{extension}"),
        None => stem.to_owned(),
    }
}

fn shortened(name: &str) -> &str {
    let end = (0..=LONGEST.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end))
        .unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments() {
        let cases = [
            ("guide.pdf", "attachment; filename=\"guide.pdf\""),
            ("my guide.pdf", "attachment; filename=\"my guide.pdf\""),
            (
                "caf\u{e9}.jpg",
                "attachment; filename=\"caf_.jpg\"; filename*=UTF-8''caf%C3%A9.jpg",
            ),
            (
                "a\"b.jpg",
                "attachment; filename=\"a_b.jpg\"; filename*=UTF-8''a%22b.jpg",
            ),
            (
                "100%.jpg",
                "attachment; filename=\"100_.jpg\"; filename*=UTF-8''100%25.jpg",
            ),
            ("../etc/passwd", "attachment; filename=\".._etc_passwd\""),
            ("a\r\nSet-Cookie: b", "attachment; filename=\"a__Set-Cookie: b\""),
            ("  ", "attachment"),
            ("", "attachment"),
        ];
        for (name, expected) in cases {
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }

    #[test]
    fn long_names_end_between_characters() {
        let header = attachment(&"\u{e9}".repeat(5000));
        assert!(header.ends_with(&"%C3%A9".repeat(100)), "{header}");
        assert!(header.len() < 1000);
    }

    #[test]
    fn the_ending_is_that_of_the_answer() {
        assert_eq!(file_name(None, "cat.png", None), "cat.png");
        assert_eq!(file_name(None, "cat.png", Some("webp")), "cat.webp");
        assert_eq!(file_name(None, "cat", Some("webp")), "cat.webp");
        assert_eq!(file_name(Some("Handbook"), "guide.pdf", None), "Handbook.pdf");
        assert_eq!(file_name(Some("Tom"), "cat.png", Some("jpg")), "Tom.jpg");
        assert_eq!(file_name(Some("notes"), "README", None), "notes");
    }
}
