//! Assets as the rows that the library keeps of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::assets::{self, Asset};

/// A cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Null, Into::into)
    }
}

pub type Row = Vec<Cell>;

/// A table and the columns that are filled.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static str,
}

pub const FOLDERS: Table = Table {
    name: "folders",
    columns: "id, parent_id, path, name, created_at, updated_at",
};
pub const FOLDER_TERMS: Table = Table {
    name: "folder_terms",
    columns: "term, folder_id",
};
pub const FIELDS: Table = Table {
    name: "custom_metadata_fields",
    columns: "id, name, label, schema, created_at, updated_at",
};
pub const BLOBS: Table = Table {
    name: "blobs",
    columns: "sha256, size, created_at",
};
pub const FILES: Table = Table {
    name: "files",
    columns: "id, last_number, created_at",
};
pub const VERSIONS: Table = Table {
    name: "versions",
    columns: "id, file_id, number, is_current, token, folder_id, name, created_at, updated_at, uploaded_at, blob, size, \
              mime, is_image, width, height, has_alpha, embedded_metadata, tags, ai_tags, custom_metadata, is_private, \
              is_published, format, taken_at, latitude, longitude, place_x, place_y, place_z, phash, created_by",
};
pub const TAGS: Table = Table {
    name: "version_tags",
    columns: "tag, version_id",
};
pub const TERMS: Table = Table {
    name: "version_terms",
    columns: "kind, term, created_at, version_id",
};
pub const VALUES: Table = Table {
    name: "version_values",
    columns: "field_id, version_id, position, created_at, text_value, number_value",
};
pub const BANDS: Table = Table {
    name: "version_bands",
    columns: "band, phash, version_id",
};

const ROOT: &str = "000000000000000000000000";
/// Files that share each blob.
const SHARED: u64 = 4;

pub fn field_id(name: &str) -> String {
    let at = assets::FIELDS.iter().position(|(field, _)| *field == name).unwrap_or(0);
    assets::id(3, at as u64, assets::FIRST_MS)
}

pub fn fields() -> Vec<Row> {
    assets::FIELDS
        .iter()
        .map(|(name, kind)| {
            let schema = json!({ "type": kind }).to_string();
            vec![
                field_id(name).into(),
                (*name).into(),
                (*name).into(),
                schema.into(),
                0.into_cell(),
                0.into_cell(),
            ]
        })
        .collect()
}

trait IntoCell {
    fn into_cell(self) -> Cell;
}

impl IntoCell for i64 {
    fn into_cell(self) -> Cell {
        Cell::Int(self)
    }
}

pub fn folder_id(folder: usize) -> String {
    assets::id(2, folder as u64, assets::FIRST_MS)
}

fn folder_name(folder: usize) -> String {
    format!("{}-{folder}", assets::word(folder as u64 % 900))
}

pub fn folder_path(folder: usize) -> String {
    let above = assets::parent(folder).map_or_else(String::new, folder_path);
    format!("{above}/{}", folder_name(folder))
}

/// A folder and its terms.
pub fn folder(folder: usize) -> (Row, Vec<Row>) {
    let id = folder_id(folder);
    let parent = assets::parent(folder).map_or_else(|| ROOT.to_owned(), folder_id);
    let created = assets::FIRST_MS + folder as i64;
    let name = folder_name(folder);
    let terms = words(&name)
        .into_iter()
        .map(|word| vec![word.into(), id.as_str().into()])
        .collect();
    let row = vec![
        id.as_str().into(),
        parent.into(),
        folder_path(folder).into(),
        name.into(),
        created.into(),
        created.into(),
    ];
    (row, terms)
}

pub fn blob(number: u64) -> Row {
    vec![
        format!("{number:064x}").into(),
        1000_i64.into(),
        assets::FIRST_MS.into(),
    ]
}

pub fn blobs(all: u64) -> u64 {
    all / SHARED + 1
}

/// All rows of an asset.
pub struct Rows {
    pub file: Row,
    pub versions: Vec<Row>,
    pub tags: Vec<Row>,
    pub terms: Vec<Row>,
    pub values: Vec<Row>,
    pub bands: Vec<Row>,
}

pub fn of(asset: &Asset, number: u64) -> Rows {
    let mut rows = Rows {
        file: vec![
            asset.id.as_str().into(),
            Cell::Int(1 + i64::from(asset.has_older_version)),
            asset.created_ms.into(),
        ],
        versions: Vec::new(),
        tags: Vec::new(),
        terms: Vec::new(),
        values: Vec::new(),
        bands: Vec::new(),
    };
    if asset.has_older_version {
        push_version(&mut rows, asset, number, &asset.id, 1);
        let id = assets::id(4, number, asset.updated_ms);
        push_version(&mut rows, asset, number, &id, 2);
    } else {
        push_version(&mut rows, asset, number, &asset.id, 1);
    }
    rows
}

fn push_version(rows: &mut Rows, asset: &Asset, number: u64, id: &str, version: i64) {
    let is_current = version == 1 + i64::from(asset.has_older_version);
    let sphere = asset.place.map(|(latitude, longitude)| {
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        [
            latitude.cos() * longitude.cos(),
            latitude.cos() * longitude.sin(),
            latitude.sin(),
        ]
    });
    let tags = json!(asset.tags).to_string();
    rows.versions.push(vec![
        id.into(),
        asset.id.as_str().into(),
        version.into(),
        is_current.into(),
        format!("{id}{version:08}").into(),
        folder_id(asset.folder).into(),
        asset.name.as_str().into(),
        asset.created_ms.into(),
        asset.updated_ms.into(),
        asset.updated_ms.into(),
        format!("{:064x}", number / SHARED).into(),
        asset.size.into(),
        asset.mime.into(),
        asset.is_image.into(),
        asset.width.into(),
        asset.height.into(),
        asset.has_alpha.into(),
        asset
            .embedded
            .as_ref()
            .map(|embedded| json!(embedded).to_string())
            .into(),
        tags.into(),
        "[]".into(),
        json!(asset.custom).to_string().into(),
        asset.private.into(),
        asset.published.into(),
        asset.format.into(),
        asset.taken_ms.into(),
        asset.place.map(|(latitude, _)| latitude).into(),
        asset.place.map(|(_, longitude)| longitude).into(),
        sphere.map(|[x, _, _]| x).into(),
        sphere.map(|[_, y, _]| y).into(),
        sphere.map(|[_, _, z]| z).into(),
        asset.phash.into(),
        asset.created_by.as_deref().into(),
    ]);
    rows.tags
        .extend(asset.tags.iter().map(|tag| vec![tag.as_str().into(), id.into()]));
    let mut terms: BTreeSet<(String, String)> = BTreeSet::new();
    let mut push = |kind: &str, text: &str| {
        terms.extend(words(text).into_iter().map(|word| (kind.to_owned(), word)));
    };
    push("name", &asset.name);
    for tag in &asset.tags {
        push("tag", tag);
    }
    for name in ["brand", "note"] {
        if let Some(text) = asset.custom.get(name).and_then(Value::as_str) {
            push(&format!("field:{}", field_id(name)), text);
        }
    }
    terms.extend(asset.tags.iter().map(|tag| ("label".to_owned(), tag.clone())));
    if let Some(Value::Array(keywords)) = asset.embedded.as_ref().and_then(|embedded| embedded.get("Keywords")) {
        terms.extend(
            keywords
                .iter()
                .filter_map(Value::as_str)
                .map(|keyword| ("keyword".to_owned(), keyword.to_owned())),
        );
    }
    rows.terms.extend(
        terms
            .into_iter()
            .map(|(kind, term)| vec![kind.into(), term.into(), asset.created_ms.into(), id.into()]),
    );
    push_values(&mut rows.values, asset, id);
    if let Some(phash) = asset.phash {
        rows.bands.extend((0..4).map(|part| {
            let band = (part << 16) | ((phash >> (16 * part)) & 0xffff);
            vec![band.into(), phash.into(), id.into()]
        }));
    }
}

fn push_values(rows: &mut Vec<Row>, asset: &Asset, id: &str) {
    let mut position = 0_i64;
    // In the order in which the library reads the fields: that of their ids.
    for (name, kind) in assets::FIELDS {
        let Some(value) = asset.custom.get(name) else { continue };
        let values = match value {
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        for value in values {
            let (text, number) = match kind {
                "Number" => (None, value.as_f64()),
                "Date" => (None, value.as_str().and_then(day_ms)),
                "Boolean" => (None, value.as_bool().map(|flag| if flag { 1.0 } else { 0.0 })),
                _ => (value.as_str().map(str::to_owned), None),
            };
            rows.push(vec![
                field_id(name).into(),
                id.into(),
                position.into(),
                asset.created_ms.into(),
                text.into(),
                number.into(),
            ]);
            position += 1;
        }
    }
}

/// The start of a day written as `2020-01-31`.
fn day_ms(text: &str) -> Option<f64> {
    let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Days from the civil calendar, years beginning in March.
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (shifted * 306 + 5) / 10 + day - 1;
    Some(((days - 719_468) * 86_400_000) as f64)
}

/// The words of a text of plain letters, as the library keeps them.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(day_ms("1970-01-01"), Some(0.0));
        assert_eq!(day_ms("2020-03-01"), Some(1_583_020_800_000.0));
        assert_eq!(day_ms("2024-02-29"), Some(1_709_164_800_000.0));
    }
}
