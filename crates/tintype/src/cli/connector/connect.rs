//! `tintype connect`, `disconnect`, `connector apps`: which servers can be called.

use std::io::BufRead;

use agent::{
    Call, CallError, Code, Connection, Connections, Credential, Limits, Options, Pipeline, SERVICE, Upstream, Verify,
};
use clap::{Arg, ArgMatches, Command};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::desk::{Desk, secret_of};
use super::{Failure, json_flag, print};
use crate::cli::Outcome;

const KEY_VARIABLE: &str = "TINTYPE_CONNECT_KEY";

pub fn command() -> Command {
    Command::new("connect")
        .about("Connect a server (another Tintype, or https://api.imagekit.io), or add a key to a connection")
        .arg(Arg::new("url").value_name("URL").required(true).help("Base URL of its API"))
        .arg(Arg::new("name").long("name").value_name("NAME").default_value("default").help("How to call the connection"))
        .arg(
            Arg::new("public-key")
                .long("public-key")
                .value_name("KEY")
                .help("The account's public key, for signed client-side uploads"),
        )
        .after_help(
            "The private key is read from TINTYPE_CONNECT_KEY, else from the first line of standard input: other users of \
             a machine can read command lines. It is tried before it is kept.",
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let (url, name) = (text("url"), text("name"));
    let key = key()?;
    let desk = Desk::open(matches)?;
    let person = desk.person()?;
    let limits = Limits::default();
    let transport = agent::network(&limits)?;
    let upstream = Upstream::new(url, transport.clone()).map_err(|e| Failure::usage(e.to_string()))?;
    let base = upstream.base().to_owned();
    let tried = Connection::with_key(name, upstream, Credential::private_key(key.clone()), None);
    let connections = Connections::new(Some(tried), desk.store.clone(), transport);
    let pipeline = Pipeline::new(connections, desk.policy()?, desk.store.clone(), limits);
    let call = Call {
        action: "list_assets".to_owned(),
        input: json!({ "limit": 1 }),
        file: None,
        principal: person.clone(),
        at: desk.now(),
        options: Options {
            connection: Some(name.to_owned()),
            verify: Verify::None,
            intent: Some("trying a key before it is kept".to_owned()),
            ..Options::default()
        },
    };
    desk.wait(pipeline.call(call)).map_err(|error| refusal(&error))?;
    let public_key = matches.get_one::<String>("public-key").map(String::as_str);
    let id = desk.wait(desk.store.connect(name, &base, &key, public_key, &person, desk.now()))?;
    println!("connected {name} to {base} with {id}");
    desk.wait(desk.store.close());
    Ok(())
}

/// Why a key that was tried is not kept.
fn refusal(error: &CallError) -> Failure {
    match error.code() {
        Code::CredentialExpired | Code::ScopeMissing => Failure::usage(format!(
            "credential_verification_failed: the server does not take this key: {error}"
        )),
        _ => Failure::of(error, false),
    }
}

fn key() -> Result<SecretString, Box<dyn std::error::Error>> {
    if let Some(key) = secret_of(KEY_VARIABLE) {
        return Ok(key);
    }
    eprintln!("private key (or set {KEY_VARIABLE}):");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let key = line.trim();
    if key.is_empty() {
        return Err(Failure::usage(format!(
            "no private key: give it on standard input or as {KEY_VARIABLE}"
        ))
        .into());
    }
    Ok(key.into())
}

pub fn disconnect_command() -> Command {
    Command::new("disconnect")
        .about("Forget a connection with its keys")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .help("Name of the connection"),
        )
}

pub fn disconnect(matches: &ArgMatches) -> Outcome {
    let name = matches.get_one::<String>("name").map_or("", String::as_str);
    let desk = Desk::open(matches)?;
    let person = desk.person()?;
    if !desk.wait(desk.store.disconnect(name, &person, desk.now()))? {
        return Err(format!("app_not_found: there is no connection `{name}`").into());
    }
    println!("disconnected {name}");
    desk.wait(desk.store.close());
    Ok(())
}

pub fn apps_command() -> Command {
    Command::new("apps")
        .about("List connections")
        .arg(
            Arg::new("service")
                .value_name("SERVICE")
                .help("Only those of this service"),
        )
        .arg(json_flag())
}

pub fn apps(matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    let wanted = matches
        .get_one::<String>("service")
        .is_none_or(|service| service == SERVICE);
    let pipeline = desk.pipeline(None, Limits::default())?;
    let all = desk.wait(pipeline.connections().list())?;
    let only = all.len() == 1;
    let rows = all.iter().filter(|_| wanted).map(|info| {
        json!({
            "service": SERVICE,
            "connectionName": info.name,
            "displayName": info.name,
            "accountLabel": info.base,
            "status": info.status,
            "authType": "api_key",
            "isDefault": only || info.name == agent::OWN,
            "scopes": [],
            "keys": info.keys,
        })
    });
    let rows: Vec<Value> = rows.collect();
    if matches.get_flag("json") {
        print(&Value::Array(rows), true);
    } else {
        for info in all.iter().filter(|_| wanted) {
            println!(
                "{}  {}  {}  {} keys",
                info.name,
                info.status,
                info.base,
                info.keys.len().max(1)
            );
        }
    }
    desk.wait(desk.store.close());
    Ok(())
}
