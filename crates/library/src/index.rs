//! The index that searches ask, kept by one function in the transaction that changes a version.
//!
//! Whoever inserts a version, or changes its name, tags, metadata, perceptual hash or time of creation, calls [`index`] afterwards; whoever
//! makes or renames a folder calls [`index_folder`]. What they read is the row, so calling them once too often is only
//! slow. Rows of deleted versions and folders go with them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::asset::AiTag;
use crate::database::{Dialect, Lock, Row, Sql, Transaction, Value as Bound, query};
use crate::error::StoreError;
use crate::id::{FolderId, VersionId};
use crate::library::Library;
use crate::race::retried;
use crate::search::{self, FieldType, Point};

/// Words of one text that are kept. What a longer text holds beyond them is not found.
const WORDS_PER_TEXT: usize = 1000;
/// Rows of one statement.
const ROWS_PER_INSERT: usize = 500;
/// Bytes of a stored text that are compared as they are. Longer keys do not fit into every index.
const TEXT_BYTES: usize = 400;
/// Versions indexed in one transaction while an old library is brought up to date.
const BATCH: usize = 200;

/// In `library_state`: how far the index of what older versions stored was built.
pub(crate) const BUILT: &str = "search_index";

/// Kinds of terms.
pub(crate) const NAME_WORD: &str = "name";
pub(crate) const TAG_WORD: &str = "tag";
pub(crate) const LABEL: &str = "label";
pub(crate) const KEYWORD: &str = "keyword";

/// The kind of terms that the words of a custom metadata field have.
pub(crate) fn field_words(field_id: &str) -> String {
    format!("field:{field_id}")
}

/// Brings the index up to date with a version's row.
pub(crate) async fn index(tx: &mut Transaction, version: VersionId) -> Result<(), sqlx::Error> {
    let id = version.to_string();
    let row = query(
        "SELECT name, mime, tags, ai_tags, custom_metadata, embedded_metadata, phash, created_at
         FROM versions WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_one(&mut *tx)
    .await?;
    let facts = Facts::of_row(&row)?;
    let values = custom_values(tx, &facts.custom_metadata).await?;

    let derived = Derived::of(&facts);
    let place = derived.place.map(search::on_sphere);
    query(
        "UPDATE versions SET format = $2, taken_at = COALESCE($3, taken_at), latitude = COALESCE($4, latitude),
             longitude = COALESCE($5, longitude), place_x = COALESCE($6, place_x), place_y = COALESCE($7, place_y),
             place_z = COALESCE($8, place_z)
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(derived.format)
    .bind(derived.taken_at_ms)
    .bind(derived.place.map(|place| place.latitude))
    .bind(derived.place.map(|place| place.longitude))
    .bind(place.map(|[x, _, _]| x))
    .bind(place.map(|[_, y, _]| y))
    .bind(place.map(|[_, _, z]| z))
    .execute(&mut *tx)
    .await?;

    for table in ["version_tags", "version_terms", "version_values", "version_bands"] {
        query(format!("DELETE FROM {table} WHERE version_id = $1"))
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
    }
    insert(tx, "version_tags (tag, version_id)", tag_rows(&facts, &id)).await?;
    insert(
        tx,
        "version_terms (kind, term, created_at, version_id)",
        term_rows(&facts, &values, &id),
    )
    .await?;
    insert(
        tx,
        "version_values (field_id, version_id, position, created_at, text_value, number_value)",
        value_rows(&values, &id, facts.created_at),
    )
    .await?;
    insert(
        tx,
        "version_bands (band, phash, version_id)",
        band_rows(facts.phash, &id),
    )
    .await?;
    Ok(())
}

/// Brings the times in the index up to date with a file's versions, where they went to another file.
pub(crate) async fn retime(tx: &mut Transaction, file: &str) -> Result<(), sqlx::Error> {
    for table in ["version_terms", "version_values"] {
        query(format!(
            "UPDATE {table} SET created_at = (SELECT v.created_at FROM versions v WHERE v.id = {table}.version_id)
             WHERE version_id IN (SELECT id FROM versions WHERE file_id = $1)"
        ))
        .bind(file)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Brings the index up to date with a folder's name.
pub(crate) async fn index_folder(tx: &mut Transaction, folder: FolderId, name: &str) -> Result<(), sqlx::Error> {
    let id = folder.to_string();
    query("DELETE FROM folder_terms WHERE folder_id = $1")
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    let words: BTreeSet<String> = search::tokens(name).take(WORDS_PER_TEXT).collect();
    let rows = words
        .into_iter()
        .map(|word| vec![word.into(), id.as_str().into()])
        .collect();
    insert(tx, "folder_terms (term, folder_id)", rows).await
}

impl Library {
    /// Indexes what was stored before there was an index; how many versions and folders that were. Does nothing the next
    /// time, and goes on where it was interrupted.
    pub async fn build_search_index(&self) -> Result<u64, StoreError> {
        let mut indexed = 0;
        while let Some(more) = retried(|| self.build_some()).await? {
            // Told at every ten thousandth.
            if (indexed + more) / 10_000 > indexed / 10_000 {
                tracing::info!(indexed = indexed + more, "building the search index");
            }
            indexed += more;
        }
        Ok(indexed)
    }

    /// Indexes the next few; how many, or `None` if nothing was left.
    async fn build_some(&self) -> Result<Option<u64>, StoreError> {
        const DONE: &str = "done";
        let mut indexed = 0;
        let mut tx = self.database().begin().await?;
        // One node at a time.
        tx.lock(Lock::Key(BUILT)).await?;
        let after: Option<String> = query("SELECT value FROM library_state WHERE key = $1")
            .bind(BUILT)
            .scalar_optional(&mut tx)
            .await?;
        let after = after.unwrap_or_default();
        if after == DONE {
            return Ok(None);
        }
        let mut sql = Sql::new("SELECT id FROM versions WHERE id > ");
        sql.push_bind(after.as_str())
            .push(format!(" ORDER BY id LIMIT {BATCH}"));
        if tx.dialect() == Dialect::Postgres {
            // What is indexed is what is read: nobody changes it in between.
            sql.push(" FOR UPDATE");
        }
        let ids: Vec<String> = sql.build().scalars(&mut tx).await?;
        for id in &ids {
            let id = id
                .parse()
                .map_err(|error| StoreError::unreadable("versions.id", error))?;
            index(&mut tx, id).await?;
            indexed += 1;
        }
        if ids.is_empty() {
            indexed += index_folders(&mut tx).await?;
        }
        query(
            "INSERT INTO library_state (key, value) VALUES ($1, $2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(BUILT)
        .bind(ids.last().map_or(DONE, String::as_str))
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(Some(indexed))
    }
}

async fn index_folders(tx: &mut Transaction) -> Result<u64, StoreError> {
    let rows = query("SELECT id, name FROM folders WHERE parent_id IS NOT NULL")
        .fetch_all(&mut *tx)
        .await?;
    for row in &rows {
        let id = row
            .try_get::<&str, _>("id")?
            .parse()
            .map_err(|error| StoreError::unreadable("folders.id", error))?;
        index_folder(tx, id, row.try_get("name")?).await?;
    }
    Ok(rows.len() as u64)
}

/// What the index is made of.
struct Facts {
    name: String,
    mime: String,
    tags: Vec<String>,
    ai_tags: Vec<AiTag>,
    custom_metadata: Map<String, Value>,
    embedded_metadata: Map<String, Value>,
    phash: Option<i64>,
    created_at: i64,
}

impl Facts {
    fn of_row(row: &Row) -> Result<Self, sqlx::Error> {
        fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
            serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
        }
        let embedded: Option<&str> = row.try_get("embedded_metadata")?;
        Ok(Self {
            name: row.try_get("name")?,
            mime: row.try_get("mime")?,
            tags: json(row.try_get("tags")?)?,
            ai_tags: json(row.try_get("ai_tags")?)?,
            custom_metadata: json(row.try_get("custom_metadata")?)?,
            embedded_metadata: embedded.map_or(Ok(Map::new()), json)?,
            phash: row.try_get("phash")?,
            created_at: row.try_get("created_at")?,
        })
    }

    fn keywords(&self) -> Vec<&str> {
        match self.embedded_metadata.get("Keywords") {
            Some(Value::Array(keywords)) => keywords.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(keyword)) => vec![keyword],
            _ => Vec::new(),
        }
    }
}

/// Columns that searches compare and that follow from others.
struct Derived {
    format: String,
    taken_at_ms: Option<i64>,
    place: Option<Point>,
}

impl Derived {
    fn of(facts: &Facts) -> Self {
        let embedded = &facts.embedded_metadata;
        let degrees = |key: &str, most: f64| {
            let degrees = embedded.get(key)?.as_f64()?;
            (degrees.abs() <= most).then_some(degrees)
        };
        Self {
            format: format_of(&facts.mime, &facts.name),
            taken_at_ms: embedded
                .get("DateTimeOriginal")
                .and_then(Value::as_str)
                .and_then(search::absolute_date),
            place: degrees("GPSLatitude", 90.0)
                .zip(degrees("GPSLongitude", 180.0))
                .map(|(latitude, longitude)| Point { latitude, longitude }),
        }
    }
}

/// The name of the format: by what the file is, or by the end of its name where that says no more than `text`.
fn format_of(mime: &str, name: &str) -> String {
    const LONGEST: usize = 10;
    let known = match mime {
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        "image/x-icon" | "image/vnd.microsoft.icon" => "ico",
        "image/vnd.adobe.photoshop" => "psd",
        "application/pdf" => "pdf",
        "text/css" => "css",
        "text/html" => "html",
        "text/javascript" | "application/javascript" => "js",
        "application/json" => "json",
        "application/zip" => "zip",
        "application/vnd.apple.mpegurl" | "application/x-mpegurl" => "m3u8",
        "application/x-shockwave-flash" => "swf",
        "application/vnd.ms-fontobject" => "eot",
        "video/quicktime" => "mov",
        "video/mp2t" => "ts",
        "video/x-matroska" => "mkv",
        "audio/mpeg" => "mp3",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let short = |text: &str| text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let by_mime = mime
        .strip_prefix("image/")
        .or_else(|| mime.strip_prefix("video/"))
        .or_else(|| mime.strip_prefix("audio/"))
        .or_else(|| mime.strip_prefix("font/"))
        .map(|subtype| subtype.strip_prefix("x-").unwrap_or(subtype))
        .filter(|subtype| short(subtype));
    let by_name = || name.rsplit_once('.').map(|(_, end)| end).filter(|end| short(end));
    let plain = || (mime == "text/plain").then_some("txt");
    by_mime
        .or_else(by_name)
        .or_else(plain)
        .map_or(String::new(), search::format)
}

type Rows = Vec<Vec<Bound>>;

fn tag_rows(facts: &Facts, id: &str) -> Rows {
    let tags: BTreeSet<&String> = facts.tags.iter().collect();
    tags.into_iter().map(|tag| vec![tag.into(), id.into()]).collect()
}

fn term_rows(facts: &Facts, values: &[CustomValue], id: &str) -> Rows {
    terms(facts, values)
        .into_iter()
        .map(|(kind, term)| vec![kind.into(), term.into(), facts.created_at.into(), id.into()])
        .collect()
}

fn value_rows(values: &[CustomValue], id: &str, created_at: i64) -> Rows {
    values
        .iter()
        .zip(0_i64..)
        .map(|(value, position)| {
            vec![
                value.field.as_str().into(),
                id.into(),
                position.into(),
                created_at.into(),
                Bound::Text(value.text.as_deref().map(stored_text)),
                Bound::Real(value.number),
            ]
        })
        .collect()
}

fn band_rows(phash: Option<i64>, id: &str) -> Rows {
    phash.map_or(Vec::new(), |phash| {
        bands(phash)
            .into_iter()
            .map(|band| vec![band.into(), phash.into(), id.into()])
            .collect()
    })
}

fn terms(facts: &Facts, values: &[CustomValue]) -> BTreeSet<(String, String)> {
    let mut terms = BTreeSet::new();
    let mut words = |kind: &str, text: &str| {
        for word in search::tokens(text).take(WORDS_PER_TEXT) {
            terms.insert((kind.to_owned(), word));
        }
    };
    words(NAME_WORD, &facts.name);
    let tags = || {
        facts
            .tags
            .iter()
            .map(String::as_str)
            .chain(facts.ai_tags.iter().map(|tag| tag.name.as_str()))
    };
    for tag in tags() {
        words(TAG_WORD, tag);
    }
    for value in values.iter().filter(|value| value.has_words) {
        words(&field_words(&value.field), value.text.as_deref().unwrap_or_default());
    }
    terms.extend(tags().map(|tag| (LABEL.to_owned(), stored_text(tag))));
    terms.extend(
        facts
            .keywords()
            .into_iter()
            .take(WORDS_PER_TEXT)
            .map(|keyword| (KEYWORD.to_owned(), stored_text(keyword))),
    );
    terms
}

/// A value of a custom metadata field.
struct CustomValue {
    field: String,
    text: Option<String>,
    number: Option<f64>,
    has_words: bool,
}

/// The values that a search can ask for. Those of fields that nobody defined, or that are deleted, are left out.
async fn custom_values(tx: &mut Transaction, metadata: &Map<String, Value>) -> Result<Vec<CustomValue>, sqlx::Error> {
    let mut values = Vec::new();
    if metadata.is_empty() {
        return Ok(values);
    }
    let mut fields =
        Sql::new("SELECT id, name, schema FROM custom_metadata_fields WHERE deleted_at IS NULL AND name IN (");
    fields.push_list(metadata.keys()).push(")");
    for row in fields.build().fetch_all(&mut *tx).await? {
        let name: &str = row.try_get("name")?;
        let (Some(kind), Some(value)) = (FieldType::of_schema(row.try_get("schema")?), metadata.get(name)) else {
            continue;
        };
        let several = match value {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        for (at, value) in several.iter().enumerate() {
            let (text, number) = indexed_value(kind, value);
            // Said twice is said once: a version stands once in the list of a value.
            let is_new = !several[..at].contains(value);
            if is_new && (text.is_some() || number.is_some()) {
                values.push(CustomValue {
                    field: row.try_get("id")?,
                    text,
                    number,
                    has_words: matches!(kind, FieldType::Text | FieldType::Textarea),
                });
            }
        }
    }
    Ok(values)
}

/// Text and number of a value, as its field is compared.
fn indexed_value(kind: FieldType, value: &Value) -> (Option<String>, Option<f64>) {
    match kind {
        FieldType::Text | FieldType::Textarea => (value.as_str().map(str::to_owned), None),
        FieldType::Number => (None, value.as_f64()),
        FieldType::Date => {
            let date = value.as_str().and_then(search::absolute_date);
            (None, date.map(|ms| ms as f64))
        }
        FieldType::Boolean => (None, value.as_bool().map(|flag| if flag { 1.0 } else { 0.0 })),
        FieldType::SingleSelect | FieldType::MultiSelect => match value {
            Value::String(text) => (Some(text.clone()), search::plain_number(text)),
            Value::Number(number) => (number.as_f64().map(search::number_text), number.as_f64()),
            Value::Bool(flag) => (Some(flag.to_string()), None),
            Value::Null | Value::Array(_) | Value::Object(_) => (None, None),
        },
    }
}

/// A text as it is compared: the end of a long one is a digest, so that different texts stay different.
pub(crate) fn stored_text(text: &str) -> String {
    if text.len() <= TEXT_BYTES {
        return text.to_owned();
    }
    format!(
        "{}\u{1}{}",
        text_start(text),
        hex::encode(Sha256::digest(text.as_bytes()))
    )
}

/// How a text begins that is stored whole, or by its start and a digest.
pub(crate) fn text_start(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES - 80)]
}

/// The rows in which a hash is found by parts that are equal.
pub(crate) fn bands(phash: i64) -> [i64; 4] {
    [0, 1, 2, 3].map(|part| (part << 16) | ((phash >> (16 * part)) & 0xffff))
}

async fn insert(tx: &mut Transaction, into: &str, rows: Rows) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let mut sql = Sql::new(format!("INSERT INTO {into} VALUES "));
        for (at, row) in rows.iter().enumerate() {
            sql.push(if at == 0 { "(" } else { ", (" })
                .push_list(row.iter().cloned())
                .push(")");
        }
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_one_name() {
        for (mime, name, format) in [
            ("image/jpeg", "a.png", "jpg"),
            ("image/png", "a.jpeg", "png"),
            ("image/svg+xml", "a", "svg"),
            ("image/x-tga", "a", "tga"),
            ("video/mp4", "a.mov", "mp4"),
            ("font/woff2", "a", "woff2"),
            ("text/plain", "notes.MD", "md"),
            ("text/plain", "notes", "txt"),
            ("text/plain", "a.something-else", "txt"),
            ("application/octet-stream", "a.JPEG", "jpg"),
            ("application/octet-stream", "a", ""),
            ("", "a.x", "x"),
        ] {
            assert_eq!(format_of(mime, name), format, "{mime} {name}");
        }
    }

    #[test]
    fn long_texts_stay_different_and_begin_as_they_did() {
        let long = "é".repeat(300);
        let (one, other) = (stored_text(&long), stored_text(&format!("{long}x")));
        assert_ne!(one, other);
        assert!(one.len() <= TEXT_BYTES && one.starts_with(text_start(&long)));
        assert_eq!(stored_text("short"), "short");
    }

    #[test]
    fn a_hash_has_four_bands_that_differ_by_their_place() {
        assert_eq!(bands(0), [0, 0x1_0000, 0x2_0000, 0x3_0000]);
        assert_eq!(bands(-1), [0xffff, 0x1_ffff, 0x2_ffff, 0x3_ffff]);
        assert_eq!(bands(0x1111_2222_3333_4444)[3], 0x3_1111);
    }
}
