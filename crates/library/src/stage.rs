//! The first half of an upload: bytes into a temporary file, hashed on the way.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use crate::blob::{BlobError, BlobId, BlobStore};
use crate::library::Library;

/// Small writes are gathered up to this size, so that a switch of threads does not come with each network packet.
const BUFFER: usize = 256 * 1024;

impl Library {
    /// Begins to take in a file of at most `max_bytes`. Nothing is kept unless it is uploaded in the end.
    pub async fn stage(&self, max_bytes: u64) -> Result<BlobWriter, BlobError> {
        let directory = self.blobs().staging().to_owned();
        let (file, path) = blocking(move || {
            let file = tempfile::Builder::new()
                .prefix("upload-")
                .rand_bytes(16)
                .tempfile_in(directory)?;
            Ok(file.into_parts())
        })
        .await?;
        let sink = Sink {
            file,
            hasher: Sha256::new(),
        };
        Ok(BlobWriter {
            sink: Some(sink),
            path,
            buffer: Vec::new(),
            size: 0,
            max_bytes,
        })
    }
}

impl Library {
    /// Puts staged bytes under their name before a version names them, so that they can be read like those of a file. If
    /// none ever does, they are garbage and go after the grace period.
    pub async fn hold(&self, staged: &StagedBlob) -> Result<BlobId, BlobError> {
        let _stays = self.collection().read().await;
        staged.promote(self.blobs()).await?;
        Ok(staged.id())
    }
}

/// Takes in the bytes of one file. Dropping it removes what was written.
#[derive(Debug)]
pub struct BlobWriter {
    /// Away while a write is under way on another thread; it stays away if that write fails or is given up.
    sink: Option<Sink>,
    path: TempPath,
    buffer: Vec<u8>,
    size: u64,
    max_bytes: u64,
}

#[derive(Debug)]
struct Sink {
    file: File,
    hasher: Sha256,
}

impl BlobWriter {
    /// Adds bytes. After an error nothing more can be added.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let size = u64::try_from(bytes.len())
            .ok()
            .and_then(|more| self.size.checked_add(more));
        match size {
            Some(size) if size <= self.max_bytes => self.size = size,
            _ => {
                self.sink = None;
                return Err(BlobError::TooLarge { limit: self.max_bytes });
            }
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BUFFER.saturating_sub(self.buffer.len())));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() >= BUFFER {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Bytes taken in so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the file and names it.
    pub async fn finish(mut self) -> Result<StagedBlob, BlobError> {
        self.flush().await?;
        let sink = self.sink.take().ok_or(BlobError::Broken)?;
        let id = BlobId::of_digest(sink.hasher.finalize().into());
        Ok(StagedBlob {
            id,
            size: self.size,
            path: self.path,
            file: sink.file,
        })
    }

    async fn flush(&mut self) -> Result<(), BlobError> {
        let mut sink = self.sink.take().ok_or(BlobError::Broken)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (sink, buffer) = blocking(move || {
            sink.file.write_all(&buffer)?;
            sink.hasher.update(&buffer);
            buffer.clear();
            Ok((sink, buffer))
        })
        .await?;
        (self.sink, self.buffer) = (Some(sink), buffer);
        Ok(())
    }
}

/// A whole file that waits to be uploaded. Dropping it removes it.
#[derive(Debug)]
pub struct StagedBlob {
    id: BlobId,
    size: u64,
    path: TempPath,
    file: File,
}

impl StagedBlob {
    /// The SHA-256 of the bytes.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the bytes are, for programs that read a file. The file is gone when this value is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes, from the start. Blocks: meant for the thread that probes.
    pub fn open(&self) -> std::io::Result<File> {
        File::open(&self.path)
    }

    /// Puts the bytes under their name, for good. Equal bytes are kept once.
    pub(crate) async fn promote(&self, store: &BlobStore) -> Result<(), BlobError> {
        if store.holds(&self.id, self.size).await? {
            return Ok(());
        }
        // The bytes before the name: after a power cut a name must never stand for bytes that were not written.
        let file = self.file.try_clone()?;
        blocking(move || file.sync_all()).await?;
        store.promote(&self.path, &self.id).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| BlobError::Broken)??)
}
