//! What only the embedded database can show: files beside it, and a process that is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use library::{Library, OpenError, Settings, Timestamp};

use crate::bench::{at, bytes, upload};

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(
        directory.path().join("library.db"),
        "not a database, but long enough to be looked at".repeat(50),
    )
    .expect("written");
    let error = Library::open(Settings::embedded(directory.path()))
        .await
        .expect_err("refused");
    assert!(
        matches!(error, OpenError::Database { .. } | OpenError::Migrate { .. }),
        "{error:?}"
    );
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
                "embedded::no_acknowledged_upload_is_lost_when_the_process_is_killed",
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
