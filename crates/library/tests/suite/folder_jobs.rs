//! Folders copied, moved and renamed by jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use library::{
    EventKind, FolderJob, FolderJobError, JobId, JobState, Library, ListQuery, PurgeOrder, RenamePurge, Step,
};

use crate::bench::{Bench, at, bytes, folder, upload};

const NOW: i64 = 1_767_323_045_678;
const LEASE: Duration = Duration::from_secs(60);

async fn run(library: &Library, job: JobId) {
    let kinds = FolderJob::ALL.map(FolderJob::kind);
    let mut lease = library
        .take_job(&kinds, LEASE, at(NOW))
        .await
        .expect("asked")
        .expect("a job");
    assert_eq!(lease.job.id, job);
    while library.folder_job_step(&mut lease, at(NOW)).await.expect("a step") == Step::More {}
    let job = library.job(job).await.expect("read").expect("there");
    assert_eq!(job.state, JobState::Completed);
    assert_eq!(Some(job.done), job.total, "all is accounted for");
}

async fn fill(library: &Library, files: &[&str]) {
    for path in files {
        upload(library, path, path.as_bytes(), NOW - 1000)
            .await
            .expect("uploaded");
    }
}

/// Path, number of versions and content of every file.
async fn files(library: &Library) -> BTreeMap<String, (usize, String)> {
    let entries = library.list(&ListQuery::default()).await.expect("listed");
    let mut found = BTreeMap::new();
    for entry in entries {
        let library::Entry::File(asset) = entry else {
            panic!("a file was asked for");
        };
        let content = String::from_utf8(bytes(library, &asset).await).expect("text");
        let versions = library.versions(asset.id).await.expect("versions");
        assert_eq!(versions.iter().filter(|version| version.is_current).count(), 1);
        assert!(versions.iter().all(|version| version.path() == asset.path()));
        found.insert(asset.path(), (versions.len(), content));
    }
    found
}

async fn paths(library: &Library) -> Vec<String> {
    files(library).await.into_keys().collect()
}

/// What was told of files.
async fn kinds(library: &Library, after: i64) -> Vec<EventKind> {
    let events = library.outbox_after(after, 1000).await.expect("events");
    let of_files = events.into_iter().filter(|event| event.file().is_some());
    of_files.map(|event| event.kind).collect()
}

/// What was told of folders, with their paths.
async fn of_folders(library: &Library, after: i64) -> Vec<(EventKind, String)> {
    let events = library.outbox_after(after, 1000).await.expect("events");
    let mut told: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event.kind, event.folder()?.path.as_str().to_owned())))
        .collect();
    told.sort_by(|one, other| one.1.cmp(&other.1));
    told
}

fn all(kind: EventKind, paths: &[&str]) -> Vec<(EventKind, String)> {
    paths.iter().map(|path| (kind, (*path).to_owned())).collect()
}

async fn last_event(library: &Library) -> i64 {
    library
        .outbox_after(0, 1000)
        .await
        .expect("events")
        .last()
        .map_or(0, |event| event.id)
}

#[tokio::test]
async fn a_copy_has_everything_and_ids_of_its_own() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(library, &["/a/src/1.txt", "/a/src/deep/er/2.txt", "/a/srcs/3.txt"]).await;
    upload(library, "/a/src/1.txt", b"newer", NOW - 500)
        .await
        .expect("uploaded");
    library
        .create_folder(&folder("/a/src/empty"), at(NOW))
        .await
        .expect("created");
    let before = last_event(library).await;
    let job = library
        .copy_folder(&folder("/a/src"), &folder("/b"), false, at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(
        paths(library).await,
        [
            "/a/src/1.txt",
            "/a/src/deep/er/2.txt",
            "/a/srcs/3.txt",
            "/b/src/1.txt",
            "/b/src/deep/er/2.txt"
        ]
    );
    assert!(
        library
            .folder_at(&folder("/b/src/empty"))
            .await
            .expect("read")
            .is_some()
    );
    let (original, copy) = (
        library.file_at("/a/src/1.txt").await.expect("read").expect("there"),
        library.file_at("/b/src/1.txt").await.expect("read").expect("there"),
    );
    assert_eq!(bytes(library, &copy).await, b"newer");
    assert_ne!(original.id, copy.id);
    assert_ne!(original.version.token, copy.version.token);
    assert_eq!(copy.id.to_string(), copy.version.id.to_string());
    assert_eq!((copy.version.number, copy.created_at), (1, at(NOW)));
    assert_eq!(kinds(library, before).await, [EventKind::FileCreated; 2]);
    let made = ["/b", "/b/src", "/b/src/deep", "/b/src/deep/er", "/b/src/empty"];
    assert_eq!(of_folders(library, before).await, all(EventKind::FolderCreated, &made));

    // Once more, with all versions: they are appended.
    let before = last_event(library).await;
    let job = library
        .copy_folder(&folder("/a/src"), &folder("/b"), true, at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(files(library).await["/b/src/1.txt"], (3, "newer".to_owned()));
    assert_eq!(kinds(library, before).await, [EventKind::FileVersionCreated; 2]);
    assert_eq!(of_folders(library, before).await, []);
    let again = library.file_at("/b/src/1.txt").await.expect("read").expect("there");
    assert_eq!((again.id, again.version.number), (copy.id, 3));
}

#[tokio::test]
async fn what_hangs_on_a_version_is_copied_with_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = library::NewFile {
        tags: Some(library::Tags::new(["sea", "dawn"]).expect("tags")),
        ..crate::bench::new_file(library, "/a/tagged.txt", b"x").await
    };
    library.upload(file, at(NOW)).await.expect("uploaded");
    let job = library
        .copy_folder(&folder("/a"), &folder("/b"), false, at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    let tagged = ListQuery {
        tags: vec!["sea".into()],
        ..ListQuery::default()
    };
    assert_eq!(library.list(&tagged).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn a_move_to_a_free_place_keeps_ids_and_is_told() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(library, &["/a/src/1.txt", "/a/src/x/2.txt", "/a/src-x/3.txt"]).await;
    let id = library
        .file_at("/a/src/x/2.txt")
        .await
        .expect("read")
        .expect("there")
        .id;
    let before = last_event(library).await;
    let job = library
        .move_folder(&folder("/a/src"), &folder("/"), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(paths(library).await, ["/a/src-x/3.txt", "/src/1.txt", "/src/x/2.txt"]);
    assert_eq!(
        library.file_at("/src/x/2.txt").await.expect("read").expect("there").id,
        id
    );
    assert!(library.folder_at(&folder("/a/src")).await.expect("read").is_none());
    assert_eq!(kinds(library, before).await, [EventKind::FileUpdated; 2]);
    let moved = ["/src", "/src/x"];
    assert_eq!(of_folders(library, before).await, all(EventKind::FolderUpdated, &moved));
}

#[tokio::test]
async fn a_move_onto_equal_folders_merges() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(
        library,
        &[
            "/s/same.txt",
            "/s/only-s.txt",
            "/s/both/same.txt",
            "/s/new/n.txt",
            "/t/s/same.txt",
            "/t/s/both/t.txt",
        ],
    )
    .await;
    let kept = library.file_at("/t/s/same.txt").await.expect("read").expect("there").id;
    let before = last_event(library).await;
    let job = library
        .move_folder(&folder("/s"), &folder("/t"), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    let files = files(library).await;
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [
            "/t/s/both/same.txt",
            "/t/s/both/t.txt",
            "/t/s/new/n.txt",
            "/t/s/only-s.txt",
            "/t/s/same.txt"
        ]
    );
    assert_eq!(files["/t/s/same.txt"], (2, "/s/same.txt".to_owned()));
    let merged = library.file_at("/t/s/same.txt").await.expect("read").expect("there");
    assert_eq!((merged.id, merged.version.number), (kept, 2));
    assert!(library.folder_at(&folder("/s")).await.expect("read").is_none());
    let gone = all(EventKind::FolderDeleted, &["/s", "/s/both"]);
    let moved = all(EventKind::FolderUpdated, &["/t/s/new"]);
    assert_eq!(of_folders(library, before).await, [gone, moved].concat());
    upload(library, "/t/s/same.txt", b"third", NOW)
        .await
        .expect("numbers go on");
}

#[tokio::test]
async fn a_rename_changes_all_paths_below() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(library, &["/a/é/1.txt", "/a/é/x/é/2.txt", "/a/é2/3.txt"]).await;
    let order = PurgeOrder {
        url: "http://h/demo/a/*".into(),
        limit: Some(1),
    };
    let job = library
        .rename_folder(&folder("/a/é"), "new name/ü", Some(order.clone()), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(
        paths(library).await,
        ["/a/new_name_ü/1.txt", "/a/new_name_ü/x/é/2.txt", "/a/é2/3.txt"]
    );
    let done = library.job(job).await.expect("read").expect("there");
    let RenamePurge::Requested(purge) = RenamePurge::of(&done) else {
        panic!("{done:?}");
    };
    let purge = library
        .purge(purge.parse().expect("an id"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((purge.url.as_str(), purge.completed_at), ("http://h/demo/a/*", None));

    let taken = library
        .rename_folder(&folder("/a/é2"), "new_name_ü", None, at(NOW))
        .await;
    assert!(matches!(taken, Err(FolderJobError::NameTaken(_))), "{taken:?}");
    // The purge waits as a job of its own, of another kind.
    let job = library
        .rename_folder(&folder("/a/é2"), "z", Some(order), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    let done = library.job(job).await.expect("read").expect("there");
    assert_eq!(RenamePurge::of(&done), RenamePurge::Refused);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_it_begins() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(library, &["/a/b/1.txt", "/c/1.txt"]).await;
    let copy = |from: &'static str, to: &'static str| {
        let library = library.clone();
        async move {
            library
                .copy_folder(&folder(from), &folder(to), true, at(NOW))
                .await
                .expect_err(from)
        }
    };
    assert!(matches!(copy("/none", "/c").await, FolderJobError::SourceMissing(_)));
    assert!(matches!(copy("/", "/c").await, FolderJobError::SourceIsRoot));
    assert!(matches!(copy("/a/b", "/a").await, FolderJobError::SamePlace(_)));
    assert!(matches!(copy("/a", "/a").await, FolderJobError::SamePlace(_)));
    assert!(matches!(copy("/a", "/a/b/c").await, FolderJobError::IntoItself(_)));
    let moved = library.move_folder(&folder("/a"), &folder("/a/b"), at(NOW)).await;
    assert!(matches!(moved, Err(FolderJobError::IntoItself(_))), "{moved:?}");
    let deep = folder(&"/d".repeat(49));
    let deep = library.copy_folder(&folder("/a"), &deep, true, at(NOW)).await;
    assert!(matches!(deep, Err(FolderJobError::Name(_))), "{deep:?}");
    let root = library.rename_folder(&folder("/"), "x", None, at(NOW)).await;
    assert!(matches!(root, Err(FolderJobError::SourceIsRoot)), "{root:?}");

    let first = library
        .copy_folder(&folder("/a"), &folder("/c"), true, at(NOW))
        .await
        .expect("begun");
    assert!(matches!(copy("/a", "/d").await, FolderJobError::SourceLocked(_)));
    assert!(
        matches!(copy("/a/b", "/d").await, FolderJobError::SourceLocked(_)),
        "below"
    );
    assert!(
        matches!(copy("/c", "/a").await, FolderJobError::SourceLocked(_)),
        "above"
    );
    library.create_folder(&folder("/e/b"), at(NOW)).await.expect("created");
    assert!(matches!(copy("/e/b", "/a").await, FolderJobError::DestinationLocked(_)));
    run(library, first).await;
    let job = library
        .copy_folder(&folder("/e/b"), &folder("/a"), true, at(NOW))
        .await
        .expect("free again");
    run(library, job).await;
}

#[tokio::test]
async fn a_file_that_would_have_too_many_versions_is_left_out_and_named() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for n in 0..60 {
        for path in ["/s/full.txt", "/t/s/full.txt"] {
            upload(library, path, format!("{n}").as_bytes(), NOW)
                .await
                .expect("uploaded");
        }
    }
    fill(library, &["/s/good.txt"]).await;
    let job = library
        .move_folder(&folder("/s"), &folder("/t"), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    let done = library.job(job).await.expect("read").expect("there");
    assert_eq!((done.failed, done.failures[0].item.as_str()), (1, "/t/s/full.txt"));
    assert_eq!(paths(library).await, ["/s/full.txt", "/t/s/full.txt", "/t/s/good.txt"]);
    let job = library
        .copy_folder(&folder("/s"), &folder("/t"), true, at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(library.job(job).await.expect("read").expect("there").failed, 1);
    assert_eq!(files(library).await["/t/s/full.txt"].0, 60);
}

/// Steps are cut short at every moment that a future can be dropped at, and the job is taken up by another runner.
#[tokio::test]
async fn a_job_that_is_cut_short_anywhere_ends_as_if_it_was_not() {
    for what in [FolderJob::Copy, FolderJob::Move] {
        let bench = Bench::new().await;
        let library = &bench.library;
        let names: Vec<String> = (0..90)
            .map(|n| format!("/s/{}/{n}.txt", ["a", "b/c", "d"][n % 3]))
            .collect();
        fill(library, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        // Something to merge with.
        fill(library, &["/t/s/a/0.txt", "/t/s/x.txt"]).await;
        let before = last_event(library).await;
        let job = match what {
            FolderJob::Copy => library.copy_folder(&folder("/s"), &folder("/t"), false, at(NOW)).await,
            _ => library.move_folder(&folder("/s"), &folder("/t"), at(NOW)).await,
        }
        .expect("begun");
        let (mut now, mut polls) = (NOW, 1);
        loop {
            now += 60_000;
            let Some(mut lease) = library.take_job(&[what.kind()], LEASE, at(now)).await.expect("asked") else {
                let state = library.job(job).await.expect("read").expect("there").state;
                if state == JobState::Completed {
                    break;
                }
                // PostgreSQL has not yet undone what the dropped step had begun.
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let mut step = Box::pin(library.folder_job_step(&mut lease, at(now)));
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
        let done = library.job(job).await.expect("read").expect("there");
        assert_eq!((done.state, done.done, done.total), (JobState::Completed, 90, Some(90)));
        let files = files(library).await;
        let at_target = files.keys().filter(|path| path.starts_with("/t/s/")).count();
        assert_eq!(at_target, 91);
        assert_eq!(files["/t/s/a/0.txt"].0, 2, "appended once");
        assert_eq!(files.len() - at_target, if what == FolderJob::Copy { 90 } else { 0 });
        let events = kinds(library, before).await;
        let created = events
            .iter()
            .filter(|kind| **kind == EventKind::FileVersionCreated)
            .count();
        assert_eq!(created, 1, "{events:?}");
        let each = events
            .iter()
            .filter(|kind| matches!(kind, EventKind::FileCreated | EventKind::FileUpdated))
            .count();
        assert_eq!(each, 89);
    }
}

#[tokio::test]
async fn nothing_goes_twice_where_the_target_is_above_the_source() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(library, &["/a/a/a/z/f.txt", "/b/b/z/f.txt"]).await;
    // `/a/a/a` would come to `/a/a`, which is the source.
    for refused in [
        library.move_folder(&folder("/a/a"), &folder("/"), at(NOW)).await,
        library.copy_folder(&folder("/a/a"), &folder("/"), false, at(NOW)).await,
    ] {
        assert!(matches!(refused, Err(FolderJobError::IntoItself(_))), "{refused:?}");
    }
    let job = library
        .move_folder(&folder("/b/b"), &folder("/"), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    assert_eq!(paths(library).await, ["/a/a/a/z/f.txt", "/b/z/f.txt"]);
}

#[tokio::test]
async fn times_are_those_that_single_files_get() {
    let bench = Bench::new().await;
    let library = &bench.library;
    fill(
        library,
        &["/src/1.txt", "/src/2.txt", "/there/src/2.txt", "/there/src/3.txt"],
    )
    .await;
    let job = library
        .copy_folder(&folder("/src"), &folder("/copies"), false, at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    let copied = library
        .file_at("/copies/src/1.txt")
        .await
        .expect("read")
        .expect("there");
    assert_eq!(copied.version.uploaded_at, at(NOW - 1000), "when the bytes came");
    assert_eq!((copied.created_at, copied.updated_at), (at(NOW), at(NOW)));
    // Into a folder that is there: one file to a free place, one that becomes versions of another.
    let job = library
        .move_folder(&folder("/src"), &folder("/there"), at(NOW))
        .await
        .expect("begun");
    run(library, job).await;
    for path in ["/there/src/1.txt", "/there/src/2.txt"] {
        let moved = library.file_at(path).await.expect("read").expect("there");
        assert_eq!(moved.updated_at, at(NOW), "{path}");
        assert_eq!(moved.version.uploaded_at, at(NOW - 1000), "{path}");
    }
    let untouched = library.file_at("/there/src/3.txt").await.expect("read").expect("there");
    assert_eq!(untouched.updated_at, at(NOW - 1000));
}

#[tokio::test]
async fn a_copy_of_many_versions_takes_many_steps() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for file in 0..4 {
        for version in 0..40 {
            upload(
                library,
                &format!("/src/{file}.txt"),
                format!("{file} {version}").as_bytes(),
                NOW - 1000,
            )
            .await
            .expect("uploaded");
        }
    }
    let job = library
        .copy_folder(&folder("/src"), &folder("/copies"), true, at(NOW))
        .await
        .expect("begun");
    let mut lease = library
        .take_job(&[FolderJob::Copy.kind()], LEASE, at(NOW))
        .await
        .expect("asked")
        .expect("a job");
    assert_eq!(lease.job.id, job);
    // Four files are few, but not their versions.
    assert_eq!(
        library.folder_job_step(&mut lease, at(NOW)).await.expect("a step"),
        Step::More
    );
    while library.folder_job_step(&mut lease, at(NOW)).await.expect("a step") == Step::More {}
    assert_eq!(files(library).await["/copies/src/3.txt"], (40, "3 39".to_owned()));
}

#[tokio::test]
async fn others_hear_the_same_of_a_file_and_of_a_folder() {
    // Each with a file that has two versions, of which the older one is current, and one of its name at the target.
    let told = async |with_folder: bool, moves: bool, all: bool| {
        let bench = Bench::new().await;
        let library = &bench.library;
        let first = upload(library, "/a/s/1.txt", b"one", 1).await.expect("uploaded");
        upload(library, "/a/s/1.txt", b"two", 2).await.expect("uploaded");
        library
            .restore_version(first.id, first.version.id, at(3))
            .await
            .expect("restored");
        upload(library, "/b/s/1.txt", b"there", 4).await.expect("uploaded");
        let (from, into, before) = (folder("/a/s"), folder("/b/s"), last_event(library).await);
        match (with_folder, moves) {
            (true, true) => {
                let job = library.move_folder(&from, &folder("/b"), at(NOW)).await.expect("begun");
                run(library, job).await
            }
            (true, false) => {
                let job = library
                    .copy_folder(&from, &folder("/b"), all, at(NOW))
                    .await
                    .expect("begun");
                run(library, job).await
            }
            (false, true) => drop(library.move_file("/a/s/1.txt", &into, at(NOW)).await.expect("moved")),
            (false, false) => drop(
                library
                    .copy_file("/a/s/1.txt", &into, all, at(NOW))
                    .await
                    .expect("copied"),
            ),
        }
        let now = library.file_at("/b/s/1.txt").await.expect("read").expect("there");
        assert_eq!(bytes(library, &now).await, b"one");
        let events = library.outbox_after(before, 100).await.expect("events");
        let is_current = |event: &library::Event| event.body["versionId"] == now.version.id.to_string();
        let path = |event: &library::Event| event.body["filePath"].as_str().unwrap_or_default().to_owned();
        let of_files = events.iter().filter(|event| event.file().is_some());
        let told = of_files.map(|event| (event.kind, path(event), is_current(event)));
        told.collect::<Vec<_>>()
    };
    let took_up = (EventKind::FileVersionCreated, "/b/s/1.txt".to_owned(), true);
    let gone = (EventKind::FileDeleted, "/a/s/1.txt".to_owned(), true);
    for with_folder in [false, true] {
        for all in [false, true] {
            assert_eq!(
                told(with_folder, false, all).await,
                std::slice::from_ref(&took_up),
                "{with_folder} {all}"
            );
        }
        assert_eq!(
            told(with_folder, true, true).await,
            [took_up.clone(), gone.clone()],
            "{with_folder}"
        );
    }
}
