//! Purging: which renditions may not be served any more.
//!
//! A rendition's key is a hash, and one rendition serves every path that its bytes are stored under, so the cache cannot
//! be searched for a path, and an index of paths would have to be kept in step with what is on disk. Instead a purge is
//! a rule with a time, and what was begun before it is not served at a path that it names. A rule costs a few bytes, takes
//! effect at once, holds for renditions on disk after a restart, and can be told to other nodes as it is. A rule for a tag or
//! a file works alike: what a request finds says which tags and which id it has, so nobody has to list a million files.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use library::{Asset, FileId};
use transform::{AssetRequest, Marker, Rewriter};

use crate::{Delivery, DeliveryError, asked, tags};

/// Renditions older than this are made anew. So rules need not be kept for longer.
pub const OLDEST_RENDITION: Duration = Duration::from_secs(90 * 24 * 3600);

/// Rules that are kept one by one. Beyond, the oldest become one that holds for every path.
const RULES: usize = 10_000;

/// What a purge is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgePattern {
    /// A path from the root of the library, decoded, with a slash in front.
    Path(String),
    /// All paths that begin so.
    Prefix(String),
    /// All files of the library that have this tag.
    Tag(String),
    /// A file of the library, wherever it lies.
    File(FileId),
}

impl PurgePattern {
    /// Reads a request target below an endpoint, which may end in `*`. Transformations in it have no meaning: a path is
    /// purged in all its forms.
    pub fn parse(target: &str, endpoint: &str) -> Result<Self, DeliveryError> {
        let (rest, is_prefix) = match target.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (target, false),
        };
        let asked = AssetRequest::parse(rest, endpoint)?;
        let path = match asked.markers.as_slice() {
            [Marker::RemoteUrl { url }] => url.clone(),
            _ => asked.asset_path,
        };
        let path_only = rest.split('?').next().unwrap_or_default();
        let slash = if is_prefix && path_only.ends_with('/') && !path.is_empty() {
            "/"
        } else {
            ""
        };
        // Behind a `?` any rest of the query is meant, so the path is whole.
        let is_prefix = is_prefix && !rest.contains('?');
        let path = format!("/{path}{slash}");
        Ok(if is_prefix {
            Self::Prefix(path)
        } else {
            Self::Path(path)
        })
    }

    /// Everything below a folder, `/` for all there is.
    pub fn below(folder: &str) -> Self {
        match folder.trim_matches('/') {
            "" => Self::Prefix("/".to_owned()),
            path => Self::Prefix(format!("/{path}/")),
        }
    }
}

/// By what purges know a file.
#[derive(Debug, Clone)]
pub(crate) struct Purgeable {
    path: String,
    /// What only an origin has has neither this nor tags.
    file: Option<FileId>,
    tags: Vec<String>,
}

impl Purgeable {
    /// `path` is that by which the file was found.
    pub(crate) fn new(asset: &Asset, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            file: tags::lasting_id(asset),
            tags: asset.tags.clone(),
        }
    }
}

/// The rules. Times are Unix milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    rules: RwLock<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    paths: HashMap<String, u64>,
    prefixes: HashMap<String, u64>,
    /// The lengths of all prefixes, so that a look-up tries these and no others.
    lengths: BTreeSet<usize>,
    tags: HashMap<String, u64>,
    files: HashMap<FileId, u64>,
    everything: u64,
}

impl Purges {
    pub(crate) fn add(&self, pattern: &PurgePattern, at_ms: u64) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        match pattern {
            PurgePattern::Path(path) => note(&mut rules.paths, path, at_ms),
            PurgePattern::Prefix(start) => {
                note(&mut rules.prefixes, start, at_ms);
                rules.lengths.insert(start.len());
            }
            PurgePattern::Tag(tag) => note(&mut rules.tags, tag, at_ms),
            PurgePattern::File(file) => note(&mut rules.files, file, at_ms),
        }
        rules.limit();
    }

    /// True if what was begun at this time may not be served at this path, whatever it is.
    pub(crate) fn have(&self, path: &str, made_ms: u64) -> bool {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.have_path(path, made_ms)
    }

    /// True if what was made of this file, begun at this time, may not be served any more.
    pub(crate) fn have_any(&self, of: &Purgeable, made_ms: u64) -> bool {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let purged = |at: Option<&u64>| at.is_some_and(|&at| made_ms <= at);
        rules.have_path(&of.path, made_ms)
            || of.file.is_some_and(|file| purged(rules.files.get(&file)))
            || (!rules.tags.is_empty() && of.tags.iter().any(|tag| purged(rules.tags.get(tag))))
    }
}

/// A later rule counts, whichever comes first.
fn note<K: Eq + Hash + Clone>(rules: &mut HashMap<K, u64>, key: &K, at_ms: u64) {
    let at = rules.entry(key.clone()).or_default();
    *at = at_ms.max(*at);
}

impl Rules {
    fn have_path(&self, path: &str, made_ms: u64) -> bool {
        let purged = |at: Option<&u64>| at.is_some_and(|&at| made_ms <= at);
        (self.everything > 0 && made_ms <= self.everything)
            || purged(self.paths.get(path))
            || self
                .lengths
                .iter()
                .take_while(|&&length| length <= path.len())
                .any(|&length| path.get(..length).is_some_and(|start| purged(self.prefixes.get(start))))
    }

    fn len(&self) -> usize {
        self.paths.len() + self.prefixes.len() + self.tags.len() + self.files.len()
    }

    fn limit(&mut self) {
        if self.len() <= RULES {
            return;
        }
        let texts = [&self.paths, &self.prefixes, &self.tags];
        let mut times: Vec<u64> = texts.iter().flat_map(|rules| rules.values()).copied().collect();
        times.extend(self.files.values());
        times.sort_unstable();
        let Some(&middle) = times.get(times.len() / 2) else {
            return;
        };
        self.everything = self.everything.max(middle);
        for rules in [&mut self.paths, &mut self.prefixes, &mut self.tags] {
            rules.retain(|_, at| *at > middle);
        }
        self.files.retain(|_, at| *at > middle);
        self.lengths = self.prefixes.keys().map(String::len).collect();
    }
}

/// The target of the file that another service's URL stands for, with its `*`.
fn file_of(rewriter: Rewriter, target: &str, endpoint: &str) -> String {
    let (rest, star) = match target.strip_suffix('*') {
        // Behind a `?` any rest of the query is meant.
        Some(rest) if rest.contains('?') => (rest, ""),
        Some(rest) => (rest, "*"),
        None => (target, ""),
    };
    let rest = rest.split('?').next().unwrap_or_default();
    let file = rewriter.rewrite(rest.strip_prefix(endpoint).unwrap_or(rest)).below;
    let file = file.split('?').next().unwrap_or_default();
    let slash = if rest.ends_with('/') && !file.ends_with('/') {
        "/"
    } else {
        ""
    };
    format!("{endpoint}{file}{slash}{star}")
}

impl Delivery {
    /// What a request target, which may end in `*`, stands for: below the URL endpoint that a request for it would belong to.
    pub async fn purge_pattern(&self, target: &str) -> Result<PurgePattern, DeliveryError> {
        let account = self.shared.sources.account().await?;
        let (path, endpoint) = asked::endpoint(target, &self.shared.settings.endpoint, &account);
        match endpoint.and_then(asked::rewriter) {
            None => PurgePattern::parse(target, &path),
            Some(rewriter) => PurgePattern::parse(&file_of(rewriter, target, &path), &path),
        }
    }

    /// From now on serves no rendition of these files that was begun at `at_ms` (Unix milliseconds) or before.
    ///
    /// Files of the library are looked up anew, and the keys of renditions name the bytes that they are made of: there a purge is
    /// for what the same bytes should be made into anew. Origins are asked again for what was asked of them before. Results of
    /// AI operations are kept, because they cost money.
    pub fn purge(&self, pattern: &PurgePattern, at_ms: u64) {
        self.shared.purges.add(pattern, at_ms);
        // Whoever is told of this purge next shall see what was changed before it.
        self.shared.decisions.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(target: &str) -> PurgePattern {
        PurgePattern::parse(target, "/acct").unwrap()
    }

    fn path_or_prefix(path: &str, is_prefix: bool) -> PurgePattern {
        match is_prefix {
            true => PurgePattern::Prefix(path.to_owned()),
            false => PurgePattern::Path(path.to_owned()),
        }
    }

    #[test]
    fn targets_of_other_services_become_paths() {
        let cloudinary = Rewriter::Cloudinary {
            preserve_delivery_types: false,
        };
        for (target, path, is_prefix) in [
            ("/acct/old/image/upload/w_300/v1/a/b.jpg", "/a/b.jpg", false),
            ("/acct/old/image/upload/w_300/a/b.jpg?_a=1*", "/a/b.jpg", false),
            ("/acct/old/image/upload/a/b*", "/a/b", true),
            ("/acct/old/image/upload/v1/a/*", "/a/", true),
            ("/acct/old/a/b.jpg", "/a/b.jpg", false),
        ] {
            let read = PurgePattern::parse(&file_of(cloudinary, target, "/acct/old"), "/acct/old").unwrap();
            assert_eq!(read, path_or_prefix(path, is_prefix), "{target}");
        }
    }

    #[test]
    fn targets_become_paths() {
        for (target, path, is_prefix) in [
            ("/acct/a/b.jpg", "/a/b.jpg", false),
            ("/acct/a/b.jpg?tr=w-300", "/a/b.jpg", false),
            ("/acct/tr:w-300/a/b.jpg", "/a/b.jpg", false),
            ("/acct/a/b.jpg*", "/a/b.jpg", true),
            ("/acct/a/b.jpg?tr=w-*", "/a/b.jpg", false),
            ("/acct/a/*", "/a/", true),
            ("/acct/a/b*", "/a/b", true),
            ("/acct/caf%C3%A9.jpg", "/caf\u{e9}.jpg", false),
            ("/acct/https://h/a.jpg", "/https://h/a.jpg", false),
            ("/acct/tr:w-300/https%3A%2F%2Fh%2Fa.jpg", "/https://h/a.jpg", false),
        ] {
            assert_eq!(pattern(target), path_or_prefix(path, is_prefix), "{target}");
        }
        assert!(PurgePattern::parse("/other/a.jpg", "/acct").is_err());
        for (folder, start) in [("/", "/"), ("/a", "/a/"), ("/a/b/", "/a/b/")] {
            assert_eq!(PurgePattern::below(folder), PurgePattern::Prefix(start.to_owned()));
        }
    }

    #[test]
    fn what_was_made_before_is_purged_and_nothing_else() {
        let purges = Purges::default();
        assert!(!purges.have("/a/b.jpg", 0));
        purges.add(&pattern("/acct/a/b.jpg"), 100);
        purges.add(&pattern("/acct/c/d*"), 200);
        for (path, made, expected) in [
            ("/a/b.jpg", 100, true),
            ("/a/b.jpg", 101, false),
            ("/a/b.jpgx", 100, false),
            ("/c/d", 200, true),
            ("/c/d\u{e9}/e.jpg", 200, true),
            ("/c/d/e.jpg", 201, false),
            ("/c", 200, false),
        ] {
            assert_eq!(purges.have(path, made), expected, "{path} {made}");
        }
        purges.add(&pattern("/acct/a/b.jpg"), 50);
        assert!(purges.have("/a/b.jpg", 100), "an older rule takes nothing back");
    }

    #[test]
    fn files_are_known_by_path_id_and_tags() {
        let id = |digit: char| digit.to_string().repeat(24).parse::<FileId>().unwrap();
        let of = |file: Option<FileId>, tags: &[&str]| Purgeable {
            path: "/a/b.jpg".to_owned(),
            file,
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        };
        let purges = Purges::default();
        purges.add(&PurgePattern::Tag("sea".to_owned()), 100);
        purges.add(&PurgePattern::File(id('1')), 200);
        for (file, made, expected) in [
            (of(None, &[]), 50, false),
            (of(None, &["dawn", "sea"]), 100, true),
            (of(None, &["sea"]), 101, false),
            (of(None, &["Sea", "seas"]), 50, false),
            (of(Some(id('1')), &[]), 200, true),
            (of(Some(id('1')), &["sea"]), 201, false),
            (of(Some(id('2')), &[]), 50, false),
        ] {
            assert_eq!(purges.have_any(&file, made), expected, "{file:?} {made}");
        }
        purges.add(&pattern("/acct/a/*"), 300);
        assert!(purges.have_any(&of(None, &[]), 300) && !purges.have_any(&of(None, &[]), 301));
    }

    #[test]
    fn too_many_rules_become_fewer_and_stricter() {
        let purges = Purges::default();
        for number in 0..=RULES as u64 {
            purges.add(&pattern(&format!("/acct/f/{number}.jpg")), number + 1);
        }
        assert!(purges.rules.read().unwrap().len() <= RULES);
        assert!(purges.have("/f/1.jpg", 2) && purges.have(&format!("/f/{RULES}.jpg"), RULES as u64 + 1));
        assert!(!purges.have("/f/1.jpg", RULES as u64 + 2));
    }
}
