//! `/mcp`: streamable HTTP without sessions, in both eras of the protocol: every request carries its token, nothing of one
//! caller is kept for another to find.

use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use url::Url;

use super::toolsets::Shown;
use super::{Caller, Mcp};
use crate::agents::Agents;

/// Largest message.
const LONGEST_MESSAGE: usize = 1 << 20;

/// The service; whoever comes to it has been let in.
pub fn service(agents: &Agents) -> StreamableHttpService<Mcp, NeverSessionManager> {
    let mcp = Mcp::new(agents.clone(), Caller::LetIn, Shown::default());
    service_of(mcp, &agents.own().base)
}

/// The same for any server at that base URL: the conformance suite's fixtures are behind this transport too.
pub fn service_of<S: ServerHandler + Clone>(server: S, base: &str) -> StreamableHttpService<S, NeverSessionManager> {
    let base = Url::parse(base).ok();
    let host = base.as_ref().and_then(|base| base.host_str()).map(str::to_owned);
    let hosts = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .into_iter()
        .chain(host);
    // A page of a site that is not ours must not speak to a server in its visitor's network.
    let ours = base.map(|base| format!("{}:{}", base.origin().ascii_serialization(), "*"));
    let ours = ours.map(|origin| match origin.matches(':').count() {
        // A port that is written is the only one.
        3.. => origin.trim_end_matches(":*").to_owned(),
        _ => origin,
    });
    let origins = ["http://localhost:*", "http://127.0.0.1:*"]
        .map(str::to_owned)
        .into_iter()
        .chain(ours);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins)
        .enforce_origin_validation()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(LONGEST_MESSAGE);
    StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    )
}
