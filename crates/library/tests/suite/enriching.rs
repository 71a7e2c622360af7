//! What machines find out: written once, over what is there, for the version that was looked at.

use library::{
    AiTag, Asset, Code, EnrichError, Enrichment, EventKind, FollowUp, NewFile, SourceTags, Tags, UploadError,
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
    bench.library.enrich(asset.id, asset.version.id, what, at(now)).await
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
