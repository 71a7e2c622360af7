//! Removing blobs that no version names.

use std::time::Duration;

use futures::StreamExt as _;

use crate::blob::{BlobError, BlobId};
use crate::database::{Lock, Sql, query};
use crate::error::StoreError;
use crate::id::IdError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Blobs whose last version was deleted, and purged from the trash.
    pub unreferenced: u64,
    /// Blobs that never had one: uploads that were cut short after their bytes were stored.
    pub orphaned: u64,
}

/// Blobs handled while uploads wait: few, so that they do not wait long.
const BATCH: usize = 64;

/// Why a collection stopped. What it removed before is removed; run it again.
#[derive(Debug, thiserror::Error)]
pub enum GarbageError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<sqlx::Error> for GarbageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Library {
    /// Removes the blobs that no version has named for as long as `grace`. Safe at any time and beside uploads. It
    /// lists the whole blob store: meant for the start of the program and for now and then.
    pub async fn collect_garbage(&self, grace: Duration, now: Timestamp) -> Result<Garbage, GarbageError> {
        let before = now.saturating_sub(grace);
        let mut garbage = Garbage::default();
        loop {
            let removed = self.collect_unreferenced(before).await?;
            garbage.unreferenced += removed;
            if removed == 0 {
                break;
            }
        }
        let mut batch = Vec::new();
        let mut blobs = self.blobs().list();
        while let Some(blob) = blobs.next().await {
            let (id, written) = blob?;
            if Timestamp::from(written) <= before {
                batch.push(id);
            }
            if batch.len() == BATCH {
                garbage.orphaned += self.collect_orphans(&std::mem::take(&mut batch)).await?;
            }
        }
        garbage.orphaned += self.collect_orphans(&batch).await?;
        if garbage != Garbage::default() {
            tracing::info!(
                garbage.unreferenced,
                garbage.orphaned,
                "removed blobs that no version names"
            );
        }
        Ok(garbage)
    }

    /// The row goes before the bytes: cut short in between, what remains is an orphan.
    async fn collect_unreferenced(&self, before: Timestamp) -> Result<u64, GarbageError> {
        let _alone = self.collection().write().await;
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::BlobsAlone).await?;
        let ids: Vec<String> = query(
            "DELETE FROM blobs WHERE sha256 IN
                 (SELECT sha256 FROM blobs b WHERE unreferenced_at IS NOT NULL AND unreferenced_at <= $1
                     AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.blob = b.sha256)
                     AND NOT EXISTS (SELECT 1 FROM trash_blobs t WHERE t.blob = b.sha256) LIMIT $2)
             RETURNING sha256",
        )
        .bind(before.as_millis())
        .bind(BATCH as i64)
        .scalars(&mut tx)
        .await?;
        tx.commit().await?;
        for id in &ids {
            let id: BlobId = id
                .parse()
                .map_err(|error: IdError| StoreError::unreadable("blobs.sha256", error))?;
            self.blobs().remove(&id).await?;
        }
        Ok(ids.len() as u64)
    }

    async fn collect_orphans(&self, batch: &[BlobId]) -> Result<u64, GarbageError> {
        if batch.is_empty() {
            return Ok(0);
        }
        let _alone = self.collection().write().await;
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::BlobsAlone).await?;
        let mut sql = Sql::new("SELECT sha256 FROM blobs WHERE sha256 IN (");
        sql.push_list(batch.iter().map(BlobId::to_string)).push(")");
        let known: Vec<String> = sql.build().scalars(&mut tx).await?;
        let mut removed = 0;
        for id in batch.iter().filter(|id| !known.contains(&id.to_string())) {
            self.blobs().remove(id).await?;
            removed += 1;
        }
        // Nothing was written; until here the lock kept uploads on other nodes away.
        tx.commit().await?;
        Ok(removed)
    }
}
