//! Changing what is said of a file: tags, custom metadata, description, publication.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::account::{self, CustomMetadata, ValuesMode};
use crate::asset::{AiTag, Asset};
use crate::change::{ChangeError, current, lock_files};
use crate::database::{Sql, Transaction, query};
use crate::follow_up::{self, FollowUp};
use crate::id::FileId;
use crate::index;
use crate::library::Library;
use crate::name::random_text;
use crate::outbox::{self, EventKind};
use crate::race::retried;
use crate::tags::{Tags, TagsError};
use crate::timestamp::Timestamp;
use crate::upload::{CUSTOM_COORDINATES_BYTES, TOKEN_CHARS, json};

/// What to change of a file's current version. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileEdit {
    /// Machine-given tags that go.
    pub remove_ai_tags: Option<AiTagRemoval>,
    /// The tags from now on; empty for none.
    pub tags: Option<Tags>,
    /// `x,y,width,height`; `Some(None)` takes it away.
    pub custom_coordinates: Option<Option<String>>,
    /// Values by field name, put over those that there are; `null` takes one away.
    pub custom_metadata: Option<Map<String, Value>>,
    /// Free text; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// Jobs about the file that the edit causes. They alone do not count as a change.
    pub follow_ups: Vec<FollowUp>,
}

impl FileEdit {
    fn changes_something(&self) -> bool {
        self.remove_ai_tags.is_some()
            || self.tags.is_some()
            || self.custom_coordinates.is_some()
            || self.custom_metadata.is_some()
            || self.description.is_some()
    }
}

/// Which machine-given tags go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AiTagRemoval {
    /// All.
    All,
    /// Those with these names, whoever gave them.
    Names(Vec<String>),
}

/// A change of tags of several files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// Puts those behind the tags of a file that it does not have yet.
    Add(Tags),
    /// Takes those away that a file has.
    Remove(Tags),
    /// Takes machine-given tags away by name.
    RemoveAi(Vec<String>),
}

/// What became of a change of several files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TagsChanged {
    /// Files that are now as wanted.
    pub done: Vec<FileId>,
    /// Files that were left as they are, and why.
    pub refused: Vec<(FileId, TagsError)>,
}

impl Library {
    /// Changes a file's current version. An edit that says nothing changes nothing.
    pub async fn edit(&self, file: FileId, edit: &FileEdit, now: Timestamp) -> Result<Asset, ChangeError> {
        retried(|| self.try_edit(file, edit, now)).await
    }

    async fn try_edit(&self, file: FileId, edit: &FileEdit, now: Timestamp) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        lock_files(&mut tx, &[file]).await?;
        let mut asset = current(&mut tx, file).await?.ok_or(ChangeError::NoFile(file))?;
        if edit.changes_something() {
            self.apply(&mut tx, edit, &mut asset).await?;
            asset.updated_at = now;
            write(&mut tx, &asset).await?;
        }
        follow_up::enqueue(&mut tx, &edit.follow_ups, file, asset.version.id, now).await?;
        tx.commit().await?;
        Ok(asset)
    }

    async fn apply(&self, tx: &mut Transaction, edit: &FileEdit, asset: &mut Asset) -> Result<(), ChangeError> {
        match &edit.remove_ai_tags {
            Some(AiTagRemoval::All) => asset.ai_tags.clear(),
            Some(AiTagRemoval::Names(names)) => remove_by_name(&mut asset.ai_tags, names),
            None => {}
        }
        if let Some(tags) = &edit.tags {
            asset.tags = tags.as_slice().to_vec();
        }
        if let Some(coordinates) = &edit.custom_coordinates {
            asset.custom_coordinates.clone_from(coordinates);
        }
        if let Some(description) = &edit.description {
            asset.description.clone_from(description);
        }
        if let Some(values) = &edit.custom_metadata {
            asset.custom_metadata = merge_custom_metadata(tx, &asset.custom_metadata, values).await?;
        }
        self.check_sizes(asset)
    }

    fn check_sizes(&self, asset: &Asset) -> Result<(), ChangeError> {
        let limits = self.limits();
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        for (field, found, limit) in [
            ("description", text(&asset.description), limits.description_bytes),
            (
                "custom metadata",
                json(&asset.custom_metadata).len(),
                limits.custom_metadata_bytes,
            ),
            (
                "custom coordinates",
                text(&asset.custom_coordinates),
                CUSTOM_COORDINATES_BYTES,
            ),
        ] {
            if found > limit {
                return Err(ChangeError::TooLong { field, found, limit });
            }
        }
        Ok(())
    }

    /// Makes a file public or a draft; `all_versions` with its older versions. A version that becomes a draft gets a new
    /// token, so that a URL that asked for it stays dead when it is published again.
    pub async fn publish(
        &self,
        file: FileId,
        is_published: bool,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        retried(|| self.try_publish(file, is_published, all_versions, now)).await
    }

    async fn try_publish(
        &self,
        file: FileId,
        is_published: bool,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Asset, ChangeError> {
        let mut tx = self.database().begin().await?;
        lock_files(&mut tx, &[file]).await?;
        let mut sql = Sql::new("SELECT id FROM versions WHERE file_id = ");
        sql.push_bind(file.to_string()).push(" AND is_published <> ");
        sql.push_bind(is_published);
        if !all_versions {
            sql.push(" AND is_current");
        }
        let changed: Vec<String> = sql.build().scalars(&mut tx).await?;
        for version in &changed {
            let mut sql = Sql::new("UPDATE versions SET is_published = ");
            sql.push_bind(is_published).push(", updated_at = ");
            sql.push_bind(now.as_millis());
            if !is_published {
                sql.push(", token = ").push_bind(random_text(TOKEN_CHARS));
            }
            sql.push(" WHERE id = ").push_bind(version);
            sql.build().execute(&mut tx).await?;
        }
        let asset = current(&mut tx, file).await?.ok_or(ChangeError::NoFile(file))?;
        if !changed.is_empty() {
            outbox::append(
                &mut tx,
                EventKind::FileUpdated,
                file,
                asset.version.id,
                &asset.path(),
                now,
            )
            .await?;
            tx.commit().await?;
        }
        Ok(asset)
    }

    /// Changes tags of several files, all in one transaction. If any of them is unknown, nothing is changed.
    pub async fn change_tags(
        &self,
        files: &[FileId],
        change: &TagChange,
        now: Timestamp,
    ) -> Result<TagsChanged, ChangeError> {
        retried(|| self.try_change_tags(files, change, now)).await
    }

    async fn try_change_tags(
        &self,
        files: &[FileId],
        change: &TagChange,
        now: Timestamp,
    ) -> Result<TagsChanged, ChangeError> {
        let mut tx = self.database().begin().await?;
        let files = lock_all(&mut tx, files).await?;
        let mut result = TagsChanged::default();
        for file in files {
            let mut asset = current(&mut tx, file).await?.ok_or_else(ChangeError::lost_race)?;
            let before = (asset.tags.clone(), asset.ai_tags.len());
            match change {
                TagChange::Add(tags) => match Tags::new(asset.tags.iter().chain(tags.as_slice())) {
                    Ok(tags) => asset.tags = tags.as_slice().to_vec(),
                    Err(error) => {
                        result.refused.push((file, error));
                        continue;
                    }
                },
                TagChange::Remove(tags) => {
                    let gone: HashSet<&String> = tags.as_slice().iter().collect();
                    asset.tags.retain(|tag| !gone.contains(tag));
                }
                TagChange::RemoveAi(names) => remove_by_name(&mut asset.ai_tags, names),
            }
            if (&asset.tags, asset.ai_tags.len()) != (&before.0, before.1) {
                asset.updated_at = now;
                write(&mut tx, &asset).await?;
            }
            result.done.push(file);
        }
        tx.commit().await?;
        Ok(result)
    }
}

/// Holds all of these files, each once and in the order given, or says which are missing.
pub(crate) async fn lock_all(tx: &mut Transaction, files: &[FileId]) -> Result<Vec<FileId>, ChangeError> {
    let mut seen = HashSet::new();
    let files: Vec<FileId> = files.iter().copied().filter(|file| seen.insert(*file)).collect();
    let there: HashSet<FileId> = lock_files(tx, &files).await?.into_iter().collect();
    let missing: Vec<FileId> = files.iter().copied().filter(|file| !there.contains(file)).collect();
    if missing.is_empty() {
        Ok(files)
    } else {
        Err(ChangeError::MissingFiles(missing))
    }
}

fn remove_by_name(tags: &mut Vec<AiTag>, names: &[String]) {
    let gone: HashSet<&String> = names.iter().collect();
    tags.retain(|tag| !gone.contains(&tag.name));
}

/// Puts values over those that a file has, where the library's fields take them; `null` takes one away.
async fn merge_custom_metadata(
    tx: &mut Transaction,
    present: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, ChangeError> {
    // In the transaction, so that a field that is deleted meanwhile gets no more values.
    let fields = account::custom_metadata_fields(tx, true).await?;
    CustomMetadata::validate(given, &fields, ValuesMode::Merge(present))
        .map_err(|errors| ChangeError::CustomMetadata(errors.0))
}

/// Writes what people and machines say of a file, and that it has changed.
pub(crate) async fn write(tx: &mut Transaction, asset: &Asset) -> Result<(), sqlx::Error> {
    query(
        "UPDATE versions SET tags = $1, ai_tags = $2, custom_metadata = $3, custom_coordinates = $4, description = $5,
             updated_at = $6
         WHERE id = $7",
    )
    .bind(json(&asset.tags))
    .bind(json(&asset.ai_tags))
    .bind(json(&asset.custom_metadata))
    .bind(asset.custom_coordinates.as_deref())
    .bind(asset.description.as_deref())
    .bind(asset.updated_at.as_millis())
    .bind(asset.version.id.to_string())
    .execute(&mut *tx)
    .await?;
    index::index(tx, asset.version.id).await?;
    outbox::append(
        tx,
        EventKind::FileUpdated,
        asset.id,
        asset.version.id,
        &asset.path(),
        asset.updated_at,
    )
    .await?;
    Ok(())
}
