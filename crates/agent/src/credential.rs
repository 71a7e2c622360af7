//! The upstream's private key: put into requests here, taken out of whatever comes back, never shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands where the key would.
const HIDDEN: &str = "(secret)";

/// Authenticates at an upstream. Callers of actions never see it.
#[derive(Debug, Clone)]
pub struct Credential {
    key: SecretString,
    basic: SecretString,
}

impl Credential {
    /// A private key, sent as the user name of HTTP Basic.
    pub fn private_key(key: SecretString) -> Self {
        let basic = STANDARD.encode(format!("{}:", key.expose_secret()));
        Self {
            key,
            basic: basic.into(),
        }
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let text = format!("Basic {}", self.basic.expose_secret());
        // Base64 is always a header value.
        let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }

    /// The text without the key: an upstream may repeat what it was sent, a caller may paste what it must not know.
    pub(crate) fn hide(&self, text: String) -> String {
        [&self.key, &self.basic].iter().fold(text, |text, secret| {
            let secret = secret.expose_secret();
            if secret.is_empty() || !text.contains(secret) {
                text
            } else {
                text.replace(secret, HIDDEN)
            }
        })
    }

    pub(crate) fn hide_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide(text.clone())),
            Value::Array(items) => items.iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(properties) => properties
                .iter()
                .map(|(name, value)| (self.hide(name.clone()), self.hide_in(value)))
                .collect(),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_goes_into_the_header_and_nowhere_else() {
        let credential = Credential::private_key("private_demo".to_owned().into());
        assert_eq!(credential.header(), "Basic cHJpdmF0ZV9kZW1vOg==");
        let shown = format!("{credential:?} {:?}", credential.header());
        assert!(!shown.contains("private_demo") && !shown.contains("cHJp"), "{shown}");
        assert_eq!(
            credential.hide("got private_demo, Basic cHJpdmF0ZV9kZW1vOg==".into()),
            "got (secret), Basic (secret)"
        );
        assert_eq!(
            credential.hide_in(&json!({ "private_demo": ["x private_demo", 1] })),
            json!({ "(secret)": ["x (secret)", 1] })
        );
    }
}
