//! `tintype connector search` and `schema`: the catalogue, which needs no server.

use agent::{Action, SERVICE};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Failure, json_flag, print};
use crate::cli::Outcome;

/// Longer searches are cut.
const LONGEST_SEARCH: usize = 200;

pub fn search_command() -> Command {
    Command::new("search")
        .about("Find actions by what you want to do")
        .arg(
            Arg::new("text")
                .value_name("TEXT")
                .num_args(0..)
                .help("Words; none for all actions"),
        )
        .arg(json_flag())
}

pub fn search(matches: &ArgMatches) -> Outcome {
    let words: Vec<&String> = matches.get_many("text").into_iter().flatten().collect();
    let text: String = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(LONGEST_SEARCH).collect();
    let found = agent::search(&text);
    if matches.get_flag("json") {
        let rows = found.iter().map(|action| {
            json!({
                "service": SERVICE,
                "name": action.name(),
                "description": action.about.description,
                "effect": action.effect(),
                "authenticated": true,
                "accessStatus": "available",
            })
        });
        print(&rows.collect::<Value>(), true);
        return Ok(());
    }
    let width = found.iter().map(|a| a.name().len()).max().unwrap_or_default();
    for action in found {
        println!(
            "{SERVICE}.{:width$}  {:11}  {}",
            action.name(),
            action.effect().as_str(),
            action.about.title
        );
    }
    Ok(())
}

pub fn schema_command() -> Command {
    Command::new("schema")
        .about("Show what actions take and give")
        .arg(
            Arg::new("names")
                .value_name("SERVICE[.ACTION]")
                .num_args(1..)
                .required(true)
                .help("Actions such as imagekit.list_assets; or the service, with --action"),
        )
        .arg(
            Arg::new("action")
                .short('a')
                .long("action")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Name of the action"),
        )
        .arg(json_flag())
}

pub fn schema(matches: &ArgMatches) -> Outcome {
    let mut names: Vec<&String> = matches.get_many("names").into_iter().flatten().collect();
    let chosen: Vec<&String> = matches.get_many("action").into_iter().flatten().collect();
    if !chosen.is_empty() {
        if names != [SERVICE] {
            return Err(Failure::usage(format!("with --action the service is {SERVICE}")).into());
        }
        names = chosen;
    }
    let mut described = Vec::new();
    for name in names {
        let found = agent::find(name).map_err(|error| Failure::of(&error, matches.get_flag("json")))?;
        let mut schema = found.action.described();
        if let Some(alias) = found.alias {
            schema["name"] = json!(alias.name);
            schema["inputSchema"] = alias.input_schema(schema["inputSchema"].clone());
        }
        described.push(schema);
    }
    let all = match described.len() {
        1 => described.remove(0),
        _ => Value::Array(described),
    };
    print(&all, matches.get_flag("json"));
    Ok(())
}

/// One action for people.
pub fn describe(action: &Action) {
    let about = &action.about;
    println!("{} ({}): {}", about.name, about.effect.as_str(), about.title);
    println!("\n{}", about.description);
    println!("\nInput:\n{:#}", action.input_schema());
    println!("\nOutput:\n{:#}", action.output_schema());
}
