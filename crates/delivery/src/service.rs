//! Requests to services that the operator chose, and their answers: bounded in time and bytes, without secrets in what
//! is said of them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::origin::{FetcherError, tls};

/// Pictures take a while to be made.
const LONGEST: Duration = Duration::from_secs(180);
const TO_CONNECT: Duration = Duration::from_secs(10);
/// A message of a service is cut to this.
const LONGEST_MESSAGE: usize = 200;

/// The client for services. The operator names them, so they may be on a private network; still nothing is taken from
/// the environment, and no redirect is followed, because requests carry a key.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
}

/// What came back, whatever the status.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why nothing came back. Its text holds no URL and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// It may go better another time.
    #[error("the service {0}")]
    Unreachable(&'static str),
    /// More than is read.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// A setting that HTTP cannot carry.
    #[error("the key that is set holds characters that no header can carry")]
    Key,
}

/// What a service would not or could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For people, without secrets.
    pub message: String,
    /// It may go better another time.
    pub retry: bool,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// For good.
    pub fn lasting(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: false,
            retry_after: None,
        }
    }

    /// For now.
    pub fn passing(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self {
            message: message.into(),
            retry: true,
            retry_after,
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unreachable(_) => Self::passing(error.to_string(), None),
            ServiceError::TooLarge(_) | ServiceError::Key => Self::lasting(error.to_string()),
        }
    }
}

impl Http {
    /// A client. Connections are kept for the next request.
    pub fn new() -> Result<Self, FetcherError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(TO_CONNECT)
            .timeout(LONGEST)
            .user_agent(concat!("Tintype/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(2)
            .build()
            .map_err(FetcherError::Client)?;
        Ok(Self { client })
    }

    /// Posts `content` with these header fields, whose values may be secrets. An answer beyond `max` bytes is an error.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, SecretString)],
        content: (String, Vec<u8>),
        max: usize,
    ) -> Result<Reply, ServiceError> {
        self.send("POST", url, headers, Some(content), max).await
    }

    /// The same by any method, with a body or without. `method` is a token of HTTP.
    pub async fn send(
        &self,
        method: &'static str,
        url: &str,
        headers: &[(&'static str, SecretString)],
        content: Option<(String, Vec<u8>)>,
        max: usize,
    ) -> Result<Reply, ServiceError> {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
        let mut request = self.client.request(method, url);
        if let Some((content_type, content)) = content {
            request = request.header(CONTENT_TYPE, content_type).body(content);
        }
        for (name, secret) in headers {
            let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| ServiceError::Key)?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static(name), value);
        }
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(ServiceError::TooLarge(max));
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + piece.len() > max {
                return Err(ServiceError::TooLarge(max));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
            body: body.freeze(),
        })
    }
}

/// Seconds; a date is not read, because clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The kind of failure, never the client's own words: they may hold the URL.
fn failed(error: &reqwest::Error) -> ServiceError {
    ServiceError::Unreachable(if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "could not be reached"
    } else {
        "broke the connection"
    })
}

/// One line of what a service said, without the secret.
pub fn said(text: &str, secret: Option<&SecretString>) -> String {
    let mut text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(secret) = secret
        && !secret.expose_secret().is_empty()
    {
        text = text.replace(secret.expose_secret(), "[key]");
    }
    text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}

/// A `multipart/form-data` body (RFC 7578).
pub(crate) struct Form {
    parts: Vec<(String, Bytes)>,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new() }
    }

    pub(crate) fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.parts.push((head, Bytes::from(value.into())));
        self
    }

    /// A picture as a file.
    pub(crate) fn picture(mut self, name: &'static str, format: transform::Format, bytes: Bytes) -> Self {
        let (extension, mime) = (format.extension(), format.mime());
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{name}.{extension}\"\r\nContent-Type: {mime}\r\n\r\n"
        );
        self.parts.push((head, bytes));
        self
    }

    /// Content type and bytes. The boundary is a digest of what stands between: nothing holds its own digest.
    pub(crate) fn finish(self) -> (String, Vec<u8>) {
        let mut digest = Sha256::new();
        let mut length = 0;
        for (head, content) in &self.parts {
            digest.update(head);
            digest.update(content);
            length += head.len() + content.len() + 80;
        }
        let boundary = hex::encode(digest.finalize());
        let mut body = Vec::with_capacity(length + 80);
        for (head, content) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}
