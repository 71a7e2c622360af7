use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::{ArgMatches, Command};

use super::{Outcome, read_config};

const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: u64 = 4 << 20;

pub fn command() -> Command {
    Command::new("health").about("Ask a running server whether it is ready; for container health checks")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let address = local(read_config(matches)?.listen);
    match ask(address, "/health/ready")? {
        (Some(200), _) => {
            println!("ready");
            Ok(())
        }
        (_, text) => {
            let first = text.lines().next().unwrap_or_default();
            Err(format!("the server at {address} is not ready: {first}").into())
        }
    }
}

/// The address of this machine at which a server that listens there is reached.
pub fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status and the whole answer to one request, made by hand: a health check should need nothing but the binary, and no HTTP client in it.
pub fn ask(address: SocketAddr, path: &str) -> Result<(Option<u16>, String), Box<dyn std::error::Error>> {
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|e| format!("no server answers at {address}: {e}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let first = answer.lines().next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status, answer))
}
