//! Files of origins, as the rest of delivery knows files: found by path, looked at, read.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use library::{
    Account, Asset, BlobId, FileId, FileName, FileType, FolderPath, MediaFacts, Origin, Timestamp, UrlEndpoint,
    Version, VersionId,
};
use moka::sync::Cache;
use serde_json::Map;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::fetch::{Fetcher, FetcherError};
use super::originals::{Facts, Originals};
use super::storage::Storages;
use crate::coalesce::Coalescer;
use crate::settings::{OriginSettings, Secrets};
use crate::{DeliveryError, OpenError, stats};

/// How long an origin is not asked again for what it did not have.
const ABSENT: Duration = Duration::from_secs(60);
const ABSENCES: u64 = 50_000;
/// From the first byte to the last.
const ARRIVES_WITHIN: Duration = Duration::from_secs(300);
/// What is read from the disk at once.
const PIECE: usize = 256 << 10;

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
    absent: Cache<Name, ()>,
    in_flight: Coalescer<Name, Option<Arc<Facts>>>,
}

/// A file that an origin has, and which one.
pub(crate) struct Foreign {
    pub(crate) asset: Asset,
    /// The address that search engines shall know it by.
    pub(crate) canonical: Option<String>,
}

impl Origins {
    pub(crate) fn open(settings: &OriginSettings) -> Result<Self, OpenError> {
        let fetcher =
            Fetcher::new(settings.policy.clone()).map_err(|error: FetcherError| OpenError::Http(error.into()))?;
        Ok(Self {
            storages: Arc::new(Storages::new(Arc::new(fetcher), settings.policy.max_bytes)),
            originals: Arc::new(Originals::open(&settings.dir, settings.disk_bytes)),
            absent: Cache::builder().max_capacity(ABSENCES).time_to_live(ABSENT).build(),
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
    ) -> Result<Option<Foreign>, DeliveryError> {
        let mut failure = None;
        for origin in account.origins_of(endpoint) {
            match self.facts(origin, wanted).await {
                Ok(Some(facts)) => return Ok(foreign(origin, wanted, &facts)),
                // An origin that is there and has no such file says more than one that could not be asked before it.
                Ok(None) => failure = None,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    async fn facts(&self, origin: &Origin, wanted: &Wanted) -> Result<Option<Arc<Facts>>, DeliveryError> {
        let name = name(origin, wanted);
        if self.absent.contains_key(&name) {
            return Ok(None);
        }
        let now = Timestamp::now().as_millis();
        let ttl = i64::try_from(self.settings.ttl.as_millis()).unwrap_or(i64::MAX);
        let known = self.originals.find(&name);
        if let Some(facts) = &known
            && now.saturating_sub(facts.fetched_at) < ttl
        {
            return Ok(known);
        }
        let work = fetch(
            self.storages.clone(),
            self.originals.clone(),
            self.settings.secrets.clone(),
            self.settings.detect,
            origin.clone(),
            wanted.clone(),
            name,
        );
        let work = stats::counted(origin.kind.clone(), work);
        let (_, fetched) = self.in_flight.run(name, work).await;
        match (fetched, known) {
            // What was there an hour ago is better than nothing while the origin is away.
            (Err(DeliveryError::Origin { .. }), Some(stale)) => Ok(Some(stale)),
            (Ok(None), _) => {
                self.absent.insert(name, ());
                Ok(None)
            }
            (fetched, _) => fetched,
        }
    }

    /// Forgets what origins gave and did not have, so that they are asked again.
    pub(crate) fn forget(&self) {
        self.absent.invalidate_all();
        self.originals.forget();
    }

    /// Bytes of what is kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.originals.bytes()
    }

    /// True for contents that came from an origin.
    pub(crate) fn has(&self, blob: &BlobId) -> bool {
        self.originals.has(blob)
    }

    /// A content to read.
    pub(crate) fn open_file(&self, blob: &BlobId) -> io::Result<std::fs::File> {
        self.originals.read(blob)
    }

    /// All bytes of a content that has at most `max`.
    pub(crate) async fn read(&self, blob: &BlobId, max: u64) -> Result<Bytes, DeliveryError> {
        let unreadable = |error: io::Error| match error.kind() {
            // Driven out since it was found.
            io::ErrorKind::NotFound => DeliveryError::NotFound,
            _ => DeliveryError::internal("read the file", error),
        };
        let file = self.open_file(blob).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        if size > max {
            return Err(DeliveryError::limit(format!(
                "the file has more than the {max} bytes that are decoded"
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let mut file = tokio::fs::File::from_std(file);
        file.read_to_end(&mut bytes).await.map_err(unreadable)?;
        Ok(bytes.into())
    }

    /// Some bytes of a content, read while they are sent.
    pub(crate) async fn stream(
        &self,
        blob: &BlobId,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, DeliveryError> {
        let unreadable = |error: io::Error| DeliveryError::internal("read the file", error);
        let mut file = tokio::fs::File::from_std(self.open_file(blob).map_err(unreadable)?);
        file.seek(io::SeekFrom::Start(range.start)).await.map_err(unreadable)?;
        let left = range.end.saturating_sub(range.start);
        let pieces = stream::try_unfold((file, left), |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            let read = file.read(&mut piece).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            piece.truncate(read);
            Ok(Some((Bytes::from(piece), (file, left - read as u64))))
        });
        Ok(pieces.boxed())
    }
}

/// Everything that the work needs is its own: it goes on when the client that caused it hangs up.
async fn fetch(
    storages: Arc<Storages>,
    originals: Arc<Originals>,
    secrets: Option<Arc<dyn Secrets>>,
    detect: fn(&[u8], &str) -> String,
    origin: Origin,
    wanted: Wanted,
    name: Name,
) -> Result<Option<Arc<Facts>>, DeliveryError> {
    let secret = match (&origin.secret, secrets) {
        (Some(_), Some(secrets)) => Some(secrets.of_origin(&origin)?),
        _ => None,
    };
    let Some(mut arriving) = storages.open(&origin, secret, &wanted).await? else {
        return Ok(None);
    };
    let unkept = |error: io::Error| DeliveryError::internal("keep the origin's file", error);
    let mut writing = originals.begin().map_err(unkept)?;
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
    let now = Timestamp::now().as_millis();
    let is_private = arriving.is_private;
    // Room may have to be made, which looks at many files.
    let keeping = move || originals.keep(&name, writing, detect, file_name(&wanted), is_private, now);
    let kept = tokio::task::spawn_blocking(keeping).await;
    let kept = kept.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
    kept.map(Some).map_err(unkept)
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
    fn the_host_counts_where_it_is_forwarded() {
        let plain = origin(json!({}));
        let forwarding = origin(json!({"forwardHostHeaderToOrigin": true}));
        assert_eq!(name(&plain, &path("a", "h")), name(&plain, &path("a", "i")));
        assert_ne!(name(&forwarding, &path("a", "h")), name(&forwarding, &path("a", "i")));
        assert_ne!(name(&plain, &path("a", "h")), name(&plain, &path("b", "h")));
        assert_ne!(name(&plain, &path("a", "")), name(&plain, &Wanted::Url("a".to_owned())));
    }
}
