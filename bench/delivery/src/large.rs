//! A large original, in parts, beside nginx.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use bench::BenchError;
use bench::client::Client;
use bench::daemon::Daemon;
use bench::statistics::{Spread, spread};

use crate::{Options, servers};

/// Bytes of the file.
pub const BYTES: u64 = 1_000_000_000;
/// Bytes of one range.
pub const RANGE: u64 = 8_000_000;
/// Connections at once.
pub const CONNECTIONS: usize = 8;

/// What was found.
pub struct Large {
    /// The whole file by one connection, and ranges of it by several.
    pub ways: [Way; 2],
    /// Mebibytes that Tintype had before, and at most meanwhile.
    pub memory_mib: (f64, f64),
}

/// One way of fetching it.
pub struct Way {
    /// As the table says it.
    pub name: &'static str,
    /// Tintype's megabytes a second, over the rounds.
    pub ours: Spread,
    /// nginx's.
    pub theirs: Spread,
    /// Ours as a part of nginx's, within a round.
    pub ratio: Spread,
    /// Processor time for a megabyte, in microseconds of one core: ours and nginx's.
    pub processor_us: (Spread, Spread),
}

/// Both ways, both servers in turn.
pub fn measure(options: &Options) -> Result<Large, BenchError> {
    let rounds = if options.quick { 2 } else { 7 };
    let files = options.folder.join("nginx-large").join("files");
    fs::create_dir_all(&files)?;
    let file = files.join("large.bin");
    write_file(&file)?;
    let server = servers::tintype(options, "large", &[])?;
    servers::offer_file(server.address, "large.bin", &file)?;
    let nginx = servers::nginx(options, "nginx-large")?;
    let before = server.memory_mib()?.0;
    server.forget_peak()?;
    let ways = [
        ("whole, one connection", 1, BYTES, 2),
        ("ranges of 8 MB, 8 connections", CONNECTIONS, RANGE, 4),
    ];
    let mut found = Vec::new();
    for (name, connections, range, passes) in ways {
        let mut rates = [Vec::new(), Vec::new()];
        let mut processor = [Vec::new(), Vec::new()];
        for round in 0..=rounds {
            let sides = [(&server, "/demo/large.bin"), (&nginx, "/large.bin")];
            let mut taken = [(0.0, 0.0); 2];
            for turn in 0..2 {
                let side = (turn + round) % 2;
                let (server, path) = sides[side];
                taken[side] = fetch(server, path, connections, range, passes)?;
            }
            if round > 0 {
                eprintln!(
                    "bench-delivery: {name}: {:.0} MB/s, nginx {:.0} MB/s",
                    taken[0].0, taken[1].0
                );
                for (side, (rate, used)) in taken.into_iter().enumerate() {
                    rates[side].push(rate);
                    processor[side].push(used);
                }
            }
        }
        let ratio = rates[0]
            .iter()
            .zip(&rates[1])
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        let [ours, theirs] = rates.map(spread);
        let [our_processor, their_processor] = processor.map(spread);
        found.push(Way {
            name,
            ours,
            theirs,
            ratio: spread(ratio),
            processor_us: (our_processor, their_processor),
        });
    }
    let memory_mib = (before, server.memory_mib()?.1);
    let ways = found.try_into().map_err(|_| "two ways were measured")?;
    Ok(Large { ways, memory_mib })
}

/// Bytes of no pattern that anything could make less of.
fn write_file(path: &Path) -> Result<(), BenchError> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..BYTES / 8 {
        // xorshift
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// Fetches the file several times over, in ranges of so many bytes: megabytes a second, and microseconds of the server's processor for each.
fn fetch(server: &Daemon, path: &str, connections: usize, range: u64, passes: u64) -> Result<(f64, f64), BenchError> {
    let total = passes * BYTES;
    let next = AtomicU64::new(0);
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(server.address)?);
    }
    let processor = server.processor_ms();
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let next = &next;
                scope.spawn(move || -> Result<(), String> {
                    let mut room = vec![0; 256 << 10];
                    loop {
                        let at = next.fetch_add(range, Ordering::Relaxed);
                        if at >= total {
                            return Ok(());
                        }
                        let from = at % BYTES;
                        let to = (from + range).min(BYTES) - 1;
                        let request =
                            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={from}-{to}\r\n\r\n");
                        let answer = client.drain(request.as_bytes(), &mut room);
                        let (status, read) = answer.map_err(|error| error.to_string())?;
                        if status != 206 || read as u64 != to + 1 - from {
                            return Err(format!("{path}: {status} with {read} bytes"));
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|_| Err("a connection's thread died".to_owned()))?;
        }
        Ok::<(), String>(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let megabytes = total as f64 / 1e6;
    let used_us = (server.processor_ms() - processor) * 1000.0;
    Ok((megabytes / seconds, used_us / megabytes))
}
