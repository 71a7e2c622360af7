//! URL endpoints: places below the account's path, each with origins of its own.

use serde_json::{Value, json};

use crate::account::{AccountError, count, random_id};
use crate::asset::timestamp;
use crate::database::{On, Row, Transaction, query};
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

/// The id of the endpoint that is always there.
pub const DEFAULT_ENDPOINT: &str = "default";

/// A place below the account's path.
#[derive(Clone, Debug, PartialEq)]
pub struct UrlEndpoint {
    /// `default`, or letters and digits.
    pub id: String,
    /// The segment of its URLs behind the account; empty for the default one.
    pub url_prefix: String,
    /// For people.
    pub description: String,
    /// Ids of origins, tried in this order after the library.
    pub origins: Vec<String>,
    /// How foreign URLs are read, as the API has it.
    pub url_rewriter: Option<Value>,
    /// When it was made; 1970 for a default one that nobody has changed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What makes an endpoint. Checked by the caller, but for its origins.
#[derive(Clone, Debug, Default)]
pub struct NewUrlEndpoint {
    /// The segment of its URLs; empty for the default one.
    pub url_prefix: String,
    /// For people.
    pub description: String,
    /// Ids of origins.
    pub origins: Vec<String>,
    /// How foreign URLs are read.
    pub url_rewriter: Option<Value>,
}

impl Library {
    /// How many endpoints there may be, the default one included.
    pub const URL_ENDPOINTS: usize = 100;

    /// All of them, the default one first.
    pub async fn url_endpoints(&self) -> Result<Vec<UrlEndpoint>, StoreError> {
        all(self.database().reader()).await
    }

    /// Adds one.
    pub async fn create_url_endpoint(&self, new: NewUrlEndpoint, now: Timestamp) -> Result<UrlEndpoint, AccountError> {
        let mut tx = self.begin_account().await?;
        if count(&mut tx, "url_endpoints").await? >= Self::URL_ENDPOINTS {
            return Err(AccountError::TooMany {
                limit: Self::URL_ENDPOINTS,
            });
        }
        let endpoint = store(&mut tx, format!("ep{}", random_id(9)), new, now).await?;
        self.commit_account(tx).await?;
        Ok(endpoint)
    }

    /// Puts another one in its place, under the same id.
    pub async fn replace_url_endpoint(
        &self,
        id: &str,
        new: NewUrlEndpoint,
        now: Timestamp,
    ) -> Result<UrlEndpoint, AccountError> {
        let mut tx = self.begin_account().await?;
        if !all(&mut tx).await?.iter().any(|known| known.id == id) {
            return Err(AccountError::NotFound);
        }
        let endpoint = store(&mut tx, id.to_owned(), new, now).await?;
        self.commit_account(tx).await?;
        Ok(endpoint)
    }

    /// Removes one.
    pub async fn delete_url_endpoint(&self, id: &str) -> Result<(), AccountError> {
        if id == DEFAULT_ENDPOINT {
            return Err(AccountError::Default);
        }
        let mut tx = self.begin_account().await?;
        let gone = query("DELETE FROM url_endpoints WHERE id = $1")
            .bind(id)
            .execute(&mut tx)
            .await?;
        if gone == 0 {
            return Err(AccountError::NotFound);
        }
        self.commit_account(tx).await?;
        Ok(())
    }
}

async fn store(
    tx: &mut Transaction,
    id: String,
    new: NewUrlEndpoint,
    now: Timestamp,
) -> Result<UrlEndpoint, AccountError> {
    let others: i64 = query("SELECT COUNT(*) FROM url_endpoints WHERE url_prefix = $1 AND id <> $2")
        .bind(&new.url_prefix)
        .bind(&id)
        .scalar(&mut *tx)
        .await?;
    if others > 0 {
        return Err(AccountError::Taken("urlPrefix"));
    }
    let origins: Vec<String> = query("SELECT id FROM origins").scalars(&mut *tx).await?;
    if let Some(missing) = new.origins.iter().find(|id| !origins.contains(id)) {
        return Err(AccountError::NoSuchOrigin(missing.clone()));
    }
    query(
        "INSERT INTO url_endpoints (id, url_prefix, description, origins, url_rewriter, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (id) DO UPDATE SET url_prefix = excluded.url_prefix, description = excluded.description,
             origins = excluded.origins, url_rewriter = excluded.url_rewriter, updated_at = excluded.updated_at",
    )
    .bind(&id)
    .bind(&new.url_prefix)
    .bind(&new.description)
    .bind(json!(new.origins).to_string())
    .bind(new.url_rewriter.as_ref().map(Value::to_string))
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await?;
    Ok(UrlEndpoint {
        id,
        url_prefix: new.url_prefix,
        description: new.description,
        origins: new.origins,
        url_rewriter: new.url_rewriter,
        created_at: now,
        updated_at: now,
    })
}

pub(super) async fn all<'a>(on: impl Into<On<'a>>) -> Result<Vec<UrlEndpoint>, StoreError> {
    let rows = query(
        "SELECT id, url_prefix, description, origins, url_rewriter, created_at, updated_at FROM url_endpoints
         ORDER BY created_at, id",
    )
    .fetch_all(on)
    .await?;
    let mut endpoints = rows.iter().map(of_row).collect::<Result<Vec<_>, _>>()?;
    let default = match endpoints.iter().position(|endpoint| endpoint.id == DEFAULT_ENDPOINT) {
        Some(at) => endpoints.remove(at),
        None => untouched()?,
    };
    endpoints.insert(0, default);
    Ok(endpoints)
}

/// The default endpoint before anybody has changed it.
fn untouched() -> Result<UrlEndpoint, StoreError> {
    let never = Timestamp::from_millis(0).map_err(|error| StoreError::unreadable("url_endpoints.created_at", error))?;
    Ok(UrlEndpoint {
        id: DEFAULT_ENDPOINT.to_owned(),
        url_prefix: String::new(),
        description: "The default URL endpoint".to_owned(),
        origins: Vec::new(),
        url_rewriter: None,
        created_at: never,
        updated_at: never,
    })
}

fn of_row(row: &Row) -> Result<UrlEndpoint, StoreError> {
    let origins: &str = row.try_get("origins")?;
    let rewriter: Option<&str> = row.try_get("url_rewriter")?;
    let unreadable = |error| StoreError::unreadable("url_endpoints.origins", error);
    Ok(UrlEndpoint {
        id: row.try_get("id")?,
        url_prefix: row.try_get("url_prefix")?,
        description: row.try_get("description")?,
        origins: serde_json::from_str(origins).map_err(unreadable)?,
        url_rewriter: rewriter.map(serde_json::from_str).transpose().map_err(unreadable)?,
        created_at: timestamp(row, "created_at")?,
        updated_at: timestamp(row, "updated_at")?,
    })
}
