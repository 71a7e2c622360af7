//! The servers that are measured: started here, ended with their values.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bench::BenchError;
use bench::client::Client;

use crate::Options;

/// The private key of servers that live for minutes, on this machine only.
const KEY: &str = "private_bench";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
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
        Self::start(command, port, &log)
    }

    /// The bare `SELECT`: this program, over the database of a library.
    pub fn bare(options: &Options, database: &Path) -> Result<Self, BenchError> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(database).arg(port.to_string());
        Self::start(command, port, &options.folder.join("bare.log"))
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
        Ok(Self { address, child })
    }

    /// Mebibytes that are resident now, and at most so far.
    pub fn memory_mib(&self) -> Result<(f64, f64), BenchError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()
        };
        let missing = "the kernel tells no memory";
        let (now, peak) = (value("VmRSS:").ok_or(missing)?, value("VmHWM:").ok_or(missing)?);
        Ok((now / 1024.0, peak / 1024.0))
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
        const BOUNDARY: &str = "----------bench";
        let mut body = Vec::new();
        for (field, value) in [("fileName", name), ("folder", folder), ("useUniqueFileName", "false")] {
            body.extend_from_slice(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: image/jpeg\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let headers = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n");
        self.request("POST", "/api/v1/files/upload", &headers, &body)
    }

    fn start(mut command: Command, port: u16, log: &Path) -> Result<Self, BenchError> {
        let output = File::create(log)?;
        command.stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        let mut server = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            child,
        };
        let started = Instant::now();
        while let Err(error) = Client::connect(server.address) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("a server ended ({status}); see {}", log.display()).into());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{error}; see {}", log.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("bench-api: a server did not end: {error}");
        }
    }
}

fn free_port() -> Result<u16, BenchError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
