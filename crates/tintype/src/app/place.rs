//! Where files are served, and what is shown of them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use library::{CustomMetadata, Library};
use serde_json::{Map, Value};

/// `http://host:port/demo`: what stands before a file's path in its URL, without a trailing slash. It reads as that text, and knows which values of
/// custom metadata may be shown.
#[derive(Debug, Clone)]
pub struct UrlPlace {
    text: Arc<str>,
    library: Library,
}

impl UrlPlace {
    /// The place of a library.
    pub fn new(text: &str, library: Library) -> Self {
        Self {
            text: text.into(),
            library,
        }
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
