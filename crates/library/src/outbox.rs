//! The outbox: what happened, written in the transaction that made it happen, for whoever has to hear of it.

use serde_json::{Value, json};

use crate::asset::timestamp;
use crate::database::{Transaction, query};
use crate::error::StoreError;
use crate::id::{FileId, VersionId};
use crate::library::Library;
use crate::timestamp::Timestamp;

/// Something that happened. Readers may see one twice and must not mind.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the order of events.
    pub id: i64,
    /// What happened.
    pub kind: EventKind,
    /// To which file.
    pub file: FileId,
    /// `fileId`, `versionId` and `filePath` as they were.
    pub body: Value,
    /// When.
    pub created_at: Timestamp,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A file was uploaded to a new path.
    FileCreated,
    /// A file was uploaded again.
    FileVersionCreated,
    /// Something that is said of a file changed.
    FileUpdated,
    /// A file went, with all its versions.
    FileDeleted,
}

impl EventKind {
    const ALL: [Self; 4] = [
        Self::FileCreated,
        Self::FileVersionCreated,
        Self::FileUpdated,
        Self::FileDeleted,
    ];

    /// The name that webhooks use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileCreated => "file.created",
            Self::FileVersionCreated => "file-version.created",
            Self::FileUpdated => "file.updated",
            Self::FileDeleted => "file.deleted",
        }
    }
}

/// Adds an event to the transaction that causes it.
pub(crate) async fn append(
    tx: &mut Transaction,
    kind: EventKind,
    file: FileId,
    version: VersionId,
    path: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let body = json!({ "fileId": file, "versionId": version, "filePath": path });
    query("INSERT INTO outbox (kind, file_id, body, created_at) VALUES ($1, $2, $3, $4)")
        .bind(kind.as_str())
        .bind(file.to_string())
        .bind(body.to_string())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

impl Library {
    /// Events after the one with this id, in order; 0 begins with the first. Those marked as delivered are left out.
    pub async fn outbox_after(&self, id: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = query(
            "SELECT id, kind, file_id, body, created_at FROM outbox
             WHERE id > $1 AND delivered_at IS NULL ORDER BY id LIMIT $2",
        )
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(self.database().reader())
        .await?;
        rows.iter()
            .map(|row| {
                let kind: &str = row.try_get("kind")?;
                let file: &str = row.try_get("file_id")?;
                let body: &str = row.try_get("body")?;
                Ok(Event {
                    id: row.try_get("id")?,
                    kind: EventKind::ALL
                        .into_iter()
                        .find(|known| known.as_str() == kind)
                        .ok_or_else(|| StoreError::unreadable("outbox.kind", kind.to_owned()))?,
                    file: file
                        .parse()
                        .map_err(|error| StoreError::unreadable("outbox.file_id", error))?,
                    body: serde_json::from_str(body).map_err(|error| StoreError::unreadable("outbox.body", error))?,
                    created_at: timestamp(row, "created_at")?,
                })
            })
            .collect()
    }

    /// Notes that everybody has heard of an event. Doing so twice keeps the first time.
    pub async fn mark_delivered(&self, event: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.database().begin().await?;
        query("UPDATE outbox SET delivered_at = $1 WHERE id = $2 AND delivered_at IS NULL")
            .bind(now.as_millis())
            .bind(event)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
