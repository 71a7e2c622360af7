//! The connection to the database, and the only place that knows which one it is.
//!
//! Statements elsewhere keep to what SQLite and PostgreSQL share: `$1` parameters, `ON CONFLICT`, `RETURNING`, partial
//! indexes, times and counts as 64-bit numbers, JSON as text, text compared by bytes (`COLLATE "C"` in PostgreSQL's
//! tables). They are written with [`query()`] and [`Sql`] and carried out on a [`Transaction`] or a [`Reader`].
//! `sqlx::Any` would be the ready-made form of this, but it reads no truth values from SQLite.

mod connection;
mod query;
mod row;
mod wake;

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tracing::Instrument as _;

use connection::Kind;
pub(crate) use connection::{Lock, On, Reader, Transaction};
pub(crate) use query::{Query, Sql, Value, query};
pub(crate) use row::Row;
pub(crate) use wake::{Waiting, Wakers};

use crate::settings::DatabaseUrl;

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(include!(concat!(env!("OUT_DIR"), "/sqlite.rs"))));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(include!(concat!(env!("OUT_DIR"), "/postgres.rs"))));

/// Of (version, description, SQL), which the build script lists from `migrations/`.
fn migrator(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let steps = steps.iter().map(|&(version, description, sql)| {
        sqlx::migrate::Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(steps.collect())
}

/// Longer than any transaction of ours takes, so that it ends only a real jam.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that a thread of SQLite reads before it waits for somebody to take them.
const ROWS_AHEAD: usize = 256;
/// Of the database file, as address space. What lies beyond is read.
const MAPPED_BYTES: &str = "2147418112";
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a database knows of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it.
    Applied,
    /// The next start brings it.
    Pending,
    /// The database has it, and this version does not know it.
    Unknown,
}

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// Whether the database has it.
    pub state: MigrationState,
}

/// The migrations of this version and those that the database has, in order. Changes nothing; a database that is not
/// there has none.
pub(crate) async fn migrations(url: &DatabaseUrl) -> Result<Vec<Migration>, sqlx::Error> {
    const APPLIED: &str = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
    let (migrator, applied) = match url {
        DatabaseUrl::Sqlite(file) if !file.exists() => (&*SQLITE, Vec::new()),
        DatabaseUrl::Sqlite(file) => {
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(SqliteConnectOptions::new().filename(file).read_only(true))
                .await?;
            let there = query("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
                .scalar::<i64>(On::SqlitePool(&pool))
                .await?;
            let rows = if there == 0 {
                Vec::new()
            } else {
                query(APPLIED).fetch_all(On::SqlitePool(&pool)).await?
            };
            (&*SQLITE, rows)
        }
        DatabaseUrl::Postgres(url) => {
            let options: PgConnectOptions = url.expose().expose_secret().parse()?;
            let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
            let there = query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                .scalar::<bool>(On::PostgresPool(&pool))
                .await?;
            let rows = if there {
                query(APPLIED).fetch_all(On::PostgresPool(&pool)).await?
            } else {
                Vec::new()
            };
            (&*POSTGRES, rows)
        }
    };
    let mut listed = std::collections::BTreeMap::new();
    for migration in migrator.iter() {
        listed.insert(
            migration.version,
            (migration.description.to_string(), MigrationState::Pending),
        );
    }
    for row in &applied {
        let version: i64 = row.try_get("version")?;
        let state = match listed.contains_key(&version) {
            true => MigrationState::Applied,
            false => MigrationState::Unknown,
        };
        listed.insert(version, (row.try_get("description")?, state));
    }
    Ok(listed
        .into_iter()
        .map(|(version, (description, state))| Migration {
            version,
            description,
            state,
        })
        .collect())
}

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
    wakers: Arc<Wakers>,
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
            // A page of a listing: else the thread that reads rows and the one that takes them wait for each other at every few of them.
            .row_buffer_size(ROWS_AHEAD)
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
            wakers: Arc::default(),
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
            wakers: Arc::default(),
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.readers {
            Reader::Sqlite(_) => Dialect::Sqlite,
            Reader::Postgres(_) => Dialect::Postgres,
        }
    }

    /// For a connection beside the pool's.
    pub(crate) fn postgres_options(&self) -> Option<Arc<PgConnectOptions>> {
        match &self.readers {
            Reader::Sqlite(_) => None,
            Reader::Postgres(pool) => Some(pool.connect_options()),
        }
    }

    /// A transaction that will write. With SQLite it holds the write lock from the start: one that reads first and
    /// asks for the lock later can find its reading outdated and fail. With PostgreSQL it asks for [`Lock`]s where it
    /// reads something that it then builds on.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        let wakers = Some(Arc::clone(&self.wakers));
        let begun = async {
            Ok::<_, sqlx::Error>(match &self.writer {
                Reader::Sqlite(pool) => Kind::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
                Reader::Postgres(pool) => Kind::Postgres(pool.begin().await?),
            })
        };
        // The wait for a connection, or for others that write, is in it.
        Ok(Transaction::new(begun.instrument(query::span("BEGIN")).await?, wakers))
    }

    pub(crate) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    /// For statements that only read.
    pub(crate) fn reader(&self) -> &Reader {
        &self.readers
    }

    /// Wakes who waits for what is behind a channel whenever another node notifies it, until the connection breaks.
    pub(crate) async fn listen(&self, channels: &[(&str, Waiting)]) -> Result<Infallible, sqlx::Error> {
        let Reader::Postgres(pool) = &self.readers else {
            return std::future::pending().await;
        };
        let mut listener = PgListener::connect_with(pool).await?;
        listener
            .listen_all(channels.iter().map(|(channel, _)| *channel))
            .await?;
        // What was notified before nobody heard.
        for (_, waiting) in channels {
            self.wakers.of(*waiting).notify_one();
        }
        loop {
            let told = listener.recv().await?;
            let waiting = channels.iter().find(|(channel, _)| *channel == told.channel());
            if let Some((_, waiting)) = waiting {
                self.wakers.of(*waiting).notify_one();
            }
        }
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
