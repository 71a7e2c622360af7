//! `tintype policy`: what is allowed, and why.

use agent::{ACTIONS, Kind, Limits, Principal, Trace};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::desk::Desk;
use super::{Failure, group, json_flag, print};
use crate::cli::Outcome;

pub fn command() -> Command {
    group(
        "policy",
        "What is allowed, what has to be confirmed, what is denied",
        vec![
            Command::new("explain")
                .about("Say what is done with calls of an action, and which rule says so")
                .arg(Arg::new("action").value_name("ACTION").help("Default: all actions"))
                .arg(Arg::new("as").long("as").value_name("KIND|TOKEN_ID").default_value("agent").help("operator, person, agent, or a token's id"))
                .arg(json_flag())
                .after_help(
                    "Rules are in agent-policy.toml in the data directory. Rules about folders, tags, numbers and sizes are \
                     asked with what a call touches: `tintype connector run ... --dry-run` explains those.",
                ),
        ],
    )
}

pub fn run(_: &str, matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    let who = matches.get_one::<String>("as").map_or("agent", String::as_str);
    let principal = match who {
        "operator" | "person" | "agent" => Principal {
            id: format!("{who}:?"),
            kind: match who {
                "operator" => Kind::Operator,
                "person" => Kind::Person,
                _ => Kind::Agent,
            },
            grant: None,
        },
        id => {
            let tokens = desk.wait(desk.store.tokens())?;
            let token = tokens.into_iter().find(|token| token.id == id);
            let token = token.ok_or_else(|| Failure::usage(format!("--as: there is no token `{id}`")))?;
            Principal {
                id: format!("agent:{id}"),
                kind: Kind::Agent,
                grant: Some(token.grant),
            }
        }
    };
    let pipeline = desk.pipeline(None, Limits::default())?;
    let as_json = matches.get_flag("json");
    let explain = |action: &str| -> Result<Trace, Failure> {
        pipeline
            .explain(action, &principal)
            .map_err(|error| Failure::of(&error, as_json))
    };
    match matches.get_one::<String>("action") {
        Some(action) => {
            let trace = explain(action)?;
            if as_json {
                print(&json!(trace), true);
            } else {
                println!("{}", trace.decision.as_str());
                for said in trace.checks {
                    let decision = said.decision.map_or("-", |d| d.as_str());
                    println!("  {}: {decision} ({})", said.layer, said.reason);
                }
            }
        }
        None => {
            let mut rows = Vec::new();
            for action in ACTIONS {
                let trace = explain(action.name())?;
                if as_json {
                    rows.push(json!({ "action": action.name(), "trace": trace }));
                } else {
                    println!("{:7}  {}", trace.decision.as_str(), action.name());
                }
            }
            if as_json {
                print(&Value::Array(rows), true);
            }
        }
    }
    if !as_json && !desk.policy_file().exists() {
        eprintln!(
            "no rules in {}: the declared effects decide",
            desk.policy_file().display()
        );
    }
    desk.wait(desk.store.close());
    Ok(())
}
