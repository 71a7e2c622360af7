//! Signatures, private files, drafts, old versions.

use delivery::{CachePolicy, Code, Lists, Request, Restrictions, Unsigned, Visitor};

use crate::world::{KEY, NOW, World, bytes, get, header, png};

fn signed(target: &str, expiry: Option<u64>) -> String {
    transform::sign(KEY, "/acct", target, expiry).unwrap()
}

#[tokio::test]
async fn private_files_need_a_signature() {
    let world = World::new().await;
    world
        .upload_with("/secret.png", "image/png", &png(64, 48), |file| file.is_private = true)
        .await;
    for target in [
        "/acct/secret.png",
        "/acct/tr:w-32/secret.png",
        "/acct/secret.png?tr=orig-true",
    ] {
        let error = world.get(target).await.unwrap_err();
        assert_eq!(
            (error.code(), error.cache()),
            (Code::Unauthorised, CachePolicy::NoStore),
            "{target}"
        );

        let forever = world.get(&signed(target, None)).await.unwrap();
        assert_eq!(forever.cache, CachePolicy::Private { max_age_s: 31_536_000 });
        let short = world.get(&signed(target, Some(NOW + 60))).await.unwrap();
        assert_eq!(short.cache.header(), "private, max-age=60, must-revalidate");
        assert_eq!(
            world.code(&signed(target, Some(NOW - 1))).await,
            Some(Code::Unauthorised)
        );
        let tampered = signed(target, None).replace("secret", "other");
        assert_eq!(world.code(&tampered).await, Some(Code::Unauthorised));
    }
    assert_eq!(
        world.code("/acct/tr:n-ik_ml_thumbnail/secret.png").await,
        None,
        "the operator's own name"
    );
    assert_eq!(
        world.code("/acct/tr:n-ik_ml_thumbnail,w-9/secret.png").await,
        Some(Code::Unauthorised)
    );
}

#[tokio::test]
async fn what_was_decided_holds_until_the_file_changes() {
    let world = World::new().await;
    let change = async |width, is_private| {
        let change = |file: &mut library::NewFile| file.is_private = is_private;
        world.upload_with("/a.png", "image/png", &png(width, 48), change).await
    };
    let etags = async || {
        let mut etags = Vec::new();
        for target in ["/acct/tr:w-32/a.png", "/acct/a.png?tr=orig-true"] {
            // The second time by what was decided the first time.
            let (first, second) = (world.get(target).await.unwrap(), world.get(target).await.unwrap());
            assert_eq!(first.headers().len(), second.headers().len());
            assert_eq!(first.etag, second.etag);
            assert_eq!(bytes(first).await, bytes(second).await);
            etags.push(world.get(target).await.unwrap().etag);
        }
        etags
    };
    let file = change(64, false).await;
    let before = etags().await;
    assert_eq!(before, etags().await);
    change(65, false).await;
    let after = etags().await;
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    change(65, true).await;
    assert_eq!(world.code("/acct/tr:w-32/a.png").await, Some(Code::Unauthorised));
    assert_eq!(world.code("/acct/a.png?tr=orig-true").await, Some(Code::Unauthorised));
    world.library.delete(file.id, library::Timestamp::now()).await.unwrap();
    assert_eq!(world.code("/acct/tr:w-32/a.png").await, Some(Code::NotFound));
}

#[tokio::test]
async fn signatures_are_checked_before_anything_is_looked_up() {
    let world = World::new().await;
    // Vectors of the contract: nothing is there, but the right ones get as far as to find that out.
    let vectors = [
        ("photos/cat.jpg?ik-s=032b42175b45640dd4a1342ddf2ac77292d99ce5", true),
        (
            "photos/cat.jpg?ik-t=1893456000&ik-s=410e685326f3fc4b4a4041cb10533ffaf536d3f0",
            true,
        ),
        (
            "tr:w-320,h-180/photos/cat.jpg?ik-s=c922348fa73843e0ca675bc8266c428df92390b7",
            true,
        ),
        (
            "photos/cat.jpg?tr=w-320,h-180&ik-s=cb982fd78230492eced0c2dbb1554d134b23082b",
            true,
        ),
        (
            "photos/cat.jpg?tr=w-320%2Ch-180&ik-s=f7b916796af8c9806d71bb90b609097356bbc7a4",
            true,
        ),
        (
            "photos/cat.jpg?v=7&tr=q-55&ik-s=9f1492dc2a0f4b4938d08689292dcc368b308130",
            true,
        ),
        (
            "photos/cat.jpg?ik-s=9f1492dc2a0f4b4938d08689292dcc368b308130&v=7&tr=q-55",
            true,
        ),
        ("photos/cat.jpg?ik-s=032b42175b45640dd4a1342ddf2ac77292d99ce6", false),
        ("photos/cat.jpg?ik-s=032B42175B45640DD4A1342DDF2AC77292D99CE5", false),
        ("photos/cat.jpg?ik-s=", false),
        (
            "photos/cat.jpg?v=1&ik-s=032b42175b45640dd4a1342ddf2ac77292d99ce5",
            false,
        ),
    ];
    for (rest, right) in vectors {
        let expected = if right { Code::NotFound } else { Code::Unauthorised };
        assert_eq!(world.code(&format!("/acct/{rest}")).await, Some(expected), "{rest}");
    }
}

#[tokio::test]
async fn drafts_and_absent_files_look_the_same() {
    let world = World::new().await;
    world
        .upload_with("/draft.png", "image/png", &png(8, 8), |file| file.is_published = false)
        .await;
    for target in [
        "/acct/draft.png",
        "/acct/none.png",
        "/acct/",
        "/acct",
        "/other/cat.png",
        "/acctx/cat.png",
    ] {
        let error = world.get(target).await.unwrap_err();
        assert_eq!(
            (error.code(), error.cache()),
            (Code::NotFound, CachePolicy::Brief),
            "{target}"
        );
        assert_eq!(error.ik_error(), "ENOENT - No file was found at the specified path");
    }
    assert_eq!(
        world.code("/acct/a/%2e%2e/draft.png").await,
        Some(Code::BadTransformation)
    );
}

#[tokio::test]
async fn old_versions_stay_reachable_by_their_token() {
    let world = World::new().await;
    let first = world.upload("/notes.txt", "text/plain", b"first").await;
    let second = world.upload("/notes.txt", "text/plain", b"second").await;
    assert_eq!(first.id, second.id);
    let old = format!("/acct/notes.txt?ik-obj-version={}", first.version.token);
    assert_eq!(bytes(world.get(&old).await.unwrap()).await, "first");
    assert_eq!(bytes(world.get("/acct/notes.txt").await.unwrap()).await, "second");
    assert_eq!(
        world.code("/acct/notes.txt?ik-obj-version=nonsense").await,
        Some(Code::NotFound)
    );
    let elsewhere = format!("/acct/other.txt?ik-obj-version={}", first.version.token);
    assert_eq!(world.code(&elsewhere).await, Some(Code::NotFound));
}

#[tokio::test]
async fn a_default_image_stands_in_for_a_while() {
    let world = World::new().await;
    world.upload("/fallback/none.png", "image/png", &png(64, 48)).await;
    let answer = world.get("/acct/tr:w-32,di-fallback@@none.png/gone.png").await.unwrap();
    assert_eq!(
        (answer.status(), answer.cache, answer.last_modified),
        (200, CachePolicy::Brief, NOW)
    );
    let width = engine::probe_bytes(&bytes(answer).await).unwrap().info.width;
    assert_eq!(width, 32);
    assert_eq!(
        world.code("/acct/tr:di-gone-too.png/gone.png").await,
        Some(Code::NotFound)
    );

    world
        .upload_with("/hidden.png", "image/png", &png(8, 8), |file| file.is_private = true)
        .await;
    assert_eq!(
        world.code("/acct/tr:di-hidden.png/gone.png").await,
        Some(Code::Unauthorised)
    );
}

#[tokio::test]
async fn names_stand_for_what_the_account_stores() {
    let world = World::new().await;
    world.upload("/p.png", "image/png", &png(60, 40)).await;
    let change = |transformation: Option<&str>, is_enabled| library::TransformationChange {
        transformation: transformation.map(str::to_owned),
        is_enabled,
        ..Default::default()
    };
    let now = library::Timestamp::now();
    let width = async |target: &str| {
        let answer = world.get(target).await.map_err(|error| error.code())?;
        let etag = answer.etag.clone();
        let bytes = bytes(answer).await;
        Ok::<_, Code>((engine::probe_bytes(&bytes).unwrap().info.width, etag))
    };
    assert_eq!(width("/acct/tr:n-card/p.png").await, Err(Code::BadTransformation));
    let library = &world.library;
    let card = library
        .create_named_transformation("card", "tr:w-30", true, now)
        .await
        .unwrap();
    let (before, first) = width("/acct/tr:n-card/p.png").await.unwrap();
    assert_eq!(before, 30);
    library
        .update_named_transformation(&card.id, change(Some("w-20"), None), now)
        .await
        .unwrap();
    let (after, second) = width("/acct/p.png?tr=n-card").await.unwrap();
    assert_eq!(after, 20);
    assert_ne!(first, second, "another rendition");
    library
        .update_named_transformation(&card.id, change(None, Some(false)), now)
        .await
        .unwrap();
    assert_eq!(width("/acct/tr:n-card/p.png").await, Err(Code::BadTransformation));
    assert_eq!(width("/acct/tr:n-Card/p.png").await, Err(Code::BadTransformation));
    assert!(width("/acct/tr:n-media_library_thumbnail/p.png").await.is_ok());
}

#[tokio::test]
async fn what_is_public_is_kept_no_longer_than_its_url_lives() {
    let world = World::new().await;
    world.upload("/p.png", "image/png", &png(60, 40)).await;
    for target in ["/acct/p.png?tr=orig-true", "/acct/p.png?tr=w-20"] {
        for (expiry, expected) in [
            (None, "public, s-maxage=31536000, max-age=31536000, must-revalidate"),
            (Some(NOW + 90), "public, s-maxage=90, max-age=90, must-revalidate"),
            (Some(NOW), "public, s-maxage=0, max-age=0, must-revalidate"),
            (
                Some(NOW + 40_000_000),
                "public, s-maxage=31536000, max-age=31536000, must-revalidate",
            ),
        ] {
            let target = signed(target, expiry);
            let answer = world.get(&target).await.unwrap();
            assert_eq!(header(&answer, "cache-control").as_deref(), Some(expected), "{target}");
            let known = Request {
                if_none_match: Some(&answer.etag),
                ..get(&target)
            };
            let unchanged = world.ask(known).await.unwrap();
            assert_eq!((unchanged.status(), unchanged.cache), (304, answer.cache), "{target}");
        }
    }
}

#[tokio::test]
async fn what_needs_a_signature() {
    use Unsigned::{Ai, All, Off, Transformations};
    let (ok, no) = (None, Some(Code::Unauthorised));
    for (level, videos, plain, small, named, cut, still, clip, absent) in [
        (
            Off,
            Off,
            ok,
            ok,
            ok,
            Some(Code::Unavailable),
            ok,
            ok,
            Some(Code::NotFound),
        ),
        (Ai, Off, ok, ok, ok, no, ok, ok, Some(Code::NotFound)),
        (Transformations, Off, ok, no, ok, no, no, ok, Some(Code::NotFound)),
        (All, Off, no, no, no, no, no, ok, Some(Code::NotFound)),
        (
            Off,
            All,
            ok,
            ok,
            ok,
            Some(Code::Unavailable),
            ok,
            no,
            Some(Code::NotFound),
        ),
        (All, All, no, no, no, no, no, no, no),
    ] {
        let world = World::with(|settings| {
            settings.restrictions.unsigned = level;
            settings.restrictions.unsigned_videos = videos;
        })
        .await;
        world.upload("/p.png", "image/png", &png(60, 40)).await;
        world.upload("/v.mp4", "video/mp4", b"no video").await;
        for (target, expected) in [
            ("/acct/p.png", plain),
            ("/acct/p.png?tr=orig-true", plain),
            ("/acct/p.png?tr=w-20", small),
            ("/acct/tr:n-ik_ml_thumbnail/p.png", named),
            ("/acct/tr:n-ik_ml_thumbnail,w-9/p.png", small),
            ("/acct/tr:e-bgremove/p.png", cut),
            ("/acct/tr:l-image,i-p.png,e-bgremove,l-end/p.png", cut),
            ("/acct/p.png/ik-thumbnail.jpg", still),
            ("/acct/v.mp4", clip),
            ("/acct/none.png", absent),
        ] {
            let case = format!("{level:?} {videos:?} {target}");
            assert_eq!(world.code(target).await, expected, "{case}");
            let is_needed = expected == no;
            if is_needed && absent != no {
                assert_ne!(world.code(&signed(target, None)).await, no, "{case}");
                assert_eq!(world.code(&signed(target, Some(NOW - 1))).await, no, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn names_alone() {
    let world = World::with(|settings| settings.restrictions.only_named = true).await;
    world.upload("/p.png", "image/png", &png(60, 40)).await;
    let (ok, no) = (None, Some(Code::BadTransformation));
    for (target, expected) in [
        ("/acct/p.png", ok),
        ("/acct/p.png?tr=orig-true", ok),
        ("/acct/p.png?v=2", ok),
        ("/acct/p.png/ik-thumbnail.jpg", ok),
        ("/acct/p.png?tr=n-ik_ml_thumbnail", ok),
        ("/acct/tr:n-ik_ml_thumbnail:n-media_library_thumbnail/p.png", ok),
        ("/acct/p.png?tr=w-20", no),
        ("/acct/tr:w-20/p.png?tr=n-ik_ml_thumbnail", no),
        ("/acct/tr:n-ik_ml_thumbnail/p.png?tr=w-20", no),
        ("/acct/p.png?tr=n-ik_ml_thumbnail:w-20", no),
        ("/acct/p.png?tr=if-w_gt_1,n-ik_ml_thumbnail,if-end", no),
        ("/acct/p.png?tr=l-image,i-p.png,l-end", no),
        ("/acct/p.png?tr=di-p.png", no),
        ("/acct/none.png?tr=w-20", no),
    ] {
        assert_eq!(world.code(target).await, expected, "{target}");
        assert_eq!(world.code(&signed(target, None)).await, expected, "signed {target}");
    }
    let error = world.get("/acct/p.png?tr=w-20").await.unwrap_err();
    assert_eq!(error.cache(), CachePolicy::NoStore);
    assert!(error.hint().is_some_and(|hint| hint.contains("n-<name>")));
}

fn from(target: &str, address: [u8; 4]) -> Request<'_> {
    Request {
        visitor: Some(Visitor {
            address: address.into(),
            country: "XX".parse().unwrap(),
            referrer: None,
            agent: None,
        }),
        ..get(target)
    }
}

#[tokio::test]
async fn lists_of_clients() {
    let world = World::with(|settings| {
        settings.restrictions.addresses = Lists {
            allowed: Vec::new(),
            blocked: vec!["192.0.2.0/24".parse().unwrap()],
        };
    })
    .await;
    world.upload("/p.png", "image/png", &png(60, 40)).await;
    for target in [
        "/acct/p.png".to_owned(),
        "/acct/p.png?tr=w-20".to_owned(),
        "/acct/none.png".to_owned(),
        signed("/acct/p.png", None),
    ] {
        let error = world.ask(from(&target, [192, 0, 2, 1])).await.unwrap_err();
        assert_eq!(
            (error.code(), error.cache()),
            (Code::Forbidden, CachePolicy::NoStore),
            "{target}"
        );
    }
    // What others may not have no cache in front may give them.
    let answer = world.ask(from("/acct/p.png", [198, 51, 100, 1])).await.unwrap();
    assert_eq!(answer.cache.header(), "private, max-age=31536000, must-revalidate");
    assert!(!world.delivery.answers_everybody_alike());
    let own = world.get("/acct/p.png").await.unwrap();
    assert_eq!(own.status(), 200, "the server itself is on no list");

    let shared = World::with(|settings| {
        settings.restrictions = Restrictions {
            agents: Lists {
                allowed: Vec::new(),
                blocked: vec!["bot".to_owned()],
            },
            shared: true,
            ..Restrictions::default()
        };
    })
    .await;
    shared.upload("/p.png", "image/png", &png(60, 40)).await;
    let answer = shared.ask(from("/acct/p.png", [198, 51, 100, 1])).await.unwrap();
    assert_eq!(answer.cache, CachePolicy::Public);
}

#[tokio::test]
async fn a_name_does_not_open_the_private_file_itself() {
    let world = World::new().await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3'><g/></svg>";
    for (path, mime, bytes) in [
        ("/plan.svg", "image/svg+xml", &svg[..]),
        ("/report.pdf", "application/pdf", b"%PDF-1.7"),
        ("/keys.zip", "application/zip", b"PK"),
        ("/clip.mp4", "video/mp4", b"clip"),
    ] {
        world
            .upload_with(path, mime, bytes, |file| file.is_private = true)
            .await;
        for target in [
            format!("/acct{path}?tr=n-ik_ml_thumbnail"),
            format!("/acct/tr:n-ik_ml_thumbnail{path}"),
            format!("/acct{path}?tr=n-ik_ml_thumbnail&ik-sanitizeSvg=false"),
        ] {
            assert_eq!(world.code(&target).await, Some(Code::Unauthorised), "{target}");
            assert_eq!(world.code(&signed(&target, None)).await, None, "{target}");
        }
    }
}

#[tokio::test]
async fn what_has_a_private_file_in_it_is_private() {
    let world = World::new().await;
    world.upload("/p.png", "image/png", &png(60, 40)).await;
    world
        .upload_with("/secret.png", "image/png", &png(20, 20), |file| file.is_private = true)
        .await;
    let target = "/acct/p.png?tr=l-image,i-secret.png,l-end";
    assert_eq!(world.code(target).await, Some(Code::Unauthorised));
    let answer = world.get(&signed(target, Some(NOW + 60))).await.unwrap();
    assert_eq!(answer.cache.header(), "private, max-age=60, must-revalidate");
    let nested = "/acct/p.png?tr=l-image,i-p.png,l-image,i-secret.png,l-end,l-end";
    let answer = world.get(&signed(nested, None)).await.unwrap();
    assert!(matches!(answer.cache, CachePolicy::Private { .. }));
    let other = world
        .get(&signed("/acct/p.png?tr=l-image,i-p.png,l-end", None))
        .await
        .unwrap();
    assert_eq!(other.cache, CachePolicy::Public);
}
