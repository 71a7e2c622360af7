//! Origins: storages elsewhere, behind URL endpoints.

use serde_json::{Map, Value};

use crate::account::{AccountError, count, endpoints};
use crate::asset::{json_object, timestamp};
use crate::database::{On, Row, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// A storage elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Letters and digits.
    pub id: String,
    /// `S3`, `WEB_FOLDER` and so on, as the API names it.
    pub kind: String,
    /// For people.
    pub name: String,
    /// What may be shown, by the API's names.
    pub settings: Map<String, Value>,
    /// The rest, sealed by the caller.
    pub secret: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What makes an origin. Checked by the caller.
#[derive(Clone, Debug)]
pub struct NewOrigin {
    /// The id, chosen by the caller, because secrets are sealed for it.
    pub id: String,
    /// As the API names it.
    pub kind: String,
    /// For people.
    pub name: String,
    /// What may be shown.
    pub settings: Map<String, Value>,
    /// The rest, sealed.
    pub secret: Option<String>,
}

impl Library {
    /// How many origins there may be.
    pub const ORIGINS: usize = 100;

    /// All of them, the oldest first.
    pub async fn origins(&self) -> Result<Vec<Origin>, StoreError> {
        all(self.database().reader()).await
    }

    /// One of them.
    pub async fn origin(&self, id: &str) -> Result<Option<Origin>, StoreError> {
        find(self.database().reader(), id).await
    }

    /// Adds one.
    pub async fn create_origin(&self, new: NewOrigin, now: Timestamp) -> Result<Origin, AccountError> {
        let mut tx = self.begin_account().await?;
        if count(&mut tx, "origins").await? >= Self::ORIGINS {
            return Err(AccountError::TooMany { limit: Self::ORIGINS });
        }
        query(
            "INSERT INTO origins (id, kind, name, settings, secret, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .bind(&new.id)
        .bind(&new.kind)
        .bind(&new.name)
        .bind(Value::Object(new.settings.clone()).to_string())
        .bind(new.secret.as_deref())
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        self.commit_account(tx).await?;
        Ok(with_times(new, now, now))
    }

    /// Puts another one in its place, under the same id.
    pub async fn replace_origin(&self, new: NewOrigin, now: Timestamp) -> Result<Origin, AccountError> {
        let mut tx = self.begin_account().await?;
        let old = find(&mut tx, &new.id).await?.ok_or(AccountError::NotFound)?;
        query("UPDATE origins SET kind = $1, name = $2, settings = $3, secret = $4, updated_at = $5 WHERE id = $6")
            .bind(&new.kind)
            .bind(&new.name)
            .bind(Value::Object(new.settings.clone()).to_string())
            .bind(new.secret.as_deref())
            .bind(now.as_millis())
            .bind(&new.id)
            .execute(&mut tx)
            .await?;
        self.commit_account(tx).await?;
        Ok(with_times(new, old.created_at, now))
    }

    /// Removes one that no endpoint uses.
    pub async fn delete_origin(&self, id: &str) -> Result<(), AccountError> {
        let mut tx = self.begin_account().await?;
        let used = endpoints::all(&mut tx).await?;
        if let Some(endpoint) = used
            .iter()
            .find(|endpoint| endpoint.origins.iter().any(|used| used == id))
        {
            return Err(AccountError::InUse(format!("the URL endpoint `{}`", endpoint.id)));
        }
        let gone = query("DELETE FROM origins WHERE id = $1")
            .bind(id)
            .execute(&mut tx)
            .await?;
        if gone == 0 {
            return Err(AccountError::NotFound);
        }
        self.commit_account(tx).await?;
        Ok(())
    }
}

impl NewOrigin {
    /// A new id.
    pub fn random_id() -> String {
        format!("org{}", super::random_id(9))
    }
}

fn with_times(new: NewOrigin, created_at: Timestamp, updated_at: Timestamp) -> Origin {
    Origin {
        id: new.id,
        kind: new.kind,
        name: new.name,
        settings: new.settings,
        secret: new.secret,
        created_at,
        updated_at,
    }
}

const COLUMNS: &str = "id, kind, name, settings, secret, created_at, updated_at";

pub(super) async fn all<'a>(on: impl Into<On<'a>>) -> Result<Vec<Origin>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM origins ORDER BY created_at, id");
    query(sql).fetch_all(on).await?.iter().map(of_row).collect()
}

async fn find<'a>(on: impl Into<On<'a>>, id: &str) -> Result<Option<Origin>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM origins WHERE id = $1");
    let row = query(sql).bind(id).fetch_optional(on).await?;
    row.as_ref().map(of_row).transpose()
}

fn of_row(row: &Row) -> Result<Origin, StoreError> {
    Ok(Origin {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        settings: json_object(row, "settings")?,
        secret: row.try_get("secret")?,
        created_at: timestamp(row, "created_at")?,
        updated_at: timestamp(row, "updated_at")?,
    })
}
