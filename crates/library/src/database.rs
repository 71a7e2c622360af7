//! The connection to the database, and the only place that knows which one it is.
//!
//! Statements elsewhere keep to what SQLite and PostgreSQL share: `$1` parameters, `ON CONFLICT`, `RETURNING`, partial
//! indexes, times and counts as 64-bit numbers, JSON as text, text compared by bytes (`COLLATE "C"` in PostgreSQL's
//! tables). They are written with [`query()`] and [`Sql`] and carried out on a [`Transaction`] or a [`Reader`].
//! `sqlx::Any` would be the ready-made form of this, but it reads no truth values from SQLite.

mod connection;
mod query;
mod row;

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub(crate) use connection::{Lock, On, Reader, Transaction};
pub(crate) use query::{Sql, Value, query};
pub(crate) use row::Row;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Longer than any transaction of ours takes, so that it ends only a real jam.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of the database file, as address space. What lies beyond is read.
const MAPPED_BYTES: &str = "2147418112";
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Which database it is, for the few statements that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Why the database could not be opened.
pub(crate) enum DatabaseError {
    /// Written by a later version of the program, with this migration.
    TooNew(i64),
    /// Another failure while creating or changing tables.
    Migrate(MigrateError),
    /// Another failure.
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<MigrateError> for DatabaseError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::TooNew(version),
            other => Self::Migrate(other),
        }
    }
}

/// SQLite has one connection that writes and several that read: it has one writer at a time, and with one connection
/// writers queue in order here instead of polling a lock there, and readers never wait for them. PostgreSQL has one
/// pool for both.
#[derive(Debug)]
pub(crate) struct Database {
    writer: Reader,
    readers: Reader,
}

impl Database {
    pub(crate) async fn open_sqlite(file: &Path, readers: u32) -> Result<Self, DatabaseError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL may lose the last transactions in a power cut. An acknowledged upload must not be lost.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
        };
        let writer = pool()
            .max_connections(1)
            // A connection kept for ever keeps its prepared statements and its page cache.
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        SQLITE.run(&writer).await?;
        let readers = pool()
            .max_connections(readers.max(1))
            .connect_with(
                options
                    .create_if_missing(false)
                    .pragma("query_only", "ON")
                    // Pages come from the system's cache as they are, without a call and a copy for each.
                    .pragma("mmap_size", MAPPED_BYTES),
            )
            .await?;
        Ok(Self {
            writer: Reader::Sqlite(writer),
            readers: Reader::Sqlite(readers),
        })
    }

    /// `connections` is how many this process may have open at once, for reading and writing together.
    pub(crate) async fn open_postgres(url: &SecretString, connections: u32) -> Result<Self, DatabaseError> {
        let options: PgConnectOptions = url.expose_secret().parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(prepare_postgres(connection)))
            .connect_with(options.application_name("tintype"))
            .await?;
        POSTGRES.run(&pool).await?;
        Ok(Self {
            writer: Reader::Postgres(pool.clone()),
            readers: Reader::Postgres(pool),
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.readers {
            Reader::Sqlite(_) => Dialect::Sqlite,
            Reader::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A transaction that will write. With SQLite it holds the write lock from the start: one that reads first and
    /// asks for the lock later can find its reading outdated and fail. With PostgreSQL it asks for [`Lock`]s where it
    /// reads something that it then builds on.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match &self.writer {
            Reader::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Reader::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// For statements that only read.
    pub(crate) fn reader(&self) -> &Reader {
        &self.readers
    }

    pub(crate) async fn close(&self) {
        for pool in [&self.readers, &self.writer] {
            match pool {
                // The last connection to close, which is the writer, writes the log back into the database file.
                Reader::Sqlite(pool) => pool.close().await,
                Reader::Postgres(pool) => pool.close().await,
            }
        }
    }
}

/// Statements here read few rows by indexes: compiling one takes longer than carrying it out, and the disks that
/// PostgreSQL's default price of a page by an index was made for are gone.
async fn prepare_postgres(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for setting in ["SET jit = off", "SET random_page_cost = 1.1"] {
        // Others that speak the protocol may not know it, and do without.
        if let Err(error) = query(setting).execute(On::Postgres(&mut *connection)).await {
            tracing::debug!(%error, setting, "the database does not take this setting");
        }
    }
    Ok(())
}

/// True if the failure is a lack of room.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    const SQLITE_FULL: &str = "13";
    const POSTGRES_DISK_FULL: &str = "53100";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == SQLITE_FULL || code == POSTGRES_DISK_FULL)
}

/// True if the transaction lost a race and may succeed when it is run again: a name was taken, a row that it had just
/// found is gone, or two waited for each other.
pub(crate) fn is_retryable(error: &sqlx::Error) -> bool {
    const DEADLOCK: &str = "40P01";
    const NOT_SERIALISABLE: &str = "40001";
    matches!(error, sqlx::Error::RowNotFound)
        || error.as_database_error().is_some_and(|error| {
            error.is_unique_violation()
                || error.is_foreign_key_violation()
                || matches!(error.code().as_deref(), Some(DEADLOCK | NOT_SERIALISABLE))
        })
}

#[cfg(test)]
mod tests {
    use super::{On, Reader, query};
    use crate::{Code, FolderPath, Library, Timestamp};

    #[tokio::test]
    async fn a_full_database_is_told_from_a_broken_one_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let now = Timestamp::now();
        let Reader::Sqlite(writer) = &library.database().writer else {
            panic!("a test library is SQLite's");
        };
        let pages: i64 = query("PRAGMA page_count")
            .scalar(On::SqlitePool(writer))
            .await
            .expect("counted");
        query(format!("PRAGMA max_page_count = {pages}"))
            .execute(On::SqlitePool(writer))
            .await
            .expect("limited");
        let mut made = 0;
        let error = loop {
            let path = FolderPath::sanitised(&format!("{made}-{}", "x".repeat(200))).expect("a path");
            match library.create_folder(&path, now).await {
                Ok(()) => made += 1,
                Err(error) => break error,
            }
            assert!(made < 10_000, "the limit has no effect");
        };
        assert_eq!(error.code(), Code::StorageFull, "{error:?}");
        assert_eq!(library.counts().await.expect("counts").folders, made);
    }
}
