//! Taking a file in: fetched if need be, recognised by its content, stored in one transaction.

use std::error::Error;

use delivery::origin::FetchError;
use engine::PerceptualHash;
use futures::StreamExt;
use library::{
    Asset, BlobError, Code, FileName, FileType, FolderPath, Location, MediaFacts, NameError, NewFile, StagedBlob, Tags,
    Timestamp,
};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::media_type::{self, HEAD_BYTES};
use super::metadata::{self, PictureMetadata};
use super::{App, clip};
use super::transformation::UploadTransformation;

/// One upload, its form understood.
pub struct Upload {
    /// The bytes, or where they are.
    pub file: FileSource,
    /// The first bytes of a staged file; empty for a URL.
    pub head: Vec<u8>,
    /// As sent; the library makes it a name.
    pub file_name: String,
    /// As sent; the library makes it a path. Empty means the root.
    pub folder: String,
    /// Add a random suffix to the name.
    pub unique: bool,
    /// Without `unique`: a file of that name gets a new version instead of an error.
    pub overwrite_file: bool,
    /// On overwrite without tags: drop the old ones.
    pub overwrite_tags: bool,
    /// On overwrite: drop the tags that a service gave.
    pub overwrite_ai_tags: bool,
    /// On overwrite: drop custom metadata.
    pub overwrite_custom_metadata: bool,
    /// Delivered only to signed requests.
    pub is_private: bool,
    /// False for a draft.
    pub is_published: bool,
    /// `None` where the request names none.
    pub tags: Option<Tags>,
    /// `x,y,width,height`
    pub custom_coordinates: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Values by field name; `None` where the request names none.
    pub custom_metadata: Option<Map<String, Value>>,
    /// Conditions that the upload has to meet.
    pub checks: Option<String>,
    /// What is done to the file.
    pub transformation: UploadTransformation,
    /// Who hears of the results of extensions.
    pub webhook_url: Option<Url>,
    /// Somebody with the private key vouches for every field.
    pub signed: bool,
    /// The request's id, which events name.
    pub request_id: Uuid,
}

/// Where a file's bytes are.
pub enum FileSource {
    /// On our disk, hashed, not yet in the library. Dropped, it is gone.
    Staged(StagedBlob),
    /// To be fetched.
    Url(String),
}

/// Why a file was not taken in. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The request can't be carried out as it stands; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// More bytes than one file may have.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// No room on the disk.
    #[error("no room left to store the file")]
    StorageFull,
    /// Ours to look into.
    #[error("the file could not be stored")]
    Internal(#[source] Box<dyn Error + Send + Sync + 'static>),
}

/// Stores the file as a new asset, or as a new version of the one at that path.
pub async fn upload(app: &App, upload: Upload) -> Result<Asset, UploadError> {
    let name = FileName::sanitised(&upload.file_name).map_err(|e| unnamed("fileName", e))?;
    let folder = FolderPath::sanitised(&upload.folder).map_err(|e| unnamed("folder", e))?;
    let (staged, head) = match upload.file {
        FileSource::Staged(staged) => (staged, upload.head),
        FileSource::Url(url) => fetch(app, &url).await?,
    };
    let media = recognise(&staged, &head, name.as_str()).await?;
    let size = staged.size();
    let stored = app
        .library
        .upload(
            NewFile {
                use_unique_name: upload.unique,
                overwrite_file: upload.overwrite_file,
                overwrite_tags: upload.overwrite_tags,
                overwrite_ai_tags: upload.overwrite_ai_tags,
                overwrite_custom_metadata: upload.overwrite_custom_metadata,
                tags: upload.tags,
                is_private: upload.is_private,
                is_published: upload.is_published,
                custom_coordinates: upload.custom_coordinates,
                description: upload.description,
                ..NewFile::new(folder, name, staged, media)
            },
            Timestamp::now(),
        )
        .await
        .map_err(refusal)?;
    metrics::counter!("tintype_uploads_total").increment(1);
    metrics::counter!("tintype_upload_bytes_total").increment(size);
    tracing::info!(file_id = %stored.id, size, "stored");
    Ok(stored)
}

async fn fetch(app: &App, url: &str) -> Result<(StagedBlob, Vec<u8>), UploadError> {
    let limit = app.upload_max.0;
    let mut fetched = app.fetcher.get(url, limit).await.map_err(unfetched)?;
    let mut writer = app.library.stage(limit).await.map_err(unstaged)?;
    let mut head = Vec::new();
    while let Some(chunk) = fetched.body.next().await {
        let chunk = chunk.map_err(unfetched)?;
        let wanted = HEAD_BYTES.saturating_sub(head.len()).min(chunk.len());
        head.extend_from_slice(&chunk[..wanted]);
        writer.write(&chunk).await.map_err(unstaged)?;
    }
    Ok((writer.finish().await.map_err(unstaged)?, head))
}

/// What the file is, and what it says of itself. A picture whose header is broken is stored all the same, without a
/// size: refusing would lose what may be somebody's only copy, and delivery says clearly what is wrong.
async fn recognise(staged: &StagedBlob, head: &[u8], name: &str) -> Result<MediaFacts, UploadError> {
    let internal = |e: std::io::Error| UploadError::Internal(e.into());
    let mime = media_type::detect(head, name);
    let mut facts = MediaFacts {
        file_type: if media_type::is_image(&mime) {
            FileType::Image
        } else {
            FileType::NonImage
        },
        format: media_type::format(&mime, name),
        mime,
        ..MediaFacts::default()
    };
    if facts.file_type == FileType::Image {
        match metadata::of_staged(staged)
            .await
            .map_err(|e| UploadError::Internal(e.into()))?
        {
            Ok(found) => describe(&mut facts, found),
            Err(error) => tracing::info!(%error, mime = facts.mime, "a picture without a readable header"),
        }
    } else if clip::plays(&facts.mime)
        && let Some(found) = clip::facts(staged.open().map_err(internal)?).await
    {
        facts.width = found.width;
        facts.height = found.height;
        facts.duration = found.duration;
        facts.bit_rate = found.bit_rate;
        facts.audio_codec = found.audio_codec;
        facts.video_codec = found.video_codec;
    }
    Ok(facts)
}

fn describe(facts: &mut MediaFacts, PictureMetadata { metadata, hash }: PictureMetadata) {
    let info = metadata.info;
    let (width, height) = info.upright();
    facts.width = Some(width);
    facts.height = Some(height);
    facts.orientation = u8::try_from(info.orientation.to_exif()).ok();
    facts.has_alpha = Some(info.has_alpha);
    facts.format = info.format.extension().to_owned();
    facts.taken_at_ms = metadata.taken_at_ms;
    facts.location = metadata.location.map(|place| Location {
        latitude: place.latitude,
        longitude: place.longitude,
    });
    facts.embedded_metadata = (!metadata.embedded.is_empty()).then_some(metadata.embedded);
    facts.phash = hash.map(PerceptualHash::to_bits);
}

fn unnamed(field: &str, error: NameError) -> UploadError {
    UploadError::Invalid(format!("Your request contains invalid {field} parameter: {error}."))
}

fn unstaged(error: BlobError) -> UploadError {
    match error {
        BlobError::TooLarge { limit } => UploadError::TooLarge { limit },
        other if other.code() == Code::StorageFull => UploadError::StorageFull,
        other => UploadError::Internal(other.into()),
    }
}

fn unfetched(error: FetchError) -> UploadError {
    match error {
        FetchError::TooLarge { limit } => UploadError::TooLarge { limit },
        other => UploadError::Invalid(format!("Your request contains invalid file parameter. {other}")),
    }
}

fn refusal(error: library::UploadError) -> UploadError {
    match error {
        library::UploadError::PathTaken(_) => UploadError::Invalid(
            "A file with the same name already exists at the exact location. We could not overwrite it because both \
             overwriteFile and useUniqueFileName are set to false."
                .into(),
        ),
        other => match other.code() {
            Code::StorageFull => UploadError::StorageFull,
            Code::Conflict | Code::Invalid => UploadError::Invalid(format!("The file could not be uploaded: {other}.")),
            _ => UploadError::Internal(other.into()),
        },
    }
}
