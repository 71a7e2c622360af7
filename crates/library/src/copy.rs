//! Copying a file into another folder.

use crate::asset::Asset;
use crate::change::{ChangeError, current, file_at, folder_id, folder_of, history, lock_files};
use crate::columns::{Replaced, copy_version};
use crate::database::{Lock, Transaction, query};
use crate::folder;
use crate::id::{FileId, VersionId};
use crate::library::Library;
use crate::locks;
use crate::name::{FileName, FolderPath, random_text};
use crate::outbox;
use crate::race::retried;
use crate::timestamp::Timestamp;
use crate::upload::TOKEN_CHARS;

/// A file that stays, and the place where it shall be, too, or instead.
pub(crate) struct Place {
    /// The file at the source's path. The transaction holds it.
    pub file: FileId,
    /// The file that is at the destination already, which takes up the versions. The transaction holds it.
    pub occupant: Option<FileId>,
    /// The folder to go to.
    pub folder: FolderPath,
    /// The name there.
    pub name: FileName,
}

impl Place {
    pub(crate) fn path(&self) -> String {
        self.folder.join(&self.name)
    }
}

impl Library {
    /// Copies the file at a path into a folder, which is created if absent: its current version, or all of them. The copy
    /// is a file of its own; a file of the same name that is there already takes up the versions instead, and the copied
    /// current one becomes its current one.
    pub async fn copy_file(
        &self,
        source: &str,
        destination: &FolderPath,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        retried(|| self.try_copy_file(source, destination, all_versions, now)).await
    }

    async fn try_copy_file(
        &self,
        source: &str,
        destination: &FolderPath,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        tx.lock(Lock::BlobsShared).await?;
        let place = find_place(&mut tx, source, destination, now).await?;
        let file = copy_into(&mut tx, &place, all_versions, self.limits().versions_per_file, now).await?;
        let asset = current(&mut tx, file).await?.ok_or_else(ChangeError::lost_race)?;
        tx.commit().await?;
        Ok(asset)
    }
}

/// Finds the file at a path and what is at its place in another folder, and holds both. The folder is created if absent.
/// The transaction must hold the tree.
pub(crate) async fn find_place(
    tx: &mut Transaction,
    source: &str,
    destination: &FolderPath,
    now: Timestamp,
) -> Result<Place, ChangeError> {
    // Before the paths are locked, as in uploads: who creates a folder makes others wait for it.
    folder::ensure(tx, destination, now).await?;
    let (_, name) = crate::lookup::split(source);
    let name = FileName::stored(name.to_owned());
    let origin = folder_of(source).join(&name);
    let target = destination.join(&name);
    lock_paths(tx, [&origin, &target]).await?;
    let file = file_at(tx, &origin)
        .await?
        .ok_or_else(|| ChangeError::NoFileAt(source.to_owned()))?;
    if origin == target {
        return Err(ChangeError::SamePlace(target));
    }
    locks::refuse_if_locked(tx, &folder_of(&origin)).await?;
    locks::refuse_if_locked(tx, destination).await?;
    let occupant = file_at(tx, &target).await?;
    let both: Vec<FileId> = occupant.into_iter().chain([file]).collect();
    if lock_files(tx, &both).await?.len() < both.len() {
        return Err(ChangeError::lost_race());
    }
    Ok(Place {
        file,
        occupant,
        folder: destination.clone(),
        name,
    })
}

/// Holds paths, in an order that is everybody's, so that two never wait for each other.
pub(crate) async fn lock_paths<const N: usize>(
    tx: &mut Transaction,
    mut paths: [&String; N],
) -> Result<(), ChangeError> {
    paths.sort_unstable();
    for path in paths {
        tx.lock(Lock::Key(&format!("path:{path}"))).await?;
    }
    Ok(())
}

/// Copies a file's versions to a place. Which file they belong to there.
pub(crate) async fn copy_into(
    tx: &mut Transaction,
    place: &Place,
    all_versions: bool,
    limit: u32,
    now: Timestamp,
) -> Result<FileId, ChangeError> {
    let mut copied = history(tx, place.file).await?;
    copied.retain(|generation| all_versions || generation.is_current);
    let folder = folder_id(tx, &place.folder).await?;
    let (file, first, created_at) = match place.occupant {
        Some(occupant) => {
            let room = make_room(tx, occupant, copied.len(), &place.path(), limit).await?;
            (occupant, room.first_number, room.created_at)
        }
        None => {
            let file = FileId::generate(now);
            query("INSERT INTO files (id, last_number, created_at) VALUES ($1, $2, $3)")
                .bind(file.to_string())
                .bind(count(copied.len()))
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            (file, 1, now)
        }
    };
    let columns = crate::columns::of_versions(tx).await?;
    let mut current = None;
    for (number, generation) in (first..).zip(&copied) {
        // The first version of a file has its id.
        let id = if place.occupant.is_none() && number == first {
            VersionId::from(file)
        } else {
            VersionId::generate(now)
        };
        let replaced: [Replaced<'_>; 9] = [
            ("id", id.to_string().into()),
            ("file_id", file.to_string().into()),
            ("number", number.into()),
            ("is_current", generation.is_current.into()),
            ("token", random_text(TOKEN_CHARS).into()),
            ("folder_id", folder.to_string().into()),
            ("name", place.name.as_str().into()),
            ("created_at", created_at.as_millis().into()),
            ("updated_at", now.as_millis().into()),
        ];
        copy_version(tx, &columns, generation.version, replaced).await?;
        if generation.is_current {
            current = Some(id);
        }
    }
    let current = current.ok_or_else(ChangeError::lost_race)?.to_string();
    let event = outbox::copied(place.occupant.is_some(), &file.to_string(), &current, &place.path());
    outbox::append_all(tx, &[event], now).await?;
    Ok(file)
}

/// Where versions begin that a file takes up.
pub(crate) struct Room {
    pub first_number: i64,
    pub created_at: Timestamp,
}

/// Prepares a file for more versions, of which one will be its current one.
pub(crate) async fn make_room(
    tx: &mut Transaction,
    file: FileId,
    versions: usize,
    path: &str,
    limit: u32,
) -> Result<Room, ChangeError> {
    let held = history(tx, file).await?.len();
    if held + versions > limit as usize {
        return Err(ChangeError::TooManyVersions {
            path: path.to_owned(),
            limit,
        });
    }
    let row = query("UPDATE files SET last_number = last_number + $1 WHERE id = $2 RETURNING last_number, created_at")
        .bind(count(versions))
        .bind(file.to_string())
        .fetch_one(&mut *tx)
        .await?;
    query("UPDATE versions SET is_current = FALSE WHERE file_id = $1 AND is_current")
        .bind(file.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(Room {
        first_number: row.try_get::<i64, _>("last_number")? - count(versions) + 1,
        created_at: crate::asset::timestamp(&row, "created_at")?,
    })
}

/// At most as many as a file may have versions.
fn count(versions: usize) -> i64 {
    i64::try_from(versions).unwrap_or(i64::MAX)
}
