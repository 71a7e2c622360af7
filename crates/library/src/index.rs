//! What finds versions by their facts, kept in the transaction that changes a version.

use crate::database::{Transaction, query};
use crate::id::VersionId;

/// Brings the index up to date with a version's row.
pub(crate) async fn index(tx: &mut Transaction, version: VersionId) -> Result<(), sqlx::Error> {
    let id = version.to_string();
    let tags: String = query("SELECT tags FROM versions WHERE id = $1")
        .bind(&id)
        .scalar(&mut *tx)
        .await?;
    let tags: Vec<String> = serde_json::from_str(&tags).map_err(|error| sqlx::Error::Decode(error.into()))?;
    query("DELETE FROM version_tags WHERE version_id = $1")
        .bind(&id)
        .execute(&mut *tx)
        .await?;
    for tag in tags {
        query("INSERT INTO version_tags (tag, version_id) VALUES ($1, $2)")
            .bind(tag)
            .bind(&id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
