//! Origins: storages of others, from which URL endpoints deliver.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::{Deleted, Id};
use super::files::is_gone;
use super::operation::plain;
use super::page::{Cursor, Slice};
use super::{About, Inverse, Operation};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

const LIST: &[&str] = &["v1", "accounts", "origins"];

/// An origin with its credentials, told apart by type.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum NewOrigin {
    /// A bucket of Amazon S3. Empty keys with useIAMRole.
    S3 {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 100))]
        bucket: String,
        #[schemars(length(max = 100))]
        access_key: String,
        #[schemars(length(max = 100))]
        secret_key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 100))]
        prefix: Option<String>,
        #[serde(rename = "useIAMRole", skip_serializing_if = "Option::is_none")]
        use_iam_role: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// A bucket of a storage that speaks S3.
    S3Compatible {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 100))]
        bucket: String,
        #[schemars(length(min = 1, max = 100))]
        access_key: String,
        #[schemars(length(min = 1, max = 100))]
        secret_key: String,
        #[schemars(length(min = 1, max = 2000))]
        endpoint: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 100))]
        prefix: Option<String>,
        #[serde(rename = "s3ForcePathStyle", skip_serializing_if = "Option::is_none")]
        force_path_style: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// The bucket of a Cloudinary backup.
    CloudinaryBackup {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 100))]
        bucket: String,
        #[schemars(length(max = 100))]
        access_key: String,
        #[schemars(length(max = 100))]
        secret_key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 100))]
        prefix: Option<String>,
        #[serde(rename = "useIAMRole", skip_serializing_if = "Option::is_none")]
        use_iam_role: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// A folder of a web server.
    WebFolder {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 2000))]
        base_url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        forward_host_header_to_origin: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// Any web server: the URL stands in the path.
    WebProxy {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 100))]
        bucket: String,
        #[schemars(length(min = 1, max = 200))]
        client_email: String,
        #[schemars(length(min = 1, max = 20_000))]
        private_key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 100))]
        prefix: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// A container of Azure Blob Storage.
    AzureBlob {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 100))]
        container: String,
        #[schemars(length(min = 1, max = 100))]
        account_name: String,
        #[schemars(length(min = 1, max = 20_000))]
        sas_token: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 100))]
        prefix: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
    /// Akeneo's product information.
    AkeneoPim {
        #[schemars(length(min = 1, max = 100), extend("pattern" = "^[A-Za-z0-9 ]+$"))]
        name: String,
        #[schemars(length(min = 1, max = 2000))]
        base_url: String,
        #[schemars(length(min = 1, max = 100))]
        client_id: String,
        #[schemars(length(min = 1, max = 100))]
        client_secret: String,
        #[schemars(length(min = 1, max = 100))]
        username: String,
        #[schemars(length(min = 1, max = 100))]
        password: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_canonical_header: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2000))]
        base_url_for_canonical_header: Option<String>,
    },
}

/// An origin as the API shows it: without credentials. Which fields there are depends on the type.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Origin {
    id: Id,
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["S3", "S3_COMPATIBLE", "CLOUDINARY_BACKUP", "WEB_FOLDER", "WEB_PROXY", "GCS", "AZURE_BLOB", "AKENEO_PIM"]))]
    kind: String,
    #[schemars(extend("x-untrusted" = true))]
    name: String,
    #[serde(default)]
    include_canonical_header: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_url_for_canonical_header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(rename = "useIAMRole", default, skip_serializing_if = "Option::is_none")]
    use_iam_role: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(rename = "s3ForcePathStyle", default, skip_serializing_if = "Option::is_none")]
    force_path_style: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forward_host_header_to_origin: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_name: Option<String>,
}

/// All of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Origins {
    origins: Vec<Origin>,
    /// Pass it as cursor for the next page; null on the last one.
    #[serde(rename = "nextCursor", default)]
    next_cursor: Option<Cursor>,
}

fn one(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "accounts", "origins", id.as_str()])
}

fn target(id: &Id) -> Vec<Target> {
    vec![Target::Setting {
        list: LIST,
        id: id.clone(),
    }]
}

fn as_given(origin: &NewOrigin, id: &Id) -> Vec<Probe> {
    let given = plain(origin);
    let wanted = ["type", "name"].map(|field| (field, Wanted::Is(given[field].clone())));
    vec![Probe::fields(one(id), wanted.into())]
}

/// `GET /v1/accounts/origins`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListOrigins {
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
    /// Most rows; default 100.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

impl ListOrigins {
    fn page(&self) -> Slice {
        Slice::of(self.cursor.as_ref(), self.limit)
    }
}

impl Operation for ListOrigins {
    const ABOUT: About = About::read(
        "list_origins",
        "List origins",
        "The storages of others that URL endpoints can deliver from, without their credentials.",
    )
    .lists("origins")
    .of_account()
    .examples(&["{}"]);
    type Output = Origins;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::get(LIST))
    }

    fn shape(&self, answer: Value) -> Value {
        self.page().cut("origins", answer)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        self.page().shorter("origins", output, rows)
    }
}

/// `GET /v1/accounts/origins/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetOrigin {
    /// From list_origins (`id`).
    origin_id: Id,
}

impl Operation for GetOrigin {
    const ABOUT: About = About::read(
        "get_origin",
        "Get an origin",
        "One origin, by its id, without its credentials.",
    )
    .of_account()
    .examples(&[r#"{"originId":"org7f3a"}"#]);
    type Output = Origin;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(one(&self.origin_id))
    }
}

/// `POST /v1/accounts/origins`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateOrigin {
    origin: NewOrigin,
}

impl Operation for CreateOrigin {
    const ABOUT: About = About::write(
        "create_origin",
        "Create an origin",
        "Attaches a storage of others, to be named by URL endpoints. Its credentials go to the server and are never shown \
         again; do not ask a person to paste them into a conversation.",
    )
    .reversible()
    .of_account()
    .open_world()
    .examples(&[
        r#"{"origin":{"type":"WEB_FOLDER","name":"Old site","baseUrl":"https://old.example.org/img"}}"#,
        r#"{"origin":{"type":"S3","name":"Product bucket","bucket":"shop-media","accessKey":"","secretKey":"","useIAMRole":true,"prefix":"raw"}}"#,
        r#"{"origin":{"type":"WEB_PROXY","name":"Anything"}}"#,
    ])
    .hides(&["origin"]);
    type Output = Origin;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::post(LIST, plain(&self.origin)))
    }

    fn read_back(&self, output: &Origin, _: &Survey) -> Vec<Probe> {
        as_given(&self.origin, &output.id)
    }

    fn inverse(&self, output: &Origin, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("delete_origin", json!({ "originId": output.id }))
    }
}

/// `PUT /v1/accounts/origins/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdateOrigin {
    /// From list_origins (`id`).
    origin_id: Id,
    origin: NewOrigin,
}

impl Operation for UpdateOrigin {
    const ABOUT: About = About::write(
        "update_origin",
        "Replace an origin",
        "Replaces all of an origin, its credentials too: what is not given is gone.",
    )
    .idempotent()
    .of_account()
    .open_world()
    .examples(&[
        r#"{"originId":"org7f3b","origin":{"type":"WEB_FOLDER","name":"Old site","baseUrl":"https://www.example.org/img"}}"#,
    ])
    .hides(&["origin"]);
    type Output = Origin;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.origin_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::put(
            &["v1", "accounts", "origins", self.origin_id.as_str()],
            plain(&self.origin),
        ))
    }

    fn read_back(&self, _: &Origin, _: &Survey) -> Vec<Probe> {
        as_given(&self.origin, &self.origin_id)
    }

    fn inverse(&self, _: &Origin, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("the API does not show the credentials that it had")
    }
}

/// `DELETE /v1/accounts/origins/{id}`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteOrigin {
    /// From list_origins (`id`).
    origin_id: Id,
}

impl Operation for DeleteOrigin {
    const ABOUT: About = About::destructive(
        "delete_origin",
        "Delete an origin",
        "Detaches a storage: what was delivered from it no longer is. Refused while a URL endpoint names it.",
    )
    .idempotent()
    .of_account()
    .examples(&[r#"{"originId":"org7f3a"}"#]);
    type Output = Deleted;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(target(&self.origin_id))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest::delete(&[
            "v1",
            "accounts",
            "origins",
            self.origin_id.as_str(),
        ]))
    }

    fn succeeds(status: StatusCode, repeated: bool) -> bool {
        is_gone(status, repeated)
    }

    fn shape(&self, _: Value) -> Value {
        Deleted::shape()
    }

    fn read_back(&self, _: &Deleted, _: &Survey) -> Vec<Probe> {
        vec![Probe::absent(one(&self.origin_id))]
    }

    fn inverse(&self, _: &Deleted, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("the API does not show the credentials that it had")
    }
}
