//! Two writers on everything. Whoever comes first, nothing is lost, doubled or left half.

use std::collections::HashSet;
use std::time::Duration;

use library::{ChangeError, Code, FileEdit, FileName, ListQuery, TagChange, Tags, Timestamp, UploadError};
use tokio::task::JoinSet;

use crate::bench::{Bench, at, bytes, folder, upload};

/// What must hold whatever happened.
async fn check(bench: &Bench) {
    let library = &bench.library;
    let query = ListQuery::default();
    let mut paths = HashSet::new();
    let mut versions = 0;
    let listed = library.list(&query).await.expect("listed");
    for entry in &listed {
        let library::Entry::File(asset) = entry else {
            panic!("only files")
        };
        assert!(paths.insert(asset.path()), "two files at {}", asset.path());
        let history = library.versions(asset.id).await.expect("versions");
        assert_eq!(history.iter().filter(|version| version.is_current).count(), 1);
        assert!(history.iter().all(|version| version.path() == asset.path()));
        versions += history.len() as u64;
        assert_eq!(
            library.file_at(&asset.path()).await.expect("found").as_ref(),
            Some(&**asset)
        );
        for version in history {
            bytes(library, &version).await;
        }
    }
    let counts = library.counts().await.expect("counts");
    assert_eq!((counts.files, counts.versions), (listed.len() as u64, versions));
}

fn name(text: &str) -> FileName {
    FileName::sanitised(text).expect("a name")
}

/// True if it was done, false if it came too late; anything else is a fault.
fn settled<T>(result: Result<T, ChangeError>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) if matches!(error.code(), Code::NotFound | Code::Conflict) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_move_against_uploads_to_both_places() {
    let bench = Bench::new().await;
    for round in 0..12u8 {
        let library = &bench.library;
        let (from, to) = (format!("/from{round}"), format!("/to{round}"));
        upload(library, &format!("{from}/cat.jpg"), &[round, 0], 1)
            .await
            .expect("uploaded");
        let mut work = JoinSet::new();
        for (number, parent) in [&from, &to, &from, &to].into_iter().enumerate() {
            let (library, path) = (library.clone(), format!("{parent}/cat.jpg"));
            let content = [round, u8::try_from(number).expect("small") + 1];
            work.spawn(async move {
                upload(&library, &path, &content, 2).await.expect("uploaded");
                true
            });
        }
        for _ in 0..2 {
            let (library, from, to) = (library.clone(), format!("{from}/cat.jpg"), folder(&to));
            work.spawn(async move { settled(library.move_file(&from, &to, at(3)).await) });
        }
        assert!(work.join_all().await.into_iter().filter(|done| *done).count() >= 5);
        let mut versions = 0;
        for parent in [from, to] {
            if let Some(file) = library.file_at(&format!("{parent}/cat.jpg")).await.expect("an answer") {
                versions += library.versions(file.id).await.expect("versions").len();
            }
        }
        assert_eq!(versions, 5, "each upload is a version somewhere");
    }
    check(&bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn renames_to_one_name_have_one_winner() {
    let bench = Bench::new().await;
    for round in 0..8 {
        let library = &bench.library;
        let mut work = JoinSet::new();
        for file in 0..4u8 {
            upload(library, &format!("/{round}/{file}"), &[file], 1)
                .await
                .expect("uploaded");
        }
        for file in 0..4 {
            let library = library.clone();
            work.spawn(async move {
                settled(
                    library
                        .rename_file(&format!("/{round}/{file}"), &name("goal"), None, at(2))
                        .await,
                )
            });
        }
        let won = work.join_all().await.into_iter().filter(|done| *done).count();
        assert_eq!(won, 1);
    }
    check(&bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_files_cannot_swap_names_half() {
    let bench = Bench::new().await;
    for round in 0..12 {
        let library = &bench.library;
        for file in ["a", "b"] {
            upload(library, &format!("/{round}/{file}"), file.as_bytes(), 1)
                .await
                .expect("uploaded");
        }
        let mut work = JoinSet::new();
        for (from, to) in [("a", "b"), ("b", "a"), ("a", "c"), ("b", "c"), ("c", "a")] {
            let library = library.clone();
            work.spawn(async move {
                settled(
                    library
                        .rename_file(&format!("/{round}/{from}"), &name(to), None, at(2))
                        .await,
                )
            });
        }
        work.join_all().await;
        let mut found = HashSet::new();
        for file in ["a", "b", "c"] {
            if let Some(asset) = library.file_at(&format!("/{round}/{file}")).await.expect("an answer") {
                found.insert(bytes(library, &asset).await);
            }
        }
        assert_eq!(found.len(), 2, "both files are there");
    }
    check(&bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_delete_against_overwrites_and_edits() {
    let bench = Bench::without_trash().await;
    for round in 0..12u8 {
        let library = &bench.library;
        let path = format!("/{round}/cat.jpg");
        let file = upload(library, &path, &[round], 1).await.expect("uploaded");
        let mut work = JoinSet::new();
        for number in 0..3u8 {
            let (library, path) = (library.clone(), path.clone());
            work.spawn(async move {
                upload(&library, &path, &[round, number], 2).await.expect("uploaded");
            });
        }
        for _ in 0..2 {
            let library = library.clone();
            work.spawn(async move {
                settled(library.delete(file.id, at(3)).await);
            });
            let library = bench.library.clone();
            work.spawn(async move {
                let edit = FileEdit {
                    description: Some(Some("edited".into())),
                    ..FileEdit::default()
                };
                settled(library.edit(file.id, &edit, at(4)).await);
            });
            let library = bench.library.clone();
            work.spawn(async move {
                let add = TagChange::Add(Tags::new(["new"]).expect("tags"));
                settled(library.change_tags(&[file.id], &add, at(4)).await);
            });
        }
        work.join_all().await;
        assert_eq!(library.file(file.id).await.expect("an answer"), None);
        if let Some(next) = library.file_at(&path).await.expect("an answer") {
            assert_ne!(next.id, file.id);
        }
    }
    check(&bench).await;
    // Every blob that a deletion left without a name is known as such.
    let later = Timestamp::now().saturating_add(Duration::from_secs(60));
    bench
        .library
        .collect_garbage(Duration::ZERO, later)
        .await
        .expect("collected");
    check(&bench).await;
    let counts = bench.library.counts().await.expect("counts");
    assert_eq!(bench.files(), (0, usize::try_from(counts.blobs).expect("few")));
    assert!(counts.blobs <= counts.versions, "no blob is left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_two_names_of_a_blob_go_at_once() {
    let bench = Bench::without_trash().await;
    let library = &bench.library;
    for round in 0..12u8 {
        let mut work = JoinSet::new();
        for file in 0..4 {
            let asset = upload(library, &format!("/{round}/{file}"), &[round], 1)
                .await
                .expect("uploaded");
            let library = library.clone();
            work.spawn(async move { library.delete(asset.id, at(2)).await.expect("deleted") });
        }
        work.join_all().await;
    }
    library.collect_garbage(Duration::ZERO, at(3)).await.expect("collected");
    assert_eq!(library.counts().await.expect("counts").blobs, 0);
    assert_eq!(bench.files(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_added_at_once_are_all_there() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let mut files = Vec::new();
    for file in 0..3 {
        files.push(
            upload(library, &format!("/{file}"), b"x", 1)
                .await
                .expect("uploaded")
                .id,
        );
    }
    let mut work = JoinSet::new();
    for number in 0..16 {
        let (library, mut files) = (library.clone(), files.clone());
        files.rotate_left(number % 3);
        work.spawn(async move {
            let add = TagChange::Add(Tags::new([format!("tag{number}")]).expect("tags"));
            library.change_tags(&files, &add, at(2)).await.expect("added");
        });
    }
    work.join_all().await;
    for file in files {
        let tags = library.file(file).await.expect("found").expect("a file").tags;
        assert_eq!(tags.into_iter().collect::<HashSet<_>>().len(), 16);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn versions_restored_deleted_and_added_at_once() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/cat.jpg", b"0", 1).await.expect("uploaded");
    for round in 0..8u8 {
        let mut work = JoinSet::new();
        for version in library.versions(first.id).await.expect("versions") {
            let (one, other) = (library.clone(), library.clone());
            let (file, id) = (first.id, version.version.id);
            work.spawn(async move {
                settled(one.restore_version(file, id, at(2)).await);
            });
            if version.version.number % 3 == 0 {
                work.spawn(async move {
                    settled(other.delete_version(file, id, at(2)).await);
                });
            }
        }
        let uploader = library.clone();
        work.spawn(async move {
            upload(&uploader, "/cat.jpg", &[round], 2).await.expect("uploaded");
        });
        work.join_all().await;
        check(&bench).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_goes_while_others_work_in_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for round in 0..6u8 {
        let mut work = JoinSet::new();
        for file in 0..4u8 {
            upload(library, &format!("/dir/{file}"), &[round, file], 1)
                .await
                .expect("uploaded");
        }
        for file in 0..4u8 {
            let one = library.clone();
            work.spawn(async move {
                match upload(&one, &format!("/dir/new/{file}"), &[9, file], 2).await {
                    Ok(_) => {}
                    Err(UploadError::Store(error)) => panic!("{error:?}"),
                    Err(error) => panic!("{error:?}"),
                }
            });
            let one = library.clone();
            work.spawn(async move {
                settled(one.move_file(&format!("/dir/{file}"), &folder("/dir/sub"), at(2)).await);
            });
            let one = library.clone();
            work.spawn(async move {
                settled(
                    one.copy_file(&format!("/dir/{file}"), &folder("/kept"), true, at(2))
                        .await,
                );
            });
        }
        for _ in 0..2 {
            let one = library.clone();
            work.spawn(async move {
                settled(one.delete_folder(&folder("/dir"), at(3)).await);
            });
        }
        work.join_all().await;
        check(&bench).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_thing_is_restored_once() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for round in 0..8u8 {
        let path = format!("/{round}");
        let file = upload(library, &path, &[round], 1).await.expect("uploaded");
        library.delete(file.id, at(2)).await.expect("deleted");
        let item = library.trash(1, 0).await.expect("the trash").remove(0);
        let mut work = JoinSet::new();
        for _ in 0..3 {
            let library = library.clone();
            work.spawn(async move { settled(library.restore_trashed(item.id, at(3)).await) });
        }
        let purging = library.clone();
        work.spawn(async move { settled(purging.purge_trashed(item.id, at(3)).await) });
        let uploading = library.clone();
        work.spawn(async move {
            upload(&uploading, &path, b"new", 3).await.expect("uploaded");
            false
        });
        let done = work.join_all().await.into_iter().filter(|done| *done).count();
        assert_eq!(done, 1, "restored or purged, once");
        library
            .collect_garbage(Duration::ZERO, Timestamp::now())
            .await
            .expect("collected");
    }
    check(&bench).await;
    assert_eq!(library.trash(10, 0).await.expect("the trash"), []);
}
