//! Fetches a file from a URL that a stranger chose.
//!
//! Every hop of the way is checked by [`AddressRules`]: names by our own resolver, whose answer is what gets connected
//! to, so a second lookup cannot give a second answer; literals before the request. Nothing from the environment (no
//! proxy), no cookies, no decompression: what arrives is counted as it is.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::address::{AddressRules, Refusal};

/// Longer URLs are refused: no server in practice takes them.
const MAX_URL_BYTES: usize = 8192;

/// Errors show this much of a path.
const MAX_SHOWN_PATH_BYTES: usize = 200;

/// Waits beyond this are cut to it, so that a deadline always fits a clock.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What fetches may reach and how long and how much they may take.
#[derive(Debug, Clone)]
pub struct FetchPolicy {
    /// Networks that may be reached although they are not on the public internet (`TINTYPE_FETCH_ALLOW`).
    pub allow: Vec<IpNet>,
    /// From the start to the headers of the final answer, name lookups and redirects included. Default 8 s.
    pub header_timeout: Duration,
    /// From the start to the last byte. Default 5 min.
    pub total_timeout: Duration,
    /// The longest pause between two pieces of the body. Default 20 s.
    pub idle_timeout: Duration,
    /// The most bytes of any fetch, whatever its caller asks for. Default 2 GiB.
    pub max_bytes: u64,
    /// Redirects followed; one more is an error. Default 5.
    pub max_redirects: usize,
    /// How we introduce ourselves. Default `Tintype/<version>`.
    pub user_agent: String,
}

impl Default for FetchPolicy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            header_timeout: Duration::from_secs(8),
            total_timeout: Duration::from_secs(5 * 60),
            idle_timeout: Duration::from_secs(20),
            max_bytes: 2 << 30,
            max_redirects: 5,
            user_agent: concat!("Tintype/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Fetches files within a [`FetchPolicy`]. Make one and share it.
#[derive(Debug)]
pub struct Fetcher {
    policy: FetchPolicy,
    rules: Arc<AddressRules>,
    client: Client,
}

/// A successful answer whose body is still on its way. Dropping it closes the connection.
pub struct Fetched {
    /// Where the redirects ended: scheme, host, port and path, never credentials or a query.
    pub final_url: String,
    /// `Content-Type` as the server says; a hint, not a fact.
    pub content_type: Option<String>,
    /// `Content-Length`, if the server says; already found to be within the limit.
    pub content_length: Option<u64>,
    /// `Is-Private-File: true`: the server wants the file to be delivered to signed URLs only.
    pub is_private: bool,
    /// The bytes. After an error the stream ends.
    pub body: BoxStream<'static, Result<Bytes, FetchError>>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("final_url", &self.final_url)
            .field("content_type", &self.content_type)
            .field("content_length", &self.content_length)
            .finish_non_exhaustive()
    }
}

/// Why a [`Fetcher`] could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// The TLS library refused its configuration.
    #[error("could not set up TLS for remote fetches")]
    Tls(#[source] rustls::Error),
    /// The HTTP client refused its configuration; a user agent that is not a header value is the usual cause.
    #[error("could not set up the client for remote fetches")]
    Client(#[source] reqwest::Error),
}

/// Why a fetch failed, and what a person can do about it. `url` is scheme, host, port and path only, for queries and credentials are secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that can be fetched.
    #[error("the URL cannot be used: {reason}")]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Not `http` or `https`.
    #[error("`{scheme}` URLs are not fetched, only `http` and `https`")]
    Scheme {
        /// The scheme that was asked for.
        scheme: String,
    },
    /// The host is not on the public internet.
    #[error("{url} is not fetched: {refusal}; set TINTYPE_FETCH_ALLOW to reach {}", .refusal.network)]
    Refused {
        /// Where.
        url: String,
        /// The address and what it is.
        refusal: Refusal,
    },
    /// A redirect from `https` to `http`.
    #[error("{url} redirects from https to http, which is not followed: give the https address of the file itself")]
    Downgrade {
        /// The page that redirects.
        url: String,
    },
    /// The host's name has no address.
    #[error("the host of {url} could not be found: check its spelling")]
    Resolve {
        /// Where.
        url: String,
        /// The lookup's error.
        #[source]
        source: reqwest::Error,
    },
    /// No connection, or no trust in it (TLS).
    #[error("could not connect to {url}")]
    Connect {
        /// Where.
        url: String,
        /// The connection's error.
        #[source]
        source: reqwest::Error,
    },
    /// Too slow.
    #[error("{url} took too long: {phase} did not arrive within {limit:?}; try again, or upload the file itself")]
    Timeout {
        /// Where.
        url: String,
        /// What was waited for.
        phase: Phase,
        /// How long.
        limit: Duration,
    },
    /// An answer that is not a file.
    #[error("{url} answered with status {status}")]
    Status {
        /// Where.
        url: String,
        /// The status code.
        status: u16,
    },
    /// Compressed although we asked for the plain file.
    #[error("{url} sent its file compressed (`{encoding}`) although the plain file was asked for")]
    Encoded {
        /// Where.
        url: String,
        /// The `Content-Encoding`.
        encoding: String,
    },
    /// More bytes than allowed.
    #[error("the remote file is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// More redirects than allowed.
    #[error("{url} redirects once more after {limit} redirects: give the address where they end")]
    TooManyRedirects {
        /// The last page that redirects.
        url: String,
        /// How many are followed.
        limit: usize,
    },
    /// The connection ended, or made no sense, before the file was complete.
    #[error("the connection to {url} broke before the file was complete; try again, or upload the file itself")]
    Interrupted {
        /// Where.
        url: String,
        /// The connection's error.
        #[source]
        source: reqwest::Error,
    },
}

/// What a fetch was waiting for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The headers of the final answer.
    Headers,
    /// The next piece of the body.
    NextBytes,
    /// The whole file.
    WholeFile,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Headers => "the response headers",
            Self::NextBytes => "more of the file",
            Self::WholeFile => "the whole file",
        })
    }
}

impl Fetcher {
    /// Makes the client: TLS by rustls, trust from the system's certificates.
    pub fn new(policy: FetchPolicy) -> Result<Self, FetcherError> {
        let rules = Arc::new(AddressRules::new(policy.allow.clone()));
        let headers = [(ACCEPT, "*/*"), (ACCEPT_ENCODING, "identity")]
            .into_iter()
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect::<HeaderMap>();
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .dns_resolver(CheckedResolver { rules: rules.clone() })
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .default_headers(headers)
            .user_agent(policy.user_agent.as_str())
            .pool_max_idle_per_host(2)
            .build()
            .map_err(FetcherError::Client)?;
        Ok(Self { policy, rules, client })
    }

    /// Fetches `url`, at most `max_bytes` of it: more is an error, not a shorter file.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Fetched, FetchError> {
        self.get_with(url, max_bytes, HeaderMap::new()).await
    }

    /// The same with further request headers. Redirects get none of them, for they may lead to somebody else.
    pub async fn get_with(&self, url: &str, max_bytes: u64, mut further: HeaderMap) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let total = Deadline::new(started, self.policy.total_timeout, Phase::WholeFile);
        let headers = Deadline::new(started, self.policy.header_timeout, Phase::Headers).earlier(total);
        let limit = max_bytes.min(self.policy.max_bytes);

        let mut url = parse(url)?;
        let mut redirects = 0;
        loop {
            let place = shown(&url);
            self.check_literal(&url, &place)?;
            let response = headers
                .limit(
                    &place,
                    self.client
                        .get(url.clone())
                        .headers(std::mem::take(&mut further))
                        .send(),
                )
                .await?
                .map_err(|error| sending_failed(error, &place))?;
            let Some(target) = redirect_target(&url, &place, response.status(), response.headers())? else {
                return accept(response, place, limit, total, self.policy.idle_timeout);
            };
            if redirects == self.policy.max_redirects {
                return Err(FetchError::TooManyRedirects {
                    url: place,
                    limit: redirects,
                });
            }
            redirects += 1;
            url = target;
        }
    }

    /// The client, for services that make their own requests. Names that lead to forbidden addresses are refused; redirects are not followed.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether an address that is written in a URL may be reached.
    pub(crate) fn permits(&self, url: &str) -> Result<(), FetchError> {
        let url = parse(url)?;
        let place = shown(&url);
        self.check_literal(&url, &place)
    }

    /// Posts `body` to `url`, within the policy's rules of addresses; the status of the answer, whatever it is. Redirects
    /// are not followed and the answer's body is not read.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes, timeout: Duration) -> Result<u16, FetchError> {
        let deadline = Deadline::new(Instant::now(), timeout, Phase::Headers);
        let url = parse(url)?;
        let place = shown(&url);
        self.check_literal(&url, &place)?;
        let request = self.client.post(url).headers(headers).body(body);
        let response = deadline
            .limit(&place, request.send())
            .await?
            .map_err(|error| sending_failed(error, &place))?;
        Ok(response.status().as_u16())
    }

    /// The same with the answer's body, at most `max_bytes` of it, within the whole of `timeout`.
    pub(crate) async fn exchange(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        max_bytes: u64,
    ) -> Result<(u16, Bytes), FetchError> {
        let deadline = Deadline::new(Instant::now(), timeout, Phase::WholeFile);
        let url = parse(url)?;
        let place = shown(&url);
        self.check_literal(&url, &place)?;
        let request = self.client.post(url).headers(headers).body(body);
        let mut response = deadline
            .limit(&place, request.send())
            .await?
            .map_err(|error| sending_failed(error, &place))?;
        let mut answer = Vec::new();
        while let Some(piece) = deadline
            .limit(&place, response.chunk())
            .await?
            .map_err(|error| sending_failed(error, &place))?
        {
            if (answer.len() + piece.len()) as u64 > max_bytes {
                return Err(FetchError::TooLarge { limit: max_bytes });
            }
            answer.extend_from_slice(&piece);
        }
        Ok((response.status().as_u16(), answer.into()))
    }

    /// True if `url` may be asked for at all, as far as its text tells: a name is looked up only when it is.
    pub fn check(&self, url: &str) -> Result<(), FetchError> {
        let url = parse(url)?;
        self.check_literal(&url, &shown(&url))
    }

    /// Literals never reach the resolver. `Url` has already turned every spelling of one into an address.
    fn check_literal(&self, url: &Url, place: &str) -> Result<(), FetchError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.rules.check(address).map_err(|refusal| FetchError::Refused {
            url: place.to_owned(),
            refusal,
        })
    }
}

/// The system's certificates; our own copy of Mozilla's where there are none, as in an empty container.
pub(crate) fn tls() -> Result<ClientConfig, FetcherError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    // The provider is named here, for a process-wide default is somebody else's to set.
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(FetcherError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn parse(text: &str) -> Result<Url, FetchError> {
    let bad = |reason: &str| FetchError::BadUrl {
        reason: reason.to_owned(),
    };
    if text.len() > MAX_URL_BYTES {
        return Err(bad(&format!("it is longer than {MAX_URL_BYTES} bytes")));
    }
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    fetchable(url)
}

fn fetchable(mut url: Url) -> Result<Url, FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::Scheme {
            scheme: url.scheme().chars().take(32).collect(),
        });
    }
    url.set_fragment(None);
    Ok(url)
}

/// `url` without what may be a secret, for messages.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let path: String = url.path().chars().take(MAX_SHOWN_PATH_BYTES).collect();
    let more = if path.len() < url.path().len() { "…" } else { "" };
    match url.port() {
        Some(port) => format!("{}://{host}:{port}{path}{more}", url.scheme()),
        None => format!("{}://{host}{path}{more}", url.scheme()),
    }
}

/// Where an answer sends us; `None` if it is the last one.
fn redirect_target(
    from: &Url,
    place: &str,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, FetchError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(LOCATION) else {
        return Ok(None);
    };
    let bad = |reason: &str| FetchError::BadUrl {
        reason: format!("{place} redirects to {reason}"),
    };
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| bad("what is not text"))?;
    if location.len() > MAX_URL_BYTES {
        return Err(bad(&format!("a URL longer than {MAX_URL_BYTES} bytes")));
    }
    let target = from
        .join(location)
        .map_err(|error| bad(&format!("what is not a URL: {error}")))?;
    let target = fetchable(target)?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(FetchError::Downgrade { url: place.to_owned() });
    }
    Ok(Some(target))
}

fn accept(
    response: Response,
    url: String,
    limit: u64,
    total: Deadline,
    idle_timeout: Duration,
) -> Result<Fetched, FetchError> {
    let status = response.status();
    // We ask for no range, so 206 would be an arbitrary piece of the file.
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
        return Err(FetchError::Status {
            url,
            status: status.as_u16(),
        });
    }
    if let Some(encoding) = header(&response, &CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
        && !encoding.is_empty()
    {
        return Err(FetchError::Encoded { url, encoding });
    }
    let content_length = response.content_length();
    if content_length.is_some_and(|length| length > limit) {
        return Err(FetchError::TooLarge { limit });
    }
    Ok(Fetched {
        final_url: url.clone(),
        content_type: header(&response, &CONTENT_TYPE),
        content_length,
        is_private: header(&response, &HeaderName::from_static("is-private-file"))
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true")),
        body: Box::pin(stream::try_unfold(
            Body {
                response,
                url,
                limit,
                received: 0,
                total,
                idle_timeout,
            },
            Body::next,
        )),
    })
}

/// A header as text, cut to a length that fits a message.
fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.chars().take(200).collect())
}

struct Body {
    response: Response,
    url: String,
    limit: u64,
    received: u64,
    total: Deadline,
    idle_timeout: Duration,
}

impl Body {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, FetchError> {
        let deadline = Deadline::new(Instant::now(), self.idle_timeout, Phase::NextBytes).earlier(self.total);
        let chunk = deadline
            .limit(&self.url, self.response.chunk())
            .await?
            .map_err(|error| FetchError::Interrupted {
                url: self.url.clone(),
                source: error.without_url(),
            })?;
        let Some(chunk) = chunk else {
            return Ok(None);
        };
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            return Err(FetchError::TooLarge { limit: self.limit });
        }
        Ok(Some((chunk, self)))
    }
}

#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    phase: Phase,
    limit: Duration,
}

impl Deadline {
    fn new(from: Instant, limit: Duration, phase: Phase) -> Self {
        Self {
            at: from + limit.min(LONGEST_WAIT),
            phase,
            limit,
        }
    }

    fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    async fn limit<T>(&self, url: &str, work: impl Future<Output = T>) -> Result<T, FetchError> {
        timeout_at(self.at, work).await.map_err(|_| FetchError::Timeout {
            url: url.to_owned(),
            phase: self.phase,
            limit: self.limit,
        })
    }
}

/// The reason is somewhere below the client's own error.
fn sending_failed(error: reqwest::Error, place: &str) -> FetchError {
    let source = error.without_url();
    let url = place.to_owned();
    let mut cause = source.source();
    while let Some(error) = cause {
        match error.downcast_ref::<LookupError>() {
            Some(&LookupError::Refused(refusal)) => return FetchError::Refused { url, refusal },
            Some(LookupError::Failed(_) | LookupError::Empty) => return FetchError::Resolve { url, source },
            None => cause = error.source(),
        }
    }
    if source.is_connect() {
        FetchError::Connect { url, source }
    } else {
        FetchError::Interrupted { url, source }
    }
}

/// Looks a name up once and hands on only addresses that may be connected to.
struct CheckedResolver {
    rules: Arc<AddressRules>,
}

#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("the lookup failed")]
    Failed(#[source] io::Error),
    #[error("the name has no address")]
    Empty,
    #[error("the name leads to an address that may not be reached")]
    Refused(#[source] Refusal),
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(LookupError::Failed)?;
            Ok(Box::new(permitted(&rules, found)?.into_iter()) as Addrs)
        })
    }
}

/// A name may have addresses of both sorts (`localhost` with only one family allowed): the others are left out, and
/// only a name with none left is refused.
fn permitted(rules: &AddressRules, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, LookupError> {
    let mut permitted = Vec::new();
    let mut error = LookupError::Empty;
    for address in found {
        match rules.check(address.ip()) {
            Ok(()) => permitted.push(address),
            Err(refusal) => error = LookupError::Refused(refusal),
        }
    }
    if permitted.is_empty() {
        Err(error)
    } else {
        Ok(permitted)
    }
}

#[cfg(test)]
mod tests;
