//! Making an older version of a file the current one again.

use crate::asset::Asset;
use crate::change::{ChangeError, current, lock_files, version as one};
use crate::database::query;
use crate::id::{FileId, VersionId};
use crate::library::Library;
use crate::outbox::{self, EventKind};
use crate::race::retried;
use crate::timestamp::Timestamp;

impl Library {
    /// Makes a version the one that the file's path delivers. Versions keep their ids and numbers; the one that was
    /// current becomes an older one. Restoring the current version changes nothing.
    pub async fn restore_version(
        &self,
        file: FileId,
        version: VersionId,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        retried(|| self.try_restore_version(file, version, now)).await
    }

    async fn try_restore_version(
        &self,
        file: FileId,
        version: VersionId,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        if lock_files(&mut tx, &[file]).await?.is_empty() {
            return Err(ChangeError::NoFile(file));
        }
        let asset = one(&mut tx, file, version)
            .await?
            .ok_or(ChangeError::NoVersion { file, version })?;
        if asset.is_current {
            return Ok(asset);
        }
        query("UPDATE versions SET is_current = FALSE WHERE file_id = $1 AND is_current")
            .bind(file.to_string())
            .execute(&mut tx)
            .await?;
        query("UPDATE versions SET is_current = TRUE, updated_at = $1 WHERE id = $2")
            .bind(now.as_millis())
            .bind(version.to_string())
            .execute(&mut tx)
            .await?;
        let asset = current(&mut tx, file).await?.ok_or_else(ChangeError::lost_race)?;
        outbox::append(&mut tx, EventKind::FileUpdated, file, version, &asset.path(), now).await?;
        tx.commit().await?;
        Ok(asset)
    }
}
