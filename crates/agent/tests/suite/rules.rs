//! Rules hold for all that a call touches, however it is spelled and however deep it lies.

use agent::{Code, Decision, Layer, Limits, Options, Policy, Rule};
use serde_json::{Value, json};

use crate::stage::{Stage, agent, always, operator};

/// What the rule does not speak of is allowed.
async fn under(rule: Value) -> Stage {
    let rule: Rule = serde_json::from_value(rule).unwrap();
    let layer = Layer {
        name: "deployment".into(),
        rules: vec![rule, always(Decision::Allow)],
    };
    Stage::with(Policy::of(vec![layer]), Limits::for_testing()).await
}

async fn denied(rule: &Value, action: &str, input: &Value) -> bool {
    let stage = under(rule.clone()).await;
    let before = stage.snapshot();
    match stage
        .call_with(action, input.clone(), &agent(), Options::default())
        .await
    {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.code(), Code::PolicyDenied, "{action} {input}: {error:?}");
            assert_eq!(stage.snapshot(), before);
            true
        }
    }
}

#[tokio::test]
async fn what_lies_in_a_folder_is_touched_with_it() {
    let folder = json!({ "decision": "deny", "folders": ["/pics/summer"] });
    let tag = json!({ "decision": "deny", "tags": ["sun"] });
    let landing = json!({ "decision": "deny", "folders": ["/out/pics/summer"] });
    for (rule, action, input, is_denied) in [
        (&folder, "delete_folder", json!({ "folderPath": "/pics" }), true),
        (&folder, "delete_folder", json!({ "folderPath": "//pics/" }), true),
        (
            &folder,
            "move_folder",
            json!({ "sourceFolderPath": "/pics", "destinationPath": "/out" }),
            true,
        ),
        (
            &folder,
            "rename_folder",
            json!({ "folderPath": "/pics", "newFolderName": "images" }),
            true,
        ),
        (&folder, "delete_folder", json!({ "folderPath": "/in" }), false),
        (&tag, "delete_folder", json!({ "folderPath": "/pics" }), true),
        (
            &tag,
            "rename_folder",
            json!({ "folderPath": "/pics", "newFolderName": "images" }),
            true,
        ),
        (&tag, "delete_folder", json!({ "folderPath": "/in" }), false),
        (
            &landing,
            "copy_folder",
            json!({ "sourceFolderPath": "/pics", "destinationPath": "/out" }),
            true,
        ),
        (
            &landing,
            "copy_folder",
            json!({ "sourceFolderPath": "/in", "destinationPath": "/out" }),
            false,
        ),
        (
            &landing,
            "create_folder",
            json!({ "folderName": "pics", "parentFolderPath": "/out" }),
            false,
        ),
    ] {
        assert_eq!(denied(rule, action, &input).await, is_denied, "{rule} {action} {input}");
    }
}

#[tokio::test]
async fn a_destination_is_judged_as_it_will_be_spelled() {
    let rule = json!({ "decision": "deny", "folders": ["/legal_x"] });
    let file = json!({ "decision": "deny", "folders": ["/in/secret_1.jpg"] });
    for to in ["/legal%x", "/legal x", "legal.x/", "//legal\u{200b}x//2026"] {
        for (action, input) in [
            (
                "move_file",
                json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": to }),
            ),
            (
                "copy_file",
                json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": to }),
            ),
            (
                "move_folder",
                json!({ "sourceFolderPath": "/pics", "destinationPath": to }),
            ),
            (
                "copy_folder",
                json!({ "sourceFolderPath": "/pics", "destinationPath": to }),
            ),
            ("create_folder", json!({ "folderName": "n", "parentFolderPath": to })),
            (
                "upload_file",
                json!({ "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": to }),
            ),
        ] {
            assert!(denied(&rule, action, &input).await, "{action} {input}");
        }
        let many = json!({ "fileIds": ["f1"], "destinationPath": format!("/{}", to.trim_start_matches('/')) });
        assert!(denied(&rule, "bulk_move_files", &many).await, "{many}");
    }
    for (action, input) in [
        (
            "rename_file",
            json!({ "filePath": "/in/a.jpg", "newFileName": "secret 1.jpg" }),
        ),
        (
            "upload_file",
            json!({ "fileName": "secret/1.jpg", "contentBase64": "aGVsbG8=", "folder": "/in", "useUniqueFileName": false }),
        ),
    ] {
        assert!(denied(&file, action, &input).await, "{action} {input}");
    }
    // What servers spell differently, and what climbs, is not sent at all.
    let stage = Stage::free().await;
    for to in ["/a/../legal_x", "/Ⅷ", "/."] {
        let input = json!({ "sourceFilePath": "/in/a.jpg", "destinationPath": to });
        let error = stage.call("move_file", input).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidInput, "{to}");
    }
    assert_eq!(stage.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_sees_beyond_the_first_page() {
    let rule = json!({ "decision": "deny", "tags": ["legal"] });
    for (tags, is_denied) in [(json!(["legal"]), true), (json!(["other"]), false)] {
        let stage = under(rule.clone()).await;
        for number in 0..1500 {
            let tags = if number == 1499 { tags.clone() } else { Value::Null };
            let (id, path) = (format!("m{number:04}"), format!("/out/{number:04}.jpg"));
            stage.world.lock().unwrap().put(&id, &path, tags);
        }
        let result = stage.call("delete_folder", json!({ "folderPath": "/out" })).await;
        assert_eq!(result.is_err(), is_denied, "{result:?}");
    }
}

#[tokio::test]
async fn a_rule_that_allows_one_folder_allows_no_other() {
    let layer = |rule: Value| Layer {
        name: "deployment".into(),
        rules: vec![serde_json::from_value(rule).unwrap(), always(Decision::Deny)],
    };
    let allow = layer(json!({ "decision": "allow", "folders": ["/in"] }));
    let stage = Stage::with(Policy::of(vec![allow]), Limits::for_testing()).await;
    let tag = |ids: Value| stage.call("bulk_add_tags", json!({ "fileIds": ids, "tags": ["x"] }));
    tag(json!(["f1", "f2"])).await.unwrap();
    assert_eq!(tag(json!(["f1", "f3"])).await.unwrap_err().code(), Code::PolicyDenied);
}

#[tokio::test]
async fn a_folder_is_looked_up_by_its_name_and_must_be_there() {
    let stage = Stage::free().await;
    for name in ["delete_folder", "IMAGEKIT_IO_DELETE_FOLDER"] {
        for verify in [agent::Verify::None, agent::Verify::Fast] {
            let options = Options {
                verify,
                ..Options::default()
            };
            let error = stage
                .call_with(name, json!({ "folderPath": "/nowhere" }), &operator(), options)
                .await
                .unwrap_err();
            assert_eq!(error.code(), Code::NotFound, "{name}");
        }
    }
    assert!(stage.asked()[0].contains("name=nowhere"), "{:?}", stage.asked());
}
