//! Keys beside the first pair: for one purpose each, with an end, or kept out of parts of the API.

use serde_json::{Map, Value};

use crate::account::{AccountError, random_id};
use crate::asset::timestamp;
use crate::database::{On, Row, Transaction, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// A key pair. Its private half is here only by its digest, and sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    /// Letters and digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// The public half.
    pub public_key: String,
    /// SHA-256 of the private half, in hex.
    pub digest: String,
    /// The private half, sealed by the caller: it also signs.
    pub secret: String,
    /// A level for each area; `None` for a key that may do all.
    pub restrictions: Option<Map<String, Value>>,
    /// Refused until it is enabled again.
    pub is_disabled: bool,
    /// Refused from then on.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to a few minutes.
    pub last_used_at: Option<Timestamp>,
}

/// What makes a key.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The id, chosen by the caller, because the secret is sealed for it.
    pub id: String,
    /// For people.
    pub name: String,
    /// The public half.
    pub public_key: String,
    /// SHA-256 of the private half, in hex.
    pub digest: String,
    /// The private half, sealed.
    pub secret: String,
    /// A level for each area; `None` for a key that may do all.
    pub restrictions: Option<Map<String, Value>>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    /// Another name.
    pub name: Option<String>,
    /// Other restrictions; `Some(None)` takes them away.
    pub restrictions: Option<Option<Map<String, Value>>>,
    /// In use, or not.
    pub is_disabled: Option<bool>,
}

impl NewApiKey {
    /// A new id.
    pub fn random_id() -> String {
        format!("key{}", random_id(9))
    }
}

impl Library {
    /// How many keys without restrictions there may be beside the first pair, and how many with; those that are about to end are not counted.
    pub const API_KEYS: usize = 5;

    /// All of them, the oldest first, expired and disabled ones included.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        all(self.database().reader()).await
    }

    /// Adds one.
    pub async fn create_api_key(&self, new: NewApiKey, now: Timestamp) -> Result<ApiKey, AccountError> {
        let mut tx = self.begin_account().await?;
        check_room(&mut tx, &new).await?;
        let key = insert(&mut tx, new, now).await?;
        self.commit_account(tx).await?;
        Ok(key)
    }

    /// Changes one.
    pub async fn update_api_key(&self, id: &str, change: KeyChange) -> Result<ApiKey, AccountError> {
        let mut tx = self.begin_account().await?;
        let old = find(&mut tx, id).await?;
        let new = ApiKey {
            name: change.name.unwrap_or(old.name),
            restrictions: change.restrictions.unwrap_or(old.restrictions),
            is_disabled: change.is_disabled.unwrap_or(old.is_disabled),
            ..old
        };
        query("UPDATE api_keys SET name = $1, restrictions = $2, is_disabled = $3 WHERE id = $4")
            .bind(&new.name)
            .bind(new.restrictions.clone().map(|levels| Value::Object(levels).to_string()))
            .bind(new.is_disabled)
            .bind(id)
            .execute(&mut tx)
            .await?;
        self.commit_account(tx).await?;
        Ok(new)
    }

    /// Adds a key in the place of another, which ends at a moment and is not counted from then on. `old` may be one that is not stored yet: the first pair.
    pub async fn roll_api_key(&self, old: NewApiKey, new: NewApiKey, now: Timestamp) -> Result<ApiKey, AccountError> {
        let mut tx = self.begin_account().await?;
        let end = old.expires_at.unwrap_or(now);
        let touched = query("UPDATE api_keys SET expires_at = $1 WHERE digest = $2")
            .bind(end.as_millis())
            .bind(&old.digest)
            .execute(&mut tx)
            .await?;
        if touched == 0 {
            insert(&mut tx, old, now).await?;
        }
        check_room(&mut tx, &new).await?;
        let key = insert(&mut tx, new, now).await?;
        self.commit_account(tx).await?;
        Ok(key)
    }

    /// Removes one.
    pub async fn delete_api_key(&self, id: &str) -> Result<(), AccountError> {
        let mut tx = self.begin_account().await?;
        let gone = query("DELETE FROM api_keys WHERE id = $1")
            .bind(id)
            .execute(&mut tx)
            .await?;
        if gone == 0 {
            return Err(AccountError::NotFound);
        }
        self.commit_account(tx).await?;
        Ok(())
    }

    /// Notes that a key was used. Others learn of it with the next change.
    pub async fn note_key_use(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.database().begin().await?;
        query("UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)")
            .bind(now.as_millis())
            .bind(id)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Keys that end are not counted, and do not count.
async fn check_room(tx: &mut Transaction, new: &NewApiKey) -> Result<(), AccountError> {
    let kind = new.restrictions.is_some();
    let others = all(&mut *tx).await?;
    let counted = others
        .iter()
        .filter(|key| key.restrictions.is_some() == kind && key.expires_at.is_none())
        .count();
    if new.expires_at.is_none() && counted >= Library::API_KEYS {
        return Err(AccountError::TooMany {
            limit: Library::API_KEYS,
        });
    }
    Ok(())
}

async fn insert(tx: &mut Transaction, new: NewApiKey, now: Timestamp) -> Result<ApiKey, AccountError> {
    query(
        "INSERT INTO api_keys (id, name, public_key, digest, secret, restrictions, is_disabled, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $8)",
    )
    .bind(&new.id)
    .bind(&new.name)
    .bind(&new.public_key)
    .bind(&new.digest)
    .bind(&new.secret)
    .bind(new.restrictions.clone().map(|levels| Value::Object(levels).to_string()))
    .bind(new.expires_at.map(Timestamp::as_millis))
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await?;
    Ok(ApiKey {
        id: new.id,
        name: new.name,
        public_key: new.public_key,
        digest: new.digest,
        secret: new.secret,
        restrictions: new.restrictions,
        is_disabled: false,
        expires_at: new.expires_at,
        created_at: now,
        last_used_at: None,
    })
}

pub(super) async fn all<'a>(on: impl Into<On<'a>>) -> Result<Vec<ApiKey>, StoreError> {
    let rows = query(
        "SELECT id, name, public_key, digest, secret, restrictions, is_disabled, expires_at, created_at, last_used_at
         FROM api_keys ORDER BY created_at, id",
    )
    .fetch_all(on)
    .await?;
    rows.iter().map(of_row).collect()
}

async fn find(tx: &mut Transaction, id: &str) -> Result<ApiKey, AccountError> {
    let keys = all(&mut *tx).await?;
    keys.into_iter().find(|key| key.id == id).ok_or(AccountError::NotFound)
}

fn of_row(row: &Row) -> Result<ApiKey, StoreError> {
    let restrictions: Option<&str> = row.try_get("restrictions")?;
    let moment = |column| -> Result<Option<Timestamp>, StoreError> {
        row.try_get::<Option<i64>, _>(column)?
            .map(|ms| Timestamp::from_millis(ms).map_err(|error| StoreError::unreadable(column, error)))
            .transpose()
    };
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        public_key: row.try_get("public_key")?,
        digest: row.try_get("digest")?,
        secret: row.try_get("secret")?,
        restrictions: restrictions
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| StoreError::unreadable("api_keys.restrictions", error))?,
        is_disabled: row.try_get("is_disabled")?,
        expires_at: moment("expires_at")?,
        created_at: timestamp(row, "created_at")?,
        last_used_at: moment("last_used_at")?,
    })
}
