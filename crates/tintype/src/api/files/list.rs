//! `GET /v1/files`

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use library::{EntryKind, FileType, FolderPath, ListQuery, Sort, SortKey};
use url::form_urlencoded;

use crate::api::Json;
use crate::api::file_object;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Most entries of one page, and the default.
const LONGEST_PAGE: u32 = 1000;

/// Files, versions and folders as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let query = parse(query.as_deref().unwrap_or_default())?;
    let entries = app.library.list(&query).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(
        entries
            .iter()
            .map(|entry| file_object::entry(entry, &app.url_endpoint))
            .collect(),
    ))
}

/// Reads the parameters; unknown ones are ignored, as the contract wants, and so are empty ones.
fn parse(query: &str) -> Result<ListQuery, ApiError> {
    let mut list = ListQuery {
        limit: LONGEST_PAGE,
        ..ListQuery::default()
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.trim();
        if value.is_empty() || value == "undefined" || value == "null" {
            continue;
        }
        match name.as_ref() {
            "type" => list.kind = kind(value)?,
            "sort" => list.sort = sort(value)?,
            "path" => list.folder = Some(folder(value)?),
            "fileType" => list.file_type = file_type(value)?,
            "limit" => list.limit = limit(value)?,
            "skip" => list.skip = skip(value)?,
            "tags" => {
                list.tags = value
                    .split(',')
                    .map(|t| t.trim().to_owned())
                    .filter(|t| !t.is_empty())
                    .collect()
            }
            "name" => list.name = Some(value.to_owned()),
            "includeFolder" if matches!(value, "true" | "True" | "1") => list.kind = EntryKind::All,
            "searchQuery" => return Err(ApiError::unavailable("searchQuery")),
            _ => {}
        }
    }
    Ok(list)
}

fn kind(value: &str) -> Result<EntryKind, ApiError> {
    match value {
        "file" => Ok(EntryKind::File),
        "file-version" => Ok(EntryKind::FileVersion),
        "folder" => Ok(EntryKind::Folder),
        "all" => Ok(EntryKind::All),
        _ => Err(ApiError::invalid(
            "Your request contains invalid value for type parameter. \
             Please provide one of the following: file, file-version, folder, all.",
        )),
    }
}

fn sort(value: &str) -> Result<Sort, ApiError> {
    let wrong = || ApiError::invalid("Your request contains invalid value for sort parameters.");
    let (direction, key) = value.split_once('_').ok_or_else(wrong)?;
    let descending = match direction {
        "ASC" => false,
        "DESC" => true,
        _ => return Err(wrong()),
    };
    let key = match key {
        "NAME" => SortKey::Name,
        "CREATED" => SortKey::Created,
        "RELEVANCE" => SortKey::Relevance,
        "UPDATED" => SortKey::Updated,
        "HEIGHT" => SortKey::Height,
        "WIDTH" => SortKey::Width,
        "SIZE" => SortKey::Size,
        _ => return Err(wrong()),
    };
    Ok(Sort { key, descending })
}

fn folder(value: &str) -> Result<FolderPath, ApiError> {
    // What no folder can be called, none is called: the listing is empty, as for any unknown folder.
    FolderPath::sanitised(value)
        .map_err(|e| ApiError::invalid(format!("Your request contains invalid path parameter: {e}.")))
}

/// `None` for all.
fn file_type(value: &str) -> Result<Option<FileType>, ApiError> {
    match value {
        "all" => Ok(None),
        "image" => Ok(Some(FileType::Image)),
        "non-image" => Ok(Some(FileType::NonImage)),
        _ => Err(ApiError::invalid(
            "Your request contains invalid value for fileType parameter. \
             Please provide one of the following: all, image, non-image.",
        )),
    }
}

fn limit(value: &str) -> Result<u32, ApiError> {
    match value.parse::<i64>() {
        Err(_) => Err(ApiError::invalid(
            "Your request contains invalid value for limit parameter.",
        )),
        Ok(n) if n < 1 => Err(ApiError::invalid(format!(
            "Minimum value of limit parameter is 1. Value sent is {value}."
        ))),
        Ok(n) => u32::try_from(n).ok().filter(|n| *n <= LONGEST_PAGE).ok_or_else(|| {
            ApiError::invalid(format!(
                "Maximum value of limit parameter is {LONGEST_PAGE}. Value sent is {value}."
            ))
        }),
    }
}

fn skip(value: &str) -> Result<u64, ApiError> {
    match value.parse::<i64>() {
        Err(_) => Err(ApiError::invalid(
            "Your request contains invalid value for skip parameter.",
        )),
        Ok(n) => u64::try_from(n).map_err(|_| {
            ApiError::invalid(format!(
                "The value of skip parameter should be greater than or equal to 0. Value sent is {value}."
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read() {
        let query =
            parse("type=all&sort=DESC_NAME&path=%2Ftravel+2026%2F&limit=2&skip=4&tags=sea,%20dawn&x=1&name=").unwrap();
        assert_eq!(query.kind, EntryKind::All);
        assert_eq!(
            query.sort,
            Sort {
                key: SortKey::Name,
                descending: true
            }
        );
        assert_eq!(query.folder.unwrap().as_str(), "/travel_2026");
        assert_eq!((query.limit, query.skip), (2, 4));
        assert_eq!(query.tags, ["sea", "dawn"]);
        assert_eq!(query.name, None);
        assert_eq!(parse("includeFolder=True").unwrap().kind, EntryKind::All);
        assert_eq!(parse("").unwrap().limit, 1000);
    }

    #[test]
    fn refusals_have_the_texts_of_the_contract() {
        let cases = [
            (
                "skip=-1",
                "The value of skip parameter should be greater than or equal to 0. Value sent is -1.",
            ),
            ("limit=0", "Minimum value of limit parameter is 1. Value sent is 0."),
            (
                "limit=2000",
                "Maximum value of limit parameter is 1000. Value sent is 2000.",
            ),
            (
                "limit=99999999999",
                "Maximum value of limit parameter is 1000. Value sent is 99999999999.",
            ),
            ("limit=many", "Your request contains invalid value for limit parameter."),
            ("sort=UP", "Your request contains invalid value for sort parameters."),
            (
                "type=files",
                "Your request contains invalid value for type parameter. \
                 Please provide one of the following: file, file-version, folder, all.",
            ),
            (
                "searchQuery=x",
                "searchQuery is not available in this version of Tintype.",
            ),
        ];
        for (query, message) in cases {
            assert_eq!(parse(query).unwrap_err().to_string(), message, "{query}");
        }
    }
}
