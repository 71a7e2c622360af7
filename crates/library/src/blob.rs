//! Blobs: bytes named by their SHA-256, written once, never changed.
//!
//! Reading, listing and deleting go through `object_store`. So does the last step of writing, a rename from the
//! staging directory onto the name. We do not use its `put`, because the name is known only after the last byte, and
//! because the prober needs a local file before anything is decided. With `with_fsync`, its rename creates missing
//! directories and makes them and the new entry durable; the bytes themselves we sync before it. Replacing a
//! blob by the rename is harmless: equal names are equal bytes. To an object storage the staged file is sent instead.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart,
};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use crate::error::Code;
use crate::id::IdError;
use crate::pieces::file_pieces;
use crate::settings::BlobUrl;

/// The SHA-256 of a blob: its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The name of the bytes that have this SHA-256.
    pub fn of_digest(digest: [u8; 32]) -> Self {
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
    /// The bytes are not those that were stored.
    #[error("the blob {0} is damaged")]
    Damaged(BlobId),
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
            Self::Damaged(_) | Self::Broken | Self::Io(_) | Self::Store(_) => Code::Internal,
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

pub(crate) fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
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
/// A folder beside the blobs for what was made of them and is dear to make again. It is nothing that a library knows or needs.
pub const DERIVED: &str = "derived";
/// A staged file to which nothing was added for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The blob store of a library.
#[derive(Clone, Debug)]
pub(crate) struct BlobStore {
    store: Arc<dyn ObjectStore>,
    /// What stands before every name: empty in a directory.
    prefix: ObjectPath,
    staging: PathBuf,
    /// Staged files become blobs by a rename, in the same directory. Otherwise they are sent.
    is_local: bool,
}

impl BlobStore {
    /// Creates the directories, and removes what uploads left behind when the process before us ended. The caller holds
    /// the lock of the data directory, so no file that is staged inside it can belong to somebody else; in a directory
    /// that nodes share, one that was written to lately may. With an object storage, files are staged in the data
    /// directory.
    pub(crate) async fn open(url: &BlobUrl, data_dir: &Path) -> Result<Self, BlobError> {
        let staging = match url {
            // Staging lies inside the store, because a rename cannot leave its file system.
            BlobUrl::File(root) => root.join(STAGING),
            BlobUrl::Remote(_) => data_dir.join(STAGING),
        };
        tokio::fs::create_dir_all(&staging).await?;
        let is_ours = staging.starts_with(data_dir);
        let mut entries = tokio::fs::read_dir(&staging).await?;
        while let Some(entry) = entries.next_entry().await? {
            let meta = match entry.metadata().await {
                Ok(meta) => meta,
                // Its upload has just ended, on another node.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let is_left = is_ours || meta.modified()?.elapsed().is_ok_and(|age| age > ABANDONED);
            if meta.is_file() && is_left {
                tokio::fs::remove_file(entry.path()).await?;
            }
        }
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match url {
            BlobUrl::File(root) => {
                let store = LocalFileSystem::new_with_prefix(root).map_err(BlobError::Store)?;
                (Arc::new(store.with_fsync(true)), ObjectPath::default())
            }
            BlobUrl::Remote(remote) => {
                // Another part of the program may have chosen first, and chose the same.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let (store, prefix) =
                    object_store::parse_url_opts(remote.url(), remote.options()).map_err(BlobError::Store)?;
                (Arc::from(store), prefix)
            }
        };
        let opened = Self {
            store,
            prefix,
            staging,
            is_local: matches!(url, BlobUrl::File(_)),
        };
        opened.mark().await?;
        Ok(opened)
    }

    /// Puts the marker into a store that is used for the first time.
    async fn mark(&self) -> Result<(), BlobError> {
        let failed = |error| match io_kind(&error) {
            Some(kind) => BlobError::from(io::Error::new(kind, error)),
            None => BlobError::Store(error),
        };
        match self.health().await {
            Ok(()) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => self
                .store
                .put(&self.prefix.clone().join(MARKER), PutPayload::from_static(b"1\n"))
                .await
                .map(drop)
                .map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    fn path(&self, id: &BlobId) -> ObjectPath {
        self.prefix.parts().chain(id.path().parts()).collect()
    }

    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    pub(crate) async fn health(&self) -> Result<(), object_store::Error> {
        self.store.head(&self.prefix.clone().join(MARKER)).await.map(drop)
    }

    /// Gives the staged file, whose bytes are on the disk already, its lasting name.
    pub(crate) async fn promote(&self, staged: &Path, id: &BlobId) -> Result<(), BlobError> {
        if !self.is_local {
            return self.send(staged, id).await;
        }
        let name = staged
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or(BlobError::Broken)?;
        let from = ObjectPath::from_iter([STAGING, name]);
        self.store
            .rename(&from, &self.path(id))
            .await
            .map_err(|error| BlobError::of_store(error, id))
    }

    /// Sends the staged file to the object storage, in parts if it is large. An object appears whole or not at all.
    async fn send(&self, staged: &Path, id: &BlobId) -> Result<(), BlobError> {
        let path = self.path(id);
        let mut file = tokio::fs::File::open(staged).await?;
        if file.metadata().await?.len() <= PART as u64 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).await?;
            return self
                .store
                .put(&path, bytes.into())
                .await
                .map(drop)
                .map_err(|error| BlobError::of_store(error, id));
        }
        let upload = self
            .store
            .put_multipart(&path)
            .await
            .map_err(|error| BlobError::of_store(error, id))?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
        let sent = async {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                if (&mut file).take(PIECE as u64).read_to_end(&mut piece).await? == 0 {
                    return Ok(());
                }
                parts
                    .wait_for_capacity(PARTS_AT_ONCE)
                    .await
                    .map_err(|error| BlobError::of_store(error, id))?;
                parts.put(piece.into());
            }
        }
        .await;
        match sent {
            Ok(()) => parts
                .finish()
                .await
                .map(drop)
                .map_err(|error| BlobError::of_store(error, id)),
            Err(error) => {
                // What was sent would cost for ever; the failure that is told is the first one.
                if let Err(error) = parts.abort().await {
                    tracing::warn!(%error, %id, "an upload to the object storage could not be given up");
                }
                Err(error)
            }
        }
    }

    /// True if the blob is there with this size. Anything else is written again.
    pub(crate) async fn holds(&self, id: &BlobId, size: u64) -> Result<bool, BlobError> {
        match self.store.head(&self.path(id)).await {
            Ok(meta) => Ok(meta.size == size),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(BlobError::Store(error)),
        }
    }

    /// Removing what is gone already is no failure: a collection that was cut short is run again.
    pub(crate) async fn remove(&self, id: &BlobId) -> Result<(), BlobError> {
        match self.store.delete(&self.path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::of_store(error, id)),
        }
    }

    /// All blobs that there are, with the time they were written, in no order.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<(BlobId, time::OffsetDateTime), BlobError>> {
        self.objects()
            .filter_map(|object| {
                std::future::ready(match object {
                    Ok(object) => object.blob.map(|id| Ok((id, object.written))),
                    Err(error) => Some(Err(error)),
                })
            })
            .boxed()
    }

    /// All objects under the prefix but our own marker, what is staged and what is derived, in no order.
    pub(crate) fn objects(&self) -> BoxStream<'static, Result<Object, BlobError>> {
        let prefix = self.prefix.clone();
        let marker = prefix.clone().join(MARKER);
        let others = [STAGING, DERIVED].map(|folder| prefix.clone().join(folder));
        self.store
            .list((!prefix.as_ref().is_empty()).then_some(&self.prefix))
            .filter_map(move |meta| {
                let object = match meta {
                    Ok(meta) if meta.location == marker => None,
                    Ok(meta) if others.iter().any(|folder| meta.location.prefix_matches(folder)) => None,
                    Ok(meta) => {
                        let inner: Option<ObjectPath> = meta.location.prefix_match(&prefix).map(Iterator::collect);
                        let ms = meta.last_modified.timestamp_millis();
                        Some(Ok(Object {
                            blob: inner.as_ref().and_then(BlobId::of_path),
                            path: meta.location.to_string(),
                            size: meta.size,
                            written: time::OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms),
                        }))
                    }
                    Err(error) => Some(Err(BlobError::Store(error))),
                };
                std::future::ready(object)
            })
            .boxed()
    }

    pub(crate) fn blob(&self, id: &BlobId) -> Blob {
        Blob {
            store: Arc::clone(&self.store),
            path: self.path(id),
            id: *id,
        }
    }
}

/// An object of the store.
pub(crate) struct Object {
    /// Which blob it is, if its path is that of one.
    pub(crate) blob: Option<BlobId>,
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) written: time::OffsetDateTime,
}

/// One blob to read. Nothing is opened before something is asked for.
#[derive(Clone, Debug)]
pub struct Blob {
    store: Arc<dyn ObjectStore>,
    path: ObjectPath,
    id: BlobId,
}

/// The parts in which a large blob is sent: object storages ask for 5 MiB at least.
const PART: usize = 8 * 1024 * 1024;
const PARTS_AT_ONCE: usize = 4;

/// Of a file on its way there.
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
            .head(&self.path)
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        Ok(meta.size)
    }

    /// All of it, if it has at most `max` bytes.
    pub async fn read_all(&self, max: u64) -> Result<Bytes, BlobError> {
        let result = self
            .store
            .get(&self.path)
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        if result.meta.size > max {
            return Err(BlobError::TooLarge { limit: max });
        }
        let bytes = result
            .bytes()
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        // A disk or a storage that changed a byte must not turn into a picture that everybody caches.
        let digest = {
            let bytes = bytes.clone();
            tokio::task::spawn_blocking(move || <[u8; 32]>::from(Sha256::digest(&bytes)))
                .await
                .map_err(|_| BlobError::Broken)?
        };
        if BlobId::of_digest(digest) != self.id {
            tracing::error!(blob = %self.id, "the bytes of a blob are not those that were stored");
            return Err(BlobError::Damaged(self.id));
        }
        Ok(bytes)
    }

    /// Reads all of it, piece by piece; true if the bytes are those that were stored.
    pub(crate) async fn is_whole(&self) -> Result<bool, BlobError> {
        let result = self
            .store
            .get(&self.path)
            .await
            .map_err(|error| BlobError::of_store(error, &self.id))?;
        let mut pieces = result.into_stream();
        let mut hasher = Sha256::new();
        while let Some(piece) = pieces.next().await {
            hasher.update(piece.map_err(|error| BlobError::of_store(error, &self.id))?);
        }
        Ok(BlobId::of_digest(hasher.finalize().into()) == self.id)
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
        let result = match self.store.get_opts(&self.path, options).await {
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
            GetResultPayload::File(file, _) => file_pieces(file, range).map_err(BlobError::from).boxed(),
            GetResultPayload::Stream(pieces) => pieces
                .map(move |piece| piece.map_err(|error| BlobError::of_store(error, &id)))
                .boxed(),
        })
    }
}
