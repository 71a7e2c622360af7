//! A file as of one of its versions, and how it is read from a row.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::blob::BlobId;
use crate::database::Row;
use crate::error::StoreError;
use crate::id::{FileId, VersionId};
use crate::name::{FileName, FolderPath};
use crate::timestamp::Timestamp;

/// A file as of one of its versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// The file, the same for all versions.
    pub id: FileId,
    /// True for the version that the file's path delivers; false for an older one.
    pub is_current: bool,
    /// What was uploaded.
    pub version: Version,
    /// The folder that the file is in.
    pub folder: FolderPath,
    /// The file's name in that folder.
    pub name: FileName,
    /// Tags given by people, in order.
    pub tags: Vec<String>,
    /// Tags given by machines.
    pub ai_tags: Vec<AiTag>,
    /// Values by field name.
    pub custom_metadata: Map<String, Value>,
    /// `x,y,width,height` of the part that matters.
    pub custom_coordinates: Option<String>,
    /// Delivered only through signed URLs.
    pub is_private: bool,
    /// Delivered at all; otherwise a draft.
    pub is_published: bool,
    /// Free text.
    pub description: Option<String>,
    /// When the file was first uploaded.
    pub created_at: Timestamp,
    /// When this version was last changed.
    pub updated_at: Timestamp,
}

impl Asset {
    /// The absolute path of the file.
    pub fn path(&self) -> String {
        self.folder.join(&self.name)
    }
}

/// One upload of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its id. That of the first version has the same text as the file's.
    pub id: VersionId,
    /// 1 for the first. Numbers of deleted versions are not used again.
    pub number: u32,
    /// 32 URL-safe characters that ask for this version in a delivery URL.
    pub token: String,
    /// The stored bytes.
    pub blob: BlobId,
    /// How many there are.
    pub size: u64,
    /// What they are.
    pub media: MediaFacts,
    /// When they came.
    pub uploaded_at: Timestamp,
}

/// What the bytes of a file are, as far as the caller could find out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaFacts {
    /// The content type, by content.
    pub mime: String,
    /// Image or not.
    pub file_type: FileType,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// The EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
    /// An alpha channel is present.
    pub has_alpha: Option<bool>,
    /// How long it plays.
    pub duration: Option<Duration>,
    /// Bits per second.
    pub bit_rate: Option<u64>,
    /// Of the first audio stream.
    pub audio_codec: Option<String>,
    /// Of the first video stream.
    pub video_codec: Option<String>,
    /// Metadata found in the file. Texts under `Keywords` can be searched for.
    pub embedded_metadata: Option<Map<String, Value>>,
    /// When the picture was taken, in milliseconds since 1970; before that they are negative.
    pub taken_at_ms: Option<i64>,
    /// Where it was taken.
    pub location: Option<Location>,
    /// The 64 bits of its perceptual hash.
    pub phash: Option<u64>,
}

/// A place on the earth, in degrees: north and east count up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// -90 to 90.
    pub latitude: f64,
    /// -180 to 180.
    pub longitude: f64,
}

/// The two kinds of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileType {
    /// Raster images and SVG.
    Image,
    /// All else: video, audio, documents, fonts, scripts.
    #[default]
    NonImage,
}

impl FileType {
    /// `image` or `non-image`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::NonImage => "non-image",
        }
    }
}

/// A tag that a machine gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AiTag {
    /// The tag.
    pub name: String,
    /// 0 to 100.
    pub confidence: f64,
    /// Who gave it.
    pub source: String,
}

/// For `FROM versions v`. The folder's path is a subquery and not a join, so that rows that a listing skips never look
/// it up.
pub(crate) const ASSET_COLUMNS: &str = "v.*, (SELECT f.path FROM folders f WHERE f.id = v.folder_id) AS folder_path";

impl Asset {
    pub(crate) fn of_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: parsed(row, "file_id")?,
            is_current: row.try_get("is_current")?,
            version: Version {
                id: parsed(row, "id")?,
                number: number(row, "number")?,
                token: row.try_get("token")?,
                blob: parsed(row, "blob")?,
                size: number(row, "size")?,
                media: MediaFacts::of_row(row)?,
                uploaded_at: timestamp(row, "uploaded_at")?,
            },
            folder: FolderPath::stored(row.try_get("folder_path")?),
            name: FileName::stored(row.try_get("name")?),
            tags: json(row, "tags")?,
            ai_tags: json(row, "ai_tags")?,
            custom_metadata: json_object(row, "custom_metadata")?,
            custom_coordinates: row.try_get("custom_coordinates")?,
            is_private: row.try_get("is_private")?,
            is_published: row.try_get("is_published")?,
            description: row.try_get("description")?,
            created_at: timestamp(row, "created_at")?,
            updated_at: timestamp(row, "updated_at")?,
        })
    }
}

impl MediaFacts {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        let side = |column| -> Result<_, StoreError> { Ok(Some(number::<u32>(row, column)?).filter(|&side| side > 0)) };
        Ok(Self {
            mime: row.try_get("mime")?,
            file_type: if row.try_get("is_image")? {
                FileType::Image
            } else {
                FileType::NonImage
            },
            width: side("width")?,
            height: side("height")?,
            orientation: optional(row, "orientation")?,
            has_alpha: row.try_get("has_alpha")?,
            duration: optional(row, "duration_ms")?.map(Duration::from_millis),
            bit_rate: optional(row, "bit_rate")?,
            audio_codec: row.try_get("audio_codec")?,
            video_codec: row.try_get("video_codec")?,
            embedded_metadata: match row.try_get::<Option<&str>, _>("embedded_metadata")? {
                Some(_) => Some(json_object(row, "embedded_metadata")?),
                None => None,
            },
            taken_at_ms: row.try_get("taken_at")?,
            location: row
                .try_get::<Option<f64>, _>("latitude")?
                .zip(row.try_get::<Option<f64>, _>("longitude")?)
                .map(|(latitude, longitude)| Location { latitude, longitude }),
            phash: row.try_get::<Option<i64>, _>("phash")?.map(i64::cast_unsigned),
        })
    }
}

pub(crate) fn parsed<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<T, StoreError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.try_get::<&str, _>(column)?
        .parse()
        .map_err(|error| StoreError::unreadable(column, error))
}

pub(crate) fn number<T: TryFrom<i64, Error = std::num::TryFromIntError>>(
    row: &Row,
    column: &'static str,
) -> Result<T, StoreError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|error| StoreError::unreadable(column, error))
}

fn optional<T: TryFrom<i64, Error = std::num::TryFromIntError>>(
    row: &Row,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let stored: Option<i64> = row.try_get(column)?;
    stored
        .map(|value| T::try_from(value).map_err(|error| StoreError::unreadable(column, error)))
        .transpose()
}

pub(crate) fn timestamp(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_millis(row.try_get(column)?).map_err(|error| StoreError::unreadable(column, error))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| StoreError::unreadable(column, error))
}

pub(crate) fn json_object(row: &Row, column: &'static str) -> Result<Map<String, Value>, StoreError> {
    json(row, column)
}
