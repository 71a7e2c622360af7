//! What the pipeline adds to a call, in process. Prints and asserts nothing, because times depend on the machine:
//! `cargo test --release -p agent --test pipeline overhead -- --ignored --nocapture`.
#![allow(clippy::print_stdout)] // printing is its work

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{
    Call, Connection, Connections, Credential, Limits, MasterKey, OWN, Options, Pipeline, Policy, Principal, Store,
    Transport, Upstream, Verify,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use time::OffsetDateTime;
use tower::ServiceExt;

const CALLS: usize = 2000;

const FILE: &str = r#"{"type":"file","name":"a.jpg","fileId":"f1","filePath":"/a.jpg","tags":["sea"],"AITags":null,
    "versionInfo":{"id":"f1","name":"Version 1"},"embeddedMetadata":null,"isPublished":true,"customCoordinates":null,
    "customMetadata":{},"isPrivateFile":false,"url":"http://h/a.jpg","thumbnail":"http://h/a.jpg?tr=x","fileType":"image",
    "size":5,"mime":"image/jpeg","createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-01-02T03:04:05.678Z"}"#;

#[tokio::test]
#[ignore = "prints times"]
async fn overhead() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let key = MasterKey::File(directory.path().join("vault.key"));
    let store = Arc::new(Store::open(&directory.path().join("agent.db"), key).await?);
    let answer = |_: Request<Bytes>| async { Ok(Response::new(Bytes::from_static(FILE.as_bytes()))) };
    let transport = Transport::new(tower::service_fn(answer));
    let upstream = Upstream::new("http://library", transport.clone())?;
    let own = Connection::with_key(OWN, upstream, Credential::private_key("private_x".into()), None);
    let connections = Connections::new(Some(own), Arc::clone(&store), transport.clone());
    let pipeline = Pipeline::new(connections, Policy::default(), store, Limits::default());

    let mut bare = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        let request = Request::builder()
            .uri("http://library/v1/files/f1/details")
            .body(Bytes::new())?;
        let answer = transport.clone().oneshot(request).await?;
        let _: serde_json::Value = serde_json::from_slice(answer.body())?;
        bare.push(begun.elapsed());
    }
    println!("bare call: {:?} at the median", median(&mut bare));
    let cases = [
        ("read", "get_file_details", json!({ "fileId": "f1" }), Verify::Fast),
        (
            "write without read-back",
            "update_file_details",
            json!({ "fileId": "f1", "tags": ["sea"] }),
            Verify::None,
        ),
        (
            "write with read-back",
            "update_file_details",
            json!({ "fileId": "f1", "tags": ["sea"] }),
            Verify::Fast,
        ),
    ];
    for (name, action, input, verify) in cases {
        let mut all = Vec::new();
        for _ in 0..CALLS {
            let call = Call {
                action: action.to_owned(),
                input: input.clone(),
                file: None,
                principal: Principal::operator("overhead"),
                at: OffsetDateTime::now_utc(),
                options: Options {
                    verify,
                    ..Options::default()
                },
            };
            let begun = Instant::now();
            pipeline.call(call).await?;
            all.push(begun.elapsed());
        }
        println!("{name}: {:?} at the median", median(&mut all));
    }
    Ok(())
}

fn median(all: &mut [Duration]) -> Duration {
    all.sort();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
