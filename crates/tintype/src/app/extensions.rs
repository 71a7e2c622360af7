//! Extensions: work on a file that a service does after an upload or a change. Here is what may be asked of them, as types; running them is
//! another matter.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most extensions of one request.
const MOST_EXTENSIONS: usize = 20;
/// Most tasks of one `ai-tasks`.
const MOST_TASKS: usize = 10;
/// Characters of an instruction.
const LONGEST_INSTRUCTION: usize = 2000;
/// Words that a task may choose from.
const MOST_WORDS: usize = 30;
/// Characters of all words together.
const LONGEST_VOCABULARY: usize = 500;
/// Entries of a list in an action, and characters of one of its texts.
const MOST_ENTRIES: usize = 100;
const LONGEST_TEXT: usize = 1000;

/// One extension, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name")]
pub enum Extension {
    /// The background goes; the result becomes a new version.
    #[serde(rename = "remove-bg")]
    RemoveBackground {
        /// For the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<RemoveBackground>,
    },
    /// Tags by Google's service, into `AITags`.
    #[serde(rename = "google-auto-tagging")]
    GoogleTagging(Tagging),
    /// Tags by Amazon's service, into `AITags`.
    #[serde(rename = "aws-auto-tagging")]
    AwsTagging(Tagging),
    /// A sentence about the picture, into `description`.
    #[serde(rename = "ai-auto-description")]
    Description,
    /// Questions about the picture, and what follows from the answers.
    #[serde(rename = "ai-tasks")]
    Tasks {
        /// From 1 to 10.
        tasks: Vec<Task>,
    },
    /// What is stored under an id.
    #[serde(rename = "saved-extension")]
    Saved {
        /// `ext_...`
        id: String,
    },
}

/// What remove.bg may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveBackground {
    /// An artificial shadow; for cars only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_shadow: Option<bool>,
    /// Windows stay half transparent; for cars only. The provider's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semitransparency: Option<bool>,
    /// A colour behind the subject: hex, or a name. Not with `bg_image_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bg_color: Option<String>,
    /// A picture behind the subject. Not with `bg_color`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bg_image_url: Option<String>,
}

/// What a tagging service may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tagging {
    /// Tags below are left out: 0 to 100.
    pub min_confidence: u8,
    /// 0 to 30.
    pub max_tags: u8,
}

/// One question about a picture.
#[allow(clippy::large_enum_variant, reason = "a request has ten of them at most")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Task {
    /// Chooses tags.
    SelectTags(Selection),
    /// Chooses the value of a custom metadata field.
    SelectMetadata {
        /// The field's name.
        field: String,
        /// What to choose from. Without a vocabulary, the options of the field.
        #[serde(flatten)]
        selection: Selection,
    },
    /// Asks something that can be answered by yes or no. At least one of `on_yes` and `on_no` is there.
    YesNo {
        /// The question.
        instruction: String,
        /// Done after a yes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_yes: Option<Action>,
        /// Done after a no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_no: Option<Action>,
        /// Done when it can't be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_unknown: Option<Action>,
    },
}

/// What is chosen, from what, and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// What to look for.
    pub instruction: String,
    /// Texts; for metadata also numbers and truth values. `None` lets the service choose its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vec<Value>>,
    /// At least so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_selections: Option<u32>,
    /// At most so many, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_selections: Option<u32>,
}

/// What an answer changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Tags to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_tags: Vec<String>,
    /// Tags to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_tags: Vec<String>,
    /// Values of custom metadata to set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_metadata: Vec<SetMetadata>,
    /// Values of custom metadata to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset_metadata: Vec<UnsetMetadata>,
}

/// A value for a custom metadata field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetMetadata {
    /// The field's name.
    pub field: String,
    /// A text, number, truth value, or a list of those.
    pub value: Value,
}

/// A custom metadata field whose value goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsetMetadata {
    /// The field's name.
    pub field: String,
}

/// Why something is no extension, for the one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ExtensionError {
    /// Such as `extensions[0].tasks[2].vocabulary`.
    place: String,
    problem: String,
}

fn refuse<T>(place: &str, problem: impl Into<String>) -> Result<T, ExtensionError> {
    Err(ExtensionError {
        place: place.to_owned(),
        problem: problem.into(),
    })
}

impl Extension {
    /// Reads the list of an upload or an update. `has_field` tells whether a custom metadata field of a name exists.
    pub fn parse_list(value: &Value, has_field: &dyn Fn(&str) -> bool) -> Result<Vec<Self>, ExtensionError> {
        let Some(items) = value.as_array() else {
            return refuse("extensions", "must be an array of objects");
        };
        if items.len() > MOST_EXTENSIONS {
            return refuse("extensions", format!("may have at most {MOST_EXTENSIONS} entries"));
        }
        let read = |(at, item)| Self::parse(item, &format!("extensions[{at}]"), has_field);
        items.iter().enumerate().map(read).collect()
    }

    /// Reads the configuration of a saved extension, which may be any but a saved one.
    pub fn parse_config(value: &Value, has_field: &dyn Fn(&str) -> bool) -> Result<Self, ExtensionError> {
        match Self::parse(value, "config", has_field)? {
            Self::Saved { .. } => refuse("config.name", "a saved extension can't name another one"),
            extension => Ok(extension),
        }
    }

    fn parse(value: &Value, place: &str, has_field: &dyn Fn(&str) -> bool) -> Result<Self, ExtensionError> {
        if !value.is_object() {
            return refuse(place, "must be an object");
        }
        let extension: Self =
            serde_json::from_value(value.clone()).or_else(|error| refuse(place, error.to_string()))?;
        extension.check(place, has_field)?;
        Ok(extension)
    }

    fn check(&self, place: &str, has_field: &dyn Fn(&str) -> bool) -> Result<(), ExtensionError> {
        match self {
            Self::RemoveBackground { options } => options
                .as_ref()
                .map_or(Ok(()), |o| o.check(&format!("{place}.options"))),
            Self::GoogleTagging(tagging) | Self::AwsTagging(tagging) => tagging.check(place),
            Self::Description => Ok(()),
            Self::Tasks { tasks } if tasks.is_empty() || tasks.len() > MOST_TASKS => refuse(
                &format!("{place}.tasks"),
                format!("must have 1 to {MOST_TASKS} entries"),
            ),
            Self::Tasks { tasks } => tasks
                .iter()
                .enumerate()
                .try_for_each(|(at, task)| task.check(&format!("{place}.tasks[{at}]"), has_field)),
            Self::Saved { id } if id.is_empty() || id.len() > 100 => {
                refuse(&format!("{place}.id"), "is no id of a saved extension")
            }
            Self::Saved { .. } => Ok(()),
        }
    }

    /// The name by which requests and `extensionStatus` know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RemoveBackground { .. } => "remove-bg",
            Self::GoogleTagging(_) => "google-auto-tagging",
            Self::AwsTagging(_) => "aws-auto-tagging",
            Self::Description => "ai-auto-description",
            Self::Tasks { .. } => "ai-tasks",
            Self::Saved { .. } => "saved-extension",
        }
    }

    /// The JSON form, as it is stored.
    pub fn to_json(&self) -> Value {
        // Nothing in it can fail: all keys are texts.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl RemoveBackground {
    fn check(&self, place: &str) -> Result<(), ExtensionError> {
        if self.bg_color.is_some() && self.bg_image_url.is_some() {
            return refuse(place, "bg_color and bg_image_url exclude each other");
        }
        if let Some(color) = &self.bg_color
            && (color.is_empty() || color.len() > 50 || !color.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#'))
        {
            return refuse(
                &format!("{place}.bg_color"),
                "must be a colour name or hex such as 81d4fa",
            );
        }
        if let Some(url) = &self.bg_image_url
            && !is_web_url(url)
        {
            return refuse(&format!("{place}.bg_image_url"), "must be an http or https URL");
        }
        Ok(())
    }
}

impl Tagging {
    fn check(self, place: &str) -> Result<(), ExtensionError> {
        if self.min_confidence > 100 {
            return refuse(&format!("{place}.minConfidence"), "must be an integer from 0 to 100");
        }
        if self.max_tags > 30 {
            return refuse(&format!("{place}.maxTags"), "must be an integer from 0 to 30");
        }
        Ok(())
    }
}

impl Task {
    fn check(&self, place: &str, has_field: &dyn Fn(&str) -> bool) -> Result<(), ExtensionError> {
        match self {
            Self::SelectTags(selection) => selection.check(place, false),
            Self::SelectMetadata { field, selection } => {
                known_field(field, &format!("{place}.field"), has_field)?;
                selection.check(place, true)
            }
            Self::YesNo {
                instruction,
                on_yes,
                on_no,
                on_unknown,
            } => {
                check_instruction(instruction, place)?;
                if on_yes.is_none() && on_no.is_none() {
                    return refuse(place, "needs on_yes or on_no");
                }
                for (name, action) in [("on_yes", on_yes), ("on_no", on_no), ("on_unknown", on_unknown)] {
                    if let Some(action) = action {
                        action.check(&format!("{place}.{name}"), has_field)?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Selection {
    fn check(&self, place: &str, of_metadata: bool) -> Result<(), ExtensionError> {
        check_instruction(&self.instruction, place)?;
        if let Some(words) = &self.vocabulary {
            let place = format!("{place}.vocabulary");
            if words.is_empty() || words.len() > MOST_WORDS {
                return refuse(&place, format!("must have 1 to {MOST_WORDS} entries"));
            }
            let mut characters = 0;
            for word in words {
                let text = match word {
                    Value::String(text) if text.trim().is_empty() => {
                        return refuse(&place, "may not have empty entries");
                    }
                    Value::String(text) => text.clone(),
                    Value::Number(_) | Value::Bool(_) if of_metadata => word.to_string(),
                    _ if of_metadata => return refuse(&place, "must have texts, numbers and truth values only"),
                    _ => return refuse(&place, "must have texts only"),
                };
                if text.contains('%') {
                    return refuse(&place, "may not have `%` in it");
                }
                if text.contains(char::is_control) {
                    return refuse(&place, "may not have control characters in it");
                }
                characters += text.chars().count();
            }
            if characters > LONGEST_VOCABULARY {
                return refuse(&place, format!("may have {LONGEST_VOCABULARY} characters together"));
            }
        }
        if self.max_selections == Some(0) {
            return refuse(&format!("{place}.max_selections"), "must be at least 1");
        }
        if let (Some(least), Some(most)) = (self.min_selections, self.max_selections)
            && least > most
        {
            return refuse(
                &format!("{place}.min_selections"),
                "may not be more than max_selections",
            );
        }
        Ok(())
    }
}

impl Action {
    fn check(&self, place: &str, has_field: &dyn Fn(&str) -> bool) -> Result<(), ExtensionError> {
        let lengths = [
            self.add_tags.len(),
            self.remove_tags.len(),
            self.set_metadata.len(),
            self.unset_metadata.len(),
        ];
        if lengths.iter().any(|length| *length > MOST_ENTRIES) {
            return refuse(place, format!("its lists may have at most {MOST_ENTRIES} entries"));
        }
        for tag in self.add_tags.iter().chain(&self.remove_tags) {
            let is_odd = |c: char| c == '%' || c.is_control();
            if tag.trim().is_empty() || tag.contains(is_odd) || tag.chars().count() > LONGEST_VOCABULARY {
                return refuse(
                    place,
                    "tags may be neither empty nor long nor have `%` or control characters in them",
                );
            }
        }
        for set in &self.set_metadata {
            known_field(&set.field, &format!("{place}.set_metadata"), has_field)?;
            let plain = |value: &Value| match value {
                Value::String(text) => text.len() <= LONGEST_TEXT,
                Value::Number(_) | Value::Bool(_) => true,
                _ => false,
            };
            let fits = match &set.value {
                Value::Array(items) => items.len() <= MOST_ENTRIES && items.iter().all(plain),
                value => plain(value),
            };
            if !fits {
                return refuse(
                    &format!("{place}.set_metadata"),
                    "a value must be a text, a number, a truth value or a list of those",
                );
            }
        }
        self.unset_metadata
            .iter()
            .try_for_each(|unset| known_field(&unset.field, &format!("{place}.unset_metadata"), has_field))
    }
}

fn check_instruction(instruction: &str, place: &str) -> Result<(), ExtensionError> {
    let characters = instruction.chars().count();
    if characters == 0 || characters > LONGEST_INSTRUCTION {
        return refuse(
            &format!("{place}.instruction"),
            format!("must have 1 to {LONGEST_INSTRUCTION} characters"),
        );
    }
    Ok(())
}

fn known_field(field: &str, place: &str, has_field: &dyn Fn(&str) -> bool) -> Result<(), ExtensionError> {
    if has_field(field) {
        Ok(())
    } else {
        let shown: String = field.chars().take(100).collect();
        refuse(place, format!("there is no custom metadata field `{shown}`"))
    }
}

fn is_web_url(text: &str) -> bool {
    text.len() <= 2048
        && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Value, String> {
        Extension::parse_list(&json!([value]), &|name| name == "colour")
            .map(|list| list[0].to_json())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        for value in [
            json!({"name": "remove-bg"}),
            json!({"name": "remove-bg", "options": {"add_shadow": true, "bg_color": "81d4fa"}}),
            json!({"name": "google-auto-tagging", "minConfidence": 80, "maxTags": 10}),
            json!({"name": "aws-auto-tagging", "minConfidence": 0, "maxTags": 30}),
            json!({"name": "ai-auto-description"}),
            json!({"name": "saved-extension", "id": "ext_abc123"}),
            json!({"name": "ai-tasks", "tasks": [
                {"type": "select_tags", "instruction": "Which?", "vocabulary": ["red", "blue"], "max_selections": 2},
                {"type": "select_metadata", "instruction": "Which?", "field": "colour", "vocabulary": ["red", 3, true]},
                {"type": "select_metadata", "instruction": "Which?", "field": "colour", "min_selections": 0},
                {"type": "yes_no", "instruction": "A person?", "on_yes": {"add_tags": ["person"],
                 "set_metadata": [{"field": "colour", "value": ["red"]}]}, "on_unknown": {"unset_metadata": [{"field": "colour"}]}},
            ]}),
        ] {
            assert_eq!(read(value.clone()), Ok(value));
        }
        let more = json!({"name": "ai-auto-description", "later": 1});
        assert_eq!(
            read(more),
            Ok(json!({"name": "ai-auto-description"})),
            "unknown keys have no effect"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let task = |task: Value| json!({"name": "ai-tasks", "tasks": [task]});
        for (value, expected) in [
            (json!("remove-bg"), "extensions[0]: must be an object"),
            (
                json!({"name": "ai-tasks", "tasks": []}),
                "extensions[0].tasks: must have 1 to 10 entries",
            ),
            (
                json!({"name": "remove-bg", "options": {"bg_color": "fff", "bg_image_url": "https://h/a.png"}}),
                "extensions[0].options: bg_color and bg_image_url exclude each other",
            ),
            (
                json!({"name": "google-auto-tagging", "minConfidence": 101, "maxTags": 1}),
                "extensions[0].minConfidence: must be an integer from 0 to 100",
            ),
            (
                json!({"name": "google-auto-tagging", "minConfidence": 1, "maxTags": 31}),
                "extensions[0].maxTags: must be an integer from 0 to 30",
            ),
            (
                task(json!({"type": "select_tags", "instruction": ""})),
                "extensions[0].tasks[0].instruction: must have 1 to 2000 characters",
            ),
            (
                task(json!({"type": "select_tags", "instruction": "a", "vocabulary": ["a%"]})),
                "extensions[0].tasks[0].vocabulary: may not have `%` in it",
            ),
            (
                task(json!({"type": "select_tags", "instruction": "a", "vocabulary": ["a\nb"]})),
                "extensions[0].tasks[0].vocabulary: may not have control characters in it",
            ),
            (
                task(json!({"type": "yes_no", "instruction": "a", "on_yes": {"add_tags": ["a\nb"]}})),
                "extensions[0].tasks[0].on_yes: tags may be neither empty nor long nor have `%` or control characters in them",
            ),
            (
                task(json!({"type": "select_tags", "instruction": "a", "vocabulary": [1]})),
                "extensions[0].tasks[0].vocabulary: must have texts only",
            ),
            (
                task(json!({"type": "select_tags", "instruction": "a", "vocabulary": ["x".repeat(501)]})),
                "extensions[0].tasks[0].vocabulary: may have 500 characters together",
            ),
            (
                task(json!({"type": "select_tags", "instruction": "a", "min_selections": 3, "max_selections": 2})),
                "extensions[0].tasks[0].min_selections: may not be more than max_selections",
            ),
            (
                task(json!({"type": "select_metadata", "instruction": "a", "field": "nope"})),
                "extensions[0].tasks[0].field: there is no custom metadata field `nope`",
            ),
            (
                task(json!({"type": "yes_no", "instruction": "a", "on_unknown": {}})),
                "extensions[0].tasks[0]: needs on_yes or on_no",
            ),
        ] {
            assert_eq!(read(value.clone()), Err(expected.to_owned()), "{value}");
        }
        for value in [
            json!({"name": "magic"}),
            json!({}),
            json!({"name": "google-auto-tagging"}),
            json!({"name": "google-auto-tagging", "minConfidence": "80", "maxTags": 1}),
            task(json!({"type": "select_magic", "instruction": "a"})),
            task(json!({"type": "select_metadata", "instruction": "a"})),
        ] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
        let saved = json!({"name": "saved-extension", "id": "ext_a"});
        assert!(Extension::parse_config(&saved, &|_| true).is_err());
        assert!(Extension::parse_list(&json!({}), &|_| true).is_err());
        assert!(Extension::parse_list(&json!(vec![json!({"name": "remove-bg"}); 21]), &|_| true).is_err());
    }
}
