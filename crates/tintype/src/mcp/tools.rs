//! The tools: one for each action of the catalogue, made from its declaration, and what agents need beside them.

use agent::{ACTIONS, Action, Principal};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::toolsets::{Shown, of_action};
use super::{local_file, object};
use crate::agents::eyes::{LONGEST_SIDE, LONGEST_SIGNATURE_S, MOST_TILES, USUAL_SIDE};
use crate::api::agents::actions::may_call;

/// A tool that is not an action.
pub struct Extra {
    /// How it is called.
    pub name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Shown with these; `None` for those of the dynamic mode.
    set: Option<&'static str>,
    /// Changes nothing by itself.
    reads: bool,
    input: fn() -> Value,
}

const TRANSFORMATION: &str = "A transformation such as w-300,h-200:rt-90, without tr=.";

/// All of them.
pub const EXTRAS: &[Extra] = &[
    Extra {
        name: "dry_run_action",
        title: "Try an action without doing it",
        description: "Does everything of an action but the change, and tells what it would touch: files, folders, versions, \
            bytes, URLs, whether it can be taken back, and what the policy says. Use it before every destructive action.",
        set: Some("calls"),
        reads: true,
        input: || json!({ "action": name_of_action(), "input": input_of_action() }),
    },
    Extra {
        name: "undo_call",
        title: "Take a call back",
        description: "Takes back a call of yours, once, by its executionId. The answer of the call told whether that can be done.",
        set: Some("calls"),
        reads: false,
        input: || json!({ "executionId": { "type": "string", "minLength": 1, "maxLength": 100, "description": "meta.executionId of the call." } }),
    },
    Extra {
        name: "apply_changes",
        title: "Make several writes as one",
        description: "Makes up to 50 writes as one: looked at together, agreed to once, made in order, put back if one fails.",
        set: Some("calls"),
        reads: false,
        input: || {
            json!({
                "calls": { "type": "array", "minItems": 1, "maxItems": 50, "items": { "type": "object", "additionalProperties": false,
                    "properties": { "action": name_of_action(), "input": input_of_action() }, "required": ["action", "input"] } },
                "intent?": intent(),
                "dryRun?": { "type": "boolean", "description": "Only look." },
            })
        },
    },
    Extra {
        name: "get_approval",
        title: "See how an approval stands",
        description: "Tells how an approval that a call of yours waits for stands, and the call's answer once a person approved it. \
            Use it instead of repeating the call.",
        set: Some("calls"),
        reads: true,
        input: || json!({ "id": { "type": "string", "pattern": "^apr_[0-9a-f]{16}$", "description": "The approval's id." } }),
    },
    Extra {
        name: "build_transformation_url",
        title: "Build a transformation URL",
        description: "Makes the URL that delivers a file under a transformation, and says what of the text is understood and what \
            is ignored. Signed only if asked: a signed URL works for whoever has it.",
        set: Some("seeing"),
        reads: true,
        input: || {
            json!({
                "fileId": file_id(),
                "transformation": text(),
                "signSeconds?": { "type": "integer", "minimum": 1, "maximum": LONGEST_SIGNATURE_S, "description": "Sign it, for so many seconds." },
            })
        },
    },
    Extra {
        name: "explain_transformation",
        title: "Explain a transformation",
        description: "Says what a transformation, or a whole delivery URL, does step by step, what of it is ignored, and which other \
            files it needs; for a file, also the size and format that would come out, and the work and memory that would take. \
            Makes no picture.",
        set: Some("seeing"),
        reads: true,
        input: || {
            json!({
                "transformation?": text(),
                "url?": { "type": "string", "minLength": 1, "maxLength": 16384, "description": "A delivery URL of this server." },
                "fileId?": { "type": "string", "minLength": 1, "maxLength": 100, "description": "Estimate it for this file, as a server with default settings makes it." },
            })
        },
    },
    Extra {
        name: "preview_asset",
        title: "Look at a file",
        description: "Shows a file, or what a transformation makes of it, as a picture of a bounded size.",
        set: Some("seeing"),
        reads: true,
        input: || json!({ "fileId": file_id(), "transformation?": text(), "size?": side() }),
    },
    Extra {
        name: "contact_sheet",
        title: "Look at what a search finds",
        description: "Shows the pictures that a search or a folder holds as one picture, with a legend of fileIds by row and column. \
            Use it to choose among many; skip goes on behind the first ones.",
        set: Some("seeing"),
        reads: true,
        input: || {
            json!({
                "searchQuery?": { "type": "string", "minLength": 1, "maxLength": 8000, "description": "As of list_assets." },
                "path?": { "type": "string", "minLength": 1, "maxLength": 2000, "description": "Only what lies directly in this folder." },
                "limit?": { "type": "integer", "minimum": 1, "maximum": MOST_TILES, "description": "Most pictures; default all that fit." },
                "skip?": { "type": "integer", "minimum": 0, "maximum": 1_000_000_000 },
            })
        },
    },
    Extra {
        name: "compare_before_after",
        title: "See what a transformation changes",
        description: "Shows a file before and after a transformation, and what differs between them in red, as pictures of a \
            bounded size; with the share of pixels that differ, by how much, and where. Where the proportions change there is no \
            third picture.",
        set: Some("seeing"),
        reads: true,
        input: || json!({ "fileId": file_id(), "transformation": text(), "size?": side() }),
    },
    Extra {
        name: "search_actions",
        title: "Find actions",
        description: "Finds actions and tools by what you want to do; each with its effect and whether your token covers it.",
        set: None,
        reads: true,
        input: || json!({ "query": { "type": "string", "maxLength": 200, "description": "Words; empty for all." } }),
    },
    Extra {
        name: "describe_action",
        title: "Describe an action",
        description: "Tells what an action takes and gives. Read it before the first call of an action.",
        set: None,
        reads: true,
        input: || json!({ "action": name_of_action() }),
    },
    Extra {
        name: "call_action",
        title: "Call an action",
        description: "Calls an action or a tool that search_actions found. With dryRun it does everything but the change. What \
            destroys waits for a person's decision.",
        set: None,
        reads: false,
        input: || {
            json!({
                "action": name_of_action(),
                "input": input_of_action(),
                "dryRun?": { "type": "boolean", "description": "Only look." },
                "fields?": { "type": "array", "maxItems": 50, "items": { "type": "string", "maxLength": 100 }, "description": "Only these fields of each object in the output." },
                "idempotencyKey?": { "type": "string", "minLength": 1, "maxLength": 255, "description": "Make the call once, however often it is asked for in a day." },
                "intent?": intent(),
                "connection?": { "type": "string", "minLength": 1, "maxLength": 50 },
            })
        },
    },
];

fn name_of_action() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 100, "description": "Name of the action." })
}

fn input_of_action() -> Value {
    json!({ "type": "object", "description": "The action's own input, as its schema says." })
}

fn intent() -> Value {
    json!({ "type": "string", "maxLength": 200, "description": "Why, for the records and for who approves." })
}

fn file_id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 100, "description": "The file's id; list_assets finds it." })
}

fn text() -> Value {
    json!({ "type": "string", "maxLength": 8192, "description": TRANSFORMATION })
}

fn side() -> Value {
    json!({ "type": "integer", "minimum": 16, "maximum": LONGEST_SIDE, "description": format!("Longest side in pixels; default {USUAL_SIDE}.") })
}

impl Extra {
    /// A name with `?` behind it is that of a field that may be left out.
    pub fn schema(&self) -> Value {
        let fields = (self.input)();
        let fields = fields.as_object().into_iter().flatten();
        let (mut properties, mut required) = (serde_json::Map::new(), Vec::new());
        for (name, schema) in fields {
            let plain = name.trim_end_matches('?');
            if plain == name {
                required.push(json!(plain));
            }
            properties.insert(plain.to_owned(), schema.clone());
        }
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    fn tool(&self) -> Tool {
        let annotations = ToolAnnotations::from_raw(
            Some(self.title.to_owned()),
            Some(self.reads),
            // It calls whatever it is told.
            Some(self.name == "call_action"),
            Some(self.reads),
            Some(false),
        );
        Tool::new(self.name, self.description, object(&self.schema()))
            .with_title(self.title)
            .annotate(annotations)
    }

    /// For searches.
    pub fn described(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "effect": if self.reads { "read" } else { "write" },
            "inputSchema": self.schema(),
        })
    }
}

/// The tool of that name that is no action.
pub fn extra(name: &str) -> Option<&'static Extra> {
    EXTRAS.iter().find(|extra| extra.name == name)
}

/// True if it is a tool of the ordinary mode.
pub fn is_known(name: &str) -> bool {
    ACTIONS.iter().any(|action| action.name() == name) || extra(name).is_some_and(|extra| extra.set.is_some())
}

/// True if it is one of the three.
pub fn is_dynamic(name: &str) -> bool {
    extra(name).is_some_and(|extra| extra.set.is_none())
}

/// What a caller is shown: what its token covers, of the sets that are wanted. Always in the same order.
pub fn list(principal: &Principal, shown: &Shown, has_local_files: bool) -> Vec<Tool> {
    if shown.is_dynamic() {
        return EXTRAS
            .iter()
            .filter(|extra| extra.set.is_none())
            .map(Extra::tool)
            .collect();
    }
    let actions = ACTIONS
        .iter()
        .filter(|action| shown.has(of_action(action.name())) && may_call(principal, action));
    let extras = EXTRAS.iter().filter(|extra| {
        let covered = extra.reads
            || principal
                .grant
                .as_ref()
                .is_none_or(|grant| grant.effects.iter().any(|e| e.changes()));
        covered && extra.set.is_some_and(|set| shown.has(set))
    });
    let uploads = agent::find("upload_file").is_ok_and(|found| may_call(principal, found.action));
    let local = (has_local_files && uploads && shown.has("files")).then(local_file::tool);
    actions.map(tool).chain(extras.map(Extra::tool)).chain(local).collect()
}

/// An action as a tool.
fn tool(action: &Action) -> Tool {
    let about = &action.about;
    let annotations = ToolAnnotations::from_raw(
        Some(about.title.to_owned()),
        Some(!about.effect.changes()),
        Some(about.effect == agent::Effect::Destructive),
        Some(about.idempotent),
        Some(about.open_world),
    );
    Tool::new(about.name, about.description, object(&action.input_schema_for_models()))
        .with_title(about.title)
        .with_raw_output_schema(object(action.output_schema()))
        .annotate(annotations)
}

#[cfg(test)]
mod tests {
    use agent::Grant;

    use super::*;

    fn names(grant: Option<Grant>, shown: &Shown) -> Vec<String> {
        let principal = Principal {
            id: "agent:x".into(),
            kind: agent::Kind::Agent,
            grant,
        };
        list(&principal, shown, false)
            .iter()
            .map(|tool| tool.name.to_string())
            .collect()
    }

    #[test]
    fn a_token_that_reads_sees_what_reads() {
        let all = names(None, &Shown::default());
        assert_eq!(all.len(), ACTIONS.len() + EXTRAS.len() - 3);
        let reads = names(Some(Grant::default()), &Shown::default());
        assert!(reads.contains(&"preview_asset".to_owned()) && reads.contains(&"list_assets".to_owned()));
        for hidden in [
            "delete_file",
            "rename_file",
            "undo_call",
            "apply_changes",
            "get_authentication_parameters",
        ] {
            assert!(!reads.contains(&hidden.to_owned()), "{hidden}");
        }
        assert_eq!(names(None, &Shown::sets("seeing").unwrap()).len(), 5);
        assert_eq!(
            names(None, &Shown::dynamic()),
            ["search_actions", "describe_action", "call_action"]
        );
    }

    #[test]
    fn annotations_are_what_is_declared() {
        for action in ACTIONS {
            let declared = action.annotations();
            let tool = serde_json::to_value(tool(action)).unwrap();
            assert_eq!(tool["annotations"], declared, "{}", action.name());
            assert_eq!(
                (&tool["inputSchema"]["type"], &tool["outputSchema"]["type"]),
                (&json!("object"), &json!("object"))
            );
        }
    }

    #[test]
    fn fields_that_may_be_left_out() {
        let schema = extra("preview_asset").unwrap().schema();
        assert_eq!(schema["required"], json!(["fileId"]));
        assert!(schema["properties"]["size"]["maximum"].is_u64());
    }
}
