//! Named transformations: steps under a name that URLs use.

use crate::account::{AccountError, count, random_id};
use crate::asset::timestamp;
use crate::database::{On, Row, Transaction, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// Steps under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTransformation {
    /// Letters and digits.
    pub id: String,
    /// As URLs write it behind `n-`.
    pub name: String,
    /// As stored; it may begin with `tr:`.
    pub transformation: String,
    /// One that is not is refused by delivery.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct TransformationChange {
    /// Another name.
    pub name: Option<String>,
    /// Other steps.
    pub transformation: Option<String>,
    /// In use, or not.
    pub is_enabled: Option<bool>,
}

impl Library {
    /// How many named transformations there may be.
    pub const NAMED_TRANSFORMATIONS: usize = 250;

    /// All of them, the oldest first.
    pub async fn named_transformations(&self) -> Result<Vec<NamedTransformation>, StoreError> {
        all(self.database().reader()).await
    }

    /// One of them.
    pub async fn named_transformation(&self, id: &str) -> Result<Option<NamedTransformation>, StoreError> {
        find(self.database().reader(), id).await
    }

    /// Stores steps under a name that nobody has.
    pub async fn create_named_transformation(
        &self,
        name: &str,
        transformation: &str,
        is_enabled: bool,
        now: Timestamp,
    ) -> Result<NamedTransformation, AccountError> {
        let mut tx = self.begin_account().await?;
        if count(&mut tx, "named_transformations").await? >= Self::NAMED_TRANSFORMATIONS {
            return Err(AccountError::TooMany {
                limit: Self::NAMED_TRANSFORMATIONS,
            });
        }
        name_is_free(&mut tx, name, "").await?;
        let made = NamedTransformation {
            id: random_id(9),
            name: name.to_owned(),
            transformation: transformation.to_owned(),
            is_enabled,
            created_at: now,
            updated_at: now,
        };
        query(
            "INSERT INTO named_transformations (id, name, transformation, is_enabled, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(&made.id)
        .bind(&made.name)
        .bind(&made.transformation)
        .bind(is_enabled)
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        self.commit_account(tx).await?;
        Ok(made)
    }

    /// Changes one.
    pub async fn update_named_transformation(
        &self,
        id: &str,
        change: TransformationChange,
        now: Timestamp,
    ) -> Result<NamedTransformation, AccountError> {
        let mut tx = self.begin_account().await?;
        let old = find(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
        let new = NamedTransformation {
            name: change.name.unwrap_or(old.name),
            transformation: change.transformation.unwrap_or(old.transformation),
            is_enabled: change.is_enabled.unwrap_or(old.is_enabled),
            updated_at: now,
            ..old
        };
        name_is_free(&mut tx, &new.name, id).await?;
        query(
            "UPDATE named_transformations SET name = $1, transformation = $2, is_enabled = $3, updated_at = $4 WHERE id = $5",
        )
        .bind(&new.name)
        .bind(&new.transformation)
        .bind(new.is_enabled)
        .bind(now.as_millis())
        .bind(id)
        .execute(&mut tx)
        .await?;
        self.commit_account(tx).await?;
        Ok(new)
    }

    /// Removes one.
    pub async fn delete_named_transformation(&self, id: &str) -> Result<(), AccountError> {
        let mut tx = self.begin_account().await?;
        let gone = query("DELETE FROM named_transformations WHERE id = $1")
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

const COLUMNS: &str = "id, name, transformation, is_enabled, created_at, updated_at";

pub(super) async fn all<'a>(on: impl Into<On<'a>>) -> Result<Vec<NamedTransformation>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM named_transformations ORDER BY created_at, id");
    query(sql).fetch_all(on).await?.iter().map(of_row).collect()
}

async fn find<'a>(on: impl Into<On<'a>>, id: &str) -> Result<Option<NamedTransformation>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM named_transformations WHERE id = $1");
    let row = query(sql).bind(id).fetch_optional(on).await?;
    row.as_ref().map(of_row).transpose()
}

async fn name_is_free(tx: &mut Transaction, name: &str, but_for: &str) -> Result<(), AccountError> {
    let others: i64 = query("SELECT COUNT(*) FROM named_transformations WHERE name = $1 AND id <> $2")
        .bind(name)
        .bind(but_for)
        .scalar(tx)
        .await?;
    if others == 0 {
        Ok(())
    } else {
        Err(AccountError::Taken("name"))
    }
}

fn of_row(row: &Row) -> Result<NamedTransformation, StoreError> {
    Ok(NamedTransformation {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        transformation: row.try_get("transformation")?,
        is_enabled: row.try_get("is_enabled")?,
        created_at: timestamp(row, "created_at")?,
        updated_at: timestamp(row, "updated_at")?,
    })
}
