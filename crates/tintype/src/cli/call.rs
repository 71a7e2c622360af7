//! `tintype call`: a short `connector run`, for people.

use clap::{Arg, ArgMatches, Command};

use super::Outcome;
use super::connector::run::{make, with_options};

pub fn command() -> Command {
    let command = Command::new("call")
        .about("Make a call: `connector run` in short")
        .arg(
            Arg::new("action")
                .value_name("ACTION")
                .required(true)
                .help("Name of the action; `tintype actions` lists them"),
        )
        .arg(
            Arg::new("data")
                .value_name("JSON|@FILE")
                .default_value("{}")
                .help("The action's input, such as '{\"path\":\"/travel\"}'; @FILE reads a file, @- standard input"),
        );
    with_options(command)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    make(text("action"), text("data"), matches)
}
