//! Names under which other catalogues offer the same actions, with what they spell differently: the 26 of Composio's
//! ImageKit toolkit, and `list_files`, which an earlier version had.

use serde_json::{Map, Value, json};

/// Whose name it is, which decides the envelope that a door puts around the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Ours, of an earlier version.
    Own,
    /// `{data, error, successful}`.
    Composio,
}

/// Another name for an action.
pub struct Alias {
    /// As callers write it.
    pub name: &'static str,
    /// What is done.
    pub action: &'static str,
    /// Whose name it is.
    pub dialect: Dialect,
    /// The alias' input as the action's.
    accept: fn(Map<String, Value>) -> Map<String, Value>,
    /// The action's input schema as the alias'.
    describe: fn(Value) -> Value,
    /// The action's output as the alias'.
    answer: fn(Value) -> Value,
}

impl std::fmt::Debug for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}", self.name, self.action)
    }
}

/// Every other name.
pub const ALIASES: &[Alias] = &[
    Alias {
        dialect: Dialect::Own,
        ..same("list_files", "list_assets")
    },
    same("IMAGEKIT_IO_BULK_JOB_STATUS", "bulk_job_status"),
    Alias {
        answer: |output| with(output, "help", Value::Null),
        ..same("IMAGEKIT_IO_BULK_MOVE_FILES", "bulk_move_files")
    },
    same("IMAGEKIT_IO_BULK_REMOVE_TAGS", "bulk_remove_tags"),
    same("IMAGEKIT_IO_COPY_FOLDER", "copy_folder"),
    Alias {
        accept: typed_rules,
        describe: textual_rules,
        ..same(
            "IMAGEKIT_IO_CREATE_CUSTOM_METADATA_FIELD",
            "create_custom_metadata_field",
        )
    },
    empty("IMAGEKIT_IO_CREATE_FOLDER", "create_folder"),
    empty(
        "IMAGEKIT_IO_DELETE_CUSTOM_METADATA_FIELD",
        "delete_custom_metadata_field",
    ),
    empty("IMAGEKIT_IO_DELETE_FILE", "delete_file"),
    empty("IMAGEKIT_IO_DELETE_FILE_VERSION", "delete_file_version"),
    empty("IMAGEKIT_IO_DELETE_FOLDER", "delete_folder"),
    Alias {
        answer: |output| with(with(output, "help", Value::Null), "missingFileIds", Value::Null),
        ..same("IMAGEKIT_IO_DELETE_MULTIPLE_FILES", "delete_multiple_files")
    },
    same(
        "IMAGEKIT_IO_GET_AUTHENTICATION_PARAMETERS",
        "get_authentication_parameters",
    ),
    inner("IMAGEKIT_IO_GET_FILE_DETAILS", "get_file_details"),
    inner("IMAGEKIT_IO_GET_FILE_METADATA", "get_uploaded_file_metadata"),
    inner("IMAGEKIT_IO_GET_FILE_VERSION_DETAILS", "get_file_version_details"),
    same("IMAGEKIT_IO_GET_USAGE", "get_usage"),
    Alias {
        accept: |input| whole(split_tags(input)),
        describe: |mut schema| {
            schema["properties"]["tags"] = json!({
                "type": ["string", "null"],
                "description": "Files that have any of these, separated by commas.",
            });
            schema
        },
        answer: |output| output["assets"].clone(),
        ..same("IMAGEKIT_IO_LIST_AND_SEARCH_ASSETS", "list_assets")
    },
    Alias {
        accept: whole,
        answer: |output| json!({ "fields": output["fields"] }),
        ..same("IMAGEKIT_IO_LIST_CUSTOM_METADATA_FIELDS", "list_custom_metadata_fields")
    },
    Alias {
        accept: whole,
        answer: |output| output["versions"].clone(),
        ..same("IMAGEKIT_IO_LIST_FILE_VERSIONS", "list_file_versions")
    },
    same("IMAGEKIT_IO_MOVE_FOLDER", "move_folder"),
    same("IMAGEKIT_IO_PURGE_CACHE", "purge_cache"),
    same("IMAGEKIT_IO_PURGE_STATUS", "get_purge_status"),
    same("IMAGEKIT_IO_RENAME_FILE", "rename_file"),
    inner("IMAGEKIT_IO_RESTORE_FILE_VERSION", "restore_file_version"),
    Alias {
        accept: typed_rules,
        describe: textual_rules,
        ..same(
            "IMAGEKIT_IO_UPDATE_CUSTOM_METADATA_FIELD",
            "update_custom_metadata_field",
        )
    },
    inner("IMAGEKIT_IO_UPDATE_FILE_DETAILS", "update_file_details"),
];

const fn same(name: &'static str, action: &'static str) -> Alias {
    Alias {
        name,
        action,
        dialect: Dialect::Composio,
        accept: |input| input,
        describe: |schema| schema,
        answer: |output| output,
    }
}

/// The output is an empty object there.
const fn empty(name: &'static str, action: &'static str) -> Alias {
    Alias {
        answer: |_| json!({}),
        ..same(name, action)
    }
}

/// The output is the only field of ours.
const fn inner(name: &'static str, action: &'static str) -> Alias {
    Alias {
        answer: |output| match output {
            Value::Object(fields) if fields.len() == 1 => fields.into_iter().next().map_or(Value::Null, |(_, v)| v),
            other => other,
        },
        ..same(name, action)
    }
}

impl Alias {
    /// The alias' input as the action's. What is null is what is not given, as the toolkit has it, except where null
    /// clears.
    pub(crate) fn accept(&self, input: Value) -> Value {
        match input {
            Value::Object(fields) => Value::Object((self.accept)(fields)),
            other => other,
        }
    }

    /// The alias' input schema.
    pub fn input_schema(&self, of_action: Value) -> Value {
        (self.describe)(of_action)
    }

    /// The action's output as the alias'.
    pub fn answer(&self, output: Value) -> Value {
        (self.answer)(output)
    }
}

/// The toolkit promises as many rows as the API gives.
fn whole(mut input: Map<String, Value>) -> Map<String, Value> {
    input.entry("limit").or_insert(json!(1000));
    input
}

fn with(mut output: Value, field: &str, value: Value) -> Value {
    if let Some(fields) = output.as_object_mut() {
        fields.entry(field).or_insert(value);
    }
    output
}

fn split_tags(mut input: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(tags)) = input.get("tags") {
        let tags: Vec<&str> = tags.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
        input.insert("tags".to_owned(), json!(tags));
    }
    input
}

/// The toolkit has bounds and defaults as texts, whatever the field's type.
fn typed_rules(mut input: Map<String, Value>) -> Map<String, Value> {
    let Some(schema) = input.get_mut("schema").and_then(Value::as_object_mut) else {
        return input;
    };
    let kind = schema.get("type").and_then(Value::as_str).map(str::to_owned);
    for rule in ["minValue", "maxValue", "defaultValue"] {
        let Some(Value::String(text)) = schema.get(rule) else {
            continue;
        };
        let number = || {
            serde_json::from_str::<serde_json::Number>(text.trim())
                .ok()
                .map(Value::Number)
        };
        let typed = match (kind.as_deref(), rule) {
            // An update does not say the type: a bound that reads as a number is one.
            (Some("Number"), _) | (None, "minValue" | "maxValue") => number(),
            (Some("Boolean"), "defaultValue") => text.trim().parse::<bool>().ok().map(Value::Bool),
            (Some("MultiSelect"), "defaultValue") => Some(match serde_json::from_str(text) {
                Ok(Value::Array(items)) => Value::Array(items),
                _ => text.split(',').map(|item| json!(item.trim())).collect(),
            }),
            _ => None,
        };
        if let Some(typed) = typed {
            schema.insert(rule.to_owned(), typed);
        }
    }
    input
}

fn textual_rules(mut schema: Value) -> Value {
    // The schema of the rules is one of a choice with null where they are optional.
    for place in ["/properties/schema", "/properties/schema/anyOf/0"] {
        let Some(rules) = schema.pointer_mut(place).and_then(|s| s.get_mut("properties")) else {
            continue;
        };
        for rule in ["minValue", "maxValue", "defaultValue"] {
            if rules.get(rule).is_some() {
                rules[rule] = json!({
                    "description": "Of the field's type, or a text that reads as one.",
                    "type": ["string", "number", "boolean", "array", "null"],
                });
            }
        }
    }
    schema
}
