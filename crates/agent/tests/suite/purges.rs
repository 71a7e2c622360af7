//! Purges of a file, a folder, a beginning of paths and a tag: what they are about, who may, and what rules say.

use agent::{Code, Decision, Effect, Grant, Layer, Limits, Options, Policy, Principal, Rule, Verification};
use serde_json::{Value, json};

use crate::stage::{Stage, agent, always, operator};

fn narrow(grant: Grant) -> Principal {
    Principal {
        grant: Some(Grant {
            effects: vec![Effect::Read, Effect::Write],
            ..grant
        }),
        ..agent()
    }
}

#[tokio::test]
async fn a_dry_run_tells_which_files_a_purge_is_about() {
    let stage = Stage::new().await;
    for (input, paths, what) in [
        (json!({ "fileId": "f2" }), vec!["/in/b.jpg"], "file f2"),
        (
            json!({ "folderPath": "/in/" }),
            vec!["/in/a.jpg", "/in/b.jpg"],
            "paths /in/*",
        ),
        (
            json!({ "folderPath": "/" }),
            vec!["/in/a.jpg", "/in/b.jpg", "/pics/summer/c.jpg"],
            "paths /*",
        ),
        (
            json!({ "prefix": "/pics/sum" }),
            vec!["/pics/summer/c.jpg"],
            "paths /pics/sum*",
        ),
        (json!({ "prefix": "/in/a" }), vec!["/in/a.jpg"], "paths /in/a*"),
        (json!({ "tag": "sea" }), vec!["/in/a.jpg"], "files with the tag sea"),
        (json!({ "tag": "none" }), vec![], "files with the tag none"),
    ] {
        let dry = Options {
            dry_run: true,
            ..Options::default()
        };
        let answer = stage
            .call_with("purge_cache", input.clone(), &operator(), dry)
            .await
            .unwrap();
        let blast = &answer.data["blast"];
        assert_eq!(blast["files"], json!(paths.len()), "{input}: {blast}");
        assert_eq!(blast["touches"][0]["what"], what, "{input}");
        assert_eq!(blast["urls"].as_array().unwrap().len(), paths.len(), "{input}: {blast}");
        let answer = stage.call("purge_cache", input.clone()).await.unwrap();
        assert!(
            matches!(answer.meta.verification, Verification::Verified { .. }),
            "{input}: {:?}",
            answer.meta.verification
        );
    }
    for wrong in [
        json!({}),
        json!({ "tag": "sea", "fileId": "f1" }),
        json!({ "url": "http://h/demo/a.jpg", "folderPath": "/in" }),
        json!({ "prefix": "/in/../pics" }),
        json!({ "prefix": "in" }),
        json!({ "tag": "a,b" }),
        json!({ "tag": " " }),
    ] {
        let error = stage.call("purge_cache", wrong.clone()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidInput, "{wrong}");
    }
    let missing = stage.call("purge_cache", json!({ "fileId": "f77" })).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn a_narrow_token_purges_its_part() {
    let stage = Stage::new().await;
    let folder = narrow(Grant {
        folders: vec!["/pics".into()],
        ..Grant::default()
    });
    let tag = narrow(Grant {
        tags: vec!["sea".into()],
        ..Grant::default()
    });
    for (who, input, may) in [
        (&folder, json!({ "folderPath": "/pics/summer" }), true),
        (&folder, json!({ "prefix": "/pics/sum" }), true),
        (&folder, json!({ "fileId": "f3" }), true),
        (&folder, json!({ "fileId": "f1" }), false),
        (&folder, json!({ "folderPath": "/" }), false),
        // It begins many other paths as well.
        (&folder, json!({ "prefix": "/pics" }), false),
        (&folder, json!({ "tag": "sun" }), false),
        (&tag, json!({ "tag": "sea" }), true),
        (&tag, json!({ "tag": "sun" }), false),
        (&tag, json!({ "fileId": "f1" }), true),
        (&tag, json!({ "fileId": "f2" }), false),
        (&tag, json!({ "folderPath": "/in" }), false),
    ] {
        let said = stage
            .call_with("purge_cache", input.clone(), who, Options::default())
            .await
            .map_err(|error| error.code());
        match may {
            true => assert!(said.is_ok(), "{input}: {said:?}"),
            false => assert_eq!(said.unwrap_err(), Code::ScopeMissing, "{input}"),
        }
    }
}

#[tokio::test]
async fn rules_hold_for_what_a_purge_is_about() {
    let denies = async |rule: Value, input: Value| {
        let rule: Rule = serde_json::from_value(rule).unwrap();
        let layer = Layer {
            name: "deployment".into(),
            rules: vec![rule, always(Decision::Allow)],
        };
        let stage = Stage::with(Policy::of(vec![layer]), Limits::for_testing()).await;
        let said = stage
            .call_with("purge_cache", input, &agent(), Options::default())
            .await;
        said.is_err_and(|error| error.code() == Code::PolicyDenied)
    };
    let folder = || json!({ "decision": "deny", "folders": ["/pics/summer"] });
    let tag = || json!({ "decision": "deny", "tags": ["sun"] });
    let many = || json!({ "decision": "deny", "at-least": 2 });
    for (rule, input, denied) in [
        (folder(), json!({ "folderPath": "/pics" }), true),
        (folder(), json!({ "folderPath": "/" }), true),
        (folder(), json!({ "prefix": "/pics/su" }), true),
        (folder(), json!({ "folderPath": "/in" }), false),
        (folder(), json!({ "tag": "sun" }), true),
        (folder(), json!({ "tag": "sea" }), false),
        (tag(), json!({ "folderPath": "/pics" }), true),
        (tag(), json!({ "folderPath": "/in" }), false),
        (tag(), json!({ "prefix": "/pics/summer/c" }), true),
        (many(), json!({ "folderPath": "/in" }), true),
        (many(), json!({ "fileId": "f1" }), false),
        (many(), json!({ "tag": "sea" }), false),
    ] {
        assert_eq!(denies(rule.clone(), input.clone()).await, denied, "{rule} {input}");
    }
}
