//! Editing, tagging, copying, moving, renaming, versions and folders.

use std::time::Duration;

use library::{
    AiTagRemoval, ChangeError, Code, EventKind, FileEdit, FileId, FileName, FollowUp, NewFile, PurgeOrder, TagChange,
    Tags,
};
use serde_json::{Map, Value, json};

use crate::bench::{Bench, at, bytes, folder, new_file, upload};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn tags(tags: &[&str]) -> Tags {
    Tags::new(tags).expect("tags")
}

fn name(text: &str) -> FileName {
    FileName::sanitised(text).expect("a name")
}

/// Numbers of a file's versions, the newest first, the current one negative.
async fn numbers(bench: &Bench, file: FileId) -> Vec<i64> {
    let versions = bench.library.versions(file).await.expect("versions");
    versions
        .iter()
        .map(|asset| i64::from(asset.version.number) * if asset.is_current { -1 } else { 1 })
        .collect()
}

async fn machine_tags(bench: &Bench, file: FileId, names: &[&str]) {
    let tags: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "confidence": 90.5, "source": "google-auto-tagging"}))
        .collect();
    bench
        .sql(&format!(
            "UPDATE versions SET ai_tags = '{}' WHERE file_id = '{file}'",
            Value::from(tags)
        ))
        .await;
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_nothing_else() {
    let bench = Bench::new().await;
    let library = &bench.library;
    bench.field("brand").await;
    bench.field_of("price", json!({"type": "Number"})).await;
    let colours = json!({"type": "MultiSelect", "selectOptions": ["red"]});
    bench.field_of("colour", colours).await;
    let file = NewFile {
        tags: Some(tags(&["sea"])),
        custom_metadata: Some(object(json!({"brand": "Acme", "price": 1}))),
        custom_coordinates: Some("1,2,3,4".into()),
        description: Some("A harbour".into()),
        ..new_file(library, "/a/b.jpg", b"bytes").await
    };
    let before = library.upload(file, at(1)).await.expect("uploaded");
    machine_tags(&bench, before.id, &["Boat", "Sky", "Sea"]).await;

    let same = library
        .edit(before.id, &FileEdit::default(), at(2))
        .await
        .expect("nothing");
    assert_eq!((same.updated_at, bench.events().await.len()), (at(1), 1));

    let edit = FileEdit {
        remove_ai_tags: Some(AiTagRemoval::Names(vec!["Sky".into(), "Absent".into()])),
        tags: Some(tags(&["dawn", "sea"])),
        custom_metadata: Some(object(json!({"brand": null, "price": 20, "colour": ["red"]}))),
        ..FileEdit::default()
    };
    let edited = library.edit(before.id, &edit, at(3)).await.expect("edited");
    assert_eq!(edited.tags, ["dawn", "sea"]);
    assert_eq!(edited.custom_metadata, object(json!({"price": 20, "colour": ["red"]})));
    let names: Vec<&str> = edited.ai_tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["Boat", "Sea"]);
    assert_eq!(edited.custom_coordinates.as_deref(), Some("1,2,3,4"));
    assert_eq!(edited.description.as_deref(), Some("A harbour"));
    assert_eq!((edited.created_at, edited.updated_at), (at(1), at(3)));
    assert_eq!(library.file(before.id).await.expect("found"), Some(edited));

    let clear = FileEdit {
        remove_ai_tags: Some(AiTagRemoval::All),
        tags: Some(Tags::default()),
        custom_coordinates: Some(None),
        description: Some(None),
        ..FileEdit::default()
    };
    let cleared = library.edit(before.id, &clear, at(4)).await.expect("edited");
    assert!(cleared.tags.is_empty() && cleared.ai_tags.is_empty());
    assert_eq!((cleared.custom_coordinates, cleared.description), (None, None));
    let updated = (EventKind::FileUpdated, before.id);
    assert_eq!(bench.events().await[1..], [updated, updated]);
}

#[tokio::test]
async fn an_edit_enqueues_what_it_causes() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = upload(library, "/a.jpg", b"bytes", 1).await.expect("uploaded");
    let edit = FileEdit {
        follow_ups: vec![FollowUp {
            kind: "extension".into(),
            input: json!({"extension": 7}),
        }],
        ..FileEdit::default()
    };
    let same = library.edit(file.id, &edit, at(2)).await.expect("edited");
    assert_eq!(same, file);
    let refused = FileEdit {
        description: Some(Some("x".repeat(10_001))),
        ..edit
    };
    library.edit(file.id, &refused, at(3)).await.expect_err("too long");
    let lease = Duration::from_secs(60);
    let job = library
        .take_job(&["extension"], lease, at(4))
        .await
        .expect("an answer")
        .expect("a job");
    let named = json!({"extension": 7, "fileId": file.id, "versionId": file.version.id});
    assert_eq!(job.job.input, named);
    assert!(
        library
            .take_job(&["extension"], lease, at(4))
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn a_rename_asks_for_a_purge_while_there_is_one() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/a.jpg", b"bytes", 1).await.expect("uploaded");
    let order = PurgeOrder {
        url: "http://host/demo/a.jpg*".into(),
        limit: Some(1),
    };
    let rename = async |from: &str, to: &str| library.rename_file(from, &name(to), Some(&order), at(2)).await;
    let (_, purge) = rename("/a.jpg", "b.jpg").await.expect("renamed");
    let purge = library
        .purge(purge.expect("a purge"))
        .await
        .expect("an answer")
        .expect("a purge");
    assert_eq!(purge.url, order.url);
    let (renamed, none) = rename("/b.jpg", "c.jpg").await.expect("renamed without a purge");
    assert_eq!((renamed.path().as_str(), none), ("/c.jpg", None));
    rename("/b.jpg", "d.jpg").await.expect_err("absent");
}

#[tokio::test]
async fn an_edit_that_is_refused_changes_nothing() {
    let bench = Bench::new().await;
    let library = &bench.library;
    bench.field("brand").await;
    let file = upload(library, "/a.jpg", b"bytes", 1).await.expect("uploaded");
    let refused = async |edit: FileEdit| library.edit(file.id, &edit, at(2)).await.expect_err("refused");
    let error = refused(FileEdit {
        tags: Some(tags(&["sea"])),
        custom_metadata: Some(object(json!({"brand": 7, "no such": 1}))),
        ..FileEdit::default()
    })
    .await;
    assert!(
        matches!(&error, ChangeError::CustomMetadata(fields) if fields.keys().eq(["brand", "no such"])),
        "{error:?}"
    );
    let error = refused(FileEdit {
        description: Some(Some("x".repeat(10_001))),
        ..FileEdit::default()
    })
    .await;
    assert_eq!(error.to_string(), "the description has 10001 bytes; 10000 are allowed");
    let error = refused(FileEdit {
        custom_metadata: Some(object(json!({"brand": "x".repeat(200_000)}))),
        ..FileEdit::default()
    })
    .await;
    assert_eq!(error.code(), Code::Invalid);
    let stranger: FileId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    let error = library
        .edit(stranger, &FileEdit::default(), at(2))
        .await
        .expect_err("unknown");
    assert!(matches!(error, ChangeError::NoFile(id) if id == stranger));
    assert_eq!(library.file(file.id).await.expect("found"), Some(file));
}

#[tokio::test]
async fn publication_hides_and_shows_versions() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/a.jpg", b"one", 1).await.expect("uploaded");
    let file = upload(library, "/a.jpg", b"two", 2).await.expect("uploaded");
    let published = async || {
        let versions = library.versions(file.id).await.expect("versions");
        versions.iter().map(|asset| asset.is_published).collect::<Vec<_>>()
    };
    let draft = library.publish(file.id, false, false, at(3)).await.expect("hidden");
    assert!(!draft.is_published && draft.version.token != file.version.token);
    assert_eq!((draft.updated_at, published().await), (at(3), vec![false, true]));
    library.publish(file.id, false, true, at(4)).await.expect("hidden");
    assert_eq!(published().await, [false, false]);
    let again = library.publish(file.id, false, true, at(5)).await.expect("as it is");
    assert_eq!(again.updated_at, at(3));
    let shown = library.publish(file.id, true, true, at(6)).await.expect("shown");
    assert_eq!(shown.version.token, draft.version.token);
    assert_eq!(published().await, [true, true]);
    assert_eq!(bench.events().await.len(), 2 + 3, "one for each change");
    let stranger: FileId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    let error = library.publish(stranger, true, true, at(7)).await.expect_err("unknown");
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn tags_of_several_files() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let mut files = Vec::new();
    for (path, given) in [("/a", vec!["sea", "sky"]), ("/b", vec![]), ("/c", vec!["x"])] {
        let file = NewFile {
            tags: Tags::new(given).ok(),
            ..new_file(library, path, b"bytes").await
        };
        files.push(library.upload(file, at(1)).await.expect("uploaded").id);
    }
    let change = async |ids: &[FileId], change| library.change_tags(ids, &change, at(2)).await;
    let of = async |file: FileId| library.file(file).await.expect("found").expect("a file").tags;

    let result = change(&[files[1], files[0], files[1]], TagChange::Add(tags(&["sky", "new"]))).await;
    assert_eq!(
        result.expect("added").done,
        [files[1], files[0]],
        "each once, in the order given"
    );
    assert_eq!(of(files[0]).await, ["sea", "sky", "new"]);
    assert_eq!(of(files[1]).await, ["sky", "new"]);

    let result = change(&files, TagChange::Remove(tags(&["sky", "x", "absent"]))).await;
    assert_eq!(result.expect("removed").done, files);
    assert_eq!(of(files[0]).await, ["sea", "new"]);
    assert_eq!(of(files[2]).await, Vec::<String>::new());

    let long = "l".repeat(495);
    let result = change(&files, TagChange::Add(tags(&[&long]))).await.expect("in part");
    assert_eq!(result.done, [files[1], files[2]]);
    assert_eq!(result.refused.len(), 1);
    assert_eq!(result.refused[0].0, files[0]);
    assert_eq!(of(files[0]).await, ["sea", "new"]);

    machine_tags(&bench, files[0], &["Boat", "Sky", "Boat"]).await;
    change(&[files[0]], TagChange::RemoveAi(vec!["Boat".into()]))
        .await
        .expect("removed");
    let file = library.file(files[0]).await.expect("found").expect("a file");
    assert_eq!(file.ai_tags.len(), 1);

    let stranger: FileId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    let events = bench.events().await.len();
    let error = change(&[files[0], stranger], TagChange::Add(tags(&["late"]))).await;
    assert!(matches!(error, Err(ChangeError::MissingFiles(ids)) if ids == [stranger]));
    assert_eq!(of(files[0]).await, ["sea", "new"]);
    assert_eq!(bench.events().await.len(), events);
}

#[tokio::test]
async fn a_copy_is_a_file_of_its_own() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    let file = NewFile {
        tags: Some(tags(&["sea"])),
        is_private: true,
        ..new_file(library, "/a/cat.jpg", b"two").await
    };
    let source = library.upload(file, at(2)).await.expect("uploaded");

    let one = library
        .copy_file("/a/cat.jpg", &folder("/b/c"), false, at(3))
        .await
        .expect("copied");
    assert_eq!(one.path(), "/b/c/cat.jpg");
    assert_ne!(one.id, source.id);
    assert_eq!(one.version.id.to_string(), one.id.to_string());
    assert_ne!(one.version.token, source.version.token);
    assert_eq!((one.created_at, one.updated_at), (at(3), at(3)));
    assert_eq!((one.tags.as_slice(), one.is_private), (source.tags.as_slice(), true));
    assert_eq!(numbers(&bench, one.id).await, [-1]);

    let all = library
        .copy_file("a/cat.jpg", &folder("/d"), true, at(4))
        .await
        .expect("copied");
    assert_eq!(numbers(&bench, all.id).await, [-2, 1]);
    let versions = library.versions(all.id).await.expect("versions");
    assert_eq!(bytes(library, &versions[1]).await, b"one");
    assert_eq!(versions[1].version.id.to_string(), all.id.to_string());
    assert_eq!(library.file(source.id).await.expect("found"), Some(source.clone()));

    let merged = library
        .copy_file("/a/cat.jpg", &folder("/d"), true, at(5))
        .await
        .expect("merged");
    assert_eq!(merged.id, all.id);
    assert_eq!(numbers(&bench, all.id).await, [-4, 3, 2, 1]);
    assert_eq!((merged.created_at, merged.updated_at), (at(4), at(5)));
    let (version, created) = (EventKind::FileVersionCreated, EventKind::FileCreated);
    assert_eq!(
        bench.events().await[2..],
        [(created, one.id), (created, all.id), (version, all.id)],
        "one event a file, however many versions came"
    );
    assert_eq!(bench.files(), (0, 2));
}

#[tokio::test]
async fn a_move_keeps_the_file_or_ends_in_another() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    let source = upload(library, "/a/cat.jpg", b"two", 2).await.expect("uploaded");
    let moved = library
        .move_file("/a/cat.jpg", &folder("/b/"), at(3))
        .await
        .expect("moved");
    assert_eq!((moved.id, moved.path().as_str()), (source.id, "/b/cat.jpg"));
    assert_eq!((moved.created_at, moved.updated_at), (at(1), at(3)));
    assert_eq!(moved.version.token, source.version.token);
    assert_eq!(library.file_at("/a/cat.jpg").await.expect("an answer"), None);
    assert_eq!(numbers(&bench, source.id).await, [-2, 1]);

    let other = upload(library, "/c/cat.jpg", b"other", 4).await.expect("uploaded");
    let merged = library
        .move_file("/b/cat.jpg", &folder("/c"), at(5))
        .await
        .expect("merged");
    assert_eq!(merged.id, other.id);
    assert_eq!(numbers(&bench, other.id).await, [-3, 2, 1]);
    assert_eq!(bytes(library, &merged).await, b"two");
    assert_eq!(merged.version.id, moved.version.id);
    assert_eq!(merged.created_at, at(4));
    assert_eq!(library.file(source.id).await.expect("an answer"), None);
    let version = EventKind::FileVersionCreated;
    assert_eq!(
        bench.events().await[2..],
        [
            (EventKind::FileUpdated, source.id),
            (EventKind::FileCreated, other.id),
            (version, other.id),
            (EventKind::FileDeleted, source.id)
        ]
    );
    let listed = library.counts().await.expect("counts");
    assert_eq!((listed.files, listed.versions), (1, 3));
}

#[tokio::test]
async fn copies_and_moves_are_refused() {
    let bench = Bench::with(|settings| settings.limits.versions_per_file = 3).await;
    let library = &bench.library;
    upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/a/cat.jpg", b"two", 2).await.expect("uploaded");
    upload(library, "/b/cat.jpg", b"one", 3).await.expect("uploaded");
    upload(library, "/b/cat.jpg", b"two", 4).await.expect("uploaded");
    let before = library.counts().await.expect("counts");
    for (source, destination, expected) in [
        ("/a/dog.jpg", "/new", "there is no file at `/a/dog.jpg`"),
        ("/x/../a/cat.jpg", "/new", "there is no file at `/x/../a/cat.jpg`"),
        ("", "/new", "there is no file at ``"),
        ("/a", "/new", "there is no file at `/a`"),
        ("/a/cat.jpg", "/a", "the file is already at `/a/cat.jpg`"),
        (
            "/a/cat.jpg",
            "/b",
            "the file at `/b/cat.jpg` would have more than 3 versions",
        ),
    ] {
        let to = folder(destination);
        let error = library.copy_file(source, &to, true, at(5)).await.expect_err(source);
        assert_eq!(error.to_string(), expected);
        let error = library.move_file(source, &to, at(5)).await.expect_err(source);
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(library.counts().await.expect("counts"), before);
    // One more has room.
    library
        .copy_file("/a/cat.jpg", &folder("/b"), false, at(6))
        .await
        .expect("copied");

    bench.lock("/b").await;
    for (source, destination) in [("/a/cat.jpg", "/b/deep/er"), ("/b/cat.jpg", "/elsewhere")] {
        let error = library.copy_file(source, &folder(destination), true, at(7)).await;
        assert!(
            matches!(&error, Err(ChangeError::Locked(path)) if path.as_str() == "/b"),
            "{error:?}"
        );
        let error = library
            .move_file(source, &folder(destination), at(7))
            .await
            .expect_err("locked");
        assert_eq!(error.code(), Code::Locked);
    }
    let error = library
        .rename_file("/b/cat.jpg", &name("x.jpg"), None, at(7))
        .await
        .expect_err("locked");
    assert_eq!(error.code(), Code::Locked);
    assert_eq!(
        library
            .create_folder(&folder("/b/c"), at(7))
            .await
            .expect_err("locked")
            .code(),
        Code::Locked
    );
    for path in ["/b", "/b/c"] {
        let error = library
            .delete_folder(&folder(path), at(7))
            .await
            .expect_err("locked or absent");
        assert_eq!(error.code(), if path == "/b" { Code::Locked } else { Code::NotFound });
    }
    library
        .copy_file("/a/cat.jpg", &folder("/bb"), true, at(8))
        .await
        .expect("another folder");
}

#[tokio::test]
async fn a_rename_keeps_the_file_and_takes_all_versions_along() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    let file = upload(library, "/a/cat.jpg", b"two", 2).await.expect("uploaded");
    let old = library.versions(file.id).await.expect("versions")[1]
        .version
        .token
        .clone();
    upload(library, "/a/taken.jpg", b"three", 3).await.expect("uploaded");
    let (renamed, _) = library
        .rename_file("/a/cat.jpg", &name("a tiger.jpg"), None, at(4))
        .await
        .expect("renamed");
    assert_eq!((renamed.id, renamed.path().as_str()), (file.id, "/a/a_tiger.jpg"));
    assert_eq!(renamed.updated_at, at(4));
    assert_eq!(library.file_at("/a/cat.jpg").await.expect("an answer"), None);
    let past = library.version_at("/a/a_tiger.jpg", &old).await.expect("an answer");
    assert_eq!(past.expect("the older version").version.id, first.version.id);
    for (path, new, expected) in [
        ("/a/cat.jpg", "x.jpg", "there is no file at `/a/cat.jpg`"),
        ("/a/a_tiger.jpg", "taken.jpg", "a file is already at `/a/taken.jpg`"),
        (
            "/a/a_tiger.jpg",
            "a_tiger.jpg",
            "the file is already at `/a/a_tiger.jpg`",
        ),
    ] {
        let error = library
            .rename_file(path, &name(new), None, at(5))
            .await
            .expect_err(path);
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(bench.events().await[3..], [(EventKind::FileUpdated, file.id)]);
    // The old name is free again, and the file that takes it is another one.
    let next = upload(library, "/a/cat.jpg", b"four", 6).await.expect("uploaded");
    assert_ne!(next.id, file.id);
}

#[tokio::test]
async fn versions_are_restored_and_deleted() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/a.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/a.jpg", b"two", 2).await.expect("uploaded");
    let third = upload(library, "/a.jpg", b"three", 3).await.expect("uploaded");
    let file = first.id;

    let restored = library
        .restore_version(file, first.version.id, at(4))
        .await
        .expect("restored");
    assert_eq!((restored.version.id, restored.is_current), (first.version.id, true));
    assert_eq!(restored.updated_at, at(4));
    assert_eq!(numbers(&bench, file).await, [3, 2, -1]);
    let current = library.file_at("/a.jpg").await.expect("an answer").expect("a file");
    assert_eq!(bytes(library, &current).await, b"one");
    let same = library
        .restore_version(file, first.version.id, at(5))
        .await
        .expect("as it is");
    assert_eq!(same.updated_at, at(4));

    let error = library
        .delete_version(file, first.version.id, at(6))
        .await
        .expect_err("current");
    assert!(matches!(error, ChangeError::CurrentVersion(_)));
    library
        .delete_version(file, third.version.id, at(6))
        .await
        .expect("deleted");
    assert_eq!(numbers(&bench, file).await, [2, -1]);
    let error = library
        .delete_version(file, third.version.id, at(7))
        .await
        .expect_err("gone");
    assert!(matches!(error, ChangeError::NoVersion { .. }));
    assert_eq!(
        library
            .version_at("/a.jpg", &third.version.token)
            .await
            .expect("an answer"),
        None
    );

    let fourth = upload(library, "/a.jpg", b"four", 8).await.expect("uploaded");
    assert_eq!(fourth.version.number, 4, "numbers are not used again");
    let stranger: FileId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    for error in [
        library
            .restore_version(stranger, first.version.id, at(9))
            .await
            .expect_err("unknown"),
        library
            .restore_version(file, third.version.id, at(9))
            .await
            .expect_err("gone"),
        library
            .delete_version(stranger, first.version.id, at(9))
            .await
            .expect_err("unknown"),
    ] {
        assert_eq!(error.code(), Code::NotFound, "{error:?}");
    }
    let (updated, deleted) = (EventKind::FileUpdated, EventKind::FileVersionDeleted);
    assert_eq!(
        bench.events().await[3..],
        [(updated, file), (deleted, file), (EventKind::FileVersionCreated, file)]
    );
}

#[tokio::test]
async fn several_files_go_at_once_or_not_at_all() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let mut files = Vec::new();
    for path in ["/a", "/b", "/c"] {
        files.push(upload(library, path, b"bytes", 1).await.expect("uploaded").id);
    }
    let stranger: FileId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    let error = library
        .delete_all(&[files[0], stranger], at(2))
        .await
        .expect_err("unknown");
    assert!(matches!(error, ChangeError::MissingFiles(ids) if ids == [stranger]));
    assert_eq!(library.counts().await.expect("counts").files, 3);
    let deleted = library
        .delete_all(&[files[2], files[0], files[2]], at(3))
        .await
        .expect("deleted");
    assert_eq!(deleted, [files[2], files[0]]);
    assert!(library.file(files[1]).await.expect("an answer").is_some());
    let kinds: Vec<EventKind> = bench.events().await.iter().map(|event| event.0).collect();
    assert_eq!(kinds[3..], [EventKind::FileDeleted; 2]);
}

#[tokio::test]
async fn folders_are_made_and_deleted_with_everything_below() {
    let bench = Bench::with(|settings| settings.limits.folder_objects = 1000).await;
    let library = &bench.library;
    library.create_folder(&folder("/a/b/c"), at(1)).await.expect("made");
    library
        .create_folder(&folder("/a/b/c"), at(2))
        .await
        .expect("there already");
    for path in ["/a/1", "/a/b/2", "/a/b/c/3", "/ab/4", "/5", "/a-b/6"] {
        upload(library, path, path.as_bytes(), 3).await.expect("uploaded");
    }
    upload(library, "/a/b/2", b"again", 4).await.expect("uploaded");
    assert_eq!(library.delete_folder(&folder("/a"), at(5)).await.expect("deleted"), 3);
    let counts = library.counts().await.expect("counts");
    assert_eq!((counts.files, counts.versions, counts.folders), (3, 3, 2));
    for gone in ["/a", "/a/b", "/a/b/c"] {
        assert_eq!(library.folder_at(&folder(gone)).await.expect("an answer"), None);
        let error = library.delete_folder(&folder(gone), at(6)).await.expect_err("gone");
        assert!(matches!(error, ChangeError::NoFolder(_)));
    }
    let deleted = bench
        .events()
        .await
        .iter()
        .filter(|event| event.0 == EventKind::FileDeleted)
        .count();
    assert_eq!(deleted, 3);
    let error = library.delete_folder(&folder("/"), at(7)).await.expect_err("the root");
    assert_eq!(error.code(), Code::Invalid);
    upload(library, "/a/1", b"new", 8).await.expect("the place is free");
}

#[tokio::test]
async fn a_folder_with_too_much_in_it_stays() {
    let bench = Bench::with(|settings| settings.limits.folder_objects = 5).await;
    let library = &bench.library;
    for path in ["/a/1", "/a/b/2", "/a/b/2", "/a/b/3"] {
        upload(library, path, b"x", 1).await.expect("uploaded");
    }
    library
        .delete_folder(&folder("/a/b"), at(2))
        .await
        .expect("three versions");
    for path in ["/a/b/2", "/a/b/2", "/a/b/2", "/a/b/3"] {
        upload(library, path, b"x", 3).await.expect("uploaded");
    }
    let error = library.delete_folder(&folder("/a"), at(4)).await.expect_err("too much");
    assert_eq!(
        error.to_string(),
        "the folder holds 6 files, versions and folders; 5 are allowed"
    );
    assert_eq!(library.counts().await.expect("counts").versions, 5);
}
