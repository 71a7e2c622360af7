//! The workbench of the tests: a library in a directory that goes away, and short ways to fill it.

use library::{
    Asset, DatabaseUrl, FileName, FolderPath, Library, Limits, MediaFacts, NewFile, Settings, StagedBlob, Timestamp,
    UploadError,
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

/// The PostgreSQL server that `scripts/with-postgres.sh` started.
fn server() -> String {
    std::env::var("TINTYPE_TEST_POSTGRES").expect("run by scripts/with-postgres.sh, which names the server")
}

/// An empty schema.
async fn schema() -> (DatabaseUrl, String) {
    let url = server();
    let schema = format!("t{:016x}", rand::random::<u64>());
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    let sql = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("a schema");
    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}options=-c%20search_path%3D{schema}");
    (url.parse().expect("a URL"), schema)
}

fn settings(directory: &std::path::Path, database: &DatabaseUrl) -> Settings {
    let mut settings = Settings::embedded(directory);
    settings.database = database.clone();
    settings.limits.connections = 4;
    settings
}

/// A library in a directory of its own; with PostgreSQL, also in a schema of its own.
pub struct Bench {
    pub directory: TempDir,
    pub library: Library,
    database: DatabaseUrl,
    schema: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other limits.
    pub async fn with(change: impl Fn(&mut Limits)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (database, schema) = match crate::DATABASE {
            Database::Sqlite => (Settings::embedded(directory.path()).database, String::new()),
            Database::Postgres => schema().await,
        };
        let mut settings = settings(directory.path(), &database);
        change(&mut settings.limits);
        let library = Library::open(settings).await.expect("opened");
        Self {
            directory,
            library,
            database,
            schema,
        }
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
    pub async fn execute(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match crate::DATABASE {
            Database::Sqlite => {
                let url = format!("sqlite:{}", self.directory.path().join("library.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("connected");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("carried out");
                connection.close().await.expect("closed");
            }
            Database::Postgres => {
                let url = server();
                let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
                let path = sqlx::AssertSqlSafe(format!("SET search_path TO {}", self.schema));
                sqlx::raw_sql(path).execute(&mut connection).await.expect("set");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("carried out");
            }
        }
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
