//! The workbench of the tests: a library in a directory that goes away, and short ways to fill it.

use library::{
    Asset, FileName, FolderPath, Library, MediaFacts, NewFile, Settings, StagedBlob, Timestamp, UploadError,
};
use sqlx::Connection as _;
use tempfile::TempDir;

/// A library in a directory of its own.
pub struct Bench {
    pub directory: TempDir,
    pub library: Library,
}

impl Bench {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Self::open(&directory).await;
        Self { directory, library }
    }

    /// Two processes' worth of libraries on one database; `None` with SQLite, which has one.
    pub async fn two_nodes() -> Option<(Self, Self)> {
        let database = Self::schema().await?;
        let node = async || {
            let directory = tempfile::tempdir().expect("a directory");
            let library = Self::open_postgres(&directory, &database).await;
            Self { directory, library }
        };
        Some((node().await, node().await))
    }

    /// SQLite, or a schema of its own in the PostgreSQL database that `TINTYPE_TEST_POSTGRES` names.
    async fn open(directory: &TempDir) -> Library {
        match Self::schema().await {
            None => Library::for_testing(directory.path()).await,
            Some(database) => Self::open_postgres(directory, &database).await,
        }
    }

    /// The URL of a new schema.
    async fn schema() -> Option<String> {
        let url = std::env::var("TINTYPE_TEST_POSTGRES").ok()?;
        let schema = format!("t{:016x}", rand::random::<u64>());
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("the database");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
            .execute(&mut connection)
            .await
            .expect("a schema");
        let joint = if url.contains('?') { '&' } else { '?' };
        Some(format!("{url}{joint}options=-c%20search_path%3D{schema}"))
    }

    async fn open_postgres(directory: &TempDir, database: &str) -> Library {
        let mut settings = Settings::embedded(directory.path());
        settings.database = database.parse().expect("a URL");
        settings.limits.connections = 4;
        Library::open(settings).await.expect("opened")
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
