//! Taking a file in: fetched if need be, recognised by its content, stored in one transaction.

use std::error::Error;
use std::time::Duration;

use delivery::origin::FetchError;
use delivery::{DeliveryError, Trust};
use engine::PerceptualHash;
use futures::StreamExt;
use library::checks::{Checks, Facts};
use library::search::Fields;
use library::{
    Asset, BlobError, Code, CustomMetadata, FileId, FileName, FileType, FolderPath, Location, MediaFacts, NameError,
    NewFile, StagedBlob, Tags, Timestamp, ValuesMode, Version, VersionId,
};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::enrich::ReadError;
use super::extensions::Extension;
use super::media_type::{self, HEAD_BYTES};
use super::metadata::{self, PictureMetadata};
use super::transformation::{Medium, TransformationError, UploadTransformation};
use super::{App, clip, enrich, follow_up};

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
    /// Values by field name, as they were sent; `None` where the request names none.
    pub custom_metadata: Option<Map<String, Value>>,
    /// Values that came as texts, to be read as their fields want them.
    pub metadata_texts: Vec<(String, String)>,
    /// Conditions that the upload has to meet.
    pub checks: Option<String>,
    /// What is done to the file.
    pub transformation: UploadTransformation,
    /// What services shall do, as it was sent.
    pub extensions: Option<Value>,
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
    /// The same, with what is wrong in detail, by field.
    #[error("{message}")]
    Explained {
        /// What the API says.
        message: String,
        /// Texts by field.
        errors: Map<String, Value>,
    },
    /// Too much to do right now.
    #[error("too much to do right now")]
    Overloaded,
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

/// A file that was taken in.
pub struct Uploaded {
    /// As it is stored.
    pub asset: Asset,
    /// What became of its extensions so far, by name; empty if there are none.
    pub extension_status: Map<String, Value>,
}

/// Stores the file as a new asset, or as a new version of the one at that path.
pub async fn upload(app: &App, mut upload: Upload) -> Result<Uploaded, UploadError> {
    let name = FileName::sanitised(&upload.file_name).map_err(|e| unnamed("fileName", e))?;
    let folder = FolderPath::sanitised(&upload.folder).map_err(|e| unnamed("folder", e))?;
    let extensions = match &upload.extensions {
        Some(wanted) => extensions(app, wanted).await?,
        None => Vec::new(),
    };
    upload.custom_metadata = custom_metadata(app, upload.custom_metadata, &upload.metadata_texts).await?;
    let conditions = Conditions::of_request(app, &upload).await?;
    let (staged, head) = match upload.file {
        FileSource::Staged(staged) => (staged, upload.head),
        FileSource::Url(url) => fetch(app, &url).await?,
    };
    let media = recognise(&staged, &head, name.as_str()).await?;
    upload.transformation.check(Medium::of(&media.mime)).map_err(unfit)?;
    if let Some(conditions) = conditions {
        conditions.check(&staged, &media)?;
    }
    let (staged, media) = match &upload.transformation.pre {
        Some(pre) => {
            let file = Before {
                staged,
                media,
                name: &name,
                focus: upload.custom_coordinates.clone(),
            };
            let trust = if upload.signed { Trust::Owner } else { Trust::Anybody };
            transformed(app, file, pre, trust).await?
        }
        None => (staged, media),
    };
    let size = staged.size();
    let account = app.library.account().await;
    let account = account.map_err(|error| UploadError::Internal(error.into()))?;
    let (extension_status, pending) = enrich::statuses(app, &extensions);
    let webhook_url = upload.webhook_url.as_ref().map(Url::as_str);
    let follow_ups = follow_up::of_upload(&upload.transformation.post, upload.request_id, &pending, webhook_url);
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
                follow_ups,
                default_metadata: CustomMetadata::defaults(&account.custom_metadata_fields),
                ..NewFile::new(folder, name, staged, media)
            },
            Timestamp::now(),
        )
        .await
        .map_err(refusal)?;
    metrics::counter!("tintype_uploads_total").increment(1);
    metrics::counter!("tintype_upload_bytes_total").increment(size);
    tracing::info!(file_id = %stored.id, size, "stored");
    Ok(Uploaded {
        asset: stored,
        extension_status,
    })
}

/// Reads extensions; what is saved takes the place of its id.
async fn extensions(app: &App, wanted: &Value) -> Result<Vec<Extension>, UploadError> {
    let read = enrich::read(app, wanted).await;
    read.map_err(|error| match error {
        ReadError::Invalid(problem) => UploadError::Explained {
            message: "Your request contains invalid extensions parameter.".to_owned(),
            errors: reasons([("extensions".to_owned(), problem)]),
        },
        ReadError::Store(error) => UploadError::Internal(error.into()),
    })
}

/// Holds custom metadata against the fields of the account.
async fn custom_metadata(
    app: &App,
    values: Option<Map<String, Value>>,
    texts: &[(String, String)],
) -> Result<Option<Map<String, Value>>, UploadError> {
    if values.is_none() && texts.is_empty() {
        return Ok(None);
    }
    // Asked of the database itself: a field may have been made on another node just now.
    let fields = app.library.custom_metadata_fields(true).await;
    let fields = fields.map_err(|error| UploadError::Internal(error.into()))?;
    let mut values = values.unwrap_or_default();
    values.extend(CustomMetadata::of_texts(texts, &fields));
    let values = CustomMetadata::validate(&values, &fields, ValuesMode::Whole);
    // An empty object sets nothing.
    values
        .map(|values| Some(values).filter(|values| !values.is_empty()))
        .map_err(|errors| UploadError::Explained {
            message: "Invalid custom metadata.".to_owned(),
            errors: reasons(errors.0),
        })
}

async fn search_fields(app: &App) -> Result<Fields, UploadError> {
    let fields = app.library.search_fields().await;
    fields.map_err(|e| UploadError::Internal(e.into()))
}

/// What the upload's `checks` ask for, as far as it goes without the file.
struct Conditions {
    checks: Checks,
    facts: Facts,
}

impl Conditions {
    /// Reads the checks and holds the request against them, before anything is fetched.
    async fn of_request(app: &App, upload: &Upload) -> Result<Option<Self>, UploadError> {
        let Some(text) = &upload.checks else {
            return Ok(None);
        };
        let fields = search_fields(app).await?;
        let checks = Checks::parse(text, &fields, Timestamp::now()).map_err(|error| UploadError::Explained {
            message: "Your request contains invalid syntax for the checks parameter.".to_owned(),
            errors: reasons([("checks".to_owned(), error.sentences(text))]),
        })?;
        let facts = request_facts(upload);
        if checks.fails_before_the_file(&facts) {
            return Err(unmet());
        }
        Ok(Some(Self { checks, facts }))
    }

    fn check(mut self, staged: &StagedBlob, media: &MediaFacts) -> Result<(), UploadError> {
        let facts = &mut self.facts;
        facts.set("file.size", staged.size());
        facts.set("file.mime", media.mime.as_str());
        facts.set("mediaMetadata.width", media.width);
        facts.set("mediaMetadata.height", media.height);
        facts.set(
            "mediaMetadata.duration",
            media.duration.map(|length| length.as_secs_f64()),
        );
        facts.set("mediaMetadata.bitRate", media.bit_rate);
        facts.set("mediaMetadata.videoCodec", media.video_codec.clone());
        facts.set("mediaMetadata.audioCodec", media.audio_codec.clone());
        if self.checks.evaluate(facts) {
            Ok(())
        } else {
            Err(unmet())
        }
    }
}

/// What is said in the request, with the defaults of what is not: an upload without tags has an empty list of them.
fn request_facts(upload: &Upload) -> Facts {
    let mut facts = Facts::default();
    facts.set("request.fileName", upload.file_name.as_str());
    facts.set("request.folder", upload.folder.as_str());
    facts.set("request.customCoordinates", upload.custom_coordinates.clone());
    facts.set("request.webhookUrl", upload.webhook_url.as_ref().map(Url::to_string));
    let tags = upload.tags.as_ref().map_or(&[][..], Tags::as_slice);
    facts.set("request.tags", tags.to_vec());
    for (name, flag) in [
        ("useUniqueFileName", upload.unique),
        ("isPrivateFile", upload.is_private),
        ("isPublished", upload.is_published),
        ("overwriteFile", upload.overwrite_file),
        ("overwriteAITags", upload.overwrite_ai_tags),
        ("overwriteTags", upload.overwrite_tags),
        ("overwriteCustomMetadata", upload.overwrite_custom_metadata),
    ] {
        facts.set(format!("request.{name}"), flag);
    }
    for (name, value) in upload.custom_metadata.iter().flatten() {
        facts.set(format!("request.customMetadata.{name}"), value.clone());
    }
    facts
}

fn unmet() -> UploadError {
    UploadError::Invalid("Your request failed 'checks' validation.".to_owned())
}

fn reasons(reasons: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    reasons
        .into_iter()
        .map(|(name, reason)| (name, Value::String(reason)))
        .collect()
}

/// A file before its transformation.
struct Before<'a> {
    staged: StagedBlob,
    media: MediaFacts,
    name: &'a FileName,
    focus: Option<String>,
}

/// A model may take so long before an upload is answered; clients wait a minute.
const PATIENCE: Duration = Duration::from_secs(45);

/// The file that a transformation makes of one, and what it is. What the transformation leaves alone is stored as it came.
async fn transformed(
    app: &App,
    before: Before<'_>,
    text: &str,
    trust: Trust,
) -> Result<(StagedBlob, MediaFacts), UploadError> {
    let failed = |error: DeliveryError| match error.code() {
        delivery::Code::Internal => UploadError::Internal(error.into()),
        delivery::Code::Overloaded => UploadError::Overloaded,
        _ => UploadError::Explained {
            message: format!("The file could not be uploaded because the pre-transformation failed: {error}"),
            errors: reasons([(
                "pre".to_owned(),
                error.hint().map_or_else(|| error.to_string(), str::to_owned),
            )]),
        },
    };
    let blob = app.library.hold(&before.staged).await.map_err(unstaged)?;
    let now = Timestamp::now();
    let file = FileId::generate(now);
    // A file that no version names: delivery looks at its bytes and facts, and at nothing that is stored of it.
    let asset = Asset {
        id: file,
        is_current: true,
        version: Version {
            id: VersionId::from(file),
            number: 1,
            token: String::new(),
            blob,
            size: before.staged.size(),
            media: before.media.clone(),
            uploaded_at: now,
        },
        folder: FolderPath::root(),
        name: before.name.clone(),
        tags: Vec::new(),
        ai_tags: Vec::new(),
        custom_metadata: Map::new(),
        custom_coordinates: before.focus,
        is_private: false,
        is_published: true,
        description: None,
        created_at: now,
        updated_at: now,
    };
    let made = app
        .delivery
        .transform(&asset, text, trust, PATIENCE)
        .await
        .map_err(failed)?;
    let Some(made) = made else {
        return Ok((before.staged, before.media));
    };
    let mut writer = app.library.stage(app.upload_max.0).await.map_err(unstaged)?;
    writer.write(&made.bytes).await.map_err(unstaged)?;
    let head = &made.bytes[..made.bytes.len().min(HEAD_BYTES)];
    let staged = writer.finish().await.map_err(unstaged)?;
    let media = recognise(&staged, head, before.name.as_str()).await?;
    Ok((staged, media))
}

fn unfit(error: TransformationError) -> UploadError {
    let message = match &error {
        TransformationError::Malformed { .. } => {
            "The file could not be uploaded because the transformation field is invalid."
        }
        TransformationError::NotMedia => {
            "The file could not be uploaded because transformations are supported only for image and video files."
        }
        TransformationError::DoesNotFit(_) => {
            "The file could not be uploaded because the detected file type & post-transformation are incompatible."
        }
        TransformationError::Video(_) => {
            "The file could not be uploaded because video transformations are not available in this version of Tintype."
        }
    };
    UploadError::Invalid(message.to_owned())
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
pub(super) async fn recognise(staged: &StagedBlob, head: &[u8], name: &str) -> Result<MediaFacts, UploadError> {
    let internal = |e: std::io::Error| UploadError::Internal(e.into());
    let mime = media_type::detect(head, name);
    let mut facts = MediaFacts {
        file_type: if media_type::is_image(&mime) {
            FileType::Image
        } else {
            FileType::NonImage
        },
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
