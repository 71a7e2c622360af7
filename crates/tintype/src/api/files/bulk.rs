//! Calls that change several files at once: `batch/deleteByFileIds`, `addTags`, `removeTags`, `removeAITags`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{FileId, TagChange, Tags, TagsError, Timestamp};
use serde_json::{Value, json};

use super::{missing_files, refusal};
use crate::api::Json;
use crate::api::body::Fields;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::{ApiError, HELP};

const MOST_DELETED: usize = 100;
const MOST_TAGGED: usize = 50;

/// Deletes files, all of them or none.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let fields = fields?;
    let ids = listed(&fields)?;
    if ids.len() > MOST_DELETED {
        return Err(ApiError::invalid("fileIds cannot have more than 100 items."));
    }
    let ids = known(&app, ids).await?;
    let deleted = app.library.delete_all(&ids, Timestamp::now()).await.map_err(refusal)?;
    Ok(Json(json!({ "successfullyDeletedFileIds": texts_of(&deleted) })))
}

/// Adds tags to files.
pub async fn add_tags(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let fields = fields?;
    let ids = tagged(&fields)?;
    let change = TagChange::Add(tags(&fields)?);
    change_tags(&app, ids, &change, "Error in adding tags").await
}

/// Takes tags from files.
pub async fn remove_tags(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let fields = fields?;
    let ids = tagged(&fields)?;
    let change = TagChange::Remove(tags(&fields)?);
    change_tags(&app, ids, &change, "Error in removing tags").await
}

/// Takes machine-given tags from files.
pub async fn remove_ai_tags(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let fields = fields?;
    let ids = tagged(&fields)?;
    let names = match fields.get("AITags") {
        None => return Err(ApiError::invalid("AITags parameter is missing.")),
        Some(Value::Array(list)) if list.is_empty() => {
            return Err(ApiError::invalid("AITags array cannot be empty."));
        }
        Some(list) => texts(list).ok_or_else(|| {
            ApiError::invalid(
                "Your request contains invalid value for AITags. Please provide an array of strings. Example - \
                 ['t-shirt','summer-sale'].",
            )
        })?,
    };
    change_tags(&app, ids, &TagChange::RemoveAi(names), "Error in removing AITags").await
}

async fn change_tags(app: &App, ids: &[Value], change: &TagChange, failure: &str) -> Result<Response, ApiError> {
    let ids = known(app, ids).await?;
    let changed = app
        .library
        .change_tags(&ids, change, Timestamp::now())
        .await
        .map_err(refusal)?;
    let done = texts_of(&changed.done);
    if changed.refused.is_empty() {
        return Ok(Json(json!({ "successfullyUpdatedFileIds": done })).into_response());
    }
    let errors: Vec<Value> = changed
        .refused
        .iter()
        .map(|(id, why)| json!({ "fileId": id, "error": format!("{failure}: {why}.") }))
        .collect();
    // Some clients take 207 for an error and ask for these two.
    let body = json!({
        "successfullyUpdatedFileIds": done, "errors": errors, "message": format!("{failure} of some files."), "help": HELP
    });
    Ok((StatusCode::MULTI_STATUS, Json(body)).into_response())
}

/// The ids as they came: a list with something in it.
fn listed(fields: &Fields) -> Result<&[Value], ApiError> {
    match fields.get("fileIds") {
        None => Err(ApiError::invalid("fileIds parameter is missing.")),
        Some(Value::Array(ids)) if ids.is_empty() => Err(ApiError::invalid("fileIds is empty.")),
        Some(Value::Array(ids)) => Ok(ids),
        Some(_) => Err(ApiError::invalid("fileIds should be an Array.")),
    }
}

fn tagged(fields: &Fields) -> Result<&[Value], ApiError> {
    let ids = listed(fields)?;
    if ids.len() > MOST_TAGGED {
        return Err(ApiError::invalid("A maximum of 50 files can be edited at a time."));
    }
    Ok(ids)
}

/// The ids, if all of them can be some file's. What can be none counts as missing, like what is none.
async fn known(app: &App, ids: &[Value]) -> Result<Vec<FileId>, ApiError> {
    let parsed: Vec<Option<FileId>> = ids.iter().map(|id| id.as_str()?.parse().ok()).collect();
    if parsed.iter().all(Option::is_some) {
        return Ok(parsed.into_iter().flatten().collect());
    }
    let mut missing: Vec<String> = Vec::new();
    for (given, id) in ids.iter().zip(parsed) {
        let is_there = match id {
            Some(id) => app
                .library
                .file(id)
                .await
                .map_err(|e| ApiError::internal(&e))?
                .is_some(),
            None => false,
        };
        let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        if !is_there && !missing.contains(&text) {
            missing.push(text);
        }
    }
    Err(missing_files(missing))
}

fn texts_of(ids: &[FileId]) -> Vec<String> {
    ids.iter().map(FileId::to_string).collect()
}

fn tags(fields: &Fields) -> Result<Tags, ApiError> {
    let empty = || ApiError::invalid("tags array cannot be empty.");
    let tags = match fields.get("tags") {
        None => return Err(ApiError::invalid("tags parameter is missing.")),
        Some(Value::Array(list)) if list.is_empty() => return Err(empty()),
        Some(list) => checked_tags(texts(list).ok_or_else(no_list_of_tags)?)?,
    };
    if tags.is_empty() { Err(empty()) } else { Ok(tags) }
}

/// The texts of a list; `None` if it is none, or holds something else.
pub(super) fn texts(list: &Value) -> Option<Vec<String>> {
    let items = list.as_array()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The one rule for tags, wherever they come in.
pub(super) fn checked_tags<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Result<Tags, ApiError> {
    let mut has_control = false;
    let tags = Tags::new(tags.into_iter().inspect(|tag| {
        has_control |= tag.as_ref().trim().contains(char::is_control);
    }));
    if has_control {
        return Err(ApiError::invalid(
            "Your request contains invalid value for tags parameter: tags hold no control characters.",
        ));
    }
    tags.map_err(|error| match error {
        TagsError::TooLong { .. } => ApiError::invalid(
            "Your request contains invalid value for tags parameter. Combined length of all tags should be less than or \
             equal to 500.",
        ),
        TagsError::Percent(_) => {
            ApiError::invalid(format!("Your request contains invalid value for tags parameter: {error}."))
        }
    })
}

pub(super) fn no_list_of_tags() -> ApiError {
    ApiError::invalid(
        "Your request contains invalid value for tags. Please provide an array of strings. Example - \
         ['t-shirt','summer-sale'].",
    )
}
