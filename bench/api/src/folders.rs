//! A folder of 10,000 files copied, moved and deleted, and what another client notices of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench::BenchError;
use bench::client::Client;
use serde_json::{Value, json};

use crate::load::within;
use crate::servers::Server;

/// How often another client asks for a file's details.
const PAUSE: Duration = Duration::from_millis(5);
const QUIET: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(600);

/// One piece of work on the folder.
pub struct Work {
    /// As the table says it.
    pub name: &'static str,
    /// From the request until it was told to be done.
    pub seconds: f64,
    /// Different counts that the job's status told meanwhile.
    pub steps_seen: usize,
    /// Details of a file by another client, p95 in milliseconds: before, and meanwhile.
    pub other_p95_ms: (f64, f64),
    /// And the slowest of them.
    pub other_worst_ms: (f64, f64),
    /// Mebibytes resident: before, and at most.
    pub memory_mib: (f64, f64),
}

/// Copies `/many`, moves the copy, deletes what was moved.
pub fn measure(server: &Server, files: &[String]) -> Result<Vec<Work>, BenchError> {
    let into = |path: &str| json!({ "sourceFolderPath": path, "destinationPath": "/elsewhere" });
    Ok(vec![
        one(server, files, "copied", || {
            job(server, "/v1/bulkJobs/copyFolder", &into("/many"))
        })?,
        one(server, files, "moved", || {
            let moved = json!({ "sourceFolderPath": "/elsewhere/many", "destinationPath": "/further" });
            job(server, "/v1/bulkJobs/moveFolder", &moved)
        })?,
        one(server, files, "deleted", || {
            let request = server.json("DELETE", "/v1/folder", &json!({ "folderPath": "/further/many" }));
            let reply = Client::connect(server.address)?.send(&request)?;
            if reply.status == 204 {
                Ok(0)
            } else {
                Err(told(&reply.body))
            }
        })?,
    ])
}

fn one(
    server: &Server,
    files: &[String],
    name: &'static str,
    work: impl FnOnce() -> Result<usize, BenchError>,
) -> Result<Work, BenchError> {
    let before = noticed(server, files, || {
        thread::sleep(QUIET);
        Ok(0)
    })?;
    server.forget_peak()?;
    let memory = server.memory_mib()?.0;
    let started = Instant::now();
    let mut seconds = 0.0;
    let meanwhile = noticed(server, files, || {
        let steps = work()?;
        seconds = started.elapsed().as_secs_f64();
        Ok(steps)
    })?;
    let last = |sorted: &[f64]| sorted.last().copied().unwrap_or(f64::NAN);
    Ok(Work {
        name,
        seconds,
        steps_seen: meanwhile.1,
        other_p95_ms: (within(&before.0, 0.95), within(&meanwhile.0, 0.95)),
        other_worst_ms: (last(&before.0), last(&meanwhile.0)),
        memory_mib: (memory, server.memory_mib()?.1),
    })
}

/// What another client's requests take while something is done: sorted milliseconds, and the result.
fn noticed(
    server: &Server,
    files: &[String],
    work: impl FnOnce() -> Result<usize, BenchError>,
) -> Result<(Vec<f64>, usize), BenchError> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut client = Client::connect(server.address).map_err(|error| error.to_string())?;
            let mut took = Vec::new();
            for id in files.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let request = server.request("GET", &format!("/v1/files/{id}/details"), "", b"");
                let asked = Instant::now();
                let reply = client.send(&request).map_err(|error| error.to_string())?;
                took.push(asked.elapsed().as_secs_f64() * 1000.0);
                if reply.status != 200 {
                    return Err(format!("details: {}", reply.status));
                }
                thread::sleep(PAUSE);
            }
            took.sort_by(f64::total_cmp);
            Ok(took)
        });
        let outcome = work();
        over.store(true, Ordering::Relaxed);
        let took = other.join().map_err(|_| "the other client died")??;
        Ok((took, outcome?))
    })
}

/// Begins a job and waits for its end: how many different counts its status told.
fn job(server: &Server, path: &str, input: &Value) -> Result<usize, BenchError> {
    let mut client = Client::connect(server.address)?;
    let begun: Value = serde_json::from_slice(&client.send(&server.json("POST", path, input))?.body)?;
    let id = begun["jobId"].as_str().ok_or_else(|| begun.to_string())?;
    let status = server.request("GET", &format!("/v1/bulkJobs/{id}"), "", b"");
    let started = Instant::now();
    let (mut steps, mut last) = (0, Value::Null);
    loop {
        let now: Value = serde_json::from_slice(&client.send(&status)?.body)?;
        if now["progress"] != last {
            steps += 1;
            last = now["progress"].clone();
        }
        match now["status"].as_str() {
            Some("Completed") => return Ok(steps),
            Some("Pending") if started.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(50)),
            _ => return Err(now.to_string().into()),
        }
    }
}

fn told(body: &[u8]) -> BenchError {
    String::from_utf8_lossy(body).into_owned().into()
}
