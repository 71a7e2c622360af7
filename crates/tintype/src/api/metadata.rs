//! `GET /v1/files/{fileId}/metadata` and `GET /v1/metadata?url=`, also reached as `/v1/files/metadata?url=`.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use library::MediaFacts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::api::files::file_id;
use crate::api::{Json, Path, file_object};
use crate::app::App;
use crate::app::metadata::{FileMetadata, MetadataError, PictureMetadata, of_asset, of_url};
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

/// Of a file's current version.
pub async fn of_file(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Metadata, Level::Read).await?;
    let id = file_id(&id)?;
    let found = app.library.file(id).await.map_err(|e| ApiError::internal(&e))?;
    let asset = found.ok_or_else(|| refusal(MetadataError::NotFound))?;
    of_asset(&app, &asset)
        .await
        .map(|found| Json(object(&found)))
        .map_err(refusal)
}

/// Of what a URL of this account delivers.
pub async fn of_remote(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Metadata, Level::Read).await?;
    // The spelling is the vendor's; clients match on it.
    let url = asked(query.as_deref().unwrap_or_default())
        .ok_or_else(|| ApiError::invalid("Your request is missing the url query paramater."))?;
    of_url(&app, &url)
        .await
        .map(|found| Json(object(&found)))
        .map_err(refusal)
}

/// The value of `url`. Some clients write it as it is, so that its own `&` and `=` look like further parameters: where it
/// comes first and nothing of its beginning is encoded, all that follows is taken for it.
fn asked(query: &str) -> Option<String> {
    if let Some(rest) = query.strip_prefix("url=")
        && ["http://", "https://"].iter().any(|scheme| rest.starts_with(scheme))
    {
        return Some(rest.to_owned());
    }
    let (_, url) = form_urlencoded::parse(query.as_bytes()).find(|(name, value)| name == "url" && !value.is_empty())?;
    // Encoded twice by clients whose users encode it, too.
    if url.contains("://") {
        return Some(url.into_owned());
    }
    Some(percent_decode_str(&url).decode_utf8_lossy().into_owned())
}

/// The object that the API calls metadata.
pub fn object(found: &FileMetadata) -> Value {
    match found {
        FileMetadata::Picture(picture) => of_picture(picture),
        FileMetadata::Clip { size, facts } => of_clip(*size, facts),
    }
}

fn of_picture(picture: &PictureMetadata) -> Value {
    let PictureMetadata { metadata, hash } = picture;
    let (width, height) = metadata.info.upright();
    let exif = &metadata.exif;
    let mut json = json!({
        "height": height,
        "width": width,
        "size": metadata.size,
        "format": metadata.info.format.extension(),
        "hasColorProfile": metadata.has_color_profile,
        "quality": metadata.info.quality.unwrap_or(0),
        "density": metadata.density,
        "hasTransparency": metadata.info.has_alpha,
        "exif": {
            "image": exif.image,
            "thumbnail": exif.thumbnail,
            "exif": exif.exif,
            "gps": exif.gps,
            "interoperability": exif.interoperability,
            "makernote": exif.makernote,
        },
    });
    if let Some(hash) = hash {
        json["pHash"] = json!(hash.to_string());
    }
    json
}

/// Strict clients break on null here: what is not known is left out.
fn of_clip(size: u64, facts: &MediaFacts) -> Value {
    let mut json = Map::new();
    let mut set = |key: &str, value: Value| {
        json.insert(key.to_owned(), value);
    };
    set("size", json!(size));
    if let (Some(width), Some(height)) = (facts.width, facts.height) {
        set("width", json!(width));
        set("height", json!(height));
    }
    file_object::of_clip(facts, &mut set);
    Value::Object(json)
}

/// The words of the contract, on which clients match.
pub fn refusal(error: MetadataError) -> ApiError {
    match error {
        MetadataError::NotFound => {
            ApiError::not_found("The requested file does not exist or is inaccessible at this time.")
        }
        MetadataError::Elsewhere => ApiError::invalid("The url should be accessible using your ImageKit.io account."),
        MetadataError::Unreadable => ApiError::invalid("The requested file is corrupt or invalid."),
        MetadataError::Delivery(error) => match error.code() {
            delivery::Code::Overloaded => ApiError::overloaded(),
            delivery::Code::Internal | delivery::Code::Upstream => ApiError::internal(&error),
            delivery::Code::Unavailable => ApiError::unavailable("What the url asks for"),
            _ => ApiError::invalid(format!("The url can't be delivered: {error}")),
        },
        MetadataError::Internal(cause) => ApiError::internal(cause.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_in_the_query() {
        for (query, expected) in [
            ("url=http://h/demo/a.jpg?a=b&c=d", Some("http://h/demo/a.jpg?a=b&c=d")),
            ("url=https://h/demo/a%20b.jpg", Some("https://h/demo/a%20b.jpg")),
            (
                "url=https%3A%2F%2Fh%2Fdemo%2Fa%2520b.jpg%3Fa%3Db&c=d",
                Some("https://h/demo/a%20b.jpg?a=b"),
            ),
            ("c=d&url=http%3A%2F%2Fh%2Fa.jpg", Some("http://h/a.jpg")),
            ("c=d&url=http://h/a.jpg&e=f", Some("http://h/a.jpg")),
            ("url=http%253A%252F%252Fh%252Fa.jpg", Some("http://h/a.jpg")),
            ("url=", None),
            ("URL=http://h/a.jpg", None),
            ("", None),
        ] {
            assert_eq!(asked(query).as_deref(), expected, "{query}");
        }
    }
}
