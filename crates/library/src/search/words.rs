//! Texts as lower-case words: what `HAS` compares.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// A longer word is cut here, where it is stored and where it is asked for. No key of an index grows beyond it.
const MAX_WORD_CHARS: usize = 64;

/// What a text must hold: all of the whole words, and one that begins with the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Words that must be there as they are.
    pub whole: Vec<String>,
    /// How another word must begin. It may be one of the whole words too.
    pub prefix: String,
}

impl Words {
    /// None if the text has no word.
    pub fn parse(text: &str) -> Option<Self> {
        let mut whole = tokens(text).collect::<Vec<_>>();
        let prefix = whole.pop()?;
        // A word asked for twice is found once; one that the whole words have already is found by them.
        whole.sort_unstable();
        whole.dedup();
        Some(Self { whole, prefix })
    }

    /// True if these words are what is asked for.
    pub fn matches<'a>(&self, words: impl IntoIterator<Item = &'a str> + Clone) -> bool {
        let has = |wanted: &str| words.clone().into_iter().any(|word| word == wanted);
        self.whole.iter().all(|wanted| has(wanted))
            && words.clone().into_iter().any(|word| word.starts_with(&self.prefix))
    }
}

/// The words of a text: lower case, composed, split at white space, punctuation and the symbols of ASCII. Letters,
/// digits, marks and other symbols (an emoji is a word) stay.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(separates)
        .filter(|word| !word.is_empty())
        .filter_map(|word| {
            let word: String = word
                .chars()
                // Letter by letter, because `str::to_lowercase` looks at neighbours and a prefix has fewer of them.
                .flat_map(char::to_lowercase)
                .map(|c| if c == 'ς' { 'σ' } else { c })
                .nfc()
                .take(MAX_WORD_CHARS)
                .collect();
            (!word.is_empty()).then_some(word)
        })
}

fn separates(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric();
    }
    matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Punctuation | GeneralCategoryGroup::Separator | GeneralCategoryGroup::Other
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_into_lower_case_words() {
        for (text, expected) in [
            ("red dress", &["red", "dress"][..]),
            ("Summer_Sale-2026.JPG", &["summer", "sale", "2026", "jpg"]),
            ("  --  ", &[]),
            ("a+b=c", &["a", "b", "c"]),
            ("Straße № 5", &["straße", "№", "5"]),
            ("ΟΔΟΣ οδός", &["οδοσ", "οδόσ"]),
            ("cafe\u{301}", &["caf\u{e9}"]),
            ("東京。都庁", &["東京", "都庁"]),
            ("🎉 party", &["🎉", "party"]),
            ("a\u{200b}b\u{7}c", &["a", "b", "c"]),
        ] {
            assert_eq!(tokens(text).collect::<Vec<_>>(), expected, "{text}");
        }
        assert_eq!(tokens(&"x".repeat(100)).next().map(|word| word.len()), Some(64));
    }

    #[test]
    fn all_words_must_be_there_and_the_last_may_be_longer() {
        let matches = |wanted: &str, text: &str| {
            let words: Vec<String> = tokens(text).collect();
            Words::parse(wanted)
                .expect("words")
                .matches(words.iter().map(String::as_str))
        };
        for (wanted, text, expected) in [
            ("red", "redwoods.jpg", true),
            ("red dress", "dress_RED.png", true),
            ("red dress", "a-dresses-red", true),
            ("dress red", "dresses red", false),
            ("red red", "red", true),
            ("woods", "redwoods", false),
            ("sale", "summer-sale", true),
            ("ΟΔΟΣ Α", "οδος αθηνα", true),
        ] {
            assert_eq!(matches(wanted, text), expected, "{wanted} in {text}");
        }
        assert_eq!(Words::parse(" -_- "), None);
    }
}
