//! `/v1/files/purge`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use library::{PurgeError, PurgeId, PurgeOrder, Timestamp};
use serde_json::json;
use url::Url;

use super::body::Fields;
use super::files::{file_id, no_such_file};
use super::{Json, Path};
use crate::app::purge::{CheckError, Subject};
use crate::app::{App, purge};
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// `POST /v1/files/purge`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Purge, Level::Write).await?;
    let fields = fields?;
    let asked_by = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let order = PurgeOrder {
        url: subject(&app, &fields, asked_by).await?.to_text(),
        limit: app.purge_limit,
    };
    let id = app
        .library
        .create_purge(&order, Timestamp::now())
        .await
        .map_err(|error| match error {
            PurgeError::OverQuota(limit) => ApiError::over_quota(format!(
                "The limit of {limit} purge requests for this month has been reached."
            )),
            PurgeError::Store(error) => ApiError::internal(&error),
        })?;
    Ok((StatusCode::CREATED, Json(json!({ "requestId": id }))).into_response())
}

/// What names the subject of a purge: `url` is ImageKit's, the others are ours.
const NAMES: [&str; 5] = ["url", "tag", "prefix", "folderPath", "fileId"];

/// Exactly one thing is purged by a request. Fields that mean nothing here are ignored, as everywhere.
async fn subject(app: &App, fields: &Fields, asked_by: Option<&str>) -> Result<Subject, ApiError> {
    let mut given = Vec::new();
    for name in NAMES {
        if let Some(text) = fields.text(name)?.map(str::trim).filter(|text| !text.is_empty()) {
            if text.len() > purge::LONGEST {
                return Err(ApiError::invalid(format!(
                    "{name} parameter may have at most {} bytes.",
                    purge::LONGEST
                )));
            }
            given.push((name, text));
        }
    }
    match given.as_slice() {
        [("url", url)] => {
            let checked = purge::check(app, url, |url| {
                is_ours(url, &app.url_endpoint, asked_by)
                    || url.host_str().is_some_and(|host| app.domains.path(host).is_some())
            })
            .await;
            checked.map_err(|error| match error {
                CheckError::NotPurgeable => ApiError::invalid(error.to_string()),
                CheckError::Delivery(error) => ApiError::internal(&error),
            })?;
            Ok(Subject::Url((*url).to_owned()))
        }
        [("tag", tag)] => Ok(Subject::Tag((*tag).to_owned())),
        [("prefix", start)] => Ok(Subject::Prefix(format!("/{}", start.trim_start_matches('/')))),
        [("folderPath", path)] => Ok(Subject::Folder(format!("/{}", path.trim_matches('/')))),
        [(_, id)] => {
            let id = file_id(id)?;
            let file = app.library.file(id).await.map_err(|error| ApiError::internal(&error))?;
            let path = file.ok_or_else(no_such_file)?.path();
            Ok(Subject::File { id, path })
        }
        [] => Err(ApiError::invalid("Your request is missing url parameter.")),
        [(first, _), (second, _), ..] => Err(ApiError::invalid(format!(
            "{first} and {second} parameters can not be given together: a purge is for one of {}.",
            NAMES.join(", ")
        ))),
    }
}

/// Which scheme does not matter, because a cache has a file once. A request reached us under its own host, so that is ours, too.
fn is_ours(url: &Url, url_endpoint: &str, asked_by: Option<&str>) -> bool {
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port());
    let same = |text: &str| Url::parse(text).is_ok_and(|ours| place(&ours) == place(url));
    same(url_endpoint) || asked_by.is_some_and(|host| same(&format!("{}://{host}", url.scheme())))
}

/// `GET /v1/files/purge/{requestId}`. An unknown id is 400, not 404.
pub async fn status(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Purge, Level::Read).await?;
    let missing = || ApiError::invalid("No request found for this requestId.");
    let id: PurgeId = id.parse().map_err(|_| missing())?;
    let purge = app
        .library
        .purge(id)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let purge = purge.ok_or_else(missing)?;
    let status = match purge.completed_at {
        Some(_) => "Completed",
        None if purge.has_failed => "Failed",
        None => "Pending",
    };
    let mut answer = json!({ "status": status });
    // Ours: which of the caches in front has accepted it.
    if let (Some(caches), Some(fields)) = (purge.caches, answer.as_object_mut()) {
        fields.insert("caches".to_owned(), caches);
    }
    Ok(Json(answer).into_response())
}
