//! Transformations under a name that URLs use.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Deleted, Id};
use super::files::is_gone;
use super::operation::{body, plain};
use super::page::{Cursor, Slice};
use super::{About, Inverse, Lost, Operation, Reconcile};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

const LIST: &[&str] = &["v1", "named-transformations"];

/// A transformation under a name: `tr:n-<name>` in URLs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct NamedTransformation {
    id: Id,
    name: String,
    /// Such as `w-150,h-150,fo-center`.
    transformation: String,
    /// URLs with one that is not enabled fail.
    enabled: bool,
    #[serde(default)]
    created_at: Option<String>,
}

/// All of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct NamedTransformations {
    named_transformations: Vec<NamedTransformation>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

fn one(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "named-transformations", id.as_str()])
}

fn target(id: &Id) -> Vec<Target> {
    vec![Target::Setting {
        list: LIST,
        id: id.clone(),
    }]
}

/// `GET /v1/named-transformations`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListNamedTransformations {
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most rows; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

impl ListNamedTransformations {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

impl Operation for ListNamedTransformations {
    const ABOUT: About = About::read(
        "list_named_transformations",
        "List named transformations",
        "Transformations that URLs can use by name, with what each does.",
    )
    .lists("namedTransformations")
    .of_account()
    .examples(&["{}"]);
    type Output = NamedTransformations;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(LIST))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("namedTransformations", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("namedTransformations", output, rows)
    }
}

/// `GET /v1/named-transformations/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetNamedTransformation {
    /// From list_named_transformations (`id`).
    transformation_id: Id,
}

impl Operation for GetNamedTransformation {
    const ABOUT: About = About::read(
        "get_named_transformation",
        "Get a named transformation",
        "One named transformation, by its id.",
    )
    .of_account()
    .examples(&[r#"{"transformationId":"6bZ9x2ZUx"}"#]);
    type Output = NamedTransformation;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(one(&self.transformation_id))
    }
}

/// `POST /v1/named-transformations`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateNamedTransformation {
    /// Letters, digits and `_`; unique.
    #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9_]+$"))]
    name: String,
    /// Such as `w-150,h-150,fo-center`.
    #[schemars(length(min = 1, max = 8000))]
    transformation: String,
    /// Default: true.
    enabled: Option<bool>,
}

impl Operation for CreateNamedTransformation {
    const ABOUT: About = About::write(
        "create_named_transformation",
        "Create a named transformation",
        "Gives a transformation a name that URLs can use as `tr:n-<name>`. At most 250 are kept.",
    )
    .reversible()
    .of_account()
    .examples(&[r#"{"name":"card","transformation":"w-150,h-150,fo-center"}"#]);
    type Output = NamedTransformation;

    fn request(&self) -> Result<ApiRequest, CallError> {
        let sent = body([
            ("name", Some(json!(self.name))),
            ("transformation", Some(json!(self.transformation))),
            ("enabled", self.enabled.map(plain)),
        ]);
        Ok(ApiRequest::post(LIST, sent))
    }

    /// Names are unique.
    fn reconcile(&self, _: &Survey) -> Option<Reconcile> {
        let wanted = vec![("transformation", Wanted::Is(json!(self.transformation)))];
        Some(Reconcile {
            probes: vec![Probe::row(ApiRequest::get(LIST), "name", self.name.as_str(), wanted)],
            answer: Lost::InRow(Value::clone),
        })
    }

    fn read_back(&self, output: &NamedTransformation, _: &Survey) -> Vec<Probe> {
        let wanted = vec![
            ("name", Wanted::Is(json!(self.name))),
            ("transformation", Wanted::Is(json!(self.transformation))),
            ("enabled", Wanted::Is(json!(self.enabled.unwrap_or(true)))),
        ];
        vec![Probe::fields(one(&output.id), wanted)]
    }

    fn inverse(&self, output: &NamedTransformation, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("delete_named_transformation", json!({ "transformationId": output.id }))
    }
}

/// `PATCH /v1/named-transformations/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateNamedTransformation {
    /// From list_named_transformations (`id`).
    transformation_id: Id,
    /// Letters, digits and `_`; unique. URLs with the old name fail.
    #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9_]+$"))]
    name: Option<String>,
    /// Such as `w-150,h-150,fo-center`.
    #[schemars(length(min = 1, max = 8000))]
    transformation: Option<String>,
    enabled: Option<bool>,
}

impl Operation for UpdateNamedTransformation {
    const ABOUT: About = About::write(
        "update_named_transformation",
        "Update a named transformation",
        "Changes name, transformation or state of a named transformation; every URL that uses it changes with it. What is \
         not sent stays.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"transformationId":"6bZ9x2ZUx","transformation":"w-200,h-200,fo-center"}"#]);
    type Output = NamedTransformation;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.transformation_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let sent = body([
            ("name", self.name.as_ref().map(plain)),
            ("transformation", self.transformation.as_ref().map(plain)),
            ("enabled", self.enabled.map(plain)),
        ]);
        if sent == json!({}) {
            return Err(CallError::invalid(
                "give at least one of name, transformation and enabled",
            ));
        }
        Ok(ApiRequest::patch(
            &["v1", "named-transformations", self.transformation_id.as_str()],
            sent,
        ))
    }

    fn read_back(&self, _: &NamedTransformation, _: &Survey) -> Vec<Probe> {
        let mut wanted = Vec::new();
        wanted.extend(self.name.as_ref().map(|n| ("name", Wanted::Is(json!(n)))));
        wanted.extend(
            self.transformation
                .as_ref()
                .map(|t| ("transformation", Wanted::Is(json!(t)))),
        );
        wanted.extend(self.enabled.map(|e| ("enabled", Wanted::Is(json!(e)))));
        vec![Probe::fields(one(&self.transformation_id), wanted)]
    }

    fn inverse(&self, _: &NamedTransformation, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(before) = survey.setting() else {
            return Inverse::None("how it was before is not known");
        };
        let mut input = json!({ "transformationId": self.transformation_id });
        let changed = [
            ("name", self.name.is_some()),
            ("transformation", self.transformation.is_some()),
            ("enabled", self.enabled.is_some()),
        ];
        for (field, _) in changed.into_iter().filter(|(_, changed)| *changed) {
            input[field] = before[field].clone();
        }
        Inverse::call("update_named_transformation", input)
    }
}

/// `DELETE /v1/named-transformations/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteNamedTransformation {
    /// From list_named_transformations (`id`).
    transformation_id: Id,
}

impl Operation for DeleteNamedTransformation {
    const ABOUT: About = About::destructive(
        "delete_named_transformation",
        "Delete a named transformation",
        "Forgets a named transformation: every URL that uses its name fails from then on. To end its use for a while, \
         disable it with update_named_transformation.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"transformationId":"6bZ9x2ZUx"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.transformation_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&[
            "v1",
            "named-transformations",
            self.transformation_id.as_str(),
        ]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::absent(one(&self.transformation_id))]
    }

    /// The same name and meaning, under another id.
    fn inverse(&self, _: &Deleted, survey: &Survey, _: &[Value]) -> Inverse {
        match survey.setting() {
            Some(before) => Inverse::call(
                "create_named_transformation",
                json!({
                    "name": before["name"],
                    "transformation": before["transformation"],
                    "enabled": before["enabled"],
                }),
            ),
            None => Inverse::None("how it was before is not known"),
        }
    }
}
