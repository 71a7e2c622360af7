//! Uploads of 50 KB pictures on eight connections, beside bare PUTs of the same bytes to an S3 server.

use std::time::Duration;

use bench::BenchError;
use bench::statistics::{Spread, spread};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::signer::Signer as _;
use url::Url;

use crate::Options;
use crate::load;
use crate::servers::Server;

/// As the issue of the day has it: a script that moves a library in.
pub const CONNECTIONS: usize = 8;
const FILE_BYTES: usize = 50_000;

/// One way of storing a picture.
pub struct Way {
    /// As the table says it.
    pub name: &'static str,
    /// Uploads a second, over the rounds.
    pub per_second: Spread,
    /// The same, as a part of the bare PUTs of the round.
    pub to_bare: Spread,
    /// Of the last round.
    pub p95_ms: f64,
}

/// Several rounds, in each all ways one after the other.
pub fn measure(options: &Options) -> Result<Vec<Way>, BenchError> {
    let (rounds, files) = if options.quick { (2, 100) } else { (5, 400) };
    let base = std::fs::read(&options.picture)?;
    let s3 = Server::s3(options)?;
    let bucket = bucket(&s3)?;
    let blob_url = format!(
        "s3://media/blobs?endpoint=http://{}&allow_http=true&region=us-east-1&access_key_id=test&secret_access_key=testsecret",
        s3.address
    );
    let mut servers = vec![
        ("files, SQLite", Server::tintype(options, "files", &[])?),
        (
            "S3, SQLite",
            Server::tintype(options, "objects", &[("TINTYPE_BLOB_URL", &blob_url)])?,
        ),
    ];
    if let Some(url) = &options.postgres {
        let settings = [("TINTYPE_DATABASE_URL", url.as_str())];
        servers.push(("files, PostgreSQL", Server::tintype(options, "postgres", &settings)?));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut bare = Vec::new();
    let mut ways: Vec<(Vec<f64>, Vec<f64>, f64)> = servers.iter().map(|_| (Vec::new(), Vec::new(), 0.0)).collect();
    let mut bare_p95 = 0.0;
    for round in 0..rounds {
        let pictures: Vec<Vec<u8>> = (0..files)
            .map(|at| different(&base, (round * files + at) as u64))
            .collect();
        let mut puts = Vec::new();
        for (at, picture) in pictures.iter().enumerate() {
            let key = format!("bare/{round}/{at}.jpg");
            let path = object_store::path::Path::from(key);
            let url = runtime.block_on(bucket.signed_url("PUT".parse()?, &path, Duration::from_secs(600)))?;
            puts.push(put(&url, picture));
        }
        let load = load::run(s3.address, CONNECTIONS, &puts)?;
        let bare_rate = load.per_second;
        bare.push(bare_rate);
        bare_p95 = load.within_ms(0.95);
        for ((_, server), (rates, parts, p95)) in servers.iter().zip(&mut ways) {
            let uploads: Vec<Vec<u8>> = pictures
                .iter()
                .enumerate()
                .map(|(at, picture)| server.upload(&format!("/round-{round}"), &format!("{at}.jpg"), picture))
                .collect();
            let load = load::run(server.address, CONNECTIONS, &uploads)?;
            rates.push(load.per_second);
            parts.push(load.per_second / bare_rate);
            *p95 = load.within_ms(0.95);
        }
    }
    let mut found = vec![Way {
        name: "bare PUT to the S3 server",
        to_bare: spread(bare.iter().map(|_| 1.0).collect()),
        per_second: spread(bare),
        p95_ms: bare_p95,
    }];
    for ((name, _), (rates, parts, p95_ms)) in servers.iter().zip(ways) {
        found.push(Way {
            name,
            per_second: spread(rates),
            to_bare: spread(parts),
            p95_ms,
        });
    }
    Ok(found)
}

/// The picture with a comment that makes it a file of its own, filled up to 50 KB.
pub fn different(picture: &[u8], number: u64) -> Vec<u8> {
    // After the marker that begins a JPEG stands a comment: its marker, its length (itself included), its bytes.
    let mut file = picture[..2].to_vec();
    let room = FILE_BYTES.saturating_sub(picture.len() + 4).clamp(8, 60_000);
    let length = (room + 2) as u16;
    file.extend_from_slice(&[0xff, 0xfe]);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(&number.to_be_bytes());
    file.resize(file.len() + room - 8, b' ');
    file.extend_from_slice(&picture[2..]);
    file
}

fn bucket(s3: &Server) -> Result<AmazonS3, BenchError> {
    Ok(AmazonS3Builder::new()
        .with_endpoint(format!("http://{}", s3.address))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name("media")
        .with_access_key_id("test")
        .with_secret_access_key("testsecret")
        .build()?)
}

fn put(url: &Url, body: &[u8]) -> Vec<u8> {
    let query = url.query().unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(80);
    let head = format!(
        "PUT {}?{query} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {}\r\n\r\n",
        url.path(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}
