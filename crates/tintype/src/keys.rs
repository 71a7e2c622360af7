//! The account's key pair: given by the configuration, or made once and kept in the data directory.

use std::io::Write;
use std::path::Path;

use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::config::GivenKeys;

/// File in the data directory that keeps a generated pair.
pub const KEY_FILE: &str = "keys.toml";

/// Authenticates the account. The private half is also the HMAC key of client-side uploads and signed URLs.
#[derive(Debug, Clone)]
pub struct KeyPair {
    private_key: SecretString,
    /// Names the account in client-side uploads; not a secret.
    pub public_key: String,
}

/// Why there is no key pair.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is there and can't be read.
    #[error("the key file {0} can't be read")]
    Read(String, #[source] std::io::Error),
    /// The file is there and is not what was written.
    #[error("the key file {0} is damaged: it must hold private_key = \"private_...\" and public_key = \"public_...\"")]
    Damaged(String),
    /// A new pair could not be kept.
    #[error("the key file {0} can't be written")]
    Write(String, #[source] std::io::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    private_key: String,
    public_key: String,
}

impl KeyPair {
    /// The given keys; a half that is not given is that of the pair kept in `data_dir`, which is made when it is absent.
    pub fn resolve(given: GivenKeys, data_dir: &Path) -> Result<Self, KeyError> {
        match given {
            GivenKeys {
                private_key: Some(private_key),
                public_key: Some(public_key),
            } => Ok(Self {
                private_key,
                public_key,
            }),
            GivenKeys {
                private_key,
                public_key,
            } => {
                let kept = Self::kept_in(data_dir)?;
                Ok(Self {
                    private_key: private_key.unwrap_or(kept.private_key),
                    public_key: public_key.unwrap_or(kept.public_key),
                })
            }
        }
    }

    fn kept_in(data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FILE);
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let file: KeyFile = toml::from_str(&text).map_err(|_| KeyError::Damaged(shown.clone()))?;
                if !file.private_key.starts_with("private_") || !file.public_key.starts_with("public_") {
                    return Err(KeyError::Damaged(shown));
                }
                Ok(Self {
                    private_key: file.private_key.into(),
                    public_key: file.public_key,
                })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let file = KeyFile {
                    private_key: random("private_"),
                    public_key: random("public_"),
                };
                keep(&path, &file).map_err(|e| KeyError::Write(shown, e))?;
                Ok(Self {
                    private_key: file.private_key.into(),
                    public_key: file.public_key,
                })
            }
            Err(e) => Err(KeyError::Read(shown, e)),
        }
    }

    /// True for the private key, in a time that does not tell how much of it was right.
    pub fn is_private_key(&self, candidate: &str) -> bool {
        self.private_key
            .expose_secret()
            .as_bytes()
            .ct_eq(candidate.as_bytes())
            .into()
    }

    /// The private key, for making and checking signatures.
    pub fn private_key(&self) -> &SecretString {
        &self.private_key
    }
}

/// 160 bits of the operating system's randomness in 27 characters.
pub(crate) fn random(prefix: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let mut bytes = [0_u8; 27];
    rand::rngs::ThreadRng::default().fill(&mut bytes);
    let text = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 63)]));
    prefix.chars().chain(text).collect()
}

/// Written whole under another name first, so that a crash leaves either no key file or a complete one.
fn keep(path: &Path, file: &KeyFile) -> std::io::Result<()> {
    let text = toml::to_string(file).map_err(std::io::Error::other)?;
    write_privately(path, text.as_bytes())
}

/// Only this user may read it. Written whole under another name first.
pub(crate) fn write_privately(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let partial = path.with_added_extension("partial");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&partial)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pair_is_kept_privately_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = KeyPair::resolve(GivenKeys::default(), dir.path()).unwrap();
        let second = KeyPair::resolve(GivenKeys::default(), dir.path()).unwrap();
        assert_eq!(first.private_key.expose_secret(), second.private_key.expose_secret());
        assert!(first.public_key.starts_with("public_") && first.public_key == second.public_key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join(KEY_FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_given_half_beats_the_kept_one() {
        let dir = tempfile::tempdir().unwrap();
        let given = GivenKeys {
            private_key: Some("private_mine".to_owned().into()),
            public_key: None,
        };
        let mixed = KeyPair::resolve(given, dir.path()).unwrap();
        let kept = KeyPair::resolve(GivenKeys::default(), dir.path()).unwrap();
        assert!(mixed.is_private_key("private_mine") && !kept.is_private_key("private_mine"));
        assert_eq!(mixed.public_key, kept.public_key);
    }

    #[test]
    fn only_the_whole_key_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyPair::resolve(GivenKeys::default(), dir.path()).unwrap();
        let right = keys.private_key.expose_secret().to_owned();
        assert!(keys.is_private_key(&right));
        assert!(!keys.is_private_key(&right[..right.len() - 1]));
        assert!(!keys.is_private_key(""));
        assert!(!format!("{keys:?}").contains(&right));
    }

    #[test]
    fn a_damaged_file_is_an_error_and_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(KEY_FILE), "private_key = 1").unwrap();
        assert!(matches!(
            KeyPair::resolve(GivenKeys::default(), dir.path()),
            Err(KeyError::Damaged(_))
        ));
        assert_eq!(
            std::fs::read_to_string(dir.path().join(KEY_FILE)).unwrap(),
            "private_key = 1"
        );
    }
}
