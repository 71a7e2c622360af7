//! Renditions that servers keep for each other in an object storage: looked for before one is made, put there when it was made.
//!
//! It is a cache like the others: what cannot be read is made anew, and nobody waits for it for long. Purges need not touch it, because their rules hold for
//! everything that was made before them, wherever it lies.
//!
//! Who looks there claims what it may have to make, and keeps the claim until it has put it there: so a rendition that two servers are asked for at the same
//! moment is made by one of them. The other waits no longer than making it itself would take.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use foyer::Code as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use library::{BlobUrl, Claim, Claimed, Library};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::cache::{Key, Rendition};
use crate::{OpenError, stats};

/// Longer than that it would be made anew instead.
const READ_WITHIN: Duration = Duration::from_secs(2);
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// Renditions on their way there; further ones are left out.
const WRITES: usize = 32;
/// Larger ones are not kept.
const LARGEST: usize = 16 << 20;
/// Looked at in one sweep.
const SWEPT: usize = 1_000_000;

/// Between two questions whether another server is done; they grow.
const FIRST_GAP: Duration = Duration::from_millis(20);
const LONGEST_GAP: Duration = Duration::from_millis(100);
/// What another server may take to put there what it has made, beyond what making it takes.
const SENDING: Duration = Duration::from_millis(500);

/// A folder of an object storage in which servers keep things for each other.
#[derive(Debug, Clone)]
pub(crate) struct SharedPlace {
    pub(crate) store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Tells storages apart in the names of claims: libraries may share a database.
    name: Arc<str>,
}

/// How long another server is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// In all. Past it both do the work.
    pub(crate) total: Duration,
    /// Between two questions, once it takes long.
    pub(crate) longest_gap: Duration,
}

impl SharedPlace {
    pub(crate) fn open(url: &BlobUrl) -> Result<Self, OpenError> {
        let failed = |error: object_store::Error| OpenError::Cache(Box::new(error));
        let name = url.to_string().into();
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match url {
            BlobUrl::File(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| OpenError::Cache(Box::new(error)))?;
                let store = LocalFileSystem::new_with_prefix(folder).map_err(failed)?;
                (Arc::new(store), Path::default())
            }
            BlobUrl::Remote(remote) => {
                let (store, prefix) = object_store::parse_url_opts(remote.url(), remote.options()).map_err(failed)?;
                (Arc::from(store), prefix)
            }
        };
        Ok(Self { store, prefix, name })
    }

    /// Where the thing of this name is, below these folders: 256 of them keep each small.
    pub(crate) fn path(&self, folders: &[&str], name: &str) -> Path {
        let mut path = self.prefix.clone();
        for folder in folders {
            path = path.join(*folder);
        }
        path.join(name.get(..2).unwrap_or_default()).join(name)
    }

    /// The right to make what belongs at `path`, and how it was come by. While another server has it this waits: so what that one makes is there
    /// when this returns, if it did not fail or die over it. Without a claim whoever asks goes on alone.
    pub(crate) async fn claim(
        &self,
        library: &Library,
        path: &Path,
        patience: Patience,
    ) -> (Option<Claim>, &'static str) {
        let name = format!("{} {path}", self.name);
        let deadline = Instant::now() + patience.total;
        let mut gap = FIRST_GAP;
        let mut waited = false;
        loop {
            match library.claim(&name).await {
                Claimed::Ours(claim) if waited => return (Some(claim), "waited"),
                Claimed::Ours(claim) => return (Some(claim), "ours"),
                Claimed::Unknown => return (None, "unknown"),
                Claimed::Others if Instant::now() >= deadline => return (None, "given_up"),
                Claimed::Others => {
                    waited = true;
                    tokio::time::sleep_until(deadline.min(Instant::now() + gap)).await;
                    gap = (gap * 3 / 2).min(patience.longest_gap);
                }
            }
        }
    }

    /// All that is there, in no order, but no more than are looked at in one sweep.
    pub(crate) fn list(&self) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(Some(&self.prefix)).take(SWEPT).boxed()
    }

    /// Removes these; how many were there.
    pub(crate) async fn delete(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> Result<u64, object_store::Error> {
        let mut removed = self.store.delete_stream(paths);
        let mut count = 0;
        while let Some(path) = removed.next().await {
            match path {
                Ok(_) => count += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// The storage of renditions.
#[derive(Debug, Clone)]
pub(crate) struct SharedTier {
    place: SharedPlace,
    writes: Arc<Semaphore>,
}

/// What a look there came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is there.
    There(Rendition),
    /// It has to be made. The claim, if there could be one, is for [`SharedTier::put`].
    Absent(Option<Claim>),
}

impl SharedTier {
    pub(crate) fn new(place: SharedPlace) -> Self {
        Self {
            place,
            writes: Arc::new(Semaphore::new(WRITES)),
        }
    }

    /// Where it is, for other things that servers keep for each other for as long.
    pub(crate) fn place(&self) -> &SharedPlace {
        &self.place
    }

    fn path(&self, key: &Key) -> Path {
        self.place.path(&[], &hex::encode(key.0))
    }

    /// The rendition, if it is there and `usable`; else the right to make it. While another server is making it this waits, but no longer than
    /// making it takes (`cost`) and the other one may need to send it: then both make it.
    pub(crate) async fn get_or_claim(
        &self,
        library: &Library,
        key: &Key,
        cost: Duration,
        usable: impl Fn(&Rendition) -> bool,
    ) -> Found {
        let patience = Patience {
            total: cost + SENDING,
            longest_gap: LONGEST_GAP,
        };
        let (claim, outcome) = self.place.claim(library, &self.path(key), patience).await;
        stats::claimed(outcome);
        match self.get(key).await {
            Some(rendition) if usable(&rendition) => Found::There(rendition),
            _ => Found::Absent(claim),
        }
    }

    /// The rendition, if it is there and soon to be had.
    pub(crate) async fn get(&self, key: &Key) -> Option<Rendition> {
        let path = self.path(key);
        let read = async { self.place.store.get(&path).await?.bytes().await };
        let (outcome, found) = match tokio::time::timeout(READ_WITHIN, read).await {
            Ok(Ok(bytes)) => match Rendition::decode(&mut bytes.as_ref()) {
                Ok(rendition) => ("hit", Some(rendition)),
                Err(error) => {
                    tracing::warn!(%error, %path, "a shared rendition is damaged");
                    ("error", None)
                }
            },
            Ok(Err(object_store::Error::NotFound { .. })) => ("miss", None),
            Ok(Err(error)) => {
                tracing::warn!(%error, "shared renditions can't be read");
                ("error", None)
            }
            Err(_elapsed) => {
                tracing::warn!("shared renditions take too long to be read");
                ("error", None)
            }
        };
        stats::shared_read(outcome);
        found
    }

    /// Puts a rendition there, without anybody waiting for it but those who want to make it, too. What was made in haste is better made anew.
    pub(crate) fn put(&self, key: &Key, rendition: &Rendition, claim: Option<Claim>) {
        if rendition.hasty || rendition.bytes.len() > LARGEST {
            return;
        }
        let Ok(turn) = self.writes.clone().try_acquire_owned() else {
            return;
        };
        let mut encoded = Vec::with_capacity(rendition.estimated_size());
        if let Err(error) = rendition.encode(&mut encoded) {
            tracing::warn!(%error, "a rendition can't be shared");
            return;
        }
        let (store, path) = (self.place.store.clone(), self.path(key));
        tokio::spawn(async move {
            let (_turn, _claim) = (turn, claim);
            let written = store.put(&path, Bytes::from(encoded).into());
            match tokio::time::timeout(WRITE_WITHIN, written).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a rendition can't be shared"),
                Err(_elapsed) => tracing::warn!("a rendition takes too long to be shared"),
            }
        });
    }

    /// Removes what was put there so long ago; how many. Several servers may do so at once.
    pub(crate) async fn sweep(&self, older_than: Duration) -> Result<u64, object_store::Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = i64::try_from(since.saturating_sub(older_than).as_secs()).unwrap_or(i64::MAX);
        let old = self.place.list().filter_map(move |entry| async move {
            match entry {
                Ok(meta) => (meta.last_modified.timestamp() < before).then_some(Ok(meta.location)),
                Err(error) => Some(Err(error)),
            }
        });
        self.place.delete(old.boxed()).await
    }
}

#[cfg(test)]
mod tests {
    use transform::{Format, Size};

    use super::*;

    fn rendition(hasty: bool) -> Rendition {
        Rendition {
            format: Format::Webp,
            size: Size { width: 3, height: 2 },
            hasty,
            made_ms: 7,
            bytes: Bytes::from_static(b"bytes"),
        }
    }

    async fn written(tier: &SharedTier) {
        let _all = tier.writes.acquire_many(WRITES as u32).await.unwrap();
    }

    #[tokio::test]
    async fn what_one_puts_there_another_finds_until_it_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let url = BlobUrl::File(folder.path().join("shared"));
        let open = || SharedTier::new(SharedPlace::open(&url).unwrap());
        let (one, other) = (open(), open());
        assert_eq!(other.get(&Key([1; 32])).await, None);
        one.put(&Key([1; 32]), &rendition(false), None);
        one.put(&Key([2; 32]), &rendition(true), None);
        written(&one).await;
        assert_eq!(other.get(&Key([1; 32])).await, Some(rendition(false)));
        assert_eq!(other.get(&Key([2; 32])).await, None, "made in haste");
        assert_eq!(other.sweep(Duration::from_secs(3600)).await.unwrap(), 0);
        assert!(other.get(&Key([1; 32])).await.is_some());
        let path = folder.path().join("shared").join(one.path(&Key([1; 32])).as_ref());
        let then = SystemTime::now() - Duration::from_secs(7200);
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
        assert_eq!(other.sweep(Duration::from_secs(3600)).await.unwrap(), 1);
        assert_eq!(one.get(&Key([1; 32])).await, None);
    }

    #[tokio::test]
    async fn damage_is_no_rendition() {
        let folder = tempfile::tempdir().unwrap();
        let tier = SharedTier::new(SharedPlace::open(&BlobUrl::File(folder.path().to_owned())).unwrap());
        tier.put(&Key([1; 32]), &rendition(false), None);
        written(&tier).await;
        let path = folder.path().join(tier.path(&Key([1; 32])).as_ref());
        let length = std::fs::metadata(&path).unwrap().len();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length - 1)
            .unwrap();
        assert_eq!(tier.get(&Key([1; 32])).await, None);
    }
}
