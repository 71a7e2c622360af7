//! Secrets at rest: sealed before they are stored, so that who has the database, or a backup of it, does not have them.
//!
//! A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`, XChaCha20-Poly1305 with the name of the place it
//! is stored in as associated data: moved to another place, it does not open. The key is given by the setting `master_key`, or
//! made once and kept in the data directory. Several may be given: the first seals, each opens what it sealed.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

/// File in the data directory that keeps a generated master key.
pub const MASTER_KEY_FILE: &str = "master.key";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets.
pub struct Seal {
    keys: Vec<(String, XChaCha20Poly1305)>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// Why a secret cannot be sealed or opened. Never says what it is.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A key that is not 32 bytes in base64.
    #[error(
        "master_key must be 32 bytes in base64 (make one with `openssl rand -base64 32`), or several with commas between"
    )]
    Key,
    /// The file of the key can't be used.
    #[error("the master key file {0} can't be used")]
    File(String, #[source] std::io::Error),
    /// Sealed by a key that is not here.
    #[error("a stored secret was sealed by the master key `{0}`, which was not given")]
    UnknownKey(String),
    /// Damaged, or moved from its place.
    #[error("a stored secret is damaged")]
    Damaged,
}

impl Seal {
    /// The keys that are given, else the one in the data directory, which is made when it is absent.
    pub fn resolve(given: Option<&SecretString>, data_dir: &Path) -> Result<Self, SealError> {
        match given {
            Some(text) => Self::of_text(text.expose_secret()),
            None => Self::of_text(&kept(&data_dir.join(MASTER_KEY_FILE))?),
        }
    }

    fn of_text(text: &str) -> Result<Self, SealError> {
        let keys = text
            .split(',')
            .map(|key| {
                let bytes = STANDARD.decode(key.trim()).map_err(|_| SealError::Key)?;
                let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| SealError::Key)?;
                let id = hex::encode(&Sha256::digest(bytes)[..4]);
                Ok((id, XChaCha20Poly1305::new(&Key::from(bytes))))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { keys })
    }

    /// Seals a secret for the place where it will be stored, such as `webhooks/<id>`.
    pub fn seal(&self, place: &str, secret: &SecretString) -> Result<String, SealError> {
        let (id, cipher) = self.keys.first().ok_or(SealError::Key)?;
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = cipher.encrypt(&nonce, payload).map_err(|_| SealError::Damaged)?;
        let bytes = [&nonce[..], &sealed].concat();
        Ok(format!("v1.{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some("v1"), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Damaged);
        };
        let (_, cipher) = self
            .keys
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Damaged)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Damaged)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        String::from_utf8(opened)
            .map(SecretString::from)
            .map_err(|_| SealError::Damaged)
    }
}

fn kept(path: &Path) -> Result<String, SealError> {
    let file = |error| SealError::File(path.display().to_string(), error);
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = STANDARD.encode(XChaCha20Poly1305::generate_key(&mut OsRng));
            crate::keys::write_privately(path, text.as_bytes()).map_err(file)?;
            Ok(text)
        }
        Err(error) => Err(file(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; KEY_BYTES])
    }

    #[test]
    fn a_secret_opens_in_its_place_only() {
        let seal = Seal::of_text(&key(1)).unwrap();
        let secret = SecretString::from("whsec_test");
        let sealed = seal.seal("webhooks/a", &secret).unwrap();
        assert!(!sealed.contains("whsec"));
        assert_ne!(sealed, seal.seal("webhooks/a", &secret).unwrap());
        assert_eq!(seal.open("webhooks/a", &sealed).unwrap().expose_secret(), "whsec_test");
        assert!(matches!(seal.open("webhooks/b", &sealed), Err(SealError::Damaged)));
        let cut = &sealed[..sealed.len() - 2];
        assert!(matches!(seal.open("webhooks/a", cut), Err(SealError::Damaged)));
        assert!(matches!(seal.open("webhooks/a", "text"), Err(SealError::Damaged)));
    }

    #[test]
    fn keys_change_while_old_ones_still_open() {
        let old = Seal::of_text(&key(1)).unwrap();
        let sealed = old.seal("a", &"s".to_owned().into()).unwrap();
        let both = Seal::of_text(&format!("{}, {}", key(2), key(1))).unwrap();
        assert_eq!(both.open("a", &sealed).unwrap().expose_secret(), "s");
        let new = Seal::of_text(&key(2)).unwrap();
        assert!(matches!(new.open("a", &sealed), Err(SealError::UnknownKey(_))));
        assert!(new.open("a", &both.seal("a", &"t".to_owned().into()).unwrap()).is_ok());
        for wrong in ["", "abc", &STANDARD.encode([1; 16])] {
            assert!(matches!(Seal::of_text(wrong), Err(SealError::Key)), "{wrong}");
        }
    }

    #[test]
    fn a_made_key_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = Seal::resolve(None, dir.path())
            .unwrap()
            .seal("a", &"s".to_owned().into())
            .unwrap();
        assert!(Seal::resolve(None, dir.path()).unwrap().open("a", &sealed).is_ok());
    }
}
