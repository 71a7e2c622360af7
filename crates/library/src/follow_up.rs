//! Work that a version of a file causes: a job, enqueued with it.

use serde_json::Value;

use crate::asset::Asset;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::id::{FileId, JobId, VersionId};
use crate::jobs::{self, NewJob};
use crate::library::Library;
use crate::timestamp::Timestamp;

/// A job about a version of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowUp {
    /// What is to be done.
    pub kind: String,
    /// An object: what else the job has to know. `fileId` and `versionId` are added.
    pub input: Value,
}

impl FollowUp {
    fn job(&self, file: FileId, version: VersionId, now: Timestamp) -> NewJob<'_> {
        let mut input = self.input.clone();
        if let Some(fields) = input.as_object_mut() {
            fields.insert("fileId".to_owned(), file.to_string().into());
            fields.insert("versionId".to_owned(), version.to_string().into());
        }
        NewJob {
            kind: &self.kind,
            input,
            total: None,
            run_at: now,
        }
    }
}

/// Adds jobs to the transaction that makes the version.
pub(crate) async fn enqueue(
    tx: &mut Transaction,
    follow_ups: &[FollowUp],
    file: FileId,
    version: VersionId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for follow_up in follow_ups {
        jobs::enqueue(tx, &follow_up.job(file, version, now), now).await?;
    }
    Ok(())
}

impl Library {
    /// Enqueues a job about the version that this asset is.
    pub async fn follow_up(&self, asset: &Asset, follow_up: &FollowUp, now: Timestamp) -> Result<JobId, StoreError> {
        self.enqueue(follow_up.job(asset.id, asset.version.id, now), now).await
    }
}
