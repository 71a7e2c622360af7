//! Blobs in an object storage: a real S3 server, started by each test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use library::{BlobError, Finding, Library, Settings, Timestamp};

use crate::bench::{Bench, at, bytes, folder, upload};

/// The server of `examples/s3_server.rs`, which cargo builds with the tests.
struct S3 {
    folder: tempfile::TempDir,
    server: Child,
    address: String,
}

impl S3 {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("media")).expect("a bucket");
        let program = std::env::current_exe()
            .expect("this program")
            .parent()
            .and_then(std::path::Path::parent)
            .expect("the build directory")
            .join("examples/s3_server");
        let mut server = Command::new(program)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server of examples/s3_server.rs");
        let mut address = String::new();
        BufReader::new(server.stdout.take().expect("piped"))
            .read_line(&mut address)
            .expect("an address");
        Self {
            folder,
            server,
            address: address.trim().to_owned(),
        }
    }

    fn url(&self) -> String {
        format!(
            "s3://media/deep/er?endpoint={}&allow_http=true&region=us-east-1&access_key_id=test&secret_access_key=testsecret",
            self.address
        )
    }

    async fn library(&self, directory: &std::path::Path) -> Library {
        let mut settings = Settings::embedded(directory);
        settings.blobs = self.url().parse().expect("a URL");
        Library::open(settings).await.expect("opened")
    }

    /// The file that holds a blob.
    fn object(&self, id: &str) -> std::path::PathBuf {
        self.folder
            .path()
            .join("media/deep/er")
            .join(&id[..2])
            .join(&id[2..4])
            .join(id)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test]
async fn blobs_go_to_the_bucket_and_come_back() {
    let s3 = S3::new();
    let directory = tempfile::tempdir().expect("a directory");
    let library = s3.library(directory.path()).await;
    library.health().await.expect("healthy");
    // The second is sent in parts, the last of which is short.
    for (path, content) in [
        ("/small.txt", b"small".to_vec()),
        ("/large.bin", (0..20_000_003_u32).map(|n| (n % 251) as u8).collect()),
        ("/empty.txt", Vec::new()),
    ] {
        let asset = upload(&library, path, &content, 1).await.expect("uploaded");
        assert!(bytes(&library, &asset).await == content, "{path}");
        let size = library.blob(&asset.version.blob).size().await.expect("a size");
        assert_eq!(size, content.len() as u64);
        let middle = content.len() as u64 / 2;
        let mut pieces = library
            .blob(&asset.version.blob)
            .read_range(middle..size)
            .await
            .expect("a range");
        let mut read = Vec::new();
        while let Some(piece) = futures::StreamExt::next(&mut pieces).await {
            read.extend_from_slice(&piece.expect("a piece"));
        }
        assert!(read == content[middle as usize..], "{path}");
        assert!(s3.object(&asset.version.blob.to_string()).exists(), "{path}");
    }
    let staged = std::fs::read_dir(directory.path().join("staging"))
        .expect("staging")
        .count();
    assert_eq!(staged, 0);
    library.close().await;
    let again = s3.library(directory.path()).await;
    let asset = again.file_at("/small.txt").await.expect("found").expect("there");
    assert_eq!(bytes(&again, &asset).await, b"small");
}

#[tokio::test]
async fn unneeded_objects_are_collected_and_wrong_ones_are_found() {
    let s3 = S3::new();
    let directory = tempfile::tempdir().expect("a directory");
    let library = s3.library(directory.path()).await;
    let mut assets = Vec::new();
    for name in ["whole", "missing", "short", "damaged", "deleted"] {
        assets.push(
            upload(&library, &format!("/{name}"), name.as_bytes(), 1)
                .await
                .expect("uploaded"),
        );
    }
    library.delete(assets[4].id, at(2)).await.expect("deleted");
    let object = |nth: usize| s3.object(&assets[nth].version.blob.to_string());
    std::fs::remove_file(object(1)).expect("removed");
    std::fs::write(object(2), "sho").expect("written");
    std::fs::write(object(3), "DAMAGED").expect("written");
    std::fs::write(s3.folder.path().join("media/deep/er/readme.txt"), "mine").expect("written");

    let mut found = Vec::new();
    library
        .check_blobs(true, |_| (), |finding| found.push(finding))
        .await
        .expect("checked");
    let blob = |nth: usize| assets[nth].version.blob;
    let expected = [
        Finding::Missing {
            blob: blob(1),
            files: vec!["/missing".to_owned()],
        },
        Finding::Length {
            blob: blob(2),
            found: 3,
            expected: 5,
            files: vec!["/short".to_owned()],
        },
        Finding::Damaged {
            blob: blob(3),
            files: vec!["/damaged".to_owned()],
        },
        Finding::Foreign {
            path: "deep/er/readme.txt".to_owned(),
        },
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for finding in &expected {
        assert!(found.contains(finding), "{finding:?} in {found:?}");
    }
    assert!(matches!(
        library.blob(&blob(3)).read_all(100).await,
        Err(BlobError::Damaged(id)) if id == blob(3)
    ));
    assert!(matches!(
        library.blob(&blob(1)).read_all(100).await,
        Err(BlobError::NotFound(_))
    ));
}

#[tokio::test]
async fn a_library_moves_to_another_store_and_goes_on_after_an_interruption() {
    let bench = Bench::new().await;
    let source = &bench.library;
    for number in 0..30 {
        upload(
            source,
            &format!("/a/{}/f{number}.txt", number % 3),
            format!("content {number}").as_bytes(),
            1000 + number,
        )
        .await
        .expect("uploaded");
    }
    // A second version, so that older ones are copied too.
    upload(source, "/a/0/f0.txt", b"newer", 5000)
        .await
        .expect("overwritten");

    source.build_search_index().await.expect("built");
    let job = source
        .copy_folder(&folder("/a/1"), &folder("/b"), false, at(6000))
        .await
        .expect("begun");

    let s3 = S3::new();
    let directory = tempfile::tempdir().expect("a directory");
    let target = s3.library(directory.path()).await;
    {
        // Given up after ten steps.
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let copy = source.copy_into(&target, move |progress| {
            let _ = sender.send(progress);
        });
        let ten = async {
            for _ in 0..10 {
                receiver.recv().await;
            }
        };
        tokio::select! {
            _ = copy => panic!("it had more than ten steps"),
            () = ten => {}
        }
    }
    let mut last = None;
    source
        .copy_into(&target, |progress| last = Some(progress))
        .await
        .expect("copied");
    let last = last.expect("progress");
    assert_eq!((last.rows, last.blobs), (last.rows_total, last.blobs_total));
    assert_eq!(
        target.counts().await.expect("counts"),
        source.counts().await.expect("counts")
    );
    for number in 0..30 {
        let path = format!("/a/{}/f{number}.txt", number % 3);
        let (old, new) = (
            source.file_at(&path).await.expect("found"),
            target.file_at(&path).await.expect("found"),
        );
        assert_eq!(old, new, "{path}");
        let new = new.expect("there");
        assert_eq!(bytes(source, &new).await, bytes(&target, &new).await, "{path}");
        assert_eq!(
            source.versions(new.id).await.expect("versions"),
            target.versions(new.id).await.expect("versions")
        );
    }
    // What was not done yet goes along.
    let pending = source.outbox_after(0, 1000).await.expect("events");
    let brought = target.outbox_after(0, 1000).await.expect("events");
    let told = |events: &[library::Event]| {
        events
            .iter()
            .map(|e| (e.kind, e.subject, e.body.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&brought), told(&pending));
    assert_eq!(
        target.job(job).await.expect("read").expect("there").state,
        library::JobState::Pending
    );
    assert_eq!(target.build_search_index().await.expect("built"), 0, "it was copied");
    // And the copy lives: it takes uploads, and nothing of it is garbage.
    upload(&target, "/a/new.txt", b"new", 9000).await.expect("uploaded");
    let later = Timestamp::now().saturating_add(Duration::from_secs(10 * 24 * 3600));
    let garbage = target
        .collect_garbage(Duration::from_secs(1), later)
        .await
        .expect("collected");
    assert_eq!((garbage.unreferenced, garbage.orphaned), (0, 0));
    // Whoever has files of their own is not overwritten.
    assert!(matches!(
        source.copy_into(&target, |_| ()).await,
        Err(library::CopyError::NotEmpty)
    ));
}

#[tokio::test]
async fn a_store_that_nodes_share_keeps_what_the_others_are_writing() {
    let shared = tempfile::tempdir().expect("a directory");
    let node = async |directory: &std::path::Path| {
        let mut settings = Settings::embedded(directory);
        settings.blobs = format!("file:{}", shared.path().display()).parse().expect("a URL");
        Library::open(settings).await.expect("opened")
    };
    let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let first = node(one.path()).await;
    let mut writing = first.stage(100).await.expect("a writer");
    writing.write(b"half").await.expect("written");
    let abandoned = shared.path().join("staging/upload-abandoned");
    std::fs::write(&abandoned, "left by a node that died").expect("written");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 3600);
    std::fs::File::options()
        .write(true)
        .open(&abandoned)
        .and_then(|file| file.set_modified(long_ago))
        .expect("aged");
    node(two.path()).await;
    assert!(!abandoned.exists());
    writing.write(b" and the rest").await.expect("written");
    let staged = writing.finish().await.expect("still there");
    assert!(staged.path().exists());
}
