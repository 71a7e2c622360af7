//! Leases: one runner at a time, whoever dies.

use std::collections::HashSet;
use std::time::Duration;

use library::{FAILURES_KEPT, ItemFailure, JobError, JobState, Lease, Library, NewJob, Progress};
use serde_json::json;

use crate::bench::{Bench, at};

const MINUTE: Duration = Duration::from_secs(60);

fn job(kind: &str, run_at: i64) -> NewJob<'_> {
    NewJob {
        kind,
        input: json!({ "n": run_at }),
        total: None,
        run_at: at(run_at),
    }
}

async fn take(library: &Library, now: i64) -> Option<Lease> {
    library.take_job(&["a", "b"], MINUTE, at(now)).await.expect("asked")
}

#[tokio::test]
async fn the_one_that_waits_longest_comes_first_and_only_when_it_is_due() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let late = library.enqueue(job("a", 3000), at(1)).await.expect("enqueued");
    let early = library.enqueue(job("b", 2000), at(1)).await.expect("enqueued");
    library.enqueue(job("c", 10), at(1)).await.expect("enqueued");
    assert!(take(library, 1999).await.is_none(), "not due, or of another kind");
    assert_eq!(take(library, 5000).await.expect("one").job.id, early);
    assert_eq!(take(library, 5000).await.expect("the other").job.id, late);
    assert!(take(library, 5000).await.is_none(), "both are held");
}

#[tokio::test]
async fn two_runners_never_have_the_same_job() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for n in 0..20 {
        library.enqueue(job("a", n), at(1)).await.expect("enqueued");
    }
    let runner = |library: Library| async move {
        let mut done = Vec::new();
        while let Some(lease) = take(&library, 1000).await {
            tokio::task::yield_now().await;
            library
                .complete_job(&lease, &json!({}), at(1001))
                .await
                .expect("completed");
            done.push(lease.job.id);
        }
        done
    };
    let runners: Vec<_> = (0..3).map(|_| tokio::spawn(runner(library.clone()))).collect();
    let mut all = Vec::new();
    for runner in runners {
        all.extend(runner.await.expect("ran"));
    }
    // With PostgreSQL a runner may find nothing while another takes the last ones, so one goes over the rest.
    all.extend(runner(library.clone()).await);
    assert_eq!(all.len(), 20);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 20, "none was done twice");
}

#[tokio::test]
async fn a_job_whose_runner_died_goes_on_where_it_was() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let id = library.enqueue(job("a", 0), at(1)).await.expect("enqueued");
    let mut dead = take(library, 0).await.expect("taken");
    let progress = Progress {
        cursor: Some(json!({ "after": "x" })),
        done: 5,
        total: Some(9),
        failures: vec![ItemFailure {
            item: "/x".into(),
            reason: "why".into(),
        }],
    };
    library
        .note_progress(&mut dead, progress, at(10_000))
        .await
        .expect("noted");
    assert!(
        take(library, 69_999).await.is_none(),
        "the step put off the end of the lease"
    );
    let mut heir = take(library, 70_000).await.expect("taken up");
    assert_eq!(heir.job.cursor, Some(json!({ "after": "x" })));
    assert_eq!(
        (heir.job.done, heir.job.total, heir.job.failed, heir.job.attempts),
        (5, Some(9), 1, 1)
    );

    // The first one was only slow. Nothing that it writes counts.
    for refused in [
        library.note_progress(&mut dead, Progress::default(), at(70_001)).await,
        library.renew_job(&dead, at(70_001)).await,
        library.complete_job(&dead, &json!({}), at(70_001)).await,
        library.fail_job(&dead, "no", at(70_001)).await,
        library.return_job(&dead, None, at(70_001), at(70_001)).await,
    ] {
        assert!(
            matches!(refused, Err(JobError::LeaseLost(lost)) if lost == id),
            "{refused:?}"
        );
    }
    library
        .note_progress(&mut heir, Progress::default(), at(70_002))
        .await
        .expect("noted");
    library
        .complete_job(&heir, &json!({ "r": 1 }), at(70_003))
        .await
        .expect("completed");
    let job = library.job(id).await.expect("read").expect("there");
    assert_eq!((job.state, job.result), (JobState::Completed, Some(json!({ "r": 1 }))));
    assert_eq!(job.finished_at, Some(at(70_003)));
    assert!(take(library, 999_999).await.is_none());
}

#[tokio::test]
async fn failures_wait_and_are_counted_until_there_is_progress() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let id = library.enqueue(job("a", 0), at(0)).await.expect("enqueued");
    for (now, attempts) in [(0, 1), (1000, 2)] {
        let lease = take(library, now).await.expect("taken");
        assert_eq!(lease.job.attempts, attempts);
        library
            .return_job(&lease, Some("it broke\0"), at(now + 1000), at(now))
            .await
            .expect("returned");
        assert!(take(library, now + 999).await.is_none());
    }
    let job = library.job(id).await.expect("read").expect("there");
    assert_eq!(
        (job.state, job.last_error.as_deref()),
        (JobState::Pending, Some("it broke"))
    );
    let stopped = take(library, 2000).await.expect("taken");
    library
        .return_job(&stopped, None, at(2000), at(2000))
        .await
        .expect("returned");
    let mut lease = take(library, 2000).await.expect("taken");
    assert_eq!(lease.job.attempts, 3, "a runner that stops has not failed");
    library
        .note_progress(&mut lease, Progress::default(), at(2001))
        .await
        .expect("noted");
    assert_eq!(
        (
            lease.job.attempts,
            library.job(id).await.expect("read").expect("there").attempts
        ),
        (0, 0)
    );
    library.fail_job(&lease, "given up", at(2002)).await.expect("failed");
    assert_eq!(
        library.job(id).await.expect("read").expect("there").state,
        JobState::Failed
    );
}

#[tokio::test]
async fn failures_of_items_are_counted_but_not_all_kept_and_old_jobs_go() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let id = library.enqueue(job("a", 0), at(0)).await.expect("enqueued");
    let mut lease = take(library, 0).await.expect("taken");
    for round in 0..3 {
        let failures = (0..60)
            .map(|n| ItemFailure {
                item: format!("/{round}/{n}"),
                reason: "no".into(),
            })
            .collect();
        let progress = Progress {
            failures,
            ..Progress::default()
        };
        library.note_progress(&mut lease, progress, at(1)).await.expect("noted");
    }
    let kept = library.job(id).await.expect("read").expect("there");
    assert_eq!((kept.failed, kept.failures.len()), (180, FAILURES_KEPT));
    library
        .complete_job(&lease, &json!({}), at(5000))
        .await
        .expect("completed");
    let waiting = library.enqueue(job("a", 0), at(0)).await.expect("enqueued");
    assert_eq!(library.remove_ended_jobs(at(5000)).await.expect("removed"), 0);
    assert_eq!(library.remove_ended_jobs(at(5001)).await.expect("removed"), 1);
    assert!(library.job(id).await.expect("read").is_none());
    assert!(library.job(waiting).await.expect("read").is_some());
}

#[tokio::test]
async fn who_waits_is_woken_by_an_enqueued_job() {
    let bench = Bench::new().await;
    let library = bench.library.clone();
    library.enqueue(job("a", 0), at(0)).await.expect("enqueued");
    tokio::time::timeout(MINUTE, library.job_enqueued())
        .await
        .expect("woken");
}
