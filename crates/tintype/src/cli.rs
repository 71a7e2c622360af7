//! The command line. Standard output carries what was asked for, standard error what went wrong; the exit code is 0
//! for success, 1 for a failure, 2 for a wrong call.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line prints

mod actions;
mod call;
mod config;
mod connector;
mod db;
mod explain;
mod health;
mod keys;
mod library;
mod mcp;
mod own_key;
mod own_server;
mod purge;
mod serve;
mod top;
mod transform;
mod trash;
mod url;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{Config, ConfigError, SETTINGS, Texts};

type Outcome = Result<(), Box<dyn Error>>;

/// Runs one command and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = match matches.subcommand() {
        Some(("serve", m)) => serve::run(m),
        Some(("explain", m)) => explain::run(m),
        Some(("transform", m)) => transform::run(m),
        Some(("url", m)) => url::run(m),
        Some(("actions", m)) => actions::run(m),
        Some(("call", m)) => call::run(m),
        Some(("trash", m)) => trash::run(m),
        Some(("purge", m)) => purge::run(m),
        Some(("config", m)) => config::run(m),
        Some(("health", m)) => health::run(m),
        Some(("top", m)) => top::run(m),
        Some(("keys", m)) => keys::run(m),
        Some(("db", m)) => db::run(m),
        Some(("library", m)) => library::run(m),
        Some(("mcp", m)) => mcp::run(m),
        Some((name, m)) => connector::run(name, m).unwrap_or(Ok(())),
        None => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(failure) = error.downcast_ref::<connector::Failure>() {
                // Begins with its code, or is JSON: programs read it.
                eprintln!("{failure}");
                return ExitCode::from(failure.exit_code);
            }
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each said once.
fn report(error: &dyn Error) {
    eprintln!("tintype: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because {error}");
        cause = error.source();
    }
}

fn command() -> Command {
    Command::new("tintype")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A media server that speaks ImageKit's APIs: upload, transform by URL, deliver")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(serve::command(), SETTINGS.iter().map(|s| s.name)))
        .subcommand(explain::command())
        .subcommand(transform::command())
        .subcommand(with_settings(
            url::command(),
            ["data_dir", "account_id", "public_url", "listen"],
        ))
        .subcommand(actions::command())
        .subcommand(with_settings(call::command(), ["data_dir", "public_url", "listen"]))
        .subcommand(with_settings(trash::command(), ["data_dir", "public_url", "listen"]))
        .subcommand(with_settings(purge::command(), ["data_dir", "public_url", "listen"]))
        .subcommands(connector::commands())
        .subcommand(config::command())
        .subcommand(db::command())
        .subcommand(library::command())
        .subcommand(with_settings(
            mcp::command(),
            ["data_dir", "account_id", "public_url", "listen", "log"],
        ))
        .subcommand(with_settings(health::command(), ["listen"]))
        .subcommand(with_settings(top::command(), ["listen"]))
        .subcommand(with_settings(keys::command(), ["data_dir", "listen"]))
}

/// Adds the flags of these settings. Secrets get none: other users of a machine can read its command lines.
fn with_settings(command: Command, names: impl IntoIterator<Item = &'static str>) -> Command {
    let mut command = command.arg(
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Configuration file (TOML) [env: TINTYPE_CONFIG]"),
    );
    for setting in names
        .into_iter()
        .filter_map(|name| SETTINGS.iter().find(|s| s.name == name && !s.secret))
    {
        let default = setting.default.map(|d| format!("default: {d}, ")).unwrap_or_default();
        command = command.arg(
            Arg::new(setting.name)
                .long(setting.flag().trim_start_matches("--").to_owned())
                .value_name("VALUE")
                .action(ArgAction::Set)
                .help(format!("{} [{default}env: {}]", setting.help, setting.environment())),
        );
    }
    command
}

/// The configuration as file, environment and flags say it.
fn read_config(matches: &ArgMatches) -> Result<Config, ConfigError> {
    Config::from_texts(&read_texts(matches)?)
}

fn read_texts(matches: &ArgMatches) -> Result<Texts, ConfigError> {
    let environment = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    let file = matches
        .try_get_one::<PathBuf>("config")
        .ok()
        .flatten()
        .cloned()
        .or_else(|| {
            std::env::var_os("TINTYPE_CONFIG")
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        });
    let flags = SETTINGS.iter().filter_map(|setting| {
        let value = matches.try_get_one::<String>(setting.name).ok().flatten()?;
        Some((setting.name, value.clone()))
    });
    Texts::gather(file.as_deref(), environment, flags)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
