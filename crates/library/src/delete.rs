//! Deleting files and versions. What goes is kept in the trash for as long as the library is told to.

use std::time::Duration;

use crate::change::{ChangeError, lock_files, version as one};
use crate::database::{Dialect, Sql, Transaction, query};
use crate::edit::lock_all;
use crate::id::{FileId, VersionId};
use crate::library::Library;
use crate::name::{FileName, FolderPath};
use crate::outbox::{self, EventKind};
use crate::race::retried;
use crate::timestamp::Timestamp;
use crate::trash;

/// Files handled by one statement: their ids are bound, and databases bound how many values there may be.
const CHUNK: usize = 500;

impl Library {
    /// Deletes a file with all its versions. Its blobs stay until they are collected, so that who reads one now reads
    /// it to the end.
    pub async fn delete(&self, file: FileId, now: Timestamp) -> Result<(), ChangeError> {
        retried(|| self.try_delete(file, now)).await
    }

    async fn try_delete(&self, file: FileId, now: Timestamp) -> Result<(), ChangeError> {
        let mut tx = self.database().begin().await?;
        // First of all, so that nobody adds a version meanwhile.
        if lock_files(&mut tx, &[file]).await?.is_empty() {
            return Err(ChangeError::NoFile(file));
        }
        remove(&mut tx, &[file], self.trash_time(), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Deletes several files, all in one transaction. If any of them is unknown, nothing is deleted. The answer names
    /// each once, in the order given.
    pub async fn delete_all(&self, files: &[FileId], now: Timestamp) -> Result<Vec<FileId>, ChangeError> {
        retried(|| self.try_delete_all(files, now)).await
    }

    async fn try_delete_all(&self, files: &[FileId], now: Timestamp) -> Result<Vec<FileId>, ChangeError> {
        let mut tx = self.database().begin().await?;
        let files = lock_all(&mut tx, files).await?;
        remove(&mut tx, &files, self.trash_time(), now).await?;
        tx.commit().await?;
        Ok(files)
    }

    /// Deletes an older version of a file. The current one can only go with the whole file.
    pub async fn delete_version(&self, file: FileId, version: VersionId, now: Timestamp) -> Result<(), ChangeError> {
        retried(|| self.try_delete_version(file, version, now)).await
    }

    async fn try_delete_version(&self, file: FileId, version: VersionId, now: Timestamp) -> Result<(), ChangeError> {
        let mut tx = self.database().begin().await?;
        if lock_files(&mut tx, &[file]).await?.is_empty() {
            return Err(ChangeError::NoFile(file));
        }
        let asset = one(&mut tx, file, version)
            .await?
            .ok_or(ChangeError::NoVersion { file, version })?;
        if asset.is_current {
            return Err(ChangeError::CurrentVersion(version));
        }
        let kept = self.trash_time();
        if kept.is_zero() {
            query("DELETE FROM versions WHERE id = $1")
                .bind(version.to_string())
                .execute(&mut tx)
                .await?;
            release(&mut tx, &[asset.version.blob.to_string()], now).await?;
        } else {
            trash::keep_version(&mut tx, version, now, now.saturating_add(kept)).await?;
            query("DELETE FROM versions WHERE id = $1")
                .bind(version.to_string())
                .execute(&mut tx)
                .await?;
        }
        outbox::append(
            &mut tx,
            EventKind::FileVersionDeleted,
            file,
            version,
            &asset.path(),
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Deletes files whose rows the transaction holds. `kept` is how long they stay in the trash.
pub(crate) async fn remove(
    tx: &mut Transaction,
    files: &[FileId],
    kept: Duration,
    now: Timestamp,
) -> Result<(), ChangeError> {
    for chunk in files.chunks(CHUNK) {
        let ids = || chunk.iter().map(FileId::to_string);
        let mut sql = Sql::new(
            "SELECT v.file_id, v.id, f.path, v.name FROM versions v JOIN folders f ON f.id = v.folder_id
             WHERE v.is_current AND v.file_id IN (",
        );
        sql.push_list(ids()).push(") ORDER BY v.file_id");
        let mut gone = Vec::new();
        for row in sql.build().fetch_all(&mut *tx).await? {
            let folder = FolderPath::stored(row.try_get("path")?);
            let path = folder.join(&FileName::stored(row.try_get("name")?));
            let (file, version) = (row.try_get("file_id")?, row.try_get("id")?);
            gone.push(outbox::EventRow::new(EventKind::FileDeleted, file, version, &path));
        }
        let mut blobs: Vec<String> = Vec::new();
        if kept.is_zero() {
            let mut sql = Sql::new("SELECT DISTINCT blob FROM versions WHERE file_id IN (");
            sql.push_list(ids()).push(")");
            blobs = sql.build().scalars(&mut *tx).await?;
        } else {
            trash::keep_files(tx, chunk, now, now.saturating_add(kept)).await?;
        }
        for table in ["versions WHERE file_id", "files WHERE id"] {
            let mut sql = Sql::new(format!("DELETE FROM {table} IN ("));
            sql.push_list(ids()).push(")");
            sql.build().execute(&mut *tx).await?;
        }
        release(tx, &blobs, now).await?;
        outbox::append_all(tx, &gone, now).await?;
    }
    Ok(())
}

/// Notes which of these blobs nothing names any more, so that they are collected in time.
pub(crate) async fn release(tx: &mut Transaction, blobs: &[String], now: Timestamp) -> Result<(), ChangeError> {
    for chunk in blobs.chunks(CHUNK) {
        // Where transactions run side by side, two that each delete one of the last two names of a blob would each see the
        // other's. The second one waits here, and looks then.
        if tx.dialect() == Dialect::Postgres {
            let mut sql = Sql::new("SELECT sha256 FROM blobs WHERE sha256 IN (");
            sql.push_list(chunk).push(") ORDER BY sha256 FOR UPDATE");
            sql.build().execute(&mut *tx).await?;
        }
        let mut sql = Sql::new("UPDATE blobs SET unreferenced_at = ");
        sql.push_bind(now.as_millis()).push(" WHERE sha256 IN (");
        sql.push_list(chunk).push(
            ") AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.blob = blobs.sha256)
               AND NOT EXISTS (SELECT 1 FROM trash_blobs t WHERE t.blob = blobs.sha256)",
        );
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}
