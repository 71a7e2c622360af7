//! Copying, moving and renaming folders: checked and locked at once, done by a job in steps.
//!
//! A step is one transaction that works on a limited number of files and writes down where the next one goes on, so memory
//! stays flat, others get their turn, and a step is done once however often the runner dies. A folder that goes to a
//! free place is moved by changing the paths of folders in one transaction: nobody sees half of it.

mod copy;
mod relocate;
mod walk;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::{Lock, Transaction, query};
use crate::error::{Code, StoreError};
use crate::folder;
use crate::id::JobId;
use crate::jobs::{self, Job, JobError, JobState, Lease, NewJob, Progress, Step};
use crate::library::Library;
use crate::locks;
use crate::name::{FolderPath, NameError};
use crate::purges::{self, PurgeOrder};
use crate::race::retried;
use crate::timestamp::Timestamp;

/// Files that one step works on, or versions where those are copied. Few, because SQLite has one writer, and who uploads waits for the step to end.
const BATCH: usize = 64;

/// What is done with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderJob {
    /// Into another folder, the original stays.
    Copy,
    /// Into another folder.
    Move,
    /// Where it is.
    Rename,
}

impl FolderJob {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Copy, Self::Move, Self::Rename];

    /// The kind of its jobs.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Copy => "copy-folder",
            Self::Move => "move-folder",
            Self::Rename => "rename-folder",
        }
    }

    /// What a job of this kind does, if it is one of these.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.kind() == kind)
    }
}

/// Why a folder is not copied, moved or renamed. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum FolderJobError {
    /// There is no such folder.
    #[error("there is no folder `{0}`")]
    SourceMissing(FolderPath),
    /// The root stays where it is.
    #[error("the root cannot be copied, moved or renamed")]
    SourceIsRoot,
    /// It is there already.
    #[error("the folder is in `{0}` already")]
    SamePlace(FolderPath),
    /// Into itself or into a folder below.
    #[error("`{0}` cannot go into itself")]
    IntoItself(FolderPath),
    /// Too much for one job.
    #[error("`{path}` holds more than {limit} files, versions and folders")]
    TooMany {
        /// The folder.
        path: FolderPath,
        /// How many may be.
        limit: u64,
    },
    /// A folder would get a path that may not be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A folder of the new name is there.
    #[error("a folder is at `{0}` already")]
    NameTaken(FolderPath),
    /// Another job works on the folder.
    #[error("a job works on `{0}`")]
    SourceLocked(FolderPath),
    /// Another job works on the place where it should go.
    #[error("a job works on `{0}`")]
    DestinationLocked(FolderPath),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FolderJobError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::SourceMissing(_) => Code::NotFound,
            Self::SourceIsRoot | Self::SamePlace(_) | Self::IntoItself(_) | Self::TooMany { .. } | Self::Name(_) => {
                Code::Invalid
            }
            Self::NameTaken(_) | Self::SourceLocked(_) | Self::DestinationLocked(_) => Code::Conflict,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for FolderJobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The input of these jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    /// The folder.
    source: String,
    /// Its new path, not the folder that it goes into.
    target: String,
    /// All versions of each file, or the current one.
    #[serde(default)]
    versions: bool,
    /// What is purged after a rename.
    #[serde(default)]
    purge: Option<PurgeOrder>,
}

impl Order {
    fn source(&self) -> FolderPath {
        FolderPath::stored(self.source.clone())
    }

    /// Where a folder in the source goes.
    fn target_of(&self, folder: &str) -> FolderPath {
        let below = folder.strip_prefix(&self.source).unwrap_or_default();
        FolderPath::stored(format!("{}{below}", self.target))
    }
}

impl Library {
    /// Begins to copy a folder into another, which is made if it is absent. Files of the same path there get the versions
    /// appended.
    pub async fn copy_folder(
        &self,
        source: &FolderPath,
        into: &FolderPath,
        versions: bool,
        now: Timestamp,
    ) -> Result<JobId, FolderJobError> {
        self.begin_transfer(FolderJob::Copy, source, into, versions, now).await
    }

    /// Begins to move a folder into another, which is made if it is absent. A folder of the same name there is merged
    /// with it, and files of the same path get the versions appended.
    pub async fn move_folder(
        &self,
        source: &FolderPath,
        into: &FolderPath,
        now: Timestamp,
    ) -> Result<JobId, FolderJobError> {
        self.begin_transfer(FolderJob::Move, source, into, true, now).await
    }

    /// Begins to rename a folder. Characters that a folder may not have become `_`. `purge` is asked for when the folder
    /// has its new name.
    pub async fn rename_folder(
        &self,
        source: &FolderPath,
        name: &str,
        purge: Option<PurgeOrder>,
        now: Timestamp,
    ) -> Result<JobId, FolderJobError> {
        if source.is_root() {
            return Err(FolderJobError::SourceIsRoot);
        }
        let name = FolderPath::sanitised(&name.replace('/', "_"))?;
        let target = FolderPath::sanitised(&source.parent().child(name.name()))?;
        let order = Order {
            source: source.as_str().to_owned(),
            target: target.as_str().to_owned(),
            versions: true,
            purge,
        };
        self.begin(FolderJob::Rename, &order, now).await
    }

    async fn begin_transfer(
        &self,
        what: FolderJob,
        source: &FolderPath,
        into: &FolderPath,
        versions: bool,
        now: Timestamp,
    ) -> Result<JobId, FolderJobError> {
        if source.is_root() {
            return Err(FolderJobError::SourceIsRoot);
        }
        if source == into || source.parent() == *into {
            return Err(FolderJobError::SamePlace(into.clone()));
        }
        if source.holds(into) {
            return Err(FolderJobError::IntoItself(source.clone()));
        }
        let target = FolderPath::sanitised(&into.child(source.name()))?;
        let order = Order {
            source: source.as_str().to_owned(),
            target: target.as_str().to_owned(),
            versions,
            purge: None,
        };
        self.begin(what, &order, now).await
    }

    async fn begin(&self, what: FolderJob, order: &Order, now: Timestamp) -> Result<JobId, FolderJobError> {
        let (source, target) = (order.source(), FolderPath::stored(order.target.clone()));
        // Counted before the transaction: what is uploaded meanwhile is one file more or less in a display.
        let held = self.held_by(&source).await?;
        let limit = self.limits().folder_job_items;
        if what != FolderJob::Rename && held.items > limit {
            return Err(FolderJobError::TooMany { path: source, limit });
        }
        check_lengths(&source, &target, &held)?;
        let mut tx = self.database().begin().await?;
        // All that puts something into a folder has ended, and what begins after this sees the locks.
        tx.lock(Lock::TreeAlone).await?;
        if folder::find(&mut tx, &source).await?.is_none() {
            return Err(FolderJobError::SourceMissing(source));
        }
        if locks::is_locked(&mut tx, &source).await? {
            return Err(FolderJobError::SourceLocked(source));
        }
        if locks::is_locked(&mut tx, &target).await? {
            return Err(FolderJobError::DestinationLocked(target));
        }
        // Into the source itself by the way of a folder above it: what was placed there would be placed again.
        if target.holds(&source)
            && let Ok(inner) = FolderPath::sanitised(&source.child(source.name()))
            && folder::find(&mut tx, &inner).await?.is_some()
        {
            return Err(FolderJobError::IntoItself(source));
        }
        if what == FolderJob::Rename && folder::find(&mut tx, &target).await?.is_some() {
            return Err(FolderJobError::NameTaken(target));
        }
        let job = NewJob {
            kind: what.kind(),
            input: json!(order),
            total: Some(held.files),
            run_at: now,
        };
        let id = jobs::enqueue(&mut tx, &job, now).await?;
        locks::lock(&mut tx, &source, id).await?;
        locks::lock(&mut tx, &target, id).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Does the next step of a job of [`FolderJob`]; the lease then has what was written down. When it says `Done`, the
    /// job has ended, too.
    pub async fn folder_job_step(&self, lease: &mut Lease, now: Timestamp) -> Result<Step, JobError> {
        let held = &*lease;
        let (step, job) = retried(|| self.try_step(held, now)).await?;
        lease.job = job;
        Ok(step)
    }

    /// What it got done, and the job as it was written down.
    async fn try_step(&self, lease: &Lease, now: Timestamp) -> Result<(Step, Job), JobError> {
        let id = lease.job.id;
        let unreadable = |error| JobError::Unreadable(id, error);
        let order: Order = serde_json::from_value(lease.job.input.clone()).map_err(unreadable)?;
        // No blob is collected that a copy is about to name.
        let _blobs_stay = self.collection().read().await;
        let mut tx = self.database().begin().await?;
        jobs::hold(&mut tx, lease, now).await?;
        tx.lock(Lock::TreeAlone).await?;
        tx.lock(Lock::BlobsShared).await?;
        let cursor = lease.job.cursor.clone().unwrap_or_else(|| json!({}));
        let is_copy = FolderJob::of_kind(&lease.job.kind) == Some(FolderJob::Copy);
        let (progress, is_done) = if is_copy {
            let mut cursor = serde_json::from_value(cursor).map_err(unreadable)?;
            let (progress, is_done) = copy::step(self, &mut tx, &order, &mut cursor, now).await?;
            (with_cursor(progress, json!(cursor)), is_done)
        } else {
            let mut cursor = serde_json::from_value(cursor).map_err(unreadable)?;
            let (progress, is_done) = relocate::step(self, &mut tx, &order, &mut cursor, now).await?;
            (with_cursor(progress, json!(cursor)), is_done)
        };
        let job = jobs::note(&mut tx, lease, progress).await?;
        let step = if is_done {
            let result = finish(&mut tx, &order, now).await?;
            jobs::end(&mut tx, lease, JobState::Completed, Some(&result), None, now).await?;
            Step::Done(result)
        } else {
            Step::More
        };
        tx.commit().await?;
        Ok((step, job))
    }

    /// What is in a folder and below it.
    async fn held_by(&self, folder: &FolderPath) -> Result<Held, StoreError> {
        let (low, high) = folder.range_below();
        let row = query(
            "SELECT COUNT(*) AS folders, CAST(COALESCE(MAX(octet_length(path)), 0) AS BIGINT) AS longest,
                 CAST(COALESCE(MAX(length(path) - length(replace(path, '/', ''))), 0) AS BIGINT) AS deepest,
                 COALESCE(CAST(SUM((SELECT COUNT(*) FROM versions v WHERE v.folder_id = f.id)) AS BIGINT), 0) AS versions,
                 COALESCE(CAST(SUM((SELECT COUNT(*) FROM versions v WHERE v.folder_id = f.id AND v.is_current)) AS BIGINT), 0)
                     AS files
             FROM folders f WHERE path = $1 OR (path >= $2 AND path < $3)",
        )
        .bind(folder.as_str())
        .bind(low)
        .bind(high)
        .fetch_one(self.database().reader())
        .await?;
        let count = |column| -> Result<u64, StoreError> {
            u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| StoreError::unreadable(column, error))
        };
        Ok(Held {
            files: count("files")?,
            // The folder itself is not nested in itself.
            items: (count("folders")? + count("versions")?).saturating_sub(1),
            longest: count("longest")?,
            deepest: count("deepest")?,
        })
    }
}

#[derive(Debug)]
struct Held {
    files: u64,
    items: u64,
    /// Bytes of the longest path.
    longest: u64,
    /// Levels of the deepest.
    deepest: u64,
}

/// Folders that move deeper must still have paths that may be.
fn check_lengths(source: &FolderPath, target: &FolderPath, held: &Held) -> Result<(), NameError> {
    let levels = |path: &FolderPath| path.as_str().matches('/').count() as u64;
    let bytes = |path: &FolderPath| path.as_str().len() as u64;
    let found = (held.longest + bytes(target)).saturating_sub(bytes(source));
    if found > FolderPath::MAX_BYTES as u64 {
        return Err(NameError::PathTooLong {
            found: usize::try_from(found).unwrap_or(usize::MAX),
            limit: FolderPath::MAX_BYTES,
        });
    }
    if (held.deepest + levels(target)).saturating_sub(levels(source)) > FolderPath::MAX_LEVELS as u64 {
        return Err(NameError::TooDeep {
            limit: FolderPath::MAX_LEVELS,
        });
    }
    Ok(())
}

fn with_cursor(progress: Progress, cursor: Value) -> Progress {
    Progress {
        cursor: Some(cursor),
        ..progress
    }
}

/// The result of a job that has done its work.
async fn finish(tx: &mut Transaction, order: &Order, now: Timestamp) -> Result<Value, JobError> {
    let Some(order) = &order.purge else {
        return Ok(json!({}));
    };
    Ok(match purges::create(tx, order, now).await? {
        Some(id) => json!({ "purgeRequestId": id }),
        None => json!({ "purgeFailed": true }),
    })
}

/// The purge that a rename asked for, as far as its result tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenamePurge {
    /// None was asked for, or the job has not got that far.
    None,
    /// Under this id.
    Requested(String),
    /// The quota of purges was used up.
    Refused,
}

impl RenamePurge {
    /// What a job says of it.
    pub fn of(job: &Job) -> Self {
        let result = job.result.as_ref();
        match result
            .and_then(|result| result.get("purgeRequestId"))
            .and_then(Value::as_str)
        {
            Some(id) => Self::Requested(id.to_owned()),
            None if result.is_some_and(|result| result.get("purgeFailed").is_some()) => Self::Refused,
            None => Self::None,
        }
    }
}
