use library::{Library, OpenError, Settings};

use crate::bench::{Bench, bytes, upload};

#[tokio::test]
async fn a_library_is_what_it_was_after_reopening() {
    let bench = Bench::new().await;
    let asset = upload(&bench.library, "/a/b.txt", b"content", 1)
        .await
        .expect("uploaded");
    bench.library.health().await.expect("healthy");
    let library = bench.reopened().await;
    assert_eq!(library.file_at("/a/b.txt").await.expect("found"), Some(asset.clone()));
    assert_eq!(bytes(&library, &asset).await, b"content");
}

#[tokio::test]
async fn one_process_at_a_time() {
    let bench = Bench::new().await;
    let error = Library::open(bench.settings()).await.expect_err("locked");
    assert!(
        matches!(&error, OpenError::InUse(path) if path == bench.directory.path()),
        "{error:?}"
    );
    let settings = bench.settings();
    drop(bench.library);
    Library::open(settings).await.expect("opened");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let bench = Bench::new().await;
    bench.library.close().await;
    bench
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', TRUE, '', 0)",
        )
        .await;
    let error = Library::open(bench.settings()).await.expect_err("too new");
    assert!(
        matches!(error, OpenError::DatabaseTooNew { found: 9999, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    std::fs::write(&path, "").expect("written");
    let error = Library::open(Settings::embedded(&path)).await.expect_err("refused");
    assert!(
        matches!(&error, OpenError::Directory { path: named, .. } if *named == path),
        "{error:?}"
    );
}

#[tokio::test]
async fn health_notices_what_is_gone() {
    let bench = Bench::new().await;
    std::fs::remove_dir_all(bench.directory.path().join("blobs")).expect("removed");
    assert!(matches!(
        bench.library.health().await,
        Err(library::HealthError::Blobs(_))
    ));
    bench.library.close().await;
    assert!(matches!(
        bench.library.health().await,
        Err(library::HealthError::Database(_))
    ));
}
