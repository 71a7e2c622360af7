//! `GET /openapi.json` and `/openapi.yaml`: the description of this API, in OpenAPI 3.1.
//!
//! It is written by hand, in the files of `openapi/`, one for each part of the API: what handlers read by hand and leniently cannot be derived from their types. Tests
//! hold it against the router's tables here and against a running server in `tests/python/test_openapi.py`. Only the calls of
//! agents' actions are made from their declarations.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Json;
use crate::app::App;

/// The parts, in the order in which their tags are shown. One part says nothing that another says.
const PARTS: &[(&str, &str)] = &[
    ("base", include_str!("openapi/base.yaml")),
    ("uploads", include_str!("openapi/uploads.yaml")),
    ("files", include_str!("openapi/files.yaml")),
    ("folders", include_str!("openapi/folders.yaml")),
    ("metadata", include_str!("openapi/metadata.yaml")),
    ("extensions", include_str!("openapi/extensions.yaml")),
    ("account", include_str!("openapi/account.yaml")),
    ("origins", include_str!("openapi/origins.yaml")),
    ("webhooks", include_str!("openapi/webhooks.yaml")),
    ("operations", include_str!("openapi/operations.yaml")),
    ("agents", include_str!("openapi/agents.yaml")),
    ("delivery", include_str!("openapi/delivery.yaml")),
];

/// Other paths of the same operations, for clients that know only those.
const ALIASES: [(&str, &str); 5] = [
    ("/v1/files/upload", "/api/v1/files/upload"),
    ("/v1/files/metadata", "/v1/metadata"),
    ("/api/v3.1/tools", "/api/v3/tools"),
    ("/api/v3.1/tools/{slug}", "/api/v3/tools/{slug}"),
    ("/api/v3.1/tools/execute/{slug}", "/api/v3/tools/execute/{slug}"),
];

/// The tag of the operations that agents call, whose refusals have a shape of their own.
const AGENTS: &str = "agents";
/// The tag of pages for people.
const PAGES: &str = "approval pages";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| assemble().expect("the tests assemble the same parts"));

/// As JSON.
pub async fn as_json(State(app): State<App>) -> Json {
    Json(of_server(&app))
}

/// As YAML.
pub async fn as_yaml(State(app): State<App>) -> Response {
    let text = yaml_serde::to_string(&of_server(&app)).unwrap_or_default();
    let content_type = HeaderValue::from_static("application/yaml");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// With the address that clients use.
fn of_server(app: &App) -> Value {
    let endpoint = &app.url_endpoint;
    let base = endpoint.strip_suffix(app.endpoint_path.as_str()).unwrap_or(endpoint);
    let mut document = DOCUMENT.clone();
    document["servers"] = json!([{ "url": base }]);
    document
}

/// One document of the parts. The error names the part and what is wrong with it.
fn assemble() -> Result<Value, String> {
    let mut document = json!({});
    for (name, text) in PARTS {
        let said = |error: yaml_serde::Error| format!("{name}: {error}");
        let mut part: yaml_serde::Value = yaml_serde::from_str(text).map_err(said)?;
        part.apply_merge().map_err(said)?;
        let part = serde_json::to_value(part).map_err(|error| format!("{name}: {error}"))?;
        merge(&mut document, part, name)?;
    }
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    for action in agent::ACTIONS {
        let call = call_of(action, &document["paths"]["/v1/actions/{name}"]["post"]);
        document["paths"][call_path(action)] = json!({ "post": call });
    }
    for (alias, path) in ALIASES {
        let mut item = document["paths"][path].clone();
        for (_, operation) in operations(&mut item) {
            operation["deprecated"] = json!(true);
            operation["operationId"] = json!(format!(
                "{}.alias",
                operation["operationId"].as_str().unwrap_or_default()
            ));
            operation["description"] = json!(format!("Another path of `{path}`."));
        }
        document["paths"][alias] = item;
    }
    for answer in document["components"]["responses"]
        .as_object_mut()
        .into_iter()
        .flatten()
    {
        headers(answer.1, true);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in operations(item) {
                common(path, method, operation);
            }
        }
    }
    Ok(document)
}

/// Where an action is called.
fn call_path(action: &agent::Action) -> String {
    format!("/v1/actions/{}.{}", agent::SERVICE, action.name())
}

/// A call of one action: `any`, the call of whichever one, with the types of this.
fn call_of(action: &agent::Action, any: &Value) -> Value {
    let about = &action.about;
    let mut call = any.clone();
    call["operationId"] = json!(format!("actions.{}", about.name));
    call["summary"] = json!(about.title);
    call["description"] = json!(about.description);
    let body = &mut call["requestBody"]["content"]["application/json"];
    body["schema"]["properties"]["input"] = action.input_schema().clone();
    body["schema"]["required"] = json!(["input"]);
    if let Some(body) = body.as_object_mut() {
        // That of another action.
        body.remove("example");
    }
    let answer = &mut call["responses"]["200"]["content"]["application/json"]["schema"];
    // Of a dry run, something else.
    answer["properties"]["data"] = json!({ "anyOf": [action.output_schema(), { "type": "object" }] });
    call
}

/// Adds what a part says to what is said. Nothing may be said twice; lists are continued.
fn merge(into: &mut Value, part: Value, place: &str) -> Result<(), String> {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (key, value) in part {
                match into.get_mut(&key) {
                    Some(known) => merge(known, value, &format!("{place}: {key}"))?,
                    None => {
                        into.insert(key, value);
                    }
                }
            }
            Ok(())
        }
        (Value::Array(into), Value::Array(part)) => {
            into.extend(part);
            Ok(())
        }
        _ => Err(format!("{place} is said twice")),
    }
}

/// The operations of a path, by method.
fn operations(item: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
    const METHODS: [&str; 6] = ["get", "put", "post", "delete", "options", "patch"];
    let entries = item.as_object_mut().into_iter().flatten();
    entries
        .filter(|(key, _)| METHODS.contains(&key.as_str()))
        .map(|(key, operation)| (key.as_str(), operation))
}

/// Adds the answers and headers that follow from what kind of operation it is.
fn common(path: &str, method: &str, operation: &mut Value) {
    if operation["tags"][0] == AGENTS {
        return doors(operation);
    }
    // Whatever they refuse is a page, too.
    let is_page = operation["tags"][0] == PAGES;
    let asks_for_key = operation.get("security").is_none_or(|security| security != &json!([]));
    let needs_key = operation.get("security").is_none();
    let has_body = operation.get("requestBody").is_some();
    let is_form = operation.pointer("/requestBody/content/multipart~1form-data").is_some();
    let Some(Value::Object(answers)) = operation.get_mut("responses") else {
        return;
    };
    let mut add = |status: &str, name: &str| {
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        answers.entry(status).or_insert(reference);
    };
    if needs_key {
        add("401", "NoKey");
        add("429", "TooManyRequests");
    }
    if asks_for_key {
        add("403", "WrongKey");
        add("500", "Internal");
        if method != "get" {
            add("507", "StorageFull");
        }
    }
    if has_body && !is_page {
        add("400", "Invalid");
        if !is_form {
            add("413", "TooLarge");
        }
    }
    let is_limited = path.starts_with("/v1/") && needs_key;
    for answer in answers.values_mut() {
        headers(answer, is_limited);
    }
}

/// Adds what holds for the doors of agents: who is let in, and how refusals look.
fn doors(operation: &mut Value) {
    operation["security"] = json!([{ "agentToken": [] }, { "privateKey": [] }]);
    let refusal = json!({ "$ref": "#/components/responses/AgentRefusal" });
    if let Some(answers) = operation["responses"].as_object_mut() {
        // The others follow from the code of the refusal: 400 to 504.
        for status in ["401", "403", "default"] {
            answers.entry(status).or_insert_with(|| refusal.clone());
        }
        for answer in answers.values_mut() {
            headers(answer, false);
        }
    }
}

/// Headers of every answer. A reference stays one: what it names has them.
fn headers(answer: &mut Value, is_limited: bool) {
    if answer.get("$ref").is_some() {
        return;
    }
    if answer.get("headers").is_none() {
        answer["headers"] = Value::Object(Map::new());
    }
    let mut add = |header: &str, name: &str| {
        answer["headers"][header] = json!({ "$ref": format!("#/components/headers/{name}") });
    };
    add("x-request-id", "RequestId");
    if is_limited {
        add("x-ratelimit-limit", "RateLimit");
        add("x-ratelimit-reset", "RateLimitReset");
        add("x-ratelimit-interval", "RateLimitInterval");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::agents;
    use crate::router::routes;

    /// Routes that only tell what is wrong with a request: a client generator would make methods of them that cannot work.
    const REFUSALS: [(&str, &str); 2] = [
        ("PATCH", "/v1/customMetadataFields"),
        ("DELETE", "/v1/customMetadataFields"),
    ];

    /// What answers beside the tables: a service of its own, and whatever is below the account's path.
    const BESIDE: [(&str, &str); 2] = [("POST", agents::MCP), ("GET", "/{accountId}/{filePath}")];

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let (api, known, pages, open) = (routes(), agents::known(), agents::pages(), agents::open());
        let in_tables = [api.listed(), known.listed(), pages.listed(), open.listed()].concat();
        let calls: Vec<String> = agent::ACTIONS.iter().map(call_path).collect();
        let listed: BTreeSet<(String, String)> = in_tables
            .iter()
            .map(|(method, path)| (method.to_string(), (*path).to_owned()))
            .filter(|(method, path)| !REFUSALS.contains(&(method.as_str(), path.as_str())))
            .chain(BESIDE.map(|(method, path)| (method.to_owned(), path.to_owned())))
            .chain(calls.into_iter().map(|path| ("POST".to_owned(), path)))
            .collect();
        let mut document = assemble().unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object_mut().unwrap() {
            for (method, _) in operations(item) {
                described.insert((method.to_uppercase(), path.clone()));
            }
        }
        let missing: Vec<_> = listed.difference(&described).collect();
        let strange: Vec<_> = described.difference(&listed).collect();
        assert!(
            missing.is_empty() && strange.is_empty(),
            "not described: {missing:?}; no route: {strange:?}"
        );
    }

    #[test]
    fn every_component_is_used_and_every_reference_leads_somewhere() {
        fn references(value: &Value, into: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        match value.as_str() {
                            Some(text) if text.starts_with("#/") && (key == "$ref" || !text.contains(' ')) => {
                                into.insert(text[1..].to_owned());
                            }
                            _ => references(value, into),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, into)),
                _ => {}
            }
        }
        let document = assemble().unwrap();
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        for pointer in &used {
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        for (kind, components) in document["components"].as_object().unwrap() {
            if kind == "securitySchemes" {
                continue;
            }
            for name in components.as_object().unwrap().keys() {
                let pointer = format!("/components/{kind}/{name}");
                assert!(used.contains(&pointer), "{pointer} is not used");
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_known_tags() {
        let mut document = assemble().unwrap();
        let tags: BTreeSet<String> = document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap().to_owned())
            .collect();
        let (mut ids, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for (path, item) in document["paths"].as_object_mut().unwrap() {
            for (method, operation) in operations(item) {
                let id = operation["operationId"].as_str().expect(path).to_owned();
                assert!(ids.insert(id.clone()), "{id} stands twice");
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let tag = operation["tags"][0].as_str().expect(path).to_owned();
                assert!(tags.contains(&tag), "{tag} is described nowhere");
                seen.insert(tag);
            }
        }
        assert_eq!(seen, tags, "tags of no operation");
    }

    #[test]
    fn nothing_is_said_twice() {
        let mut document = json!({"paths": {"/a": {}}, "tags": [1]});
        merge(&mut document, json!({"paths": {"/b": {}}, "tags": [2]}), "part").unwrap();
        assert_eq!(document, json!({"paths": {"/a": {}, "/b": {}}, "tags": [1, 2]}));
        let refused = merge(&mut document, json!({"paths": {"/a": 1}}), "part");
        assert_eq!(refused.unwrap_err(), "part: paths: /a is said twice");
    }
}
