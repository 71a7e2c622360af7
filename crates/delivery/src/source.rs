//! Files of the library, as delivery needs them: found by path, looked at, read.

use std::hash::Hash;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::ProbeError;
use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use library::{Account, Asset, Blob, BlobError, BlobId, Library, StoreError, UrlEndpoint, Version};
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use transform::{Part, Rect, SourceInfo};

use crate::DeliveryError;
use crate::origin::{Foreign, Origins, Wanted};
use crate::purge::Purges;

/// Headers whose facts are remembered: some tens of bytes each, and every blob is looked at once.
const REMEMBERED: u64 = 100_000;

/// Failures that are remembered: each is a line of text.
const REFUSALS: u64 = 10_000;
/// The bytes stay as they are, but a limit is what the operator says it is, and memory is for what is asked for.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Remembers what can't be done with stored bytes.
pub(crate) fn refusals<K: Hash + Eq + Send + Sync + 'static>() -> Cache<K, DeliveryError> {
    Cache::builder()
        .max_capacity(REFUSALS)
        .time_to_live(REFUSED_FOR)
        .build()
}

/// Headers that are looked at the same time. Each keeps a thread waiting for another thread, so a few must do.
const PROBES: usize = 16;

#[derive(Debug)]
pub(crate) struct Sources {
    library: Library,
    origins: Origins,
    known: Cache<(BlobId, Part), SourceInfo>,
    unreadable: Cache<(BlobId, Part), DeliveryError>,
    probes: Semaphore,
}

impl Sources {
    pub(crate) fn new(library: Library, origins: Origins) -> Self {
        Self {
            library,
            origins,
            known: Cache::new(REMEMBERED),
            unreadable: refusals(),
            probes: Semaphore::new(PROBES),
        }
    }

    /// Where the facts are.
    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// The file at a path: its current version, or the one that the token asks for. A draft is as if it were not there.
    pub(crate) async fn find(&self, path: &str, token: Option<&str>) -> Result<Option<Asset>, DeliveryError> {
        let found = match token {
            Some(token) => self.library.version_at(path, token).await,
            None => self.library.file_at(path).await,
        };
        Ok(found.map_err(unreachable_facts)?.filter(|asset| asset.is_published))
    }

    /// Another number after every change that this process makes.
    pub(crate) fn state(&self) -> u64 {
        self.library.state()
    }

    /// True if other processes may change files as well.
    pub(crate) fn are_shared(&self) -> bool {
        self.library.is_shared()
    }

    /// What the account is made of: names, endpoints, origins, keys.
    pub(crate) async fn account(&self) -> Result<Arc<Account>, DeliveryError> {
        self.library.account().await.map_err(unreachable_facts)
    }

    /// The account, where it is in memory.
    pub(crate) fn account_at_hand(&self) -> Option<Arc<Account>> {
        self.library.account_at_hand()
    }

    /// The file, if one of the endpoint's origins has it.
    pub(crate) async fn find_foreign(
        &self,
        account: &Account,
        endpoint: &UrlEndpoint,
        wanted: &Wanted,
        purges: &Arc<Purges>,
    ) -> Result<Option<Foreign>, DeliveryError> {
        self.origins.find(account, endpoint, wanted, purges).await
    }

    pub(crate) fn original_bytes(&self) -> u64 {
        self.origins.bytes()
    }

    /// What the planner needs to know of a part of a picture. A blob never changes, so each part is looked at once.
    pub(crate) async fn info(&self, asset: &Asset, part: &Part) -> Result<SourceInfo, DeliveryError> {
        let info = self.header(&asset.version, part).await?;
        Ok(SourceInfo {
            focus: asset.custom_coordinates.as_deref().and_then(focus),
            ..info
        })
    }

    async fn header(&self, version: &Version, part: &Part) -> Result<SourceInfo, DeliveryError> {
        let known = (version.blob, part.clone());
        if let Some(info) = self.known.get(&known) {
            return Ok(info);
        }
        if let Some(error) = self.unreadable.get(&known) {
            return Err(error);
        }
        let _place = self
            .probes
            .acquire()
            .await
            .map_err(|closed| DeliveryError::internal("look at the file", closed))?;
        let part = part.clone();
        let probed = if let Some(mut file) = self.origins.open_content(&version.blob, version.size) {
            tokio::task::spawn_blocking(move || engine::probe_part(&mut file, &part)).await
        } else {
            let mut reader = BlobReader::new(self.library.blob(&version.blob), version.size);
            tokio::task::spawn_blocking(move || engine::probe_part(&mut reader, &part)).await
        };
        let info = match probed {
            Ok(Ok(probe)) => probe.info,
            Ok(Err(error)) => {
                let error = unreadable_header(error);
                if error.is_lasting() {
                    self.unreadable.insert(known, error.clone());
                }
                return Err(error);
            }
            Err(panicked) => return Err(DeliveryError::internal("look at the file", panicked)),
        };
        self.known.insert(known, info);
        Ok(info)
    }

    /// All bytes of a file that has at most `max`.
    pub(crate) async fn read(&self, blob: BlobId, max: u64) -> Result<Bytes, DeliveryError> {
        // The same content may be in the library, too: what has one name has the same bytes everywhere.
        if let Some(bytes) = self.origins.read(&blob, max).await? {
            return Ok(bytes);
        }
        self.library.blob(&blob).read_all(max).await.map_err(unreadable_blob)
    }

    /// Some bytes of a file of `size` bytes, read while they are sent.
    pub(crate) async fn stream(
        &self,
        blob: BlobId,
        size: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, DeliveryError> {
        if let Some(file) = self.origins.open_content(&blob, size) {
            return Ok(library::file_pieces(file, range).boxed());
        }
        let pieces = self
            .library
            .blob(&blob)
            .read_range(range)
            .await
            .map_err(unreadable_blob)?;
        Ok(pieces.map_err(io::Error::other).boxed())
    }
}

/// The stored area of interest: `x,y,width,height`. What is not that is none.
fn focus(text: &str) -> Option<Rect> {
    let numbers: Vec<u32> = text
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect::<Option<_>>()?;
    match numbers[..] {
        [x, y, width, height] if width > 0 && height > 0 => Some(Rect { x, y, width, height }),
        _ => None,
    }
}

fn unreachable_facts(error: StoreError) -> DeliveryError {
    DeliveryError::internal("look the file up", error)
}

fn unreadable_blob(error: BlobError) -> DeliveryError {
    match error {
        // Deleted since it was looked up.
        BlobError::NotFound(_) => DeliveryError::NotFound,
        BlobError::TooLarge { limit } => DeliveryError::limit(format!(
            "the stored file has more than the {limit} bytes that are decoded"
        )),
        other => DeliveryError::internal("read the file", other),
    }
}

fn unreadable_header(error: ProbeError) -> DeliveryError {
    match error {
        ProbeError::Unrecognised | ProbeError::NotRead(_) | ProbeError::Malformed { .. } => {
            DeliveryError::Unsupported(error.to_string())
        }
        ProbeError::TooLarge { .. } | ProbeError::TooLong { .. } => DeliveryError::limit(error.to_string()),
        ProbeError::NoSuchPart { .. } | ProbeError::NoSuchLayer { .. } => DeliveryError::BadTransformation {
            message: error.to_string(),
            hint: None,
        },
        ProbeError::Io(source) => DeliveryError::internal("look at the file", source),
    }
}

/// A blob as the prober wants it: synchronous, anywhere in it, a piece at a time. For threads that may block.
#[derive(Debug)]
pub struct BlobReader {
    blob: Blob,
    runtime: Handle,
    size: u64,
    position: u64,
    piece: Bytes,
    piece_start: u64,
}

impl BlobReader {
    /// Headers are mostly within the first piece.
    const PIECE: u64 = 64 << 10;

    /// Of a blob of so many bytes. Called on a thread of the runtime, used on one that may block.
    pub fn new(blob: Blob, size: u64) -> Self {
        Self {
            blob,
            runtime: Handle::current(),
            size,
            position: 0,
            piece: Bytes::new(),
            piece_start: 0,
        }
    }

    /// What is at hand from the present position on.
    fn at_hand(&self) -> Option<&[u8]> {
        let skip = usize::try_from(self.position.checked_sub(self.piece_start)?).ok()?;
        self.piece.get(skip..).filter(|rest| !rest.is_empty())
    }

    fn fetch(&self) -> io::Result<Bytes> {
        let range = self.position..self.position.saturating_add(Self::PIECE).min(self.size);
        self.runtime.block_on(async {
            let pieces = self.blob.read_range(range).await.map_err(io::Error::other)?;
            let pieces: Vec<Bytes> = pieces.try_collect().await.map_err(io::Error::other)?;
            Ok(Bytes::from(pieces.concat()))
        })
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size {
            return Ok(0);
        }
        if self.at_hand().is_none() {
            self.piece = self.fetch()?;
            self.piece_start = self.position;
        }
        let read = self.at_hand().unwrap_or_default().read(buffer)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_blob_reads_like_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::for_testing(dir.path()).await;
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let mut writer = library.stage(1 << 20).await.unwrap();
        writer.write(&bytes).await.unwrap();
        let staged = writer.finish().await.unwrap();
        let media = library::MediaFacts {
            mime: "application/octet-stream".to_owned(),
            ..Default::default()
        };
        let name = library::FileName::sanitised("blob").unwrap();
        let file = library::NewFile::new(library::FolderPath::root(), name, staged, media);
        let version = library.upload(file, library::Timestamp::now()).await.unwrap().version;

        let mut reader = BlobReader::new(library.blob(&version.blob), version.size);
        tokio::task::spawn_blocking(move || {
            let mut some = [0; 10];
            reader.seek(SeekFrom::Start(65_530)).unwrap();
            reader.read_exact(&mut some).unwrap();
            assert_eq!(some, bytes[65_530..65_540]);
            reader.seek(SeekFrom::Current(-12)).unwrap();
            reader.read_exact(&mut some).unwrap();
            assert_eq!(some, bytes[65_528..65_538]);
            reader.seek(SeekFrom::End(-5)).unwrap();
            assert_eq!(reader.read(&mut some).unwrap(), 5);
            assert_eq!(some[..5], bytes[199_995..]);
            assert_eq!(reader.read(&mut some).unwrap(), 0);
            assert_eq!(reader.seek(SeekFrom::Start(u64::MAX)).unwrap(), u64::MAX);
            assert_eq!(reader.read(&mut some).unwrap(), 0);
            assert!(reader.seek(SeekFrom::Current(1)).is_err());
            assert!(reader.seek(SeekFrom::End(-300_000)).is_err());
            reader.rewind().unwrap();
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes);
        })
        .await
        .unwrap();
    }
}
