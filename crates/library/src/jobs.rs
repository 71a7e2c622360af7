//! Jobs: work that goes on after the answer, kept in the same database as its cause.
//!
//! A job is enqueued in the transaction that causes it, so both happen or neither does. A runner takes it by a lease,
//! which ends by itself when the runner does; then another takes it up again from the cursor that the first left. What
//! a runner writes under a lease that it has lost is refused ([`hold`]), so a step whose work and progress are one
//! transaction happens once, whatever crashes. A step that reaches outside of the database can happen twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asset::{Asset, timestamp};
use crate::database::{Dialect, Row, Sql, Transaction, Waiting, query};
use crate::error::{Code, StoreError};
use crate::id::{FileId, IdError, JobId};
use crate::library::Library;
use crate::locks;
use crate::name::random_text;
use crate::outbox::{self, EventKind};
use crate::purges;
use crate::timestamp::Timestamp;
use crate::webhooks::{self, Callback};

/// The channel on which PostgreSQL tells other nodes that there is a job.
pub(crate) const CHANNEL: &str = "tintype_jobs";

/// Failures of items that are kept by name; all of them are counted.
pub const FAILURES_KEPT: usize = 100;

const OWNER_CHARS: usize = 24;
/// Bytes of an error's text that are kept.
const ERROR_BYTES: usize = 2000;

/// A job, as of the moment it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Names what is to be done.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// What it is about; its kind knows the form.
    pub input: Value,
    /// Where it goes on when it is taken up again, as it wrote it itself.
    pub cursor: Option<Value>,
    /// What it left when it was completed.
    pub result: Option<Value>,
    /// Items that are done, the failed ones included.
    pub done: u64,
    /// All items, if known.
    pub total: Option<u64>,
    /// The first [`FAILURES_KEPT`] items that failed.
    pub failures: Vec<ItemFailure>,
    /// Items that failed.
    pub failed: u64,
    /// How often it was taken up since it last got further.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for a runner.
    Pending,
    /// A runner has it, or had it when it died.
    Running,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Completed, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// One item that a job could not do. The job goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemFailure {
    /// Which one, mostly a path.
    pub item: String,
    /// Why not.
    pub reason: String,
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// What is to be done.
    pub kind: &'a str,
    /// About what: small, ids and not data.
    pub input: Value,
    /// All items, if known.
    pub total: Option<u64>,
    /// Not before then.
    pub run_at: Timestamp,
}

/// A job that a runner has, until a moment that it can put off.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The job as it was when it was taken or last reported on.
    pub job: Job,
    owner: String,
    length: Duration,
}

/// What a step of a job got done.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Where to go on.
    pub cursor: Option<Value>,
    /// Items done by this step, the failed ones included.
    pub done: u64,
    /// All items, if this step found out.
    pub total: Option<u64>,
    /// Items that failed.
    pub failures: Vec<ItemFailure>,
}

/// How a step of a job ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is more to do.
    More,
    /// The job is done, with this result.
    Done(Value),
}

/// How a job ends in the very transaction that does its work: a crash leaves all of it to be done, or nothing.
pub struct Ending<'a> {
    /// If it is lost, nothing is done.
    pub lease: &'a Lease,
    /// What the job leaves.
    pub result: &'a Value,
    /// Whom to tell, and what of the file as it is then.
    pub callback: &'a (dyn Fn(&Asset) -> Option<Callback> + Sync),
}

impl Ending<'_> {
    /// Last in the transaction.
    pub(crate) async fn write(&self, tx: &mut Transaction, asset: &Asset, now: Timestamp) -> Result<(), JobError> {
        if let Some(callback) = (self.callback)(asset) {
            webhooks::call_back(tx, &callback, now).await?;
        }
        end(tx, self.lease, JobState::Completed, Some(self.result), None, now).await
    }
}

/// Why a job's state was not changed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The lease ran out, and another runner has the job or may have it.
    #[error("the job {0} is not held any more")]
    LeaseLost(JobId),
    /// The job's own notes make no sense.
    #[error("the job {0} cannot be read")]
    Unreadable(JobId, #[source] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobError {
    /// What can be done about it.
    pub fn code(&self) -> Code {
        match self {
            Self::LeaseLost(_) => Code::Conflict,
            Self::Unreadable(..) => Code::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Adds a job to the transaction that causes it.
pub(crate) async fn enqueue(tx: &mut Transaction, job: &NewJob<'_>, now: Timestamp) -> Result<JobId, sqlx::Error> {
    let id = JobId::generate(now);
    query(
        "INSERT INTO jobs (id, kind, state, input, total, run_at, created_at, updated_at)
         VALUES ($1, $2, 'pending', $3, $4, $5, $6, $6)",
    )
    .bind(id.to_string())
    .bind(job.kind)
    .bind(job.input.to_string())
    .bind(job.total.map(stored))
    .bind(job.run_at.as_millis())
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await?;
    tx.wake(Waiting::Jobs);
    if tx.dialect() == Dialect::Postgres {
        // Jobs are few. Events are many and tell nobody: transactions that notify are committed one after the other.
        query("SELECT pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(&mut *tx)
            .await?;
    }
    Ok(id)
}

/// The same, and the caller has it: it does the first steps itself.
pub(crate) async fn enqueue_held(
    tx: &mut Transaction,
    job: &NewJob<'_>,
    length: Duration,
    now: Timestamp,
) -> Result<Lease, StoreError> {
    let id = enqueue(tx, job, now).await?;
    lease(tx, &id.to_string(), length, now).await
}

/// Gives a job that nobody has to the caller.
async fn lease(tx: &mut Transaction, id: &str, length: Duration, now: Timestamp) -> Result<Lease, StoreError> {
    let owner = random_text(OWNER_CHARS);
    let row = query(
        "UPDATE jobs SET state = 'running', lease_owner = $2, leased_until = $3, attempts = attempts + 1, updated_at = $4
         WHERE id = $1 RETURNING *",
    )
    .bind(id)
    .bind(owner.as_str())
    .bind(now.saturating_add(length).as_millis())
    .bind(now.as_millis())
    .fetch_one(tx)
    .await?;
    let job = Job::of_row(&row)?;
    Ok(Lease { job, owner, length })
}

/// Makes sure, until the transaction ends, that the lease is good, and puts off its end. First in every transaction
/// that works under a lease.
pub(crate) async fn hold(tx: &mut Transaction, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
    let held = query(
        "UPDATE jobs SET leased_until = $3, updated_at = $4 WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
    )
    .bind(lease.job.id.to_string())
    .bind(lease.owner.as_str())
    .bind(now.saturating_add(lease.length).as_millis())
    .bind(now.as_millis())
    .execute(tx)
    .await?;
    if held == 0 {
        return Err(JobError::LeaseLost(lease.job.id));
    }
    Ok(())
}

/// Writes down what a step got done, in the step's own transaction, after [`hold`].
pub(crate) async fn note(tx: &mut Transaction, lease: &Lease, progress: Progress) -> Result<Job, JobError> {
    let job = &lease.job;
    let mut next = Job {
        cursor: progress.cursor.or_else(|| job.cursor.clone()),
        done: job.done + progress.done,
        total: progress.total.or(job.total),
        failed: job.failed + progress.failures.len() as u64,
        attempts: 0,
        ..job.clone()
    };
    let room = FAILURES_KEPT.saturating_sub(next.failures.len());
    next.failures.extend(progress.failures.into_iter().take(room));
    let failures = serde_json::to_string(&next.failures).map_err(|error| JobError::Unreadable(job.id, error))?;
    query(
        "UPDATE jobs SET cursor = $2, done = $3, total = $4, failures = $5, failed = $6, attempts = 0, last_error = NULL
         WHERE id = $1",
    )
    .bind(job.id.to_string())
    .bind(next.cursor.as_ref().map(Value::to_string))
    .bind(stored(next.done))
    .bind(next.total.map(stored))
    .bind(failures)
    .bind(stored(next.failed))
    .execute(tx)
    .await?;
    Ok(next)
}

/// Ends a job, in the transaction that does its last step, and unlocks its folders.
pub(crate) async fn end(
    tx: &mut Transaction,
    lease: &Lease,
    state: JobState,
    result: Option<&Value>,
    error: Option<&str>,
    now: Timestamp,
) -> Result<(), JobError> {
    let ended = query(
        "UPDATE jobs SET state = $3, result = $4, last_error = $5, finished_at = $6, updated_at = $6,
             lease_owner = NULL, leased_until = NULL
         WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
    )
    .bind(lease.job.id.to_string())
    .bind(lease.owner.as_str())
    .bind(state.as_str())
    .bind(result.map(Value::to_string))
    .bind(error.map(shortened))
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await?;
    if ended == 0 {
        return Err(JobError::LeaseLost(lease.job.id));
    }
    locks::unlock(tx, lease.job.id).await?;
    Ok(())
}

impl Library {
    /// Enqueues a job that no other change causes.
    pub async fn enqueue(&self, job: NewJob<'_>, now: Timestamp) -> Result<JobId, StoreError> {
        let mut tx = self.database().begin().await?;
        let id = enqueue(&mut tx, &job, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// A job by its id.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let row = query("SELECT * FROM jobs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Job::of_row(&row)).transpose()
    }

    /// Takes the job of one of these kinds that has waited longest, if there is one. It is the caller's for `length`,
    /// and for as much again from each step or [`renew_job`](Self::renew_job) on.
    pub async fn take_job(
        &self,
        kinds: &[&str],
        length: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        if kinds.is_empty() {
            return Ok(None);
        }
        let waiting = |what: &str| {
            let mut sql = Sql::new(format!(
                "SELECT {what} FROM jobs WHERE state IN ('pending', 'running') AND run_at <= "
            ));
            sql.push_bind(now.as_millis())
                .push(" AND (leased_until IS NULL OR leased_until <= ")
                .push_bind(now.as_millis())
                .push(") AND kind IN (")
                .push_list(kinds.iter().copied())
                .push(") ORDER BY run_at, id LIMIT 1");
            sql
        };
        // Looked for without a transaction first: mostly there is nothing, and SQLite has one writer.
        let found: Option<String> = waiting("id").build().scalar_optional(self.database().reader()).await?;
        if found.is_none() {
            return Ok(None);
        }
        let mut tx = self.database().begin().await?;
        let mut candidate = waiting("id");
        if tx.dialect() == Dialect::Postgres {
            candidate.push(" FOR UPDATE SKIP LOCKED");
        }
        let id: Option<String> = candidate.build().scalar_optional(&mut tx).await?;
        let Some(id) = id else {
            return Ok(None);
        };
        let lease = lease(&mut tx, &id, length, now).await?;
        tx.commit().await?;
        Ok(Some(lease))
    }

    /// Puts off the end of a lease.
    pub async fn renew_job(&self, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        hold(&mut tx, lease, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes down what a step got done that is not a transaction of the library itself.
    pub async fn note_progress(&self, lease: &mut Lease, progress: Progress, now: Timestamp) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        hold(&mut tx, lease, now).await?;
        let next = note(&mut tx, lease, progress).await?;
        tx.commit().await?;
        lease.job = next;
        Ok(())
    }

    /// The job is done.
    pub async fn complete_job(&self, lease: &Lease, result: &Value, now: Timestamp) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        end(&mut tx, lease, JobState::Completed, Some(result), None, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The job is done, and somebody is told of it: both or neither.
    pub async fn complete_job_and_tell(
        &self,
        lease: &Lease,
        result: &Value,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        webhooks::call_back(&mut tx, callback, now).await?;
        end(&mut tx, lease, JobState::Completed, Some(result), None, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The job is done, and an event tells what became of it: both or neither. The event's body has the `data` of the
    /// message, and its `request` and `timings` if it has any.
    pub async fn complete_job_and_announce(
        &self,
        lease: &Lease,
        result: &Value,
        (kind, file, body): (EventKind, FileId, &Value),
        now: Timestamp,
    ) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        outbox::announce(&mut tx, kind, file, body, now).await?;
        end(&mut tx, lease, JobState::Completed, Some(result), None, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The job is given up.
    pub async fn fail_job(&self, lease: &Lease, error: &str, now: Timestamp) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        end(&mut tx, lease, JobState::Failed, None, Some(error), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives a job back, to be taken up again at `run_at`: after a failure, which `error` tells, or because the runner
    /// stops.
    pub async fn return_job(
        &self,
        lease: &Lease,
        error: Option<&str>,
        run_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), JobError> {
        let mut tx = self.database().begin().await?;
        // A runner that stops has not failed.
        let returned = query(
            "UPDATE jobs SET state = 'pending', run_at = $3, last_error = COALESCE($4, last_error), updated_at = $5,
                 attempts = CASE WHEN CAST($4 AS TEXT) IS NULL THEN attempts - 1 ELSE attempts END,
                 lease_owner = NULL, leased_until = NULL
             WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
        )
        .bind(lease.job.id.to_string())
        .bind(lease.owner.as_str())
        .bind(run_at.as_millis())
        .bind(error.map(shortened))
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        if returned == 0 {
            return Err(JobError::LeaseLost(lease.job.id));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Gives up the leases of a process that has ended, if there can be no other that has them: with SQLite the caller is
    /// the only one, and its jobs and messages need not wait until their time is up.
    pub async fn give_up_old_leases(&self) -> Result<(), StoreError> {
        if self.is_shared() {
            return Ok(());
        }
        let mut tx = self.database().begin().await?;
        for table in ["jobs", "webhook_deliveries"] {
            query(format!(
                "UPDATE {table} SET lease_owner = NULL, leased_until = NULL WHERE leased_until IS NOT NULL"
            ))
            .execute(&mut tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Removes jobs that ended before a moment; how many.
    pub async fn remove_ended_jobs(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.database().begin().await?;
        let removed = query("DELETE FROM jobs WHERE finished_at IS NOT NULL AND finished_at < $1")
            .bind(before.as_millis())
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Returns when this process has enqueued a job since the last time, or was told of one by another.
    pub async fn job_enqueued(&self) {
        self.database().wakers().of(Waiting::Jobs).notified().await;
    }

    /// Hears of jobs and purges that other nodes are asked for, for as long as it is polled. With SQLite there are no
    /// other nodes, and it waits for ever.
    pub async fn hear_other_nodes(&self) -> StoreError {
        let channels = [(CHANNEL, Waiting::Jobs), (purges::CHANNEL, Waiting::Purges)];
        match self.database().listen(&channels).await {
            Ok(never) => match never {},
            Err(error) => error.into(),
        }
    }
}

impl Job {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        let count = |column| -> Result<u64, StoreError> {
            u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| StoreError::unreadable(column, error))
        };
        let json = |column| -> Result<Option<Value>, StoreError> {
            row.try_get::<Option<&str>, _>(column)?
                .map(|text| serde_json::from_str(text).map_err(|error| StoreError::unreadable(column, error)))
                .transpose()
        };
        let (id, state): (&str, &str) = (row.try_get("id")?, row.try_get("state")?);
        Ok(Self {
            id: id
                .parse()
                .map_err(|error: IdError| StoreError::unreadable("jobs.id", error))?,
            kind: row.try_get("kind")?,
            state: JobState::ALL
                .into_iter()
                .find(|known| known.as_str() == state)
                .ok_or_else(|| StoreError::unreadable("jobs.state", state.to_owned()))?,
            input: json("input")?.unwrap_or_default(),
            cursor: json("cursor")?,
            result: json("result")?,
            done: count("done")?,
            total: row
                .try_get::<Option<i64>, _>("total")?
                .map(|total| u64::try_from(total).unwrap_or_default()),
            failures: serde_json::from_str(row.try_get("failures")?)
                .map_err(|error| StoreError::unreadable("jobs.failures", error))?,
            failed: count("failed")?,
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?.max(0)).unwrap_or(u32::MAX),
            last_error: row.try_get("last_error")?,
            created_at: timestamp(row, "created_at")?,
            finished_at: match row.try_get::<Option<i64>, _>("finished_at")? {
                Some(_) => Some(timestamp(row, "finished_at")?),
                None => None,
            },
        })
    }
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Without NUL bytes, which PostgreSQL does not take.
pub(crate) fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(ERROR_BYTES)].replace('\0', "")
}
