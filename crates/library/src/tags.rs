//! The tags that a person gives a file.

use std::collections::HashSet;

/// Tags in the order given: trimmed, none empty, none twice, none with `%`, together within the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tags(Vec<String>);

/// Why a list of tags is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// All tags together are too long.
    #[error("the tags have {found} characters together; {limit} are allowed")]
    TooLong {
        /// Characters in all tags.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// A tag holds `%`.
    #[error("the tag `{0}` holds a `%`, which is not allowed")]
    Percent(String),
}

impl Tags {
    /// How many characters the tags of one file may have together.
    pub const MAX_CHARS: usize = 500;

    /// Trims, drops empty ones and repetitions, and checks the rest.
    pub fn new<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Result<Self, TagsError> {
        let mut kept: Vec<String> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut found: usize = 0;
        for tag in tags {
            let tag = tag.as_ref().trim();
            if tag.is_empty() || seen.contains(tag) {
                continue;
            }
            if tag.contains('%') {
                return Err(TagsError::Percent(tag.chars().take(Self::MAX_CHARS).collect()));
            }
            found = found.saturating_add(tag.chars().count());
            // Checked inside the loop, so that a list without end costs no more than the limit.
            if found > Self::MAX_CHARS {
                return Err(TagsError::TooLong {
                    found,
                    limit: Self::MAX_CHARS,
                });
            }
            seen.insert(tag.to_owned());
            kept.push(tag.to_owned());
        }
        Ok(Self(kept))
    }

    /// The tags, in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_tidied() {
        let tags = Tags::new([" sea ", "", "dawn", "sea", "  "]).expect("good tags");
        assert_eq!(tags.as_slice(), ["sea", "dawn"]);
        assert!(Tags::new(Vec::<String>::new()).expect("none").is_empty());
    }

    #[test]
    fn the_limit_counts_characters_of_all_tags() {
        assert!(Tags::new(["é".repeat(300), "x".repeat(200)]).is_ok());
        assert_eq!(
            Tags::new(["é".repeat(300), "x".repeat(201)]),
            Err(TagsError::TooLong { found: 501, limit: 500 })
        );
        assert_eq!(Tags::new(["50%"]), Err(TagsError::Percent("50%".into())));
    }
}
