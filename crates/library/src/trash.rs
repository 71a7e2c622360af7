//! The trash: what was deleted, whole, until it is restored or its time is up.
//!
//! A row of `trash` holds the rows of a file and its versions as JSON; `trash_blobs` names their bytes, so that these
//! are not collected. What is in the trash is in no listing, no folder and no delivery.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::asset::{Asset, number, parsed as column, timestamp};
use crate::change::{ChangeError, current, file_at, folder_id, history, lock_files, version as one};
use crate::columns;
use crate::database::{Dialect, Lock, Row, Sql, Transaction, query};
use crate::delete::release;
use crate::error::StoreError;
use crate::folder;
use crate::id::{FileId, TrashId, VersionId};
use crate::library::Library;
use crate::locks::{push_below, refuse_if_locked};
use crate::name::{FileName, FolderPath};
use crate::outbox::{self, EventKind};
use crate::race::retried;
use crate::timestamp::Timestamp;

/// Things purged in one transaction: few, so that nobody waits long.
const BATCH: i64 = 64;

/// Something in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trashed {
    /// Its id in the trash.
    pub id: TrashId,
    /// The file that was deleted, or of which a version was.
    pub file: FileId,
    /// True for a file with all its versions, false for a single version.
    pub is_whole_file: bool,
    /// The version, or the file's current one.
    pub version: VersionId,
    /// The number of that version.
    pub version_number: u32,
    /// How many versions there are.
    pub versions: u32,
    /// The folder that it was in.
    pub folder: FolderPath,
    /// Its name there.
    pub name: FileName,
    /// Bytes of all versions together.
    pub bytes: u64,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// When it is purged.
    pub purge_at: Timestamp,
}

impl Trashed {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: column(row, "id")?,
            file: column(row, "file_id")?,
            is_whole_file: row.try_get("is_whole_file")?,
            version: column(row, "version_id")?,
            version_number: number(row, "version_number")?,
            versions: number(row, "version_count")?,
            folder: FolderPath::stored(row.try_get("folder_path")?),
            name: FileName::stored(row.try_get("name")?),
            bytes: number(row, "bytes")?,
            deleted_at: timestamp(row, "deleted_at")?,
            purge_at: timestamp(row, "purge_at")?,
        })
    }
}

const COLUMNS: &str = "id, file_id, is_whole_file, version_id, version_number, version_count, folder_path, name, bytes, \
                       deleted_at, purge_at";

/// What of the trash is wanted; the default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrashFilter {
    /// Only what was in this folder or below it.
    pub folder: Option<FolderPath>,
    /// Only what is of one of these files; none stand for all.
    pub files: Vec<FileId>,
}

impl Library {
    /// What is in the trash, the newest first; at most [`Limits::list_entries`](crate::Limits::list_entries) at once.
    pub async fn trash(&self, limit: u32, skip: u64) -> Result<Vec<Trashed>, StoreError> {
        self.trash_of(&TrashFilter::default(), limit, skip).await
    }

    /// The same of some folder or files.
    pub async fn trash_of(&self, filter: &TrashFilter, limit: u32, skip: u64) -> Result<Vec<Trashed>, StoreError> {
        let mut sql = Sql::new(format!("SELECT {COLUMNS} FROM trash WHERE TRUE"));
        if let Some(folder) = &filter.folder {
            sql.push(" AND (folder_path = ").push_bind(folder.as_str().to_owned());
            sql.push(" OR ");
            push_below(&mut sql, "folder_path", folder);
            sql.push(")");
        }
        if !filter.files.is_empty() {
            sql.push(" AND file_id IN (");
            sql.push_list(filter.files.iter().map(FileId::to_string)).push(")");
        }
        sql.push(" ORDER BY deleted_at DESC, id DESC LIMIT ");
        sql.push_bind(i64::from(limit.min(self.limits().list_entries)));
        sql.push(" OFFSET ").push_bind(i64::try_from(skip).unwrap_or(i64::MAX));
        let rows = sql.build().fetch_all(self.database().reader()).await?;
        rows.iter().map(Trashed::of_row).collect()
    }

    /// Something in the trash.
    pub async fn trashed(&self, id: TrashId) -> Result<Option<Trashed>, StoreError> {
        let row = query(format!("SELECT {COLUMNS} FROM trash WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.as_ref().map(Trashed::of_row).transpose()
    }

    /// How long what is deleted now can be restored; zero if it cannot.
    pub fn trash_life(&self) -> Duration {
        self.trash_time()
    }

    /// Brings something back from the trash. A file comes with its id, all its versions and everything said of them, to
    /// its old place, or beside it under a new name if that is taken. A version comes back to its file as an older one;
    /// if the file is gone for good, as a file of its own.
    pub async fn restore_trashed(&self, id: TrashId, now: Timestamp) -> Result<Asset, ChangeError> {
        retried(|| self.try_restore_trashed(id, now)).await
    }

    async fn try_restore_trashed(&self, id: TrashId, now: Timestamp) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        tx.lock(Lock::BlobsShared).await?;
        // Taken out first: of two who restore it at once, the second finds nothing.
        let sql = format!("DELETE FROM trash WHERE id = $1 RETURNING file_row, versions, {COLUMNS}");
        let row = query(sql)
            .bind(id.to_string())
            .fetch_optional(&mut tx)
            .await?
            .ok_or(ChangeError::NotInTrash(id))?;
        let trashed = Trashed::of_row(&row)?;
        let file: Map<String, Value> = serde_json::from_str(row.try_get("file_row")?)
            .map_err(|error| StoreError::unreadable("trash.file_row", error))?;
        let versions = columns::of_json(row.try_get("versions")?)?;
        let is_there = !lock_files(&mut tx, &[trashed.file]).await?.is_empty();
        let asset = if !trashed.is_whole_file && is_there {
            self.restore_to_file(&mut tx, &trashed, versions, now).await?
        } else if is_there {
            return Err(ChangeError::PathTaken(trashed.folder.join(&trashed.name)));
        } else {
            if !trashed.is_whole_file && is_file_trashed(&mut tx, trashed.file).await? {
                return Err(ChangeError::FileInTrash(trashed.file));
            }
            restore_as_file(&mut tx, &trashed, &file, versions, now).await?
        };
        tx.commit().await?;
        Ok(asset)
    }

    /// A version comes back to the file that it was a version of, wherever that is by now.
    async fn restore_to_file(
        &self,
        tx: &mut Transaction,
        trashed: &Trashed,
        mut versions: Vec<Map<String, Value>>,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        let file = trashed.file;
        let asset = current(tx, file).await?.ok_or_else(ChangeError::lost_race)?;
        let limit = self.limits().versions_per_file;
        if history(tx, file).await?.len() + versions.len() > limit as usize {
            let path = asset.path();
            return Err(ChangeError::TooManyVersions { path, limit });
        }
        let folder = folder_id(tx, &asset.folder).await?;
        for version in &mut versions {
            set(version, "is_current", false);
            set(version, "folder_id", folder.to_string());
            set(version, "name", asset.name.as_str());
            set(version, "created_at", asset.created_at.as_millis());
        }
        columns::insert_json(tx, &versions).await?;
        let path = asset.path();
        outbox::append(tx, EventKind::FileVersionCreated, file, trashed.version, &path, now).await?;
        one(tx, file, trashed.version).await?.ok_or_else(ChangeError::lost_race)
    }

    /// Deletes something in the trash for good. Its blobs are collected in time.
    pub async fn purge_trashed(&self, id: TrashId, now: Timestamp) -> Result<(), ChangeError> {
        retried(|| async {
            let mut tx = self.database().begin().await?;
            if purge(&mut tx, &[id.to_string()], now).await? == 0 {
                return Err(ChangeError::NotInTrash(id));
            }
            tx.commit().await?;
            Ok::<_, ChangeError>(())
        })
        .await
    }

    /// Deletes for good what has been in the trash for its time; how many things that were.
    pub async fn sweep_trash(&self, now: Timestamp) -> Result<u64, ChangeError> {
        self.purge_all("purge_at <= ", now.as_millis(), now).await
    }

    /// Deletes everything for good that was put into the trash until `before`; how many things that were.
    pub async fn empty_trash(&self, before: Timestamp, now: Timestamp) -> Result<u64, ChangeError> {
        self.purge_all("deleted_at <= ", before.as_millis(), now).await
    }

    async fn purge_all(&self, condition: &str, until: i64, now: Timestamp) -> Result<u64, ChangeError> {
        let mut purged = 0;
        loop {
            let batch = retried(|| async {
                let mut tx = self.database().begin().await?;
                let mut sql = Sql::new(format!("SELECT id FROM trash WHERE {condition}"));
                sql.push_bind(until).push(" LIMIT ").push_bind(BATCH);
                let ids: Vec<String> = sql.build().scalars(&mut tx).await?;
                let batch = if ids.is_empty() {
                    0
                } else {
                    purge(&mut tx, &ids, now).await?
                };
                tx.commit().await?;
                Ok::<_, ChangeError>(batch)
            })
            .await?;
            if batch == 0 {
                break;
            }
            purged += batch;
        }
        if purged > 0 {
            tracing::info!(purged, "purged what was in the trash");
        }
        Ok(purged)
    }

    /// How long what is deleted can be restored; zero if it cannot.
    pub(crate) fn trash_time(&self) -> Duration {
        self.limits().trash
    }
}

/// A file comes back with its id and versions, to its old place or beside it.
async fn restore_as_file(
    tx: &mut Transaction,
    trashed: &Trashed,
    file: &Map<String, Value>,
    mut versions: Vec<Map<String, Value>>,
    now: Timestamp,
) -> Result<Asset, ChangeError> {
    let folder = &trashed.folder;
    refuse_if_locked(tx, folder).await?;
    let folder_id = folder::ensure(tx, folder, now).await?;
    let path = folder.join(&trashed.name);
    tx.lock(Lock::Key(&format!("path:{path}"))).await?;
    let is_taken = file_at(tx, &path).await?.is_some();
    // A new name that is taken after all breaks the index, and all of this is run again.
    let name = if is_taken {
        trashed.name.with_unique_suffix()
    } else {
        trashed.name.clone()
    };
    let number = |key| file.get(key).and_then(Value::as_i64);
    query("INSERT INTO files (id, last_number, created_at) VALUES ($1, $2, $3)")
        .bind(trashed.file.to_string())
        .bind(number("last_number").unwrap_or(i64::from(trashed.version_number)))
        .bind(number("created_at").unwrap_or(now.as_millis()))
        .execute(&mut *tx)
        .await?;
    for version in &mut versions {
        set(version, "folder_id", folder_id.to_string());
        set(version, "name", name.as_str());
        if !trashed.is_whole_file {
            set(version, "is_current", true);
        }
        if is_taken {
            set(version, "updated_at", now.as_millis());
        }
    }
    columns::insert_json(tx, &versions).await?;
    let asset = current(tx, trashed.file).await?.ok_or_else(ChangeError::lost_race)?;
    outbox::append(
        tx,
        EventKind::FileCreated,
        asset.id,
        asset.version.id,
        &asset.path(),
        now,
    )
    .await?;
    Ok(asset)
}

fn set(row: &mut Map<String, Value>, column: &str, value: impl Into<Value>) {
    row.insert(column.to_owned(), value.into());
}

async fn is_file_trashed(tx: &mut Transaction, file: FileId) -> Result<bool, ChangeError> {
    let found: Option<String> = query("SELECT id FROM trash WHERE file_id = $1 AND is_whole_file LIMIT 1")
        .bind(file.to_string())
        .scalar_optional(tx)
        .await?;
    Ok(found.is_some())
}

/// Deletes things for good; how many of them there were.
async fn purge(tx: &mut Transaction, ids: &[String], now: Timestamp) -> Result<u64, ChangeError> {
    let mut sql = Sql::new("SELECT DISTINCT blob FROM trash_blobs WHERE trash_id IN (");
    sql.push_list(ids).push(")");
    let blobs: Vec<String> = sql.build().scalars(&mut *tx).await?;
    let mut sql = Sql::new("DELETE FROM trash WHERE id IN (");
    sql.push_list(ids).push(")");
    let purged = sql.build().execute(&mut *tx).await?;
    release(tx, &blobs, now).await?;
    Ok(purged)
}

/// What goes into the trash.
enum Which<'a> {
    Files(&'a [FileId]),
    Version(VersionId),
}

impl Which<'_> {
    /// The condition that its versions `v` fulfil.
    fn push(&self, sql: &mut Sql) {
        match self {
            Self::Files(files) => {
                sql.push("v.file_id IN (");
                sql.push_list(files.iter().map(FileId::to_string)).push(")");
            }
            Self::Version(version) => {
                sql.push("v.id = ").push_bind(version.to_string());
            }
        }
    }
}

/// Puts whole files into the trash. Their rows are still there afterwards: the caller deletes them.
pub(crate) async fn keep_files(
    tx: &mut Transaction,
    files: &[FileId],
    now: Timestamp,
    until: Timestamp,
) -> Result<(), ChangeError> {
    let which = Which::Files(files);
    keep(tx, &which, now, until).await?;
    let mut sql = Sql::new(
        "INSERT INTO trash_blobs (trash_id, blob)
         SELECT DISTINCT t.id, v.blob FROM versions v JOIN trash t ON t.file_id = v.file_id AND t.is_whole_file
         WHERE ",
    );
    which.push(&mut sql);
    sql.build().execute(tx).await?;
    Ok(())
}

/// Puts one version into the trash. Its row is still there afterwards: the caller deletes it.
pub(crate) async fn keep_version(
    tx: &mut Transaction,
    version: VersionId,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), ChangeError> {
    let which = Which::Version(version);
    keep(tx, &which, now, until).await?;
    let mut sql = Sql::new(
        "INSERT INTO trash_blobs (trash_id, blob)
         SELECT t.id, v.blob FROM versions v
         JOIN trash t ON t.file_id = v.file_id AND t.version_id = v.id AND NOT t.is_whole_file
         WHERE ",
    );
    which.push(&mut sql);
    sql.build().execute(tx).await?;
    Ok(())
}

/// One statement, whatever the number of files: a folder of thousands goes while others wait for the database.
async fn keep(tx: &mut Transaction, which: &Which<'_>, now: Timestamp, until: Timestamp) -> Result<(), ChangeError> {
    let is_whole_file = matches!(which, Which::Files(_));
    let columns = columns::of_versions(tx).await?;
    let dialect = tx.dialect();
    let versions = columns::as_json(dialect, &columns);
    let (id, file) = match dialect {
        Dialect::Sqlite => (
            "lower(hex(randomblob(12)))",
            "json_object('last_number', f.last_number, 'created_at', f.created_at)",
        ),
        Dialect::Postgres => (
            "substr(replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 1, 24)",
            "CAST(json_build_object('last_number', f.last_number, 'created_at', f.created_at) AS TEXT)",
        ),
    };
    // The version that stands for the file is its current one; a single version stands for itself.
    let stands = if is_whole_file { "v.is_current" } else { "TRUE" };
    let mut sql = Sql::new(format!(
        "INSERT INTO trash (id, file_id, folder_path, name, version_id, version_number, version_count, file_row, versions,
             bytes, is_whole_file, deleted_at, purge_at)
         SELECT {id}, g.file_id, f.path, g.name, g.version_id, g.version_number, g.version_count, g.file_row, g.versions,
             g.bytes, "
    ));
    sql.push_bind(is_whole_file).push(", ");
    sql.push_bind(now.as_millis()).push(", ");
    sql.push_bind(until.as_millis());
    sql.push(format!(
        " FROM (SELECT f.id AS file_id, MIN(v.folder_id) AS folder_id, MIN(v.name) AS name,
                MIN(CASE WHEN {stands} THEN v.id END) AS version_id,
                MIN(CASE WHEN {stands} THEN v.number END) AS version_number,
                COUNT(*) AS version_count, {file} AS file_row, {versions} AS versions,
                CAST(SUM(v.size) AS BIGINT) AS bytes
            FROM files f JOIN versions v ON v.file_id = f.id WHERE "
    ));
    which.push(&mut sql);
    sql.push(" GROUP BY f.id, f.last_number, f.created_at) g JOIN folders f ON f.id = g.folder_id");
    sql.build().execute(tx).await?;
    Ok(())
}
