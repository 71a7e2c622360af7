//! `/api/v3/tools`: the toolkit's names with its envelope, at the paths where Composio's clients look for them.

use agent::{ALIASES, Alias, Dialect, Effect, Principal};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Door, How, Read, Refusal, body_of, call};
use crate::agents::Agents;
use crate::api::Json;

/// The toolkit's slug.
const TOOLKIT: &str = "imagekit_io";
/// Of the toolkit that these tools are those of.
const VERSION: &str = "20260615_00";

/// Which tools.
#[derive(Deserialize)]
pub struct Wanted {
    toolkit_slug: Option<String>,
    tool_slugs: Option<String>,
    search: Option<String>,
}

/// `GET /api/v3/tools`
pub async fn list(Read(Query(wanted)): Read<Query<Wanted>>) -> Json {
    let toolkit = wanted
        .toolkit_slug
        .as_deref()
        .is_none_or(|slug| slug.eq_ignore_ascii_case(TOOLKIT));
    let named = |alias: &Alias| {
        let slugs = wanted.tool_slugs.as_deref();
        slugs.is_none_or(|slugs| {
            slugs
                .split(',')
                .any(|slug| slug.trim().eq_ignore_ascii_case(alias.name))
        })
    };
    let found = wanted.search.as_deref().map(agent::search);
    let fits = |alias: &Alias| {
        found
            .as_ref()
            .is_none_or(|found| found.iter().any(|a| a.name() == alias.action))
    };
    let items: Vec<Value> = toolkit_names()
        .filter(|alias| toolkit && named(alias) && fits(alias))
        .filter_map(|alias| described(alias).ok())
        .collect();
    Json(json!({
        "total_items": items.len(),
        "total_pages": 1,
        "current_page": 1,
        "next_cursor": null,
        "items": items,
    }))
}

/// `GET /api/v3/tools/{slug}`
pub async fn describe(Read(Path(slug)): Read<Path<String>>) -> Result<Json, Response> {
    Ok(Json(
        described(named(&slug).ok_or_else(|| unknown(&slug))?).map_err(IntoResponse::into_response)?,
    ))
}

/// A call in the toolkit's shape.
#[derive(Debug, Deserialize)]
pub struct Execution {
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    /// Which connection; Composio's ids of connected accounts are our names of connections.
    connected_account_id: Option<String>,
}

/// `POST /api/v3/tools/execute/{slug}`: `{data, error, successful}`, with status 200 also for a call that failed, as the
/// toolkit has it. What else a client sends (its user, versions) names nothing here.
pub async fn execute(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Path(slug)): Read<Path<String>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Response> {
    let alias = named(&slug).ok_or_else(|| unknown(&slug))?;
    let execution: Execution = body_of(&headers, &body).map_err(IntoResponse::into_response)?;
    let mut options = How::default().options(&headers).map_err(IntoResponse::into_response)?;
    if let Some(connection) = execution.connected_account_id {
        options.connection = Some(connection);
    }
    let input = Value::Object(execution.arguments.unwrap_or_default());
    Ok(Json(
        executed(&door.agents, call(alias.name.to_owned(), input, principal, options)).await,
    ))
}

/// Makes the call and puts the toolkit's envelope around what comes of it.
pub async fn executed(agents: &Agents, call: agent::Call) -> Value {
    match agents.call(call).await {
        Ok(answer) => json!({
            "data": answer.data,
            "error": null,
            "successful": true,
            "log_id": answer.meta.execution_id,
            "meta": answer.meta,
        }),
        Err(error) => {
            let report = error.report();
            let part = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            json!({
                "data": {},
                "error": format!("{}: {}{hint}", part("code"), part("message")),
                "successful": false,
                "report": report,
            })
        }
    }
}

fn toolkit_names() -> impl Iterator<Item = &'static Alias> {
    ALIASES.iter().filter(|alias| alias.dialect == Dialect::Composio)
}

fn named(slug: &str) -> Option<&'static Alias> {
    toolkit_names().find(|alias| alias.name.eq_ignore_ascii_case(slug))
}

fn unknown(slug: &str) -> Response {
    let shown: String = slug.chars().take(100).collect();
    let error = json!({ "error": {
        "message": format!("there is no tool `{shown}`"),
        "slug": "Tool_ToolNotFound",
        "status": 404,
        "suggested_fix": format!("list them with GET /api/v3/tools?toolkit_slug={TOOLKIT}"),
    }});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

fn described(alias: &Alias) -> Result<Value, Refusal> {
    let action = agent::find(alias.action)?.action;
    let about = &action.about;
    let mut tags = vec![match about.effect {
        Effect::Read => "readOnlyHint",
        Effect::Write => "updateHint",
        Effect::Destructive => "destructiveHint",
    }];
    if about.idempotent {
        tags.push("idempotentHint");
    }
    if about.open_world {
        tags.push("openWorldHint");
    }
    let output = json!({
        "type": "object",
        "properties": {
            "data": { "description": "What the action gives." },
            "error": { "type": ["string", "null"] },
            "successful": { "type": "boolean" },
        },
        "required": ["data", "successful"],
    });
    Ok(json!({
        "slug": alias.name,
        "name": about.title,
        "description": about.description,
        "toolkit": { "slug": TOOLKIT, "name": "ImageKit", "logo": "" },
        "input_parameters": alias.input_schema(action.input_schema().clone()),
        "output_parameters": output,
        "tags": tags,
        "scopes": [],
        "no_auth": false,
        "is_deprecated": false,
        "version": VERSION,
        "available_versions": [VERSION],
        "deprecated": { "available_versions": [VERSION], "displayName": about.title, "version": VERSION,
            "is_deprecated": false, "toolkit": { "logo": "" } },
    }))
}
