//! Carrying out extensions: a service is asked about a picture, and what it says is written into the library.

mod google_vision;
mod labels;
pub mod questions;
mod rekognition;
pub mod sigv4;
mod vision;

use std::time::Duration;

use bytes::Bytes;
use delivery::service::{Http, Refusal};
use delivery::{DeliveryError, Trust};
use library::{
    Asset, BlobError, Callback, CustomMetadata, CustomMetadataField, Ending, EnrichError, Enrichment, FieldErrors,
    FileId, JobError, Lease, NewFile, Progress, SourceTags, StagedBlob, StoreError, Timestamp, UploadError, ValuesMode,
    VersionId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::App;
use super::background::StepError;
use super::extensions::{Extension, ExtensionError, RemoveBackground, Tagging};
use super::media_type;
use super::upload::recognise;
use super::webhooks;
use crate::api::file_object;
use crate::config::ProviderSettings;
use google_vision::GoogleVision;
use questions::{FieldShape, Question};
use rekognition::Rekognition;
use sigv4::Signer;
use vision::VisionModel;

/// The kind of the jobs that do this.
pub const JOB: &str = "extension";

/// How long making the picture for a service may take, a model's work included.
const PATIENCE: Duration = Duration::from_secs(600);

/// The size in which services get pictures: enough to see all that they look for, and within what they take.
const SENT: &str = "w-1568,h-1568,c-at_max,f-jpg,q-85";

/// Who carries out extensions here.
#[derive(Debug)]
pub struct Providers {
    http: Http,
    google: Option<GoogleVision>,
    aws: Option<Rekognition>,
    vision: Option<VisionModel>,
}

/// One extension of one version of a file, as a job keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The file.
    pub file_id: String,
    /// The version that was current when it was ordered. What is found out about it is written to it, or to one that was
    /// made of it meanwhile; another one is left alone.
    pub version_id: String,
    /// What to do.
    pub extension: Extension,
    /// Who hears how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
}

impl Order {
    /// What is told of an order that was carried out, if somebody wants to hear of it.
    fn succeeded(&self, app: &App, asset: &Asset) -> Option<Callback> {
        let url = self.webhook_url.as_ref()?;
        let file = file_object::file(asset, &app.url_endpoint);
        let body = json!({ "service": self.extension.name(), "status": "SUCCESS", "fileObject": file });
        Some(webhooks::callback(url, &body))
    }

    /// What is told of one that was not.
    pub fn failed(&self, refusal: &Refusal) -> Option<Callback> {
        let url = self.webhook_url.as_ref()?;
        let body = json!({ "service": self.extension.name(), "status": "FAILURE", "fileId": self.file_id,
                           "error": { "message": refusal.message } });
        Some(webhooks::callback(url, &body))
    }
}

impl Providers {
    /// Those that the settings name.
    pub fn new(settings: &ProviderSettings) -> Result<Self, delivery::origin::FetcherError> {
        let google = settings.google_vision_key.clone().map(|key| GoogleVision {
            url: settings.google_vision_url.to_string(),
            key,
        });
        let aws = settings.aws.as_ref().map(|aws| Rekognition {
            url: aws.rekognition_url.clone(),
            signer: Signer {
                access_key: aws.access_key.clone(),
                secret_key: aws.secret_key.clone(),
                region: aws.region.clone(),
                service: "rekognition",
            },
        });
        let vision = settings.vision.as_ref().map(|vision| VisionModel {
            url: vision.url.to_string(),
            key: vision.key.clone(),
            model: vision.model.clone(),
        });
        Ok(Self {
            http: Http::new()?,
            google,
            aws,
            vision,
        })
    }
}

/// Why extensions can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// They are not what the schema says, or name what does not exist. The text says where.
    #[error("{0}")]
    Invalid(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the extensions of an upload or an update. What is saved takes the place of its id.
pub async fn read(app: &App, wanted: &Value) -> Result<Vec<Extension>, ReadError> {
    let account = app.library.account().await?;
    let has_field = |name: &str| account.has_field(name);
    let invalid = |error: ExtensionError| ReadError::Invalid(error.to_string());
    let mut extensions = Extension::parse_list(wanted, &has_field).map_err(invalid)?;
    for extension in &mut extensions {
        let Extension::Saved { id } = extension else { continue };
        let saved = app.library.saved_extension(id).await?;
        let saved = saved.ok_or_else(|| ReadError::Invalid(format!("there is no saved extension `{id}`")))?;
        // It was checked when it was saved; a field that it names may have been deleted since.
        *extension = Extension::parse_config(&saved.config, &has_field).map_err(invalid)?;
    }
    Ok(extensions)
}

fn problems(errors: &FieldErrors) -> String {
    let problems = errors.0.iter().map(|(field, problem)| format!("{field} {problem}"));
    problems.collect::<Vec<_>>().join(", ")
}

/// The setting without which an extension can't be carried out here; `None` if it can.
pub fn missing(app: &App, extension: &Extension) -> Option<&'static str> {
    let providers = &app.providers;
    let (there, setting) = match extension {
        Extension::RemoveBackground { .. } => (app.delivery.removes_backgrounds(), "removebg_key"),
        Extension::GoogleTagging(_) => (providers.google.is_some(), "google_vision_key"),
        Extension::AwsTagging(_) => (providers.aws.is_some(), "aws_access_key"),
        Extension::Description | Extension::Tasks { .. } => (providers.vision.is_some(), "vision_url"),
        // Replaced by what is saved before it comes to this.
        Extension::Saved { .. } => (true, ""),
    };
    (!there).then_some(setting)
}

/// What the answer to an upload or an update says of its extensions: by name, `pending` or `failed`. Those that are
/// pending are to be enqueued.
pub fn statuses<'a>(app: &App, extensions: &'a [Extension]) -> (Map<String, Value>, Vec<&'a Extension>) {
    let mut statuses = Map::new();
    let mut pending = Vec::new();
    for extension in extensions {
        let status = match missing(app, extension) {
            None => {
                pending.push(extension);
                "pending"
            }
            Some(setting) => {
                let extension = extension.name();
                tracing::warn!(
                    extension,
                    setting,
                    "an extension failed: nothing is set up that could do it"
                );
                "failed"
            }
        };
        // Several of one name have one status: that of the worst.
        if statuses.get(extension.name()).is_none_or(|known| known != "failed") {
            statuses.insert(extension.name().to_owned(), status.into());
        }
    }
    (statuses, pending)
}

/// Why an order was not carried out.
pub enum Failure {
    /// The service, or the file, does not allow it.
    Refused(Refusal),
    /// Something of ours failed, or another runner has the job.
    Job(StepError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Self::Job(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Job(error.into())
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        Self::Refused(match error {
            BlobError::TooLarge { .. } => Refusal::lasting(error.to_string()),
            other => Refusal::passing(other.to_string(), None),
        })
    }
}

/// Carries out an order. What it writes, what is told of it and the end of the job are one transaction, whose result this
/// returns: whatever crashes, none of the three happens without the others, or twice.
pub async fn carry_out(app: &App, lease: &mut Lease, order: &Order) -> Result<Value, Failure> {
    let gone = || Refusal::lasting("the file has been deleted or replaced since");
    let file: FileId = order.file_id.parse().map_err(|_| gone())?;
    let version: VersionId = order.version_id.parse().map_err(|_| gone())?;
    // Looked for before a service is asked: nobody pays for what can't be written.
    let current = app.library.successor(file, version).await?.ok_or_else(gone)?;
    let asset = app.library.version(file, version).await?.ok_or_else(gone)?;
    let result = json!({ "status": "success" });
    let callback = |asset: &Asset| order.succeeded(app, asset);
    let enrichment = match &order.extension {
        Extension::RemoveBackground { options } => {
            if current.version.id != version {
                return Err(gone().into());
            }
            let cut = cut_out(app, lease, &asset, options.as_ref()).await?;
            let ending = Ending {
                lease,
                result: &result,
                callback: &callback,
            };
            replace(app, asset, cut, &ending).await?;
            return Ok(result);
        }
        Extension::GoogleTagging(wanted) => tags(app, &asset, *wanted, google_vision::SOURCE).await?,
        Extension::AwsTagging(wanted) => tags(app, &asset, *wanted, rekognition::SOURCE).await?,
        Extension::Description => ask(app, &asset, Question::description()).await?,
        Extension::Tasks { tasks } => {
            let account = app.library.account().await?;
            let field = |name: &str| {
                let mut fields = account.custom_metadata_fields.iter();
                fields.find(|field| field.name == name && !field.is_deleted).map(shape)
            };
            let question = Question::tasks(tasks, &field)?;
            let enrichment = ask(app, &asset, question).await?;
            let fields = &account.custom_metadata_fields;
            let mode = ValuesMode::Merge(&current.custom_metadata);
            CustomMetadata::validate(&enrichment.custom_metadata, fields, mode).map_err(|errors| {
                let problems = problems(&errors);
                Refusal::lasting(format!("the custom metadata would not be valid: {problems}"))
            })?;
            enrichment
        }
        Extension::Saved { .. } => return Err(Refusal::lasting("the saved extension is gone").into()),
    };
    let ending = Ending {
        lease,
        result: &result,
        callback: &callback,
    };
    let written = app
        .library
        .enrich(file, version, &enrichment, Some(&ending), Timestamp::now())
        .await;
    match written {
        Ok(_) => Ok(result),
        Err(EnrichError::Job(error)) => Err(error.into()),
        Err(EnrichError::Store(error)) => Err(error.into()),
        Err(error @ (EnrichError::Gone | EnrichError::TooLong { .. })) => {
            Err(Refusal::lasting(error.to_string()).into())
        }
    }
}

async fn tags(app: &App, asset: &Asset, wanted: Tagging, source: &str) -> Result<Enrichment, Refusal> {
    let providers = &app.providers;
    let tags = if wanted.max_tags == 0 {
        Vec::new()
    } else {
        let picture = picture(app, asset).await?;
        match (source, &providers.google, &providers.aws) {
            (google_vision::SOURCE, Some(google), _) => google.tags(&providers.http, &picture, wanted).await?,
            (rekognition::SOURCE, _, Some(aws)) => aws.tags(&providers.http, &picture, wanted).await?,
            _ => return Err(Refusal::lasting(format!("{source} is not set up here"))),
        }
    };
    Ok(Enrichment {
        ai_tags: Some(SourceTags {
            source: source.to_owned(),
            tags,
        }),
        ..Enrichment::default()
    })
}

async fn ask(app: &App, asset: &Asset, question: Question) -> Result<Enrichment, Refusal> {
    let model = app.providers.vision.as_ref();
    let model =
        model.ok_or_else(|| Refusal::lasting("no vision model is set up: the setting `vision_url` is missing"))?;
    let picture = picture(app, asset).await?;
    let answer = model
        .ask(&app.providers.http, &picture, &question.text, question.schema.clone())
        .await?;
    question.understand(&answer)
}

fn shape(field: &CustomMetadataField) -> FieldShape {
    FieldShape {
        kind: field.schema.field_type,
        options: field.schema.select_options.clone(),
    }
}

/// A picture as services take it.
async fn picture(app: &App, asset: &Asset) -> Result<bytes::Bytes, Refusal> {
    let made = app.delivery.transform(asset, SENT, Trust::Owner, PATIENCE).await;
    let made = made.map_err(|error: DeliveryError| match error.code() {
        delivery::Code::Overloaded | delivery::Code::Internal => Refusal::passing(error.to_string(), None),
        _ => Refusal::lasting(error.to_string()),
    })?;
    made.map(|made| made.bytes)
        .ok_or_else(|| Refusal::lasting("the file is no picture of pixels"))
}

/// The picture without its background. It is kept, and the job's cursor names it, before anything else is done with it:
/// who takes the job up after a crash, or after a failure of ours, does not ask and pay for it again.
async fn cut_out(
    app: &App,
    lease: &mut Lease,
    asset: &Asset,
    options: Option<&RemoveBackground>,
) -> Result<Cut, Failure> {
    if let Some(bytes) = kept(app, lease).await? {
        return Ok(Cut::new(app, bytes).await?);
    }
    let options = options.map(provider_options).unwrap_or_default();
    let bytes = app.delivery.remove_background(asset, &options, PATIENCE).await?;
    let cut = Cut::new(app, bytes).await?;
    if !media_type::is_image(&media_type::detect(cut.head(), asset.name.as_str())) {
        return Err(Refusal::passing("the service sent what is no picture", None).into());
    }
    let id = app.library.hold(&cut.staged).await?;
    let progress = Progress {
        cursor: Some(json!(CutCursor { blob: id.to_string() })),
        ..Progress::default()
    };
    app.library.note_progress(lease, progress, Timestamp::now()).await?;
    Ok(cut)
}

/// What an earlier attempt got from the service, if it is still there.
async fn kept(app: &App, lease: &Lease) -> Result<Option<Bytes>, Failure> {
    let cursor = lease.job.cursor.clone().unwrap_or_default();
    let Ok(CutCursor { blob }) = serde_json::from_value(cursor) else {
        return Ok(None);
    };
    let Ok(id) = blob.parse() else { return Ok(None) };
    match app.library.blob(&id).read_all(app.upload_max.0).await {
        Ok(bytes) => Ok(Some(bytes)),
        // The grace period of what no version names is over.
        Err(BlobError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The cursor of a job that removes a background.
#[derive(Debug, Serialize, Deserialize)]
struct CutCursor {
    /// What the service sent.
    blob: String,
}

/// A picture without its background, not yet a version.
struct Cut {
    bytes: Bytes,
    staged: StagedBlob,
}

impl Cut {
    async fn new(app: &App, bytes: Bytes) -> Result<Self, BlobError> {
        let mut writer = app.library.stage(app.upload_max.0).await?;
        writer.write(&bytes).await?;
        let staged = writer.finish().await?;
        Ok(Self { bytes, staged })
    }

    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(media_type::HEAD_BYTES)]
    }
}

/// What was made of a version becomes the next one, with everything that is said of the file.
async fn replace(app: &App, asset: Asset, cut: Cut, ending: &Ending<'_>) -> Result<(), Failure> {
    let media = recognise(&cut.staged, cut.head(), asset.name.as_str())
        .await
        .map_err(|error| Refusal::passing(error.to_string(), None))?;
    let file = NewFile {
        use_unique_name: false,
        replaces: Some((asset.id, asset.version.id)),
        overwrite_tags: false,
        overwrite_ai_tags: false,
        overwrite_custom_metadata: false,
        is_private: asset.is_private,
        is_published: asset.is_published,
        custom_coordinates: asset.custom_coordinates,
        ..NewFile::new(asset.folder, asset.name, cut.staged, media)
    };
    match app.library.upload_for_job(file, ending, Timestamp::now()).await {
        Ok(_) => Ok(()),
        Err(UploadError::Job(error)) => Err(error.into()),
        Err(UploadError::Store(error)) => Err(error.into()),
        Err(error @ (UploadError::Gone | UploadError::TooManyVersions { .. })) => {
            Err(Refusal::lasting(error.to_string()).into())
        }
        Err(error) => Err(Refusal::passing(error.to_string(), None).into()),
    }
}

/// As remove.bg calls them.
fn provider_options(options: &RemoveBackground) -> Vec<(&'static str, String)> {
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    [
        ("add_shadow", flag(options.add_shadow)),
        ("semitransparency", flag(options.semitransparency)),
        (
            "bg_color",
            options
                .bg_color
                .as_ref()
                .map(|color| color.trim_start_matches('#').to_owned()),
        ),
        ("bg_image_url", options.bg_image_url.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
