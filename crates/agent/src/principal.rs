//! Who asks, and what a grant lets them ask for. One type for every door.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{About, Effect, Reach, path};

/// Somebody who makes calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Names them in records: `operator:ann`, `agent:tok_3f9c`. Two principals are the same if these are.
    pub id: String,
    /// What kind of somebody.
    pub kind: Kind,
    /// What they may do; `None` for whoever holds the data directory, whom the policy alone binds.
    pub grant: Option<Grant>,
}

/// Kinds of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person who holds the data directory.
    Operator,
    /// A person who signed in at a door.
    Person,
    /// A program that acts by itself.
    Agent,
}

impl Principal {
    /// The person at the command line of the server's own machine.
    pub fn operator(name: &str) -> Self {
        Self {
            id: format!("operator:{}", name.chars().take(100).collect::<String>()),
            kind: Kind::Operator,
            grant: None,
        }
    }

    /// True if they may decide about what others ask for. An agent never can.
    pub fn may_decide(&self) -> bool {
        self.kind != Kind::Agent
    }
}

/// What a token allows. The default reads everything and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Names of actions, with `*` at an end for all that begin or end so.
    pub actions: Vec<String>,
    /// The effects that it covers.
    pub effects: Vec<Effect>,
    /// Folders with what is below them; empty for the whole library.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Files that have one of these tags; empty for all.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Files whose custom metadata has one of these values, in each field that is named; empty for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Vec<String>>,
    /// How much, by what is counted.
    #[serde(default)]
    pub budgets: BTreeMap<Budget, u32>,
    /// Connections that it may use; empty for all.
    #[serde(default)]
    pub connections: Vec<String>,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Calls in a minute.
    CallsPerMinute,
    /// Writes in a day, destructive ones too.
    WritesPerDay,
    /// Destructive calls in a day, a file each for those that name several.
    DeletesPerDay,
    /// Mebibytes that uploads carry in a day, attached or in base64.
    UploadMebibytesPerDay,
    /// Purges in a day, those of renames too.
    PurgesPerDay,
}

impl Budget {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::CallsPerMinute,
        Self::WritesPerDay,
        Self::DeletesPerDay,
        Self::UploadMebibytesPerDay,
        Self::PurgesPerDay,
    ];

    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallsPerMinute => "calls-per-minute",
            Self::WritesPerDay => "writes-per-day",
            Self::DeletesPerDay => "deletes-per-day",
            Self::UploadMebibytesPerDay => "upload-mebibytes-per-day",
            Self::PurgesPerDay => "purges-per-day",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Length of its window in seconds.
    pub(crate) fn window(self) -> i64 {
        match self {
            Self::CallsPerMinute => 60,
            _ => 86_400,
        }
    }
}

impl Default for Grant {
    fn default() -> Self {
        Self {
            actions: vec!["*".to_owned()],
            effects: vec![Effect::Read],
            folders: Vec::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            budgets: BTreeMap::new(),
            connections: Vec::new(),
        }
    }
}

impl Grant {
    /// Why the action is outside of the grant, whatever it is called with.
    pub fn refuses(&self, about: &About) -> Option<String> {
        if !self.effects.contains(&about.effect) {
            return Some(format!("the token does not cover {} actions", about.effect.as_str()));
        }
        if !self.actions.iter().any(|pattern| matches(pattern, about.name)) {
            return Some(format!("the token does not cover {}", about.name));
        }
        if about.reach != Reach::Assets && self.is_narrow() {
            return Some(format!(
                "{} is not about assets, and the token covers some assets only",
                about.name
            ));
        }
        if about.reach == Reach::Secret && !self.effects.contains(&Effect::Write) {
            return Some(format!(
                "{} makes a credential for uploads, and the token only reads",
                about.name
            ));
        }
        None
    }

    /// True if it covers a part of the library.
    pub fn is_narrow(&self) -> bool {
        !self.folders.is_empty() || self.is_narrow_in_files()
    }

    /// True if it covers only some of the files of a folder.
    pub(crate) fn is_narrow_in_files(&self) -> bool {
        !self.tags.is_empty() || !self.metadata.is_empty()
    }

    /// True if a path lies in the folders that it covers.
    pub fn covers_path(&self, asset: &str) -> bool {
        self.folders.is_empty() || self.folders.iter().any(|folder| path::is_within(asset, folder))
    }

    /// True if one of the tags is one that it covers.
    pub fn covers_tags<'a>(&self, mut tags: impl Iterator<Item = &'a str>) -> bool {
        self.tags.is_empty() || tags.any(|tag| self.tags.iter().any(|covered| covered == tag))
    }

    /// True if a file, as the API shows it, has a tag and values of metadata that it covers.
    pub(crate) fn covers_file(&self, file: &Value) -> bool {
        let tags = file["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.covers_tags(tags)
            && self.metadata.iter().all(|(field, covered)| {
                let said = &file["customMetadata"][field];
                let each = said.as_array().map_or(std::slice::from_ref(said), Vec::as_slice);
                each.iter()
                    .any(|value| covered.iter().any(|covered| is_written(value, covered)))
            })
    }

    /// Reads values of metadata as they are written in one text each: `department=press`.
    pub fn metadata_of(texts: &[String]) -> Result<BTreeMap<String, Vec<String>>, String> {
        let mut metadata: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for text in texts {
            match text.split_once('=') {
                Some((field, value)) if !field.is_empty() && !value.is_empty() => {
                    metadata.entry(field.to_owned()).or_default().push(value.to_owned());
                }
                _ => return Err(format!("`{text}` names no value of a field; write FIELD=VALUE")),
            }
        }
        Ok(metadata)
    }
}

/// True if a value of a metadata field is written so.
fn is_written(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Number(value) => value.to_string() == text,
        Value::Bool(value) => value.to_string() == text,
        _ => false,
    }
}

/// True if the pattern names it: exactly, or with a `*` at one end or both.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => rest.strip_suffix('*').is_some_and(|middle| name.contains(middle)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actions::find;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*", "x", true),
            ("list_*", "list_assets", true),
            ("list_*", "relist_", false),
            ("*_tags", "bulk_add_tags", true),
            ("*_version*", "list_file_versions", true),
            ("delete_file", "delete_files", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn grants_read_by_default() {
        let about = |name: &str| find(name).unwrap().action.about;
        let reads = Grant::default();
        assert_eq!(reads.refuses(&about("list_assets")), None);
        assert!(reads.refuses(&about("rename_file")).is_some());
        assert!(reads.refuses(&about("get_authentication_parameters")).is_some());
        let narrow = Grant {
            folders: vec!["/travel".into()],
            effects: vec![Effect::Read, Effect::Write],
            ..Grant::default()
        };
        assert_eq!(narrow.refuses(&about("rename_file")), None);
        assert!(narrow.refuses(&about("list_origins")).is_some());
        assert!(narrow.refuses(&about("delete_file")).is_some());
        assert!(narrow.covers_path("/travel/a.jpg") && !narrow.covers_path("/travels/a.jpg"));
    }

    #[test]
    fn values_of_metadata() {
        let texts = ["department=press", "department=web", "year=2026"].map(str::to_owned);
        let grant = Grant {
            metadata: Grant::metadata_of(&texts).unwrap(),
            ..Grant::default()
        };
        assert!(grant.is_narrow());
        for (metadata, covered) in [
            (json!({ "department": "press", "year": 2026 }), true),
            (json!({ "department": ["legal", "web"], "year": "2026" }), true),
            (json!({ "department": "press" }), false),
            (json!({ "department": "pressroom", "year": 2026 }), false),
            (json!({ "department": null, "year": 2026 }), false),
            (json!(null), false),
        ] {
            assert_eq!(
                grant.covers_file(&json!({ "customMetadata": metadata })),
                covered,
                "{metadata}"
            );
        }
        for wrong in ["department", "=press", "department="] {
            assert!(Grant::metadata_of(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
