//! `GET /v1/accounts/usage` and `GET /v1/accounts/usage-analytics`

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use library::{Timestamp, Usage, UsageCount};
use serde_json::{Value, json};
use time::Date;
use time::macros::format_description;
use url::form_urlencoded;

use crate::api::Json;
use crate::app::App;
use crate::app::usage::List;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Entries of a list.
const LONGEST_LIST: usize = 100;
/// Days that a question may span.
const LONGEST_SPAN: i64 = 90;

/// Totals from `startDate` to the day before `endDate`.
pub async fn usage(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let span = Span::read(&query.unwrap_or_default(), false)?;
    let usage = counted(&app, span.first, span.last - 1).await?;
    let stored = app.library.stored_bytes().await;
    let stored = stored.map_err(|error| ApiError::internal(&error))?;
    let units: u64 = usage.of(List::Extensions.as_str()).map(units).sum();
    Ok(Json(json!({
        "bandwidthBytes": total(&usage).bytes,
        "mediaLibraryStorageBytes": stored,
        "videoProcessingUnitsCount": 0,
        "extensionUnitsCount": units,
        "originalCacheStorageBytes": app.delivery.original_bytes(),
    })))
}

/// Everything that was counted from `startDate` to `endDate`, both included.
pub async fn analytics(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let span = Span::read(&query.unwrap_or_default(), true)?;
    let usage = counted(&app, span.first, span.last).await?;
    let all = total(&usage);
    let cache = |name: &str| {
        let counts = usage.of(List::Cache.as_str());
        counts
            .filter(|count| count.name == name)
            .map(|count| count.requests)
            .sum::<u64>()
    };
    let requests = |list: List| -> Value {
        let counts = usage.of(list.as_str()).take(LONGEST_LIST);
        counts
            .map(|count| json!({"name": count.name, "requestCount": count.requests}))
            .collect()
    };
    let operations: Value = usage
        .of(List::Extensions.as_str())
        .map(|count| json!({"name": count.name, "operationCount": count.requests}))
        .collect();
    let both = |list: List| both(&usage, list);
    Ok(Json(json!({
        "startDate": span.start,
        "endDate": span.end,
        "generatedAt": Timestamp::now(),
        "bandwidthBytes": all.bytes,
        "requestCount": all.requests,
        "cache": {"errorCount": cache("error"), "hitCount": cache("hit"), "missCount": cache("miss")},
        "statusCodes": requests(List::StatusCodes),
        "errorReasons": requests(List::ErrorReasons),
        "top404Assets": requests(List::NotFound),
        "extensions": operations,
        "videoProcessing": [],
        "browser": both(List::Browsers),
        "country": both(List::Countries),
        "device": both(List::Devices),
        "format": both(List::Formats),
        "topImages": both(List::Images),
        "topImageTransforms": both(List::ImageTransforms),
        "topOtherAssets": both(List::OtherAssets),
        "topReferrers": both(List::Referrers),
        "topUserAgents": both(List::UserAgents),
        "topVideos": both(List::Videos),
        "topVideoTransforms": both(List::VideoTransforms),
        "urlEndpoints": both(List::UrlEndpoints),
    })))
}

/// What this node has counted until now is in the answer, too.
async fn counted(app: &App, first: i64, last: i64) -> Result<Usage, ApiError> {
    app.usage
        .write(&app.library, Timestamp::now())
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let usage = app.library.usage(first, last).await;
    usage.map_err(|error| ApiError::internal(&error))
}

fn total(usage: &Usage) -> UsageCount {
    let total = usage.of(List::Total.as_str()).next();
    total.cloned().unwrap_or_else(|| UsageCount {
        dimension: String::new(),
        name: String::new(),
        requests: 0,
        bytes: 0,
    })
}

/// What one run of an extension counts.
fn units(count: &UsageCount) -> u64 {
    let each = match count.name.as_str() {
        "remove-bg" => 130,
        "google-auto-tagging" => 2,
        _ => 1,
    };
    count.requests.saturating_mul(each)
}

fn both(usage: &Usage, list: List) -> Value {
    let shown = |counts: &[&UsageCount]| -> Value {
        let counts = counts.iter().take(LONGEST_LIST);
        counts
            .map(|count| {
                let mut json = json!({
                    "name": count.name,
                    "bandwidthBytes": count.bytes,
                    "requestCount": count.requests,
                });
                if list == List::Countries {
                    json["code"] = json!(count.name);
                }
                json
            })
            .collect()
    };
    let mut counts: Vec<&UsageCount> = usage.of(list.as_str()).collect();
    let by_requests = shown(&counts);
    counts.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
    json!({ "byBandwidth": shown(&counts), "byRequests": by_requests })
}

/// The days that are asked for.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    start: String,
    end: String,
    first: i64,
    last: i64,
}

impl Span {
    fn read(query: &str, both_included: bool) -> Result<Self, ApiError> {
        let (mut start, mut end) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "startDate" => start = Some(value.trim().to_owned()),
                "endDate" => end = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (Some(start), Some(end)) = (given(start), given(end)) else {
            return Err(ApiError::invalid(
                "startDate and endDate are required in query parameters.",
            ));
        };
        let (Some(first), Some(last)) = (day(&start), day(&end)) else {
            return Err(ApiError::invalid(
                "startDate and endDate should be in format YYYY-MM-DD.",
            ));
        };
        if first > last || (first == last && !both_included) {
            return Err(ApiError::invalid("startDate should be before endDate."));
        }
        if last - first >= LONGEST_SPAN {
            return Err(ApiError::invalid("startDate and endDate should be within 90 days."));
        }
        Ok(Self {
            start,
            end,
            first,
            last,
        })
    }
}

/// Days since 1970 of `YYYY-MM-DD`.
fn day(text: &str) -> Option<i64> {
    if text.len() != 10 {
        return None;
    }
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some(date.midnight().assume_utc().unix_timestamp().div_euclid(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let read = |start: &str, end: &str, both| {
            let span = Span::read(&format!("startDate={start}&endDate={end}"), both);
            span.map(|span| (span.first, span.last))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("1970-01-02", "1970-01-03", false), Ok((1, 2)));
        assert_eq!(read("1970-01-02", "1970-01-02", true), Ok((1, 1)));
        let required = "startDate and endDate are required in query parameters.";
        let format = "startDate and endDate should be in format YYYY-MM-DD.";
        let order = "startDate should be before endDate.";
        let span = "startDate and endDate should be within 90 days.";
        for (start, end, both, expected) in [
            ("", "1970-01-01", false, required),
            ("1970-1-1", "1970-01-01", false, format),
            ("1970-02-30", "1970-03-01", false, format),
            ("01-01-1970", "1970-03-01", false, format),
            ("1970-01-02", "1970-01-02", false, order),
            ("1970-01-03", "1970-01-02", true, order),
            ("1970-01-01", "1970-04-01", false, span),
        ] {
            assert_eq!(read(start, end, both), Err(expected.to_owned()), "{start} {end}");
        }
        assert!(read("1970-01-01", "1970-03-31", false).is_ok());
    }
}
