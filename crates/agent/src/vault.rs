//! Secrets at rest: each has a data key of its own, which is wrapped by a master key that is named beside it. Changing
//! the master key wraps the data keys anew and touches no secret, so it works while everything runs.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::canonical;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const FIRST_LINE: &str =
    "# Master keys of Tintype's vault, the one in use first. Whoever has this file has the secrets.";

/// Why a secret can't be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No master key, or one that can't be used.
    #[error("{0}")]
    Key(String),
    /// The file with the master keys.
    #[error("the key file {path} can't be used")]
    File {
        /// Where it is.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The master key that wraps a secret is not among those at hand.
    #[error("the master key {0} is needed and not at hand")]
    Unknown(String),
    /// A record was changed or moved, or the key is another one with the same name.
    #[error("a kept secret can't be opened: it was changed, or belongs elsewhere")]
    Broken,
    /// The keyring of the operating system.
    #[error("the keyring of the operating system can't be used")]
    Keyring(#[from] keyring::Error),
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

/// Where master keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file that only its owner can read; made with a fresh key if it is not there.
    File(PathBuf),
    /// Given keys: 32 bytes in base64 or hex, several separated by commas, the one in use first.
    Given(SecretString),
    /// Keys in the keyring of the operating system, under that name, as they are given otherwise. The kernel's on Linux.
    Keyring(String),
    /// A passphrase and, while it is being changed, the one before it.
    Passphrase {
        /// The one in use.
        current: SecretString,
        /// The one before.
        former: Option<SecretString>,
        /// Random bytes that are kept beside the secrets, so that equal passphrases are not equal keys.
        salt: [u8; 16],
    },
}

/// One secret, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Name of the master key.
    pub key_id: String,
    /// The data key under the master key, with its nonce in front.
    pub wrapped: Vec<u8>,
    /// The secret under the data key, with its nonce in front.
    pub body: Vec<u8>,
}

struct MasterKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

struct Keyring {
    active: Arc<MasterKey>,
    all: HashMap<String, Arc<MasterKey>>,
}

/// Seals and opens secrets.
pub struct Vault {
    source: KeySource,
    keys: RwLock<Keyring>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.active_key())
    }
}

impl Vault {
    /// Takes the master keys; without one there is no vault, and nothing is ever kept in plain text.
    pub fn open(source: KeySource) -> Result<Self, VaultError> {
        let keys = RwLock::new(read(&source)?);
        Ok(Self { source, keys })
    }

    /// Name of the master key in use.
    pub fn active_key(&self) -> String {
        self.ring(|ring| ring.active.id.clone())
    }

    /// Names of all master keys at hand.
    pub fn known_keys(&self) -> Vec<String> {
        let mut ids = self.ring(|ring| ring.all.keys().cloned().collect::<Vec<_>>());
        ids.sort();
        ids
    }

    /// Seals a secret for one place: it opens there and nowhere else.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Result<Sealed, VaultError> {
        self.seal_under(&self.active_key(), place, secret)
    }

    /// As `seal`, under the master key of that name: the one that every process seals with at the moment.
    pub fn seal_under(&self, key_id: &str, place: &str, secret: &[u8]) -> Result<Sealed, VaultError> {
        let data_key = SecretBox::new(Box::new(random::<KEY_BYTES>()?));
        let master = self.master(key_id)?;
        Ok(Sealed {
            wrapped: encrypt(&master.cipher, &wrapping(place, &master.id), data_key.expose_secret())?,
            body: encrypt(&cipher(data_key.expose_secret()), place, secret)?,
            key_id: master.id.clone(),
        })
    }

    /// The secret that was sealed for that place.
    pub fn unseal(&self, place: &str, sealed: &Sealed) -> Result<SecretBox<Vec<u8>>, VaultError> {
        let data_key = self.data_key(place, sealed)?;
        Ok(SecretBox::new(Box::new(decrypt(
            &cipher(data_key.expose_secret()),
            place,
            &sealed.body,
        )?)))
    }

    /// The same secret under the master key of that name; `None` if it is under that one already.
    pub fn rewrap(&self, key_id: &str, place: &str, sealed: &Sealed) -> Result<Option<Sealed>, VaultError> {
        let master = self.master(key_id)?;
        if sealed.key_id == master.id {
            return Ok(None);
        }
        let data_key = self.data_key(place, sealed)?;
        Ok(Some(Sealed {
            wrapped: encrypt(&master.cipher, &wrapping(place, &master.id), data_key.expose_secret())?,
            key_id: master.id.clone(),
            body: sealed.body.clone(),
        }))
    }

    /// Makes a fresh master key the one in use. Keys that are given from outside are changed there: the new one first,
    /// the old one behind it.
    pub fn renew(&self) -> Result<(), VaultError> {
        if let KeySource::File(path) = &self.source {
            let mut lines = lines(path)?;
            lines.insert(0, STANDARD.encode(random::<KEY_BYTES>()?));
            replace(path, &lines)?;
        }
        self.reload()
    }

    /// Forgets all master keys but those of these names, which are in use or still needed.
    pub fn forget_all_but(&self, needed: &[String]) -> Result<(), VaultError> {
        if let KeySource::File(path) = &self.source {
            let mut kept = Vec::new();
            for line in lines(path)? {
                if needed.contains(&parsed(&line)?.id) {
                    kept.push(line);
                }
            }
            if kept.is_empty() {
                return Err(VaultError::Key("none of the master keys would be left".to_owned()));
            }
            replace(path, &kept)?;
        }
        self.reload()
    }

    fn reload(&self) -> Result<(), VaultError> {
        let fresh = read(&self.source)?;
        *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn data_key(&self, place: &str, sealed: &Sealed) -> Result<SecretBox<Vec<u8>>, VaultError> {
        let master = self.master(&sealed.key_id)?;
        let key = decrypt(&master.cipher, &wrapping(place, &master.id), &sealed.wrapped)?;
        Ok(SecretBox::new(Box::new(key)))
    }

    /// The master key of that name. One that is not known yet may have been made by another process meanwhile.
    fn master(&self, key_id: &str) -> Result<Arc<MasterKey>, VaultError> {
        let named = |ring: &Keyring| ring.all.get(key_id).cloned();
        if let Some(master) = self.ring(named) {
            return Ok(master);
        }
        self.reload()?;
        self.ring(named).ok_or_else(|| VaultError::Unknown(key_id.to_owned()))
    }

    fn ring<T>(&self, take: impl Fn(&Keyring) -> T) -> T {
        take(&self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// What a wrapped data key is bound to.
fn wrapping(place: &str, key_id: &str) -> String {
    format!("data key of {place} under {key_id}")
}

fn read(source: &KeySource) -> Result<Keyring, VaultError> {
    let keys: Vec<MasterKey> = match source {
        KeySource::File(path) => {
            if !path.exists() {
                make(path, &[STANDARD.encode(random::<KEY_BYTES>()?)])?;
            }
            let lines = lines(path)?;
            lines.iter().map(|line| parsed(line)).collect::<Result<_, _>>()?
        }
        KeySource::Given(keys) => given(keys.expose_secret())?,
        KeySource::Keyring(name) => match keyring_entry(name)?.get_password() {
            Ok(keys) => given(SecretString::from(keys).expose_secret())?,
            Err(keyring::Error::NoEntry) => {
                return Err(VaultError::Key(format!(
                    "the keyring of the operating system holds no key `{name}` (Linux forgets it when it starts, and after \
                     some days without use): put it there with `tintype vault keyring`"
                )));
            }
            Err(error) => return Err(error.into()),
        },
        KeySource::Passphrase { current, former, salt } => {
            let both = [Some(current), former.as_ref()].into_iter().flatten();
            both.map(|phrase| derived(phrase, salt)).collect::<Result<_, _>>()?
        }
    };
    let mut all = HashMap::new();
    let mut active = None;
    for key in keys {
        let key = Arc::new(key);
        active.get_or_insert_with(|| Arc::clone(&key));
        all.insert(key.id.clone(), key);
    }
    match active {
        Some(active) => Ok(Keyring { active, all }),
        None => Err(VaultError::Key("there is no master key".to_owned())),
    }
}

/// Keys with commas between them, the one in use first.
fn given(keys: &str) -> Result<Vec<MasterKey>, VaultError> {
    let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
    keys.map(parsed).collect()
}

/// Puts master keys into the keyring of the operating system, in place of those there: 32 bytes in base64 or hex, several
/// with commas between them, the one in use first.
pub fn put_into_keyring(name: &str, keys: &SecretString) -> Result<(), VaultError> {
    if given(keys.expose_secret())?.is_empty() {
        return Err(VaultError::Key("there is no master key".to_owned()));
    }
    Ok(keyring_entry(name)?.set_password(keys.expose_secret().trim())?)
}

fn keyring_entry(name: &str) -> Result<keyring::Entry, VaultError> {
    const SERVICE: &str = "tintype";
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 50 || !name.chars().all(plain) {
        return Err(VaultError::Key(
            "the name of a key in the keyring has 1 to 50 letters, digits, `.`, `-` and `_`".to_owned(),
        ));
    }
    Ok(keyring::Entry::new(SERVICE, name)?)
}

fn parsed(text: &str) -> Result<MasterKey, VaultError> {
    let bytes = STANDARD.decode(text).ok().filter(|b| b.len() == KEY_BYTES);
    let bytes = bytes.or_else(|| hex::decode(text).ok().filter(|b| b.len() == KEY_BYTES));
    match bytes {
        Some(bytes) => Ok(master(&bytes)),
        None => Err(VaultError::Key("a master key is 32 bytes in base64 or hex".to_owned())),
    }
}

fn derived(phrase: &SecretString, salt: &[u8]) -> Result<MasterKey, VaultError> {
    if phrase.expose_secret().chars().count() < 12 {
        return Err(VaultError::Key("a passphrase has at least 12 characters".to_owned()));
    }
    let refuse = |e: argon2::Error| VaultError::Key(format!("the passphrase gives no key: {e}"));
    // Three passes over 64 MiB: about a quarter of a second, once at the start.
    let params = argon2::Params::new(64 << 10, 3, 1, Some(KEY_BYTES)).map_err(refuse)?;
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut key = [0_u8; KEY_BYTES];
    argon
        .hash_password_into(phrase.expose_secret().as_bytes(), salt, &mut key)
        .map_err(refuse)?;
    Ok(master(&key))
}

fn master(bytes: &[u8]) -> MasterKey {
    MasterKey {
        id: canonical::digest_of(&[b"name of a master key: ".as_slice(), bytes].concat())[..12].to_owned(),
        cipher: cipher(bytes),
    }
}

/// Every caller gives 32 bytes; others would make a cipher that opens nothing.
fn cipher(key: &[u8]) -> XChaCha20Poly1305 {
    let mut exact = [0_u8; KEY_BYTES];
    for (to, from) in exact.iter_mut().zip(key) {
        *to = *from;
    }
    XChaCha20Poly1305::new(&exact.into())
}

fn encrypt(cipher: &XChaCha20Poly1305, place: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = random::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: secret,
        aad: place.as_bytes(),
    };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| VaultError::Broken)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(cipher: &XChaCha20Poly1305, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Broken)?;
    let payload = Payload {
        msg: sealed,
        aad: place.as_bytes(),
    };
    cipher
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| VaultError::Broken)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0_u8; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| VaultError::Random)?;
    Ok(bytes)
}

fn lines(path: &Path) -> Result<Vec<String>, VaultError> {
    refuse_open_file(path)?;
    let text = std::fs::read_to_string(path).map_err(|e| of_file(path, e))?;
    let keys = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(keys.map(str::to_owned).collect())
}

#[cfg(unix)]
fn refuse_open_file(path: &Path) -> Result<(), VaultError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)
        .map_err(|e| of_file(path, e))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(VaultError::Key(format!(
            "{} can be read by others (mode {:o}): chmod 600 it",
            path.display(),
            mode & 0o777
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open_file(_: &Path) -> Result<(), VaultError> {
    Ok(())
}

/// Makes the file, unless another process is first: then its keys are the keys.
fn make(path: &Path, keys: &[String]) -> Result<(), VaultError> {
    let beside = write_beside(path, keys)?;
    let made = std::fs::hard_link(&beside, path);
    let _ = std::fs::remove_file(&beside);
    match made {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|e| of_file(path, e)),
    }
}

fn replace(path: &Path, keys: &[String]) -> Result<(), VaultError> {
    let beside = write_beside(path, keys)?;
    std::fs::rename(&beside, path).map_err(|e| of_file(path, e))
}

/// A file is there as a whole or not at all: written beside its place under a name of its own, synced, then given its
/// name.
fn write_beside(path: &Path, keys: &[String]) -> Result<PathBuf, VaultError> {
    use std::io::Write;
    let beside = path.with_extension(format!("{}.new", hex::encode(random::<8>()?)));
    let written = (|| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        writeln!(file, "{FIRST_LINE}")?;
        for key in keys {
            writeln!(file, "{key}")?;
        }
        file.sync_all()
    })();
    match written {
        Ok(()) => Ok(beside),
        Err(e) => {
            let _ = std::fs::remove_file(&beside);
            Err(of_file(path, e))
        }
    }
}

fn of_file(path: &Path, source: std::io::Error) -> VaultError {
    VaultError::File {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(vault: &Vault, place: &str, sealed: &Sealed) -> Result<String, VaultError> {
        let secret = vault.unseal(place, sealed)?;
        Ok(String::from_utf8(secret.expose_secret().clone()).unwrap())
    }

    fn phrase(current: &str, former: Option<&str>) -> KeySource {
        KeySource::Passphrase {
            current: current.into(),
            former: former.map(Into::into),
            salt: *b"sixteen bytes  x",
        }
    }

    #[test]
    fn a_secret_opens_at_its_place_only_and_unchanged_only() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(KeySource::File(directory.path().join("vault.key"))).unwrap();
        let sealed = vault.seal("credential/1", b"private_demo").unwrap();
        assert_eq!(opened(&vault, "credential/1", &sealed).unwrap(), "private_demo");
        assert!(matches!(
            opened(&vault, "credential/2", &sealed),
            Err(VaultError::Broken)
        ));
        for part in [0, 1] {
            let mut changed = sealed.clone();
            let bytes = if part == 0 {
                &mut changed.wrapped
            } else {
                &mut changed.body
            };
            *bytes.last_mut().unwrap() ^= 1;
            assert!(matches!(
                opened(&vault, "credential/1", &changed),
                Err(VaultError::Broken)
            ));
        }
        let again = vault.seal("credential/1", b"private_demo").unwrap();
        assert_ne!(again.body, sealed.body);
        let shown = format!("{vault:?} {sealed:?}");
        assert!(!shown.contains("private_demo"), "{shown}");
    }

    #[test]
    fn a_new_master_key_wraps_anew_and_the_old_one_can_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        let vault = Vault::open(KeySource::File(path.clone())).unwrap();
        // Another process, which is not told.
        let other = Vault::open(KeySource::File(path.clone())).unwrap();
        let sealed = vault.seal("x", b"secret").unwrap();
        vault.renew().unwrap();
        assert_eq!(opened(&vault, "x", &sealed).unwrap(), "secret");
        let active = vault.active_key();
        let wrapped = vault.rewrap(&active, "x", &sealed).unwrap().unwrap();
        assert_eq!(wrapped.body, sealed.body);
        assert_ne!(wrapped.key_id, sealed.key_id);
        assert_eq!(vault.rewrap(&active, "x", &wrapped).unwrap(), None);
        assert_eq!(opened(&other, "x", &wrapped).unwrap(), "secret");
        // What is still needed stays.
        vault.forget_all_but(&[active.clone(), sealed.key_id.clone()]).unwrap();
        assert_eq!(opened(&vault, "x", &sealed).unwrap(), "secret");
        assert!(vault.forget_all_but(&[]).is_err());
        vault.forget_all_but(&[active]).unwrap();
        assert_eq!(opened(&vault, "x", &wrapped).unwrap(), "secret");
        assert!(matches!(opened(&vault, "x", &sealed), Err(VaultError::Unknown(_))));
        assert_eq!(vault.known_keys(), [vault.active_key()]);
    }

    #[test]
    fn of_many_that_make_the_file_at_once_all_have_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        let start = std::sync::Barrier::new(8);
        let ids: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        make(&path, &[STANDARD.encode(random::<KEY_BYTES>().unwrap())]).unwrap();
                        Vault::open(KeySource::File(path.clone())).unwrap().active_key()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn keys_from_outside() {
        let (one, two) = ("ab".repeat(32), STANDARD.encode([7_u8; 32]));
        let first = Vault::open(KeySource::Given(one.clone().into())).unwrap();
        let sealed = first.seal("x", b"secret").unwrap();
        let both = Vault::open(KeySource::Given(format!("{two}, {one}").into())).unwrap();
        let wrapped = both.rewrap(&both.active_key(), "x", &sealed).unwrap().unwrap();
        let second = Vault::open(KeySource::Given(two.into())).unwrap();
        assert_eq!(opened(&second, "x", &wrapped).unwrap(), "secret");
        assert!(matches!(opened(&second, "x", &sealed), Err(VaultError::Unknown(_))));
        for bad in ["", "short", "zz"] {
            assert!(
                matches!(Vault::open(KeySource::Given(bad.into())), Err(VaultError::Key(_))),
                "{bad}"
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn keys_in_the_keyring_of_the_system() {
        // Where the kernel's is closed to this process, as in some containers, only that is said.
        let name = format!("test-{}", std::process::id());
        let (one, two) = ("ab".repeat(32), STANDARD.encode([7_u8; 32]));
        let source = || KeySource::Keyring(name.clone());
        match put_into_keyring(&name, &one.clone().into()) {
            Ok(()) => {}
            Err(VaultError::Keyring(error)) => return eprintln!("not tested: {error}"),
            Err(other) => panic!("{other}"),
        }
        let vault = Vault::open(source()).unwrap();
        let sealed = vault.seal("x", b"secret").unwrap();
        put_into_keyring(&name, &format!("{two},{one}").into()).unwrap();
        vault.renew().unwrap();
        assert_eq!(vault.known_keys().len(), 2);
        let wrapped = vault.rewrap(&vault.active_key(), "x", &sealed).unwrap().unwrap();
        let given = Vault::open(KeySource::Given(two.into())).unwrap();
        assert_eq!(opened(&given, "x", &wrapped).unwrap(), "secret");
        assert!(matches!(
            put_into_keyring(&name, &"short".into()),
            Err(VaultError::Key(_))
        ));
        keyring_entry(&name).unwrap().delete_credential().unwrap();
        assert!(matches!(Vault::open(source()), Err(VaultError::Key(_))));
        assert!(matches!(
            Vault::open(KeySource::Keyring("a b".into())),
            Err(VaultError::Key(_))
        ));
    }

    #[test]
    fn passphrases_make_keys_and_can_be_changed() {
        let old = Vault::open(phrase("correct horse battery", None)).unwrap();
        let sealed = old.seal("x", b"secret").unwrap();
        let both = Vault::open(phrase("staple of a new one", Some("correct horse battery"))).unwrap();
        let wrapped = both.rewrap(&both.active_key(), "x", &sealed).unwrap().unwrap();
        let new = Vault::open(phrase("staple of a new one", None)).unwrap();
        assert_eq!(opened(&new, "x", &wrapped).unwrap(), "secret");
        assert!(matches!(Vault::open(phrase("short", None)), Err(VaultError::Key(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.key");
        Vault::open(KeySource::File(path.clone())).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Vault::open(KeySource::File(path)), Err(VaultError::Key(_))));
    }
}
