//! Signatures, private files, drafts, old versions.

use delivery::{CachePolicy, Code};

use crate::world::{KEY, NOW, World, bytes, png};

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
