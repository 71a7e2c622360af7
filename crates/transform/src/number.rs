//! Numbers as the language writes them: decimals without exponent, `N` (or a real `-`) for minus.

/// `digits[.digits]`, finite.
pub fn unsigned(text: &str) -> Option<f64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// An unsigned number, or one behind `N` or `-`, which makes it negative.
pub fn signed(text: &str) -> Option<f64> {
    match text.strip_prefix(['N', '-']) {
        // Adding zero turns the negative zero of `N0` into the plain one.
        Some(rest) => unsigned(rest).map(|number| -number + 0.0),
        None => unsigned(text),
    }
}

/// Degrees, signed: from 0 to below 360.
pub fn degrees(text: &str) -> Option<f64> {
    // Adding zero turns the negative zero that is left of whole turns into the plain one.
    let turned = signed(text)?.rem_euclid(360.0) + 0.0;
    // The remainder of a tiny negative number rounds up to the divisor.
    Some(if turned < 360.0 { turned } else { 0.0 })
}

/// The shortest text that reads back as this number.
pub fn write_signed(number: f64) -> String {
    if number < 0.0 {
        format!("N{}", -number)
    } else {
        number.to_string()
    }
}
