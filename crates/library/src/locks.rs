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
    refuse(find(tx, path, false).await?)
}

/// Refuses if the folder, one above it or one below it is locked: for who changes everything below, too.
pub(crate) async fn refuse_if_locked_within(tx: &mut Transaction, path: &FolderPath) -> Result<(), ChangeError> {
    refuse(find(tx, path, true).await?)
}

/// True if a job works on this folder, on one above it or on one below.
pub(crate) async fn is_locked(tx: &mut Transaction, path: &FolderPath) -> Result<bool, sqlx::Error> {
    Ok(find(tx, path, true).await?.is_some())
}

/// A locked folder: this one, one above it or, if `within`, one below it.
async fn find(tx: &mut Transaction, path: &FolderPath, within: bool) -> Result<Option<String>, sqlx::Error> {
    let mut sql = Sql::new("SELECT path FROM folder_locks WHERE path IN (");
    sql.push_list(with_root(path)).push(")");
    if within {
        sql.push(" OR ");
        push_below(&mut sql, "path", path);
    }
    sql.push(" LIMIT 1");
    sql.build().scalar_optional(tx).await
}

fn refuse(locked: Option<String>) -> Result<(), ChangeError> {
    match locked {
        None => Ok(()),
        Some(path) => Err(ChangeError::Locked(FolderPath::stored(path))),
    }
}

/// A condition that holds for the paths of all folders below this one.
pub(crate) fn push_below(sql: &mut Sql, column: &str, path: &FolderPath) {
    let (low, high) = path.range_below();
    // No path but the root's ends with a slash, so none is the low end itself.
    sql.push(format!("({column} > ")).push_bind(low);
    sql.push(format!(" AND {column} < ")).push_bind(high);
    sql.push(")");
}

fn with_root(path: &FolderPath) -> impl Iterator<Item = String> + '_ {
    let root = std::iter::once(FolderPath::root());
    root.chain(path.lineage()).map(|path| path.as_str().to_owned())
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
