//! A thousand clients that ask for one rendition that is not there yet, all at the same moment.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use bench::BenchError;
use bench::statistics::{Spread, spread};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;

use crate::connection::{Connection, Reply};
use crate::{Options, servers};

/// Clients.
pub const CLIENTS: usize = 1000;

/// What became of them.
pub struct Herd {
    /// How often it was done, each time with another rendition.
    pub times: usize,
    /// Renderings each time, by the server's own count; the most.
    pub renders: f64,
    /// Clients that got the picture each time; the fewest.
    pub answered: usize,
    /// Milliseconds until the last was answered.
    pub last_ms: Spread,
}

/// Asks for several renditions, one after the other.
pub fn measure(options: &Options, runtime: &Runtime) -> Result<Herd, BenchError> {
    let times = if options.quick { 2 } else { 9 };
    let server = servers::tintype(options, "herd", &[])?;
    servers::offer(server.address, "photo.jpg", &fs::read(&options.picture)?)?;
    let (mut renders, mut answered, mut last_ms): (f64, _, _) = (0.0, CLIENTS, Vec::new());
    for time in 0..times {
        let before = servers::metric(&server, "tintype_renditions_total")?;
        let path = format!("/demo/tr:w-{}/photo.jpg", 600 + time);
        let address = server.address;
        let (replies, took) = runtime.block_on(async move {
            let start = Arc::new(Barrier::new(CLIENTS + 1));
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (start, path) = (Arc::clone(&start), path.clone());
                    tokio::spawn(async move {
                        let connection = Connection::open(address).await;
                        start.wait().await;
                        connection?.get(&path, "").await
                    })
                })
                .collect();
            start.wait().await;
            let started = Instant::now();
            let mut replies: Vec<Option<Reply>> = Vec::new();
            for client in clients {
                replies.push(client.await.ok().and_then(Result::ok));
            }
            (replies, started.elapsed())
        });
        let bytes = replies
            .iter()
            .flatten()
            .map(|reply| reply.bytes)
            .max()
            .unwrap_or_default();
        let got = |reply: &&Reply| reply.status == 200 && reply.bytes == bytes && bytes > 0;
        answered = answered.min(replies.iter().flatten().filter(got).count());
        renders = renders.max(servers::metric(&server, "tintype_renditions_total")? - before);
        last_ms.push(took.as_secs_f64() * 1000.0);
    }
    Ok(Herd {
        times,
        renders,
        answered,
        last_ms: spread(last_ms),
    })
}
