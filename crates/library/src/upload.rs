//! The second half of an upload: a staged blob becomes a version of a file, in one transaction.

use serde_json::{Map, Value};

use crate::asset::{ASSET_COLUMNS, AiTag, Asset, FileType, MediaFacts};
use crate::blob::BlobError;
use crate::database::{Dialect, Lock, Transaction, query};
use crate::error::{Code, StoreError};
use crate::folder;
use crate::follow_up::{self, FollowUp};
use crate::id::{FileId, FolderId, IdError, VersionId};
use crate::index;
use crate::jobs::{Ending, JobError};
use crate::library::Library;
use crate::name::{FileName, FolderPath, random_text};
use crate::outbox::{self, EventKind};
use crate::race::{Race, retried};
use crate::stage::StagedBlob;
use crate::tags::Tags;
use crate::timestamp::Timestamp;

pub(crate) const TOKEN_CHARS: usize = 32;

/// Four numbers and three commas, with room to spare.
pub(crate) const CUSTOM_COORDINATES_BYTES: usize = 100;

/// A file to upload.
#[derive(Debug)]
pub struct NewFile {
    /// Where to. Folders that are absent are created.
    pub folder: FolderPath,
    /// Under which name.
    pub name: FileName,
    /// Add random characters to the name, so that it is new.
    pub use_unique_name: bool,
    /// Without a unique name: make a new version of a file that is there. Otherwise that is an error.
    pub overwrite_file: bool,
    /// Only as the next version of this file, after this version, which it is made of: it must not land elsewhere if the
    /// file was moved, deleted or replaced meanwhile. What is found out about that version holds for this one, too
    /// ([`Library::enrich`]).
    pub replaces: Option<(FileId, VersionId)>,
    /// On overwrite, and if `tags` is absent: drop the old ones.
    pub overwrite_tags: bool,
    /// On overwrite: drop the old machine-given tags.
    pub overwrite_ai_tags: bool,
    /// On overwrite, and if `custom_metadata` is absent: drop the old.
    pub overwrite_custom_metadata: bool,
    /// Tags, if given.
    pub tags: Option<Tags>,
    /// Values by field name, if given.
    pub custom_metadata: Option<Map<String, Value>>,
    /// What the file gets where it is given no custom metadata and keeps none.
    pub default_metadata: Map<String, Value>,
    /// Deliver through signed URLs only.
    pub is_private: bool,
    /// Deliver at all.
    pub is_published: bool,
    /// `x,y,width,height`, if given.
    pub custom_coordinates: Option<String>,
    /// Free text, if given; otherwise an overwritten file keeps its own.
    pub description: Option<String>,
    /// Jobs that the new version causes: enqueued if, and only if, it is stored.
    pub follow_ups: Vec<FollowUp>,
    /// The bytes.
    pub staged: StagedBlob,
    /// What they are.
    pub media: MediaFacts,
}

impl NewFile {
    /// A file with the defaults of the upload API: a unique name, everything old overwritten, public.
    pub fn new(folder: FolderPath, name: FileName, staged: StagedBlob, media: MediaFacts) -> Self {
        Self {
            folder,
            name,
            use_unique_name: true,
            overwrite_file: true,
            replaces: None,
            overwrite_tags: true,
            overwrite_ai_tags: true,
            overwrite_custom_metadata: true,
            tags: None,
            custom_metadata: None,
            default_metadata: Map::new(),
            is_private: false,
            is_published: true,
            custom_coordinates: None,
            description: None,
            follow_ups: Vec::new(),
            staged,
            media,
        }
    }
}

/// Why a file was not uploaded. Nothing of it is listed or served.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The path is taken and overwriting was not wanted.
    #[error("a file is already at `{0}`")]
    PathTaken(String),
    /// The file that was to be replaced is not there any more, or has been replaced already.
    #[error("the file has been deleted, moved or replaced since")]
    Gone,
    /// The file has as many versions as it may have.
    #[error("the file at `{path}` has {limit} versions already, and may not have more")]
    TooManyVersions {
        /// The file's path.
        path: String,
        /// How many it may have.
        limit: u32,
    },
    /// A text that is too long.
    #[error("the {field} has {found} bytes; {limit} are allowed")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// Its bytes.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// The bytes could not be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The job that it was uploaded for is not held any more.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UploadError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::PathTaken(_) | Self::Gone | Self::TooManyVersions { .. } => Code::Conflict,
            Self::TooLong { .. } => Code::Invalid,
            Self::Blob(error) => error.code(),
            Self::Job(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl Race for UploadError {
    fn is_lost(&self) -> bool {
        match self {
            Self::Store(error) => error.is_lost(),
            Self::Job(error) => error.is_lost(),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for UploadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Library {
    /// Makes the staged blob a new file, or a new version of the file that is at its path. When this returns, it is on
    /// the disk.
    pub async fn upload(&self, file: NewFile, now: Timestamp) -> Result<Asset, UploadError> {
        self.store(file, None, now).await
    }

    /// The same for a job, which ends with it: either both happen or neither does.
    pub async fn upload_for_job(
        &self,
        file: NewFile,
        ending: &Ending<'_>,
        now: Timestamp,
    ) -> Result<Asset, UploadError> {
        self.store(file, Some(ending), now).await
    }

    async fn store(
        &self,
        mut file: NewFile,
        ending: Option<&Ending<'_>>,
        now: Timestamp,
    ) -> Result<Asset, UploadError> {
        self.check(&mut file)?;
        // Before any lock and transaction: a disk that syncs is slow, and an object storage slower. Under the locks it is
        // only looked at again, and written again if garbage was collected in between.
        file.staged.promote(self.blobs()).await?;
        // Read, not write: uploads do not wait for each other here, only for the collection of garbage.
        let _blob_stays = self.collection().read().await;
        if self.database().dialect() == Dialect::Sqlite {
            file.staged.promote(self.blobs()).await?;
        }
        retried(|| self.record(&file, ending, now)).await
    }

    fn check(&self, file: &mut NewFile) -> Result<(), UploadError> {
        let limits = self.limits();
        let json_bytes = |map: &Option<Map<String, Value>>| map.as_ref().map_or(0, |map| json(map).len());
        let description = file.description.as_ref().map_or(0, String::len);
        let coordinates = file.custom_coordinates.as_ref().map_or(0, String::len);
        for (field, found, limit) in [
            ("description", description, limits.description_bytes),
            (
                "custom metadata",
                json_bytes(&file.custom_metadata),
                limits.custom_metadata_bytes,
            ),
            ("custom coordinates", coordinates, CUSTOM_COORDINATES_BYTES),
        ] {
            if found > limit {
                return Err(UploadError::TooLong { field, found, limit });
            }
        }
        // What a camera wrote is not the sender's fault, and the bytes keep it: the file is worth more than its index.
        if json_bytes(&file.media.embedded_metadata) > limits.embedded_metadata_bytes {
            tracing::warn!(name = %file.name, "the embedded metadata is too large and was left out of the index");
            file.media.embedded_metadata = None;
        }
        Ok(())
    }

    /// The one transaction: folders, blob, file, version, event, the end of the job.
    async fn record(&self, file: &NewFile, ending: Option<&Ending<'_>>, now: Timestamp) -> Result<Asset, UploadError> {
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeShared).await?;
        // Another node may collect garbage: from here on it leaves the blob alone.
        tx.lock(Lock::BlobsShared).await?;
        if self.database().dialect() == Dialect::Postgres {
            file.staged.promote(self.blobs()).await?;
        }
        let folder = folder::ensure(&mut tx, &file.folder, now).await?;
        let name = if file.use_unique_name {
            file.name.with_unique_suffix()
        } else {
            file.name.clone()
        };
        let place = Place { folder, name: &name };
        query(
            "INSERT INTO blobs (sha256, size, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (sha256) DO UPDATE SET unreferenced_at = NULL",
        )
        .bind(file.staged.id().to_string())
        .bind(stored(file.staged.size()))
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        if !file.use_unique_name {
            tx.lock(Lock::Key(&format!("path:{}", file.folder.join(&name)))).await?;
        }
        // A unique name that is taken after all breaks the index and is drawn again.
        let existing = if file.use_unique_name {
            None
        } else {
            find(&mut tx, &place).await?
        };
        if let Some((expected, _)) = file.replaces
            && existing != Some(expected)
        {
            return Err(UploadError::Gone);
        }
        let version = match existing {
            None => create(&mut tx, file, &place, now).await?,
            Some(id) => self.overwrite(&mut tx, id, file, &place, now).await?,
        };
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.id = $1");
        let row = query(sql).bind(version.to_string()).fetch_one(&mut tx).await?;
        let asset = Asset::of_row(&row)?;
        let kind = if existing.is_none() {
            EventKind::FileCreated
        } else {
            EventKind::FileVersionCreated
        };
        outbox::append(&mut tx, kind, asset.id, version, &asset.path(), now).await?;
        follow_up::enqueue(&mut tx, &file.follow_ups, asset.id, version, now).await?;
        if let Some(ending) = ending {
            ending.write(&mut tx, &asset, now).await?;
        }
        tx.commit().await?;
        Ok(asset)
    }

    async fn overwrite(
        &self,
        tx: &mut Transaction,
        id: FileId,
        file: &NewFile,
        place: &Place<'_>,
        now: Timestamp,
    ) -> Result<VersionId, UploadError> {
        let path = || file.folder.join(place.name);
        if !file.overwrite_file {
            return Err(UploadError::PathTaken(path()));
        }
        // First of all, because it locks the file's row where transactions run side by side. If the file is gone by
        // now, there is no row and the attempt is repeated.
        let number: i64 = query("UPDATE files SET last_number = last_number + 1 WHERE id = $1 RETURNING last_number")
            .bind(id.to_string())
            .scalar(&mut *tx)
            .await?;
        let count: i64 = query("SELECT COUNT(*) FROM versions WHERE file_id = $1")
            .bind(id.to_string())
            .scalar(&mut *tx)
            .await?;
        let limit = self.limits().versions_per_file;
        if count >= i64::from(limit) {
            return Err(UploadError::TooManyVersions { path: path(), limit });
        }
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.file_id = $1 AND v.is_current");
        let row = query(sql).bind(id.to_string()).fetch_one(&mut *tx).await?;
        let old = Asset::of_row(&row)?;
        if file.replaces.is_some_and(|(_, version)| version != old.version.id) {
            return Err(UploadError::Gone);
        }
        query("UPDATE versions SET is_current = FALSE WHERE id = $1")
            .bind(old.version.id.to_string())
            .execute(&mut *tx)
            .await?;
        let carried = Carried {
            tags: if file.overwrite_tags { &[] } else { &old.tags },
            ai_tags: if file.overwrite_ai_tags { &[] } else { &old.ai_tags },
            custom_metadata: (!file.overwrite_custom_metadata).then_some(&old.custom_metadata),
            description: old.description.as_deref(),
            created_at: old.created_at,
        };
        let identity = Identity {
            file: id,
            version: VersionId::generate(now),
            number,
        };
        insert(tx, file, place, &identity, &carried, now).await?;
        Ok(identity.version)
    }
}

struct Place<'a> {
    folder: FolderId,
    name: &'a FileName,
}

struct Identity {
    file: FileId,
    version: VersionId,
    number: i64,
}

/// What a version takes over where the upload does not say otherwise.
struct Carried<'a> {
    tags: &'a [String],
    ai_tags: &'a [AiTag],
    custom_metadata: Option<&'a Map<String, Value>>,
    description: Option<&'a str>,
    created_at: Timestamp,
}

async fn find(tx: &mut Transaction, place: &Place<'_>) -> Result<Option<FileId>, UploadError> {
    let id: Option<String> = query("SELECT file_id FROM versions WHERE folder_id = $1 AND name = $2 AND is_current")
        .bind(place.folder.to_string())
        .bind(place.name.as_str())
        .scalar_optional(&mut *tx)
        .await?;
    id.map(|id| {
        id.parse()
            .map_err(|error: IdError| StoreError::unreadable("versions.file_id", error).into())
    })
    .transpose()
}

async fn create(
    tx: &mut Transaction,
    file: &NewFile,
    place: &Place<'_>,
    now: Timestamp,
) -> Result<VersionId, UploadError> {
    let id = FileId::generate(now);
    query("INSERT INTO files (id, last_number, created_at) VALUES ($1, 1, $2)")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
    let identity = Identity {
        file: id,
        version: VersionId::from(id),
        number: 1,
    };
    let nothing = Carried {
        tags: &[],
        ai_tags: &[],
        custom_metadata: None,
        description: None,
        created_at: now,
    };
    insert(tx, file, place, &identity, &nothing, now).await?;
    Ok(identity.version)
}

async fn insert(
    tx: &mut Transaction,
    file: &NewFile,
    place: &Place<'_>,
    identity: &Identity,
    carried: &Carried<'_>,
    now: Timestamp,
) -> Result<(), UploadError> {
    let tags = file.tags.as_ref().map_or(carried.tags, Tags::as_slice);
    let custom_metadata = file
        .custom_metadata
        .as_ref()
        .or(carried.custom_metadata)
        .unwrap_or(&file.default_metadata);
    let media = &file.media;
    query(
        "INSERT INTO versions (
             id, file_id, number, is_current, token, folder_id, name, created_at, updated_at, uploaded_at, blob, size,
             mime, is_image, width, height, orientation, has_alpha, duration_ms, bit_rate, audio_codec, video_codec,
             embedded_metadata, tags, ai_tags, custom_metadata, custom_coordinates, is_private, is_published, description,
             taken_at, latitude, longitude, phash, made_of)
         VALUES ($1, $2, $3, TRUE, $4, $5, $6, $7, $8, $8, $9, $10,
             $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
             $21, $22, $23, $24, $25, $26, $27, $28,
             $29, $30, $31, $32, $33)",
    )
    .bind(identity.version.to_string())
    .bind(identity.file.to_string())
    .bind(identity.number)
    .bind(random_text(TOKEN_CHARS))
    .bind(place.folder.to_string())
    .bind(place.name.as_str())
    .bind(carried.created_at.as_millis())
    .bind(now.as_millis())
    .bind(file.staged.id().to_string())
    .bind(stored(file.staged.size()))
    .bind(&media.mime)
    .bind(media.file_type == FileType::Image)
    .bind(i64::from(media.width.unwrap_or(0)))
    .bind(i64::from(media.height.unwrap_or(0)))
    .bind(media.orientation.map(i64::from))
    .bind(media.has_alpha)
    .bind(media.duration.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    .bind(media.bit_rate.map(stored))
    .bind(media.audio_codec.as_deref())
    .bind(media.video_codec.as_deref())
    .bind(media.embedded_metadata.as_ref().map(json))
    .bind(json(tags))
    .bind(json(carried.ai_tags))
    .bind(json(custom_metadata))
    .bind(file.custom_coordinates.as_deref())
    .bind(file.is_private)
    .bind(file.is_published)
    .bind(file.description.as_deref().or(carried.description))
    .bind(media.taken_at_ms)
    .bind(media.location.map(|place| place.latitude))
    .bind(media.location.map(|place| place.longitude))
    .bind(media.phash.map(u64::cast_signed))
    .bind(file.replaces.map(|(_, version)| version.to_string()))
    .execute(&mut *tx)
    .await?;
    index::index(tx, identity.version).await?;
    Ok(())
}

/// The database counts to 2^63; nothing that is stored is longer.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::json!(value).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn keywords_can_be_looked_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let mut writer = library.stage(10).await.expect("a file");
        writer.write(b"bytes").await.expect("written");
        let staged = writer.finish().await.expect("staged");
        let embedded = json!({"Keywords": ["Sea", "dawn", "Sea", 7], "Title": "x"});
        let media = MediaFacts {
            embedded_metadata: embedded.as_object().cloned(),
            ..MediaFacts::default()
        };
        let name = FileName::sanitised("a.jpg").expect("a name");
        let file = NewFile::new(FolderPath::root(), name, staged, media);
        let asset = library.upload(file, Timestamp::now()).await.expect("uploaded");
        let words: Vec<String> =
            query("SELECT term FROM version_terms WHERE kind = 'keyword' AND version_id = $1 ORDER BY term")
                .bind(asset.version.id.to_string())
                .scalars(library.database().reader())
                .await
                .expect("words");
        assert_eq!(words, ["Sea", "dawn"]);
    }
}
