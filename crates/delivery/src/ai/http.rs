//! Forms to services that the operator chose, and their answers: bounded in time and bytes, without secrets in what is
//! said of them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, redirect};
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
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
}

/// What came back, whatever the status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) fn new() -> Result<Self, FetcherError> {
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

    /// Sends a form, or other `content`, with a secret in a header. An answer beyond `max` bytes is an error.
    pub(crate) async fn post(
        &self,
        url: &str,
        secret: Option<(&'static str, &SecretString)>,
        (content_type, content): (String, Vec<u8>),
        max: usize,
    ) -> Result<Reply, String> {
        let mut request = self.client.post(url).header(CONTENT_TYPE, content_type).body(content);
        if let Some((name, secret)) = secret {
            let mut value = HeaderValue::from_str(secret.expose_secret())
                .map_err(|_| "the key that is set holds characters that no header can carry".to_owned())?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static(name), value);
        }
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let too_large = || format!("the answer is larger than {max} bytes");
        if response.content_length().is_some_and(|length| length > max as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + piece.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            body: body.freeze(),
        })
    }
}

/// The kind of failure, never the client's own words: they may hold the URL.
fn failed(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "could not be reached"
    } else {
        "broke the connection"
    };
    format!("the service {what}")
}

/// One line of what a service said, without the secret.
pub(crate) fn said(text: &str, secret: Option<&SecretString>) -> String {
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
