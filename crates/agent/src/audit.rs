//! The record of calls: who asked for what, why it was allowed, what was done, and how it ended. Without secrets,
//! without content; a chain of hashes, so that a record that was changed or taken out is seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use sqlx::Row;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::actions::{Action, Effect};
use crate::canonical;
use crate::drift::Drift;
use crate::error::Code;
use crate::policy::Trace;
use crate::read_back::Verification;
use crate::store::{Store, StoreError};
use crate::token::Left;

/// Longer texts of an input are cut.
const LONGEST_TEXT: usize = 200;
/// Longer lists of an input are cut.
const LONGEST_LIST: usize = 50;
/// Stands for a secret.
const HIDDEN: &str = "(hidden)";

/// Deeper objects of an input are only counted.
const DEEPEST: usize = 4;

/// What stands before the first record.
const GENESIS: &str = "tintype audit";

/// One call.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Names the call.
    pub id: String,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub time: OffsetDateTime,
    /// Who made it.
    pub principal: String,
    /// The program that spoke for them, as it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Why, in the caller's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The action as asked for.
    pub action: String,
    /// Its declared effect; `None` for an unknown action.
    pub effect: Option<Effect>,
    /// Fingerprint of its contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The input, long texts cut, secrets and content taken out; null for an unknown action.
    pub input: Value,
    /// SHA-256 of the canonical input.
    pub input_digest: String,
    /// Size of the attached file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<usize>,
    /// The connection that it went to, and its base URL.
    pub connection: String,
    /// Base URL of the upstream.
    pub upstream: String,
    /// What the policy said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Trace>,
    /// The approval that it was carried out under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The call that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Nothing was sent that changes anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The error in words, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
    /// Waits between attempts.
    pub waited_ms: u64,
    /// What went wrong on the way and was mended: how, and with what result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heals: Vec<Heal>,
    /// The upstream's names of its answers, those of the read-back too.
    pub request_ids: Vec<String>,
    /// Where the answer was not what the contract says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// What is known about the effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// What it touched, with the revision that it had before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<(String, String)>,
    /// The action that takes it back, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverse: Option<String>,
    /// Ids of the files that it is about, those that it made too; for the history of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The rate that the upstream told of, for the answer.
    #[serde(skip)]
    pub rate: BTreeMap<String, u64>,
    /// What is left of the caller's budgets, for the answer.
    #[serde(skip)]
    pub budgets: BTreeMap<String, Left>,
}

/// A recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heal {
    /// What went wrong: `rate_limited`, `upstream_error`, `connection_lost`, `no_answer`, `unauthorized`,
    /// `credential_expired`, `drift`.
    pub cause: String,
    /// What was done about it: `waited`, `repeated`, `next_key`, `repaired`, `found_done`.
    pub remedy: String,
}

impl Heal {
    pub(crate) fn new(cause: &str, remedy: &str) -> Self {
        Self {
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Not yet: a write that is about to be sent.
    Begun,
    /// With success.
    Done,
    /// It waits for somebody's decision.
    Waiting,
    /// Before anything was sent.
    Refused,
    /// With an error.
    Failed,
}

/// A record with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// From 1 without gaps.
    pub seq: i64,
    /// Hash of the record before.
    pub previous: String,
    /// SHA-256 of `previous`, a line feed and the record's text.
    pub hash: String,
    /// The record as it was written.
    #[serde(serialize_with = "as_json")]
    pub record: String,
}

/// What a look over the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// How many records there are.
    pub records: i64,
    /// Hash of the last. Kept elsewhere, it shows later that no record was cut off the end.
    pub head: String,
    /// The first record that does not fit, if there is one.
    pub broken_at: Option<i64>,
}

impl Store {
    /// Keeps a record for good before it returns, if it is of a write; that of a read may be lost in a power cut.
    pub(crate) async fn record(&self, record: &CallRecord) -> Result<(), StoreError> {
        let is_read = record.effect == Some(Effect::Read);
        // What only looks is in the records, and would bury what was done in the history of a file.
        let about = if is_read || record.dry_run {
            &[][..]
        } else {
            &record.files
        };
        let text = serde_json::to_string(record)?;
        self.append(&text, !is_read, &record.connection, about).await
    }

    /// Records of changes that a file was in, the newest first, at most so many.
    pub(crate) async fn history(&self, connection: &str, file: &str, most: i64) -> Result<Vec<Value>, StoreError> {
        let rows = sqlx::query(
            "SELECT audit.record FROM history JOIN audit ON audit.seq = history.seq
             WHERE history.connection = $1 AND history.file = $2 ORDER BY history.seq DESC LIMIT $3",
        )
        .bind(connection)
        .bind(file)
        .bind(most)
        .fetch_all(self.reader())
        .await?;
        let records = rows.iter().map(|row| {
            let record: &str = row.try_get("record")?;
            Ok(serde_json::from_str(record)?)
        });
        records.collect()
    }

    /// Keeps a record of something that is no call: a decision, a token, a connection.
    pub(crate) async fn record_event(
        &self,
        what: &str,
        who: &str,
        at: OffsetDateTime,
        about: Value,
    ) -> Result<(), StoreError> {
        let time = at.format(&Rfc3339).unwrap_or_default();
        let record = json!({ "time": time, "event": what, "principal": who, "about": about });
        self.append(&record.to_string(), true, "", &[]).await
    }

    async fn append(&self, record: &str, durable: bool, connection: &str, files: &[String]) -> Result<(), StoreError> {
        let mut tx = if durable {
            self.begin().await?
        } else {
            self.begin_quick().await?
        };
        let last = sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *tx)
            .await?;
        let (seq, previous) = match last {
            Some(row) => (row.try_get::<i64, _>("seq")? + 1, row.try_get("hash")?),
            None => (1, genesis()),
        };
        sqlx::query("INSERT INTO audit (seq, previous, hash, record) VALUES ($1, $2, $3, $4)")
            .bind(seq)
            .bind(&previous)
            .bind(hash(&previous, record))
            .bind(record)
            .execute(&mut *tx)
            .await?;
        for file in files {
            sqlx::query("INSERT OR IGNORE INTO history (connection, file, seq) VALUES ($1, $2, $3)")
                .bind(connection)
                .bind(file)
                .bind(seq)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Records after `seq`, in order, at most so many.
    pub async fn records(&self, after: i64, most: i64) -> Result<Vec<Link>, StoreError> {
        let rows = sqlx::query("SELECT seq, previous, hash, record FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(after)
            .bind(most)
            .fetch_all(self.reader())
            .await?;
        let links = rows.iter().map(|row| {
            Ok(Link {
                seq: row.try_get("seq")?,
                previous: row.try_get("previous")?,
                hash: row.try_get("hash")?,
                record: row.try_get("record")?,
            })
        });
        Ok(links.collect::<Result<_, sqlx::Error>>()?)
    }

    /// True if there is a record with that hash.
    pub async fn has_record(&self, hash: &str) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE hash = $1")
            .bind(hash)
            .fetch_one(self.reader())
            .await?;
        Ok(count > 0)
    }

    /// Goes over the whole chain.
    pub async fn verify_records(&self) -> Result<Chain, StoreError> {
        let mut chain = Chain {
            records: 0,
            head: genesis(),
            broken_at: None,
        };
        loop {
            let links = self.records(chain.records, 1000).await?;
            if links.is_empty() {
                return Ok(chain);
            }
            for link in links {
                let fits = link.seq == chain.records + 1
                    && link.previous == chain.head
                    && link.hash == hash(&link.previous, &link.record);
                if !fits && chain.broken_at.is_none() {
                    chain.broken_at = Some(chain.records + 1);
                }
                chain.records = link.seq;
                chain.head = link.hash;
            }
        }
    }
}

fn genesis() -> String {
    canonical::digest_of(GENESIS.as_bytes())
}

fn hash(previous: &str, record: &str) -> String {
    canonical::digest_of(format!("{previous}\n{record}").as_bytes())
}

/// The input as a record shows it.
pub(crate) fn shortened(input: &Value, action: &Action) -> Value {
    let Value::Object(properties) = input else {
        return shorten(input, 0);
    };
    let shown = properties.iter().map(|(name, value)| {
        let shown = if action.about.hidden_fields.contains(&name.as_str()) {
            size_of(value)
        } else {
            shown(name, value, 0)
        };
        (cut(name), shown)
    });
    Value::Object(shown.collect())
}

fn size_of(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(format!("({} characters)", text.chars().count())),
        Value::Object(properties) => json!(format!("({} properties)", properties.len())),
        Value::Array(items) => json!(format!("({} items)", items.len())),
        other => other.clone(),
    }
}

fn shorten(value: &Value, depth: usize) -> Value {
    match value {
        // The query of a URL is where signatures and tokens are.
        Value::String(text) if is_url(text) => json!(cut(&bare_url(text))),
        Value::String(text) => json!(cut(text)),
        Value::Array(items) => items
            .iter()
            .take(LONGEST_LIST)
            .map(|item| shorten(item, depth + 1))
            .collect(),
        Value::Object(_) if depth >= DEEPEST => size_of(value),
        Value::Object(properties) => {
            // `{"name": "Authorization", "value": "..."}`
            let names_secret = ["name", "key", "header", "field"]
                .iter()
                .any(|field| properties.get(*field).and_then(Value::as_str).is_some_and(is_secret));
            let shown = properties.iter().take(LONGEST_LIST).map(|(name, value)| {
                if names_secret && name == "value" {
                    return (cut(name), json!(HIDDEN));
                }
                (cut(name), shown(name, value, depth + 1))
            });
            Value::Object(shown.collect())
        }
        other => other.clone(),
    }
}

/// The value of a field, which may be one that nobody declared and hold anything.
fn shown(name: &str, value: &Value, depth: usize) -> Value {
    match value {
        Value::Null => Value::Null,
        _ if is_secret(name) => json!(HIDDEN),
        value => shorten(value, depth),
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text.trim_start().split(':').next().unwrap_or_default();
    scheme.len() < text.len() && (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

/// A URL without its query and without the name and password before its host.
fn bare_url(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or(text);
    let Some((scheme, rest)) = text.split_once("//") else {
        return text.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}//{host}{path}")
}

/// `private_key`, `Private-Key` and `privateKey` are one name.
fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    [
        "secret",
        "password",
        "passwd",
        "passphrase",
        "token",
        "apikey",
        "privatekey",
        "accesskey",
        "accountkey",
        "credential",
        "signature",
        "authorization",
        "cookie",
        "bearer",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_TEXT {
        return text.to_owned();
    }
    let head: String = text.chars().take(60).collect();
    format!("{head}... ({length} characters)")
}

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn as_json<S: Serializer>(record: &str, serializer: S) -> Result<S::Ok, S::Error> {
    // Exported as text, because the hash is of these very bytes.
    serializer.serialize_str(record)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::store::MasterKey;

    #[test]
    fn inputs_are_shown_without_content_and_secrets() {
        let upload = crate::actions::find("upload_file").unwrap().action;
        let input = json!({
            "fileName": "a".repeat(300),
            "contentBase64": "aGVsbG8=",
            "url": "https://host/cat.jpg?signature=5ecret",
            "tags": ["sea"],
            "isPrivateFile": true,
            "nested": { "token": "5ecret", "deep": { "er": { "still": { "x": 1 } } } },
        });
        let shown = serde_json::to_string_pretty(&shortened(&input, upload)).unwrap();
        assert_snapshot!(shown, @r#"
        {
          "contentBase64": "(8 characters)",
          "fileName": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... (300 characters)",
          "isPrivateFile": true,
          "nested": {
            "deep": {
              "er": {
                "still": {
                  "x": 1
                }
              }
            },
            "token": "(hidden)"
          },
          "tags": [
            "sea"
          ],
          "url": "https://host/cat.jpg"
        }
        "#);
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let action = crate::actions::find("create_url_endpoint").unwrap().action;
        let input = json!({
            "privateKey": "5ecret", "private_key": "5ecret", "Api-Key": ["5ecret"], "accessToken": { "x": "5ecret" },
            "headers": [{ "name": "Authorization", "value": "5ecret" }, { "name": "Accept", "value": "image/*" }],
            "Cookie": "5ecret", "sasToken": 5, "credentials": null, "url": "HTTPS://ann:5ecret@host/a?b=5ecret",
            "keyword": "shown", "deep": [[{ "password": "5ecret" }]],
        });
        let shown = shortened(&input, action);
        assert!(!shown.to_string().contains("5ecret"), "{shown}");
        assert_eq!(shown["url"], "HTTPS://host/a");
        assert_eq!(shown["headers"][1], json!({ "name": "Accept", "value": "image/*" }));
        assert_eq!(shown["keyword"], "shown");
    }

    #[tokio::test]
    async fn a_record_that_was_changed_or_taken_out_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("agent.db");
        let key = || MasterKey::Given("ab".repeat(32).into());
        let store = Store::open(&file, key()).await.unwrap();
        for number in 0..5 {
            let at = OffsetDateTime::UNIX_EPOCH;
            store
                .record_event("test", "nobody", at, json!({ "number": number }))
                .await
                .unwrap();
        }
        let whole = store.verify_records().await.unwrap();
        assert_eq!((whole.records, whole.broken_at), (5, None));
        let refused = sqlx::query("UPDATE audit SET record = '{}' WHERE seq = 3")
            .execute(&mut *store.begin().await.unwrap())
            .await;
        assert!(refused.is_err());
        let tamper = async |sql: &'static str| {
            let mut tx = store.begin().await.unwrap();
            sqlx::query("DROP TRIGGER IF EXISTS audit_is_not_changed")
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            store.verify_records().await.unwrap()
        };
        let changed = tamper("UPDATE audit SET record = replace(record, '2', '9') WHERE seq = 3").await;
        assert_eq!(changed.broken_at, Some(3));
        let removed = tamper("DELETE FROM audit WHERE seq = 3").await;
        assert_eq!(removed.broken_at, Some(3));
        // What is cut off the end shows only beside a head that was noted before.
        let cut = tamper("DELETE FROM audit WHERE seq >= 3").await;
        assert_eq!(cut.broken_at, None);
        assert_ne!(cut.head, whole.head);
    }
}
