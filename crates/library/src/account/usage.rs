//! What was served and used, by UTC day. Counters are added up, so that many nodes can write them.

use crate::database::query;
use crate::error::StoreError;
use crate::library::Library;

/// Something to add to a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Days since 1970, UTC.
    pub day: i64,
    /// The list that `name` belongs to; `""` holds the totals.
    pub dimension: String,
    /// What is counted.
    pub name: String,
    /// How often.
    pub requests: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// The counters of some days, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By dimension and name, the most requests of a dimension first.
    pub counts: Vec<UsageCount>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCount {
    /// The list that `name` belongs to; `""` holds the totals.
    pub dimension: String,
    /// What was counted.
    pub name: String,
    /// How often.
    pub requests: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Usage {
    /// The entries of a list.
    pub fn of<'a>(&'a self, dimension: &'a str) -> impl Iterator<Item = &'a UsageCount> {
        self.counts.iter().filter(move |count| count.dimension == dimension)
    }
}

impl Library {
    /// Adds to the counters, in one transaction.
    pub async fn add_usage(&self, rows: &[UsageRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<&UsageRow> = rows.iter().collect();
        // Rows are taken in one order by all nodes, so that two never wait for each other.
        sorted.sort_by(|one, other| {
            (one.day, &one.dimension, &one.name).cmp(&(other.day, &other.dimension, &other.name))
        });
        let mut tx = self.database().begin().await?;
        for row in sorted {
            query(
                "INSERT INTO usage_days (day, dimension, name, requests, bytes) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (day, dimension, name) DO UPDATE SET
                     requests = usage_days.requests + excluded.requests, bytes = usage_days.bytes + excluded.bytes",
            )
            .bind(row.day)
            .bind(&row.dimension)
            .bind(&row.name)
            .bind(i64::try_from(row.requests).unwrap_or(i64::MAX))
            .bind(i64::try_from(row.bytes).unwrap_or(i64::MAX))
            .execute(&mut tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The counters of the days from `first` to `last`, both included.
    pub async fn usage(&self, first: i64, last: i64) -> Result<Usage, StoreError> {
        let rows = query(
            "SELECT dimension, name, CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(bytes) AS BIGINT) AS bytes
             FROM usage_days WHERE day >= $1 AND day <= $2 GROUP BY dimension, name
             ORDER BY dimension, 3 DESC, name",
        )
        .bind(first)
        .bind(last)
        .fetch_all(self.database().reader())
        .await?;
        let number = |value: i64| u64::try_from(value).unwrap_or_default();
        let counts = rows
            .iter()
            .map(|row| {
                Ok(UsageCount {
                    dimension: row.try_get("dimension")?,
                    name: row.try_get("name")?,
                    requests: number(row.try_get("requests")?),
                    bytes: number(row.try_get("bytes")?),
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Usage { counts })
    }

    /// Removes the counters of days before `day`.
    pub async fn forget_usage(&self, day: i64) -> Result<u64, StoreError> {
        let mut tx = self.database().begin().await?;
        let gone = query("DELETE FROM usage_days WHERE day < $1")
            .bind(day)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Bytes of all stored files, each content once.
    pub async fn stored_bytes(&self) -> Result<u64, StoreError> {
        let bytes: i64 = query("SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM blobs")
            .scalar(self.database().reader())
            .await?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }
}
