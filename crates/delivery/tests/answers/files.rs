//! Files as they are stored: parts of them, their names, and what browsers may do with them.

use delivery::{Code, Kind, Request, ServedFrom};

use crate::world::{KEY, World, bytes, get, header, png};

/// More than one piece of the blob store.
fn text() -> Vec<u8> {
    (0..300_000_u32).map(|at| b'a' + (at % 26) as u8).collect()
}

#[tokio::test]
async fn parts_of_a_file() {
    let world = World::new().await;
    world.upload("/book.txt", "text/plain", &text()).await;
    let whole = world.get("/acct/book.txt").await.unwrap();
    assert_eq!(
        (whole.status(), whole.content_length, whole.origin),
        (200, 300_000, ServedFrom::Original)
    );
    assert_eq!(header(&whole, "accept-ranges").as_deref(), Some("bytes"));
    let etag = whole.etag.clone();
    let date = header(&whole, "last-modified").unwrap();
    assert_eq!(bytes(whole).await, text());

    let part = Request {
        range: Some("bytes=100000-299999"),
        ..get("/acct/book.txt")
    };
    let answer = world.ask(part).await.unwrap();
    assert_eq!((answer.status(), answer.content_length), (206, 200_000));
    assert_eq!(
        answer.kind,
        Kind::Partial {
            range: 100_000..300_000,
            total: 300_000
        }
    );
    assert_eq!(bytes(answer).await, text()[100_000..]);

    for (if_range, status) in [(etag.as_str(), 206), (date.as_str(), 206), ("\"old\"", 200)] {
        let answer = world
            .ask(Request {
                if_range: Some(if_range),
                ..part
            })
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{if_range}");
    }
    let error = world
        .ask(Request {
            range: Some("bytes=300000-"),
            ..part
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::RangeNotSatisfiable);
    assert_eq!(error.to_string(), "the file has 300000 bytes");

    let head = world.ask(Request { head: true, ..part }).await.unwrap();
    assert_eq!((head.status(), head.content_length), (200, 300_000));
    assert_eq!(bytes(head).await.len(), 0);

    let since = Request {
        if_modified_since: Some(&date),
        ..get("/acct/book.txt")
    };
    assert_eq!(world.ask(since).await.unwrap().status(), 304);
}

#[tokio::test]
async fn parts_and_heads_of_renditions() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let target = "/acct/tr:w-32/cat.png";
    let head = world
        .ask(Request {
            head: true,
            ..get(target)
        })
        .await
        .unwrap();
    let length = head.content_length;
    assert_eq!(bytes(head).await.len(), 0);
    let whole = bytes(world.get(target).await.unwrap()).await;
    assert_eq!(whole.len() as u64, length);
    let part = world
        .ask(Request {
            range: Some("bytes=-10"),
            ..get(target)
        })
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(bytes(part).await, whole[whole.len() - 10..]);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let world = World::new().await;
    world.upload("/empty.bin", "application/octet-stream", b"").await;
    let answer = world.get("/acct/empty.bin").await.unwrap();
    assert_eq!((answer.status(), answer.content_length), (200, 0));
    assert_eq!(bytes(answer).await.len(), 0);
}

#[tokio::test]
async fn uploads_run_nothing_here() {
    let world = World::new().await;
    world
        .upload("/page.html", "text/html", b"<script>alert(1)</script>")
        .await;
    world
        .upload(
            "/logo.svg",
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        )
        .await;
    world.upload("/odd.bin", "text/x\r\nset-cookie: a", b"odd").await;

    let page = world.get("/acct/page.html?tr=w-100").await.unwrap();
    assert_eq!(header(&page, "content-security-policy").as_deref(), Some("sandbox"));
    assert_eq!(page.notices, ["transformations have no effect on text/html"]);
    let saved = Some("attachment; filename=\"page.html\"");
    assert_eq!(header(&page, "content-disposition").as_deref(), saved);

    let logo = world.get("/acct/tr:w-100/logo.svg?ik-sanitizeSvg=true").await.unwrap();
    let policy = header(&logo, "content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"),
        "{policy}"
    );
    assert_eq!((logo.content_type.as_ref(), logo.notices.len()), ("image/svg+xml", 1));
    assert_eq!(header(&logo, "content-disposition"), None);
    let drawn = world.get("/acct/tr:f-png/logo.svg").await.unwrap();
    assert_eq!(drawn.content_type, "image/png");

    let odd = world.get("/acct/odd.bin").await.unwrap();
    assert_eq!(odd.content_type, "application/octet-stream");
    assert_eq!(header(&odd, "x-content-type-options").as_deref(), Some("nosniff"));
}

#[tokio::test]
async fn drawings_are_cleaned() {
    let world = World::new().await;
    let evil = b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3' onload='evil()'><g/></svg>";
    let plain = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"4\" height=\"3\"><g/></svg>";
    world.upload("/logo.svg", "image/svg+xml", evil).await;
    let saved = Some("attachment; filename=\"logo.svg\"");
    let sign = |target: &str| transform::sign(KEY, "/acct", target, None).unwrap();
    let unsigned = ["`ik-sanitizeSvg=false` needs a signature"];
    for (target, is_clean, disposition, notices) in [
        ("/acct/logo.svg".to_owned(), true, None, &[][..]),
        ("/acct/logo.svg?ik-sanitizeSvg=true".to_owned(), true, None, &[]),
        ("/acct/logo.svg?ik-sanitizeSvg=false".to_owned(), true, None, &unsigned),
        (sign("/acct/logo.svg?ik-sanitizeSvg=false"), false, None, &[]),
        ("/acct/logo.svg?tr=orig-true".to_owned(), false, saved, &[]),
        (
            "/acct/logo.svg?tr=orig-true&ik-sanitizeSvg=false".to_owned(),
            false,
            saved,
            &unsigned,
        ),
        (
            "/acct/logo.svg?tr=orig-true&ik-sanitizeSvg=true".to_owned(),
            true,
            None,
            &[],
        ),
        ("/acct/logo.svg?ik-attachment=true".to_owned(), true, saved, &[]),
    ] {
        let answer = world.get(&target).await.unwrap();
        assert_eq!(answer.content_type, "image/svg+xml", "{target}");
        assert_eq!(
            header(&answer, "content-disposition").as_deref(),
            disposition,
            "{target}"
        );
        assert!(header(&answer, "content-security-policy").is_some_and(|policy| policy.ends_with("sandbox")));
        assert_eq!(header(&answer, "vary"), None, "{target}");
        assert_eq!(answer.notices, notices, "{target}");
        let expected = if is_clean { plain.as_bytes() } else { evil };
        assert_eq!(bytes(answer).await, expected, "{target}");
    }

    let again = world.get("/acct/logo.svg").await.unwrap();
    assert_eq!(again.origin, ServedFrom::Memory);
    let known = Request {
        if_none_match: Some(&again.etag),
        ..get("/acct/logo.svg")
    };
    assert_eq!(world.ask(known).await.unwrap().kind, Kind::NotModified);
    let part = Request {
        range: Some("bytes=0-3"),
        ..get("/acct/logo.svg")
    };
    assert_eq!(bytes(world.ask(part).await.unwrap()).await, "<svg");
    let original = world.get("/acct/logo.svg?tr=orig-true").await.unwrap();
    assert_ne!(original.etag, again.etag);

    world
        .upload(
            "/broken.svg",
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg'><g></svg>",
        )
        .await;
    world
        .upload(
            "/page.svg",
            "image/svg+xml",
            b"<html xmlns='http://www.w3.org/1999/xhtml'><script>evil()</script></html>",
        )
        .await;
    for (target, expected) in [
        ("/acct/broken.svg", "expected 'g' tag"),
        ("/acct/page.svg", "the root element is not `svg`"),
    ] {
        let error = world.get(target).await.unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.hint(), Some("ask for the stored file with `orig-true`"));
        let stored = world.get(&format!("{target}?tr=orig-true")).await.unwrap();
        assert!(stored.disposition.is_some());
        // The same bytes are not parsed again, wherever they are asked for.
        let failed = world.delivery.stats().render_errors;
        let again = world.get(&format!("{target}?ik-sanitizeSvg=true")).await.unwrap_err();
        assert_eq!(
            (again.code(), again.to_string()),
            (Code::Unsupported, error.to_string())
        );
        assert_eq!(world.delivery.stats().render_errors, failed);
    }

    let as_is = World::with(|settings| settings.clean_svg = false).await;
    as_is.upload("/logo.svg", "image/svg+xml", evil).await;
    for (target, is_clean) in [
        ("/acct/logo.svg", false),
        ("/acct/logo.svg?tr=orig-true", false),
        ("/acct/logo.svg?ik-sanitizeSvg=true", true),
    ] {
        let answer = as_is.get(target).await.unwrap();
        assert_eq!(answer.disposition, None, "{target}");
        assert!(answer.content_security_policy.is_some());
        assert_eq!(bytes(answer).await == plain, is_clean, "{target}");
    }
}

#[tokio::test]
async fn pictures_that_cannot_be_read() {
    let world = World::new().await;
    world.upload("/scan.jp2", "image/jp2", b"\0\0\0\x0cjP  ").await;
    let stored = world.get("/acct/scan.jp2").await.unwrap();
    assert_eq!(
        (stored.content_type.as_ref(), stored.origin),
        ("image/jp2", ServedFrom::Original)
    );
    let error = world.get("/acct/tr:w-100/scan.jp2").await.unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert_eq!(error.to_string(), "image/jp2 cannot be transformed");
}

#[tokio::test]
async fn names_to_save_under() {
    let world = World::new().await;
    world.upload("/docs/guide.pdf", "application/pdf", b"%PDF-1.7").await;
    world.upload("/cat.png", "image/png", &png(8, 8)).await;
    for (target, expected) in [
        ("/acct/docs/guide.pdf", None),
        (
            "/acct/docs/guide.pdf?ik-attachment=true",
            Some("attachment; filename=\"guide.pdf\""),
        ),
        (
            "/acct/docs/guide.pdf?ik-attachment=true&ik-attachment-filename=Hand%20book",
            Some("attachment; filename=\"Hand book.pdf\""),
        ),
        (
            "/acct/cat.png?ik-attachment=true&tr=f-webp",
            Some("attachment; filename=\"cat.webp\""),
        ),
    ] {
        let answer = world.get(target).await.unwrap();
        assert_eq!(header(&answer, "content-disposition").as_deref(), expected, "{target}");
    }
}
