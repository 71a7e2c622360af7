//! `/v1/approvals`: what waits for a decision. Agents see their own and decide about nothing.

use agent::{Approval, CallError, Principal};
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{Body, Door, Read, Refusal, body_of, envelope};
use crate::agents::{self, approval_page};
use crate::api::Json;

/// `GET /v1/approvals`
pub async fn list(State(door): State<Door>, Extension(who): Extension<Principal>) -> Result<Json, Refusal> {
    let all = door.agents.store().await?.approvals(agents::now()).await;
    let all = all.map_err(CallError::from)?;
    let seen: Vec<Approval> = all
        .into_iter()
        .filter(|a| who.may_decide() || a.request.principal == who.id)
        .collect();
    Ok(envelope(json!(seen), json!({})))
}

/// `GET /v1/approvals/{id}`: the approval, and the answer once it was carried out.
pub async fn show(
    State(door): State<Door>,
    Extension(who): Extension<Principal>,
    Read(Path(id)): Read<Path<String>>,
) -> Result<Json, Refusal> {
    let store = door.agents.store().await?;
    let approval = store.approval(&id, &who, agents::now()).await?;
    let answer = store.approved_answer(&id, &who, agents::now()).await?;
    Ok(envelope(json!({ "approval": approval, "answer": answer }), json!({})))
}

/// Why, if it is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    reason: Option<String>,
}

/// `POST /v1/approvals/{id}/approve`: agrees, and carries the call out.
pub async fn approve(
    State(door): State<Door>,
    Extension(who): Extension<Principal>,
    Read(Path(id)): Read<Path<String>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Refusal> {
    let decision: Decision = body_of(&headers, &body)?;
    let mut answer = door
        .agents
        .decide(id, true, who, decision.reason)
        .await?
        .unwrap_or_default();
    Ok(envelope(answer["data"].take(), answer["meta"].take()))
}

/// `POST /v1/approvals/{id}/deny`
pub async fn deny(
    State(door): State<Door>,
    Extension(who): Extension<Principal>,
    Read(Path(id)): Read<Path<String>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Refusal> {
    let decision: Decision = body_of(&headers, &body)?;
    door.agents.decide(id, false, who, decision.reason).await?;
    Ok(envelope(json!({ "denied": true }), Value::Null))
}

/// Who will decide, and for how long they can.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct For {
    #[serde(rename = "for")]
    name: String,
    seconds: Option<u32>,
}

/// `POST /v1/approvals/{id}/link`: a link by which somebody else decides.
pub async fn link(
    State(door): State<Door>,
    Extension(who): Extension<Principal>,
    Read(Path(id)): Read<Path<String>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json, Refusal> {
    let wanted: For = body_of(&headers, &body)?;
    let life = time::Duration::seconds(wanted.seconds.unwrap_or(3600).into());
    let store = door.agents.store().await?;
    let link = store
        .approval_link(&id, &who, &wanted.name, life, agents::now())
        .await?;
    Ok(envelope(
        json!({
            "url": approval_page::address(&door.agents.own().base, &link),
            "expiresAt": link.expires_at.format(&Rfc3339).unwrap_or_default(),
        }),
        Value::Null,
    ))
}
