//! The history of a file: what was done to it through actions, by whom, why and on whose word.

use agent::{Code, Effect, Grant, Options, Principal};
use serde_json::{Value, json};

use crate::stage::{NOW, Stage, agent, operator};

fn because(intent: &str) -> Options {
    Options {
        intent: Some(intent.to_owned()),
        client: Some("editor 1.0".to_owned()),
        ..Options::default()
    }
}

async fn history(stage: &Stage, file: &str) -> Vec<Value> {
    let answer = stage.call("get_file_history", json!({ "fileId": file })).await.unwrap();
    answer.data["calls"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_did_what_to_a_file_and_why_and_on_whose_word() {
    let stage = Stage::new().await;
    let tags = json!({ "fileIds": ["f1", "f2"], "tags": ["new"] });
    stage
        .call_with("bulk_add_tags", tags, &agent(), because("sort"))
        .await
        .unwrap();
    let look = json!({ "fileId": "f2" });
    stage
        .call_with("get_file_details", look.clone(), &agent(), because("look"))
        .await
        .unwrap();
    let dry = Options {
        dry_run: true,
        ..because("try")
    };
    stage
        .call_with("delete_file", look.clone(), &agent(), dry)
        .await
        .unwrap();
    let waits = stage
        .call_with("delete_file", look, &agent(), because("twice there"))
        .await
        .unwrap_err();
    let id = waits.report()["approval"]["id"].as_str().unwrap().to_owned();
    let decided = stage
        .pipeline
        .decide(&id, true, &operator(), Some("yes, twice"), NOW)
        .await;
    let deleted = decided.unwrap().unwrap();

    let calls = history(&stage, "f2").await;
    let told: Vec<(&str, &str)> = calls
        .iter()
        .map(|call| (call["action"].as_str().unwrap(), call["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("delete_file", "done"),
            ("delete_file", "waiting"),
            ("bulk_add_tags", "done")
        ]
    );
    let last = &calls[0];
    assert_eq!(last["executionId"], deleted["meta"]["executionId"]);
    assert_eq!(
        last["approval"],
        json!({ "id": id, "decidedBy": "operator:ann", "reason": "yes, twice" })
    );
    assert_eq!(
        (&last["principal"], &last["intent"], &last["verification"]),
        (&json!("agent:tok_1"), &json!("twice there"), &json!("verified"))
    );
    let marked = stage
        .call("get_file_history", json!({ "fileId": "f2" }))
        .await
        .unwrap()
        .meta
        .untrusted;
    assert_eq!(
        marked,
        ["/calls/*/approval/reason", "/calls/*/client", "/calls/*/intent"]
    );
    let first = &calls[2];
    assert_eq!(
        (&first["client"], &first["approval"]),
        (&json!("editor 1.0"), &Value::Null)
    );
    assert!(first["revisionBefore"].is_string() && first["revisionBefore"] != last["revisionBefore"]);

    // What takes a call back names it.
    let tags = json!({ "fileIds": ["f1"], "tags": ["wrong"] });
    let wrong = stage.call("bulk_add_tags", tags).await.unwrap().meta.execution_id;
    stage.pipeline.undo(&wrong, &operator(), NOW).await.unwrap();
    let calls = history(&stage, "f1").await;
    assert_eq!(calls[0]["undoes"], json!(wrong));
    assert_eq!((calls.len(), &calls[1]["executionId"]), (3, &json!(wrong)));
}

#[tokio::test]
async fn a_file_that_is_made_has_a_history_from_then_on_in_pages() {
    let stage = Stage::free().await;
    let upload = json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" });
    let made = stage
        .call_with("upload_file", upload, &agent(), because("asked to"))
        .await
        .unwrap();
    let file = made.data["fileId"].as_str().unwrap().to_owned();
    for tag in ["a", "b", "c"] {
        let input = json!({ "fileIds": [file], "tags": [tag] });
        stage.call("bulk_add_tags", input).await.unwrap();
    }
    let mut actions = Vec::new();
    let mut cursor = None;
    loop {
        let mut input = json!({ "fileId": file, "limit": 2 });
        if let Some(cursor) = cursor {
            input["cursor"] = cursor;
        }
        let page = stage.call("get_file_history", input).await.unwrap().data;
        actions.extend(
            page["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["action"].clone()),
        );
        if page["nextCursor"].is_null() {
            break;
        }
        cursor = Some(page["nextCursor"].clone());
    }
    assert_eq!(
        actions,
        ["bulk_add_tags", "bulk_add_tags", "bulk_add_tags", "upload_file"]
    );
    // Of another connection, an id is another file.
    assert_eq!(history(&stage, "f3").await.len(), 0);
}

#[tokio::test]
async fn the_history_of_a_file_is_for_those_who_may_see_the_file() {
    let stage = Stage::new().await;
    let who = Principal {
        grant: Some(Grant {
            effects: vec![Effect::Read],
            folders: vec!["/pics".into()],
            ..Grant::default()
        }),
        ..agent()
    };
    let ask = async |file: &str| {
        let input = json!({ "fileId": file });
        let said = stage
            .call_with("get_file_history", input, &who, Options::default())
            .await;
        said.map_err(|error| error.code())
    };
    assert!(ask("f3").await.is_ok());
    assert_eq!(ask("f1").await.unwrap_err(), Code::ScopeMissing);
}
