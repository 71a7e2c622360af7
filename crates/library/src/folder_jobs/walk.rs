//! Through all files of a folder and those below it, a page at a time, in the order of paths and names.

use serde::{Deserialize, Serialize};

use crate::database::{Transaction, query};
use crate::error::StoreError;
use crate::folder::{FOLDER_COLUMNS, Folder};
use crate::name::FolderPath;

/// How far a walk is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The folder that it is in; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<String>,
    /// The last file there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

/// The files of one folder that come next.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) folder: Folder,
    /// The first of this folder.
    pub(super) is_first: bool,
    pub(super) files: Vec<PageFile>,
}

#[derive(Clone, Debug)]
pub(super) struct PageFile {
    pub(super) file: String,
    pub(super) version: String,
    pub(super) name: String,
}

/// The folder that a walk is in, with the next files in it; or the next folder, when there are none left.
///
/// Each folder comes at least once, also one without files. `None` at the end.
pub(super) async fn next(
    tx: &mut Transaction,
    root: &FolderPath,
    place: &mut Place,
    limit: usize,
) -> Result<Option<Page>, StoreError> {
    let at = || format!("SELECT {FOLDER_COLUMNS} FROM folders f WHERE f.path = $1");
    loop {
        let (low, high) = root.range_below();
        let statement = match &place.folder {
            None => query(at()).bind(root.as_str()),
            Some(folder) if place.after.is_some() => query(at()).bind(folder),
            Some(folder) => query(format!(
                "SELECT {FOLDER_COLUMNS} FROM folders f WHERE f.path > $1 AND f.path >= $2 AND f.path < $3
                 ORDER BY f.path LIMIT 1"
            ))
            .bind(folder)
            .bind(low)
            .bind(high),
        };
        let Some(row) = statement.fetch_optional(&mut *tx).await? else {
            match (&place.folder, &place.after) {
                // The root is gone, or the folder that the walk was in: what is left comes after it.
                (None, _) => place.folder = Some(root.as_str().to_owned()),
                (Some(_), Some(_)) => {}
                (Some(_), None) => return Ok(None),
            }
            place.after = None;
            continue;
        };
        let folder = Folder::of_row(&row)?;
        let is_first = place.after.is_none();
        let rows = query(
            "SELECT id, file_id, name FROM versions WHERE folder_id = $1 AND is_current AND name > $2
             ORDER BY name LIMIT $3",
        )
        .bind(folder.id.to_string())
        .bind(place.after.as_deref().unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await?;
        let files = rows
            .iter()
            .map(|row| {
                Ok(PageFile {
                    file: row.try_get("file_id")?,
                    version: row.try_get("id")?,
                    name: row.try_get("name")?,
                })
            })
            .collect::<Result<Vec<_>, sqlx::Error>>()?;
        place.folder = Some(folder.path.as_str().to_owned());
        // A page that is not full is the folder's last.
        place.after = files
            .last()
            .filter(|_| files.len() == limit)
            .map(|file| file.name.clone());
        if files.is_empty() && !is_first {
            continue;
        }
        return Ok(Some(Page {
            folder,
            is_first,
            files,
        }));
    }
}
