//! What every change of files and folders shares: why one is refused, and finding and holding what it changes.

use std::collections::BTreeMap;

use crate::asset::{ASSET_COLUMNS, Asset};
use crate::database::{Dialect, Row, Sql, Transaction, query};
use crate::error::{Code, StoreError};
use crate::id::{FileId, FolderId, IdError, TrashId, VersionId};
use crate::lookup;
use crate::name::FolderPath;
use crate::race::Race;

/// Why a change of files or folders was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such file.
    #[error("there is no file {0}")]
    NoFile(FileId),
    /// There is no file at this path.
    #[error("there is no file at `{0}`")]
    NoFileAt(String),
    /// Some of the files that were named do not exist.
    #[error("{} of the files do not exist", .0.len())]
    MissingFiles(Vec<FileId>),
    /// The file has no such version.
    #[error("the file {file} has no version {version}")]
    NoVersion {
        /// The file.
        file: FileId,
        /// What was asked for.
        version: VersionId,
    },
    /// The version that a file's path delivers cannot go alone.
    #[error("the version {0} is the current one")]
    CurrentVersion(VersionId),
    /// Another file is there.
    #[error("a file is already at `{0}`")]
    PathTaken(String),
    /// The file is there already.
    #[error("the file is already at `{0}`")]
    SamePlace(String),
    /// The file would have more versions than it may have.
    #[error("the file at `{path}` would have more than {limit} versions")]
    TooManyVersions {
        /// The file's path.
        path: String,
        /// How many it may have.
        limit: u32,
    },
    /// There is no such folder.
    #[error("there is no folder `{0}`")]
    NoFolder(FolderPath),
    /// The folder that holds everything can be neither deleted nor moved.
    #[error("the root folder stays where it is")]
    RootFolder,
    /// More in a folder than one request may change.
    #[error("the folder holds {found} files, versions and folders; {limit} are allowed")]
    TooManyObjects {
        /// What it holds, with everything below.
        found: u64,
        /// How many may be.
        limit: u32,
    },
    /// A job works on the folder.
    #[error("a job works on the folder `{0}`")]
    Locked(FolderPath),
    /// A text that is too long.
    #[error("the {field} has {found} bytes; {limit} are allowed")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// Its bytes.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// Values that the fields of custom metadata do not take: what is wrong, by field name.
    #[error("the custom metadata is invalid")]
    CustomMetadata(BTreeMap<String, String>),
    /// There is no such thing in the trash.
    #[error("there is nothing in the trash with the id {0}")]
    NotInTrash(TrashId),
    /// A deleted version whose file was deleted, too.
    #[error("the version's file {0} is in the trash itself; restore it first")]
    FileInTrash(FileId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::NoFile(_)
            | Self::NoFileAt(_)
            | Self::MissingFiles(_)
            | Self::NoVersion { .. }
            | Self::NoFolder(_)
            | Self::NotInTrash(_) => Code::NotFound,
            Self::CurrentVersion(_)
            | Self::PathTaken(_)
            | Self::SamePlace(_)
            | Self::TooManyVersions { .. }
            | Self::FileInTrash(_) => Code::Conflict,
            Self::RootFolder | Self::TooManyObjects { .. } | Self::TooLong { .. } | Self::CustomMetadata(_) => {
                Code::Invalid
            }
            Self::Locked(_) => Code::Locked,
            Self::Store(error) => error.code(),
        }
    }

    /// Somebody else changed what this transaction had just found.
    pub(crate) fn lost_race() -> Self {
        sqlx::Error::RowNotFound.into()
    }
}

impl Race for ChangeError {
    fn is_lost(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lost())
    }
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Holds the rows of files until the transaction ends, so that changes of one file come one after the other. Which of
/// them exist, in the order of ids: everybody takes them in that order, so that nobody waits in a circle.
pub(crate) async fn lock_files(tx: &mut Transaction, files: &[FileId]) -> Result<Vec<FileId>, ChangeError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT id FROM files WHERE id IN (");
    sql.push_list(files.iter().map(FileId::to_string)).push(") ORDER BY id");
    if tx.dialect() == Dialect::Postgres {
        sql.push(" FOR UPDATE");
    }
    let ids: Vec<String> = sql.build().scalars(tx).await?;
    ids.iter().map(|id| parsed(id, "files.id")).collect()
}

/// Holds one file's row; false if there is no such file.
pub(crate) async fn lock_file(tx: &mut Transaction, file: FileId) -> Result<bool, sqlx::Error> {
    let mut sql = Sql::new("SELECT id FROM files WHERE id = ");
    sql.push_bind(file.to_string());
    if tx.dialect() == Dialect::Postgres {
        sql.push(" FOR UPDATE");
    }
    let id: Option<String> = sql.build().scalar_optional(tx).await?;
    Ok(id.is_some())
}

/// The current version of a file.
pub(crate) async fn current(tx: &mut Transaction, file: FileId) -> Result<Option<Asset>, ChangeError> {
    let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.file_id = $1 AND v.is_current");
    asset(query(sql).bind(file.to_string()).fetch_optional(tx).await?)
}

/// One version of a file.
pub(crate) async fn version(
    tx: &mut Transaction,
    file: FileId,
    version: VersionId,
) -> Result<Option<Asset>, ChangeError> {
    let sql = format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.id = $1 AND v.file_id = $2");
    let row = query(sql).bind(version.to_string()).bind(file.to_string());
    asset(row.fetch_optional(tx).await?)
}

fn asset(row: Option<Row>) -> Result<Option<Asset>, ChangeError> {
    Ok(row.map(|row| Asset::of_row(&row)).transpose()?)
}

/// The file at a path, compared byte by byte. Hold the path's lock, or it may be gone the next moment.
pub(crate) async fn file_at(tx: &mut Transaction, path: &str) -> Result<Option<FileId>, ChangeError> {
    let (folder, name) = lookup::split(path);
    let id: Option<String> = query(
        "SELECT file_id FROM versions
         WHERE folder_id = (SELECT id FROM folders WHERE path = $1) AND name = $2 AND is_current",
    )
    .bind(folder)
    .bind(name)
    .scalar_optional(tx)
    .await?;
    id.map(|id| parsed(&id, "versions.file_id")).transpose()
}

/// One version in the history of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generation {
    pub version: VersionId,
    pub is_current: bool,
}

/// The versions of a file, the oldest first.
pub(crate) async fn history(tx: &mut Transaction, file: FileId) -> Result<Vec<Generation>, ChangeError> {
    let rows = query("SELECT id, is_current FROM versions WHERE file_id = $1 ORDER BY number")
        .bind(file.to_string())
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Generation {
                version: parsed(row.try_get("id")?, "versions.id")?,
                is_current: row.try_get("is_current")?,
            })
        })
        .collect()
}

/// The folder of a path that a file was found at, as it stands in the database.
pub(crate) fn folder_of(path: &str) -> FolderPath {
    FolderPath::stored(lookup::split(path).0)
}

pub(crate) fn parsed<T: std::str::FromStr<Err = IdError>>(text: &str, column: &'static str) -> Result<T, ChangeError> {
    text.parse()
        .map_err(|error: IdError| StoreError::unreadable(column, error).into())
}

/// The id of a folder that must be there, because the transaction holds the tree.
pub(crate) async fn folder_id(tx: &mut Transaction, path: &FolderPath) -> Result<FolderId, ChangeError> {
    crate::folder::find(tx, path)
        .await?
        .ok_or_else(|| ChangeError::NoFolder(path.clone()))
}
