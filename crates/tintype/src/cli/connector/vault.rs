//! `tintype vault`: the master key of kept secrets.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::desk::Desk;
use super::{group, json_flag, print};
use crate::cli::Outcome;

pub fn command() -> Command {
    group(
        "vault",
        "The master key under which secrets are kept",
        vec![
            Command::new("status").about("Which master key is in use, and for how many secrets").arg(json_flag()),
            Command::new("rotate").about("Change the master key, while everything runs").after_help(
                "A key in a file is renewed. A key from the environment is changed there first: the new one in front, the \
                 old one behind a comma; for passphrases TINTYPE_VAULT_FORMER_PASSPHRASE holds the old one.",
            ),
        ],
    )
}

pub fn run(verb: &str, matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    desk.person()?;
    if verb == "rotate" {
        let count = desk.wait(desk.store.rotate())?;
        println!("{count} secrets are under the new master key");
    } else {
        let (active, counts) = desk.wait(desk.store.vault_status())?;
        if matches.get_flag("json") {
            let counts: serde_json::Map<_, _> = counts.into_iter().map(|(key, n)| (key, json!(n))).collect();
            print(&json!({ "activeKey": active, "secrets": counts }), true);
        } else {
            println!("master key in use: {active}");
            for (key, count) in counts {
                println!("{key}: {count} secrets");
            }
        }
    }
    desk.wait(desk.store.close());
    Ok(())
}
