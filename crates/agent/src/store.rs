//! What the agent side keeps: one SQLite file in the data directory. SQLite, because the server and commands of the
//! operator work on it at once: an approval is used once, a budget is exact and the chain of records has no fork only if
//! one transaction decides, whichever process it comes from.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlSafeStr as _};
use time::OffsetDateTime;

use crate::vault::{KeySource, Sealed, Vault, VaultError, random};

// Not by `sqlx::migrate!`: the macros of sqlx bring a second build of all its drivers.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let step = |version, description: &'static str, sql: &'static str| {
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        step(1, "agent", include_str!("../migrations/0001_agent.sql")),
        step(
            2,
            "links and undo",
            include_str!("../migrations/0002_links_and_undo.sql"),
        ),
        step(3, "history", include_str!("../migrations/0003_history.sql")),
    ])
});

/// Longer than any transaction of ours takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Transaction = sqlx::Transaction<'static, Db>;

/// Why something can't be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error("the agent database can't be used")]
    Sql(#[from] sqlx::Error),
    /// Its migrations.
    #[error("the agent database can't be brought up to date")]
    Migrate(#[source] MigrateError),
    /// Written by a later version of the program.
    #[error("the agent database was written by a newer version of Tintype (migration {0})")]
    TooNew(i64),
    /// A secret can't be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A kept value is not what it should be.
    #[error("a kept record can't be read")]
    Broken(#[from] serde_json::Error),
}

/// Where the vault's master key comes from, before the store is open.
#[derive(Debug, Clone)]
pub enum MasterKey {
    /// A file, made if it is not there.
    File(std::path::PathBuf),
    /// 32 bytes in base64 or hex, several separated by commas, the one in use first.
    Given(secrecy::SecretString),
    /// The keyring of the operating system, under that name.
    Keyring(String),
    /// A passphrase and, while it is being changed, the one before it.
    Passphrase {
        /// The one in use.
        current: secrecy::SecretString,
        /// The one before.
        former: Option<secrecy::SecretString>,
    },
}

/// The agent side's memory.
#[derive(Debug)]
pub struct Store {
    /// Commits are on the disk before they are acknowledged: for what a write depends on.
    durable: sqlx::Pool<Db>,
    /// Commits may be lost in a power cut, in order and as a whole: for records of what changed nothing.
    quick: sqlx::Pool<Db>,
    readers: sqlx::Pool<Db>,
    vault: Vault,
}

impl Store {
    /// Opens the file, makes it if it is not there, and takes the master key.
    pub async fn open(file: &Path, key: MasterKey) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |most| {
            SqlitePoolOptions::new()
                .max_connections(most)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let durable = pool(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&durable).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::TooNew(version),
            other => StoreError::Migrate(other),
        })?;
        only_for_its_owner(file);
        let options = options.create_if_missing(false);
        let quick = pool(1)
            .connect_with(options.clone().synchronous(SqliteSynchronous::Normal))
            .await?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let vault = Vault::open(source(key, &durable).await?)?;
        let store = Self {
            durable,
            quick,
            readers,
            vault,
        };
        store.know_the_key().await?;
        Ok(store)
    }

    /// Writes the log back and lets go of the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.quick.close().await;
        self.durable.close().await;
    }

    /// A transaction that will write, and is on the disk once it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.durable.begin_with("BEGIN IMMEDIATE").await
    }

    /// A transaction that will write; the last of them may be lost in a power cut.
    pub(crate) async fn begin_quick(&self) -> Result<Transaction, sqlx::Error> {
        self.quick.begin_with("BEGIN IMMEDIATE").await
    }

    pub(crate) fn reader(&self) -> &sqlx::Pool<Db> {
        &self.readers
    }

    /// Seals a value for a place, in a transaction.
    pub(crate) async fn seal(
        &self,
        tx: &mut Transaction,
        place: &str,
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.seal_bytes(tx, place, &serde_json::to_vec(value)?).await
    }

    pub(crate) async fn seal_bytes(&self, tx: &mut Transaction, place: &str, secret: &[u8]) -> Result<(), StoreError> {
        // Asked in the same transaction: a key that was replaced meanwhile seals nothing more, in no process.
        let key_id = key_in_use(&mut **tx).await?.unwrap_or_else(|| self.vault.active_key());
        let sealed = self.vault.seal_under(&key_id, place, secret)?;
        sqlx::query(
            "INSERT INTO sealed (place, key_id, wrapped, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (place) DO UPDATE SET key_id = excluded.key_id, wrapped = excluded.wrapped, body = excluded.body",
        )
        .bind(place)
        .bind(sealed.key_id)
        .bind(sealed.wrapped)
        .bind(sealed.body)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The value that was sealed for a place.
    pub(crate) async fn unseal<T: DeserializeOwned>(&self, place: &str) -> Result<Option<T>, StoreError> {
        use secrecy::ExposeSecret;
        match self.unseal_bytes(place).await? {
            Some(bytes) => Ok(Some(serde_json::from_slice(bytes.expose_secret())?)),
            None => Ok(None),
        }
    }

    pub(crate) async fn unseal_bytes(&self, place: &str) -> Result<Option<secrecy::SecretBox<Vec<u8>>>, StoreError> {
        let mut again = true;
        loop {
            let row = sqlx::query("SELECT key_id, wrapped, body FROM sealed WHERE place = $1")
                .bind(place)
                .fetch_optional(&self.readers)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            match self.vault.unseal(place, &sealed(&row)?) {
                // It may have been wrapped anew, and its old key forgotten, since it was read.
                Err(VaultError::Unknown(_)) if again => again = false,
                other => return Ok(Some(other?)),
            }
        }
    }

    /// Makes a new master key the one in use and wraps every secret anew, one by one, while calls go on. Returns how
    /// many were wrapped. From the first transaction on every process seals with the new key; an old one is forgotten
    /// when nothing is left under it.
    pub async fn rotate(&self) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        // The file is changed while nobody else changes it, and before the database names the key.
        self.vault.renew()?;
        set_key_in_use(&mut *tx, &self.vault.active_key()).await?;
        tx.commit().await?;
        let mut wrapped = 0;
        loop {
            let mut tx = self.begin().await?;
            // Another rotation may have begun.
            let key_id = key_in_use(&mut *tx).await?.unwrap_or_else(|| self.vault.active_key());
            let row = sqlx::query("SELECT place, key_id, wrapped, body FROM sealed WHERE key_id <> $1 LIMIT 1")
                .bind(&key_id)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(row) = row else {
                self.vault.forget_all_but(&[key_id])?;
                tx.commit().await?;
                return Ok(wrapped);
            };
            let place: String = row.try_get("place")?;
            if let Some(fresh) = self.vault.rewrap(&key_id, &place, &sealed(&row)?)? {
                sqlx::query("UPDATE sealed SET key_id = $1, wrapped = $2 WHERE place = $3")
                    .bind(fresh.key_id)
                    .bind(fresh.wrapped)
                    .bind(&place)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            wrapped += 1;
        }
    }

    /// Name of the master key in use, and how many secrets are under which.
    pub async fn vault_status(&self) -> Result<(String, Vec<(String, i64)>), StoreError> {
        let rows = sqlx::query("SELECT key_id, COUNT(*) AS count FROM sealed GROUP BY key_id ORDER BY key_id")
            .fetch_all(&self.readers)
            .await?;
        let counts = rows
            .iter()
            .map(|row| Ok((row.try_get("key_id")?, row.try_get("count")?)));
        let key_id = key_in_use(&self.readers)
            .await?
            .unwrap_or_else(|| self.vault.active_key());
        Ok((key_id, counts.collect::<Result<_, sqlx::Error>>()?))
    }

    /// A key that opens nothing is noticed at the start rather than at the first call: one secret is known to be there.
    async fn know_the_key(&self) -> Result<(), StoreError> {
        const PLACE: &str = "vault/check";
        if self.unseal::<String>(PLACE).await?.is_none() {
            let mut tx = self.begin().await?;
            self.seal(&mut tx, PLACE, &"this vault opens").await?;
            tx.commit().await?;
        }
        if key_in_use(&self.readers).await?.is_none() {
            let mut tx = self.begin().await?;
            sqlx::query("INSERT OR IGNORE INTO facts (name, value) VALUES ($1, $2)")
                .bind(KEY_IN_USE)
                .bind(self.vault.active_key())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Removes what is past its time: answers of idempotent calls, spent budgets, approvals of long ago.
    pub async fn tidy(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        const DAY: i64 = 86_400_000;
        let now = millis(now);
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM sealed WHERE place IN (SELECT 'idempotency/' || key FROM idempotency WHERE expires_at < $1)",
        )
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM idempotency WHERE expires_at < $1")
            .bind(now)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM spent WHERE window < $1")
            .bind(now - 2 * DAY)
            .execute(&mut *tx)
            .await?;
        for (table, place, kind) in [
            ("approvals", "id", "approval"),
            ("undo", "execution", "undo"),
            ("upload_links", "id", "upload"),
        ] {
            // A trash may keep longer what a deletion put there.
            let over = if table == "undo" {
                "COALESCE(until, 0) < $1 AND "
            } else {
                ""
            };
            let age = 30 * DAY;
            let old = format!(
                "DELETE FROM sealed WHERE place IN (SELECT '{kind}/' || {place} FROM {table} WHERE {over}created_at < $1)
                 OR place IN (SELECT '{kind}/' || {place} || '/answer' FROM {table} WHERE {over}created_at < $1)"
            );
            sqlx::query(sqlx::AssertSqlSafe(old))
                .bind(now - age)
                .execute(&mut *tx)
                .await?;
            let rows = format!("DELETE FROM {table} WHERE {over}created_at < $1");
            sqlx::query(sqlx::AssertSqlSafe(rows))
                .bind(now - age)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The fact that names the master key with which every process seals.
const KEY_IN_USE: &str = "vault key";

async fn key_in_use<'a>(on: impl sqlx::Executor<'a, Database = Db>) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM facts WHERE name = $1")
        .bind(KEY_IN_USE)
        .fetch_optional(on)
        .await
}

async fn set_key_in_use<'a>(on: impl sqlx::Executor<'a, Database = Db>, key_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(KEY_IN_USE)
    .bind(key_id)
    .execute(on)
    .await?;
    Ok(())
}

fn sealed(row: &sqlx::sqlite::SqliteRow) -> Result<Sealed, sqlx::Error> {
    Ok(Sealed {
        key_id: row.try_get("key_id")?,
        wrapped: row.try_get("wrapped")?,
        body: row.try_get("body")?,
    })
}

/// Unix milliseconds.
pub(crate) fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The time of Unix milliseconds.
pub(crate) fn from_millis(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A passphrase needs a salt, which is no secret and lies beside what it protects.
async fn source(key: MasterKey, pool: &sqlx::Pool<Db>) -> Result<KeySource, StoreError> {
    Ok(match key {
        MasterKey::File(path) => KeySource::File(path),
        MasterKey::Given(keys) => KeySource::Given(keys),
        MasterKey::Keyring(name) => KeySource::Keyring(name),
        MasterKey::Passphrase { current, former } => {
            sqlx::query("INSERT OR IGNORE INTO facts (name, value) VALUES ('vault salt', $1)")
                .bind(hex::encode(random::<16>()?))
                .execute(pool)
                .await?;
            let kept: String = sqlx::query_scalar("SELECT value FROM facts WHERE name = 'vault salt'")
                .fetch_one(pool)
                .await?;
            let mut salt = [0_u8; 16];
            hex::decode_to_slice(&kept, &mut salt).map_err(|_| VaultError::Broken)?;
            KeySource::Passphrase { current, former, salt }
        }
    })
}

#[cfg(unix)]
fn only_for_its_owner(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // What is secret in it is sealed; the rest is nobody's business either. A file system without modes is left alone.
    let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
}

#[cfg(not(unix))]
fn only_for_its_owner(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes, of which one is not told that the other changes the key.
    #[tokio::test]
    async fn what_is_sealed_while_the_key_is_changed_can_be_had_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("agent.db");
        let key = || MasterKey::File(directory.path().join("vault.key"));
        let server = Store::open(&file, key()).await.unwrap();
        let command = Store::open(&file, key()).await.unwrap();
        let seal = async |place: &str| {
            let mut tx = server.begin().await.unwrap();
            server.seal(&mut tx, place, &place).await.unwrap();
            tx.commit().await.unwrap();
        };
        seal("a").await;
        let (before, _) = server.vault_status().await.unwrap();
        assert!(command.rotate().await.unwrap() > 0);
        seal("b").await;
        // Twice in a row, so that its former key is gone from the file as well.
        command.rotate().await.unwrap();
        seal("c").await;
        let (one, other) = tokio::join!(command.rotate(), server.rotate());
        one.unwrap();
        other.unwrap();
        seal("d").await;
        let fresh = Store::open(&file, key()).await.unwrap();
        for place in ["a", "b", "c", "d"] {
            for store in [&server, &command, &fresh] {
                assert_eq!(store.unseal::<String>(place).await.unwrap().as_deref(), Some(place));
            }
        }
        let (after, counts) = fresh.vault_status().await.unwrap();
        assert_ne!(before, after);
        assert_eq!(counts.len(), 1, "all under {after}: {counts:?}");
        assert_eq!(fresh.vault.known_keys(), [after]);
    }
}
