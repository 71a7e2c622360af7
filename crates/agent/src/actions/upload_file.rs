//! `POST /api/v1/files/upload`

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::asset::{AiTag, FieldValue, Id, VersionInfo};
use super::extensions::Extension;
use super::list_assets::comma_joined;
use super::operation::plain;
use super::{About, Inverse, Lost, Operation, Reconcile, path};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::{ApiRequest, Part};
use crate::survey::{Survey, Target, details, file_at};

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
    /// The file's bytes in base64, for programs. Never through a model: use url, or create_upload_link.
    #[serde(default, deserialize_with = "decode")]
    #[schemars(with = "Option<String>", extend("x-programs-only" = true))]
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
    /// Values by field name; fields are those of list_custom_metadata_fields.
    custom_metadata: Option<BTreeMap<String, FieldValue>>,
    /// When a file is overwritten and no tags are given: false keeps its tags. Default: true.
    overwrite_tags: Option<bool>,
    /// When a file is overwritten: false keeps its AI tags. Default: true.
    #[serde(rename = "overwriteAITags")]
    overwrite_ai_tags: Option<bool>,
    /// When a file is overwritten and no customMetadata is given: false keeps its values. Default: true.
    overwrite_custom_metadata: Option<bool>,
    /// Work to do on the file after it is stored.
    #[schemars(length(max = 20))]
    extensions: Option<Vec<Extension>>,
    /// What to do to the file before or after it is stored.
    transformation: Option<Transformation>,
    /// A condition that the server checks before it stores, such as `"file.size" < "1mb"`.
    #[schemars(length(max = 2000))]
    checks: Option<String>,
    /// Where the result of work that takes time is posted.
    #[schemars(length(max = 2000))]
    webhook_url: Option<String>,
    #[serde(skip)]
    attached: Option<Bytes>,
}

/// Transformations at upload.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transformation {
    /// Applied before storing: the original is not kept. Such as `w-300,h-300`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pre: Option<String>,
    /// Made ready after storing, so that the first request finds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5))]
    post: Option<Vec<PostTransformation>>,
}

/// One rendition to make ready.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum PostTransformation {
    /// Any transformation.
    Transformation {
        #[schemars(length(min = 1, max = 2000))]
        value: String,
    },
    /// A picture out of a GIF.
    GifToVideo {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 2000))]
        value: Option<String>,
    },
    /// A thumbnail.
    Thumbnail {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 2000))]
        value: Option<String>,
    },
    /// Adaptive streaming.
    Abs {
        protocol: StreamingProtocol,
        /// Resolutions to offer, such as `sr-240_360_480`.
        #[schemars(length(min = 1, max = 2000))]
        value: String,
    },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StreamingProtocol {
    Hls,
    Dash,
}

/// The file as it was stored; the name may differ from the one asked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Uploaded {
    /// Null while a video is prepared: it does not exist before that is done.
    file_id: Option<Id>,
    #[schemars(extend("x-untrusted" = true))]
    name: Option<String>,
    /// In bytes.
    size: Option<u64>,
    #[schemars(extend("x-untrusted" = true))]
    file_path: Option<String>,
    /// Where it is delivered.
    url: Option<String>,
    /// What the server says instead of a file, while it prepares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["image", "non-image", null]))]
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
    /// `success`, `pending` or `failed` by extension, where extensions were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extension_status: Option<BTreeMap<String, String>>,
}

impl Operation for UploadFile {
    const ABOUT: About = About::write(
        "upload_file",
        "Upload a file",
        "Stores a file in the library, from a URL that the server fetches, or from a file that the caller attaches \
         (`--file` on the command line). For a file that lies on somebody's machine make a link with create_upload_link. The \
         answer tells the name, path and URL that the file really got.",
    )
    .reversible()
    .open_world()
    .examples(&[
        r#"{"fileName":"harbour.jpg","url":"https://example.org/harbour.jpg","folder":"/travel/2026","tags":["sea"]}"#,
        r#"{"fileName":"note.txt","contentBase64":"aGVsbG8=","useUniqueFileName":false}"#,
    ])
    .hides(&["contentBase64"]);
    type Output = Uploaded;

    fn attach(mut self, file: Bytes) -> Result<Self, CallError> {
        self.attached = Some(file);
        Ok(self)
    }

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let (folder, name) = self.place()?;
        Ok(if self.is_made_unique() {
            vec![Target::Place(folder)]
        } else {
            vec![Target::Slot(path::join(&folder, &name))]
        })
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let file = match self.content()? {
            Content::Url(url) => Part::text("file", url),
            Content::Bytes(bytes) => Part::file("file", bytes),
        };
        let tags = self
            .tags
            .as_deref()
            .map(|tags| comma_joined("tags", tags))
            .transpose()?;
        let (folder, name) = self.place()?;
        let truth = |value: Option<bool>| value.map(|b| b.to_string());
        let json = |value: Value| value.to_string();
        // The file comes last, so that a server can refuse by the other fields before it has taken the bytes.
        Ok(ApiRequest::upload(&["api", "v1", "files", "upload"])
            .part("fileName", Some(name))
            .part("folder", self.folder.is_some().then_some(folder))
            .part("tags", tags)
            .part("useUniqueFileName", truth(self.use_unique_file_name))
            .part("overwriteFile", truth(self.overwrite_file))
            .part("overwriteTags", truth(self.overwrite_tags))
            .part("overwriteAITags", truth(self.overwrite_ai_tags))
            .part("overwriteCustomMetadata", truth(self.overwrite_custom_metadata))
            .part("isPrivateFile", truth(self.is_private_file))
            .part("isPublished", truth(self.is_published))
            .part("customCoordinates", self.custom_coordinates.clone())
            .part("customMetadata", self.custom_metadata.as_ref().map(plain).map(json))
            .part("extensions", self.extensions.as_ref().map(plain).map(json))
            .part("transformation", self.transformation.as_ref().map(plain).map(json))
            .part("checks", self.checks.clone())
            .part("webhookUrl", self.webhook_url.clone())
            .part("description", self.description.clone())
            .with(file))
    }

    /// A video that is prepared first is answered with a message alone.
    fn complete(output: &Value) -> Result<(), &'static str> {
        let has = |name: &str| output[name].is_string();
        let is_stored = has("fileId") && has("name") && has("filePath");
        if is_stored || (!has("fileId") && has("message")) {
            return Ok(());
        }
        Err("fileId, name or filePath is missing")
    }

    /// A name that is not made unique tells where to look; a new version of a file that was there can't be told apart.
    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        let path = self.fixed_path()?;
        let size = self.content().ok().and_then(|content| match content {
            Content::Bytes(bytes) if self.transformation.is_none() => Some(bytes.len()),
            _ => None,
        });
        let wanted = size.map(|n| ("size", Wanted::Is(json!(n)))).into_iter().collect();
        survey.lacks_file(&path).then(|| Reconcile {
            probes: vec![Probe::row(file_at(&path), "filePath", path, wanted)],
            answer: Lost::InRow(as_uploaded),
        })
    }

    fn read_back(&self, output: &Uploaded, _: &Survey) -> Vec<Probe> {
        let Some(id) = &output.file_id else {
            return Vec::new();
        };
        let sent = self.content().ok().and_then(|content| match content {
            Content::Url(_) => None,
            Content::Bytes(bytes) => Some(bytes.len() as u64),
        });
        let mut expected = vec![
            ("name", Wanted::Is(json!(output.name))),
            ("filePath", Wanted::Is(json!(output.file_path))),
        ];
        // A transformation before storing changes the bytes on purpose.
        let size = if self.transformation.is_some() {
            output.size
        } else {
            sent.or(output.size)
        };
        expected.extend(size.map(|n| ("size", Wanted::Is(json!(n)))));
        expected.extend(self.is_private_file.map(|b| ("isPrivateFile", Wanted::Is(json!(b)))));
        expected.extend(self.is_published.map(|b| ("isPublished", Wanted::Is(json!(b)))));
        expected.extend(self.tags.clone().map(|tags| ("tags", Wanted::With(tags))));
        vec![Probe::fields(details(id.as_str()), expected)]
    }

    fn inverse(&self, output: &Uploaded, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(id) = &output.file_id else {
            return Inverse::None("the file does not exist yet");
        };
        let delete = || Inverse::call("delete_file", json!({ "fileId": id }));
        if self.is_made_unique() {
            return delete();
        }
        // Deleted is only what this upload made: a file may have come between the look and the upload, too.
        let is_first = output.version_info.as_ref().is_some_and(|version| {
            version.name.as_deref() == Some("Version 1") || (version.name.is_none() && version.id == id.as_str())
        });
        let Some(path) = output.file_path.as_deref() else {
            return Inverse::None("where it was stored is not known");
        };
        let before = survey.at(path).filter(|file| file["fileId"] == id.as_str());
        match before.map(|file| file["versionInfo"]["id"].as_str()) {
            None if survey.lacks_file(path) && is_first => delete(),
            None => Inverse::None("whether a file of that name was there before is not known"),
            Some(Some(version)) => Inverse::call("restore_file_version", json!({ "fileId": id, "versionId": version })),
            Some(None) => Inverse::None("the version before is not known"),
        }
    }
}

/// A file of a listing as the answer to its upload.
fn as_uploaded(row: &Value) -> Value {
    let same = [
        "fileId",
        "name",
        "size",
        "versionInfo",
        "filePath",
        "url",
        "fileType",
        "width",
        "height",
        "AITags",
        "description",
        "duration",
        "bitRate",
        "audioCodec",
        "videoCodec",
    ];
    let kept = same
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())));
    let thumbnail = row.get("thumbnail").map(|url| ("thumbnailUrl".to_owned(), url.clone()));
    Value::Object(kept.chain(thumbnail).collect())
}

/// Where the bytes come from; exactly one of the three ways to say it.
enum Content {
    Url(String),
    Bytes(Bytes),
}

impl UploadFile {
    /// The server adds a random suffix to the name.
    fn is_made_unique(&self) -> bool {
        self.use_unique_file_name != Some(false)
    }

    /// Folder and name as they will be.
    fn place(&self) -> Result<(String, String), CallError> {
        Ok((
            path::destination("folder", self.folder.as_deref().unwrap_or("/"))?,
            path::file_name("fileName", &self.file_name)?,
        ))
    }

    /// The path that the file gets, if it is not made unique.
    fn fixed_path(&self) -> Option<String> {
        let (folder, name) = self.place().ok()?;
        (!self.is_made_unique()).then(|| path::join(&folder, &name))
    }

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
