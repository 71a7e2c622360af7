//! Where the API is, and the seam through which it is reached.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, header};
use tower::util::BoxCloneSyncService;
use url::Url;

use crate::error::CallError;
use crate::request::{ApiRequest, Host};

/// ImageKit's cloud takes uploads at a host of their own; every other server takes all at one.
const IMAGEKIT_API: &str = "https://api.imagekit.io";
const IMAGEKIT_UPLOAD: &str = "https://upload.imagekit.io";

/// Carries a request to the API and the whole answer back: [`crate::network`], or a server's own router in process.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// Why there is no answer. The kinds differ in what may have happened to the request.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection: nothing was sent.
    #[error("could not connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke after the request was, or may have been, sent.
    #[error("the connection broke before the whole answer was there")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// More bytes than an answer may have.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
}

/// A base URL that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}; write it like https://media.example.com")]
pub struct UpstreamError(&'static str);

/// A server that speaks the API.
#[derive(Debug, Clone)]
pub struct Upstream {
    management: Url,
    upload: Url,
    pub(crate) transport: Transport,
}

impl Upstream {
    /// The server at this base URL; a path in it is kept as a prefix.
    pub fn new(base: &str, transport: Transport) -> Result<Self, UpstreamError> {
        let management = Url::parse(base).map_err(|_| UpstreamError("not a URL"))?;
        if !matches!(management.scheme(), "http" | "https") {
            return Err(UpstreamError("the URL of an upstream begins with http:// or https://"));
        }
        if !management.username().is_empty() || management.password().is_some() {
            return Err(UpstreamError("the URL of an upstream holds no user name or password"));
        }
        if management.query().is_some() || management.fragment().is_some() {
            return Err(UpstreamError("the URL of an upstream has no query and no fragment"));
        }
        let upload = if management.as_str().trim_end_matches('/') == IMAGEKIT_API {
            Url::parse(IMAGEKIT_UPLOAD).map_err(|_| UpstreamError("not a URL"))?
        } else {
            management.clone()
        };
        Ok(Self {
            management,
            upload,
            transport,
        })
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        self.management.as_str().trim_end_matches('/')
    }

    /// The request with its full address, without a credential.
    pub(crate) fn request(&self, request: &ApiRequest, boundary: &str) -> Result<Request<Bytes>, CallError> {
        let mut url = match request.host {
            Host::Management => self.management.clone(),
            Host::Upload => self.upload.clone(),
        };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut built = Request::builder()
            .method(&request.method)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json");
        let body = if let Some(json) = &request.json {
            built = built.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(json.to_string())
        } else if request.parts.is_empty() {
            Bytes::new()
        } else {
            built = built.header(
                header::CONTENT_TYPE,
                format!("multipart/form-data; boundary={boundary}"),
            );
            request.multipart(boundary)
        };
        built
            .body(body)
            .map_err(|e| CallError::invalid(format!("the input makes no request: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(base: &str) -> Result<Upstream, UpstreamError> {
        let unused = tower::service_fn(async |_: Request<Bytes>| Err(TransportError::Timeout));
        Upstream::new(base, Transport::new(unused))
    }

    #[test]
    fn requests_go_to_the_right_host_below_the_base() {
        let list = ApiRequest::get(&["v1", "files"]).query("path", Some("/a b&c".into()));
        let upload = ApiRequest::upload(&["api", "v1", "files", "upload"]).part("fileName", Some("a".into()));
        let cases = [
            (
                "http://localhost:8080",
                "http://localhost:8080",
                "http://localhost:8080",
            ),
            ("https://host/dam/", "https://host/dam", "https://host/dam"),
            (
                "https://api.imagekit.io/",
                "https://api.imagekit.io",
                "https://upload.imagekit.io",
            ),
            (
                "https://api.imagekit.io/x",
                "https://api.imagekit.io/x",
                "https://api.imagekit.io/x",
            ),
        ];
        for (base, management, uploads) in cases {
            let upstream = upstream(base).unwrap();
            assert_eq!(
                upstream.request(&list, "XX").unwrap().uri().to_string(),
                format!("{management}/v1/files?path=%2Fa+b%26c")
            );
            let request = upstream.request(&upload, "XX").unwrap();
            assert_eq!(request.uri().to_string(), format!("{uploads}/api/v1/files/upload"));
            assert_eq!(request.headers()["content-type"], "multipart/form-data; boundary=XX");
        }
    }

    #[test]
    fn bases_that_hide_something_are_refused() {
        for base in [
            "nowhere",
            "ftp://host",
            "http://key@host",
            "http://host?x=1",
            "http://host#x",
            "data:x",
        ] {
            assert!(upstream(base).is_err(), "{base}");
        }
    }
}
