//! Actions against the real server: over the network through the binary's command line, and in process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use agent::{Audit, AuditError, Call, CallRecord, Credential, Limits, Pipeline, Policy, Transport, TransportError};
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use delivery::Delivery;
use delivery::origin::{FetchPolicy, Fetcher};
use library::Library;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tintype::app::{App, Parts};
use tintype::config::{Config, GivenKeys, Texts};
use tintype::keys::KeyPair;
use tintype::observe::Meters;
use tower::ServiceExt;

/// The binary serving from a directory; stopped when dropped.
struct Server {
    child: Child,
    base: String,
    /// Kept open: a server whose standard output is gone can't say what it has to.
    _said: BufReader<ChildStdout>,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tintype"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).expect("the server says where it listens");
        let base = line
            .split([' ', ','])
            .find(|word| word.starts_with("http://"))
            .expect(&line);
        Self {
            base: base.to_owned(),
            child,
            _said: said,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tintype(arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tintype"))
        .args(arguments)
        .env_clear()
        .env("TINTYPE_DATA_DIR", data)
        .env("USER", "ann")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_file_s_life_through_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let note = dir.path().join("note.txt");
    std::fs::write(&note, "hello").unwrap();
    let mut said = String::new();
    let mut call = |arguments: &[&str]| {
        let upstream = ["--upstream", &server.base];
        let output = tintype(&[&["call"], arguments, &upstream].concat(), &data);
        said.push_str(&text(&output.stdout));
        said.push_str(&text(&output.stderr));
        output
    };
    let done = |output: &Output| -> Value {
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON on standard output")
    };

    let output = call(&[
        "upload_file",
        r#"{"folder":"/notes","useUniqueFileName":false,"tags":["sea"]}"#,
        "--file",
        note.to_str().unwrap(),
    ]);
    let uploaded = done(&output);
    assert_eq!(uploaded["filePath"], "/notes/note.txt");
    assert_eq!(uploaded["size"], 5);
    assert_eq!(text(&output.stderr), "verified: name, filePath, size\n");
    let id = json!({ "fileId": uploaded["fileId"] }).to_string();

    let listed = done(&call(&["list_files", r#"{"path":"/notes"}"#, "--json"]));
    assert_eq!(listed["data"]["files"][0]["tags"], json!(["sea"]));
    assert_eq!(listed["meta"]["attempts"], 1);
    assert_eq!(
        listed["meta"]["drift"],
        json!([]),
        "our own answers fit our own contract"
    );

    let input = dir.path().join("input.json");
    std::fs::write(&input, &id).unwrap();
    let details = done(&call(&["get_file_details", "--input-file", input.to_str().unwrap()]));
    assert_eq!(details["name"], "note.txt");

    let refused = call(&["delete_file", &id]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(text(&refused.stdout), "");
    assert_eq!(
        text(&refused.stderr),
        "tintype: policy_denied: delete_file is a delete action, which is not allowed here\n\
         hint: a person who agrees to it can add --allow-delete\n"
    );
    assert_eq!(done(&call(&["get_file_details", &id]))["name"], "note.txt");
    let deleted = done(&call(&["delete_file", &id, "--allow-delete", "--json"]));
    assert_eq!(deleted["data"], json!({ "deleted": true }));
    assert_eq!(deleted["meta"]["verification"]["status"], "verified");
    let gone = call(&["get_file_details", &id]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("not_found: "), "{}", text(&gone.stderr));

    let key: toml::Table = std::fs::read_to_string(data.join("keys.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let key = key["private_key"].as_str().unwrap();
    let audit = std::fs::read_to_string(data.join("audit.jsonl")).unwrap();
    assert!(!said.contains(key) && !audit.contains(key));
    let records: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().all(|r| r["principal"] == "cli:ann"));
    let told: Vec<String> = records
        .iter()
        .map(|r| format!("{} {}", r["action"].as_str().unwrap(), r["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "upload_file begun",
            "upload_file done",
            "list_files done",
            "get_file_details done",
            "delete_file refused",
            "get_file_details done",
            "delete_file begun",
            "delete_file done",
            "get_file_details failed",
        ]
    );
}

#[test]
fn the_kept_key_is_not_sent_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let kept = "private_key = \"private_kept\"\npublic_key = \"public_kept\"\n";
    std::fs::write(dir.path().join("keys.toml"), kept).unwrap();
    let output = tintype(
        &["call", "list_files", "--upstream", "https://media.example.com"],
        dir.path(),
    );
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("is not sent to https://media.example.com"), "{said}");
    assert!(!said.contains("private_kept"), "{said}");
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = tintype(arguments, dir.path());
        (output.status.code(), text(&output.stderr))
    };
    let (code, keyless) = said(&["call", "list_files"]);
    assert_eq!(code, Some(1));
    assert!(keyless.contains("no private key: set TINTYPE_PRIVATE_KEY"), "{keyless}");
    let kept = "private_key = \"private_kept\"\npublic_key = \"public_kept\"\n";
    std::fs::write(dir.path().join("keys.toml"), kept).unwrap();
    for (arguments, expected) in [
        (&["call", "list_files", "{"][..], "the input is not JSON"),
        (
            &["call", "list_files", r#"{"limits":1}"#],
            "invalid_input: limits: unknown; known are",
        ),
        (&["call", "list_file"], "did you mean `list_files`?"),
        (&["actions", "list_file"], "did you mean `list_files`?"),
        (&["call", "upload_file", "--file", "/nowhere/a.txt"], "/nowhere/a.txt: "),
        (
            &["call", "list_files", "--upstream", "nowhere"],
            "--upstream: not a URL",
        ),
    ] {
        let (code, text) = said(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn actions_are_listed_described_and_documented() {
    let dir = tempfile::tempdir().unwrap();
    let table = text(&tintype(&["actions"], dir.path()).stdout);
    let docs = include_str!("../../../docs/agents.md");
    for action in agent::ACTIONS {
        let row = table
            .lines()
            .find(|line| line.starts_with(action.name))
            .expect(action.name);
        assert!(
            row.contains(action.effect.as_str()) && row.ends_with(action.title),
            "{row}"
        );
        let documented = format!("| `{}` | {} |", action.name, action.effect.as_str());
        assert!(docs.contains(&documented), "docs/agents.md lacks {documented}");
        let described = text(&tintype(&["actions", action.name], dir.path()).stdout);
        assert!(described.contains(action.description), "{described}");
        let json: Value =
            serde_json::from_slice(&tintype(&["actions", action.name, "--json"], dir.path()).stdout).unwrap();
        assert_eq!(json["inputSchema"], action.input_schema());
    }
}

#[derive(Default)]
struct Records(Mutex<Vec<CallRecord>>);

impl Audit for Records {
    fn record(&self, record: &CallRecord) -> Result<(), AuditError> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

/// The server's own router as an upstream: no network in between.
fn in_process(router: axum::Router) -> Transport {
    Transport::new(tower::service_fn(move |request: Request<Bytes>| {
        let router = router.clone();
        async move {
            let answer = router
                .oneshot(request.map(Body::from))
                .await
                .unwrap_or_else(|e| match e {});
            let (head, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, 16 << 20)
                .await
                .map_err(|e| TransportError::Lost(e.into()))?;
            Ok(Response::from_parts(head, body))
        }
    }))
}

#[tokio::test]
async fn the_same_actions_in_process() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap().to_owned();
    let given = [
        ("data_dir", data),
        ("cache_disk", "0".to_owned()),
        ("public_url", "http://media.test".to_owned()),
    ];
    let texts = Texts::gather(None, [], given).unwrap();
    let config = Config::from_texts(&texts).unwrap();
    let app = App::open(&config, ([127, 0, 0, 1], 8080).into()).await.unwrap();
    let credential = Credential::private_key(app.keys.private_key().clone());
    let router = tintype::router::router(app.clone(), Meters::start().unwrap());
    let records = Arc::new(Records::default());
    let pipeline = Pipeline {
        upstream: agent::Upstream::new("http://media.test", in_process(router)).unwrap(),
        credential,
        policy: Policy::default(),
        audit: Arc::clone(&records) as Arc<dyn Audit>,
        limits: Limits::default(),
    };
    let call = async |action: &str, input: Value| {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: "test".to_owned(),
            at: OffsetDateTime::UNIX_EPOCH,
        };
        pipeline.call(call).await
    };
    let input = json!({ "fileName": "a.txt", "contentBase64": "aGVsbG8=", "isPrivateFile": true });
    let uploaded = call("upload_file", input).await.unwrap();
    assert_eq!(uploaded.output["size"], 5);
    assert_eq!(uploaded.proof.drift, []);
    let verification = serde_json::to_value(&uploaded.proof.verification).unwrap();
    assert_eq!(verification["checks"][3]["name"], "isPrivateFile", "{verification}");
    let listed = call("list_files", json!({ "type": "all" })).await.unwrap();
    assert_eq!(listed.output["files"][0]["fileId"], uploaded.output["fileId"]);
    assert_eq!(listed.proof.drift, []);
    let searched = call("list_files", json!({ "searchQuery": "" })).await.unwrap_err();
    assert_eq!(searched.code(), agent::Code::InvalidInput);
    assert_eq!(records.0.lock().unwrap().len(), 4);
    app.delivery.close().await;
    app.library.close().await;
}
