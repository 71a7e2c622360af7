//! A server that gives the answers of a script, one connection each, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::{
    Audit, AuditError, Call, CallError, CallRecord, CallResult, Credential, Effect, Limits, Pipeline, Policy, Upstream,
};
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const KEY: &str = "private_pl4nted";

/// One line of the script.
#[derive(Clone)]
pub enum Play {
    /// Status, headers, body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// The connection is closed without an answer.
    HangUp,
    /// Announces more bytes than come.
    CutShort(&'static str),
    /// Says nothing.
    Silence,
}

pub fn ok(body: Value) -> Play {
    Play::Answer(200, &[("x-ik-requestid", "req-ok")], body.to_string())
}

pub fn status(status: u16, headers: &'static [(&'static str, &'static str)]) -> Play {
    Play::Answer(
        status,
        headers,
        json!({ "message": format!("played {status}") }).to_string(),
    )
}

/// A file as the API answers with it.
pub fn file() -> Value {
    json!({
        "type": "file", "name": "a.txt", "fileId": "65f0c0ffee", "filePath": "/t/a.txt", "tags": null, "AITags": null,
        "versionInfo": { "id": "65f0c0ffee", "name": "Version 1" }, "embeddedMetadata": null, "isPublished": true,
        "customCoordinates": null, "customMetadata": {}, "isPrivateFile": false, "url": "http://h/demo/t/a.txt",
        "thumbnail": "http://h/demo/t/a.txt?tr=n-ik_ml_thumbnail", "fileType": "non-image", "size": 5,
        "mime": "text/plain", "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z"
    })
}

/// The answer to its upload.
pub fn uploaded() -> Value {
    json!({
        "fileId": "65f0c0ffee", "name": "a.txt", "size": 5, "versionInfo": { "id": "65f0c0ffee", "name": "Version 1" },
        "filePath": "/t/a.txt", "url": "http://h/demo/t/a.txt", "fileType": "non-image", "AITags": null
    })
}

#[derive(Default)]
pub struct Records(pub Mutex<Vec<CallRecord>>);

impl Audit for Records {
    fn record(&self, record: &CallRecord) -> Result<(), AuditError> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

/// A pipeline and the server that it talks to.
pub struct Stage {
    pub pipeline: Pipeline,
    pub records: Arc<Records>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    /// After the script every request is answered with 418, which fails whatever test runs into it.
    pub async fn new(script: impl IntoIterator<Item = Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut script: VecDeque<Play> = script.into_iter().collect();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let play = script.pop_front().unwrap_or_else(|| status(418, &[]));
                tokio::spawn(play_one(stream, play, Arc::clone(&seen)));
            }
        });
        let records = Arc::new(Records::default());
        let limits = Limits::for_testing();
        let transport = agent::network(&limits).unwrap();
        let pipeline = Pipeline {
            upstream: Upstream::new(&base, transport).unwrap(),
            credential: Credential::private_key(KEY.to_owned().into()),
            policy: Policy::default(),
            audit: Arc::clone(&records) as Arc<dyn Audit>,
            limits,
        };
        Self {
            pipeline,
            records,
            asked,
        }
    }

    pub fn allow(mut self, effect: Effect) -> Self {
        self.pipeline.policy.allow.insert(effect);
        self
    }

    pub async fn call(&self, action: &str, input: Value) -> Result<CallResult, CallError> {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: "test".to_owned(),
            at: datetime!(2026-11-21 08:00 UTC),
        };
        self.pipeline.call(call).await
    }

    pub async fn upload(&self) -> Result<CallResult, CallError> {
        let input = json!({ "fileName": "a.txt", "contentBase64": "aGVsbG8=", "folder": "/t" });
        self.call("upload_file", input).await
    }

    pub async fn list(&self) -> Result<CallResult, CallError> {
        self.call("list_files", json!({})).await
    }

    pub async fn delete(&self) -> Result<CallResult, CallError> {
        self.call("delete_file", json!({ "fileId": "65f0c0ffee" })).await
    }

    /// First lines of the requests that came.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|request| request.lines().next().unwrap_or_default().replace(" HTTP/1.1", ""))
            .collect()
    }

    /// The requests that came, whole.
    pub fn requests(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Outcome and code of each record.
    pub fn recorded(&self) -> String {
        let records = self.records.0.lock().unwrap();
        let lines = records.iter().map(|r| {
            let code = r.code.map(|code| format!(" {code:?}")).unwrap_or_default();
            format!("{} {:?}{code}, {} attempts", r.action, r.outcome, r.attempts)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

async fn play_one(mut stream: TcpStream, play: Play, seen: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    let text = match play {
        Play::HangUp => return,
        Play::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return;
        }
        Play::CutShort(body) => format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{body}"),
        Play::Answer(status, headers, body) => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let body = if status == 204 { String::new() } else { body };
            format!(
                "HTTP/1.1 {status} Played\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
                body.len()
            )
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Reads the head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
