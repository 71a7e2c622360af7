//! Rows of versions as a whole: copied, kept as JSON, brought back. The names of the columns come from the database, so
//! that none is forgotten that a later migration adds.

use serde_json::{Map, Value as Json};

use crate::change::ChangeError;
use crate::database::{Dialect, Sql, Transaction, Value, query};
use crate::error::StoreError;
use crate::id::VersionId;
use crate::index;

/// A column and what stands there instead of what is copied.
pub(crate) type Replaced<'a> = (&'a str, Value);

/// The names of the columns of `versions`.
pub(crate) async fn of_versions(tx: &mut Transaction) -> Result<Vec<String>, ChangeError> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => "SELECT name FROM pragma_table_info('versions') ORDER BY cid",
        Dialect::Postgres => {
            "SELECT CAST(attname AS TEXT) FROM pg_attribute
             WHERE attrelid = CAST('versions' AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        }
    };
    Ok(query(statement).scalars(tx).await?)
}

/// Copies a version's row, all but what is replaced.
pub(crate) async fn copy_version<'a>(
    tx: &mut Transaction,
    columns: &[String],
    source: VersionId,
    replaced: impl IntoIterator<Item = Replaced<'a>>,
) -> Result<(), ChangeError> {
    let mut replaced: Vec<Replaced<'_>> = replaced.into_iter().collect();
    let id = replaced.iter().find_map(|(column, value)| match value {
        Value::Text(Some(id)) if *column == "id" => Some(id.clone()),
        _ => None,
    });
    let mut sql = Sql::new(format!("INSERT INTO versions ({}) SELECT ", columns.join(", ")));
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            sql.push(", ");
        }
        match replaced.iter().position(|(name, _)| name == column) {
            Some(found) => sql.push_bind(replaced.swap_remove(found).1),
            None => sql.push(column),
        };
    }
    sql.push(" FROM versions WHERE id = ").push_bind(source.to_string());
    sql.build().execute(&mut *tx).await?;
    if let Some(id) = id {
        index::index(tx, crate::change::parsed(&id, "versions.id")?).await?;
    }
    Ok(())
}

/// An expression that gives the rows of `versions v` in a group as a JSON list, the oldest first.
pub(crate) fn as_json(dialect: Dialect, columns: &[String]) -> String {
    match dialect {
        Dialect::Sqlite => {
            let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', v.{column}")).collect();
            format!("json_group_array(json_object({}) ORDER BY v.number)", pairs.join(", "))
        }
        Dialect::Postgres => "CAST(json_agg(row_to_json(v) ORDER BY v.number) AS TEXT)".to_owned(),
    }
}

/// Rows that were kept as JSON, by the names of their columns.
pub(crate) fn of_json(text: &str) -> Result<Vec<Map<String, Json>>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable("trash.versions", error))
}

/// Puts rows back. Columns that came after they were kept get their defaults.
pub(crate) async fn insert_json(tx: &mut Transaction, rows: &[Map<String, Json>]) -> Result<(), ChangeError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut columns = of_versions(tx).await?;
    columns.retain(|column| first.contains_key(column));
    let names = columns.join(", ");
    let statement = match tx.dialect() {
        Dialect::Sqlite => {
            let values: Vec<String> = columns
                .iter()
                .map(|column| format!("json_extract(j.value, '$.{column}')"))
                .collect();
            format!(
                "INSERT INTO versions ({names}) SELECT {} FROM json_each($1) j",
                values.join(", ")
            )
        }
        Dialect::Postgres => format!(
            "INSERT INTO versions ({names})
             SELECT {names} FROM json_populate_recordset(CAST(NULL AS versions), CAST($1 AS json))"
        ),
    };
    query(statement)
        .bind(serde_json::json!(rows).to_string())
        .execute(&mut *tx)
        .await?;
    for row in rows {
        if let Some(Json::String(id)) = row.get("id") {
            index::index(tx, crate::change::parsed(id, "versions.id")?).await?;
        }
    }
    Ok(())
}
