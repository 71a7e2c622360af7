//! Deleting a folder with everything below it: little of it at once, much of it in steps.
//!
//! SQLite has one writer, and thousands of files take seconds. So the folder is locked and a job does the work a few files
//! at a time, while others write in between. The request that began it does the steps itself, which is why it can answer
//! when all of it is done; if it goes away, or the process dies, a runner takes the job up.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::change::{ChangeError, lock_files, parsed};
use crate::database::{Lock, Sql, Transaction};
use crate::delete::remove;
use crate::error::StoreError;
use crate::folder;
use crate::id::FileId;
use crate::jobs::{self, Job, JobError, JobState, Lease, NewJob, Progress, Step};
use crate::library::Library;
use crate::locks::{self, push_below, refuse_if_locked_within};
use crate::name::FolderPath;
use crate::race::retried;
use crate::timestamp::Timestamp;

/// The kind of the jobs that delete folders.
pub const DELETE_FOLDER_JOB: &str = "delete-folder";

/// Files that one step deletes, and how many files, versions and folders go without a job.
const BATCH: usize = 200;

/// How long the request that began it may take for a step before a runner takes the job up.
const LEASE: Duration = Duration::from_secs(15);

/// The input of these jobs.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    path: String,
    /// When it was asked for, in milliseconds.
    at: i64,
    /// When the newest of what was there then was uploaded. What is uploaded later stays, and the folder with it.
    newest: i64,
}

/// What a request has done when its first transaction ends.
enum Begun {
    /// All of it; so many files.
    Done(u64),
    /// Nothing that can be seen, but the job is there and the folder locked.
    Job(Box<Lease>),
}

impl Library {
    /// Deletes a folder with everything below it; how many files that were. Where that is much, others see it go in
    /// steps, and what this had not done when it is dropped is done by a job.
    pub async fn delete_folder(&self, path: &FolderPath, now: Timestamp) -> Result<u64, ChangeError> {
        let mut lease = match retried(|| self.begin_deletion(path, now)).await? {
            Begun::Done(deleted) => return Ok(deleted),
            Begun::Job(lease) => *lease,
        };
        let begun = Instant::now();
        loop {
            let step = self
                .delete_folder_step(&mut lease, now.saturating_add(begun.elapsed()))
                .await;
            match step {
                Ok(Step::More) => {}
                Ok(Step::Done(_)) => return Ok(lease.job.done),
                Err(JobError::LeaseLost(_)) => return Err(ChangeError::Locked(path.clone())),
                Err(JobError::Store(error)) => return Err(error.into()),
                Err(JobError::Unreadable(_, error)) => return Err(StoreError::unreadable("jobs.input", error).into()),
            }
        }
    }

    async fn begin_deletion(&self, path: &FolderPath, now: Timestamp) -> Result<Begun, ChangeError> {
        if path.is_root() {
            return Err(ChangeError::RootFolder);
        }
        let mut tx = self.database().begin().await?;
        tx.lock(Lock::TreeAlone).await?;
        if folder::find(&mut tx, path).await?.is_none() {
            return Err(ChangeError::NoFolder(path.clone()));
        }
        refuse_if_locked_within(&mut tx, path).await?;
        let found = objects_below(&mut tx, path).await?;
        let limit = self.limits().folder_objects;
        if found > u64::from(limit) {
            return Err(ChangeError::TooManyObjects { found, limit });
        }
        let begun = if found <= BATCH as u64 {
            let deleted = self.delete_some(&mut tx, path, None, now).await?;
            folder::remove_empty(&mut tx, path, now).await?;
            Begun::Done(deleted.len() as u64)
        } else {
            let mut sql = Sql::new("SELECT COALESCE(MAX(v.uploaded_at), 0) FROM versions v WHERE v.is_current AND ");
            push_within(&mut sql, path);
            let order = Order {
                path: path.as_str().to_owned(),
                at: now.as_millis(),
                newest: sql.build().scalar(&mut tx).await?,
            };
            let job = NewJob {
                kind: DELETE_FOLDER_JOB,
                input: json!(order),
                total: None,
                run_at: now,
            };
            let lease = jobs::enqueue_held(&mut tx, &job, LEASE, now).await?;
            locks::lock(&mut tx, path, lease.job.id).await?;
            Begun::Job(Box::new(lease))
        };
        tx.commit().await?;
        Ok(begun)
    }

    /// Does the next step of a job of [`DELETE_FOLDER_JOB`]; the lease then has what was written down. When it says `Done`,
    /// the job has ended, too.
    pub async fn delete_folder_step(&self, lease: &mut Lease, now: Timestamp) -> Result<Step, JobError> {
        let held = &*lease;
        let (step, job) = retried(|| self.try_delete_folder_step(held, now)).await?;
        lease.job = job;
        Ok(step)
    }

    async fn try_delete_folder_step(&self, lease: &Lease, now: Timestamp) -> Result<(Step, Job), JobError> {
        let id = lease.job.id;
        let order: Order =
            serde_json::from_value(lease.job.input.clone()).map_err(|error| JobError::Unreadable(id, error))?;
        let path = FolderPath::stored(order.path);
        let at = Timestamp::from_millis(order.at).map_err(|error| StoreError::unreadable("jobs.input", error))?;
        let mut tx = self.database().begin().await?;
        jobs::hold(&mut tx, lease, now).await?;
        tx.lock(Lock::TreeAlone).await?;
        let deleted = self
            .delete_some(&mut tx, &path, Some(order.newest), at)
            .await
            .map_err(stored)?;
        let progress = Progress {
            done: deleted.len() as u64,
            ..Progress::default()
        };
        let job = jobs::note(&mut tx, lease, progress).await?;
        let step = if deleted.is_empty() {
            folder::remove_empty(&mut tx, &path, at).await?;
            let result = json!({ "files": job.done });
            jobs::end(&mut tx, lease, JobState::Completed, Some(&result), None, now).await?;
            Step::Done(result)
        } else {
            Step::More
        };
        tx.commit().await?;
        Ok((step, job))
    }

    /// Deletes the next few files in a folder and below it, those that were uploaded until `newest`. Which they were.
    async fn delete_some(
        &self,
        tx: &mut Transaction,
        path: &FolderPath,
        newest: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<FileId>, ChangeError> {
        let mut sql = Sql::new("SELECT v.file_id FROM versions v WHERE v.is_current AND ");
        push_within(&mut sql, path);
        if let Some(newest) = newest {
            sql.push(" AND v.uploaded_at <= ").push_bind(newest);
        }
        sql.push(" LIMIT ").push_bind(BATCH as i64);
        let ids: Vec<String> = sql.build().scalars(&mut *tx).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let files: Vec<FileId> = ids
            .iter()
            .map(|id| parsed(id, "versions.file_id"))
            .collect::<Result<_, _>>()?;
        // Who deletes a single file does not hold the tree: those may be gone by now.
        let there = lock_files(tx, &files).await?;
        if there.is_empty() {
            // None of these, but perhaps of the next: looked for anew.
            return Err(ChangeError::lost_race());
        }
        remove(tx, &there, self.trash_time(), now).await?;
        Ok(there)
    }
}

/// Nothing but the database can go wrong with files that are held.
fn stored(error: ChangeError) -> JobError {
    match error {
        ChangeError::Store(error) => error.into(),
        other => StoreError::unreadable("files.id", other).into(),
    }
}

/// How many folders and versions there are below a folder, itself not counted.
async fn objects_below(tx: &mut Transaction, path: &FolderPath) -> Result<u64, ChangeError> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM folders WHERE ");
    push_below(&mut sql, "path", path);
    let folders: i64 = sql.build().scalar(&mut *tx).await?;
    let mut sql = Sql::new("SELECT COUNT(*) FROM versions v WHERE ");
    push_within(&mut sql, path);
    let versions: i64 = sql.build().scalar(&mut *tx).await?;
    Ok(u64::try_from(folders + versions).unwrap_or(0))
}

/// A condition that holds for versions `v` in a folder and below it.
fn push_within(sql: &mut Sql, path: &FolderPath) {
    sql.push("v.folder_id IN (SELECT id FROM folders WHERE path = ")
        .push_bind(path.as_str())
        .push(" OR ");
    push_below(sql, "path", path);
    sql.push(")");
}
