//! Pages of listings: where one begins, and how the next is asked for. Callers are given cursors and give them back; what
//! is in one is nobody's business but ours.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Rows of a page, if a call does not say: more would fill an agent's context.
pub(super) const USUAL: u32 = 100;

/// Longest cursor of an upstream that is passed on.
const LONGEST: usize = 2000;

/// Where a page begins: so many rows after a place that the upstream named, or after the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("minLength" = 1, "maxLength" = 2100, "pattern" = "^[A-Za-z0-9_.=-]+$"))]
pub(crate) struct Cursor {
    after: Option<String>,
    skip: u64,
}

impl Cursor {
    /// After so many rows.
    pub fn skipping(skip: u64) -> Self {
        Self { after: None, skip }
    }

    /// After the place that the upstream named; `None` if that can't be passed on.
    pub fn after(place: &str) -> Option<Self> {
        is_plain(place).then(|| Self {
            after: Some(place.to_owned()),
            skip: 0,
        })
    }

    /// So many rows further.
    pub fn further(&self, rows: usize) -> Self {
        Self {
            after: self.after.clone(),
            skip: self.skip.saturating_add(rows as u64),
        }
    }

    /// The upstream's own place.
    pub fn place(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Rows to leave out behind that.
    pub fn skip(&self) -> u64 {
        self.skip
    }
}

fn is_plain(place: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'=' | b'-');
    !place.is_empty() && place.len() <= LONGEST && place.bytes().all(plain)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(place) => write!(f, "{}-{place}", self.skip),
            None => write!(f, "{}", self.skip),
        }
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a cursor is what nextCursor of the page before said";
        let (skip, place) = match text.split_once('-') {
            Some((skip, place)) => (skip, Some(place)),
            None => (text, None),
        };
        let skip: u64 = skip.parse().map_err(|_| wrong)?;
        if skip > 1_000_000_000 || place.is_some_and(|place| !is_plain(place)) {
            return Err(wrong);
        }
        Ok(Self {
            after: place.map(str::to_owned),
            skip,
        })
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// A page of a list that the API gives as a whole.
pub(super) struct Slice {
    from: Cursor,
    limit: usize,
}

impl Slice {
    /// The page that a call asks for.
    pub fn of(cursor: Option<&Cursor>, limit: Option<u32>) -> Self {
        Self {
            from: cursor.cloned().unwrap_or_default(),
            limit: usize::try_from(limit.unwrap_or(USUAL)).unwrap_or(usize::MAX),
        }
    }

    /// Its rows under the name that the output gives them, and where the next page begins.
    pub fn cut(&self, name: &str, answer: Value) -> Value {
        let Value::Array(mut rows) = answer else {
            return answer;
        };
        let skip = usize::try_from(self.from.skip).unwrap_or(usize::MAX).min(rows.len());
        let mut rows = rows.split_off(skip);
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = more.then(|| self.from.further(rows.len()));
        page(name, rows, next)
    }

    /// The same with fewer rows.
    pub fn shorter(&self, name: &str, output: &Value, rows: usize) -> Option<Value> {
        let kept = output[name].as_array()?.get(..rows)?;
        Some(page(name, kept.to_vec(), Some(self.from.further(rows))))
    }
}

/// A page as the output has it.
pub(super) fn page(name: &str, rows: Vec<Value>, next: Option<Cursor>) -> Value {
    let mut page = json!({ "nextCursor": next });
    // Put in as it is: in `json!` it would be written row by row.
    page[name] = Value::Array(rows);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_texts_and_come_back() {
        for cursor in [
            Cursor::skipping(0),
            Cursor::skipping(100),
            Cursor::after("7b2273-x.y=").unwrap(),
            Cursor::after("7b").unwrap().further(12),
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()), "{cursor}");
        }
        for wrong in ["", "x", "-1", "1-", "1-a b", "99999999999999"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
        assert_eq!(Cursor::after("a b"), None);
    }

    #[test]
    fn a_list_in_pages() {
        let all = json!([1, 2, 3, 4, 5]);
        let page = Slice::of(None, Some(2)).cut("rows", all.clone());
        assert_eq!(page, json!({ "rows": [1, 2], "nextCursor": "2" }));
        let next: Cursor = serde_json::from_value(page["nextCursor"].clone()).unwrap();
        let slice = Slice::of(Some(&next), None);
        let page = slice.cut("rows", all.clone());
        assert_eq!(page, json!({ "rows": [3, 4, 5], "nextCursor": null }));
        assert_eq!(
            slice.shorter("rows", &page, 1),
            Some(json!({ "rows": [3], "nextCursor": "3" }))
        );
        assert_eq!(slice.shorter("rows", &page, 4), None);
        let beyond = Slice::of(Some(&Cursor::skipping(9)), None).cut("rows", all);
        assert_eq!(beyond, json!({ "rows": [], "nextCursor": null }));
    }
}
