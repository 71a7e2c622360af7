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
        // What was deleted comes back from the trash.
        ("delete_file", json!({ "fileId": "f1" })),
        ("delete_multiple_files", json!({ "fileIds": ["f1", "f3"] })),
        ("delete_folder", json!({ "folderPath": "/pics" })),
        ("delete_file_version", json!({ "fileId": "f1", "versionId": "f1" })),
        ("restore_from_trash", json!({ "trashIds": ["x1"] })),
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
        .filter(|a| a.effect() != Effect::Read && (a.about.reversible || a.about.trashes))
        .filter(|a| a.name() != "create_upload_link")
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

#[tokio::test]
async fn what_the_trash_gives_back_and_what_it_does_not() {
    // How long, for whoever decides.
    let stage = Stage::new().await;
    let delete = || json!({ "fileId": "f1" });
    let waits = stage
        .call_with("delete_file", delete(), &agent(), Options::default())
        .await
        .unwrap_err();
    let undo = waits.report()["approval"]["blast"]["undo"].clone();
    assert_eq!(undo, "from the trash, for 30 days after it is done");
    let approval = waits.report()["approval"]["id"].as_str().unwrap().to_owned();
    let done = stage
        .pipeline
        .decide(&approval, true, &operator(), None, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(done["meta"]["undo"]["calls"][0]["action"], "restore_from_trash");
    let until = done["meta"]["undo"]["until"].as_str().unwrap();
    assert!(until.starts_with("2027-01-28T"), "{until}");
    let id = done["meta"]["executionId"].as_str().unwrap();
    // The agent takes back its own deletion: nobody has to agree to that.
    let late = time::macros::datetime!(2027-02-01 00:00 UTC);
    let error = stage.pipeline.undo(id, &agent(), late).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().contains("could be taken back until")),
        (Code::NotFound, true)
    );
    stage.pipeline.undo(id, &agent(), NOW).await.unwrap();
    assert!(stage.world.lock().unwrap().files.contains_key("f1"));

    // A server without a trash, and a trash that did not take it.
    let stage = Stage::free().await;
    stage.world.lock().unwrap().trash_days = 0;
    let options = Options {
        dry_run: true,
        ..Options::default()
    };
    let dry = stage
        .call_with("delete_file", delete(), &operator(), options)
        .await
        .unwrap();
    assert_eq!(
        dry.data["blast"]["undo"],
        "not at all: the server is not known to have a trash"
    );
    let answer = stage.call("delete_file", delete()).await.unwrap();
    let undo = answer.meta.undo.unwrap();
    assert!(undo.calls.is_empty() && undo.reason.unwrap().contains("no trash"));

    // Something that is gone from the trash meanwhile can't be brought back, and that is said.
    let stage = Stage::free().await;
    let answer = stage
        .call("delete_multiple_files", json!({ "fileIds": ["f1", "f2"] }))
        .await
        .unwrap();
    stage.world.lock().unwrap().trash.retain(|(_, _, id, _)| id != "f2");
    let error = stage
        .pipeline
        .undo(&answer.meta.execution_id, &operator(), NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{error:?}");

    // An older deletion in the same folder is not mixed up with this one.
    let stage = Stage::free().await;
    let answer = stage
        .call("delete_folder", json!({ "folderPath": "/in" }))
        .await
        .unwrap();
    stage
        .pipeline
        .undo(&answer.meta.execution_id, &operator(), NOW)
        .await
        .unwrap();
    let world = stage.world.lock().unwrap();
    assert!(world.files.contains_key("f1") && !world.files.contains_key("f9"));
    assert_eq!(world.trash.len(), 1);
}

#[tokio::test]
async fn nothing_is_put_back_where_something_else_is_by_now() {
    for (action, input, path) in [
        (
            "move_file",
            json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" }),
            "/in/a.jpg",
        ),
        (
            "rename_file",
            json!({ "filePath": "/in/a.jpg", "newFileName": "z.jpg" }),
            "/in/a.jpg",
        ),
        (
            "move_folder",
            json!({ "sourceFolderPath": "/pics/summer", "destinationPath": "/out" }),
            "/pics/summer",
        ),
    ] {
        let stage = Stage::free().await;
        let answer = stage.call(action, input).await.unwrap();
        let id = &answer.meta.execution_id;
        {
            let mut world = stage.world.lock().unwrap();
            match path.contains('.') {
                true => world.put("g1", path, Value::Null),
                false => {
                    world.folders.insert(path.to_owned());
                }
            }
        }
        let error = stage.pipeline.undo(id, &operator(), NOW).await.unwrap_err();
        assert_eq!(error.code(), Code::PreconditionFailed, "{action}: {error:?}");
        assert!(error.to_string().contains(path), "{error}");
        // Nothing of it was taken: it can be once the place is free.
        {
            let mut world = stage.world.lock().unwrap();
            world.files.remove("g1");
            world.folders.remove(path);
        }
        stage.pipeline.undo(id, &operator(), NOW).await.unwrap();
    }
    // Nor is another file taken for the one that was moved.
    let stage = Stage::free().await;
    let input = json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": "/out" });
    let answer = stage.call("move_file", input).await.unwrap();
    {
        let mut world = stage.world.lock().unwrap();
        world.files.remove("f1");
        world.put("g1", "/out/a.jpg", Value::Null);
    }
    let error = stage
        .pipeline
        .undo(&answer.meta.execution_id, &operator(), NOW)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
}
