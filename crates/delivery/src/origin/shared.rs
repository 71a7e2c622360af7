//! Files of origins that servers keep for each other: what one has fetched a while ago, another need not fetch.
//!
//! Contents lie there by their SHA-256, and by the path of an origin what is known of it: the same facts that each server keeps on its disk, with the time at
//! which the origin was asked. So it is as old for all of them, and a purge holds for it as for a copy of one's own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use library::{BlobId, Claim, Library};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

use super::files::Name;
use super::originals::{Facts, Originals, Writing};
use crate::shared::{Patience, SharedPlace};
use crate::stats;

/// Fetching anew seldom takes longer.
const PATIENCE: Patience = Patience {
    total: Duration::from_secs(5),
    longest_gap: Duration::from_millis(100),
};
/// Facts are a line; longer than that they would be fetched anew instead.
const FACTS_WITHIN: Duration = Duration::from_secs(2);
const FACTS_BYTES: u64 = 4096;
/// Between two pieces of a content.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const WRITE_WITHIN: Duration = Duration::from_secs(120);
/// Files on their way there; further ones are left out. Each takes a part of itself in memory.
const WRITES: usize = 4;
const PART: usize = 8 << 20;
/// Larger ones are not kept there.
const LARGEST: u64 = 256 << 20;

#[derive(Debug, Clone)]
pub(super) struct SharedOriginals {
    place: SharedPlace,
    library: Library,
    writes: Arc<Semaphore>,
}

/// What a look there came to.
pub(super) enum Found {
    /// Its facts, and its content if that was not here.
    There(Facts, Option<Box<Writing>>),
    /// The origin has to be asked. The claim, if there could be one, is for [`SharedOriginals::put`].
    Absent(Option<Claim>),
}

impl SharedOriginals {
    pub(super) fn new(place: SharedPlace, library: Library) -> Self {
        Self {
            place,
            library,
            writes: Arc::new(Semaphore::new(WRITES)),
        }
    }

    fn facts_path(&self, name: &Name) -> Path {
        self.place.path(&["originals", "paths"], &hex::encode(name.0))
    }

    fn content_path(&self, blob: &BlobId) -> Path {
        self.place.path(&["originals", "contents"], &blob.to_string())
    }

    /// What another server has fetched, if it is `usable`; else the right to fetch it. While another one fetches it this waits, for a while.
    pub(super) async fn get_or_claim(
        &self,
        originals: &Originals,
        name: &Name,
        usable: impl Fn(&Facts) -> bool,
    ) -> Found {
        let path = self.facts_path(name);
        let (claim, _outcome) = self.place.claim(&self.library, &path, PATIENCE).await;
        let (outcome, found) = match self.get(originals, &path, usable).await {
            Ok(Some((facts, content))) => ("hit", Found::There(facts, content.map(Box::new))),
            Ok(None) => ("miss", Found::Absent(claim)),
            Err(error) => {
                tracing::warn!(%error, "shared files of origins can't be read");
                ("error", Found::Absent(claim))
            }
        };
        stats::shared_original(outcome);
        found
    }

    async fn get(
        &self,
        originals: &Originals,
        path: &Path,
        usable: impl Fn(&Facts) -> bool,
    ) -> io::Result<Option<(Facts, Option<Writing>)>> {
        let read = async {
            let found = self.place.store.get(path).await?;
            if found.meta.size > FACTS_BYTES {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        };
        let Some(text) = absent(tokio::time::timeout(FACTS_WITHIN, read).await?)?.flatten() else {
            return Ok(None);
        };
        let facts: Facts = serde_json::from_slice(&text)?;
        let Some(blob) = facts.blob().filter(|_| usable(&facts)) else {
            return Ok(None);
        };
        if originals.open_content(&blob, facts.size).is_some() {
            return Ok(Some((facts, None)));
        }
        let content = self.content_path(&blob);
        let opened = self.place.store.get(&content);
        let Some(opened) = absent(tokio::time::timeout(LONGEST_PAUSE, opened).await?)? else {
            return Ok(None);
        };
        let mut pieces = opened.into_stream();
        let mut writing = originals.begin()?;
        while let Some(piece) = tokio::time::timeout(LONGEST_PAUSE, pieces.next()).await? {
            let piece = piece?;
            if writing.size().saturating_add(piece.len() as u64) > facts.size {
                break;
            }
            writing.write(&piece)?;
        }
        if writing.digest() != blob {
            return Err(io::Error::other(format!("the content {blob} is damaged")));
        }
        Ok(Some((facts, Some(writing))))
    }

    /// Puts what the origin gave there, without anybody waiting for it but those who want to fetch it, too.
    pub(super) fn put(&self, originals: &Originals, name: &Name, facts: &Facts, claim: Option<Claim>) {
        let Some(blob) = facts.blob().filter(|_| facts.size <= LARGEST) else {
            return;
        };
        let (Ok(turn), Ok(text)) = (self.writes.clone().try_acquire_owned(), serde_json::to_vec(facts)) else {
            return;
        };
        let Some(file) = originals.open_content(&blob, facts.size) else {
            return;
        };
        let store = self.place.store.clone();
        let (facts_path, content_path) = (self.facts_path(name), self.content_path(&blob));
        tokio::spawn(async move {
            let (_turn, _claim) = (turn, claim);
            let written = async {
                // Written anew also where it lies there already: what is old there is removed, and its facts are not.
                send(store.clone(), content_path, file).await?;
                store.put(&facts_path, text.into()).await?;
                io::Result::Ok(())
            };
            match tokio::time::timeout(WRITE_WITHIN, written).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a file of an origin can't be shared"),
                Err(_elapsed) => tracing::warn!("a file of an origin takes too long to be shared"),
            }
        });
    }
}

/// In parts if it is large. It appears whole or not at all.
async fn send(store: Arc<dyn ObjectStore>, path: Path, file: std::fs::File) -> io::Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    let mut parts = BufWriter::with_capacity(store, path, PART).with_max_concurrency(1);
    match tokio::io::copy(&mut file, &mut parts).await {
        Ok(_) => parts.shutdown().await,
        Err(error) => {
            // What was sent would be paid for without end.
            let _ = parts.abort().await;
            Err(error)
        }
    }
}

fn absent<T>(found: object_store::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use library::BlobUrl;

    use super::*;
    use crate::origin::originals::Arrived;

    const NAME: Name = Name([7; 32]);

    fn arrived(asked_at: i64) -> Arrived<'static> {
        Arrived {
            detect: |_: &[u8], name: &str| format!("test/{name}"),
            file_name: "x",
            is_private: true,
            asked_at,
            lasting: true,
        }
    }

    #[tokio::test]
    async fn what_one_has_fetched_another_takes_over_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let url = BlobUrl::File(folder.path().join("shared"));
        let library = Library::for_testing(folder.path().join("library")).await;
        let shared = SharedOriginals::new(SharedPlace::open(&url).unwrap(), library);
        let here = Originals::open(&folder.path().join("here"), 1 << 20);
        let there = Originals::open(&folder.path().join("there"), 1 << 20);
        let look = async |usable: fn(&Facts) -> bool| match shared.get_or_claim(&there, &NAME, usable).await {
            Found::There(facts, content) => Some((facts, content)),
            Found::Absent(_) => None,
        };
        assert!(look(|_| true).await.is_none());

        let bytes = vec![3; 200_000];
        let mut writing = here.begin().unwrap();
        writing.write(&bytes).unwrap();
        let facts = here.keep(&NAME, writing, arrived(5)).unwrap();
        shared.put(&here, &NAME, &facts, None);
        let _all = shared.writes.acquire_many(WRITES as u32).await.unwrap();
        assert!(look(|facts| facts.fetched_at > 5).await.is_none(), "too old");

        let blob = facts.blob().unwrap();
        let at = folder.path().join("shared").join(shared.content_path(&blob).as_ref());
        std::fs::write(&at, &bytes[1..]).unwrap();
        assert!(look(|_| true).await.is_none(), "damaged");
        std::fs::write(&at, [&bytes[..], b"more"].concat()).unwrap();
        assert!(look(|_| true).await.is_none(), "longer than its facts say");
        std::fs::write(&at, &bytes).unwrap();

        let (found, content) = look(|_| true).await.unwrap();
        assert_eq!(found, *facts);
        let kept = there.keep(&NAME, *content.unwrap(), arrived(found.fetched_at)).unwrap();
        assert_eq!(kept, facts);
        let (_, content) = look(|_| true).await.unwrap();
        assert!(content.is_none(), "what is here is not sent again");
        std::fs::remove_file(at).unwrap();
        there.drop_content(&blob);
        assert!(look(|_| true).await.is_none(), "swept");
    }
}
