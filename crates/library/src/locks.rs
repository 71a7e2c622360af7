//! Folders that a job works on, and who has to keep out of them meanwhile.
//!
//! A row in `folder_locks` locks its folder with everything below. Whoever writes one holds the tree alone
//! ([`Lock::TreeAlone`](crate::database::Lock::TreeAlone)), so that who holds it shared and finds no row is safe until
//! the transaction ends.

use crate::change::ChangeError;
use crate::database::{Sql, Transaction, query};
use crate::id::JobId;
use crate::name::FolderPath;

/// Refuses if the folder, or one above it, is locked. Hold the tree, shared or alone.
pub(crate) async fn refuse_if_locked(tx: &mut Transaction, path: &FolderPath) -> Result<(), ChangeError> {
    let mut sql = Sql::new("SELECT path FROM folder_locks WHERE path IN (");
    sql.push_list(with_root(path)).push(") LIMIT 1");
    refuse(sql, tx).await
}

/// Refuses if the folder, one above it or one below it is locked: for who changes everything below, too.
pub(crate) async fn refuse_if_locked_within(tx: &mut Transaction, path: &FolderPath) -> Result<(), ChangeError> {
    let mut sql = Sql::new("SELECT path FROM folder_locks WHERE path IN (");
    sql.push_list(with_root(path)).push(") OR ");
    push_below(&mut sql, "path", path);
    sql.push(" LIMIT 1");
    refuse(sql, tx).await
}

/// A condition that holds for the paths of all folders below this one.
pub(crate) fn push_below(sql: &mut Sql, column: &str, path: &FolderPath) {
    // `0` follows `/` in the order of bytes, so this is a range of the index.
    let stem = if path.is_root() { "" } else { path.as_str() };
    sql.push(format!("({column} > ")).push_bind(format!("{stem}/"));
    sql.push(format!(" AND {column} < ")).push_bind(format!("{stem}0"));
    sql.push(")");
}

fn with_root(path: &FolderPath) -> impl Iterator<Item = String> + '_ {
    let root = std::iter::once(FolderPath::root());
    root.chain(path.lineage()).map(|path| path.as_str().to_owned())
}

async fn refuse(sql: Sql, tx: &mut Transaction) -> Result<(), ChangeError> {
    match sql.build().scalar_optional::<String>(tx).await? {
        None => Ok(()),
        Some(path) => Err(ChangeError::Locked(FolderPath::stored(path))),
    }
}

/// Locks a folder until its job ends. The caller has seen that it is free, and holds `Lock::TreeAlone`.
pub(crate) async fn lock(tx: &mut Transaction, path: &FolderPath, job: JobId) -> Result<(), sqlx::Error> {
    query("INSERT INTO folder_locks (path, job_id) VALUES ($1, $2)")
        .bind(path.as_str())
        .bind(job.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives up the locks of a job.
pub(crate) async fn unlock(tx: &mut Transaction, job: JobId) -> Result<(), sqlx::Error> {
    query("DELETE FROM folder_locks WHERE job_id = $1")
        .bind(job.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// True if a job works on this folder, on one above it or on one below.
pub(crate) async fn is_locked(tx: &mut Transaction, path: &FolderPath) -> Result<bool, sqlx::Error> {
    let (low, high) = path.range_below();
    let found: Option<i64> = query(
        "SELECT CAST(1 AS BIGINT) FROM folder_locks
         WHERE path = $1 OR (path >= $2 AND path < $3)
             OR (substr($1, 1, CAST(length(path) AS INTEGER) + 1) = path || '/') LIMIT 1",
    )
    .bind(path.as_str())
    .bind(low)
    .bind(high)
    .scalar_optional(tx)
    .await?;
    Ok(found.is_some())
}
