use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Arg, ArgAction, ArgMatches, Command};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{Outcome, read_config};
use crate::app::keyring::AREAS;
use crate::config::Config;
use crate::keys::KeyPair;

const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: u64 = 1 << 20;

pub fn command() -> Command {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("Id of the key, as `tintype keys list` shows it")
    };
    Command::new("keys")
        .about("List, make, roll and revoke keys of the running server")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("List the keys; private halves are never shown again"))
        .subcommand(
            Command::new("create")
                .about("Make a key, and print its private half once")
                .arg(Arg::new("name").value_name("NAME").required(true).help("For people"))
                .arg(
                    Arg::new("allow")
                        .long("allow")
                        .value_name("AREA=LEVEL")
                        .action(ArgAction::Append)
                        .help(
                            "Restrict the key: mediaAccess, mediaManagement, metadata, customMetadata or cachePurge, with \
                             read or write; once for each area. Without it the key may do everything",
                        ),
                ),
        )
        .subcommand(
            Command::new("roll")
                .about("Make a key in the place of another, which ends after a while")
                .arg(id())
                .arg(
                    Arg::new("after")
                        .long("after")
                        .value_name("TIME")
                        .value_parser(["now", "1h", "24h", "3d", "7d"])
                        .default_value("24h")
                        .help("When the old key ends"),
                ),
        )
        .subcommand(Command::new("revoke").about("Remove a key at once").arg(id()))
}

/// Asks the server that the configuration describes, for it alone may open its library.
pub fn run(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let text = |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    match matches.subcommand() {
        Some(("list", _)) => {
            let keys = ask(&config, "GET", "", None)?;
            for key in keys.as_array().into_iter().flatten() {
                let shown = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                let kind = if key["permissions"].is_object() {
                    "restricted"
                } else {
                    "standard"
                };
                println!(
                    "{:14} {:9} {:10} {} {}",
                    shown("id"),
                    shown("state"),
                    kind,
                    shown("publicKey"),
                    shown("name")
                );
            }
        }
        Some(("create", create)) => {
            let mut body = json!({ "name": text(create, "name") });
            let allowed: Vec<&String> = create.get_many("allow").into_iter().flatten().collect();
            if !allowed.is_empty() {
                body["permissions"] = Value::Object(levels(&allowed)?);
            }
            print_pair(&ask(&config, "POST", "", Some(&body))?);
        }
        Some(("roll", roll)) => {
            let body = json!({ "expireAfter": text(roll, "after") });
            let path = format!("/{}/roll", id(roll)?);
            print_pair(&ask(&config, "POST", &path, Some(&body))?);
        }
        Some(("revoke", revoke)) => {
            ask(&config, "DELETE", &format!("/{}", id(revoke)?), None)?;
            println!("revoked");
        }
        _ => {}
    }
    Ok(())
}

fn id(matches: &ArgMatches) -> Result<String, String> {
    let id = matches.get_one::<String>("id").cloned().unwrap_or_default();
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(id)
    } else {
        Err("an id has letters and digits only".to_owned())
    }
}

fn levels(allowed: &[&String]) -> Result<Map<String, Value>, String> {
    let names = AREAS.map(|(name, _)| name);
    allowed
        .iter()
        .map(|text| match text.split_once('=') {
            Some((area, level)) if names.contains(&area) && matches!(level, "read" | "write") => {
                Ok((area.to_owned(), json!(level)))
            }
            _ => Err(format!(
                "`{text}` must be one of {} with =read or =write",
                names.join(", ")
            )),
        })
        .collect()
}

fn print_pair(key: &Value) {
    for (label, name) in [("Id", "id"), ("Public key", "publicKey"), ("Private key", "privateKey")] {
        println!("{label:12} {}", key.get(name).and_then(Value::as_str).unwrap_or("-"));
    }
    println!("The private key is not shown again.");
}

/// One request by hand, as for the health check: to this machine's server, without TLS.
fn ask(config: &Config, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Box<dyn std::error::Error>> {
    let keys = KeyPair::resolve(config.keys.clone(), &config.data_dir)?;
    let ip = match config.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, config.listen.port());
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|e| format!("no server answers at {address}: {e}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let credential = STANDARD.encode(format!("{}:", keys.private_key().expose_secret()));
    write!(
        stream,
        "{method} /v1/accounts/keys{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {credential}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status: u16 = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(json);
    }
    let message = json.get("message").and_then(Value::as_str).unwrap_or("no JSON answer");
    Err(format!("the server at {address} answered {status}: {message}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restrictions_are_read() {
        let texts = ["mediaAccess=read".to_owned(), "cachePurge=write".to_owned()];
        let read = levels(&texts.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            Value::Object(read),
            json!({"mediaAccess": "read", "cachePurge": "write"})
        );
        for wrong in ["mediaAccess", "media=read", "mediaAccess=none"] {
            assert!(levels(&[&wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
