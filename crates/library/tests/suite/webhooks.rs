//! Events become messages once, and messages reach their receivers.

use std::time::Duration;

use library::{
    ACCOUNT_WEBHOOKS, Asset, Attempt, Busy, Callback, Event, EventKind, HandedOver, Library, Message, NewJob,
    Timestamp, WantedEvents, Webhook, WebhookError, WebhookId,
};
use serde_json::json;

use crate::bench::{Bench, at, upload};

const MINUTE: Duration = Duration::from_secs(60);

async fn register(library: &Library, events: WantedEvents) -> WebhookId {
    let id = WebhookId::generate(Timestamp::now());
    let webhook = Webhook {
        id,
        url: format!("http://h/{id}"),
        events,
        secret: "sealed".into(),
        is_enabled: true,
        created_at: at(1),
        updated_at: at(1),
    };
    library.put_webhook(&webhook).await.expect("registered");
    assert_eq!(library.webhook(id).await.expect("read"), Some(webhook));
    id
}

async fn hand_over(library: &Library, now: i64) -> HandedOver {
    hand_over_with(library, now, &|_| None).await
}

async fn hand_over_with(
    library: &Library,
    now: i64,
    cause: &(dyn Fn(&[Event]) -> Option<NewJob<'static>> + Sync),
) -> HandedOver {
    let write = |event: &Event, asset: Option<&Asset>| Message {
        id: format!("e{}", event.id),
        event_type: event.kind.as_str().into(),
        body: asset.map(|asset| asset.path()).unwrap_or_default(),
    };
    library
        .hand_over(100, at(now), &write, cause)
        .await
        .expect("handed over")
}

#[tokio::test]
async fn events_may_cause_a_job_once() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/a.txt", b"x", 1).await.expect("uploaded");
    upload(library, "/b.txt", b"x", 1).await.expect("uploaded");
    let cause = |events: &[Event]| {
        (!events.is_empty()).then(|| NewJob {
            kind: "about-events",
            input: json!({ "events": events.len() }),
            total: None,
            run_at: at(2),
        })
    };
    assert_eq!(hand_over_with(library, 2, &cause).await.events, 2);
    assert_eq!(hand_over_with(library, 2, &cause).await.events, 0);
    let length = Duration::from_secs(9);
    let take = || library.take_job(&["about-events"], length, at(3));
    let lease = take().await.expect("read").expect("a job");
    assert_eq!(lease.job.input, json!({ "events": 2 }));
    assert!(take().await.expect("read").is_none());
}

#[tokio::test]
async fn every_event_becomes_one_message_for_each_receiver_that_wants_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/before.txt", b"x", 1).await.expect("uploaded");
    assert_eq!(hand_over(library, 1).await, HandedOver { events: 1, messages: 0 });
    let all = register(library, WantedEvents::All).await;
    let deleted = register(library, WantedEvents::Some(vec![EventKind::FileDeleted])).await;
    let file = upload(library, "/a.txt", b"x", 2).await.expect("uploaded");
    library.delete(file.id, at(3)).await.expect("deleted");
    assert_eq!(hand_over(library, 4).await, HandedOver { events: 2, messages: 3 });
    assert_eq!(hand_over(library, 5).await, HandedOver::default());
    let to_all = library.deliveries(all, 10).await.expect("read");
    let mut types: Vec<&str> = to_all.iter().map(|sent| sent.message.event_type.as_str()).collect();
    types.sort_unstable();
    assert_eq!(types, ["file.created", "file.deleted"]);
    assert_eq!(library.deliveries(deleted, 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn two_nodes_hand_an_event_over_once() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let all = register(library, WantedEvents::All).await;
    for n in 0..30 {
        upload(library, &format!("/{n}.txt"), b"x", 2).await.expect("uploaded");
    }
    let node = |library: Library| async move { while hand_over(&library, 3).await.events > 0 {} };
    let nodes: Vec<_> = (0..3).map(|_| tokio::spawn(node(library.clone()))).collect();
    for node in nodes {
        node.await.expect("ran");
    }
    node(library.clone()).await;
    let sent = library.deliveries(all, 1000).await.expect("read");
    assert_eq!(sent.len(), 30);
    assert!(
        sent.iter().all(|sent| sent.message.body.ends_with(".txt")),
        "the file was at hand"
    );
}

#[tokio::test]
async fn a_message_is_taken_by_one_until_it_is_accepted_or_given_up() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let id = register(library, WantedEvents::All).await;
    let message = Message {
        id: "e".into(),
        event_type: "test".into(),
        body: "{}".into(),
    };
    library.send(id, "http://h/", &message, at(0)).await.expect("sent");
    let nobody = Busy::default();
    let take = |now| library.take_deliveries(10, &nobody, MINUTE, at(now));
    let first = take(0).await.expect("asked").remove(0);
    assert_eq!((first.delivery.attempts, first.secret.as_deref()), (1, Some("sealed")));
    assert!(take(59_999).await.expect("asked").is_empty());
    let second = take(60_000).await.expect("asked").remove(0);
    let failed = Attempt {
        status: Some(503),
        error: Some("busy".into()),
        again_at: Some(at(100_000)),
    };
    // The one whose time was up has nothing to say.
    let accepted = Attempt {
        status: Some(200),
        error: None,
        again_at: None,
    };
    library
        .note_attempt(&first, &accepted, at(60_001))
        .await
        .expect("noted");
    library.note_attempt(&second, &failed, at(60_002)).await.expect("noted");
    assert_eq!(library.next_delivery().await.expect("read"), Some(at(100_000)));
    assert!(take(99_999).await.expect("asked").is_empty());
    let third = take(100_000).await.expect("asked").remove(0);
    assert_eq!((third.delivery.attempts, third.delivery.last_status), (3, Some(503)));
    library
        .note_attempt(&third, &accepted, at(100_001))
        .await
        .expect("noted");
    let sent = library.deliveries(id, 10).await.expect("read").remove(0);
    assert_eq!(
        (sent.delivered_at, sent.given_up_at, sent.last_error),
        (Some(at(100_001)), None, None)
    );
    assert!(take(999_999).await.expect("asked").is_empty());
    assert_eq!(library.remove_old_messages(at(100_002)).await.expect("removed"), (0, 1));
}

#[tokio::test]
async fn a_disabled_or_removed_receiver_gets_nothing() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let id = register(library, WantedEvents::All).await;
    upload(library, "/a.txt", b"x", 2).await.expect("uploaded");
    hand_over(library, 3).await;
    let webhook = library.webhook(id).await.expect("read").expect("there");
    library
        .put_webhook(&Webhook {
            is_enabled: false,
            ..webhook
        })
        .await
        .expect("changed");
    assert!(
        library
            .take_deliveries(10, &Busy::default(), MINUTE, at(10))
            .await
            .expect("asked")
            .is_empty()
    );
    upload(library, "/b.txt", b"x", 2).await.expect("uploaded");
    assert_eq!(hand_over(library, 11).await, HandedOver { events: 1, messages: 0 });
    assert!(library.remove_webhook(id).await.expect("removed"));
    assert!(!library.remove_webhook(id).await.expect("asked"));
    assert!(library.deliveries(id, 10).await.expect("read").is_empty());
}

#[tokio::test]
async fn who_is_busy_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let hook = register(library, WantedEvents::All).await;
    let message = |id: &str| Message {
        id: id.into(),
        event_type: "test".into(),
        body: "{}".into(),
    };
    let job = NewJob {
        kind: "a",
        input: json!({}),
        total: None,
        run_at: at(0),
    };
    for (n, url) in [
        "http://slow.example:81/x",
        "https://user@SLOW.example/y",
        "http://fast.example/",
    ]
    .into_iter()
    .enumerate()
    {
        library
            .send(hook, url, &message(&format!("e{n}")), at(1))
            .await
            .expect("sent");
        library.enqueue(job.clone(), at(1)).await.expect("enqueued");
        let lease = library
            .take_job(&["a"], MINUTE, at(1))
            .await
            .expect("asked")
            .expect("a job");
        let callback = Callback {
            url: url.into(),
            message: message(&format!("c{n}")),
        };
        library
            .complete_job_and_tell(&lease, &json!({}), &callback, at(1))
            .await
            .expect("told");
    }
    let slow = || vec!["slow.example".to_owned()];
    for (busy, expected) in [
        (
            Busy {
                hosts: slow(),
                callback_hosts: slow(),
                callbacks: false,
            },
            &["c2", "e2"][..],
        ),
        (
            Busy {
                callback_hosts: slow(),
                ..Busy::default()
            },
            &["e0", "e1"],
        ),
        (
            Busy {
                callbacks: true,
                ..Busy::default()
            },
            &[],
        ),
        (Busy::default(), &["c0", "c1"]),
    ] {
        let taken = library.take_deliveries(10, &busy, MINUTE, at(2)).await.expect("asked");
        let mut ids: Vec<&str> = taken
            .iter()
            .map(|sending| sending.delivery.message.id.as_str())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{busy:?}");
    }
}

#[tokio::test]
async fn few_receivers_by_the_rules_of_the_api_and_none_twice() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let hook = |id: WebhookId, url: &str| Webhook {
        id,
        url: url.to_owned(),
        events: WantedEvents::All,
        secret: "sealed".into(),
        is_enabled: true,
        created_at: at(1),
        updated_at: at(1),
    };
    let new = |url: &str| hook(WebhookId::generate(at(1)), url);
    // That of the settings counts for nothing.
    let settings = hook(WebhookId::OF_SETTINGS, "http://h/settings");
    library.put_webhook(&settings).await.expect("registered");
    let mut made: Vec<Webhook> = (0..ACCOUNT_WEBHOOKS).map(|n| new(&format!("http://h/{n}"))).collect();
    let (last, first) = made.split_last().expect("some");
    for webhook in first {
        library.create_account_webhook(webhook).await.expect("registered");
    }
    let taken = library.create_account_webhook(&new("http://h/0")).await;
    assert!(matches!(taken, Err(WebhookError::UrlTaken)), "{taken:?}");
    // Two at the same time: one is the last.
    let other = new("http://h/other");
    let both = tokio::join!(
        library.create_account_webhook(last),
        library.create_account_webhook(&other)
    );
    let refused = match both {
        (Ok(()), refused) | (refused, Ok(())) => refused,
        neither => panic!("{neither:?}"),
    };
    assert!(
        matches!(refused, Err(WebhookError::TooMany(ACCOUNT_WEBHOOKS))),
        "{refused:?}"
    );
    let mut changed = made.remove(0);
    changed.url = "http://h/1".into();
    let taken = library.change_account_webhook(&changed).await;
    assert!(matches!(taken, Err(WebhookError::UrlTaken)), "{taken:?}");
    changed.url = "http://h/settings-of-mine".into();
    assert!(library.change_account_webhook(&changed).await.expect("changed"));
    assert_eq!(library.webhook(changed.id).await.expect("read"), Some(changed.clone()));
    library.remove_webhook(changed.id).await.expect("removed");
    assert!(!library.change_account_webhook(&changed).await.expect("an answer"));
    assert_eq!(
        library.webhook(changed.id).await.expect("read"),
        None,
        "it stays removed"
    );
}
