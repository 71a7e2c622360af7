//! URL endpoints: under which prefix what is delivered.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Deleted, Id};
use super::files::is_gone;
use super::operation::{body, plain};
use super::page::{Cursor, Slice};
use super::{About, Inverse, Operation};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

const LIST: &[&str] = &["v1", "accounts", "url-endpoints"];

/// URLs of another service that are understood.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum UrlRewriter {
    Cloudinary {
        #[serde(skip_serializing_if = "Option::is_none")]
        preserve_asset_delivery_types: Option<bool>,
    },
    Imgix {},
    Akamai {},
}

/// A place under which files are delivered.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct UrlEndpoint {
    /// `default` for the built-in one.
    id: Id,
    #[schemars(extend("x-untrusted" = true))]
    description: String,
    /// Empty for the built-in one.
    url_prefix: String,
    /// Ids of origins, asked in this order after the library.
    origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url_rewriter: Option<UrlRewriter>,
}

/// All of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct UrlEndpoints {
    url_endpoints: Vec<UrlEndpoint>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(default)]
    next_cursor: Option<Cursor>,
}

fn one(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "accounts", "url-endpoints", id.as_str()])
}

fn target(id: &Id) -> Vec<Target> {
    vec![Target::Setting {
        list: LIST,
        id: id.clone(),
    }]
}

/// `GET /v1/accounts/url-endpoints`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListUrlEndpoints {
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most rows; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

impl ListUrlEndpoints {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

impl Operation for ListUrlEndpoints {
    const ABOUT: About = About::read(
        "list_url_endpoints",
        "List URL endpoints",
        "The places under which files are delivered, with the origins that each asks.",
    )
    .lists("urlEndpoints")
    .of_account()
    .examples(&["{}"]);
    type Output = UrlEndpoints;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(LIST))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("urlEndpoints", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("urlEndpoints", output, rows)
    }
}

/// `GET /v1/accounts/url-endpoints/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetUrlEndpoint {
    /// From list_url_endpoints (`id`).
    endpoint_id: Id,
}

impl Operation for GetUrlEndpoint {
    const ABOUT: About = About::read("get_url_endpoint", "Get a URL endpoint", "One URL endpoint, by its id.")
        .of_account()
        .examples(&[r#"{"endpointId":"default"}"#]);
    type Output = UrlEndpoint;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(one(&self.endpoint_id))
    }
}

/// What a URL endpoint consists of.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateUrlEndpoint {
    #[schemars(length(min = 1, max = 1000))]
    description: String,
    /// Letters, digits and hyphens.
    #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9-]+$"))]
    url_prefix: String,
    /// Ids from list_origins, asked in this order after the library.
    #[schemars(length(max = 10))]
    origins: Option<Vec<Id>>,
    url_rewriter: Option<UrlRewriter>,
}

fn sent(
    description: &str,
    url_prefix: Option<&String>,
    origins: Option<&Vec<Id>>,
    url_rewriter: Option<&UrlRewriter>,
) -> Value {
    body([
        ("description", Some(json!(description))),
        ("urlPrefix", url_prefix.map(plain)),
        ("origins", origins.map(plain)),
        ("urlRewriter", url_rewriter.map(plain)),
    ])
}

fn as_given(given: &Value, id: &Id) -> Vec<Probe> {
    let fields = ["description", "urlPrefix", "origins"];
    let wanted = fields
        .into_iter()
        .filter_map(|f| Some((f, Wanted::Is(given.get(f)?.clone()))));
    vec![Probe::fields(one(id), wanted.collect())]
}

impl Operation for CreateUrlEndpoint {
    const ABOUT: About = About::write(
        "create_url_endpoint",
        "Create a URL endpoint",
        "Opens another place under which files are delivered, with its own origins.",
    )
    .reversible()
    .of_account()
    .examples(&[r#"{"description":"Legacy images","urlPrefix":"old","origins":["org7f3b"]}"#]);
    type Output = UrlEndpoint;

    fn request(&self) -> Result<ApiRequest, CallError> {
        let (origins, rewriter) = (self.origins.as_ref(), self.url_rewriter.as_ref());
        Ok(ApiRequest::post(
            LIST,
            sent(&self.description, Some(&self.url_prefix), origins, rewriter),
        ))
    }

    fn read_back(&self, output: &UrlEndpoint, _: &Survey) -> Vec<Probe> {
        as_given(
            &sent(&self.description, Some(&self.url_prefix), self.origins.as_ref(), None),
            &output.id,
        )
    }

    fn inverse(&self, output: &UrlEndpoint, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("delete_url_endpoint", json!({ "endpointId": output.id }))
    }
}

/// `PUT /v1/accounts/url-endpoints/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateUrlEndpoint {
    /// From list_url_endpoints (`id`).
    endpoint_id: Id,
    #[schemars(length(min = 1, max = 1000))]
    description: String,
    /// Letters, digits and hyphens; none for the built-in endpoint.
    #[schemars(length(max = 100), extend("pattern" = "^[A-Za-z0-9-]*$"))]
    url_prefix: Option<String>,
    /// Ids from list_origins, asked in this order after the library.
    #[schemars(length(max = 10))]
    origins: Option<Vec<Id>>,
    url_rewriter: Option<UrlRewriter>,
}

impl Operation for UpdateUrlEndpoint {
    const ABOUT: About = About::write(
        "update_url_endpoint",
        "Replace a URL endpoint",
        "Replaces all of a URL endpoint: what is not given takes its default. URLs under an old prefix fail.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[
        r#"{"endpointId":"ep81c2","description":"Legacy images","urlPrefix":"old","origins":["org7f3b","org7f3c"]}"#,
    ]);
    type Output = UrlEndpoint;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.endpoint_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        let given = sent(
            &self.description,
            self.url_prefix.as_ref(),
            self.origins.as_ref(),
            self.url_rewriter.as_ref(),
        );
        Ok(ApiRequest::put(
            &["v1", "accounts", "url-endpoints", self.endpoint_id.as_str()],
            given,
        ))
    }

    fn read_back(&self, _: &UrlEndpoint, _: &Survey) -> Vec<Probe> {
        let given = sent(&self.description, self.url_prefix.as_ref(), self.origins.as_ref(), None);
        as_given(&given, &self.endpoint_id)
    }

    fn inverse(&self, _: &UrlEndpoint, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(before) = survey.setting() else {
            return Inverse::None("how it was before is not known");
        };
        let mut input = json!({ "endpointId": self.endpoint_id });
        for field in ["description", "urlPrefix", "origins", "urlRewriter"] {
            if let Some(value) = before.get(field) {
                input[field] = value.clone();
            }
        }
        Inverse::call("update_url_endpoint", input)
    }
}

/// `DELETE /v1/accounts/url-endpoints/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteUrlEndpoint {
    /// From list_url_endpoints (`id`); not `default`.
    endpoint_id: Id,
}

impl Operation for DeleteUrlEndpoint {
    const ABOUT: About = About::destructive(
        "delete_url_endpoint",
        "Delete a URL endpoint",
        "Closes a place under which files are delivered: every URL below it fails from then on. The built-in one can't be \
         deleted.",
    )
    .reversible()
    .idempotent()
    .of_account()
    .examples(&[r#"{"endpointId":"ep81c2"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.endpoint_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&[
            "v1",
            "accounts",
            "url-endpoints",
            self.endpoint_id.as_str(),
        ]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::absent(one(&self.endpoint_id))]
    }

    /// The same prefix and origins, under another id.
    fn inverse(&self, _: &Deleted, survey: &Survey, _: &[Value]) -> Inverse {
        let Some(before) = survey.setting() else {
            return Inverse::None("how it was before is not known");
        };
        let mut input = json!({});
        for field in ["description", "urlPrefix", "origins", "urlRewriter"] {
            if let Some(value) = before.get(field) {
                input[field] = value.clone();
            }
        }
        Inverse::call("create_url_endpoint", input)
    }
}
