//! What machines find out about a file, written beside what people say of it.

use serde_json::{Map, Value};

use crate::asset::{ASSET_COLUMNS, AiTag, Asset};
use crate::change::lock_file;
use crate::database::{On, query};
use crate::edit::write;
use crate::error::{Code, StoreError};
use crate::id::{FileId, VersionId};
use crate::jobs::{Ending, JobError};
use crate::library::Library;
use crate::race::{Race, retried};
use crate::tags::Tags;
use crate::timestamp::Timestamp;
use crate::upload::json;

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
    /// The file was deleted, or has a newer version that was not made of the one that was looked at.
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
    /// The job that it was found out for is not held any more.
    #[error(transparent)]
    Job(#[from] JobError),
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
            Self::Job(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl Race for EnrichError {
    fn is_lost(&self) -> bool {
        match self {
            Self::Store(error) => error.is_lost(),
            Self::Job(error) => error.is_lost(),
            Self::Gone | Self::TooLong { .. } => false,
        }
    }
}

impl From<sqlx::Error> for EnrichError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Library {
    /// The current version of a file, if it is this one or was made of it ([`NewFile::replaces`](crate::NewFile::replaces)):
    /// where it belongs what is found out about this version.
    pub async fn successor(&self, file: FileId, version: VersionId) -> Result<Option<Asset>, StoreError> {
        successor(self.database().reader(), file, version).await
    }

    /// Writes what was found out about this version of a file, if it is still the current one, or what is current was
    /// made of it. A job ends with it: either both happen or neither does.
    pub async fn enrich(
        &self,
        file: FileId,
        version: VersionId,
        enrichment: &Enrichment,
        ending: Option<&Ending<'_>>,
        now: Timestamp,
    ) -> Result<Asset, EnrichError> {
        retried(|| self.try_enrich(file, version, enrichment, ending, now)).await
    }

    async fn try_enrich(
        &self,
        file: FileId,
        version: VersionId,
        enrichment: &Enrichment,
        ending: Option<&Ending<'_>>,
        now: Timestamp,
    ) -> Result<Asset, EnrichError> {
        let mut tx = self.database().begin().await?;
        if !lock_file(&mut tx, file).await? {
            return Err(EnrichError::Gone);
        }
        let before = successor(&mut tx, file, version).await?.ok_or(EnrichError::Gone)?;
        let mut asset = before.clone();
        enrichment.apply(&mut asset);
        if asset != before {
            self.check_enriched(&asset)?;
            asset.updated_at = now;
            write(&mut tx, &asset).await?;
        }
        if let Some(ending) = ending {
            ending.write(&mut tx, &asset, now).await?;
        }
        tx.commit().await?;
        Ok(asset)
    }

    fn check_enriched(&self, asset: &Asset) -> Result<(), EnrichError> {
        let limits = self.limits();
        for (field, found, limit) in [
            (
                "description",
                asset.description.as_ref().map_or(0, String::len),
                limits.description_bytes,
            ),
            (
                "custom metadata",
                json(&asset.custom_metadata).len(),
                limits.custom_metadata_bytes,
            ),
        ] {
            if found > limit {
                return Err(EnrichError::TooLong { field, found, limit });
            }
        }
        Ok(())
    }
}

async fn successor<'a>(on: impl Into<On<'a>>, file: FileId, version: VersionId) -> Result<Option<Asset>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE line (id) AS (
             SELECT v.id FROM versions v WHERE v.file_id = $1 AND (v.id = $2 OR v.made_of = $2)
             UNION SELECT v.id FROM versions v JOIN line ON v.made_of = line.id WHERE v.file_id = $1
         )
         SELECT {ASSET_COLUMNS} FROM versions v
         WHERE v.file_id = $1 AND v.is_current AND v.id IN (SELECT id FROM line)"
    );
    let row = query(sql)
        .bind(file.to_string())
        .bind(version.to_string())
        .fetch_optional(on)
        .await?;
    row.map(|row| Asset::of_row(&row)).transpose()
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
