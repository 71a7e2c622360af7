//! Secrets are planted, and then searched for wherever something comes out or stays.

use agent::{ACTIONS, Options};
use serde_json::{Value, json};
use time::Duration;

use crate::stage::{NOW, Stage, agent, operator};
use crate::world::{Fault, KEY};

const ORIGIN_SECRET: &str = "0rigin-s3cret";

#[tokio::test]
async fn a_planted_secret_is_found_nowhere() {
    let stage = Stage::free().await;
    let mut said = Vec::new();
    let echo = |v: &mut Value| v["name"] = json!(format!("got {KEY}"));
    stage
        .world
        .lock()
        .unwrap()
        .fault(|_, path| path.ends_with("details"), Fault::Drift(echo));
    let echoed = stage.call("get_file_details", json!({ "fileId": "f1" })).await.unwrap();
    assert_eq!(echoed.data["asset"]["name"], "got (secret)");
    said.push(format!("{echoed:?}"));
    let echo = |v: &mut Value| v["message"] = json!(format!("bad {KEY}"));
    stage
        .world
        .lock()
        .unwrap()
        .fault(|_, path| path.ends_with("details"), Fault::Drift(echo));
    // A caller who pastes what it must not know, as an input, a reason, a name.
    let options = Options {
        intent: Some(format!("with {KEY}")),
        client: Some(KEY.into()),
        ..Options::default()
    };
    let origin = json!({ "origin": { "type": "S3", "name": "New", "bucket": "b", "accessKey": "a", "secretKey": ORIGIN_SECRET } });
    said.push(format!(
        "{:?}",
        stage
            .call_with("create_origin", origin, &operator(), options.clone())
            .await
    ));
    said.push(format!(
        "{:?}",
        stage
            .call_with("list_assets", json!({ "name": KEY }), &operator(), options)
            .await
    ));
    for action in ACTIONS {
        let error = stage
            .call(action.name(), json!({ "fileId": KEY, "x": KEY }))
            .await
            .err();
        said.push(error.map(|e| format!("{}", e.report())).unwrap_or_default());
    }
    // Everything that waits or is kept for later.
    let keyed = Options {
        idempotency_key: Some(KEY.into()),
        ..Options::default()
    };
    said.push(format!(
        "{:?}",
        stage.call_with("list_assets", json!({}), &operator(), keyed).await
    ));
    let (token, secret) = stage
        .store
        .create_token("t", &agent::Grant::default(), Duration::days(1), &operator(), NOW)
        .await
        .unwrap();
    said.push(format!("{token:?} {secret:?}"));
    said.push(format!(
        "{:?} {:?}",
        stage.store,
        stage.store.connections().await.unwrap()
    ));
    let waiting = Stage::new().await;
    let asked = waiting
        .call_with(
            "delete_origin",
            json!({ "originId": "o1" }),
            &agent(),
            Options::default(),
        )
        .await;
    said.push(format!("{asked:?} {:?}", waiting.store.approvals(NOW).await.unwrap()));
    said.push(format!("{:?}", stage.records().await));
    // base64 of the key with a colon, as it goes over the wire
    let wire = "cHJpdmF0ZV9wbDRudGVkOg";
    for text in &said {
        // Field names that nobody knows are told back, values are not; the action's input is the caller's own.
        let text = text.replace("fileId: must be", "");
        assert!(
            !text.contains(KEY) && !text.contains(wire) && !text.contains(ORIGIN_SECRET),
            "{text}"
        );
    }
    // It did go to the library.
    let to_library = format!("{:?}", stage.world.lock().unwrap().asked);
    assert!(to_library.contains(ORIGIN_SECRET));
    // Nor is it in any file, in plain text.
    stage.store.close().await;
    waiting.store.close().await;
    use secrecy::ExposeSecret;
    for entry in [stage.directory.path(), waiting.directory.path()]
        .iter()
        .flat_map(|d| std::fs::read_dir(d).unwrap())
    {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for planted in [KEY, wire, ORIGIN_SECRET, secret.expose_secret()] {
            let found = bytes.windows(planted.len()).any(|window| window == planted.as_bytes());
            assert!(!found, "{planted} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn client_side_uploads_are_signed_without_the_key_leaving() {
    let stage = Stage::free().await;
    let answer = stage
        .call("get_authentication_parameters", json!({ "token": "t", "expireIn": 60 }))
        .await
        .unwrap();
    assert_eq!(answer.data["expire"], NOW.unix_timestamp() + 60);
    assert_eq!(answer.data["publicKey"], "public_x");
    assert_eq!(answer.data["signature"].as_str().unwrap().len(), 40);
    assert!(stage.asked().is_empty());
}
