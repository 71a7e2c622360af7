//! What models made, kept for good: files named by what they were made of, within a budget of bytes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use moka::sync::Cache;
use transform::SourceInfo;

use crate::DeliveryError;
use crate::cache::Key;

/// Facts about results: some tens of bytes each.
const REMEMBERED: u64 = 10_000;

/// A folder of results. When it is full those that were not used longest go first.
#[derive(Debug, Clone)]
pub(crate) struct DerivedStore {
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    dir: PathBuf,
    budget: u64,
    used: AtomicU64,
    known: Cache<Key, Facts>,
    sweeping: Mutex<()>,
}

/// What is known of a result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) info: SourceInfo,
    pub(crate) bytes: u64,
}

impl DerivedStore {
    /// Finds what an earlier run left, and removes what it did not finish.
    pub(crate) fn open(dir: &Path, budget: u64) -> Self {
        let mut used = 0;
        for (path, size, _) in listed(dir) {
            if path.extension().is_some_and(|extension| extension == "part") {
                let _ = fs::remove_file(&path);
            } else {
                used += size;
            }
        }
        Self {
            files: Arc::new(Files {
                dir: dir.to_owned(),
                budget,
                used: AtomicU64::new(used),
                known: Cache::new(REMEMBERED),
                sweeping: Mutex::new(()),
            }),
        }
    }

    /// The facts about a result, if it is here.
    pub(crate) async fn find(&self, key: Key) -> Option<Facts> {
        let files = self.files.clone();
        let found = tokio::task::spawn_blocking(move || files.find(&key)).await;
        found.ok().flatten()
    }

    /// A result's bytes.
    pub(crate) async fn read(&self, key: Key) -> Result<Bytes, DeliveryError> {
        let path = self.files.path(&key);
        let read = tokio::fs::read(path).await;
        read.map(Bytes::from)
            .map_err(|error| DeliveryError::internal("read what a model made", error))
    }

    /// Keeps a result: once this returns it survives a crash.
    pub(crate) async fn keep(&self, key: Key, bytes: Bytes) -> Result<Facts, DeliveryError> {
        let files = self.files.clone();
        let kept = tokio::task::spawn_blocking(move || files.keep(&key, &bytes)).await;
        kept.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
            .map_err(|error| DeliveryError::internal("keep what a model made", error))
    }
}

impl Files {
    fn path(&self, key: &Key) -> PathBuf {
        let name = hex::encode(key.0);
        self.dir.join(&name[..2]).join(name + ".png")
    }

    fn find(&self, key: &Key) -> Option<Facts> {
        // Opened also when the facts are known: it may have been removed, and its age is that of its last use.
        let mut file = File::options().write(true).read(true).open(self.path(key)).ok()?;
        let _ = file.set_modified(SystemTime::now());
        if let Some(facts) = self.known.get(key) {
            return Some(facts);
        }
        let bytes = file.metadata().ok()?.len();
        let facts = Facts {
            info: engine::probe(&mut file).ok()?.info,
            bytes,
        };
        self.known.insert(*key, facts);
        Some(facts)
    }

    fn keep(&self, key: &Key, bytes: &[u8]) -> io::Result<Facts> {
        let info = engine::probe_bytes(bytes).map_err(io::Error::other)?.info;
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder)?;
        // One writer a key: the coalescer sees to that. Another node has another folder.
        let staged = path.with_extension("part");
        let mut file = File::create(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged, &path)?;
        File::open(folder)?.sync_all()?;
        let facts = Facts {
            info,
            bytes: bytes.len() as u64,
        };
        self.known.insert(*key, facts);
        let used = self.used.fetch_add(facts.bytes, Ordering::Relaxed) + facts.bytes;
        if used > self.budget {
            self.sweep(&path);
        }
        Ok(facts)
    }

    /// Down to nine tenths of the budget, so that it is not done every time. What has just come stays.
    fn sweep(&self, latest: &Path) {
        let _alone = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = listed(&self.dir);
        files.sort_by_key(|(_, _, used)| *used);
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (path, size, _) in files {
            if total <= self.budget / 10 * 9 {
                break;
            }
            if path != latest && fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
        self.used.store(total, Ordering::Relaxed);
    }
}

/// All files, with their sizes and when they were last used.
fn listed(dir: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries(dir).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
    files
        .filter_map(|file| {
            let metadata = file.metadata().ok()?;
            let used = metadata.modified().ok()?;
            metadata.is_file().then(|| (file.path(), metadata.len(), used))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(side: u32) -> Bytes {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        let noise: Vec<u8> = (0..side * side)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        writer.write_image_data(&noise).unwrap();
        writer.finish().unwrap();
        file.into()
    }

    #[tokio::test]
    async fn results_outlive_the_process_and_the_oldest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let (key, picture) = (|number| Key([number; 32]), png(64));
        let size = picture.len() as u64;
        let store = DerivedStore::open(dir.path(), 4 * size);
        assert!(store.find(key(1)).await.is_none());
        for number in 1..=4 {
            store.keep(key(number), picture.clone()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        // Used again, so it is not the oldest.
        assert_eq!(store.find(key(1)).await.unwrap().info.width, 64);
        fs::write(dir.path().join("01").join("left.part"), b"half").unwrap();

        let store = DerivedStore::open(dir.path(), 4 * size);
        assert_eq!(store.read(key(3)).await.unwrap(), picture);
        store.keep(key(5), picture.clone()).await.unwrap();
        let mut left = Vec::new();
        for number in 1..=5 {
            left.push(store.find(key(number)).await.is_some());
        }
        assert_eq!(left, [true, false, false, true, true]);
        assert_eq!(listed(dir.path()).len(), 3);
        assert!(store.keep(key(6), Bytes::from_static(b"no picture")).await.is_err());
    }
}
