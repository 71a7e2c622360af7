//! Folders that a job works on. A path is locked with everything below it.

use crate::database::{Transaction, query};
use crate::id::JobId;
use crate::name::FolderPath;

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
