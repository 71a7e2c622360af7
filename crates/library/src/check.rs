//! Looking whether the bytes are what the facts say.

use std::collections::HashMap;

use futures::StreamExt as _;

use crate::blob::{BlobError, BlobId, io_kind};
use crate::database::query;
use crate::error::StoreError;
use crate::library::Library;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A version or the trash names the blob, and it is not in the store.
    Missing {
        /// Which blob.
        blob: BlobId,
        /// The paths of up to ten files that need it.
        files: Vec<String>,
    },
    /// The bytes have another length than they had when they were stored.
    Length {
        /// Which blob.
        blob: BlobId,
        /// The bytes there are.
        found: u64,
        /// The bytes there should be.
        expected: u64,
        /// The paths of up to ten files that need it.
        files: Vec<String>,
    },
    /// The bytes are not those that were stored.
    Damaged {
        /// Which blob.
        blob: BlobId,
        /// The paths of up to ten files that need it.
        files: Vec<String>,
    },
    /// A blob that no row names: an upload that was cut short. The next collection of garbage removes it.
    Orphan {
        /// Which blob.
        blob: BlobId,
    },
    /// An object that is no blob of ours. Nothing of ours ever touches it.
    Foreign {
        /// Its path in the store.
        path: String,
    },
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Blobs looked at.
    pub done: u64,
    /// Blobs that there are to look at.
    pub total: u64,
    /// Bytes read, if contents are compared.
    pub bytes: u64,
}

/// Why a check could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Rows read at a time.
const PAGE: i64 = 1000;
/// File names told for each finding.
const NAMES: i64 = 10;

impl Library {
    /// Compares the blob store with the database: names and lengths, and with `contents` every byte. Changes nothing.
    /// Memory grows with the number of objects in the store, by about a hundred bytes each.
    pub async fn check_blobs(
        &self,
        contents: bool,
        mut progress: impl FnMut(CheckProgress),
        mut found: impl FnMut(Finding),
    ) -> Result<(), CheckError> {
        let mut stored: HashMap<BlobId, u64> = HashMap::new();
        let mut objects = self.blobs().objects();
        while let Some(object) = objects.next().await {
            let object = object?;
            match object.blob {
                Some(id) => {
                    stored.insert(id, object.size);
                }
                None => found(Finding::Foreign { path: object.path }),
            }
        }
        let total: i64 = query("SELECT COUNT(*) FROM blobs")
            .scalar(self.database().reader())
            .await?;
        let mut state = CheckProgress {
            total: u64::try_from(total).unwrap_or(0),
            ..CheckProgress::default()
        };
        let mut last = String::new();
        loop {
            let rows = query("SELECT sha256, size FROM blobs WHERE sha256 > $1 ORDER BY sha256 LIMIT $2")
                .bind(&last)
                .bind(PAGE)
                .fetch_all(self.database().reader())
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                last = row.try_get("sha256")?;
                let blob: BlobId = last
                    .parse()
                    .map_err(|error: crate::id::IdError| StoreError::unreadable("blobs.sha256", error))?;
                let expected = u64::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0);
                match stored.remove(&blob) {
                    None => {
                        // Nobody needs the bytes of a row that waits for its collection.
                        let files = self.needed_by(&blob).await?;
                        if !files.is_empty() {
                            found(Finding::Missing { blob, files });
                        }
                    }
                    Some(size) if size != expected => found(Finding::Length {
                        blob,
                        found: size,
                        expected,
                        files: self.needed_by(&blob).await?,
                    }),
                    Some(size) if contents => {
                        if !self.is_sound(&blob).await? {
                            let files = self.needed_by(&blob).await?;
                            // Nobody needs it if it was collected since the store was listed.
                            if !files.is_empty() {
                                found(Finding::Damaged { blob, files });
                            }
                        }
                        state.bytes += size;
                    }
                    Some(_) => {}
                }
                state.done += 1;
                progress(state);
            }
        }
        for blob in stored.into_keys() {
            // It may have been uploaded since the database was read.
            let known: Option<i64> = query("SELECT size FROM blobs WHERE sha256 = $1")
                .bind(blob.to_string())
                .scalar_optional(self.database().reader())
                .await?;
            if known.is_none() {
                found(Finding::Orphan { blob });
            }
        }
        Ok(())
    }

    /// False for bytes that are others than were stored, and for those that cannot be read: one bad sector must not hide
    /// what else there is. A store that does not answer at all is a failure.
    async fn is_sound(&self, blob: &BlobId) -> Result<bool, BlobError> {
        match self.blob(blob).is_whole().await {
            Err(BlobError::Store(error)) if io_kind(&error).is_none() => Err(BlobError::Store(error)),
            whole => Ok(whole.unwrap_or(false)),
        }
    }

    /// The paths of files and of what is in the trash that name the blob.
    async fn needed_by(&self, blob: &BlobId) -> Result<Vec<String>, StoreError> {
        Ok(query(
            "SELECT DISTINCT CASE WHEN f.path = '/' THEN '' ELSE f.path END || '/' || v.name AS path
             FROM versions v JOIN folders f ON f.id = v.folder_id WHERE v.blob = $1
             UNION
             SELECT CASE WHEN t.folder_path = '/' THEN '' ELSE t.folder_path END || '/' || t.name || ' (in the trash)'
             FROM trash_blobs b JOIN trash t ON t.id = b.trash_id WHERE b.blob = $1
             ORDER BY 1 LIMIT $2",
        )
        .bind(blob.to_string())
        .bind(NAMES)
        .scalars(self.database().reader())
        .await?)
    }
}
