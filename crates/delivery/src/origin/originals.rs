//! What origins gave, kept for a while: contents by their SHA-256, and beside them what is known of each path.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use library::BlobId;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::Name;

/// Paths whose facts are in memory: some hundred bytes each.
const REMEMBERED: u64 = 50_000;

/// A folder of files from elsewhere. When it is full those that were not read longest go first.
#[derive(Debug)]
pub(super) struct Originals {
    dir: PathBuf,
    budget: u64,
    known: Cache<Name, Arc<Facts>>,
    contents: Mutex<Contents>,
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
    /// Milliseconds since 1970.
    pub(super) fetched_at: i64,
}

impl Facts {
    pub(super) fn blob(&self) -> Option<BlobId> {
        self.blob.parse().ok()
    }
}

/// A content on its way.
pub(super) struct Writing {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
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
        Self {
            dir: dir.to_owned(),
            budget,
            known: Cache::new(REMEMBERED),
            contents: Mutex::new(contents),
        }
    }

    /// What is known of a path, if its content is here.
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
        facts.blob().is_some_and(|blob| self.has(&blob)).then_some(facts)
    }

    /// Forgets everything that is known of paths. Contents stay until they are driven out.
    pub(super) fn forget(&self) {
        self.known.invalidate_all();
        let _ = fs::remove_dir_all(self.dir.join("paths"));
    }

    pub(super) fn has(&self, blob: &BlobId) -> bool {
        self.lock().sizes.contains_key(blob)
    }

    /// Bytes of all contents.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// A content to read. Its age is that of its last use.
    pub(super) fn read(&self, blob: &BlobId) -> io::Result<File> {
        let file = File::options().read(true).write(true).open(self.content_path(blob))?;
        let _ = file.set_modified(SystemTime::now());
        Ok(file)
    }

    pub(super) fn begin(&self) -> io::Result<Writing> {
        let folder = self.dir.join("part");
        fs::create_dir_all(&folder)?;
        let unique: u64 = self.known.entry_count() ^ u64::from(std::process::id());
        let (file, path) = loop {
            static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
            let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
        })
    }

    /// Keeps a content, and what is known of its path.
    pub(super) fn keep(
        &self,
        name: &Name,
        writing: Writing,
        detect: fn(&[u8], &str) -> String,
        file_name: &str,
        is_private: bool,
        now_ms: i64,
    ) -> io::Result<Arc<Facts>> {
        let blob = hex::encode(writing.hash.clone().finalize());
        let id: BlobId = blob.parse().map_err(io::Error::other)?;
        let content = self.content_path(&id);
        make_parent(&content)?;
        // No sync: what is lost in a crash is fetched again. What is found half written is not, for its name is given after it is whole.
        fs::rename(&writing.path, &content)?;
        let facts = Facts {
            blob,
            size: writing.size,
            mime: detect(&writing.head, file_name),
            is_private,
            fetched_at: now_ms,
        };
        let path = self.facts_path(name);
        make_parent(&path)?;
        let staged = path.with_extension("part");
        fs::write(&staged, serde_json::to_vec(&facts)?)?;
        fs::rename(staged, path)?;
        {
            let mut contents = self.lock();
            if contents.sizes.insert(id, writing.size).is_none() {
                contents.bytes += writing.size;
            }
        }
        let facts = Arc::new(facts);
        self.known.insert(*name, facts.clone());
        self.sweep(&id);
        Ok(facts)
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
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
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

    fn keep(originals: &Originals, number: u8, bytes: &[u8]) -> Arc<Facts> {
        let mut writing = originals.begin().unwrap();
        writing.write(bytes).unwrap();
        let detect = |_: &[u8], name: &str| format!("test/{name}");
        originals
            .keep(&Name([number; 32]), writing, detect, "x", false, 5)
            .unwrap()
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
        io::Read::read_to_string(&mut again.read(&facts.blob().unwrap()).unwrap(), &mut text).unwrap();
        assert_eq!(text, "abc");
        again.forget();
        assert_eq!(again.find(&Name([1; 32])), None);
        assert_eq!(
            fs::read_dir(dir.path().join("part")).map_or(0, Iterator::count),
            0,
            "nothing half written is left"
        );
    }

    #[test]
    fn the_least_used_goes_when_it_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let originals = Originals::open(dir.path(), 1000);
        let old = keep(&originals, 1, &[1; 400]);
        let file = originals.read(&old.blob().unwrap()).unwrap();
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
