//! More clients than can be served, each of which wants a rendition that nobody has asked for before.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bench::BenchError;
use bench::daemon::Daemon;
use bench::statistics::{Spread, spread};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::connection::Connection;
use crate::{Options, servers};

/// Connections at once.
pub const MANY: usize = 4096;
/// So few that nobody is refused: what a server can do.
pub const FEW: usize = 16;
/// Pictures that the renditions are of.
const PICTURES: u32 = 8;
/// Connecting at once: the queue of a listening socket is no longer than a thousand.
const CONNECTING: usize = 256;

/// What Tintype may keep in memory.
const SETTINGS: [(&str, &str); 3] = [
    ("TINTYPE_CACHE_MEMORY", "64MiB"),
    ("TINTYPE_RENDER_MEMORY", "256MiB"),
    ("TINTYPE_SOURCE_MEMORY", "64MiB"),
];
/// The same together.
pub const BUDGET_MIB: f64 = 384.0;

/// A server under so many connections.
pub struct Load {
    /// As the table says it.
    pub server: &'static str,
    /// How many there were.
    pub connections: usize,
    /// Renditions a second, over the rounds.
    pub goodput: Spread,
    /// Milliseconds that half of those and 99 of 100 of them took; of the last round.
    pub latency_ms: (f64, f64),
    /// 503 and 429 with `Retry-After`, of all rounds.
    pub refused: usize,
    /// The most seconds that one of those named.
    pub longest_retry_after: u64,
    /// All else, by what it was.
    pub failures: BTreeMap<String, usize>,
    /// Mebibytes resident at most.
    pub peak_mib: f64,
}

/// One round.
#[derive(Default)]
struct Found {
    latencies_ms: Vec<f64>,
    refused: usize,
    longest_retry_after: u64,
    failures: BTreeMap<String, usize>,
}

/// The path of a rendition by its number; none is asked for twice.
type Path = fn(u32) -> String;

/// Both servers, with few connections and with many, in turn.
pub fn measure(options: &Options, runtime: &Runtime) -> Result<Vec<Load>, BenchError> {
    let (rounds, few_seconds, many_seconds) = if options.quick { (1, 5, 10) } else { (3, 10, 30) };
    let pictures = options.folder.join("pictures");
    fs::create_dir_all(&pictures)?;
    let tintype = servers::tintype(options, "overload", &SETTINGS)?;
    let picture = fs::read(&options.picture)?;
    for number in 0..PICTURES {
        let (name, file) = (format!("{number}.jpg"), servers::different(&picture, number));
        fs::write(pictures.join(&name), &file)?;
        servers::offer(tintype.address, &name, &file)?;
    }
    let oximg = servers::oximg(options, &pictures)?;
    let sides: [(&str, &Daemon, Path); 2] = [
        ("Tintype", &tintype, |number| {
            let (picture, width, height) = rendition(number);
            format!("/demo/tr:c-at_max,w-{width},h-{height},f-jpg,q-80/{picture}.jpg")
        }),
        ("oximg", &oximg, |number| {
            let (picture, width, height) = rendition(number);
            format!("/image/width={width},height={height},quality=80,format=jpeg/{picture}.jpg")
        }),
    ];
    let next = Arc::new(AtomicU32::new(0));
    let mut loads = Vec::new();
    for (connections, seconds) in [(FEW, few_seconds), (MANY, many_seconds)] {
        let mut found: Vec<(Vec<f64>, Vec<Found>, f64)> = sides.iter().map(|_| Default::default()).collect();
        for _ in 0..rounds {
            for ((name, server, path), (goodputs, rounds, peak)) in sides.iter().zip(&mut found) {
                server.forget_peak()?;
                let round = runtime.block_on(ask(server.address, connections, seconds, *path, Arc::clone(&next)));
                let goodput = round.latencies_ms.len() as f64 / seconds as f64;
                eprintln!("bench-delivery: {name}, {connections} connections: {goodput:.0}/s");
                goodputs.push(goodput);
                rounds.push(round);
                *peak = peak.max(server.memory_mib()?.1);
                // What is still being made for those who have gone is not the next one's load.
                std::thread::sleep(Duration::from_secs(5));
            }
        }
        for ((server, _, _), (goodputs, rounds, peak_mib)) in sides.into_iter().zip(found) {
            let mut failures = BTreeMap::new();
            for (what, times) in rounds.iter().flat_map(|round| &round.failures) {
                *failures.entry(what.clone()).or_default() += times;
            }
            let mut latencies = rounds.last().map(|last| last.latencies_ms.clone()).unwrap_or_default();
            latencies.sort_by(f64::total_cmp);
            let within = |part: f64| {
                let at = (part * latencies.len() as f64).ceil() as usize;
                latencies.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
            };
            loads.push(Load {
                server,
                connections,
                goodput: spread(goodputs),
                latency_ms: (within(0.5), within(0.99)),
                refused: rounds.iter().map(|round| round.refused).sum(),
                longest_retry_after: rounds
                    .iter()
                    .map(|round| round.longest_retry_after)
                    .max()
                    .unwrap_or_default(),
                failures,
                peak_mib,
            });
        }
    }
    Ok(loads)
}

/// The picture and its box: 400 to 655 pixels wide, whatever the height says.
fn rendition(number: u32) -> (u32, u32, u32) {
    (
        number % PICTURES,
        400 + number / PICTURES % 256,
        2000 + number / PICTURES / 256,
    )
}

/// Each connection asks for a rendition after the other. Who is refused comes again when it was told to, for the same one.
async fn ask(address: SocketAddr, connections: usize, seconds: u64, path: Path, next: Arc<AtomicU32>) -> Found {
    let found = Arc::new(Mutex::new(Found::default()));
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    let end = Instant::now() + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let client = Client {
                address,
                path,
                next: Arc::clone(&next),
                connecting: Arc::clone(&connecting),
                found: Arc::clone(&found),
            };
            tokio::spawn(client.go_on())
        })
        .collect();
    tokio::time::sleep_until(end.into()).await;
    for client in &clients {
        client.abort();
    }
    for client in clients {
        // Aborted, as they are all.
        let _ = client.await;
    }
    std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Client {
    address: SocketAddr,
    path: Path,
    next: Arc<AtomicU32>,
    connecting: Arc<Semaphore>,
    found: Arc<Mutex<Found>>,
}

impl Client {
    async fn go_on(self) {
        let mut connection = None;
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        loop {
            let Some(open) = &mut connection else {
                let place = self.connecting.acquire().await;
                match Connection::open(self.address).await {
                    Ok(open) => connection = Some(open),
                    Err(error) => {
                        self.note(|found| found.fail(format!("connecting: {}", error.kind())));
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                drop(place);
                continue;
            };
            let asked = Instant::now();
            match open.get(&(self.path)(number), "").await {
                Ok(reply) if reply.status == 200 && reply.bytes > 0 => {
                    let took = asked.elapsed().as_secs_f64() * 1000.0;
                    self.note(|found| found.latencies_ms.push(took));
                    number = self.next.fetch_add(1, Ordering::Relaxed);
                }
                Ok(reply) if matches!(reply.status, 429 | 503) && reply.retry_after.is_some() => {
                    let seconds = reply.retry_after.unwrap_or_default();
                    self.note(|found| {
                        found.refused += 1;
                        found.longest_retry_after = found.longest_retry_after.max(seconds);
                    });
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                Ok(reply) => {
                    self.note(|found| found.fail(format!("{}", reply.status)));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => {
                    self.note(|found| found.fail(error.kind().to_string()));
                    connection = None;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn note(&self, what: impl FnOnce(&mut Found)) {
        what(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Found {
    fn fail(&mut self, what: String) {
        *self.failures.entry(what).or_default() += 1;
    }
}
