//! `tintype connector run`, `apply`, `undo`, and `tintype call`, which is a short `run`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::{Answer, Call, ChangeSet, DriftMode, Limits, Options, Planned, SERVICE, Verification, Verify};
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::desk::Desk;
use super::{Failure, json_flag, print};
use crate::cli::Outcome;

/// Largest input.
const LONGEST_INPUT: usize = 64 << 20;

pub fn command() -> Command {
    let command = Command::new("run")
        .about("Make a call: checked, authorised, retried, verified and recorded")
        .arg(
            Arg::new("service")
                .value_name("SERVICE")
                .required(true)
                .help("imagekit; or SERVICE.ACTION"),
        )
        .arg(
            Arg::new("action")
                .short('a')
                .long("action")
                .value_name("NAME")
                .help("Name of the action"),
        )
        .arg(
            Arg::new("data")
                .short('d')
                .long("data")
                .visible_alias("input")
                .value_name("JSON|@FILE")
                .help("The action's input; @FILE reads a file, @- standard input"),
        );
    with_options(command)
}

/// How a call is made, the same for every way to make one.
pub fn with_options(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(text(
            "connection-name",
            "NAME",
            "Which connection; `tintype connector apps` lists them",
        ))
        .arg(text(
            "upstream",
            "URL",
            "Another server for this call, with the configured private key",
        ))
        .arg(
            text(
                "file",
                "PATH",
                "Attach this file, for upload_file; fileName is its name unless the input says another",
            )
            .value_parser(value_parser!(PathBuf)),
        )
        .arg(text(
            "idempotency-key",
            "KEY",
            "Make the call once, however often it is asked for in a day",
        ))
        .arg(text(
            "contract",
            "FINGERPRINT",
            "Refuse if the action's contract is another one",
        ))
        .arg(text("intent", "TEXT", "Why, for the records and for who approves"))
        .arg(text("fields", "A,B", "Only these fields of each object in the output"))
        .arg(
            text("verify", "HOW", "How the effect is looked up")
                .value_parser(["none", "fast", "strict"])
                .default_value("fast"),
        )
        .arg(
            text("drift", "HOW", "What is done about an answer that is not as promised")
                .value_parser(["observe", "repair", "strict"])
                .default_value("observe"),
        )
        .arg(
            text("timeout", "SECONDS", "Give up after so many seconds, retries included")
                .value_parser(value_parser!(u64).range(1..=86_400))
                .default_value("60"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Do everything but the change, and tell how much it would be"),
        )
        .arg(json_flag())
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let service = matches.get_one::<String>("service").map_or("", String::as_str);
    let action = match (matches.get_one::<String>("action"), service.split_once('.')) {
        (Some(action), None) if service == SERVICE => action.clone(),
        (None, Some((SERVICE, action))) => action.to_owned(),
        (None, None) if service == SERVICE => return Err(Failure::usage("--action is missing").into()),
        _ => return Err(Failure::usage(format!("the service is {SERVICE}; give the action with --action")).into()),
    };
    let data = matches.get_one::<String>("data").map(String::as_str);
    make(&action, data.unwrap_or("{}"), matches)
}

/// Makes one call and prints what came of it.
pub fn make(action: &str, data: &str, matches: &ArgMatches) -> Outcome {
    let as_json = matches.get_flag("json");
    let limits = limits(matches);
    let file = matches.get_one::<PathBuf>("file");
    let mut input = input(data)?;
    let name = file.and_then(|path| path.file_name()).and_then(|name| name.to_str());
    if let (Some(name), Value::Object(fields)) = (name, &mut input) {
        fields.entry("fileName").or_insert_with(|| json!(name));
    }
    let desk = Desk::open(matches)?;
    let fail = |error| Failure::of(&error, as_json);
    let call = Call {
        action: action.to_owned(),
        input,
        file: match file {
            Some(path) => Some(read_at_most(path, limits.file_bytes)?),
            None => None,
        },
        principal: desk.principal().map_err(fail)?,
        at: desk.now(),
        options: options(matches),
    };
    let pipeline = desk.pipeline(matches.get_one::<String>("upstream").map(String::as_str), limits)?;
    let answer = desk.wait(pipeline.call(call)).map_err(fail)?;
    show(&answer, as_json);
    desk.wait(desk.store.close());
    Ok(())
}

fn options(matches: &ArgMatches) -> Options {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    Options {
        connection: text("connection-name"),
        idempotency_key: text("idempotency-key"),
        contract: text("contract"),
        dry_run: matches.get_flag("dry-run"),
        verify: match text("verify").as_deref() {
            Some("none") => Verify::None,
            Some("strict") => Verify::Strict,
            _ => Verify::Fast,
        },
        drift: match text("drift").as_deref() {
            Some("repair") => DriftMode::Repair,
            Some("strict") => DriftMode::Strict,
            _ => DriftMode::Observe,
        },
        fields: text("fields")
            .map(|list| list.split(',').map(|f| f.trim().to_owned()).collect())
            .unwrap_or_default(),
        intent: text("intent"),
        client: Some(concat!("tintype/", env!("CARGO_PKG_VERSION")).to_owned()),
        deadline: None,
        line: None,
    }
}

fn limits(matches: &ArgMatches) -> Limits {
    Limits {
        deadline: Duration::from_secs(matches.get_one::<u64>("timeout").copied().unwrap_or(60)),
        ..Limits::default()
    }
}

/// The output on standard output; how we know, on standard error.
fn show(answer: &Answer, as_json: bool) {
    if as_json {
        // A dry run answers with itself, as other connector command lines do.
        let whole = if answer.meta.dry_run {
            answer.data.clone()
        } else {
            json!(answer)
        };
        print(&whole, true);
        return;
    }
    print(&answer.data, false);
    for drift in &answer.meta.drift {
        eprintln!("drift: {}: {}", drift.pointer, drift.detail);
    }
    match &answer.meta.verification {
        Verification::NotNeeded => {}
        Verification::Verified { checks } => {
            let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
            eprintln!("verified: {}", names.join(", "));
        }
        Verification::Unverified { reason, .. } => eprintln!("warning: done, but not verified: {reason}"),
    }
    if let Some(undo) = answer.meta.undo.as_ref().filter(|undo| undo.is_possible()) {
        let until = undo
            .until
            .as_ref()
            .map(|until| format!(" (until {until})"))
            .unwrap_or_default();
        eprintln!("undo: tintype connector undo {}{until}", answer.meta.execution_id);
    }
}

pub fn apply_command() -> Command {
    let command = Command::new("apply")
        .about("Make several writes as one: looked at together, agreed to once, put back if one fails")
        .arg(
            Arg::new("data")
                .short('d')
                .long("data")
                .required(true)
                .value_name("JSON|@FILE")
                .help("A list of {\"action\": ..., \"input\": {...}}"),
        );
    with_options(command)
}

pub fn apply(matches: &ArgMatches) -> Outcome {
    let as_json = matches.get_flag("json");
    let data = matches.get_one::<String>("data").map_or("", String::as_str);
    let calls: Vec<Planned> = serde_json::from_value(input(data)?)
        .map_err(|e| Failure::usage(format!("the calls are not a list of {{action, input}}: {e}")))?;
    let desk = Desk::open(matches)?;
    let fail = |error| Failure::of(&error, as_json);
    let set = ChangeSet {
        calls,
        principal: desk.principal().map_err(fail)?,
        at: desk.now(),
        options: options(matches),
    };
    let pipeline = desk.pipeline(
        matches.get_one::<String>("upstream").map(String::as_str),
        limits(matches),
    )?;
    let answer = desk.wait(pipeline.apply(set)).map_err(fail)?;
    print(&answer, as_json);
    desk.wait(desk.store.close());
    Ok(())
}

pub fn undo_command() -> Command {
    Command::new("undo")
        .about("Take a call back")
        .arg(
            Arg::new("execution")
                .value_name("EXECUTION_ID")
                .required(true)
                .help("meta.executionId of the call"),
        )
        .arg(
            Arg::new("upstream")
                .long("upstream")
                .value_name("URL")
                .help("The server, if the call named one"),
        )
        .arg(json_flag())
}

pub fn undo(matches: &ArgMatches) -> Outcome {
    let as_json = matches.get_flag("json");
    let desk = Desk::open(matches)?;
    let fail = |error| Failure::of(&error, as_json);
    let principal = desk.principal().map_err(fail)?;
    let execution = matches.get_one::<String>("execution").map_or("", String::as_str);
    let pipeline = desk.pipeline(
        matches.get_one::<String>("upstream").map(String::as_str),
        Limits::default(),
    )?;
    let answers = desk
        .wait(pipeline.undo(execution, &principal, desk.now()))
        .map_err(fail)?;
    print(&json!({ "data": { "calls": answers } }), as_json);
    desk.wait(desk.store.close());
    Ok(())
}

/// JSON as it is, from `@FILE`, or from standard input with `@-`.
fn input(data: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let text = match data.strip_prefix('@') {
        Some("-") => at_most(std::io::stdin().lock(), LONGEST_INPUT, "standard input")?,
        Some(path) => read_at_most(Path::new(path), LONGEST_INPUT)?,
        None => Bytes::copy_from_slice(data.as_bytes()),
    };
    // Some editors put a byte order mark before what they save.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|e| Failure::usage(format!("the input is not JSON: {e}")).into())
}

fn read_at_most(path: &Path, limit: usize) -> Result<Bytes, String> {
    let shown = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| format!("{shown}: {e}"))?;
    at_most(file, limit, &shown)
}

fn at_most(from: impl Read, limit: usize, shown: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(one_more)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("{shown}: {e}"))?;
    if bytes.len() > limit {
        return Err(format!("{shown}: more than {limit} bytes"));
    }
    Ok(bytes.into())
}
