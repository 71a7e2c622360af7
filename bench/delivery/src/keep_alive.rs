//! One cached rendition, again and again, beside nginx with the same bytes in a file; and the news that the client has it already.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench::BenchError;
use bench::client::Client;
use bench::daemon::Daemon;
use bench::statistics::{Spread, median, spread};
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::wrk::{self, CONNECTIONS, Run};
use crate::{Options, servers};

/// The size that is looked for.
const WANTED_BYTES: usize = 40 << 10;

/// What was found of the two servers.
pub struct KeepAlive {
    /// Bytes of the rendition.
    pub bytes: usize,
    /// Its path in Tintype.
    pub path: String,
    /// Whole answers.
    pub whole: Option<Compared>,
    /// 304.
    pub unchanged: Option<Compared>,
    /// Answers a second that nginx gave `wrk`, and a client of threads.
    pub generators: (f64, f64),
}

/// The runs of both, round by round.
pub struct Compared {
    /// Tintype's.
    pub ours: Vec<Run>,
    /// nginx's.
    pub theirs: Vec<Run>,
}

impl Compared {
    /// How many times as much as nginx's, within a round.
    pub fn ratio(&self, number: fn(&Run) -> f64) -> Spread {
        let pairs = self.ours.iter().zip(&self.theirs);
        spread(pairs.map(|(ours, theirs)| number(ours) / number(theirs)).collect())
    }
}

/// The median over rounds.
pub fn middle(runs: &[Run], number: fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(number).collect())
}

/// Measures the rows that are asked for.
pub fn measure(options: &Options, runtime: &Runtime) -> Result<KeepAlive, BenchError> {
    let (rounds, seconds) = if options.quick { (2, 2) } else { (7, 5) };
    let server = servers::tintype(options, "cached", &[])?;
    servers::offer(server.address, "photo.jpg", &fs::read(&options.picture)?)?;
    let (path, rendition) = rendition_of_the_size(&server)?;
    let files = options.folder.join("nginx-cached").join("files");
    fs::create_dir_all(&files)?;
    fs::write(files.join("photo.jpg"), &rendition)?;
    let nginx = servers::nginx(options, "nginx-cached")?;
    let mut found = KeepAlive {
        bytes: rendition.len(),
        path: path.clone(),
        whole: None,
        unchanged: None,
        generators: (0.0, 0.0),
    };
    if options.has("cached") {
        let none = ([].as_slice(), [].as_slice());
        found.whole = Some(compare(
            options,
            (&server, path.as_str()),
            &nginx,
            none,
            rounds,
            seconds,
        )?);
        let by_wrk = wrk::run(options, &nginx, "/photo.jpg", &[], seconds)?.per_second;
        found.generators = (by_wrk, by_threads(&nginx, "/photo.jpg", seconds)?);
    }
    if options.has("304") {
        let known = |server: &Daemon, path: &str| -> Result<[String; 1], BenchError> {
            let etag = runtime
                .block_on(async { Connection::open(server.address).await?.get(path, "").await })?
                .etag;
            let header = format!("If-None-Match: {}", etag.ok_or("an answer without an ETag")?);
            let asked = runtime.block_on(async {
                let lines = format!("{header}\r\n");
                Connection::open(server.address).await?.get(path, &lines).await
            })?;
            if asked.status == 304 {
                Ok([header])
            } else {
                Err(format!("{path}: {} instead of 304", asked.status).into())
            }
        };
        let (ours, theirs) = (known(&server, &path)?, known(&nginx, "/photo.jpg")?);
        let headers = (ours.as_slice(), theirs.as_slice());
        found.unchanged = Some(compare(
            options,
            (&server, path.as_str()),
            &nginx,
            headers,
            rounds,
            seconds,
        )?);
    }
    Ok(found)
}

/// In each round both, and who begins changes. The first round warms up.
fn compare(
    options: &Options,
    (server, path): (&Daemon, &str),
    nginx: &Daemon,
    (ours, theirs): (&[String], &[String]),
    rounds: u32,
    seconds: u32,
) -> Result<Compared, BenchError> {
    let mut found = Compared {
        ours: Vec::new(),
        theirs: Vec::new(),
    };
    for round in 0..=rounds {
        let own = || wrk::run(options, server, path, ours, seconds);
        let other = || wrk::run(options, nginx, "/photo.jpg", theirs, seconds);
        let (own, other) = if round % 2 == 0 {
            let own = own()?;
            (own, other()?)
        } else {
            let other = other()?;
            (own()?, other)
        };
        if round > 0 {
            eprintln!(
                "bench-delivery: {:.0}/s, nginx {:.0}/s",
                own.per_second, other.per_second
            );
            found.ours.push(own);
            found.theirs.push(other);
        }
    }
    Ok(found)
}

/// The width at which the picture has the size, by halving; its path and its bytes.
fn rendition_of_the_size(server: &Daemon) -> Result<(String, Vec<u8>), BenchError> {
    let mut client = Client::connect(server.address)?;
    let (mut low, mut high) = (50, 1600);
    let mut best: Option<(String, Vec<u8>)> = None;
    while low < high {
        let width = (low + high) / 2;
        let path = format!("/demo/tr:w-{width},f-jpg,q-80/photo.jpg");
        let reply = client.get(&path)?;
        if reply.status != 200 {
            return Err(format!("{path}: {}", reply.status).into());
        }
        if reply.body.len() < WANTED_BYTES {
            low = width + 1;
        } else {
            high = width;
        }
        let nearer = |best: &Vec<u8>| reply.body.len().abs_diff(WANTED_BYTES) < best.len().abs_diff(WANTED_BYTES);
        if best.as_ref().is_none_or(|(_, bytes)| nearer(bytes)) {
            best = Some((path, reply.body));
        }
    }
    best.ok_or_else(|| "no rendition was made".into())
}

/// What the client of the other harnesses reaches, with a thread for each connection.
fn by_threads(server: &Daemon, path: &str, seconds: u32) -> Result<f64, BenchError> {
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let answers = thread::scope(|scope| {
        let work = || -> Result<usize, String> {
            let mut client = Client::connect(server.address).map_err(|error| error.to_string())?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let (mut room, mut answers) = (vec![0; 64 << 10], 0);
            while !over.load(Ordering::Relaxed) {
                client
                    .drain(request.as_bytes(), &mut room)
                    .map_err(|error| error.to_string())?;
                answers += 1;
            }
            Ok(answers)
        };
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        thread::sleep(Duration::from_secs(seconds.into()));
        over.store(true, Ordering::Relaxed);
        let answers = workers.into_iter().map(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a connection's thread died".to_owned()))
        });
        answers.sum::<Result<usize, String>>()
    })?;
    Ok(answers as f64 / started.elapsed().as_secs_f64())
}
