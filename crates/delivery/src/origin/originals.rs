//! What origins gave, kept for a while: contents by their SHA-256, and beside them what is known of each path.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use library::BlobId;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::Name;
use crate::OLDEST_RENDITION;

/// Paths whose facts are in memory: some hundred bytes each.
const REMEMBERED: u64 = 50_000;

/// Paths whose facts are on disk: a small file each, all of which are listed at the start.
const WRITTEN: usize = 100_000;

/// A use of a content is noted no oftener than this.
const NOTED_EVERY: Duration = Duration::from_secs(600);

/// A folder of files from elsewhere. When it is full those that were not used longest go first.
#[derive(Debug)]
pub(super) struct Originals {
    dir: PathBuf,
    budget: u64,
    known: Cache<Name, Arc<Facts>>,
    /// How many facts are on disk, and how many may be.
    written: AtomicUsize,
    max_written: usize,
    contents: Mutex<Contents>,
    /// Bytes of all that is on its way.
    arriving: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Contents {
    sizes: HashMap<BlobId, u64>,
    bytes: u64,
}

/// What is known of a path of an origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The content.
    blob: String,
    /// Bytes.
    pub(super) size: u64,
    /// By content.
    pub(super) mime: String,
    /// The origin wants it to be delivered to signed URLs only.
    pub(super) is_private: bool,
    /// When the origin was asked for it. Milliseconds since 1970.
    pub(super) fetched_at: i64,
}

impl Facts {
    pub(super) fn blob(&self) -> Option<BlobId> {
        self.blob.parse().ok()
    }
}

/// What is known of a content that arrived, beside its bytes.
pub(super) struct Arrived<'a> {
    /// Tells the type by the first bytes and the name.
    pub(super) detect: fn(&[u8], &str) -> String,
    pub(super) file_name: &'a str,
    pub(super) is_private: bool,
    /// When the origin was asked. Milliseconds since 1970.
    pub(super) asked_at: i64,
    /// Also to be known after a restart. Not so for what anybody can make up as many names of as they like.
    pub(super) lasting: bool,
}

/// A content on its way.
pub(super) struct Writing {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
    arriving: Arc<AtomicU64>,
    budget: u64,
}

/// What tells the type of a file.
const HEAD_BYTES: usize = 4096;

impl Originals {
    /// Finds what an earlier run left, and removes what it did not finish.
    pub(super) fn open(dir: &Path, budget: u64) -> Self {
        let _ = fs::remove_dir_all(dir.join("part"));
        let mut contents = Contents::default();
        for (path, size, _) in listed(&dir.join("blobs")) {
            if let Some(blob) = name_of(&path) {
                contents.sizes.insert(blob, size);
                contents.bytes += size;
            }
        }
        let originals = Self {
            dir: dir.to_owned(),
            budget,
            known: Cache::new(REMEMBERED),
            written: AtomicUsize::default(),
            max_written: WRITTEN,
            contents: Mutex::new(contents),
            arriving: Arc::default(),
        };
        originals.sweep_facts();
        originals
    }

    /// What is known of a path, if its content is here, and whole.
    pub(super) fn find(&self, name: &Name) -> Option<Arc<Facts>> {
        let facts = match self.known.get(name) {
            Some(facts) => facts,
            None => {
                let text = fs::read(self.facts_path(name)).ok()?;
                let facts: Arc<Facts> = Arc::new(serde_json::from_slice(&text).ok()?);
                self.known.insert(*name, facts.clone());
                facts
            }
        };
        let blob = facts.blob()?;
        let (file, modified) = self.open_whole(&blob, facts.size)?;
        // What is asked for is not driven out before it is read.
        if modified.elapsed().is_ok_and(|age| age > NOTED_EVERY) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(facts)
    }

    /// Forgets a path that its origin does not have any more. Its content stays until it is driven out.
    pub(super) fn remove(&self, name: &Name) {
        self.known.invalidate(name);
        if fs::remove_file(self.facts_path(name)).is_ok() {
            // Facts that were swept meanwhile are counted anew there.
            let fewer = |written: usize| written.checked_sub(1);
            let _ = self.written.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        }
    }

    /// A content that is here and has this many bytes. One that is shorter, because a disk was full or the power went, or that
    /// somebody removed, is as if it had never come.
    pub(super) fn open_content(&self, blob: &BlobId, size: u64) -> Option<File> {
        Some(self.open_whole(blob, size)?.0)
    }

    fn open_whole(&self, blob: &BlobId, size: u64) -> Option<(File, SystemTime)> {
        if !self.lock().sizes.contains_key(blob) {
            return None;
        }
        let opened = File::options().read(true).write(true).open(self.content_path(blob));
        let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((facts, file)) if facts.len() == size => Some((file, facts.modified().ok()?)),
            Ok(_) => {
                tracing::warn!(%blob, "a kept file of an origin is damaged");
                self.drop_content(blob);
                None
            }
            Err(error) => {
                tracing::debug!(%blob, %error, "a kept file of an origin is gone");
                self.drop_content(blob);
                None
            }
        }
    }

    /// Bytes of a content that is here.
    pub(super) fn size_of(&self, blob: &BlobId) -> Option<u64> {
        self.lock().sizes.get(blob).copied()
    }

    /// Removes a content that is not what its name says.
    pub(super) fn drop_content(&self, blob: &BlobId) {
        let mut contents = self.lock();
        let _ = fs::remove_file(self.content_path(blob));
        if let Some(size) = contents.sizes.remove(blob) {
            contents.bytes = contents.bytes.saturating_sub(size);
        }
    }

    /// Bytes of all contents.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub(super) fn begin(&self) -> io::Result<Writing> {
        let folder = self.dir.join("part");
        fs::create_dir_all(&folder)?;
        let unique: u64 = self.known.entry_count() ^ u64::from(std::process::id());
        let (file, path) = loop {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{unique:x}-{number}"));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => break (file, path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        Ok(Writing {
            file,
            path,
            hash: Sha256::new(),
            size: 0,
            head: Vec::new(),
            arriving: self.arriving.clone(),
            budget: self.budget,
        })
    }

    /// Keeps a content, and what is known of its path.
    pub(super) fn keep(&self, name: &Name, writing: Writing, arrived: Arrived<'_>) -> io::Result<Arc<Facts>> {
        let id = writing.digest();
        let content = self.content_path(&id);
        make_parent(&content)?;
        // A name says what the bytes are, so they come first, also if the power goes in between.
        writing.file.sync_data()?;
        fs::rename(&writing.path, &content)?;
        let facts = Facts {
            blob: id.to_string(),
            size: writing.size,
            mime: (arrived.detect)(&writing.head, arrived.file_name),
            is_private: arrived.is_private,
            fetched_at: arrived.asked_at,
        };
        {
            let mut contents = self.lock();
            if contents.sizes.insert(id, writing.size).is_none() {
                contents.bytes += writing.size;
            }
        }
        if arrived.lasting {
            self.write_facts(name, &facts)?;
        }
        let facts = Arc::new(facts);
        self.known.insert(*name, facts.clone());
        self.sweep(&id);
        Ok(facts)
    }

    /// Notes what is known of a path whose content is here already.
    pub(super) fn note(&self, name: &Name, facts: Facts) -> io::Result<Arc<Facts>> {
        self.write_facts(name, &facts)?;
        let facts = Arc::new(facts);
        self.known.insert(*name, facts.clone());
        Ok(facts)
    }

    fn write_facts(&self, name: &Name, facts: &Facts) -> io::Result<()> {
        let path = self.facts_path(name);
        make_parent(&path)?;
        let staged = path.with_extension("part");
        fs::write(&staged, serde_json::to_vec(facts)?)?;
        let is_new = !path.exists();
        fs::rename(staged, path)?;
        if is_new && self.written.fetch_add(1, Ordering::Relaxed) >= self.max_written {
            self.sweep_facts();
        }
        Ok(())
    }

    /// Removes facts that are too old to be used, and, where there are too many, the oldest: down to nine tenths. Also counts them.
    fn sweep_facts(&self) {
        let mut found = listed(&self.dir.join("paths"));
        found.sort_by_key(|(_, _, written)| *written);
        let too_many = match found.len() > self.max_written {
            true => found.len() - self.max_written / 10 * 9,
            false => 0,
        };
        let mut left = found.len();
        for (at, (path, _, written)) in found.iter().enumerate() {
            let is_old = written.elapsed().is_ok_and(|age| age > OLDEST_RENDITION);
            if !is_old && at >= too_many {
                break;
            }
            if fs::remove_file(path).is_ok() {
                left -= 1;
            }
        }
        self.written.store(left, Ordering::Relaxed);
    }

    /// Makes room: down to nine tenths of the budget, so that this is done seldom. `but` is needed now.
    fn sweep(&self, but: &BlobId) {
        if self.bytes() <= self.budget {
            return;
        }
        let mut found = listed(&self.dir.join("blobs"));
        found.sort_by_key(|(_, _, used)| *used);
        for (path, size, _) in found {
            if self.bytes() <= self.budget / 10 * 9 {
                break;
            }
            let Some(blob) = name_of(&path).filter(|blob| blob != but) else {
                continue;
            };
            let mut contents = self.lock();
            if fs::remove_file(&path).is_ok() && contents.sizes.remove(&blob).is_some() {
                contents.bytes = contents.bytes.saturating_sub(size);
            }
        }
    }

    fn content_path(&self, blob: &BlobId) -> PathBuf {
        let name = blob.to_string();
        self.dir.join("blobs").join(&name[..2]).join(name)
    }

    fn facts_path(&self, name: &Name) -> PathBuf {
        let name = hex::encode(name.0);
        self.dir.join("paths").join(&name[..2]).join(name + ".json")
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// Bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What names the bytes so far.
    pub(super) fn digest(&self) -> BlobId {
        BlobId::of_digest(self.hash.clone().finalize().into())
    }

    /// Adds to it. What is on its way may take the whole budget and no more, but one file may always come: past that the error is
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded).
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        let others = self
            .arriving
            .fetch_add(length, Ordering::Relaxed)
            .saturating_sub(self.size);
        self.size += length;
        if others > 0 && others.saturating_add(self.size) > self.budget {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.arriving.fetch_sub(self.size, Ordering::Relaxed);
        // Gone already where it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn name_of(path: &Path) -> Option<BlobId> {
    path.file_name()?.to_str()?.parse().ok()
}

/// The files of a folder of folders, with their sizes and ages.
fn listed(dir: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let Ok(folders) = fs::read_dir(dir) else {
        return Vec::new();
    };
    folders
        .flatten()
        .filter_map(|folder| fs::read_dir(folder.path()).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| {
            let facts = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((entry.path(), facts.len(), facts.modified().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_as(originals: &Originals, number: u8, bytes: &[u8], lasting: bool) -> Arc<Facts> {
        let mut writing = originals.begin().unwrap();
        writing.write(bytes).unwrap();
        let arrived = Arrived {
            detect: |_: &[u8], name: &str| format!("test/{name}"),
            file_name: "x",
            is_private: false,
            asked_at: 5,
            lasting,
        };
        originals.keep(&Name([number; 32]), writing, arrived).unwrap()
    }

    fn keep(originals: &Originals, number: u8, bytes: &[u8]) -> Arc<Facts> {
        keep_as(originals, number, bytes, true)
    }

    #[test]
    fn what_was_kept_is_found_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 1000);
        let facts = keep(&originals, 1, b"abc");
        assert_eq!((facts.size, facts.mime.as_str(), facts.fetched_at), (3, "test/x", 5));
        drop(originals.begin().unwrap());
        let again = Originals::open(dir.path(), 1000);
        assert_eq!(again.find(&Name([1; 32])), Some(facts.clone()));
        assert_eq!(again.find(&Name([2; 32])), None);
        assert_eq!(again.bytes(), 3);
        let mut text = String::new();
        let mut file = again.open_content(&facts.blob().unwrap(), 3).unwrap();
        io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert_eq!(text, "abc");
        again.remove(&Name([1; 32]));
        assert_eq!(again.find(&Name([1; 32])), None);
        assert_eq!(Originals::open(dir.path(), 1000).find(&Name([1; 32])), None);
        assert_eq!(
            fs::read_dir(dir.path().join("part")).map_or(0, Iterator::count),
            0,
            "nothing half written is left"
        );
    }

    #[test]
    fn what_is_on_its_way_has_a_budget_too() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 10);
        let mut alone = originals.begin().unwrap();
        alone.write(&[0; 20]).unwrap();
        let mut second = originals.begin().unwrap();
        let refused = second.write(&[0; 1]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
        drop((alone, second));
        let (mut first, mut second) = (originals.begin().unwrap(), originals.begin().unwrap());
        first.write(&[0; 5]).unwrap();
        second.write(&[0; 5]).unwrap();
        assert!(first.write(&[0; 1]).is_err());
        drop(first);
        second.write(&[0; 50]).unwrap();
        drop(second);
        assert_eq!(originals.arriving.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_damaged_or_gone_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 1000);
        let blob = keep(&originals, 1, b"abcdef").blob().unwrap();
        let path = originals.content_path(&blob);
        for damage in [
            (|path: &Path| fs::write(path, b"abc").unwrap()) as fn(&Path),
            |path| fs::write(path, b"").unwrap(),
            |path| fs::remove_file(path).unwrap(),
        ] {
            keep(&originals, 1, b"abcdef");
            assert!(originals.find(&Name([1; 32])).is_some() && originals.open_content(&blob, 6).is_some());
            damage(&path);
            assert!(originals.open_content(&blob, 6).is_none() && originals.find(&Name([1; 32])).is_none());
            assert_eq!(originals.bytes(), 0);
        }
    }

    #[test]
    fn facts_on_disk_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let on_disk = || listed(&dir.path().join("paths")).len();
        let originals = Originals {
            max_written: 20,
            ..Originals::open(dir.path(), 1000)
        };
        for number in 0..20 {
            keep_as(&originals, number, b"abc", false);
        }
        assert_eq!(on_disk(), 0);
        assert!(originals.find(&Name([3; 32])).is_some(), "in memory they are known");
        for number in 0..100 {
            keep(&originals, number, b"abc");
            keep(&originals, number, b"abc");
            assert!(on_disk() <= 20);
        }
        assert!(on_disk() >= 18);
        let old = listed(&dir.path().join("paths"));
        for (path, _, _) in &old[1..] {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        Originals::open(dir.path(), 1000);
        assert_eq!(on_disk(), 1, "what is too old goes at a start");
    }

    #[test]
    fn the_least_used_goes_when_it_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 1000);
        let old = keep(&originals, 1, &[1; 400]);
        let file = originals.open_content(&old.blob().unwrap(), 400).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        keep(&originals, 2, &[2; 400]);
        keep(&originals, 3, &[3; 400]);
        assert_eq!(originals.find(&Name([1; 32])), None);
        assert!(originals.find(&Name([2; 32])).is_some() && originals.find(&Name([3; 32])).is_some());
        assert_eq!(originals.bytes(), 800);
        keep(&originals, 4, &[3; 400]);
        assert_eq!(originals.bytes(), 800, "one content is kept once");
    }
}
