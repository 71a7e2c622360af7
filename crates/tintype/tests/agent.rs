//! Actions against the real server: over the network through the binary's command line, and in process.

#[path = "suite/crowd.rs"]
mod crowd;
#[path = "suite/direct.rs"]
mod direct;
#[path = "suite/doors.rs"]
mod doors;
#[path = "suite/faults.rs"]
mod faults;
#[path = "suite/proxy.rs"]
mod proxy;

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;

use agent::{
    Call, Connection, Connections, Credential, Limits, Options, Pipeline, Policy, Principal, Store, Transport,
    TransportError,
};
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tintype::app::App;
use tintype::config::{Config, Texts};
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

fn tintype_as(variables: &[(&str, &str)], arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tintype"))
        .args(arguments)
        .env_clear()
        .env("TINTYPE_DATA_DIR", data)
        .env("USER", "ann")
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs")
}

fn tintype(arguments: &[&str], data: &Path) -> Output {
    tintype_as(&[], arguments, data)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// Code of an error that was told as JSON, with the whole of it.
fn failed(output: &Output) -> (String, Value) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    let report: Value = serde_json::from_slice(&output.stderr).expect("JSON on standard error");
    (report["code"].as_str().unwrap_or_default().to_owned(), report)
}

#[test]
fn a_file_s_life_through_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let note = dir.path().join("note.txt");
    std::fs::write(&note, "hello").unwrap();
    let said = RefCell::new(String::new());
    let call = |variables: &[(&str, &str)], arguments: &[&str]| {
        let variables = [variables, &[("TINTYPE_PUBLIC_URL", server.base.as_str())]].concat();
        let output = tintype_as(&variables, arguments, &data);
        said.borrow_mut()
            .push_str(&(text(&output.stdout) + &text(&output.stderr)));
        output
    };
    let connector = |variables: &[(&str, &str)], action: &str, data: &str, more: &[&str]| {
        let plain = [
            "connector",
            "run",
            "imagekit",
            "--action",
            action,
            "--data",
            data,
            "--json",
        ];
        call(variables, &[&plain, more].concat())
    };

    let output = call(
        &[],
        &[
            "call",
            "upload_file",
            r#"{"folder":"/notes","useUniqueFileName":false,"tags":["sea"]}"#,
            "--file",
            note.to_str().unwrap(),
        ],
    );
    let uploaded = done(&output);
    assert_eq!(uploaded["filePath"], "/notes/note.txt");
    assert_eq!(uploaded["size"], 5);
    let told = text(&output.stderr);
    assert!(
        told.starts_with("verified: name, filePath, size, tags\nundo: tintype connector undo "),
        "{told}"
    );
    let id = json!({ "fileId": uploaded["fileId"] }).to_string();

    let listed = done(&connector(&[], "list_assets", r#"{"path":"/notes"}"#, &[]));
    assert_eq!(listed["data"]["assets"][0]["tags"], json!(["sea"]));
    assert_eq!(listed["meta"]["attempts"], 1);
    assert_eq!(
        listed["meta"]["drift"],
        json!([]),
        "our own answers fit our own contract"
    );

    let input = dir.path().join("input.json");
    std::fs::write(&input, format!("\u{feff}{id}")).unwrap();
    let from_file = format!("@{}", input.display());
    let details = done(&connector(&[], "get_file_details", &from_file, &[]));
    assert_eq!(details["data"]["asset"]["name"], "note.txt");

    // A dry run, then the call, which waits for somebody else, who agrees.
    let dry = done(&connector(&[], "delete_file", &id, &["--dry-run"]));
    assert_eq!(
        (&dry["dryRun"], &dry["ok"], &dry["blast"]["bytes"]),
        (&json!(true), &json!(true), &json!(5))
    );
    let (code, report) = failed(&connector(&[], "delete_file", &id, &[]));
    assert_eq!(code, "approval_required");
    let approval = report["approval"]["id"].as_str().unwrap().to_owned();
    let own = call(&[], &["approvals", "approve", &approval, "--json"]);
    assert_eq!(failed(&own).0, "policy_denied");
    let shown = done(&call(&[("USER", "bob")], &["approvals", "show", &approval, "--json"]));
    assert_eq!(
        shown["approval"]["request"]["blast"]["touches"][0]["path"],
        "/notes/note.txt"
    );
    let deleted = done(&call(
        &[("USER", "bob")],
        &["approvals", "approve", &approval, "--reason", "old", "--json"],
    ));
    assert_eq!(deleted["data"], json!({ "deleted": true }));
    assert_eq!(deleted["meta"]["verification"]["status"], "verified");
    assert_eq!(
        failed(&call(
            &[("USER", "bob")],
            &["approvals", "approve", &approval, "--json"]
        ))
        .0,
        "conflict"
    );
    assert_eq!(failed(&connector(&[], "get_file_details", &id, &[])).0, "not_found");

    // An agent reads, writes when it may, and counts.
    let make = [
        "token",
        "create",
        "bot",
        "--allow",
        "write",
        "--folder",
        "/bot",
        "--budget",
        "writes-per-day=1",
        "--json",
    ];
    let made = done(&tintype(&make, &data));
    let token = made["secret"].as_str().unwrap().to_owned();
    let agent = [("TINTYPE_TOKEN", token.as_str())];
    let outside = connector(
        &agent,
        "upload_file",
        r#"{"fileName":"a.txt","contentBase64":"aGk=","folder":"/notes"}"#,
        &[],
    );
    assert_eq!(failed(&outside).0, "scope_missing");
    let inside = r#"{"fileName":"a.txt","contentBase64":"aGk=","folder":"/bot"}"#;
    let first = done(&connector(&agent, "upload_file", inside, &["--idempotency-key", "k"]));
    let again = done(&connector(&agent, "upload_file", inside, &["--idempotency-key", "k"]));
    assert_eq!(again["meta"]["replayed"], true);
    assert_eq!(again["data"], first["data"]);
    assert_eq!(
        failed(&connector(&agent, "upload_file", inside, &[])).0,
        "quota_exhausted"
    );
    let decides = tintype_as(&agent, &["approvals", "approve", &approval], &data);
    assert_eq!(decides.status.code(), Some(1));
    let id = made["token"]["id"].as_str().unwrap();
    assert!(tintype(&["token", "revoke", id], &data).status.success());
    assert_eq!(failed(&connector(&agent, "list_assets", "{}", &[])).0, "auth_invalid");

    // A connection of its own, under another master key.
    let key: toml::Table = std::fs::read_to_string(data.join("keys.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let key = key["private_key"].as_str().unwrap().to_owned();
    let wrong = tintype_as(
        &[("TINTYPE_CONNECT_KEY", "private_wrong")],
        &["connect", &server.base, "--name", "other"],
        &data,
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).starts_with("credential_verification_failed"),
        "{}",
        text(&wrong.stderr)
    );
    let right = tintype_as(
        &[("TINTYPE_CONNECT_KEY", &key)],
        &["connect", &server.base, "--name", "other"],
        &data,
    );
    assert!(right.status.success(), "{}", text(&right.stderr));
    let before = done(&tintype(&["vault", "status", "--json"], &data));
    assert!(tintype(&["vault", "rotate"], &data).status.success());
    let after = done(&tintype(&["vault", "status", "--json"], &data));
    assert_ne!(before["activeKey"], after["activeKey"]);
    assert_eq!(after["secrets"].as_object().unwrap().len(), 1);
    let through = done(&connector(&[], "list_assets", "{}", &["--connection-name", "other"]));
    assert_eq!(through["meta"]["connection"], "other");
    let apps = done(&tintype(&["connector", "apps", "--json"], &data));
    assert_eq!(apps.as_array().unwrap().len(), 2);
    assert!(tintype(&["disconnect", "other"], &data).status.success());

    let verified = done(&tintype(&["audit", "verify", "--json"], &data));
    assert_eq!(
        (&verified["brokenAt"], &verified["headFound"]),
        (&json!(null), &json!(true))
    );
    let missing = tintype(&["audit", "verify", "--head", "0"], &data);
    assert_eq!(missing.status.code(), Some(1));
    let exported = text(&tintype(&["audit", "export"], &data).stdout);
    assert_eq!(exported.lines().count() as u64, verified["records"].as_u64().unwrap());
    assert!(exported.contains("operator:ann") && exported.contains("operator:bob"));
    assert!(!said.borrow().contains(&key) && !exported.contains(&key) && !exported.contains(&token));
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("agent.db") {
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !bytes.windows(key.len()).any(|w| w == key.as_bytes()),
                "the key is in {}",
                path.display()
            );
        }
    }
}

#[test]
fn the_kept_key_is_not_sent_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let kept = "private_key = \"private_kept\"\npublic_key = \"public_kept\"\n";
    std::fs::write(dir.path().join("keys.toml"), kept).unwrap();
    let output = tintype(
        &["call", "list_assets", "--upstream", "https://media.example.com"],
        dir.path(),
    );
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no key for https://media.example.com"), "{said}");
    assert!(!said.contains("private_kept"), "{said}");
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = tintype(arguments, dir.path());
        (output.status.code(), text(&output.stderr))
    };
    let (code, keyless) = said(&["call", "list_assets"]);
    assert_eq!(code, Some(1));
    assert!(
        keyless.starts_with("connection_required: no server is connected"),
        "{keyless}"
    );
    let kept = "private_key = \"private_kept\"\npublic_key = \"public_kept\"\n";
    std::fs::write(dir.path().join("keys.toml"), kept).unwrap();
    let run = |action: &'static str| ["connector", "run", "imagekit", "--action", action];
    for (arguments, code, expected) in [
        (&["call", "list_assets", "{"][..], 2, "the input is not JSON"),
        (
            &["call", "list_assets", r#"{"limits":1}"#],
            2,
            "invalid_input: limits: unknown; known are",
        ),
        (&["call", "list_asset"], 2, "did you mean `list_assets`?"),
        (&run("list_asset"), 2, "did you mean `list_assets`?"),
        (&["actions", "list_asset"], 2, "did you mean `list_assets`?"),
        (
            &["connector", "schema", "imagekit.list_asset"],
            2,
            "did you mean `list_assets`?",
        ),
        (&["connector", "run", "imagekit"], 2, "--action is missing"),
        (
            &["connector", "run", "gmail", "--action", "send"],
            2,
            "the service is imagekit",
        ),
        (&["call", "list_assets", "@/nowhere.json"], 1, "/nowhere.json: "),
        (
            &["call", "upload_file", "--file", "/nowhere/a.txt"],
            1,
            "/nowhere/a.txt: ",
        ),
        (
            &["token", "create", "x", "--allow", "all"],
            2,
            "none of read, write, destructive",
        ),
        (&["token", "create", "x", "--budget", "calls=1"], 2, "calls-per-minute"),
        (&["token", "revoke", "tok_0"], 1, "there is no token"),
        (
            &["approvals", "show", "apr_0"],
            1,
            "not_found: there is no approval `apr_0`",
        ),
    ] {
        let (exit, text) = said(arguments);
        assert_eq!(exit, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn actions_are_listed_described_and_documented() {
    let dir = tempfile::tempdir().unwrap();
    let table = text(&tintype(&["actions"], dir.path()).stdout);
    for action in agent::ACTIONS {
        let name = action.name();
        let row = table
            .lines()
            .find(|line| line.split(' ').next() == Some(name))
            .expect(name);
        assert!(
            row.contains(action.effect().as_str()) && row.ends_with(action.about.title),
            "{row}"
        );
    }
    let one = ["connector", "schema", "imagekit", "--action", "delete_file", "--json"];
    let schema = done(&tintype(&one, dir.path()));
    assert_eq!(
        &schema["inputSchema"],
        agent::find("delete_file").unwrap().action.input_schema()
    );
    assert_eq!(
        (&schema["service"], &schema["effect"]),
        (&json!("imagekit"), &json!("destructive"))
    );
    let two = done(&tintype(
        &[
            "connector",
            "schema",
            "imagekit.delete_file",
            "imagekit.list_assets",
            "--json",
        ],
        dir.path(),
    ));
    assert_eq!(two.as_array().unwrap().len(), 2);
    let found = done(&tintype(
        &["connector", "search", "purge", "the", "cache", "--json"],
        dir.path(),
    ));
    assert_eq!(
        (&found[0]["name"], &found[0]["accessStatus"]),
        (&json!("purge_cache"), &json!("available"))
    );
    assert_eq!(
        text(&tintype(&["actions", "--skill"], dir.path()).stdout),
        include_str!("../../../docs/skill/SKILL.md")
    );
    assert_eq!(
        text(&tintype(&["actions", "--llms"], dir.path()).stdout),
        include_str!("../../../docs/llms.txt")
    );
    let docs = include_str!("../../../docs/agents.md");
    for code in [
        "approval_required",
        "policy_denied",
        "scope_missing",
        "rolled_back",
        "precondition_failed",
        "credential_expired",
    ] {
        assert!(docs.contains(&format!("`{code}`")), "docs/agents.md lacks {code}");
    }
}

#[test]
fn the_policy_is_a_file_and_can_be_explained() {
    let dir = tempfile::tempdir().unwrap();
    let explain = |more: &[&str]| tintype(&[&["policy", "explain"], more].concat(), dir.path());
    let plain = text(&explain(&["delete_file"]).stdout);
    assert!(plain.starts_with("confirm\n  effect: confirm"), "{plain}");
    let rules = "[[rule]]\ndecision = \"deny\"\nactions = [\"delete_*\"]\nprincipals = [\"agent\"]\n\n\
                 [[rule]]\ndecision = \"allow\"\neffects = [\"destructive\"]\n";
    std::fs::write(dir.path().join("agent-policy.toml"), rules).unwrap();
    let agent = done(&explain(&["delete_file", "--json"]));
    assert_eq!(
        (&agent["decision"], &agent["checks"][0]["reason"]),
        (&json!("deny"), &json!("rule 1"))
    );
    let operator = done(&explain(&["delete_file", "--as", "operator", "--json"]));
    assert_eq!(operator["decision"], "allow");
    let all = text(&explain(&["--as", "operator"]).stdout);
    assert_eq!(all.lines().count(), agent::ACTIONS.len());
    std::fs::write(dir.path().join("agent-policy.toml"), "[[rule]]\ndecision = \"maybe\"\n").unwrap();
    let wrong = explain(&[]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr).contains("agent-policy.toml"),
        "{}",
        text(&wrong.stderr)
    );
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
    let key = agent::MasterKey::File(dir.path().join("vault.key"));
    let store = Arc::new(Store::open(&dir.path().join("agent.db"), key).await.unwrap());
    let transport = in_process(router);
    let upstream = agent::Upstream::new("http://media.test", transport.clone()).unwrap();
    let own = Connection::with_key(agent::OWN, upstream, credential, None);
    let connections = Connections::new(Some(own), Arc::clone(&store), transport);
    let pipeline = Pipeline::new(connections, Policy::default(), Arc::clone(&store), Limits::default());
    let call = async |action: &str, input: Value| {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: Principal::operator("test"),
            at: OffsetDateTime::UNIX_EPOCH,
            options: Options::default(),
        };
        pipeline.call(call).await
    };
    let input = json!({ "fileName": "a.txt", "contentBase64": "aGVsbG8=", "isPrivateFile": true });
    let uploaded = call("upload_file", input).await.unwrap();
    assert_eq!(uploaded.data["size"], 5);
    assert_eq!(uploaded.meta.drift, []);
    let verification = serde_json::to_value(&uploaded.meta.verification).unwrap();
    assert_eq!(verification["checks"][3]["name"], "isPrivateFile", "{verification}");
    let listed = call("list_assets", json!({ "type": "all" })).await.unwrap();
    assert_eq!(listed.data["assets"][0]["fileId"], uploaded.data["fileId"]);
    assert_eq!(listed.meta.drift, []);
    let searched = call("list_assets", json!({ "searchQuery": "" })).await.unwrap_err();
    assert_eq!(searched.code(), agent::Code::InvalidInput);
    assert_eq!(store.verify_records().await.unwrap().records, 4);
    store.close().await;
    app.delivery.close().await;
    app.library.close().await;
}
