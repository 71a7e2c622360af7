use std::collections::HashSet;
use std::time::Duration;

use library::{
    AiTag, ChangeError, Code, Counts, EventKind, FileType, Library, Location, MediaFacts, NewFile, Settings, Tags,
    UploadError,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bench::{Bench, at, bytes, folder, new_file, upload};

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().expect("an object").clone()
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let media = MediaFacts {
        mime: "image/jpeg".into(),
        file_type: FileType::Image,
        width: Some(1200),
        height: Some(800),
        orientation: Some(6),
        has_alpha: Some(false),
        duration: Some(Duration::from_millis(7040)),
        bit_rate: Some(1_453_966),
        audio_codec: Some("aac".into()),
        video_codec: Some("h264".into()),
        embedded_metadata: Some(object(json!({"XResolution": 72, "Keywords": ["sea", "sea", "dawn"]}))),
        taken_at_ms: Some(-1),
        location: Some(Location {
            latitude: -33.5,
            longitude: 151.25,
        }),
        phash: Some(u64::MAX - 1),
    };
    let file = NewFile {
        tags: Some(Tags::new(["sea", "dawn"]).expect("tags")),
        custom_metadata: Some(object(json!({"brand": "Acme"}))),
        is_private: true,
        is_published: false,
        custom_coordinates: Some("1,2,3,4".into()),
        description: Some("A harbour".into()),
        media: media.clone(),
        ..new_file(library, "/travel/2026/harbour.jpg", b"bytes").await
    };
    let asset = library.upload(file, at(1_767_323_045_678)).await.expect("uploaded");

    assert_eq!(asset.path(), "/travel/2026/harbour.jpg");
    assert_eq!(asset.id.to_string(), asset.version.id.to_string());
    assert_eq!(
        (asset.version.number, asset.version.size, asset.is_current),
        (1, 5, true)
    );
    assert_eq!(asset.version.token.len(), 32);
    assert_eq!(asset.version.media, media);
    assert_eq!(asset.tags, ["sea", "dawn"]);
    assert_eq!(asset.ai_tags, Vec::<AiTag>::new());
    assert_eq!(asset.custom_metadata, object(json!({"brand": "Acme"})));
    assert_eq!(asset.custom_coordinates.as_deref(), Some("1,2,3,4"));
    assert_eq!(asset.description.as_deref(), Some("A harbour"));
    assert_eq!((asset.is_private, asset.is_published), (true, false));
    assert_eq!(asset.created_at.to_string(), "2026-01-02T03:04:05.678Z");
    assert_eq!(asset.updated_at, asset.created_at);
    assert_eq!(bytes(library, &asset).await, b"bytes");

    let found = Some(asset.clone());
    assert_eq!(library.file(asset.id).await.expect("found"), found);
    assert_eq!(library.file_at("/travel/2026/harbour.jpg").await.expect("found"), found);
    assert_eq!(library.file_at("travel/2026/harbour.jpg").await.expect("found"), found);
    assert_eq!(library.version(asset.id, asset.version.id).await.expect("found"), found);
    assert_eq!(
        library
            .version_at(&asset.path(), &asset.version.token)
            .await
            .expect("found"),
        found
    );
    for absent in [
        "/travel/2026/Harbour.jpg",
        "/harbour.jpg",
        "/travel/2026/harbour.jpg/",
        "/travel/2026",
        "/travel/2026/harbour.jpg\0",
        "",
        "/",
    ] {
        assert_eq!(library.file_at(absent).await.expect("an answer"), None, "{absent}");
    }
    assert_eq!(
        library
            .version_at("/other.jpg", &asset.version.token)
            .await
            .expect("an answer"),
        None
    );
    for token in ["", "\0"] {
        assert_eq!(library.version_at(&asset.path(), token).await.expect("an answer"), None);
    }

    let parent = library
        .folder_at(&folder("travel/2026"))
        .await
        .expect("an answer")
        .expect("a folder");
    assert_eq!(parent.path.name(), "2026");
    assert_eq!(library.folder_at(&folder("/")).await.expect("an answer"), None);
    assert_eq!(bench.files(), (0, 1));
}

#[tokio::test]
async fn unique_names_are_new_each_time() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let mut paths = HashSet::new();
    for _ in 0..5 {
        let file = NewFile {
            use_unique_name: true,
            ..new_file(library, "/cat.jpg", b"cat").await
        };
        let asset = library.upload(file, at(1)).await.expect("uploaded");
        assert_eq!(asset.version.number, 1);
        assert!(
            asset.path().starts_with("/cat_") && asset.path().ends_with(".jpg"),
            "{}",
            asset.path()
        );
        paths.insert(asset.path());
    }
    assert_eq!(paths.len(), 5);
    let counts = library.counts().await.expect("counts");
    assert_eq!(
        counts,
        Counts {
            files: 5,
            versions: 5,
            folders: 0,
            blobs: 1,
            blob_bytes: 3
        }
    );
}

#[tokio::test]
async fn overwriting_makes_a_version_and_keeps_the_file() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/a/cat.jpg", b"one", 1000).await.expect("uploaded");
    let second = upload(library, "/a/cat.jpg", b"two", 2000).await.expect("uploaded");
    assert_eq!(second.id, first.id);
    assert_ne!(second.version.id, first.version.id);
    assert_ne!(second.version.token, first.version.token);
    assert_eq!(second.version.number, 2);
    assert_eq!((second.created_at, second.updated_at), (at(1000), at(2000)));

    let versions = library.versions(first.id).await.expect("versions");
    assert_eq!(
        versions
            .iter()
            .map(|v| (v.version.number, v.is_current))
            .collect::<Vec<_>>(),
        [(2, true), (1, false)]
    );
    assert_eq!(bytes(library, &versions[1]).await, b"one");
    assert_eq!(versions[1].updated_at, at(1000));
    assert_eq!(
        library.file_at("/a/cat.jpg").await.expect("found"),
        Some(second.clone())
    );
    let old = library
        .version_at("/a/cat.jpg", &first.version.token)
        .await
        .expect("found")
        .expect("the old one");
    assert_eq!((old.version.id, old.is_current), (first.version.id, false));

    let refused = NewFile {
        overwrite_file: false,
        ..new_file(library, "/a/cat.jpg", b"three").await
    };
    let error = library.upload(refused, at(3000)).await.expect_err("taken");
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("a file is already at `/a/cat.jpg`", Code::Conflict)
    );
    assert_eq!(library.versions(first.id).await.expect("versions").len(), 2);

    let events = library.outbox_after(0, 10).await.expect("events");
    assert_eq!(
        events
            .iter()
            .map(|event| (event.kind, event.file()))
            .collect::<Vec<_>>(),
        [
            (EventKind::FolderCreated, None),
            (EventKind::FileCreated, Some(first.id)),
            (EventKind::FileVersionCreated, Some(first.id))
        ]
    );
    assert_eq!(
        events[0].folder(),
        library.folder_at(&folder("/a")).await.expect("read"),
        "the whole folder is told"
    );
    assert_eq!(
        events[2].body,
        json!({"fileId": first.id, "versionId": second.version.id, "filePath": "/a/cat.jpg"})
    );
    library.mark_delivered(events[0].id, at(4000)).await.expect("marked");
    assert_eq!(library.outbox_after(0, 10).await.expect("events"), events[1..]);
}

/// One row for each question that an overwrite answers: what the request said, and what the new version has.
#[tokio::test]
async fn what_an_overwrite_carries_over() {
    struct Case {
        name: &'static str,
        change: fn(NewFile) -> NewFile,
        tags: &'static [&'static str],
        metadata: serde_json::Value,
    }
    let cases = [
        Case {
            name: "nothing said: all is dropped",
            change: |file| file,
            tags: &[],
            metadata: json!({}),
        },
        Case {
            name: "keep tags",
            change: |file| NewFile {
                overwrite_tags: false,
                ..file
            },
            tags: &["old"],
            metadata: json!({}),
        },
        Case {
            name: "tags given win over keeping",
            change: |file| NewFile {
                overwrite_tags: false,
                tags: Tags::new(["new"]).ok(),
                ..file
            },
            tags: &["new"],
            metadata: json!({}),
        },
        Case {
            name: "no tags given on purpose",
            change: |file| NewFile {
                overwrite_tags: false,
                tags: Some(Tags::default()),
                ..file
            },
            tags: &[],
            metadata: json!({}),
        },
        Case {
            name: "keep custom metadata",
            change: |file| NewFile {
                overwrite_custom_metadata: false,
                ..file
            },
            tags: &[],
            metadata: json!({"brand": "old"}),
        },
        Case {
            name: "custom metadata given wins over keeping",
            change: |file| NewFile {
                overwrite_custom_metadata: false,
                custom_metadata: Some(object(json!({"size": 1}))),
                ..file
            },
            tags: &[],
            metadata: json!({"size": 1}),
        },
    ];
    let bench = Bench::new().await;
    let library = &bench.library;
    for (index, case) in cases.into_iter().enumerate() {
        let path = format!("/{index}.jpg");
        let old = NewFile {
            tags: Tags::new(["old"]).ok(),
            custom_metadata: Some(object(json!({"brand": "old"}))),
            custom_coordinates: Some("1,1,1,1".into()),
            description: Some("old".into()),
            is_private: true,
            ..new_file(library, &path, b"old").await
        };
        library.upload(old, at(1)).await.expect("uploaded");
        let file = (case.change)(new_file(library, &path, b"new").await);
        let asset = library.upload(file, at(2)).await.expect("overwritten");
        assert_eq!(asset.tags, case.tags, "{}", case.name);
        assert_eq!(asset.custom_metadata, object(case.metadata), "{}", case.name);
        assert_eq!(asset.custom_coordinates, None, "{}", case.name);
        assert_eq!(asset.description.as_deref(), Some("old"), "{}", case.name);
        assert!(!asset.is_private, "{}", case.name);
        let versions = library.versions(asset.id).await.expect("versions");
        assert_eq!(
            versions[1].tags,
            ["old"],
            "{}: the old version keeps its own",
            case.name
        );
    }
}

#[tokio::test]
async fn machine_given_tags_go_or_stay_as_asked() {
    let bench = Bench::new().await;
    upload(&bench.library, "/a.jpg", b"one", 1).await.expect("uploaded");
    // Put there by hand, as if a machine had looked at the picture.
    let tags = json!([{"name": "Boat", "confidence": 90.12, "source": "google-auto-tagging"}]);
    bench.sql(&format!("UPDATE versions SET ai_tags = '{tags}'")).await;
    let library = &bench.library;
    let file = NewFile {
        overwrite_ai_tags: false,
        ..new_file(library, "/a.jpg", b"two").await
    };
    let kept = library.upload(file, at(2)).await.expect("overwritten");
    let boat = AiTag {
        name: "Boat".into(),
        confidence: 90.12,
        source: "google-auto-tagging".into(),
    };
    assert_eq!(kept.ai_tags, [boat]);
    let dropped = upload(library, "/a.jpg", b"three", 3).await.expect("overwritten");
    assert_eq!(dropped.ai_tags, []);
}

#[tokio::test]
async fn versions_are_limited() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut settings = Settings::embedded(directory.path());
    settings.limits.versions_per_file = 3;
    let library = Library::open(settings).await.expect("opened");
    for number in 1..=3 {
        let asset = upload(&library, "/a.jpg", &[number], 1).await.expect("uploaded");
        assert_eq!(asset.version.number, u32::from(number));
    }
    let error = upload(&library, "/a.jpg", b"four", 2).await.expect_err("too many");
    assert!(
        matches!(error, UploadError::TooManyVersions { limit: 3, .. }),
        "{error:?}"
    );
    let current = library.file_at("/a.jpg").await.expect("found").expect("a file");
    assert_eq!(current.version.number, 3);
}

#[tokio::test]
async fn texts_are_limited() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = NewFile {
        description: Some("x".repeat(10_001)),
        ..new_file(library, "/a", b"a").await
    };
    let error = library.upload(file, at(1)).await.expect_err("too long");
    assert_eq!(error.to_string(), "the description has 10001 bytes; 10000 are allowed");
    assert_eq!(error.code(), Code::Invalid);
    let large = object(json!({"a": "x".repeat(200_000)}));
    let file = NewFile {
        custom_metadata: Some(large.clone()),
        ..new_file(library, "/a", b"a").await
    };
    assert_eq!(
        library.upload(file, at(1)).await.expect_err("too long").code(),
        Code::Invalid
    );
    let media = MediaFacts {
        embedded_metadata: Some(large),
        ..MediaFacts::default()
    };
    let file = NewFile {
        media,
        ..new_file(library, "/a", b"a").await
    };
    let asset = library.upload(file, at(1)).await.expect("the file itself is fine");
    assert_eq!(asset.version.media.embedded_metadata, None);
    assert_eq!(bench.files(), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_to_one_path_at_once_all_become_versions() {
    let bench = Bench::new().await;
    let mut uploads = JoinSet::new();
    for number in 0..16u8 {
        let library = bench.library.clone();
        uploads.spawn(async move { upload(&library, "/new/folder/cat.jpg", &[number; 1000], 5).await });
    }
    let assets: Vec<_> = uploads
        .join_all()
        .await
        .into_iter()
        .map(|result| result.expect("uploaded"))
        .collect();
    let mut numbers: Vec<_> = assets.iter().map(|asset| asset.version.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
    assert_eq!(assets.iter().map(|asset| asset.id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(
        assets
            .iter()
            .map(|asset| asset.version.id)
            .collect::<HashSet<_>>()
            .len(),
        16
    );
    let versions = bench.library.versions(assets[0].id).await.expect("versions");
    assert_eq!(versions.iter().filter(|version| version.is_current).count(), 1);
    assert!(versions[0].is_current && versions[0].version.number == 16);
    assert_eq!(bench.library.counts().await.expect("counts").folders, 2);
    assert_eq!(bench.files(), (0, 16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_bytes_at_once_are_one_blob() {
    let bench = Bench::new().await;
    let mut uploads = JoinSet::new();
    for number in 0..16 {
        let library = bench.library.clone();
        uploads.spawn(async move {
            let asset = upload(&library, &format!("/{number}.jpg"), b"the same", 5)
                .await
                .expect("uploaded");
            assert_eq!(bytes(&library, &asset).await, b"the same");
            // A collection that hits the gaps between uploads must take nothing.
            library
                .collect_garbage(Duration::ZERO, library::Timestamp::now())
                .await
                .expect("collected")
        });
    }
    for garbage in uploads.join_all().await {
        assert_eq!(garbage, library::Garbage::default());
    }
    assert_eq!(bench.library.counts().await.expect("counts").blobs, 1);
    assert_eq!(bench.files(), (0, 1));
}

#[tokio::test]
async fn deleting_takes_all_versions_and_leaves_bytes_to_the_collection() {
    let bench = Bench::without_trash().await;
    let library = &bench.library;
    upload(library, "/a.jpg", b"one", 1).await.expect("uploaded");
    let file = upload(library, "/a.jpg", b"shared", 2).await.expect("uploaded");
    let other = upload(library, "/b.jpg", b"shared", 3).await.expect("uploaded");

    library.delete(file.id, at(1000)).await.expect("deleted");
    assert_eq!(library.file(file.id).await.expect("an answer"), None);
    assert_eq!(library.file_at("/a.jpg").await.expect("an answer"), None);
    assert!(library.versions(file.id).await.expect("an answer").is_empty());
    let error = library.delete(file.id, at(1001)).await.expect_err("gone");
    assert!(matches!(error, ChangeError::NoFile(id) if id == file.id));
    let event = library
        .outbox_after(0, 10)
        .await
        .expect("events")
        .pop()
        .expect("the last");
    assert_eq!((event.kind, event.file()), (EventKind::FileDeleted, Some(file.id)));

    assert_eq!(bench.files(), (0, 2), "the bytes are still there");
    let grace = Duration::from_secs(10);
    assert_eq!(
        library
            .collect_garbage(grace, at(10_999))
            .await
            .expect("collected")
            .unreferenced,
        0
    );
    assert_eq!(
        library
            .collect_garbage(grace, at(11_000))
            .await
            .expect("collected")
            .unreferenced,
        1
    );
    assert_eq!(bench.files(), (0, 1));
    assert_eq!(bytes(library, &other).await, b"shared");

    let again = upload(library, "/a.jpg", b"one", 20_000).await.expect("uploaded");
    assert_ne!(again.id, file.id);
    assert_eq!(again.version.number, 1);
    assert_eq!(bytes(library, &again).await, b"one");
}

#[tokio::test]
async fn a_blob_that_is_wanted_again_is_not_collected() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = upload(library, "/a.jpg", b"bytes", 1).await.expect("uploaded");
    library.delete(file.id, at(2)).await.expect("deleted");
    let back = upload(library, "/b.jpg", b"bytes", 3).await.expect("uploaded");
    let garbage = library
        .collect_garbage(Duration::ZERO, library::Timestamp::now())
        .await
        .expect("collected");
    assert_eq!(garbage, library::Garbage::default());
    assert_eq!(bytes(library, &back).await, b"bytes");
}

#[tokio::test]
async fn tokens_are_spent_once() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let spend = async |token: &str, expires, now| {
        library
            .spend_token(token, at(expires), at(now))
            .await
            .expect("an answer")
    };
    assert!(spend("a", 1000, 10).await);
    assert!(!spend("a", 1000, 11).await);
    assert!(!spend("a", 5000, 12).await, "another expiry does not renew it");
    assert!(spend("b", 1000, 13).await);
    assert!(!spend("c", 1000, 1000).await, "expired");
    assert!(!spend("a", 1000, 2000).await, "forgotten, but expired");
    assert!(
        spend("a", 3000, 2000).await,
        "a caller that signs a token again gives it a new life"
    );
    let library = bench.reopened().await;
    assert!(
        !library.spend_token("a", at(3000), at(2001)).await.expect("an answer"),
        "spent for ever after"
    );
}
