use library::{Code, Entry, EntryKind, FileType, Library, ListQuery, MediaFacts, NewFile, Sort, SortKey, Tags};

use crate::bench::{Bench, at, folder, new_file, upload};

fn names(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::File(asset) if asset.is_current => asset.path(),
            Entry::File(asset) => format!("{}#{}", asset.path(), asset.version.number),
            Entry::Folder(folder) => format!("{}/", folder.path),
        })
        .collect()
}

async fn list(library: &Library, query: ListQuery) -> Vec<String> {
    names(&library.list(&query).await.expect("a listing"))
}

/// Three files at two levels, two folders, one old version.
async fn filled() -> Bench {
    let bench = Bench::new().await;
    let library = &bench.library;
    for (path, size, width, height, tags, created) in [
        ("/b.png", 30, Some(100), Some(900), &["sea", "dawn"][..], 1000),
        ("/photos/a.png", 10, Some(300), Some(100), &["sea"], 2000),
        ("/photos/old/c.txt", 20, None, None, &[], 3000),
    ] {
        let media = MediaFacts {
            file_type: if width.is_some() {
                FileType::Image
            } else {
                FileType::NonImage
            },
            width,
            height,
            ..MediaFacts::default()
        };
        let file = new_file(library, path, &vec![b'x'; size]).await;
        let file = NewFile {
            tags: Tags::new(tags).ok(),
            media: media.clone(),
            ..file
        };
        library.upload(file, at(created)).await.expect("uploaded");
    }
    let media = MediaFacts {
        file_type: FileType::Image,
        width: Some(200),
        height: Some(900),
        ..MediaFacts::default()
    };
    let file = NewFile {
        media,
        tags: Tags::new(["dawn"]).ok(),
        ..new_file(library, "/b.png", &[b'y'; 40]).await
    };
    library.upload(file, at(4000)).await.expect("overwritten");
    bench
}

#[tokio::test]
async fn orders() {
    let bench = filled().await;
    let (a, b, c) = ("/photos/a.png", "/b.png", "/photos/old/c.txt");
    for (key, expected) in [
        (SortKey::Created, [b, a, c]),
        (SortKey::Relevance, [b, a, c]),
        (SortKey::Updated, [a, c, b]),
        (SortKey::Name, [a, b, c]),
        (SortKey::Size, [a, c, b]),
        (SortKey::Width, [c, b, a]),
        (SortKey::Height, [c, a, b]),
    ] {
        let ascending = ListQuery {
            sort: Sort { key, descending: false },
            ..ListQuery::default()
        };
        assert_eq!(list(&bench.library, ascending).await, expected, "{key:?}");
        let descending = ListQuery {
            sort: Sort { key, descending: true },
            ..ListQuery::default()
        };
        let reversed: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(list(&bench.library, descending).await, reversed, "{key:?} descending");
    }
}

#[tokio::test]
async fn filters() {
    let bench = filled().await;
    let query = ListQuery::default;
    let all = || ListQuery {
        kind: EntryKind::All,
        sort: Sort {
            key: SortKey::Name,
            descending: false,
        },
        ..query()
    };
    let tagged = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
    for (what, query, expected) in [
        (
            "old versions",
            ListQuery {
                kind: EntryKind::FileVersion,
                ..query()
            },
            &["/b.png#1"][..],
        ),
        (
            "folders",
            ListQuery {
                kind: EntryKind::Folder,
                ..query()
            },
            &["/photos/", "/photos/old/"],
        ),
        (
            "all",
            all(),
            &[
                "/photos/a.png",
                "/b.png",
                "/photos/old/c.txt",
                "/photos/old/",
                "/photos/",
            ],
        ),
        (
            "root",
            ListQuery {
                folder: Some(folder("/")),
                ..all()
            },
            &["/b.png", "/photos/"],
        ),
        (
            "one level",
            ListQuery {
                folder: Some(folder("photos")),
                ..all()
            },
            &["/photos/a.png", "/photos/old/"],
        ),
        (
            "unknown folder",
            ListQuery {
                folder: Some(folder("nowhere")),
                ..all()
            },
            &[],
        ),
        (
            "images",
            ListQuery {
                file_type: Some(FileType::Image),
                ..query()
            },
            &["/b.png", "/photos/a.png"],
        ),
        (
            "others",
            ListQuery {
                file_type: Some(FileType::NonImage),
                ..query()
            },
            &["/photos/old/c.txt"],
        ),
        (
            "name",
            ListQuery {
                name: Some("a.png".into()),
                ..query()
            },
            &["/photos/a.png"],
        ),
        (
            "folder name",
            ListQuery {
                name: Some("old".into()),
                ..all()
            },
            &["/photos/old/"],
        ),
        (
            "tag",
            ListQuery {
                tags: tagged(&["sea"]),
                ..query()
            },
            &["/photos/a.png"],
        ),
        (
            "any tag",
            ListQuery {
                tags: tagged(&["sea", "dawn"]),
                ..query()
            },
            &["/b.png", "/photos/a.png"],
        ),
        (
            "tags and folders",
            ListQuery {
                tags: tagged(&["sea"]),
                ..all()
            },
            &["/photos/a.png"],
        ),
        (
            "no such tag",
            ListQuery {
                tags: tagged(&["' OR 1=1 --"]),
                ..query()
            },
            &[],
        ),
        (
            "old versions by tag",
            ListQuery {
                kind: EntryKind::FileVersion,
                tags: tagged(&["sea"]),
                ..query()
            },
            &["/b.png#1"],
        ),
        (
            "folders have no size",
            ListQuery {
                sort: Sort {
                    key: SortKey::Size,
                    descending: true,
                },
                folder: Some(folder("/")),
                ..all()
            },
            &["/b.png", "/photos/"],
        ),
    ] {
        assert_eq!(list(&bench.library, query).await, expected, "{what}");
    }
}

#[tokio::test]
async fn limits() {
    let bench = Bench::new().await;
    for limit in [0, 1001] {
        let error = bench
            .library
            .list(&ListQuery {
                limit,
                ..ListQuery::default()
            })
            .await
            .expect_err("refused");
        assert_eq!(error.code(), Code::Invalid);
    }
    assert_eq!(
        list(
            &bench.library,
            ListQuery {
                skip: u64::MAX,
                ..ListQuery::default()
            }
        )
        .await,
        [""; 0]
    );
}

/// Ten thousand files of one moment, so that only ids tell them apart: pages must neither overlap nor leave out.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_ten_thousand_fit_together() {
    let bench = Bench::new().await;
    let library = &bench.library;
    upload(library, "/many/first.png", b"x", 1000).await.expect("uploaded");
    library.close().await;
    fill(&bench, 9_999).await;
    let library = Library::open(bench.settings()).await.expect("opened");
    assert_eq!(library.counts().await.expect("counts").files, 10_000);
    for kind in [EntryKind::File, EntryKind::All] {
        let mut seen = std::collections::HashSet::new();
        for page in 0..12 {
            let query = ListQuery {
                kind,
                sort: Sort {
                    key: SortKey::Size,
                    descending: true,
                },
                skip: page * 1000,
                ..ListQuery::default()
            };
            for name in list(&library, query).await {
                assert!(seen.insert(name), "twice");
            }
        }
        assert_eq!(seen.len(), if kind == EntryKind::All { 10_001 } else { 10_000 });
    }
    assert!(library.file_at("/many/n7777.png").await.expect("found").is_some());
}

/// Copies the only file by SQL: ten thousand uploads would wait for the disk ten thousand times.
async fn fill(bench: &Bench, count: u32) {
    let columns =
        "is_current, folder_id, created_at, updated_at, uploaded_at, blob, size, mime, is_image, width, height,
        tags, ai_tags, custom_metadata, is_private, is_published";
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
    // 24 hex characters that no id of a real file has: those begin with the time.
    let id = "substr('000000000000000000000000' || i, length('' || i) + 1)";
    bench
        .sql(&format!(
            "{numbers} INSERT INTO files SELECT {id}, 1, 1000 FROM n;
             {numbers} INSERT INTO versions (id, file_id, number, token, name, {columns})
             SELECT {id}, {id}, 1, 'token' || i, 'n' || i || '.png', {columns}
             FROM n, (SELECT * FROM versions) v"
        ))
        .await;
}
