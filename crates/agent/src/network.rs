//! The API over the network.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore};

use crate::limits::Limits;
use crate::upstream::{Transport, TransportError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("could not set up the HTTP client")]
pub struct SetUpError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// A transport over HTTP and HTTPS.
///
/// It follows no redirect, because the credential would go with it, and uses no proxy from the environment, which would
/// see requests over plain HTTP.
pub fn network(limits: &Limits) -> Result<Transport, SetUpError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls().map_err(|e| SetUpError(e.into()))?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("Tintype/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| SetUpError(e.into()))?;
    let limit = limits.answer_bytes;
    let service = tower::service_fn(move |request| exchange(client.clone(), request, limit));
    Ok(Transport::new(service))
}

async fn exchange(client: Client, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
    let request = reqwest::Request::try_from(request).map_err(|e| TransportError::Connect(e.without_url().into()))?;
    let mut answer = client.execute(request).await.map_err(|e| {
        let nothing_sent = e.is_connect() || e.is_builder();
        let error = e.without_url().into();
        if nothing_sent {
            TransportError::Connect(error)
        } else {
            TransportError::Lost(error)
        }
    })?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|e| TransportError::Lost(e.without_url().into()))?
    {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(TransportError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    // The provider is named here, for a process-wide default is somebody else's to set.
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
