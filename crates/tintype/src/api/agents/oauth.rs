//! What an OAuth client needs to know: where tokens for this server come from, and which it lacks.

use agent::{Principal, find};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Door, TooNarrow};
use crate::api::Json;
use crate::auth::oauth::{METADATA_PATH, SCOPES, scope_names};
use crate::error::ApiError;

/// Where the description of the whole server is.
pub const ROOT: &str = METADATA_PATH;
/// Where a client of `/mcp` looks for it (RFC 9728, section 3.1).
pub const OF_MCP: &str = "/.well-known/oauth-protected-resource/mcp";

/// `GET /.well-known/oauth-protected-resource`
pub async fn metadata(State(door): State<Door>) -> Response {
    match &door.oauth {
        Some(oauth) => ([(header::CACHE_CONTROL, "public, max-age=300")], Json(oauth.metadata())).into_response(),
        None => ApiError::not_found("This server takes no OAuth tokens.").into_response(),
    }
}

/// Adds the challenge by which a client finds the issuer, or learns what its token lacks.
pub fn challenge(door: &Door, response: &mut Response, came_with_token: bool) {
    let Some(oauth) = &door.oauth else {
        return;
    };
    let text = match response.status() {
        StatusCode::UNAUTHORIZED if came_with_token => oauth.challenge(Some("invalid_token"), &scope_names()),
        StatusCode::UNAUTHORIZED => oauth.challenge(None, &scope_names()),
        StatusCode::FORBIDDEN if response.extensions().get::<TooNarrow>().is_some() => {
            oauth.challenge(Some("insufficient_scope"), &scope_names())
        }
        _ => return,
    };
    if let Ok(text) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, text);
    }
}

/// The refusal of a tool call that the token does not cover, so that the client can ask for a token that does. The SDK
/// holds the headers against the message.
pub fn step_up(door: &Door, principal: &Principal, request: &Request) -> Option<Response> {
    let oauth = door.oauth.as_ref()?;
    if !principal.id.starts_with("agent:oauth:") || request.uri().path() != "/mcp" {
        return None;
    }
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if text("mcp-method") != Some("tools/call") {
        return None;
    }
    let action = find(text("mcp-name")?).ok()?.action;
    let grant = principal.grant.as_ref()?;
    if grant.effects.contains(&action.effect()) {
        return None;
    }
    // Every scope that the call needs, as the specification wants it.
    let most = SCOPES.iter().position(|(_, effect)| *effect == action.effect())?;
    let needed: Vec<&str> = SCOPES[..=most].iter().map(|(name, _)| *name).collect();
    let message = format!("{} needs the scope {}", action.name(), needed.join(" "));
    let body = Json(json!({ "error": "insufficient_scope", "error_description": message }));
    let challenge = HeaderValue::try_from(oauth.challenge(Some("insufficient_scope"), &needed)).ok()?;
    Some((StatusCode::FORBIDDEN, [(header::WWW_AUTHENTICATE, challenge)], body).into_response())
}
