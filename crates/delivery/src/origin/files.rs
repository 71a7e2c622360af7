//! Files of origins, as the rest of delivery knows files: found by path, looked at, read.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use library::{
    Account, Asset, BlobId, FileId, FileName, FileType, FolderPath, Library, MediaFacts, Origin, Timestamp,
    UrlEndpoint, Version, VersionId,
};
use moka::sync::Cache;
use serde_json::Map;
use sha2::{Digest, Sha256};
use tracing::Instrument as _;

use super::fetch::{Fetcher, FetcherError};
use super::originals::{Arrived, Facts, Originals, Writing};
use super::places::{Places, RETRY_AFTER_S};
use super::shared::{Found, SharedOriginals};
use super::storage::Storages;
use crate::OLDEST_RENDITION;
use crate::coalesce::{Coalescer, Role};
use crate::purge::Purges;
use crate::settings::{OriginSettings, Secrets};
use crate::shared::SharedPlace;
use crate::{DeliveryError, OpenError, stats};

/// How long an origin is not asked again for what it did not have.
const ABSENT: Duration = Duration::from_secs(60);
const ABSENCES: u64 = 50_000;
/// How long an origin that failed is left alone where there is an older copy to give.
const FAILING: Duration = Duration::from_secs(10);
const FAILURES: u64 = 1000;
/// From the first byte to the last.
const ARRIVES_WITHIN: Duration = Duration::from_secs(300);

/// What is asked of origins.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A path, without a slash before it.
    Path {
        path: String,
        /// Parameters that are not ours, as they came.
        query: String,
        /// The host that the client named.
        host: Option<String>,
    },
    /// A whole URL, for a web proxy.
    Url(String),
}

/// Names a path of an origin in the state that the origin's settings are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) [u8; 32]);

/// The origins of an account, and what they gave.
#[derive(Debug)]
pub(crate) struct Origins {
    settings: OriginSettings,
    storages: Arc<Storages>,
    originals: Arc<Originals>,
    /// What other servers have fetched.
    shared: Option<SharedOriginals>,
    places: Arc<Places>,
    /// What origins did not have, and when they were asked.
    absent: Cache<Name, i64>,
    /// Origins that failed a moment ago, by their id and the time of their last change.
    failing: Cache<(String, i64), ()>,
    in_flight: Coalescer<Name, Fetched>,
}

/// What an origin said when it was asked.
#[derive(Debug, Clone)]
struct Fetched {
    /// Milliseconds since 1970.
    asked_at: i64,
    /// None of what it does not have.
    facts: Option<Arc<Facts>>,
}

/// A file that an origin has, and which one.
pub(crate) struct Foreign {
    pub(crate) asset: Asset,
    /// By which purges know it: with a slash before it.
    pub(crate) path: String,
    /// The address that search engines shall know it by.
    pub(crate) canonical: Option<String>,
}

impl Origins {
    pub(crate) fn open(
        settings: &OriginSettings,
        shared: Option<SharedPlace>,
        library: &Library,
    ) -> Result<Self, OpenError> {
        let fetcher =
            Fetcher::new(settings.policy.clone()).map_err(|error: FetcherError| OpenError::Http(error.into()))?;
        Ok(Self {
            storages: Arc::new(Storages::new(Arc::new(fetcher), settings.policy.max_bytes)),
            originals: Arc::new(Originals::open(&settings.dir, settings.disk_bytes)),
            shared: shared.map(|place| SharedOriginals::new(place, library.clone())),
            absent: Cache::builder().max_capacity(ABSENCES).time_to_live(ABSENT).build(),
            failing: Cache::builder().max_capacity(FAILURES).time_to_live(FAILING).build(),
            places: Arc::new(Places::default()),
            in_flight: Coalescer::default(),
            settings: settings.clone(),
        })
    }

    /// The first of an endpoint's origins that has the file. "Not there" goes on to the next one; the last failure is the answer.
    pub(crate) async fn find(
        &self,
        account: &Account,
        endpoint: &UrlEndpoint,
        wanted: &Wanted,
        purges: &Arc<Purges>,
    ) -> Result<Option<Foreign>, DeliveryError> {
        let mut failure = None;
        for origin in account.origins_of(endpoint) {
            match self.facts(origin, wanted, purges).await {
                Ok(Some(facts)) => return Ok(foreign(origin, wanted, &facts)),
                // An origin that is there and has no such file says more than one that could not be asked before it.
                Ok(None) => failure = None,
                // Nobody was asked, so nobody may say that it is not there.
                Err(error @ DeliveryError::Overloaded { .. }) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// A copy that is too old is used for as long again while a new one is fetched, and for longer where that fails. What was asked
    /// for before a purge is as if it had never been.
    async fn facts(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        purges: &Arc<Purges>,
    ) -> Result<Option<Arc<Facts>>, DeliveryError> {
        let name = name(origin, wanted);
        let path = wanted.purge_path();
        let is_purged = |asked_at: i64| purges.have(&path, u64::try_from(asked_at).unwrap_or_default());
        if self.absent.get(&name).is_some_and(|asked_at| !is_purged(asked_at)) {
            return Ok(None);
        }
        let age = |facts: &Facts| {
            let age = Timestamp::now().as_millis().saturating_sub(facts.fetched_at);
            Duration::from_millis(u64::try_from(age).unwrap_or_default())
        };
        // Purges are not remembered for longer than that.
        let usable = |facts: &Arc<Facts>| !is_purged(facts.fetched_at) && age(facts) < OLDEST_RENDITION;
        let known = self.originals.find(&name).filter(usable);
        if let Some(facts) = &known {
            let age = age(facts);
            if age < self.settings.ttl || self.failing.contains_key(&identity(origin)) {
                return Ok(known);
            }
            if age < self.settings.ttl.saturating_mul(2) {
                self.in_flight.start(name, self.fetching(origin, wanted, name, purges));
                return Ok(known);
            }
        }
        loop {
            let (role, fetched) = self
                .in_flight
                .run(name, self.fetching(origin, wanted, name, purges))
                .await;
            match fetched {
                // Somebody else began before the purge: what came of it is for those who asked then.
                Ok(fetched) if role == Role::Follower && is_purged(fetched.asked_at) => {}
                Ok(fetched) => return Ok(fetched.facts),
                // What was there an hour ago is better than nothing while the origin is away.
                Err(DeliveryError::Origin { .. } | DeliveryError::Overloaded { .. }) if known.is_some() => {
                    return Ok(known);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Everything that the work needs is its own: it goes on when the client that caused it hangs up.
    fn fetching(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        name: Name,
        purges: &Arc<Purges>,
    ) -> impl Future<Output = Result<Fetched, DeliveryError>> + Send + 'static {
        let fetch = Fetch {
            storages: self.storages.clone(),
            originals: self.originals.clone(),
            secrets: self.settings.secrets.clone(),
            detect: self.settings.detect,
            origin: origin.clone(),
            wanted: wanted.clone(),
            name,
        };
        let (places, absent, failing) = (self.places.clone(), self.absent.clone(), self.failing.clone());
        // What only this server keeps in memory is not for others either.
        let shared = self.shared.clone().filter(|_| !wanted.has_query());
        let (purges, ttl) = (purges.clone(), self.settings.ttl);
        async move {
            let queue = tracing::debug_span!(target: stats::TRACE, "queue");
            let _place = places.take().instrument(queue).await?;
            let origin = identity(&fetch.origin);
            // Before the origin is asked: what is purged while it answers may have been replaced there since.
            let asked_at = Timestamp::now().as_millis();
            let (originals, kind) = (fetch.originals.clone(), fetch.origin.kind.clone());
            let mut claim = None;
            if let Some(shared) = &shared {
                let path = fetch.wanted.purge_path();
                let usable = |facts: &Facts| {
                    let age = Duration::from_millis(u64::try_from(asked_at - facts.fetched_at).unwrap_or_default());
                    age < ttl && !purges.have(&path, u64::try_from(facts.fetched_at).unwrap_or_default())
                };
                let span = tracing::debug_span!(target: stats::TRACE, "shared originals");
                match shared.get_or_claim(&originals, &name, usable).instrument(span).await {
                    Found::There(facts, content) => {
                        absent.invalidate(&name);
                        let taken = fetch.take_over(facts, content).await?;
                        return Ok(Fetched {
                            asked_at: taken.fetched_at,
                            facts: Some(taken),
                        });
                    }
                    Found::Absent(ours) => claim = ours,
                }
            }
            // Another server may have been waited for.
            let asked_at = Timestamp::now().as_millis();
            let span = tracing::debug_span!(target: stats::TRACE, "origin", kind);
            match stats::counted(kind, fetch.carry_out(asked_at)).instrument(span).await {
                Ok(facts) => {
                    failing.invalidate(&origin);
                    match &facts {
                        Some(facts) => {
                            absent.invalidate(&name);
                            if let Some(shared) = &shared {
                                shared.put(&originals, &name, facts, claim);
                            }
                        }
                        None => {
                            absent.insert(name, asked_at);
                            originals.remove(&name);
                        }
                    }
                    Ok(Fetched { asked_at, facts })
                }
                Err(error) => {
                    if matches!(error, DeliveryError::Origin { .. }) {
                        failing.insert(origin, ());
                    }
                    Err(error)
                }
            }
        }
    }

    /// Bytes of what is kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.originals.bytes()
    }

    /// A content that came from an origin, if it is here and has so many bytes.
    pub(crate) fn open_content(&self, blob: &BlobId, size: u64) -> Option<std::fs::File> {
        self.originals.open_content(blob, size)
    }

    /// All bytes of a content that came from an origin and has at most `max`. They are held against the name: the same content may
    /// stand in for a file of the library.
    pub(crate) async fn read(&self, blob: &BlobId, max: u64) -> Result<Option<Bytes>, DeliveryError> {
        let Some(size) = self.originals.size_of(blob) else {
            return Ok(None);
        };
        if size > max {
            return Err(DeliveryError::limit(format!(
                "the file has more than the {max} bytes that are decoded"
            )));
        }
        let Some(mut file) = self.originals.open_content(blob, size) else {
            return Ok(None);
        };
        let name = blob.to_string();
        let reading = move || {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            file.read_to_end(&mut bytes)?;
            let is_whole = hex::encode(Sha256::digest(&bytes)) == name;
            io::Result::Ok(is_whole.then_some(bytes))
        };
        let read = tokio::task::spawn_blocking(reading).await;
        let read = read.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        match read {
            Ok(Some(bytes)) => Ok(Some(bytes.into())),
            Ok(None) | Err(_) => {
                tracing::warn!(%blob, "a kept file of an origin can't be read as it was");
                self.originals.drop_content(blob);
                Ok(None)
            }
        }
    }
}

/// All that it takes to fetch a file.
struct Fetch {
    storages: Arc<Storages>,
    originals: Arc<Originals>,
    secrets: Option<Arc<dyn Secrets>>,
    detect: fn(&[u8], &str) -> String,
    origin: Origin,
    wanted: Wanted,
    name: Name,
}

impl Fetch {
    /// None of what the origin does not have.
    async fn carry_out(self, asked_at: i64) -> Result<Option<Arc<Facts>>, DeliveryError> {
        let secret = match (&self.origin.secret, &self.secrets) {
            (Some(_), Some(secrets)) => Some(secrets.of_origin(&self.origin)?),
            _ => None,
        };
        let Some(mut arriving) = self.storages.open(&self.origin, secret, &self.wanted).await? else {
            return Ok(None);
        };
        let unkept = |error: io::Error| match error.kind() {
            // Others that are on their way take all the room there is.
            io::ErrorKind::QuotaExceeded => DeliveryError::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            },
            _ => DeliveryError::internal("keep the origin's file", error),
        };
        let mut writing = self.originals.begin().map_err(unkept)?;
        let arrival = async {
            while let Some(piece) = arriving.body.next().await {
                writing.write(&piece?).map_err(unkept)?;
            }
            Ok::<_, DeliveryError>(())
        };
        match tokio::time::timeout(ARRIVES_WITHIN, arrival).await {
            Ok(arrived) => arrived?,
            Err(_elapsed) => {
                return Err(DeliveryError::Origin {
                    code: "ECONNREFUSED",
                    message: "the origin's file did not arrive in time".to_owned(),
                });
            }
        }
        let kept = self.keep(writing, arriving.is_private, asked_at).await;
        kept.map(Some).map_err(unkept)
    }

    /// Keeps what another server has fetched.
    async fn take_over(self, facts: Facts, content: Option<Box<Writing>>) -> Result<Arc<Facts>, DeliveryError> {
        let kept = match content {
            Some(content) => self.keep(*content, facts.is_private, facts.fetched_at).await,
            None => on_a_thread(move || self.originals.note(&self.name, facts)).await,
        };
        kept.map_err(|error| DeliveryError::internal("keep the origin's file", error))
    }

    async fn keep(self, writing: Writing, is_private: bool, asked_at: i64) -> io::Result<Arc<Facts>> {
        // Bytes are synced, and room may have to be made, which looks at many files.
        on_a_thread(move || {
            let arrived = Arrived {
                detect: self.detect,
                file_name: file_name(&self.wanted),
                is_private,
                asked_at,
                lasting: !self.wanted.has_query(),
            };
            self.originals.keep(&self.name, writing, arrived)
        })
        .await
    }
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

impl Wanted {
    /// By which purges know it: with a slash before it.
    fn purge_path(&self) -> String {
        match self {
            Self::Path { path, .. } => format!("/{path}"),
            Self::Url(url) => format!("/{url}"),
        }
    }

    /// Anybody can make up queries, and many servers answer all of them.
    fn has_query(&self) -> bool {
        matches!(self, Self::Path { query, .. } if !query.is_empty())
    }
}

/// An origin in the state that its settings are in.
fn identity(origin: &Origin) -> (String, i64) {
    (origin.id.clone(), origin.updated_at.as_millis())
}

fn name(origin: &Origin, wanted: &Wanted) -> Name {
    let mut hash = Sha256::new();
    let (kind, texts): (&str, [&str; 3]) = match wanted {
        Wanted::Path { path, query, host } => {
            // Another host may be another site.
            let forwards = origin.settings.get("forwardHostHeaderToOrigin") == Some(&serde_json::Value::Bool(true));
            let host = host.as_deref().filter(|_| forwards).unwrap_or_default();
            ("path", [path, query, host])
        }
        Wanted::Url(url) => ("url", [url, "", ""]),
    };
    hash.update(origin.id.as_bytes());
    hash.update(origin.updated_at.as_millis().to_be_bytes());
    for text in [kind].into_iter().chain(texts) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    Name(hash.finalize().into())
}

/// The last segment, without a query.
fn file_name(wanted: &Wanted) -> &str {
    let path = match wanted {
        Wanted::Path { path, .. } => path.as_str(),
        Wanted::Url(url) => url.split(['?', '#']).next().unwrap_or_default(),
    };
    path.rsplit('/').next().unwrap_or_default()
}

fn foreign(origin: &Origin, wanted: &Wanted, facts: &Facts) -> Option<Foreign> {
    let fetched = Timestamp::from_millis(facts.fetched_at).ok()?;
    let folder = match wanted {
        Wanted::Path { path, .. } => path.rsplit_once('/').map_or("", |(folder, _)| folder),
        Wanted::Url(_) => "",
    };
    let id = FileId::generate(fetched);
    let asset = Asset {
        id,
        is_current: true,
        version: Version {
            id: VersionId::from(id),
            number: 1,
            token: String::new(),
            blob: facts.blob()?,
            size: facts.size,
            media: MediaFacts {
                mime: facts.mime.clone(),
                file_type: if facts.mime.starts_with("image/") {
                    FileType::Image
                } else {
                    FileType::NonImage
                },
                ..MediaFacts::default()
            },
            uploaded_at: fetched,
        },
        folder: FolderPath::sanitised(folder).unwrap_or_else(|_| FolderPath::root()),
        name: FileName::sanitised(file_name(wanted))
            .or_else(|_| FileName::sanitised("file"))
            .ok()?,
        tags: Vec::new(),
        ai_tags: Vec::new(),
        custom_metadata: Map::new(),
        custom_coordinates: None,
        is_private: facts.is_private,
        is_published: true,
        description: None,
        created_at: fetched,
        updated_at: fetched,
    };
    Some(Foreign {
        asset,
        path: wanted.purge_path(),
        canonical: canonical(origin, wanted),
    })
}

/// The address of the original, where the origin wants it to be said.
fn canonical(origin: &Origin, wanted: &Wanted) -> Option<String> {
    let text = |key: &str| origin.settings.get(key).and_then(serde_json::Value::as_str);
    let wants = origin.settings.get("includeCanonicalHeader") == Some(&serde_json::Value::Bool(true));
    let base = text("baseUrlForCanonicalHeader")
        .or_else(|| text("baseUrl"))
        .filter(|_| wants)?;
    let Wanted::Path { path, .. } = wanted else {
        return None;
    };
    let mut url = url::Url::parse(base).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origin(settings: serde_json::Value) -> Origin {
        Origin {
            id: "org1".to_owned(),
            kind: "WEB_FOLDER".to_owned(),
            name: "Old".to_owned(),
            settings: settings.as_object().unwrap().clone(),
            secret: None,
            created_at: Timestamp::now(),
            updated_at: Timestamp::from_millis(1).unwrap(),
        }
    }

    fn path(path: &str, host: &str) -> Wanted {
        Wanted::Path {
            path: path.to_owned(),
            query: String::new(),
            host: Some(host.to_owned()),
        }
    }

    #[test]
    fn the_canonical_address() {
        let asked = path("a b/c.jpg", "h");
        for (settings, expected) in [
            (json!({"baseUrl": "https://h/img/"}), None),
            (
                json!({"baseUrl": "https://h/img/", "includeCanonicalHeader": true}),
                Some("https://h/img/a%20b/c.jpg"),
            ),
            (
                json!({"baseUrl": "https://h", "includeCanonicalHeader": true, "baseUrlForCanonicalHeader": "https://w"}),
                Some("https://w/a%20b/c.jpg"),
            ),
            (json!({"includeCanonicalHeader": true}), None),
        ] {
            assert_eq!(canonical(&origin(settings), &asked).as_deref(), expected);
        }
    }

    #[test]
    fn purges_know_files_by_path() {
        assert_eq!(path("a b/c.jpg", "h").purge_path(), "/a b/c.jpg");
        assert_eq!(
            Wanted::Url("https://h/a.jpg?x".to_owned()).purge_path(),
            "/https://h/a.jpg?x"
        );
    }

    #[test]
    fn the_host_counts_where_it_is_forwarded() {
        let plain = origin(json!({}));
        let forwarding = origin(json!({"forwardHostHeaderToOrigin": true}));
        assert_eq!(name(&plain, &path("a", "h")), name(&plain, &path("a", "i")));
        assert_ne!(name(&forwarding, &path("a", "h")), name(&forwarding, &path("a", "i")));
        assert_ne!(name(&plain, &path("a", "h")), name(&plain, &path("b", "h")));
        assert_ne!(name(&plain, &path("a", "")), name(&plain, &Wanted::Url("a".to_owned())));
    }
}
