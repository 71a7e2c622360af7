//! What was seen of drift, counted: which action, where, how often, since when.

use serde::Serialize;
use sqlx::Row;
use time::OffsetDateTime;

use crate::drift::Drift;
use crate::store::{Store, StoreError, from_millis, millis};

/// Places that are kept for one action of one upstream.
const MOST_PLACES: i64 = 200;

/// One place of drift.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// The action whose answer it was.
    pub action: String,
    /// Base URL of the upstream.
    pub upstream: String,
    /// Fingerprint of the contract that it was held against.
    pub contract: String,
    /// JSON Pointer into the output.
    pub pointer: String,
    /// What is different: `added`, `missing`, ...
    pub kind: String,
    /// In words.
    pub detail: String,
    /// SHA-256 of the shape of the last sample, of no value in it.
    pub sample: String,
    /// How often it was seen, and how often mended.
    pub count: i64,
    /// How often it was mended.
    pub repaired: i64,
    /// When it was seen first.
    #[serde(with = "time::serde::rfc3339")]
    pub first_at: OffsetDateTime,
    /// When it was seen last.
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: OffsetDateTime,
}

impl Store {
    pub(crate) async fn note_drift(
        &self,
        action: &str,
        upstream: &str,
        contract: &str,
        drift: &[Drift],
        sample: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_quick().await?;
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM drift WHERE action = $1 AND upstream = $2")
            .bind(action)
            .bind(upstream)
            .fetch_one(&mut *tx)
            .await?;
        // An upstream that invents names of fields can't fill the disk.
        if known < MOST_PLACES {
            for drift in drift {
                sqlx::query(
                    "INSERT INTO drift (action, upstream, contract, pointer, kind, detail, sample, first_at, last_at, count,
                     repaired) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1, $9)
                     ON CONFLICT (action, upstream, contract, pointer, kind) DO UPDATE SET detail = excluded.detail,
                     sample = excluded.sample, last_at = excluded.last_at, count = count + 1,
                     repaired = repaired + excluded.repaired",
                )
                .bind(action)
                .bind(upstream)
                .bind(contract)
                .bind(&drift.pointer)
                .bind(drift.kind.as_str())
                .bind(&drift.detail)
                .bind(sample)
                .bind(millis(now))
                .bind(i64::from(drift.repaired))
                .execute(&mut *tx)
                .await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// All drift, what was seen last first.
    pub async fn drift(&self) -> Result<Vec<DriftReport>, StoreError> {
        let rows = sqlx::query("SELECT * FROM drift ORDER BY last_at DESC, action, pointer, kind LIMIT 1000")
            .fetch_all(self.reader())
            .await?;
        let reports = rows.iter().map(|row| {
            Ok(DriftReport {
                action: row.try_get("action")?,
                upstream: row.try_get("upstream")?,
                contract: row.try_get("contract")?,
                pointer: row.try_get("pointer")?,
                kind: row.try_get("kind")?,
                detail: row.try_get("detail")?,
                sample: row.try_get("sample")?,
                count: row.try_get("count")?,
                repaired: row.try_get("repaired")?,
                first_at: from_millis(row.try_get("first_at")?),
                last_at: from_millis(row.try_get("last_at")?),
            })
        });
        Ok(reports.collect::<Result<_, sqlx::Error>>()?)
    }

    /// Forgets all drift that was seen. Returns how many places it was.
    pub async fn forget_drift(&self) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM drift").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
