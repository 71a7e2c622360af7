//! Operations that need a model: files of the operator, services on this machine.

use std::time::Duration;

use base64::Engine as _;
use delivery::{CachePolicy, Code, Delivery, ImagesSettings, Kind, Request, ServedFrom, Settings};

use crate::onnx;
use crate::service::{Reply, Service};
use crate::world::{World, bytes, get, header, png, settings};

const SECRET: &str = "sk-very-secret-0123456789";

struct Raster {
    width: u32,
    height: u32,
    pixels: Vec<[u8; 4]>,
}

impl Raster {
    fn new(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self {
            width,
            height,
            pixels: places.map(|(x, y)| pixel(x, y)).collect(),
        }
    }

    fn read(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        Self {
            width: frame.width,
            height: frame.height,
            pixels: pixels.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect(),
        }
    }

    fn at(&self, x: u32, y: u32) -> [u8; 4] {
        self.pixels[(y * self.width + x) as usize]
    }

    fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.pixels.concat()).unwrap();
        writer.finish().unwrap();
        file
    }
}

/// A lit window in the dark: its brightness is a mask.
fn window(width: u32, height: u32) -> Vec<u8> {
    Raster::new(width, height, |x, y| {
        let inside = (width / 4..width * 3 / 4).contains(&x) && (height / 4..height * 3 / 4).contains(&y);
        if inside { [255, 255, 255, 255] } else { [0, 0, 0, 255] }
    })
    .file()
}

fn cut_out(width: u32, height: u32) -> Vec<u8> {
    Raster::new(
        width,
        height,
        |x, _| if x < width / 2 { [9, 8, 7, 255] } else { [0; 4] },
    )
    .file()
}

fn with_model(settings: &mut Settings, name: &str, file: Vec<u8>) {
    std::fs::create_dir_all(&settings.ai.models).unwrap();
    std::fs::write(settings.ai.models.join(name), file).unwrap();
}

/// Asked until it is there.
async fn ready(world: &World, target: &str) -> bytes::Bytes {
    for _ in 0..500 {
        let answer = world.get(target).await.unwrap();
        if answer.kind != Kind::Preparing {
            return bytes(answer).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{target} was never ready");
}

#[tokio::test]
async fn a_background_is_removed_and_the_rest_goes_on_from_there() {
    let world = World::with(|settings| with_model(settings, "background.onnx", onnx::background(64))).await;
    world.upload("/window.png", "image/png", &window(120, 80)).await;
    let answer = world.get("/acct/tr:e-bgremove,w-60/window.png").await.unwrap();
    assert_eq!((answer.status(), answer.content_type.as_ref()), (200, "image/png"));
    assert_eq!(answer.cache, CachePolicy::Public);
    let etag = answer.etag.clone();
    let cut = Raster::read(&bytes(answer).await);
    assert_eq!((cut.width, cut.height), (60, 40));
    assert_eq!((cut.at(30, 20), cut.at(3, 3)[3]), ([255; 4], 0));

    // The shadow falls outside of what was cut out.
    let shadow = bytes(world.get("/acct/tr:e-bgremove:e-dropshadow/window.png").await.unwrap()).await;
    let shadow = Raster::read(&shadow);
    let dark = shadow.pixels.iter().filter(|p| p[3] > 20 && p[0] < 60).count();
    assert!(dark > 100, "{dark}");

    // On a layer, and on a colour behind it.
    world.upload("/page.png", "image/png", &png(200, 150)).await;
    let laid = bytes(
        world
            .get("/acct/tr:l-image,i-window.png,lfo-center,e-bgremove,l-end,f-png/page.png")
            .await
            .unwrap(),
    )
    .await;
    let page = Raster::read(&bytes(world.get("/acct/tr:orig-true/page.png").await.unwrap()).await);
    let laid = Raster::read(&laid);
    assert_eq!((laid.width, laid.height), (200, 150));
    assert_eq!((laid.at(100, 75), laid.at(45, 40)), ([255; 4], page.at(45, 40)));

    // Known to the client, it is not looked for.
    let known = Request {
        if_none_match: Some(&etag),
        ..get("/acct/tr:e-bgremove,w-60/window.png")
    };
    assert_eq!(world.ask(known).await.unwrap().kind, Kind::NotModified);
}

#[tokio::test]
async fn pictures_grow_and_get_better() {
    let world = World::with(|settings| {
        with_model(settings, "upscale.onnx", onnx::twice());
        with_model(settings, "retouch.onnx", onnx::negative(64));
    })
    .await;
    world.upload("/cat.png", "image/png", &png(200, 100)).await;
    let larger = bytes(world.get("/acct/tr:e-upscale,f-png/cat.png").await.unwrap()).await;
    let source = Raster::read(&png(200, 100));
    let larger = Raster::read(&larger);
    assert_eq!((larger.width, larger.height), (400, 200));
    assert_eq!(larger.at(301, 99), source.at(150, 49));
    let negative = bytes(world.get("/acct/tr:w-100:e-retouch:w-50,f-png/cat.png").await.unwrap()).await;
    assert_eq!(Raster::read(&negative).width, 50);

    let large = Raster::new(4000, 4000, |_, _| [1, 2, 3, 255]).file();
    world.upload("/large.png", "image/png", &large).await;
    let error = world.get("/acct/tr:e-upscale/large.png").await.unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert_eq!(
        error.ik_error(),
        "ELIMIT - `e-upscale` takes pictures below 16 megapixels: this one has 16000000 pixels"
    );
    assert_eq!(world.code("/acct/tr:w-300:e-retouch/large.png").await, None);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::new().await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let mut told = String::new();
    for step in [
        "e-bgremove",
        "e-removedotbg",
        "e-changebg-prompt-sea",
        "e-edit-prompt-hat",
        "e-genvar",
        "w-90,h-90,cm-pad_resize,bg-genfill",
        "e-retouch",
        "e-upscale",
    ] {
        let error = world.get(&format!("/acct/tr:{step}/cat.png")).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{step}");
        told.push_str(&format!("{error}\n"));
    }
    let expected = [
        "`e-bgremove` is not set up: put `background.onnx` into the folder of the setting `models` (by default `models` in the data directory), or set `removebg_key` to a key of remove.bg",
        "`e-removedotbg` is not set up: put `background.onnx` into the folder of the setting `models` (by default `models` in the data directory), or set `removebg_key` to a key of remove.bg",
        "`e-changebg` is not set up: set `images_url` to a server that speaks OpenAI's images API, `images_model` to a model of it, and `images_key` if it needs a key",
        "`e-edit` is not set up: set `images_url` to a server that speaks OpenAI's images API, `images_model` to a model of it, and `images_key` if it needs a key",
        "`e-genvar` is not set up: set `images_url` to a server that speaks OpenAI's images API, `images_model` to a model of it, and `images_key` if it needs a key",
        "`bg-genfill` is not set up: set `images_url` to a server that speaks OpenAI's images API, `images_model` to a model of it, and `images_key` if it needs a key",
        "`e-retouch` is not set up: put `retouch.onnx` into the folder of the setting `models` (by default `models` in the data directory)",
        "`e-upscale` is not set up: put `upscale.onnx` into the folder of the setting `models` (by default `models` in the data directory)",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);

    // Nobody asks for a model that a condition leaves out.
    assert_eq!(
        world.code("/acct/tr:if-w_gt_1000,e-bgremove,if-end:w-20/cat.png").await,
        None
    );
    assert_eq!(
        world.code("/acct/tr:if-w_gt_10,e-bgremove,if-end:w-20/cat.png").await,
        Some(Code::Unavailable)
    );
    let face = world.get("/acct/tr:w-20,h-20,fo-face/cat.png").await.unwrap();
    assert_eq!(
        header(&face, "x-tintype-ignored").as_deref(),
        Some(
            "`fo-face` behaves like `fo-auto`: there is no `faces.onnx` in the folder of the setting `models` (by default \
             `models` in the data directory)"
        )
    );
}

#[tokio::test]
async fn faces_are_kept_once_somebody_finds_them() {
    let without = World::new().await;
    let with = World::with(|settings| with_model(settings, "faces.onnx", onnx::faces([0.7, 0.1, 0.9, 0.5]))).await;
    let mut etags = Vec::new();
    for world in [&without, &with] {
        world.upload("/cat.png", "image/png", &png(200, 100)).await;
        let answer = world.get("/acct/tr:w-40,h-40,fo-face/cat.png").await.unwrap();
        assert_eq!(
            header(&answer, "x-tintype-ignored").is_some(),
            std::ptr::eq(world, &without)
        );
        etags.push(answer.etag);
    }
    assert_ne!(etags[0], etags[1]);
}

#[tokio::test]
async fn a_slow_service_is_waited_for_a_while() {
    let service = Service::start(Reply {
        after: Duration::from_millis(400),
        ..Reply::of(200, cut_out(64, 48))
    })
    .await;
    let url = format!("{}/v1.0/removebg", service.url);
    let change = |settings: &mut Settings| {
        settings.ai.remove_bg_key = Some(SECRET.to_owned().into());
        settings.ai.remove_bg_url = url.clone();
        settings.ai.wait = Duration::from_millis(50);
    };
    let mut world = World::with(change).await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    let target = "/acct/tr:e-removedotbg:w-32,f-png/cat.png";

    let waiting = world.get(target).await.unwrap();
    assert_eq!((waiting.kind.clone(), waiting.status()), (Kind::Preparing, 200));
    let fields: Vec<(&str, String)> = waiting
        .headers()
        .into_iter()
        .map(|(name, value)| (name, value.into_owned()))
        .collect();
    assert!(fields.contains(&("is-intermediate-response", "true".to_owned())));
    assert!(fields.contains(&("cache-control", "no-store".to_owned())));
    assert!(fields.contains(&("content-type", "text/html; charset=utf-8".to_owned())));
    let length = waiting.content_length;
    let page = bytes(waiting).await;
    assert_eq!(page.len() as u64, length);
    assert!(String::from_utf8_lossy(&page).contains("being prepared"));

    let first = ready(&world, target).await;
    let cut = Raster::read(&first);
    assert_eq!(
        (cut.width, cut.height, cut.at(2, 2), cut.at(30, 2)[3]),
        (32, 24, [9, 8, 7, 255], 0)
    );
    let asked = service.asked();
    assert_eq!(asked.len(), 1, "however many asked");
    assert!(asked[0].head.starts_with("POST /v1.0/removebg "));
    assert_eq!(asked[0].header("x-api-key"), Some(SECRET));
    assert_eq!(asked[0].text("format"), "png");
    let sent = Raster::read(&asked[0].part("image_file").unwrap());
    assert_eq!((sent.width, sent.at(5, 6)), (64, Raster::read(&png(64, 48)).at(5, 6)));

    // After a restart without the cache and without the service the result is there, for other sizes too.
    world.delivery.close().await;
    std::fs::remove_dir_all(world.dir.path().join("cache")).unwrap();
    service.answers(Reply::of(500, "gone"));
    let mut again = settings(world.dir.path());
    change(&mut again);
    world.delivery = Delivery::open(world.library.clone(), again).await.unwrap();
    assert_eq!(ready(&world, target).await, first);
    assert_eq!(
        Raster::read(&ready(&world, "/acct/tr:e-removedotbg:w-16,f-png/cat.png").await).width,
        16
    );
    assert_eq!(service.asked().len(), 1);

    // And what is in the cache needs not even that.
    std::fs::remove_dir_all(world.dir.path().join("derived")).unwrap();
    let cached = world.get(target).await.unwrap();
    assert_eq!(
        (cached.origin, cached.content_type.as_ref()),
        (ServedFrom::Memory, "image/png")
    );
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn failures_are_told_without_secrets_and_remembered() {
    let service = Service::start(Reply::of(200, "")).await;
    let url = service.url.clone();
    let world = World::with(|settings| {
        settings.ai.remove_bg_key = Some(SECRET.to_owned().into());
        settings.ai.remove_bg_url = url.clone();
        settings.render.max_output_bytes = 1 << 20;
    })
    .await;
    world.upload("/cat.png", "image/png", &png(64, 48)).await;
    // A sound header of a picture that would take gigabytes.
    let mut huge = Vec::new();
    let mut encoder = png::Encoder::new(&mut huge, 60_000, 60_000);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().unwrap());
    huge.truncate(33);
    huge.extend_from_slice(&png(8, 8)[33..]);
    let replies = [
        Reply::of(403, format!("{{\"errors\":[{{\"title\":\"bad key {SECRET}\"}}]}}")),
        Reply::of(402, ""),
        Reply::of(429, ""),
        Reply::of(
            400,
            format!("{{\"errors\":[{{\"title\":\"unknown\",\"detail\":\"no\\nforeground with {SECRET}\"}}]}}"),
        ),
        Reply::of(500, "<html>"),
        Reply::of(200, "no picture"),
        Reply {
            length: Some(1 << 40),
            ..Reply::of(200, "little")
        },
        Reply::of(200, vec![7; 2 << 20]),
        Reply {
            length: Some(1000),
            ..Reply::of(200, "cut off")
        },
        Reply::of(200, huge),
    ];
    let mut told = String::new();
    for (width, reply) in (10..).zip(replies) {
        service.answers(reply);
        let target = format!("/acct/tr:w-{width}:e-removedotbg/cat.png");
        let before = service.asked().len();
        let error = world.get(&target).await.unwrap_err();
        assert_eq!(error.cache(), CachePolicy::NoStore);
        // Soon after, the service is left alone.
        service.answers(Reply::of(200, cut_out(8, 8)));
        assert_eq!(world.get(&target).await.unwrap_err().to_string(), error.to_string());
        assert_eq!(service.asked().len(), before + 1);
        told.push_str(&format!("{:?}: {error}\n", error.code()));
        assert!(!format!("{error:?} {}", error.ik_error()).contains(SECRET));
    }
    let expected = [
        "Upstream: `e-removedotbg`: remove.bg refuses the key of the setting `removebg_key`",
        "Upstream: `e-removedotbg`: the account at remove.bg has no credits left",
        "Upstream: `e-removedotbg`: remove.bg takes no more requests at the moment",
        "Upstream: `e-removedotbg`: remove.bg answered 400: no foreground with [key]",
        "Upstream: `e-removedotbg`: remove.bg answered 500",
        "Upstream: `e-removedotbg`: the service sent something that is not a picture",
        "Upstream: `e-removedotbg`: the answer is larger than 1048576 bytes",
        "Upstream: `e-removedotbg`: the answer is larger than 1048576 bytes",
        "Upstream: `e-removedotbg`: the service broke the connection",
        "Limit: 3600000000 pixels, where 100000000 are allowed",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    assert!(!format!("{:?}", world.delivery).contains(SECRET));
}

fn encoded(picture: &[u8]) -> Reply {
    let text = base64::engine::general_purpose::STANDARD.encode(picture);
    Reply::of(200, format!("{{\"created\":1,\"data\":[{{\"b64_json\":\"{text}\"}}]}}"))
}

#[tokio::test]
async fn an_images_server_edits_by_words() {
    let made = Raster::new(1536, 1024, |x, y| [(x / 8) as u8, (y / 8) as u8, 200, 255]).file();
    let service = Service::start(encoded(&made)).await;
    let url = service.url.clone();
    let world = World::with(|settings| {
        settings.ai.images = Some(ImagesSettings {
            url: url.clone(),
            key: Some(SECRET.to_owned().into()),
            model: "flux".to_owned(),
        });
    })
    .await;
    let source = Raster::new(300, 200, |_, _| [250, 0, 0, 255]);
    world.upload("/red.png", "image/png", &source.file()).await;

    let answer = bytes(
        world
            .get("/acct/tr:e-edit-prompt-add%20a%20hat,f-png/red.png")
            .await
            .unwrap(),
    )
    .await;
    let edited = Raster::read(&answer);
    assert_eq!((edited.width, edited.height), (1536, 1024));
    let asked = service.asked().pop().unwrap();
    assert!(asked.head.starts_with("POST /v1/images/edits "));
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    assert_eq!(
        ["model", "prompt", "size", "n", "response_format"].map(|name| asked.text(name)),
        ["flux", "add a hat", "1536x1024", "1", "b64_json"]
    );
    assert!(asked.part("mask").is_none());
    assert_eq!(Raster::read(&asked.part("image").unwrap()).width, 300);

    // The shape stays, and the picture is not made larger than it was.
    let changed = bytes(world.get("/acct/tr:e-changebg-prompt-sea,f-png/red.png").await.unwrap()).await;
    assert_eq!(Raster::read(&changed).width, 300);
    assert!(service.asked().pop().unwrap().text("prompt").contains(": sea."));

    // What was there stays; what was not is painted.
    let target = "/acct/tr:w-300,h-100,cm-pad_resize,bg-genfill-prompt-meadow,f-png/red.png";
    let filled = Raster::read(&bytes(world.get(target).await.unwrap()).await);
    assert_eq!(
        (filled.width, filled.height, filled.at(150, 50)),
        (300, 100, [250, 0, 0, 255])
    );
    assert_eq!((filled.at(10, 50)[2], filled.at(290, 50)[2]), (200, 200));
    let asked = service.asked().pop().unwrap();
    let mask = Raster::read(&asked.part("mask").unwrap());
    assert_eq!((mask.width, mask.height), (1536, 1024));
    assert_eq!(
        (mask.at(768, 512), mask.at(10, 512)[3], mask.at(768, 10)[3]),
        ([250, 0, 0, 255], 0, 0)
    );
    assert!(asked.text("prompt").contains("meadow"));

    for (reply, expected) in [
        (
            Reply::of(
                400,
                format!("{{\"error\":{{\"message\":\"refused by policy {SECRET}\"}}}}"),
            ),
            "`e-genvar`: the images server answered 400: refused by policy [key]",
        ),
        (
            Reply::of(200, "{\"data\":[{\"url\":\"http://x/\"}]}"),
            "`e-genvar`: the images server sent no `b64_json`",
        ),
        (
            Reply::of(401, SECRET),
            "`e-genvar`: the images server refuses the key of the setting `images_key`",
        ),
    ] {
        service.answers(reply);
        let width = expected.len();
        let error = world
            .get(&format!("/acct/tr:w-{width}:e-genvar/red.png"))
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (Code::Upstream, expected));
    }
}

#[tokio::test]
async fn private_files_stay_private() {
    let world = World::with(|settings| with_model(settings, "background.onnx", onnx::background(64))).await;
    world
        .upload_with("/secret.png", "image/png", &window(64, 64), |file| {
            file.is_private = true
        })
        .await;
    world.upload("/page.png", "image/png", &png(80, 80)).await;
    for target in [
        "/acct/tr:e-bgremove/secret.png",
        "/acct/tr:l-image,i-secret.png,e-bgremove,l-end/page.png",
    ] {
        assert_eq!(world.code(target).await, Some(Code::Unauthorised), "{target}");
    }
}
