//! A file's details and lists of 100, beside one `SELECT` of the same rows through the same HTTP server and driver.

use bench::BenchError;
use bench::statistics::{Spread, spread};

use crate::Options;
use crate::load;
use crate::servers::Server;
use crate::uploads::{CONNECTIONS, different};

/// How many files there are, all in one folder.
pub const FILES: usize = 10_000;

/// One kind of request.
pub struct Read {
    /// As the table says it.
    pub name: &'static str,
    /// Answers a second, over the rounds.
    pub per_second: Spread,
    /// The same of the bare `SELECT`.
    pub bare_per_second: Spread,
    /// The part of the bare one within a round.
    pub to_bare: Spread,
    /// Of the last round.
    pub p95_ms: f64,
    /// Answers a second that were set as a goal, on two cores.
    pub goal: f64,
}

/// A name, the goal, the requests to ours and to the bare server.
type Kind = (&'static str, f64, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Fills the library; then several rounds, in each all kinds one after the other. Gives the files' ids too.
pub fn measure(options: &Options, server: &Server) -> Result<(Vec<Read>, Vec<String>), BenchError> {
    let (rounds, requests) = if options.quick { (2, 500) } else { (5, 4_000) };
    let base = std::fs::read(&options.picture)?;
    let mut ids = Vec::new();
    // Not all at once: each request is in memory whole.
    for start in (0..FILES).step_by(500) {
        let uploads: Vec<Vec<u8>> = (start..start + 500)
            .map(|at| server.upload("/many", &format!("{at}.jpg"), &different(&base, at as u64)))
            .collect();
        for body in load::run(server.address, CONNECTIONS, &uploads)?.bodies {
            let answer: serde_json::Value = serde_json::from_slice(&body)?;
            ids.push(answer["fileId"].as_str().ok_or("an upload without an id")?.to_owned());
        }
    }
    let bare = Server::bare(options, &options.folder.join("reads").join("library.db"))?;
    // In an order that no cache likes.
    let mixed: Vec<&String> = (0..requests).map(|at| &ids[at * 7919 % ids.len()]).collect();
    let kinds: [Kind; 2] = [
        (
            "details of a file",
            3_000.0,
            mixed
                .iter()
                .map(|id| server.request("GET", &format!("/v1/files/{id}/details"), "", b""))
                .collect(),
            mixed
                .iter()
                .map(|id| bare.request("GET", &format!("/file/{id}"), "", b""))
                .collect(),
        ),
        (
            "list of 100",
            800.0,
            (0..requests / 4)
                .map(|_| server.request("GET", "/v1/files?limit=100", "", b""))
                .collect(),
            (0..requests / 4)
                .map(|_| bare.request("GET", "/list", "", b""))
                .collect(),
        ),
    ];
    let mut found = Vec::new();
    for (name, goal, ours, theirs) in kinds {
        let (mut rates, mut bare_rates, mut parts, mut p95_ms) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        // One that does not count.
        load::run(server.address, CONNECTIONS, &ours[..ours.len() / 4])?;
        for _ in 0..rounds {
            let least = load::run(bare.address, CONNECTIONS, &theirs)?;
            let load = load::run(server.address, CONNECTIONS, &ours)?;
            rates.push(load.per_second);
            bare_rates.push(least.per_second);
            parts.push(load.per_second / least.per_second);
            p95_ms = load.within_ms(0.95);
        }
        found.push(Read {
            name,
            per_second: spread(rates),
            bare_per_second: spread(bare_rates),
            to_bare: spread(parts),
            p95_ms,
            goal,
        });
    }
    Ok((found, ids))
}
