//! Receivers of events, and the messages on their way to them.
//!
//! An event becomes messages exactly once: the rows of the messages and the mark on the event are one transaction
//! ([`Library::hand_over`]). From there on a message is sent at least once: it is taken by a lease, and again when the
//! one who sent it died before it wrote down how that went.

use std::time::Duration;

use serde_json::Value;

use crate::asset::{ASSET_COLUMNS, Asset, timestamp};
use crate::database::{Dialect, Row, Sql, Transaction, Value as Bound, Waiting, query};
use crate::error::{Code, StoreError};
use crate::id::{DeliveryId, WebhookId};
use crate::jobs::{self, NewJob, shortened};
use crate::library::Library;
use crate::name::random_text;
use crate::outbox::{Event, EventKind};
use crate::timestamp::Timestamp;

/// Receivers that one library has at most.
pub const WEBHOOKS: usize = 100;
/// Receivers that [`Library::create_account_webhook`] lets a library have, that of the settings not counted.
pub const ACCOUNT_WEBHOOKS: usize = 3;

const OWNER_CHARS: usize = 24;
/// Rows of one statement.
const ROWS: usize = 500;

/// A receiver of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where messages go.
    pub url: String,
    /// Which it wants.
    pub events: WantedEvents,
    /// What messages are signed with, sealed.
    pub secret: String,
    /// Nothing is sent while it is not.
    pub is_enabled: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which events a receiver wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedEvents {
    /// All there are, and those that later versions add.
    All,
    /// These.
    Some(Vec<EventKind>),
}

impl WantedEvents {
    /// Reads names of events, or `*`; the error is the name that is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut kinds = Vec::new();
        let mut all = false;
        for name in names {
            match EventKind::ALL.into_iter().find(|kind| kind.as_str() == name) {
                _ if name == "*" => all = true,
                Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
                Some(_) => {}
                None => return Err(name.to_owned()),
            }
        }
        Ok(if all { Self::All } else { Self::Some(kinds) })
    }

    /// The names, or `*`.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::All => vec!["*"],
            Self::Some(kinds) => kinds.iter().map(|kind| kind.as_str()).collect(),
        }
    }

    /// True if an event is among them.
    pub fn want(&self, kind: EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Some(kinds) => kinds.contains(&kind),
        }
    }
}

/// A message as its receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same for all receivers and all attempts.
    pub id: String,
    /// What happened.
    pub event_type: String,
    /// What is sent, to the byte.
    pub body: String,
}

/// A message to a URL that a request named, which is no registered receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Where to.
    pub url: String,
    /// What.
    pub message: Message,
}

/// Receivers that get nothing more for now, because enough is on its way to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Hosts, for messages to registered receivers.
    pub hosts: Vec<String>,
    /// Hosts, for callbacks.
    pub callback_hosts: Vec<String>,
    /// No callback at all.
    pub callbacks: bool,
}

/// A message on its way to one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// To whom; none if a request named the URL.
    pub webhook: Option<WebhookId>,
    /// Where to.
    pub url: String,
    /// The host of it.
    pub host: String,
    /// What.
    pub message: Message,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next, if it is.
    pub run_at: Timestamp,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it began its way.
    pub created_at: Timestamp,
    /// When it was accepted.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub given_up_at: Option<Timestamp>,
}

/// A message that somebody is about to send.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The message; this attempt is counted already.
    pub delivery: Delivery,
    /// The receiver's secret, sealed.
    pub secret: Option<String>,
    owner: String,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// Why it failed; none if it was accepted.
    pub error: Option<String>,
    /// When it is tried again, if it failed; none to give up.
    pub again_at: Option<Timestamp>,
}

/// Why a receiver was not registered.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There are enough.
    #[error("there are {0} webhooks already")]
    TooMany(usize),
    /// Another receiver is at this URL.
    #[error("another webhook has this URL")]
    UrlTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WebhookError {
    /// What a client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::TooMany(_) | Self::UrlTaken => Code::Conflict,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<sqlx::Error> for WebhookError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What was handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedOver {
    /// Events that are dealt with.
    pub events: u64,
    /// Messages that they became.
    pub messages: u64,
}

impl Library {
    /// Registers a receiver, or changes the one with its id.
    pub async fn put_webhook(&self, webhook: &Webhook) -> Result<(), WebhookError> {
        let mut tx = self.begin_account().await?;
        if others(&mut tx, webhook).await?.len() >= WEBHOOKS {
            return Err(WebhookError::TooMany(WEBHOOKS));
        }
        self.write_webhook(tx, webhook).await
    }

    /// Registers a receiver by the rules of ImageKit's API: few of them, and no two at one URL.
    pub async fn create_account_webhook(&self, webhook: &Webhook) -> Result<(), WebhookError> {
        let mut tx = self.begin_account().await?;
        let others = others(&mut tx, webhook).await?;
        if others.iter().filter(|(id, _)| *id != WebhookId::OF_SETTINGS).count() >= ACCOUNT_WEBHOOKS {
            return Err(WebhookError::TooMany(ACCOUNT_WEBHOOKS));
        }
        refuse_same_url(&others, webhook)?;
        self.write_webhook(tx, webhook).await
    }

    /// Changes a receiver by the same rules. False if it is not there any more.
    pub async fn change_account_webhook(&self, webhook: &Webhook) -> Result<bool, WebhookError> {
        let mut tx = self.begin_account().await?;
        let there: i64 = query("SELECT COUNT(*) FROM webhooks WHERE id = $1")
            .bind(webhook.id.to_string())
            .scalar(&mut tx)
            .await?;
        if there == 0 {
            return Ok(false);
        }
        refuse_same_url(&others(&mut tx, webhook).await?, webhook)?;
        self.write_webhook(tx, webhook).await?;
        Ok(true)
    }

    async fn write_webhook(&self, mut tx: Transaction, webhook: &Webhook) -> Result<(), WebhookError> {
        query(
            "INSERT INTO webhooks (id, url, events, secret, is_enabled, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET url = excluded.url, events = excluded.events, secret = excluded.secret,
                 is_enabled = excluded.is_enabled, updated_at = excluded.updated_at",
        )
        .bind(webhook.id.to_string())
        .bind(webhook.url.as_str())
        .bind(serde_json::json!(webhook.events.names()).to_string())
        .bind(webhook.secret.as_str())
        .bind(webhook.is_enabled)
        .bind(webhook.created_at.as_millis())
        .bind(webhook.updated_at.as_millis())
        .execute(&mut tx)
        .await?;
        tx.wake(Waiting::Deliveries);
        tx.wake(Waiting::Receivers);
        self.commit_account(tx).await?;
        Ok(())
    }

    /// A receiver by its id.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = query("SELECT * FROM webhooks WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| Webhook::of_row(&row)).transpose()
    }

    /// All receivers, the oldest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows = query("SELECT * FROM webhooks ORDER BY created_at, id")
            .fetch_all(self.database().reader())
            .await?;
        rows.iter().map(Webhook::of_row).collect()
    }

    /// Removes a receiver and the messages to it; false if there was none.
    pub async fn remove_webhook(&self, id: WebhookId) -> Result<bool, StoreError> {
        let mut tx = self.database().begin().await?;
        let removed = query("DELETE FROM webhooks WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    /// Makes messages of the oldest events that nobody has dealt with. `write` gives the message of an event, with the
    /// version that it is about if that is still there. `cause` gives the job that the events cause besides, if there is one.
    pub async fn hand_over(
        &self,
        limit: u32,
        now: Timestamp,
        write: &(dyn Fn(&Event, Option<&Asset>) -> Message + Sync),
        cause: &(dyn Fn(&[Event]) -> Option<NewJob<'static>> + Sync),
    ) -> Result<HandedOver, StoreError> {
        const WAITING: &str = "SELECT id, kind, file_id, body, created_at FROM outbox
             WHERE delivered_at IS NULL ORDER BY id LIMIT $1";
        let waiting = || query(WAITING).bind(i64::from(limit));
        if waiting().fetch_optional(self.database().reader()).await?.is_none() {
            return Ok(HandedOver::default());
        }
        let mut tx = self.database().begin().await?;
        let rows = match tx.dialect() {
            Dialect::Sqlite => waiting().fetch_all(&mut tx).await?,
            Dialect::Postgres => {
                let sql = format!("{WAITING} FOR UPDATE SKIP LOCKED");
                query(sql).bind(i64::from(limit)).fetch_all(&mut tx).await?
            }
        };
        let events = rows.iter().map(Event::of_row).collect::<Result<Vec<_>, _>>()?;
        let receivers = query("SELECT * FROM webhooks WHERE is_enabled ORDER BY created_at, id")
            .fetch_all(&mut tx)
            .await?;
        let receivers = receivers.iter().map(Webhook::of_row).collect::<Result<Vec<_>, _>>()?;
        let mut deliveries = Vec::new();
        for event in &events {
            // Nobody hears of what was before they were registered.
            let wants =
                |receiver: &&Webhook| receiver.events.want(event.kind) && receiver.created_at <= event.created_at;
            let mut wanting = receivers.iter().filter(wants).peekable();
            if wanting.peek().is_none() {
                continue;
            }
            let asset = version_of(&mut tx, event).await?;
            let message = write(event, asset.as_ref());
            for receiver in wanting {
                deliveries.push((Some(receiver.id), receiver.url.as_str(), message.clone()));
            }
        }
        insert(&mut tx, &deliveries, now).await?;
        if let Some(job) = cause(&events) {
            jobs::enqueue(&mut tx, &job, now).await?;
        }
        if !events.is_empty() {
            let mut sql = Sql::new("UPDATE outbox SET delivered_at = ");
            sql.push_bind(now.as_millis())
                .push(" WHERE id IN (")
                .push_list(events.iter().map(|event| event.id))
                .push(")");
            sql.build().execute(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(HandedOver {
            events: events.len() as u64,
            messages: deliveries.len() as u64,
        })
    }

    /// Puts one message on its way to a receiver.
    pub async fn send(
        &self,
        webhook: WebhookId,
        url: &str,
        message: &Message,
        now: Timestamp,
    ) -> Result<DeliveryId, StoreError> {
        let mut tx = self.database().begin().await?;
        let ids = insert(&mut tx, &[(Some(webhook), url, message.clone())], now).await?;
        tx.commit().await?;
        ids.first()
            .copied()
            .ok_or_else(|| StoreError::unreadable("webhook_deliveries.id", "nothing was inserted"))
    }

    /// Takes messages that are due, those that have waited longest first; none for who is in `busy`, and none for
    /// receivers that are not enabled. They are the caller's for `length`.
    pub async fn take_deliveries(
        &self,
        limit: u32,
        busy: &Busy,
        length: Duration,
        now: Timestamp,
    ) -> Result<Vec<Sending>, StoreError> {
        let due = |now: Timestamp| {
            let mut sql = Sql::new(
                "SELECT d.id FROM webhook_deliveries d
                 WHERE d.delivered_at IS NULL AND d.given_up_at IS NULL AND d.run_at <= ",
            );
            sql.push_bind(now.as_millis())
                .push(" AND (d.leased_until IS NULL OR d.leased_until <= ")
                .push_bind(now.as_millis())
                .push(
                    ") AND (d.webhook_id IS NULL
                         OR EXISTS (SELECT 1 FROM webhooks w WHERE w.id = d.webhook_id AND w.is_enabled)",
                );
            sql.push(")");
            for (hosts, whose) in [(&busy.hosts, "NOT NULL"), (&busy.callback_hosts, "NULL")] {
                if !hosts.is_empty() {
                    sql.push(format!(" AND NOT (d.webhook_id IS {whose} AND d.host IN ("))
                        .push_list(hosts)
                        .push("))");
                }
            }
            if busy.callbacks {
                sql.push(" AND d.webhook_id IS NOT NULL");
            }
            sql.push(" ORDER BY d.run_at, d.id LIMIT ").push_bind(i64::from(limit));
            sql
        };
        if due(now)
            .build()
            .fetch_optional(self.database().reader())
            .await?
            .is_none()
        {
            return Ok(Vec::new());
        }
        let owner = random_text(OWNER_CHARS);
        let mut tx = self.database().begin().await?;
        let mut sql = due(now);
        if tx.dialect() == Dialect::Postgres {
            sql.push(" FOR UPDATE OF d SKIP LOCKED");
        }
        let ids: Vec<String> = sql.build().scalars(&mut tx).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("UPDATE webhook_deliveries SET attempts = attempts + 1, lease_owner = ");
        sql.push_bind(owner.as_str())
            .push(", leased_until = ")
            .push_bind(now.saturating_add(length).as_millis())
            .push(" WHERE id IN (")
            .push_list(ids.iter())
            .push(
                ") RETURNING *, (SELECT w.secret FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id) AS secret",
            );
        let rows = sql.build().fetch_all(&mut tx).await?;
        let mut taken = rows
            .iter()
            .map(|row| {
                Ok(Sending {
                    delivery: Delivery::of_row(row)?,
                    secret: row.try_get("secret")?,
                    owner: owner.clone(),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        tx.commit().await?;
        taken.sort_by_key(|sending| (sending.delivery.run_at, sending.delivery.id));
        Ok(taken)
    }

    /// Writes down how an attempt ended. Nothing if somebody else has taken the message meanwhile.
    pub async fn note_attempt(&self, sending: &Sending, attempt: &Attempt, now: Timestamp) -> Result<(), StoreError> {
        let ended = |is: bool| is.then_some(now.as_millis());
        let accepted = attempt.error.is_none();
        let mut tx = self.database().begin().await?;
        query(
            "UPDATE webhook_deliveries SET last_status = $3, last_error = $4, delivered_at = $5, given_up_at = $6,
                 run_at = COALESCE($7, run_at), lease_owner = NULL, leased_until = NULL
             WHERE id = $1 AND lease_owner = $2",
        )
        .bind(sending.delivery.id.to_string())
        .bind(sending.owner.as_str())
        .bind(attempt.status.map(i64::from))
        .bind(attempt.error.as_deref().map(shortened))
        .bind(ended(accepted))
        .bind(ended(!accepted && attempt.again_at.is_none()))
        .bind(attempt.again_at.map(Timestamp::as_millis))
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Messages to a receiver, the newest first.
    pub async fn deliveries(&self, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows =
            query("SELECT * FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2")
                .bind(webhook.to_string())
                .bind(i64::from(limit))
                .fetch_all(self.database().reader())
                .await?;
        rows.iter().map(Delivery::of_row).collect()
    }

    /// When the next message is due that nobody has taken, if there is one.
    pub async fn next_delivery(&self) -> Result<Option<Timestamp>, StoreError> {
        let ms: Option<i64> = query(
            "SELECT MIN(run_at) FROM webhook_deliveries
             WHERE delivered_at IS NULL AND given_up_at IS NULL AND leased_until IS NULL",
        )
        .scalar(self.database().reader())
        .await?;
        ms.map(|ms| {
            Timestamp::from_millis(ms).map_err(|error| StoreError::unreadable("webhook_deliveries.run_at", error))
        })
        .transpose()
    }

    /// Removes events and messages that came to their end before a moment, and messages that no receiver wants any more;
    /// how many of each.
    pub async fn remove_old_messages(&self, before: Timestamp) -> Result<(u64, u64), StoreError> {
        let mut tx = self.database().begin().await?;
        let events = query("DELETE FROM outbox WHERE delivered_at IS NOT NULL AND delivered_at < $1")
            .bind(before.as_millis())
            .execute(&mut tx)
            .await?;
        // The last condition: to a receiver that was disabled before they could be sent.
        let messages = query(
            "DELETE FROM webhook_deliveries WHERE (delivered_at IS NOT NULL AND delivered_at < $1)
                 OR (given_up_at IS NOT NULL AND given_up_at < $1) OR (leased_until IS NULL AND run_at < $1)",
        )
        .bind(before.as_millis())
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok((events, messages))
    }

    /// Returns when this process has written an event since the last time.
    pub async fn event_written(&self) {
        self.database().wakers().of(Waiting::Events).notified().await;
    }

    /// Returns when this process has registered or changed a receiver since the last time.
    pub async fn receiver_changed(&self) {
        self.database().wakers().of(Waiting::Receivers).notified().await;
    }

    /// Returns when this process has put a message on its way since the last time.
    pub async fn message_sent(&self) {
        self.database().wakers().of(Waiting::Deliveries).notified().await;
    }
}

/// Where the other receivers are.
async fn others(tx: &mut Transaction, webhook: &Webhook) -> Result<Vec<(WebhookId, String)>, StoreError> {
    let rows = query("SELECT id, url FROM webhooks WHERE id <> $1")
        .bind(webhook.id.to_string())
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| Ok((id(row.try_get("id")?, "webhooks.id")?, row.try_get("url")?)))
        .collect()
}

fn refuse_same_url(others: &[(WebhookId, String)], webhook: &Webhook) -> Result<(), WebhookError> {
    match others.iter().any(|(_, url)| *url == webhook.url) {
        true => Err(WebhookError::UrlTaken),
        false => Ok(()),
    }
}

/// The version that an event is about, if it says so.
async fn version_of(tx: &mut Transaction, event: &Event) -> Result<Option<Asset>, StoreError> {
    let Some(version) = event.body.get("versionId").and_then(Value::as_str) else {
        return Ok(None);
    };
    let row = query(format!("SELECT {ASSET_COLUMNS} FROM versions v WHERE v.id = $1"))
        .bind(version)
        .fetch_optional(tx)
        .await?;
    row.map(|row| Asset::of_row(&row)).transpose()
}

/// Puts a callback on its way, in the transaction that causes it.
pub(crate) async fn call_back(tx: &mut Transaction, callback: &Callback, now: Timestamp) -> Result<(), sqlx::Error> {
    insert(tx, &[(None, callback.url.as_str(), callback.message.clone())], now).await?;
    Ok(())
}

/// What is bounded together: whoever answers under one name, whatever the port.
fn host_of(url: &str) -> String {
    let url = url::Url::parse(url).ok();
    url.and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

async fn insert(
    tx: &mut Transaction,
    deliveries: &[(Option<WebhookId>, &str, Message)],
    now: Timestamp,
) -> Result<Vec<DeliveryId>, sqlx::Error> {
    let mut ids = Vec::new();
    for some in deliveries.chunks(ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO webhook_deliveries (id, webhook_id, url, host, event_id, event_type, body, run_at, created_at)
             VALUES ",
        );
        for (at, (webhook, url, message)) in some.iter().enumerate() {
            let id = DeliveryId::generate(now);
            ids.push(id);
            sql.push(if at > 0 { ", (" } else { "(" });
            sql.push_list::<Bound>([
                id.to_string().into(),
                webhook.map(|id| id.to_string()).into(),
                (*url).into(),
                host_of(url).into(),
                message.id.as_str().into(),
                message.event_type.as_str().into(),
                message.body.as_str().into(),
                now.as_millis().into(),
                now.as_millis().into(),
            ]);
            sql.push(")");
        }
        sql.build().execute(&mut *tx).await?;
    }
    if !deliveries.is_empty() {
        tx.wake(Waiting::Deliveries);
    }
    Ok(ids)
}

fn id<T: std::str::FromStr<Err = crate::id::IdError>>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|error| StoreError::unreadable(column, error))
}

fn optional_time(row: &Row, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    match row.try_get::<Option<i64>, _>(column)? {
        Some(_) => timestamp(row, column).map(Some),
        None => Ok(None),
    }
}

impl Webhook {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        let names: Vec<String> = serde_json::from_str(row.try_get("events")?)
            .map_err(|error| StoreError::unreadable("webhooks.events", error))?;
        Ok(Self {
            id: id(row.try_get("id")?, "webhooks.id")?,
            url: row.try_get("url")?,
            events: WantedEvents::parse(names.iter().map(String::as_str))
                .map_err(|name| StoreError::unreadable("webhooks.events", name))?,
            secret: row.try_get("secret")?,
            is_enabled: row.try_get("is_enabled")?,
            created_at: timestamp(row, "created_at")?,
            updated_at: timestamp(row, "updated_at")?,
        })
    }
}

impl Delivery {
    fn of_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(row.try_get("id")?, "webhook_deliveries.id")?,
            webhook: row
                .try_get::<Option<&str>, _>("webhook_id")?
                .map(|text| id(text, "webhook_deliveries.webhook_id"))
                .transpose()?,
            url: row.try_get("url")?,
            host: row.try_get("host")?,
            message: Message {
                id: row.try_get("event_id")?,
                event_type: row.try_get("event_type")?,
                body: row.try_get("body")?,
            },
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            run_at: timestamp(row, "run_at")?,
            last_status: row
                .try_get::<Option<i64>, _>("last_status")?
                .and_then(|status| u16::try_from(status).ok()),
            last_error: row.try_get("last_error")?,
            created_at: timestamp(row, "created_at")?,
            delivered_at: optional_time(row, "delivered_at")?,
            given_up_at: optional_time(row, "given_up_at")?,
        })
    }
}
