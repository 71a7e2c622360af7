//! The upstream's private key: put into requests here, taken out of whatever comes back, never shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderValue;
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha1::Sha1;

use crate::canonical;

/// What stands where the key would.
const HIDDEN: &str = "(secret)";

/// Authenticates at an upstream. Callers of actions never see it.
#[derive(Debug, Clone)]
pub struct Credential {
    key: SecretString,
    basic: SecretString,
    /// All spellings by which an upstream may repeat it, those that contain others first.
    spellings: Vec<SecretString>,
}

impl Credential {
    /// A private key, sent as the user name of HTTP Basic.
    pub fn private_key(key: SecretString) -> Self {
        let plain = key.expose_secret();
        let basic = STANDARD.encode(format!("{plain}:"));
        let mut spellings = vec![
            basic.clone(),
            basic.trim_end_matches('=').to_owned(),
            STANDARD.encode(plain).trim_end_matches('=').to_owned(),
            plain.to_owned(),
            url::form_urlencoded::byte_serialize(plain.as_bytes()).collect(),
            plain.replace('/', "\\/"),
        ];
        spellings.retain(|spelling| !spelling.is_empty());
        spellings.dedup();
        Self {
            basic: basic.into(),
            spellings: spellings.into_iter().map(SecretString::from).collect(),
            key,
        }
    }

    /// HMAC-SHA1 of a text under the key, in hex: how client-side uploads are signed.
    pub(crate) fn signature(&self, text: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(self.key.expose_secret().as_bytes()) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// A name for the key that tells keys apart and says nothing about them.
    pub(crate) fn fingerprint(&self) -> String {
        canonical::digest_of(format!("tintype credential {}", self.key.expose_secret()).as_bytes())[..12].to_owned()
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
        if !self.is_in(&text) {
            return text;
        }
        self.spellings.iter().fold(text, |text, spelling| {
            let spelling = spelling.expose_secret();
            if text.contains(spelling) {
                text.replace(spelling, HIDDEN)
            } else {
                text
            }
        })
    }

    /// An answer's JSON without the key, null without a body; or why it is none, and its text. In JSON every character can
    /// be written by its number, so a text with such is looked at once more when it is read.
    pub(crate) fn hide_in_answer(&self, text: &str) -> Result<Value, (String, String)> {
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        let is_hidden = text.contains('\\') || self.is_in(text);
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                if is_hidden {
                    self.hide_within(&mut value);
                }
                Ok(value)
            }
            Err(error) => Err((error.to_string(), self.hide(text.to_owned()))),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let holds = |spelling: &SecretString| {
            let spelling = spelling.expose_secret();
            // Most texts of an answer are shorter than a key; the whole is long, and holds it hardly ever.
            spelling.len() <= text.len() && memmem::find(text.as_bytes(), spelling.as_bytes()).is_some()
        };
        self.spellings.iter().any(holds)
    }

    fn hide_within(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hide(std::mem::take(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_within(item)),
            Value::Object(fields) => {
                if fields.keys().any(|name| self.is_in(name)) {
                    *value = self.hide_in(value);
                } else {
                    fields.values_mut().for_each(|value| self.hide_within(value));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
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
    fn uploads_are_signed_as_the_server_checks_them() {
        let credential = Credential::private_key("private_key_test".to_owned().into());
        assert_eq!(
            credential.signature("your_token1582269249"),
            "e71bcd6031016b060d349d212e23e85c791decdd"
        );
    }

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
        let odd = Credential::private_key("private_a/b+c=".to_owned().into());
        for spelled in [
            "private_a/b+c=",
            "private_a\\/b+c=",
            "private_a%2Fb%2Bc%3D",
            "cHJpdmF0ZV9hL2IrYz06",
            "cHJpdmF0ZV9hL2IrYz0",
            "\\u0070rivate_a/b+c=",
        ] {
            let answer = odd.hide_in_answer(&format!("{{\"message\":\"bad {spelled}\"}}"));
            assert_eq!(answer, Ok(json!({ "message": "bad (secret)" })), "{spelled}");
            let (_, text) = odd.hide_in_answer(&format!("<p>{spelled}</p>")).unwrap_err();
            assert!(!text.contains("private_a/b+c="), "{text}");
        }
        assert_eq!(
            credential.hide_in(&json!({ "private_demo": ["x private_demo", 1] })),
            json!({ "(secret)": ["x (secret)", 1] })
        );
    }
}
