//! What is left when the program ends where it should not.

use std::time::Duration;

use library::{Garbage, Timestamp};

use crate::bench::{Bench, bytes, stage, upload};

#[tokio::test]
async fn staged_files_of_an_ended_process_are_cleared() {
    let bench = Bench::new().await;
    std::fs::write(bench.directory.path().join("blobs/staging/upload-half"), "half a file").expect("written");
    assert_eq!(bench.files(), (1, 0));
    bench.reopened().await;
    assert_eq!(bench.files(), (0, 0));
}

#[tokio::test]
async fn a_blob_whose_version_was_never_stored_is_collected() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let kept = upload(library, "/kept.txt", b"kept", 1).await.expect("uploaded");
    // The state between the rename and the transaction, made by hand.
    let staged = stage(library, b"orphan").await;
    let name = staged.id().to_string();
    let path = bench
        .directory
        .path()
        .join("blobs")
        .join(&name[..2])
        .join(&name[2..4])
        .join(&name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    std::fs::rename(staged.path(), &path).expect("renamed");
    drop(staged);

    let hour = Duration::from_secs(3600);
    let later = |by| Timestamp::now().saturating_add(by);
    assert_eq!(
        library
            .collect_garbage(hour, later(Duration::ZERO))
            .await
            .expect("collected"),
        Garbage::default()
    );
    assert!(path.exists(), "an upload may be about to name it");
    let garbage = library.collect_garbage(hour, later(hour * 2)).await.expect("collected");
    assert_eq!(
        garbage,
        Garbage {
            unreferenced: 0,
            orphaned: 1
        }
    );
    assert_eq!(bench.files(), (0, 1));
    assert_eq!(bytes(library, &kept).await, b"kept");
}

#[tokio::test]
async fn a_blob_that_is_there_already_needs_no_second_writing() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let staged = stage(library, b"orphan").await;
    let name = staged.id().to_string();
    let path = bench
        .directory
        .path()
        .join("blobs")
        .join(&name[..2])
        .join(&name[2..4])
        .join(&name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    std::fs::copy(staged.path(), &path).expect("copied");
    let asset = upload(library, "/a.txt", b"orphan", 1).await.expect("uploaded");
    library
        .collect_garbage(Duration::ZERO, Timestamp::now())
        .await
        .expect("collected");
    assert_eq!(bytes(library, &asset).await, b"orphan");
}
