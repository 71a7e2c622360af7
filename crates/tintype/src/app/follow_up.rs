//! What goes on when an upload or an update has been answered: renditions that were ordered, and extensions. Each is a
//! job, enqueued in the transaction of its cause, and may be carried out twice.

mod run;

pub use run::register;

use library::FollowUp;
use serde_json::json;
use uuid::Uuid;

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
