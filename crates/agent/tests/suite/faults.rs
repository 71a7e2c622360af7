//! Every action against every fault: each call ends healed, with its effect there once, or honestly reported, with
//! nothing changed or the word that nobody knows; and the records tell.

use std::time::Duration;

use agent::{ACTIONS, Answer, CallError, Code, DriftMode, Effect, Limits, Options, Verification};
use futures::StreamExt;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::stage::{NOW, Stage, free, operator};
use crate::world::{Fault, KEY, NEXT_KEY, World};

/// An input of each action that works in the seeded library.
fn input(action: &str) -> Value {
    match action {
        "list_assets" => json!({ "path": "/in" }),
        "get_file_details" | "find_similar_files" | "list_file_versions" | "get_uploaded_file_metadata" => {
            json!({ "fileId": "f1" })
        }
        "delete_file" => json!({ "fileId": "f2" }),
        "upload_file" => json!({
            "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in", "useUniqueFileName": false
        }),
        "update_file_details" => json!({ "fileId": "f1", "tags": ["x"], "customMetadata": { "brand": null } }),
        "rename_file" => json!({ "filePath": "/in/a.jpg", "newFileName": "z.jpg" }),
        "copy_file" | "move_file" => json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" }),
        "bulk_move_files" => json!({ "fileIds": ["f1", "f2"], "destinationPath": "/out" }),
        "delete_multiple_files" => json!({ "fileIds": ["f1", "f2"] }),
        "bulk_add_tags" => json!({ "fileIds": ["f1", "f2"], "tags": ["sea", "new"] }),
        "bulk_remove_tags" => json!({ "fileIds": ["f1", "f2"], "tags": ["sea"] }),
        "bulk_remove_ai_tags" => json!({ "fileIds": ["f1"], "AITags": ["boat"] }),
        "get_file_version_details" | "delete_file_version" | "restore_file_version" => {
            json!({ "fileId": "f1", "versionId": "f1" })
        }
        "create_folder" => json!({ "folderName": "new", "parentFolderPath": "/in/deep" }),
        "copy_folder" | "move_folder" => json!({ "sourceFolderPath": "/pics/summer", "destinationPath": "/out" }),
        "rename_folder" => json!({ "folderPath": "/pics/summer", "newFolderName": "winter" }),
        "delete_folder" => json!({ "folderPath": "/pics" }),
        "bulk_job_status" => json!({ "jobId": "j1" }),
        "purge_cache" => json!({ "url": "http://h/demo/in/a.jpg*" }),
        "get_purge_status" => json!({ "requestId": "p1" }),
        "get_remote_file_metadata" => json!({ "url": "http://h/demo/in/a.jpg" }),
        "create_custom_metadata_field" => {
            json!({ "name": "n", "label": "N", "schema": { "type": "Number", "minValue": 1 } })
        }
        "update_custom_metadata_field" => json!({ "fieldId": "c1", "label": "Maker" }),
        "delete_custom_metadata_field" => json!({ "fieldId": "c1" }),
        "get_saved_extension" | "delete_saved_extension" => json!({ "extensionId": "e1" }),
        "create_saved_extension" => {
            json!({ "name": "n", "description": "d", "config": { "name": "ai-auto-description" } })
        }
        "update_saved_extension" => json!({ "extensionId": "e1", "name": "Other" }),
        "get_named_transformation" | "delete_named_transformation" => json!({ "transformationId": "t1" }),
        "create_named_transformation" => json!({ "name": "n", "transformation": "w-1" }),
        "update_named_transformation" => json!({ "transformationId": "t1", "enabled": false }),
        "get_origin" | "delete_origin" => json!({ "originId": "o1" }),
        "create_origin" => {
            json!({ "origin": { "type": "S3", "name": "New", "bucket": "b", "accessKey": "a", "secretKey": "s" } })
        }
        "update_origin" => {
            json!({ "originId": "o1", "origin": { "type": "WEB_FOLDER", "name": "New", "baseUrl": "https://n" } })
        }
        "get_url_endpoint" | "delete_url_endpoint" => json!({ "endpointId": "u1" }),
        "create_url_endpoint" => json!({ "description": "d", "urlPrefix": "n" }),
        "update_url_endpoint" => json!({ "endpointId": "u1", "description": "d", "urlPrefix": "old", "origins": [] }),
        "restore_from_trash" => json!({ "trashIds": ["x1"] }),
        "delete_from_trash" => json!({ "trashId": "x1" }),
        "get_usage" | "get_usage_analytics" => json!({ "startDate": "2026-01-01", "endDate": "2026-01-31" }),
        _ => json!({}),
    }
}

/// The library with its trash.
fn all(stage: &Stage) -> String {
    let trash = stage.world.lock().unwrap().trashed_paths();
    format!("{}{trash:?}", stage.snapshot())
}

/// Every action that asks an upstream; the others are about what the agent side keeps.
fn asking() -> impl Iterator<Item = &'static agent::Action> {
    let kept = |name: &str| name.contains("upload_link") || name == "get_file_history";
    ACTIONS.iter().filter(move |action| !kept(action.name()))
}

/// The action's own requests: those that change something, or for what only reads, all.
fn own(effect: Effect) -> fn(&str, &str) -> bool {
    if effect == Effect::Read {
        |_, _| true
    } else {
        |method, _| method != "GET"
    }
}

async fn stage() -> Stage {
    let limits = Limits {
        attempt_timeout: Duration::from_millis(300),
        deadline: Duration::from_secs(3),
        ..Limits::for_testing()
    };
    Stage::with(free(), limits).await
}

async fn run(stage: &Stage, action: &str, drift: DriftMode) -> Result<Answer, CallError> {
    let options = Options {
        drift,
        ..Options::default()
    };
    stage.call_with(action, input(action), &operator(), options).await
}

#[tokio::test]
async fn every_action_works_and_is_looked_up() {
    let mut lines = Vec::new();
    for action in asking() {
        let stage = stage().await;
        let before = all(&stage);
        let answer = run(&stage, action.name(), DriftMode::Observe).await;
        let answer = answer.unwrap_or_else(|e| panic!("{}: {:?}", action.name(), e));
        let changed = all(&stage) != before;
        let is_purge = action.name() == "purge_cache";
        assert_eq!(
            changed,
            action.effect() != Effect::Read && !is_purge,
            "{}",
            action.name()
        );
        assert_eq!(answer.meta.drift, [], "{}", action.name());
        jsonschema::draft202012::new(action.output_schema())
            .unwrap()
            .validate(&answer.data)
            .unwrap_or_else(|e| panic!("{}: {e}", action.name()));
        if action.effect() == Effect::Read {
            assert_eq!(answer.meta.verification, Verification::NotNeeded);
            continue;
        }
        let Verification::Verified { checks } = &answer.meta.verification else {
            panic!("{}: {:?}", action.name(), answer.meta.verification);
        };
        let undo = answer.meta.undo.clone().unwrap();
        let back = match undo.calls.first() {
            Some(call) => format!("{}{}", call.action, if undo.calls.len() > 1 { " and more" } else { "" }),
            None => format!("- ({})", undo.reason.unwrap_or_default()),
        };
        let can_be = action.about.reversible || action.about.trashes;
        assert_eq!(!undo.calls.is_empty(), can_be, "{}", action.name());
        let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
        lines.push(format!("{}: {} | {back}", action.name(), names.join(", ")));
    }
    assert_snapshot!(lines.join("\n"), @r"
    upload_file: name, filePath, size | delete_file
    update_file_details: tags, customMetadata | update_file_details
    rename_file: filePath, fileId, no filePath /in/a.jpg | rename_file
    copy_file: filePath, size | delete_file
    move_file: filePath, size, no filePath /in/a.jpg | move_file
    bulk_move_files: filePath, size, filePath, size | move_file and more
    delete_file: status | restore_from_trash
    delete_multiple_files: status, status | restore_from_trash
    bulk_add_tags: tags, tags | bulk_remove_tags and more
    bulk_remove_tags: tags, tags | bulk_add_tags
    bulk_remove_ai_tags: AITags | - (AI tags come back only by running the recognition again)
    restore_file_version: size, versionInfo | restore_file_version
    delete_file_version: status | restore_from_trash
    create_folder: folderPath | delete_folder
    copy_folder: status, failed, folderPath | delete_folder
    move_folder: status, failed, folderPath, no folderPath /pics/summer | move_folder
    rename_folder: status, failed, no folderPath /pics/summer, folderPath | rename_folder
    delete_folder: no folderPath /pics | restore_from_trash
    restore_from_trash: filePath | delete_multiple_files
    delete_from_trash: status | - (what is deleted from the trash is gone for good)
    empty_trash: status | - (what is deleted from the trash is gone for good)
    purge_cache: status | - (a cache fills again by itself)
    create_custom_metadata_field: id, name, label, schema | delete_custom_metadata_field
    update_custom_metadata_field: id, label | update_custom_metadata_field
    delete_custom_metadata_field: no id c1 | - (the name of a deleted field stays reserved)
    create_saved_extension: name, description | delete_saved_extension
    update_saved_extension: id, name | update_saved_extension
    delete_saved_extension: status | create_saved_extension
    create_named_transformation: name, transformation, enabled | delete_named_transformation
    update_named_transformation: enabled | update_named_transformation
    delete_named_transformation: status | create_named_transformation
    create_origin: type, name | delete_origin
    update_origin: type, name | - (the API does not show the credentials that it had)
    delete_origin: status | - (the API does not show the credentials that it had)
    create_url_endpoint: description, urlPrefix | delete_url_endpoint
    update_url_endpoint: description, urlPrefix, origins | update_url_endpoint
    delete_url_endpoint: status | create_url_endpoint
    ");
}

/// Without the time of the last change and the name of a purge, which count what was tried.
fn timeless(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("requestId");
    }
    if let Some(asset) = data.get_mut("asset").and_then(Value::as_object_mut) {
        asset.remove("updatedAt");
    }
    data
}

/// Whether the effect has to be there in the end, whatever the action.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Healed,
    HealedOrHonest,
}

/// How one action ends under each fault.
async fn row(action: &'static agent::Action, faults: &[(&str, Fault, End)]) -> String {
    let clean = stage().await;
    let before = all(&clean);
    let wanted = run(&clean, action.name(), DriftMode::Observe).await.unwrap();
    let after = all(&clean);
    let mut row = Vec::new();
    for (name, fault, end) in faults {
        // What asks nobody can't be hurt, and silence takes a write that can't be repeated all its time.
        let asks = clean.asked().iter().any(|line| !line.is_empty());
        if !asks || (matches!(fault, Fault::Silence) && action.effect() != Effect::Read && !action.about.idempotent) {
            continue;
        }
        let stage = stage().await;
        stage.world.lock().unwrap().fault(own(action.effect()), fault.clone());
        let result = run(&stage, action.name(), DriftMode::Observe).await;
        let now = all(&stage);
        let what = format!("{} under {name}", action.name());
        match &result {
            Ok(answer) => {
                assert_eq!(now, after, "{what}: the effect is there once");
                assert_eq!(timeless(&answer.data), timeless(&wanted.data), "{what}");
                assert_eq!(answer.meta.drift, [], "{what}");
                let touched = answer.meta.heals.len() + usize::from(matches!(fault, Fault::Slow));
                let no_body = matches!(fault, Fault::HalfBody);
                assert!(touched > 0 || no_body, "{what}: {:?}", answer.meta);
                row.push("healed".to_owned());
            }
            Err(error) => {
                assert!(*end == End::HealedOrHonest, "{what}: {error:?}");
                let unknown = error.code() == Code::OutcomeUnknown;
                assert!(
                    unknown || now == before,
                    "{what}: says {:?}, and something changed",
                    error.code()
                );
                assert!(!error.is_retryable() || now == before, "{what}");
                row.push(format!("{:?}", error.code()));
            }
        }
        let last = stage.recorded().await.pop().unwrap();
        let expected = if result.is_ok() { "done" } else { "failed" };
        assert!(
            last.starts_with(&format!("{} {expected}", action.name())),
            "{what}: {last}"
        );
        assert_eq!(stage.store.verify_records().await.unwrap().broken_at, None);
    }
    row.dedup();
    format!("{}: {}", action.name(), row.join(", "))
}

#[tokio::test]
async fn every_action_survives_every_fault_or_says_so() {
    let limited: [&'static [(&'static str, &'static str)]; 4] = [
        &[("retry-after-ms", "3")],
        &[
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-reset", "3"),
            ("x-ratelimit-interval", "1000"),
        ],
        &[("retry-after", "0")],
        &[("retry-after", "Sat, 21 Nov 2026 08:00:00 GMT")],
    ];
    let mut faults: Vec<(&str, Fault, End)> = limited
        .iter()
        .map(|h| ("429", Fault::Answer(429, h), End::Healed))
        .collect();
    faults.extend([
        ("401 once", Fault::Answer(401, &[]), End::Healed),
        ("503", Fault::Answer(503, &[]), End::HealedOrHonest),
        (
            "503, retry",
            Fault::Answer(503, &[("x-should-retry", "true")]),
            End::Healed,
        ),
        ("lost before", Fault::LostBefore, End::HealedOrHonest),
        ("lost after", Fault::LostAfter, End::HealedOrHonest),
        ("half a body", Fault::HalfBody, End::HealedOrHonest),
        ("slow", Fault::Slow, End::Healed),
        ("silence", Fault::Silence, End::HealedOrHonest),
    ]);
    // Several at once, because most of the time is waiting for disks.
    let rows = futures::stream::iter(asking())
        .map(|action| row(action, &faults))
        .buffered(8);
    let table: Vec<String> = rows.collect().await;
    assert_snapshot!(table.join("\n"), @r"
    list_assets: healed
    find_similar_files: healed
    find_duplicate_files: healed
    get_file_details: healed
    upload_file: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_file_details: healed
    rename_file: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    copy_file: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    move_file: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    bulk_move_files: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    delete_file: healed
    delete_multiple_files: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    bulk_add_tags: healed
    bulk_remove_tags: healed
    bulk_remove_ai_tags: healed
    list_file_versions: healed
    get_file_version_details: healed
    restore_file_version: healed
    delete_file_version: healed
    create_folder: healed
    copy_folder: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    move_folder: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    rename_folder: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    delete_folder: healed
    bulk_job_status: healed
    list_trash: healed
    restore_from_trash: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    delete_from_trash: healed
    empty_trash: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    purge_cache: healed
    get_purge_status: healed
    get_uploaded_file_metadata: healed
    get_remote_file_metadata: healed
    list_custom_metadata_fields: healed
    create_custom_metadata_field: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_custom_metadata_field: healed
    delete_custom_metadata_field: healed
    list_saved_extensions: healed
    get_saved_extension: healed
    create_saved_extension: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_saved_extension: healed
    delete_saved_extension: healed
    list_named_transformations: healed
    get_named_transformation: healed
    create_named_transformation: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_named_transformation: healed
    delete_named_transformation: healed
    list_origins: healed
    get_origin: healed
    create_origin: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_origin: healed
    delete_origin: healed
    list_url_endpoints: healed
    get_url_endpoint: healed
    create_url_endpoint: healed, OutcomeUnknown, healed, OutcomeUnknown, healed
    update_url_endpoint: healed
    delete_url_endpoint: healed
    get_usage: healed
    get_usage_analytics: healed
    get_authentication_parameters:
    ");
}

#[tokio::test]
async fn an_expired_key_gives_way_to_the_next_once_for_all() {
    let stage = stage().await;
    stage
        .store
        .connect(
            "library",
            &stage.base,
            &NEXT_KEY.into(),
            None,
            &operator(),
            NOW + time::Duration::seconds(1),
        )
        .await
        .unwrap();
    {
        let mut world = stage.world.lock().unwrap();
        world.keys.insert(KEY.to_owned(), false);
        world.keys.insert(NEXT_KEY.to_owned(), true);
    }
    let calls = (0..8).map(|_| stage.call("list_assets", json!({})));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let connections = stage.store.connections().await.unwrap();
    let states: Vec<&str> = connections[0].keys.iter().map(|k| k.state.as_str()).collect();
    assert_eq!(states, ["expired", "active"]);
    let events = stage
        .records()
        .await
        .into_iter()
        .filter(|r| r["event"] == "credential_expired")
        .count();
    assert_eq!(events, 1);
    // The next one goes too: nothing is left, and that is said.
    stage.world.lock().unwrap().keys.insert(NEXT_KEY.to_owned(), false);
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::CredentialExpired);
    assert_eq!(stage.store.connections().await.unwrap()[0].status, "expired");
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::CredentialExpired);
    assert_eq!(error.remedy()[0]["command"], "tintype connect <url> --name library");
    // A new key mends it while everything runs.
    stage
        .world
        .lock()
        .unwrap()
        .keys
        .insert("private_third".to_owned(), true);
    stage
        .store
        .connect("library", &stage.base, &"private_third".into(), None, &operator(), NOW)
        .await
        .unwrap();
    stage.call("list_assets", json!({})).await.unwrap();
}

#[tokio::test]
async fn a_key_that_nobody_knows_gives_way_and_one_that_may_not_does_not() {
    let stage = stage().await;
    let later = NOW + time::Duration::seconds(1);
    stage
        .store
        .connect("library", &stage.base, &NEXT_KEY.into(), None, &operator(), later)
        .await
        .unwrap();
    {
        let mut world = stage.world.lock().unwrap();
        world.keys.remove(KEY);
        world.keys.insert(NEXT_KEY.to_owned(), true);
        world.fault(|_, _| true, Fault::Drift(|_| {}));
    }
    let answer = stage.call("list_assets", json!({})).await.unwrap();
    assert_eq!(answer.meta.heals[0].remedy, "next_key");
    // A key that may not do something is a good key.
    stage.world.lock().unwrap().fault(|_, _| true, Fault::Answer(403, &[]));
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::ScopeMissing);
    stage.call("list_assets", json!({})).await.unwrap();
    stage.world.lock().unwrap().keys.clear();
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::CredentialExpired);
}

#[tokio::test]
async fn a_job_is_verified_only_if_it_did_all_of_its_work() {
    let failures = json!([{ "path": "/pics/summer/c.jpg", "reason": "gone" }]);
    let progress = json!({ "done": 3, "total": null });
    for (job, said) in [
        (json!({ "status": "Completed", "progress": progress }), "verified"),
        (
            json!({ "status": "Completed", "failed": 1, "failures": failures }),
            "VerificationFailed",
        ),
        (
            json!({ "status": "Failed", "message": "given up", "progress": progress }),
            "VerificationFailed",
        ),
        (
            json!({ "status": "Partial success", "message": "not purged", "help": "" }),
            "the job ended in part: not purged",
        ),
    ] {
        let stage = stage().await;
        stage.world.lock().unwrap().job = job.clone();
        let input = json!({ "folderPath": "/pics/summer", "newFolderName": "winter" });
        let result = match stage.call("rename_folder", input).await {
            Ok(answer) => match answer.meta.verification {
                Verification::Verified { .. } => "verified".to_owned(),
                Verification::Unverified { reason, .. } => reason,
                Verification::NotNeeded => panic!(),
            },
            Err(error) => format!("{:?}", error.code()),
        };
        assert_eq!(result, said, "{job}");
        let answer = stage.call("bulk_job_status", json!({ "jobId": "j1" })).await.unwrap();
        assert_eq!(answer.meta.drift, [], "{job}");
        assert_eq!(answer.data["status"], job["status"]);
    }
}

#[tokio::test]
async fn drift_is_observed_mended_or_refused() {
    let job = |change: fn(&mut Value), mode| async move {
        let stage = stage().await;
        stage.world.lock().unwrap().fault(|_, _| true, Fault::Drift(change));
        let result = run(&stage, "bulk_job_status", mode).await;
        let reports = stage.store.drift().await.unwrap();
        let reports: Vec<String> = reports
            .iter()
            .map(|r| format!("{} {} {}", r.pointer, r.kind, r.repaired))
            .collect();
        let said = match result {
            Ok(answer) => format!("{}", answer.data),
            Err(error) => format!("{:?}", error.code()),
        };
        format!("{said} | {}", reports.join(", "))
    };
    let other_case = |v: &mut Value| v["type"] = json!("copyFolder");
    let added = |v: &mut Value| v["eta"] = json!(7);
    let missing = |v: &mut Value| {
        v.as_object_mut().unwrap().remove("status");
    };
    let number = |v: &mut Value| v["jobId"] = json!(17);
    let wrapped = |v: &mut Value| *v = json!({ "data": v.clone(), "success": true });
    let mut lines = Vec::new();
    for (name, change) in [
        ("other case", other_case as fn(&mut Value)),
        ("added", added),
        ("missing", missing),
        ("number", number),
        ("wrapped", wrapped),
    ] {
        for mode in [DriftMode::Observe, DriftMode::Repair, DriftMode::Strict] {
            lines.push(format!("{name}, {mode:?}: {}", job(change, mode).await));
        }
    }
    assert_snapshot!(lines.join("\n"), @r#"
    other case, Observe: {"jobId":"j1","status":"Completed","type":"copyFolder"} | /type enum_added 0
    other case, Repair: {"jobId":"j1","status":"Completed","type":"COPY_FOLDER"} | /type enum_added 1
    other case, Strict: SchemaDrift | /type enum_added 0
    added, Observe: {"jobId":"j1","status":"Completed","type":"COPY_FOLDER"} | /eta added 0
    added, Repair: {"jobId":"j1","status":"Completed","type":"COPY_FOLDER"} | /eta added 0
    added, Strict: SchemaDrift | /eta added 0
    missing, Observe: SchemaDrift | /status missing 0
    missing, Repair: SchemaDrift | /status missing 0
    missing, Strict: SchemaDrift | /status missing 0
    number, Observe: SchemaDrift | /jobId type_changed 0
    number, Repair: {"jobId":"17","status":"Completed","type":"COPY_FOLDER"} | /jobId type_changed 1
    number, Strict: SchemaDrift | /jobId type_changed 0
    wrapped, Observe: SchemaDrift | /data added 0, /jobId missing 0, /status missing 0, /success added 0, /type missing 0
    wrapped, Repair: {"jobId":"j1","status":"Completed","type":"COPY_FOLDER"} |  wrapped 1
    wrapped, Strict: SchemaDrift | /data added 0, /jobId missing 0, /status missing 0, /success added 0, /type missing 0
    "#);
}

#[tokio::test]
async fn a_write_that_is_said_to_be_done_and_is_not_is_found_out() {
    for action in [
        "delete_file",
        "rename_file",
        "update_file_details",
        "move_file",
        "create_folder",
        "delete_folder",
    ] {
        let stage = stage().await;
        stage.world.lock().unwrap().fault(own(Effect::Write), Fault::Lie);
        let error = run(&stage, action, DriftMode::Observe).await.unwrap_err();
        assert_eq!(error.code(), Code::VerificationFailed, "{action}: {error:?}");
        assert!(error.report()["checks"].is_array());
    }
}

#[tokio::test]
async fn an_upstream_that_fails_again_and_again_is_left_alone() {
    let stage = stage().await;
    for _ in 0..6 {
        stage.world.lock().unwrap().fault(|_, _| true, Fault::Answer(500, &[]));
    }
    let first = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(first.code(), Code::UpstreamUnavailable);
    let second = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(second.code(), Code::UpstreamUnavailable);
    let asked = stage.asked().len();
    let third = stage.call("list_assets", json!({})).await.unwrap_err();
    assert!(matches!(third, CallError::CircuitOpen(_)), "{third:?}");
    assert!(third.retry_after().unwrap() > Duration::from_secs(50));
    assert_eq!(stage.asked().len(), asked, "nothing was sent");
    assert_eq!(stage.pipeline.circuit(None).await.unwrap(), agent::Circuit::Open);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_said_at_once() {
    let stage = stage().await;
    stage
        .world
        .lock()
        .unwrap()
        .fault(|_, _| true, Fault::Answer(429, &[("retry-after", "3600")]));
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed_and_odd_ids_not_used() {
    let stage = stage().await;
    stage.world.lock().unwrap().fault(
        |_, _| true,
        Fault::Answer(307, &[("location", "http://127.0.0.1:1/v1/files")]),
    );
    let error = stage.call("list_assets", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::Refused);
    let odd = |v: &mut Value| v["fileId"] = json!("../../v1/accounts");
    stage
        .world
        .lock()
        .unwrap()
        .fault(|method, _| method == "POST", Fault::Drift(odd));
    let error = run(&stage, "upload_file", DriftMode::Observe).await.unwrap_err();
    assert_eq!(error.code(), Code::SchemaDrift);
    assert!(error.hint().unwrap().contains("do not repeat it"));
}

#[tokio::test]
async fn work_that_goes_on_is_waited_for_only_when_asked() {
    let stage = stage().await;
    stage.world.lock().unwrap().pending = 1000;
    let answer = run(&stage, "move_folder", DriftMode::Observe).await.unwrap();
    let Verification::Unverified { reason, .. } = answer.meta.verification else {
        panic!()
    };
    assert_eq!(reason, "status is still \"Pending\"");
    stage.world.lock().unwrap().pending = 6;
    let options = Options {
        verify: agent::Verify::Strict,
        ..Options::default()
    };
    let back = json!({ "sourceFolderPath": "/out/summer", "destinationPath": "/pics" });
    let answer = stage
        .call_with("move_folder", back, &operator(), options)
        .await
        .unwrap();
    assert!(matches!(answer.meta.verification, Verification::Verified { .. }));
    let _ = World::seeded();
}
