//! What a file says of itself, found when somebody asks: nothing of it is kept that could grow old.

use std::error::Error;
use std::io::{self, BufReader, Read, Seek};
use std::sync::LazyLock;
use std::thread;

use bytes::Bytes;
use delivery::{BlobReader, DeliveryError, Subject};
use engine::{Budget, PerceptualHash, ProbeError, RenderError};
use library::{Asset, BlobError, MediaFacts, StagedBlob};
use tokio::sync::Semaphore;
use url::Url;

use super::domains::Domains;
use super::{App, clip};
use crate::clock::unix_now;

/// Pictures that are looked at the same time: for the hash they are decoded, if only as small as can be.
static LOOKS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(2, usize::from)));

/// What a file says of itself.
#[derive(Debug)]
pub enum FileMetadata {
    /// A picture.
    Picture(Box<PictureMetadata>),
    /// A video or a recording: what was found in it when it came.
    Clip {
        /// Bytes of the file.
        size: u64,
        /// Its size in pixels, its length, its codecs.
        facts: Box<MediaFacts>,
    },
}

/// What a picture says of itself, and how it looks.
#[derive(Debug)]
pub struct PictureMetadata {
    /// From its header.
    pub metadata: engine::Metadata,
    /// None of a picture whose pixels can't be read, or are too many.
    pub hash: Option<PerceptualHash>,
}

/// Why there is no metadata.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The URL is not one of this server.
    #[error("the URL is not below this account's URL endpoint")]
    Elsewhere,
    /// No file there.
    #[error("there is no such file")]
    NotFound,
    /// Neither a picture nor something that plays, or a broken one.
    #[error("nothing can be read of this file")]
    Unreadable,
    /// The URL's transformation can't be done.
    #[error(transparent)]
    Delivery(DeliveryError),
    /// Ours to look into.
    #[error("the file could not be looked at")]
    Internal(#[source] Box<dyn Error + Send + Sync + 'static>),
}

/// Of a stored file.
pub async fn of_asset(app: &App, asset: &Asset) -> Result<FileMetadata, MetadataError> {
    let version = &asset.version;
    let media = &version.media;
    if clip::plays(&media.mime) {
        return Ok(FileMetadata::Clip {
            size: version.size,
            facts: Box::new(media.clone()),
        });
    }
    let _place = LOOKS.acquire().await.map_err(internal)?;
    let blob = app.library.blob(&version.blob);
    let mut reader = BlobReader::new(blob.clone(), version.size);
    let metadata = blocking(move || engine::metadata(&mut reader))
        .await?
        .map_err(unprobed)?;
    let hash = match media.phash {
        Some(bits) => Some(PerceptualHash::from_bits(bits)),
        // It came before there were hashes, or its pixels could not be read.
        None => match blob.read_all(Budget::default().max_source_bytes).await {
            Ok(bytes) => hash_of(bytes).await?,
            Err(BlobError::TooLarge { .. }) => None,
            Err(BlobError::NotFound(_)) => return Err(MetadataError::NotFound),
            Err(other) => return Err(internal(other)),
        },
    };
    Ok(FileMetadata::Picture(Box::new(PictureMetadata { metadata, hash })))
}

/// Of what a URL of this account delivers: of the stored file, or of what the URL's transformation makes of it.
pub async fn of_url(app: &App, url: &str) -> Result<FileMetadata, MetadataError> {
    let target = target(url, &app.url_endpoint, &app.endpoint_path, &app.domains).ok_or(MetadataError::Elsewhere)?;
    match app.delivery.subject(&target, unix_now()).await.map_err(undelivered)? {
        Subject::Stored(asset) => of_asset(app, &asset).await,
        Subject::Foreign(asset) if clip::plays(&asset.version.media.mime) => Ok(FileMetadata::Clip {
            size: asset.version.size,
            facts: Box::new(asset.version.media.clone()),
        }),
        Subject::Foreign(asset) => of_bytes(app.delivery.original(&asset).await.map_err(undelivered)?).await,
        Subject::Rendition(bytes) => of_bytes(bytes).await,
    }
}

/// Of a picture that is in memory.
async fn of_bytes(bytes: Bytes) -> Result<FileMetadata, MetadataError> {
    let _place = LOOKS.acquire().await.map_err(internal)?;
    let header = bytes.clone();
    let metadata = blocking(move || engine::metadata_bytes(&header))
        .await?
        .map_err(unprobed)?;
    let hash = hash_of(bytes).await?;
    Ok(FileMetadata::Picture(Box::new(PictureMetadata { metadata, hash })))
}

/// Of a picture that is being uploaded; the inner error is its header's.
pub(super) async fn of_staged(staged: &StagedBlob) -> Result<Result<PictureMetadata, ProbeError>, MetadataError> {
    let _place = LOOKS.acquire().await.map_err(internal)?;
    let mut file = staged.open().map_err(internal)?;
    let small = staged.size() <= Budget::default().max_source_bytes;
    let looked = blocking(move || -> io::Result<_> {
        let metadata = match engine::metadata(&mut BufReader::new(&file)) {
            Ok(metadata) => metadata,
            Err(error) => return Ok(Err(error)),
        };
        let mut bytes = Vec::new();
        if small {
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
        }
        Ok(Ok((metadata, bytes)))
    });
    match looked.await?.map_err(internal)? {
        Ok((metadata, bytes)) => {
            let hash = if small { hash_of(bytes.into()).await? } else { None };
            Ok(Ok(PictureMetadata { metadata, hash }))
        }
        Err(ProbeError::Io(error)) => Err(internal(error)),
        Err(error) => Ok(Err(error)),
    }
}

/// The hash of a picture; none of one whose pixels can't be read.
async fn hash_of(bytes: Bytes) -> Result<Option<PerceptualHash>, MetadataError> {
    match blocking(move || engine::perceptual_hash(&bytes, &Budget::default())).await? {
        Ok(hash) => Ok(Some(hash)),
        // A mistake of ours that should be known of; the file is as good as it was.
        Err(error @ RenderError::Internal(_)) => {
            tracing::error!(%error, "a picture could not be hashed");
            Ok(None)
        }
        Err(error) => {
            tracing::debug!(%error, "a picture without a hash");
            Ok(None)
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, MetadataError> {
    tokio::task::spawn_blocking(work).await.map_err(internal)
}

/// What a request for this URL would ask delivery for: path and query, byte for byte. None for a URL that is not below the
/// endpoint, nor on a host that stands for a place below it. A proxy in front may have put more before the endpoint's own path.
fn target(url: &str, endpoint: &str, endpoint_path: &str, domains: &Domains) -> Option<String> {
    let (asked, own) = (Url::parse(url).ok()?, Url::parse(endpoint).ok()?);
    let place = |url: &Url| (url.host().map(|host| host.to_owned()), url.port_or_known_default());
    let is_http = matches!(asked.scheme(), "http" | "https");
    let domain = asked.host_str().and_then(|host| domains.path(host));
    if !is_http || (domain.is_none() && place(&asked) != place(&own)) {
        return None;
    }
    let after_scheme = url.find("://")? + 3;
    let start = after_scheme + url.get(after_scheme..)?.find('/')?;
    let target = url.get(start..)?.split('#').next()?;
    if let Some(path) = domain {
        return Some(format!("{path}{target}"));
    }
    let below = target.strip_prefix(own.path().trim_end_matches('/'))?;
    below.starts_with('/').then(|| format!("{endpoint_path}{below}"))
}

fn unprobed(error: ProbeError) -> MetadataError {
    match error {
        ProbeError::Io(error) => internal(error),
        _ => MetadataError::Unreadable,
    }
}

fn undelivered(error: DeliveryError) -> MetadataError {
    match error {
        // What an origin does not give is, to whoever asks, not there.
        DeliveryError::NotFound | DeliveryError::Origin { .. } => MetadataError::NotFound,
        DeliveryError::Unsupported(_) => MetadataError::Unreadable,
        other => MetadataError::Delivery(other),
    }
}

fn internal(error: impl Error + Send + Sync + 'static) -> MetadataError {
    MetadataError::Internal(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_this_endpoint() {
        let endpoint = "http://media.example.org:8080/demo";
        let mut domains = Domains::default();
        domains.add("images.shop.example", "/demo".to_owned());
        domains.add("products.shop.example", "/demo/products".to_owned());
        for (url, expected) in [
            ("http://media.example.org:8080/demo/a.jpg", Some("/demo/a.jpg")),
            (
                "http://MEDIA.example.org:8080/demo/a.jpg?tr=w-1#x",
                Some("/demo/a.jpg?tr=w-1"),
            ),
            (
                "http://media.example.org:8080/demo/tr:w-1/a%20b.jpg?a=b&c=d",
                Some("/demo/tr:w-1/a%20b.jpg?a=b&c=d"),
            ),
            ("http://media.example.org/demo/a.jpg", None),
            ("http://media.example.org:8080/other/a.jpg", None),
            ("http://media.example.org:8080/demonstration/a.jpg", None),
            ("http://media.example.org:8080/demo", None),
            ("http://media.example.org:8080", None),
            ("http://example.org:8080/demo/a.jpg", None),
            ("https://images.shop.example/a.jpg?tr=w-1", Some("/demo/a.jpg?tr=w-1")),
            (
                "http://products.shop.example:81/a%20b.jpg",
                Some("/demo/products/a%20b.jpg"),
            ),
            ("https://images.shop.example", None),
            ("https://images.shop.example.org/a.jpg", None),
            ("ftp://images.shop.example/a.jpg", None),
            ("ftp://media.example.org:8080/demo/a.jpg", None),
            ("file:///demo/a.jpg", None),
            ("/demo/a.jpg", None),
            ("", None),
        ] {
            assert_eq!(target(url, endpoint, "/demo", &domains).as_deref(), expected, "{url}");
        }
        let proxied = target("https://h/media/demo/a.jpg", "https://h/media/demo", "/demo", &domains);
        assert_eq!(proxied.as_deref(), Some("/demo/a.jpg"));
        // The default ports of the two schemes differ.
        assert_eq!(target("http://h/demo/a.jpg", "https://h/demo", "/demo", &domains), None);
    }
}
