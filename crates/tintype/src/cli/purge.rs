use std::time::Duration;

use axum::http::Method;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use super::Outcome;
use super::own_server::{OwnServer, text};

const GAP: Duration = Duration::from_millis(250);

/// A subcommand, the field of the request, the name of its value, what it is about.
const SUBJECTS: [(&str, &str, &str, &str); 5] = [
    (
        "url",
        "url",
        "URL",
        "A delivery URL; one `*` at its end stands for all that begins so",
    ),
    ("tag", "tag", "TAG", "All files that have this tag"),
    (
        "prefix",
        "prefix",
        "PATH",
        "All paths that begin so, such as /travel/2026-",
    ),
    (
        "folder",
        "folderPath",
        "PATH",
        "A folder with everything below it; / for everything",
    ),
    ("file", "fileId", "ID", "One file, by its id"),
];

pub fn command() -> Command {
    let wait = || {
        Arg::new("wait")
            .long("wait")
            .value_name("SECONDS")
            .value_parser(value_parser!(u64).range(0..=4000))
            .default_value("60")
            .help("How long to wait until all servers and the caches in front have it; 0: not at all")
    };
    let subjects = SUBJECTS.map(|(name, _, value, about)| {
        Command::new(name)
            .about(about)
            .arg(Arg::new("subject").value_name(value).required(true))
            .arg(wait())
    });
    let status = Command::new("status")
        .about("How far a purge is")
        .arg(
            Arg::new("subject")
                .value_name("REQUEST")
                .required(true)
                .help("The id that the purge printed"),
        )
        .arg(wait().default_value("0"));
    Command::new("purge")
        .about("Make a running server, all others that share its database, and the caches in front of them forget what they keep of files")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(subjects)
        .subcommand(status)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some((name, arguments)) = matches.subcommand() else {
        return Ok(());
    };
    let server = OwnServer::of(matches)?;
    let subject = arguments.get_one::<String>("subject").cloned().unwrap_or_default();
    let wait = Duration::from_secs(arguments.get_one::<u64>("wait").copied().unwrap_or_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let request = match SUBJECTS.iter().find(|(known, ..)| *known == name) {
            Some((_, field, ..)) => {
                let body = Value::Object(Map::from_iter([((*field).to_owned(), subject.into())]));
                let asked = server.ask(Method::POST, "/v1/files/purge", Some(&body)).await?;
                text(&asked, "requestId").to_owned()
            }
            None => subject
                .parse::<library::PurgeId>()
                .map_err(|error| format!("`{subject}`: {error}"))?
                .to_string(),
        };
        follow(&server, &request, wait).await
    })
}

/// Prints how far it is, as soon as it has come to an end or the time is up. A cache that did not accept it is a failure.
async fn follow(server: &OwnServer, request: &str, wait: Duration) -> Outcome {
    let path = format!("/v1/files/purge/{request}");
    let begun = std::time::Instant::now();
    let status = loop {
        let status = server.ask(Method::GET, &path, None).await?;
        if text(&status, "status") != "Pending" || begun.elapsed() >= wait {
            break status;
        }
        tokio::time::sleep(GAP).await;
    };
    println!("{request}  {}", text(&status, "status"));
    for cache in status["caches"].as_array().into_iter().flatten() {
        let message = text(cache, "message");
        println!(
            "  {}  {}{}{message}",
            text(cache, "cache"),
            text(cache, "status"),
            if message.is_empty() { "" } else { ": " }
        );
    }
    match text(&status, "status") {
        "Failed" => Err("a cache in front has not accepted the purge".into()),
        _ => Ok(()),
    }
}
