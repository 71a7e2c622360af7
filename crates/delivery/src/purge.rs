//! Purging: which renditions may not be served any more.
//!
//! A rendition's key is a hash, and one rendition serves every path that its bytes are stored under, so the cache cannot
//! be searched for a path, and an index of paths would have to be kept in step with what is on disk. Instead a purge is
//! a rule with a time, and what was begun before it is not served at a path that it names. A rule costs a few bytes, takes
//! effect at once, holds for renditions on disk after a restart, and can be told to other nodes as it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use transform::{AssetRequest, Marker, Rewriter};

use crate::{Delivery, DeliveryError, asked};

/// Renditions older than this are made anew. So rules need not be kept for longer.
pub const OLDEST_RENDITION: Duration = Duration::from_secs(90 * 24 * 3600);

/// Rules that are kept one by one. Beyond, the oldest become one that holds for every path.
const RULES: usize = 10_000;

/// Which paths a purge is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgePattern {
    /// From the root of the library, decoded, with a slash in front.
    path: String,
    /// All paths that begin so.
    is_prefix: bool,
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
        Ok(Self {
            path: format!("/{path}{slash}"),
            is_prefix,
        })
    }

    /// The path, or what paths begin with.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// True if it stands for all paths that begin so.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
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
    everything: u64,
}

impl Purges {
    pub(crate) fn add(&self, pattern: &PurgePattern, at_ms: u64) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let table = if pattern.is_prefix {
            &mut rules.prefixes
        } else {
            &mut rules.paths
        };
        let at = table.entry(pattern.path.clone()).or_default();
        *at = at_ms.max(*at);
        if pattern.is_prefix {
            rules.lengths.insert(pattern.path.len());
        }
        rules.limit();
    }

    /// True if what was begun at this time may not be served at this path.
    pub(crate) fn have(&self, path: &str, made_ms: u64) -> bool {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let purged = |at: Option<&u64>| at.is_some_and(|&at| made_ms <= at);
        (rules.everything > 0 && made_ms <= rules.everything)
            || purged(rules.paths.get(path))
            || rules
                .lengths
                .iter()
                .take_while(|&&length| length <= path.len())
                .any(|&length| {
                    path.get(..length)
                        .is_some_and(|start| purged(rules.prefixes.get(start)))
                })
    }
}

impl Rules {
    fn limit(&mut self) {
        if self.paths.len() + self.prefixes.len() <= RULES {
            return;
        }
        let mut times: Vec<u64> = self.paths.values().chain(self.prefixes.values()).copied().collect();
        times.sort_unstable();
        let Some(&middle) = times.get(times.len() / 2) else {
            return;
        };
        self.everything = self.everything.max(middle);
        self.paths.retain(|_, at| *at > middle);
        self.prefixes.retain(|_, at| *at > middle);
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

    /// From now on serves no rendition at these paths that was begun at `at_ms` (Unix milliseconds) or before.
    ///
    /// Files of the library are never outdated, and the keys of renditions name the bytes that they are made of: there a purge is
    /// for what the same bytes should be made into anew. Origins are asked again for what was asked of them before. Results of
    /// AI operations are kept, because they cost money.
    pub fn purge(&self, pattern: &PurgePattern, at_ms: u64) {
        self.shared.purges.add(pattern, at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(target: &str) -> PurgePattern {
        PurgePattern::parse(target, "/acct").unwrap()
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
            assert_eq!((read.path(), read.is_prefix()), (path, is_prefix), "{target}");
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
            let read = pattern(target);
            assert_eq!((read.path(), read.is_prefix()), (path, is_prefix), "{target}");
        }
        assert!(PurgePattern::parse("/other/a.jpg", "/acct").is_err());
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
    fn too_many_rules_become_fewer_and_stricter() {
        let purges = Purges::default();
        for number in 0..=RULES as u64 {
            purges.add(&pattern(&format!("/acct/f/{number}.jpg")), number + 1);
        }
        let rules = purges.rules.read().unwrap();
        assert!(rules.paths.len() <= RULES);
        drop(rules);
        assert!(purges.have("/f/1.jpg", 2) && purges.have(&format!("/f/{RULES}.jpg"), RULES as u64 + 1));
        assert!(!purges.have("/f/1.jpg", RULES as u64 + 2));
    }
}
