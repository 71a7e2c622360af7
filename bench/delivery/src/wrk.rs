//! `wrk`, the load generator for connections that stay open: it costs less for each request than a client of ours.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use bench::BenchError;
use bench::daemon::{Daemon, ended_children_ms};

use crate::Options;

/// Connections at once.
pub const CONNECTIONS: usize = 64;
/// Threads of the generator: one a core of the machine that this was made for.
const THREADS: usize = 2;

/// Runs at the end; without a function for each answer in it, it costs nothing before.
const REPORT: &str = "
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('found %d %d %d %d %d\\n', summary.requests, summary.duration, latency:percentile(50),
        latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
";

/// What a run found.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Answers a second.
    pub per_second: f64,
    /// Milliseconds that half of them stayed within.
    pub p50_ms: f64,
    /// And 99 of 100.
    pub p99_ms: f64,
    /// Processor time of the server for each answer, in microseconds of one core.
    pub server_us: f64,
    /// The same of the generator.
    pub generator_us: f64,
}

/// Asks for one path again and again. `headers` are whole fields. An answer that is an error, or none, is an error here.
pub fn run(
    options: &Options,
    server: &Daemon,
    path: &str,
    headers: &[String],
    seconds: u32,
) -> Result<Run, BenchError> {
    let script = options.folder.join("report.lua");
    fs::write(&script, REPORT)?;
    let mut command = Command::new(&options.wrk);
    command.args(["-t", &THREADS.to_string(), "-c", &CONNECTIONS.to_string()]);
    command
        .args(["-d", &format!("{seconds}s"), "--timeout", "10s", "-s"])
        .arg(&script);
    for header in headers {
        command.args(["-H", header]);
    }
    command.arg(url(server.address, path));
    let (server_before, own_before) = (server.processor_ms(), ended_children_ms());
    let output = command.output().map_err(|error| format!("wrk: {error}"))?;
    let (server_ms, own_ms) = (server.processor_ms() - server_before, ended_children_ms() - own_before);
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("found "))
        .map(|line| line.split(' ').filter_map(|number| number.parse().ok()).collect())
        .unwrap_or_default();
    let &[requests, duration_us, p50_us, p99_us, errors] = numbers.as_slice() else {
        return Err(format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    if errors > 0.0 || requests == 0.0 {
        return Err(format!("{path}: {errors} of {requests} requests failed").into());
    }
    Ok(Run {
        per_second: requests / duration_us * 1e6,
        p50_ms: p50_us / 1000.0,
        p99_ms: p99_us / 1000.0,
        server_us: server_ms * 1000.0 / requests,
        generator_us: own_ms * 1000.0 / requests,
    })
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}
