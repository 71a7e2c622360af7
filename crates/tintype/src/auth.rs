//! Who sends a request: HTTP Basic with the private key, or the signature of a client-side upload.

pub mod oauth;
pub mod upload_token;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use library::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

use crate::app::App;
use crate::app::keyring::{Levels, Standing};
use crate::error::ApiError;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A part of the API that a key may be kept out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Files: list, details, upload, update, delete.
    Media,
    /// Folders, copies, moves, versions, jobs, and what is set up once: extensions, transformations, origins, endpoints, webhooks, keys.
    Management,
    /// Metadata of files.
    Metadata,
    /// Custom metadata fields.
    CustomMetadata,
    /// Purging caches.
    Purge,
}

/// What is done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Only looks.
    Read,
    /// Changes something.
    Write,
}

/// Passes when the request carries a key that may do this.
pub async fn require(app: &App, headers: &HeaderMap, area: Area, level: Level) -> Result<(), ApiError> {
    let key = presented_key(headers).ok_or_else(ApiError::no_key)?;
    require_key(app, &key, area, level).await
}

/// The same for a key that is at hand.
pub async fn require_key(app: &App, key: &str, area: Area, level: Level) -> Result<(), ApiError> {
    if levels(app, key).await?.allow(area, level) {
        Ok(())
    } else {
        Err(ApiError::wrong_key())
    }
}

/// Passes when the request carries a key that may do everything.
pub async fn require_all(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let key = presented_key(headers).ok_or_else(ApiError::no_key)?;
    match levels(app, &key).await? {
        Levels::All => Ok(()),
        Levels::Some(_) => Err(ApiError::wrong_key()),
    }
}

/// True when the request carries a key of the account, whatever it may do.
pub async fn is_known(app: &App, headers: &HeaderMap) -> bool {
    match presented_key(headers) {
        Some(key) => levels(app, &key).await.is_ok(),
        None => false,
    }
}

async fn levels(app: &App, key: &str) -> Result<Levels, ApiError> {
    let account = app
        .library
        .account()
        .await
        .map_err(|error| ApiError::internal(&error))?;
    match app.keyring.standing(&account, key, Timestamp::now()) {
        Standing::Good(levels) => Ok(levels),
        Standing::Unknown => Err(ApiError::wrong_key()),
        Standing::Expired => Err(ApiError::expired_key()),
        Standing::Disabled => Err(ApiError::disabled()),
    }
}

/// The key in `Authorization: Basic`, right or wrong; `None` without such a header.
///
/// The password is ignored: clients leave it empty or send a fixed text. A key that was not base64-encoded is taken as
/// well, because the vendor's API description allows it.
pub fn presented_key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        // Another scheme is a wrong key, not a missing one: the client did try.
        return Some(String::new());
    }
    let credential = credential.trim();
    let text = if credential.starts_with("private_") {
        credential.to_owned()
    } else {
        let bytes = LENIENT.decode(credential).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

/// The fields that authenticate an upload from a browser: `signature = hex(HMAC-SHA1(private key, token + expire))`.
#[derive(Debug, Clone, Default)]
pub struct UploadSignature {
    /// Names the account.
    pub public_key: Option<String>,
    /// Lower-case hex.
    pub signature: Option<String>,
    /// Any text, good for one use.
    pub token: Option<String>,
    /// Unix seconds, in decimal, as sent.
    pub expire: Option<String>,
}

/// A client-side upload whose signature is right; its token still has to be spent.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedUpload {
    /// To be used once.
    pub token: String,
    /// When the token stops being good, Unix seconds.
    pub expire: u64,
}

/// How far ahead `expire` may lie.
const LONGEST_LIFE_S: u64 = 3600;
/// A UUID has 36 characters; longer ones are kept from filling the table of used tokens.
const LONGEST_TOKEN: usize = 256;

impl UploadSignature {
    /// Checks the fields against the account's keys at `now` (Unix seconds).
    pub async fn check(&self, app: &App, now: u64) -> Result<SignedUpload, ApiError> {
        let account = app
            .library
            .account()
            .await
            .map_err(|error| ApiError::internal(&error))?;
        let at = Timestamp::now();
        let mut keys = app.keyring.signing(&account, at);
        keys.retain(|key| key.allows(Area::Media, Level::Write));
        let keys: Vec<_> = keys
            .iter()
            .map(|key| (key.public_key.as_str(), &key.private_key))
            .collect();
        let signed = self.verify(&keys, now);
        match &self.public_key {
            // It may be known, and not be good any more.
            Some(public_key) if signed == Err(ApiError::wrong_key()) => {
                Err(match app.keyring.standing_of_pair(&account, public_key, at) {
                    Standing::Expired => ApiError::expired_key(),
                    Standing::Disabled => ApiError::disabled(),
                    Standing::Good(_) | Standing::Unknown => ApiError::wrong_key(),
                })
            }
            _ => signed,
        }
    }

    /// Checks the fields against keys, public and private, at `now` (Unix seconds). The public key names the pair; any private key may have
    /// signed, because an application may have been given another key than its pages.
    fn verify(&self, keys: &[(&str, &SecretString)], now: u64) -> Result<SignedUpload, ApiError> {
        let field = |name: &str, value: &Option<String>| {
            value
                .clone()
                .ok_or_else(|| ApiError::invalid(format!("Your request is missing {name} parameter.")))
        };
        let public_key = field("publicKey", &self.public_key)?;
        let signature = field("signature", &self.signature)?;
        let token = field("token", &self.token)?;
        let expire = field("expire", &self.expire)?;
        if !keys.iter().any(|(known, _)| *known == public_key) {
            return Err(ApiError::wrong_key());
        }
        let seconds: u64 = expire.parse().unwrap_or(0);
        if seconds <= now || seconds - now >= LONGEST_LIFE_S {
            return Err(ApiError::invalid(
                "Your request contains invalid expire parameter. \
                 Expire parameter should be a Unix time in less than 1 hour into the future.",
            ));
        }
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(ApiError::invalid("Your request contains invalid token parameter."));
        }
        let wrong = || ApiError::invalid("Your request contains invalid signature parameter.");
        // Upper-case hex is refused on purpose: the contract compares with lower case.
        if signature.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(wrong());
        }
        let sent = hex::decode(&signature).map_err(|_| wrong())?;
        let fits = |key: &SecretString| upload_mac(key, &token, &expire).verify_slice(&sent).is_ok();
        if !keys.iter().any(|(_, key)| fits(key)) {
            return Err(wrong());
        }
        Ok(SignedUpload { token, expire: seconds })
    }
}

fn upload_mac(key: &SecretString, token: &str, expire: &str) -> Hmac<Sha1> {
    let key = key.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(token.as_bytes());
    mac.update(expire.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn every_spelling_of_basic_is_read() {
        let cases = [
            ("Basic cHJpdmF0ZV9kZW1vOg==", "private_demo"),
            ("basic cHJpdmF0ZV9kZW1vOmRvX25vdF9zZXQ=", "private_demo"),
            ("Basic cHJpdmF0ZV9kZW1vOg", "private_demo"),
            ("Basic private_demo", "private_demo"),
            ("Basic private_demo:", "private_demo"),
            ("Basic !!!", ""),
            ("Bearer private_demo", ""),
            ("Basic", ""),
        ];
        for (value, expected) in cases {
            assert_eq!(presented_key(&basic(value)).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(presented_key(&HeaderMap::new()), None);
    }

    #[test]
    fn the_signature_of_the_contract_verifies() {
        let (other, right) = ("private_other".into(), "private_key_test".into());
        let keys = [("public_other", &other), ("public_demo", &right)];
        let fields = UploadSignature {
            public_key: Some("public_demo".into()),
            signature: Some("e71bcd6031016b060d349d212e23e85c791decdd".into()),
            token: Some("your_token".into()),
            expire: Some("1582269249".into()),
        };
        let now = 1_582_269_000;
        let signed = fields.verify(&keys, now).unwrap();
        assert_eq!(
            signed,
            SignedUpload {
                token: "your_token".into(),
                expire: 1_582_269_249
            }
        );

        let refused = |change: &dyn Fn(&mut UploadSignature), now: u64| {
            let mut fields = fields.clone();
            change(&mut fields);
            fields.verify(&keys, now).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&|f| f.public_key = None, now),
            "Your request is missing publicKey parameter."
        );
        assert_eq!(
            refused(&|f| f.expire = None, now),
            "Your request is missing expire parameter."
        );
        assert_eq!(
            refused(&|f| f.public_key = Some("public_x".into()), now),
            "Your account cannot be authenticated."
        );
        let invalid = "Your request contains invalid signature parameter.";
        assert_eq!(refused(&|f| f.token = Some("other".into()), now), invalid);
        assert_eq!(
            refused(&|f| f.signature = f.signature.as_ref().map(|s| s.to_uppercase()), now),
            invalid
        );
        assert_eq!(refused(&|f| f.signature = Some("e71b".into()), now), invalid);
        for (expire, now) in [
            ("1582269249", 1_582_269_249),
            ("1582269249", 1_582_265_649),
            ("soon", 0),
        ] {
            let text = refused(&|f| f.expire = Some(expire.into()), now);
            assert!(
                text.starts_with("Your request contains invalid expire parameter."),
                "{text}"
            );
        }
    }
}
