//! Calls that wait for somebody: bound to what was asked, decided by another, used once.

use agent::{ChangeSet, Code, Options, Planned, Principal, State};
use serde_json::{Value, json};
use time::Duration;

use crate::stage::{NOW, Stage, agent, operator};
use crate::world::Fault;

fn bob() -> Principal {
    Principal::operator("bob")
}

/// The id of the approval that the call waits for.
async fn asked(stage: &Stage, action: &str, input: Value) -> String {
    let error = stage
        .call_with(action, input, &agent(), Options::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::ApprovalRequired, "{error:?}");
    error.report()["approval"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_destroys_waits_and_is_carried_out_by_us_once() {
    let stage = Stage::new().await;
    let before = stage.snapshot();
    let id = asked(&stage, "delete_file", json!({ "fileId": "f2" })).await;
    assert_eq!(stage.snapshot(), before);
    // The same question is the same approval; an argument of the caller is none.
    assert_eq!(asked(&stage, "delete_file", json!({ "fileId": "f2" })).await, id);
    let pretend = json!({ "fileId": "f2", "approved": true });
    let error = stage
        .call_with("delete_file", pretend, &agent(), Options::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidInput);
    let shown = stage.store.approval(&id, &operator(), NOW).await.unwrap();
    assert_eq!(shown.state, State::Pending);
    assert_eq!(shown.request.blast["versions"], 2);
    assert_eq!(shown.request.blast["touches"][0]["path"], "/in/b.jpg");
    // An agent decides about nothing, least of all its own.
    for by in [
        agent(),
        Principal {
            id: "agent:other".into(),
            ..agent()
        },
    ] {
        let error = stage.pipeline.decide(&id, true, &by, None, NOW).await.unwrap_err();
        assert!(matches!(error.code(), Code::PolicyDenied | Code::NotFound), "{error:?}");
    }
    let answer = stage
        .pipeline
        .decide(&id, true, &operator(), Some("old"), NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer["data"], json!({ "deleted": true }));
    assert_eq!(answer["meta"]["approval"], json!(id));
    assert_eq!(answer["meta"]["verification"]["status"], "verified");
    assert!(!stage.world.lock().unwrap().files.contains_key("f2"));
    let again = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::Conflict);
    // Who asked sees how it ended; somebody else's agent does not.
    let kept = stage.store.approved_answer(&id, &agent(), NOW).await.unwrap().unwrap();
    assert_eq!(kept["data"], json!({ "deleted": true }));
    let stranger = Principal {
        id: "agent:other".into(),
        ..agent()
    };
    assert!(stage.store.approved_answer(&id, &stranger, NOW).await.is_err());
    let records = stage.records().await;
    let done = records.iter().find(|r| r["outcome"] == "done").unwrap();
    assert_eq!(
        (&done["principal"], &done["approval"]),
        (&json!("agent:tok_1"), &json!(id))
    );
    assert!(
        records
            .iter()
            .any(|r| r["event"] == "approved" && r["principal"] == "operator:ann")
    );
}

#[tokio::test]
async fn the_same_call_under_its_key_has_the_answer_afterwards() {
    let stage = Stage::new().await;
    let keyed = || Options {
        idempotency_key: Some("k".into()),
        ..Options::default()
    };
    let call =
        |name: &'static str| stage.call_with(name, json!({ "fileId": "f2" }), Box::leak(Box::new(agent())), keyed());
    let waits = call("IMAGEKIT_IO_DELETE_FILE").await.unwrap_err();
    let id = waits.report()["approval"]["id"].as_str().unwrap().to_owned();
    assert_eq!(call("delete_file").await.unwrap_err().code(), Code::ApprovalRequired);
    stage.pipeline.decide(&id, true, &operator(), None, NOW).await.unwrap();
    let answer = call("delete_file").await.unwrap();
    assert!(answer.meta.replayed);
    assert_eq!(answer.meta.approval.as_deref(), Some(id.as_str()));
    assert_eq!(answer.data, json!({ "deleted": true }));
    // Each name gives its own shape of it.
    assert_eq!(call("IMAGEKIT_IO_DELETE_FILE").await.unwrap().data, json!({}));
}

#[tokio::test]
async fn nobody_approves_their_own() {
    let stage = Stage::new().await;
    let error = stage.call("delete_file", json!({ "fileId": "f2" })).await.unwrap_err();
    let id = error.report()["approval"]["id"].as_str().unwrap().to_owned();
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PolicyDenied);
    stage.pipeline.decide(&id, true, &bob(), None, NOW).await.unwrap();
}

#[tokio::test]
async fn an_approval_holds_for_what_was_seen_only() {
    let stage = Stage::new().await;
    let id = asked(&stage, "delete_file", json!({ "fileId": "f1" })).await;
    stage
        .call("bulk_add_tags", json!({ "fileIds": ["f1"], "tags": ["keep"] }))
        .await
        .unwrap();
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    assert!(stage.world.lock().unwrap().files.contains_key("f1"));
    assert_eq!(
        stage.store.approval(&id, &operator(), NOW).await.unwrap().state,
        State::Failed
    );
    // A folder is what lies in it.
    let id = asked(&stage, "delete_folder", json!({ "folderPath": "/pics" })).await;
    let new = json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/pics" });
    stage.call("upload_file", new).await.unwrap();
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    // Asked anew, it is about what is there now.
    let id = asked(&stage, "delete_folder", json!({ "folderPath": "/pics" })).await;
    stage.pipeline.decide(&id, true, &operator(), None, NOW).await.unwrap();
    assert!(!stage.world.lock().unwrap().folders.contains("/pics"));
}

#[tokio::test]
async fn a_denied_and_a_late_one_are_not_carried_out() {
    let stage = Stage::new().await;
    let before = stage.snapshot();
    let id = asked(&stage, "delete_file", json!({ "fileId": "f1" })).await;
    assert_eq!(
        stage
            .pipeline
            .decide(&id, false, &operator(), Some("no"), NOW)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        stage.store.approval(&id, &operator(), NOW).await.unwrap().state,
        State::Denied
    );
    let id = asked(&stage, "delete_file", json!({ "fileId": "f2" })).await;
    let late = NOW + Duration::hours(25);
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, late)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(
        stage.store.approval(&id, &operator(), late).await.unwrap().state,
        State::Expired
    );
    assert_eq!(stage.snapshot(), before);
}

#[tokio::test]
async fn two_who_approve_at_once_carry_it_out_once() {
    let stage = Stage::new().await;
    let id = asked(&stage, "delete_file", json!({ "fileId": "f2" })).await;
    let (ann, bob) = (operator(), bob());
    let (one, other) = tokio::join!(
        stage.pipeline.decide(&id, true, &ann, None, NOW),
        stage.pipeline.decide(&id, true, &bob, None, NOW)
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert_eq!(
        stage.asked().iter().filter(|line| line.starts_with("DELETE")).count(),
        1
    );
}

fn planned(action: &str, input: Value) -> Planned {
    Planned {
        action: action.into(),
        input,
    }
}

fn set(calls: Vec<Planned>, dry_run: bool) -> ChangeSet {
    ChangeSet {
        calls,
        principal: agent(),
        at: NOW,
        options: Options {
            dry_run,
            ..Options::default()
        },
    }
}

#[tokio::test]
async fn a_change_set_is_looked_at_agreed_to_and_made_as_one() {
    let stage = Stage::new().await;
    let before = stage.snapshot();
    let calls = || {
        vec![
            planned("bulk_add_tags", json!({ "fileIds": ["f1"], "tags": ["done"] })),
            planned(
                "move_file",
                json!({ "sourceFilePath": "/in/b.jpg", "destinationPath": "/out" }),
            ),
            planned("delete_file", json!({ "fileId": "f3" })),
        ]
    };
    let preview = stage.pipeline.apply(set(calls(), true)).await.unwrap();
    assert_eq!(preview["data"]["decision"], "confirm");
    assert_eq!(preview["data"]["calls"][2]["blast"]["versions"], 2);
    assert_eq!(stage.snapshot(), before);
    let error = stage.pipeline.apply(set(calls(), false)).await.unwrap_err();
    let id = error.report()["approval"]["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.snapshot(), before);
    let answer = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer["data"]["calls"].as_array().unwrap().len(), 3);
    let world = stage.world.lock().unwrap();
    assert!(!world.files.contains_key("f3"));
    assert_eq!(world.files["f2"].path, "/out/b.jpg");
}

#[tokio::test]
async fn a_change_set_that_fails_is_put_back() {
    let stage = Stage::new().await;
    let before = stage.snapshot();
    stage.world.lock().unwrap().fault(
        |method, path| method == "PUT" && path.ends_with("rename"),
        Fault::Answer(409, &[]),
    );
    let calls = vec![
        planned("bulk_add_tags", json!({ "fileIds": ["f1", "f2"], "tags": ["done"] })),
        planned(
            "upload_file",
            json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" }),
        ),
        planned(
            "rename_file",
            json!({ "filePath": "/in/a.jpg", "newFileName": "b2.jpg" }),
        ),
    ];
    let error = stage.pipeline.apply(set(calls, false)).await.unwrap_err();
    assert_eq!(error.code(), Code::RolledBack);
    let report = error.report();
    assert_eq!(report["cause"]["code"], "conflict");
    assert_eq!(report["rollback"]["undone"].as_array().unwrap().len(), 2);
    assert_eq!(stage.snapshot(), before);
    let with_read = vec![planned("list_assets", json!({}))];
    assert_eq!(
        stage.pipeline.apply(set(with_read, true)).await.unwrap_err().code(),
        Code::InvalidInput
    );
}

#[tokio::test]
async fn a_link_decides_for_whom_it_was_made_until_it_expires() {
    let stage = Stage::new().await;
    let id = asked(&stage, "delete_file", json!({ "fileId": "f2" })).await;
    let hour = Duration::hours(1);
    let make =
        async |by: &Principal, name: &str, life: Duration| stage.store.approval_link(&id, by, name, life, NOW).await;
    // Neither who asked nor any other agent, nor for nobody, nor for longer than the approval lives.
    for (by, name, life, code) in [
        (agent(), "Bob", hour, Code::PolicyDenied),
        (operator(), " ", hour, Code::InvalidInput),
        (operator(), "Bob", Duration::hours(25), Code::InvalidInput),
        (operator(), "Bob", Duration::ZERO, Code::InvalidInput),
    ] {
        assert_eq!(make(&by, name, life).await.unwrap_err().code(), code, "{name} {life}");
    }
    let link = make(&operator(), "Bob", hour).await.unwrap();
    assert_eq!(link.expires_at, NOW + hour);
    for (token, at) in [
        (link.token.clone(), NOW + hour),
        (format!("{}A", link.token), NOW),
        (format!("A{}", link.token), NOW),
        ("nothing".to_owned(), NOW),
    ] {
        assert_eq!(
            stage.store.open_link(&token, at).await.unwrap_err().code(),
            Code::NotFound,
            "{token}"
        );
    }
    let (approval, person) = stage.store.open_link(&link.token, NOW).await.unwrap();
    assert_eq!(
        (approval.id.as_str(), person.id.as_str()),
        (id.as_str(), "person:Bob (by link of operator:ann)")
    );
    stage.pipeline.decide(&id, true, &person, None, NOW).await.unwrap();
    let again = stage.pipeline.decide(&id, false, &person, None, NOW).await.unwrap_err();
    assert_eq!(again.code(), Code::Conflict);
    assert_eq!(make(&operator(), "Bob", hour).await.unwrap_err().code(), Code::Conflict);
}

#[tokio::test]
async fn an_approved_change_set_holds_for_everything_that_was_seen() {
    let stage = Stage::new().await;
    let ids: Vec<String> = (0..40).map(|n| format!("m{n:02}")).collect();
    for id in &ids {
        stage
            .world
            .lock()
            .unwrap()
            .put(id, &format!("/out/{id}.jpg"), Value::Null);
    }
    let calls = || {
        vec![
            planned("bulk_add_tags", json!({ "fileIds": ids, "tags": ["done"] })),
            planned("delete_file", json!({ "fileId": "f3" })),
        ]
    };
    let ask = async || {
        let error = stage.pipeline.apply(set(calls(), false)).await.unwrap_err();
        error.report()["approval"]["id"].as_str().unwrap().to_owned()
    };
    let id = ask().await;
    stage
        .call("bulk_add_tags", json!({ "fileIds": ["m39"], "tags": ["keep"] }))
        .await
        .unwrap();
    let before = stage.snapshot();
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    assert_eq!(stage.snapshot(), before);
    let id = ask().await;
    stage.pipeline.decide(&id, true, &operator(), None, NOW).await.unwrap();
    assert!(!stage.world.lock().unwrap().files.contains_key("f3"));
}

#[tokio::test]
async fn a_change_set_is_made_once_under_its_key() {
    let keyed = |calls| {
        let mut set = set(calls, false);
        // The longest key that there is.
        set.options.idempotency_key = Some("k".repeat(255));
        set
    };
    let upload = |name: &str| json!({ "fileName": name, "contentBase64": "aGVsbG8=", "folder": "/in" });
    let calls = || {
        vec![
            planned("upload_file", upload("n.txt")),
            planned("upload_file", upload("m.txt")),
        ]
    };
    let stage = Stage::new().await;
    let first = stage.pipeline.apply(keyed(calls())).await.unwrap();
    let after = stage.snapshot();
    let again = stage.pipeline.apply(keyed(calls())).await.unwrap();
    assert_eq!(again["meta"]["replayed"], true);
    assert_eq!(again["data"], first["data"]);
    assert_eq!(stage.snapshot(), after);
    let other = stage.pipeline.apply(keyed(calls()[..1].to_vec())).await.unwrap_err();
    assert_eq!(other.code(), Code::Conflict);
    // One that waits has its answer under the key afterwards.
    let stage = Stage::new().await;
    let calls = || {
        vec![
            planned("upload_file", upload("n.txt")),
            planned("delete_file", json!({ "fileId": "f3" })),
        ]
    };
    let error = stage.pipeline.apply(keyed(calls())).await.unwrap_err();
    let id = error.report()["approval"]["id"].as_str().unwrap().to_owned();
    stage.pipeline.decide(&id, true, &operator(), None, NOW).await.unwrap();
    let after = stage.snapshot();
    let again = stage.pipeline.apply(keyed(calls())).await.unwrap();
    assert_eq!(again["meta"], json!({ "approval": id, "replayed": true }));
    assert_eq!(stage.snapshot(), after);
}

#[tokio::test]
async fn the_code_of_a_change_set_says_what_became_of_all_of_it() {
    let refused = |status| {
        (
            (|method: &str, path: &str| method == "PUT" && path.ends_with("rename")) as crate::world::On,
            Fault::Answer(status, &[]),
        )
    };
    let rename = || {
        planned(
            "rename_file",
            json!({ "filePath": "/in/a.jpg", "newFileName": "z.jpg" }),
        )
    };
    let untag = || planned("bulk_remove_ai_tags", json!({ "fileIds": ["f1"], "AITags": ["boat"] }));
    let tag = || planned("bulk_add_tags", json!({ "fileIds": ["f1"], "tags": ["new"] }));
    let unknown = || planned("bulk_add_tags", json!({ "fileIds": ["nobody"], "tags": ["new"] }));
    // calls, answer to the rename, code, how many were put back, how many left
    for (calls, status, code, undone, left) in [
        (vec![tag(), unknown()], 409, Code::NotFound, 0, 0),
        (vec![rename(), tag()], 409, Code::Conflict, 0, 0),
        (vec![rename(), tag()], 429, Code::RateLimited, 0, 0),
        (vec![tag(), rename()], 429, Code::RolledBack, 1, 0),
        (vec![untag(), tag(), rename()], 429, Code::RolledBack, 1, 1),
    ] {
        let stage = Stage::free().await;
        for _ in 0..3 {
            let (on, fault) = refused(status);
            stage.world.lock().unwrap().fault(on, fault);
        }
        let error = stage.pipeline.apply(set(calls, false)).await.unwrap_err();
        let report = error.report();
        assert_eq!(error.code(), code, "{report}");
        assert_eq!(
            report["rollback"]["undone"].as_array().unwrap().len(),
            undone,
            "{report}"
        );
        assert_eq!(report["rollback"]["left"].as_array().unwrap().len(), left, "{report}");
        // To be made again as a whole only if nothing of it is there.
        assert_eq!(error.is_retryable(), code == Code::RateLimited, "{report}");
    }
}

#[tokio::test]
async fn what_a_change_set_shows_to_who_approves_holds_no_secrets() {
    let stage = Stage::new().await;
    let planted = crate::world::KEY;
    let calls = vec![
        planned("bulk_add_tags", json!({ "fileIds": ["f1"], "tags": [planted] })),
        planned("delete_file", json!({ "fileId": "f3" })),
    ];
    stage.pipeline.apply(set(calls, false)).await.unwrap_err();
    let shown = format!("{:?}", stage.store.approvals(NOW).await.unwrap());
    assert!(shown.contains("bulk_add_tags") && !shown.contains(planted), "{shown}");
}

#[tokio::test]
async fn a_change_set_that_is_cancelled_goes_no_further_and_is_put_back() {
    let stage = Stage::free().await;
    let before = stage.snapshot();
    let line = agent::Line::default();
    let set = |line: &agent::Line| ChangeSet {
        calls: ["f1", "f2", "f3"]
            .map(|file| Planned {
                action: "bulk_add_tags".into(),
                input: json!({ "fileIds": [file], "tags": ["x"] }),
            })
            .into(),
        principal: operator(),
        at: NOW,
        options: Options {
            line: Some(line.clone()),
            ..Options::default()
        },
    };
    let mut told = line.hear();
    let cancels = async {
        told.changed().await.unwrap();
        assert_eq!(*told.borrow(), "1 of 3 done: bulk_add_tags");
        line.cancel();
    };
    let (made, ()) = tokio::join!(stage.pipeline.apply(set(&line)), cancels);
    let error = made.unwrap_err();
    assert_eq!(error.code(), Code::RolledBack);
    assert_eq!(error.report()["rollback"]["left"], json!([]));
    assert_eq!(stage.snapshot(), before);
    // What nobody wants is not begun.
    let error = stage.pipeline.apply(set(&line)).await.unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert_eq!(stage.snapshot(), before);
}
