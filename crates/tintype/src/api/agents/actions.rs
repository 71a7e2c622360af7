//! `/v1/actions`: the connector contract. `/v1/change-sets` and `/v1/executions`: calls about calls.

use agent::{Action, ChangeSet, Planned, Principal, SERVICE};
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Door, How, Read, Refusal, body_of, call, envelope};
use crate::agents;
use crate::api::Json;

/// Longer searches are cut.
const LONGEST_SEARCH: usize = 200;

/// What is looked for.
#[derive(Deserialize)]
pub struct Words {
    #[serde(default)]
    q: String,
}

/// `GET /v1/actions/search?q=`
pub async fn search(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Query(words)): Read<Query<Words>>,
) -> Result<Json, Refusal> {
    let text: String = words.q.chars().take(LONGEST_SEARCH).collect();
    let connected = super::apps::is_connected(&door, &principal).await?;
    let rows = agent::search(&text).into_iter().map(|action| {
        let mut row = action.described();
        row["authenticated"] = json!(connected);
        row["accessStatus"] = json!(match connected {
            true => "available",
            false => "connection_required",
        });
        row["allowed"] = json!(may_call(&principal, action));
        row
    });
    Ok(envelope(rows.collect(), json!({})))
}

/// Whether the caller's token covers the action at all.
pub fn may_call(principal: &Principal, action: &Action) -> bool {
    let grant = principal.grant.as_ref();
    grant.is_none_or(|grant| grant.refuses(&action.about).is_none())
}

/// `GET /v1/actions/{service}.{action}`
pub async fn schema(Read(Path(name)): Read<Path<String>>) -> Result<Json, Refusal> {
    Ok(envelope(described(&of_service(&name)?)?, json!({})))
}

/// An action by any of its names.
pub fn described(name: &str) -> Result<Value, Refusal> {
    let found = agent::find(name)?;
    let mut schema = found.action.described();
    if let Some(alias) = found.alias {
        schema["name"] = json!(alias.name);
        schema["inputSchema"] = alias.input_schema(schema["inputSchema"].clone());
    }
    let asynchronous = found.action.about.poll.map(|poll| {
        json!({
            "startActionId": format!("{SERVICE}.{}", found.action.name()),
            "statusActionId": format!("{SERVICE}.{poll}"),
        })
    });
    if let Some(lifecycle) = asynchronous {
        schema["asyncLifecycle"] = lifecycle;
    }
    Ok(schema)
}

/// A call: its input, and beside it how it is made.
#[derive(Deserialize)]
pub struct Run {
    input: Option<Map<String, Value>>,
    #[serde(flatten)]
    how: Map<String, Value>,
}

/// `POST /v1/actions/{service}.{action}`
pub async fn run(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Path(name)): Read<Path<String>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Refusal> {
    let name = of_service(&name)?;
    let run: Run = body_of(&headers, &body)?;
    let options = how(run.how)?.options(&headers)?;
    let input = Value::Object(run.input.unwrap_or_default());
    let answer = door.agents.call(call(name, input, principal, options)).await?;
    Ok(envelope(answer.data, json!(answer.meta)))
}

/// What is beside the input says how the call is made; anything else is a mistake, not a wish to overlook.
pub fn how(fields: Map<String, Value>) -> Result<How, Refusal> {
    serde_json::from_value(Value::Object(fields)).map_err(|e| Refusal::wrong(format!("beside input: {e}")))
}

fn of_service(name: &str) -> Result<String, Refusal> {
    match name.split_once('.') {
        Some((SERVICE, action)) => Ok(action.to_owned()),
        Some(_) => Err(Refusal::wrong(format!("the service is {SERVICE}"))),
        None => Err(Refusal::wrong(format!("an action is written {SERVICE}.NAME"))),
    }
}

/// Calls that are made as one.
#[derive(Deserialize)]
pub struct Set {
    calls: Vec<Planned>,
    #[serde(flatten)]
    how: Map<String, Value>,
}

/// `POST /v1/change-sets`
pub async fn apply(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Refusal> {
    let set: Set = body_of(&headers, &body)?;
    let answer = door.agents.apply(ChangeSet {
        calls: set.calls,
        principal,
        at: agents::now(),
        options: how(set.how)?.options(&headers)?,
    });
    let mut answer = answer.await?;
    Ok(envelope(answer["data"].take(), answer["meta"].take()))
}

/// `POST /v1/executions/{id}/undo`
pub async fn undo(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Path(id)): Read<Path<String>>,
) -> Result<Json, Refusal> {
    let answers = door.agents.undo(id, principal).await?;
    Ok(envelope(json!({ "calls": answers }), json!({})))
}
