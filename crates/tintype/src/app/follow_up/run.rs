//! The jobs themselves.

use std::time::Duration;

use delivery::service::Refusal;
use delivery::{DeliveryError, Trust};
use library::{Asset, EventKind, FileId, Lease, Step, Timestamp, VersionId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::POST_TRANSFORMATION;
use crate::api::file_object;
use crate::app::App;
use crate::app::background::{Kinds, StepError};
use crate::app::enrich::{self, Failure, Order};
use crate::app::transformation::Post;
use crate::app::usage::List;

/// A service, or a server that has too much to do, is asked so often: within some two minutes, unless it wants more time.
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
    request_id: String,
    /// As an upload asks for it.
    post: Post,
}

/// Registers both kinds.
pub fn register(kinds: &mut Kinds) {
    kinds.add(enrich::JOB, 4, async |app: App, mut lease: Lease| {
        let step = extension(&app, &mut lease).await;
        (lease, step)
    });
    kinds.add(POST_TRANSFORMATION, 2, async |app: App, lease: Lease| {
        let step = post_transformation(&app, &lease).await;
        (lease, step)
    });
}

async fn extension(app: &App, lease: &mut Lease) -> Result<Step, StepError> {
    let order: Order = read(lease)?;
    let service = order.extension.name();
    let outcome = if lease.job.attempts > ATTEMPTS {
        // Each time the runner died. A service that is paid by the request is not asked for ever.
        Err(Refusal::lasting("it came to no end, several times").into())
    } else {
        enrich::carry_out(app, lease, &order).await
    };
    match outcome {
        Ok(result) => {
            app.usage.done(List::Extensions, service, Timestamp::now());
            Ok(Step::Done(result))
        }
        Err(Failure::Job(error)) => Err(error),
        Err(Failure::Refused(refusal)) if refusal.retry && lease.job.attempts < ATTEMPTS => {
            Err(again(format!("{service}: {refusal}"), refusal.retry_after))
        }
        Err(Failure::Refused(refusal)) => {
            tracing::warn!(service, file_id = order.file_id, %refusal, "an extension failed");
            let result = json!({ "status": "failed", "reason": refusal.message });
            if let Some(callback) = order.failed(&refusal) {
                let now = Timestamp::now();
                app.library
                    .complete_job_and_tell(lease, &result, &callback, now)
                    .await?;
            }
            Ok(Step::Done(result))
        }
    }
}

/// Another attempt, after as long as whoever refused this one wants, if it says so.
fn again(reason: String, pause: Option<Duration>) -> StepError {
    match pause {
        Some(pause) => StepError::RetryAfter { reason, pause },
        None => StepError::Retry(reason),
    }
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
        let pause = error.retry_after_s().map(|seconds| Duration::from_secs(seconds.into()));
        return Err(again(error.to_string(), pause));
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
    let result = json!({ "url": url });
    let now = Timestamp::now();
    app.library
        .complete_job_and_announce(lease, &result, (kind, asset.id, &body), now)
        .await?;
    Ok(Step::Done(result))
}

fn passes(error: &DeliveryError) -> bool {
    matches!(
        error.code(),
        delivery::Code::Overloaded | delivery::Code::Internal | delivery::Code::Upstream
    )
}

fn rendition_url(app: &App, asset: &Asset, still: bool, value: &str) -> String {
    let mut url = file_object::url(app.url_endpoint.files(), &asset.path());
    if still {
        url.push_str("/ik-thumbnail.jpg");
    }
    if !value.is_empty() {
        url.push_str(&format!("?tr={}", utf8_percent_encode(value, IN_QUERY)));
    }
    url
}

fn read<T: serde::de::DeserializeOwned>(lease: &Lease) -> Result<T, StepError> {
    T::deserialize(&lease.job.input as &Value)
        .map_err(|error| StepError::GiveUp(format!("the job can't be read: {error}")))
}
