//! What is left when the program ends where it should not.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use library::{Garbage, Library, Timestamp};

use crate::bench::{Bench, at, bytes, stage, upload};

#[tokio::test]
async fn staged_files_of_an_ended_process_are_cleared() {
    let bench = Bench::new().await;
    bench.library.close().await;
    std::fs::write(bench.directory.path().join("blobs/staging/upload-half"), "half a file").expect("written");
    assert_eq!(bench.files(), (1, 0));
    Library::for_testing(bench.directory.path()).await;
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

/// The variable that turns the test below into the process that is killed.
const VICTIM: &str = "LIBRARY_TEST_VICTIM";

fn content(name: &str) -> Vec<u8> {
    name.repeat(3000).into_bytes()
}

/// Uploads for ever, and says so after each.
async fn upload_for_ever(directory: &str) {
    let library = Library::for_testing(directory).await;
    for number in 0u64.. {
        let name = format!("{}-{number}", std::process::id());
        let asset = upload(&library, &format!("/{name}"), &content(&name), 1)
            .await
            .expect("uploaded");
        // Every third goes again, so that deletions are cut short, too.
        if number % 3 == 2 {
            library.delete(asset.id, at(2)).await.expect("deleted");
        } else {
            let mut out = std::io::stdout();
            writeln!(out, "\nacknowledged {name}")
                .and_then(|()| out.flush())
                .expect("said");
        }
    }
}

/// Kills a process that uploads, at twenty random moments, and looks for every file that it had acknowledged.
#[tokio::test]
async fn no_acknowledged_upload_is_lost_when_the_process_is_killed() {
    if let Ok(directory) = std::env::var(VICTIM) {
        return upload_for_ever(&directory).await;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    for round in 0..20 {
        let mut victim = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "crash::no_acknowledged_upload_is_lost_when_the_process_is_killed",
                "--nocapture",
            ])
            .env(VICTIM, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(victim.stdout.take().expect("piped")).lines();
        let reader = std::thread::spawn(move || {
            let mut names = Vec::new();
            for line in lines.map_while(Result::ok) {
                if let Some(name) = line.strip_prefix("acknowledged ") {
                    names.push(name.to_owned());
                }
            }
            names
        });
        // From within opening to some dozens of uploads.
        std::thread::sleep(Duration::from_millis(10 * round + rand::random_range(0..40)));
        victim.kill().expect("killed");
        victim.wait().expect("ended");
        acknowledged.extend(reader.join().expect("read"));
    }
    assert!(
        !acknowledged.is_empty(),
        "no round lived long enough to upload anything"
    );

    let library = Library::for_testing(directory.path()).await;
    library
        .collect_garbage(Duration::ZERO, Timestamp::now())
        .await
        .expect("collected");
    for name in &acknowledged {
        let asset = library
            .file_at(&format!("/{name}"))
            .await
            .expect("an answer")
            .expect("acknowledged, so there");
        assert!(bytes(&library, &asset).await == content(name), "{name} has other bytes");
    }
    let counts = library.counts().await.expect("counts");
    // One more a round at most: stored, but killed before it was said.
    let (files, said) = (counts.files as usize, acknowledged.len());
    assert!(
        (said..=said + 20).contains(&files),
        "{files} files, {said} acknowledged"
    );
    assert_eq!(counts.files, counts.versions);
}
