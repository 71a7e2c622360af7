//! `GET` and `PATCH /v1/files/{fileId}/details`

use axum::extract::State;
use axum::http::HeaderMap;
use library::{AiTagRemoval, FileEdit, FileId, Tags, Timestamp};
use serde_json::{Value, json};

use super::upload::{coordinates, webhook_url};
use super::{bulk, file_id, no_such_file, refusal};
use crate::api::body::Fields;
use crate::api::file_object;
use crate::api::{Json, Path};
use crate::app::enrich::{self, ReadError};
use crate::app::{App, follow_up};
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// The current version of a file.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let id = file_id(&id)?;
    let file = app
        .library
        .file(id)
        .await
        .map_err(|e| ApiError::internal(&e))?
        .ok_or_else(no_such_file)?;
    Ok(Json(file_object::file(&file, &app.url_endpoint)))
}

/// Changes what is said of a file, or whether it is published. The answer is the file as it is then.
pub async fn patch(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Write).await?;
    let id = file_id(&id)?;
    match Change::parse(&fields?)? {
        Change::Publication { shown, all_versions } => {
            let file = app
                .library
                .publish(id, shown, all_versions, Timestamp::now())
                .await
                .map_err(refusal)?;
            Ok(Json(file_object::file(&file, &app.url_endpoint)))
        }
        Change::Attributes { edit, extensions } => edit_file(&app, id, edit, extensions).await,
    }
}

async fn edit_file(
    app: &App,
    id: FileId,
    edit: FileEdit,
    extensions: Option<RequestedExtensions>,
) -> Result<Json, ApiError> {
    let (edit, status) = match extensions {
        None => (edit, None),
        Some(requested) => {
            // Read before anything is changed, enqueued with the change: nobody is told of work that is lost.
            let extensions = enrich::read(app, &requested.list.into()).await.map_err(unread)?;
            let (status, pending) = enrich::statuses(app, &extensions);
            let follow_ups = follow_up::of_extensions(&pending, requested.webhook_url.as_deref());
            (FileEdit { follow_ups, ..edit }, Some(status))
        }
    };
    let file = app.library.edit(id, &edit, Timestamp::now()).await.map_err(refusal)?;
    let mut answer = file_object::file(&file, &app.url_endpoint);
    if let (Value::Object(answer), Some(status)) = (&mut answer, status) {
        answer.insert("extensionStatus".to_owned(), status.into());
    }
    Ok(Json(answer))
}

fn unread(error: ReadError) -> ApiError {
    match error {
        ReadError::Invalid(problem) => ApiError::invalid("Your request contains invalid extensions parameter.")
            .with("errors", json!({ "extensions": problem })),
        ReadError::Store(error) => ApiError::internal(&error),
    }
}

/// The two exclusive variants of the body.
#[derive(Debug, PartialEq)]
enum Change {
    Attributes {
        edit: FileEdit,
        extensions: Option<RequestedExtensions>,
    },
    Publication {
        shown: bool,
        all_versions: bool,
    },
}

/// What a service shall do with the file after the edit, as it came.
#[derive(Debug, PartialEq)]
struct RequestedExtensions {
    /// At least one.
    list: Vec<Value>,
    webhook_url: Option<String>,
}

impl Change {
    fn parse(fields: &Fields) -> Result<Self, ApiError> {
        match fields.get("publish") {
            Some(publish) => Self::publication(publish, fields),
            None => Self::attributes(fields),
        }
    }

    fn publication(publish: &Value, fields: &Fields) -> Result<Self, ApiError> {
        // Clients send `null` for what they were not given; only these two mean something by it.
        let means = |name: &str| fields.get(name).is_some() || matches!(name, "tags" | "customCoordinates");
        if fields.names().any(|name| name != "publish" && means(name)) {
            return Err(ApiError::invalid(
                "Your request cannot contain any other parameters when publish is present",
            ));
        }
        let Value::Object(publish) = publish else {
            return Err(ApiError::invalid("publish parameter should be an object."));
        };
        let publish = Fields::from(publish.clone());
        let Some(shown) = publish.flag("isPublished").map_err(inside_publish)? else {
            return Err(ApiError::invalid("publish.isPublished parameter is missing."));
        };
        let all_versions = publish.flag("includeFileVersions").map_err(inside_publish)?;
        Ok(Self::Publication {
            shown,
            all_versions: all_versions.unwrap_or(false),
        })
    }

    fn attributes(fields: &Fields) -> Result<Self, ApiError> {
        let edit = FileEdit {
            remove_ai_tags: fields.get("removeAITags").map(ai_tag_removal).transpose()?,
            tags: fields.raw("tags").map(new_tags).transpose()?,
            custom_coordinates: match fields.raw("customCoordinates") {
                None => None,
                Some(Value::Null) => Some(None),
                Some(_) => Some(match fields.text("customCoordinates")? {
                    None | Some("") => None,
                    Some(text) => Some(coordinates(text)?),
                }),
            },
            custom_metadata: match fields.get("customMetadata") {
                None => None,
                Some(Value::Object(values)) => Some(values.clone()).filter(|values| !values.is_empty()),
                Some(_) => return Err(ApiError::invalid("customMetadata parameter should be an object.")),
            },
            description: fields
                .text("description")?
                .map(|text| Some(text.to_owned()).filter(|text| !text.is_empty())),
            // Known when the extensions are read.
            follow_ups: Vec::new(),
        };
        let callback = fields.text("webhookUrl")?.filter(|text| !text.trim().is_empty());
        let callback = callback.map(webhook_url).transpose()?;
        let extensions = match fields.get("extensions") {
            None => None,
            Some(Value::Array(list)) => Some(RequestedExtensions {
                list: list.clone(),
                webhook_url: callback.map(String::from),
            })
            .filter(|requested| !requested.list.is_empty()),
            Some(_) => return Err(ApiError::invalid("extensions parameter should be an array.")),
        };
        Ok(Self::Attributes { edit, extensions })
    }
}

fn inside_publish(_: ApiError) -> ApiError {
    ApiError::invalid("The parameters of publish should be booleans.")
}

/// `"all"`, or names.
fn ai_tag_removal(value: &Value) -> Result<AiTagRemoval, ApiError> {
    match value {
        Value::String(text) if text == "all" => Ok(AiTagRemoval::All),
        Value::Array(_) => bulk::texts(value)
            .map(AiTagRemoval::Names)
            .ok_or_else(wrong_ai_tag_removal),
        _ => Err(wrong_ai_tag_removal()),
    }
}

fn wrong_ai_tag_removal() -> ApiError {
    ApiError::invalid("removeAITags parameter should be an array of strings or the string all.")
}

/// A list, the same with commas between, or `null` for none.
fn new_tags(value: &Value) -> Result<Tags, ApiError> {
    match value {
        Value::Null => Ok(Tags::default()),
        Value::String(text) => bulk::checked_tags(text.split(',')),
        list => bulk::checked_tags(bulk::texts(list).ok_or_else(bulk::no_list_of_tags)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &Value) -> Result<Change, String> {
        let fields = Fields::parse("application/json", body.to_string().as_bytes()).expect("a body");
        Change::parse(&fields).map_err(|error| error.to_string())
    }

    fn edit(body: &Value) -> FileEdit {
        match parse(body) {
            Ok(Change::Attributes { edit, .. }) => edit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_absent_stays_and_null_clears() {
        assert_eq!(edit(&json!({})), FileEdit::default());
        assert_eq!(
            edit(
                &json!({"description": null, "customMetadata": null, "removeAITags": null, "extensions": null,
                         "webhookUrl": null, "publish": null, "unknown": 1})
            ),
            FileEdit::default()
        );
        let cleared = FileEdit {
            tags: Some(Tags::default()),
            custom_coordinates: Some(None),
            description: Some(None),
            ..FileEdit::default()
        };
        assert_eq!(
            edit(&json!({"tags": null, "customCoordinates": null, "description": ""})),
            cleared
        );
        let full = edit(&json!({
            "tags": ["b", "a", "b"], "customCoordinates": "1, 2,3,4", "description": "x", "removeAITags": "all",
            "customMetadata": {"a": null}
        }));
        assert_eq!(
            full.tags.map(|tags| tags.as_slice().to_vec()),
            Some(vec!["b".into(), "a".into()])
        );
        assert_eq!(full.custom_coordinates, Some(Some("1,2,3,4".into())));
        assert_eq!(full.remove_ai_tags, Some(AiTagRemoval::All));
        assert_eq!(full.custom_metadata.map(Value::Object), Some(json!({"a": null})));
        assert_eq!(edit(&json!({"tags": "sea, sky"})).tags, Tags::new(["sea", "sky"]).ok());
        let names = AiTagRemoval::Names(vec!["a".into()]);
        assert_eq!(edit(&json!({"removeAITags": ["a"]})).remove_ai_tags, Some(names));
    }

    #[test]
    fn publication_stands_alone() {
        let change = |shown, all_versions| Ok(Change::Publication { shown, all_versions });
        assert_eq!(parse(&json!({"publish": {"isPublished": false}})), change(false, false));
        let both = json!({"publish": {"isPublished": "true", "includeFileVersions": true}, "description": null});
        assert_eq!(parse(&both), change(true, true));
        let alone = "Your request cannot contain any other parameters when publish is present";
        for other in [
            json!({"tags": ["x"]}),
            json!({"tags": null}),
            json!({"extensions": []}),
            json!({"x": 1}),
        ] {
            let mut body = other.as_object().expect("an object").clone();
            body.insert("publish".into(), json!({"isPublished": true}));
            assert_eq!(parse(&body.into()), Err(alone.into()), "{other}");
        }
        for (publish, text) in [
            (json!(true), "publish parameter should be an object."),
            (json!({}), "publish.isPublished parameter is missing."),
            (
                json!({"isPublished": null}),
                "publish.isPublished parameter is missing.",
            ),
            (
                json!({"isPublished": "x"}),
                "The parameters of publish should be booleans.",
            ),
            (
                json!({"isPublished": true, "includeFileVersions": 7}),
                "The parameters of publish should be booleans.",
            ),
        ] {
            assert_eq!(parse(&json!({"publish": publish})), Err(text.into()));
        }
    }

    #[test]
    fn wrong_values_are_named() {
        let too_long = "Your request contains invalid value for tags parameter. Combined length of all tags should be \
                        less than or equal to 500.";
        let control = "Your request contains invalid value for tags parameter: tags hold no control characters.";
        let callback = "Your request contains invalid webhookUrl parameter. It should be an http or https URL.";
        for (body, text) in [
            (json!({"tags": ["x".repeat(501)]}), too_long),
            (
                json!({"tags": ["50%"]}),
                "Your request contains invalid value for tags parameter: the tag `50%` holds a `%`, which is not allowed.",
            ),
            (
                json!({"tags": [1]}),
                "Your request contains invalid value for tags. Please provide an array of strings. Example - \
                 ['t-shirt','summer-sale'].",
            ),
            (
                json!({"customCoordinates": "1,2"}),
                "Your request contains invalid customCoordinates parameter. It should be x,y,width,height in whole \
                 pixels.",
            ),
            (
                json!({"customMetadata": "x"}),
                "customMetadata parameter should be an object.",
            ),
            (json!({"description": 1}), "description parameter should be a string."),
            (json!({"tags": ["a\nb"]}), control),
            (json!({"tags": "a,b\u{7f}c"}), control),
            (json!({"webhookUrl": "ftp://x"}), callback),
            (json!({"webhookUrl": "http://"}), callback),
            (
                json!({"webhookUrl": format!("https://x/{}", "a".repeat(2048))}),
                callback,
            ),
            (json!({"extensions": "x"}), "extensions parameter should be an array."),
            (
                json!({"removeAITags": "some"}),
                "removeAITags parameter should be an array of strings or the string all.",
            ),
        ] {
            assert_eq!(parse(&body), Err(text.into()), "{body}");
        }
    }
}
