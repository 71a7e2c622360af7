//! `POST /api/v1/files/upload`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::file::{AiTag, FileId, VersionInfo};
use super::get_file_details::details;
use super::list_files::comma_joined;
use super::{Effect, Operation};
use crate::error::CallError;
use crate::read_back::ReadBack;
use crate::request::{ApiRequest, Part};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UploadFile {
    /// Name to store the file under, with its extension. Letters other than letters, digits, `.`, `-` and `_` become
    /// `_`.
    #[schemars(length(min = 1, max = 1000))]
    file_name: String,
    /// Where the server fetches the file: an http or https URL that it can reach.
    #[schemars(length(min = 8, max = 8000))]
    url: Option<String>,
    /// The file's bytes in base64. For small files only; prefer url, or a file that the caller attaches.
    #[serde(default, deserialize_with = "decode")]
    #[schemars(with = "Option<String>")]
    content_base64: Option<Bytes>,
    /// Folder to put it in, such as `/travel/2026`; made if absent. Default: the root.
    #[schemars(length(max = 2000))]
    folder: Option<String>,
    #[schemars(length(max = 50))]
    tags: Option<Vec<String>>,
    /// True (the default) adds a random suffix to the name, so that nothing is overwritten.
    use_unique_file_name: Option<bool>,
    /// With useUniqueFileName false: true (the default) makes a new version of a file of that name, false refuses.
    overwrite_file: Option<bool>,
    /// Deliver it to signed requests only.
    is_private_file: Option<bool>,
    /// False keeps it as a draft.
    is_published: Option<bool>,
    /// `x,y,width,height` of the area that matters, for pictures.
    #[schemars(length(max = 100))]
    custom_coordinates: Option<String>,
    #[schemars(length(max = 10000))]
    description: Option<String>,
    #[serde(skip)]
    attached: Option<Bytes>,
}

/// The file as it was stored; the name may differ from the one asked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Uploaded {
    file_id: FileId,
    name: String,
    /// In bytes.
    size: u64,
    file_path: String,
    /// Where it is delivered.
    url: String,
    /// `image` or `non-image`.
    #[serde(default)]
    file_type: Option<String>,
    #[serde(default)]
    version_info: Option<VersionInfo>,
    #[serde(rename = "AITags", default)]
    ai_tags: Option<Vec<AiTag>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orientation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bit_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio_codec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    video_codec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
}

impl Operation for UploadFile {
    const NAME: &'static str = "upload_file";
    const TITLE: &'static str = "Upload a file";
    const DESCRIPTION: &'static str = "Stores a file in the library, from a URL that the server fetches, from base64 \
        content, or from a file that the caller attaches (`--file` on the command line). Exactly one of them. The answer \
        tells the name, path and URL that the file really got.";
    const EFFECT: Effect = Effect::Write;
    // Sent twice, it makes two files, or two versions.
    const IDEMPOTENT: bool = false;
    const CONTENT_FIELDS: &'static [&'static str] = &["contentBase64"];
    type Output = Uploaded;

    fn attach(mut self, file: Bytes) -> Result<Self, CallError> {
        self.attached = Some(file);
        Ok(self)
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let file = match self.content()? {
            Content::Url(url) => Part::text("file", url),
            Content::Bytes(bytes) => Part::file("file", bytes),
        };
        let tags = self.tags.as_deref().map(comma_joined).transpose()?;
        let truth = |value: Option<bool>| value.map(|b| b.to_string());
        // The file comes last, so that a server can refuse by the other fields before it has taken the bytes.
        Ok(ApiRequest::upload(&["api", "v1", "files", "upload"])
            .part("fileName", Some(self.file_name.clone()))
            .part("folder", self.folder.clone())
            .part("tags", tags)
            .part("useUniqueFileName", truth(self.use_unique_file_name))
            .part("overwriteFile", truth(self.overwrite_file))
            .part("isPrivateFile", truth(self.is_private_file))
            .part("isPublished", truth(self.is_published))
            .part("customCoordinates", self.custom_coordinates.clone())
            .part("description", self.description.clone())
            .with(file))
    }

    fn read_back(&self, output: &Uploaded) -> Option<ReadBack> {
        let sent = self.content().ok().and_then(|content| match content {
            Content::Url(_) => None,
            Content::Bytes(bytes) => Some(bytes.len() as u64),
        });
        let mut expected = vec![
            ("name", json!(output.name)),
            ("filePath", json!(output.file_path)),
            ("size", json!(sent.unwrap_or(output.size))),
        ];
        expected.extend(self.is_private_file.map(|b| ("isPrivateFile", json!(b))));
        expected.extend(self.is_published.map(|b| ("isPublished", json!(b))));
        Some(ReadBack::fields(details(output.file_id.as_str()), expected))
    }
}

/// Where the bytes come from; exactly one of the three ways to say it.
enum Content {
    Url(String),
    Bytes(Bytes),
}

impl UploadFile {
    fn content(&self) -> Result<Content, CallError> {
        match (&self.url, &self.content_base64, &self.attached) {
            (Some(url), None, None) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Content::Url(url.clone()))
            }
            (Some(_), None, None) => Err(CallError::invalid("url: must begin with http:// or https://")),
            (None, Some(bytes), None) | (None, None, Some(bytes)) => Ok(Content::Bytes(bytes.clone())),
            (None, None, None) => Err(CallError::invalid("give url or contentBase64, or attach a file")),
            _ => Err(CallError::invalid(
                "give only one of url, contentBase64 and an attached file",
            )),
        }
    }
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) => Err(D::Error::custom(format!("contentBase64: {error}"))),
    }
}
