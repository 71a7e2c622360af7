//! `/v1/apps`: the connections that calls can go through, without their keys.

use agent::{ConnectionInfo, OWN, Principal, SERVICE};
use axum::extract::{Extension, Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Door, Read, Refusal, envelope};
use crate::api::Json;

/// Which connections.
#[derive(Deserialize)]
pub struct Wanted {
    status: Option<String>,
}

/// `GET /v1/apps?status=`
pub async fn list(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Query(wanted)): Read<Query<Wanted>>,
) -> Result<Json, Refusal> {
    rows(&door, &principal, &wanted).await
}

/// `GET /v1/apps/services/{service}`
pub async fn of_service(
    State(door): State<Door>,
    Extension(principal): Extension<Principal>,
    Read(Path(service)): Read<Path<String>>,
    Read(Query(wanted)): Read<Query<Wanted>>,
) -> Result<Json, Refusal> {
    if service != SERVICE {
        return Ok(envelope(json!([]), json!({})));
    }
    rows(&door, &principal, &wanted).await
}

/// True if there is a connection for the caller's calls.
pub async fn is_connected(door: &Door, principal: &Principal) -> Result<bool, Refusal> {
    let all = connections(door, principal).await?;
    Ok(all.iter().any(|info| info.status == "active"))
}

async fn rows(door: &Door, principal: &Principal, wanted: &Wanted) -> Result<Json, Refusal> {
    let all = connections(door, principal).await?;
    let only = all.len() == 1;
    let rows = all
        .iter()
        .filter(|info| wanted.status.as_ref().is_none_or(|status| status == info.status))
        .map(|info| {
            json!({
                "service": SERVICE,
                "alias": info.name,
                "displayName": info.name,
                "accountLabel": info.base,
                "status": info.status,
                "authType": "api_key",
                "isDefault": only || info.name == OWN,
                "scopes": [],
            })
        });
    Ok(envelope(rows.collect::<Value>(), json!({})))
}

/// Those that the caller's token covers.
async fn connections(door: &Door, principal: &Principal) -> Result<Vec<ConnectionInfo>, Refusal> {
    let pipeline = door.agents.pipeline().await?;
    let mut all = pipeline.connections().list().await.map_err(agent::CallError::from)?;
    if let Some(grant) = principal.grant.as_ref().filter(|grant| !grant.connections.is_empty()) {
        all.retain(|info| grant.connections.contains(&info.name));
    }
    Ok(all)
}
