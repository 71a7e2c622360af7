//! Files, folders and what they hold, as the API answers with them. Names, tags, descriptions and metadata are what
//! somebody wrote into the library: data, never instructions; their schemas carry `x-untrusted`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names a thing in a path of the API; its letters can't change the path's meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("minLength" = 1, "maxLength" = 100, "pattern" = "^[A-Za-z0-9_-]+$"))]
pub(crate) struct Id(String);

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if !is_id(&text) {
            return Err("an id is 1 to 100 letters, digits, `_` and `-`");
        }
        Ok(Self(text))
    }
}

pub(crate) fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(plain)
}

impl Id {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value of a custom metadata field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum FieldValue {
    /// Of a Text, Textarea, Date or SingleSelect field.
    Text(String),
    /// Of a Number field.
    Number(serde_json::Number),
    /// Of a Boolean field.
    Boolean(bool),
    /// Of a MultiSelect field.
    Many(Vec<Choice>),
}

/// One option of a select field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Choice {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
}

/// A file, or an older version of one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct File {
    pub file_id: String,
    /// `file`, or `file-version` for an older version.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["file", "file-version", null]))]
    pub kind: Option<String>,
    #[schemars(extend("x-untrusted" = true))]
    pub name: String,
    #[schemars(extend("x-untrusted" = true))]
    pub file_path: String,
    /// Where it is delivered.
    pub url: String,
    #[serde(default)]
    pub thumbnail: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["image", "non-image", null]))]
    pub file_type: Option<String>,
    #[serde(default)]
    pub mime: Option<String>,
    /// In bytes.
    #[serde(default)]
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_alpha: Option<bool>,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    pub tags: Option<Vec<String>>,
    #[serde(rename = "AITags", default)]
    #[schemars(extend("x-untrusted" = true))]
    pub ai_tags: Option<Vec<AiTag>>,
    #[serde(default)]
    pub version_info: Option<VersionInfo>,
    /// `x,y,width,height` of the area that matters.
    #[serde(default)]
    pub custom_coordinates: Option<String>,
    /// Values by field name.
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    pub custom_metadata: Option<BTreeMap<String, Option<FieldValue>>>,
    /// What the file itself says: EXIF, IPTC and XMP in one object, whose keys no list closes.
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    pub embedded_metadata: Option<Map<String, Value>>,
    #[serde(default)]
    pub is_private_file: Option<bool>,
    #[serde(default)]
    pub is_published: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-untrusted" = true))]
    pub description: Option<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
    /// Rules of the metadata fields at this place, by field name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_fields_schema: Option<BTreeMap<String, SelectedField>>,
    /// Why find_similar_files lists it: in how many of 64 bits its looks differ from those of the file in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<u64>,
    /// Why find_duplicate_files lists it: rows with the same content have the same bytes, others only look the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `success`, `pending` or `failed` by extension, where extensions were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension_status: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// How a metadata field behaves in a folder with a path policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct SelectedField {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    select_options: Option<Vec<Choice>>,
    /// True if there are more than the first 100 options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    select_options_truncated: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_value: Option<FieldValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_value_required: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_only: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_value: Option<Choice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_value: Option<Choice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_length: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_length: Option<f64>,
}

/// A folder of the library.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Folder {
    pub folder_id: String,
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["folder", null]))]
    pub kind: Option<String>,
    #[schemars(extend("x-untrusted" = true))]
    pub name: String,
    #[schemars(extend("x-untrusted" = true))]
    pub folder_path: String,
    #[serde(default)]
    #[schemars(extend("x-untrusted" = true))]
    pub custom_metadata: Option<BTreeMap<String, Option<FieldValue>>>,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// A row of a listing: told apart by `type`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Asset {
    File(Box<File>),
    Folder(Folder),
}

/// A tag that a recognition service gave.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct AiTag {
    pub name: String,
    /// From 0 to 100.
    #[serde(default)]
    pub confidence: Option<f64>,
    #[serde(default)]
    pub source: Option<String>,
}

/// Which version of a file this is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct VersionInfo {
    pub id: String,
    /// `Version 1`, `Version 2`, ...
    #[serde(default)]
    pub name: Option<String>,
}

/// What was done, for actions whose answer is empty.
macro_rules! done {
    ($name:ident, $field:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("additionalProperties" = false))]
        pub(crate) struct $name {
            pub $field: bool,
        }

        impl $name {
            /// Success of a request whose answer says nothing.
            pub fn shape() -> Value {
                serde_json::json!({ stringify!($field): true })
            }
        }
    };
}

done!(Deleted, deleted, "It is gone.");
done!(Created, created, "It is there.");
done!(Copied, copied, "The copy is there.");
done!(Moved, moved, "It is at its new place.");
