//! The token of a client-side upload of version 2: a JSON Web Token (RFC 7519) that the customer's own server signs. It
//! lists every parameter of the form, so that a browser can upload what it was allowed to and nothing else.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use library::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::{Area, Level};
use crate::app::App;
use crate::error::ApiError;

/// A token may live so long.
const LONGEST_LIFE_S: u64 = 3600;
/// The clocks of others may be ahead of ours by so much.
const CLOCK_SKEW_S: u64 = 300;

/// A token as it was sent, not yet believed.
#[derive(Debug)]
pub struct UploadToken {
    /// The public key of the pair that signed it, as it says.
    public_key: String,
    /// What the signature is of.
    signed: String,
    signature: Vec<u8>,
    /// What may be uploaded.
    parameters: Map<String, Value>,
    issued: u64,
    expires: u64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

impl UploadToken {
    /// Takes a token apart. Only `HS256` is spoken: a token that names another algorithm, or none, is refused.
    pub fn read(text: &str) -> Result<Self, ApiError> {
        Self::parts(text).ok_or_else(invalid)
    }

    fn parts(text: &str) -> Option<Self> {
        let (signed, signature) = text.trim().rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        // Strict, because one token must have one spelling: it is good for one use.
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        if header.alg != "HS256" {
            return None;
        }
        let mut parameters: Map<String, Value> = serde_json::from_slice(&decoded(payload)?).ok()?;
        let issued = parameters.remove("iat")?.as_u64()?;
        let expires = parameters.remove("exp")?.as_u64()?;
        Some(Self {
            public_key: header.kid,
            signature: decoded(signature)?,
            signed: signed.to_owned(),
            parameters,
            issued,
            expires,
        })
    }

    /// Checks it against the account's keys and the form, at `now` (Unix seconds).
    pub async fn check(&self, app: &App, sent: &BTreeMap<String, String>, now: u64) -> Result<(), ApiError> {
        let account = app
            .library
            .account()
            .await
            .map_err(|error| ApiError::internal(&error))?;
        let keys = app.keyring.signing(&account, Timestamp::now());
        let key = keys
            .iter()
            .find(|key| key.public_key == self.public_key && key.allows(Area::Media, Level::Write));
        self.verify(&key.ok_or_else(invalid)?.private_key, sent, now)
    }

    /// Checks signature, time and parameters, in this order, against what the form carries. `now` is in Unix seconds.
    fn verify(&self, private_key: &SecretString, sent: &BTreeMap<String, String>, now: u64) -> Result<(), ApiError> {
        let key = private_key.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(self.signed.as_bytes());
        mac.verify_slice(&self.signature).map_err(|_| invalid())?;
        if self.expires <= now {
            return Err(ApiError::invalid("Your request contains expired token."));
        }
        let life = self.expires.checked_sub(self.issued);
        if self.issued > now.saturating_add(CLOCK_SKEW_S) || life.is_none_or(|life| life > LONGEST_LIFE_S) {
            return Err(invalid());
        }
        if self.allows(sent) {
            Ok(())
        } else {
            Err(ApiError::invalid(
                "Your request contains invalid payload. It does not match with the payload used to generate token.",
            ))
        }
    }

    /// Names the token among those that were used: its signature, of which there is one for what was signed.
    pub fn name(&self) -> String {
        format!("jwt:{}", hex::encode(&self.signature))
    }

    /// When it ends, in Unix seconds.
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// True if the form carries what the token lists, no more and no less. An empty text is as if it were not there, on
    /// both sides.
    fn allows(&self, sent: &BTreeMap<String, String>) -> bool {
        let is_parameter = |name: &str| !matches!(name, "file" | "token");
        let mut listed = 0;
        for (name, value) in &self.parameters {
            if !is_parameter(name) || value == "" {
                continue;
            }
            match sent.get(name) {
                Some(text) if same(name, text, value) => listed += 1,
                _ => return false,
            }
        }
        let carried = sent
            .iter()
            .filter(|(name, text)| is_parameter(name) && !text.is_empty());
        carried.count() == listed
    }
}

/// Equal as texts, or as what the texts mean: JSON, or a list.
fn same(name: &str, sent: &str, signed: &Value) -> bool {
    let text = match signed {
        Value::Null => return false,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text == sent {
        return true;
    }
    if matches!(name, "tags" | "responseFields") {
        return list(sent) == list(&text);
    }
    // Any other parameter is used as the text that it is.
    if !matches!(name, "extensions" | "customMetadata" | "transformation") {
        return false;
    }
    let json = |text: &str| {
        serde_json::from_str::<Value>(text)
            .ok()
            .filter(|value| value.is_array() || value.is_object())
    };
    json(sent).is_some_and(|sent| json(&text) == Some(sent))
}

/// Comma-separated, or a JSON array of texts.
pub fn list(text: &str) -> Vec<String> {
    let items = match serde_json::from_str::<Vec<String>>(text) {
        Ok(items) if text.trim_start().starts_with('[') => items,
        _ => text.split(',').map(str::to_owned).collect(),
    };
    items
        .iter()
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

fn invalid() -> ApiError {
    ApiError::invalid("Your request has invalid token.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VECTOR: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InB1YmxpY19kZW1vIn0.\
                          eyJmaWxlTmFtZSI6ImNhdC5qcGciLCJ1c2VVbmlxdWVGaWxlTmFtZSI6ImZhbHNlIiwidGFncyI6InBldCxjYXQiLCJpYXQi\
                          OjE3NjczMjMwNDUsImV4cCI6MTc2NzMyNTc0NX0.fnDOZOMRFMYWEzEBCEXKuGp82aNbKWLST19pNUpN9cI";
    const NOW: u64 = 1_767_323_100;

    fn key() -> SecretString {
        "private_demo".to_owned().into()
    }

    fn form(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn signed(header: Value, payload: Value) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(payload));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"private_demo").unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn verdict(token: &str, sent: &[(&str, &str)], now: u64) -> String {
        let verified = UploadToken::read(token).and_then(|token| token.verify(&key(), &form(sent), now));
        verified.map_or_else(|error| error.to_string(), |()| "good".to_owned())
    }

    const INVALID: &str = "Your request has invalid token.";
    const EXPIRED: &str = "Your request contains expired token.";
    const OTHER: &str =
        "Your request contains invalid payload. It does not match with the payload used to generate token.";
    const SENT: [(&str, &str); 3] = [
        ("fileName", "cat.jpg"),
        ("useUniqueFileName", "false"),
        ("tags", "pet,cat"),
    ];

    #[test]
    fn the_vector_of_the_contract_verifies() {
        assert_eq!(verdict(VECTOR, &SENT, NOW), "good");
        assert_eq!(UploadToken::read(VECTOR).unwrap().public_key, "public_demo");
        assert_eq!(verdict(VECTOR, &SENT, 1_767_325_745), EXPIRED);
        let with_file = [&SENT[..], &[("file", "data"), ("token", VECTOR)]].concat();
        assert_eq!(verdict(VECTOR, &with_file, NOW), "good");
        assert_eq!(verdict(VECTOR, &SENT[..2], NOW), OTHER);
        let more = [&SENT[..], &[("folder", "/")]].concat();
        assert_eq!(verdict(VECTOR, &more, NOW), OTHER);
        let changed = [SENT[0], ("useUniqueFileName", "true"), SENT[2]];
        assert_eq!(verdict(VECTOR, &changed, NOW), OTHER);
    }

    #[test]
    fn what_is_no_token_of_ours_is_refused() {
        let header = || json!({"alg": "HS256", "typ": "JWT", "kid": "public_demo"});
        let payload = || json!({"fileName": "a", "iat": NOW, "exp": NOW + 60});
        let sent = [("fileName", "a")];
        assert_eq!(verdict(&signed(header(), payload()), &sent, NOW), "good");
        let good = signed(header(), payload());
        let (rest, signature) = good.rsplit_once('.').unwrap();
        // The last character of 43 holds two bits that do not count: another one would be the same signature, spelt anew.
        let respelt = {
            let mut text = signature.to_owned();
            let last = text.pop().unwrap();
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let at = alphabet.find(last).unwrap();
            text.push(alphabet.as_bytes()[at ^ 1] as char);
            text
        };
        let none = signed(json!({"alg": "none", "kid": "public_demo"}), payload());
        for token in [
            "",
            "a.b",
            "a.b.c",
            "....",
            rest,
            &format!("{rest}."),
            &format!("{rest}.{respelt}"),
            &format!("{good}="),
            &format!("{}A", good),
            &none,
            &signed(json!({"alg": "HS512", "kid": "public_demo"}), payload()),
            &signed(json!({"alg": "HS256"}), payload()),
            &signed(header(), json!({"fileName": "a", "exp": NOW + 60})),
            &signed(header(), json!({"fileName": "a", "iat": NOW})),
            &signed(header(), json!({"fileName": "a", "iat": NOW, "exp": "soon"})),
            &signed(header(), json!({"fileName": "a", "iat": NOW, "exp": NOW + 3601})),
            &signed(header(), json!({"fileName": "a", "iat": NOW + 301, "exp": NOW + 400})),
            &signed(header(), json!({"fileName": "a", "iat": NOW + 20, "exp": NOW + 10})),
            &signed(header(), json!(["fileName"])),
        ] {
            assert_eq!(verdict(token, &sent, NOW), INVALID, "{token}");
        }
        let other = UploadToken::read(&good).unwrap();
        let wrong = other.verify(&"private_other".to_owned().into(), &form(&sent), NOW);
        assert_eq!(wrong.unwrap_err().to_string(), INVALID);
        // A token that is both expired and signed by somebody else says nothing of its time.
        let wrong = other.verify(&"private_other".to_owned().into(), &form(&sent), NOW + 90);
        assert_eq!(wrong.unwrap_err().to_string(), INVALID);
    }

    #[test]
    fn values_are_equal_in_what_they_mean() {
        for (name, sent, value, equal) in [
            ("isPublished", "true", json!(true), true),
            ("isPublished", "true", json!("true"), true),
            ("isPublished", "True", json!(true), false),
            ("tags", "a,b", json!("a,b"), true),
            ("tags", "a, b", json!("a,b"), true),
            ("tags", "a,b", json!(["a", "b"]), true),
            ("tags", "[\"a\",\"b\"]", json!("a,b"), true),
            ("tags", "b,a", json!("a,b"), false),
            ("folder", "a, b", json!("a,b"), false),
            ("customMetadata", r#"{"a":1,"b":2}"#, json!({"b": 2, "a": 1}), true),
            (
                "customMetadata",
                r#"{"a":1,"b":2}"#,
                json!(r#"{ "b": 2, "a": 1 }"#),
                true,
            ),
            ("customMetadata", r#"{"a":1}"#, json!({"a": 2}), false),
            ("customMetadata", r#"{"a":1}"#, json!({"a": 1, "b": 2}), false),
            ("checks", "1", json!(1), true),
            ("folder", "null", json!(null), false),
            ("folder", "1.0", json!(1), false),
        ] {
            assert_eq!(same(name, sent, &value), equal, "{name} {sent} {value}");
        }
        let empty = signed(
            json!({"alg": "HS256", "kid": "k"}),
            json!({"fileName": "a", "tags": "", "iat": NOW, "exp": NOW + 9}),
        );
        assert_eq!(verdict(&empty, &[("fileName", "a"), ("folder", "")], NOW), "good");
    }

    #[test]
    fn lists_come_in_several_spellings() {
        for text in ["sea,dawn", "sea, dawn", " sea ,dawn,", "[\"sea\",\"dawn\"]"] {
            assert_eq!(list(text), ["sea", "dawn"], "{text}");
        }
    }
}
