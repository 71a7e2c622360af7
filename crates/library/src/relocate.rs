//! Moving a file to another folder, and giving it another name.

use crate::asset::Asset;
use crate::change::{ChangeError, current, file_at, folder_id, folder_of, history, lock_files};
use crate::copy::{Place, find_place, lock_paths, make_room};
use crate::database::{Lock, Transaction, query};
use crate::id::{FileId, PurgeId};
use crate::index;
use crate::library::Library;
use crate::locks;
use crate::name::{FileName, FolderPath};
use crate::outbox::{self, EventKind};
use crate::purges::{self, PurgeOrder};
use crate::race::retried;
use crate::timestamp::Timestamp;

impl Library {
    /// Moves the file at a path, with all its versions, into a folder, which is created if absent. The file keeps its id,
    /// unless one of the same name is there already: that one takes up the versions, and the moved current one becomes
    /// its current one.
    pub async fn move_file(
        &self,
        source: &str,
        destination: &FolderPath,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        retried(|| self.try_move_file(source, destination, now)).await
    }

    async fn try_move_file(
        &self,
        source: &str,
        destination: &FolderPath,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        let place = find_place(&mut tx, source, destination, now).await?;
        let file = move_into(&mut tx, &place, self.limits().versions_per_file, now).await?;
        let asset = current(&mut tx, file).await?.ok_or_else(ChangeError::lost_race)?;
        tx.commit().await?;
        Ok(asset)
    }

    /// Gives the file at a path another name in its folder. All its versions have it then; the file keeps its id. `purge` is
    /// asked for in the same transaction: its id, if the quota allows one; without it the file is renamed all the same.
    pub async fn rename_file(
        &self,
        path: &str,
        name: &FileName,
        purge: Option<&PurgeOrder>,
        now: Timestamp,
    ) -> Result<(Asset, Option<PurgeId>), ChangeError> {
        retried(|| self.try_rename_file(path, name, purge, now)).await
    }

    async fn try_rename_file(
        &self,
        path: &str,
        name: &FileName,
        purge: Option<&PurgeOrder>,
        now: Timestamp,
    ) -> Result<(Asset, Option<PurgeId>), ChangeError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        let folder = folder_of(path);
        let old = folder.join(&FileName::stored(crate::lookup::split(path).1.to_owned()));
        let new = folder.join(name);
        lock_paths(&mut tx, [&old, &new]).await?;
        let file = file_at(&mut tx, &old)
            .await?
            .ok_or_else(|| ChangeError::NoFileAt(path.to_owned()))?;
        if old == new {
            return Err(ChangeError::SamePlace(new));
        }
        locks::refuse_if_locked(&mut tx, &folder).await?;
        if file_at(&mut tx, &new).await?.is_some() {
            return Err(ChangeError::PathTaken(new));
        }
        if lock_files(&mut tx, &[file]).await?.is_empty() {
            return Err(ChangeError::lost_race());
        }
        query("UPDATE versions SET name = $1, updated_at = $2 WHERE file_id = $3")
            .bind(name.as_str())
            .bind(now.as_millis())
            .bind(file.to_string())
            .execute(&mut tx)
            .await?;
        for generation in history(&mut tx, file).await? {
            index::index(&mut tx, generation.version).await?;
        }
        let asset = current(&mut tx, file).await?.ok_or_else(ChangeError::lost_race)?;
        outbox::append(&mut tx, EventKind::FileUpdated, file, asset.version.id, &new, now).await?;
        let purge = match purge {
            Some(order) => purges::create(&mut tx, order, now).await?,
            None => None,
        };
        tx.commit().await?;
        Ok((asset, purge))
    }
}

/// Moves a file's versions to a place. Which file they belong to there.
pub(crate) async fn move_into(
    tx: &mut Transaction,
    place: &Place,
    limit: u32,
    now: Timestamp,
) -> Result<FileId, ChangeError> {
    let folder = folder_id(tx, &place.folder).await?;
    let path = place.path();
    let Some(occupant) = place.occupant else {
        query("UPDATE versions SET folder_id = $1, updated_at = $2 WHERE file_id = $3")
            .bind(folder.to_string())
            .bind(now.as_millis())
            .bind(place.file.to_string())
            .execute(&mut *tx)
            .await?;
        let asset = current(tx, place.file).await?.ok_or_else(ChangeError::lost_race)?;
        let event = outbox::moved(&asset.id.to_string(), &asset.version.id.to_string(), &path);
        outbox::append_all(tx, &[event], now).await?;
        return Ok(place.file);
    };
    let gone = current(tx, place.file).await?.ok_or_else(ChangeError::lost_race)?;
    let moved = history(tx, place.file).await?;
    let room = make_room(tx, occupant, moved.len(), &path, limit).await?;
    for (number, generation) in (room.first_number..).zip(&moved) {
        query(
            "UPDATE versions SET file_id = $1, number = $2, folder_id = $3, created_at = $4, updated_at = $5 WHERE id = $6",
        )
        .bind(occupant.to_string())
        .bind(number)
        .bind(folder.to_string())
        .bind(room.created_at.as_millis())
        .bind(now.as_millis())
        .bind(generation.version.to_string())
        .execute(&mut *tx)
        .await?;
        index::index(tx, generation.version).await?;
    }
    query("DELETE FROM files WHERE id = $1")
        .bind(place.file.to_string())
        .execute(&mut *tx)
        .await?;
    let (into, file) = (occupant.to_string(), place.file.to_string());
    let events = outbox::merged(&into, &path, &file, &gone.path(), &gone.version.id.to_string());
    outbox::append_all(tx, &events, now).await?;
    Ok(occupant)
}
