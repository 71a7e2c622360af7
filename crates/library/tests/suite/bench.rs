//! The workbench of the tests: a library in a directory that goes away, and short ways to fill it.

use std::time::Duration;

use library::{
    Asset, DatabaseUrl, EventKind, FileId, FileName, FolderPath, Library, MediaFacts, NewFile, Settings, StagedBlob,
    Timestamp, UploadError,
};
use sqlx::Connection as _;
use tempfile::TempDir;

/// Which database a test program runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Database {
    #[allow(dead_code, reason = "each test program has one of the two")]
    Sqlite,
    #[allow(dead_code, reason = "each test program has one of the two")]
    Postgres,
}

/// A library in a directory of its own; with PostgreSQL, also in a schema of its own.
pub struct Bench {
    pub directory: TempDir,
    pub library: Library,
    database: DatabaseUrl,
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

    /// With other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = match crate::DATABASE {
            Database::Sqlite => format!("sqlite:{}", directory.path().join("library.db").display()),
            Database::Postgres => schema().await,
        };
        Self::open(directory, url, change).await
    }

    async fn open(directory: TempDir, url: String, change: impl FnOnce(&mut Settings)) -> Self {
        let database: DatabaseUrl = url.parse().expect("a URL");
        let mut settings = settings(directory.path(), &database);
        change(&mut settings);
        let library = Library::open(settings).await.expect("opened");
        Self {
            directory,
            library,
            database,
            url,
        }
    }

    /// Two processes' worth of libraries on one database; `None` with SQLite, which has one.
    pub async fn two_nodes() -> Option<(Self, Self)> {
        if crate::DATABASE == Database::Sqlite {
            return None;
        }
        let url = schema().await;
        let node = async || Self::open(tempfile::tempdir().expect("a directory"), url.clone(), |_| {}).await;
        Some((node().await, node().await))
    }

    /// What opens this library again.
    pub fn settings(&self) -> Settings {
        settings(self.directory.path(), &self.database)
    }

    /// The library closed and opened, as after a restart.
    pub async fn reopened(&self) -> Library {
        self.library.close().await;
        Library::open(self.settings()).await.expect("opened again")
    }

    /// Carries out statements behind the library's back.
    pub async fn sql(&self, statements: &str) {
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()));
        if self.url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expect("connected");
            statements.execute(&mut connection).await.expect("done");
            connection.close().await.expect("closed");
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("connected");
            statements.execute(&mut connection).await.expect("done");
        }
    }

    /// Makes a custom metadata field of text with this name.
    pub async fn field(&self, name: &str) {
        self.field_of(name, serde_json::json!({"type": "Text"})).await;
    }

    /// Makes a custom metadata field with this name and schema.
    pub async fn field_of(&self, name: &str, schema: serde_json::Value) {
        let schema = schema.as_object().expect("an object");
        let schema = library::Schema::parse(schema, None).expect("a schema");
        let made = self
            .library
            .create_custom_metadata_field(name, name, None, schema, at(1))
            .await;
        made.expect("a field");
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

    /// The kinds and files of all events about files so far, in order.
    pub async fn events(&self) -> Vec<(EventKind, FileId)> {
        let events = self.library.outbox_after(0, 10_000).await.expect("events");
        events
            .into_iter()
            .filter_map(|event| Some((event.kind, event.file()?)))
            .collect()
    }

    /// The kinds of all events about folders so far, with their paths, in order.
    pub async fn folder_events(&self) -> Vec<(EventKind, String)> {
        let events = self.library.outbox_after(0, 10_000).await.expect("events");
        events
            .into_iter()
            .filter_map(|event| Some((event.kind, event.folder()?.path.as_str().to_owned())))
            .collect()
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

/// A schema of its own in the PostgreSQL server that `scripts/with-postgres.sh` started.
async fn schema() -> String {
    let url = std::env::var("TINTYPE_TEST_POSTGRES").expect("run by scripts/with-postgres.sh, which names the server");
    let schema = format!("t{:016x}", rand::random::<u64>());
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    let sql = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("a schema");
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-c%20search_path%3D{schema}")
}

fn settings(directory: &std::path::Path, database: &DatabaseUrl) -> Settings {
    let mut settings = Settings::embedded(directory);
    settings.database = database.clone();
    settings.limits.connections = 4;
    settings
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
