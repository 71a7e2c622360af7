//! Every parameter has a picture: `docs/gallery/cases.txt` is the table, `docs/gallery.md` the page. Each URL is answered by
//! delivery as a server would, and compared with the picture that a person looked at.
//!
//! `TINTYPE_BLESS=1 cargo test --release -p delivery --test gallery` writes pictures and page anew.

mod strings;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use delivery::{AiSettings, Body, CacheBudget, Delivery, OriginSettings, RenderSettings, Request, Settings};
use engine::{Budget, Fonts};
use futures::TryStreamExt;
use library::{FileName, FileType, FolderPath, Library, MediaFacts, NewFile, Timestamp};
use transform::{Accept, Context, Format, Hints, Limits, Mode, OutputSettings, Transformation};

/// Mean difference of a channel that codecs of another machine may make, of 255; a wrong picture is far above it.
const MEAN: f64 = 2.0;

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_has_its_picture() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let bless = std::env::var_os("TINTYPE_BLESS").is_some();
    let world = tempfile::tempdir().expect("a folder");
    let (_, delivery) = serve(&docs.join("gallery/sources"), world.path(), Mode::Strict).await;
    let table = fs::read_to_string(docs.join("gallery/cases.txt")).expect("the table");
    let mut page = String::from(HEAD);
    let mut wrong = Vec::new();
    let mut group = String::new();
    let mut count = 0;
    for line in table.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("## ") {
            group = title.to_lowercase().replace([' ', ','], "-").replace("--", "-");
            write!(page, "\n## {title}\n\n| picture | URL | shows |\n|---|---|---|\n").expect("a string");
            count = 0;
            continue;
        }
        let columns: Vec<&str> = line.split(" | ").collect();
        let [source, text, shows] = columns[..] else { continue };
        count += 1;
        let target = format!("/demo/{source}?tr={text}");
        let (bytes, extension) = match answer(&delivery, &target).await {
            Ok((bytes, extension, notices)) if notices.is_empty() => (bytes, extension),
            Ok((_, _, notices)) => {
                wrong.push(format!("{target}: {notices:?}"));
                continue;
            }
            Err(problem) => {
                wrong.push(format!("{target}: {problem}"));
                continue;
            }
        };
        let name = format!("{group}-{count:02}.{extension}");
        let path = docs.join("gallery").join(&name);
        if bless {
            remove_others(&docs.join("gallery"), &format!("{group}-{count:02}."));
            fs::write(&path, &bytes).expect("the picture can be written");
        }
        match fs::read(&path) {
            Ok(expected) => {
                if let Err(problem) = compare(&bytes, &expected) {
                    wrong.push(format!("{target}: {problem} (docs/gallery/{name})"));
                }
            }
            Err(error) => wrong.push(format!("{target}: docs/gallery/{name}: {error}")),
        }
        let shown = text.replace('|', "\\|");
        writeln!(
            page,
            "| ![{shows}](gallery/{name}) | `/demo/{source}?tr={shown}` | {shows} |"
        )
        .expect("a string");
    }
    assert!(
        wrong.is_empty(),
        "{} pictures differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    if bless {
        fs::write(docs.join("gallery.md"), &page).expect("the page can be written");
    }
    let written = fs::read_to_string(docs.join("gallery.md")).expect("the page");
    assert!(written == page, "docs/gallery.md is not that of the table: bless it");
}

const HEAD: &str = "# Every parameter in a picture

Each picture is what the URL beside it delivers to a browser that takes WebP. The sources are in `docs/gallery/sources`; upload them
and try: `docs/gallery/cases.txt` is the table from which this page and a test are made. [transformations.md](transformations.md) says
what each parameter means.
";

/// A library with the sources, and delivery of them.
async fn serve(sources: &Path, folder: &Path, mode: Mode) -> (Library, Delivery) {
    let library = Library::for_testing(folder.join("library")).await;
    for entry in fs::read_dir(sources).expect("the sources") {
        let path = entry.expect("a file").path();
        let bytes = fs::read(&path).expect("a source");
        put(
            &library,
            path.file_name().and_then(|name| name.to_str()).expect("a name"),
            &bytes,
        )
        .await;
    }
    let settings = Settings {
        endpoint: String::from("/demo"),
        private_key: String::from("private_gallery").into(),
        output: OutputSettings::default(),
        limits: Limits::default(),
        mode,
        cache: CacheBudget {
            memory_bytes: 1 << 20,
            disk_bytes: 0,
            dir: folder.join("cache"),
        },
        render: RenderSettings::default(),
        fonts: Fonts::bundled(),
        ai: AiSettings::new(folder.join("models"), folder.join("derived")),
        origins: OriginSettings::new(folder.join("originals")),
        shared_renditions: None,
        tags: false,
        restrictions: delivery::Restrictions::default(),
        clean_svg: true,
    };
    let delivery = Delivery::open(library.clone(), settings).await.expect("delivery opens");
    (library, delivery)
}

/// Stores a file under a path.
async fn put(library: &Library, path: &str, bytes: &[u8]) {
    let mime = engine::sniff(bytes).expect("a kind of file").to_owned();
    let mut writer = library.stage(1 << 30).await.expect("room");
    writer.write(bytes).await.expect("room");
    let media = MediaFacts {
        file_type: if mime.starts_with("image/") {
            FileType::Image
        } else {
            FileType::NonImage
        },
        mime,
        ..MediaFacts::default()
    };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut file = NewFile::new(
        FolderPath::sanitised(folder).expect("a folder"),
        FileName::sanitised(name).expect("a name"),
        writer.finish().await.expect("bytes"),
        media,
    );
    file.use_unique_name = false;
    library.upload(file, Timestamp::now()).await.expect("an asset");
}

/// The bytes of a rendition, its file name's ending, and what was ignored.
async fn answer(delivery: &Delivery, target: &str) -> Result<(Bytes, String, Vec<String>), String> {
    let request = Request {
        accept: Some("image/webp"),
        target,
        now_unix: 1_704_067_200,
        ..Request::default()
    };
    let answer = delivery.answer(request).await.map_err(|error| error.to_string())?;
    let extension = answer
        .content_type
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .replace("jpeg", "jpg");
    let bytes = match answer.body {
        Body::Bytes(bytes) => bytes,
        Body::Stream(pieces) => {
            let pieces: Vec<Bytes> = pieces.try_collect().await.map_err(|error| error.to_string())?;
            pieces.concat().into()
        }
        Body::Empty => return Err(String::from("nothing")),
    };
    Ok((bytes, extension, answer.notices))
}

/// Both as pixels, all frames' first.
fn compare(made: &[u8], expected: &[u8]) -> Result<(), String> {
    let (made, expected) = (pixels(made)?, pixels(expected)?);
    if made.0 != expected.0 {
        return Err(format!("{:?} instead of {:?}", made.0, expected.0));
    }
    let sum: u64 = made
        .1
        .iter()
        .zip(&expected.1)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    let mean = sum as f64 / made.1.len().max(1) as f64;
    if mean <= MEAN {
        Ok(())
    } else {
        Err(format!("differs by {mean:.2} on average"))
    }
}

/// Size, and RGBA with colours weighted by alpha.
fn pixels(file: &[u8]) -> Result<((u32, u32), Vec<u8>), String> {
    let info = engine::probe_bytes(file).map_err(|error| error.to_string())?.info;
    let transformation = Transformation::parse("f-png,lo-true", Mode::Strict).map_err(|error| error.to_string())?;
    let limits = Limits::default();
    let context = Context {
        accept: Accept::default(),
        hints: Hints::default(),
        settings: OutputSettings::default(),
        limits: &limits,
        still: true,
    };
    let fonts = Fonts::bundled();
    let mut bounds = engine::Bounds::new(&fonts, &|_, _| None, &|_| None);
    let plan = transform::plan(&transformation, &info, &context, &mut bounds).map_err(|error| error.to_string())?;
    let png = engine::render(file, &plan, &Budget::default()).map_err(|error| error.to_string())?;
    debug_assert_eq!(png.format, Format::Png);
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png.bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut bytes).map_err(|error| error.to_string())?;
    for pixel in bytes.chunks_exact_mut(4) {
        let alpha = u16::from(pixel[3]);
        pixel[..3]
            .iter_mut()
            .for_each(|value| *value = (u16::from(*value) * alpha / 255) as u8);
    }
    Ok(((frame.width, frame.height), bytes))
}

/// A picture that changed its format leaves no other behind.
fn remove_others(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let others: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    for path in others {
        fs::remove_file(path).expect("the old picture can be removed");
    }
}
