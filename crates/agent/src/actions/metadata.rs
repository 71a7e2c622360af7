//! Technical facts that a file itself holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::asset::Id;
use super::{About, Delivered, Operation};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::Target;

/// `GET /v1/files/{fileId}/metadata`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetUploadedFileMetadata {
    /// The file's fileId, from list_assets.
    file_id: Id,
}

/// `GET /v1/metadata?url=`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetRemoteFileMetadata {
    /// A delivery URL of this account.
    #[schemars(length(min = 8, max = 4000), extend("pattern" = "^https?://"))]
    url: String,
}

/// Metadata, alone in an object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct OneMetadata {
    metadata: Metadata,
}

/// What the file says about itself. Pictures have the colour facts and exif, clips the rates and codecs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Metadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Of the encoder, estimated; 0 if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quality: Option<u64>,
    /// In dots per inch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    density: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    has_color_profile: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    has_transparency: Option<bool>,
    /// Perceptual hash, 16 hex digits: the fewer bits differ, the more two pictures look alike.
    #[serde(rename = "pHash", default, skip_serializing_if = "Option::is_none")]
    p_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bit_rate: Option<u64>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio_codec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    video_codec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-untrusted" = true))]
    exif: Option<Exif>,
}

/// EXIF by group, as the camera or a program wrote it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Exif {
    #[serde(default)]
    image: BTreeMap<String, ExifValue>,
    #[serde(default)]
    thumbnail: BTreeMap<String, ExifValue>,
    #[serde(default)]
    exif: BTreeMap<String, ExifValue>,
    #[serde(default)]
    gps: BTreeMap<String, ExifValue>,
    #[serde(default)]
    interoperability: BTreeMap<String, ExifValue>,
    /// In the manufacturer's own form.
    #[serde(default)]
    makernote: Map<String, Value>,
}

/// Text, a number, or several numbers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum ExifValue {
    Text(String),
    Number(serde_json::Number),
    Numbers(Vec<serde_json::Number>),
}

impl Operation for GetUploadedFileMetadata {
    const ABOUT: About = About::read(
        "get_uploaded_file_metadata",
        "Get technical metadata of a file",
        "Format, dimensions, quality, colour facts, perceptual hash and EXIF of a file in the library; bit rate and \
         codecs of a clip. For tags, path and custom metadata use get_file_details.",
    )
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = OneMetadata;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(&["v1", "files", self.file_id.as_str(), "metadata"]))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "metadata": answer })
    }
}

impl Operation for GetRemoteFileMetadata {
    const ABOUT: About = About::read(
        "get_remote_file_metadata",
        "Get technical metadata by URL",
        "The same as get_uploaded_file_metadata for a delivery URL of this account, with its transformations; also for \
         files that lie on an attached origin and have no fileId.",
    )
    .open_world()
    .examples(&[r#"{"url":"https://media.example.org/acme/travel/harbour.jpg?tr=w-300"}"#]);
    type Output = OneMetadata;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::Url(Delivered::read(&self.url, &[]))])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(&["v1", "metadata"]).query("url", Some(self.url.clone())))
    }

    fn shape(&self, answer: Value) -> Value {
        json!({ "metadata": answer })
    }
}
