//! The connection to the database, and the only place that knows which one it is.
//!
//! Statements elsewhere keep to what SQLite and PostgreSQL share: `$1` parameters, `ON CONFLICT`, `RETURNING`, partial
//! indexes, times and counts as 64-bit numbers, JSON as text. To add PostgreSQL, give this file its pool and its
//! migrations, and compare text by bytes (`COLLATE "C"`).

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Row = sqlx::sqlite::SqliteRow;
pub(crate) type Transaction = sqlx::Transaction<'static, Db>;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Longer than any transaction of ours takes, so that it ends only a real jam.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the database could not be opened.
pub(crate) enum DatabaseError {
    /// Written by a later version of the program, with this migration.
    TooNew(i64),
    /// Another failure while creating or changing tables.
    Migrate(MigrateError),
    /// Another failure.
    Sql(sqlx::Error),
}

/// One connection that writes and several that read. SQLite has one writer at a time: with one connection, writers
/// queue in order here instead of polling a lock there, and readers never wait for them.
#[derive(Debug)]
pub(crate) struct Database {
    writer: sqlx::Pool<Db>,
    readers: sqlx::Pool<Db>,
}

impl Database {
    pub(crate) async fn open(file: &Path, readers: u32) -> Result<Self, DatabaseError> {
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
            .await
            .map_err(DatabaseError::Sql)?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => DatabaseError::TooNew(version),
            other => DatabaseError::Migrate(other),
        })?;
        let readers = pool()
            .max_connections(readers.max(1))
            .connect_with(options.create_if_missing(false).pragma("query_only", "ON"))
            .await
            .map_err(DatabaseError::Sql)?;
        Ok(Self { writer, readers })
    }

    /// A transaction that will write. It holds the write lock from the start: one that reads first and asks for the
    /// lock later can find its reading outdated and fail.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// For statements that only read.
    pub(crate) fn reader(&self) -> &sqlx::Pool<Db> {
        &self.readers
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        // Last, because the last connection to close writes the log back into the database file.
        self.writer.close().await;
    }
}

/// True if the failure is a lack of room.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    const SQLITE_FULL: &str = "13";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == SQLITE_FULL)
}

/// True if the transaction lost a race and may succeed when it is run again: a name was taken, or a row that it had
/// just found is gone.
pub(crate) fn is_retryable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::RowNotFound)
        || error
            .as_database_error()
            .is_some_and(|error| error.is_unique_violation() || error.is_foreign_key_violation())
}

#[cfg(test)]
mod tests {
    use crate::{Code, FolderPath, Library, Timestamp};

    #[tokio::test]
    async fn a_full_database_is_told_from_a_broken_one_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let now = Timestamp::now();
        let writer = &library.database().writer;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(writer)
            .await
            .expect("counted");
        let limit = format!("PRAGMA max_page_count = {pages}");
        sqlx::query(sqlx::AssertSqlSafe(limit))
            .execute(writer)
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
