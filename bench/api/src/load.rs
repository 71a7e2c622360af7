//! Requests on connections that are kept open.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use bench::BenchError;
use bench::client::Client;

/// What some requests took.
pub struct Load {
    /// All of them a second.
    pub per_second: f64,
    /// Each one in milliseconds, the quickest first.
    pub latencies_ms: Vec<f64>,
    /// The bodies of the answers, in the order of the requests.
    pub bodies: Vec<Vec<u8>>,
}

impl Load {
    /// What so large a part of the requests stayed within, in milliseconds.
    pub fn within_ms(&self, part: f64) -> f64 {
        within(&self.latencies_ms, part)
    }
}

/// What so large a part of sorted numbers stays within.
pub fn within(sorted: &[f64], part: f64) -> f64 {
    let at = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Sends all requests, each connection the next one that nobody has sent. Connecting is not in the time. Anything but a success is an error.
pub fn run(address: SocketAddr, connections: usize, requests: &[Vec<u8>]) -> Result<Load, BenchError> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(address)?);
    }
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let answered: Result<Vec<Vec<_>>, String> = thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let next = &next;
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(request) = requests.get(at) else {
                            return Ok(answers);
                        };
                        let asked = Instant::now();
                        let reply = client.send(request).map_err(|error| error.to_string())?;
                        let took = asked.elapsed().as_secs_f64() * 1000.0;
                        if !(200..300).contains(&reply.status) {
                            let body = String::from_utf8_lossy(&reply.body).into_owned();
                            return Err(format!("{address}: {}: {body}", reply.status));
                        }
                        answers.push((at, took, reply.body));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err("a connection's thread died".into()))
            })
            .collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut answers: Vec<_> = answered?.into_iter().flatten().collect();
    answers.sort_by_key(|(at, _, _)| *at);
    let mut latencies_ms: Vec<f64> = answers.iter().map(|(_, took, _)| *took).collect();
    latencies_ms.sort_by(f64::total_cmp);
    Ok(Load {
        per_second: requests.len() as f64 / seconds,
        latencies_ms,
        bodies: answers.into_iter().map(|(_, _, body)| body).collect(),
    })
}
