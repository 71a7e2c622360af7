//! The keys of the account: the first pair, which the configuration or the data directory has, and those that were made later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use delivery::DeliveryError;
use library::{Account, ApiKey, Library, Origin, StoreError, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::seal::Seal;
use crate::auth::{Area, Level};
use crate::keys::KeyPair;

/// The last use of a key is written down no oftener than this: it tells people whether a key is in use.
const NOTED_EVERY_MS: i64 = 5 * 60 * 1000;

/// The keys that sign, and the account that they were opened for.
type Opened = (Arc<Account>, Arc<Vec<SigningKey>>);

/// Knows keys, and opens what is sealed.
#[derive(Debug)]
pub struct Keyring {
    first: KeyPair,
    first_digest: String,
    seal: Arc<Seal>,
    /// The opened keys of the account that was asked for last.
    opened: Mutex<Option<Opened>>,
    /// The uses of keys that are worth writing down, by the key's id. Kept when they are written: the account in memory does
    /// not learn of them.
    used: Mutex<BTreeMap<String, Use>>,
}

/// When a key was used.
#[derive(Debug, Clone, Copy)]
struct Use {
    at: Timestamp,
    is_written: bool,
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The half that names it.
    pub public_key: String,
    /// The half that signs.
    pub private_key: SecretString,
    levels: Levels,
    expires_at: Option<Timestamp>,
    is_disabled: bool,
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Levels {
    /// Everything.
    All,
    /// In each area, none, reading or writing.
    Some(BTreeMap<Area, Level>),
}

/// What became of a key that a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is one, and may do this.
    Good(Levels),
    /// Nobody's.
    Unknown,
    /// It was, once.
    Expired,
    /// Switched off.
    Disabled,
}

/// The areas by the names of the API.
pub const AREAS: [(&str, Area); 5] = [
    ("mediaAccess", Area::Media),
    ("mediaManagement", Area::Management),
    ("metadata", Area::Metadata),
    ("customMetadata", Area::CustomMetadata),
    ("cachePurge", Area::Purge),
];

impl Levels {
    /// Those that are stored with a key.
    pub fn of(stored: Option<&Map<String, Value>>) -> Self {
        let Some(stored) = stored else {
            return Self::All;
        };
        let levels = AREAS.iter().filter_map(|(name, area)| {
            let level = match stored.get(*name).and_then(Value::as_str) {
                Some("write") => Level::Write,
                Some("read") => Level::Read,
                _ => return None,
            };
            Some((*area, level))
        });
        Self::Some(levels.collect())
    }

    /// True where the key may do this.
    pub fn allow(&self, area: Area, level: Level) -> bool {
        match self {
            Self::All => true,
            Self::Some(levels) => levels.get(&area).is_some_and(|allowed| *allowed >= level),
        }
    }
}

impl Keyring {
    /// The first pair, and who opens the others.
    pub fn new(first: KeyPair, seal: Arc<Seal>) -> Self {
        use secrecy::ExposeSecret;
        Self {
            first_digest: digest(first.private_key().expose_secret()),
            first,
            seal,
            opened: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// SHA-256 of the first pair's private half.
    pub fn first_digest(&self) -> &str {
        &self.first_digest
    }

    /// What a private key may do now. Takes the same time whichever key it is, and does not tell how much of one was right.
    pub fn standing(&self, account: &Account, private_key: &str, now: Timestamp) -> Standing {
        let digest = digest(private_key);
        let mut found: Option<&ApiKey> = None;
        for key in &account.keys {
            if bool::from(key.digest.as_bytes().ct_eq(digest.as_bytes())) {
                found = Some(key);
            }
        }
        match found {
            None if self.first.is_private_key(private_key) => Standing::Good(Levels::All),
            None => Standing::Unknown,
            Some(key) if key.is_disabled => Standing::Disabled,
            Some(key) if key.expires_at.is_some_and(|end| end <= now) => Standing::Expired,
            Some(key) => {
                self.note(key, now);
                Standing::Good(Levels::of(key.restrictions.as_ref()))
            }
        }
    }

    fn note(&self, key: &ApiKey, now: Timestamp) {
        let is_recent = |at: Timestamp| now.as_millis().saturating_sub(at.as_millis()) < NOTED_EVERY_MS;
        if key.last_used_at.is_some_and(is_recent) {
            return;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.get(&key.id).is_some_and(|known| is_recent(known.at)) {
            let new = Use {
                at: now,
                is_written: false,
            };
            used.insert(key.id.clone(), new);
        }
    }

    /// Writes down which keys were used. What could not be written is kept for the next time.
    pub async fn write_down(&self, library: &Library) -> Result<(), StoreError> {
        for (id, at) in self.unwritten(library.known_account().as_deref()) {
            library.note_key_use(&id, at).await?;
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(written) = used.get_mut(&id).filter(|known| known.at == at) {
                written.is_written = true;
            }
        }
        Ok(())
    }

    /// What is to be written. Keys that the account does not have any more are forgotten.
    fn unwritten(&self, account: Option<&Account>) -> Vec<(String, Timestamp)> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = account {
            used.retain(|id, _| account.keys.iter().any(|key| key.id == *id));
        }
        let unwritten = used.iter().filter(|(_, known)| !known.is_written);
        unwritten.map(|(id, known)| (id.clone(), known.at)).collect()
    }

    /// The keys that sign now, with what they may do.
    pub fn signing(&self, account: &Arc<Account>, now: Timestamp) -> Vec<SigningKey> {
        let all = self.opened(account);
        let good = |key: &&SigningKey| !key.is_disabled && key.expires_at.is_none_or(|end| end > now);
        all.iter().filter(good).cloned().collect()
    }

    /// The key by which the server itself makes calls: one that may do everything, and of these the one that lasts longest.
    pub fn lasting(&self, account: &Arc<Account>, now: Timestamp) -> Option<SigningKey> {
        let all = self.signing(account, now);
        let strong = all.into_iter().filter(|key| key.levels == Levels::All);
        // The first of those that last as long: the pair of the configuration before others.
        strong.reduce(|best, key| {
            let end = |key: &SigningKey| key.expires_at.map_or(i64::MAX, Timestamp::as_millis);
            if end(&key) > end(&best) { key } else { best }
        })
    }

    /// What became of the pair that a public key names.
    pub fn standing_of_pair(&self, account: &Arc<Account>, public_key: &str, now: Timestamp) -> Standing {
        let all = self.opened(account);
        match all.iter().find(|key| key.public_key == public_key) {
            None => Standing::Unknown,
            Some(key) if key.is_disabled => Standing::Disabled,
            Some(key) if key.expires_at.is_some_and(|end| end <= now) => Standing::Expired,
            Some(key) => Standing::Good(key.levels.clone()),
        }
    }

    fn opened(&self, account: &Arc<Account>) -> Arc<Vec<SigningKey>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, keys)) = &*opened
            && Arc::ptr_eq(known, account)
        {
            return keys.clone();
        }
        let keys = Arc::new(self.open_all(account));
        *opened = Some((account.clone(), keys.clone()));
        keys
    }

    fn open_all(&self, account: &Account) -> Vec<SigningKey> {
        let row = account.keys.iter().find(|key| key.digest == self.first_digest);
        let mut keys = vec![SigningKey {
            public_key: self.first.public_key.clone(),
            private_key: self.first.private_key().clone(),
            levels: Levels::of(row.and_then(|row| row.restrictions.as_ref())),
            expires_at: row.and_then(|row| row.expires_at),
            is_disabled: row.is_some_and(|row| row.is_disabled),
        }];
        for key in account.keys.iter().filter(|key| key.digest != self.first_digest) {
            match self.seal.open(&place_of_key(&key.id), &key.secret) {
                Ok(private_key) => keys.push(SigningKey {
                    public_key: key.public_key.clone(),
                    private_key,
                    levels: Levels::of(key.restrictions.as_ref()),
                    expires_at: key.expires_at,
                    is_disabled: key.is_disabled,
                }),
                // It still authenticates, by its digest; it only can't sign.
                Err(error) => tracing::error!(%error, id = key.id, "a key can't be opened"),
            }
        }
        keys
    }
}

impl SigningKey {
    /// True where the key may do this.
    pub fn allows(&self, area: Area, level: Level) -> bool {
        self.levels.allow(area, level)
    }
}

impl delivery::Secrets for Keyring {
    fn signing_keys(&self, account: &Arc<Account>, now_unix: u64) -> Vec<SecretString> {
        let now = i64::try_from(now_unix).unwrap_or(i64::MAX).saturating_mul(1000);
        let now = Timestamp::from_millis(now).unwrap_or_else(|_| Timestamp::now());
        let keys = self.signing(account, now).into_iter();
        keys.filter(|key| key.allows(Area::Media, Level::Read))
            .map(|key| key.private_key)
            .collect()
    }

    fn of_origin(&self, origin: &Origin) -> Result<SecretString, DeliveryError> {
        let sealed = origin.secret.as_deref().unwrap_or_default();
        self.seal
            .open(&place_of_origin(&origin.id), sealed)
            .map_err(|error| DeliveryError::internal("open the origin's secret", error))
    }
}

/// SHA-256 in hex, by which keys are found.
pub fn digest(private_key: &str) -> String {
    hex::encode(Sha256::digest(private_key.as_bytes()))
}

/// What a key is sealed for.
pub fn place_of_key(id: &str) -> String {
    format!("api_keys/{id}")
}

/// What an origin's secret is sealed for.
pub fn place_of_origin(id: &str) -> String {
    format!("origins/{id}")
}

/// The levels of a key as the API shows them: every area is there.
pub fn shown_levels(stored: &Map<String, Value>) -> Value {
    let levels = AREAS.iter().map(|(name, _)| {
        let level = stored.get(*name).cloned().unwrap_or_else(|| json!("none"));
        ((*name).to_owned(), level)
    });
    Value::Object(levels.collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::GivenKeys;

    fn keyring(dir: &std::path::Path) -> Keyring {
        let given = GivenKeys {
            private_key: Some("private_first".to_owned().into()),
            public_key: Some("public_first".into()),
        };
        let seal = Seal::resolve(None, dir).unwrap();
        Keyring::new(KeyPair::resolve(given, dir).unwrap(), Arc::new(seal))
    }

    fn key(
        ring: &Keyring,
        name: &str,
        restrictions: Option<Value>,
        expires_at: Option<i64>,
        is_disabled: bool,
    ) -> ApiKey {
        let private = format!("private_{name}");
        ApiKey {
            id: name.to_owned(),
            name: name.to_owned(),
            public_key: format!("public_{name}"),
            digest: digest(&private),
            secret: ring.seal.seal(&place_of_key(name), &private.into()).unwrap(),
            restrictions: restrictions.map(|levels| levels.as_object().unwrap().clone()),
            is_disabled,
            expires_at: expires_at.map(|ms| Timestamp::from_millis(ms).unwrap()),
            created_at: Timestamp::from_millis(0).unwrap(),
            last_used_at: None,
        }
    }

    #[test]
    fn keys_and_what_they_may_do() {
        let dir = tempfile::tempdir().unwrap();
        let ring = keyring(dir.path());
        let reads = json!({"mediaAccess": "read", "mediaManagement": "none", "cachePurge": "write"});
        let account = Arc::new(Account {
            keys: vec![
                key(&ring, "second", None, Some(2000), false),
                key(&ring, "reader", Some(reads), None, false),
                key(&ring, "off", None, None, true),
            ],
            ..Account::default()
        });
        let at = |ms| Timestamp::from_millis(ms).unwrap();
        let standing = |name: &str, ms| ring.standing(&account, name, at(ms));
        assert_eq!(standing("private_first", 0), Standing::Good(Levels::All));
        assert_eq!(standing("private_second", 1999), Standing::Good(Levels::All));
        assert_eq!(standing("private_second", 2000), Standing::Expired);
        assert_eq!(standing("private_off", 0), Standing::Disabled);
        assert_eq!(standing("private_", 0), Standing::Unknown);
        assert_eq!(standing("", 0), Standing::Unknown);
        let Standing::Good(levels) = standing("private_reader", 0) else {
            panic!("a good key");
        };
        assert!(levels.allow(Area::Media, Level::Read) && !levels.allow(Area::Media, Level::Write));
        assert!(!levels.allow(Area::Management, Level::Read) && !levels.allow(Area::CustomMetadata, Level::Read));
        assert!(levels.allow(Area::Purge, Level::Write));

        let signers = |ms| -> Vec<String> {
            ring.signing(&account, at(ms))
                .into_iter()
                .map(|key| key.public_key)
                .collect()
        };
        assert_eq!(signers(0), ["public_first", "public_second", "public_reader"]);
        assert_eq!(signers(2000), ["public_first", "public_reader"]);
        assert_eq!(
            ring.signing(&account, at(0))[1].private_key.expose_secret(),
            "private_second"
        );
    }

    #[tokio::test]
    async fn the_last_use_of_a_key_is_written_down_now_and_then() {
        let dir = tempfile::tempdir().unwrap();
        let ring = keyring(dir.path());
        let library = Library::for_testing(dir.path().join("library")).await;
        let account = Arc::new(Account {
            keys: vec![
                key(&ring, "one", None, None, false),
                key(&ring, "two", None, None, false),
            ],
            ..Account::default()
        });
        let minute = |minutes: i64| Timestamp::from_millis(1_000_000_000_000 + minutes * 60_000).unwrap();
        let use_at = |name: &str, minutes| ring.standing(&account, &format!("private_{name}"), minute(minutes));
        let due = || ring.unwritten(Some(&account));
        use_at("one", 0);
        use_at("one", 1);
        assert_eq!(due(), [("one".to_owned(), minute(0))]);
        ring.write_down(&library).await.unwrap();
        // The account still says that it was never used.
        use_at("one", 4);
        assert_eq!(due(), []);
        use_at("one", 5);
        use_at("two", 5);
        assert_eq!(due(), [("one".to_owned(), minute(5)), ("two".to_owned(), minute(5))]);
        let without_one = Account {
            keys: vec![account.keys[1].clone()],
            ..Account::default()
        };
        assert_eq!(ring.unwritten(Some(&without_one)), [("two".to_owned(), minute(5))]);
    }

    #[test]
    fn the_first_pair_ends_where_a_row_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let ring = keyring(dir.path());
        let account = Arc::new(Account {
            keys: vec![key(&ring, "first", None, Some(1000), false)],
            ..Account::default()
        });
        let at = |ms| Timestamp::from_millis(ms).unwrap();
        assert_eq!(
            ring.standing(&account, "private_first", at(999)),
            Standing::Good(Levels::All)
        );
        assert_eq!(ring.standing(&account, "private_first", at(1000)), Standing::Expired);
        assert_eq!(ring.signing(&account, at(999)).len(), 1);
        assert!(ring.signing(&account, at(1000)).is_empty());
    }
}
