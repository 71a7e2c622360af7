//! Hosts that stand for a place below which files are delivered: `https://images.shop.example/cat.jpg` is `/demo/cat.jpg`.

use std::collections::HashMap;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri, header};

/// Paths by the hosts that stand for them. On such a host there is nothing but files: no API, no metrics.
#[derive(Debug, Clone, Default)]
pub struct Domains {
    paths: HashMap<String, String>,
    /// In the order in which they were given.
    hosts: Vec<String>,
}

impl Domains {
    /// `path` has a slash before and none after. False if the host is there already.
    pub fn add(&mut self, host: &str, path: String) -> bool {
        let host = plain(host);
        self.hosts.push(host.clone());
        self.paths.insert(host, path).is_none()
    }

    /// The first host that stands for a path.
    pub fn host_of(&self, path: &str) -> Option<&str> {
        let mut hosts = self.hosts.iter().map(String::as_str);
        hosts.find(|host| self.paths.get(*host).is_some_and(|known| known == path))
    }

    /// What stands before the paths of a host's URLs, if it is one of these. A port does not matter.
    pub fn path(&self, host: &str) -> Option<&str> {
        if self.paths.is_empty() {
            return None;
        }
        self.paths.get(&plain(host)).map(String::as_str)
    }

    /// A request to one of these hosts, as if it had been made to the account's own path. All others stay as they are.
    pub fn resolve<B>(&self, mut request: Request<B>) -> Request<B> {
        let Some(path) = host(request.uri(), request.headers()).and_then(|host| self.path(host)) else {
            return request;
        };
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let Ok(target) = format!("{path}{target}").parse::<PathAndQuery>() else {
            return request;
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    }
}

/// The host that a request names: in its target, as HTTP/2 and proxies have it, or else in its header. Two headers name none.
pub fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// In lower case, without a port and without the dot that may end a name.
fn plain(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn hosts_stand_for_paths() {
        let mut domains = Domains::default();
        assert!(domains.add("images.shop.example", "/demo".to_owned()));
        assert!(domains.add("Products.shop.example", "/demo/products".to_owned()));
        assert!(!domains.add("IMAGES.shop.example.", "/demo".to_owned()));
        assert_eq!(domains.host_of("/demo"), Some("images.shop.example"));
        assert_eq!(domains.host_of("/demo/products"), Some("products.shop.example"));
        assert_eq!(domains.host_of("/demo/"), None);
        for (host, target, expected) in [
            ("images.shop.example", "/a/b.jpg?tr=w-%2C3", "/demo/a/b.jpg?tr=w-%2C3"),
            ("Images.Shop.Example:8080", "/a", "/demo/a"),
            ("images.shop.example.", "/v1/files", "/demo/v1/files"),
            ("images.shop.example", "/", "/demo/"),
            ("images.shop.example", "//a", "/demo//a"),
            ("images.shop.example", "/../v1/files", "/demo/../v1/files"),
            ("products.shop.example", "/a?b", "/demo/products/a?b"),
            ("shop.example", "/a", "/a"),
            ("images.shop.example.evil", "/a", "/a"),
            ("evil@images.shop.example", "/a", "/a"),
            ("images.shop.example:80:80", "/a", "/a"),
            ("", "/a", "/a"),
        ] {
            let request = Request::builder()
                .uri(target)
                .header("host", host)
                .body(Body::empty())
                .unwrap();
            assert_eq!(domains.resolve(request).uri().to_string(), expected, "{host} {target}");
        }
        let absolute = "http://images.shop.example/a";
        let request = Request::builder()
            .uri(absolute)
            .header("host", "other")
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            domains.resolve(request).uri().path(),
            "/demo/a",
            "the target's own host counts"
        );
        let twice = Request::builder()
            .uri("/a")
            .header("host", "images.shop.example")
            .header("host", "other");
        assert_eq!(domains.resolve(twice.body(Body::empty()).unwrap()).uri().path(), "/a");
    }
}
