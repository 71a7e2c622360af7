//! Every write that says that it can be taken back can.

use agent::{ACTIONS, Code, Effect, Options};
use serde_json::{Value, json};

use crate::stage::{NOW, Stage, agent, operator};

/// Ids of settings that are made anew are others; all else has to be as before.
fn without_ids(snapshot: &str) -> String {
    let lines = snapshot
        .lines()
        .filter(|line| !line.contains("\"id\":") && !line.contains("createdAt"));
    lines
        .map(|line| {
            if line.trim_start().starts_with('"') && line.trim_end().ends_with("Object {") {
                "    one {"
            } else {
                line
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn what_is_taken_back_is_as_before() {
    let cases: &[(&str, Value)] = &[
        (
            "upload_file",
            json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" }),
        ),
        (
            "upload_file",
            json!({ "fileName": "a.jpg", "contentBase64": "aGVsbG8=", "folder": "/in", "useUniqueFileName": false }),
        ),
        (
            "update_file_details",
            json!({ "fileId": "f1", "tags": null, "customMetadata": { "brand": "X", "new": 1 } }),
        ),
        (
            "update_file_details",
            json!({ "fileId": "f1", "publish": { "isPublished": false } }),
        ),
        (
            "rename_file",
            json!({ "filePath": "/in/a.jpg", "newFileName": "z.jpg" }),
        ),
        (
            "copy_file",
            json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" }),
        ),
        (
            "move_file",
            json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" }),
        ),
        (
            "bulk_move_files",
            json!({ "fileIds": ["f1", "f3"], "destinationPath": "/out" }),
        ),
        (
            "bulk_add_tags",
            json!({ "fileIds": ["f1", "f2"], "tags": ["sea", "new"] }),
        ),
        (
            "bulk_remove_tags",
            json!({ "fileIds": ["f1", "f2"], "tags": ["sea", "new"] }),
        ),
        ("restore_file_version", json!({ "fileId": "f1", "versionId": "f1" })),
        (
            "create_folder",
            json!({ "folderName": "new", "parentFolderPath": "/in" }),
        ),
        (
            "copy_folder",
            json!({ "sourceFolderPath": "/pics/summer", "destinationPath": "/out" }),
        ),
        (
            "move_folder",
            json!({ "sourceFolderPath": "/pics/summer", "destinationPath": "/out" }),
        ),
        (
            "rename_folder",
            json!({ "folderPath": "/pics/summer", "newFolderName": "winter" }),
        ),
        (
            "create_custom_metadata_field",
            json!({ "name": "n", "label": "N", "schema": { "type": "Text" } }),
        ),
        (
            "update_custom_metadata_field",
            json!({ "fieldId": "c1", "label": "Maker", "schema": { "maxLength": 9 } }),
        ),
        (
            "create_saved_extension",
            json!({ "name": "n", "description": "d", "config": { "name": "remove-bg" } }),
        ),
        (
            "update_saved_extension",
            json!({ "extensionId": "e1", "description": "Other" }),
        ),
        ("delete_saved_extension", json!({ "extensionId": "e1" })),
        (
            "create_named_transformation",
            json!({ "name": "n", "transformation": "w-1" }),
        ),
        (
            "update_named_transformation",
            json!({ "transformationId": "t1", "transformation": "w-2" }),
        ),
        ("delete_named_transformation", json!({ "transformationId": "t1" })),
        (
            "create_origin",
            json!({ "origin": { "type": "WEB_PROXY", "name": "New" } }),
        ),
        ("create_url_endpoint", json!({ "description": "d", "urlPrefix": "n" })),
        (
            "update_url_endpoint",
            json!({ "endpointId": "u1", "description": "d", "urlPrefix": "other" }),
        ),
        ("delete_url_endpoint", json!({ "endpointId": "u1" })),
    ];
    for (action, input) in cases {
        let stage = Stage::free().await;
        let before = stage.snapshot();
        let answer = stage
            .call(action, input.clone())
            .await
            .unwrap_or_else(|e| panic!("{action}: {e:?}"));
        assert_ne!(stage.snapshot(), before, "{action}");
        let undone = stage.pipeline.undo(&answer.meta.execution_id, &operator(), NOW).await;
        let undone = undone.unwrap_or_else(|e| panic!("{action}: {e:?}"));
        assert!(!undone.is_empty());
        if *action == "upload_file" && input["useUniqueFileName"] == false {
            // The version stays, as an older one.
            assert_eq!(stage.world.lock().unwrap().files["f1"].current, "f1v2");
        } else {
            assert_eq!(without_ids(&stage.snapshot()), without_ids(&before), "{action} {input}");
        }
        let twice = stage
            .pipeline
            .undo(&answer.meta.execution_id, &operator(), NOW)
            .await
            .unwrap_err();
        assert_eq!(twice.code(), Code::Conflict, "{action}");
        let record = stage.records().await.pop().unwrap();
        assert_eq!(record["undoes"], json!(answer.meta.execution_id));
    }
    let tested = |name: &str| cases.iter().any(|(action, _)| *action == name);
    for action in ACTIONS
        .iter()
        .filter(|a| a.effect() != Effect::Read && a.about.reversible)
    {
        assert!(
            tested(action.name()),
            "{} says that it can be taken back",
            action.name()
        );
    }
}

#[tokio::test]
async fn the_way_back_of_others_is_not_theirs_and_what_destroys_on_it_waits() {
    let stage = Stage::new().await;
    let upload = json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": "/in" });
    let answer = stage
        .call_with("upload_file", upload, &agent(), Options::default())
        .await
        .unwrap();
    let id = &answer.meta.execution_id;
    let stranger = agent::Principal {
        id: "agent:other".into(),
        ..agent()
    };
    assert_eq!(
        stage.pipeline.undo(id, &stranger, NOW).await.unwrap_err().code(),
        Code::NotFound
    );
    // Taking an upload back deletes a file.
    let waits = stage.pipeline.undo(id, &agent(), NOW).await.unwrap_err();
    assert_eq!(waits.code(), Code::ApprovalRequired);
    let approval = waits.report()["approval"]["id"].as_str().unwrap().to_owned();
    stage
        .pipeline
        .decide(&approval, true, &operator(), None, NOW)
        .await
        .unwrap();
    assert_eq!(stage.world.lock().unwrap().files.len(), 3);
    assert_eq!(
        stage
            .pipeline
            .undo("nothing", &operator(), NOW)
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn what_may_not_be_undone_says_why() {
    let upload = json!({
        "fileName": "a.jpg", "contentBase64": "aGVsbG8=", "folder": "/in", "useUniqueFileName": false
    });
    let blind = Options {
        verify: agent::Verify::None,
        ..Options::default()
    };
    // Nobody looked: it is not known whether the upload made a file or a further version of one.
    let stage = Stage::free().await;
    let answer = stage
        .call_with("upload_file", upload, &operator(), blind)
        .await
        .unwrap();
    let undo = answer.meta.undo.unwrap();
    assert!(undo.calls.is_empty(), "{undo:?}");
    assert!(undo.reason.unwrap().contains("there before is not known"));
    // What came together can't be told apart.
    for (action, input) in [
        (
            "bulk_move_files",
            json!({ "fileIds": ["f2", "f1"], "destinationPath": "/out" }),
        ),
        (
            "bulk_move_files",
            json!({ "fileIds": ["f1", "g2"], "destinationPath": "/new" }),
        ),
        (
            "move_file",
            json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" }),
        ),
        (
            "move_folder",
            json!({ "sourceFolderPath": "/pics/summer", "destinationPath": "/out" }),
        ),
        (
            "rename_folder",
            json!({ "folderPath": "/pics/summer", "newFolderName": "winter" }),
        ),
    ] {
        let stage = Stage::free().await;
        {
            let mut world = stage.world.lock().unwrap();
            world.put("g1", "/out/a.jpg", Value::Null);
            world.put("g2", "/pics/a.jpg", Value::Null);
            world
                .folders
                .extend(["/out/summer".to_owned(), "/pics/winter".to_owned()]);
        }
        let answer = stage.call(action, input.clone()).await.unwrap();
        let undo = answer.meta.undo.unwrap();
        assert!(undo.calls.is_empty(), "{action} {input}: {undo:?}");
        assert!(undo.reason.unwrap().contains("are one"), "{action}");
    }
    // Beside others of other names it can be.
    let stage = Stage::free().await;
    stage.world.lock().unwrap().put("g1", "/out/z.jpg", Value::Null);
    let before = stage.snapshot();
    let input = json!({ "fileIds": ["f2", "f1"], "destinationPath": "/out" });
    let answer = stage.call("bulk_move_files", input).await.unwrap();
    stage
        .pipeline
        .undo(&answer.meta.execution_id, &operator(), NOW)
        .await
        .unwrap();
    assert_eq!(stage.snapshot(), before);
}
