//! Listing files, versions and folders.

use std::collections::HashMap;

use crate::asset::{ASSET_COLUMNS, Asset, FileType};
use crate::database::Sql;
use crate::error::{Code, StoreError};
use crate::folder::{self, FOLDER_COLUMNS, Folder};
use crate::id::FolderId;
use crate::library::Library;
use crate::name::FolderPath;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// From the largest down.
    pub descending: bool,
}

/// What to sort by. Folders have no size, width and height and count as 0, as do files without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// How well it fits a text that is searched for. There is none here: the same as `Created`.
    Relevance,
}

impl SortKey {
    fn file_column(self) -> &'static str {
        match self {
            Self::Created | Self::Relevance => "v.created_at",
            Self::Name => "v.name",
            Self::Updated => "v.updated_at",
            Self::Height => "v.height",
            Self::Width => "v.width",
            Self::Size => "v.size",
        }
    }

    /// None where folders have nothing to sort by.
    fn folder_column(self) -> Option<&'static str> {
        match self {
            Self::Created | Self::Relevance => Some("f.created_at"),
            Self::Name => Some("f.name"),
            Self::Updated => Some("f.updated_at"),
            Self::Height | Self::Width | Self::Size => None,
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
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ListError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::Limit { .. } => Code::Invalid,
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
        let max = self.limits().list_entries;
        if query.limit == 0 || query.limit > max {
            return Err(ListError::Limit {
                found: query.limit,
                max,
            });
        }
        let folder = match &query.folder {
            None => None,
            Some(path) => match folder::find(self.database().reader(), path).await? {
                Some(id) => Some(id),
                None => return Ok(Vec::new()),
            },
        };
        let statement = Statement { query, folder };
        match query.kind {
            EntryKind::File | EntryKind::FileVersion => {
                let rows = statement.files().build().fetch_all(self.database().reader()).await?;
                rows.iter()
                    .map(|row| Ok(Entry::File(Box::new(Asset::of_row(row)?))))
                    .collect()
            }
            EntryKind::Folder => {
                let rows = statement.folders().build().fetch_all(self.database().reader()).await?;
                rows.iter().map(|row| Ok(Entry::Folder(Folder::of_row(row)?))).collect()
            }
            EntryKind::All => self.list_all(&statement).await,
        }
    }

    /// First which files and folders, then what they are. One snapshot of the database answers all three questions.
    async fn list_all(&self, statement: &Statement<'_>) -> Result<Vec<Entry>, ListError> {
        let mut tx = self.database().reader().snapshot().await?;
        let keys: Vec<(bool, String)> = statement
            .all()
            .build()
            .fetch_all(&mut tx)
            .await?
            .iter()
            .map(|row| Ok((row.try_get::<i64, _>("is_folder")? != 0, row.try_get("id")?)))
            .collect::<Result<_, sqlx::Error>>()?;
        let mut found: HashMap<String, Entry> = HashMap::with_capacity(keys.len());
        let files = keys.iter().filter(|(is_folder, _)| !is_folder).map(|(_, id)| id);
        if let Some(sql) = by_ids(
            &format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.is_current AND v.file_id IN ("),
            files,
        ) {
            for row in sql.build().fetch_all(&mut tx).await? {
                let asset = Asset::of_row(&row)?;
                found.insert(asset.id.to_string(), Entry::File(Box::new(asset)));
            }
        }
        let folders = keys.iter().filter(|(is_folder, _)| *is_folder).map(|(_, id)| id);
        if let Some(sql) = by_ids(
            &format!("SELECT {FOLDER_COLUMNS} FROM folders f WHERE f.id IN ("),
            folders,
        ) {
            for row in sql.build().fetch_all(&mut tx).await? {
                let folder = Folder::of_row(&row)?;
                found.insert(folder.id.to_string(), Entry::Folder(folder));
            }
        }
        Ok(keys.into_iter().filter_map(|(_, id)| found.remove(&id)).collect())
    }
}

fn by_ids<'a>(select: &str, ids: impl Iterator<Item = &'a String>) -> Option<Sql> {
    let mut ids = ids.peekable();
    ids.peek()?;
    let mut sql = Sql::new(select);
    sql.push_list(ids).push(")");
    Some(sql)
}

/// The SQL of a query. Only words of this file become SQL; what the caller gave is bound.
struct Statement<'a> {
    query: &'a ListQuery,
    folder: Option<FolderId>,
}

impl Statement<'_> {
    fn files(&self) -> Sql {
        let current = self.query.kind != EntryKind::FileVersion;
        let mut sql = Sql::new(format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE "));
        self.push_file_conditions(&mut sql, current);
        let tie = if current { "v.file_id" } else { "v.id" };
        self.push_order(&mut sql, self.query.sort.key.file_column(), tie);
        sql
    }

    fn folders(&self) -> Sql {
        let mut sql = Sql::new(format!("SELECT {FOLDER_COLUMNS} FROM folders f WHERE "));
        self.push_folder_conditions(&mut sql);
        self.push_order(&mut sql, self.query.sort.key.folder_column().unwrap_or("f.id"), "f.id");
        sql
    }

    fn all(&self) -> Sql {
        let key = self.query.sort.key;
        let mut sql = Sql::new(format!(
            "SELECT CAST(0 AS BIGINT) AS is_folder, v.file_id AS id, {} AS k FROM versions v WHERE ",
            key.file_column()
        ));
        self.push_file_conditions(&mut sql, true);
        sql.push(format!(
            " UNION ALL SELECT CAST(1 AS BIGINT), f.id, {} FROM folders f WHERE ",
            key.folder_column().unwrap_or("CAST(0 AS BIGINT)")
        ));
        self.push_folder_conditions(&mut sql);
        self.push_order(&mut sql, "k", "id");
        sql
    }

    fn push_file_conditions(&self, sql: &mut Sql, current: bool) {
        sql.push(if current { "v.is_current" } else { "NOT v.is_current" });
        if let Some(folder) = self.folder {
            sql.push(" AND v.folder_id = ").push_bind(folder.to_string());
        }
        if let Some(file_type) = self.query.file_type {
            sql.push(" AND v.is_image = ").push_bind(file_type == FileType::Image);
        }
        if let Some(name) = &self.query.name {
            sql.push(" AND v.name = ").push_bind(name.clone());
        }
        if !self.query.tags.is_empty() {
            sql.push(" AND v.id IN (SELECT version_id FROM version_tags WHERE tag IN (");
            sql.push_list(&self.query.tags).push("))");
        }
    }

    fn push_folder_conditions(&self, sql: &mut Sql) {
        sql.push("f.parent_id IS NOT NULL");
        if let Some(folder) = self.folder {
            sql.push(" AND f.parent_id = ").push_bind(folder.to_string());
        }
        if let Some(name) = &self.query.name {
            sql.push(" AND f.name = ").push_bind(name.clone());
        }
        if !self.query.tags.is_empty() {
            sql.push(" AND FALSE");
        }
    }

    fn push_order(&self, sql: &mut Sql, key: &str, tie: &str) {
        let direction = if self.query.sort.descending { "DESC" } else { "ASC" };
        sql.push(format!(" ORDER BY {key} {direction}, {tie} {direction} LIMIT "));
        sql.push_bind(i64::from(self.query.limit));
        sql.push(" OFFSET ");
        sql.push_bind(i64::try_from(self.query.skip).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite will do for a query, in its own words.
    async fn plan(library: &Library, sql: Sql) -> String {
        let mut explain = Sql::new("EXPLAIN QUERY PLAN ");
        explain.append(sql);
        let rows = explain
            .build()
            .fetch_all(library.database().reader())
            .await
            .expect("a plan");
        rows.iter()
            .map(|row| row.try_get::<String, _>("detail").expect("a detail"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// An index must give the order: sorting a million files for a page of them is what we cannot afford.
    #[tokio::test]
    async fn every_order_of_files_and_folders_comes_from_an_index() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let keys = [
            SortKey::Created,
            SortKey::Name,
            SortKey::Updated,
            SortKey::Height,
            SortKey::Width,
            SortKey::Size,
            SortKey::Relevance,
        ];
        for key in keys {
            for descending in [false, true] {
                for folder in [None, Some(FolderId::ROOT)] {
                    for kind in [EntryKind::File, EntryKind::Folder, EntryKind::All] {
                        let query = ListQuery {
                            kind,
                            sort: Sort { key, descending },
                            ..ListQuery::default()
                        };
                        let statement = Statement { query: &query, folder };
                        let sql = match kind {
                            EntryKind::Folder => statement.folders(),
                            EntryKind::All => statement.all(),
                            EntryKind::File | EntryKind::FileVersion => statement.files(),
                        };
                        let plan = plan(&library, sql).await;
                        // Folders by a size that they do not have are few, and in the order of their ids.
                        let by_id = key.folder_column().is_none() && kind != EntryKind::File;
                        if !by_id {
                            assert!(!plan.contains("TEMP B-TREE"), "{query:?} {folder:?}\n{plan}");
                            assert!(
                                plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"),
                                "{plan}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn old_versions_by_creation_come_from_an_index() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let query = ListQuery {
            kind: EntryKind::FileVersion,
            ..ListQuery::default()
        };
        for folder in [None, Some(FolderId::ROOT)] {
            let plan = plan(&library, Statement { query: &query, folder }.files()).await;
            assert!(plan.contains("by_created") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
