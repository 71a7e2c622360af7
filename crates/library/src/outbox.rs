//! The outbox: what happened, written in the transaction that made it happen, for whoever has to hear of it.

use serde_json::{Value, json};

use crate::asset::timestamp;
use crate::database::{Row, Sql, Transaction, Value as Bound, Waiting, query};
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
    /// A file is at a new path: uploaded, copied there, or brought back from the trash.
    FileCreated,
    /// A file got another version: it was uploaded again, or took up the versions of a file that was copied or moved to
    /// its place (one event, of the version that is then current), or a deleted version came back.
    FileVersionCreated,
    /// What is known of a file has changed, or its place.
    FileUpdated,
    /// A file went, with all its versions.
    FileDeleted,
    /// One version of a file went.
    FileVersionDeleted,
    /// What should be done with an upload before it is stored was done.
    PreTransformSucceeded,
    /// It was not, and nothing is stored.
    PreTransformFailed,
    /// What should be done with an upload once it is stored was done.
    PostTransformSucceeded,
    /// It was not.
    PostTransformFailed,
    /// A video is being made.
    VideoAccepted,
    /// A video was made.
    VideoReady,
    /// A video could not be made.
    VideoFailed,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::FileCreated,
        Self::FileVersionCreated,
        Self::FileUpdated,
        Self::FileDeleted,
        Self::FileVersionDeleted,
        Self::PreTransformSucceeded,
        Self::PreTransformFailed,
        Self::PostTransformSucceeded,
        Self::PostTransformFailed,
        Self::VideoAccepted,
        Self::VideoReady,
        Self::VideoFailed,
    ];

    /// The name that webhooks use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileCreated => "file.created",
            Self::FileVersionCreated => "file-version.created",
            Self::FileUpdated => "file.updated",
            Self::FileDeleted => "file.deleted",
            Self::FileVersionDeleted => "file-version.deleted",
            Self::PreTransformSucceeded => "upload.pre-transform.success",
            Self::PreTransformFailed => "upload.pre-transform.error",
            Self::PostTransformSucceeded => "upload.post-transform.success",
            Self::PostTransformFailed => "upload.post-transform.error",
            Self::VideoAccepted => "video.transformation.accepted",
            Self::VideoReady => "video.transformation.ready",
            Self::VideoFailed => "video.transformation.error",
        }
    }
}

impl Event {
    pub(crate) fn of_row(row: &Row) -> Result<Self, StoreError> {
        let kind: &str = row.try_get("kind")?;
        let file: &str = row.try_get("file_id")?;
        let body: &str = row.try_get("body")?;
        Ok(Self {
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
    append_all(
        tx,
        &[EventRow::new(kind, &file.to_string(), &version.to_string(), path)],
        now,
    )
    .await
}

/// An event to write.
pub(crate) struct EventRow {
    kind: EventKind,
    file: String,
    body: String,
}

impl EventRow {
    pub(crate) fn new(kind: EventKind, file: &str, version: &str, path: &str) -> Self {
        Self {
            kind,
            file: file.to_owned(),
            body: json!({ "fileId": file, "versionId": version, "filePath": path }).to_string(),
        }
    }
}

/// What is told of a file that came to a place by copying: one event, of the version that is current there, whether one
/// version came or many. `into` says that the file of this id was there and took them up.
pub(crate) fn copied(into: bool, file: &str, current: &str, path: &str) -> EventRow {
    let kind = if into {
        EventKind::FileVersionCreated
    } else {
        EventKind::FileCreated
    };
    EventRow::new(kind, file, current, path)
}

/// What is told of a file that was moved to a free place, or renamed: it is the same file.
pub(crate) fn moved(file: &str, current: &str, path: &str) -> EventRow {
    EventRow::new(EventKind::FileUpdated, file, current, path)
}

/// What is told of a file whose versions another one took up. Who knows files by their ids must hear that this one, which
/// was at `old_path`, is no more.
pub(crate) fn merged(into: &str, path: &str, file: &str, old_path: &str, current: &str) -> [EventRow; 2] {
    [
        copied(true, into, current, path),
        EventRow::new(EventKind::FileDeleted, file, current, old_path),
    ]
}

/// Adds events to the transaction that causes them.
pub(crate) async fn append_all(tx: &mut Transaction, events: &[EventRow], now: Timestamp) -> Result<(), sqlx::Error> {
    const ROWS: usize = 500;
    for some in events.chunks(ROWS) {
        let mut sql = Sql::new("INSERT INTO outbox (kind, file_id, body, created_at) VALUES ");
        for (at, event) in some.iter().enumerate() {
            sql.push(if at > 0 { ", (" } else { "(" });
            sql.push_list::<Bound>([
                event.kind.as_str().into(),
                event.file.as_str().into(),
                event.body.as_str().into(),
                now.as_millis().into(),
            ]);
            sql.push(")");
        }
        sql.build().execute(&mut *tx).await?;
    }
    if !events.is_empty() {
        tx.wake(Waiting::Events);
    }
    Ok(())
}

/// Adds an event that is not told by a file's facts: `body` has the `data` of the message, and its `request` and
/// `timings` if it has any.
pub(crate) async fn announce(
    tx: &mut Transaction,
    kind: EventKind,
    file: FileId,
    body: &Value,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let event = EventRow {
        kind,
        file: file.to_string(),
        body: body.to_string(),
    };
    append_all(tx, &[event], now).await
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
        rows.iter().map(Event::of_row).collect()
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
