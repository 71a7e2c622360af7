//! What an account is made of besides its files: custom metadata fields, saved extensions, named transformations, origins, URL endpoints, keys.
//!
//! All of it is small and read by every request, so [`Library::account`] keeps it in memory as one value. A change on this node is seen at once;
//! one on another node within a second, by a counter in the database that every change raises.

mod custom_metadata;
mod endpoints;
mod extensions;
mod keys;
mod named;
mod origins;
mod usage;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::database::{On, Transaction, query};
use crate::error::{Code, StoreError};
use crate::library::Library;

pub(crate) use custom_metadata::all as custom_metadata_fields;
pub use custom_metadata::{
    CustomMetadata, CustomMetadataField, FieldChange, FieldErrors, FieldId, FieldType, Schema, ValuesMode, date_millis,
};
pub use endpoints::{DEFAULT_ENDPOINT, NewUrlEndpoint, UrlEndpoint};
pub use extensions::{ExtensionChange, SavedExtension};
pub use keys::{ApiKey, KeyChange, NewApiKey};
pub use named::{NamedTransformation, TransformationChange};
pub use origins::{NewOrigin, Origin};
pub use usage::{Usage, UsageCount, UsageRow};

/// How long the value in memory is believed before the counter is looked at.
const BELIEVED: Duration = Duration::from_millis(400);
/// How old it may be while somebody else looks.
const OLDEST: Duration = Duration::from_millis(900);

/// The row of `library_state` that every change raises.
const REVISION: &str = "account_revision";

/// Everything that an account is made of, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Deleted ones included.
    pub custom_metadata_fields: Vec<CustomMetadataField>,
    /// In the order of their names.
    pub named_transformations: Vec<NamedTransformation>,
    /// In the order in which they were made.
    pub origins: Vec<Origin>,
    /// The default endpoint first.
    pub url_endpoints: Vec<UrlEndpoint>,
    /// Keys beside the first pair, expired and disabled ones included.
    pub keys: Vec<ApiKey>,
}

impl Account {
    /// The named transformation that a URL asks for, enabled or not.
    pub fn named_transformation(&self, name: &str) -> Option<&NamedTransformation> {
        let at = self
            .named_transformations
            .binary_search_by(|known| known.name.as_str().cmp(name));
        at.ok().and_then(|at| self.named_transformations.get(at))
    }

    /// The endpoint with a prefix; `""` is the default one.
    pub fn url_endpoint(&self, prefix: &str) -> Option<&UrlEndpoint> {
        self.url_endpoints.iter().find(|endpoint| endpoint.url_prefix == prefix)
    }

    /// The origins of an endpoint, in the order in which they are tried.
    pub fn origins_of<'a>(&'a self, endpoint: &'a UrlEndpoint) -> impl Iterator<Item = &'a Origin> {
        let find = |id: &String| self.origins.iter().find(|origin| origin.id == *id);
        endpoint.origins.iter().filter_map(find)
    }

    /// True for the name of a custom metadata field that is there and not deleted.
    pub fn has_field(&self, name: &str) -> bool {
        self.custom_metadata_fields
            .iter()
            .any(|field| field.name == name && !field.is_deleted)
    }
}

/// Why a part of the account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such thing.
    #[error("there is none with this id")]
    NotFound,
    /// It is deleted, and deleted ones cannot be changed.
    #[error("it is deleted")]
    Deleted,
    /// Another one has this name, label or prefix.
    #[error("another one has this {0}")]
    Taken(&'static str),
    /// As many as there may be.
    #[error("there are {limit} already, and may not be more")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Something else needs it.
    #[error("it is used by {0}")]
    InUse(String),
    /// It names an origin that is not there.
    #[error("there is no origin `{0}`")]
    NoSuchOrigin(String),
    /// The default endpoint stays.
    #[error("the default endpoint stays")]
    Default,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccountError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::Deleted | Self::Taken(_) | Self::InUse(_) | Self::Default => Code::Conflict,
            Self::TooMany { .. } | Self::NoSuchOrigin(_) => Code::Invalid,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The account in memory.
#[derive(Debug, Default)]
pub(crate) struct AccountCache {
    kept: RwLock<Option<Kept>>,
    /// Raised by every change that this process makes.
    changes: AtomicU64,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    account: Arc<Account>,
    revision: i64,
    changes: u64,
    looked: Instant,
}

impl AccountCache {
    fn kept(&self, at_most: Duration) -> Option<Kept> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let current = kept.changes == self.changes.load(Ordering::Acquire);
        (current && kept.looked.elapsed() < at_most).then_some(kept)
    }

    fn keep(&self, kept: Kept) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

impl Library {
    /// The account as it was at most a second ago; with all changes that were made through this handle.
    pub async fn account(&self) -> Result<Arc<Account>, StoreError> {
        let cache = self.account_cache();
        if let Some(kept) = cache.kept(BELIEVED) {
            return Ok(kept.account);
        }
        let _turn = match cache.looking.try_lock() {
            Ok(turn) => turn,
            Err(_) => match cache.kept(OLDEST) {
                Some(kept) => return Ok(kept.account),
                None => cache.looking.lock().await,
            },
        };
        if let Some(kept) = cache.kept(BELIEVED) {
            return Ok(kept.account);
        }
        // Before the database is read: a change that is made meanwhile makes what is read old.
        let changes = cache.changes.load(Ordering::Acquire);
        let looked = Instant::now();
        if let Some(kept) = cache.kept(Duration::MAX) {
            let revision = revision(self.database().reader()).await?;
            if revision == kept.revision {
                let account = kept.account.clone();
                cache.keep(Kept { looked, ..kept });
                return Ok(account);
            }
        }
        let mut tx = self.database().reader().snapshot().await?;
        let revision = revision(&mut tx).await?;
        let mut account = Account {
            custom_metadata_fields: custom_metadata::all(&mut tx, true).await?,
            named_transformations: named::all(&mut tx).await?,
            origins: origins::all(&mut tx).await?,
            url_endpoints: endpoints::all(&mut tx).await?,
            keys: keys::all(&mut tx).await?,
        };
        drop(tx);
        account
            .named_transformations
            .sort_by(|one, other| one.name.cmp(&other.name));
        let account = Arc::new(account);
        cache.keep(Kept {
            account: account.clone(),
            revision,
            changes,
            looked,
        });
        Ok(account)
    }

    /// What [`account`](Self::account) would give, where that takes no look into the database.
    pub fn account_at_hand(&self) -> Option<Arc<Account>> {
        self.account_cache().kept(BELIEVED).map(|kept| kept.account)
    }

    /// The account as it was when somebody last asked for it, however long ago; `None` if nobody has.
    pub fn known_account(&self) -> Option<Arc<Account>> {
        let kept = self.account_cache().kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|kept| kept.account.clone())
    }

    /// A transaction that changes the account. It begins by raising the counter, which also makes changes on several nodes come one after the
    /// other: limits and names can be looked at without a race.
    pub(crate) async fn begin_account(&self) -> Result<Transaction, StoreError> {
        let mut tx = self.database().begin().await?;
        query(
            "INSERT INTO library_state (key, value) VALUES ($1, '1')
             ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(library_state.value AS BIGINT) + 1 AS TEXT)",
        )
        .bind(REVISION)
        .execute(&mut tx)
        .await?;
        Ok(tx)
    }

    /// Commits, and forgets what was in memory.
    pub(crate) async fn commit_account(&self, tx: Transaction) -> Result<(), StoreError> {
        let committed = tx.commit().await;
        // Also after an error, for then nobody knows.
        self.account_cache().changes.fetch_add(1, Ordering::AcqRel);
        committed.map_err(StoreError::from)
    }
}

async fn revision<'a>(on: impl Into<On<'a>>) -> Result<i64, StoreError> {
    let value: Option<String> = query("SELECT value FROM library_state WHERE key = $1")
        .bind(REVISION)
        .scalar_optional(on)
        .await?;
    value.map_or(Ok(0), |value| {
        value
            .parse()
            .map_err(|error: std::num::ParseIntError| StoreError::unreadable("library_state.value", error))
    })
}

/// Random letters and digits: five bits of chance each. Ids that people see in URLs.
fn random_id(chars: usize) -> String {
    const ALPHABET: [u8; 32] = *b"abcdefghijkmnopqrstuvwxyz2345678";
    (0..chars)
        .map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 31)]))
        .collect()
}

async fn count(tx: &mut Transaction, table: &'static str) -> Result<usize, StoreError> {
    let rows: i64 = query(format!("SELECT COUNT(*) FROM {table}")).scalar(tx).await?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}
