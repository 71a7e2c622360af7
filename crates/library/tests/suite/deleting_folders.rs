//! Folders deleted with what is in them, in steps where it is much.

use std::time::Duration;

use library::{ChangeError, DELETE_FOLDER_JOB, EventKind, JobState, Library, Step};

use crate::bench::{Bench, at, folder, upload};

const LEASE: Duration = Duration::from_secs(60);

/// Puts files into `/big` beside one that is uploaded.
async fn fill(bench: &Bench, many: u64) {
    let seed = upload(&bench.library, "/big/seed", b"x", 1).await.expect("uploaded");
    // By the database itself: thousands of uploads would take a minute.
    bench
        .sql(&format!(
            "INSERT INTO files (id, last_number, created_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
             SELECT 'f00000000000000000' || CAST(100000 + i AS TEXT), 1, 1 FROM n"
        ))
        .await;
    bench
        .sql(&format!(
            "INSERT INTO versions (id, file_id, number, is_current, token, folder_id, name, created_at, updated_at,
                 uploaded_at, blob, size, mime, is_image, width, height, tags, ai_tags, custom_metadata, is_private,
                 is_published)
             SELECT f.id, f.id, 1, TRUE, f.id, v.folder_id, f.id, 1, 1, 1, v.blob, 1, '', FALSE, 0, 0, '[]', '[]', '{{}}',
                 FALSE, TRUE
             FROM files f, versions v WHERE v.id = '{}' AND f.id <> v.file_id",
            seed.id
        ))
        .await;
}

async fn deleted(bench: &Bench) -> usize {
    let events = bench.events().await;
    events.iter().filter(|event| event.0 == EventKind::FileDeleted).count()
}

#[tokio::test]
async fn a_folder_of_thousands_is_gone_when_it_is_said() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let many = 1700;
    fill(&bench, many).await;
    assert_eq!(
        library.delete_folder(&folder("/big"), at(2)).await.expect("deleted"),
        many + 1
    );
    let counts = library.counts().await.expect("counts");
    assert_eq!(
        (counts.files, counts.versions, counts.folders, counts.blobs),
        (0, 0, 0, 1)
    );
    assert_eq!(library.trash(1000, 1000).await.expect("the trash").len(), 701);
    let purged = library.empty_trash(at(2), at(3)).await.expect("emptied");
    assert_eq!(purged, many + 1);
    assert_eq!(deleted(&bench).await as u64, many + 1, "each was told once");
    let mut folders = bench.folder_events().await;
    folders.retain(|(kind, path)| *kind == EventKind::FolderDeleted && path == "/big");
    assert_eq!(folders.len(), 1);
    let garbage = library.collect_garbage(Duration::ZERO, library::Timestamp::now()).await;
    assert_eq!(garbage.expect("collected").unreferenced, 1);
}

#[tokio::test]
async fn a_deletion_that_is_cut_short_anywhere_is_ended_by_a_job() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(&bench, 700).await;
    upload(library, "/big/deep/er", b"x", 1).await.expect("uploaded");
    upload(library, "/bigger", b"x", 1).await.expect("uploaded");
    // The request goes away in its second step or so; what it had begun with stays begun.
    let big = folder("/big");
    let mut request = Box::pin(library.delete_folder(&big, at(10)));
    while library.counts().await.expect("counts").files == 703 {
        tokio::select! {
            biased;
            done = &mut request => panic!("not in one step: {done:?}"),
            () = tokio::time::sleep(Duration::from_micros(200)) => {}
        }
    }
    drop(request);
    let locked = library.create_folder(&folder("/big/new"), at(11)).await;
    assert!(matches!(locked, Err(ChangeError::Locked(_))), "{locked:?}");
    let again = library.delete_folder(&folder("/big"), at(11)).await;
    assert!(matches!(again, Err(ChangeError::Locked(_))), "{again:?}");

    let (mut now, mut polls, mut job) = (100_000, 1, None);
    loop {
        now += 60_000;
        let Some(mut lease) = library
            .take_job(&[DELETE_FOLDER_JOB], LEASE, at(now))
            .await
            .expect("asked")
        else {
            match job {
                Some(job) if state(library, job).await == JobState::Completed => break,
                // PostgreSQL has not yet undone what was dropped.
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            continue;
        };
        job = Some(lease.job.id);
        let mut step = Box::pin(library.delete_folder_step(&mut lease, at(now)));
        let mut finished = None;
        for _ in 0..polls {
            tokio::select! {
                biased;
                done = &mut step => { finished = Some(done.expect("a step")); break }
                () = tokio::time::sleep(Duration::from_micros(200)) => {}
            }
        }
        drop(step);
        polls += 7;
        if matches!(finished, Some(Step::Done(_))) {
            break;
        }
    }
    let counts = library.counts().await.expect("counts");
    assert_eq!((counts.files, counts.folders), (1, 0));
    assert_eq!(deleted(&bench).await, 702, "each was told once");
    let trash = library.trash(1000, 0).await.expect("the trash");
    assert_eq!(trash.len(), 702);
    assert!(
        trash.iter().all(|gone| gone.deleted_at == at(10)),
        "all at the time of the request"
    );
    library
        .create_folder(&folder("/big"), at(now))
        .await
        .expect("the place is free");
}

async fn state(library: &Library, job: library::JobId) -> JobState {
    library.job(job).await.expect("read").expect("there").state
}

#[tokio::test]
async fn what_comes_while_a_folder_goes_stays() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(&bench, 500).await;
    let big = folder("/big");
    let mut request = Box::pin(library.delete_folder(&big, at(10)));
    // Beside it, as soon as the first files are gone.
    let come = async {
        while library.counts().await.expect("counts").files == 501 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        upload(library, "/big/late", b"late", 20).await.expect("uploaded")
    };
    let (late, gone) = tokio::join!(come, &mut request);
    assert_eq!(gone.expect("deleted"), 501);
    assert_eq!(library.file_at("/big/late").await.expect("read"), Some(late));
    assert_eq!(library.counts().await.expect("counts").files, 1);
}
