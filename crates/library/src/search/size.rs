//! Sizes as people write them.

/// Bytes: a plain number, or one with a unit of 1024 bytes and its powers. Decimals are allowed.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1024.0,
        "mb" => 1024.0 * 1024.0,
        "gb" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    plain_number(number.trim_end()).map(|number| number * factor)
}

/// A decimal number: digits with a sign and a point, no exponent, no word.
pub(crate) fn plain_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !plain {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("1024", Some(1024.0)),
            ("1kb", Some(1024.0)),
            ("1KB", Some(1024.0)),
            ("1.5 Mb", Some(1_572_864.0)),
            ("25MB", Some(26_214_400.0)),
            ("2gb", Some(2_147_483_648.0)),
            ("10b", Some(10.0)),
            (".5kb", Some(512.0)),
            ("-1", Some(-1.0)),
            ("1tb", None),
            ("kb", None),
            ("1e3", None),
            ("1.2.3kb", None),
            ("inf", None),
            ("NaN", None),
            ("1.", None),
            ("", None),
            ("1 2kb", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
