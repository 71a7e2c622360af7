//! Folders.

use serde_json::{Map, Value};

use crate::asset::{json_object, timestamp};
use crate::change::ChangeError;
use crate::database::{Lock, On, Row, Transaction, query};
use crate::error::StoreError;
use crate::id::FolderId;
use crate::index;
use crate::library::Library;
use crate::locks::refuse_if_locked;
use crate::name::FolderPath;
use crate::outbox::{self, EventKind, EventRow};
use crate::race::retried;
use crate::timestamp::Timestamp;

/// A folder of the library. The root is not among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Its absolute path; the last segment is its name.
    pub path: FolderPath,
    /// Values by field name.
    pub custom_metadata: serde_json::Map<String, serde_json::Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

pub(crate) const FOLDER_COLUMNS: &str = "f.id, f.path, f.custom_metadata, f.created_at, f.updated_at";

/// The same without the table's other name, for `RETURNING`.
const RETURNED: &str = "id, path, custom_metadata, created_at, updated_at";

impl Folder {
    pub(crate) fn of_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: folder_id(row.try_get("id")?)?,
            path: FolderPath::stored(row.try_get("path")?),
            custom_metadata: json_object(row, "custom_metadata")?,
            created_at: timestamp(row, "created_at")?,
            updated_at: timestamp(row, "updated_at")?,
        })
    }
}

fn folder_id(text: &str) -> Result<FolderId, StoreError> {
    text.parse()
        .map_err(|error| StoreError::unreadable("folders.id", error))
}

impl Library {
    /// Makes a folder and those above it; what is there already stays.
    pub async fn create_folder(&self, path: &FolderPath, now: Timestamp) -> Result<(), ChangeError> {
        retried(|| self.try_create_folder(path, now)).await
    }

    async fn try_create_folder(&self, path: &FolderPath, now: Timestamp) -> Result<(), ChangeError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        refuse_if_locked(&mut tx, path).await?;
        ensure(&mut tx, path, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The folder's id. The folder and those above it are created if absent.
pub(crate) async fn ensure(tx: &mut Transaction, path: &FolderPath, now: Timestamp) -> Result<FolderId, sqlx::Error> {
    ensure_with(tx, path, &Map::new(), now).await
}

/// The same with values that the folder gets if it is created; those above it get none.
pub(crate) async fn ensure_with(
    tx: &mut Transaction,
    path: &FolderPath,
    custom_metadata: &Map<String, Value>,
    now: Timestamp,
) -> Result<FolderId, sqlx::Error> {
    if let Some(id) = find(&mut *tx, path).await? {
        return Ok(id);
    }
    let mut parent = FolderId::ROOT;
    let mut events = Vec::new();
    for place in path.lineage() {
        let folder = Folder {
            id: FolderId::generate(now),
            custom_metadata: if place == *path {
                custom_metadata.clone()
            } else {
                Map::new()
            },
            path: place,
            created_at: now,
            updated_at: now,
        };
        let made = query(
            "INSERT INTO folders (id, parent_id, path, name, custom_metadata, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (path) DO NOTHING",
        )
        .bind(folder.id.to_string())
        .bind(parent.to_string())
        .bind(folder.path.as_str())
        .bind(folder.path.name())
        .bind(Value::Object(folder.custom_metadata.clone()).to_string())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
        if made == 1 {
            index::index_folder(tx, folder.id, folder.path.name()).await?;
            events.push(EventRow::of_folder(EventKind::FolderCreated, &folder));
        }
        parent = find(&mut *tx, &folder.path).await?.ok_or(sqlx::Error::RowNotFound)?;
    }
    outbox::append_all(tx, &events, now).await?;
    Ok(parent)
}

pub(crate) async fn find<'c>(on: impl Into<On<'c>>, path: &FolderPath) -> Result<Option<FolderId>, sqlx::Error> {
    let id: Option<String> = query("SELECT id FROM folders WHERE path = $1")
        .bind(path.as_str())
        .scalar_optional(on)
        .await?;
    id.map(|id| {
        id.parse()
            .map_err(|error: crate::id::IdError| sqlx::Error::Decode(error.into()))
    })
    .transpose()
}

/// A folder has another name, which its row tells already: what finds folders by the words of their names learns the new one.
pub(crate) async fn renamed(tx: &mut Transaction, folder: &str) -> Result<(), sqlx::Error> {
    let name: String = query("SELECT name FROM folders WHERE id = $1")
        .bind(folder)
        .scalar(&mut *tx)
        .await?;
    let id = folder
        .parse()
        .map_err(|error: crate::id::IdError| sqlx::Error::Decode(error.into()))?;
    index::index_folder(tx, id, &name).await
}

/// Removes a folder and those below it where they are empty, from below. One with files in it stays, and those above it.
pub(crate) async fn remove_empty(tx: &mut Transaction, path: &FolderPath, now: Timestamp) -> Result<(), StoreError> {
    let (low, high) = path.range_below();
    loop {
        let sql = format!(
            "DELETE FROM folders WHERE (path = $1 OR (path >= $2 AND path < $3))
                 AND NOT EXISTS (SELECT 1 FROM folders c WHERE c.parent_id = folders.id)
                 AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.folder_id = folders.id)
             RETURNING {RETURNED}"
        );
        let removed = query(sql)
            .bind(path.as_str())
            .bind(low.as_str())
            .bind(high.as_str())
            .fetch_all(&mut *tx)
            .await?;
        if removed.is_empty() {
            return Ok(());
        }
        let gone = removed
            .iter()
            .map(|row| Ok(EventRow::of_folder(EventKind::FolderDeleted, &Folder::of_row(row)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        outbox::append_all(tx, &gone, now).await?;
    }
}
