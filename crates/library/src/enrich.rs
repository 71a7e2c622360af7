//! What machines find out about a file, written beside what people say of it.

use serde_json::{Map, Value};

use crate::asset::{ASSET_COLUMNS, AiTag, Asset};
use crate::change::lock_file;
use crate::database::{Transaction, is_retryable, query};
use crate::error::{Code, StoreError};
use crate::id::{FileId, VersionId};
use crate::index;
use crate::library::Library;
use crate::outbox::{self, EventKind};
use crate::tags::Tags;
use crate::timestamp::Timestamp;
use crate::upload::ATTEMPTS;

/// What to write. Written twice, it is as if it had been written once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enrichment {
    /// Machine-given tags: those that the same source gave before go.
    pub ai_tags: Option<SourceTags>,
    /// Tags that are put behind those that there are, as many as there is room for.
    pub add_tags: Vec<String>,
    /// Tags that go.
    pub remove_tags: Vec<String>,
    /// Values by field name, put over those that there are; `null` takes one away.
    pub custom_metadata: Map<String, Value>,
    /// Takes the place of the description.
    pub description: Option<String>,
}

/// All that one source says.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTags {
    /// Who gives the tags.
    pub source: String,
    /// The tags.
    pub tags: Vec<AiTag>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// The file was deleted, or has a newer version than the one that was looked at.
    #[error("the file has been deleted or replaced since")]
    Gone,
    /// A text that is too long.
    #[error("the {field} would have {found} bytes; {limit} are allowed")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// Its bytes.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EnrichError {
    /// What can be done about it.
    pub fn code(&self) -> Code {
        match self {
            Self::Gone => Code::NotFound,
            Self::TooLong { .. } => Code::Invalid,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for EnrichError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Library {
    /// Writes what was found out about this version of a file, if it is still the current one.
    pub async fn enrich(
        &self,
        file: FileId,
        version: VersionId,
        enrichment: &Enrichment,
        now: Timestamp,
    ) -> Result<Asset, EnrichError> {
        let mut attempt = 1;
        loop {
            match self.try_enrich(file, version, enrichment, now).await {
                Err(EnrichError::Store(StoreError::Database(error))) if attempt < ATTEMPTS && is_retryable(&error) => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_enrich(
        &self,
        file: FileId,
        version: VersionId,
        enrichment: &Enrichment,
        now: Timestamp,
    ) -> Result<Asset, EnrichError> {
        let mut tx = self.database().begin().await?;
        if !lock_file(&mut tx, file).await? {
            return Err(EnrichError::Gone);
        }
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.file_id = $1 AND v.id = $2 AND v.is_current");
        let row = query(sql)
            .bind(file.to_string())
            .bind(version.to_string())
            .fetch_optional(&mut tx)
            .await?
            .ok_or(EnrichError::Gone)?;
        let before = Asset::of_row(&row)?;
        let mut asset = before.clone();
        enrichment.apply(&mut asset);
        if asset == before {
            return Ok(before);
        }
        let limits = self.limits();
        let metadata = serde_json::json!(asset.custom_metadata).to_string().len();
        for (field, found, limit) in [
            (
                "description",
                asset.description.as_ref().map_or(0, String::len),
                limits.description_bytes,
            ),
            ("custom metadata", metadata, limits.custom_metadata_bytes),
        ] {
            if found > limit {
                return Err(EnrichError::TooLong { field, found, limit });
            }
        }
        asset.updated_at = now;
        write(&mut tx, &asset).await?;
        outbox::append(&mut tx, EventKind::FileUpdated, file, version, &asset.path(), now).await?;
        tx.commit().await?;
        Ok(asset)
    }
}

impl Enrichment {
    fn apply(&self, asset: &mut Asset) {
        if let Some(given) = &self.ai_tags {
            asset.ai_tags.retain(|tag| tag.source != given.source);
            asset.ai_tags.extend(given.tags.iter().cloned());
        }
        asset.tags.retain(|tag| !self.remove_tags.contains(tag));
        for tag in &self.add_tags {
            let more = asset.tags.iter().chain([tag]);
            // One that does not fit is left out: what people wrote counts more.
            if let Ok(tags) = Tags::new(more) {
                asset.tags = tags.as_slice().to_vec();
            }
        }
        for (field, value) in &self.custom_metadata {
            if value.is_null() {
                asset.custom_metadata.remove(field);
            } else {
                asset.custom_metadata.insert(field.clone(), value.clone());
            }
        }
        if let Some(description) = &self.description {
            asset.description = Some(description.clone());
        }
    }
}

async fn write(tx: &mut Transaction, asset: &Asset) -> Result<(), sqlx::Error> {
    let json = |value: Value| value.to_string();
    query(
        "UPDATE versions SET tags = $2, ai_tags = $3, custom_metadata = $4, description = $5, updated_at = $6 WHERE id = $1",
    )
    .bind(asset.version.id.to_string())
    .bind(json(serde_json::json!(asset.tags)))
    .bind(json(serde_json::json!(asset.ai_tags)))
    .bind(json(serde_json::json!(asset.custom_metadata)))
    .bind(asset.description.as_deref())
    .bind(asset.updated_at.as_millis())
    .execute(&mut *tx)
    .await?;
    index::index(tx, asset.version.id).await
}
