//! A long run of all kinds of requests, and what it leaves in memory.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bench::BenchError;
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::{Options, servers};

/// Requests that count, after those that fill the caches.
pub const REQUESTS: usize = 100_000;
const CONNECTIONS: usize = 64;
/// Pictures in the library.
const PICTURES: usize = 50;
/// After which memory is looked at.
const QUIET: Duration = Duration::from_secs(10);

/// Caches so small that they are full before it begins: what grows afterwards is something else.
const SETTINGS: [(&str, &str); 2] = [("TINTYPE_CACHE_MEMORY", "16MiB"), ("TINTYPE_SOURCE_MEMORY", "32MiB")];

/// What it left.
pub struct Soak {
    /// How many there were.
    pub requests: usize,
    /// How long they took.
    pub seconds: f64,
    /// Mebibytes resident in a server that has just started.
    pub fresh_mib: f64,
    /// When its caches are full.
    pub start_mib: f64,
    /// At most.
    pub peak_mib: f64,
    /// Some time after the last request.
    pub end_mib: f64,
    /// Answers with another status than the one that was to be expected.
    pub unexpected: usize,
}

/// Fills the caches, then asks.
pub fn measure(options: &Options, runtime: &Runtime) -> Result<Soak, BenchError> {
    let (warm_up, requests) = if options.quick {
        (6_000, 10_000)
    } else {
        (30_000, REQUESTS)
    };
    let server = servers::tintype(options, "soak", &SETTINGS)?;
    let fresh_mib = server.memory_mib()?.0;
    let picture = fs::read(&options.picture)?;
    for number in 0..PICTURES {
        servers::offer(
            server.address,
            &format!("{number}.jpg"),
            &servers::different(&picture, number as u32),
        )?;
    }
    runtime.block_on(ask(server.address, 0..warm_up))?;
    std::thread::sleep(QUIET);
    let start_mib = server.memory_mib()?.0;
    server.forget_peak()?;
    let started = Instant::now();
    let unexpected = runtime.block_on(ask(server.address, warm_up..warm_up + requests))?;
    let seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(QUIET);
    let (end_mib, peak_mib) = server.memory_mib()?;
    Ok(Soak {
        requests,
        seconds,
        fresh_mib,
        start_mib,
        peak_mib,
        end_mib,
        unexpected,
    })
}

/// Asks for all of them, each connection for the next one that nobody has asked for.
async fn ask(address: SocketAddr, numbers: std::ops::Range<usize>) -> Result<usize, BenchError> {
    let (next, end) = (Arc::new(AtomicUsize::new(numbers.start)), numbers.end);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut unexpected = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return std::io::Result::Ok(unexpected);
                    }
                    let (path, headers, status) = request(number);
                    let reply = connection.get(&path, &headers).await?;
                    unexpected += usize::from(reply.status != status);
                }
            })
        })
        .collect();
    let mut unexpected = 0;
    for worker in workers {
        unexpected += worker.await??;
    }
    Ok(unexpected)
}

/// Of a hundred: 60 renditions that were made before, 15 of them once more with the news that they are known, 10 stored files, 5 parts of those,
/// 4 renditions that nobody has asked for, 4 refusals and 2 questions to the management API. With what is to be expected.
fn request(number: usize) -> (String, String, u16) {
    // In an order that no cache likes.
    let picture = number * 7919 % PICTURES;
    let known = format!("/demo/tr:w-{}/{picture}.jpg", 100 + picture);
    let none = String::new;
    match number % 100 {
        0..60 => (known, none(), 200),
        60..75 => (known, "If-None-Match: *\r\n".to_owned(), 304),
        75..85 => (format!("/demo/{picture}.jpg?tr=orig-true"), none(), 200),
        85..90 => (
            format!("/demo/{picture}.jpg?tr=orig-true"),
            format!("Range: bytes={}-{}\r\n", number % 1000, number % 1000 + 9999),
            206,
        ),
        90..94 => {
            let (width, height) = (200 + number / 100 % 400, 2000 + number % 100 + number / 40_000 * 100);
            (
                format!("/demo/tr:c-at_max,w-{width},h-{height}/{picture}.jpg"),
                none(),
                200,
            )
        }
        94..96 => (format!("/demo/missing-{number}.jpg"), none(), 404),
        96..98 => (format!("/demo/tr:w-{number}x/{picture}.jpg?tr=rt-"), none(), 200),
        _ => ("/v1/files?limit=10".to_owned(), servers::authorization(), 200),
    }
}
