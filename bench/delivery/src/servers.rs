//! The servers: Tintype, nginx over a folder of the same bytes, oximg over the same pictures.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use bench::BenchError;
use bench::client::Client;
use bench::daemon::{Daemon, free_port};
use bench::upload;

use crate::Options;

/// The private key of servers that live for minutes, on this machine only.
const KEY: &str = "private_bench";
/// `private_bench:` as Basic authentication has it.
const BASIC: &str = "cHJpdmF0ZV9iZW5jaDo=";

/// Tintype with an empty library of its own, and these settings besides.
pub fn tintype(options: &Options, name: &str, settings: &[(&str, &str)]) -> Result<Daemon, BenchError> {
    let port = free_port()?;
    let mut command = Command::new(&options.tintype);
    command.arg("serve").arg("--data-dir").arg(options.folder.join(name));
    // As the others have it, nothing is written for each request.
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--log", "warn"]);
    command.env("TINTYPE_PRIVATE_KEY", KEY).envs(settings.iter().copied());
    Daemon::start(command, port, &options.folder.join(format!("{name}.log")))
}

/// As many workers as Tintype has threads, and what guides to its tuning name: `sendfile` in whole packets, descriptors and facts of files kept open, no
/// log, connections that stay.
const NGINX: &str = "
daemon off;
worker_processes {workers};
pid nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    access_log off;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=600s;
    open_file_cache_valid 600s;
    types { image/jpeg jpg; application/octet-stream bin; }
    client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary;
    uwsgi_temp_path temporary; scgi_temp_path temporary;
    server { listen 127.0.0.1:{port} reuseport; root files; }
}
";

/// nginx over the folder `files` below `name`, which is there.
pub fn nginx(options: &Options, name: &str) -> Result<Daemon, BenchError> {
    let folder = fs::canonicalize(options.folder.join(name))?;
    fs::create_dir_all(folder.join("temporary"))?;
    let port = free_port()?;
    let workers = std::thread::available_parallelism()?;
    let mut conf = NGINX
        .replace("{workers}", &workers.to_string())
        .replace("{port}", &port.to_string());
    if fs::metadata("/proc/self")?.uid() == 0 {
        // Its workers would become somebody else, who may not read the folder.
        conf.insert_str(0, "user root;");
    }
    fs::write(folder.join("nginx.conf"), conf)?;
    let mut command = Command::new(&options.nginx);
    command
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .args(["-e", "stderr"]);
    Daemon::start(command, port, &options.folder.join(format!("{name}.log")))
}

/// oximg's own server over a folder of pictures.
pub fn oximg(options: &Options, pictures: &Path) -> Result<Daemon, BenchError> {
    let port = free_port()?;
    let mut command = Command::new(&options.oximg);
    command.env("PORT", port.to_string()).env("OXIMG_BIND", "127.0.0.1");
    command
        .env("IMAGES_DIR", pictures)
        .env("OXIMG_OPTIONS_PREFIX", "/image");
    command.env("SVT_LOG", "1");
    Daemon::start(command, port, &options.folder.join("oximg.log"))
}

/// Header lines of somebody who has the key.
pub fn authorization() -> String {
    format!("Authorization: Basic {BASIC}\r\n")
}

/// Puts a file into the root folder.
pub fn offer(address: SocketAddr, name: &str, file: &[u8]) -> Result<(), BenchError> {
    let body = upload::body(&fields(name), name, file);
    let headers = format!("{}{}", authorization(), upload::HEADERS);
    let reply = Client::connect(address)?.post("/api/v1/files/upload", &headers, &body)?;
    accepted(reply.status, &reply.body)
}

/// The same with a file that is too large to be held.
pub fn offer_file(address: SocketAddr, name: &str, path: &Path) -> Result<(), BenchError> {
    let mut file = File::open(path)?;
    let head = upload::head(&fields(name), name);
    let length = head.len() as u64 + file.metadata()?.len() + upload::TAIL.len() as u64;
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /api/v1/files/upload HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{}{}\r\n{head}",
        authorization(),
        upload::HEADERS
    )?;
    std::io::copy(&mut file, &mut stream)?;
    stream.write_all(upload::TAIL.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let status = reply
        .get(9..12)
        .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    accepted(status.unwrap_or_default(), &reply)
}

fn fields(name: &str) -> [(&str, &str); 2] {
    [("fileName", name), ("useUniqueFileName", "false")]
}

fn accepted(status: u16, said: &[u8]) -> Result<(), BenchError> {
    if status == 200 {
        Ok(())
    } else {
        Err(format!("an upload was refused: {status}: {}", String::from_utf8_lossy(said)).into())
    }
}

/// A number of Prometheus' text format; 0 where it is not there yet. Labels do not matter: all lines of the name are added up.
pub fn metric(server: &Daemon, name: &str) -> Result<f64, BenchError> {
    let reply = Client::connect(server.address)?.get("/metrics")?;
    let text = String::from_utf8(reply.body)?;
    let lines = text.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    Ok(lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}

/// The picture with a comment that makes it a file of its own.
pub fn different(picture: &[u8], number: u32) -> Vec<u8> {
    // After the marker that begins a JPEG stands a comment: its marker, its length (itself included), its bytes.
    let comment = [&[0xff, 0xfe, 0, 6], &number.to_be_bytes()[..]].concat();
    [&picture[..2], &comment, &picture[2..]].concat()
}
