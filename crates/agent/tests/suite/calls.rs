//! Calls that go as they should, those that are refused before anything is sent, and those that are made once.

use agent::{
    Answer, Call, Code, Decision, Effect, Grant, Kind, Layer, Limits, Options, Policy, Principal, Rule, Verification,
    Verify,
};
use bytes::Bytes;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::stage::{NOW, Stage, agent, always, free, operator};
use crate::world::Fault;

#[tokio::test]
async fn a_listing_is_typed_paged_cut_and_marked() {
    let stage = Stage::new().await;
    let page = stage
        .call("list_assets", json!({ "type": "all", "limit": 2 }))
        .await
        .unwrap();
    assert_eq!(page.data["assets"][0]["folderPath"], "/in");
    assert_eq!(page.data["nextSkip"], 2);
    assert_eq!(
        page.meta.untrusted,
        ["/assets/*/customMetadata", "/assets/*/folderPath", "/assets/*/name"]
    );
    assert_eq!(page.meta.request_ids, ["req-1"]);
    assert_eq!(page.meta.rate["limit"], 40);
    let options = Options {
        fields: vec!["fileId".into(), "size".into()],
        ..Options::default()
    };
    let narrow = stage
        .call_with("list_assets", json!({ "path": "/in" }), &operator(), options)
        .await
        .unwrap();
    assert_eq!(
        narrow.data,
        json!({ "assets": [{ "fileId": "f1", "size": 200 }, { "fileId": "f2", "size": 200 }], "nextCursor": null, "nextSkip": null })
    );
    let options = Options {
        fields: vec!["colour".into()],
        ..Options::default()
    };
    let wrong = stage
        .call_with("list_assets", json!({}), &operator(), options)
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidInput);
    // What does not fit is left out, and the next page begins with it.
    let small = Stage::with(
        free(),
        Limits {
            output_bytes: 1300,
            ..Limits::for_testing()
        },
    )
    .await;
    let page = small.call("list_assets", json!({})).await.unwrap();
    let kept = page.data["assets"].as_array().unwrap().len();
    assert_eq!(page.meta.left_out, Some(3 - kept));
    assert_eq!(page.data["nextSkip"], kept);
    assert!(page.data.to_string().len() <= 1300);
    let error = small
        .call(
            "get_usage_analytics",
            json!({ "startDate": "2026-01-01", "endDate": "2026-01-02" }),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::AnswerTooLarge);
}

#[tokio::test]
async fn names_of_other_catalogues_give_their_own_shapes() {
    let stage = Stage::new().await;
    let rows = stage
        .call(
            "IMAGEKIT_IO_LIST_AND_SEARCH_ASSETS",
            json!({ "path": "/in", "tags": "sea" }),
        )
        .await
        .unwrap();
    assert_eq!(rows.data[0]["fileId"], "f1");
    assert!(stage.asked()[0].contains("limit=1000") && stage.asked()[0].contains("tags=sea"));
    let file = stage
        .call("IMAGEKIT_IO_GET_FILE_DETAILS", json!({ "fileId": "f1" }))
        .await
        .unwrap();
    assert_eq!(file.data["filePath"], "/in/a.jpg");
    let same = stage
        .call("imagekit.get_file_details", json!({ "fileId": "f1" }))
        .await
        .unwrap();
    assert_eq!(same.data, json!({ "asset": file.data }));
    assert_eq!(same.meta.action, "get_file_details");
}

#[tokio::test]
async fn an_attached_file_is_uploaded_and_looked_up() {
    let stage = Stage::new().await;
    let call = Call {
        action: "upload_file".into(),
        input: json!({ "fileName": "n.bin", "folder": "/in" }),
        file: Some(Bytes::from_static(b"hello")),
        principal: operator(),
        at: NOW,
        options: Options::default(),
    };
    let answer = stage.pipeline.call(call).await.unwrap();
    assert_eq!(answer.data["size"], 5);
    let Verification::Verified { checks } = answer.meta.verification else {
        panic!()
    };
    assert!(checks.iter().any(|c| c.name == "size" && c.actual == 5));
    let records = stage.records().await;
    let last = records.last().unwrap();
    assert_eq!((&last["fileBytes"], &last["outcome"]), (&json!(5), &json!("done")));
    assert_eq!(stage.recorded().await, ["upload_file begun", "upload_file done"]);
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_sent_and_recorded() {
    let stage = Stage::new().await;
    let cases = [
        ("list_asset", json!({}), Code::UnknownAction),
        ("list_assets", json!({ "limit": 5000 }), Code::InvalidInput),
        ("upload_file", json!({ "fileName": "a" }), Code::InvalidInput),
        ("get_file_details", json!({ "fileId": "a/../b" }), Code::InvalidInput),
    ];
    for (action, input, code) in cases {
        assert_eq!(stage.call(action, input).await.unwrap_err().code(), code, "{action}");
    }
    let options = |o: Options| stage.call_with("list_assets", json!({}), Box::leak(Box::new(operator())), o);
    let pinned = options(Options {
        contract: Some("0".into()),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert_eq!(pinned.code(), Code::ContractChanged);
    let known = pinned.report()["fingerprint"].as_str().unwrap().to_owned();
    let nowhere = options(Options {
        connection: Some("other".into()),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert_eq!(nowhere.code(), Code::AppNotFound);
    assert!(stage.asked().is_empty() || stage.asked().len() == 1);
    options(Options {
        contract: Some(known),
        ..Options::default()
    })
    .await
    .unwrap();
    let refused = stage
        .recorded()
        .await
        .into_iter()
        .filter(|r| r.contains("refused"))
        .count();
    assert_eq!(refused, 6);
}

#[tokio::test]
async fn without_a_connection_the_way_to_one_is_said() {
    let stage = Stage::new().await;
    stage.store.disconnect("library", &operator(), NOW).await.unwrap();
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionRequired);
    assert_eq!(
        error.remedy(),
        [json!({ "command": "tintype connect <url>", "who": "person" })]
    );
    for name in ["one", "two"] {
        stage
            .store
            .connect(name, &stage.base, &"private_x".into(), None, &operator(), NOW)
            .await
            .unwrap();
    }
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionAmbiguous);
    // A key goes to the server that it was given for, and to no other under the same name.
    let moved = stage
        .store
        .connect(
            "one",
            "https://elsewhere.example",
            &"private_x".into(),
            None,
            &operator(),
            NOW,
        )
        .await;
    assert!(moved.is_err());
}

#[tokio::test]
async fn a_dry_run_tells_how_much_and_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.snapshot();
    let dry = Options {
        dry_run: true,
        ..Options::default()
    };
    let answer = stage
        .call_with(
            "delete_folder",
            json!({ "folderPath": "/pics" }),
            &operator(),
            dry.clone(),
        )
        .await
        .unwrap();
    let blast = &answer.data["blast"];
    let told = json!([
        blast["files"],
        blast["folders"],
        blast["bytes"],
        blast["reversible"],
        answer.data["policy"]["decision"]
    ]);
    assert_eq!(told, json!([1, 2, 200, true, "confirm"]));
    assert_eq!(blast["urls"], json!(["http://h/demo/pics/summer/c.jpg"]));
    let file = stage
        .call_with("delete_file", json!({ "fileId": "f1" }), &operator(), dry.clone())
        .await
        .unwrap();
    assert_eq!(file.data["blast"]["versions"], 2);
    assert_eq!(
        file.data["requests"],
        json!([{ "method": "DELETE", "path": "/v1/files/f1" }])
    );
    let nothing = stage
        .call_with("delete_file", json!({ "fileId": "nope" }), &operator(), dry)
        .await
        .unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    assert_eq!(stage.snapshot(), before);
    assert!(
        stage.asked().iter().all(|line| line.starts_with("GET ")),
        "{:?}",
        stage.asked()
    );
    assert!(
        stage
            .records()
            .await
            .iter()
            .filter(|r| r["outcome"] == "done")
            .all(|r| r["dryRun"] == true)
    );
}

#[tokio::test]
async fn rules_about_what_is_touched_are_asked_with_the_facts() {
    let rule = |value: Value| serde_json::from_value::<Rule>(value).unwrap();
    let policy = Policy::of(vec![Layer {
        name: "deployment".into(),
        rules: vec![
            rule(json!({ "decision": "deny", "tags": ["sun"], "effects": ["write", "destructive"] })),
            rule(json!({ "decision": "deny", "actions": ["delete_folder"], "at-least": 2 })),
            rule(json!({ "decision": "deny", "folders": ["/out"], "principals": ["agent"] })),
            always(Decision::Allow),
        ],
    }]);
    let stage = Stage::with(policy, Limits::for_testing()).await;
    let denied = stage
        .call("update_file_details", json!({ "fileId": "f3", "tags": [] }))
        .await
        .unwrap_err();
    assert_eq!(denied.code(), Code::PolicyDenied);
    assert_snapshot!(denied, @"update_file_details is not allowed here: deployment, rule 1");
    assert_eq!(denied.report()["policy"]["checks"][0]["layer"], "deployment");
    let denied = stage
        .call("delete_folder", json!({ "folderPath": "/pics" }))
        .await
        .unwrap_err();
    assert_eq!(denied.code(), Code::PolicyDenied);
    let to_out = json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" });
    let denied = stage
        .call_with("move_file", to_out.clone(), &agent(), Options::default())
        .await
        .unwrap_err();
    assert_eq!(denied.code(), Code::PolicyDenied);
    stage.call("move_file", to_out).await.unwrap();
    stage
        .call("delete_folder", json!({ "folderPath": "/out" }))
        .await
        .unwrap_err();
    stage.call("delete_file", json!({ "fileId": "f2" })).await.unwrap();
}

#[tokio::test]
async fn a_key_of_the_caller_makes_a_call_once() {
    let stage = Stage::free().await;
    let keyed = |key: &str| Options {
        idempotency_key: Some(key.into()),
        ..Options::default()
    };
    let upload = || json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" });
    let first = stage
        .call_with("upload_file", upload(), &operator(), keyed("a"))
        .await
        .unwrap();
    let again = stage
        .call_with("upload_file", upload(), &operator(), keyed("a"))
        .await
        .unwrap();
    assert!(again.meta.replayed && !first.meta.replayed);
    assert_eq!(
        (again.data, again.meta.execution_id),
        (first.data, first.meta.execution_id)
    );
    let posts = || stage.asked().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts(), 1);
    let other = json!({ "fileName": "m.txt", "contentBase64": "aGVsbG8=", "folder": "/in" });
    let reused = stage
        .call_with("upload_file", other, &operator(), keyed("a"))
        .await
        .unwrap_err();
    assert_eq!(reused.code(), Code::Conflict);
    // Somebody else's key of the same name is another key.
    stage
        .call_with("upload_file", upload(), &agent(), keyed("a"))
        .await
        .unwrap();
    assert_eq!(posts(), 2);
    // What changed nothing may be tried again; what may have changed something may not.
    stage
        .world
        .lock()
        .unwrap()
        .fault(|method, _| method == "POST", Fault::Answer(400, &[]));
    stage
        .call_with("upload_file", upload(), &operator(), keyed("b"))
        .await
        .unwrap_err();
    stage
        .call_with("upload_file", upload(), &operator(), keyed("b"))
        .await
        .unwrap();
    stage
        .world
        .lock()
        .unwrap()
        .fault(|method, _| method == "POST", Fault::LostBefore);
    let unknown = stage
        .call_with("upload_file", upload(), &operator(), keyed("c"))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::OutcomeUnknown);
    let posts_before = posts();
    let still = stage
        .call_with("upload_file", upload(), &operator(), keyed("c"))
        .await
        .unwrap_err();
    assert_eq!(still.code(), Code::OutcomeUnknown);
    assert_eq!(still.report()["replayed"], true);
    assert_eq!(posts(), posts_before);
}

#[tokio::test]
async fn many_at_once_with_one_key_are_one_call() {
    let stage = Stage::free().await;
    let calls = (0..20).map(|_| {
        let options = Options {
            idempotency_key: Some("k".into()),
            ..Options::default()
        };
        let input = json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=" });
        let stage = &stage;
        async move { stage.call_with("upload_file", input, &operator(), options).await }
    });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().any(Result::is_ok));
    assert!(
        answers
            .iter()
            .filter_map(|a| a.as_ref().err())
            .all(|e| e.code() == Code::Conflict && e.is_retryable())
    );
    assert_eq!(stage.asked().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_hundred_agents_lose_no_record_and_no_budget() {
    let stage = Stage::free().await;
    let principal = Principal {
        id: "agent:tok_b".into(),
        kind: Kind::Agent,
        grant: Some(Grant {
            effects: vec![Effect::Read],
            budgets: [(agent::Budget::CallsPerMinute, 60)].into(),
            ..Grant::default()
        }),
    };
    let calls = (0..100).map(|_| {
        stage.call_with(
            "get_file_details",
            json!({ "fileId": "f1" }),
            &principal,
            Options::default(),
        )
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 60);
    let refused: Vec<Code> = answers
        .iter()
        .filter_map(|a| a.as_ref().err())
        .map(|e| e.code())
        .collect();
    assert_eq!(refused, [Code::RateLimited; 40]);
    assert_eq!(stage.recorded().await.len(), 100);
    let chain = stage.store.verify_records().await.unwrap();
    assert_eq!((chain.records, chain.broken_at), (101, None));
    assert_eq!(stage.asked().len(), 60);
}

#[tokio::test]
async fn a_call_without_a_look_asks_once() {
    let stage = Stage::free().await;
    let options = Options {
        verify: Verify::None,
        ..Options::default()
    };
    let answer = stage
        .call_with(
            "update_file_details",
            json!({ "fileId": "f1", "tags": [] }),
            &operator(),
            options,
        )
        .await
        .unwrap();
    assert_eq!(answer.meta.verification, Verification::NotNeeded);
    assert_eq!(stage.asked(), ["PATCH /v1/files/f1/details"]);
}

#[tokio::test]
async fn pictures_that_look_alike_come_with_the_reason() {
    let stage = Stage::new().await;
    let why = |answer: &Answer, name: &str| -> Vec<Value> {
        let rows = answer.data["assets"].as_array().unwrap();
        rows.iter().map(|row| row[name].clone()).collect()
    };
    let similar = stage
        .call("find_similar_files", json!({ "fileId": "f1" }))
        .await
        .unwrap();
    assert_eq!(why(&similar, "distance"), [0, 1, 2]);
    assert_eq!(similar.meta.drift, []);
    let same = stage.call("find_duplicate_files", json!({})).await.unwrap();
    assert_eq!(why(&same, "content"), ["0", "1", "2"]);
    // A server that says it of some rows only says it of none.
    let page = stage.call("find_duplicate_files", json!({ "limit": 2 })).await.unwrap();
    assert_eq!(why(&page, "content"), [Value::Null, Value::Null]);
}
