//! Every action against every fault, at a real server behind a proxy that stumbles. What comes of it is the table of
//! `docs/agents-faults.md`; `TINTYPE_BLESS=1` writes it anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent::{
    Action, Answer, Call, CallError, Code, Connections, DriftMode, Effect, Limits, MasterKey, Options, Pipeline,
    Policy, Principal, Rate, Store, Verify,
};
use futures::StreamExt;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::Server;
use crate::direct::{Library, marker, plain, side_by_side_and_alone};
use crate::proxy::{FIRST_KEY, Fault, NEXT_KEY, On, Proxy, Rule};

/// A column of the table.
struct Column {
    name: &'static str,
    fault: Fault,
    drift: DriftMode,
    /// The effect has to be there in the end, whatever the action.
    heals: bool,
}

const COLUMNS: &[Column] = &[
    column("429, `X-RateLimit-*`", Fault::Says(429, IMAGEKIT_LIMIT), true),
    column("429, `Retry-After`", Fault::Says(429, &[("retry-after", "1")]), true),
    column(
        "429, `RateLimit`",
        Fault::Says(429, &[("ratelimit", "\"default\";r=0;t=1")]),
        true,
    ),
    column("401 once", Fault::Says(401, &[]), true),
    column("key expired", Fault::ExpiredKey, true),
    column("503", Fault::Says(503, &[]), false),
    column("lost before", Fault::LostBefore, false),
    column("lost after", Fault::LostAfter, false),
    column("half", Fault::Half, false),
    column("slow", Fault::Slow, true),
    column("silent", Fault::Silent, false),
    column("new field", Fault::Drift(added), true),
    Column {
        drift: DriftMode::Repair,
        ..column("numbers as text", Fault::Drift(numbers_as_text), true)
    },
    Column {
        drift: DriftMode::Repair,
        ..column("wrapped", Fault::Drift(wrapped), true)
    },
    column("no JSON", Fault::Page, false),
];

/// As ImageKit says it: milliseconds.
const IMAGEKIT_LIMIT: &[(&str, &str)] = &[
    ("x-ratelimit-limit", "5"),
    ("x-ratelimit-reset", "20"),
    ("x-ratelimit-interval", "1000"),
];

const fn column(name: &'static str, fault: Fault, heals: bool) -> Column {
    Column {
        name,
        fault,
        drift: DriftMode::Observe,
        heals,
    }
}

fn objects(value: &mut Value, change: &impl Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => change(fields),
        Value::Array(items) => items.iter_mut().for_each(|item| objects(item, change)),
        _ => {}
    }
}

fn added(value: &mut Value) -> bool {
    let before = value.clone();
    objects(value, &|fields| {
        fields.insert("brandNew".to_owned(), json!({ "since": 2027 }));
    });
    *value != before
}

fn numbers_as_text(value: &mut Value) -> bool {
    let before = value.clone();
    objects(value, &|fields| {
        for value in fields.values_mut().filter(|value| value.is_number()) {
            *value = json!(value.to_string());
        }
    });
    *value != before
}

fn wrapped(value: &mut Value) -> bool {
    *value = json!({ "success": true, "data": value.clone() });
    true
}

/// What one action's calls share: a place for their records, and the keys of the server.
struct Row<'a> {
    action: &'static Action,
    library: &'a Library,
    proxy: &'a Proxy,
    pipeline: Pipeline,
    store: Arc<Store>,
    _directory: tempfile::TempDir,
}

/// One call with what it found and left.
struct Cell {
    result: Result<Answer, CallError>,
    before: Value,
    after: Value,
    /// The fault was met.
    hit: bool,
    last: Value,
}

impl<'a> Row<'a> {
    async fn new(action: &'static Action, library: &'a Library, proxy: &'a Proxy) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = MasterKey::Given("ab".repeat(32).into());
        let store = Arc::new(Store::open(&directory.path().join("agent.db"), key).await.unwrap());
        let fast = Rate {
            sustained: 1e6,
            burst: 1e6,
        };
        let limits = Limits {
            deadline: Duration::from_secs(4),
            attempt_timeout: Duration::from_secs(1),
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
            read_rate: fast,
            write_rate: fast,
            slow_rate: fast,
            ..Limits::default()
        };
        let connections = Connections::new(None, Arc::clone(&store), agent::network(&limits).unwrap());
        let policy: agent::Rule = serde_json::from_value(json!({ "decision": "allow" })).unwrap();
        let policy = Policy::of(vec![agent::Layer {
            name: "deployment".to_owned(),
            rules: vec![policy],
        }]);
        Self {
            action,
            library,
            proxy,
            pipeline: Pipeline::new(connections, policy, Arc::clone(&store), limits).with_door("http://door.test"),
            store,
            _directory: directory,
        }
    }

    /// A connection through the proxy, on which something goes wrong.
    async fn connect(&self, fault: Option<Fault>) -> String {
        let name = marker();
        let on = match self.action.effect() {
            Effect::Read => On::Everything,
            _ => On::Changes,
        };
        self.proxy.rule(&name, Rule::new(fault, on));
        let base = self.proxy.base(&name);
        for (at, key) in [FIRST_KEY, NEXT_KEY].into_iter().enumerate() {
            let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(at as u64);
            let (operator, key) = (Principal::operator("ann"), key.into());
            let connected = self.store.connect(&name, &base, &key, Some("public_x"), &operator, now);
            connected.await.unwrap();
        }
        name
    }

    /// What the action needs, and an input that works. Links are kept by the agent side, not by the library.
    async fn prepare(&self, marker: &str) -> Value {
        let folder = json!({ "folder": format!("/{marker}/in") });
        match self.action.name() {
            "create_upload_link" => folder,
            "get_upload_link" | "revoke_upload_link" => {
                let connection = self.connect(None).await;
                let made = self
                    .make("create_upload_link", folder, connection, DriftMode::Strict)
                    .await;
                json!({ "linkId": made.unwrap().data["linkId"] })
            }
            name => self.library.prepare(name, marker).await,
        }
    }

    async fn make(
        &self,
        action: &str,
        input: Value,
        connection: String,
        drift: DriftMode,
    ) -> Result<Answer, CallError> {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: Principal::operator("ann"),
            at: OffsetDateTime::now_utc(),
            options: Options {
                connection: Some(connection),
                drift,
                verify: Verify::Strict,
                ..Options::default()
            },
        };
        self.pipeline.call(call).await
    }

    async fn call(&self, fault: Option<Fault>, drift: DriftMode, input: Value, marker: &str) -> Cell {
        let connection = self.connect(fault).await;
        let before = self.library.state(self.action.name(), marker).await;
        let result = self.make(self.action.name(), input, connection.clone(), drift).await;
        let after = self.library.state(self.action.name(), marker).await;
        let links = self.store.records(0, 10_000).await.unwrap();
        let mut records = links
            .iter()
            .filter_map(|l| serde_json::from_str::<Value>(&l.record).ok());
        let of_this = |r: &Value| r["connection"] == *connection && r["outcome"].is_string();
        Cell {
            result,
            before,
            after,
            hit: self.proxy.was_hit(&connection),
            last: records.rfind(of_this).unwrap(),
        }
    }

    /// The words of the row, and all that is not as it should be.
    async fn cells(&self) -> (Vec<String>, Vec<String>) {
        let clean = marker();
        let input = self.prepare(&clean).await;
        let wanted = self.call(None, DriftMode::Strict, input.clone(), &clean).await;
        let data = match &wanted.result {
            Ok(answer) => plain(&answer.data, &clean),
            Err(error) => panic!("{}: {}", self.action.name(), error.report()),
        };
        let (mut cells, mut wrong) = (Vec::new(), Vec::new());
        for column in COLUMNS {
            // What only reads finds everything as it was.
            let (marker, input) = match self.action.effect() {
                Effect::Read => (clean.clone(), input.clone()),
                _ => {
                    let marker = marker();
                    let input = self.prepare(&marker).await;
                    (marker, input)
                }
            };
            let cell = self
                .call(Some(column.fault.clone()), column.drift, input, &marker)
                .await;
            let (word, mut not_right) = self.judge(column, &cell, &marker, &data, &wanted.after);
            cells.push(word);
            wrong.append(&mut not_right);
        }
        assert_eq!(self.store.verify_records().await.unwrap().broken_at, None);
        (cells, wrong)
    }

    /// The word of the table, and what is not as it should be.
    fn judge(&self, column: &Column, cell: &Cell, marker: &str, data: &Value, wanted: &Value) -> (String, Vec<String>) {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{} under {}: {what}", self.action.name(), column.name));
            }
        };
        let changed = cell.after != cell.before;
        check(cell.last["action"] == self.action.name(), "it is recorded".to_owned());
        let word = match &cell.result {
            Ok(answer) if !cell.hit => {
                check(
                    answer.meta.heals.is_empty(),
                    format!("nothing happened: {:?}", answer.meta),
                );
                "-".to_owned()
            }
            Ok(answer) => {
                let told = plain(&answer.data, marker);
                check(
                    cell.after == *wanted,
                    format!("the effect is there once: {}", cell.after),
                );
                check(told == *data, format!("{told} instead of {data}"));
                check(cell.last["outcome"] == "done", format!("{}", cell.last));
                let (heals, drift) = (json!(answer.meta.heals), &answer.meta.drift);
                let recorded = cell.last["heals"].as_array().map_or(0, Vec::len);
                check(
                    recorded == answer.meta.heals.len(),
                    format!("the record tells: {}", cell.last),
                );
                let mended = drift.iter().any(|drift| drift.repaired);
                let found = heals
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|heal| heal["remedy"] == "found_done");
                match column.fault {
                    Fault::Slow => "ok",
                    // What the action does not read can't change what it says.
                    Fault::Drift(_) if drift.is_empty() => "ok",
                    Fault::Drift(_) => {
                        if mended {
                            "mended"
                        } else {
                            "noted"
                        }
                    }
                    _ => {
                        check(!answer.meta.heals.is_empty(), "what was mended is told".to_owned());
                        if found { "found done" } else { "healed" }
                    }
                }
                .to_owned()
            }
            Err(error) => {
                let (code, report) = (error.code(), error.report());
                check(!column.heals, format!("not healed: {report}"));
                // What may have been done is not said to be repeatable, and what was done not to have failed.
                let tells = code == Code::OutcomeUnknown
                    || code == Code::SchemaDrift && error.hint().is_some_and(|hint| hint.contains("do not repeat"));
                check(tells || !changed, format!("something changed: {report}"));
                check(
                    !error.is_retryable() || !changed,
                    format!("it may not be repeated: {report}"),
                );
                check(cell.last["outcome"] == "failed", format!("{}", cell.last));
                check(cell.last["code"] == json!(code), format!("{}", cell.last));
                format!("`{}`", json!(code).as_str().unwrap_or_default())
            }
        };
        (word, wrong)
    }
}

/// What other servers that speak this API were seen to answer: what happens, the action, its answer, how drift is treated.
async fn seen_in_the_wild(library: &Library, proxy: &Proxy) -> Vec<String> {
    let job: fn(&mut Value) -> bool = |v| {
        v["type"] = json!("copyFolder");
        true
    };
    let folder_row: fn(&mut Value) -> bool = |v| {
        let folder = json!({
            "type": "folder", "name": "f", "folderId": "65f0c0ffee0123456789abcd", "folderPath": "/f",
            "createdAt": "2026-01-02T03:00:00.000Z", "updatedAt": "2026-01-02T03:00:00.000Z",
        });
        v.as_array_mut().map(|rows| rows.push(folder)).is_some()
    };
    let less: fn(&mut Value) -> bool = |v| {
        let fields = v.as_object_mut().unwrap();
        ["isPublished", "AITags", "embeddedMetadata", "description"]
            .iter()
            .filter(|name| fields.remove(**name).is_some())
            .count()
            > 0
    };
    let epoch = OffsetDateTime::now_utc().unix_timestamp() + 2;
    let epoch: &'static str = epoch.to_string().leak();
    let epoch: &'static [(&str, &str)] = vec![("x-ratelimit-reset", epoch)].leak();
    let cases: Vec<(&str, &str, Fault, DriftMode, Option<Value>)> = vec![
        // First, before its time has come.
        (
            "429 with `X-RateLimit-Reset` as a time since 1970",
            "list_assets",
            Fault::Says(429, epoch),
            DriftMode::Observe,
            None,
        ),
        (
            "`type` of a job is `copyFolder` instead of `COPY_FOLDER`",
            "bulk_job_status",
            Fault::Drift(job),
            DriftMode::Observe,
            None,
        ),
        (
            "the same, with `repair`",
            "bulk_job_status",
            Fault::Drift(job),
            DriftMode::Repair,
            None,
        ),
        (
            "the same, with `strict`",
            "bulk_job_status",
            Fault::Drift(job),
            DriftMode::Strict,
            None,
        ),
        (
            "folders in a listing of files",
            "list_assets",
            Fault::Drift(folder_row),
            DriftMode::Observe,
            None,
        ),
        (
            "no sorting by relevance",
            "list_assets",
            Fault::Says(400, &[]),
            DriftMode::Observe,
            Some(json!({ "searchQuery": "name : \"a\"", "sort": "DESC_RELEVANCE" })),
        ),
        (
            "details without publication, AI tags and metadata",
            "get_file_details",
            Fault::Drift(less),
            DriftMode::Observe,
            None,
        ),
        (
            "a new folder's parent must exist",
            "create_folder",
            Fault::Says(404, &[]),
            DriftMode::Observe,
            None,
        ),
        (
            "429 with `X-RateLimit-Reset` in seconds",
            "list_assets",
            Fault::Says(429, &[("x-ratelimit-reset", "1")]),
            DriftMode::Observe,
            None,
        ),
    ];
    let mut lines = Vec::new();
    for (what, name, fault, drift, other) in cases {
        let action = agent::find(name).unwrap().action;
        let row = Row::new(action, library, proxy).await;
        let marker = marker();
        let input = match other {
            Some(input) => input,
            None => library.prepare(name, &marker).await,
        };
        let limited = matches!(fault, Fault::Says(429, _));
        let cell = row.call(Some(fault), drift, input, &marker).await;
        let said = match &cell.result {
            Ok(answer) => {
                // A wait in seconds was not taken for milliseconds.
                assert!(!limited || answer.meta.waited_ms > 500, "{what}: {:?}", answer.meta);
                let drift: Vec<String> = answer
                    .meta
                    .drift
                    .iter()
                    .map(|d| {
                        format!(
                            "`{}` {}{}",
                            d.pointer,
                            d.kind.as_str(),
                            if d.repaired { ", mended" } else { "" }
                        )
                    })
                    .collect();
                let healed = if answer.meta.heals.is_empty() { "ok" } else { "healed" };
                if drift.is_empty() {
                    healed.to_owned()
                } else {
                    format!("noted: {}", drift.join("; "))
                }
            }
            Err(error) => {
                assert_eq!(cell.before, cell.after, "{what}");
                format!("`{}`", json!(error.code()).as_str().unwrap())
            }
        };
        lines.push(format!("| {what} | `{name}` | {said} |"));
    }
    lines
}

const HEAD: &str = "# Agents: every action under every fault

Made by a test (`crates/tintype/tests/suite/faults.rs`) that calls each action through a proxy in front of a running server; the proxy stumbles at
the action's own request. Each call ended with its effect in the library once, or with an error that says what is known; the records said the same.

| word | |
|---|---|
| ok | nothing had to be done, or the action does not read what was changed |
| healed | waited, repeated, or went on with the next key; `meta.heals` says which |
| found done | the answer was lost, and looking showed that the work was done |
| noted, mended | the answer was not as promised: told in `meta.drift`, and put right |
| a code | the call failed with this error code |
| - | the action has no such answer, or asks nobody |

| fault | |
|---|---|
| 429 | once, with the wait in that header |
| key expired | 403 to the key in use; another one is kept |
| 503 | once, without a word on whether anything was done |
| lost before, lost after | the connection breaks before, or after, the request is carried out |
| half | it is carried out, and half of the answer comes |
| slow | the answer comes in pieces |
| silent | it is carried out, and no answer comes |
| new field | the answer has a field that is not in the contract |
| numbers as text, wrapped | with `drift` `repair`: numbers in quotes; the answer in an envelope |
| no JSON | it is carried out, and a web page comes with status 200 |
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_under_every_fault_is_healed_or_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let library = Library::of(&server.base, directory.path());
    let proxy = Proxy::start(&server.base, &library.key).await;
    // Several at once, because most of the time is waiting.
    let (actions, alone) = side_by_side_and_alone();
    let row = async |action: &'static Action| {
        let row = Row::new(action, &library, &proxy).await;
        let (cells, wrong) = row.cells().await;
        (format!("| `{}` | {} |", action.name(), cells.join(" | ")), wrong)
    };
    let mut rows = futures::stream::iter(actions)
        .map(row)
        .buffered(20)
        .collect::<Vec<_>>()
        .await;
    for action in alone {
        rows.push(row(action).await);
    }
    let (rows, wrong): (Vec<String>, Vec<Vec<String>>) = rows.into_iter().unzip();
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let page = format!(
        "{HEAD}\n| action | {} |\n|---|{}\n{}\n\n## Seen elsewhere\n\nAnswers of other servers that speak this API, or say that they do:\n\n| answer | action | |\n|---|---|---|\n{}\n",
        names.join(" | "),
        "---|".repeat(COLUMNS.len()),
        rows.join("\n"),
        seen_in_the_wild(&library, &proxy).await.join("\n"),
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/agents-faults.md");
    if std::env::var_os("TINTYPE_BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    for (now, then) in page.lines().zip(kept.lines()) {
        assert_eq!(now, then, "docs/agents-faults.md; TINTYPE_BLESS=1 writes it");
    }
    assert_eq!(page, kept, "docs/agents-faults.md; TINTYPE_BLESS=1 writes it");
}
