//! What the pipeline of agents' calls adds to the bare API call, all in one process: no network, a library on SQLite and a
//! store of records in a temporary folder. Rounds are interleaved, so that both see the same machine.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{
    Call, Connection, Connections, Credential, Limits, MasterKey, OWN, Options, Pipeline, Policy, Principal, Store,
    Transport, Upstream, Verify,
};
use bench::BenchError;
use bench::statistics::median;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tintype::agents::in_process;
use tintype::app::App;
use tintype::config::{Config, Texts};
use tintype::observe::Meters;
use tower::ServiceExt;

const BASE: &str = "http://library.test";
const KEY: &str = "private_bench";
/// The key as HTTP Basic has it.
const BASIC: &str = "Basic cHJpdmF0ZV9iZW5jaDo=";
/// Files in the folder that is listed.
pub const LISTED: usize = 100;
/// Calls of each kind in a round, before the next kind's turn.
const IN_A_ROUND: usize = 25;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--quick"] => None,
        ["--report", file] => Some(PathBuf::from(file)),
        _ => {
            eprintln!("usage: bench-agents --quick | --report <file>");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(BenchError::from).and_then(|runtime| {
        let rounds = if report.is_some() { 80 } else { 4 };
        let load = bench::machine::load_average();
        let page = report::page(&load, &runtime.block_on(measure(rounds))?);
        match &report {
            Some(file) => std::fs::write(file, page)?,
            None => report::print(&page),
        }
        Ok(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-agents: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One kind of call, and how long it took, in milliseconds at the median.
pub struct Measured {
    /// What was called.
    pub name: &'static str,
    /// The request alone.
    pub bare_ms: f64,
    /// The same through the pipeline.
    pub call_ms: f64,
    /// How often.
    pub calls: usize,
}

/// A call, and the request that it comes down to.
struct Case {
    name: &'static str,
    action: &'static str,
    input: Value,
    verify: Verify,
    request: (Method, String, Option<Value>),
}

struct Bench {
    transport: Transport,
    pipeline: Pipeline,
}

impl Bench {
    async fn ask(&self, method: &Method, target: &str, body: Option<&Value>) -> Result<Value, BenchError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{BASE}{target}"))
            .header("authorization", BASIC)
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))?;
        let answer = self.transport.clone().oneshot(request).await?;
        if !answer.status().is_success() {
            return Err(format!("{method} {target}: {}", answer.status()).into());
        }
        Ok(serde_json::from_slice(answer.body())?)
    }

    async fn call(&self, action: &str, input: Value, verify: Verify) -> Result<Value, BenchError> {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: Principal::operator("bench"),
            at: OffsetDateTime::now_utc(),
            options: Options {
                verify,
                ..Options::default()
            },
        };
        let answer = self.pipeline.call(call).await;
        Ok(answer.map_err(|error| error.report().to_string())?.data)
    }
}

async fn measure(rounds: usize) -> Result<Vec<Measured>, BenchError> {
    let directory = tempfile::tempdir()?;
    let given = [
        ("data_dir", directory.path().display().to_string()),
        ("cache_disk", "0".to_owned()),
        ("public_url", BASE.to_owned()),
        ("private_key", KEY.to_owned()),
        ("public_key", "public_bench".to_owned()),
    ];
    let config = Config::from_texts(&Texts::gather(None, [], given)?)?;
    let app = App::open(&config, ([127, 0, 0, 1], 8080).into()).await?;
    let router = tintype::router::router(app, Meters::start()?);
    let transport = in_process::transport(router, BASE, Limits::default().answer_bytes);
    let key = MasterKey::File(directory.path().join("vault.key"));
    let store = Arc::new(Store::open(&directory.path().join("agent.db"), key).await?);
    let upstream = Upstream::new(BASE, transport.clone())?;
    let own = Connection::with_key(OWN, upstream, Credential::private_key(KEY.into()), None);
    let connections = Connections::new(Some(own), Arc::clone(&store), transport.clone());
    let bench = Bench {
        transport,
        pipeline: Pipeline::new(connections, Policy::default(), store, Limits::default()),
    };

    let mut file = String::new();
    for n in 0..LISTED {
        let input = json!({ "fileName": format!("{n}.txt"), "folder": "/listed", "contentBase64": "aGVsbG8=" });
        let uploaded = bench.call("upload_file", input, Verify::None).await?;
        uploaded["fileId"].as_str().unwrap_or_default().clone_into(&mut file);
    }
    let details = format!("/v1/files/{file}/details");
    let tags = json!({ "tags": ["sea"] });
    let update = json!({ "fileId": file, "tags": ["sea"] });
    let cases = [
        Case {
            name: "details of a file",
            action: "get_file_details",
            input: json!({ "fileId": file }),
            verify: Verify::Fast,
            request: (Method::GET, details.clone(), None),
        },
        Case {
            name: "a listing of 100 files",
            action: "list_assets",
            input: json!({ "path": "/listed", "limit": LISTED }),
            verify: Verify::Fast,
            request: (Method::GET, format!("/v1/files?path=/listed&limit={LISTED}"), None),
        },
        Case {
            name: "tags of a file, without read-back",
            action: "update_file_details",
            input: update.clone(),
            verify: Verify::None,
            request: (Method::PATCH, details.clone(), Some(tags.clone())),
        },
        Case {
            name: "tags of a file, read back",
            action: "update_file_details",
            input: update,
            verify: Verify::Fast,
            request: (Method::PATCH, details, Some(tags)),
        },
    ];
    let mut times: Vec<(Vec<f64>, Vec<f64>)> = cases.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        for (case, (bare, whole)) in cases.iter().zip(&mut times) {
            for _ in 0..IN_A_ROUND {
                let (method, target, body) = &case.request;
                let begun = Instant::now();
                bench.ask(method, target, body.as_ref()).await?;
                bare.push(millis(begun.elapsed()));
                let begun = Instant::now();
                bench.call(case.action, case.input.clone(), case.verify).await?;
                whole.push(millis(begun.elapsed()));
            }
        }
    }
    let measured = cases.iter().zip(times).map(|(case, (bare, whole))| Measured {
        name: case.name,
        calls: whole.len(),
        bare_ms: median(bare),
        call_ms: median(whole),
    });
    Ok(measured.collect())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
