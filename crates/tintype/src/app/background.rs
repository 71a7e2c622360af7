//! What goes on beside requests: jobs, the outbox, messages to webhooks, and tidying up.
//!
//! Kinds of jobs are registered by name with a handler ([`Kinds::add`]). A handler does one step and says whether there
//! is more, so that jobs take turns, a stopping server waits for a step and not for a job, and who takes the job up
//! after a crash goes on from the last step. While a step runs its lease is kept alive; if it is lost after all, the
//! step is dropped.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use library::{JobError, Lease, Step, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use super::App;

/// How long a runner that says nothing keeps a job.
const LEASE: Duration = Duration::from_secs(15);
/// Jobs of other nodes, and those that wait for their time, are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A job that gets no further is given up after so many attempts: some hours with the gaps below.
const ATTEMPTS: u32 = 20;
const LONGEST_GAP: Duration = Duration::from_secs(30 * 60);
/// A job that has ended can be asked for this long.
const JOBS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Events and messages that are done with are kept this long, to look up what happened.
const MESSAGES_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const TIDY_EVERY: Duration = Duration::from_secs(15 * 60);

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// The same, and whoever refused it says when.
    #[error("{reason}")]
    RetryAfter {
        /// What went wrong.
        reason: String,
        /// Not before so long.
        pause: Duration,
    },
    /// Not now, but that is nobody's failure: again after this long.
    #[error("it is too early")]
    Wait(Duration),
    /// It never will.
    #[error("{0}")]
    GiveUp(String),
    /// Another runner has the job.
    #[error("the lease was lost")]
    LeaseLost,
}

impl StepError {
    /// How long to wait for the next attempt, if there should be one.
    fn pause(&self, attempts: u32) -> Option<Duration> {
        match self {
            Self::Retry(_) => Some(gap(attempts)),
            Self::RetryAfter { pause, .. } => Some(gap(attempts).max((*pause).min(LONGEST_GAP))),
            Self::Wait(_) | Self::GiveUp(_) | Self::LeaseLost => None,
        }
    }
}

impl From<JobError> for StepError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::LeaseLost(_) => Self::LeaseLost,
            JobError::Unreadable(..) => Self::GiveUp(chain(&error)),
            JobError::Store(_) => Self::Retry(chain(&error)),
        }
    }
}

impl From<library::StoreError> for StepError {
    fn from(error: library::StoreError) -> Self {
        Self::Retry(chain(&error))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

type Handler = Arc<dyn Fn(App, Lease) -> BoxFuture<'static, (Lease, Result<Step, StepError>)> + Send + Sync>;

/// The kinds of jobs that this server does.
#[derive(Clone, Default)]
pub struct Kinds(BTreeMap<&'static str, (usize, Handler)>);

impl Kinds {
    /// Registers a kind: at most `at_once` of its jobs run here at the same time. `step` does one step and gives the lease
    /// back. If it has not ended the job itself when it says `Done`, the runner does.
    pub fn add<F, R>(&mut self, kind: &'static str, at_once: usize, step: F)
    where
        F: Fn(App, Lease) -> R + Send + Sync + 'static,
        R: Future<Output = (Lease, Result<Step, StepError>)> + Send + 'static,
    {
        self.0
            .insert(kind, (at_once, Arc::new(move |app, lease| step(app, lease).boxed())));
    }
}

/// The tasks beside the server. Dropped without [`stop`](Self::stop), they are cut short, which does no harm.
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Background {
    /// Starts all of them. `at_once` is how many jobs run at the same time, at least one.
    pub fn start(app: &App, kinds: Kinds, at_once: usize) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(run_jobs(app.clone(), kinds, at_once.max(1), stopping.clone()));
        tasks.spawn(super::webhooks::hand_over(app.clone(), stopping.clone()));
        tasks.spawn(super::webhooks::send_all(app.clone(), stopping.clone()));
        tasks.spawn(until(stopping.clone(), tidy(app.clone())));
        if app.library.is_shared() {
            tasks.spawn(until(stopping.clone(), hear(app.clone())));
            tasks.spawn(until(stopping, super::purge::learn(app.clone())));
        }
        Self { stop, tasks }
    }

    /// Lets the steps and messages under way end, for as long as `patience`, and cuts off the others.
    pub async fn stop(mut self, patience: Duration) {
        // Nobody is left to be told if that fails.
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, ended).await.is_err() {
            tracing::warn!("background work was cut short; it goes on when the server is started again");
        }
        self.tasks.shutdown().await;
    }
}

async fn until(mut stopping: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

async fn run_jobs(app: App, kinds: Kinds, at_once: usize, mut stopping: watch::Receiver<bool>) {
    let mut running: JoinSet<()> = JoinSet::new();
    let mut names: BTreeMap<Id, &'static str> = BTreeMap::new();
    loop {
        while let Some(ended) = running.try_join_next_with_id() {
            forget(&mut names, &ended);
        }
        if *stopping.borrow() {
            break;
        }
        let free: Vec<&'static str> = kinds
            .0
            .iter()
            .filter(|(name, (limit, _))| names.values().filter(|running| ***running == ***name).count() < *limit)
            .map(|(name, _)| *name)
            .collect();
        if running.len() < at_once && !free.is_empty() {
            match app.library.take_job(&free, LEASE, Timestamp::now()).await {
                Ok(Some(lease)) => {
                    if let Some((name, (_, handler))) = kinds.0.get_key_value(lease.job.kind.as_str()) {
                        let task = run_job(app.clone(), Arc::clone(handler), lease, stopping.clone());
                        names.insert(running.spawn(task).id(), *name);
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = chain(&error), "jobs could not be looked for"),
            }
        }
        tokio::select! {
            () = app.library.job_enqueued(), if running.len() < at_once => {}
            Some(ended) = running.join_next_with_id(), if !running.is_empty() => forget(&mut names, &ended),
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

fn forget(names: &mut BTreeMap<Id, &'static str>, ended: &Result<(Id, ()), tokio::task::JoinError>) {
    let id = match ended {
        Ok((id, ())) => *id,
        Err(error) => error.id(),
    };
    names.remove(&id);
}

/// Steps until the job has ended, or cannot go on for now.
async fn run_job(app: App, handler: Handler, mut lease: Lease, stopping: watch::Receiver<bool>) {
    let (id, kind) = (lease.job.id, lease.job.kind.clone());
    if lease.job.attempts > ATTEMPTS {
        let reason = lease
            .job
            .last_error
            .clone()
            .unwrap_or_else(|| "its runners died".into());
        tracing::error!(%id, kind, reason, "a job was given up: it gets no further");
        log(app.library.fail_job(&lease, &reason, Timestamp::now()).await);
        return;
    }
    loop {
        if *stopping.borrow() {
            let now = Timestamp::now();
            log(app.library.return_job(&lease, None, now, now).await);
            return;
        }
        let started = tokio::time::Instant::now();
        let before = lease.clone();
        let step = AssertUnwindSafe(handler(app.clone(), lease)).catch_unwind();
        let outcome = tokio::select! {
            outcome = step => outcome.unwrap_or_else(|_| {
                (before.clone(), Err(StepError::Retry("the step panicked".into())))
            }),
            () = keep(&app, &before) => (before.clone(), Err(StepError::LeaseLost)),
        };
        let now = Timestamp::now();
        lease = match outcome {
            (lease, Ok(Step::More)) => {
                // Others get as much time as this job does: with SQLite, uploads wait while it writes.
                tokio::time::sleep(started.elapsed().min(Duration::from_millis(200))).await;
                lease
            }
            (lease, Ok(Step::Done(result))) => {
                match app.library.complete_job(&lease, &result, now).await {
                    // Ended by its last step, in the same transaction.
                    Err(JobError::LeaseLost(_)) | Ok(()) => tracing::debug!(%id, kind, "a job is done"),
                    Err(error) => log(Err(error)),
                }
                return;
            }
            (_, Err(StepError::LeaseLost)) => {
                tracing::warn!(%id, kind, "another runner has taken a job over");
                return;
            }
            (lease, Err(StepError::Wait(gap))) => {
                log(app.library.return_job(&lease, None, now.saturating_add(gap), now).await);
                return;
            }
            (lease, Err(error)) => {
                let (attempts, reason) = (lease.job.attempts, error.to_string());
                match error.pause(attempts).filter(|_| attempts < ATTEMPTS) {
                    Some(pause) => {
                        let pause_s = pause.as_secs();
                        tracing::warn!(%id, kind, reason, attempts, pause_s, "a job will be tried again");
                        let at = now.saturating_add(pause);
                        log(app.library.return_job(&lease, Some(&reason), at, now).await);
                    }
                    None => {
                        tracing::error!(%id, kind, reason, "a job was given up");
                        log(app.library.fail_job(&lease, &reason, now).await);
                    }
                }
                return;
            }
        };
    }
}

/// Renews a lease for as long as it can be.
async fn keep(app: &App, lease: &Lease) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        match app.library.renew_job(lease, Timestamp::now()).await {
            Err(JobError::LeaseLost(_)) => return,
            other => log(other),
        }
    }
}

fn log(result: Result<(), JobError>) {
    if let Err(error) = result {
        tracing::warn!(error = chain(&error), "the state of a job could not be written");
    }
}

/// One second, then twice as long each time.
fn gap(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(12)).min(LONGEST_GAP)
}

async fn hear(app: App) {
    loop {
        let error = app.library.hear_other_nodes().await;
        tracing::warn!(
            error = chain(&error),
            "other nodes cannot be heard; jobs are looked for instead"
        );
        tokio::time::sleep(LOOK_EVERY * 5).await;
    }
}

async fn tidy(app: App) {
    loop {
        let now = Timestamp::now();
        let library = &app.library;
        let tidied = async {
            library.remove_ended_jobs(now.saturating_sub(JOBS_KEPT)).await?;
            library.remove_old_messages(now.saturating_sub(MESSAGES_KEPT)).await?;
            library
                .remove_old_purges(now.saturating_sub(delivery::OLDEST_RENDITION))
                .await
        };
        if let Err(error) = tidied.await {
            tracing::warn!(error = chain(&error), "what is done with could not be removed");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

/// The jobs that every server does.
pub fn kinds() -> Kinds {
    let mut kinds = Kinds::default();
    for job in library::FolderJob::ALL {
        kinds.add(job.kind(), 2, async |app: App, mut lease: Lease| {
            let step = app.library.folder_job_step(&mut lease, Timestamp::now()).await;
            (lease, step.map_err(StepError::from))
        });
    }
    kinds.add(library::DELETE_FOLDER_JOB, 1, async |app: App, mut lease: Lease| {
        let step = app.library.delete_folder_step(&mut lease, Timestamp::now()).await;
        (lease, step.map_err(StepError::from))
    });
    kinds.add(library::PURGE_JOB, 4, async |app: App, mut lease: Lease| {
        let step = super::purge::carry_out(&app, &mut lease).await;
        (lease, step)
    });
    kinds.add(super::edge::JOB, 2, async |app: App, mut lease: Lease| {
        let step = super::edge::carry_out(&app, &mut lease).await;
        (lease, step)
    });
    super::follow_up::register(&mut kinds);
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_grow_to_a_limit() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 11, 12, 13, 99].map(|n| gap(n).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 512, 1024, 1800, 1800, 1800]);
    }

    #[test]
    fn who_asks_for_more_time_gets_it_within_bounds() {
        for (asked, attempts, expected) in [
            (None, 3, 4),
            (Some(60), 1, 60),
            (Some(1), 5, 16),
            (Some(0), 1, 1),
            (Some(7 * 24 * 3600), 1, 1800),
            (Some(u64::MAX), 99, 1800),
        ] {
            let reason = "busy".to_owned();
            let error = match asked {
                None => StepError::Retry(reason),
                Some(seconds) => StepError::RetryAfter {
                    reason,
                    pause: Duration::from_secs(seconds),
                },
            };
            assert_eq!(error.pause(attempts), Some(Duration::from_secs(expected)), "{asked:?}");
        }
        assert_eq!(StepError::GiveUp("no".into()).pause(1), None);
    }
}
