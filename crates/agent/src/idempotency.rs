//! Calls under a key of the caller's: made once, and answered the same way again for a day.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use time::{Duration, OffsetDateTime};

use crate::canonical;
use crate::error::{CallError, Code};
use crate::store::{Store, StoreError, millis};

/// How long an answer is kept.
const LIFE: Duration = Duration::hours(24);
/// A call that has not ended after this long ended with its process: nobody knows how.
const LONGEST_RUN: Duration = Duration::minutes(15);
/// Longest key.
pub const LONGEST_KEY: usize = 255;

/// A key that is taken for one call.
#[derive(Debug)]
pub(crate) struct Reserved(String);

/// What a key stands for.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Nothing yet; now it stands for this call.
    Fresh(Reserved),
    /// A call that ended.
    Ended(Ended),
}

/// How a call ended before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// `{data, meta}`.
    Well(Value),
    /// With an error after which it must not be made again.
    Badly { code: Code, report: Value },
}

impl Store {
    /// Takes the key for a call of that principal with those arguments, or tells what it stands for.
    pub(crate) async fn reserve(
        &self,
        principal: &str,
        key: &str,
        arguments: &str,
        now: OffsetDateTime,
    ) -> Result<Standing, CallError> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(CallError::invalid(format!(
                "the idempotency key has 1 to {LONGEST_KEY} bytes"
            )));
        }
        // Keys are hashed: they may be anything, also something that should not be kept.
        let hashed = canonical::digest(&json!([principal, key]));
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let row = sqlx::query("SELECT digest, state, created_at, expires_at FROM idempotency WHERE key = $1")
            .bind(&hashed)
            .fetch_optional(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        if let Some(row) = row {
            let take = |name: &str| row.try_get::<i64, _>(name).map_err(StoreError::from);
            let digest: String = row.try_get("digest").map_err(StoreError::from)?;
            let state: String = row.try_get("state").map_err(StoreError::from)?;
            if take("expires_at")? > millis(now) {
                if digest != arguments {
                    return Err(CallError::KeyReused);
                }
                if state == "running" {
                    let since = millis(now) - take("created_at")?;
                    return Err(if since < millis_of(LONGEST_RUN) {
                        CallError::KeyInProgress
                    } else {
                        CallError::KeyAbandoned
                    });
                }
                drop(tx);
                let ended: Option<Ended> = self.unseal(&place(&hashed)).await?;
                return ended.map(Standing::Ended).ok_or(CallError::KeyAbandoned);
            }
        }
        sqlx::query(
            "INSERT INTO idempotency (key, digest, state, created_at, expires_at) VALUES ($1, $2, 'running', $3, $4)
             ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, state = excluded.state,
             created_at = excluded.created_at, expires_at = excluded.expires_at",
        )
        .bind(&hashed)
        .bind(arguments)
        .bind(millis(now))
        .bind(millis(now + LIFE))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(Standing::Fresh(Reserved(hashed)))
    }

    /// Keeps how the call ended.
    pub(crate) async fn settle(&self, reserved: Reserved, ended: &Ended) -> Result<(), StoreError> {
        let state = if matches!(ended, Ended::Well(_)) {
            "done"
        } else {
            "failed"
        };
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE idempotency SET state = $1 WHERE key = $2")
            .bind(state)
            .bind(&reserved.0)
            .execute(&mut *tx)
            .await?;
        self.seal(&mut tx, &place(&reserved.0), ended).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives the key free again: nothing was changed, and the same call may be made anew.
    pub(crate) async fn release(&self, reserved: Reserved) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM idempotency WHERE key = $1")
            .bind(&reserved.0)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.whole_milliseconds()).unwrap_or(i64::MAX)
}

fn place(key: &str) -> String {
    format!("idempotency/{key}")
}
