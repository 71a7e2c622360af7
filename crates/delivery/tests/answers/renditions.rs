//! Renditions: made once, kept, shared, refused.

use std::time::Duration;

use delivery::{CachePolicy, Code, Delivery, Kind, Request, ServedFrom};
use futures::future::join_all;
use transform::Mode;

use crate::world::{World, bytes, get, gif, header, png, settings};

#[tokio::test]
async fn the_second_request_finds_what_the_first_made() {
    let world = World::new().await;
    world.upload("/photos/cat.png", "image/png", &png(64, 48)).await;
    let first = world.get("/acct/tr:w-32/photos/cat.png").await.unwrap();
    assert_eq!(
        (first.status(), first.origin, first.cache),
        (200, ServedFrom::Render, CachePolicy::Public)
    );
    assert_eq!(
        (first.content_type.as_ref(), first.vary.as_slice()),
        ("image/png", ["Accept"].as_slice())
    );
    assert_eq!(header(&first, "x-content-type-options").as_deref(), Some("nosniff"));
    let length = first.content_length;
    let first = bytes(first).await;
    assert_eq!(first.len() as u64, length);
    let info = engine::probe_bytes(&first).unwrap().info;
    assert_eq!((info.width, info.height), (32, 24));

    let again = world.get("/acct/photos/cat.png?tr=w-32.0").await.unwrap();
    assert_eq!(again.origin, ServedFrom::Memory);
    assert_eq!(bytes(again).await, first);
    let stats = world.delivery.stats();
    assert_eq!(
        (stats.misses, stats.renders, stats.hits_memory, stats.hits_disk),
        (1, 1, 1, 0)
    );
    assert_eq!(stats.bytes, 2 * length);
    assert_eq!((stats.in_flight, stats.waiting), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_cause_one_rendering() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(400, 300)).await;
    let answers = join_all((0..50).map(|_| {
        let delivery = world.delivery.clone();
        tokio::spawn(async move { bytes(delivery.answer(get("/acct/tr:w-100/cat.png")).await.unwrap()).await })
    }))
    .await;
    let first = answers[0].as_ref().unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == first));
    let stats = world.delivery.stats();
    assert_eq!((stats.renders, stats.misses), (1, 1));
    assert_eq!(stats.coalesced + stats.hits_memory, 49);
}

#[tokio::test]
async fn what_the_client_accepts_makes_other_renditions() {
    let world = World::with(|settings| settings.output.avif = true).await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let mut seen = Vec::new();
    for (accept, content_type) in [
        (None, "image/png"),
        (Some("image/webp,*/*"), "image/webp"),
        (Some("image/avif,image/webp;q=0.5"), "image/avif"),
        (Some("image/webp;q=0,*/*"), "image/png"),
    ] {
        let answer = world
            .ask(Request {
                accept,
                ..get("/acct/tr:w-32/cat.png")
            })
            .await
            .unwrap();
        assert_eq!(answer.content_type, content_type, "{accept:?}");
        seen.push(answer.etag);
    }
    assert_eq!(seen[0], seen[3]);
    assert_eq!(world.delivery.stats().renders, 3);

    let explicit = Request {
        accept: Some("image/avif"),
        ..get("/acct/tr:w-32,f-webp/cat.png")
    };
    let explicit = world.ask(explicit).await.unwrap();
    assert_eq!((explicit.content_type.as_ref(), explicit.vary.len()), ("image/webp", 0));
}

#[tokio::test]
async fn a_restart_finds_renditions_on_disk() {
    let mut world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let made = bytes(world.get("/acct/tr:w-32/cat.png").await.unwrap()).await;
    world.restart().await;
    let kept = world.get("/acct/tr:w-32/cat.png").await.unwrap();
    assert_eq!(kept.origin, ServedFrom::Disk);
    assert_eq!(bytes(kept).await, made);
    let stats = world.delivery.stats();
    assert_eq!((stats.renders, stats.hits_disk), (0, 1));
}

#[tokio::test]
async fn a_damaged_cache_is_made_anew() {
    let mut world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let made = bytes(world.get("/acct/tr:w-32/cat.png").await.unwrap()).await;
    world.delivery.close().await;
    let cache = world.dir.path().join("cache");
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "no directory").unwrap();
    world.restart().await;
    let answer = world.get("/acct/tr:w-32/cat.png").await.unwrap();
    assert_eq!(answer.origin, ServedFrom::Render);
    assert_eq!(bytes(answer).await, made);
}

#[tokio::test]
async fn a_client_that_has_it_causes_no_rendering() {
    let mut world = World::with(|settings| settings.cache.disk_bytes = 0).await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let target = "/acct/tr:w-32/cat.png";
    let etag = world.get(target).await.unwrap().etag;
    world.restart().await;
    let request = Request {
        if_none_match: Some(&etag),
        range: Some("bytes=0-1"),
        ..get(target)
    };
    let answer = world.ask(request).await.unwrap();
    assert_eq!((answer.status(), answer.kind.clone()), (304, Kind::NotModified));
    assert_eq!(bytes(answer).await.len(), 0);
    assert_eq!(world.delivery.stats().renders, 0);
    let changed = Request {
        if_none_match: Some("\"other\""),
        ..get(target)
    };
    assert_eq!(world.ask(changed).await.unwrap().status(), 200);
}

#[tokio::test]
async fn broken_pictures_are_refused_and_decoded_once() {
    let world = World::new().await;
    let whole = png(64, 48);
    world.upload("/cut.png", "image/png", &whole[..whole.len() / 2]).await;
    world
        .upload("/noise.jpg", "image/jpeg", b"\xff\xd8 and then nothing of it")
        .await;
    for _ in 0..2 {
        let error = world.get("/acct/tr:w-32/cut.png").await.unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert_eq!(error.hint(), Some("ask for the stored file with `orig-true`"));
        assert_eq!(error.cache(), CachePolicy::NoStore);
        assert_eq!(world.code("/acct/noise.jpg").await, Some(Code::Unsupported));
    }
    let stats = world.delivery.stats();
    assert_eq!(
        (stats.renders, stats.render_errors, stats.cache_memory_bytes),
        (0, 1, 0)
    );
    let stored = world.get("/acct/tr:orig-true/noise.jpg").await.unwrap();
    assert_eq!(
        (stored.content_type.as_ref(), stored.origin),
        ("image/jpeg", ServedFrom::Original)
    );
}

#[tokio::test]
async fn limits_hold_before_anything_is_decoded() {
    let world = World::with(|settings| settings.limits.source_pixels = 1000).await;
    world.upload("/large.png", "image/png", &png(100, 100)).await;
    let error = world.get("/acct/tr:w-10/large.png").await.unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert_eq!(
        error.ik_error(),
        "ELIMIT - the source has 10000 pixels, more than the limit of 1000"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("orig-true")));
    assert_eq!(world.delivery.stats().render_errors, 0);

    let world = World::with(|settings| settings.render.max_source_bytes = 100).await;
    world.upload("/heavy.png", "image/png", &png(100, 100)).await;
    assert_eq!(world.code("/acct/tr:w-10/heavy.png").await, Some(Code::Limit));
    assert_eq!(world.code("/acct/heavy.png?tr=orig-true").await, None);
}

#[tokio::test]
async fn a_rendition_that_takes_too_long_is_given_up() {
    let world = World::with(|settings| settings.render.deadline = Duration::ZERO).await;
    world.upload("/large.png", "image/png", &png(1500, 1500)).await;
    let error = world.get("/acct/tr:w-1400,f-avif/large.png").await.unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert_eq!(error.to_string(), "making this takes longer than the allowed 0ns");
    let stats = world.delivery.stats();
    assert_eq!(
        (stats.renders, stats.render_errors, stats.cache_memory_bytes),
        (0, 1, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_at_once_is_refused() {
    let world = World::with(|settings| {
        settings.render.workers = 1;
        settings.render.queue = 0;
    })
    .await;
    world.upload("/large.png", "image/png", &png(1500, 1500)).await;
    // Look at the header first, so that all arrive where it is crowded together.
    assert_eq!(world.code("/acct/tr:w-1/large.png").await, None);
    let targets: Vec<_> = (0..8)
        .map(|at| format!("/acct/tr:w-{},f-avif/large.png", 1400 + at))
        .collect();
    let answers = join_all(targets.iter().map(|target| world.get(target))).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(answers.iter().any(Result::is_ok));
    assert!(!refused.is_empty());
    for error in &refused {
        assert_eq!(error.code(), Code::Overloaded);
        assert!(matches!(error.retry_after_s(), Some(1..=60)), "{error:?}");
    }
    assert_eq!(world.delivery.stats().overloads, refused.len() as u64);
}

#[tokio::test]
async fn small_originals_are_not_made_larger() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let jpeg = bytes(world.get("/acct/tr:f-jpg,q-5/cat.png").await.unwrap()).await;
    world.upload("/cat.jpg", "image/jpeg", &jpeg).await;
    let untouched = world.get("/acct/cat.jpg").await.unwrap();
    assert_eq!(untouched.vary, ["Accept"]);
    assert_eq!(bytes(untouched).await, jpeg);
}

#[tokio::test]
async fn stills_of_animations() {
    let world = World::new().await;
    let animation = gif(20, 10);
    world.upload("/dance.gif", "image/gif", &animation).await;
    let all = world.get("/acct/dance.gif").await.unwrap();
    assert_eq!(
        (all.content_type.as_ref(), all.origin),
        ("image/gif", ServedFrom::Original)
    );
    assert_eq!(bytes(all).await, animation);
    for (accept, content_type) in [(None, "image/jpeg"), (Some("image/webp"), "image/webp")] {
        let request = Request {
            accept,
            ..get("/acct/dance.gif/ik-thumbnail.jpg")
        };
        let still = world.ask(request).await.unwrap();
        assert_eq!(still.content_type, content_type);
        assert_eq!(still.vary, ["Accept"]);
        let info = engine::probe_bytes(&bytes(still).await).unwrap().info;
        assert_eq!((info.width, info.height, info.frames), (20, 10, 1));
    }
}

#[tokio::test]
async fn hints_are_rounded_and_told() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(640, 480)).await;
    let request = Request {
        width_hint: Some("212"),
        dpr_hint: Some("2"),
        ..get("/acct/tr:w-auto/cat.png")
    };
    let answer = world.ask(request).await.unwrap();
    assert_eq!(header(&answer, "content-dpr").as_deref(), Some("2.83"));
    assert_eq!(
        header(&answer, "vary").as_deref(),
        Some("Accept, Sec-CH-Width, Sec-CH-DPR, Width, DPR")
    );
    let near = Request {
        width_hint: Some("290"),
        dpr_hint: Some("2"),
        ..get("/acct/tr:w-auto/cat.png")
    };
    assert_eq!(
        world.ask(near).await.unwrap().origin,
        ServedFrom::Memory,
        "the same hundred"
    );
    let width = engine::probe_bytes(&bytes(answer).await).unwrap().info.width;
    assert_eq!(width, 300);
}

#[tokio::test]
async fn mistakes_are_explained_or_told() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let lenient = world.get("/acct/tr:v-2,w-32/cat.png").await.unwrap();
    assert!(
        header(&lenient, "x-tintype-ignored").is_some_and(|text| text.contains("v-2")),
        "{:?}",
        lenient.notices
    );
    let error = world.get("/acct/tr:n-nothing/cat.png").await.unwrap_err();
    assert_eq!(
        (error.code(), error.cache()),
        (Code::BadTransformation, CachePolicy::NoStore)
    );
    assert_eq!(error.ik_error(), "there is no named transformation `nothing`");
    assert_eq!(
        world.code(&format!("/acct/{}", "a".repeat(9000))).await,
        Some(Code::BadTransformation)
    );

    let strict = World::with(|settings| settings.mode = Mode::Strict).await;
    strict.upload("/cat.png", "image/png", &png(64, 48)).await;
    let error = strict.get("/acct/tr:h-20,w_30/cat.png").await.unwrap_err();
    assert_eq!(error.code(), Code::BadTransformation);
    assert!(error.to_string().contains("  h-20,w_30\n       ^^^^"), "{error}");
    assert!(
        error.hint().is_some_and(|hint| hint.contains("w-30")),
        "{:?}",
        error.hint()
    );
}

#[tokio::test]
async fn what_is_not_here_yet_says_so() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    world.upload("/clip.mp4", "video/mp4", b"no real one").await;
    for target in [
        "/acct/clip.mp4/ik-master.m3u8?tr=sr-240",
        "/acct/clip.mp4/ik-video.mp4",
        "/acct/clip.mp4/ik-thumbnail.jpg",
        "/acct/clip.mp4/ik-gensubtitle.vtt",
        "/acct/ik-genimg-prompt-a%20kite/kite.jpg",
        "/acct/tr:w-9/https://example.org/a.png",
    ] {
        let error = world.get(target).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{target}");
        assert!(
            error.to_string().ends_with("is not available in this version"),
            "{error}"
        );
    }
    let still = world.get("/acct/cat.png/ik-thumbnail.jpg").await.unwrap();
    assert_eq!(still.content_type, "image/png", "a still of a still is the picture");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let refused = |change: fn(&mut delivery::Settings)| {
        let mut settings = settings(world.dir.path());
        change(&mut settings);
        let library = world.library.clone();
        async move { Delivery::open(library, settings).await.unwrap_err().to_string() }
    };
    assert_eq!(
        refused(|settings| settings.endpoint = "acct/".to_owned()).await,
        "`endpoint` needs a slash before and none after"
    );
    assert_eq!(
        refused(|settings| settings.private_key = String::new().into()).await,
        "`private_key` is empty, and everybody could sign with that"
    );
    assert_eq!(
        refused(|settings| settings.render.workers = 0).await,
        "`render.workers` needs to be at least 1"
    );
}
