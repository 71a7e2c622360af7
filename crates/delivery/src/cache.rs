//! Renditions, kept in memory and on disk within byte budgets.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use foyer::{
    BlockEngineConfig, Code, DeviceBuilder, Error, ErrorKind, FsDeviceBuilder, HybridCache, HybridCacheBuilder,
    HybridCachePolicy, HybridCacheProperties, Location, RecoverMode, Source,
};
use library::BlobId;
use sha2::{Digest, Sha256};
use transform::{Format, RenditionKey, Size};

use crate::{DeliveryError, OpenError};

/// How much may be kept, and where.
#[derive(Debug, Clone)]
pub struct CacheBudget {
    /// Bytes in memory, at least 1 MiB.
    pub memory_bytes: u64,
    /// Bytes on disk; 0 for none, else at least 8 MiB.
    pub disk_bytes: u64,
    /// Where the disk's share lies. Nothing else may write there.
    pub dir: PathBuf,
}

/// The name of a rendition, whichever node makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    pub(crate) fn of(name: &RenditionKey) -> Result<Self, DeliveryError> {
        let mut digest = [0; 32];
        hex::decode_to_slice(name.as_str(), &mut digest)
            .map_err(|error| DeliveryError::internal("name the rendition", error))?;
        Ok(Self(digest))
    }

    /// A drawing that is cleaned and else as it is stored.
    pub(crate) fn of_cleaned(blob: &BlobId) -> Self {
        let name = format!("cleaned svg {}\n{blob}", engine::SVG_CLEANING);
        Self(Sha256::digest(name).into())
    }
}

/// A finished rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendition {
    pub(crate) format: Format,
    pub(crate) size: Size,
    /// Made quickly because others were waiting: larger than it need be.
    pub(crate) hasty: bool,
    /// When its making began, Unix milliseconds.
    pub(crate) made_ms: u64,
    pub(crate) bytes: Bytes,
}

/// Where a rendition was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Memory,
    Disk,
    /// Where other servers put it.
    Shared,
}

impl Tier {
    /// One word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Shared => "shared",
        }
    }
}

/// The rendition cache. A lost or damaged disk share costs renderings, never a start or an answer.
#[derive(Debug, Clone)]
pub(crate) struct RenditionCache {
    kept: HybridCache<Key, Rendition>,
}

const MIB: u64 = 1 << 20;

impl RenditionCache {
    /// Opens what an earlier run left. What can't be read is thrown away; where nothing can be written, memory has to do.
    pub(crate) async fn open(budget: &CacheBudget) -> Result<Self, OpenError> {
        let memory_bytes = at_least("cache.memory_bytes", budget.memory_bytes, MIB)?;
        if budget.disk_bytes == 0 {
            return Self::without_disk(memory_bytes).await;
        }
        let disk = DiskLayout::new(at_least("cache.disk_bytes", budget.disk_bytes, 8 * MIB)?, &budget.dir);
        for attempt in ["warm", "empty"] {
            match Self::with_disk(memory_bytes, disk.clone()).await {
                Ok(cache) => return Ok(cache),
                Err(error) => tracing::warn!(attempt, error, dir = %disk.dir.display(), "the disk cache does not open"),
            }
            if let Err(error) = tokio::fs::remove_dir_all(&disk.dir).await {
                tracing::warn!(%error, dir = %disk.dir.display(), "the damaged disk cache can't be removed");
            }
        }
        tracing::error!(dir = %disk.dir.display(), "no disk cache: renditions are kept in memory only");
        Self::without_disk(memory_bytes).await
    }

    async fn without_disk(memory_bytes: usize) -> Result<Self, OpenError> {
        let built = memory(memory_bytes).storage().build().await;
        built
            .map(|kept| Self { kept })
            .map_err(|error| OpenError::Cache(Box::new(error)))
    }

    async fn with_disk(memory_bytes: usize, disk: DiskLayout) -> Result<Self, String> {
        // A task of its own, so that damage which makes the storage panic is found out here.
        let opening = tokio::spawn(async move {
            disk.remove_others();
            let device = FsDeviceBuilder::new(&disk.dir).with_capacity(disk.bytes).build()?;
            let engine = BlockEngineConfig::new(device).with_block_size(disk.block_bytes);
            let storage = memory(memory_bytes)
                .storage()
                .with_engine_config(engine)
                .with_recover_mode(RecoverMode::Quiet);
            storage.build().await
        });
        match opening.await {
            Ok(Ok(kept)) => Ok(Self { kept }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// From memory alone.
    pub(crate) fn in_memory(&self, key: &Key) -> Option<Rendition> {
        let entry = self.kept.memory().get(key)?;
        Some(entry.value().clone())
    }

    pub(crate) async fn get(&self, key: &Key) -> Option<(Rendition, Tier)> {
        if let Some(rendition) = self.in_memory(key) {
            return Some((rendition, Tier::Memory));
        }
        if !self.kept.is_hybrid() {
            return None;
        }
        match Box::pin(self.kept.get(key)).await {
            Ok(entry) => {
                let entry = entry?;
                // It may have been made, and so have come into memory, since that was asked.
                let tier = match entry.source() {
                    Source::Disk => Tier::Disk,
                    Source::Outer | Source::Memory => Tier::Memory,
                };
                Some((entry.value().clone(), tier))
            }
            Err(error) => {
                tracing::warn!(%error, "the disk cache can't be read");
                None
            }
        }
    }

    pub(crate) fn insert(&self, key: Key, rendition: Rendition) {
        // What was made in haste is made anew when there is time, so it does not go to disk.
        let location = if rendition.hasty {
            Location::InMem
        } else {
            Location::Default
        };
        let properties = HybridCacheProperties::default().with_location(location);
        self.kept.insert_with_properties(key, rendition, properties);
    }

    /// Bytes in memory, keys and all.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.kept.memory().usage() as u64
    }

    /// Writes what is still on its way to disk.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.kept.close().await {
            tracing::warn!(%error, "the disk cache did not close cleanly");
        }
    }
}

/// Renditions go to disk when they are made, not when memory is short: a killed process then loses next to nothing.
fn memory(bytes: usize) -> foyer::HybridCacheBuilderPhaseMemory<Key, Rendition, foyer::DefaultHasher> {
    // Each shard has its part of the budget, and one rendition has to fit into a part.
    const SHARD_BYTES: usize = 16 << 20;
    let shards = (bytes / SHARD_BYTES).clamp(1, 16);
    HybridCacheBuilder::new()
        .with_name("renditions")
        .with_policy(HybridCachePolicy::WriteOnInsertion)
        .memory(bytes)
        .with_shards(shards)
        .with_weighter(|_: &Key, rendition: &Rendition| weight(rendition))
        .with_filter(move |_: &Key, rendition: &Rendition| weight(rendition) <= bytes / shards)
}

/// What an entry takes in memory: its bytes, and about this much of bookkeeping.
fn weight(rendition: &Rendition) -> usize {
    const BOOKKEEPING: usize = 256;
    rendition.bytes.len().saturating_add(BOOKKEEPING)
}

fn at_least(field: &'static str, value: u64, least: u64) -> Result<usize, OpenError> {
    let problem = match usize::try_from(value) {
        Ok(value) if value as u64 >= least => return Ok(value),
        Ok(_) => format!("is {value}, and needs to be at least {least}"),
        Err(_) => format!("is {value}, more than this machine can address"),
    };
    Err(OpenError::Setting { field, problem })
}

/// How the disk's budget is cut. A file holds a block, which is also the unit in which old renditions are dropped.
#[derive(Debug, Clone)]
struct DiskLayout {
    bytes: usize,
    block_bytes: usize,
    parent: PathBuf,
    dir: PathBuf,
}

impl DiskLayout {
    /// Raised when the bytes of an entry change their meaning.
    const VERSION: u32 = 2;
    const PREFIX: &str = "renditions-";

    fn new(bytes: usize, parent: &Path) -> Self {
        const PAGE: usize = 4096;
        // At most 128 files, each of them open: enough to drop a little at a time, far from the limit of descriptors.
        let block_bytes = (bytes / 128).max(4 << 20).min(bytes / 8) / PAGE * PAGE;
        // The layout is in the name: a changed budget starts anew, for the old files would not fit it.
        let dir = parent.join(format!("{}v{}-{bytes}-{block_bytes}", Self::PREFIX, Self::VERSION));
        Self {
            bytes,
            block_bytes,
            parent: parent.to_owned(),
            dir,
        }
    }

    /// Removes what other budgets left, which would not count towards this one.
    fn remove_others(&self) {
        let Ok(entries) = std::fs::read_dir(&self.parent) else {
            return;
        };
        for path in entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path != self.dir)
        {
            let ours = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(Self::PREFIX));
            if ours && let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(%error, path = %path.display(), "an outdated disk cache can't be removed");
            }
        }
    }
}

impl Code for Key {
    fn encode(&self, writer: &mut impl std::io::Write) -> foyer::Result<()> {
        writer.write_all(&self.0).map_err(Error::io_error)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        Ok(Self(array(reader)?))
    }

    fn estimated_size(&self) -> usize {
        self.0.len()
    }
}

/// On disk: format, width, height, time, length, bytes. The storage adds a checksum.
impl Code for Rendition {
    fn encode(&self, writer: &mut impl std::io::Write) -> foyer::Result<()> {
        let mut head = [0; HEAD_BYTES];
        head[0] = format_number(self.format);
        head[1..5].copy_from_slice(&self.size.width.to_le_bytes());
        head[5..9].copy_from_slice(&self.size.height.to_le_bytes());
        head[9..17].copy_from_slice(&self.made_ms.to_le_bytes());
        head[17..].copy_from_slice(&(self.bytes.len() as u64).to_le_bytes());
        writer.write_all(&head).map_err(Error::io_error)?;
        writer.write_all(&self.bytes).map_err(Error::io_error)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        let format = format_of(u8::from_le_bytes(array(reader)?))?;
        let size = Size {
            width: u32::from_le_bytes(array(reader)?),
            height: u32::from_le_bytes(array(reader)?),
        };
        let made_ms = u64::from_le_bytes(array(reader)?);
        let length = u64::from_le_bytes(array(reader)?);
        // Read as far as there is something, so that a wrong length does not become a wrong allocation.
        let mut bytes = Vec::new();
        let read = reader.take(length).read_to_end(&mut bytes).map_err(Error::io_error)?;
        if read as u64 != length {
            return Err(Error::new(ErrorKind::OutOfRange, "a cached rendition is cut off"));
        }
        Ok(Self {
            format,
            size,
            hasty: false,
            made_ms,
            bytes: Bytes::from(bytes),
        })
    }

    fn estimated_size(&self) -> usize {
        HEAD_BYTES + self.bytes.len()
    }
}

const HEAD_BYTES: usize = 1 + 4 + 4 + 8 + 8;

fn array<const N: usize>(reader: &mut impl Read) -> foyer::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(Error::io_error)?;
    Ok(bytes)
}

/// These numbers are on disks: add, don't change.
const FORMATS: [(u8, Format); 7] = [
    (1, Format::Jpeg),
    (2, Format::Png),
    (3, Format::Webp),
    (4, Format::Avif),
    (5, Format::Gif),
    (6, Format::Jxl),
    (7, Format::Svg),
];

fn format_number(format: Format) -> u8 {
    FORMATS
        .iter()
        .find(|(_, known)| *known == format)
        .map_or(0, |(number, _)| *number)
}

fn format_of(number: u8) -> foyer::Result<Format> {
    let known = FORMATS.iter().find(|(known, _)| *known == number);
    known
        .map(|(_, format)| *format)
        .ok_or_else(|| Error::new(ErrorKind::Parse, "a cached rendition of no known format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendition(length: usize) -> Rendition {
        let bytes = (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
        Rendition {
            format: Format::Webp,
            size: Size { width: 30, height: 20 },
            hasty: false,
            made_ms: 1_767_323_045_678,
            bytes: Bytes::from(bytes),
        }
    }

    fn key(number: u8) -> Key {
        Key([number; 32])
    }

    fn budget(dir: &Path, memory_bytes: u64) -> CacheBudget {
        CacheBudget {
            memory_bytes,
            disk_bytes: 8 * MIB,
            dir: dir.to_owned(),
        }
    }

    #[test]
    fn entries_survive_their_encoding() {
        let original = rendition(1000);
        let mut written = Vec::new();
        original.encode(&mut written).unwrap();
        assert_eq!(written.len(), original.estimated_size());
        assert_eq!(Rendition::decode(&mut written.as_slice()).unwrap(), original);
        for end in 0..written.len() {
            assert!(Rendition::decode(&mut &written[..end]).is_err(), "cut at {end}");
        }
        written[0] = 77;
        assert!(Rendition::decode(&mut written.as_slice()).is_err());
    }

    #[test]
    fn every_format_has_a_number() {
        for format in [Format::Jpeg, Format::Png, Format::Webp, Format::Avif, Format::Gif] {
            assert_eq!(format_of(format_number(format)).unwrap(), format);
        }
    }

    #[tokio::test]
    async fn the_disk_is_warm_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let cache = RenditionCache::open(&budget(dir.path(), MIB)).await.unwrap();
        assert_eq!(cache.get(&key(1)).await, None);
        cache.insert(key(1), rendition(5000));
        assert_eq!(cache.get(&key(1)).await, Some((rendition(5000), Tier::Memory)));
        cache.close().await;

        let cache = RenditionCache::open(&budget(dir.path(), MIB)).await.unwrap();
        assert_eq!(cache.get(&key(1)).await, Some((rendition(5000), Tier::Disk)));
        assert_eq!(cache.get(&key(1)).await, Some((rendition(5000), Tier::Memory)));
    }

    #[tokio::test]
    async fn memory_stays_within_its_budget() {
        let dir = tempfile::tempdir().unwrap();
        let cache = RenditionCache::open(&CacheBudget {
            disk_bytes: 0,
            ..budget(dir.path(), MIB)
        })
        .await
        .unwrap();
        for number in 0..100 {
            cache.insert(key(number), rendition(50_000));
        }
        assert!(cache.memory_bytes() <= MIB, "{}", cache.memory_bytes());
        cache.insert(key(200), rendition(2 << 20));
        assert_eq!(cache.get(&key(200)).await, None, "larger than the whole budget");
        assert!(cache.memory_bytes() > 0, "and it drove nothing out");
    }

    #[tokio::test]
    async fn the_disk_stays_within_its_budget() {
        let dir = tempfile::tempdir().unwrap();
        let cache = RenditionCache::open(&budget(dir.path(), MIB)).await.unwrap();
        for number in 0..60 {
            cache.insert(key(number), rendition(400_000));
            // Let the writer follow, else it drops what it can't queue, which would test nothing.
            cache.kept.storage().wait().await;
        }
        assert!(size_of(dir.path()) <= 8 * MIB);
        assert!(cache.get(&key(59)).await.is_some(), "the newest is there");
        cache.close().await;

        let smaller = CacheBudget {
            disk_bytes: 10 * MIB,
            ..budget(dir.path(), MIB)
        };
        RenditionCache::open(&smaller).await.unwrap().close().await;
        assert!(size_of(dir.path()) <= 10 * MIB, "the old layout is gone");
    }

    #[tokio::test]
    async fn damage_costs_renditions_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let cache = RenditionCache::open(&budget(dir.path(), MIB)).await.unwrap();
        cache.insert(key(1), rendition(5000));
        cache.close().await;
        for file in files(dir.path()) {
            let length = std::fs::metadata(&file).unwrap().len() as usize;
            std::fs::write(&file, b"\xa5\x5a\x00".repeat(length / 3)).unwrap();
        }
        let cache = RenditionCache::open(&budget(dir.path(), MIB)).await.unwrap();
        assert_eq!(cache.get(&key(1)).await, None);
        cache.insert(key(2), rendition(5000));
        assert!(cache.get(&key(2)).await.is_some());
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_is_no_reason_not_to_start() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let cache = RenditionCache::open(&budget(&file, MIB)).await.unwrap();
        cache.insert(key(1), rendition(10));
        assert_eq!(cache.get(&key(1)).await, Some((rendition(10), Tier::Memory)));
    }

    #[tokio::test]
    async fn silly_budgets_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = RenditionCache::open(&budget(dir.path(), 5)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`cache.memory_bytes` is 5, and needs to be at least 1048576"
        );
        let tiny = CacheBudget {
            disk_bytes: 1,
            ..budget(dir.path(), MIB)
        };
        let error = RenditionCache::open(&tiny).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`cache.disk_bytes` is 1, and needs to be at least 8388608"
        );
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path))
            } else {
                found.push(path)
            }
        }
        found
    }

    fn size_of(dir: &Path) -> u64 {
        files(dir)
            .iter()
            .map(|file| std::fs::metadata(file).unwrap().len())
            .sum()
    }
}
