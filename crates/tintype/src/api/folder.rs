//! `POST` and `DELETE /v1/folder`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{ChangeError, FolderPath, NameError, Timestamp};
use serde_json::json;

use super::Json;
use super::body::Fields;
use super::empty;
use super::files::refusal;
use super::files::relocate::climbs;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// What is longer than any path and its slashes is not repeated in an answer.
const LONGEST_PATH: usize = FolderPath::MAX_BYTES + 256;

/// Makes a folder and those above it. One that is there already is as good.
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let path = new_path(&fields?)?;
    app.library
        .create_folder(&path, Timestamp::now())
        .await
        .map_err(refusal)?;
    // Some clients decode the body: it has to be there.
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

/// Deletes a folder with everything below it.
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let given = required(&fields, "folderPath")?;
    if given.len() > LONGEST_PATH {
        return Err(
            ApiError::invalid("Your request contains invalid folderPath parameter.").with_reason("INVALID_FOLDER_PATH")
        );
    }
    let missing =
        || ApiError::not_found(format!("No folder found with folderPath `{given}`.")).with_reason("FOLDER_NOT_FOUND");
    // Exactly the folder that is named: what no folder can be called, none is called.
    let path = FolderPath::exact(given).ok_or_else(missing)?;
    let deleted = app.library.delete_folder(&path, Timestamp::now()).await;
    let files = deleted.map_err(|error| match error {
        ChangeError::NoFolder(_) => missing(),
        ChangeError::RootFolder => ApiError::invalid("folderPath cannot be root.").with_reason("INVALID_FOLDER_PATH"),
        ChangeError::TooManyObjects { limit, .. } => ApiError::invalid(format!(
            "Total nested assets (files, folders and file versions) are more than allowed limit of {limit} items."
        ))
        .with_reason("TOO_MANY_OBJECTS"),
        other => refusal(other),
    })?;
    tracing::info!(files, "deleted a folder");
    Ok(empty::done(&headers))
}

fn new_path(fields: &Fields) -> Result<FolderPath, ApiError> {
    let name = required(fields, "folderName")?;
    let parent = required(fields, "parentFolderPath")?;
    if name.contains('/') {
        return Err(invalid("folderName parameter cannot have a slash.".to_owned()));
    }
    if climbs(name) || climbs(parent) {
        return Err(invalid("'.' & '..' can not be used as folder-name".to_owned()));
    }
    FolderPath::sanitised(&format!("{parent}/{name}"))
        .map_err(|error: NameError| invalid(format!("Your request contains an invalid folder path: {error}.")))
}

fn invalid(message: String) -> ApiError {
    ApiError::invalid(message).with_reason("INVALID_FOLDER_PATH")
}

fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, ApiError> {
    match fields.text(name) {
        Ok(Some(text)) if !text.is_empty() => Ok(text),
        Ok(_) => Err(ApiError::invalid(format!("{name} parameter is missing.")).with_reason("MISSING_PARAMETER")),
        Err(error) => Err(error.with_reason("INVALID_PARAMETER")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn new_folders_get_names_that_may_be() {
        let path = |body: Value| {
            let fields = Fields::parse("", body.to_string().as_bytes()).expect("a body");
            new_path(&fields).map_or_else(|error| error.to_string(), |path| path.as_str().to_owned())
        };
        for (name, parent, expected) in [
            ("summer sale", "/shop/2026", "/shop/2026/summer_sale"),
            ("x", "/", "/x"),
            ("x", "//a//b//", "/a/b/x"),
            ("a.b\u{202e}\u{1f980}", "p q", "/p_q/a_b__"),
            ("Лето-2026_ü", "/", "/Лето-2026_ü"),
            ("a/b", "/", "folderName parameter cannot have a slash."),
            ("..", "/", "'.' & '..' can not be used as folder-name"),
            ("x", "/a/../b", "'.' & '..' can not be used as folder-name"),
            ("x", "./", "'.' & '..' can not be used as folder-name"),
            ("", "/", "folderName parameter is missing."),
            ("x", "", "parentFolderPath parameter is missing."),
        ] {
            assert_eq!(
                path(json!({"folderName": name, "parentFolderPath": parent})),
                expected,
                "{name} {parent}"
            );
        }
        let long = path(json!({"folderName": "\u{e9}".repeat(128), "parentFolderPath": "/"}));
        assert!(long.ends_with("a name has 256 bytes; 255 are allowed."), "{long}");
        // Each of them becomes one `_`: 4 KB of crabs are a thousand.
        let crabs = path(json!({"folderName": "\u{1f980}".repeat(1024), "parentFolderPath": "/"}));
        assert!(crabs.ends_with("a name has 1024 bytes; 255 are allowed."), "{crabs}");
    }
}
