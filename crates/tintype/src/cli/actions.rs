use agent::{ACTIONS, Action};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::Outcome;

pub fn command() -> Command {
    Command::new("actions")
        .about("List the actions that agents can call, or describe one")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("Show this action's description and JSON Schemas"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print everything as JSON"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let chosen = match matches.get_one::<String>("name") {
        Some(name) => Some(agent::find(name).map_err(|error| super::call::told(&error))?),
        None => None,
    };
    match (chosen, matches.get_flag("json")) {
        (Some(action), true) => println!("{}", described(action)),
        (None, true) => println!("{}", ACTIONS.iter().map(described).collect::<Value>()),
        (Some(action), false) => {
            println!("{} ({}): {}", action.name, action.effect.as_str(), action.title);
            println!("\n{}", action.description);
            println!("\nInput:\n{:#}", action.input_schema());
            println!("\nOutput:\n{:#}", action.output_schema());
        }
        (None, false) => {
            let width = ACTIONS.iter().map(|a| a.name.len()).max().unwrap_or_default();
            for action in ACTIONS {
                println!("{:width$}  {:6}  {}", action.name, action.effect.as_str(), action.title);
            }
        }
    }
    Ok(())
}

fn described(action: &Action) -> Value {
    json!({
        "name": action.name,
        "title": action.title,
        "description": action.description,
        "effect": action.effect,
        "idempotent": action.idempotent,
        "inputSchema": action.input_schema(),
        "outputSchema": action.output_schema(),
    })
}
