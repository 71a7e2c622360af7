//! Each action through every door: the same answer, the same effect, the same refusal.

use std::path::Path;

use agent::{ACTIONS, ALIASES, Alias, Dialect, Effect, Grant, MasterKey, Principal, Store};
use futures::StreamExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::Server;
use crate::direct::{Library, marker, plain, side_by_side_and_alone};

/// What comes out of a door: the output, or the code of the error.
type Said = Result<Value, String>;

struct Doors<'a> {
    library: &'a Library,
    data: &'a Path,
    token: &'a str,
}

fn code(report: &Value, name: &str) -> String {
    report[name]
        .as_str()
        .unwrap_or_else(|| panic!("a code in {report}"))
        .to_owned()
}

impl Doors<'_> {
    /// What an action needs, and an input that works. Links are kept by the agent side, not by the library.
    async fn prepare(&self, action: &str, m: &str) -> Value {
        let folder = json!({ "folder": format!("/{m}/in") });
        match action {
            "create_upload_link" => folder,
            "get_upload_link" | "revoke_upload_link" => {
                let link = self.connector("create_upload_link", &folder).await.unwrap();
                json!({ "linkId": link["linkId"] })
            }
            "get_file_history" => {
                let input = self.library.prepare(action, m).await;
                let tags = json!({ "fileIds": [input["fileId"]], "tags": ["new"] });
                self.connector("bulk_add_tags", &tags).await.unwrap();
                input
            }
            _ => self.library.prepare(action, m).await,
        }
    }

    /// All that the action could change, with what came of it.
    async fn state(&self, action: &str, m: &str, input: &Value, said: &Said) -> Value {
        let link = match (action, said) {
            ("revoke_upload_link", _) => &input["linkId"],
            ("create_upload_link", Ok(made)) => &made["linkId"],
            _ => return self.library.state(action, m).await,
        };
        let link = self.connector("get_upload_link", &json!({ "linkId": link })).await;
        plain(&link.unwrap(), m)
    }

    async fn connector(&self, action: &str, input: &Value) -> Said {
        match self.library.run(self.token, action, json!({ "input": input })).await {
            (200, answer) => Ok(answer["data"].clone()),
            (_, answer) => Err(code(&answer, "errorCode")),
        }
    }

    async fn mcp(&self, path: &str, tool: &str, arguments: &Value) -> Said {
        let params = json!({ "name": tool, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let who = format!("Bearer {}", self.token);
        let body = call.to_string().into_bytes();
        let (_, answer) = self.library.send_as(&who, "POST", path, "application/json", body).await;
        let result = &answer["result"];
        let text = |at: usize| -> Value {
            serde_json::from_str(result["content"][at]["text"].as_str().unwrap_or_default()).unwrap_or(Value::Null)
        };
        if result["isError"] == true {
            return Err(code(&text(1), "code"));
        }
        assert_eq!(
            text(0),
            result["structuredContent"],
            "{tool}: as text for older clients"
        );
        Ok(result["structuredContent"].clone())
    }

    async fn command_line(&self, action: &str, input: &Value) -> Said {
        let variables = [
            ("TINTYPE_TOKEN".to_owned(), self.token.to_owned()),
            ("TINTYPE_PUBLIC_URL".to_owned(), self.library.base.clone()),
        ];
        let arguments = ["connector", "run", "imagekit", "--action", action, "--json", "--data"].map(str::to_owned);
        let (data, input) = (self.data.to_owned(), input.to_string());
        let output = tokio::task::spawn_blocking(move || {
            let variables: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain([input.as_str()]).collect();
            crate::tintype_as(&variables, &arguments, &data)
        });
        let output = output.await.unwrap();
        if output.status.success() {
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            return Ok(answer["data"].clone());
        }
        Err(code(&serde_json::from_slice(&output.stderr).unwrap(), "code"))
    }

    async fn toolkit(&self, alias: &Alias, input: &Value) -> Said {
        let (who, path) = (
            format!("Bearer {}", self.token),
            format!("/api/v3/tools/execute/{}", alias.name),
        );
        let body = json!({ "arguments": input }).to_string().into_bytes();
        let (status, answer) = self
            .library
            .send_as(&who, "POST", &path, "application/json", body)
            .await;
        assert_eq!(status, 200, "{answer}");
        match answer["successful"] == true {
            true => Ok(answer["data"].clone()),
            false => {
                let code = code(&answer["report"], "code");
                assert!(answer["error"].as_str().unwrap().starts_with(&code), "{answer}");
                Err(code)
            }
        }
    }
}

/// The output with those who read it: exact for what only reads, without ids and times for what was done to something of
/// its own.
fn told(said: Said, effect: Effect, marker: &str) -> Said {
    said.map(|data| match effect {
        Effect::Read => data,
        _ => plain(&data, marker),
    })
}

async fn one(action: &'static agent::Action, doors: &Doors<'_>) -> usize {
    let name = action.name();
    let toolkit = ALIASES
        .iter()
        .find(|a| a.dialect == Dialect::Composio && a.action == name);
    let reads = action.effect() == Effect::Read;
    let first = marker();
    let mut input = doors.prepare(name, &first).await;
    if name == "get_authentication_parameters" {
        // Else each is of its own second, with a word of its own.
        input = json!({ "token": "t" });
    }
    let volatile = |said: Said| match name {
        // Those of other rows come and go meanwhile.
        "get_authentication_parameters"
        | "get_usage_analytics"
        | "list_custom_metadata_fields"
        | "list_saved_extensions"
        | "list_named_transformations"
        | "list_origins"
        | "list_url_endpoints" => said.map(|data| plain(&data, &first)),
        _ => said,
    };
    let said = doors.connector(name, &input).await;
    let left = doors.state(name, &first, &input, &said).await;
    let wanted = volatile(told(said, action.effect(), &first));
    assert!(wanted.is_ok(), "{name}: {wanted:?}");

    let mut passed = 1;
    for door in ["mcp", "dynamic", "command line", "toolkit"] {
        let alias = match (door, toolkit) {
            ("toolkit", None) => continue,
            (_, alias) => alias,
        };
        let mine = if reads { first.clone() } else { marker() };
        let input = if reads {
            input.clone()
        } else {
            doors.prepare(name, &mine).await
        };
        let wrong = json!({ "nonsense": 1 });
        let (said, refused) = match (door, alias) {
            ("toolkit", Some(alias)) => (doors.toolkit(alias, &input).await, doors.toolkit(alias, &wrong).await),
            ("mcp", _) => (
                doors.mcp("/mcp", name, &input).await,
                doors.mcp("/mcp", name, &wrong).await,
            ),
            ("dynamic", _) => {
                let named = |input: &Value| json!({ "action": name, "input": input });
                let path = "/mcp?mode=dynamic";
                let called = doors.mcp(path, "call_action", &named(&input)).await;
                (called, doors.mcp(path, "call_action", &named(&wrong)).await)
            }
            _ => (
                doors.command_line(name, &input).await,
                doors.command_line(name, &wrong).await,
            ),
        };
        // Bytes never go through a model.
        if name == "upload_file" && matches!(door, "mcp" | "dynamic") {
            assert_eq!(said, Err("invalid_input".to_owned()), "{name} through {door}");
            passed += 1;
            continue;
        }
        let now = doors.state(name, &mine, &input, &said).await;
        let said = volatile(told(said, action.effect(), &mine));
        let expected = match (door, alias) {
            ("toolkit", Some(alias)) => wanted.clone().map(|data| alias.answer(data)),
            _ => wanted.clone(),
        };
        assert_eq!(said, expected, "{name} through {door}");
        assert_eq!(refused, Err("invalid_input".to_owned()), "{name} through {door}");
        assert_eq!(now, left, "{name} through {door}: what it left");
        passed += 1;
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_is_the_same_through_every_door() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("agent-policy.toml"),
        "[[rule]]\ndecision = \"allow\"\n",
    )
    .unwrap();
    let server = Server::start(directory.path());
    let library = Library::of(&server.base, directory.path());
    let key = MasterKey::File(directory.path().join("vault.key"));
    let store = Store::open(&directory.path().join("agent.db"), key).await.unwrap();
    let grant = Grant {
        effects: vec![Effect::Read, Effect::Write, Effect::Destructive],
        ..Grant::default()
    };
    let (operator, now) = (Principal::operator("ann"), OffsetDateTime::now_utc());
    let token = store
        .create_token("doors", &grant, Duration::days(1), &operator, now)
        .await;
    let (_, secret) = token.unwrap();
    store.close().await;
    let doors = Doors {
        library: &library,
        data: directory.path(),
        token: secret.expose_secret(),
    };
    let (actions, alone) = side_by_side_and_alone();
    let all = futures::stream::iter(actions)
        .map(|action| one(action, &doors))
        .buffer_unordered(6);
    let mut passed: usize = all.collect::<Vec<_>>().await.into_iter().sum();
    for action in alone {
        passed += one(action, &doors).await;
    }
    let toolkit = ALIASES
        .iter()
        .filter(|alias| alias.dialect == Dialect::Composio)
        .count();
    assert_eq!(passed, ACTIONS.len() * 4 + toolkit);
}
