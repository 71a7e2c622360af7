//! What can be searched: the table of fields, their operators and the kind of their values.

use std::collections::BTreeMap;

pub use crate::account::FieldType;
use crate::expression::Operator;

/// Something that a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The name of a file or folder.
    Name,
    /// Tags, given by people or machines.
    Tags,
    /// File, older version or folder.
    Type,
    /// Of the file or folder.
    Id,
    /// When the file or folder was made.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// In pixels.
    Height,
    /// In pixels.
    Width,
    /// In bytes.
    Size,
    /// The name of the format, lower case.
    Format,
    /// Delivered through signed URLs only.
    Private,
    /// Delivered at all.
    Published,
    /// Has an alpha channel.
    Transparency,
    /// The e-mail address of the user who uploaded it.
    CreatedBy,
    /// The folder that it is in.
    Path,
    /// Where it was taken.
    Location,
    /// Keywords found inside the file.
    Keywords,
    /// When it was taken.
    TakenAt,
    /// A field of the library's own.
    Custom(CustomField),
}

/// A custom metadata field, as far as a search needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// Its id.
    pub id: String,
    /// What its values are.
    pub kind: FieldType,
}

/// The custom metadata fields that a search may name.
#[derive(Clone, Debug, Default)]
pub struct Fields(BTreeMap<String, CustomField>);

impl Fields {
    /// By the names that stand after `customMetadata.`.
    pub fn new(fields: impl IntoIterator<Item = (String, CustomField)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&CustomField> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Text,
    /// `file`, `file-version` or `folder`.
    EntryKind,
    Number,
    Date,
    Size,
    Format,
    Boolean,
    Folder,
    Area,
    /// An option of a select field: text, number or boolean, compared as text; ordered as a number.
    Choice,
}

/// What a field can be asked, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    pub(crate) values: ValueKind,
    pub(crate) operators: &'static [Operator],
}

use Operator::{
    Equal, Exists, Greater, GreaterEqual, Has, In, Less, LessEqual, NotEqual, NotExists, NotHas, NotIn, StartsWith,
};

const ORDERED: &[Operator] = &[Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, In, NotIn];
const ORDERED_OPTIONAL: &[Operator] = &[
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Exists,
    NotExists,
];
const ONE_OF: &[Operator] = &[Equal, NotEqual, In, NotIn];
const FLAG: &[Operator] = &[Equal];

/// Every field that is the same in all libraries: name, meaning, kind of values, operators.
pub(crate) const FIELDS: &[(&str, Field, ValueKind, &[Operator])] = &[
    (
        "name",
        Field::Name,
        ValueKind::Text,
        &[Equal, NotEqual, StartsWith, In, NotIn, Has, NotHas],
    ),
    (
        "tags",
        Field::Tags,
        ValueKind::Text,
        &[In, NotIn, Has, NotHas, Exists, NotExists],
    ),
    ("type", Field::Type, ValueKind::EntryKind, ONE_OF),
    ("id", Field::Id, ValueKind::Text, ONE_OF),
    ("createdAt", Field::CreatedAt, ValueKind::Date, ORDERED),
    ("updatedAt", Field::UpdatedAt, ValueKind::Date, ORDERED),
    ("height", Field::Height, ValueKind::Number, ORDERED),
    ("width", Field::Width, ValueKind::Number, ORDERED),
    ("size", Field::Size, ValueKind::Size, ORDERED),
    ("format", Field::Format, ValueKind::Format, &[Equal, In]),
    ("private", Field::Private, ValueKind::Boolean, FLAG),
    ("published", Field::Published, ValueKind::Boolean, FLAG),
    ("transparency", Field::Transparency, ValueKind::Boolean, FLAG),
    ("createdBy", Field::CreatedBy, ValueKind::Text, ONE_OF),
    (
        "path",
        Field::Path,
        ValueKind::Folder,
        &[Equal, NotEqual, StartsWith, In, NotIn],
    ),
    (
        "embeddedMetadata.LocationTaken",
        Field::Location,
        ValueKind::Area,
        &[Equal, Exists, NotExists],
    ),
    (
        "embeddedMetadata.Keywords",
        Field::Keywords,
        ValueKind::Text,
        &[In, NotIn, Exists, NotExists],
    ),
    (
        "embeddedMetadata.DateTimeOriginal",
        Field::TakenAt,
        ValueKind::Date,
        ORDERED_OPTIONAL,
    ),
];

impl FieldType {
    /// The type that the schema of a field names. None for one of a later version.
    pub(crate) fn of_schema(schema: &str) -> Option<Self> {
        let schema: serde_json::Value = serde_json::from_str(schema).ok()?;
        let name = schema.get("type")?.as_str()?;
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    pub(crate) fn abilities(self) -> Abilities {
        let (values, operators): (_, &'static [Operator]) = match self {
            Self::Text | Self::Textarea => (
                ValueKind::Text,
                &[Equal, NotEqual, StartsWith, In, NotIn, Has, NotHas, Exists, NotExists],
            ),
            Self::Number => (ValueKind::Number, ORDERED_OPTIONAL),
            Self::Date => (ValueKind::Date, ORDERED_OPTIONAL),
            Self::Boolean => (ValueKind::Boolean, &[Equal, Exists, NotExists]),
            Self::SingleSelect => (
                ValueKind::Choice,
                &[
                    Equal,
                    NotEqual,
                    StartsWith,
                    Less,
                    LessEqual,
                    Greater,
                    GreaterEqual,
                    In,
                    NotIn,
                    Exists,
                    NotExists,
                ],
            ),
            Self::MultiSelect => (ValueKind::Choice, &[In, NotIn, Exists, NotExists]),
        };
        Abilities { values, operators }
    }
}
