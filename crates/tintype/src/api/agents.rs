//! The doors of the agent side over HTTP. Nobody comes in without an agent's token or a key that may do everything.

use std::fmt::Display;

pub mod access;
pub mod actions;
pub mod approvals;
pub mod apps;
pub mod oauth;
pub mod tools;
pub mod uploads;

use std::sync::Arc;

use agent::{Call, CallError, Code, Limits, Options, Principal, TOKEN_PREFIX, Verify};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::agents::own_key::OfAccount;
use crate::agents::{self, Agents, Own, in_process};
use crate::api::Json;
use crate::app::App;
use crate::auth;
use crate::auth::oauth::{Oauth, OauthError};
use crate::error::ApiError;
use crate::mcp;
use crate::routes::{Routes, get, post};

/// Largest body of a call: what an action takes in JSON. Files come by URL.
const LONGEST_BODY: usize = 1 << 20;
/// Largest body of a form.
const LONGEST_FORM: usize = 16 << 10;

/// What the doors share.
#[derive(Clone)]
pub struct Door {
    /// The server.
    pub app: App,
    /// Its agent side.
    pub agents: Agents,
    /// Whose access tokens let agents in, beside tokens of our own.
    pub oauth: Option<Arc<Oauth>>,
    /// Places for files that come by links: they are held in memory.
    pub uploads: Arc<Semaphore>,
}

/// Where MCP is spoken: by a service of its own, to which messages are posted.
pub const MCP: &str = "/mcp";

/// The routes for those who are let in.
pub fn known() -> Routes<Door> {
    Routes::new()
        .route("/v1/health", get(health))
        .route("/v1/actions/search", get(actions::search))
        .route("/v1/actions/{name}", get(actions::schema).post(actions::run))
        .route("/v1/apps", get(apps::list))
        .route("/v1/apps/services/{service}", get(apps::of_service))
        .route("/v1/change-sets", post(actions::apply))
        .route("/v1/executions/{id}/undo", post(actions::undo))
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{id}", get(approvals::show))
        .route("/v1/approvals/{id}/approve", post(approvals::approve))
        .route("/v1/approvals/{id}/deny", post(approvals::deny))
        .route("/v1/approvals/{id}/link", post(approvals::link))
        // Where Composio's clients look for tools, whichever minor version of its API they speak.
        .route("/api/v3/tools", get(tools::list))
        .route("/api/v3/tools/{slug}", get(tools::describe))
        .route("/api/v3/tools/execute/{slug}", post(tools::execute))
        .route("/api/v3.1/tools", get(tools::list))
        .route("/api/v3.1/tools/{slug}", get(tools::describe))
        .route("/api/v3.1/tools/execute/{slug}", post(tools::execute))
}

/// The pages, whose forms carry what lets their senders in.
pub fn pages() -> Routes<Door> {
    Routes::new()
        .route("/access", get(access::form).post(access::create))
        .route("/access/approvals", get(access::approval).post(access::decide))
}

/// What has bodies of other sizes, or none, and needs no token.
pub fn open() -> Routes<Door> {
    Routes::new()
        .route(oauth::ROOT, get(oauth::metadata))
        .route(oauth::OF_MCP, get(oauth::metadata))
        .route(
            "/access/uploads",
            get(uploads::form).put(uploads::put).post(uploads::post),
        )
}

/// Every route of the doors. Each is described in `api/openapi/agents.yaml`.
pub fn routes(door: Door) -> Router {
    let known = known()
        .into_router()
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .route_service(MCP, mcp::http::service(&door.agents))
        .layer(middleware::from_fn_with_state(door.clone(), let_in));
    let pages = pages().into_router().layer(DefaultBodyLimit::max(LONGEST_FORM));
    known.merge(pages).merge(open().into_router()).with_state(door)
}

/// Lets in who is known and tells the handlers who it is.
async fn let_in(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let came_with_token = request.headers().contains_key(header::AUTHORIZATION);
    let mut response = match door.who(request.headers()).await {
        Ok(principal) => match oauth::step_up(&door, &principal, &request) {
            Some(refused) => return refused,
            None => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
        },
        Err(refusal) => refusal.into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    oauth::challenge(&door, &mut response, came_with_token);
    response
}

impl Door {
    /// Doors to the server whose API, deliveries included, is `api`.
    pub fn new(app: App, api: Router) -> Self {
        let base = app.public_base.clone();
        let agents = Agents::new(Own {
            data_dir: app.data_dir.clone(),
            endpoints: app.url_endpoint.all().map(str::to_owned).collect(),
            transport: in_process::transport(api, &base, Limits::default().answer_bytes),
            base,
            keys: Some(Arc::new(OfAccount(app.clone()))),
        });
        let oauth = app.oauth.as_ref().and_then(|settings| {
            let network = agent::network(&Limits::default());
            let network = network.inspect_err(|error| tracing::error!(%error, "access tokens can't be checked"));
            Some(Arc::new(Oauth::new(settings, &app.public_base, network.ok()?)))
        });
        Self {
            app,
            agents,
            oauth,
            uploads: Arc::new(Semaphore::new(uploads::AT_ONCE)),
        }
    }

    /// Whoever the request's token or key belongs to.
    async fn who(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let bearer = text(&header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        // Composio's clients send their key so.
        let token = bearer.or_else(|| text(&HeaderName::from_static("x-api-key")));
        if let Some(token) = token.filter(|token| token.starts_with(TOKEN_PREFIX)) {
            let token = SecretString::from(token.to_owned());
            return Ok(self.agents.authenticate(&token).await?);
        }
        if let (Some(token), Some(oauth)) = (bearer, &self.oauth) {
            return oauth.principal(token).await.map_err(Refusal::AccessToken);
        }
        if token.is_some() || !headers.contains_key(header::AUTHORIZATION) {
            return Err(Refusal::Unknown);
        }
        self.person(headers).await
    }

    /// The person whose private key, one that may do everything, the request carries.
    async fn person(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        auth::require_all(&self.app, headers).await.map_err(Refusal::Key)?;
        let key = auth::presented_key(headers).unwrap_or_default();
        let digest = Sha256::digest(format!("tintype person {key}").as_bytes());
        Ok(Principal {
            id: format!("person:key-{}", hex::encode(&digest[..4])),
            kind: agent::Kind::Person,
            grant: None,
        })
    }

    /// The same for a key that was typed into a form.
    async fn person_with(&self, key: &str) -> Result<Principal, Refusal> {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
        let value = HeaderValue::try_from(format!("Basic {basic}")).map_err(|_| Refusal::Unknown)?;
        self.person(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
            .await
    }
}

/// Why a request is not carried out.
#[derive(Debug)]
pub enum Refusal {
    /// Neither token nor key.
    Unknown,
    /// A key that does not let anybody in.
    Key(ApiError),
    /// A body with more bytes than are read.
    TooLarge,
    /// An access token that does not.
    AccessToken(OauthError),
    /// The call.
    Call(Box<CallError>),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl Refusal {
    /// A call that is wrong before it is one.
    fn wrong(message: impl Into<String>) -> Self {
        Self::from(CallError::InvalidInput(message.into()))
    }

    /// Status and report.
    pub(super) fn told(&self) -> (StatusCode, Value) {
        let report = |code: &str, message: &str, hint: &str| json!({ "code": code, "message": message, "hint": hint, "retryable": false, "remedy": [] });
        match self {
            Self::Unknown => {
                let hint = "a person who answers for the library makes tokens at /access";
                let message = "an agent's token is needed: Authorization: Bearer tta_...";
                (StatusCode::UNAUTHORIZED, report("auth_invalid", message, hint))
            }
            Self::Key(error) => {
                let hint = "only a key that may do everything opens this door; agents use tokens";
                (error.status(), report("auth_invalid", &error.to_string(), hint))
            }
            Self::TooLarge => {
                let message = format!("the body has more than {LONGEST_BODY} bytes");
                let hint = "give files by their URL";
                (StatusCode::PAYLOAD_TOO_LARGE, report("invalid_input", &message, hint))
            }
            Self::AccessToken(error) => {
                let message = error.to_string();
                let (status, code, hint) = match error {
                    OauthError::Invalid(_) => (
                        StatusCode::UNAUTHORIZED,
                        "auth_invalid",
                        "ask the authorization server for a token for this server",
                    ),
                    OauthError::NoScope => (
                        StatusCode::FORBIDDEN,
                        "scope_missing",
                        "ask the authorization server for a token with more scope",
                    ),
                    OauthError::Keys(cause) => {
                        tracing::warn!(
                            error = cause as &dyn std::error::Error,
                            "an access token can't be checked"
                        );
                        (
                            StatusCode::SERVICE_UNAVAILABLE,
                            "upstream_unavailable",
                            "try again later",
                        )
                    }
                };
                (status, report(code, &message, hint))
            }
            Self::Call(error) => (status(error.code()), error.report()),
        }
    }
}

/// Marks an answer: the caller's token does not cover what was asked.
#[derive(Clone, Copy)]
struct TooNarrow;

/// `{success, message, errorCode, ...}`, the report's other fields beside them.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, mut body) = self.told();
        let code = match &self {
            Self::Call(error) if matches!(**error, CallError::KeyReused) => json!("idempotency_key_conflict"),
            Self::Call(error) if matches!(**error, CallError::KeyInProgress) => {
                json!("idempotency_request_in_progress")
            }
            _ => body["code"].clone(),
        };
        body["success"] = json!(false);
        body["errorCode"] = code;
        let wait = body["retryAfterMs"].as_u64();
        let too_narrow = body["code"] == "scope_missing";
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"tintype\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        }
        if too_narrow {
            response.extensions_mut().insert(TooNarrow);
        }
        response
    }
}

/// What a client of HTTP can do about it.
fn status(code: Code) -> StatusCode {
    match code {
        Code::UnknownAction | Code::AppNotFound | Code::NotFound => StatusCode::NOT_FOUND,
        Code::InvalidInput => StatusCode::BAD_REQUEST,
        Code::AuthInvalid | Code::AuthExpired => StatusCode::UNAUTHORIZED,
        Code::InsufficientCredit => StatusCode::PAYMENT_REQUIRED,
        Code::PolicyDenied | Code::ApprovalRequired | Code::ScopeMissing => StatusCode::FORBIDDEN,
        Code::ContractChanged
        | Code::Conflict
        | Code::RolledBack
        | Code::Cancelled
        | Code::ConnectionRequired
        | Code::ConnectionAmbiguous
        | Code::AppNotReady
        | Code::CredentialExpired => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::RateLimited | Code::QuotaExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Refused | Code::AnswerTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Code::UpstreamUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::SchemaDrift | Code::VerificationFailed | Code::OutcomeUnknown => StatusCode::BAD_GATEWAY,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        #[allow(unreachable_patterns)] // codes are added to
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// `{success, message, data, meta}`.
fn envelope(data: Value, meta: Value) -> Json {
    Json(json!({ "success": true, "message": "OK", "data": data, "meta": meta }))
}

async fn health() -> Json {
    envelope(json!({ "ok": true }), json!({}))
}

/// What another extractor finds in a request, or its refusal in the words of these doors.
pub struct Read<E>(pub E);

impl<S: Send + Sync, E: FromRequestParts<S, Rejection: Display>> FromRequestParts<S> for Read<E> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let read = E::from_request_parts(parts, state).await;
        read.map(Self).map_err(|error| Refusal::wrong(error.to_string()))
    }
}

/// The body, as long as it may be.
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::TooLarge),
            Err(error) => Err(Refusal::wrong(error.body_text())),
        }
    }
}

/// A JSON body. The content type is asked for: a page of another site can send every other kind in its visitor's name.
fn body_of<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let is_json = kind.is_some_and(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|k| k.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        return Err(Refusal::wrong(
            "the body is JSON, with the content type application/json",
        ));
    }
    serde_json::from_slice(body).map_err(|e| Refusal::wrong(format!("the body is not what this takes: {e}")))
}

/// How a call is made, beside its input.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct How {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    fields: Vec<String>,
    intent: Option<String>,
    verify: Option<Verify>,
    drift: Option<agent::DriftMode>,
    contract: Option<String>,
}

impl How {
    fn options(self, headers: &HeaderMap) -> Result<Options, Refusal> {
        let text = |name: &'static str| match headers.get(name).map(HeaderValue::to_str) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.to_owned())),
            Some(Err(_)) => Err(Refusal::wrong(format!("{name}: only visible ASCII"))),
        };
        Ok(Options {
            connection: text("x-oo-connector-alias")?,
            idempotency_key: text("idempotency-key")?,
            contract: self.contract,
            dry_run: self.dry_run,
            verify: self.verify.unwrap_or_default(),
            drift: self.drift.unwrap_or_default(),
            fields: self.fields,
            intent: self.intent,
            client: text("user-agent")?,
            deadline: None,
            line: None,
        })
    }
}

fn call(action: String, input: Value, principal: Principal, options: Options) -> Call {
    Call {
        action,
        input,
        file: None,
        principal,
        at: agents::now(),
        options,
    }
}
