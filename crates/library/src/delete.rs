//! Deleting a file with all its versions.

use crate::database::{Transaction, query};
use crate::error::{Code, StoreError};
use crate::id::{FileId, IdError, VersionId};
use crate::library::Library;
use crate::name::{FileName, FolderPath};
use crate::outbox::{self, EventKind};
use crate::timestamp::Timestamp;

/// Why a file was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such file.
    #[error("there is no file {0}")]
    NotFound(FileId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeleteError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for DeleteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Holds a file's row until the transaction ends, so that changes of one file come one after the other; false if there
/// is no such file.
pub(crate) async fn lock_file(tx: &mut Transaction, file: FileId) -> Result<bool, sqlx::Error> {
    let touched = query("UPDATE files SET last_number = last_number WHERE id = $1")
        .bind(file.to_string())
        .execute(tx)
        .await?;
    Ok(touched > 0)
}

impl Library {
    /// Deletes a file with all its versions. Its blobs stay until they are collected, so that who reads one now reads
    /// it to the end.
    pub async fn delete(&self, file: FileId, now: Timestamp) -> Result<(), DeleteError> {
        let id = file.to_string();
        let mut tx = self.database().begin().await?;
        // First of all, so that nobody adds a version meanwhile.
        if !lock_file(&mut tx, file).await? {
            return Err(DeleteError::NotFound(file));
        }
        let current = query(
            "SELECT v.id, f.path, v.name FROM versions v JOIN folders f ON f.id = v.folder_id
             WHERE v.file_id = $1 AND v.is_current",
        )
        .bind(&id)
        .fetch_optional(&mut tx)
        .await?;
        let current = current.ok_or(DeleteError::NotFound(file))?;
        let version: String = current.try_get("id")?;
        let (folder, name): (String, String) = (current.try_get("path")?, current.try_get("name")?);
        let version: VersionId = version
            .parse()
            .map_err(|error: IdError| StoreError::unreadable("versions.id", error))?;
        let path = FolderPath::stored(folder).join(&FileName::stored(name));
        // Marked before the versions go, while the list of blobs is at hand. A blob that another file names, too, is
        // not.
        query(
            "UPDATE blobs SET unreferenced_at = $1
             WHERE sha256 IN (SELECT blob FROM versions WHERE file_id = $2)
               AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.blob = blobs.sha256 AND v.file_id <> $2)",
        )
        .bind(now.as_millis())
        .bind(&id)
        .execute(&mut tx)
        .await?;
        query("DELETE FROM versions WHERE file_id = $1")
            .bind(&id)
            .execute(&mut tx)
            .await?;
        query("DELETE FROM files WHERE id = $1")
            .bind(&id)
            .execute(&mut tx)
            .await?;
        outbox::append(&mut tx, EventKind::FileDeleted, file, version, &path, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
