//! The handle on an open library.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::RwLock;

use crate::account::AccountCache;
use crate::blob::{Blob, BlobError, BlobId, BlobStore};
use crate::claims::Claims;
use crate::database::{self, Database, DatabaseError, Migration, query};
use crate::error::StoreError;
use crate::list::Estimate;
use crate::settings::{DatabaseUrl, Limits, Settings};

/// An open library. Clones are the same library.
#[derive(Clone, Debug)]
pub struct Library {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    blobs: BlobStore,
    limits: Limits,
    estimate: Estimate,
    /// Held for reading from the moment that an upload settles on a blob until its version is stored, and for writing
    /// while unneeded blobs are removed: so a blob cannot go between the two.
    collection: RwLock<()>,
    account: AccountCache,
    claims: Claims,
    /// Open as long as the library is, because closing it gives up the lock.
    lock: File,
}

/// Why a library could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory or file that cannot be made or read.
    #[error("cannot use `{path}`")]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process works there.
    #[error("the data directory `{0}` is in use by another process")]
    InUse(PathBuf),
    /// The database was written by a later version of the program.
    #[error(
        "the database `{database}` was written by a newer version (it has migration {found}); use that version or a backup"
    )]
    DatabaseTooNew {
        /// Where the database is, without its password.
        database: String,
        /// The first migration that is unknown here.
        found: i64,
    },
    /// The tables could not be brought up to date.
    #[error("cannot bring the database `{database}` up to date")]
    Migrate {
        /// Where the database is, without its password.
        database: String,
        /// Why not.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Any other failure of the database.
    #[error("cannot open the database `{database}`")]
    Database {
        /// Where the database is, without its password.
        database: String,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// A failure of the blob store.
    #[error("cannot open the blob store `{store}`")]
    Blobs {
        /// Where the blobs are, without keys.
        store: String,
        /// Why not.
        #[source]
        source: BlobError,
    },
}

/// What makes a library unable to work.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The database does not answer.
    #[error("the database does not answer")]
    Database(#[source] StoreError),
    /// The blob store does not answer, or is not the one that was opened.
    #[error("the blob store does not answer")]
    Blobs(#[source] object_store::Error),
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Versions, the current ones included.
    pub versions: u64,
    /// Folders, without the root.
    pub folders: u64,
    /// Different blobs.
    pub blobs: u64,
    /// Bytes in all blobs.
    pub blob_bytes: u64,
}

impl Library {
    /// Opens the library, creating what is absent and bringing its tables up to date.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings {
            data_dir,
            database,
            blobs,
            limits,
        } = settings;
        create_directory(&data_dir).await?;
        let lock = lock(&data_dir)?;
        let database = open_database(&database, &limits).await?;
        let blobs = BlobStore::open(&blobs, &data_dir)
            .await
            .map_err(|source| OpenError::Blobs {
                store: blobs.to_string(),
                source,
            })?;
        tracing::debug!(data_dir = %data_dir.display(), "opened the library");
        let collection = RwLock::new(());
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                blobs,
                limits,
                estimate: Estimate::default(),
                collection,
                account: AccountCache::default(),
                claims: Claims::default(),
                lock,
            }),
        })
    }

    /// A library in `directory` with default limits.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    pub async fn for_testing(directory: impl AsRef<Path>) -> Self {
        match Self::open(Settings::embedded(directory.as_ref())).await {
            Ok(library) => library,
            Err(error) => panic!("a test library must open: {error:?}"),
        }
    }

    /// Checks that the database and the blob store answer. Cheap enough for every probe of a balancer.
    pub async fn health(&self) -> Result<(), HealthError> {
        query("SELECT 1")
            .execute(self.database().reader())
            .await
            .map_err(|error| HealthError::Database(error.into()))?;
        self.blobs().health().await.map_err(HealthError::Blobs)
    }

    /// Waits for what is under way, closes the database and gives up the lock. All clones are closed with it.
    pub async fn close(&self) {
        self.database().close().await;
        if let Err(error) = self.inner.lock.unlock() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not give up the lock of the data directory"
            );
        }
    }

    /// A blob to read.
    pub fn blob(&self, id: &BlobId) -> Blob {
        self.blobs().blob(id)
    }

    /// What this library allows.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// A number that is another one once this process has changed anything, for those who remember what they read: ask before reading. What other
    /// processes change ([`is_shared`](Self::is_shared)) is not in it; and one who hangs up amid a change, or another program with the file open, may
    /// leave it as it is. So nothing should be remembered for long.
    pub fn state(&self) -> u64 {
        self.database().wakers().commits()
    }

    /// How much there is. Counts rows: meant for a metric now and then, not for each request.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let row = query(
            "SELECT (SELECT COUNT(*) FROM files) AS files, (SELECT COUNT(*) FROM versions) AS versions,
                    (SELECT COUNT(*) FROM folders WHERE parent_id IS NOT NULL) AS folders,
                    (SELECT COUNT(*) FROM blobs) AS blobs,
                    (SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM blobs) AS blob_bytes",
        )
        .fetch_one(self.database().reader())
        .await?;
        let count = |column| -> Result<u64, StoreError> {
            u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| StoreError::unreadable(column, error))
        };
        Ok(Counts {
            files: count("files")?,
            versions: count("versions")?,
            folders: count("folders")?,
            blobs: count("blobs")?,
            blob_bytes: count("blob_bytes")?,
        })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    pub(crate) fn estimate(&self) -> &Estimate {
        &self.inner.estimate
    }

    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    pub(crate) fn account_cache(&self) -> &AccountCache {
        &self.inner.account
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.inner.claims
    }

    pub(crate) fn collection(&self) -> &RwLock<()> {
        &self.inner.collection
    }
}

async fn open_database(url: &DatabaseUrl, limits: &Limits) -> Result<Database, OpenError> {
    let opened = match url {
        DatabaseUrl::Sqlite(file) => {
            if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                create_directory(parent).await?;
            }
            Database::open_sqlite(file, limits.readers).await
        }
        DatabaseUrl::Postgres(url) => Database::open_postgres(url.expose(), limits.connections).await,
    };
    opened.map_err(|error| {
        let database = url.to_string();
        match error {
            DatabaseError::TooNew(found) => OpenError::DatabaseTooNew { database, found },
            DatabaseError::Migrate(source) => OpenError::Migrate { database, source },
            DatabaseError::Sql(source) => OpenError::Database { database, source },
        }
    })
}

/// Brings the database up to date and leaves it, without opening the library.
pub async fn migrate(settings: &Settings) -> Result<(), OpenError> {
    open_database(&settings.database, &settings.limits).await?.close().await;
    Ok(())
}

/// The migrations that this version knows and those that the database has. Changes nothing.
pub async fn migrations(settings: &Settings) -> Result<Vec<Migration>, OpenError> {
    database::migrations(&settings.database)
        .await
        .map_err(|source| OpenError::Database {
            database: settings.database.to_string(),
            source,
        })
}

async fn create_directory(path: &Path) -> Result<(), OpenError> {
    let directory = |source| OpenError::Directory {
        path: path.to_owned(),
        source,
    };
    tokio::fs::create_dir_all(path).await.map_err(directory)
}

fn lock(data_dir: &Path) -> Result<File, OpenError> {
    let path = data_dir.join("lock");
    let directory = |source| OpenError::Directory {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}
