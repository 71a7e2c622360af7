use clap::{ArgMatches, Command};

use super::{Outcome, read_texts, with_settings};
use crate::config::{Config, Origin, SETTINGS, unknown_variables};

pub fn command() -> Command {
    let all = || SETTINGS.iter().map(|s| s.name);
    Command::new("config")
        .about("Show or check the configuration")
        .subcommand_required(true)
        .subcommand(with_settings(
            Command::new("check").about("Say whether the server would accept its configuration, and change nothing"),
            all(),
        ))
        .subcommand(with_settings(
            Command::new("show").about("Print every setting, its value and where that came from"),
            all(),
        ))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some((action, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let texts = read_texts(matches)?;
    if action == "show" {
        for setting in SETTINGS {
            let (value, origin) = texts.get(setting.name);
            let value = match (setting.secret, value.is_empty()) {
                (_, true) => "(not set)".to_owned(),
                (true, false) => "(secret)".to_owned(),
                (false, false) => value,
            };
            let origin = if origin == Origin::Default {
                "default".to_owned()
            } else {
                origin.to_string()
            };
            println!("{:<23} {value:<24} {origin}", setting.name);
        }
    }
    for (name, meant) in unknown_variables(std::env::vars_os().filter_map(|(n, _)| n.into_string().ok())) {
        let hint = meant
            .map(|m| format!("; did you mean TINTYPE_{}?", m.to_uppercase()))
            .unwrap_or_default();
        eprintln!("warning: {name} is not a setting{hint}");
    }
    Config::from_texts(&texts)?;
    if action == "check" {
        println!("The configuration is valid.");
    }
    Ok(())
}
