//! Where a page ended, as a text that the next request gives back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Entry, Sort, SortKey};

/// Where a page ended. The next one begins after it, whatever was added or deleted meanwhile, and costs the same
/// however far it is from the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The order that it belongs to.
    #[serde(rename = "s")]
    sort: Sort,
    #[serde(rename = "p")]
    pub(super) position: Position,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Position {
    /// After the entry with this key and id: a version's or a folder's.
    Number(i64, String),
    /// After the entry with this name and id.
    Text(String, String),
    /// After so many entries: for orders that no column holds.
    Count(u64),
}

/// A text that is no cursor, or one of another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this listing")]
pub struct CursorError;

impl Cursor {
    pub(super) fn after(entry: &Entry, sort: Sort, folder_key: i64) -> Self {
        let id = match entry {
            Entry::File(asset) => asset.version.id.to_string(),
            Entry::Folder(folder) => folder.id.to_string(),
        };
        let side = |side: Option<u32>| i64::from(side.unwrap_or(0));
        let number = match (entry, sort.key) {
            (Entry::File(asset), SortKey::Name) => {
                return Self::at(sort, Position::Text(asset.name.as_str().to_owned(), id));
            }
            (Entry::Folder(folder), SortKey::Name) => {
                return Self::at(sort, Position::Text(folder.path.name().to_owned(), id));
            }
            (Entry::File(asset), SortKey::Created | SortKey::Relevance) => asset.created_at.as_millis(),
            (Entry::File(asset), SortKey::Updated) => asset.updated_at.as_millis(),
            (Entry::File(asset), SortKey::Height) => side(asset.version.media.height),
            (Entry::File(asset), SortKey::Width) => side(asset.version.media.width),
            (Entry::File(asset), SortKey::Size) => i64::try_from(asset.version.size).unwrap_or(i64::MAX),
            (Entry::Folder(folder), SortKey::Created | SortKey::Relevance) => folder.created_at.as_millis(),
            (Entry::Folder(folder), SortKey::Updated) => folder.updated_at.as_millis(),
            (Entry::Folder(_), SortKey::Height | SortKey::Width | SortKey::Size) => folder_key,
        };
        Self::at(sort, Position::Number(number, id))
    }

    pub(super) fn after_count(count: u64, sort: Sort) -> Self {
        Self::at(sort, Position::Count(count))
    }

    fn at(sort: Sort, position: Position) -> Self {
        Self { sort, position }
    }

    /// Refuses what another order gave.
    pub(super) fn check(&self, sort: Sort, ranked: bool) -> Result<(), CursorError> {
        let kind_fits = match &self.position {
            Position::Number(..) => !ranked && sort.key != SortKey::Name,
            Position::Text(..) => !ranked && sort.key == SortKey::Name,
            Position::Count(_) => ranked,
        };
        if self.sort == sort && kind_fits {
            Ok(())
        } else {
            Err(CursorError)
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&hex::encode(json))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        const MAX_CHARS: usize = 2000;
        if text.len() > MAX_CHARS {
            return Err(CursorError);
        }
        let json = hex::decode(text).map_err(|_| CursorError)?;
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| CursorError)?;
        let texts = match &cursor.position {
            Position::Number(_, id) => ["", id.as_str()],
            Position::Text(name, id) => [name.as_str(), id.as_str()],
            Position::Count(_) => ["", ""],
        };
        // PostgreSQL refuses it in any text.
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(CursorError);
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_text_and_belongs_to_an_order() {
        let by_name = Sort {
            key: SortKey::Name,
            descending: true,
        };
        let by_size = Sort {
            key: SortKey::Size,
            descending: true,
        };
        for (sort, position) in [
            (by_name, Position::Text("caf\u{e9}.jpg".into(), "a1".into())),
            (by_size, Position::Number(-1, "a1".into())),
        ] {
            let cursor = Cursor::at(sort, position);
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            assert_eq!(cursor.check(sort, false), Ok(()));
            assert_eq!(
                cursor.check(
                    Sort {
                        descending: false,
                        ..sort
                    },
                    false
                ),
                Err(CursorError)
            );
            assert_eq!(cursor.check(sort, true), Err(CursorError));
        }
        let ranked = Cursor::after_count(40, by_name);
        assert_eq!(ranked.to_string().parse(), Ok(ranked.clone()));
        assert_eq!(ranked.check(by_name, true), Ok(()));
        for wrong in ["", "zz", "7b7d", &"00".repeat(2000)] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }
}
