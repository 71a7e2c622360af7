//! Listing and searching files, versions and folders.
//!
//! A listing has a branch for each kind of entry that it may hold. What is asked of a kind becomes a tree of questions
//! about rows ([`atom`]), the way to the first of them that answer is chosen by counting ([`plan`]), and one statement
//! ([`page`]) brings them in order. [`Library::explain_search`] shows all of that.

mod atom;
mod cursor;
mod page;
mod plan;
mod sql;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::asset::{Asset, FileType};
use crate::database::{Dialect, Sql, Transaction, query};
use crate::error::{Code, StoreError};
use crate::folder::Folder;
use crate::id::VersionId;
use crate::library::Library;
use crate::name::FolderPath;
use crate::search::{CustomField, FieldType, Fields, Filter, Search, Test};
use crate::timestamp::Timestamp;

use atom::{Column, FolderIds};
use page::Listing;

pub use cursor::{Cursor, CursorError};

/// What to list, in which order, and which part of it.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// What to list.
    pub kind: EntryKind,
    /// In which order.
    pub sort: Sort,
    /// Only what is directly in this folder.
    pub folder: Option<FolderPath>,
    /// Only files of this type. Folders have none and stay.
    pub file_type: Option<FileType>,
    /// Only files with any of these tags, if there are any. Folders have none and go.
    pub tags: Vec<String>,
    /// Only what has exactly this name.
    pub name: Option<String>,
    /// Only what this search finds. It says itself what kinds of entries it wants, files and folders if it does not;
    /// `kind`, `tags` and `name` then mean nothing.
    pub search: Option<Search>,
    /// Only these versions.
    pub among: Option<Vec<VersionId>>,
    /// Begin after the end of an earlier page.
    pub cursor: Option<Cursor>,
    /// Count all that would be listed, up to [`Total::MOST`].
    pub count: bool,
    /// At most this many, from 1 to [`Limits::list_entries`](crate::Limits::list_entries).
    pub limit: u32,
    /// Leave out this many first.
    pub skip: u64,
}

impl Default for ListQuery {
    /// All files, the oldest first, a thousand at most.
    fn default() -> Self {
        Self {
            kind: EntryKind::File,
            sort: Sort::default(),
            folder: None,
            file_type: None,
            tags: Vec::new(),
            name: None,
            search: None,
            among: None,
            cursor: None,
            count: false,
            limit: 1000,
            skip: 0,
        }
    }
}

/// What a listing holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Files, each as its current version.
    File,
    /// Older versions of files.
    FileVersion,
    /// Folders.
    Folder,
    /// Files and folders, mixed by the sort key.
    All,
}

/// An order. What the key does not tell apart is in the order of ids, so that pages fit together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// From the largest down.
    pub descending: bool,
}

/// What to sort by. A file without width or height counts as one of 0; folders, which have no size at all, come last in
/// either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// Time of creation.
    #[default]
    Created,
    /// Name, byte by byte.
    Name,
    /// Time of the last change.
    Updated,
    /// Height in pixels.
    Height,
    /// Width in pixels.
    Width,
    /// Size in bytes.
    Size,
    /// How well it fits the words that are searched for: whole words before beginnings, more of them before fewer, short
    /// names before long ones. Descending is best first. Without words, the same as `Created`.
    Relevance,
}

impl Sort {
    /// Relevance without words is the time of creation.
    fn is_by_creation(self) -> bool {
        matches!(self.key, SortKey::Created | SortKey::Relevance)
    }
}

impl SortKey {
    fn column(self) -> Option<Column> {
        match self {
            Self::Created | Self::Relevance => Some(Column::CreatedAt),
            Self::Name => Some(Column::Name),
            Self::Updated => Some(Column::UpdatedAt),
            Self::Height => Some(Column::Height),
            Self::Width => Some(Column::Width),
            Self::Size => Some(Column::Size),
        }
    }
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A file, or an older version of one.
    File(Box<Asset>),
    /// A folder.
    Folder(Folder),
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What it holds.
    pub entries: Vec<Entry>,
    /// Where the next page begins. None if this one was not full.
    pub next: Option<Cursor>,
    /// How much there is, if that was asked for.
    pub total: Option<Total>,
}

/// How many entries a listing has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Exactly(u64),
    /// So many, and more.
    MoreThan(u64),
}

impl Total {
    /// Counting stops here.
    pub const MOST: u64 = 50_000;
}

/// Why a listing is refused.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// `limit` is 0 or too large.
    #[error("a listing has from 1 to {max} entries; {found} were asked for")]
    Limit {
        /// What was asked for.
        found: u32,
        /// The largest.
        max: u32,
    },
    /// The cursor is of another listing.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ListError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::Limit { .. } | Self::Cursor(_) => Code::Invalid,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for ListError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Library {
    /// Lists what the query asks for. An unknown folder holds nothing.
    pub async fn list(&self, query: &ListQuery) -> Result<Vec<Entry>, ListError> {
        Ok(self.page(query).await?.entries)
    }

    /// Lists as [`list`](Self::list) does, and says where the next page begins and how much there is.
    pub async fn page(&self, query: &ListQuery) -> Result<Page, ListError> {
        let max = self.limits().list_entries;
        if query.limit == 0 || query.limit > max {
            return Err(ListError::Limit {
                found: query.limit,
                max,
            });
        }
        let mut tx = self.database().reader().snapshot().await?;
        let listing = self.listing(&mut tx, query).await?;
        let entries = listing.entries(&mut tx).await?;
        let total = if query.count {
            Some(listing.total(&mut tx).await?)
        } else {
            None
        };
        let next = match entries.last() {
            Some(last) if entries.len() as u64 == u64::from(query.limit) => Some(listing.after(last)),
            _ => None,
        };
        Ok(Page { entries, next, total })
    }

    /// How a listing would be carried out: the way that was chosen, the statement and the plan of the database.
    pub async fn explain_search(&self, query: &ListQuery) -> Result<String, ListError> {
        let mut tx = self.database().reader().snapshot().await?;
        let listing = self.listing(&mut tx, query).await?;
        listing.explain(&mut tx).await
    }

    /// The custom metadata fields that a search may name.
    pub async fn search_fields(&self) -> Result<Fields, StoreError> {
        let rows = query("SELECT id, name, schema FROM custom_metadata_fields WHERE deleted_at IS NULL")
            .fetch_all(self.database().reader())
            .await?;
        let mut fields = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(kind) = FieldType::of_schema(row.try_get("schema")?) {
                let id = row.try_get("id")?;
                fields.push((row.try_get("name")?, CustomField { id, kind }));
            }
        }
        Ok(Fields::new(fields))
    }

    async fn listing<'q>(&self, tx: &mut Transaction, query: &'q ListQuery) -> Result<Listing<'q>, ListError> {
        let folders = folder_ids(tx, query).await?;
        let versions = self.about_how_many_versions(tx).await?;
        Listing::plan(tx, self.database().dialect(), query, &folders, versions).await
    }
}

/// About how many versions there are, as of some time ago: enough to choose between ways.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    versions: AtomicU64,
    at_ms: AtomicI64,
}

impl Library {
    async fn about_how_many_versions(&self, tx: &mut Transaction) -> Result<u64, ListError> {
        /// Where nobody knows. Where it matters, statistics were gathered.
        const UNKNOWN: u64 = 100_000;
        const GOOD_FOR_MS: i64 = 60_000;
        let (estimate, now) = (self.estimate(), Timestamp::now().as_millis());
        let is_fresh = (now - estimate.at_ms.load(Ordering::Relaxed)).abs() < GOOD_FOR_MS;
        let known = estimate.versions.load(Ordering::Relaxed);
        if is_fresh && known > 0 {
            return Ok(known);
        }
        let asked: Option<i64> = query(match self.database().dialect() {
            Dialect::Sqlite => "SELECT MAX(rowid) FROM versions",
            Dialect::Postgres => {
                "SELECT CAST(MAX(reltuples) AS BIGINT) FROM pg_class WHERE oid = to_regclass('versions')"
            }
        })
        .scalar(&mut *tx)
        .await?;
        let found = asked
            .and_then(|found| u64::try_from(found).ok())
            .filter(|&found| found > 0)
            .unwrap_or(UNKNOWN);
        estimate.versions.store(found, Ordering::Relaxed);
        estimate.at_ms.store(now, Ordering::Relaxed);
        Ok(found)
    }
}

/// The ids of all folders that the query names by path.
async fn folder_ids(tx: &mut Transaction, query: &ListQuery) -> Result<FolderIds, ListError> {
    fn paths<'f>(filter: &'f Filter, into: &mut Vec<&'f FolderPath>) {
        match filter {
            Filter::All(inner) | Filter::Any(inner) => inner.iter().for_each(|inner| paths(inner, into)),
            Filter::Not(inner) => paths(inner, into),
            Filter::Is(condition) => {
                if let Test::Folder(folders) = &condition.test {
                    into.extend(folders);
                }
            }
        }
    }
    let mut asked: Vec<&FolderPath> = query.folder.iter().collect();
    if let Some(search) = &query.search {
        paths(search.filter(), &mut asked);
    }
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::new("SELECT path, id FROM folders WHERE path IN (");
    sql.push_list(asked.iter().map(|path| path.as_str())).push(")");
    let rows = sql.build().fetch_all(tx).await?;
    rows.iter()
        .map(|row| Ok((FolderPath::stored(row.try_get("path")?), row.try_get("id")?)))
        .collect()
}

#[cfg(test)]
mod tests;
