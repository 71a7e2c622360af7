//! What machines find out: written once, over what is there, for the version that was looked at.

use std::time::Duration;

use library::{
    AiTag, Asset, Busy, Callback, Code, Ending, EnrichError, Enrichment, EventKind, FollowUp, JobError, JobState,
    Lease, Library, Message, NewFile, NewJob, SourceTags, Tags, UploadError,
};
use serde_json::{Map, Value, json};

use crate::bench::{Bench, at, new_file, upload};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn ai(name: &str, source: &str) -> AiTag {
    AiTag {
        name: name.into(),
        confidence: 98.5,
        source: source.into(),
    }
}

fn from(source: &str, names: &[&str]) -> Enrichment {
    Enrichment {
        ai_tags: Some(SourceTags {
            source: source.into(),
            tags: names.iter().map(|name| ai(name, source)).collect(),
        }),
        ..Enrichment::default()
    }
}

async fn enrich(bench: &Bench, asset: &Asset, what: &Enrichment, now: i64) -> Result<Asset, EnrichError> {
    bench
        .library
        .enrich(asset.id, asset.version.id, what, None, at(now))
        .await
}

#[tokio::test]
async fn sources_take_the_place_of_what_they_said_before() {
    let bench = Bench::new().await;
    let asset = upload(&bench.library, "/a.jpg", b"a", 1).await.expect("uploaded");
    enrich(&bench, &asset, &from("one", &["Sea", "Boat"]), 2)
        .await
        .expect("enriched");
    enrich(&bench, &asset, &from("two", &["Sea"]), 3)
        .await
        .expect("enriched");
    let now = enrich(&bench, &asset, &from("one", &["Sky"]), 4)
        .await
        .expect("enriched");
    assert_eq!(now.ai_tags, [ai("Sea", "two"), ai("Sky", "one")]);
    assert_eq!(now.updated_at, at(4));
    let stored = bench.library.file(asset.id).await.expect("read").expect("there");
    assert_eq!(stored, now);
}

#[tokio::test]
async fn people_s_words_stay() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = NewFile {
        tags: Some(Tags::new(["sea", "empty"]).expect("tags")),
        custom_metadata: Some(object(json!({"brand": "Acme", "sold": true}))),
        description: Some("old".into()),
        ..new_file(library, "/a.jpg", b"a").await
    };
    let asset = library.upload(file, at(1)).await.expect("uploaded");
    let what = Enrichment {
        add_tags: vec!["person".into(), "sea".into(), "x".repeat(500), "50%".into()],
        remove_tags: vec!["empty".into(), "unknown".into()],
        custom_metadata: object(json!({"people": 2, "sold": null})),
        description: Some("A person at the sea".into()),
        ..Enrichment::default()
    };
    let first = enrich(&bench, &asset, &what, 2).await.expect("enriched");
    assert_eq!(first.tags, ["sea", "person"]);
    assert_eq!(first.custom_metadata, object(json!({"brand": "Acme", "people": 2})));
    assert_eq!(first.description.as_deref(), Some("A person at the sea"));
    let again = enrich(&bench, &asset, &what, 3).await.expect("enriched");
    assert_eq!(again, first, "twice is once");
    let events = library.outbox_after(0, 10).await.expect("events");
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::FileCreated, EventKind::FileUpdated]);
}

#[tokio::test]
async fn only_the_version_that_was_looked_at() {
    let bench = Bench::new().await;
    let first = upload(&bench.library, "/a.jpg", b"a", 1).await.expect("uploaded");
    let second = upload(&bench.library, "/a.jpg", b"b", 2).await.expect("uploaded");
    let late = enrich(&bench, &first, &from("one", &["Sea"]), 3).await;
    assert!(matches!(late, Err(EnrichError::Gone)), "{late:?}");
    enrich(&bench, &second, &from("one", &["Sea"]), 3)
        .await
        .expect("enriched");
    bench.library.delete(second.id, at(4)).await.expect("deleted");
    let late = enrich(&bench, &second, &from("one", &["Sea"]), 5).await;
    assert!(matches!(late, Err(EnrichError::Gone)), "{late:?}");
}

#[tokio::test]
async fn limits_hold_for_machines_too() {
    let bench = Bench::new().await;
    let asset = upload(&bench.library, "/a.jpg", b"a", 1).await.expect("uploaded");
    let long = Enrichment {
        description: Some("x".repeat(10_001)),
        ..Enrichment::default()
    };
    let error = enrich(&bench, &asset, &long, 2).await.expect_err("too long");
    assert_eq!(error.code(), Code::Invalid);
    assert_eq!(bench.library.file(asset.id).await.expect("read"), Some(asset));
}

#[tokio::test]
async fn what_replaces_a_file_lands_on_it_or_nowhere() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/a.jpg", b"a", 1).await.expect("uploaded");
    let next = async |of: &Asset, bytes: &[u8]| {
        let file = NewFile {
            replaces: Some((of.id, of.version.id)),
            ..new_file(library, "/a.jpg", bytes).await
        };
        library.upload(file, at(2)).await
    };
    let second = next(&first, b"b").await.expect("replaced");
    assert_eq!((second.id, second.version.number), (first.id, 2));
    let late = next(&first, b"c").await.expect_err("replaced already");
    assert!(matches!(late, UploadError::Gone), "{late:?}");
    library.delete(first.id, at(3)).await.expect("deleted");
    let gone = next(&second, b"d").await.expect_err("gone");
    assert!(matches!(gone, UploadError::Gone), "{gone:?}");
    upload(library, "/a.jpg", b"e", 4).await.expect("another file");
    let other = next(&second, b"f").await.expect_err("another file is there");
    assert!(matches!(other, UploadError::Gone), "{other:?}");
}

#[tokio::test]
async fn jobs_come_with_the_version_or_not_at_all() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let follow_up = |n: i64| FollowUp {
        kind: "extension".into(),
        input: json!({ "n": n }),
    };
    let minute = std::time::Duration::from_secs(60);
    let file = NewFile {
        follow_ups: vec![follow_up(1), follow_up(2)],
        ..new_file(library, "/a.jpg", b"a").await
    };
    let asset = library.upload(file, at(1)).await.expect("uploaded");
    let forbidden = NewFile {
        overwrite_file: false,
        follow_ups: vec![follow_up(3)],
        ..new_file(library, "/a.jpg", b"b").await
    };
    library.upload(forbidden, at(2)).await.expect_err("taken");
    library.follow_up(&asset, &follow_up(4), at(3)).await.expect("enqueued");
    let mut inputs = Vec::new();
    while let Some(lease) = library.take_job(&["extension"], minute, at(9)).await.expect("asked") {
        inputs.push(lease.job.input);
    }
    // Those of one moment come in any order.
    inputs.sort_by_key(|input| input["n"].as_i64());
    let (file, version) = (asset.id, asset.version.id);
    let expected = [1, 2, 4].map(|n| json!({ "n": n, "fileId": file, "versionId": version }));
    assert_eq!(inputs, expected);
}

/// The next version, made of this one.
async fn made_of(library: &Library, asset: &Asset, bytes: &[u8], now: i64) -> Asset {
    let file = NewFile {
        replaces: Some((asset.id, asset.version.id)),
        overwrite_tags: false,
        overwrite_ai_tags: false,
        ..new_file(library, "/a.jpg", bytes).await
    };
    library.upload(file, at(now)).await.expect("made")
}

#[tokio::test]
async fn what_is_found_out_about_a_picture_holds_for_what_was_made_of_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/a.jpg", b"a", 1).await.expect("uploaded");
    enrich(&bench, &first, &from("early", &["Sea"]), 2)
        .await
        .expect("enriched");
    let second = made_of(library, &first, b"b", 3).await;
    let third = made_of(library, &second, b"c", 4).await;
    let late = enrich(&bench, &first, &from("late", &["Boat"]), 5)
        .await
        .expect("enriched");
    assert_eq!(late.version.id, third.version.id);
    assert_eq!(late.ai_tags, [ai("Sea", "early"), ai("Boat", "late")]);
    for of in [&first, &second, &third] {
        let successor = library.successor(of.id, of.version.id).await.expect("read");
        assert_eq!(successor.as_ref(), Some(&late));
    }
    library
        .delete_version(first.id, second.version.id, at(6))
        .await
        .expect("deleted");
    let told = library.successor(first.id, second.version.id).await.expect("read");
    assert_eq!(told, Some(late), "what was made of it is there");

    // An older one that was made current again is not made of a newer one.
    library
        .restore_version(first.id, first.version.id, at(7))
        .await
        .expect("restored");
    let late = enrich(&bench, &third, &from("late", &["Sky"]), 8).await;
    assert!(matches!(late, Err(EnrichError::Gone)), "{late:?}");
    // Neither is what somebody uploaded.
    upload(library, "/a.jpg", b"d", 9).await.expect("uploaded");
    let late = enrich(&bench, &first, &from("late", &["Sky"]), 10).await;
    assert!(matches!(late, Err(EnrichError::Gone)), "{late:?}");
}

const MINUTE: Duration = Duration::from_secs(60);

async fn take(library: &Library, now: i64) -> Lease {
    let taken = library.take_job(&["extension"], MINUTE, at(now)).await;
    taken.expect("asked").expect("a job")
}

async fn callbacks(library: &Library) -> Vec<String> {
    let taken = library.take_deliveries(10, &Busy::default(), MINUTE, at(500_000)).await;
    let taken = taken.expect("asked").into_iter();
    taken.map(|sending| sending.delivery.message.body).collect()
}

#[tokio::test]
async fn work_its_callback_and_the_end_of_its_job_are_one() {
    let callback = |asset: &Asset| {
        Some(Callback {
            url: "http://h/".into(),
            message: Message {
                id: "m".into(),
                event_type: "t".into(),
                body: format!("{} {}", asset.version.number, asset.ai_tags.len()),
            },
        })
    };
    // Three ways of work: one that writes, one that finds nothing new, one that makes a version.
    for way in ["writes", "nothing new", "a version"] {
        let bench = Bench::new().await;
        let library = &bench.library;
        let asset = upload(library, "/a.jpg", b"a", 1).await.expect("uploaded");
        let job = NewJob {
            kind: "extension",
            input: json!({}),
            total: None,
            run_at: at(1),
        };
        let id = library.enqueue(job, at(1)).await.expect("enqueued");
        let dead = take(library, 1).await;
        let heir = take(library, 100_000).await;
        let (result, found) = (json!({ "r": 1 }), from("one", &["Sea"]));
        let work = async |lease: &Lease| -> Result<Asset, bool> {
            let ending = Ending {
                lease,
                result: &result,
                callback: &callback,
            };
            let lost = |error: &JobError| matches!(error, JobError::LeaseLost(lost) if *lost == id);
            if way == "a version" {
                let file = NewFile {
                    replaces: Some((asset.id, asset.version.id)),
                    ..new_file(library, "/a.jpg", b"b").await
                };
                let made = library.upload_for_job(file, &ending, at(100_001)).await;
                return made.map_err(|error| matches!(error, UploadError::Job(error) if lost(&error)));
            }
            let what = if way == "writes" {
                &found
            } else {
                &Enrichment::default()
            };
            let written = library
                .enrich(asset.id, asset.version.id, what, Some(&ending), at(100_001))
                .await;
            written.map_err(|error| matches!(error, EnrichError::Job(error) if lost(&error)))
        };
        assert_eq!(work(&dead).await, Err(true), "{way}: its lease is lost");
        assert_eq!(
            library.file(asset.id).await.expect("read"),
            Some(asset.clone()),
            "{way}"
        );
        let done = work(&heir).await.expect("done");
        let job = library.job(id).await.expect("read").expect("there");
        assert_eq!(
            (job.state, job.result),
            (JobState::Completed, Some(result.clone())),
            "{way}"
        );
        // Again, as by one who was about to when the other was quicker.
        assert!(work(&heir).await.is_err(), "{way}");
        assert_eq!(library.file(asset.id).await.expect("read"), Some(done), "{way}");
        assert_eq!(
            library.versions(asset.id).await.expect("read").len(),
            if way == "a version" { 2 } else { 1 }
        );
        let expected = match way {
            "writes" => "1 1",
            "nothing new" => "1 0",
            _ => "2 0",
        };
        assert_eq!(callbacks(library).await, [expected], "{way}");
    }
}

#[tokio::test]
async fn who_lost_a_job_tells_nobody_how_it_ended() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let asset = upload(library, "/a.jpg", b"a", 1).await.expect("uploaded");
    let follow_up = FollowUp {
        kind: "extension".into(),
        input: json!({}),
    };
    library.follow_up(&asset, &follow_up, at(1)).await.expect("enqueued");
    let (dead, heir) = (take(library, 1).await, take(library, 100_000).await);
    let callback = Callback {
        url: "http://h/".into(),
        message: Message {
            id: "m".into(),
            event_type: "t".into(),
            body: "{}".into(),
        },
    };
    let told = EventKind::PostTransformFailed;
    let body = json!({ "data": {} });
    let before = library.outbox_after(0, 10).await.expect("events").len();
    for (lease, succeeds) in [(&dead, false), (&heir, true), (&heir, false)] {
        let ended = library
            .complete_job_and_announce(lease, &json!({}), (told, asset.id, &body), at(100_001))
            .await;
        assert_eq!(ended.is_ok(), succeeds);
        let ended = library
            .complete_job_and_tell(lease, &json!({}), &callback, at(100_001))
            .await;
        assert!(ended.is_err(), "it has ended, or is another's");
    }
    assert_eq!(library.outbox_after(0, 10).await.expect("events").len(), before + 1);
    assert_eq!(callbacks(library).await, [""; 0]);
}
