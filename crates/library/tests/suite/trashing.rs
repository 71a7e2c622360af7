//! Deleted things, and how they come back.

use std::time::Duration;

use library::{ChangeError, Code, EventKind, Garbage, MediaFacts, NewFile, Tags, Timestamp, TrashId};
use serde_json::json;

use crate::bench::{Bench, at, bytes, folder, new_file, upload};

const DAY: i64 = 24 * 3600 * 1000;

async fn collect(bench: &Bench) -> Garbage {
    let garbage = bench.library.collect_garbage(Duration::ZERO, Timestamp::now()).await;
    garbage.expect("collected")
}

#[tokio::test]
async fn a_deleted_file_comes_back_as_it_was() {
    let bench = Bench::new().await;
    let library = &bench.library;
    bench.field("brand").await;
    upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    let values = json!({"brand": "Ac\"me 'é' \u{1f980}"});
    let file = NewFile {
        tags: Tags::new(["sea", "dawn"]).ok(),
        custom_metadata: values.as_object().cloned(),
        custom_coordinates: Some("1,2,3,4".into()),
        description: Some("A harbour\nat \"dawn\"".into()),
        is_private: true,
        is_published: false,
        media: MediaFacts {
            mime: "video/mp4".into(),
            width: Some(1200),
            height: Some(800),
            orientation: Some(6),
            has_alpha: Some(false),
            duration: Some(Duration::from_millis(7040)),
            bit_rate: Some(1_453_966),
            video_codec: Some("h264".into()),
            embedded_metadata: json!({"XResolution": 72, "Text": "{}"}).as_object().cloned(),
            ..MediaFacts::default()
        },
        ..new_file(library, "/a/cat.jpg", b"two").await
    };
    let file = library.upload(file, at(2)).await.expect("uploaded");
    bench
        .sql("UPDATE versions SET phash = -9223372036854775807, latitude = 48.125, longitude = -0.5, taken_at = 5")
        .await;
    let before = library.versions(file.id).await.expect("versions");

    library.delete(file.id, at(1000)).await.expect("deleted");
    assert_eq!(collect(&bench).await, Garbage::default(), "the trash keeps the bytes");
    let trash = library.trash(10, 0).await.expect("the trash");
    assert_eq!(trash.len(), 1);
    let item = &trash[0];
    assert_eq!(
        (item.file, item.version, item.version_number, item.versions),
        (file.id, file.version.id, 2, 2)
    );
    assert!(item.is_whole_file);
    assert_eq!(
        (item.folder.as_str(), item.name.as_str(), item.bytes),
        ("/a", "cat.jpg", 6)
    );
    assert_eq!((item.deleted_at, item.purge_at), (at(1000), at(1000 + 30 * DAY)));

    library
        .delete_folder(&folder("/a"), at(1001))
        .await
        .expect("an empty folder");
    let back = library.restore_trashed(item.id, at(2000)).await.expect("restored");
    assert_eq!(back, before[0]);
    assert_eq!(library.versions(file.id).await.expect("versions"), before);
    assert_eq!(bytes(library, &back).await, b"two");
    assert_eq!(library.trash(10, 0).await.expect("the trash"), []);
    let error = library
        .restore_trashed(item.id, at(2001))
        .await
        .expect_err("restored already");
    assert!(matches!(error, ChangeError::NotInTrash(id) if id == item.id));
    let last = bench.events().await.pop().expect("an event");
    assert_eq!(last, (EventKind::FileCreated, file.id));
    // Its history goes on where it was, and its tags are found again.
    let next = upload(library, "/a/cat.jpg", b"three", 3000).await.expect("uploaded");
    assert_eq!((next.id, next.version.number), (file.id, 3));
    let query = library::ListQuery {
        kind: library::EntryKind::FileVersion,
        tags: vec!["dawn".into()],
        ..library::ListQuery::default()
    };
    assert_eq!(library.list(&query).await.expect("listed").len(), 1);
}

#[tokio::test]
async fn a_file_whose_place_is_taken_comes_back_beside_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let file = upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    library.delete(file.id, at(2)).await.expect("deleted");
    let other = upload(library, "/a/cat.jpg", b"two", 3).await.expect("uploaded");
    let item = library.trash(1, 0).await.expect("the trash").remove(0);
    let back = library.restore_trashed(item.id, at(4)).await.expect("restored");
    assert_eq!(back.id, file.id);
    let path = back.path();
    assert!(path.starts_with("/a/cat_") && path.ends_with(".jpg"), "{path}");
    assert_eq!(
        library.file_at("/a/cat.jpg").await.expect("found").expect("a file").id,
        other.id
    );
    assert_eq!(library.file_at(&path).await.expect("found"), Some(back));
}

#[tokio::test]
async fn a_deleted_version_comes_back_to_its_file() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/cat.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/cat.jpg", b"two", 2).await.expect("uploaded");
    library
        .delete_version(first.id, first.version.id, at(3))
        .await
        .expect("deleted");
    library
        .move_file("/cat.jpg", &folder("/b"), at(4))
        .await
        .expect("moved");
    let item = library.trash(1, 0).await.expect("the trash").remove(0);
    assert!(!item.is_whole_file);
    assert_eq!(
        (item.file, item.version, item.version_number),
        (first.id, first.version.id, 1)
    );
    let back = library.restore_trashed(item.id, at(5)).await.expect("restored");
    assert_eq!((back.version.id, back.is_current), (first.version.id, false));
    assert_eq!(back.path(), "/b/cat.jpg");
    assert_eq!(bytes(library, &back).await, b"one");
    assert_eq!(library.versions(first.id).await.expect("versions").len(), 2);
    let last = bench.events().await.pop().expect("an event");
    assert_eq!(last, (EventKind::FileVersionCreated, first.id));
}

#[tokio::test]
async fn a_version_waits_for_its_file_or_stands_for_it() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let first = upload(library, "/cat.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/cat.jpg", b"two", 2).await.expect("uploaded");
    library
        .delete_version(first.id, first.version.id, at(3))
        .await
        .expect("deleted");
    library.delete(first.id, at(4)).await.expect("deleted");
    let trash = library.trash(10, 0).await.expect("the trash");
    assert_eq!(
        trash.iter().map(|item| item.is_whole_file).collect::<Vec<_>>(),
        [true, false],
        "newest first"
    );
    let error = library
        .restore_trashed(trash[1].id, at(5))
        .await
        .expect_err("the file first");
    assert!(matches!(error, ChangeError::FileInTrash(id) if id == first.id));
    assert_eq!(library.trash(10, 0).await.expect("the trash").len(), 2);
    library.purge_trashed(trash[0].id, at(6)).await.expect("purged");
    let back = library.restore_trashed(trash[1].id, at(7)).await.expect("restored");
    assert_eq!(
        (back.id, back.is_current, back.path().as_str()),
        (first.id, true, "/cat.jpg")
    );
    let next = upload(library, "/cat.jpg", b"three", 8).await.expect("uploaded");
    assert_eq!(next.version.number, 3, "numbers are not used again");
}

#[tokio::test]
async fn what_was_long_in_the_trash_is_purged() {
    let bench = Bench::with(|settings| settings.limits.trash = Duration::from_secs(10)).await;
    let library = &bench.library;
    let one = upload(library, "/1", b"one", 1).await.expect("uploaded");
    let shared = upload(library, "/2", b"shared", 1).await.expect("uploaded");
    let other = upload(library, "/3", b"shared", 1).await.expect("uploaded");
    library.delete(one.id, at(1000)).await.expect("deleted");
    library.delete(shared.id, at(2000)).await.expect("deleted");
    assert_eq!(library.sweep_trash(at(10_999)).await.expect("swept"), 0);
    assert_eq!(library.sweep_trash(at(11_000)).await.expect("swept"), 1);
    assert_eq!(library.trash(10, 0).await.expect("the trash").len(), 1);
    assert_eq!(library.sweep_trash(at(12_000)).await.expect("swept"), 1);
    let grace = Duration::from_secs(10);
    let collected = async |now| {
        library
            .collect_garbage(grace, at(now))
            .await
            .expect("collected")
            .unreferenced
    };
    assert_eq!(collected(20_999).await, 0, "the grace period begins with the purge");
    assert_eq!(collected(21_000).await, 1);
    assert_eq!(collected(30_000).await, 0, "another file names it");
    assert_eq!(bytes(library, &other).await, b"shared");
    library.delete(other.id, at(3000)).await.expect("deleted");
    assert_eq!(library.sweep_trash(at(40_000)).await.expect("swept"), 1);
    assert_eq!(collected(50_000).await, 1);
    assert_eq!(bench.files(), (0, 0));
}

#[tokio::test]
async fn without_a_trash_everything_goes_at_once() {
    let bench = Bench::without_trash().await;
    let library = &bench.library;
    let first = upload(library, "/cat.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/cat.jpg", b"two", 2).await.expect("uploaded");
    library
        .delete_version(first.id, first.version.id, at(3))
        .await
        .expect("deleted");
    assert_eq!(collect(&bench).await.unreferenced, 1);
    library
        .delete_folder(&folder("/nowhere"), at(3))
        .await
        .expect_err("absent");
    upload(library, "/f/cat.jpg", b"three", 4).await.expect("uploaded");
    library.delete_folder(&folder("/f"), at(5)).await.expect("deleted");
    library.delete(first.id, at(6)).await.expect("deleted");
    assert_eq!(library.trash(10, 0).await.expect("the trash"), []);
    assert_eq!(collect(&bench).await.unreferenced, 2);
}

#[tokio::test]
async fn restoring_is_refused_where_it_does_not_fit() {
    let bench = Bench::with(|settings| settings.limits.versions_per_file = 2).await;
    let library = &bench.library;
    let first = upload(library, "/a/cat.jpg", b"one", 1).await.expect("uploaded");
    upload(library, "/a/cat.jpg", b"two", 2).await.expect("uploaded");
    library
        .delete_version(first.id, first.version.id, at(3))
        .await
        .expect("deleted");
    upload(library, "/a/cat.jpg", b"three", 4).await.expect("uploaded");
    let item = library.trash(1, 0).await.expect("the trash").remove(0);
    let error = library.restore_trashed(item.id, at(5)).await.expect_err("too many");
    assert!(
        matches!(error, ChangeError::TooManyVersions { limit: 2, .. }),
        "{error:?}"
    );
    library.delete(first.id, at(6)).await.expect("deleted");
    let whole = library.trash(1, 0).await.expect("the trash").remove(0);
    bench.lock("/a").await;
    let error = library.restore_trashed(whole.id, at(7)).await.expect_err("locked");
    assert_eq!(error.code(), Code::Locked);
    assert_eq!(
        library.trash(10, 0).await.expect("the trash").len(),
        2,
        "it is still there"
    );
    let stranger: TrashId = "65f0c0ffee0123456789abcd".parse().expect("an id");
    for error in [
        library.restore_trashed(stranger, at(8)).await.expect_err("unknown"),
        library.purge_trashed(stranger, at(8)).await.expect_err("unknown"),
    ] {
        assert_eq!(error.code(), Code::NotFound);
    }
}
