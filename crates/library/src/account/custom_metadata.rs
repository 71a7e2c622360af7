//! Custom metadata fields: what values files may have besides those that everything has.

mod schema;
mod values;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::account::AccountError;
use crate::database::{On, Row, Transaction, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

pub use crate::id::FieldId;
pub use schema::{FieldType, Schema};
pub use values::{CustomMetadata, ValuesMode, date_millis};

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomMetadataField {
    /// Its id.
    pub id: FieldId,
    /// The key of its values. It never changes and is never used again, also when the field is deleted.
    pub name: String,
    /// For people; no two fields that are not deleted have the same.
    pub label: String,
    /// For people.
    pub description: Option<String>,
    /// What values it takes.
    pub schema: Schema,
    /// Its values are not shown any more.
    pub is_deleted: bool,
}

/// What to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct FieldChange {
    /// Another label.
    pub label: Option<String>,
    /// Another schema of the same type.
    pub schema: Option<Schema>,
    /// Another description; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
}

/// What is wrong, by the name of a field or of a key of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct FieldErrors(pub BTreeMap<String, String>);

impl FieldErrors {
    /// More are of no use to anybody.
    const MOST: usize = 100;

    /// Adds one; the first for a name stays.
    pub fn add(&mut self, name: &str, problem: impl Into<String>) {
        if self.0.len() < Self::MOST {
            self.0.entry(name.to_owned()).or_insert_with(|| problem.into());
        }
    }

    /// The value, if nothing is wrong.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, problem)) in self.0.iter().enumerate() {
            let joint = if at > 0 { "; " } else { "" };
            write!(f, "{joint}{name} {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

impl Library {
    /// How many fields there may be at one time.
    pub const CUSTOM_METADATA_FIELDS: usize = 500;

    /// All fields, the oldest first.
    pub async fn custom_metadata_fields(&self, include_deleted: bool) -> Result<Vec<CustomMetadataField>, StoreError> {
        all(self.database().reader(), include_deleted).await
    }

    /// Makes a field.
    pub async fn create_custom_metadata_field(
        &self,
        name: &str,
        label: &str,
        description: Option<&str>,
        schema: Schema,
        now: Timestamp,
    ) -> Result<CustomMetadataField, AccountError> {
        let mut tx = self.begin_account().await?;
        let known = all(&mut tx, true).await?;
        if known.iter().any(|field| field.name == name) {
            return Err(AccountError::Taken("name"));
        }
        label_is_free(&known, label, None)?;
        if known.iter().filter(|field| !field.is_deleted).count() >= Self::CUSTOM_METADATA_FIELDS {
            return Err(AccountError::TooMany {
                limit: Self::CUSTOM_METADATA_FIELDS,
            });
        }
        let field = CustomMetadataField {
            id: FieldId::generate(now),
            name: name.to_owned(),
            label: label.to_owned(),
            description: description.map(str::to_owned),
            schema,
            is_deleted: false,
        };
        query(
            "INSERT INTO custom_metadata_fields (id, name, label, description, schema, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .bind(field.id.to_string())
        .bind(&field.name)
        .bind(&field.label)
        .bind(field.description.as_deref())
        .bind(Value::Object(field.schema.to_json()).to_string())
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
        self.commit_account(tx).await?;
        Ok(field)
    }

    /// Changes a field. `change` is asked for the field as it is, because what a schema may be depends on its type.
    pub async fn update_custom_metadata_field<E: From<AccountError>>(
        &self,
        id: FieldId,
        change: impl FnOnce(&CustomMetadataField) -> Result<FieldChange, E> + Send,
        now: Timestamp,
    ) -> Result<CustomMetadataField, E> {
        let store = |error: StoreError| E::from(AccountError::Store(error));
        let mut tx = self.begin_account().await.map_err(store)?;
        let (known, old) = find(&mut tx, id).await?;
        if old.is_deleted {
            return Err(AccountError::Deleted.into());
        }
        let change = change(&old)?;
        let new = CustomMetadataField {
            label: change.label.unwrap_or(old.label),
            description: change.description.unwrap_or(old.description),
            schema: change.schema.unwrap_or(old.schema),
            ..old
        };
        label_is_free(&known, &new.label, Some(id))?;
        query("UPDATE custom_metadata_fields SET label = $1, description = $2, schema = $3, updated_at = $4 WHERE id = $5")
            .bind(&new.label)
            .bind(new.description.as_deref())
            .bind(Value::Object(new.schema.to_json()).to_string())
            .bind(now.as_millis())
            .bind(id.to_string())
            .execute(&mut tx)
            .await
            .map_err(|error| store(error.into()))?;
        self.commit_account(tx).await.map_err(store)?;
        Ok(new)
    }

    /// Deletes a field. Its name stays taken; its values stay where they are and are not shown.
    pub async fn delete_custom_metadata_field(&self, id: FieldId, now: Timestamp) -> Result<(), AccountError> {
        let mut tx = self.begin_account().await?;
        let gone = query("UPDATE custom_metadata_fields SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL")
            .bind(now.as_millis())
            .bind(id.to_string())
            .execute(&mut tx)
            .await?;
        if gone == 0 {
            return Err(AccountError::NotFound);
        }
        self.commit_account(tx).await?;
        Ok(())
    }
}

pub(crate) async fn all<'a>(
    on: impl Into<On<'a>>,
    include_deleted: bool,
) -> Result<Vec<CustomMetadataField>, StoreError> {
    let rows = query(
        "SELECT id, name, label, description, schema, deleted_at IS NOT NULL AS is_deleted FROM custom_metadata_fields
         WHERE deleted_at IS NULL OR $1 ORDER BY created_at, id",
    )
    .bind(include_deleted)
    .fetch_all(on)
    .await?;
    rows.iter().map(of_row).collect()
}

async fn find(
    tx: &mut Transaction,
    id: FieldId,
) -> Result<(Vec<CustomMetadataField>, CustomMetadataField), AccountError> {
    let known = all(&mut *tx, true).await?;
    let field = known.iter().find(|field| field.id == id).cloned();
    field.map(|field| (known, field)).ok_or(AccountError::NotFound)
}

fn label_is_free(known: &[CustomMetadataField], label: &str, but_for: Option<FieldId>) -> Result<(), AccountError> {
    let taken = known
        .iter()
        .any(|field| !field.is_deleted && field.label == label && Some(field.id) != but_for);
    if taken {
        Err(AccountError::Taken("label"))
    } else {
        Ok(())
    }
}

fn of_row(row: &Row) -> Result<CustomMetadataField, StoreError> {
    let id: &str = row.try_get("id")?;
    let schema: &str = row.try_get("schema")?;
    let schema: Map<String, Value> =
        serde_json::from_str(schema).map_err(|error| StoreError::unreadable("custom_metadata_fields.schema", error))?;
    Ok(CustomMetadataField {
        id: id
            .parse()
            .map_err(|error: crate::id::IdError| StoreError::unreadable("custom_metadata_fields.id", error))?,
        name: row.try_get("name")?,
        label: row.try_get("label")?,
        description: row.try_get("description")?,
        schema: Schema::parse(&schema, None)
            .map_err(|error| StoreError::unreadable("custom_metadata_fields.schema", error))?,
        is_deleted: row.try_get("is_deleted")?,
    })
}
