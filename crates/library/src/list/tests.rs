use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::asset::{Asset, MediaFacts};
use crate::database::query as statement;
use crate::index;
use crate::name::FileName;
use crate::settings::Settings;
use crate::similar::Similar;
use crate::tags::Tags;
use crate::timestamp::Timestamp;
use crate::upload::NewFile;

/// SQLite, or a schema of its own in the PostgreSQL database that `TINTYPE_TEST_POSTGRES` names.
async fn open(directory: &TempDir) -> Library {
    let Ok(url) = std::env::var("TINTYPE_TEST_POSTGRES") else {
        return Library::for_testing(directory.path()).await;
    };
    let schema = format!("t{:016x}", rand::random::<u64>());
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url)
        .await
        .expect("the database");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&mut connection)
        .await
        .expect("a schema");
    let joint = if url.contains('?') { '&' } else { '?' };
    let mut settings = Settings::embedded(directory.path());
    settings.database = format!("{url}{joint}options=-c%20search_path%3D{schema}")
        .parse()
        .expect("a URL");
    settings.limits.connections = 2;
    Library::open(settings).await.expect("opened")
}

fn at(text: &str) -> Timestamp {
    let ms = crate::search::absolute_date(text).expect("a date");
    Timestamp::from_millis(ms).expect("in range")
}

fn now() -> Timestamp {
    at("2026-01-10")
}

struct Given {
    path: &'static str,
    created: &'static str,
    bytes: usize,
    mime: &'static str,
    sides: Option<(u32, u32)>,
    has_alpha: Option<bool>,
    tags: &'static [&'static str],
    ai_tag: Option<&'static str>,
    custom: Value,
    embedded: Value,
    private: bool,
    published: bool,
    by: Option<&'static str>,
}

const NOTHING: Given = Given {
    path: "",
    created: "2026-01-01",
    bytes: 10,
    mime: "image/jpeg",
    sides: None,
    has_alpha: None,
    tags: &[],
    ai_tag: None,
    custom: Value::Null,
    embedded: Value::Null,
    private: false,
    published: true,
    by: None,
};

async fn put(library: &Library, given: Given) -> Asset {
    let mut staged = library.stage(u64::MAX).await.expect("a writer");
    staged.write(&vec![b'x'; given.bytes]).await.expect("written");
    let (folder, name) = given.path.rsplit_once('/').expect("a path");
    let media = MediaFacts {
        mime: given.mime.to_owned(),
        file_type: if given.mime.starts_with("image/") {
            FileType::Image
        } else {
            FileType::NonImage
        },
        width: given.sides.map(|(width, _)| width),
        height: given.sides.map(|(_, height)| height),
        has_alpha: given.has_alpha,
        embedded_metadata: given.embedded.as_object().cloned(),
        ..MediaFacts::default()
    };
    let file = NewFile {
        use_unique_name: false,
        tags: Some(Tags::new(given.tags.iter().copied()).expect("tags")),
        custom_metadata: given.custom.as_object().cloned(),
        is_private: given.private,
        is_published: given.published,
        ..NewFile::new(
            FolderPath::sanitised(folder).expect("a folder"),
            FileName::sanitised(name).expect("a name"),
            staged.finish().await.expect("staged"),
            media,
        )
    };
    let asset = library.upload(file, at(given.created)).await.expect("uploaded");
    // What no part of an upload says yet.
    let mut tx = library.database().begin().await.expect("a transaction");
    let ai_tags: Vec<Value> = given
        .ai_tag
        .iter()
        .map(|name| json!({ "name": name, "confidence": 90.0, "source": "test" }))
        .collect();
    statement("UPDATE versions SET created_by = $2, ai_tags = $3 WHERE id = $1")
        .bind(asset.version.id.to_string())
        .bind(given.by)
        .bind(Value::from(ai_tags).to_string())
        .execute(&mut tx)
        .await
        .expect("updated");
    index::index(&mut tx, asset.version.id).await.expect("indexed");
    tx.commit().await.expect("committed");
    asset
}

async fn define(library: &Library, name: &str, kind: &str) {
    let mut tx = library.database().begin().await.expect("a transaction");
    statement(
        "INSERT INTO custom_metadata_fields (id, name, label, schema, created_at, updated_at)
         VALUES ($1, $2, $2, $3, 0, 0)",
    )
    .bind(format!("id-of-{name}"))
    .bind(name)
    .bind(json!({ "type": kind }).to_string())
    .execute(&mut tx)
    .await
    .expect("defined");
    tx.commit().await.expect("committed");
}

/// Five files, one of them with an older version, and three folders.
async fn filled() -> (TempDir, Library) {
    let directory = tempfile::tempdir().expect("a directory");
    let library = open(&directory).await;
    for (name, kind) in [
        ("brand", "Text"),
        ("note", "Textarea"),
        ("price", "Number"),
        ("shot", "Date"),
        ("sale", "Boolean"),
        ("shade", "SingleSelect"),
        ("sizes", "MultiSelect"),
    ] {
        define(&library, name, kind).await;
    }
    let harbour = || Given {
        path: "/harbour.jpg",
        sides: Some((1200, 800)),
        has_alpha: Some(false),
        ..NOTHING
    };
    put(
        &library,
        Given {
            tags: &["old"],
            ..harbour()
        },
    )
    .await;
    put(
        &library,
        Given {
            created: "2026-01-02",
            bytes: 3000,
            tags: &["sea", "dawn"],
            custom: json!({
                "brand": "Acme", "note": "Blue HARBOUR at dawn", "price": 4.5, "shot": "2025-01-01T00:00:00Z",
                "sale": true, "shade": "dark", "sizes": ["S", 42]
            }),
            embedded: json!({
                "GPSLatitude": 40.0, "GPSLongitude": 100.0, "Keywords": ["boat", "sea"],
                "DateTimeOriginal": "2025-06-01T12:00:00.000Z"
            }),
            ..harbour()
        },
    )
    .await;
    put(
        &library,
        Given {
            path: "/travel/harbour-dawn.PNG",
            created: "2026-01-03",
            bytes: 500,
            mime: "image/png",
            sides: Some((300, 200)),
            has_alpha: Some(true),
            tags: &["summer-sale"],
            private: true,
            custom: json!({
                "brand": "Acme Corp", "price": 10, "shot": "2026-01-09", "sale": false, "shade": 42, "sizes": ["L", true]
            }),
            embedded: json!({ "GPSLatitude": 40.01, "GPSLongitude": 100.01, "Keywords": ["Boat"] }),
            ..NOTHING
        },
    )
    .await;
    put(
        &library,
        Given {
            path: "/travel/2026/red_dress.webp",
            created: "2026-01-05",
            bytes: 1024,
            mime: "image/webp",
            sides: Some((50, 60)),
            has_alpha: Some(false),
            published: false,
            by: Some("ana@example.org"),
            custom: json!({ "note": "é".repeat(500), "shade": 7 }),
            embedded: json!({
                "GPSLatitude": -10.0, "GPSLongitude": 179.99, "DateTimeOriginal": "2026-01-04T00:00:00.000Z"
            }),
            ..NOTHING
        },
    )
    .await;
    put(
        &library,
        Given {
            path: "/travel/2026/notes.txt",
            created: "2026-01-08",
            mime: "text/plain",
            tags: &["Sea"],
            by: Some("bob@example.org"),
            ..NOTHING
        },
    )
    .await;
    put(
        &library,
        Given {
            path: "/dresses_red.jpg",
            created: "2026-01-09",
            bytes: 2_000_000,
            sides: Some((2000, 60)),
            ai_tag: Some("Sailing Boat"),
            ..NOTHING
        },
    )
    .await;
    let path = FolderPath::sanitised("/Harbour").expect("a path");
    library
        .create_folder(&path, at("2026-01-09T12:00:00"))
        .await
        .expect("made");
    (directory, library)
}

async fn search(library: &Library, text: &str) -> Search {
    let fields = library.search_fields().await.expect("fields");
    Search::parse(text, &fields, now()).unwrap_or_else(|error| panic!("{}", error.drawn(text)))
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::File(asset) if asset.is_current => asset.name.as_str().to_owned(),
        Entry::File(asset) => format!("{}#{}", asset.name.as_str(), asset.version.number),
        Entry::Folder(folder) => folder.path.as_str().to_owned(),
    }
}

const BY_NAME: Sort = Sort {
    key: SortKey::Name,
    descending: false,
};

async fn found(library: &Library, text: &str) -> String {
    let query = ListQuery {
        search: Some(search(library, text).await),
        sort: BY_NAME,
        ..ListQuery::default()
    };
    let entries = library
        .list(&query)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    entries.iter().map(name).collect::<Vec<_>>().join(" ")
}

const HARBOUR: &str = "harbour.jpg";
const DAWN: &str = "harbour-dawn.PNG";
const DRESS: &str = "red_dress.webp";
const NOTES: &str = "notes.txt";
const RED: &str = "dresses_red.jpg";
const FOLDERS: [&str; 3] = ["/Harbour", "/travel", "/travel/2026"];

/// Folders sort by their names, which these paths end with; versions by the name that they share, the older first.
fn sort_key(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.split('#').next().unwrap_or_default().to_owned()
}

/// Every field with every operator that it has.
#[tokio::test]
async fn every_condition_finds_what_it_says() {
    let (_directory, library) = filled().await;
    let files = [RED, DAWN, HARBOUR, NOTES, DRESS];
    let all = [&files[..], &FOLDERS].concat();
    // What is not in the list, folders included: they lack what they do not have.
    let others = |without: &[&str]| {
        all.iter()
            .copied()
            .filter(|name| !without.contains(name))
            .collect::<Vec<_>>()
    };
    let table: Vec<(&str, Vec<&str>)> = vec![
        (r#"name = "harbour.jpg""#, vec![HARBOUR]),
        (r#"name = "Harbour""#, vec!["/Harbour"]),
        (r#"name = "Harbour.jpg""#, vec![]),
        (r#"name NOT = "harbour.jpg""#, others(&[HARBOUR])),
        (r#"name : "harbour""#, vec![DAWN, HARBOUR]),
        (r#"name : """#, all.clone()),
        (r#"name IN ["notes.txt", "travel", "nothing"]"#, vec![NOTES, "/travel"]),
        (r#"name NOT IN ["notes.txt", "travel"]"#, others(&[NOTES, "/travel"])),
        (r#"name HAS "harbour""#, vec!["/Harbour", DAWN, HARBOUR]),
        (r#"name HAS "Dawn HARB""#, vec![DAWN]),
        (r#"name HAS "red dress""#, vec![RED, DRESS]),
        (r#"name HAS "dress red""#, vec![DRESS]),
        (r#"name HAS "bour""#, vec![]),
        (r#"name NOT HAS "dress""#, others(&[RED, DRESS])),
        (r#"tags IN ["sea"]"#, vec![HARBOUR]),
        (r#"tags IN ["Sea", "Sailing Boat"]"#, vec![RED, NOTES]),
        (r#"tags NOT IN ["sea", "Sailing Boat"]"#, others(&[HARBOUR, RED])),
        (r#"tags HAS "sea""#, vec![HARBOUR, NOTES]),
        (r#"tags HAS "sal""#, vec![DAWN]),
        (r#"tags HAS "boat sai""#, vec![RED]),
        (r#"tags NOT HAS "sea""#, others(&[HARBOUR, NOTES])),
        ("tags EXISTS", vec![RED, DAWN, HARBOUR, NOTES]),
        ("tags NOT EXISTS", others(&[RED, DAWN, HARBOUR, NOTES])),
        (r#"type = "file""#, files.to_vec()),
        (r#"type = "folder""#, FOLDERS.to_vec()),
        (r#"type = "file-version""#, vec!["harbour.jpg#1"]),
        (r#"type IN ["file", "folder"]"#, all.clone()),
        (
            r#"type NOT = "folder""#,
            vec![RED, DAWN, "harbour.jpg#1", HARBOUR, NOTES, DRESS],
        ),
        (r#"type NOT IN ["folder", "file"]"#, vec!["harbour.jpg#1"]),
        (r#"createdAt = "2026-01-05""#, vec![DRESS, "/travel/2026"]),
        (r#"createdAt NOT = "2026-01-05""#, others(&[DRESS, "/travel/2026"])),
        (r#"createdAt < "2026-01-03""#, vec![HARBOUR]),
        (r#"createdAt <= "2026-01-03""#, vec![DAWN, HARBOUR, "/travel"]),
        (r#"createdAt > "2026-01-08""#, vec![RED, "/Harbour"]),
        (r#"createdAt >= "2026-01-08""#, vec![RED, NOTES, "/Harbour"]),
        (r#"createdAt > "2d""#, vec![RED, "/Harbour"]),
        (r#"createdAt < "1w""#, vec![HARBOUR]),
        (
            r#"createdAt IN ["2026-01-01", "2026-01-08T00:00:00Z"]"#,
            vec![HARBOUR, NOTES],
        ),
        (r#"createdAt NOT IN ["2026-01-01"]"#, others(&[HARBOUR])),
        (r#"updatedAt = "2026-01-02""#, vec![HARBOUR]),
        (r#"updatedAt NOT = "2026-01-02""#, others(&[HARBOUR])),
        (r#"updatedAt < "2026-01-03""#, vec![HARBOUR]),
        (r#"updatedAt <= "2026-01-02""#, vec![HARBOUR]),
        (r#"updatedAt > "2026-01-09""#, vec!["/Harbour"]),
        (r#"updatedAt >= "2026-01-09""#, vec![RED, "/Harbour"]),
        (r#"updatedAt IN ["2026-01-02"]"#, vec![HARBOUR]),
        (r#"updatedAt NOT IN ["2026-01-02"]"#, others(&[HARBOUR])),
        ("height = 60", vec![RED, DRESS]),
        ("height NOT = 60", others(&[RED, DRESS])),
        ("height < 200", vec![RED, DRESS]),
        ("height <= 200", vec![RED, DAWN, DRESS]),
        ("height > 200", vec![HARBOUR]),
        ("height >= 200", vec![DAWN, HARBOUR]),
        ("height IN [60, 800.0, 5.5]", vec![RED, HARBOUR, DRESS]),
        ("height NOT IN [60, 800]", others(&[RED, HARBOUR, DRESS])),
        ("width = 50", vec![DRESS]),
        ("width NOT = 50", others(&[DRESS])),
        ("width < 300.5", vec![DAWN, DRESS]),
        ("width <= 299.5", vec![DRESS]),
        ("width > 300", vec![RED, HARBOUR]),
        ("width >= 300", vec![RED, DAWN, HARBOUR]),
        ("width = 0", vec![]),
        ("width < 99999999999999999999999999", vec![RED, DAWN, HARBOUR, DRESS]),
        ("width > 99999999999999999999999999", vec![]),
        ("width > -99999999999999999999999999", vec![RED, DAWN, HARBOUR, DRESS]),
        ("width < -99999999999999999999999999", vec![]),
        ("width IN [50, 300]", vec![DAWN, DRESS]),
        ("width NOT IN [50, 300]", others(&[DAWN, DRESS])),
        (r#"size = "1kb""#, vec![DRESS]),
        (r#"size NOT = "1kb""#, others(&[DRESS])),
        (r#"size < "1kb""#, vec![DAWN, NOTES]),
        (r#"size <= "1kb""#, vec![DAWN, NOTES, DRESS]),
        (r#"size > "1.5mb""#, vec![RED]),
        ("size >= 3000", vec![RED, HARBOUR]),
        (r#"size IN [500, "1kb"]"#, vec![DAWN, DRESS]),
        (r#"size NOT IN [500, "1kb"]"#, others(&[DAWN, DRESS])),
        ("format = jpg", vec![RED, HARBOUR]),
        (r#"format = "jpeg""#, vec![RED, HARBOUR]),
        (r#"format IN ["png", "txt"]"#, vec![DAWN, NOTES]),
        ("private = true", vec![DAWN]),
        ("private = false", vec![RED, HARBOUR, NOTES, DRESS]),
        ("published = false", vec![DRESS]),
        ("published = true", vec![RED, DAWN, HARBOUR, NOTES]),
        ("transparency = true", vec![DAWN]),
        ("transparency = false", vec![HARBOUR, DRESS]),
        (r#"createdBy = "ana@example.org""#, vec![DRESS]),
        (r#"createdBy NOT = "ana@example.org""#, others(&[DRESS])),
        (
            r#"createdBy IN ["ana@example.org", "bob@example.org"]"#,
            vec![NOTES, DRESS],
        ),
        (r#"createdBy NOT IN ["ana@example.org"]"#, others(&[DRESS])),
        (r#"path = "/""#, vec![RED, HARBOUR, "/Harbour", "/travel"]),
        (r#"path = "travel/""#, vec![DAWN, "/travel/2026"]),
        (r#"path = "/nowhere""#, vec![]),
        (r#"path : "/travel""#, vec![DAWN, NOTES, DRESS, "/travel/2026"]),
        (r#"path : "/trav""#, vec![]),
        (r#"path : "/""#, all.clone()),
        (
            r#"path IN ["/travel", "travel/2026", "x"]"#,
            vec![DAWN, NOTES, DRESS, "/travel/2026"],
        ),
        (r#"path NOT = "/travel""#, others(&[DAWN, "/travel/2026"])),
        (r#"path NOT = "/nowhere""#, all.clone()),
        (r#"path NOT IN ["/travel", "/"]"#, vec![NOTES, DRESS]),
        (r#""embeddedMetadata.LocationTaken" = "40,100 1km""#, vec![HARBOUR]),
        (
            r#""embeddedMetadata.LocationTaken" = "40,100 2km""#,
            vec![DAWN, HARBOUR],
        ),
        (r#""embeddedMetadata.LocationTaken" = "40.0,100.0 0km""#, vec![HARBOUR]),
        (r#""embeddedMetadata.LocationTaken" = "-10,-179.99 5km""#, vec![DRESS]),
        (
            r#""embeddedMetadata.LocationTaken" = "39,99|40.005,101""#,
            vec![HARBOUR],
        ),
        (
            r#""embeddedMetadata.LocationTaken" = "0,0|0,101|41,101|41,0""#,
            vec![DAWN, HARBOUR],
        ),
        (
            r#""embeddedMetadata.LocationTaken" = "40,99|41,100|40,101|39.995,100""#,
            vec![DAWN, HARBOUR],
        ),
        (r#""embeddedMetadata.LocationTaken" EXISTS"#, vec![DAWN, HARBOUR, DRESS]),
        (
            r#""embeddedMetadata.LocationTaken" NOT EXISTS"#,
            others(&[DAWN, HARBOUR, DRESS]),
        ),
        (r#""embeddedMetadata.Keywords" IN ["boat"]"#, vec![HARBOUR]),
        (r#""embeddedMetadata.Keywords" IN ["Boat", "sea"]"#, vec![DAWN, HARBOUR]),
        (r#""embeddedMetadata.Keywords" NOT IN ["boat"]"#, others(&[HARBOUR])),
        (r#""embeddedMetadata.Keywords" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""embeddedMetadata.Keywords" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
        (r#""embeddedMetadata.DateTimeOriginal" = "2026-01-04""#, vec![DRESS]),
        (
            r#""embeddedMetadata.DateTimeOriginal" NOT = "2026-01-04""#,
            others(&[DRESS]),
        ),
        (r#""embeddedMetadata.DateTimeOriginal" > "1m""#, vec![DRESS]),
        (r#""embeddedMetadata.DateTimeOriginal" >= "1y""#, vec![HARBOUR, DRESS]),
        (r#""embeddedMetadata.DateTimeOriginal" < "1m""#, vec![HARBOUR]),
        (r#""embeddedMetadata.DateTimeOriginal" <= "1m""#, vec![HARBOUR]),
        (r#""embeddedMetadata.DateTimeOriginal" IN ["2026-01-04"]"#, vec![DRESS]),
        (
            r#""embeddedMetadata.DateTimeOriginal" NOT IN ["2026-01-04"]"#,
            others(&[DRESS]),
        ),
        (r#""embeddedMetadata.DateTimeOriginal" EXISTS"#, vec![HARBOUR, DRESS]),
        (
            r#""embeddedMetadata.DateTimeOriginal" NOT EXISTS"#,
            others(&[HARBOUR, DRESS]),
        ),
        (r#""customMetadata.brand" = "Acme""#, vec![HARBOUR]),
        (r#""customMetadata.brand" NOT = "Acme""#, others(&[HARBOUR])),
        (r#""customMetadata.brand" : "Ac""#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.brand" : "ac""#, vec![]),
        (r#""customMetadata.brand" IN ["Acme", "x"]"#, vec![HARBOUR]),
        (r#""customMetadata.brand" NOT IN ["Acme"]"#, others(&[HARBOUR])),
        (r#""customMetadata.brand" HAS "corp""#, vec![DAWN]),
        (r#""customMetadata.brand" NOT HAS "acme""#, others(&[DAWN, HARBOUR])),
        (r#""customMetadata.brand" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.brand" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
        (r#""customMetadata.note" = "Blue HARBOUR at dawn""#, vec![HARBOUR]),
        (r#""customMetadata.note" HAS "dawn harbour bl""#, vec![HARBOUR]),
        (r#""customMetadata.note" : "éé""#, vec![DRESS]),
        (r#""customMetadata.note" EXISTS"#, vec![HARBOUR, DRESS]),
        (r#""customMetadata.price" = 4.5"#, vec![HARBOUR]),
        (r#""customMetadata.price" NOT = 4.5"#, others(&[HARBOUR])),
        (r#""customMetadata.price" < 10"#, vec![HARBOUR]),
        (r#""customMetadata.price" <= 10"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.price" > 4.5"#, vec![DAWN]),
        (r#""customMetadata.price" >= "4.5""#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.price" IN [10, 11]"#, vec![DAWN]),
        (r#""customMetadata.price" NOT IN [10, 11]"#, others(&[DAWN])),
        (r#""customMetadata.price" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.price" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
        (r#""customMetadata.shot" = "2025-01-01""#, vec![HARBOUR]),
        (r#""customMetadata.shot" NOT = "2025-01-01""#, others(&[HARBOUR])),
        (r#""customMetadata.shot" < "1m""#, vec![HARBOUR]),
        (r#""customMetadata.shot" <= "1d""#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.shot" > "1w""#, vec![DAWN]),
        (r#""customMetadata.shot" >= "1d""#, vec![DAWN]),
        (r#""customMetadata.shot" IN ["2026-01-09"]"#, vec![DAWN]),
        (r#""customMetadata.shot" NOT IN ["2026-01-09"]"#, others(&[DAWN])),
        (r#""customMetadata.shot" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.shot" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
        (r#""customMetadata.sale" = true"#, vec![HARBOUR]),
        (r#""customMetadata.sale" = false"#, vec![DAWN]),
        (r#""customMetadata.sale" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.sale" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
        (r#""customMetadata.shade" = "dark""#, vec![HARBOUR]),
        (r#""customMetadata.shade" = 42"#, vec![DAWN]),
        (r#""customMetadata.shade" = "42""#, vec![DAWN]),
        (r#""customMetadata.shade" NOT = 42"#, others(&[DAWN])),
        (r#""customMetadata.shade" : "da""#, vec![HARBOUR]),
        (r#""customMetadata.shade" < 42"#, vec![DRESS]),
        (r#""customMetadata.shade" <= 42"#, vec![DAWN, DRESS]),
        (r#""customMetadata.shade" > 7"#, vec![DAWN]),
        (r#""customMetadata.shade" >= 7"#, vec![DAWN, DRESS]),
        (r#""customMetadata.shade" IN ["dark", 7]"#, vec![HARBOUR, DRESS]),
        (
            r#""customMetadata.shade" NOT IN ["dark", 7]"#,
            others(&[HARBOUR, DRESS]),
        ),
        (r#""customMetadata.shade" EXISTS"#, vec![DAWN, HARBOUR, DRESS]),
        (r#""customMetadata.shade" NOT EXISTS"#, others(&[DAWN, HARBOUR, DRESS])),
        (r#""customMetadata.sizes" IN ["S"]"#, vec![HARBOUR]),
        (r#""customMetadata.sizes" IN [42, true]"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.sizes" NOT IN ["S", 42]"#, others(&[HARBOUR])),
        (r#""customMetadata.sizes" EXISTS"#, vec![DAWN, HARBOUR]),
        (r#""customMetadata.sizes" NOT EXISTS"#, others(&[DAWN, HARBOUR])),
    ];
    for (text, mut expected) in table {
        expected.sort_by_key(|name| sort_key(name));
        assert_eq!(found(&library, text).await, expected.join(" "), "{text}");
    }
    let long = format!(r#""customMetadata.note" = "{}""#, "é".repeat(500));
    assert_eq!(found(&library, &long).await, DRESS);
    let other = format!(r#""customMetadata.note" = "{}""#, "é".repeat(501));
    assert_eq!(found(&library, &other).await, "");
    let id = library
        .file_at("/harbour.jpg")
        .await
        .expect("asked")
        .expect("a file")
        .id;
    assert_eq!(found(&library, &format!(r#"id = "{id}""#)).await, HARBOUR);
    assert_eq!(found(&library, &format!(r#"id IN ["{id}", "x"]"#)).await, HARBOUR);
    assert_eq!(
        found(&library, &format!(r#"id NOT = "{id}" AND type = file"#)).await,
        [RED, DAWN, NOTES, DRESS].join(" ")
    );
    assert_eq!(
        found(&library, &format!(r#"id = "{id}" AND type = "file-version""#)).await,
        "harbour.jpg#1"
    );
    library.close().await;
}

#[tokio::test]
async fn conditions_are_combined() {
    let (_directory, library) = filled().await;
    for (text, expected) in [
        ("width > 100 AND size < 1kb", &[DAWN][..]),
        ("width = 50 OR width = 300 AND size < 1", &[DRESS]),
        ("(width = 50 OR width = 300) AND size < 1kb", &[DAWN]),
        ("NOT (width > 100) AND type = file", &[NOTES, DRESS]),
        (
            "NOT (type = folder OR width = 300)",
            &[RED, "harbour.jpg#1", HARBOUR, NOTES, DRESS],
        ),
        (
            r#"(name HAS "harbour" OR tags IN ["Sea"]) AND type = file"#,
            &[DAWN, HARBOUR, NOTES],
        ),
        (
            r#"(type = folder AND name : "Har") OR (type = "file-version" AND tags IN ["old"])"#,
            &["/Harbour", "harbour.jpg#1"],
        ),
        (r#"type = folder AND width > 5"#, &[]),
        (
            r#"tags IN ["sea"] AND tags IN ["dawn"] AND tags NOT IN ["old"]"#,
            &[HARBOUR],
        ),
        (
            r#"path : "/travel" AND format IN ["png", "webp"] AND private = false"#,
            &[DRESS],
        ),
        (
            r#""embeddedMetadata.LocationTaken" = "40,100 2km" OR "embeddedMetadata.LocationTaken" = "-10,180 5km""#,
            &[DAWN, HARBOUR, DRESS],
        ),
        (
            r#"NOT ("embeddedMetadata.LocationTaken" EXISTS) AND tags EXISTS"#,
            &[RED, NOTES],
        ),
        (
            r#"tags IN ["'; DROP TABLE versions; --"] OR name = "%" OR name : "_""#,
            &[],
        ),
    ] {
        let expected = {
            let mut names = expected.to_vec();
            names.sort_by_key(|name| sort_key(name));
            names.join(" ")
        };
        assert_eq!(found(&library, text).await, expected, "{text}");
    }
    library.close().await;
}

/// `path`, `fileType`, order, limit and skip go with a search; `type`, `name` and `tags` do not.
#[tokio::test]
async fn other_parameters_go_with_a_search_or_not() {
    let (_directory, library) = filled().await;
    let listed = async |query: ListQuery| {
        let entries = library.list(&query).await.expect("a listing");
        entries.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    let of = async |text: &str| ListQuery {
        search: Some(search(&library, text).await),
        sort: BY_NAME,
        ..ListQuery::default()
    };
    let query = of("name HAS harbour").await;
    let ignored = ListQuery {
        kind: EntryKind::FileVersion,
        name: Some("x".into()),
        tags: vec!["x".into()],
        ..query.clone()
    };
    assert_eq!(listed(ignored).await, "/Harbour harbour-dawn.PNG harbour.jpg");
    let in_folder = ListQuery {
        folder: Some(FolderPath::sanitised("travel").expect("a path")),
        ..query.clone()
    };
    assert_eq!(listed(in_folder).await, DAWN);
    let nowhere = ListQuery {
        folder: Some(FolderPath::sanitised("nowhere").expect("a path")),
        ..query.clone()
    };
    assert_eq!(listed(nowhere).await, "");
    let others = ListQuery {
        file_type: Some(FileType::NonImage),
        ..of("createdAt > 5d").await
    };
    assert_eq!(listed(others).await, "/Harbour notes.txt");
    let part = ListQuery {
        limit: 1,
        skip: 1,
        ..query
    };
    assert_eq!(listed(part).await, DAWN);
    library.close().await;
}

#[tokio::test]
async fn relevance_puts_whole_words_and_short_names_first() {
    let (_directory, library) = filled().await;
    for path in ["/x/harbours.jpg", "/x/harbour-view-of-the-old-town.jpg"] {
        put(&library, Given { path, ..NOTHING }).await;
    }
    let mut query = ListQuery {
        search: Some(search(&library, "name HAS harbour").await),
        sort: Sort {
            key: SortKey::Relevance,
            descending: true,
        },
        ..ListQuery::default()
    };
    let best_first = [
        "/Harbour",
        HARBOUR,
        DAWN,
        "harbour-view-of-the-old-town.jpg",
        "harbours.jpg",
    ];
    let names = |entries: Vec<Entry>| entries.iter().map(name).collect::<Vec<_>>();
    assert_eq!(names(library.list(&query).await.expect("a listing")), best_first);
    query.sort.descending = false;
    let worst_first: Vec<_> = best_first.into_iter().rev().collect();
    assert_eq!(names(library.list(&query).await.expect("a listing")), worst_first);
    library.close().await;
}

#[tokio::test]
async fn cursors_and_totals() {
    let (_directory, library) = filled().await;
    let keys = [
        SortKey::Created,
        SortKey::Name,
        SortKey::Updated,
        SortKey::Height,
        SortKey::Width,
        SortKey::Size,
        SortKey::Relevance,
    ];
    let searches = [
        None,
        Some(search(&library, "type IN [file, folder, file-version]").await),
        Some(search(&library, "name HAS harbour OR createdAt > 2020-01-01").await),
        Some(search(&library, "size > 100").await),
    ];
    for search in &searches {
        for key in keys {
            for descending in [false, true] {
                let all = ListQuery {
                    kind: EntryKind::All,
                    search: search.clone(),
                    sort: Sort { key, descending },
                    count: true,
                    ..ListQuery::default()
                };
                let whole = library.page(&all).await.expect("a page");
                assert_eq!(whole.total, Some(Total::Exactly(whole.entries.len() as u64)), "{all:?}");
                assert_eq!(whole.next, None);
                let mut pages = Vec::new();
                let mut cursor = None;
                loop {
                    let query = ListQuery {
                        limit: 2,
                        cursor,
                        count: false,
                        ..all.clone()
                    };
                    let page = library.page(&query).await.expect("a page");
                    pages.extend(page.entries);
                    // Through its text, as clients have it.
                    cursor = page.next.map(|next| next.to_string().parse().expect("a cursor"));
                    if cursor.is_none() {
                        break;
                    }
                }
                let (pages, whole): (Vec<_>, Vec<_>) = (
                    pages.iter().map(name).collect(),
                    whole.entries.iter().map(name).collect(),
                );
                assert_eq!(pages, whole, "{key:?} {descending}");
            }
        }
    }
    let other = Cursor::after_count(2, BY_NAME);
    let query = ListQuery {
        cursor: Some(other),
        sort: BY_NAME,
        ..ListQuery::default()
    };
    let error = library.list(&query).await.expect_err("refused");
    assert_eq!(error.code(), Code::Invalid);
    library.close().await;
}

/// Whatever is stored already is found once the index was built, and building it again does nothing.
#[tokio::test]
async fn an_old_library_is_indexed_once() {
    let (_directory, library) = filled().await;
    let mut tx = library.database().begin().await.expect("a transaction");
    for table in ["version_terms", "version_values", "folder_terms"] {
        statement(format!("DELETE FROM {table}"))
            .execute(&mut tx)
            .await
            .expect("emptied");
    }
    tx.commit().await.expect("committed");
    assert_eq!(found(&library, "name HAS harbour").await, "");
    // Six versions and three folders.
    assert_eq!(library.build_search_index().await.expect("built"), 9);
    assert_eq!(
        found(&library, "name HAS harbour").await,
        "/Harbour harbour-dawn.PNG harbour.jpg"
    );
    assert_eq!(library.build_search_index().await.expect("built"), 0);
    library.close().await;
}

/// An index must give the order: sorting a million files for a page of them is what we cannot afford.
#[tokio::test]
async fn every_order_of_files_and_folders_comes_from_an_index() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::for_testing(directory.path()).await;
    let keys = [
        SortKey::Created,
        SortKey::Name,
        SortKey::Updated,
        SortKey::Height,
        SortKey::Width,
        SortKey::Size,
        SortKey::Relevance,
    ];
    for key in keys {
        for descending in [false, true] {
            for folder in [None, Some(FolderPath::root())] {
                for kind in [EntryKind::File, EntryKind::Folder, EntryKind::All] {
                    let query = ListQuery {
                        kind,
                        folder: folder.clone(),
                        sort: Sort { key, descending },
                        ..ListQuery::default()
                    };
                    let plan = library.explain_search(&query).await.expect("a plan");
                    // The few that the two kinds give are sorted together.
                    let sorts = plan.matches("TEMP B-TREE").count();
                    let allowed = usize::from(kind == EntryKind::All);
                    // Folders by a size that they do not have are few, and in the order of their ids.
                    let by_id =
                        kind != EntryKind::File && matches!(key, SortKey::Height | SortKey::Width | SortKey::Size);
                    assert!(sorts <= allowed + usize::from(by_id), "{query:?}\n{plan}");
                    assert!(
                        by_id || plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"),
                        "{plan}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn old_versions_by_creation_come_from_an_index() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::for_testing(directory.path()).await;
    for folder in [None, Some(FolderPath::root())] {
        let query = ListQuery {
            kind: EntryKind::FileVersion,
            folder,
            ..ListQuery::default()
        };
        let plan = library.explain_search(&query).await.expect("a plan");
        assert!(plan.contains("by_created") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

/// The ways that are chosen must be those that the database goes.
#[tokio::test]
async fn conditions_are_served_by_their_indexes() {
    let (_directory, library) = filled().await;
    if library.database().dialect() != crate::database::Dialect::Sqlite {
        return;
    }
    for (text, key, expected) in [
        ("name HAS harbour AND type = file", SortKey::Created, "version_terms"),
        (r#"tags IN ["sea"]"#, SortKey::Created, "version_terms"),
        ("size < 600", SortKey::Size, "current_by_size (size<?)"),
        ("format = jpg", SortKey::Created, "current_by_format (format=?)"),
        ("private = true", SortKey::Created, "current_by_privacy (is_private=?)"),
        ("tags NOT EXISTS AND type = file", SortKey::Created, "current_untagged"),
        (
            r#"path = "/travel" AND type = file"#,
            SortKey::Size,
            "current_in_folder_by_size (folder_id=?)",
        ),
        (
            r#""customMetadata.brand" = "Acme""#,
            SortKey::Name,
            "version_values_by_text (field_id=? AND text_value=?)",
        ),
        (
            r#""customMetadata.price" > 5"#,
            SortKey::Name,
            "version_values_by_number (field_id=? AND number_value>?)",
        ),
    ] {
        let query = ListQuery {
            search: Some(search(&library, text).await),
            sort: Sort { key, descending: false },
            ..ListQuery::default()
        };
        let plan = library.explain_search(&query).await.expect("a plan");
        assert!(plan.contains(expected), "{text}\n{plan}");
    }
}

#[tokio::test]
async fn pictures_that_look_alike_are_found_by_their_hashes() {
    let (_directory, library) = filled().await;
    let hash = 0x63_43_3b_3c_cf_8e_1e_be_u64;
    for (path, hash) in [
        ("/harbour.jpg", hash),
        ("/travel/harbour-dawn.PNG", hash ^ 0b1011),
        // Eight bits, two in each part: the farthest that is asked for.
        ("/travel/2026/red_dress.webp", hash ^ 0x0003_0003_0003_0003),
        ("/dresses_red.jpg", !hash),
        ("/travel/2026/notes.txt", hash),
    ] {
        let asset = library.file_at(path).await.expect("asked").expect("a file");
        let mut tx = library.database().begin().await.expect("a transaction");
        statement("UPDATE versions SET phash = $2 WHERE id = $1")
            .bind(asset.version.id.to_string())
            .bind(i64::from_ne_bytes(hash.to_ne_bytes()))
            .execute(&mut tx)
            .await
            .expect("updated");
        index::index(&mut tx, asset.version.id).await.expect("indexed");
        tx.commit().await.expect("committed");
    }
    let id = library
        .file_at("/harbour.jpg")
        .await
        .expect("asked")
        .expect("a file")
        .id;
    let query = ListQuery::default();
    let similar = async |query: &ListQuery, distance| match library.similar(query, id, distance).await {
        Ok(Similar::Found(found)) => found
            .iter()
            .map(|(entry, distance)| format!("{} {distance}", name(entry)))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let all = ["notes.txt 0", "harbour-dawn.PNG 3", "red_dress.webp 8"];
    assert_eq!(similar(&query, 8).await, all);
    assert_eq!(similar(&query, 7).await, all[..2]);
    assert_eq!(similar(&query, 0).await, all[..1]);
    let part = ListQuery {
        limit: 1,
        skip: 1,
        ..query.clone()
    };
    assert_eq!(similar(&part, 8).await, all[1..2]);
    let narrowed = ListQuery {
        search: Some(search(&library, "width > 100").await),
        ..query.clone()
    };
    assert_eq!(similar(&narrowed, 15).await, all[1..2]);
    let twins = library.duplicates(10, 0).await.expect("a listing");
    assert_eq!(twins.iter().map(name).collect::<Vec<_>>(), [HARBOUR, NOTES]);
    assert_eq!(library.duplicates(10, 1).await.expect("a listing").len(), 1);
    let fresh = put(
        &library,
        Given {
            path: "/new.jpg",
            ..NOTHING
        },
    )
    .await;
    assert_eq!(
        library.similar(&query, fresh.id, 8).await.expect("asked"),
        Similar::NoHash
    );
    let unknown = "65f0c0ffee0123456789abcd".parse().expect("an id");
    assert_eq!(
        library.similar(&query, unknown, 8).await.expect("asked"),
        Similar::NoFile
    );
    library.close().await;
}
