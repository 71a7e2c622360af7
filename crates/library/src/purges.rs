//! Requests to purge caches: a quota, a state, and a history from which every node learns what it may no longer serve.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::asset::timestamp;
use crate::database::{Dialect, Lock, Row, Transaction, Waiting, query};
use crate::error::{Code, StoreError};
use crate::id::{IdError, PurgeId};
use crate::jobs::{self, NewJob};
use crate::library::Library;
use crate::timestamp::Timestamp;

/// The kind of the job that carries a purge out. Its input has the purge's id under `purge`.
pub const PURGE_JOB: &str = "purge-cache";

/// The channel on which PostgreSQL tells other nodes that there is a purge.
pub(crate) const CHANNEL: &str = "tintype_purges";

/// A purge to ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeOrder {
    /// What is purged, in the words of the caller, who has checked it: a URL mostly. Handed back as it is.
    pub url: String,
    /// Purges of one month (UTC) that are carried out, if there is a limit.
    pub limit: Option<u32>,
}

/// A purge that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Its id.
    pub id: PurgeId,
    /// What is purged.
    pub url: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When all caches had it.
    pub completed_at: Option<Timestamp>,
    /// It was given up.
    pub has_failed: bool,
    /// How far the caches in front of the server are, in the words of who told them.
    pub caches: Option<Value>,
}

/// Why there is no purge.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The month's purges are used up.
    #[error("the {0} purges of this month are used up")]
    OverQuota(u32),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PurgeError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::OverQuota(_) => Code::Conflict,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for PurgeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Asks for a purge in the transaction that causes it; `None` over the quota.
pub(crate) async fn create(
    tx: &mut Transaction,
    order: &PurgeOrder,
    now: Timestamp,
) -> Result<Option<PurgeId>, sqlx::Error> {
    if let Some(limit) = order.limit {
        tx.lock(Lock::Key("purges")).await?;
        let asked: i64 = query("SELECT COUNT(*) FROM purges WHERE created_at >= $1")
            .bind(start_of_month(now).as_millis())
            .scalar(&mut *tx)
            .await?;
        if asked >= i64::from(limit) {
            return Ok(None);
        }
    }
    let id = PurgeId::generate(now);
    query("INSERT INTO purges (id, url, state, created_at) VALUES ($1, $2, 'pending', $3)")
        .bind(id.to_string())
        .bind(order.url.as_str())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
    let job = NewJob {
        kind: PURGE_JOB,
        input: json!({ "purge": id }),
        total: None,
        run_at: now,
    };
    jobs::enqueue(tx, &job, now).await?;
    if tx.dialect() == Dialect::Postgres {
        query("SELECT pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(&mut *tx)
            .await?;
    }
    Ok(Some(id))
}

fn start_of_month(now: Timestamp) -> Timestamp {
    let at = OffsetDateTime::from(now);
    let first = at.date().replace_day(1).unwrap_or_else(|_| at.date());
    first.midnight().assume_utc().into()
}

impl Library {
    /// Asks for a purge; a job carries it out.
    pub async fn create_purge(&self, order: &PurgeOrder, now: Timestamp) -> Result<PurgeId, PurgeError> {
        let mut tx = self.database().begin().await?;
        let Some(id) = create(&mut tx, order, now).await? else {
            return Err(PurgeError::OverQuota(order.limit.unwrap_or_default()));
        };
        tx.commit().await?;
        Ok(id)
    }

    /// A purge by its id.
    pub async fn purge(&self, id: PurgeId) -> Result<Option<Purge>, StoreError> {
        let row = query("SELECT * FROM purges WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Purge::of_row(&row)).transpose()
    }

    /// Purges that were asked for at this moment or later, the oldest first.
    pub async fn purges_since(&self, since: Timestamp) -> Result<Vec<Purge>, StoreError> {
        let rows = query("SELECT * FROM purges WHERE created_at >= $1 ORDER BY created_at, id")
            .bind(since.as_millis())
            .fetch_all(self.database().reader())
            .await?;
        rows.iter().map(Purge::of_row).collect()
    }

    /// All caches have it. Doing so twice keeps the first time.
    pub async fn complete_purge(&self, id: PurgeId, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.database().begin().await?;
        query("UPDATE purges SET state = 'completed', completed_at = $2 WHERE id = $1 AND completed_at IS NULL")
            .bind(id.to_string())
            .bind(now.as_millis())
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes down how far the caches in front of the server are with a purge, and that it is given up if it `has_failed`.
    pub async fn note_purged_caches(&self, id: PurgeId, caches: &Value, has_failed: bool) -> Result<(), StoreError> {
        let mut tx = self.database().begin().await?;
        query("UPDATE purges SET caches = $2, state = CASE WHEN $3 = 1 THEN 'failed' ELSE state END WHERE id = $1")
            .bind(id.to_string())
            .bind(caches.to_string())
            .bind(i64::from(has_failed))
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Returns when another process may have been asked for a purge since the last time. With SQLite there is none.
    pub async fn purge_asked(&self) {
        self.database().wakers().of(Waiting::Purges).notified().await;
    }

    /// Forgets purges from before a moment; how many.
    pub async fn remove_old_purges(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.database().begin().await?;
        let removed = query("DELETE FROM purges WHERE created_at < $1")
            .bind(before.as_millis())
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// True if other nodes may work on the same library.
    pub fn is_shared(&self) -> bool {
        self.database().dialect() == Dialect::Postgres
    }
}

impl Purge {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        let id: &str = row.try_get("id")?;
        let state: &str = row.try_get("state")?;
        let caches: Option<&str> = row.try_get("caches")?;
        Ok(Self {
            id: id
                .parse()
                .map_err(|error: IdError| StoreError::unreadable("purges.id", error))?,
            url: row.try_get("url")?,
            created_at: timestamp(row, "created_at")?,
            completed_at: match row.try_get::<Option<i64>, _>("completed_at")? {
                Some(_) => Some(timestamp(row, "completed_at")?),
                None => None,
            },
            has_failed: state == "failed",
            caches: caches
                .map(serde_json::from_str)
                .transpose()
                .map_err(|error| StoreError::unreadable("purges.caches", error))?,
        })
    }
}
