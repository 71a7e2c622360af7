//! Purging what caches hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Id;
use super::{About, Delivered, Inverse, Operation};
use crate::error::CallError;
use crate::read_back::Probe;
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

/// `POST /v1/files/purge`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurgeCache {
    /// The file's delivery URL; one `*` at its very end stands for all that begins so, such as its transformations.
    #[schemars(length(min = 8, max = 4000), extend("pattern" = "^https?://"))]
    url: String,
}

/// A purge that is under way.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Purging {
    /// For get_purge_status.
    request_id: Id,
}

fn status(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "files", "purge", id.as_str()])
}

impl Operation for PurgeCache {
    const ABOUT: About = About::write(
        "purge_cache",
        "Purge a URL from caches",
        "Makes caches forget what they hold for a delivery URL, so that the next request gets the present file. No file \
         is changed. Needed after a file was deleted or overwritten, not after every upload; the number of purges a month \
         is limited. Ask get_purge_status for its end.",
    )
    .idempotent()
    .polled_by("get_purge_status")
    .examples(&[r#"{"url":"https://media.example.org/acme/travel/harbour.jpg*"}"#]);
    type Output = Purging;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        // Where the library of the connection is, the pipeline knows.
        Ok(vec![Target::Url(Delivered::read(&self.url, None))])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        if self.url.find('*').is_some_and(|at| at + 1 != self.url.len()) {
            return Err(CallError::invalid("url: `*` can stand at the very end only"));
        }
        Ok(ApiRequest::post(&["v1", "files", "purge"], json!({ "url": self.url })))
    }

    fn read_back(&self, output: &Purging, _: &Survey) -> Vec<Probe> {
        vec![Probe::done(status(&output.request_id), "status", "Completed")]
    }

    fn inverse(&self, _: &Purging, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("a cache fills again by itself")
    }
}

/// `GET /v1/files/purge/{requestId}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetPurgeStatus {
    /// From purge_cache, or from a rename that purges.
    request_id: Id,
}

/// How a purge stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct PurgeStatus {
    /// `Completed` is the end, and so is `Failed`.
    #[schemars(extend("enum" = ["Pending", "Completed", "Failed"]))]
    status: String,
    /// Caches in front of the server, if it tells any of purges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caches: Option<Vec<PurgedCache>>,
}

/// How far a cache is with a purge.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct PurgedCache {
    /// Which one.
    cache: String,
    /// `Completed`: it has accepted the purge.
    #[schemars(extend("enum" = ["Pending", "Completed", "Failed"]))]
    status: String,
    /// How often it was asked.
    attempts: u32,
    /// What it said, if that was no.
    message: Option<String>,
}

impl Operation for GetPurgeStatus {
    const ABOUT: About = About::read(
        "get_purge_status",
        "Get the state of a purge",
        "Whether a purge has come to its end. It changes nothing.",
    )
    .examples(&[r#"{"requestId":"65f0c0ffee0123456789bb01"}"#]);
    type Output = PurgeStatus;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(status(&self.request_id))
    }
}
