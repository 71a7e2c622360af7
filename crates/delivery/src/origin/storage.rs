//! Origins of an account, each asked in the manner of its kind.

mod backup;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use library::Origin;
use moka::sync::Cache;
use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{Attribute, ClientOptions, GetOptions, GetResult, ObjectStore, RetryConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::akeneo::{Akeneo, AkeneoError};
use super::fetch::{FetchError, Fetched, Fetcher};
use super::files::Wanted;
use crate::DeliveryError;

/// How we tell web origins that it is us who ask, so that they can let us in and keep others out.
const ASKED_BY: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-req-from"),
    HeaderValue::from_static("tintype"),
);

/// From asking a bucket to the first bytes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two pieces of a file.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Clients of buckets that are kept; each holds connections.
const CLIENTS: u64 = 100;

/// In a path everything but these is percent-encoded.
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Asks origins for files.
#[derive(Debug)]
pub(super) struct Storages {
    fetcher: Arc<Fetcher>,
    /// The same client, for buckets.
    http: HttpClient,
    max_bytes: u64,
    /// By the origin's id and the time of its last change.
    buckets: Cache<(String, i64), Arc<dyn ObjectStore>>,
    akeneo: Akeneo,
}

/// A file that is being sent.
pub(super) struct Arriving {
    pub(super) body: BoxStream<'static, Result<Bytes, DeliveryError>>,
    pub(super) is_private: bool,
}

impl Storages {
    pub(super) fn new(fetcher: Arc<Fetcher>, max_bytes: u64) -> Self {
        Self {
            http: HttpClient::new(fetcher.client().clone()),
            fetcher,
            max_bytes,
            buckets: Cache::new(CLIENTS),
            akeneo: Akeneo::default(),
        }
    }

    /// The file, or `None` where the origin does not have it. `secret` is what only we may know of the origin.
    pub(super) async fn open(
        &self,
        origin: &Origin,
        secret: Option<SecretString>,
        wanted: &Wanted,
    ) -> Result<Option<Arriving>, DeliveryError> {
        // Some servers take a backslash for a slash, and what leads out of the origin's folder is in none.
        if let Wanted::Path { path, .. } = wanted
            && path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
        {
            return Ok(None);
        }
        match (origin.kind.as_str(), wanted) {
            ("WEB_FOLDER", Wanted::Path { path, query, host }) => {
                let mut url = text(origin, "baseUrl").trim_end_matches('/').to_owned();
                for segment in path.split('/') {
                    url.push('/');
                    url.extend(utf8_percent_encode(segment, SEGMENT));
                }
                if !query.is_empty() {
                    url.push('?');
                    url.push_str(query);
                }
                let mut headers = HeaderMap::from_iter([ASKED_BY]);
                let forwards = origin.settings.get("forwardHostHeaderToOrigin") == Some(&Value::Bool(true));
                if let Some(host) = host.as_deref().filter(|_| forwards)
                    && let Ok(host) = HeaderValue::from_str(host)
                {
                    headers.insert(HOST, host);
                }
                self.fetch(&url, headers).await
            }
            ("WEB_PROXY", Wanted::Url(url)) => self.fetch(url, HeaderMap::from_iter([ASKED_BY])).await,
            ("WEB_PROXY", Wanted::Path { .. }) | (_, Wanted::Url(_)) => Ok(None),
            ("AKENEO_PIM", Wanted::Path { path, .. }) => {
                let secrets = secrets(secret);
                let got = self
                    .akeneo
                    .get(&self.fetcher, origin, &secrets, path, self.max_bytes)
                    .await;
                match got {
                    Ok(None) => Ok(None),
                    Ok(Some(fetched)) => arriving(Ok(fetched)),
                    Err(AkeneoError::Fetch(error)) => arriving(Err(error)),
                    Err(AkeneoError::NoToken) => Err(DeliveryError::Origin {
                        code: "EACCES",
                        message: "the origin gave no token for our credentials".to_owned(),
                    }),
                }
            }
            (_, Wanted::Path { path, .. }) => self.get(origin, secret, path).await,
        }
    }

    async fn fetch(&self, url: &str, headers: HeaderMap) -> Result<Option<Arriving>, DeliveryError> {
        arriving(self.fetcher.get_with(url, self.max_bytes, headers).await)
    }

    async fn get(
        &self,
        origin: &Origin,
        secret: Option<SecretString>,
        path: &str,
    ) -> Result<Option<Arriving>, DeliveryError> {
        let key = (origin.id.clone(), origin.updated_at.as_millis());
        let bucket = match self.buckets.get(&key) {
            Some(bucket) => bucket,
            None => {
                let bucket = self.client(origin, secret).await?;
                self.buckets.insert(key, bucket.clone());
                bucket
            }
        };
        let prefix = text(origin, "prefix").trim_matches('/');
        let joined = if prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{prefix}/{path}")
        };
        let Ok(at) = ObjectPath::parse(&joined) else {
            return Ok(None);
        };
        let mut got = object(&*bucket, &at).await?;
        if got.is_none() && origin.kind == "CLOUDINARY_BACKUP" {
            got = match backup::newest(&*bucket, &at).await? {
                Some(at) => object(&*bucket, &at).await?,
                None => None,
            };
        }
        let Some(got) = got else {
            return Ok(None);
        };
        if got.meta.size > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        let private = got.attributes.get(&Attribute::Metadata("isprivatefile".into()));
        Ok(Some(Arriving {
            is_private: private.is_some_and(|value| value.as_ref().eq_ignore_ascii_case("true")),
            body: counted(got.into_stream(), self.max_bytes),
        }))
    }

    async fn client(
        &self,
        origin: &Origin,
        secret: Option<SecretString>,
    ) -> Result<Arc<dyn ObjectStore>, DeliveryError> {
        let secrets = secrets(secret);
        let hidden = |name: &str| secrets.get(name).and_then(Value::as_str).unwrap_or_default();
        let guarded = Guarded {
            client: self.http.clone(),
            fetcher: self.fetcher.clone(),
            own_rights: false,
        };
        let retry = RetryConfig {
            max_retries: 2,
            retry_timeout: PATIENCE,
            ..RetryConfig::default()
        };
        let bucket: Arc<dyn ObjectStore> = match origin.kind.as_str() {
            "S3" | "S3_COMPATIBLE" | "CLOUDINARY_BACKUP" => {
                let endpoint = text(origin, "endpoint");
                let by_role = endpoint.is_empty() && origin.settings.get("useIAMRole") == Some(&Value::Bool(true));
                let name = host_label(origin, "bucket")?;
                let builder = if by_role {
                    AmazonS3Builder::from_env()
                } else {
                    AmazonS3Builder::new()
                        .with_access_key_id(hidden("accessKey"))
                        .with_secret_access_key(hidden("secretKey"))
                };
                let builder = builder
                    .with_bucket_name(name)
                    .with_http_connector(Guarded {
                        own_rights: by_role,
                        ..guarded
                    })
                    .with_retry(retry);
                let builder = match endpoint {
                    "" => builder.with_region(self.region(name).await?),
                    endpoint => {
                        // A bucket can't stand before an address, and a backup has no setting for it.
                        let path_style = origin.settings.get("s3ForcePathStyle") == Some(&Value::Bool(true))
                            || origin.kind == "CLOUDINARY_BACKUP"
                            || url::Url::parse(endpoint).is_ok_and(|url| url.domain().is_none());
                        let place = bucket_endpoint(endpoint, name, path_style);
                        self.fetcher.permits(&place).map_err(unfetched)?;
                        builder
                            .with_region("us-east-1")
                            .with_endpoint(place)
                            .with_virtual_hosted_style_request(!path_style)
                            .with_allow_http(true)
                    }
                };
                Arc::new(builder.build().map_err(misconfigured)?)
            }
            "GCS" => {
                let account = json!({
                    "client_email": text(origin, "clientEmail"),
                    "private_key": hidden("privateKey").replace("\\n", "\n"),
                    "private_key_id": "",
                });
                let builder = GoogleCloudStorageBuilder::new()
                    .with_bucket_name(host_label(origin, "bucket")?)
                    .with_service_account_key(account.to_string())
                    .with_http_connector(guarded)
                    .with_retry(retry);
                Arc::new(builder.build().map_err(misconfigured)?)
            }
            "AZURE_BLOB" => {
                let builder = MicrosoftAzureBuilder::new()
                    .with_account(host_label(origin, "accountName")?)
                    .with_container_name(host_label(origin, "container")?)
                    .with_config(AzureConfigKey::SasKey, hidden("sasToken").trim_start_matches('?'))
                    .with_http_connector(guarded)
                    .with_retry(retry);
                Arc::new(builder.build().map_err(misconfigured)?)
            }
            _ => return Err(DeliveryError::Unavailable("this kind of origin")),
        };
        Ok(bucket)
    }

    /// Where a bucket of Amazon is: it says so to whoever asks, without a key.
    async fn region(&self, bucket: &str) -> Result<String, DeliveryError> {
        // The certificate of the service covers one label before its domain.
        let url = if bucket.contains('.') {
            format!("https://s3.amazonaws.com/{bucket}")
        } else {
            format!("https://{bucket}.s3.amazonaws.com/")
        };
        self.fetcher.permits(&url).map_err(unfetched)?;
        let asked = tokio::time::timeout(PATIENCE, self.fetcher.client().head(url).send()).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => return Err(unreachable("Amazon S3 could not be reached")),
        };
        let region = answer.headers().get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok());
        region
            .map(str::to_owned)
            .ok_or_else(|| unreachable("Amazon S3 does not know the bucket"))
    }
}

async fn object(bucket: &dyn ObjectStore, at: &ObjectPath) -> Result<Option<GetResult>, DeliveryError> {
    match tokio::time::timeout(PATIENCE, bucket.get_opts(at, GetOptions::default())).await {
        Err(_elapsed) => Err(unreachable("the bucket did not answer in time")),
        Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
        Ok(Err(error)) => Err(refused(error)),
        Ok(Ok(got)) => Ok(Some(got)),
    }
}

/// Kept as one JSON object, by the names of the API.
fn secrets(secret: Option<SecretString>) -> Value {
    secret
        .and_then(|secret| serde_json::from_str(secret.expose_secret()).ok())
        .unwrap_or_default()
}

/// What a web server sends; nothing where it says that there is no such file.
fn arriving(fetched: Result<Fetched, FetchError>) -> Result<Option<Arriving>, DeliveryError> {
    match fetched {
        Ok(fetched) => Ok(Some(Arriving {
            is_private: fetched.is_private,
            body: fetched.body.map(|piece| piece.map_err(unfetched)).boxed(),
        })),
        Err(FetchError::Status { status: 404 | 410, .. }) => Ok(None),
        Err(error) => Err(unfetched(error)),
    }
}

/// The name of a bucket, a container or an account. It may become a part of a host name, and so may not hold what would end
/// that: `10.0.0.1/` before `.blob.core.windows.net` is an address in a private network.
fn host_label<'a>(origin: &'a Origin, key: &str) -> Result<&'a str, DeliveryError> {
    let name = text(origin, key);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.bytes().all(plain) && name.bytes().any(|byte| byte != b'.') {
        return Ok(name);
    }
    tracing::warn!(
        origin = origin.id,
        key,
        "an origin's setting can't be a part of a host name"
    );
    Err(unusable())
}

/// With the bucket in the host name, the client wants it there already.
fn bucket_endpoint(endpoint: &str, bucket: &str, path_style: bool) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
        _ => endpoint.to_owned(),
    }
}

fn text<'a>(origin: &'a Origin, key: &str) -> &'a str {
    origin.settings.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Gives the clients of buckets our client, which does not connect to names that lead into private networks, and holds the
/// addresses that are written in URLs against the same rules.
#[derive(Clone)]
struct Guarded {
    client: HttpClient,
    fetcher: Arc<Fetcher>,
    /// The server's own rights come from link-local addresses. No setting of such an origin names a host.
    own_rights: bool,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded")
    }
}

impl HttpConnector for Guarded {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Guarded {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            if !self.own_rights {
                let permitted = self.fetcher.permits(&request.uri().to_string());
                permitted.map_err(|refused| HttpError::new(HttpErrorKind::Unknown, refused))?;
            }
            self.client.execute(request).await
        })
    }
}

/// The bytes of a bucket's file as they come. What was said of its size may be wrong, and what begins may stop.
fn counted(
    body: BoxStream<'static, object_store::Result<Bytes>>,
    max: u64,
) -> BoxStream<'static, Result<Bytes, DeliveryError>> {
    let pieces = stream::try_unfold((body, 0_u64), move |(mut body, received)| async move {
        let piece = tokio::time::timeout(LONGEST_PAUSE, body.next()).await;
        let piece = piece.map_err(|_elapsed| unreachable("the bucket stopped in the middle of the file"))?;
        let Some(piece) = piece.transpose().map_err(refused)? else {
            return Ok(None);
        };
        let received = received.saturating_add(piece.len() as u64);
        if received > max {
            return Err(too_large(max));
        }
        Ok(Some((piece, (body, received))))
    });
    pieces.boxed()
}

fn too_large(max: u64) -> DeliveryError {
    DeliveryError::limit(format!("the file at the origin has more than {max} bytes"))
}

fn unreachable(message: &str) -> DeliveryError {
    DeliveryError::Origin {
        code: "ECONNREFUSED",
        message: message.to_owned(),
    }
}

fn misconfigured(error: object_store::Error) -> DeliveryError {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "an origin's settings can't be used"
    );
    unusable()
}

fn unusable() -> DeliveryError {
    DeliveryError::Origin {
        code: "EACCES",
        message: "the origin's settings can't be used".to_owned(),
    }
}

/// What a bucket said. Its words stay in the log: they may hold names that are nobody's business.
fn refused(error: object_store::Error) -> DeliveryError {
    tracing::warn!(error = &error as &dyn std::error::Error, "an origin failed");
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            DeliveryError::Origin {
                code: "EACCES",
                message: "the origin refuses our credentials".to_owned(),
            }
        }
        _ => unreachable("the origin could not be read"),
    }
}

fn unfetched(error: FetchError) -> DeliveryError {
    let code = match &error {
        FetchError::Status { status: 401 | 403, .. } => "EACCES",
        FetchError::TooLarge { .. } => return DeliveryError::limit(error.to_string()),
        FetchError::Connect { .. } | FetchError::Timeout { .. } | FetchError::Resolve { .. } => "ECONNREFUSED",
        _ => "UNIDENTIFIED",
    };
    tracing::info!(error = &error as &dyn std::error::Error, "an origin failed");
    // The address of an origin is the operator's business, not that of whoever asks for a picture.
    let message = match &error {
        FetchError::Status { status, .. } => format!("the origin answered with status {status}"),
        FetchError::Refused { .. } => "the origin is in a network that may not be reached".to_owned(),
        FetchError::Timeout { .. } => "the origin did not answer in time".to_owned(),
        FetchError::Connect { .. } | FetchError::Resolve { .. } => "the origin could not be reached".to_owned(),
        _ => "the origin could not be read".to_owned(),
    };
    DeliveryError::Origin { code, message }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use library::Timestamp;
    use object_store::client::HttpRequestBody;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::origin::FetchPolicy;

    fn origin(kind: &str, settings: &Value) -> Origin {
        Origin {
            id: "org1".to_owned(),
            kind: kind.to_owned(),
            name: "Old".to_owned(),
            settings: settings.as_object().unwrap().clone(),
            secret: None,
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
        }
    }

    /// A server on 127.0.0.1, which nobody opened: its port, and how many came.
    async fn private_server() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        let counter = came.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read_u8().await;
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret";
                let _ = stream.write_all(answer).await;
            }
        });
        (port, came)
    }

    #[tokio::test]
    async fn no_setting_leads_into_a_private_network() {
        let (port, came) = private_server().await;
        let fetcher = Arc::new(Fetcher::new(FetchPolicy::default()).unwrap());
        let storages = Storages::new(fetcher.clone(), 1000);
        let secret = || {
            Some(SecretString::from(
                json!({"accessKey": "k", "secretKey": "s", "sasToken": "sig=x"}).to_string(),
            ))
        };
        let wanted = Wanted::Path {
            path: "a.jpg".to_owned(),
            query: String::new(),
            host: None,
        };
        let here = format!("127.0.0.1:{port}");
        for (kind, settings) in [
            (
                "S3_COMPATIBLE",
                json!({"bucket": format!("{here}/x?"), "endpoint": "http://s3.example.org"}),
            ),
            (
                "S3_COMPATIBLE",
                json!({"bucket": format!("{here}#"), "endpoint": "http://s3.example.org"}),
            ),
            (
                "S3_COMPATIBLE",
                json!({"bucket": "b", "endpoint": format!("http://{here}")}),
            ),
            (
                "S3_COMPATIBLE",
                json!({"bucket": "b", "endpoint": format!("http://[::ffff:7f00:1]:{port}")}),
            ),
            (
                "S3_COMPATIBLE",
                json!({"bucket": "b", "endpoint": format!("http://localhost:{port}"), "s3ForcePathStyle": true}),
            ),
            (
                "S3_COMPATIBLE",
                json!({"bucket": "..", "endpoint": format!("http://{here}"), "useIAMRole": true}),
            ),
            ("S3", json!({"bucket": format!("{here}/x?")})),
            ("S3", json!({"bucket": format!("u@{here}/")})),
            (
                "AZURE_BLOB",
                json!({"accountName": format!("{here}/x?"), "container": "c"}),
            ),
            ("AZURE_BLOB", json!({"accountName": "acc", "container": "../c"})),
            ("GCS", json!({"bucket": "../b", "clientEmail": "a@b.example"})),
            ("WEB_FOLDER", json!({"baseUrl": format!("http://{here}/img")})),
        ] {
            let found = storages.open(&origin(kind, &settings), secret(), &wanted).await;
            assert!(matches!(found, Err(DeliveryError::Origin { .. })), "{kind} {settings}");
        }
        // Whatever URL a client of a bucket makes up, the guard sees it.
        let guarded = Guarded {
            client: HttpClient::new(fetcher.client().clone()),
            fetcher,
            own_rights: false,
        };
        let client = guarded.connect(&ClientOptions::default()).unwrap();
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("http://{here}/").parse().unwrap();
        assert!(client.execute(request).await.is_err());
        assert_eq!(came.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_folder() {
        let (port, came) = private_server().await;
        let policy = FetchPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..FetchPolicy::default()
        };
        let storages = Storages::new(Arc::new(Fetcher::new(policy).unwrap()), 1000);
        let folder = json!({"baseUrl": format!("http://127.0.0.1:{port}/img")});
        for path in [
            "../a.jpg",
            "a/../../b.jpg",
            "..\\a.jpg",
            "a\\..\\..\\b.jpg",
            "./a.jpg",
            "..",
        ] {
            let wanted = Wanted::Path {
                path: path.to_owned(),
                query: String::new(),
                host: None,
            };
            let found = storages.open(&origin("WEB_FOLDER", &folder), None, &wanted).await;
            assert!(matches!(found, Ok(None)), "{path}");
        }
        assert_eq!(came.load(Ordering::SeqCst), 0);
    }

    /// Says what these vendors say of a file, and remembers what it was asked: URL and `Authorization`.
    #[derive(Debug, Clone, Default)]
    struct Vendor(Arc<Mutex<Vec<(String, String)>>>);

    impl HttpService for Vendor {
        fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async move {
                let url = request.uri().to_string();
                let key = request.headers().get("authorization");
                let key = key.map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
                assert_eq!(request.method().as_str(), "GET");
                // One client escapes the slashes of names, too.
                let path = decoded(url.split('?').next().unwrap());
                let (status, body) = match path.rsplit('/').next() {
                    _ if url.contains("list-type=2") => (200, "<ListBucketResult></ListBucketResult>"),
                    Some("a b.jpg") => (200, "bytes"),
                    Some("closed.jpg") => (403, "<Error><Code>AccessDenied</Code></Error>"),
                    _ => (404, "<Error><Code>NoSuchKey</Code></Error>"),
                };
                self.0.lock().unwrap().push((url, key));
                let mut answer = HttpResponse::new(body.to_owned().into());
                *answer.status_mut() = status.try_into().unwrap();
                for (name, value) in [
                    ("content-length", body.len().to_string().as_str()),
                    ("etag", "\"0x8DC\""),
                    ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
                    ("x-amz-meta-isprivatefile", "true"),
                    ("x-goog-meta-isprivatefile", "true"),
                    ("x-ms-meta-isprivatefile", "true"),
                ] {
                    let name = HeaderName::from_static(name);
                    answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
                }
                Ok(answer)
            })
        }
    }

    fn decoded(url: &str) -> String {
        percent_encoding::percent_decode_str(url)
            .decode_utf8()
            .unwrap()
            .into_owned()
    }

    /// Made for this test.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQDUeNUbIZ65lCdf\n\
        v6XI5Jm2r80UOkOlj/EE3ooJrAR9K5KMQM4RzFjwx9WIMes/IL8OTz1VZ7REiVDM\n\
        UVKkgRRmGRbGW7bnixATa/xxma1EmEDbQERZgVCLhZKtPkx+gTFS27QtSJbWTATN\n\
        fRU7AVXkTDZp0tUR07tSyeGLWKrsC1Ec0Ebe+4/Xg2c9Z4MHz0EgFiJF7x0FhjTp\n\
        uZZNAhmKd082AWV7iB0iKVwV+slWZdhGygqZjWqTtKnQJ4odk5Hb2IYxhP6++2P0\n\
        XtIBEf18y9bxry7EXxUZjn61zCRg9el0fszoQXithSw2sxFllKe1QYk8YofnyoNq\n\
        leV5yaelAgMBAAECggEAGBWJTH3DXPRdATa7X1oATYvAcphHJjt6fcuO+Jkx2hFo\n\
        F3NaGHziIQr52qoT6TA4T/It+OIcNj+dc8eNF14VVpxl7z6irTzfaeAt+Z+KmzGp\n\
        +mBezwmAPIx7y5z59UYGNgb29cIabPipe7R/xVQ5rPrxmQ2/vrlSLMh7Az1eBIrv\n\
        +4IEOiw5AHju6+x8NSstJQ/zzlHlWF7ZGUh46aUwQu74aUNnk9P1Z7aodSNe0Uj3\n\
        24m99EXfTcdLDUei4WQqrOFTXkUdgY9KmGfOZhNSCLjEeT4i8OELTNyJluMX2tIT\n\
        U2MiYIjpbeHeRozOWpjju9JhPspTBgL9wnH9zRO7CQKBgQDpV/3HettJTv6f4l63\n\
        qaz2P5hWwwRXvRBM/4bE1vdOydh7vitnjgfoSCSGV6LqDXi66TsNB7Hb7FuxS5Ld\n\
        i1phEF5eV/sqwKFV8Vi7xCDx1POYK50rM9thy4+hBv265lN+h1K7ZB5flcjTGFHZ\n\
        K0skPtNzUSBCCAStjmUQ1uNb6QKBgQDpGg1fz1oweMFQCB3RzEY9zt64Yor7PUV7\n\
        Jv5NTNutxn8gpuyYUijHvAb7mwtPhtM2aw4bk258h+GuqE9eO4BbuP9hfZkIcgJH\n\
        KHozSuHK+uSrkNnCVHD7aIkxY/f0ZtkIacZbbbXgQ/bkNHUokZFYFibIutA246zK\n\
        U5sOTdCkXQKBgQCXBnVhk7m0I+WXM9tcAfzJUHXXydbYtqyDOWtPoVZlbyynQnkz\n\
        R/EEPRUuwi/WTqvSRbwLfex2y+64vJIsw9HWOtLpOwZ8MDr7tf5ZYOJ1wv96gNfz\n\
        q1eVXzvx2+WC/yoRHaLFWFJ0SSy2u+nVpji3F9ahr2MyeaAVeLEfCgYTaQKBgQC8\n\
        DD5Z2qdBj0k0TTfxNkA8QJVAXo8MW8OftDdXGPfn2shYCRG5WB5582AWvl+Dipr9\n\
        vaOl72wknmIcSr+sn4fPdxDfDznTrFXWHftnQbOh0oGDPtnNgd2blBuJcsJnskjI\n\
        FrzkqT8eavXT59XUIosEaupi6QJsJYQRvRzLj08QKQKBgQCqDEogJHlvSRE5QIaB\n\
        wd32A1voOzQvTYsOPG+JQqKHePIUySCnbCXhzp+LHDxFItpta/VnLWmjjusLjoGU\n\
        /vSD2c6dw7HlsFaGho5/5rcYWL1uuHBk5R73rVCQwV2q05rpe3CDEYxMy5Zw1jZP\n\
        kKKu7MAVzKkpNxS8sRw9iW/Elg==\n\
        -----END PRIVATE KEY-----\n";

    /// What is asked of a vendor for a file that is there, and how; the file, one that is not there and one that is closed are told apart.
    async fn asked(origin: Origin, secret: Value) -> (String, String) {
        let vendor = Vendor::default();
        let mut storages = Storages::new(Arc::new(Fetcher::new(FetchPolicy::default()).unwrap()), 1000);
        storages.http = HttpClient::new(vendor.clone());
        let open = async |path: &str| {
            let wanted = Wanted::Path {
                path: path.to_owned(),
                query: "x=1".to_owned(),
                host: Some("media.example.com".to_owned()),
            };
            let secret = SecretString::from(secret.to_string());
            storages.open(&origin, Some(secret), &wanted).await
        };
        let there = open("a b.jpg").await.unwrap().unwrap();
        let pieces: Vec<Bytes> = there.body.map(Result::unwrap).collect().await;
        assert_eq!((pieces.concat(), there.is_private), (b"bytes".to_vec(), true));
        assert!(open("none.jpg").await.unwrap().is_none());
        let closed = open("closed.jpg").await.err().unwrap();
        assert!(
            matches!(closed, DeliveryError::Origin { code: "EACCES", .. }),
            "{closed:?}"
        );
        vendor.0.lock().unwrap()[0].clone()
    }

    /// <https://cloud.google.com/storage/docs/xml-api/get-object-download>, with a token that the service account signs for itself:
    /// <https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth>.
    #[tokio::test]
    async fn google_cloud_storage_is_asked_as_published() {
        let settings =
            json!({"bucket": "shop-media", "prefix": "raw/", "clientEmail": "reader@shop.iam.gserviceaccount.com"});
        // As it stands in the service account's JSON file, or with its line breaks spelt out.
        for key in [KEY.to_owned(), KEY.replace('\n', "\\n")] {
            let (url, key) = asked(origin("GCS", &settings), json!({ "privateKey": key })).await;
            assert_eq!(decoded(&url), "https://storage.googleapis.com/shop-media/raw/a b.jpg");
            let parts: Vec<&str> = key.strip_prefix("Bearer ").unwrap().split('.').collect();
            assert_eq!(parts.len(), 3);
            let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["iss"], "reader@shop.iam.gserviceaccount.com");
            assert_eq!(claims["sub"], claims["iss"]);
            assert!(
                claims["scope"]
                    .as_str()
                    .unwrap()
                    .contains("https://www.googleapis.com/auth/"),
                "{claims}"
            );
        }
    }

    /// <https://learn.microsoft.com/rest/api/storageservices/get-blob>, with a shared access signature in the query.
    #[tokio::test]
    async fn azure_blob_storage_is_asked_as_published() {
        let settings = json!({"accountName": "shopmedia", "container": "pictures", "prefix": "raw"});
        for token in ["?sv=2024-11-04&sp=r&sig=ab%2Bc%3D", "sv=2024-11-04&sp=r&sig=ab%2Bc%3D"] {
            let (url, key) = asked(origin("AZURE_BLOB", &settings), json!({ "sasToken": token })).await;
            let (place, query) = url.split_once('?').unwrap();
            assert_eq!(place, "https://shopmedia.blob.core.windows.net/pictures/raw/a%20b.jpg");
            assert_eq!((query, key.as_str()), ("sv=2024-11-04&sp=r&sig=ab%2Bc%3D", ""));
        }
    }

    /// Signature version 4 of Amazon, which compatible servers check, by host name and by path.
    #[tokio::test]
    async fn compatible_buckets_are_asked_as_published() {
        let secret = || json!({"accessKey": "AKIDEXAMPLE", "secretKey": "wJalrXUtnFEMI"});
        for (by_path, expected) in [
            (false, "https://shop.s3.example.com/raw/a%20b.jpg"),
            (true, "https://s3.example.com/shop/raw/a%20b.jpg"),
        ] {
            let settings = json!({
                "bucket": "shop", "prefix": "raw", "endpoint": "https://s3.example.com/", "s3ForcePathStyle": by_path,
            });
            for (kind, expected) in [
                ("S3_COMPATIBLE", expected),
                ("CLOUDINARY_BACKUP", "https://s3.example.com/shop/raw/a%20b.jpg"),
            ] {
                let (url, key) = asked(origin(kind, &settings), secret()).await;
                assert_eq!(url, expected);
                assert!(key.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{key}");
                assert!(
                    key.contains("/us-east-1/s3/aws4_request") && !key.contains("wJalr"),
                    "{key}"
                );
            }
        }
    }

    #[tokio::test]
    async fn bytes_of_buckets_are_counted_as_they_come() {
        let pieces = |sizes: &[usize]| {
            let pieces: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![0; *size]))).collect();
            stream::iter(pieces).boxed()
        };
        let whole: Vec<_> = counted(pieces(&[4, 6]), 10).collect().await;
        assert!(whole.iter().all(Result::is_ok) && whole.len() == 2);
        let more: Vec<_> = counted(pieces(&[4, 6, 1, 1]), 10).collect().await;
        assert_eq!(more.len(), 3, "nothing is read beyond");
        let error = more.into_iter().last().unwrap().unwrap_err();
        assert_eq!(error.to_string(), too_large(10).to_string());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_stops_is_left() {
        let stuck = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
        let got: Vec<_> = counted(stuck.boxed(), 10).collect().await;
        assert!(
            matches!(&got[..], [Ok(_), Err(DeliveryError::Origin { .. })]),
            "{got:?}"
        );
    }

    #[test]
    fn names_that_may_stand_in_a_host() {
        for (name, expected) in [
            ("shop-media", true),
            ("Old_Bucket.2", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a:1", false),
            ("a@b", false),
            ("a?", false),
            ("a#", false),
            ("a\\b", false),
            ("a%2f", false),
            ("b\u{fc}cher", false),
        ] {
            let origin = origin("S3", &json!({ "bucket": name }));
            assert_eq!(host_label(&origin, "bucket").is_ok(), expected, "{name}");
        }
    }
}
