//! `/access/uploads`: where a file comes in by a link. Whoever has the link needs no key; what the link is for, the agent
//! side knows.

use std::time::Duration;

use agent::{Arrived, CallError, UploadLink};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::access::{refused, shown};
use super::{Door, Read, Refusal, envelope};
use crate::agents;
use crate::agents::approval_page::{escaped, page};
use crate::app::media_type::{HEAD_BYTES, detect};

/// Files that are taken in at once; more wait, and are refused in the end.
pub const AT_ONCE: usize = 4;
/// How long a file may take to come.
const LONGEST: Duration = Duration::from_secs(600);
/// How long one may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a form has around its file.
const AROUND: u64 = 64 << 10;

/// The link, and what whoever has it says of the file.
#[derive(Deserialize)]
pub struct Asked {
    link: String,
    #[serde(rename = "fileName")]
    file_name: Option<String>,
}

/// `GET /access/uploads?link=`: a form for people.
pub async fn form(State(door): State<Door>, asked: Result<Read<Query<Asked>>, Refusal>) -> Response {
    let page = async {
        let Read(Query(asked)) = asked?;
        let link = opened(&door, &asked.link).await?;
        Ok(form_for(&link, &asked.link))
    };
    match page.await {
        Ok(page) => shown(StatusCode::OK, page),
        Err(refusal) => refused(&refusal),
    }
}

async fn opened(door: &Door, secret: &str) -> Result<UploadLink, Refusal> {
    let store = door.agents.store().await?;
    Ok(store.open_upload_link(secret, agents::now()).await?)
}

fn form_for(link: &UploadLink, secret: &str) -> String {
    let what = link.media_types.as_ref().map(|types| types.join(","));
    let accept = what
        .as_ref()
        .map(|what| format!(" accept=\"{}\"", escaped(what)))
        .unwrap_or_default();
    let name = link
        .file_name()
        .map(|name| format!(" as {}", escaped(name)))
        .unwrap_or_default();
    page(
        "Upload a file",
        &format!(
            "<p>One file, of at most {} bytes, goes into {}{name}. The link works once, until {}.\
             <form method=post action=\"/access/uploads?link={}\" enctype=multipart/form-data>\
             <label>The file <input type=file name=file required{accept}></label><button>Upload</button></form>",
            link.max_bytes,
            escaped(link.folder()),
            link.expires_at,
            escaped(secret),
        ),
    )
}

/// `PUT /access/uploads?link=&fileName=`: the bytes as the body, for programs.
pub async fn put(
    State(door): State<Door>,
    Read(Query(asked)): Read<Query<Asked>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let link = opened(&door, &asked.link).await?;
    let _place = place(&door).await?;
    refuse_length(&headers, link.max_bytes)?;
    let bytes = in_time(collected(body.into_data_stream(), link.max_bytes)).await?;
    let answer = store(&door, link, bytes, asked.file_name, &headers).await?;
    Ok((StatusCode::CREATED, envelope(answer, json!({}))).into_response())
}

/// `POST /access/uploads?link=`: a form with the field `file`, for browsers.
pub async fn post(
    State(door): State<Door>,
    asked: Result<Read<Query<Asked>>, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let path = async {
        let Read(Query(asked)) = asked?;
        from_form(&door, &asked, &headers, body).await
    };
    match path.await {
        Ok(path) => shown(
            StatusCode::CREATED,
            page(
                "The file is there",
                &format!("<p>It is {} now. You can close this page.", escaped(&path)),
            ),
        ),
        Err(refusal) => refused(&refusal),
    }
}

async fn from_form(door: &Door, asked: &Asked, headers: &HeaderMap, body: Body) -> Result<String, Refusal> {
    let link = opened(door, &asked.link).await?;
    let _place = place(door).await?;
    refuse_length(headers, link.max_bytes + AROUND)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
    let boundary = boundary.ok_or_else(|| Refusal::wrong("the form is multipart/form-data"))?;
    let (bytes, name) = in_time(file_of(body, boundary, link.max_bytes)).await?;
    let answer = store(door, link, bytes, name, headers).await?;
    Ok(answer["filePath"].as_str().unwrap_or_default().to_owned())
}

/// The bytes of the form's file, and its name.
async fn file_of(body: Body, boundary: String, most: u64) -> Result<(Bytes, Option<String>), Refusal> {
    let broken = |error: multer::Error| Refusal::wrong(format!("the form can't be read: {error}"));
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            let name = field.file_name().map(str::to_owned);
            return Ok((collected(field, most).await?, name));
        }
    }
    Err(Refusal::wrong("the form has no field `file`"))
}

async fn store(
    door: &Door,
    link: UploadLink,
    bytes: Bytes,
    name: Option<String>,
    headers: &HeaderMap,
) -> Result<serde_json::Value, Refusal> {
    // The last part of a path, as some browsers give it.
    let name = name.map(|name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
    let called = link
        .file_name()
        .map(str::to_owned)
        .or_else(|| name.clone())
        .unwrap_or_default();
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let arrived = Arrived {
        media_type: detect(&bytes[..bytes.len().min(HEAD_BYTES)], &called),
        client: client.map(str::to_owned),
        file_name: name,
        bytes,
    };
    Ok(door.agents.upload_by_link(link, arrived).await?.data)
}

async fn place(door: &Door) -> Result<SemaphorePermit<'_>, Refusal> {
    match timeout(PATIENCE, door.uploads.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(CallError::TooFast(Duration::from_secs(5)).into()),
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    timeout(LONGEST, work)
        .await
        .unwrap_or_else(|_| Err(Refusal::wrong("the file took too long to come")))
}

fn refuse_length(headers: &HeaderMap, most: u64) -> Result<(), Refusal> {
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match told {
        Some(told) if told > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

fn too_large(most: u64) -> Refusal {
    CallError::NotTaken {
        wanted: format!("1 to {most} bytes"),
        found: "more".to_owned(),
    }
    .into()
}

async fn collected<E: std::fmt::Display>(
    stream: impl futures::Stream<Item = Result<Bytes, E>>,
    most: u64,
) -> Result<Bytes, Refusal> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Refusal::wrong(format!("the file did not come whole: {error}")))?;
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
