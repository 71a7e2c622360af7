//! The servers that are measured: started here, ended with their values.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bench::BenchError;
use bench::daemon::{Daemon, free_port};
use bench::upload;

use crate::Options;

/// The private key of servers that live for minutes, on this machine only.
const KEY: &str = "private_bench";

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    daemon: Daemon,
}

impl Server {
    /// Tintype with an empty library of its own, and these settings besides.
    pub fn tintype(options: &Options, name: &str, settings: &[(&str, &str)]) -> Result<Self, BenchError> {
        let data = options.folder.join(name);
        let log = options.folder.join(format!("{name}.log"));
        let port = free_port()?;
        let mut command = Command::new(&options.tintype);
        command.arg("serve").arg("--data-dir").arg(&data);
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--log", "warn"]);
        command.env("TINTYPE_PRIVATE_KEY", KEY).envs(settings.iter().copied());
        Ok(Self::of(Daemon::start(command, port, &log)?))
    }

    /// The bare `SELECT`: this program, over the database of a library.
    pub fn bare(options: &Options, database: &Path) -> Result<Self, BenchError> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(database).arg(port.to_string());
        let log = options.folder.join("bare.log");
        Ok(Self::of(Daemon::start(command, port, &log)?))
    }

    /// An S3 server with a bucket `media`.
    pub fn s3(options: &Options) -> Result<Self, BenchError> {
        let folder = options.folder.join("s3");
        fs::create_dir_all(folder.join("media"))?;
        // It ends when its input does.
        let mut child = Command::new(&options.s3)
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().trim_start_matches("http://").parse()?;
        Ok(Self::of(Daemon::of(child, address)))
    }

    fn of(daemon: Daemon) -> Self {
        Self {
            address: daemon.address,
            daemon,
        }
    }

    /// Mebibytes that are resident now, and at most since [`forget_peak`](Self::forget_peak).
    pub fn memory_mib(&self) -> Result<(f64, f64), BenchError> {
        self.daemon.memory_mib()
    }

    /// Sets the peak back to what is resident now.
    pub fn forget_peak(&self) -> Result<(), BenchError> {
        self.daemon.forget_peak()
    }

    /// A whole request with the private key. `headers` are whole lines.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let key = BASE64_STANDARD.encode(format!("{KEY}:"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {key}\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    /// A request with a JSON body.
    pub fn json(&self, method: &str, path: &str, body: &serde_json::Value) -> Vec<u8> {
        self.request(
            method,
            path,
            "Content-Type: application/json\r\n",
            body.to_string().as_bytes(),
        )
    }

    /// The upload of a file into a folder.
    pub fn upload(&self, folder: &str, name: &str, file: &[u8]) -> Vec<u8> {
        let fields = [("fileName", name), ("folder", folder), ("useUniqueFileName", "false")];
        let body = upload::body(&fields, name, file);
        self.request("POST", "/api/v1/files/upload", upload::HEADERS, &body)
    }
}
