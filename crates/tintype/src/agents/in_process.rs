//! The API of this server without a network between: what agents' actions go through.

use agent::{Transport, TransportError};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tower::ServiceExt;
use url::Url;

/// Carries requests below `base` to the router, whose paths begin where the base ends.
pub fn transport(router: Router, base: &str, limit: usize) -> Transport {
    let prefix = Url::parse(base).map_or_else(|_| String::new(), |url| url.path().trim_end_matches('/').to_owned());
    Transport::new(tower::service_fn(move |request| {
        exchange(router.clone(), prefix.clone(), request, limit)
    }))
}

async fn exchange(
    router: Router,
    prefix: String,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, TransportError> {
    let (mut parts, body) = request.into_parts();
    // Servers get the host in a header and the rest as the target.
    let host = parts
        .uri
        .authority()
        .and_then(|a| HeaderValue::try_from(a.as_str()).ok());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let target = target.strip_prefix(prefix.as_str()).unwrap_or(target);
    parts.uri = target.parse().map_err(|e| TransportError::Connect(Box::new(e)))?;
    if let Some(host) = host {
        parts.headers.insert(header::HOST, host);
    }
    let answer = match router.oneshot(Request::from_parts(parts, Body::from(body))).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, limit).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.is::<LengthLimitError>()) {
            TransportError::TooLarge { limit }
        } else {
            TransportError::Lost(Box::new(error))
        }
    })?;
    Ok(Response::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::Uri;
    use axum::routing::any;

    use super::*;

    #[tokio::test]
    async fn requests_reach_the_router_below_the_base() {
        let told = any(async |uri: Uri, headers: HeaderMap| format!("{uri} at {}", headers["host"].to_str().unwrap()));
        let router = Router::new().fallback(told);
        for (base, url, expected) in [
            (
                "http://m.example",
                "http://m.example/v1/files?a=%20",
                "/v1/files?a=%20 at m.example",
            ),
            (
                "https://m.example:1/dam/",
                "https://m.example:1/dam/v1/files",
                "/v1/files at m.example:1",
            ),
        ] {
            let request = Request::builder().uri(url).body(Bytes::new()).unwrap();
            let answer = transport(router.clone(), base, 100).oneshot(request).await.unwrap();
            assert_eq!(answer.body(), expected);
        }
        let request = Request::builder()
            .uri("http://m.example/v1/files")
            .body(Bytes::new())
            .unwrap();
        let answer = transport(router, "http://m.example", 5).oneshot(request).await;
        assert!(
            matches!(answer, Err(TransportError::TooLarge { limit: 5 })),
            "{answer:?}"
        );
    }
}
