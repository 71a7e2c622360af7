//! Files, versions and folders as JSON: the one place that knows their wire form.

use library::{Asset, Entry, FileType, Folder, MediaFacts, Version};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::api::metadata;
use crate::app::metadata::FileMetadata;
use crate::app::place::UrlPlace;

/// In a path everything but these is percent-encoded. `@` and `:` would be legal too, but both mean something in a
/// transformation.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')')
    .remove(b'!');

/// Keys of the upload answer that are there only when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseField {
    /// `tags`
    Tags,
    /// `customCoordinates`
    CustomCoordinates,
    /// `isPrivateFile`
    IsPrivateFile,
    /// `isPublished`
    IsPublished,
    /// `customMetadata`
    CustomMetadata,
    /// `embeddedMetadata`
    EmbeddedMetadata,
    /// `metadata`
    Metadata,
}

impl ResponseField {
    /// `None` for names that nobody knows, which the contract wants ignored.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "tags" => Some(Self::Tags),
            "customCoordinates" => Some(Self::CustomCoordinates),
            "isPrivateFile" => Some(Self::IsPrivateFile),
            "isPublished" => Some(Self::IsPublished),
            "customMetadata" => Some(Self::CustomMetadata),
            "embeddedMetadata" => Some(Self::EmbeddedMetadata),
            "metadata" => Some(Self::Metadata),
            _ => None,
        }
    }
}

/// An element of a listing.
pub fn entry(entry: &Entry, url_endpoint: &UrlPlace) -> Value {
    match entry {
        Entry::File(asset) => version(asset, url_endpoint),
        Entry::Folder(entry) => folder(entry, url_endpoint),
    }
}

/// A version of a file: the current one as the file itself.
pub fn version(asset: &Asset, url_endpoint: &UrlPlace) -> Value {
    if asset.is_current {
        file(asset, url_endpoint)
    } else {
        old_version(asset, url_endpoint)
    }
}

/// A file in its current version.
pub fn file(asset: &Asset, url_endpoint: &UrlPlace) -> Value {
    let query = format!("?updatedAt={}", asset.updated_at.as_millis());
    let url = format!("{}{query}", url(url_endpoint.files(), &asset.path()));
    object(asset, "file", &url, url_endpoint)
}

fn old_version(asset: &Asset, url_endpoint: &UrlPlace) -> Value {
    let token = &asset.version.token;
    let query = format!("?ik-obj-version={token}&updatedAt={}", asset.updated_at.as_millis());
    let url = format!("{}{query}", url(url_endpoint.files(), &asset.path()));
    object(asset, "file-version", &url, url_endpoint)
}

fn object(asset: &Asset, kind: &str, url: &str, place: &UrlPlace) -> Value {
    let version = &asset.version;
    let mut json = Map::new();
    let mut set = |key: &str, value: Value| {
        json.insert(key.to_owned(), value);
    };
    set("type", json!(kind));
    set("name", json!(asset.name.as_str()));
    set("createdAt", json!(asset.created_at.to_string()));
    set("updatedAt", json!(asset.updated_at.to_string()));
    set("fileId", json!(asset.id.to_string()));
    set("tags", tags(asset));
    set("AITags", ai_tags(asset));
    set("versionInfo", version_info(version));
    set("embeddedMetadata", json!(version.media.embedded_metadata));
    set("isPublished", json!(asset.is_published));
    set("customCoordinates", json!(asset.custom_coordinates));
    set("customMetadata", place.visible(&asset.custom_metadata));
    set("isPrivateFile", json!(asset.is_private));
    set("url", json!(url));
    set("thumbnail", json!(format!("{url}&tr=n-ik_ml_thumbnail")));
    set("fileType", json!(version.media.file_type.as_str()));
    set("filePath", json!(asset.path()));
    set("size", json!(version.size));
    set("mime", json!(version.media.mime));
    // Strict clients break on null here: what is not known is left out.
    if let (Some(width), Some(height)) = (version.media.width, version.media.height) {
        set("width", json!(width));
        set("height", json!(height));
    }
    of_clip(&version.media, &mut set);
    if let Some(has_alpha) = version.media.has_alpha {
        set("hasAlpha", json!(has_alpha));
    }
    if let Some(description) = &asset.description {
        set("description", json!(description));
    }
    Value::Object(json)
}

/// A folder.
pub fn folder(folder: &Folder, place: &UrlPlace) -> Value {
    json!({
        "folderId": folder.id.to_string(),
        "type": "folder",
        "name": folder.path.name(),
        "folderPath": folder.path.as_str(),
        "customMetadata": place.visible(&folder.custom_metadata),
        "createdAt": folder.created_at.to_string(),
        "updatedAt": folder.updated_at.to_string(),
    })
}

/// What plays: absent where it is not known, or does not.
pub fn of_clip(media: &MediaFacts, set: &mut impl FnMut(&str, Value)) {
    if let Some(duration) = media.duration {
        set("duration", json!(duration.as_secs_f64().round() as u64));
    }
    if let Some(bit_rate) = media.bit_rate {
        set("bitRate", json!(bit_rate));
    }
    if let Some(codec) = &media.audio_codec {
        set("audioCodec", json!(codec));
    }
    if let Some(codec) = &media.video_codec {
        set("videoCodec", json!(codec));
    }
}

/// The answer to an upload. `metadata` is what that field shows if it was asked for.
pub fn upload_result(
    asset: &Asset,
    url_endpoint: &UrlPlace,
    asked: &[ResponseField],
    metadata: Option<&FileMetadata>,
) -> Value {
    let version = &asset.version;
    let path = asset.path();
    let mut json = Map::new();
    let mut set = |key: &str, value: Value| {
        json.insert(key.to_owned(), value);
    };
    set("fileId", json!(asset.id.to_string()));
    set("name", json!(asset.name.as_str()));
    set("size", json!(version.size));
    set("versionInfo", version_info(version));
    set("filePath", json!(path));
    set("url", json!(url(url_endpoint.files(), &path)));
    set("fileType", json!(version.media.file_type.as_str()));
    set("AITags", ai_tags(asset));
    if let (Some(width), Some(height)) = (version.media.width, version.media.height) {
        set("width", json!(width));
        set("height", json!(height));
    }
    of_clip(&version.media, &mut set);
    if let Some(orientation) = version.media.orientation {
        set("orientation", json!(orientation));
    }
    if version.media.file_type == FileType::Image {
        set(
            "thumbnailUrl",
            json!(url(&format!("{}/tr:n-ik_ml_thumbnail", url_endpoint.files()), &path)),
        );
    }
    if let Some(description) = &asset.description {
        set("description", json!(description));
    }
    for field in asked {
        match field {
            ResponseField::Tags => set("tags", tags(asset)),
            ResponseField::CustomCoordinates => set("customCoordinates", json!(asset.custom_coordinates)),
            ResponseField::IsPrivateFile => set("isPrivateFile", json!(asset.is_private)),
            ResponseField::IsPublished => set("isPublished", json!(asset.is_published)),
            ResponseField::CustomMetadata => set("customMetadata", url_endpoint.visible(&asset.custom_metadata)),
            ResponseField::EmbeddedMetadata => set("embeddedMetadata", json!(version.media.embedded_metadata)),
            ResponseField::Metadata => {
                if let Some(metadata) = metadata {
                    set("metadata", metadata::object(metadata));
                }
            }
        }
    }
    Value::Object(json)
}

fn version_info(version: &Version) -> Value {
    json!({ "id": version.id.to_string(), "name": format!("Version {}", version.number) })
}

/// `null` when there are none, as the contract wants.
fn tags(asset: &Asset) -> Value {
    if asset.tags.is_empty() {
        Value::Null
    } else {
        json!(asset.tags)
    }
}

fn ai_tags(asset: &Asset) -> Value {
    if asset.ai_tags.is_empty() {
        Value::Null
    } else {
        json!(asset.ai_tags)
    }
}

/// The delivery URL of a path that begins with a slash.
pub fn url(url_endpoint: &str, path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| utf8_percent_encode(segment, SEGMENT).to_string());
    format!("{url_endpoint}{}", segments.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_segment_by_segment() {
        assert_eq!(
            url("http://h/demo", "/travel/caf\u{e9} 1.jpg"),
            "http://h/demo/travel/caf%C3%A9%201.jpg"
        );
        assert_eq!(url("http://h/demo", "/a_b-c.jpg"), "http://h/demo/a_b-c.jpg");
    }
}
