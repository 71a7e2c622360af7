//! What models and services made, kept for all servers beside the blobs: what one has paid for, none pays for again.
//!
//! Whoever has to make a result claims it, and keeps the claim until the result is there. The others wait: a service costs money, so that waiting is better
//! than asking it a second time. When the maker dies its claim ends, and one of those who wait makes it. Each server keeps a copy of what it used
//! ([`DerivedStore`](super::derived::DerivedStore)).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use library::{BlobUrl, Claim, Library};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _, PutPayload};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::LONGEST;
use crate::OpenError;
use crate::cache::Key;
use crate::shared::{Patience, SharedPlace};

/// Longer than the slowest operation takes with its wait for a turn: who is waited for that long hangs.
const PATIENCE: Patience = Patience {
    total: LONGEST.saturating_mul(2),
    longest_gap: Duration::from_millis(250),
};
const READ_WITHIN: Duration = Duration::from_secs(30);
const WRITE_WITHIN: Duration = Duration::from_secs(120);
/// Results on their way there. Each may be as large as a rendition may.
const WRITES: usize = 4;
/// A digest stands before the bytes: who reads them relies on them as if they had come from a decoder.
const DIGEST: usize = 32;

#[derive(Debug)]
pub(crate) struct SharedResults {
    place: SharedPlace,
    budget: u64,
    max_bytes: u64,
    writes: Arc<Semaphore>,
}

/// What a look there came to.
pub(crate) enum Found {
    There(Bytes),
    /// It has to be made. The claim, if there could be one, is for [`SharedResults::put`].
    Absent(Option<Claim>),
}

impl SharedResults {
    pub(crate) fn open(url: &BlobUrl, budget: u64, max_bytes: u64) -> Result<Self, OpenError> {
        Ok(Self {
            place: SharedPlace::open(url)?,
            budget,
            max_bytes,
            writes: Arc::new(Semaphore::new(WRITES)),
        })
    }

    fn path(&self, key: &Key) -> Path {
        self.place.path(&[], &format!("{}.result", hex::encode(key.0)))
    }

    /// The result, if it is there; else the right to make it. While another server makes it this waits for that.
    pub(crate) async fn get_or_claim(&self, library: &Library, key: &Key) -> Found {
        let path = self.path(key);
        // Most of what is asked for is there, or is wanted here alone: only then is it worth a second look.
        if let Some(bytes) = self.get(&path).await {
            return Found::There(bytes);
        }
        let (claim, outcome) = self.place.claim(library, &path, PATIENCE).await;
        if outcome == "given_up" {
            tracing::warn!(%path, "another server has been making this for so long that it is made here, too");
        }
        match self.get(&path).await {
            Some(bytes) => Found::There(bytes),
            None => Found::Absent(claim),
        }
    }

    async fn get(&self, path: &Path) -> Option<Bytes> {
        let read = async {
            let found = self.place.store.get(path).await?;
            if found.meta.size > self.max_bytes.saturating_add(DIGEST as u64) {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        };
        match tokio::time::timeout(READ_WITHIN, read).await {
            Ok(Ok(found)) => {
                let whole = found.and_then(checked);
                if whole.is_none() {
                    tracing::warn!(%path, "a shared result is damaged, and made anew");
                }
                whole
            }
            Ok(Err(object_store::Error::NotFound { .. })) => None,
            Ok(Err(error)) => {
                tracing::warn!(%error, "shared results can't be read");
                None
            }
            Err(_elapsed) => {
                tracing::warn!("shared results take too long to be read");
                None
            }
        }
    }

    /// Puts a result there. Whoever caused it need not wait for that, unless many are on their way; the others do, by the claim.
    pub(crate) async fn put(&self, key: &Key, bytes: Bytes, claim: Option<Claim>) {
        let Ok(turn) = self.writes.clone().acquire_owned().await else {
            return;
        };
        let (store, path) = (self.place.store.clone(), self.path(key));
        tokio::spawn(async move {
            let (_turn, _claim) = (turn, claim);
            let digest = Bytes::copy_from_slice(&Sha256::digest(&bytes));
            let written = store.put(&path, PutPayload::from_iter([digest, bytes]));
            match tokio::time::timeout(WRITE_WITHIN, written).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a result can't be shared"),
                Err(_elapsed) => tracing::warn!("a result takes too long to be shared"),
            }
        });
    }

    /// Removes the oldest beyond the budget, down to nine tenths of it; how many. Several servers may do so at once.
    pub(crate) async fn sweep(&self) -> Result<u64, object_store::Error> {
        let mut found: Vec<ObjectMeta> = Vec::new();
        let mut listed = self.place.list();
        while let Some(entry) = listed.next().await {
            found.push(entry?);
        }
        let mut total: u64 = found.iter().map(|entry| entry.size).sum();
        if total <= self.budget {
            return Ok(0);
        }
        found.sort_by_key(|entry| entry.last_modified);
        let mut oldest = Vec::new();
        for entry in found {
            if total <= self.budget / 10 * 9 {
                break;
            }
            total -= entry.size;
            oldest.push(Ok(entry.location));
        }
        self.place.delete(stream::iter(oldest).boxed()).await
    }
}

/// The bytes behind their digest, if it is theirs.
fn checked(file: Bytes) -> Option<Bytes> {
    let digest = file.get(..DIGEST)?;
    let bytes = file.slice(DIGEST..);
    (Sha256::digest(&bytes)[..] == *digest).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(results: &SharedResults) {
        let _all = results.writes.acquire_many(WRITES as u32).await.unwrap();
    }

    #[tokio::test]
    async fn what_one_made_another_finds_whole_until_room_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let url = BlobUrl::File(folder.path().join("derived"));
        let library = Library::for_testing(folder.path().join("library")).await;
        let open = || SharedResults::open(&url, 4 * 132, 100).unwrap();
        let (one, other) = (open(), open());
        let found = async |number| match other.get_or_claim(&library, &Key([number; 32])).await {
            Found::There(bytes) => Some(bytes),
            Found::Absent(_) => None,
        };
        assert_eq!(found(1).await, None);
        for number in 1..=4 {
            one.put(&Key([number; 32]), vec![number; 100].into(), None).await;
            written(&one).await;
            assert_eq!(found(number).await.unwrap(), vec![number; 100]);
        }
        assert_eq!(other.sweep().await.unwrap(), 0);

        let at = |number| {
            folder
                .path()
                .join("derived")
                .join(one.path(&Key([number; 32])).as_ref())
        };
        let file = std::fs::File::options().write(true).open(at(2)).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(60);
        file.set_modified(then).unwrap();
        one.put(&Key([5; 32]), vec![5; 100].into(), None).await;
        written(&one).await;
        assert_eq!(other.sweep().await.unwrap(), 2, "down to nine tenths");
        assert_eq!((found(2).await, found(5).await.is_some()), (None, true));

        let mut damaged = std::fs::read(at(5)).unwrap();
        damaged[DIGEST + 50] ^= 1;
        std::fs::write(at(5), &damaged).unwrap();
        assert_eq!(found(5).await, None);
        std::fs::write(at(5), &damaged[..10]).unwrap();
        assert_eq!(found(5).await, None);
        one.put(&Key([5; 32]), vec![5; 101].into(), None).await;
        written(&one).await;
        assert_eq!(found(5).await, None, "no more than a rendition may have");
    }
}
