//! One file, by id or by path.

use crate::asset::{ASSET_COLUMNS, Asset};
use crate::database::query;
use crate::error::StoreError;
use crate::folder::{FOLDER_COLUMNS, Folder};
use crate::id::{FileId, VersionId};
use crate::library::Library;
use crate::name::FolderPath;

/// `/a/b/c.jpg` is `c.jpg` in `/a/b`. The slash at the start may be absent.
pub(crate) fn split(path: &str) -> (String, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.rsplit_once('/') {
        Some((folder, name)) => (format!("/{folder}"), name),
        None => ("/".to_owned(), path),
    }
}

/// True for a text with a NUL: nothing has one in its name, and PostgreSQL would not even look.
fn is_nobodys(text: &str) -> bool {
    text.contains('\0')
}

/// Each first hit of a delivery asks this.
fn at_path() -> String {
    format!(
        "SELECT {ASSET_COLUMNS} FROM versions v
         WHERE v.folder_id = (SELECT id FROM folders WHERE path = $1) AND v.name = $2 AND v.is_current"
    )
}

impl Library {
    /// The current version of a file.
    pub async fn file(&self, id: FileId) -> Result<Option<Asset>, StoreError> {
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.file_id = $1 AND v.is_current");
        let row = query(sql)
            .bind(id.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Asset::of_row(&row)).transpose()
    }

    /// The current version of the file at a path, compared byte by byte.
    pub async fn file_at(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        if is_nobodys(path) {
            return Ok(None);
        }
        let (folder, name) = split(path);
        let row = query(at_path())
            .bind(folder)
            .bind(name)
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Asset::of_row(&row)).transpose()
    }

    /// The version of the file at a path that a delivery URL asks for by its token.
    pub async fn version_at(&self, path: &str, token: &str) -> Result<Option<Asset>, StoreError> {
        if is_nobodys(path) || is_nobodys(token) {
            return Ok(None);
        }
        let (folder, name) = split(path);
        let sql = format!(
            "SELECT {ASSET_COLUMNS} FROM versions v
             WHERE v.token = $1 AND v.folder_id = (SELECT id FROM folders WHERE path = $2) AND v.name = $3"
        );
        let row = query(sql)
            .bind(token)
            .bind(folder)
            .bind(name)
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Asset::of_row(&row)).transpose()
    }

    /// One version of a file.
    pub async fn version(&self, file: FileId, version: VersionId) -> Result<Option<Asset>, StoreError> {
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.id = $1 AND v.file_id = $2");
        let row = query(sql)
            .bind(version.to_string())
            .bind(file.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Asset::of_row(&row)).transpose()
    }

    /// All versions of a file, the newest first; none if there is no such file.
    pub async fn versions(&self, file: FileId) -> Result<Vec<Asset>, StoreError> {
        let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.file_id = $1 ORDER BY v.number DESC");
        let rows = query(sql)
            .bind(file.to_string())
            .fetch_all(self.database().reader())
            .await?;
        rows.iter().map(Asset::of_row).collect()
    }

    /// The folder at a path. The root is none.
    pub async fn folder_at(&self, path: &FolderPath) -> Result<Option<Folder>, StoreError> {
        let sql = format!("SELECT {FOLDER_COLUMNS} FROM folders f WHERE f.path = $1 AND f.parent_id IS NOT NULL");
        let row = query(sql)
            .bind(path.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Folder::of_row(&row)).transpose()
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[tokio::test]
    async fn delivery_finds_a_file_by_indexes_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = Library::for_testing(directory.path()).await;
        let explain = format!("EXPLAIN QUERY PLAN {}", at_path());
        let rows = query(explain)
            .bind("/a")
            .bind("b")
            .fetch_all(library.database().reader())
            .await
            .expect("a plan");
        let plan = rows
            .iter()
            .map(|row| row.try_get::<String, _>("detail").expect("a detail"))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(
            plan.contains("current_in_folder_by_name (folder_id=? AND name=?)"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN"), "{plan}");
    }

    #[test]
    fn paths_are_split_at_the_last_slash() {
        for (path, folder, name) in [
            ("/a/b/c.jpg", "/a/b", "c.jpg"),
            ("a/c.jpg", "/a", "c.jpg"),
            ("/c.jpg", "/", "c.jpg"),
            ("c.jpg", "/", "c.jpg"),
            ("/a/", "/a", ""),
            ("//c.jpg", "/", "c.jpg"),
            ("", "/", ""),
        ] {
            assert_eq!(split(path), (folder.to_owned(), name), "{path}");
        }
    }
}
