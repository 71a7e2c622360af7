//! Blobs: bytes named by their SHA-256, written once, never changed.
//!
//! Reading, listing and deleting go through `object_store`. So does the last step of writing, a rename from the
//! staging directory onto the name. We do not use its `put`, because the name is known only after the last byte, and
//! because the prober needs a local file before anything is decided. With `with_fsync`, its rename creates missing
//! directories and makes them and the new entry durable; the bytes themselves we sync before it. Replacing a
//! blob by the rename is harmless: equal names are equal bytes. A remote store would put the staged file instead.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};

use crate::error::Code;
use crate::id::IdError;

/// The SHA-256 of a blob: its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    pub(crate) fn of_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Two levels of 256 directories keep each small: a million blobs are fifteen in each.
    fn path(&self) -> ObjectPath {
        let name = self.to_string();
        ObjectPath::from_iter([&name[..2], &name[2..4], &name[..]])
    }

    pub(crate) fn of_path(path: &ObjectPath) -> Option<Self> {
        let id = path.filename()?.parse::<Self>().ok()?;
        (id.path() == *path).then_some(id)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl FromStr for BlobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError)?;
        Ok(Self(bytes))
    }
}

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// More bytes than the caller allows.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// How many are allowed.
        limit: u64,
    },
    /// No room left on the device, or the quota is used up.
    #[error("the blob store has no room left")]
    StorageFull(#[source] io::Error),
    /// There is no such blob.
    #[error("there is no blob {0}")]
    NotFound(BlobId),
    /// The range begins behind the end or holds nothing.
    #[error("the range {start}..{end} lies outside the {size} bytes of the blob")]
    Range {
        /// First byte asked for.
        start: u64,
        /// One behind the last.
        end: u64,
        /// Bytes there are.
        size: u64,
    },
    /// An earlier write of this file failed or was given up half-way.
    #[error("an earlier write of this file did not finish")]
    Broken,
    /// Another failure of the disk.
    #[error("could not read or write the blob")]
    Io(#[source] io::Error),
    /// Another failure of the store.
    #[error("the blob store failed")]
    Store(#[source] object_store::Error),
}

impl BlobError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::TooLarge,
            Self::StorageFull(_) => Code::StorageFull,
            Self::NotFound(_) => Code::NotFound,
            Self::Range { .. } => Code::Invalid,
            Self::Broken | Self::Io(_) | Self::Store(_) => Code::Internal,
        }
    }

    fn of_store(error: object_store::Error, id: &BlobId) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound(*id),
            other => match io_kind(&other) {
                Some(kind) if is_full(kind) => Self::StorageFull(kind.into()),
                _ => Self::Store(other),
            },
        }
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        if is_full(error.kind()) {
            Self::StorageFull(error)
        } else {
            Self::Io(error)
        }
    }
}

fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// An object of our own beside the blobs. Its absence means that the store is not the one we opened: a volume that is not
/// mounted is an empty directory, and would otherwise look healthy.
const MARKER: &str = "tintype-blobs";
const STAGING: &str = "staging";

/// The blob store of a library.
#[derive(Clone, Debug)]
pub(crate) struct BlobStore {
    store: Arc<LocalFileSystem>,
    staging: PathBuf,
}

impl BlobStore {
    /// Creates the directories, and removes what uploads left behind when the process before us ended. The caller holds
    /// the lock of the library, so no staged file can belong to somebody else.
    pub(crate) async fn open(root: &Path) -> Result<Self, BlobError> {
        let staging = root.join(STAGING);
        // Staging lies inside the store, because a rename cannot leave its file system.
        tokio::fs::create_dir_all(&staging).await?;
        let mut entries = tokio::fs::read_dir(&staging).await?;
        while let Some(entry) = entries.next_entry().await? {
            if entry.file_type().await?.is_file() {
                tokio::fs::remove_file(entry.path()).await?;
            }
        }
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(BlobError::Store)?
            .with_fsync(true);
        let marker = PutOptions::from(PutMode::Create);
        match store
            .put_opts(&ObjectPath::from(MARKER), PutPayload::from_static(b"1\n"), marker)
            .await
        {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => {
                return Err(match io_kind(&error) {
                    Some(kind) => BlobError::from(io::Error::new(kind, error)),
                    None => BlobError::Store(error),
                });
            }
        }
        Ok(Self {
            store: Arc::new(store),
            staging,
        })
    }

    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    pub(crate) async fn health(&self) -> Result<(), object_store::Error> {
        self.store.head(&ObjectPath::from(MARKER)).await.map(drop)
    }

    /// Gives the staged file, whose bytes are on the disk already, its lasting name.
    pub(crate) async fn promote(&self, staged: &Path, id: &BlobId) -> Result<(), BlobError> {
        let name = staged
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or(BlobError::Broken)?;
        let from = ObjectPath::from_iter([STAGING, name]);
        self.store
            .rename(&from, &id.path())
            .await
            .map_err(|error| BlobError::of_store(error, id))
    }

    /// True if the blob is there with this size. Anything else is written again.
    pub(crate) async fn holds(&self, id: &BlobId, size: u64) -> Result<bool, BlobError> {
        match self.store.head(&id.path()).await {
            Ok(meta) => Ok(meta.size == size),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(BlobError::Store(error)),
        }
    }

    /// Removing what is gone already is no failure: a collection that was cut short is run again.
    pub(crate) async fn remove(&self, id: &BlobId) -> Result<(), BlobError> {
        match self.store.delete(&id.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::of_store(error, id)),
        }
    }

    /// All blobs that there are, with the time they were written, in no order.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<(BlobId, time::OffsetDateTime), BlobError>> {
        self.store
            .list(None)
            .filter_map(async |meta| match meta {
                Ok(meta) => {
                    let id = BlobId::of_path(&meta.location)?;
                    let ms = meta.last_modified.timestamp_millis();
                    Some(Ok((
                        id,
                        time::OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms),
                    )))
                }
                Err(error) => Some(Err(BlobError::Store(error))),
            })
            .boxed()
    }

    pub(crate) fn blob(&self, id: &BlobId) -> Blob {
        Blob {
            store: Arc::clone(&self.store),
            id: *id,
        }
    }
}

/// One blob to read. Nothing is opened before something is asked for.
#[derive(Clone, Debug)]
pub struct Blob {
    store: Arc<LocalFileSystem>,
    id: BlobId,
}

/// Large enough that a switch of threads a piece does not count, small enough for a thousand readers at once.
const PIECE: usize = 128 * 1024;

impl Blob {
    /// Its name.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Its size in bytes.
    pub async fn size(&self) -> Result<u64, BlobError> {
        let meta = self
            .store
            .head(&self.id.path())
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        Ok(meta.size)
    }

    /// All of it, if it has at most `max` bytes.
    pub async fn read_all(&self, max: u64) -> Result<Bytes, BlobError> {
        let result = self
            .store
            .get(&self.id.path())
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        if result.meta.size > max {
            return Err(BlobError::TooLarge { limit: max });
        }
        result
            .bytes()
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))
    }

    /// The bytes from `range.start` up to, not including, `range.end`, piece by piece.
    pub async fn read_range(
        &self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        if range.is_empty() {
            let (start, end, size) = (range.start, range.end, self.size().await?);
            return if start == end && start <= size {
                Ok(stream::empty().boxed())
            } else {
                Err(BlobError::Range { start, end, size })
            };
        }
        let id = self.id;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let result = match self.store.get_opts(&id.path(), options).await {
            Ok(result) => result,
            Err(error) => {
                let size = self.size().await?;
                return Err(if range.start >= size {
                    BlobError::Range {
                        start: range.start,
                        end: range.end,
                        size,
                    }
                } else {
                    BlobError::of_store(error, &id)
                });
            }
        };
        if result.range.end != range.end {
            return Err(BlobError::Range {
                start: range.start,
                end: range.end,
                size: result.meta.size,
            });
        }
        Ok(match result.payload {
            // The store's own stream reads a file in small pieces, each on another thread.
            GetResultPayload::File(file, _) => file_pieces(file, range).boxed(),
            GetResultPayload::Stream(pieces) => pieces
                .map(move |piece| piece.map_err(|error| BlobError::of_store(error, &id)))
                .boxed(),
        })
    }
}

fn file_pieces(file: File, range: Range<u64>) -> impl stream::Stream<Item = Result<Bytes, BlobError>> + Send {
    stream::try_unfold((file, range), async |(mut file, rest)| {
        if rest.is_empty() {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || -> io::Result<_> {
            let length = (rest.end - rest.start).min(PIECE as u64);
            let mut piece = Vec::with_capacity(PIECE);
            file.seek(SeekFrom::Start(rest.start))?;
            let read = file.by_ref().take(length).read_to_end(&mut piece)? as u64;
            if read < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok((Bytes::from(piece), (file, rest.start + read..rest.end)))
        });
        Ok(Some(read.await.map_err(|_| BlobError::Broken)??))
    })
}
