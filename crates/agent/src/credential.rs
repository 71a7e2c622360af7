//! The upstream's private key: put into requests here, taken out of whatever comes back, never shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderValue;
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
        self.spellings.iter().fold(text, |text, spelling| {
            let spelling = spelling.expose_secret();
            if text.contains(spelling) {
                text.replace(spelling, HIDDEN)
            } else {
                text
            }
        })
    }

    /// The same for an answer, which may be JSON, where every character can be written by its number.
    pub(crate) fn hide_in_answer(&self, text: String) -> String {
        let text = self.hide(text);
        if !text.contains('\\') {
            return text;
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => {
                let hidden = self.hide_in(&value);
                if hidden == value { text } else { hidden.to_string() }
            }
            Err(_) => text,
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
            let answer = odd.hide_in_answer(format!("{{\"message\":\"bad {spelled}\"}}"));
            assert_eq!(answer, "{\"message\":\"bad (secret)\"}", "{spelled}");
        }
        assert_eq!(
            credential.hide_in(&json!({ "private_demo": ["x private_demo", 1] })),
            json!({ "(secret)": ["x (secret)", 1] })
        );
    }
}
