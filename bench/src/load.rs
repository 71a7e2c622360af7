//! A list of requests on a few connections that are kept open.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::BenchError;
use crate::client::Client;
use crate::servers::Server;

/// As a browser's, and as published comparisons have it.
pub const CONNECTIONS: usize = 2;

/// What a list of requests took.
pub struct Load {
    /// When each answer was complete, in milliseconds after the first request, in the order of the requests.
    pub finished_ms: Vec<f64>,
    /// Of the server on all processors together.
    pub processor_ms: f64,
}

impl Load {
    /// Until the last of the first so many requests was answered.
    pub fn wall_ms(&self, requests: usize) -> f64 {
        self.finished_ms.iter().take(requests).copied().fold(0.0, f64::max)
    }
}

/// Asks for all paths, each connection for the next one that nobody has asked for. Connecting is not in the time.
pub fn run(server: &Server, paths: &[String]) -> Result<Load, BenchError> {
    let mut clients = Vec::new();
    for connection in 0..CONNECTIONS {
        clients.push(Client::connect(server.address(connection))?);
    }
    let next = AtomicUsize::new(0);
    let finished = Mutex::new(vec![0.0; paths.len()]);
    let processor = server.processor_ms();
    let started = Instant::now();
    let outcome = thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let (next, finished) = (&next, &finished);
                scope.spawn(move || {
                    drain(&mut client, server, paths, next, |index| {
                        if let Ok(mut finished) = finished.lock() {
                            finished[index] = started.elapsed().as_secs_f64() * 1000.0;
                        }
                    })
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
            .collect::<Result<Vec<()>, String>>()
    });
    outcome?;
    Ok(Load {
        finished_ms: finished.into_inner().map_err(|_| "a connection's thread died")?,
        processor_ms: server.processor_ms() - processor,
    })
}

fn drain(
    client: &mut Client,
    server: &Server,
    paths: &[String],
    next: &AtomicUsize,
    mut finished: impl FnMut(usize),
) -> Result<(), String> {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(path) = paths.get(index) else {
            return Ok(());
        };
        let reply = client
            .get(path)
            .map_err(|error| format!("{}: {path}: {error}", server.name))?;
        if reply.status != 200 || reply.body.is_empty() {
            return Err(format!("{}: {path}: {}", server.name, reply.status));
        }
        finished(index);
    }
}
