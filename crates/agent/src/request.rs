//! A request of the API as a value, before it knows where it goes and who sends it.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

/// One request. Path segments come from constants and checked ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiRequest {
    pub method: Method,
    pub host: Host,
    pub path: Vec<String>,
    pub query: Vec<(&'static str, String)>,
    /// Fields of a form; empty for every other request.
    pub parts: Vec<Part>,
    /// A JSON body.
    pub json: Option<Value>,
}

/// Which of the API's two hosts takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    Management,
    Upload,
}

/// A field of a multipart form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub name: &'static str,
    pub content: Bytes,
    pub is_file: bool,
}

impl Part {
    pub fn text(name: &'static str, text: String) -> Self {
        Self {
            name,
            content: text.into(),
            is_file: false,
        }
    }

    pub fn file(name: &'static str, content: Bytes) -> Self {
        Self {
            name,
            content,
            is_file: true,
        }
    }
}

impl ApiRequest {
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, Host::Management, path)
    }

    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, Host::Management, path)
    }

    pub fn post(path: &[&str], body: Value) -> Self {
        Self::new(Method::POST, Host::Management, path).body(body)
    }

    pub fn put(path: &[&str], body: Value) -> Self {
        Self::new(Method::PUT, Host::Management, path).body(body)
    }

    pub fn patch(path: &[&str], body: Value) -> Self {
        Self::new(Method::PATCH, Host::Management, path).body(body)
    }

    /// A form for the upload host.
    pub fn upload(path: &[&str]) -> Self {
        Self::new(Method::POST, Host::Upload, path)
    }

    fn new(method: Method, host: Host, path: &[&str]) -> Self {
        Self {
            method,
            host,
            path: path.iter().map(|s| (*s).to_owned()).collect(),
            query: Vec::new(),
            parts: Vec::new(),
            json: None,
        }
    }

    /// Gives it a JSON body. Fields that are null because the input does not have them must not be in it.
    pub fn body(mut self, body: Value) -> Self {
        self.json = Some(body);
        self
    }

    /// Adds a query parameter, if it has a value.
    pub fn query(mut self, name: &'static str, value: Option<String>) -> Self {
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    /// Adds a text field, if it has a value.
    pub fn part(mut self, name: &'static str, value: Option<String>) -> Self {
        self.parts.extend(value.map(|value| Part::text(name, value)));
        self
    }

    /// Adds a field.
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The form as `multipart/form-data`. The boundary must be one that no content can hold by accident or on purpose.
    pub fn multipart(&self, boundary: &str) -> Bytes {
        let length: usize = self.parts.iter().map(|p| p.content.len() + 256).sum();
        let mut body = Vec::with_capacity(length);
        for part in &self.parts {
            let about_file = if part.is_file {
                "; filename=\"file\"\r\nContent-Type: application/octet-stream"
            } else {
                ""
            };
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{about_file}\r\n\r\n",
                part.name
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(&part.content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_form_as_multipart() {
        let request = ApiRequest::upload(&["upload"])
            .part("fileName", Some("a \"b\".txt".into()))
            .part("folder", None)
            .with(Part::file("file", Bytes::from_static(b"hello")));
        let body = request.multipart("XX");
        assert_snapshot!(String::from_utf8_lossy(&body).replace('\r', ""), @r#"
        --XX
        Content-Disposition: form-data; name="fileName"

        a "b".txt
        --XX
        Content-Disposition: form-data; name="file"; filename="file"
        Content-Type: application/octet-stream

        hello
        --XX--
        "#);
    }
}
