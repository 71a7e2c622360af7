//! What goes on when an upload or an update has been answered: renditions that were ordered, and extensions. Each is a
//! job, enqueued in the transaction of its cause, and may be carried out twice.

mod run;

pub use run::register;

use library::{Asset, FollowUp, StoreError, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::App;
use super::enrich;
use super::extensions::Extension;
use super::transformation::Post;

/// The kind of the jobs that make renditions.
pub const POST_TRANSFORMATION: &str = "post-transformation";

/// The jobs of an upload: one for each post-transformation and each extension that somebody here can do.
pub fn of_upload(
    post: &[Post],
    request_id: Uuid,
    extensions: &[&Extension],
    webhook_url: Option<&str>,
) -> Vec<FollowUp> {
    let renditions = post.iter().map(|post| FollowUp {
        kind: POST_TRANSFORMATION.to_owned(),
        input: json!({ "requestId": request_id.to_string(), "post": post }),
    });
    let orders = extensions.iter().map(|extension| FollowUp {
        kind: enrich::JOB.to_owned(),
        input: json!({ "extension": extension, "webhookUrl": webhook_url }),
    });
    renditions.chain(orders).collect()
}

/// Orders extensions for a file as it is now, after an update. The statuses are those of the answer.
pub async fn order(
    app: &App,
    asset: &Asset,
    extensions: &[Extension],
    webhook_url: Option<&str>,
) -> Result<Map<String, Value>, StoreError> {
    let (statuses, pending) = enrich::statuses(app, extensions);
    for follow_up in of_upload(&[], Uuid::nil(), &pending, webhook_url) {
        app.library.follow_up(asset, &follow_up, Timestamp::now()).await?;
    }
    Ok(statuses)
}
