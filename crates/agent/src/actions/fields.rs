//! Custom metadata fields: what values files can carry beside their own facts.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Choice, Deleted, FieldValue, Id};
use super::files::is_gone;
use super::operation::{body, plain};
use super::page::{Cursor, Slice};
use super::{About, Inverse, Lost, Operation, Reconcile};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

const LIST: &[&str] = &["v1", "customMetadataFields"];

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum FieldType {
    Text,
    Textarea,
    Number,
    Date,
    Boolean,
    SingleSelect,
    MultiSelect,
}

/// A bound: a number for Number fields, an ISO 8601 text for Date fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Bound {
    Number(serde_json::Number),
    Date(String),
}

/// Rules for the values of a field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSchema {
    #[serde(rename = "type")]
    kind: FieldType,
    /// What can be chosen: for SingleSelect and MultiSelect, where it is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    select_options: Option<Vec<Choice>>,
    /// Of the field's own type; required with isValueRequired.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_value_required: Option<bool>,
    /// For Number and Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_value: Option<Bound>,
    /// For Number and Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_value: Option<Bound>,
    /// For Text and Textarea.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    /// For Text and Textarea.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
}

/// New rules of a field, in place of those it has; the type stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangedSchema {
    /// What can be chosen: for SingleSelect and MultiSelect. Values that files have stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    select_options: Option<Vec<Choice>>,
    /// Of the field's own type; required with isValueRequired.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_value_required: Option<bool>,
    /// For Number and Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_value: Option<Bound>,
    /// For Number and Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_value: Option<Bound>,
    /// For Text and Textarea.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    /// For Text and Textarea.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
}

/// A field as the API shows it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Field {
    id: Id,
    /// The key inside of customMetadata.
    #[schemars(extend("x-untrusted" = true))]
    name: String,
    /// What people read.
    #[schemars(extend("x-untrusted" = true))]
    label: String,
    schema: FieldSchema,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-untrusted" = true))]
    description: Option<String>,
}

/// The rules of a field.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct FieldSchema {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["Text", "Textarea", "Number", "Date", "Boolean", "SingleSelect", "MultiSelect"]))]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    select_options: Option<Vec<Choice>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_value: Option<FieldValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_value_required: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_value: Option<Bound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_value: Option<Bound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_length: Option<u64>,
}

/// `GET /v1/customMetadataFields`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListCustomMetadataFields {
    /// Deleted ones too, whose names stay reserved. Default: false.
    include_deleted: Option<bool>,
    /// Only those that apply in this folder.
    #[schemars(length(min = 1, max = 2000))]
    folder_path: Option<String>,
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most fields; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

/// Fields.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Fields {
    fields: Vec<Field>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

impl ListCustomMetadataFields {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

impl Operation for ListCustomMetadataFields {
    const ABOUT: About = About::read(
        "list_custom_metadata_fields",
        "List custom metadata fields",
        "The fields that customMetadata of files can have: names, types, rules. Look here before you set customMetadata.",
    )
    .lists("fields")
    .of_account()
    .examples(&["{}", r#"{"includeDeleted":true}"#]);
    type Output = Fields;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(LIST)
            .query("includeDeleted", self.include_deleted.map(|b| b.to_string()))
            .query("folderPath", self.folder_path.clone()))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("fields", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("fields", output, rows)
    }
}

/// `POST /v1/customMetadataFields`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateCustomMetadataField {
    /// The key inside of customMetadata; can't be changed, and is reserved for ever.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What people read.
    #[schemars(length(min = 1, max = 200))]
    label: String,
    schema: NewSchema,
    #[schemars(length(max = 500))]
    description: Option<String>,
}

impl NewSchema {
    /// The rules that go with the type, as the API demands them.
    fn check(&self) -> Result<(), CallError> {
        use FieldType::{Date, MultiSelect, Number, SingleSelect, Text, Textarea};
        let refuse = |key: &str| Err(CallError::invalid(format!("schema/{key}: not allowed for this type")));
        let is_select = matches!(self.kind, SingleSelect | MultiSelect);
        if self.select_options.is_some() != is_select {
            return if is_select {
                Err(CallError::invalid(
                    "schema/selectOptions: required for SingleSelect and MultiSelect",
                ))
            } else {
                refuse("selectOptions")
            };
        }
        let has_bounds = self.min_value.is_some() || self.max_value.is_some();
        if has_bounds && !matches!(self.kind, Number | Date) {
            return refuse("minValue");
        }
        let has_lengths = self.min_length.is_some() || self.max_length.is_some();
        if has_lengths && !matches!(self.kind, Text | Textarea) {
            return refuse("minLength");
        }
        if self.is_value_required == Some(true) && self.default_value.is_none() {
            return Err(CallError::invalid("schema/defaultValue: required with isValueRequired"));
        }
        Ok(())
    }
}

impl Operation for CreateCustomMetadataField {
    const ABOUT: About = About::write(
        "create_custom_metadata_field",
        "Create a custom metadata field",
        "Defines a field that files can carry a value for. Its name and type can't be changed later, and a name is never \
         free again, even after the field is deleted: choose them with care.",
    )
    .reversible()
    .of_account()
    .examples(&[
        r#"{"name":"price","label":"Price","schema":{"type":"Number","minValue":10,"maxValue":3000}}"#,
        r#"{"name":"colour","label":"Colour","schema":{"type":"SingleSelect","selectOptions":["red","blue",3,true],"isValueRequired":true,"defaultValue":"red"}}"#,
    ]);
    type Output = Field;

    fn request(&self) -> Result<ApiRequest, CallError> {
        self.schema.check()?;
        let sent = body([
            ("name", Some(json!(self.name))),
            ("label", Some(json!(self.label))),
            ("schema", Some(plain(&self.schema))),
            ("description", self.description.as_ref().map(plain)),
        ]);
        Ok(ApiRequest::post(LIST, sent))
    }

    /// Names are unique for ever.
    fn reconcile(&self, _: &Survey) -> Option<Reconcile> {
        let wanted = vec![("label", Wanted::Is(json!(self.label)))];
        Some(Reconcile {
            probes: vec![Probe::row(ApiRequest::get(LIST), "name", self.name.as_str(), wanted)],
            answer: Lost::InRow(Value::clone),
        })
    }

    fn read_back(&self, output: &Field, _: &Survey) -> Vec<Probe> {
        let wanted = vec![
            ("name", Wanted::Is(json!(self.name))),
            ("label", Wanted::Is(json!(self.label))),
            ("schema", Wanted::Merged(vec![("type".into(), plain(self.schema.kind))])),
        ];
        vec![Probe::row(ApiRequest::get(LIST), "id", output.id.as_str(), wanted)]
    }

    fn inverse(&self, output: &Field, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("delete_custom_metadata_field", json!({ "fieldId": output.id }))
    }
}

/// `PATCH /v1/customMetadataFields/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateCustomMetadataField {
    /// From list_custom_metadata_fields (`id`).
    field_id: Id,
    #[schemars(length(min = 1, max = 200))]
    label: Option<String>,
    schema: Option<ChangedSchema>,
    /// An empty text clears it.
    #[schemars(length(max = 500))]
    description: Option<String>,
}

impl Operation for UpdateCustomMetadataField {
    const ABOUT: About = About::write(
        "update_custom_metadata_field",
        "Update a custom metadata field",
        "Changes label, description or rules of a field. New rules take the place of all rules it has. Values that files \
         have are not touched.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"fieldId":"65f0c0ffee0123456789cc01","label":"Price in EUR","schema":{"minValue":0}}"#]);
    type Output = Field;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::SettingRow {
            list: LIST,
            id: self.field_id.clone(),
        }])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        if self.label.is_none() && self.schema.is_none() && self.description.is_none() {
            return Err(CallError::invalid("give at least one of label, schema and description"));
        }
        let sent = body([
            ("label", self.label.as_ref().map(plain)),
            ("schema", self.schema.as_ref().map(plain)),
            ("description", self.description.as_ref().map(plain)),
        ]);
        Ok(ApiRequest::patch(
            &["v1", "customMetadataFields", self.field_id.as_str()],
            sent,
        ))
    }

    fn read_back(&self, output: &Field, _: &Survey) -> Vec<Probe> {
        let mut wanted = Vec::new();
        wanted.extend(self.label.as_ref().map(|label| ("label", Wanted::Is(json!(label)))));
        if let Some(Value::Object(rules)) = self.schema.as_ref().map(plain) {
            wanted.push(("schema", Wanted::Merged(rules.into_iter().collect())));
        }
        vec![Probe::row(ApiRequest::get(LIST), "id", output.id.as_str(), wanted)]
    }

    fn inverse(&self, _: &Field, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(before) = survey.setting() else {
            return Inverse::None("how the field was before is not known");
        };
        let mut input = json!({ "fieldId": self.field_id });
        if self.label.is_some() {
            input["label"] = before["label"].clone();
        }
        if self.schema.is_some() {
            let mut rules = before["schema"].clone();
            if let Some(rules) = rules.as_object_mut() {
                rules.remove("type");
            }
            input["schema"] = rules;
        }
        if self.description.is_some() {
            input["description"] = json!(before["description"].as_str().unwrap_or_default());
        }
        Inverse::call("update_custom_metadata_field", input)
    }
}

/// `DELETE /v1/customMetadataFields/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteCustomMetadataField {
    /// From list_custom_metadata_fields (`id`).
    field_id: Id,
}

impl Operation for DeleteCustomMetadataField {
    const ABOUT: About = About::destructive(
        "delete_custom_metadata_field",
        "Delete a custom metadata field",
        "Deletes a field, for good: its values are no longer shown on any file, and its name can't be used again.",
    )
    .idempotent()
    .of_account()
    .examples(&[r#"{"fieldId":"65f0c0ffee0123456789cc01"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::SettingRow {
            list: LIST,
            id: self.field_id.clone(),
        }])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&[
            "v1",
            "customMetadataFields",
            self.field_id.as_str(),
        ]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::no_row(ApiRequest::get(LIST), "id", self.field_id.as_str())]
    }

    fn inverse(&self, _: &Deleted, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("the name of a deleted field stays reserved")
    }
}
