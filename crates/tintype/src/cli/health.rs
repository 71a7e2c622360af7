use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::{ArgMatches, Command};

use super::{Outcome, read_config};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn command() -> Command {
    Command::new("health").about("Ask a running server whether it is ready; for container health checks")
}

/// One request by hand: a health check should need nothing but the binary, and no HTTP client in it.
pub fn run(matches: &ArgMatches) -> Outcome {
    let listen = read_config(matches)?.listen;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|e| format!("no server answers at {address}: {e}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    let first = String::from_utf8_lossy(&answer);
    let first = first.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) == Some("200") {
        println!("ready");
        Ok(())
    } else {
        Err(format!("the server at {address} is not ready: {first}").into())
    }
}
