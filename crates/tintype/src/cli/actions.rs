use agent::{ACTIONS, Action};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::Outcome;
use super::connector::Failure;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("actions")
        .about("List the actions that agents can call, or describe one")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("Show this action's description and JSON Schemas"),
        )
        .arg(flag("json", "Print everything as JSON"))
        .arg(flag("skill", "Print SKILL.md, for agents that read files").conflicts_with_all(["json", "llms", "name"]))
        .arg(flag("llms", "Print llms.txt, an index for agents that read files").conflicts_with_all(["json", "name"]))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    if matches.get_flag("skill") {
        print!("{}", agent::skill());
        return Ok(());
    }
    if matches.get_flag("llms") {
        print!("{}", agent::llms());
        return Ok(());
    }
    let as_json = matches.get_flag("json");
    let chosen = match matches.get_one::<String>("name") {
        Some(name) => Some(agent::find(name).map_err(|error| Failure::of(&error, as_json))?.action),
        None => None,
    };
    match (chosen, as_json) {
        (Some(action), true) => println!("{}", action.described()),
        (None, true) => println!("{}", ACTIONS.iter().map(Action::described).collect::<Value>()),
        (Some(action), false) => super::connector::describe(action),
        (None, false) => {
            let width = ACTIONS.iter().map(|a| a.name().len()).max().unwrap_or_default();
            for action in ACTIONS {
                println!(
                    "{:width$}  {:11}  {}",
                    action.name(),
                    action.effect().as_str(),
                    action.about.title
                );
            }
        }
    }
    Ok(())
}
