//! `GET /v1/files`

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use library::search::{Fields, Search};
use library::{
    Code, Cursor, Entry, EntryKind, FileId, FileType, FolderPath, ListError, ListQuery, MAX_DISTANCE, Similar, Sort,
    SortKey, Timestamp, Total,
};
use url::form_urlencoded;

use crate::api::Json;
use crate::api::file_object;
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Most entries of one page, and the default.
const LONGEST_PAGE: u32 = 1000;
/// Bits in which pictures that look alike may differ, if the request does not say.
const ALIKE: u32 = 8;

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
const TOTAL_RELATION: HeaderName = HeaderName::from_static("x-total-count-relation");
/// Tells a client that its question was understood: other servers ignore it, and list all files.
const LISTED: HeaderName = HeaderName::from_static("x-listed");
const MATCHED: HeaderName = HeaderName::from_static("x-matched");
/// Of the SHA-256 of a file's bytes, so many hexadecimal digits tell files of one page apart.
const CONTENT_DIGITS: usize = 16;
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Files, versions and folders as a bare array. What goes beyond that is in headers, for those who ask.
pub async fn list(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Media, Level::Read).await?;
    let asked = parse(query.as_deref().unwrap_or_default())?;
    let mut list = asked.list;
    if let Some(text) = &asked.search {
        list.search = Some(search(&app, text).await?);
    }
    let mut extra = HeaderMap::new();
    let entries = match asked.of {
        Of::Everything => {
            let page = app.library.page(&list).await.map_err(refused)?;
            if let Some(next) = page.next.filter(|_| asked.wants_cursor) {
                insert(&mut extra, NEXT_CURSOR, &next.to_string());
            }
            if let Some(total) = page.total {
                let (count, relation) = match total {
                    Total::Exactly(count) => (count, "eq"),
                    Total::MoreThan(count) => (count, "gt"),
                };
                insert(&mut extra, TOTAL, &count.to_string());
                insert(&mut extra, TOTAL_RELATION, relation);
            }
            page.entries
        }
        Of::SimilarTo(file) => {
            insert(&mut extra, LISTED, "similar");
            let found = similar(&app, &list, file, asked.distance).await?;
            insert(
                &mut extra,
                MATCHED,
                &joined(found.iter().map(|(_, distance)| distance.to_string())),
            );
            found.into_iter().map(|(entry, _)| entry).collect()
        }
        Of::Duplicates => {
            insert(&mut extra, LISTED, "duplicates");
            let found = app.library.duplicates(list.limit, list.skip).await.map_err(refused)?;
            insert(&mut extra, MATCHED, &joined(found.iter().map(content)));
            found
        }
    };
    let array = entries
        .iter()
        .map(|entry| file_object::entry(entry, &app.url_endpoint))
        .collect();
    Ok((extra, Json(array)).into_response())
}

async fn search(app: &App, text: &str) -> Result<Search, ApiError> {
    let fields = if text.contains("customMetadata") {
        app.library.search_fields().await.map_err(|e| ApiError::internal(&e))?
    } else {
        Fields::default()
    };
    Search::parse(text, &fields, Timestamp::now()).map_err(|error| {
        ApiError::invalid(format!(
            "Invalid search query - {} Please refer to the documentation for syntax specification.",
            error.sentences(text)
        ))
    })
}

async fn similar(app: &App, list: &ListQuery, file: FileId, distance: u32) -> Result<Vec<(Entry, u32)>, ApiError> {
    match app.library.similar(list, file, distance).await.map_err(refused)? {
        Similar::Found(found) => Ok(found),
        Similar::NoFile => Err(super::no_such_file()),
        Similar::NoHash => Err(ApiError::invalid(
            "The file that similarTo names is not an image that can be compared.",
        )),
    }
}

/// Names the bytes of a file: pictures that look the same need not be the same.
fn content(entry: &Entry) -> String {
    match entry {
        Entry::File(asset) => asset.version.blob.to_string().chars().take(CONTENT_DIGITS).collect(),
        Entry::Folder(_) => String::new(),
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

fn refused(error: ListError) -> ApiError {
    match error {
        ListError::Cursor(_) => ApiError::invalid("Your request contains invalid cursor parameter."),
        error if error.code() == Code::Invalid => ApiError::invalid(error.to_string()),
        error => ApiError::internal(&error),
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What a request asks for.
#[derive(Debug)]
struct Asked {
    list: ListQuery,
    search: Option<String>,
    of: Of,
    distance: u32,
    wants_cursor: bool,
}

#[derive(Debug, PartialEq)]
enum Of {
    Everything,
    SimilarTo(FileId),
    Duplicates,
}

/// Reads the parameters; unknown ones are ignored, as the contract wants, and so are empty ones.
fn parse(query: &str) -> Result<Asked, ApiError> {
    let mut asked = Asked {
        list: ListQuery {
            limit: LONGEST_PAGE,
            ..ListQuery::default()
        },
        search: None,
        of: Of::Everything,
        distance: ALIKE,
        wants_cursor: false,
    };
    let list = &mut asked.list;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.trim();
        // Asking for cursors begins with an empty one.
        asked.wants_cursor |= name == "cursor";
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
            "includeFolder" if is_true(value) => list.kind = EntryKind::All,
            "searchQuery" => asked.search = Some(value.to_owned()),
            "cursor" => list.cursor = Some(cursor(value)?),
            "count" => list.count = is_true(value),
            "similarTo" => asked.of = Of::SimilarTo(similar_to(value)?),
            "maxDistance" => asked.distance = distance(value)?,
            "duplicates" if is_true(value) => asked.of = Of::Duplicates,
            _ => {}
        }
    }
    // No text holds one, and PostgreSQL refuses to be asked.
    let texts = list.tags.iter().chain(&list.name);
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(ApiError::invalid("Your request contains a NUL character."));
    }
    check(&asked)?;
    Ok(asked)
}

/// Refuses what would have no effect.
fn check(asked: &Asked) -> Result<(), ApiError> {
    let list = &asked.list;
    if asked.of != Of::Everything && (list.count || asked.wants_cursor) {
        return Err(ApiError::invalid(
            "count and cursor cannot be combined with similarTo and duplicates.",
        ));
    }
    let narrowed = asked.search.is_some() || list.folder.is_some() || !list.tags.is_empty() || list.name.is_some();
    if asked.of == Of::Duplicates && narrowed {
        return Err(ApiError::invalid(
            "duplicates cannot be combined with searchQuery, path, tags and name.",
        ));
    }
    Ok(())
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "True" | "1")
}

fn cursor(value: &str) -> Result<Cursor, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::invalid("Your request contains invalid cursor parameter."))
}

fn similar_to(value: &str) -> Result<FileId, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::invalid("Your request contains invalid similarTo parameter."))
}

fn distance(value: &str) -> Result<u32, ApiError> {
    value.parse().ok().filter(|n| *n <= MAX_DISTANCE).ok_or_else(|| {
        ApiError::invalid(format!(
            "The value of maxDistance parameter should be between 0 and {MAX_DISTANCE}. Value sent is {value}."
        ))
    })
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
        let asked =
            parse("type=all&sort=DESC_NAME&path=%2Ftravel+2026%2F&limit=2&skip=4&tags=sea,%20dawn&x=1&name=").unwrap();
        assert!(asked.search.is_none() && !asked.wants_cursor && asked.of == Of::Everything);
        let query = asked.list;
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
        assert_eq!(parse("includeFolder=True").unwrap().list.kind, EntryKind::All);
        assert_eq!(parse("").unwrap().list.limit, 1000);
        let asked = parse("searchQuery=name%20%3D%20%22a%22&cursor=&count=true").unwrap();
        assert_eq!(asked.search.as_deref(), Some("name = \"a\""));
        assert!(asked.wants_cursor && asked.list.count && asked.list.cursor.is_none());
        let asked = parse("similarTo=65f0c0ffee0123456789abcd&maxDistance=3").unwrap();
        assert_eq!(asked.of, Of::SimilarTo("65f0c0ffee0123456789abcd".parse().unwrap()));
        assert_eq!(asked.distance, 3);
        assert_eq!(parse("searchQuery=%20&duplicates=true").unwrap().of, Of::Duplicates);
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
            ("cursor=zz", "Your request contains invalid cursor parameter."),
            ("similarTo=zz", "Your request contains invalid similarTo parameter."),
            (
                "maxDistance=16",
                "The value of maxDistance parameter should be between 0 and 15. Value sent is 16.",
            ),
            (
                "duplicates=true&count=true",
                "count and cursor cannot be combined with similarTo and duplicates.",
            ),
            (
                "duplicates=true&searchQuery=x",
                "duplicates cannot be combined with searchQuery, path, tags and name.",
            ),
            ("name=a%00", "Your request contains a NUL character."),
        ];
        for (query, message) in cases {
            assert_eq!(parse(query).unwrap_err().to_string(), message, "{query}");
        }
    }
}
