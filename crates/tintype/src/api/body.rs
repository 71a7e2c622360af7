//! Bodies of the management API: JSON or a form, read leniently, because clients differ in what they send.

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Largest body of a management request. The largest lists that the API takes are a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The fields of a request. An absent or empty body has none; `null` counts as absent unless it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(Map<String, Value>);

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let bytes = read(request.into_body()).await?;
        Self::parse(&content_type, &bytes)
    }
}

async fn read(body: HttpBody) -> Result<bytes::Bytes, ApiError> {
    axum::body::to_bytes(body, MAX_BYTES)
        .await
        .map_err(|_| ApiError::too_large(format!("The request body may have at most {MAX_BYTES} bytes.")))
}

impl Fields {
    /// Reads a body. Forms become texts; several fields of one name, or of `name[]`, a list.
    pub fn parse(content_type: &str, bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Self::of_form(bytes).without_nul();
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Self(fields).without_nul(),
            Ok(_) => Err(ApiError::invalid("The request body must be a JSON object.")),
            Err(error) => Err(ApiError::invalid(format!(
                "The request body is not valid JSON: {error}."
            ))),
        }
    }

    fn of_form(bytes: &[u8]) -> Self {
        let mut fields = Map::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            let (name, listed) = match name.find('[') {
                Some(at) => (name[..at].to_owned(), true),
                None => (name.into_owned(), false),
            };
            let value = Value::String(value.into_owned());
            match fields.get_mut(&name) {
                Some(Value::Array(list)) => list.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
                None if listed => {
                    fields.insert(name, Value::Array(vec![value]));
                }
                None => {
                    fields.insert(name, value);
                }
            }
        }
        Self(fields)
    }

    /// No text may hold a NUL: nothing has one in its name, and not every database could keep it.
    fn without_nul(self) -> Result<Self, ApiError> {
        fn has_nul(value: &Value) -> bool {
            match value {
                Value::String(text) => text.contains('\0'),
                Value::Array(items) => items.iter().any(has_nul),
                Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
                _ => false,
            }
        }
        if self.0.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
            return Err(ApiError::invalid("The request body holds a NUL character."));
        }
        Ok(self)
    }

    /// The value as it came, `null` included.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value; `None` for `null`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The names that came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All fields.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// A text; `None` if it is absent, an error if it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ApiError::invalid(format!("{name} parameter should be a string."))),
        }
    }

    /// A truth value, in every spelling that clients use; `None` if it is absent.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let wrong = || ApiError::invalid(format!("{name} parameter should be a boolean."));
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(0) => Ok(Some(false)),
                Some(1) => Ok(Some(true)),
                _ => Err(wrong()),
            },
            Some(Value::String(text)) => flag(text).map(Some).ok_or_else(wrong),
            Some(_) => Err(wrong()),
        }
    }
}

/// `true`, `True`, `1`, `false`, `False`, `0`.
pub fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_of_all_kinds() {
        let json = "application/json; charset=utf-8";
        let form = "application/x-www-form-urlencoded";
        for (content_type, text, expected) in [
            (json, "", json!({})),
            (json, " \n", json!({})),
            ("", r#"{"a":1}"#, json!({"a": 1})),
            ("text/plain", r#"{"a":null}"#, json!({"a": null})),
            (
                form,
                "url=http%3A%2F%2Fh%2Fa+b&x=",
                json!({"url": "http://h/a b", "x": ""}),
            ),
            (form, "ids[]=a&ids[]=b&ids%5B0%5D=c", json!({"ids": ["a", "b", "c"]})),
            (form, "a=1&a=2", json!({"a": ["1", "2"]})),
            (form, "a[]=1", json!({"a": ["1"]})),
        ] {
            let fields = Fields::parse(content_type, text.as_bytes()).expect(text);
            assert_eq!(Value::Object(fields.into_map()), expected, "{text}");
        }
        assert!(Fields::parse(json, b"[]").is_err());
        assert!(Fields::parse(json, b"{").is_err());
        for (content_type, text) in [
            (json, r#"{"a":["b",{"c":"\u0000"}]}"#),
            (json, r#"{"\u0000":1}"#),
            (form, "a=%00"),
        ] {
            let error = Fields::parse(content_type, text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), "The request body holds a NUL character.");
        }
    }

    #[test]
    fn truth_has_many_spellings() {
        let fields = Fields::parse("", br#"{"a":true,"b":"False","c":1,"d":"0","e":2,"f":"yes","g":null}"#).unwrap();
        for (name, expected) in [
            ("a", Ok(Some(true))),
            ("b", Ok(Some(false))),
            ("c", Ok(Some(true))),
            ("d", Ok(Some(false))),
            ("e", Err(())),
            ("f", Err(())),
            ("g", Ok(None)),
            ("h", Ok(None)),
        ] {
            assert_eq!(fields.flag(name).map_err(|_| ()), expected, "{name}");
        }
    }
}
