//! `tintype token`: tokens for agents.

use agent::{Budget, Effect, Grant};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use secrecy::ExposeSecret;
use serde_json::json;
use time::Duration;

use super::desk::Desk;
use super::{Failure, group, json_flag, print};
use crate::cli::Outcome;

pub fn command() -> Command {
    let list = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help(help)
    };
    group(
        "token",
        "Tokens for agents: narrow, counted, revocable",
        vec![
            Command::new("create")
                .about("Make a token, which is shown once")
                .arg(
                    Arg::new("name")
                        .value_name("NAME")
                        .required(true)
                        .help("Whom it is for"),
                )
                .arg(list("allow", "EFFECT", "write, destructive; reading is always covered"))
                .arg(list(
                    "action",
                    "NAME",
                    "Only these actions; `*` at an end stands for all that begin or end so",
                ))
                .arg(list("folder", "PATH", "Only these folders with what is below them"))
                .arg(list("tag", "TAG", "Only files with one of these tags"))
                .arg(list(
                    "metadata",
                    "FIELD=VALUE",
                    "Only files with one of these values, in each field that is named",
                ))
                .arg(list("connection", "NAME", "Only these connections"))
                .arg(list(
                    "budget",
                    "KIND=N",
                    "calls-per-minute, writes-per-day, deletes-per-day, upload-mebibytes-per-day, purges-per-day",
                ))
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("N")
                        .value_parser(value_parser!(i64).range(1..=366))
                        .default_value("30")
                        .help("How long it lives"),
                )
                .arg(json_flag()),
            Command::new("list").about("List tokens").arg(json_flag()),
            Command::new("revoke").about("End a token").arg(
                Arg::new("id")
                    .value_name("ID")
                    .required(true)
                    .help("tok_..., from the list"),
            ),
        ],
    )
}

pub fn run(verb: &str, matches: &ArgMatches) -> Outcome {
    let grant = if verb == "create" { Some(grant(matches)?) } else { None };
    let desk = Desk::open(matches)?;
    let person = desk.person()?;
    match (verb, grant) {
        ("create", Some(grant)) => {
            let name = matches.get_one::<String>("name").map_or("", String::as_str);
            let life = Duration::days(matches.get_one::<i64>("days").copied().unwrap_or(30));
            let (token, secret) = desk.wait(desk.store.create_token(name, &grant, life, &person, desk.now()))?;
            if matches.get_flag("json") {
                print(&json!({ "token": token, "secret": secret.expose_secret() }), true);
            } else {
                println!("{}", secret.expose_secret());
                eprintln!(
                    "{} for {name}, until {}: shown this once",
                    token.id,
                    token.expires_at.date()
                );
            }
        }
        ("revoke", _) => {
            let id = matches.get_one::<String>("id").map_or("", String::as_str);
            if !desk.wait(desk.store.revoke_token(id, &person, desk.now()))? {
                return Err(format!("not_found: there is no token `{id}` that is not revoked").into());
            }
            println!("revoked {id}");
        }
        _ => {
            let tokens = desk.wait(desk.store.tokens())?;
            if matches.get_flag("json") {
                print(&json!(tokens), true);
            } else {
                for token in tokens {
                    let state = match token.revoked_at {
                        Some(_) => "revoked",
                        None if token.expires_at <= desk.now() => "expired",
                        None => "active",
                    };
                    let effects: Vec<&str> = token.grant.effects.iter().map(|e| e.as_str()).collect();
                    let used = token
                        .used_at
                        .map_or("never used".to_owned(), |t| format!("used {}", t.date()));
                    println!("{}  {state}  {}  {}  {used}", token.id, token.name, effects.join("+"));
                }
            }
        }
    }
    desk.wait(desk.store.close());
    Ok(())
}

fn grant(matches: &ArgMatches) -> Result<Grant, Failure> {
    let all = |name: &str| {
        matches
            .get_many::<String>(name)
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut grant = Grant {
        folders: all("folder"),
        tags: all("tag"),
        metadata: Grant::metadata_of(&all("metadata")).map_err(|e| Failure::usage(format!("--metadata: {e}")))?,
        connections: all("connection"),
        ..Grant::default()
    };
    if !all("action").is_empty() {
        grant.actions = all("action");
    }
    for effect in all("allow") {
        grant.effects.push(match effect.as_str() {
            "write" => Effect::Write,
            "destructive" => Effect::Destructive,
            "read" => continue,
            _ => {
                return Err(Failure::usage(format!(
                    "--allow: `{effect}` is none of read, write, destructive"
                )));
            }
        });
    }
    for budget in all("budget") {
        let parsed = budget
            .split_once('=')
            .and_then(|(kind, n)| Some((Budget::named(kind)?, n.parse().ok()?)));
        let Some((kind, limit)) = parsed else {
            let known: Vec<&str> = Budget::ALL.iter().map(|b| b.as_str()).collect();
            return Err(Failure::usage(format!(
                "--budget: `{budget}`; write KIND=N with one of {}",
                known.join(", ")
            )));
        };
        grant.budgets.insert(kind, limit);
    }
    Ok(grant)
}
