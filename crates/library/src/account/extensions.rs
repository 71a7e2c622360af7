//! Saved extensions: configurations under an id, for uploads and updates to name.

use serde_json::Value;

use crate::account::{AccountError, count, random_id};
use crate::asset::timestamp;
use crate::database::{On, Row, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// A configuration under an id.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedExtension {
    /// `ext_` and letters and digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What to do, as the upload API has it. Checked by the caller.
    pub config: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct ExtensionChange {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another configuration.
    pub config: Option<Value>,
}

impl Library {
    /// How many saved extensions there may be.
    pub const SAVED_EXTENSIONS: usize = 100;

    /// All of them, the oldest first.
    pub async fn saved_extensions(&self) -> Result<Vec<SavedExtension>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM saved_extensions ORDER BY created_at, id");
        let rows = query(sql).fetch_all(self.database().reader()).await?;
        rows.iter().map(of_row).collect()
    }

    /// One of them.
    pub async fn saved_extension(&self, id: &str) -> Result<Option<SavedExtension>, StoreError> {
        find(self.database().reader(), id).await
    }

    /// Stores a configuration.
    pub async fn create_saved_extension(
        &self,
        name: &str,
        description: &str,
        config: Value,
        now: Timestamp,
    ) -> Result<SavedExtension, AccountError> {
        let mut tx = self.begin_account().await?;
        if count(&mut tx, "saved_extensions").await? >= Self::SAVED_EXTENSIONS {
            return Err(AccountError::TooMany {
                limit: Self::SAVED_EXTENSIONS,
            });
        }
        let made = SavedExtension {
            id: format!("ext_{}", random_id(12)),
            name: name.to_owned(),
            description: description.to_owned(),
            config,
            created_at: now,
            updated_at: now,
        };
        query(
            "INSERT INTO saved_extensions (id, name, description, config, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(&made.id)
        .bind(&made.name)
        .bind(&made.description)
        .bind(made.config.to_string())
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        self.commit_account(tx).await?;
        Ok(made)
    }

    /// Changes one.
    pub async fn update_saved_extension(
        &self,
        id: &str,
        change: ExtensionChange,
        now: Timestamp,
    ) -> Result<SavedExtension, AccountError> {
        let mut tx = self.begin_account().await?;
        let old = find(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
        let new = SavedExtension {
            name: change.name.unwrap_or(old.name),
            description: change.description.unwrap_or(old.description),
            config: change.config.unwrap_or(old.config),
            updated_at: now,
            ..old
        };
        query("UPDATE saved_extensions SET name = $1, description = $2, config = $3, updated_at = $4 WHERE id = $5")
            .bind(&new.name)
            .bind(&new.description)
            .bind(new.config.to_string())
            .bind(now.as_millis())
            .bind(id)
            .execute(&mut tx)
            .await?;
        self.commit_account(tx).await?;
        Ok(new)
    }

    /// Removes one.
    pub async fn delete_saved_extension(&self, id: &str) -> Result<(), AccountError> {
        let mut tx = self.begin_account().await?;
        let gone = query("DELETE FROM saved_extensions WHERE id = $1")
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

const COLUMNS: &str = "id, name, description, config, created_at, updated_at";

async fn find<'a>(on: impl Into<On<'a>>, id: &str) -> Result<Option<SavedExtension>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM saved_extensions WHERE id = $1");
    let row = query(sql).bind(id).fetch_optional(on).await?;
    row.as_ref().map(of_row).transpose()
}

fn of_row(row: &Row) -> Result<SavedExtension, StoreError> {
    let config: &str = row.try_get("config")?;
    Ok(SavedExtension {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        config: serde_json::from_str(config)
            .map_err(|error| StoreError::unreadable("saved_extensions.config", error))?,
        created_at: timestamp(row, "created_at")?,
        updated_at: timestamp(row, "updated_at")?,
    })
}
