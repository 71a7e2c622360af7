//! What of a text needs fonts of its own.

use std::ops::Range;

use icu_properties::CodePointSetData;
use icu_properties::props::{EmojiModifier, EmojiPresentation};

/// Scripts for which fonts come with the server.
#[derive(Default)]
pub(super) struct Scripts {
    pub arabic: bool,
    pub hebrew: bool,
}

impl Scripts {
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        for letter in text.chars() {
            match u32::from(letter) {
                0x590..=0x5ff | 0xfb1d..=0xfb4f => found.hebrew = true,
                0x600..=0x6ff | 0x750..=0x77f | 0x870..=0x8ff | 0xfb50..=0xfdff | 0xfe70..=0xfefe => {
                    found.arabic = true
                }
                _ => {}
            }
        }
        found
    }
}

const JOINER: char = '\u{200d}';
const AS_EMOJI: char = '\u{fe0f}';
const AS_TEXT: char = '\u{fe0e}';
const KEYCAP: char = '\u{20e3}';

/// Where the emoji of a text stand, in bytes: what is meant to be shown in colour by itself or by what follows it
/// (Unicode Technical Standard 51, "Emoji presentation sequences" and "ZWJ sequences").
pub(super) fn emoji(text: &str) -> Vec<Range<usize>> {
    let shown = CodePointSetData::new::<EmojiPresentation>();
    let modifier = CodePointSetData::new::<EmojiModifier>();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut letters = text.char_indices().peekable();
    let mut joined = false;
    while let Some((start, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let is_emoji = joined || next == Some(AS_EMOJI) || (shown.contains(letter) && next != Some(AS_TEXT));
        joined = false;
        if !is_emoji {
            continue;
        }
        let mut end = start + letter.len_utf8();
        let tail = |next: char| {
            matches!(next, JOINER | AS_EMOJI | KEYCAP | '\u{e0020}'..='\u{e007f}') || modifier.contains(next)
        };
        while let Some((at, next)) = letters.next_if(|(_, next)| tail(*next)) {
            end = at + next.len_utf8();
            joined = next == JOINER;
        }
        match found.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => found.push(start..end),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_told_from_letters_and_signs() {
        let found =
            |text: &str| -> Vec<String> { emoji(text).into_iter().map(|range| text[range].to_string()).collect() };
        assert_eq!(found("plain 1 # © ♥ text"), Vec::<String>::new());
        assert_eq!(found("a😀b"), ["😀"]);
        assert_eq!(found("♥\u{fe0f} and ♥"), ["♥\u{fe0f}"]);
        assert_eq!(found("1\u{fe0f}\u{20e3}2"), ["1\u{fe0f}\u{20e3}"]);
        assert_eq!(found("👩🏽\u{200d}🚀 🇫🇷!"), ["👩🏽\u{200d}🚀", "🇫🇷"]);
        assert_eq!(found("⌚\u{fe0e}"), Vec::<String>::new());
        assert_eq!(
            found("👨\u{200d}❤\u{fe0f}\u{200d}👨"),
            ["👨\u{200d}❤\u{fe0f}\u{200d}👨"]
        );
        assert_eq!(found("👩\u{200d}"), ["👩\u{200d}"]);
    }
}
