//! Connections: which server is called with which key. A connection may hold several keys while they are being changed;
//! when one is refused, the next takes its place, once, whoever notices first.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::credential::Credential;
use crate::error::CallError;
use crate::principal::Principal;
use crate::store::{Store, StoreError, from_millis, millis};
use crate::upstream::{Transport, Upstream};
use crate::vault::random;

/// The connection of the server that this program is.
pub const OWN: &str = "own";

/// Most keys of one connection.
const MOST_KEYS: i64 = 5;

/// A connection as people see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionInfo {
    /// How it is called.
    pub name: String,
    /// Base URL of its server.
    pub base: String,
    /// Public key, if it is known: it goes into signed client-side uploads.
    pub public_key: Option<String>,
    /// `active`, or `expired` if the server refuses every key.
    pub status: &'static str,
    /// Its keys, without themselves.
    pub keys: Vec<KeyInfo>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A key as people see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyInfo {
    /// Names it.
    pub id: String,
    /// `active` or `expired`.
    pub state: String,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub added_at: OffsetDateTime,
}

/// Knows the key of a connection, which may be another one tomorrow: the server itself, whose keys are rolled.
pub trait KeyKeeper: fmt::Debug + Send + Sync {
    /// The key as it is now; `None` if there is none.
    fn key(&self) -> BoxFuture<'_, Option<PresentKey>>;
}

/// A key as it is now.
#[derive(Debug, Clone)]
pub struct PresentKey {
    /// Authenticates and signs.
    pub private: SecretString,
    /// Names it, if that is known.
    pub public: Option<String>,
}

/// A connection that calls go through.
#[derive(Debug)]
pub struct Connection {
    pub(crate) name: String,
    pub(crate) upstream: Upstream,
    pub(crate) public_key: Option<String>,
    /// What may stand before the paths of its library in delivery URLs, as far as that is known.
    pub(crate) endpoints: Vec<String>,
    /// Asked for the key each time.
    keeper: Option<Arc<dyn KeyKeeper>>,
    keys: Mutex<Keys>,
    /// Where kept keys come from and where it is noted that one is refused; `None` for a key of the configuration.
    store: Option<Arc<Store>>,
}

#[derive(Debug, Default)]
struct Keys {
    loaded: bool,
    /// Those that are not known to be refused, the oldest first: it is the one in use until it is refused.
    usable: Vec<Arc<Key>>,
}

/// One key, with the version of its row.
#[derive(Debug)]
pub(crate) struct Key {
    pub id: String,
    version: i64,
    pub credential: Credential,
    pub public_key: Option<String>,
}

impl Connection {
    /// A connection with a key that is not kept: that of the configuration.
    pub fn with_key(name: &str, upstream: Upstream, credential: Credential, public_key: Option<String>) -> Self {
        let id = credential.fingerprint();
        let key = Arc::new(Key {
            id,
            version: 0,
            credential,
            public_key: None,
        });
        Self {
            name: name.to_owned(),
            upstream,
            public_key,
            endpoints: Vec::new(),
            keeper: None,
            keys: Mutex::new(Keys {
                loaded: true,
                usable: vec![key],
            }),
            store: None,
        }
    }

    /// A connection whose key somebody else keeps, and may change while calls are made.
    pub fn with_keeper(name: &str, upstream: Upstream, keeper: Arc<dyn KeyKeeper>) -> Self {
        Self {
            name: name.to_owned(),
            upstream,
            public_key: None,
            endpoints: Vec::new(),
            keeper: Some(keeper),
            keys: Mutex::new(Keys::default()),
            store: None,
        }
    }

    /// Says what may stand before the paths of its library in delivery URLs: `http://host/demo`, and hosts that stand for it.
    pub fn with_endpoints<T: AsRef<str>>(mut self, endpoints: impl IntoIterator<Item = T>) -> Self {
        let plain = |endpoint: T| endpoint.as_ref().trim_end_matches('/').to_owned();
        self.endpoints.extend(endpoints.into_iter().map(plain));
        self
    }

    /// A connection whose keys are kept in the store.
    pub(crate) fn kept(info: &ConnectionInfo, upstream: Upstream, store: Arc<Store>) -> Self {
        Self {
            name: info.name.clone(),
            upstream,
            public_key: info.public_key.clone(),
            endpoints: Vec::new(),
            keeper: None,
            keys: Mutex::new(Keys::default()),
            store: Some(store),
        }
    }

    /// True if its key may be used so fast only: the rates are those of a service's accounts, not of the own server.
    pub(crate) fn is_limited(&self) -> bool {
        self.store.is_some()
    }

    /// The key in use.
    pub(crate) async fn key(&self) -> Result<Arc<Key>, CallError> {
        let mut keys = self.keys.lock().await;
        if let Some(keeper) = &self.keeper {
            return self.present(&mut keys, keeper.key().await);
        }
        if !keys.loaded {
            keys.usable = self.load().await?;
            keys.loaded = true;
        }
        match keys.usable.first() {
            Some(key) => Ok(Arc::clone(key)),
            None => {
                // Another process may have added a key since.
                keys.loaded = false;
                Err(CallError::CredentialExpired(self.name.clone()))
            }
        }
    }

    /// The key to use instead of one that the upstream refused as expired: the lock lets one caller look, and the
    /// version of the row lets one process note it. `None` if there is no other.
    pub(crate) async fn instead_of(&self, refused: &Key, now: OffsetDateTime) -> Result<Option<Arc<Key>>, CallError> {
        let mut keys = self.keys.lock().await;
        if let Some(keeper) = &self.keeper {
            let now = self.present(&mut keys, keeper.key().await)?;
            return Ok(Some(now).filter(|key| key.id != refused.id));
        }
        if keys.usable.first().is_some_and(|key| key.id != refused.id) {
            // Somebody else noticed before us.
            return Ok(keys.usable.first().cloned());
        }
        if let Some(store) = &self.store {
            store.expire_key(&refused.id, refused.version, now).await?;
            keys.usable = self.load().await?;
            keys.loaded = !keys.usable.is_empty();
        }
        Ok(keys.usable.iter().find(|key| key.id != refused.id).cloned())
    }

    /// The key that the keeper names, the same value as long as it is the same key.
    fn present(&self, keys: &mut Keys, now: Option<PresentKey>) -> Result<Arc<Key>, CallError> {
        let now = now.ok_or_else(|| CallError::CredentialExpired(self.name.clone()))?;
        let credential = Credential::private_key(now.private);
        let id = credential.fingerprint();
        if let Some(known) = keys.usable.first().filter(|key| key.id == id) {
            return Ok(Arc::clone(known));
        }
        let key = Arc::new(Key {
            id,
            version: 0,
            credential,
            public_key: now.public,
        });
        keys.usable = vec![Arc::clone(&key)];
        Ok(key)
    }

    async fn load(&self) -> Result<Vec<Arc<Key>>, StoreError> {
        match &self.store {
            Some(store) => store.usable_keys(&self.name).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Store {
    /// Keeps a connection with its first key, or adds a key to it.
    pub async fn connect(
        &self,
        name: &str,
        base: &str,
        key: &SecretString,
        public_key: Option<&str>,
        by: &Principal,
        now: OffsetDateTime,
    ) -> Result<String, ConnectError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 50 || !name.chars().all(plain) || name == OWN {
            return Err(ConnectError::Name(name.chars().take(50).collect()));
        }
        let id = format!("key_{}", hex::encode(random::<4>().map_err(StoreError::from)?));
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let known: Option<String> = sqlx::query_scalar("SELECT base FROM connections WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        match known {
            // A key is for one server: another address under the same name would send it elsewhere.
            Some(known) if known != base => return Err(ConnectError::OtherServer(known)),
            Some(_) => {}
            None => {
                sqlx::query("INSERT INTO connections (name, base, public_key, created_at) VALUES ($1, $2, $3, $4)")
                    .bind(name)
                    .bind(base)
                    .bind(public_key)
                    .bind(millis(now))
                    .execute(&mut *tx)
                    .await
                    .map_err(StoreError::from)?;
            }
        }
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM credentials WHERE connection = $1 AND state = 'active'")
                .bind(name)
                .fetch_one(&mut *tx)
                .await
                .map_err(StoreError::from)?;
        if count >= MOST_KEYS {
            return Err(ConnectError::TooManyKeys);
        }
        sqlx::query(
            "INSERT INTO credentials (id, connection, state, version, added_at, changed_at)
             VALUES ($1, $2, 'active', 1, $3, $3)",
        )
        .bind(&id)
        .bind(name)
        .bind(millis(now))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        self.seal_bytes(&mut tx, &place(&id), key.expose_secret().as_bytes())
            .await?;
        tx.commit().await.map_err(StoreError::from)?;
        let about = json!({ "connection": name, "base": base, "key": id });
        self.record_event("connected", &by.id, now, about).await?;
        Ok(id)
    }

    /// Forgets a connection with all its keys. False if there is none of that name.
    pub async fn disconnect(&self, name: &str, by: &Principal, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM sealed WHERE place IN (SELECT 'credential/' || id FROM credentials WHERE connection = $1)",
        )
        .bind(name)
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query("DELETE FROM connections WHERE name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let gone = done.rows_affected() > 0;
        if gone {
            self.record_event("disconnected", &by.id, now, json!({ "connection": name }))
                .await?;
        }
        Ok(gone)
    }

    /// All connections that are kept, in the order of their names.
    pub async fn connections(&self) -> Result<Vec<ConnectionInfo>, StoreError> {
        let rows = sqlx::query("SELECT * FROM connections ORDER BY name")
            .fetch_all(self.reader())
            .await?;
        let mut connections = Vec::new();
        for row in rows {
            let name: String = row.try_get("name")?;
            let keys = sqlx::query("SELECT * FROM credentials WHERE connection = $1 ORDER BY added_at, id")
                .bind(&name)
                .fetch_all(self.reader())
                .await?;
            let keys = keys.iter().map(|key| {
                Ok(KeyInfo {
                    id: key.try_get("id")?,
                    state: key.try_get("state")?,
                    added_at: from_millis(key.try_get("added_at")?),
                })
            });
            let keys = keys.collect::<Result<Vec<_>, sqlx::Error>>()?;
            connections.push(ConnectionInfo {
                name,
                base: row.try_get("base")?,
                public_key: row.try_get("public_key")?,
                status: if keys.iter().any(|k| k.state == "active") {
                    "active"
                } else {
                    "expired"
                },
                keys,
                created_at: from_millis(row.try_get("created_at")?),
            });
        }
        Ok(connections)
    }

    async fn usable_keys(&self, connection: &str) -> Result<Vec<Arc<Key>>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, version FROM credentials WHERE connection = $1 AND state = 'active' ORDER BY added_at, id",
        )
        .bind(connection)
        .fetch_all(self.reader())
        .await?;
        let mut keys = Vec::new();
        for row in rows {
            let id: String = row.try_get("id")?;
            if let Some(secret) = self.unseal_bytes(&place(&id)).await? {
                let key = String::from_utf8_lossy(secret.expose_secret()).into_owned();
                keys.push(Arc::new(Key {
                    version: row.try_get("version")?,
                    credential: Credential::private_key(key.into()),
                    public_key: None,
                    id,
                }));
            }
        }
        Ok(keys)
    }

    /// Notes that a key is refused, if nobody changed it since it was read.
    async fn expire_key(&self, id: &str, version: i64, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE credentials SET state = 'expired', version = version + 1, changed_at = $1
             WHERE id = $2 AND version = $3 AND state = 'active'",
        )
        .bind(millis(now))
        .bind(id)
        .bind(version)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if done.rows_affected() > 0 {
            tracing::warn!(key = id, "an upstream refuses a key");
            self.record_event("credential_expired", "tintype", now, json!({ "key": id }))
                .await?;
        }
        Ok(())
    }
}

/// Why a connection can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It can't be called so.
    #[error("`{0}` can't be the name of a connection: 1 to 50 letters, digits, `-` and `_`, and not `own`")]
    Name(String),
    /// It is there with another address.
    #[error("there is a connection of that name to {0}: choose another name, or disconnect it first")]
    OtherServer(String),
    /// More than it may have.
    #[error("the connection has {MOST_KEYS} keys: disconnect it first")]
    TooManyKeys,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn place(id: &str) -> String {
    format!("credential/{id}")
}

/// Finds the connection of a call.
pub struct Connections {
    own: Option<Arc<Connection>>,
    store: Arc<Store>,
    transport: Transport,
    kept: Mutex<Vec<Arc<Connection>>>,
}

impl Connections {
    /// The server's own connection, if it has one, beside those that are kept.
    pub fn new(own: Option<Connection>, store: Arc<Store>, transport: Transport) -> Self {
        Self {
            own: own.map(Arc::new),
            store,
            transport,
            kept: Mutex::new(Vec::new()),
        }
    }

    /// The connection of that name, or the only one that there is.
    pub(crate) async fn find(&self, name: Option<&str>) -> Result<Arc<Connection>, CallError> {
        if let Some(own) = &self.own
            && name.is_none_or(|name| name == own.name)
        {
            return Ok(Arc::clone(own));
        }
        let infos = self.store.connections().await?;
        let info = match name {
            Some(name) => infos.iter().find(|info| info.name == name),
            None if infos.len() > 1 => {
                return Err(CallError::Ambiguous(infos.into_iter().map(|info| info.name).collect()));
            }
            None => infos.first(),
        };
        let Some(info) = info else {
            return Err(match name {
                Some(name) => CallError::NoSuchConnection(name.chars().take(50).collect()),
                None => CallError::NotConnected,
            });
        };
        let mut kept = self.kept.lock().await;
        kept.retain(|c| c.name != info.name || c.upstream.base() == info.base.trim_end_matches('/'));
        if let Some(connection) = kept.iter().find(|c| c.name == info.name) {
            return Ok(Arc::clone(connection));
        }
        let upstream = Upstream::new(&info.base, self.transport.clone())
            .map_err(|e| CallError::NotReady(format!("{}: {e}", info.name)))?;
        let connection = Arc::new(Connection::kept(info, upstream, Arc::clone(&self.store)));
        kept.push(Arc::clone(&connection));
        Ok(connection)
    }

    /// All of them, the server's own first.
    pub async fn list(&self) -> Result<Vec<ConnectionInfo>, StoreError> {
        let mut all = Vec::new();
        if let Some(own) = &self.own {
            all.push(ConnectionInfo {
                name: own.name.clone(),
                base: own.upstream.base().to_owned(),
                public_key: own.public_key.clone(),
                status: "active",
                keys: Vec::new(),
                created_at: OffsetDateTime::UNIX_EPOCH,
            });
        }
        all.extend(self.store.connections().await?);
        Ok(all)
    }
}
