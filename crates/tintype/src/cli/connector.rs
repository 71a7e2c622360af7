//! The agent side on the command line: the connector's words (`search`, `schema`, `run`, `apps`), and what a person who
//! answers for the library does: connect, vault, tokens, policy, approvals, records, drift.
//!
//! Exit codes: 0 success, 1 failure, 2 a wrong call.

mod approvals;
mod catalogue;
mod connect;
pub mod desk;
mod policy;
mod records;
pub mod run;
mod token;
mod vault;

use std::fmt;

use agent::{CallError, Code};
use clap::{ArgMatches, Command};
use serde_json::Value;

use super::{Outcome, with_settings};

pub use catalogue::describe;

/// Every command of the agent side.
pub fn commands() -> Vec<Command> {
    let connector = Command::new("connector")
        .about("Find and make calls, in the words of connector command lines")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(catalogue::search_command())
        .subcommand(catalogue::schema_command())
        .subcommand(leaf(run::command()))
        .subcommand(leaf(run::apply_command()))
        .subcommand(leaf(run::undo_command()))
        .subcommand(leaf(connect::apps_command()));
    vec![
        connector,
        leaf(connect::command()),
        leaf(connect::disconnect_command()),
        vault::command(),
        token::command(),
        policy::command(),
        approvals::command(),
        records::audit_command(),
        leaf(records::drift_command()),
    ]
}

/// Runs one of them; `None` if the name is not one of theirs.
pub fn run(name: &str, matches: &ArgMatches) -> Option<Outcome> {
    Some(match (name, matches.subcommand()) {
        ("connector", Some(("search", m))) => catalogue::search(m),
        ("connector", Some(("schema", m))) => catalogue::schema(m),
        ("connector", Some(("run", m))) => run::run(m),
        ("connector", Some(("apply", m))) => run::apply(m),
        ("connector", Some(("undo", m))) => run::undo(m),
        ("connector", Some(("apps", m))) => connect::apps(m),
        ("connect", _) => connect::run(matches),
        ("disconnect", _) => connect::disconnect(matches),
        ("vault", Some((verb, m))) => vault::run(verb, m),
        ("token", Some((verb, m))) => token::run(verb, m),
        ("policy", Some((verb, m))) => policy::run(verb, m),
        ("approvals", Some((verb, m))) => approvals::run(verb, m),
        ("audit", Some((verb, m))) => records::audit(verb, m),
        ("drift", _) => records::drift(matches),
        _ => return None,
    })
}

/// A command that works on the data directory.
fn leaf(command: Command) -> Command {
    with_settings(command, ["data_dir", "public_url", "listen"])
}

/// A command with verbs.
fn group(name: &'static str, about: &'static str, verbs: Vec<Command>) -> Command {
    Command::new(name)
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(verbs.into_iter().map(leaf))
}

/// A failure, with its exit code: 2 for a wrong call, 1 for everything else.
#[derive(Debug)]
pub struct Failure {
    text: String,
    /// For the process.
    pub exit_code: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit_code: 2,
        }
    }

    /// As text: code, what happened, what to do next. With `as_json` all of it on one line.
    pub fn of(error: &CallError, as_json: bool) -> Self {
        let wrong_call = matches!(
            error.code(),
            Code::InvalidInput | Code::UnknownAction | Code::ContractChanged
        );
        let report = error.report();
        let text = if as_json {
            report.to_string()
        } else {
            let part = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            format!("{}: {}{hint}", part("code"), part("message"))
        };
        Self {
            text,
            exit_code: if wrong_call { 2 } else { 1 },
        }
    }
}

/// Prints a value: on one line, or for people.
fn print(value: &Value, as_json: bool) {
    if as_json {
        println!("{value}");
    } else {
        println!("{value:#}");
    }
}

fn json_flag() -> clap::Arg {
    clap::Arg::new("json")
        .long("json")
        .action(clap::ArgAction::SetTrue)
        .help("Print JSON on one line")
}
