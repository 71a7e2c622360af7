//! What goes on when an upload or an update has been answered: renditions that were ordered, and extensions. Each is a
//! job, enqueued in the transaction of its cause, and may be carried out twice.

use std::time::Duration;

use delivery::service::Refusal;
use delivery::{DeliveryError, Trust};
use library::{Asset, EventKind, FileId, FollowUp, Lease, Step, Timestamp, VersionId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::App;
use super::background::{Kinds, StepError};
use super::enrich::{self, Order};
use super::extensions::Extension;
use super::transformation::Post;
use super::webhooks::deliver_callback;
use crate::api::file_object;

/// The kind of the jobs that make renditions.
pub const POST_TRANSFORMATION: &str = "post-transformation";

/// A service, or a server that has too much to do, is asked so often: within some two minutes.
const ATTEMPTS: u32 = 8;
/// How long a rendition may take, a model's work included.
const PATIENCE: Duration = Duration::from_secs(600);
/// What a query holds as it is: the signs of the language of transformations.
const IN_QUERY: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'/');

/// A rendition that an upload ordered, as a job keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostTransformation {
    file_id: String,
    version_id: String,
    request_id: Uuid,
    /// As an upload asks for it.
    post: Post,
}

/// The jobs of an upload: one for each post-transformation and each extension that somebody here can do.
pub fn of_upload(post: &[Post], request_id: Uuid, extensions: &[&Extension], webhook_url: Option<&str>) -> Vec<FollowUp> {
    let renditions = post.iter().map(|post| FollowUp {
        kind: POST_TRANSFORMATION.to_owned(),
        input: json!({ "requestId": request_id, "post": post }),
    });
    renditions.chain(of_extensions(extensions, webhook_url)).collect()
}

/// The jobs of extensions that somebody here can do.
pub fn of_extensions(extensions: &[&Extension], webhook_url: Option<&str>) -> Vec<FollowUp> {
    let order = |extension: &&Extension| FollowUp {
        kind: enrich::JOB.to_owned(),
        input: json!({ "extension": extension, "webhookUrl": webhook_url }),
    };
    extensions.iter().map(order).collect()
}

/// Registers both kinds.
pub fn register(kinds: &mut Kinds) {
    kinds.add(enrich::JOB, 4, async |app: App, lease: Lease| {
        let step = extension(&app, &lease).await;
        (lease, step)
    });
    kinds.add(POST_TRANSFORMATION, 2, async |app: App, lease: Lease| {
        let step = post_transformation(&app, &lease).await;
        (lease, step)
    });
}

async fn extension(app: &App, lease: &Lease) -> Result<Step, StepError> {
    let order: Order = read(lease)?;
    let service = order.extension.name();
    let outcome = enrich::carry_out(app, &order).await;
    if let Err(refusal) = &outcome
        && refusal.retry
        && lease.job.attempts < ATTEMPTS
    {
        return Err(StepError::Retry(format!("{service}: {refusal}")));
    }
    let (message, result) = match outcome {
        Ok(asset) => (
            json!({ "service": service, "status": "SUCCESS", "fileObject": file_object::file(&asset, &app.url_endpoint) }),
            json!({ "status": "success" }),
        ),
        Err(refusal) => {
            tracing::warn!(service, file_id = order.file_id, %refusal, "an extension failed");
            (
                json!({ "service": service, "status": "FAILURE", "fileId": order.file_id,
                        "error": { "message": refusal.message } }),
                json!({ "status": "failed", "reason": refusal.message }),
            )
        }
    };
    if let Some(url) = &order.webhook_url {
        deliver_callback(app, url, &message).await?;
    }
    Ok(Step::Done(result))
}

async fn post_transformation(app: &App, lease: &Lease) -> Result<Step, StepError> {
    let order: PostTransformation = read(lease)?;
    let give_up = || StepError::GiveUp("it names no file".to_owned());
    let file: FileId = order.file_id.parse().map_err(|_| give_up())?;
    let version: VersionId = order.version_id.parse().map_err(|_| give_up())?;
    let Some(asset) = app.library.version(file, version).await? else {
        // Nobody waits for a rendition of what was deleted.
        return Ok(Step::Done(json!({ "status": "gone" })));
    };
    let (still, value) = match &order.post {
        Post::Transformation { value } => (false, value.as_str()),
        Post::Thumbnail { value } => (true, value.as_deref().unwrap_or_default()),
        Post::GifToVideo { .. } | Post::Abs { .. } => return Err(give_up()),
    };
    let made = app.delivery.warm(&asset, value, still, Trust::Owner, PATIENCE).await;
    if let Err(error) = &made
        && passes(error)
        && lease.job.attempts < ATTEMPTS
    {
        return Err(StepError::Retry(error.to_string()));
    }
    let url = rendition_url(app, &asset, still, value);
    let mut data = json!({ "fileId": asset.id, "url": url, "name": asset.name });
    let kind = match &made {
        Ok(_) => EventKind::PostTransformSucceeded,
        Err(error) => {
            data["path"] = asset.path().into();
            data["transformation"] = json!({ "error": { "reason": error.to_string() } });
            EventKind::PostTransformFailed
        }
    };
    let request = json!({ "x_request_id": order.request_id, "transformation": order.post });
    let body = json!({ "request": request, "data": data });
    app.library.announce(kind, asset.id, &body, Timestamp::now()).await?;
    Ok(Step::Done(json!({ "url": url })))
}

fn passes(error: &DeliveryError) -> bool {
    matches!(error.code(), delivery::Code::Overloaded | delivery::Code::Internal | delivery::Code::Upstream)
}

fn rendition_url(app: &App, asset: &Asset, still: bool, value: &str) -> String {
    let mut url = file_object::url(&app.url_endpoint, &asset.path());
    if still {
        url.push_str("/ik-thumbnail.jpg");
    }
    if !value.is_empty() {
        url.push_str(&format!("?tr={}", utf8_percent_encode(value, IN_QUERY)));
    }
    url
}

fn read<T: serde::de::DeserializeOwned>(lease: &Lease) -> Result<T, StepError> {
    T::deserialize(&lease.job.input as &Value).map_err(|error| StepError::GiveUp(format!("the job can't be read: {error}")))
}

/// Orders extensions for a file as it is now. Those that nobody here can do are failed at once.
pub async fn order(
    app: &App,
    asset: &Asset,
    extensions: &[Extension],
    webhook_url: Option<&str>,
) -> Result<serde_json::Map<String, Value>, Refusal> {
    let (statuses, pending) = enrich::statuses(app, extensions);
    for follow_up in of_upload(&[], Uuid::nil(), &pending, webhook_url) {
        let enqueued = app.library.follow_up(asset, &follow_up, Timestamp::now()).await;
        enqueued.map_err(|error| Refusal::passing(error.to_string(), None))?;
    }
    Ok(statuses)
}
