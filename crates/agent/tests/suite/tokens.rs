//! Tokens: shown once, narrow, counted, revocable.

use agent::{Budget, Code, Effect, Grant, Options, Principal};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use time::Duration;

use crate::stage::{NOW, Stage, operator};

async fn principal(stage: &Stage, grant: &Grant) -> Principal {
    let (_, secret) = stage
        .store
        .create_token("test", grant, Duration::days(1), &operator(), NOW)
        .await
        .unwrap();
    stage.store.authenticate(&secret, NOW).await.unwrap()
}

fn writes() -> Grant {
    Grant {
        effects: vec![Effect::Read, Effect::Write, Effect::Destructive],
        ..Grant::default()
    }
}

#[tokio::test]
async fn a_token_lets_in_until_it_ends() {
    let stage = Stage::new().await;
    let (token, secret) = stage
        .store
        .create_token("ci", &Grant::default(), Duration::days(1), &operator(), NOW)
        .await
        .unwrap();
    assert!(secret.expose_secret().starts_with("tta_") && secret.expose_secret().len() == 47);
    let agent = stage.store.authenticate(&secret, NOW).await.unwrap();
    assert_eq!(agent.id, format!("agent:{}", token.id));
    assert_eq!(stage.store.tokens().await.unwrap()[0].used_at, Some(NOW));
    let wrong = SecretString::from("tta_wrong");
    assert_eq!(
        stage.store.authenticate(&wrong, NOW).await.unwrap_err().code(),
        Code::AuthInvalid
    );
    let late = stage
        .store
        .authenticate(&secret, NOW + Duration::days(2))
        .await
        .unwrap_err();
    assert_eq!(late.code(), Code::AuthExpired);
    assert!(stage.store.revoke_token(&token.id, &operator(), NOW).await.unwrap());
    assert!(!stage.store.revoke_token(&token.id, &operator(), NOW).await.unwrap());
    assert_eq!(
        stage.store.authenticate(&secret, NOW).await.unwrap_err().code(),
        Code::AuthInvalid
    );
}

#[tokio::test]
async fn a_token_reads_unless_it_says_more() {
    let stage = Stage::new().await;
    let reads = principal(&stage, &Grant::default()).await;
    let call = |action: &'static str, input| stage.call_with(action, input, &reads, Options::default());
    call("list_assets", json!({})).await.unwrap();
    let refused = call("bulk_add_tags", json!({ "fileIds": ["f1"], "tags": ["x"] }))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ScopeMissing);
    let refused = call("get_authentication_parameters", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), Code::ScopeMissing);
    let some = Grant {
        actions: vec!["list_*".into()],
        connections: vec!["other".into()],
        ..Grant::default()
    };
    let some = principal(&stage, &some).await;
    let refused = stage
        .call_with("list_assets", json!({}), &some, Options::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ScopeMissing);
}

#[tokio::test]
async fn a_narrow_token_sees_and_touches_its_part() {
    let stage = Stage::free().await;
    let narrow = principal(
        &stage,
        &Grant {
            folders: vec!["/pics".into()],
            ..writes()
        },
    )
    .await;
    let call = |action: &'static str, input| stage.call_with(action, input, &narrow, Options::default());
    let page = call("list_assets", json!({ "type": "all" })).await.unwrap();
    let paths: Vec<&str> = page.data["assets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["folderPath"].as_str().or(a["filePath"].as_str()))
        .collect();
    assert_eq!(paths, ["/pics", "/pics/summer", "/pics/summer/c.jpg"]);
    call("get_file_details", json!({ "fileId": "f3" })).await.unwrap();
    for (action, input) in [
        ("get_file_details", json!({ "fileId": "f1" })),
        ("delete_file", json!({ "fileId": "f1" })),
        (
            "move_file",
            json!({ "sourceFilePath": "/pics/summer/c.jpg", "destinationPath": "/out" }),
        ),
        ("bulk_add_tags", json!({ "fileIds": ["f3", "f1"], "tags": ["x"] })),
        (
            "upload_file",
            json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" }),
        ),
        ("delete_folder", json!({ "folderPath": "/in" })),
        ("list_origins", json!({})),
        ("purge_cache", json!({ "url": "http://h/demo/in/a.jpg" })),
    ] {
        let before = stage.snapshot();
        let refused = call(action, input).await.unwrap_err();
        assert_eq!(refused.code(), Code::ScopeMissing, "{action}: {refused:?}");
        assert_eq!(stage.snapshot(), before, "{action}");
    }
    call("bulk_add_tags", json!({ "fileIds": ["f3"], "tags": ["x"] }))
        .await
        .unwrap();
    call(
        "upload_file",
        json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/pics/new" }),
    )
    .await
    .unwrap();
    let tagged = principal(
        &stage,
        &Grant {
            tags: vec!["sea".into()],
            ..writes()
        },
    )
    .await;
    let page = stage
        .call_with("list_assets", json!({}), &tagged, Options::default())
        .await
        .unwrap();
    assert_eq!(page.data["assets"].as_array().unwrap().len(), 1);
    let refused = stage
        .call_with("delete_file", json!({ "fileId": "f2" }), &tagged, Options::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ScopeMissing);
}

#[tokio::test]
async fn a_token_for_values_of_metadata_sees_and_touches_files_with_them() {
    let stage = Stage::free().await;
    let brand = Grant {
        metadata: [("brand".to_owned(), vec!["Acme".to_owned()])].into(),
        ..writes()
    };
    let acme = principal(&stage, &brand).await;
    let call = |action: &'static str, input| stage.call_with(action, input, &acme, Options::default());
    let other = json!({ "fileId": "f2", "customMetadata": { "brand": "Other" } });
    // It may give a file away, and has it no more then.
    call("update_file_details", other).await.unwrap();
    let page = call("list_assets", json!({})).await.unwrap();
    let ids: Vec<&str> = page.data["assets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["fileId"].as_str())
        .collect();
    assert_eq!(ids, ["f1", "f3"]);
    call("get_file_details", json!({ "fileId": "f1" })).await.unwrap();
    for (action, input) in [
        ("get_file_details", json!({ "fileId": "f2" })),
        ("delete_file", json!({ "fileId": "f2" })),
        ("delete_folder", json!({ "folderPath": "/in" })),
        ("list_origins", json!({})),
    ] {
        let refused = call(action, input).await.unwrap_err();
        assert_eq!(refused.code(), Code::ScopeMissing, "{action}");
    }
}

#[tokio::test]
async fn every_answer_tells_what_is_left_of_the_budgets() {
    let stage = Stage::free().await;
    let grant = Grant {
        budgets: [(Budget::CallsPerMinute, 10), (Budget::WritesPerDay, 3)].into(),
        ..writes()
    };
    let agent = principal(&stage, &grant).await;
    let call = |action: &'static str, input| stage.call_with(action, input, &agent, Options::default());
    let left = |answer: &agent::Answer| {
        let budgets = &answer.meta.budgets;
        (budgets["calls-per-minute"].left, budgets["writes-per-day"].left)
    };
    let read = call("list_assets", json!({})).await.unwrap();
    assert_eq!(left(&read), (9, 3));
    let write = call("bulk_add_tags", json!({ "fileIds": ["f3"], "tags": ["x"] }))
        .await
        .unwrap();
    assert_eq!(left(&write), (8, 2));
    assert_eq!(write.meta.budgets["writes-per-day"].limit, 3);
    let until = write.meta.budgets["calls-per-minute"].resets_in_ms;
    assert!((1..=60_000).contains(&until), "{until}");
    let dry = Options {
        dry_run: true,
        ..Options::default()
    };
    let tried = stage
        .call_with("delete_file", json!({ "fileId": "f1" }), &agent, dry)
        .await
        .unwrap();
    assert_eq!(left(&tried), (7, 2));
    // Who has no budgets is told of none.
    assert!(
        stage
            .call("list_assets", json!({}))
            .await
            .unwrap()
            .meta
            .budgets
            .is_empty()
    );
}

#[tokio::test]
async fn budgets_count_what_they_say() {
    let stage = Stage::free().await;
    let grant = Grant {
        budgets: [(Budget::DeletesPerDay, 2), (Budget::WritesPerDay, 3)].into(),
        ..writes()
    };
    let agent = principal(&stage, &grant).await;
    let call = |action: &'static str, input| stage.call_with(action, input, &agent, Options::default());
    let too_many = call("delete_multiple_files", json!({ "fileIds": ["f1", "f2", "f3"] }))
        .await
        .unwrap_err();
    assert_eq!(too_many.code(), Code::QuotaExhausted);
    assert!(too_many.retry_after().unwrap().as_secs() <= 86_400);
    call("delete_multiple_files", json!({ "fileIds": ["f1", "f2"] }))
        .await
        .unwrap();
    assert_eq!(
        call("delete_file", json!({ "fileId": "f3" })).await.unwrap_err().code(),
        Code::QuotaExhausted
    );
    for _ in 0..2 {
        call("bulk_add_tags", json!({ "fileIds": ["f3"], "tags": ["x"] }))
            .await
            .unwrap();
    }
    let write = call("bulk_add_tags", json!({ "fileIds": ["f3"], "tags": ["x"] }))
        .await
        .unwrap_err();
    assert_eq!(write.code(), Code::QuotaExhausted);
    call("list_assets", json!({})).await.unwrap();
}

#[tokio::test]
async fn what_a_revoked_token_asked_for_is_not_carried_out() {
    let stage = Stage::new().await;
    let (token, secret) = stage
        .store
        .create_token("ci", &writes(), Duration::days(1), &operator(), NOW)
        .await
        .unwrap();
    let agent = stage.store.authenticate(&secret, NOW).await.unwrap();
    let waits = stage
        .call_with("delete_file", json!({ "fileId": "f1" }), &agent, Options::default())
        .await
        .unwrap_err();
    let id = waits.report()["approval"]["id"].as_str().unwrap().to_owned();
    stage.store.revoke_token(&token.id, &operator(), NOW).await.unwrap();
    let error = stage
        .pipeline
        .decide(&id, true, &operator(), None, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::AuthInvalid);
    assert!(stage.world.lock().unwrap().files.contains_key("f1"));
}

#[tokio::test]
async fn budgets_count_what_is_carried_and_what_is_purged() {
    let stage = Stage::free().await;
    let grant = Grant {
        budgets: [(Budget::UploadMebibytesPerDay, 1), (Budget::PurgesPerDay, 1)].into(),
        ..writes()
    };
    let agent = principal(&stage, &grant).await;
    let call = |action: &'static str, input| stage.call_with(action, input, &agent, Options::default());
    let upload = || json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=" });
    call("upload_file", upload()).await.unwrap();
    assert_eq!(
        call("upload_file", upload()).await.unwrap_err().code(),
        Code::QuotaExhausted
    );
    let rename = |from: &str, to: &str| json!({ "filePath": from, "newFileName": to, "purgeCache": true });
    call("rename_file", rename("/in/a.jpg", "z.jpg")).await.unwrap();
    let error = call("rename_file", rename("/in/b.jpg", "y.jpg")).await.unwrap_err();
    assert_eq!(error.code(), Code::QuotaExhausted);
    let purge = json!({ "url": "http://h/demo/in/a.jpg" });
    assert_eq!(
        call("purge_cache", purge).await.unwrap_err().code(),
        Code::QuotaExhausted
    );
}
