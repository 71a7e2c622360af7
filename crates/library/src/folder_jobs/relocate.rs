//! One step of moving or renaming a folder.

use serde::{Deserialize, Serialize};

use super::copy::{held, there, too_many};
use super::walk::{self, Page, Place};
use super::{BATCH, Order};
use crate::database::{Sql, Transaction, query};
use crate::error::StoreError;
use crate::folder;
use crate::index;
use crate::jobs::{ItemFailure, JobError, Progress};
use crate::library::Library;
use crate::name::{FileName, FolderPath};
use crate::outbox::{self, EventKind, EventRow};
use crate::timestamp::Timestamp;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// In the source.
    #[serde(default)]
    place: Place,
    /// A folder that has just been moved whole, whose files others have to hear of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Moved {
    root: String,
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
        if let Some(moved) = &mut cursor.moved {
            let root = FolderPath::stored(moved.root.clone());
            match walk::next(tx, &root, &mut moved.place, left).await? {
                None => cursor.moved = None,
                Some(page) => {
                    tell(tx, &page, now).await?;
                    progress.done += page.files.len() as u64;
                    left = left.saturating_sub(page.files.len().max(1));
                }
            }
            continue;
        }
        let Some(page) = walk::next(tx, &order.source(), &mut cursor.place, left).await? else {
            folder::remove_empty(tx, &order.source(), now).await?;
            return Ok((progress, true));
        };
        left = left.saturating_sub(page.files.len().max(1));
        let target = order.target_of(page.folder.path.as_str());
        match folder::find(&mut *tx, &target).await? {
            None => {
                let is_all = page.folder.path.as_str() == order.source;
                move_whole(tx, &page, &target, now).await?;
                // Nothing of it is left to walk through.
                cursor.place = Place {
                    folder: Some(page.folder.path.as_str().to_owned()),
                    after: None,
                };
                cursor.moved = Some(Moved {
                    root: target.as_str().to_owned(),
                    place: Place::default(),
                });
                if is_all {
                    // The usual case. Seen by others now, told to them in the steps that follow.
                    return Ok((progress, false));
                }
            }
            Some(id) => {
                progress.done += page.files.len() as u64;
                let failures = merge_page(library, tx, &page, &target, &id.to_string(), now).await?;
                progress.failures.extend(failures);
            }
        }
    }
    Ok((progress, false))
}

/// Gives a folder another path, and with it all below: one change, so that readers see the old paths or the new ones.
async fn move_whole(tx: &mut Transaction, page: &Page, target: &FolderPath, now: Timestamp) -> Result<(), StoreError> {
    let parent = folder::ensure(tx, &target.parent(), now).await?;
    let source = &page.folder.path;
    let id = page.folder.id.to_string();
    let (low, high) = source.range_below();
    let chars = i64::try_from(source.as_str().chars().count()).unwrap_or(i64::MAX);
    query("UPDATE folders SET path = $1 || substr(path, CAST($2 AS INTEGER)) WHERE path >= $3 AND path < $4")
        .bind(target.as_str())
        .bind(chars + 1)
        .bind(low)
        .bind(high)
        .execute(&mut *tx)
        .await?;
    query("UPDATE folders SET path = $2, name = $3, parent_id = $4, updated_at = $5 WHERE id = $1")
        .bind(id.as_str())
        .bind(target.as_str())
        .bind(target.name())
        .bind(parent.to_string())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
    if target.name() != source.name() {
        folder::renamed(tx, &id).await?;
    }
    Ok(())
}

async fn tell(tx: &mut Transaction, page: &Page, now: Timestamp) -> Result<(), StoreError> {
    let folder = page
        .is_first
        .then(|| EventRow::of_folder(EventKind::FolderUpdated, &page.folder));
    let files = page.files.iter().map(|file| {
        let path = page.folder.path.join(&FileName::stored(file.name.clone()));
        outbox::moved(&file.file, &file.version, &path)
    });
    let events: Vec<EventRow> = folder.into_iter().chain(files).collect();
    outbox::append_all(tx, &events, now).await?;
    Ok(())
}

/// Moves files into a folder that is there. A file that finds another of its name becomes versions of that.
async fn merge_page(
    library: &Library,
    tx: &mut Transaction,
    page: &Page,
    target: &FolderPath,
    folder_id: &str,
    now: Timestamp,
) -> Result<Vec<ItemFailure>, JobError> {
    if page.files.is_empty() {
        return Ok(Vec::new());
    }
    let files = held(tx, &page.files).await?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let there = there(tx, folder_id, &files).await?;
    let (mut failures, mut events, mut free) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let path = target.join(&FileName::stored(file.name.clone()));
        match there.get(&file.name) {
            None => {
                free.push(file.file.as_str());
                events.push(outbox::moved(&file.file, &file.version, &path));
            }
            Some(existing) if become_versions(library, tx, &file.file, existing, folder_id, now).await? => {
                let gone = page.folder.path.join(&FileName::stored(file.name.clone()));
                events.extend(outbox::merged(existing, &path, &file.file, &gone, &file.version));
            }
            Some(_) => failures.push(too_many(library, &path)),
        }
    }
    if !free.is_empty() {
        let mut sql = Sql::new("UPDATE versions SET folder_id = ");
        sql.push_bind(folder_id)
            .push(", updated_at = ")
            .push_bind(now.as_millis())
            .push(" WHERE file_id IN (")
            .push_list(free)
            .push(")");
        sql.build().execute(&mut *tx).await?;
    }
    outbox::append_all(tx, &events, now).await?;
    Ok(failures)
}

/// Hangs the versions of one file behind those of another; false if there would be too many.
async fn become_versions(
    library: &Library,
    tx: &mut Transaction,
    file: &str,
    existing: &str,
    folder_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let counts = query(
        "SELECT last_number, created_at, (SELECT COUNT(*) FROM versions WHERE file_id IN ($1, $2)) AS versions,
             (SELECT last_number FROM files WHERE id = $2) AS more
         FROM files WHERE id = $1",
    )
    .bind(existing)
    .bind(file)
    .fetch_one(&mut *tx)
    .await?;
    let versions: i64 = counts.try_get("versions")?;
    if versions > i64::from(library.limits().versions_per_file) {
        return Ok(false);
    }
    let (last, more): (i64, i64) = (counts.try_get("last_number")?, counts.try_get("more")?);
    query("UPDATE files SET last_number = $2 WHERE id = $1")
        .bind(existing)
        .bind(last + more)
        .execute(&mut *tx)
        .await?;
    query("UPDATE versions SET is_current = FALSE WHERE file_id = $1 AND is_current")
        .bind(existing)
        .execute(&mut *tx)
        .await?;
    query(
        "UPDATE versions SET file_id = $2, folder_id = $3, number = number + $4, created_at = $5, updated_at = $6
         WHERE file_id = $1",
    )
    .bind(file)
    .bind(existing)
    .bind(folder_id)
    .bind(last)
    .bind(counts.try_get::<i64, _>("created_at")?)
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await?;
    index::retime(tx, existing).await?;
    query("DELETE FROM files WHERE id = $1").bind(file).execute(tx).await?;
    Ok(true)
}
