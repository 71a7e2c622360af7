//! Tokens for agents: shown once, kept as a hash, narrow, counted, revocable.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;
use time::{Duration, OffsetDateTime};

use crate::canonical;
use crate::error::CallError;
use crate::principal::{Budget, Grant, Kind, Principal};
use crate::store::{Store, StoreError, from_millis, millis};
use crate::vault::random;

/// What every token begins with, so that scanners for leaked secrets can know it.
pub const TOKEN_PREFIX: &str = "tta_";

/// A time that is noted at most so often, because it is a write for each call.
const USED_EVERY_MS: i64 = 60_000;

/// Longest life of a token.
pub const LONGEST_LIFE: Duration = Duration::days(366);

/// A token without its secret.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Names it: `tok_` and 8 hex digits.
    pub id: String,
    /// Whom it is for.
    pub name: String,
    /// What it allows.
    pub grant: Grant,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was revoked, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    pub used_at: Option<OffsetDateTime>,
}

/// Why a token does not let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unknown,
    Expired,
    Revoked,
}

impl Store {
    /// Makes a token. Its secret is in the answer and nowhere else.
    pub async fn create_token(
        &self,
        name: &str,
        grant: &Grant,
        life: Duration,
        by: &Principal,
        now: OffsetDateTime,
    ) -> Result<(Token, SecretString), StoreError> {
        let secret = SecretString::from(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?)));
        let token = Token {
            id: format!("tok_{}", hex::encode(random::<4>()?)),
            name: name.chars().take(100).collect(),
            grant: grant.clone(),
            created_at: now,
            expires_at: now + life.min(LONGEST_LIFE),
            revoked_at: None,
            used_at: None,
        };
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO tokens (id, name, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&token.id)
        .bind(&token.name)
        .bind(hash(secret.expose_secret()))
        .bind(serde_json::to_string(&token.grant)?)
        .bind(millis(token.created_at))
        .bind(millis(token.expires_at))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let about = json!({ "token": token.id, "name": token.name, "grant": token.grant });
        self.record_event("token_created", &by.id, now, about).await?;
        Ok((token, secret))
    }

    /// All tokens, the newest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tokens ORDER BY created_at DESC, id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(token).collect()
    }

    /// Ends a token. False if there is none of that id that is not revoked already.
    pub async fn revoke_token(&self, id: &str, by: &Principal, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(millis(now))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let revoked = done.rows_affected() > 0;
        if revoked {
            self.record_event("token_revoked", &by.id, now, json!({ "token": id }))
                .await?;
        }
        Ok(revoked)
    }

    /// The agent whose token it is.
    pub async fn authenticate(&self, secret: &SecretString, now: OffsetDateTime) -> Result<Principal, CallError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE hash = $1")
            .bind(hash(secret.expose_secret()))
            .fetch_optional(self.reader())
            .await
            .map_err(StoreError::from)?;
        let token = match row {
            Some(row) => token(&row)?,
            None => return Err(CallError::Token(Refusal::Unknown)),
        };
        if token.revoked_at.is_some() {
            return Err(CallError::Token(Refusal::Revoked));
        }
        if token.expires_at <= now {
            return Err(CallError::Token(Refusal::Expired));
        }
        if token
            .used_at
            .is_none_or(|used| millis(now) - millis(used) >= USED_EVERY_MS)
        {
            let mut tx = self.begin_quick().await.map_err(StoreError::from)?;
            sqlx::query("UPDATE tokens SET used_at = $1 WHERE id = $2")
                .bind(millis(now))
                .bind(&token.id)
                .execute(&mut *tx)
                .await
                .map_err(StoreError::from)?;
            tx.commit().await.map_err(StoreError::from)?;
        }
        Ok(Principal {
            id: format!("agent:{}", token.id),
            kind: Kind::Agent,
            grant: Some(token.grant),
        })
    }

    /// Refuses an agent whose token has ended since it asked for something.
    pub(crate) async fn still_valid(&self, principal: &Principal, now: OffsetDateTime) -> Result<(), CallError> {
        let Some(id) = principal.id.strip_prefix("agent:") else {
            return Ok(());
        };
        let row = sqlx::query("SELECT * FROM tokens WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(StoreError::from)?;
        match row.map(|row| token(&row)).transpose()? {
            Some(token) if token.revoked_at.is_some() => Err(CallError::Token(Refusal::Revoked)),
            Some(token) if token.expires_at <= now => Err(CallError::Token(Refusal::Expired)),
            _ => Ok(()),
        }
    }

    /// Takes all amounts from a principal's budgets, or none and tells which one is at its end. Exact, whoever else
    /// takes at the same moment.
    pub(crate) async fn spend(
        &self,
        principal: &Principal,
        amounts: &[(Budget, u32)],
        now: OffsetDateTime,
    ) -> Result<Result<(), Exhausted>, StoreError> {
        let Some(grant) = &principal.grant else {
            return Ok(Ok(()));
        };
        let limited: Vec<(Budget, u32, u32)> = amounts
            .iter()
            .filter_map(|(budget, amount)| Some((*budget, *amount, *grant.budgets.get(budget)?)))
            .filter(|(_, amount, _)| *amount > 0)
            .collect();
        if limited.is_empty() {
            return Ok(Ok(()));
        }
        let mut tx = self.begin_quick().await?;
        for (budget, amount, limit) in limited {
            let length = budget.window() * 1000;
            let window = millis(now).div_euclid(length) * length;
            let spent: Option<i64> =
                sqlx::query_scalar("SELECT amount FROM spent WHERE principal = $1 AND budget = $2 AND window = $3")
                    .bind(&principal.id)
                    .bind(budget.as_str())
                    .bind(window)
                    .fetch_optional(&mut *tx)
                    .await?;
            let after = spent.unwrap_or(0) + i64::from(amount);
            if after > i64::from(limit) {
                // Nothing of this transaction is kept.
                return Ok(Err(Exhausted {
                    budget,
                    limit,
                    wait: std::time::Duration::from_millis(u64::try_from(window + length - millis(now)).unwrap_or(0)),
                }));
            }
            sqlx::query(
                "INSERT INTO spent (principal, budget, window, amount) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (principal, budget, window) DO UPDATE SET amount = excluded.amount",
            )
            .bind(&principal.id)
            .bind(budget.as_str())
            .bind(window)
            .bind(after)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// What is left of a principal's budgets, by name.
    pub(crate) async fn budgets_left(
        &self,
        principal: &Principal,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<String, Left>, StoreError> {
        let Some(grant) = principal.grant.as_ref().filter(|grant| !grant.budgets.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let rows = sqlx::query("SELECT budget, window, amount FROM spent WHERE principal = $1")
            .bind(&principal.id)
            .fetch_all(self.reader())
            .await?;
        let mut spent: BTreeMap<(String, i64), i64> = BTreeMap::new();
        for row in rows {
            spent.insert((row.try_get("budget")?, row.try_get("window")?), row.try_get("amount")?);
        }
        let left = grant.budgets.iter().map(|(budget, limit)| {
            let length = budget.window() * 1000;
            let window = millis(now).div_euclid(length) * length;
            let spent = spent.get(&(budget.as_str().to_owned(), window)).copied().unwrap_or(0);
            let left = Left {
                limit: *limit,
                left: u32::try_from(i64::from(*limit) - spent).unwrap_or(0),
                resets_in_ms: u64::try_from(window + length - millis(now)).unwrap_or(0),
            };
            (budget.as_str().to_owned(), left)
        });
        Ok(left.collect())
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What may be spent in one window.
    pub limit: u32,
    /// What is left in this one.
    pub left: u32,
    /// Until the next one.
    pub resets_in_ms: u64,
}

/// A budget that is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted {
    pub budget: Budget,
    pub limit: u32,
    /// Until its next window.
    pub wait: std::time::Duration,
}

/// 256 random bits need no salt and no slow hash.
fn hash(secret: &str) -> String {
    canonical::digest_of(secret.as_bytes())
}

fn token(row: &sqlx::sqlite::SqliteRow) -> Result<Token, StoreError> {
    let time = |name: &str| -> Result<Option<OffsetDateTime>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(name)?.map(from_millis))
    };
    Ok(Token {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        grant: serde_json::from_str(row.try_get("scopes")?)?,
        created_at: from_millis(row.try_get("created_at")?),
        expires_at: from_millis(row.try_get("expires_at")?),
        revoked_at: time("revoked_at")?,
        used_at: time("used_at")?,
    })
}
