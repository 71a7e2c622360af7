//! Where files are served, and what is shown of them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use library::{CustomMetadata, Library};
use serde_json::{Map, Value};
use url::Url;

/// `http://host:port/demo`: the account's URL endpoint, without a trailing slash. It reads as that text, and knows what stands before a file's path in answers
/// and which values of custom metadata may be shown.
#[derive(Debug, Clone)]
pub struct UrlPlace {
    text: Arc<str>,
    files: Arc<str>,
    library: Library,
}

impl UrlPlace {
    /// The place of a library. A host that stands for the account comes before its files in answers, at the scheme and the port of the URL endpoint: who sets
    /// one up wants it to be seen.
    pub fn new(text: &str, host: Option<&str>, library: Library) -> Self {
        let files = endpoints(text, host).pop();
        Self {
            text: text.into(),
            files: files.as_deref().unwrap_or(text).into(),
            library,
        }
    }

    /// What stands before a file's path in the URL that answers have of it, without a trailing slash.
    pub fn files(&self) -> &str {
        &self.files
    }

    /// Under what the account's files are served by their own paths: here, and where answers say.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let files = (self.files != self.text).then_some(&*self.files);
        std::iter::once(&*self.text).chain(files)
    }

    /// Custom metadata without the values of deleted fields, as far as this process has heard of them: every request of the API asks for the
    /// account before it answers.
    pub fn visible(&self, values: &Map<String, Value>) -> Value {
        match self.library.known_account() {
            Some(account) if !values.is_empty() => {
                Value::Object(CustomMetadata::visible(values, &account.custom_metadata_fields))
            }
            _ => Value::Object(values.clone()),
        }
    }
}

/// Under what an account's files are served by their own paths: its URL endpoint, and the host that stands for it, if there is one.
pub fn endpoints(endpoint: &str, host: Option<&str>) -> Vec<String> {
    let files = host.and_then(|host| at_host(endpoint, host));
    std::iter::once(endpoint.to_owned()).chain(files).collect()
}

/// `https://media.example.com:8443/demo` at another host is `https://images.shop.example:8443`.
fn at_host(endpoint: &str, host: &str) -> Option<String> {
    let endpoint = Url::parse(endpoint).ok()?;
    let port = endpoint.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", endpoint.scheme()))
}

impl Deref for UrlPlace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for UrlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_has_the_same_scheme_and_port() {
        for (endpoint, expected) in [
            ("https://media.example.com/demo", "https://images.shop.example"),
            ("http://127.0.0.1:8080/demo", "http://images.shop.example:8080"),
            (
                "https://media.example.com/behind/a/proxy/demo",
                "https://images.shop.example",
            ),
        ] {
            assert_eq!(at_host(endpoint, "images.shop.example").as_deref(), Some(expected));
        }
    }
}
