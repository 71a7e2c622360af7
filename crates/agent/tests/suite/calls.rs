//! Calls that go as they should, and those that are refused before anything is sent.

use agent::{Code, Effect, Outcome, Verification};
use insta::{assert_debug_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::play::{KEY, Stage, file, ok, status, uploaded};

fn checked(verification: &Verification) -> String {
    match verification {
        Verification::Verified { checks } => checks
            .iter()
            .map(|c| format!("{} {} {}", c.name, c.actual, c.ok))
            .collect::<Vec<_>>()
            .join("\n"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listing_is_typed_and_paged() {
    let folder = json!({
        "folderId": "1", "type": "folder", "name": "t", "folderPath": "/t", "customMetadata": {},
        "createdAt": "2026-01-02T03:00:00.000Z", "updatedAt": "2026-01-02T03:00:00.000Z"
    });
    let stage = Stage::new([ok(json!([folder, file()])), ok(json!([]))]).await;
    let page = stage
        .call("list_files", json!({ "type": "all", "limit": 2, "skip": 4 }))
        .await
        .unwrap();
    assert_eq!(page.output["files"][0]["filePath"], "/t/a.txt");
    assert_eq!(page.output["folders"][0]["folderPath"], "/t");
    assert_eq!(page.output["nextSkip"], 6);
    assert_eq!(page.proof.drift, []);
    assert_eq!(page.proof.request_ids, ["req-ok"]);
    assert_eq!(page.proof.verification, Verification::NotNeeded);
    let last = stage.list().await.unwrap();
    assert_eq!(last.output, json!({ "files": [], "folders": [], "nextSkip": null }));
    assert_eq!(
        stage.asked(),
        ["GET /v1/files?type=all&limit=2&skip=4", "GET /v1/files?limit=100"]
    );
}

#[tokio::test]
async fn an_upload_is_looked_up_afterwards() {
    let stage = Stage::new([ok(uploaded()), ok(file())]).await;
    let done = stage.upload().await.unwrap();
    assert_eq!(done.output["fileId"], "65f0c0ffee");
    assert_snapshot!(checked(&done.proof.verification), @r#"
    name "a.txt" true
    filePath "/t/a.txt" true
    size 5 true
    "#);
    assert_eq!(
        stage.asked(),
        ["POST /api/v1/files/upload", "GET /v1/files/65f0c0ffee/details"]
    );
    let request = &stage.requests()[0];
    assert!(request.contains("name=\"fileName\"\r\n\r\na.txt\r\n"), "{request}");
    assert!(
        request.contains("application/octet-stream\r\n\r\nhello\r\n"),
        "{request}"
    );
    assert_snapshot!(stage.recorded(), @r"
    upload_file Begun, 0 attempts
    upload_file Done, 1 attempts
    ");
    let records = stage.records.0.lock().unwrap();
    assert_eq!(records[0].id, records[1].id);
    assert_eq!(records[1].input["contentBase64"], "(8 characters)");
    assert_eq!(records[1].request_ids, ["req-ok", "req-ok"]);
    let line = serde_json::to_value(&records[1]).unwrap();
    assert_eq!(line["time"], "2026-11-21T08:00:00Z");
    assert_eq!(line["verification"]["status"], "verified");
}

#[tokio::test]
async fn a_deletion_needs_permission_and_is_looked_up_afterwards() {
    let stage = Stage::new([status(204, &[]), status(404, &[])]).await;
    let refused = stage.delete().await.unwrap_err();
    assert_eq!(refused.code(), Code::PolicyDenied);
    assert_snapshot!(refused, @"delete_file is a delete action, which is not allowed here");
    assert_eq!(stage.asked(), [""; 0]);
    let stage = stage.allow(Effect::Delete);
    let done = stage.delete().await.unwrap();
    assert_eq!(done.output, json!({ "deleted": true }));
    assert_snapshot!(checked(&done.proof.verification), @"status 404 true");
    assert_eq!(
        stage.asked(),
        ["DELETE /v1/files/65f0c0ffee", "GET /v1/files/65f0c0ffee/details"]
    );
    assert_snapshot!(stage.recorded(), @r"
    delete_file Refused PolicyDenied, 0 attempts
    delete_file Begun, 0 attempts
    delete_file Done, 1 attempts
    ");
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_sent_and_recorded() {
    let stage = Stage::new([]).await;
    let cases = [
        ("list_file", json!({}), Code::UnknownAction),
        ("list_files", json!({ "limit": 5000 }), Code::InvalidInput),
        ("upload_file", json!({ "fileName": "a" }), Code::InvalidInput),
        ("get_file_details", json!({ "fileId": "a/../b" }), Code::InvalidInput),
    ];
    for (action, input, code) in cases {
        assert_eq!(stage.call(action, input).await.unwrap_err().code(), code, "{action}");
    }
    assert_eq!(stage.asked(), [""; 0]);
    let records = stage.records.0.lock().unwrap();
    assert!(records.iter().all(|r| r.outcome == Outcome::Refused));
    assert_debug_snapshot!(records.iter().map(|r| r.input.to_string()).collect::<Vec<_>>(), @r#"
    [
        "null",
        "{\"limit\":5000}",
        "{\"fileName\":\"a\"}",
        "{\"fileId\":\"a/../b\"}",
    ]
    "#);
}

#[tokio::test]
async fn an_upload_that_is_too_large_for_memory_is_refused() {
    let mut stage = Stage::new([]).await;
    stage.pipeline.limits.file_bytes = 4;
    let refused = stage.upload().await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidInput);
    assert_eq!(stage.asked(), [""; 0]);
}

#[tokio::test]
async fn the_key_reaches_the_upstream_and_nobody_else() {
    let mut echo = file();
    echo["name"] = json!(format!("got {KEY}"));
    let refusal = crate::play::Play::Answer(400, &[], json!({ "message": format!("bad {KEY}") }).to_string());
    let stage = Stage::new([ok(echo), refusal]).await;
    let input = json!({ "fileId": "65f0c0ffee" });
    let done = stage.call("get_file_details", input.clone()).await.unwrap();
    assert_eq!(done.output["name"], "got (secret)");
    let error = stage.call("get_file_details", input).await.unwrap_err();
    assert_eq!(error.to_string(), "the upstream answered 400: bad (secret)");
    let pasted = stage.call("list_files", json!({ "name": KEY })).await.unwrap_err();
    assert_eq!(pasted.code(), Code::Refused);
    // base64 of the key and a colon
    let basic = "Basic cHJpdmF0ZV9wbDRudGVkOg==";
    assert!(stage.requests()[0].contains(basic), "{}", stage.requests()[0]);
    let records = serde_json::to_string(&*stage.records.0.lock().unwrap()).unwrap();
    let said = format!(
        "{done:?}{error:?}{}{records}",
        Value::String(error.report().to_string())
    );
    assert!(!said.contains(KEY) && !said.contains("cHJpdm"), "{said}");
}
