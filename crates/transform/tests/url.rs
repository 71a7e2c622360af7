//! Addresses: read, built, signed.

use transform::{AssetRequest, DeliveryUrl, Marker, Mode, Position, SignatureState, UrlError, sign, verify};

fn request(target: &str) -> AssetRequest {
    AssetRequest::parse(target, "/acct").unwrap()
}

#[test]
fn the_transformation_stands_in_many_places() {
    for target in [
        "/acct/tr:w-220/photos/cat.jpg",
        "/acct/photos/tr:w-220/cat.jpg",
        "/acct/ik-seo/tr:w-220/photos/cat/white-cat.jpg",
        "/acct/tr:w-220/ik-seo/photos/cat/white-cat.jpg",
        "/acct/photos/cat.jpg/tr:w-220",
        "/acct//photos///cat.jpg?tr=w-220",
        "/acct/photos/cat.jpg?v=3&tr=tr:w-220",
        "/acct/photos/cat.jpg?tr=tr%3Aw-220",
        "/acct/photos/cat.jpg?tr=w-220&tr=w-9",
    ] {
        let request = request(target);
        assert_eq!(request.asset_path, "photos/cat.jpg", "{target}");
        assert_eq!(
            request.transformation(Mode::Strict).unwrap().canonical(),
            "w-220",
            "{target}"
        );
        assert_eq!(request.seo, target.contains("ik-seo"), "{target}");
    }
}

#[test]
fn path_steps_come_before_query_steps() {
    let both = request("/acct/tr:w-9:rt-90/a.jpg?tr=q-5")
        .transformation(Mode::Strict)
        .unwrap();
    assert_eq!(both.canonical(), "w-9:rt-90:q-5");
    let twice = request("/acct/tr:w-9/tr:h-9/a.jpg");
    assert_eq!(twice.transformation(Mode::Lenient).unwrap().canonical(), "w-9:h-9");
    assert!(twice.transformation(Mode::Strict).is_err());
    assert!(
        request("/acct/tr:/a.jpg")
            .transformation(Mode::Lenient)
            .unwrap()
            .is_empty()
    );
    assert!(request("/acct/tr:/a.jpg").transformation(Mode::Strict).is_err());
    assert!(request("/acct/a.jpg").transformation(Mode::Strict).unwrap().is_empty());
    assert!(
        request("/acct/a.jpg?tr=orig-true")
            .transformation(Mode::Strict)
            .unwrap()
            .is_original()
    );
}

#[test]
fn paths_are_decoded_by_segment() {
    for (target, path) in [
        ("/acct/caf%C3%A9%20bar/100%25.jpg", "café bar/100%.jpg"),
        ("/acct/100%.jpg", "100%.jpg"),
        ("/acct/it's.jpg", "it's.jpg"),
        ("/acct/it%27s.jpg", "it's.jpg"),
        ("/acct/a+b.jpg?", "a+b.jpg"),
        ("/acct/%FF.jpg", "\u{FFFD}.jpg"),
        ("/acct/ik-thumbnail.jpg", "ik-thumbnail.jpg"),
    ] {
        assert_eq!(request(target).asset_path, path, "{target}");
    }
}

#[test]
fn paths_that_could_lead_elsewhere_are_refused() {
    let refused = |target: &str| AssetRequest::parse(target, "/acct").unwrap_err().to_string();
    assert_eq!(refused("/acct/a/../b.jpg"), "the path holds a segment `.` or `..`");
    assert_eq!(refused("/acct/a/%2e%2E/b.jpg"), "the path holds a segment `.` or `..`");
    assert_eq!(refused("/acct/a%2Fb.jpg"), "the path holds an encoded slash");
    assert_eq!(refused("/acct/a%5Cb.jpg"), "the path holds a backslash");
    assert_eq!(refused("/acct/a%00.jpg"), "the path holds a zero byte");
    assert_eq!(refused("/acct"), "the URL names no asset");
    assert_eq!(refused("/acct/tr:w-5/?v=1"), "the URL names no asset");
    assert_eq!(
        refused("/account/a.jpg"),
        "the path is not under the URL endpoint `/acct`"
    );
    assert_eq!(
        refused("/acct/ik-seo/cat.jpg"),
        "`ik-seo` needs a path and a file name with an ending"
    );
}

#[test]
fn markers_select_what_is_delivered() {
    use Marker::*;
    for (target, path, markers) in [
        (
            "/acct/clips/intro.mp4/ik-thumbnail.jpg?tr=so-3",
            "clips/intro.mp4",
            vec![Thumbnail],
        ),
        (
            "/acct/clips/raw/ik-video.mp4/ik-master.mpd",
            "clips/raw",
            vec![Video, DashManifest],
        ),
        ("/acct/fun/dance.gif/ik-gif-video.mp4", "fun/dance.gif", vec![GifVideo]),
        ("/acct/a.mp4/tr:sr-240/ik-master.m3u8", "a.mp4", vec![HlsMaster]),
        ("/acct/a.mp4/ik-gensubtitle.transcript", "a.mp4", vec![Transcript]),
        (
            "/acct/ik-genimg-prompt-a%20red%20kite/gen/kite.jpg",
            "gen/kite.jpg",
            vec![GeneratedImage {
                prompt: "a red kite".to_owned(),
            }],
        ),
        (
            "/acct/tr:w-5/https://example.org/a.png",
            "",
            vec![RemoteUrl {
                url: "https://example.org/a.png".to_owned(),
            }],
        ),
        (
            "/acct/tr:w-5/https%3A%2F%2Fexample.org%2Fa%20b.png",
            "",
            vec![RemoteUrl {
                url: "https://example.org/a b.png".to_owned(),
            }],
        ),
    ] {
        let request = request(target);
        assert_eq!(
            (request.asset_path.as_str(), request.markers),
            (path, markers),
            "{target}"
        );
    }
}

#[test]
fn other_query_parameters() {
    let request = request(
        "/acct/a.pdf?ik-attachment=true&ik-attachment-filename=My%20book&ik-obj-version=v1&ik-sanitizeSvg=false\
         &updatedAt=17&ik-s=ab&ik-t=5&x",
    );
    assert_eq!(request.attachment.unwrap().filename.as_deref(), Some("My book"));
    assert_eq!(request.version.as_deref(), Some("v1"));
    assert_eq!(request.sanitize_svg, Some(false));
    let rest = [("updatedAt", "17"), ("x", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(request.rest, rest);
    let shown = AssetRequest::parse("/a.pdf?ik-attachment=false", "").unwrap();
    assert_eq!(shown.attachment, None);
}

#[test]
fn addresses_are_built() {
    let url =
        DeliveryUrl::new("https://media.example.com/acct/", "/photos/a cat?.jpg").transformation("w-5,di-a@@b é.png");
    assert_eq!(
        url.clone().query("v", "3&4").build(),
        "https://media.example.com/acct/photos/a%20cat%3F.jpg?v=3%264&tr=w-5,di-a@@b%20%C3%A9.png"
    );
    assert_eq!(
        url.position(Position::Path).build(),
        "https://media.example.com/acct/tr:w-5,di-a@@b%20%C3%A9.png/photos/a%20cat%3F.jpg"
    );
    assert_eq!(
        DeliveryUrl::new("https://media.example.com/acct", "photos/cat.jpg")
            .transformation("w-320,h-180")
            .position(Position::Path)
            .signed("contract-demo-key", None),
        "https://media.example.com/acct/tr:w-320,h-180/photos/cat.jpg?ik-s=c922348fa73843e0ca675bc8266c428df92390b7"
    );
}

const KEY: &str = "contract-demo-key";

#[test]
fn signatures_match_the_published_vectors() {
    for (rest, expiry, signature) in [
        ("photos/cat.jpg", None, "032b42175b45640dd4a1342ddf2ac77292d99ce5"),
        (
            "photos/cat.jpg",
            Some(1_893_456_000),
            "410e685326f3fc4b4a4041cb10533ffaf536d3f0",
        ),
        (
            "tr:w-320,h-180/photos/cat.jpg",
            None,
            "c922348fa73843e0ca675bc8266c428df92390b7",
        ),
        (
            "photos/cat.jpg?tr=w-320,h-180",
            None,
            "cb982fd78230492eced0c2dbb1554d134b23082b",
        ),
        (
            "photos/cat.jpg?tr=w-320%2Ch-180",
            None,
            "f7b916796af8c9806d71bb90b609097356bbc7a4",
        ),
        (
            "photos/cat.jpg?v=7&tr=q-55",
            None,
            "9f1492dc2a0f4b4938d08689292dcc368b308130",
        ),
        (
            "tr:l-text,ie-w6nDqA%3D%3D,fs-24,l-end/photos/caf%C3%A9.jpg",
            None,
            "07bfb8c2ae1774679999ee8f195661595a26f832",
        ),
        (
            "tr:w-64/https%3A%2F%2Fexample.org%2Fa%20b.png",
            Some(1_893_456_000),
            "6cd7f6a580ea1e8db1f57861b3613e08cec67f46",
        ),
        (
            "clips/intro.mp4/ik-master.m3u8?tr=sr-240_720",
            None,
            "565c50060a3e6a5b93a74c39351801af32979e7a",
        ),
    ] {
        let target = format!("/acct/{rest}");
        let signed = sign(KEY, "/acct", &target, expiry).unwrap();
        let joint = if rest.contains('?') { '&' } else { '?' };
        let written = expiry.map(|expiry| format!("ik-t={expiry}&")).unwrap_or_default();
        assert_eq!(signed, format!("{target}{joint}{written}ik-s={signature}"));
        assert_eq!(
            verify(KEY, &signed, "/acct", 1_800_000_000),
            SignatureState::Valid { expires: expiry }
        );
        assert_eq!(verify("another key", &signed, "/acct", 0), SignatureState::Invalid);
    }
}

#[test]
fn signatures_are_checked_on_the_wire_form() {
    let check = |target: &str| verify(KEY, target, "/acct", 1_893_456_000);
    let signature = "032b42175b45640dd4a1342ddf2ac77292d99ce5";
    let expiring = "410e685326f3fc4b4a4041cb10533ffaf536d3f0";
    assert_eq!(check("/acct/photos/cat.jpg"), SignatureState::Absent);
    assert_eq!(check("/acct/photos/cat.jpg?ik-t=5"), SignatureState::Absent);
    let until = SignatureState::Valid {
        expires: Some(1_893_456_000),
    };
    assert_eq!(
        check(&format!("/acct/photos/cat.jpg?ik-s={expiring}&ik-t=1893456000")),
        until
    );
    let never = SignatureState::Valid { expires: None };
    assert_eq!(
        check(&format!("/acct/photos/cat.jpg?ik-t=9999999999&ik-s={signature}")),
        never
    );
    let late = format!("/acct/photos/cat.jpg?ik-t=1893456000&ik-s={expiring}");
    assert_eq!(verify(KEY, &late, "/acct", 1_893_456_001), SignatureState::Expired);
    for target in [
        format!("/acct/photos/cat.jpg?ik-s={}", signature.to_uppercase()),
        format!("/acct/photos/cat.jpg?ik-s={signature}&ik-s={signature}"),
        format!("/acct/photos/cat.jpg?v=1&ik-s={signature}"),
        format!("/acct/photos/dog.jpg?ik-s={signature}"),
        format!("/acct/photos/cat.jpg?ik-t=never&ik-s={signature}"),
        format!("/acct/photos/cat.jpg?ik-t=1893456001&ik-s={expiring}"),
        "/acct/photos/cat.jpg?ik-s=".to_owned(),
        "/acct/photos/cat.jpg?ik-s=zz".to_owned(),
    ] {
        assert_eq!(check(&target), SignatureState::Invalid, "{target}");
    }
    // The message has no seam between address and expiry, and so no digit may change sides.
    let signed = sign(KEY, "/acct", "/acct/cat.jpg?tr=w-300", Some(1_893_456_000)).unwrap();
    assert!(matches!(check(&signed), SignatureState::Valid { .. }));
    for (from, to) in [
        ("w-300&ik-t=1893456000", "w-30&ik-t=01893456000"),
        ("w-300&ik-t=1893456000", "w-&ik-t=3001893456000"),
        ("w-300&ik-t=1893456000", "w-3001&ik-t=893456000"),
        ("ik-t=1893456000", "ik-t=+1893456000"),
        ("ik-t=1893456000", "ik-t=1893456000%20"),
        ("ik-t=1893456000", "ik-t="),
        ("ik-t=1893456000&", ""),
        ("ik-t=1893456000", "ik-t=1893456000&ik-t=1893456000"),
        ("ik-t=1893456000", "ik%2Dt=1893456000"),
        ("tr=w-300", "tr=w%2D300"),
        ("tr=w-300", "t%72=w-300"),
        ("cat.jpg", "c%61t.jpg"),
        ("cat.jpg", "./cat.jpg"),
        ("/acct/", "/acct//"),
    ] {
        let forged = signed.replace(from, to);
        assert_ne!(forged, signed);
        assert_eq!(check(&forged), SignatureState::Invalid, "{forged}");
    }
    let forever = sign(KEY, "/acct", "/acct/cat.jpg?v=9", None).unwrap();
    let moved = forever.replace("?v=9&", "?v=&ik-t=99999999999&");
    assert_eq!(check(&moved), SignatureState::Invalid);
    let late = sign(KEY, "/acct", "/acct/cat.jpg?v=9", Some(10_000_000_000)).unwrap();
    assert_eq!(late, forever, "the year 2286 is never");
    let early = sign(KEY, "/acct", "/acct/cat.jpg", Some(17)).unwrap();
    assert_eq!(check(&early), SignatureState::Expired);
    // Other parameters stay where they are around it.
    let signed = sign(KEY, "/acct", "/acct/a.jpg?v=7&tr=q-55", None).unwrap();
    let (_, mac) = signed.rsplit_once('=').unwrap();
    assert_eq!(check(&format!("/acct/a.jpg?ik-s={mac}&v=7&tr=q-55")), never);
    assert_eq!(
        check(&format!("/acct/a.jpg?tr=q-55&v=7&ik-s={mac}")),
        SignatureState::Invalid
    );
    assert_eq!(
        sign(KEY, "/acct", "/other/a.jpg", None),
        Err(UrlError::OutsideEndpoint {
            prefix: "/acct".to_owned()
        })
    );
}
