//! The outbox: what happened, written in the transaction that made it happen, for whoever has to hear of it.

use serde_json::{Value, json};

use crate::asset::timestamp;
use crate::database::{Row, Sql, Transaction, Value as Bound, Waiting, query};
use crate::error::StoreError;
use crate::folder::Folder;
use crate::id::{FileId, FolderId, VersionId};
use crate::library::Library;
use crate::name::FolderPath;
use crate::timestamp::Timestamp;

/// Something that happened. Readers may see one twice and must not mind.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the order of events.
    pub id: i64,
    /// What happened.
    pub kind: EventKind,
    /// To what.
    pub subject: Subject,
    /// Of a file: `fileId`, `versionId` and `filePath` as they were. Of a folder: all that [`Event::folder`] tells.
    pub body: Value,
    /// When.
    pub created_at: Timestamp,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A file.
    File(FileId),
    /// A folder.
    Folder(FolderId),
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
    /// A folder is at a new path: made for itself, or because something was put below it.
    FolderCreated,
    /// A folder has another path: it was moved or renamed, or one above it was.
    FolderUpdated,
    /// A folder went.
    FolderDeleted,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
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
        Self::FolderCreated,
        Self::FolderUpdated,
        Self::FolderDeleted,
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
            Self::FolderCreated => "folder.created",
            Self::FolderUpdated => "folder.updated",
            Self::FolderDeleted => "folder.deleted",
        }
    }

    /// True where it happens to folders, not to files.
    pub fn is_of_folders(self) -> bool {
        matches!(self, Self::FolderCreated | Self::FolderUpdated | Self::FolderDeleted)
    }
}

impl Event {
    pub(crate) fn of_row(row: &Row) -> Result<Self, StoreError> {
        let kind: &str = row.try_get("kind")?;
        let subject: &str = row.try_get("file_id")?;
        let body: &str = row.try_get("body")?;
        let kind = EventKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| StoreError::unreadable("outbox.kind", kind.to_owned()))?;
        let unreadable = |error| StoreError::unreadable("outbox.file_id", error);
        Ok(Self {
            id: row.try_get("id")?,
            kind,
            subject: if kind.is_of_folders() {
                Subject::Folder(subject.parse().map_err(unreadable)?)
            } else {
                Subject::File(subject.parse().map_err(unreadable)?)
            },
            body: serde_json::from_str(body).map_err(|error| StoreError::unreadable("outbox.body", error))?,
            created_at: timestamp(row, "created_at")?,
        })
    }

    /// The file that it is about.
    pub fn file(&self) -> Option<FileId> {
        match self.subject {
            Subject::File(file) => Some(file),
            Subject::Folder(_) => None,
        }
    }

    /// The folder that it is about, as it was then.
    pub fn folder(&self) -> Option<Folder> {
        let Subject::Folder(id) = self.subject else {
            return None;
        };
        let time = |key: &str| Timestamp::from_millis(self.body.get(key)?.as_i64()?).ok();
        Some(Folder {
            id,
            path: FolderPath::stored(self.body.get("folderPath")?.as_str()?.to_owned()),
            custom_metadata: self.body.get("customMetadata")?.as_object()?.clone(),
            created_at: time("createdAt")?,
            updated_at: time("updatedAt")?,
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
    /// The id of the file or folder.
    subject: String,
    body: String,
}

impl EventRow {
    pub(crate) fn new(kind: EventKind, file: &str, version: &str, path: &str) -> Self {
        Self {
            kind,
            subject: file.to_owned(),
            body: json!({ "fileId": file, "versionId": version, "filePath": path }).to_string(),
        }
    }

    pub(crate) fn of_folder(kind: EventKind, folder: &Folder) -> Self {
        Self {
            kind,
            subject: folder.id.to_string(),
            body: json!({
                "folderPath": folder.path.as_str(),
                "customMetadata": folder.custom_metadata,
                "createdAt": folder.created_at.as_millis(),
                "updatedAt": folder.updated_at.as_millis(),
            })
            .to_string(),
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
                event.subject.as_str().into(),
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
        subject: file.to_string(),
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
