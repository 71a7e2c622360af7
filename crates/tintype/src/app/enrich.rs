//! Carrying out extensions: a service is asked about a picture, and what it says is written into the library.

mod google_vision;
mod labels;
pub mod questions;
mod rekognition;
pub mod sigv4;
mod vision;

use std::sync::Arc;
use std::time::Duration;

use delivery::service::{Http, Refusal};
use delivery::{DeliveryError, Trust};
use library::{
    Account, Asset, CustomMetadata, CustomMetadataField, EnrichError, Enrichment, FieldErrors, FileId, NewFile,
    SourceTags, StoreError, Timestamp, UploadError, ValuesMode, VersionId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::App;
use super::extensions::{Extension, ExtensionError, RemoveBackground, Tagging};
use super::upload::recognise;
use super::usage::List;
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
    /// The version that was current when it was ordered. Another one is left alone.
    pub version_id: String,
    /// What to do.
    pub extension: Extension,
    /// Who hears how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
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

/// Carries out an order, and counts it. What it returns is the file as it is then.
pub async fn carry_out(app: &App, order: &Order) -> Result<Asset, Refusal> {
    let asset = work(app, order).await?;
    app.usage
        .done(List::Extensions, order.extension.name(), Timestamp::now());
    Ok(asset)
}

async fn work(app: &App, order: &Order) -> Result<Asset, Refusal> {
    let gone = || Refusal::lasting("the file has been deleted or replaced since");
    let file: FileId = order.file_id.parse().map_err(|_| gone())?;
    let version: VersionId = order.version_id.parse().map_err(|_| gone())?;
    let asset = app
        .library
        .file(file)
        .await
        .map_err(|e| Refusal::passing(e.to_string(), None))?;
    let asset = asset.filter(|asset| asset.version.id == version).ok_or_else(gone)?;
    let enrichment = match &order.extension {
        Extension::RemoveBackground { options } => {
            return remove_background(app, asset, options.as_ref()).await;
        }
        Extension::GoogleTagging(wanted) => tags(app, &asset, *wanted, google_vision::SOURCE).await?,
        Extension::AwsTagging(wanted) => tags(app, &asset, *wanted, rekognition::SOURCE).await?,
        Extension::Description => ask(app, &asset, Question::description()).await?,
        Extension::Tasks { tasks } => {
            let account = account(app).await?;
            let field = |name: &str| {
                let mut fields = account.custom_metadata_fields.iter();
                fields.find(|field| field.name == name && !field.is_deleted).map(shape)
            };
            let question = Question::tasks(tasks, &field)?;
            let enrichment = ask(app, &asset, question).await?;
            let fields = &account.custom_metadata_fields;
            let mode = ValuesMode::Merge(&asset.custom_metadata);
            CustomMetadata::validate(&enrichment.custom_metadata, fields, mode).map_err(|errors| {
                let problems = problems(&errors);
                Refusal::lasting(format!("the custom metadata would not be valid: {problems}"))
            })?;
            enrichment
        }
        Extension::Saved { .. } => return Err(Refusal::lasting("the saved extension is gone")),
    };
    let enriched = app.library.enrich(file, version, &enrichment, Timestamp::now()).await;
    enriched.map_err(|error| match error {
        EnrichError::Gone | EnrichError::TooLong { .. } => Refusal::lasting(error.to_string()),
        EnrichError::Store(_) => Refusal::passing(error.to_string(), None),
    })
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

async fn account(app: &App) -> Result<Arc<Account>, Refusal> {
    let account = app.library.account().await;
    account.map_err(|error| Refusal::passing(error.to_string(), None))
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

/// The result becomes the next version, with everything that is said of the file.
async fn remove_background(app: &App, asset: Asset, options: Option<&RemoveBackground>) -> Result<Asset, Refusal> {
    let options = options.map(provider_options).unwrap_or_default();
    let cut = app.delivery.remove_background(&asset, &options, PATIENCE).await?;
    let passing = |error: &dyn std::error::Error| Refusal::passing(error.to_string(), None);
    let mut writer = app.library.stage(app.upload_max.0).await.map_err(|e| passing(&e))?;
    writer.write(&cut).await.map_err(|e| passing(&e))?;
    let staged = writer.finish().await.map_err(|e| passing(&e))?;
    let head = &cut[..cut.len().min(super::media_type::HEAD_BYTES)];
    let media = recognise(&staged, head, asset.name.as_str())
        .await
        .map_err(|e| passing(&e))?;
    if !media.mime.starts_with("image/") {
        return Err(Refusal::passing("the service sent what is no picture", None));
    }
    let made = app
        .library
        .upload(
            NewFile {
                use_unique_name: false,
                replaces: Some((asset.id, asset.version.id)),
                overwrite_tags: false,
                overwrite_ai_tags: false,
                overwrite_custom_metadata: false,
                is_private: asset.is_private,
                is_published: asset.is_published,
                custom_coordinates: asset.custom_coordinates.clone(),
                ..NewFile::new(asset.folder.clone(), asset.name.clone(), staged, media)
            },
            Timestamp::now(),
        )
        .await;
    made.map_err(|error| match error {
        UploadError::Gone | UploadError::TooManyVersions { .. } => Refusal::lasting(error.to_string()),
        other => Refusal::passing(other.to_string(), None),
    })
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
