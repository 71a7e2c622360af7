//! Percent-decoding as the language does it: once, leniently, with the way back to the text as sent.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What canonical text leaves unescaped in a free value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Decodes once; an invalid escape stays as it is, invalid UTF-8 becomes U+FFFD, `+` stays a plus.
pub fn percent(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Escapes everything that could mean something in a transformation or a URL.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4, with padding.
pub fn base64_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            encoded.push(if digit > chunk.len() {
                '='
            } else {
                char::from(BASE64[index as usize])
            });
        }
    }
    encoded
}

/// Text in base64: the standard or the URL-safe alphabet, padded or not. A blank counts as the plus that a form decoder
/// made it of. `None` for anything else; invalid UTF-8 becomes U+FFFD.
pub fn base64_decode(encoded: &str) -> Option<String> {
    let digits = encoded.trim_end_matches('=');
    if digits.is_empty() || digits.len() % 4 == 1 || encoded.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let digit = match digit {
            b'-' | b' ' => b'+',
            b'_' => b'/',
            other => other,
        };
        let value = BASE64.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xFF) as u8);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A decoded text that knows where each of its bytes stood in the text as sent.
pub struct Mapped {
    pub text: String,
    /// For each byte of `text`, and one for its end, the offset in the text as sent.
    offsets: Vec<usize>,
}

impl Mapped {
    /// Decodes once, as [`percent`] does.
    pub fn decode(sent: &str) -> Self {
        let raw = sent.as_bytes();
        let (mut bytes, mut starts) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
        let mut at = 0;
        while at < raw.len() {
            let escaped = match raw.get(at..at + 3) {
                Some([b'%', high, low]) => hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high * 16 + low),
                _ => None,
            };
            bytes.push(escaped.unwrap_or(raw[at]));
            starts.push(at);
            at += if escaped.is_some() { 3 } else { 1 };
        }
        starts.push(raw.len());

        let (mut text, mut offsets) = (String::with_capacity(bytes.len()), Vec::with_capacity(bytes.len() + 1));
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            offsets.extend_from_slice(&starts[at..at + chunk.valid().len()]);
            at += chunk.valid().len();
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                offsets.extend([starts[at]; char::REPLACEMENT_CHARACTER.len_utf8()]);
                at += chunk.invalid().len();
            }
        }
        offsets.push(raw.len());
        Self { text, offsets }
    }

    /// Where `span` of the decoded text stood in the text as sent.
    pub fn sent_span(&self, span: &Range<usize>) -> Range<usize> {
        let offset = |at: usize| self.offsets.get(at).copied().unwrap_or_default();
        offset(span.start)..offset(span.end)
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_is_lenient() {
        for (sent, decoded) in [
            ("Hi%20there", "Hi there"),
            ("30%%20off", "30% off"),
            ("100%", "100%"),
            ("%2", "%2"),
            ("a+b", "a+b"),
            ("%252C", "%2C"),
            ("caf%C3%A9", "café"),
            ("%FFx", "\u{FFFD}x"),
            ("café", "café"),
        ] {
            assert_eq!(percent(sent), decoded, "{sent}");
            assert_eq!(Mapped::decode(sent).text, decoded, "{sent}");
        }
    }

    #[test]
    fn spans_lead_back_to_the_text_as_sent() {
        let mapped = Mapped::decode("w-1%2Ch_%C3%A9%FF2");
        assert_eq!(mapped.text, "w-1,h_é\u{FFFD}2");
        assert_eq!(mapped.sent_span(&(4..12)), 6..18);
    }
}
