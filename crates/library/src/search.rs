//! The search language of listings: text becomes typed conditions, which [`list`](crate::list) compiles to SQL.
//!
//! ```
//! use library::search::{Fields, Search};
//! use library::Timestamp;
//!
//! let fields = Fields::default();
//! let search = Search::parse(r#"width > 500 AND tags IN ["sea"]"#, &fields, Timestamp::now());
//! assert!(search.is_ok());
//! let error = Search::parse("created_at > 7d", &fields, Timestamp::now()).expect_err("no such field");
//! assert_eq!(error.hint.as_deref(), Some("did you mean createdAt?"));
//! ```

mod condition;
mod date;
mod fields;
mod place;
mod size;
mod words;

pub use condition::{Comparison, Condition, Filter, NumberTest, Search, Test, TextTest};
pub use fields::{CustomField, Field, FieldType, Fields};
pub use place::{Area, Point};
pub use words::Words;

pub(crate) use condition::{allowed, choice, format, number_text};
pub(crate) use date::absolute as absolute_date;
pub(crate) use date::parse as parse_date;
pub(crate) use place::{chord_squared, on_sphere};
pub(crate) use size::{parse as parse_size, plain_number};
pub(crate) use words::tokens;

#[cfg(test)]
mod tests;
