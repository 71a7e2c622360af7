//! Webhooks: events become messages, messages are signed and sent until they are accepted or a day has gone by.

pub mod signature;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use library::{
    Asset, Attempt, Busy, Callback, DeliveryId, Event, EventKind, Message, Sending, StoreError, Subject, Timestamp,
    WantedEvents, Webhook, WebhookId,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;

use super::App;
use super::seal::SealError;
use crate::api::file_object;

/// A receiver has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than an attempt takes, so that nobody else sends the message meanwhile.
const LEASE: Duration = Duration::from_secs(90);
/// A message is given up when it is this old.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
const FIRST_GAP: Duration = Duration::from_secs(5);
const LONGEST_GAP: Duration = Duration::from_secs(3 * 3600);
/// Messages sent at the same time.
const AT_ONCE: usize = 64;
/// Callbacks among them: whoever may upload chooses where those go, and must not hold up the receivers of events.
const CALLBACKS_AT_ONCE: usize = 32;
/// Messages to one host, so that a slow one does not hold up the others: so many events, and so many callbacks.
const AT_ONCE_TO_ONE: usize = 4;
/// Events in one transaction.
const BATCH: u32 = 100;
/// Events and messages that this process did not hear of are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While nobody wants events they are only marked, now and then: an upload should not cost two transactions.
const LOOK_WITHOUT_RECEIVERS: Duration = Duration::from_secs(10);

/// The type of the message that a test sends.
pub const TEST_TYPE: &str = "webhook.test";

/// A new secret.
pub fn new_secret() -> SecretString {
    format!("whsec_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into()
}

/// Seals a receiver's secret for the database.
pub fn seal(app: &App, id: WebhookId, secret: &SecretString) -> Result<String, SealError> {
    app.seal.seal(&place(id), secret)
}

/// The secret of a receiver as it was before it was sealed.
pub fn open(app: &App, id: WebhookId, sealed: &str) -> Result<SecretString, SealError> {
    app.seal.open(&place(id), sealed)
}

fn place(id: WebhookId) -> String {
    format!("webhooks/{id}")
}

/// Registers, changes or removes the receiver that the settings name.
pub async fn register_settings(
    app: &App,
    url: Option<&str>,
    secret: Option<&SecretString>,
) -> Result<(), Box<dyn std::error::Error>> {
    let id = WebhookId::OF_SETTINGS;
    let (Some(url), Some(secret)) = (url, secret) else {
        app.library.remove_webhook(id).await?;
        return Ok(());
    };
    let now = Timestamp::now();
    let known = app.library.webhook(id).await?;
    let webhook = Webhook {
        id,
        url: url.to_owned(),
        events: WantedEvents::All,
        secret: seal(app, id, secret)?,
        is_enabled: true,
        created_at: known.map_or(now, |known| known.created_at),
        updated_at: now,
    };
    app.library.put_webhook(&webhook).await?;
    Ok(())
}

/// The result of an extension, for the URL that its request named: signed with the secret of the settings if there is one.
pub fn callback(url: &str, body: &Value) -> Callback {
    Callback {
        url: url.to_owned(),
        message: Message {
            id: Uuid::new_v4().to_string(),
            event_type: "extension.callback".to_owned(),
            body: body.to_string(),
        },
    }
}

/// Puts a message on its way that says nothing but that it arrives.
pub async fn send_test(app: &App, webhook: &Webhook) -> Result<DeliveryId, StoreError> {
    let now = Timestamp::now();
    let message = envelope(TEST_TYPE, now, json!({ "webhookId": webhook.id }), &Map::new());
    app.library.send(webhook.id, &webhook.url, &message, now).await
}

fn envelope(event_type: &str, at: Timestamp, data: Value, others: &Map<String, Value>) -> Message {
    let id = Uuid::new_v4().to_string();
    let mut body = Map::new();
    body.insert("id".into(), json!(id));
    body.insert("type".into(), json!(event_type));
    body.insert("created_at".into(), json!(at));
    for key in ["request", "timings"] {
        if let Some(value) = others.get(key) {
            body.insert(key.into(), value.clone());
        }
    }
    body.insert("data".into(), data);
    Message {
        id,
        event_type: event_type.to_owned(),
        body: Value::Object(body).to_string(),
    }
}

/// What a receiver is told of an event. `object` is the file object, if the file is still there, or the folder object.
fn message(event: &Event, object: Option<Value>) -> Message {
    let nothing = Map::new();
    let facts = event.body.as_object().unwrap_or(&nothing);
    let fact = |key: &str| facts.get(key).cloned().unwrap_or_default();
    let id = match event.subject {
        Subject::File(id) => json!(id),
        Subject::Folder(id) => json!(id),
    };
    let data = match (facts.get("data"), event.kind, object) {
        (Some(data), ..) => data.clone(),
        (None, EventKind::FileDeleted, _) => json!({ "fileId": id }),
        (None, EventKind::FileVersionDeleted, _) => json!({ "fileId": id, "versionId": fact("versionId") }),
        (None, EventKind::FolderDeleted, _) => json!({ "folderId": id }),
        (None, _, Some(object)) => object,
        // A file that is gone since: what it was is not known any more.
        (None, _, None) => {
            let path = fact("filePath");
            let name = path
                .as_str()
                .and_then(|path| path.rsplit('/').next())
                .unwrap_or_default();
            json!({ "type": "file", "fileId": id, "name": name, "filePath": path })
        }
    };
    envelope(event.kind.as_str(), event.created_at, data, facts)
}

/// Makes messages of events, until the server stops.
pub async fn hand_over(app: App, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        let wait = match hand_over_once(&app).await {
            Ok(0) => LOOK_EVERY,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "events could not be handed over"
                );
                LOOK_EVERY
            }
        };
        let has_receivers = app.edge.purges_changes() || app.library.webhooks().await.is_ok_and(|all| !all.is_empty());
        if !has_receivers {
            tokio::select! {
                () = app.library.receiver_changed() => {}
                () = tokio::time::sleep(LOOK_WITHOUT_RECEIVERS) => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
            continue;
        }
        tokio::select! {
            () = app.library.event_written() => {}
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
}

async fn hand_over_once(app: &App) -> Result<u64, StoreError> {
    let place = &app.url_endpoint;
    let write = |event: &Event, asset: Option<&Asset>| {
        let folder = event.folder().map(|folder| file_object::folder(&folder, place));
        message(
            event,
            folder.or_else(|| asset.map(|asset| file_object::file(asset, place))),
        )
    };
    let now = Timestamp::now();
    let cause = |events: &[Event]| app.edge.follow_up(events, now);
    let handed = app.library.hand_over(BATCH, now, &write, &cause).await?;
    Ok(handed.events)
}

/// Sends messages, until the server stops; then waits for those under way.
pub async fn send_all(app: App, mut stopping: watch::Receiver<bool>) {
    let mut sending: JoinSet<()> = JoinSet::new();
    let mut under_way: HashMap<Id, Lane> = HashMap::new();
    while !*stopping.borrow() {
        while let Some(sent) = sending.try_join_next_with_id() {
            under_way.remove(&id_of(&sent));
        }
        let (room, busy) = room(under_way.values());
        let mut found = 0;
        if room > 0 {
            let taken = app.library.take_deliveries(room, &busy, LEASE, Timestamp::now()).await;
            match taken {
                Ok(taken) => {
                    found = taken.len();
                    for one in taken {
                        let lane = Lane::of(&one.delivery);
                        under_way.insert(sending.spawn(send(app.clone(), one)).id(), lane);
                    }
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "messages could not be looked for"
                ),
            }
        }
        if found > 0 {
            continue;
        }
        tokio::select! {
            Some(sent) = sending.join_next_with_id(), if !sending.is_empty() => {
                under_way.remove(&id_of(&sent));
            }
            () = app.library.message_sent() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    while sending.join_next().await.is_some() {}
}

/// What messages share the time of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Lane {
    is_callback: bool,
    host: String,
}

impl Lane {
    fn of(delivery: &library::Delivery) -> Self {
        Self {
            is_callback: delivery.webhook.is_none(),
            host: delivery.host.clone(),
        }
    }
}

/// How many more messages may be taken beside those under way, whoever they are for, and who gets none.
fn room<'a>(under_way: impl Iterator<Item = &'a Lane>) -> (u32, Busy) {
    let mut lanes: BTreeMap<&Lane, usize> = BTreeMap::new();
    for lane in under_way {
        *lanes.entry(lane).or_default() += 1;
    }
    let total: usize = lanes.values().sum();
    let callbacks: usize = lanes.iter().filter(|(lane, _)| lane.is_callback).map(|(_, n)| n).sum();
    let mut busy = Busy {
        callbacks: callbacks >= CALLBACKS_AT_ONCE,
        ..Busy::default()
    };
    // All that are taken may be for one host, so as many as every one has room for.
    let mut room = AT_ONCE_TO_ONE.min(AT_ONCE.saturating_sub(total));
    if !busy.callbacks {
        room = room.min(CALLBACKS_AT_ONCE - callbacks);
    }
    for (lane, count) in lanes {
        if count < AT_ONCE_TO_ONE {
            room = room.min(AT_ONCE_TO_ONE - count);
        } else if lane.is_callback {
            busy.callback_hosts.push(lane.host.clone());
        } else {
            busy.hosts.push(lane.host.clone());
        }
    }
    (u32::try_from(room).unwrap_or(0), busy)
}

fn id_of<T>(ended: &Result<(Id, T), JoinError>) -> Id {
    match ended {
        Ok((id, _)) => *id,
        Err(error) => error.id(),
    }
}

/// One attempt.
async fn send(app: App, sending: Sending) {
    let delivery = &sending.delivery;
    let answer = post(&app, &sending).await;
    let now = Timestamp::now();
    let (status, error) = match answer {
        Ok(status) if is_accepted(delivery.webhook, status) => (Some(status), None),
        Ok(status) => (Some(status), Some(format!("the receiver answered {status}"))),
        Err(reason) => (None, Some(reason)),
    };
    let again_at = error
        .as_ref()
        .and_then(|_| again_at(delivery.created_at, delivery.attempts, now));
    if let Some(reason) = &error {
        tracing::debug!(id = %delivery.id, reason, attempts = delivery.attempts, "a message was not accepted");
    }
    let attempt = Attempt {
        status,
        error,
        again_at,
    };
    if let Err(error) = app.library.note_attempt(&sending, &attempt, now).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "how a message was received could not be written"
        );
    }
}

/// Any 2xx; of who is told of an extension, 200.
fn is_accepted(webhook: Option<WebhookId>, status: u16) -> bool {
    match webhook {
        Some(_) => (200..300).contains(&status),
        None => status == 200,
    }
}

/// After five seconds, then three times as long each time; none when the message is then too old.
fn again_at(created_at: Timestamp, attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let gap = FIRST_GAP
        .saturating_mul(3_u32.saturating_pow(attempts.saturating_sub(1)))
        .min(LONGEST_GAP);
    let at = now.saturating_add(gap);
    (at <= created_at.saturating_add(GIVE_UP_AFTER)).then_some(at)
}

async fn post(app: &App, sending: &Sending) -> Result<u16, String> {
    let delivery = &sending.delivery;
    let secret = match (&sending.secret, delivery.webhook) {
        (Some(sealed), Some(id)) => Some(open(app, id, sealed).map_err(|error| error.to_string())?),
        _ => app.webhook_secret.clone(),
    };
    let headers = headers(secret.as_ref(), &delivery.message, Timestamp::now()).ok_or("a header cannot be written")?;
    let body = bytes::Bytes::from(delivery.message.body.clone());
    let posted = app.fetcher.post(&delivery.url, headers, body, TIMEOUT).await;
    posted.map_err(|error| error.to_string())
}

fn headers(secret: Option<&SecretString>, message: &Message, now: Timestamp) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| -> Option<()> {
        headers.insert(HeaderName::from_static(name), value.parse::<HeaderValue>().ok()?);
        Some(())
    };
    set("webhook-id", message.id.clone())?;
    set("webhook-timestamp", now.as_secs().to_string())?;
    if let Some(secret) = secret.filter(|secret| !secret.expose_secret().is_empty()) {
        let body = message.body.as_bytes();
        set(
            "webhook-signature",
            signature::standard(secret, &message.id, now.as_secs(), body),
        )?;
        set("x-ik-signature", signature::legacy(secret, now.as_millis(), body))?;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    #[test]
    fn gaps_grow_until_a_day_is_over() {
        let mut now = at(0);
        let mut gaps = Vec::new();
        for attempt in 1.. {
            let Some(next) = again_at(at(0), attempt, now) else {
                break;
            };
            gaps.push((next.as_millis() - now.as_millis()) / 1000);
            now = next;
        }
        assert_eq!(gaps[..8], [5, 15, 45, 135, 405, 1215, 3645, 10_800]);
        assert!(now <= at(24 * 3600 * 1000) && now > at(20 * 3600 * 1000), "{now}");
    }

    #[test]
    fn one_host_leaves_room_for_the_others() {
        let lanes = |callbacks: &[usize], events: &[usize]| -> Vec<Lane> {
            let of = |is_callback: bool, counts: &[usize]| -> Vec<Lane> {
                let each = counts.iter().enumerate();
                each.flat_map(|(n, count)| {
                    let host = format!("h{n}");
                    std::iter::repeat_n(Lane { is_callback, host }, *count)
                })
                .collect()
            };
            [of(true, callbacks), of(false, events)].concat()
        };
        for (callbacks, events, expected, busy_callbacks, busy_events) in [
            (&[][..], &[][..], 4, "", ""),
            (&[1], &[3], 1, "", ""),
            (&[4], &[], 4, "h0", ""),
            (&[4], &[4, 2], 2, "h0", "h0"),
            (&[4, 4, 4, 4, 4, 4, 4, 3], &[], 1, "h0 h1 h2 h3 h4 h5 h6", ""),
            // No more callbacks, whoever they are for, and still as many events.
            (&[4; 8], &[], 4, "h0 h1 h2 h3 h4 h5 h6 h7", ""),
            (&[4; 8], &[4; 7], 4, "h0 h1 h2 h3 h4 h5 h6 h7", "h0 h1 h2 h3 h4 h5 h6"),
            (
                &[4; 8],
                &[4; 8],
                0,
                "h0 h1 h2 h3 h4 h5 h6 h7",
                "h0 h1 h2 h3 h4 h5 h6 h7",
            ),
        ] {
            let (room, busy) = room(lanes(callbacks, events).iter());
            assert_eq!(room, expected, "{callbacks:?} {events:?}");
            assert_eq!(busy.callbacks, callbacks.len() == 8 && callbacks[7] == 4);
            assert_eq!(busy.callback_hosts.join(" "), busy_callbacks);
            assert_eq!(busy.hosts.join(" "), busy_events);
        }
    }

    #[test]
    fn only_200_is_good_enough_from_who_hears_of_an_extension() {
        let hook = Some(WebhookId::OF_SETTINGS);
        assert_eq!(
            [200, 204, 302, 500].map(|s| is_accepted(hook, s)),
            [true, true, false, false]
        );
        assert_eq!(
            [200, 204, 302, 500].map(|s| is_accepted(None, s)),
            [true, false, false, false]
        );
    }

    #[test]
    fn events_are_told_as_the_contract_has_them() {
        let event = |kind: EventKind, body| Event {
            id: 1,
            kind,
            subject: match kind.is_of_folders() {
                true => Subject::Folder("65f0c0ffee0123456789abcd".parse().unwrap()),
                false => Subject::File("65f0c0ffee0123456789abcd".parse().unwrap()),
            },
            body,
            created_at: at(1_767_323_045_678),
        };
        let told = |kind, body| {
            let message = message(&event(kind, body), None);
            let mut body: Value = serde_json::from_str(&message.body).unwrap();
            assert_eq!(body["id"], json!(message.id));
            assert!(Uuid::parse_str(&message.id).is_ok());
            body.as_object_mut().unwrap().remove("id");
            body
        };
        let facts = json!({ "fileId": "65f0c0ffee0123456789abcd", "versionId": "65f0c0ffee0123456789abce", "filePath": "/a/b.jpg" });
        let created_at = "2026-01-02T03:04:05.678Z";
        assert_eq!(
            told(EventKind::FileDeleted, facts.clone()),
            json!({ "type": "file.deleted", "created_at": created_at, "data": { "fileId": "65f0c0ffee0123456789abcd" } })
        );
        assert_eq!(
            told(EventKind::FileVersionDeleted, facts.clone())["data"],
            json!({ "fileId": "65f0c0ffee0123456789abcd", "versionId": "65f0c0ffee0123456789abce" })
        );
        assert_eq!(
            told(EventKind::FileCreated, facts)["data"],
            json!({ "type": "file", "fileId": "65f0c0ffee0123456789abcd", "name": "b.jpg", "filePath": "/a/b.jpg" })
        );
        assert_eq!(
            told(EventKind::FolderDeleted, json!({ "folderPath": "/a" }))["data"],
            json!({ "folderId": "65f0c0ffee0123456789abcd" })
        );
        let announced = json!({ "data": { "name": "x" }, "request": { "x_request_id": "r" } });
        assert_eq!(
            told(EventKind::PostTransformSucceeded, announced),
            json!({ "type": "upload.post-transform.success", "created_at": created_at,
                    "request": { "x_request_id": "r" }, "data": { "name": "x" } })
        );
    }
}
