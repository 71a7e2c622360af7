//! The workbench of the tests: a library in a directory that goes away, and short ways to fill it.

use std::time::Duration;

use library::{
    Asset, EventKind, FileId, FileName, FolderPath, Library, MediaFacts, NewFile, Settings, StagedBlob, Timestamp,
    UploadError,
};
use sqlx::Connection as _;
use tempfile::TempDir;

/// A library in a directory of its own.
pub struct Bench {
    pub directory: TempDir,
    pub library: Library,
    url: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A library that deletes at once.
    pub async fn without_trash() -> Self {
        Self::with(|settings| settings.limits.trash = Duration::ZERO).await
    }

    /// SQLite, or a schema of its own in the PostgreSQL database that `TINTYPE_TEST_POSTGRES` names.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut settings = Settings::embedded(directory.path());
        let url = match std::env::var("TINTYPE_TEST_POSTGRES") {
            Err(_) => format!("sqlite:{}", directory.path().join("library.db").display()),
            Ok(url) => {
                let schema = format!("t{:016x}", rand::random::<u64>());
                let mut connection = sqlx::PgConnection::connect(&url).await.expect("the database");
                sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
                    .execute(&mut connection)
                    .await
                    .expect("a schema");
                let joint = if url.contains('?') { '&' } else { '?' };
                format!("{url}{joint}options=-c%20search_path%3D{schema}")
            }
        };
        settings.database = url.parse().expect("a URL");
        settings.limits.connections = 4;
        change(&mut settings);
        let library = Library::open(settings).await.expect("opened");
        Self {
            directory,
            library,
            url,
        }
    }

    /// Carries out a statement behind the library's back.
    pub async fn sql(&self, statement: &str) {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expect("connected");
            sqlx::query(statement).execute(&mut connection).await.expect("done");
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("connected");
            sqlx::query(statement).execute(&mut connection).await.expect("done");
        }
    }

    /// Makes a custom metadata field with this name.
    pub async fn field(&self, name: &str) {
        self.sql(&format!(
            "INSERT INTO custom_metadata_fields (id, name, label, schema, created_at, updated_at)
             VALUES ('field-{name}', '{name}', '{name}', '{{\"type\": \"Text\"}}', 1, 1)"
        ))
        .await;
    }

    /// Locks a folder as a job would.
    pub async fn lock(&self, path: &str) {
        self.sql(
            "INSERT INTO jobs (id, kind, state, input, run_at, created_at, updated_at)
             VALUES ('job', 'move_folder', 'running', '{}', 1, 1, 1)",
        )
        .await;
        self.sql(&format!(
            "INSERT INTO folder_locks (path, job_id) VALUES ('{path}', 'job')"
        ))
        .await;
    }

    /// The kinds and files of all events so far, in order.
    pub async fn events(&self) -> Vec<(EventKind, FileId)> {
        let events = self.library.outbox_after(0, 10_000).await.expect("events");
        events.into_iter().map(|event| (event.kind, event.file)).collect()
    }

    /// How many files there are in the staging directory, and how many blobs.
    pub fn files(&self) -> (usize, usize) {
        let blobs = self.directory.path().join("blobs");
        let staged = std::fs::read_dir(blobs.join("staging")).expect("staging").count();
        let mut stored = 0;
        let mut directories = vec![blobs];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory)
                .expect("a directory")
                .map(|entry| entry.expect("an entry"))
            {
                if entry.file_type().expect("a type").is_dir() {
                    directories.push(entry.path());
                } else if entry.file_name().len() == 64 {
                    stored += 1;
                }
            }
        }
        (staged, stored)
    }
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).expect("a time")
}

pub fn folder(path: &str) -> FolderPath {
    FolderPath::sanitised(path).expect("a folder")
}

pub async fn stage(library: &Library, bytes: &[u8]) -> StagedBlob {
    let mut writer = library.stage(u64::MAX).await.expect("a writer");
    writer.write(bytes).await.expect("written");
    writer.finish().await.expect("finished")
}

/// A file with its name as it is.
pub async fn new_file(library: &Library, path: &str, bytes: &[u8]) -> NewFile {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = FileName::sanitised(name).expect("a name");
    let media = MediaFacts {
        mime: "image/png".into(),
        ..MediaFacts::default()
    };
    let file = NewFile::new(folder(parent), name, stage(library, bytes).await, media);
    NewFile {
        use_unique_name: false,
        ..file
    }
}

pub async fn upload(library: &Library, path: &str, bytes: &[u8], now: i64) -> Result<Asset, UploadError> {
    library.upload(new_file(library, path, bytes).await, at(now)).await
}

pub async fn bytes(library: &Library, asset: &Asset) -> Vec<u8> {
    library
        .blob(&asset.version.blob)
        .read_all(u64::MAX)
        .await
        .expect("the bytes")
        .to_vec()
}
