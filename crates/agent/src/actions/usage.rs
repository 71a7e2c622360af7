//! What the account uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Operation};
use crate::error::CallError;
use crate::request::ApiRequest;

/// `GET /v1/accounts/usage`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetUsage {
    /// The first day, `YYYY-MM-DD`.
    #[schemars(extend("pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    start_date: String,
    /// The day after the last, `YYYY-MM-DD`; less than 90 days later.
    #[schemars(extend("pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    end_date: String,
}

/// Sums over the days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Usage {
    #[serde(default)]
    bandwidth_bytes: u64,
    #[serde(default)]
    media_library_storage_bytes: u64,
    #[serde(default)]
    original_cache_storage_bytes: u64,
    #[serde(default)]
    video_processing_units_count: u64,
    #[serde(default)]
    extension_units_count: u64,
}

fn days(path: &str, start: &str, end: &str) -> Result<ApiRequest, CallError> {
    // Texts of that form compare as the days do.
    if start >= end {
        return Err(CallError::invalid("endDate: must be after startDate"));
    }
    Ok(ApiRequest::get(&["v1", "accounts", path])
        .query("startDate", Some(start.to_owned()))
        .query("endDate", Some(end.to_owned())))
}

impl Operation for GetUsage {
    const ABOUT: About = About::read(
        "get_usage",
        "Get usage",
        "Bandwidth, storage and units of work of the whole account in a span of less than 90 days, without the last day. \
         For what was asked for by whom use get_usage_analytics.",
    )
    .of_account()
    .examples(&[r#"{"startDate":"2026-01-01","endDate":"2026-02-01"}"#]);
    type Output = Usage;

    fn request(&self) -> Result<ApiRequest, CallError> {
        days("usage", &self.start_date, &self.end_date)
    }
}

/// `GET /v1/accounts/usage-analytics`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetUsageAnalytics {
    /// The first day, `YYYY-MM-DD`.
    #[schemars(extend("pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    start_date: String,
    /// The last day, `YYYY-MM-DD`, which counts; less than 90 days later.
    #[schemars(extend("pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    end_date: String,
}

/// What was asked for, and by whom.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Analytics {
    start_date: String,
    end_date: String,
    #[serde(default)]
    generated_at: Option<String>,
    bandwidth_bytes: u64,
    request_count: u64,
    #[serde(default)]
    cache: Cache,
    #[serde(default)]
    status_codes: Vec<Requests>,
    #[serde(default)]
    error_reasons: Vec<Requests>,
    #[serde(rename = "top404Assets", default)]
    #[schemars(extend("x-untrusted" = true))]
    top_404_assets: Vec<Requests>,
    #[serde(default)]
    extensions: Vec<Operations>,
    #[serde(default)]
    video_processing: Vec<VideoProcessing>,
    #[serde(default)]
    browser: Ranking,
    #[serde(default)]
    device: Ranking,
    #[serde(default)]
    format: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_images: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_image_transforms: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_other_assets: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_referrers: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_user_agents: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_videos: Ranking,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    top_video_transforms: Ranking,
    #[serde(default)]
    url_endpoints: Ranking,
    #[serde(default)]
    country: Ranking,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
struct Cache {
    hit_count: u64,
    miss_count: u64,
    error_count: u64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Requests {
    name: String,
    request_count: u64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Operations {
    name: String,
    operation_count: u64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct VideoProcessing {
    codec: String,
    /// `SD`, `HD` or `4K`.
    resolution: String,
    duration_seconds: f64,
}

/// The same, ranked in two ways.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
struct Ranking {
    by_bandwidth: Vec<Share>,
    by_requests: Vec<Share>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Share {
    name: String,
    bandwidth_bytes: u64,
    request_count: u64,
    /// Of a country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Operation for GetUsageAnalytics {
    const ABOUT: About = About::read(
        "get_usage_analytics",
        "Get usage analytics",
        "What was delivered in a span of less than 90 days, both ends counted: top files, transformations, referrers, \
         countries, errors, cache hits. Its answer is long; ask for the fields that you need.",
    )
    .of_account()
    .examples(&[r#"{"startDate":"2026-01-01","endDate":"2026-01-31"}"#]);
    type Output = Analytics;

    fn request(&self) -> Result<ApiRequest, CallError> {
        if self.start_date == self.end_date {
            return Ok(ApiRequest::get(&["v1", "accounts", "usage-analytics"])
                .query("startDate", Some(self.start_date.clone()))
                .query("endDate", Some(self.end_date.clone())));
        }
        days("usage-analytics", &self.start_date, &self.end_date)
    }
}
