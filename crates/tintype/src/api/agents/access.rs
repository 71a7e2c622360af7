//! `/access`: pages for people. One makes agents' tokens, one decides about a call that waits. Every form carries what it
//! needs to be believed (the private key, or a signed link); no cookie does, so another site can't act for a visitor.

use agent::{CallError, Effect, Grant, LONGEST_LIFE};
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use time::Duration;

use super::{Door, Refusal};
use crate::agents;
use crate::agents::approval_page::{decision, escaped, page, pretty, sign_in};

/// How long a link lives that a person made for themselves by signing in.
const OWN_LINK: Duration = Duration::minutes(10);

/// A page that runs nothing, is framed by nobody and kept by nobody.
pub(super) fn shown(status: StatusCode, html: String) -> Response {
    const POLICY: &str =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, Html(html)).into_response()
}

pub(super) fn refused(refusal: &Refusal) -> Response {
    let (status, report) = refusal.told();
    let part = |name: &str| escaped(report[name].as_str().unwrap_or_default());
    let body = format!(
        "<p>{}<p>{}<p><code>{}</code>",
        part("message"),
        part("hint"),
        part("code")
    );
    shown(status, page("That did not work", &body))
}

/// `GET /access`
pub async fn form() -> Response {
    let body = "<p>A token lets an agent in. It is shown once, and can be revoked with <code>tintype token revoke</code>.\
        <form method=post action=/access>\
        <label>Private key <input type=password name=key autocomplete=off required></label>\
        <label>For whom <input name=name maxlength=100 required></label>\
        <label>What it may do <select name=allow><option value=read>read<option value=write>read and write\
        <option value=destructive>read, write and destroy</select></label>\
        <label>Only in this folder (empty: the whole library) <input name=folder maxlength=1000></label>\
        <label>Days <input name=days type=number min=1 max=366 value=30></label>\
        <button>Make the token</button></form>";
    shown(StatusCode::OK, page("A token for an agent", body))
}

/// The form that makes a token.
#[derive(Deserialize)]
pub struct Wanted {
    key: String,
    name: String,
    allow: String,
    #[serde(default)]
    folder: String,
    days: u16,
}

/// `POST /access`
pub async fn create(State(door): State<Door>, form: Result<Form<Wanted>, FormRejection>) -> Response {
    let made = match form {
        Ok(Form(wanted)) => make_token(&door, wanted).await,
        Err(error) => Err(Refusal::wrong(error.body_text())),
    };
    match made {
        Ok(html) => shown(StatusCode::OK, html),
        Err(refusal) => refused(&refusal),
    }
}

async fn make_token(door: &Door, wanted: Wanted) -> Result<String, Refusal> {
    let person = door.person_with(&wanted.key).await?;
    let effects = match wanted.allow.as_str() {
        "read" => vec![Effect::Read],
        "write" => vec![Effect::Read, Effect::Write],
        "destructive" => vec![Effect::Read, Effect::Write, Effect::Destructive],
        _ => return Err(Refusal::wrong("allow: read, write or destructive")),
    };
    let folder = wanted.folder.trim();
    if !folder.is_empty() && !folder.starts_with('/') {
        return Err(Refusal::wrong("folder: begins with a slash"));
    }
    let grant = Grant {
        effects,
        folders: (!folder.is_empty()).then(|| folder.to_owned()).into_iter().collect(),
        ..Grant::default()
    };
    let life = Duration::days(wanted.days.max(1).into()).min(LONGEST_LIFE);
    let store = door.agents.store().await?;
    let made = store.create_token(wanted.name.trim(), &grant, life, &person, agents::now());
    let (token, secret) = made.await.map_err(CallError::from)?;
    let base = &door.agents.own().base;
    let body = format!(
        "<p>{} for {}, until {}. It is shown this once:<pre>{secret}</pre>\
         <h2>For the connector's command line</h2><pre>export OO_CONNECTOR_URL={base}\nexport OO_CONNECTOR_TOKEN={secret}</pre>\
         <h2>For an MCP client</h2><pre>{base}/mcp\nAuthorization: Bearer {secret}</pre>",
        escaped(&token.id),
        escaped(&token.name),
        token.expires_at.date(),
        secret = escaped(secret.expose_secret()),
        base = escaped(base),
    );
    Ok(page("The token", &body))
}

/// How a person comes to an approval.
#[derive(Deserialize)]
pub struct Asked {
    link: Option<String>,
    id: Option<String>,
}

/// `GET /access/approvals?link=` with what waits and two buttons; `?id=` asks for the private key first.
pub async fn approval(State(door): State<Door>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => return refused(&Refusal::wrong(error.body_text())),
    };
    match (asked.link, asked.id) {
        (Some(link), _) => match open(&door, &link).await {
            Ok(html) => shown(StatusCode::OK, html),
            Err(refusal) => refused(&refusal),
        },
        (None, Some(id)) => shown(StatusCode::OK, sign_in(&id.chars().take(50).collect::<String>())),
        (None, None) => refused(&Refusal::wrong("the address is not whole: link or id is missing")),
    }
}

async fn open(door: &Door, link: &str) -> Result<String, Refusal> {
    let (approval, _) = door.agents.store().await?.open_link(link, agents::now()).await?;
    Ok(decision(&approval, link))
}

/// A decision, or a key to be exchanged for a link.
#[derive(Deserialize)]
pub struct Decided {
    link: Option<String>,
    decision: Option<String>,
    reason: Option<String>,
    id: Option<String>,
    key: Option<String>,
}

/// `POST /access/approvals`: a decision by a link, or a private key that is exchanged for one.
pub async fn decide(State(door): State<Door>, form: Result<Form<Decided>, FormRejection>) -> Response {
    let decided = match form {
        Ok(Form(decided)) => decided,
        Err(error) => return refused(&Refusal::wrong(error.body_text())),
    };
    let outcome = match (decided.link, decided.id, decided.key) {
        (Some(link), ..) => carry_out(&door, &link, decided.decision.as_deref(), decided.reason).await,
        (None, Some(id), Some(key)) => exchange(&door, &id, &key).await,
        _ => Err(Refusal::wrong("the form is not whole")),
    };
    outcome.unwrap_or_else(|refusal| refused(&refusal))
}

/// A link of the person's own, so that the key is in no page.
async fn exchange(door: &Door, id: &str, key: &str) -> Result<Response, Refusal> {
    let person = door.person_with(key).await?;
    let store = door.agents.store().await?;
    let link = store
        .approval_link(id, &person, "whoever has the key", OWN_LINK, agents::now())
        .await?;
    let mut response = Redirect::to(&format!("/access/approvals?link={}", link.token)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn carry_out(
    door: &Door,
    link: &str,
    decision: Option<&str>,
    reason: Option<String>,
) -> Result<Response, Refusal> {
    let approve = match decision {
        Some("approve") => true,
        Some("deny") => false,
        _ => return Err(Refusal::wrong("decision: approve or deny")),
    };
    let (approval, person) = door.agents.store().await?.open_link(link, agents::now()).await?;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let answer = door.agents.decide(approval.id, approve, person, reason).await?;
    let html = match answer {
        Some(answer) => page(
            "Approved, and carried out",
            &format!("<pre>{}</pre>", pretty(answer.get("data").unwrap_or(&Value::Null))),
        ),
        None => page("Denied", "<p>Nothing was changed."),
    };
    Ok(shown(StatusCode::OK, html))
}
