//! What services call things, made tags: their words come from outside and are cleaned.

use library::AiTag;

/// Longer names are none.
const LONGEST_NAME: usize = 100;

/// A tag with a confidence of 0 to 100, of which two decimals are kept. `None` for what can't be one.
pub fn tag(name: &str, confidence: f64, source: &str) -> Option<AiTag> {
    if !confidence.is_finite() {
        return None;
    }
    Some(AiTag {
        name: word(name)?,
        confidence: (confidence.clamp(0.0, 100.0) * 100.0).round() / 100.0,
        source: source.to_owned(),
    })
}

/// A word of a machine that can stand as a tag: one line, not long, without what tags may not hold.
pub fn word(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let good = !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '%' | ',' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    good.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_machines_are_cleaned() {
        for (text, expected) in [
            ("Sea", Some("Sea")),
            (" Golden \n retriever ", Some("Golden retriever")),
            ("", None),
            ("  ", None),
            ("50%", None),
            ("a,b", None),
            ("a\u{0}b", None),
            ("abc\u{202e}gpj", None),
        ] {
            assert_eq!(word(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(word(&"x".repeat(101)), None);
        let confidence = |given| tag("a", given, "s").map(|tag| tag.confidence);
        assert_eq!(confidence(98.76543), Some(98.77));
        assert_eq!(confidence(120.0), Some(100.0));
        assert_eq!(confidence(f64::NAN), None);
    }
}
