//! Where a statement is carried out: in a transaction, or by any connection that reads.

use std::sync::Arc;

use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};
use tracing::Instrument as _;

use super::Dialect;
use super::query::{query, span};
use super::wake::{Waiting, Wakers};

/// What a statement is given to.
pub(crate) enum On<'a> {
    Sqlite(&'a mut SqliteConnection),
    SqlitePool(&'a SqlitePool),
    Postgres(&'a mut PgConnection),
    PostgresPool(&'a PgPool),
}

/// Connections for statements that only read.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl<'a> From<&'a Reader> for On<'a> {
    fn from(reader: &'a Reader) -> Self {
        match reader {
            Reader::Sqlite(pool) => On::SqlitePool(pool),
            Reader::Postgres(pool) => On::PostgresPool(pool),
        }
    }
}

impl Reader {
    /// One view of the database for several statements, however much is written meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Transaction::new(Kind::Sqlite(pool.begin().await?), None),
            Self::Postgres(pool) => {
                let begun = pool.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Transaction::new(Kind::Postgres(begun.await?), None)
            }
        })
    }
}

/// A transaction. Dropped without [`commit`](Self::commit), it leaves no trace.
#[derive(Debug)]
pub(crate) struct Transaction {
    kind: Kind,
    /// Absent where nothing is written.
    wakers: Option<Arc<Wakers>>,
    /// Who is woken when it is committed.
    wakes: Vec<Waiting>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl<'a> From<&'a mut Transaction> for On<'a> {
    fn from(tx: &'a mut Transaction) -> Self {
        match &mut tx.kind {
            Kind::Sqlite(tx) => On::Sqlite(tx),
            Kind::Postgres(tx) => On::Postgres(tx),
        }
    }
}

/// What a transaction wants for itself where transactions run side by side, until it ends. SQLite has one writer at a
/// time, so there all of them cost nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock<'a> {
    /// The tree of folders stays as it is: for all that puts something into a folder.
    TreeShared,
    /// Folders are moved, renamed or deleted.
    TreeAlone,
    /// Blobs are named: none may be collected meanwhile.
    BlobsShared,
    /// Blobs are collected.
    BlobsAlone,
    /// One thing of the caller's: `file:<id>`, `path:/a/b.jpg`.
    Key(&'a str),
}

/// The classes of advisory locks, ours by convention: another program in the same database may use other numbers.
const TREE: i32 = 0x7469_6e01;
const BLOBS: i32 = 0x7469_6e02;
const KEY: i32 = 0x7469_6e03;

impl Transaction {
    pub(super) fn new(kind: Kind, wakers: Option<Arc<Wakers>>) -> Self {
        Self {
            kind,
            wakers,
            wakes: Vec::new(),
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let committed = async {
            match self.kind {
                Kind::Sqlite(tx) => tx.commit().await,
                Kind::Postgres(tx) => tx.commit().await,
            }
        };
        let committed = committed.instrument(span("COMMIT")).await;
        if let Some(wakers) = &self.wakers {
            // Also after an error, for then nobody knows.
            wakers.count_commit();
        }
        committed?;
        if let Some(wakers) = self.wakers {
            for waiting in self.wakes {
                wakers.of(waiting).notify_one();
            }
        }
        Ok(())
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Wakes who waits, in this process, once what is done here can be seen.
    pub(crate) fn wake(&mut self, waiting: Waiting) {
        if !self.wakes.contains(&waiting) {
            self.wakes.push(waiting);
        }
    }

    /// Waits until nobody else has what is asked for. Ask in the order of [`Lock`], or two may wait for each other.
    pub(crate) async fn lock(&mut self, lock: Lock<'_>) -> Result<(), sqlx::Error> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let statement = match lock {
            Lock::TreeShared => query(format!("SELECT pg_advisory_xact_lock_shared({TREE}, 0)")),
            Lock::TreeAlone => query(format!("SELECT pg_advisory_xact_lock({TREE}, 0)")),
            Lock::BlobsShared => query(format!("SELECT pg_advisory_xact_lock_shared({BLOBS}, 0)")),
            Lock::BlobsAlone => query(format!("SELECT pg_advisory_xact_lock({BLOBS}, 0)")),
            // Two keys of one hash wait for each other without need, and no harm is done.
            Lock::Key(key) => query(format!("SELECT pg_advisory_xact_lock({KEY}, hashtext($1))")).bind(key),
        };
        statement.execute(self).await?;
        Ok(())
    }
}
