//! One step of copying a folder.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::walk::{self, Page, PageFile, Place};
use super::{BATCH, Order};
use crate::database::{Dialect, Sql, Transaction, Value, query};
use crate::error::StoreError;
use crate::folder;
use crate::id::{FileId, VersionId};
use crate::jobs::{ItemFailure, JobError, Progress};
use crate::library::Library;
use crate::name::{FileName, random_text};
use crate::outbox;
use crate::timestamp::Timestamp;
use crate::upload::TOKEN_CHARS;

/// Rows of one statement, so that its values stay below what both databases take.
const ROWS: usize = 500;

/// Files looked at together where all their versions are copied, and each may have a hundred.
const WITH_VERSIONS: usize = 8;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cursor {
    #[serde(default)]
    place: Place,
}

pub(super) async fn step(
    library: &Library,
    tx: &mut Transaction,
    order: &Order,
    cursor: &mut Cursor,
    now: Timestamp,
) -> Result<(Progress, bool), JobError> {
    let mut progress = Progress::default();
    let mut left = BATCH;
    while left > 0 {
        let limit = if order.versions { left.min(WITH_VERSIONS) } else { left };
        let Some(page) = walk::next(tx, &order.source(), &mut cursor.place, limit).await? else {
            return Ok((progress, true));
        };
        progress.done += page.files.len() as u64;
        let (made, failures) = copy_page(library, tx, order, &page, now).await?;
        progress.failures.extend(failures);
        // A folder counts as a file: making it takes as long.
        left = left.saturating_sub(made.max(page.files.len()).max(1));
    }
    Ok((progress, false))
}

/// A version to be made of another.
struct Copied {
    of: String,
    id: String,
    file: String,
    number: i64,
    is_current: bool,
    created_at: i64,
}

/// Copies the files of a page: how many versions were made, and which files were not copied.
async fn copy_page(
    library: &Library,
    tx: &mut Transaction,
    order: &Order,
    page: &Page,
    now: Timestamp,
) -> Result<(usize, Vec<ItemFailure>), JobError> {
    let target = order.target_of(page.folder.path.as_str());
    let folder_id = folder::ensure_with(tx, &target, &page.folder.custom_metadata, now).await?;
    let folder_id = folder_id.to_string();
    if page.files.is_empty() {
        return Ok((0, Vec::new()));
    }
    let there = there(tx, &folder_id, &page.files).await?;
    let sources = versions(tx, page, order.versions).await?;
    let mut failures = Vec::new();
    let (mut made, mut events, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for file in &page.files {
        // Absent if it was deleted since the page was read.
        let Some(versions) = sources.get(&file.file) else {
            continue;
        };
        let path = target.join(&FileName::stored(file.name.clone()));
        let count = i64::try_from(versions.len()).unwrap_or(i64::MAX);
        let (id, first, created_at) = match there.get(&file.name) {
            None => {
                let id = FileId::generate(now);
                files.push(vec![id.to_string().into(), count.into(), now.as_millis().into()]);
                (id.to_string(), None, now.as_millis())
            }
            Some(existing) => match append(library, tx, existing, count).await? {
                Some((last, created_at)) => (existing.clone(), Some(last), created_at),
                None => {
                    failures.push(too_many(library, &path));
                    continue;
                }
            },
        };
        for (version, number) in versions.iter().zip(1_i64..) {
            made.push(Copied {
                of: version.clone(),
                // The first version of a file has the file's id.
                id: if first.is_none() && number == 1 {
                    id.clone()
                } else {
                    VersionId::generate(now).to_string()
                },
                file: id.clone(),
                number: first.unwrap_or(0) + number,
                is_current: number == count,
                created_at,
            });
        }
        if let Some(current) = made.last() {
            events.push(outbox::copied(first.is_some(), &id, &current.id, &path));
        }
    }
    insert_rows(tx, "files (id, last_number, created_at)", files).await?;
    for some in made.chunks(ROWS) {
        insert_copies(tx, some, &folder_id, now).await?;
    }
    outbox::append_all(tx, &events, now).await?;
    Ok((made.len(), failures))
}

pub(super) fn too_many(library: &Library, path: &str) -> ItemFailure {
    ItemFailure {
        item: path.to_owned(),
        reason: format!(
            "VERSION_LIMIT_EXCEEDED: the file would have more than {} versions",
            library.limits().versions_per_file
        ),
    }
}

/// The files of these names in a folder, by name.
pub(super) async fn there(
    tx: &mut Transaction,
    folder_id: &str,
    files: &[PageFile],
) -> Result<HashMap<String, String>, StoreError> {
    let mut sql = Sql::new("SELECT name, file_id FROM versions WHERE is_current AND folder_id = ");
    sql.push_bind(folder_id)
        .push(" AND name IN (")
        .push_list(files.iter().map(|file| file.name.as_str()))
        .push(")");
    let rows = sql.build().fetch_all(tx).await?;
    let mut found = HashMap::new();
    for row in &rows {
        found.insert(row.try_get("name")?, row.try_get("file_id")?);
    }
    Ok(found)
}

/// Holds the rows of files, so that nobody deletes or changes them before this transaction ends. Those that are gone
/// already are left out.
pub(super) async fn held(tx: &mut Transaction, files: &[PageFile]) -> Result<Vec<PageFile>, StoreError> {
    let mut sql = Sql::new("SELECT id FROM files WHERE id IN (");
    sql.push_list(files.iter().map(|file| file.file.as_str()))
        .push(") ORDER BY id");
    if tx.dialect() == Dialect::Postgres {
        sql.push(" FOR UPDATE");
    }
    let there: HashSet<String> = sql.build().scalars(tx).await?.into_iter().collect();
    Ok(files
        .iter()
        .filter(|file| there.contains(&file.file))
        .cloned()
        .collect())
}

/// The versions of the files that are to be copied, the oldest first, by file.
async fn versions(tx: &mut Transaction, page: &Page, all: bool) -> Result<HashMap<String, Vec<String>>, StoreError> {
    held(tx, &page.files).await?;
    let mut sql = Sql::new("SELECT id, file_id FROM versions WHERE folder_id = ");
    sql.push_bind(page.folder.id.to_string())
        .push(" AND file_id IN (")
        .push_list(page.files.iter().map(|file| file.file.as_str()))
        .push(")")
        .push(if all { "" } else { " AND is_current" })
        // The current one need not have the highest number: an older one may have been restored.
        .push(" ORDER BY file_id, is_current, number");
    let rows = sql.build().fetch_all(tx).await?;
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for row in &rows {
        found
            .entry(row.try_get("file_id")?)
            .or_default()
            .push(row.try_get("id")?);
    }
    Ok(found)
}

/// Makes room for `count` more versions, of which the last will be the current one: the number before theirs, and
/// when the file was made. `None` if it would have too many.
async fn append(
    library: &Library,
    tx: &mut Transaction,
    file: &str,
    count: i64,
) -> Result<Option<(i64, i64)>, StoreError> {
    let row = query(
        "UPDATE files SET last_number = last_number + $2 WHERE id = $1
         RETURNING last_number, created_at, (SELECT COUNT(*) FROM versions WHERE file_id = $1) AS versions",
    )
    .bind(file)
    .bind(count)
    .fetch_one(&mut *tx)
    .await?;
    let versions: i64 = row.try_get("versions")?;
    if versions + count > i64::from(library.limits().versions_per_file) {
        query("UPDATE files SET last_number = last_number - $2 WHERE id = $1")
            .bind(file)
            .bind(count)
            .execute(tx)
            .await?;
        return Ok(None);
    }
    query("UPDATE versions SET is_current = FALSE WHERE file_id = $1 AND is_current")
        .bind(file)
        .execute(tx)
        .await?;
    Ok(Some((
        row.try_get::<i64, _>("last_number")? - count,
        row.try_get("created_at")?,
    )))
}

/// Copies rows of `versions`, and of every table that hangs on a version: the schema says which those are, so that a
/// column or an index table that is added later is copied, too.
async fn insert_copies(
    tx: &mut Transaction,
    copies: &[Copied],
    folder_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tables = tables_of_versions(tx).await?;
    for (table, columns) in &tables {
        let is_versions = table == "versions";
        let values: Vec<String> = columns
            .iter()
            .map(|column| match (is_versions, column.as_str()) {
                (true, "id") | (false, "version_id") => "c.id".to_owned(),
                (true, "file_id") => "c.file_id".to_owned(),
                (true, "number") => "c.number".to_owned(),
                (true, "is_current") => "c.is_current".to_owned(),
                (true, "token") => "c.token".to_owned(),
                (true, "folder_id") => "c.folder_id".to_owned(),
                (_, "created_at") => "c.created_at".to_owned(),
                (true, "updated_at") => "c.now".to_owned(),
                (_, other) => format!("v.{other}"),
            })
            .collect();
        let mut sql = Sql::new(format!("INSERT INTO {table} ({}) ", columns.join(", ")));
        sql.push("WITH c (of, id, file_id, number, is_current, created_at, token, folder_id, now) AS (VALUES ");
        for (at, copy) in copies.iter().enumerate() {
            sql.push(if at > 0 { ", (" } else { "(" });
            sql.push_list::<Value>([
                copy.of.as_str().into(),
                copy.id.as_str().into(),
                copy.file.as_str().into(),
                copy.number.into(),
                copy.is_current.into(),
                copy.created_at.into(),
                random_text(TOKEN_CHARS).into(),
                folder_id.into(),
                now.as_millis().into(),
            ]);
            sql.push(")");
        }
        let key = if is_versions { "id" } else { "version_id" };
        sql.push(format!(
            ") SELECT {} FROM c JOIN {table} v ON v.{key} = c.of",
            values.join(", ")
        ));
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

/// `versions` first, then the tables with a column `version_id`; each with its columns.
async fn tables_of_versions(tx: &mut Transaction) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => {
            "SELECT m.name AS in_table, c.name AS in_column FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' ORDER BY m.name, c.cid"
        }
        Dialect::Postgres => {
            "SELECT CAST(t.relname AS TEXT) AS in_table, CAST(c.attname AS TEXT) AS in_column
             FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
             WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relkind = 'r' AND c.attnum > 0
                 AND NOT c.attisdropped
             ORDER BY t.relname, c.attnum"
        }
    };
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for row in query(statement).fetch_all(tx).await? {
        let (table, column): (String, String) = (row.try_get("in_table")?, row.try_get("in_column")?);
        match tables.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push(column),
            None => tables.push((table, vec![column])),
        }
    }
    tables.retain(|(table, columns)| table == "versions" || columns.iter().any(|column| column == "version_id"));
    tables.sort_by_key(|(table, _)| table != "versions");
    Ok(tables)
}

async fn insert_rows(tx: &mut Transaction, into: &str, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new(format!("INSERT INTO {into} VALUES "));
    for (at, row) in rows.into_iter().enumerate() {
        sql.push(if at > 0 { ", (" } else { "(" }).push_list(row).push(")");
    }
    sql.build().execute(tx).await?;
    Ok(())
}
