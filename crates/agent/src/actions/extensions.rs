//! Work on files by recognition services, and configurations of it that are kept.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Choice, Deleted, FieldValue, Id};
use super::files::is_gone;
use super::operation::{body, plain};
use super::page::{Cursor, Slice};
use super::{About, Inverse, Operation};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

const LIST: &[&str] = &["v1", "saved-extensions"];

/// Work to do on a file, told apart by name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::enum_variant_names, reason = "called as the API calls them")]
pub(crate) enum Extension {
    /// Removes the background; the result becomes a new version.
    RemoveBg {
        #[serde(skip_serializing_if = "Option::is_none")]
        options: Option<RemoveBgOptions>,
    },
    /// Tags by Google's recognition.
    GoogleAutoTagging(AutoTagging),
    /// Tags by AWS' recognition.
    AwsAutoTagging(AutoTagging),
    /// Writes a description.
    AiAutoDescription {},
    /// Answers questions about the picture with tags and metadata.
    AiTasks {
        #[schemars(length(min = 1, max = 10))]
        tasks: Vec<Task>,
    },
    /// A configuration that is kept: see list_saved_extensions.
    SavedExtension {
        /// Its id.
        id: Id,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveBgOptions {
    /// For cars.
    #[serde(skip_serializing_if = "Option::is_none")]
    add_shadow: Option<bool>,
    /// For windows of cars.
    #[serde(skip_serializing_if = "Option::is_none")]
    semitransparency: Option<bool>,
    /// Hex, such as `81d4fa`, or a name. Not with bg_image_url.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    bg_color: Option<String>,
    /// Not with bg_color.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    bg_image_url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AutoTagging {
    /// Tags that are less sure are left out.
    #[schemars(range(min = 0, max = 100))]
    min_confidence: u32,
    #[schemars(range(min = 0, max = 30))]
    max_tags: u32,
}

/// One question about a picture.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Task {
    /// Chooses tags.
    SelectTags {
        #[schemars(length(min = 1, max = 2000))]
        instruction: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 30))]
        vocabulary: Option<Vec<String>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_selections: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        max_selections: Option<u32>,
    },
    /// Chooses a value of a custom metadata field.
    SelectMetadata {
        #[schemars(length(min = 1, max = 2000))]
        instruction: String,
        /// The field's name.
        #[schemars(length(min = 1, max = 200))]
        field: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 30))]
        vocabulary: Option<Vec<Choice>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_selections: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        max_selections: Option<u32>,
    },
    /// A question whose answer decides what is done.
    YesNo {
        #[schemars(length(min = 1, max = 2000))]
        instruction: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        on_yes: Option<Box<Reaction>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        on_no: Option<Box<Reaction>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        on_unknown: Option<Box<Reaction>>,
    },
}

/// What an answer does to the file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reaction {
    #[serde(skip_serializing_if = "Option::is_none")]
    add_tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remove_tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_metadata: Option<Vec<SetField>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unset_metadata: Option<Vec<UnsetField>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetField {
    field: String,
    value: FieldValue,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnsetField {
    field: String,
}

/// A configuration that is kept.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct SavedExtension {
    id: Id,
    #[schemars(extend("x-untrusted" = true))]
    name: String,
    #[schemars(extend("x-untrusted" = true))]
    description: String,
    config: Extension,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
}

/// All that are kept.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct SavedExtensions {
    saved_extensions: Vec<SavedExtension>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

fn one(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "saved-extensions", id.as_str()])
}

fn target(id: &Id) -> Vec<Target> {
    vec![Target::Setting {
        list: LIST,
        id: id.clone(),
    }]
}

fn no_saved_in_saved(config: &Extension) -> Result<(), CallError> {
    match config {
        Extension::SavedExtension { .. } => {
            Err(CallError::invalid("config: a saved extension can't be kept in another"))
        }
        _ => Ok(()),
    }
}

/// `GET /v1/saved-extensions`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSavedExtensions {
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most rows; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

impl ListSavedExtensions {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

impl Operation for ListSavedExtensions {
    const ABOUT: About = About::read(
        "list_saved_extensions",
        "List saved extensions",
        "Configurations of extensions that are kept under an id, to be named in uploads and updates.",
    )
    .lists("savedExtensions")
    .of_account()
    .examples(&["{}"]);
    type Output = SavedExtensions;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(LIST))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("savedExtensions", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("savedExtensions", output, rows)
    }
}

/// `GET /v1/saved-extensions/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetSavedExtension {
    /// From list_saved_extensions (`id`).
    extension_id: Id,
}

impl Operation for GetSavedExtension {
    const ABOUT: About = About::read(
        "get_saved_extension",
        "Get a saved extension",
        "One configuration that is kept, by its id.",
    )
    .of_account()
    .examples(&[r#"{"extensionId":"ext_abc123"}"#]);
    type Output = SavedExtension;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(one(&self.extension_id))
    }
}

/// `POST /v1/saved-extensions`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSavedExtension {
    #[schemars(length(min = 1, max = 200))]
    name: String,
    #[schemars(length(min = 1, max = 2000))]
    description: String,
    config: Extension,
}

impl Operation for CreateSavedExtension {
    const ABOUT: About = About::write(
        "create_saved_extension",
        "Save an extension",
        "Keeps a configuration of an extension, so that uploads and updates can name it. At most 100 are kept.",
    )
    .reversible()
    .of_account()
    .examples(&[
        r#"{"name":"Colour tagging","description":"Tags clothes by colour","config":{"name":"ai-tasks","tasks":[{"type":"select_tags","instruction":"Which colours dominate?","vocabulary":["red","blue"],"max_selections":2}]}}"#,
        r#"{"name":"Cut out","description":"White background","config":{"name":"remove-bg","options":{"bg_color":"fff"}}}"#,
    ]);
    type Output = SavedExtension;

    fn request(&self) -> Result<ApiRequest, CallError> {
        no_saved_in_saved(&self.config)?;
        let sent = json!({ "name": self.name, "description": self.description, "config": self.config });
        Ok(ApiRequest::post(LIST, sent))
    }

    fn read_back(&self, output: &SavedExtension, _: &Survey) -> Vec<Probe> {
        let wanted = vec![
            ("name", Wanted::Is(json!(self.name))),
            ("description", Wanted::Is(json!(self.description))),
        ];
        vec![Probe::fields(one(&output.id), wanted)]
    }

    fn inverse(&self, output: &SavedExtension, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("delete_saved_extension", json!({ "extensionId": output.id }))
    }
}

/// `PATCH /v1/saved-extensions/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateSavedExtension {
    /// From list_saved_extensions (`id`).
    extension_id: Id,
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    #[schemars(length(min = 1, max = 2000))]
    description: Option<String>,
    config: Option<Extension>,
}

impl Operation for UpdateSavedExtension {
    const ABOUT: About = About::write(
        "update_saved_extension",
        "Update a saved extension",
        "Changes name, description or configuration of an extension that is kept; what is not sent stays.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"extensionId":"ext_abc123","description":"Tags clothes by their main colour"}"#]);
    type Output = SavedExtension;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.extension_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        self.config.as_ref().map_or(Ok(()), no_saved_in_saved)?;
        let sent = body([
            ("name", self.name.as_ref().map(plain)),
            ("description", self.description.as_ref().map(plain)),
            ("config", self.config.as_ref().map(plain)),
        ]);
        if sent == json!({}) {
            return Err(CallError::invalid("give at least one of name, description and config"));
        }
        Ok(ApiRequest::patch(
            &["v1", "saved-extensions", self.extension_id.as_str()],
            sent,
        ))
    }

    fn read_back(&self, _: &SavedExtension, _: &Survey) -> Vec<Probe> {
        let mut wanted = vec![("id", Wanted::Is(json!(self.extension_id)))];
        wanted.extend(self.name.as_ref().map(|n| ("name", Wanted::Is(json!(n)))));
        wanted.extend(self.description.as_ref().map(|d| ("description", Wanted::Is(json!(d)))));
        vec![Probe::fields(one(&self.extension_id), wanted)]
    }

    fn inverse(&self, _: &SavedExtension, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(before) = survey.setting() else {
            return Inverse::None("how it was before is not known");
        };
        let mut input = json!({ "extensionId": self.extension_id });
        let changed = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("config", self.config.is_some()),
        ];
        for (field, _) in changed.into_iter().filter(|(_, changed)| *changed) {
            input[field] = before[field].clone();
        }
        Inverse::call("update_saved_extension", input)
    }
}

/// `DELETE /v1/saved-extensions/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteSavedExtension {
    /// From list_saved_extensions (`id`).
    extension_id: Id,
}

impl Operation for DeleteSavedExtension {
    const ABOUT: About = About::destructive(
        "delete_saved_extension",
        "Delete a saved extension",
        "Forgets a configuration that is kept. Files that it worked on are not touched; uploads that name it fail.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"extensionId":"ext_abc123"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.extension_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&[
            "v1",
            "saved-extensions",
            self.extension_id.as_str(),
        ]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::absent(one(&self.extension_id))]
    }

    /// The same configuration, under another id.
    fn inverse(&self, _: &Deleted, survey: &Survey, _: &[Value]) -> Inverse {
        match survey.setting() {
            Some(before) => Inverse::call(
                "create_saved_extension",
                json!({ "name": before["name"], "description": before["description"], "config": before["config"] }),
            ),
            None => Inverse::None("how it was before is not known"),
        }
    }
}
