//! `tintype vault`: the master key of kept secrets.

use std::io::BufRead;

use clap::{ArgMatches, Command};
use serde_json::json;

use super::desk::{Desk, secret_of};
use super::{group, json_flag, print};
use crate::agents::setup::keyring_name;
use crate::cli::Outcome;

pub fn command() -> Command {
    group(
        "vault",
        "The master key under which secrets are kept",
        vec![
            Command::new("status").about("Which master key is in use, and for how many secrets").arg(json_flag()),
            Command::new("keyring")
                .about("Put the master key into the keyring of the operating system")
                .after_help(
                    "TINTYPE_VAULT_KEYRING names it there. The key is read from the first line of standard input: 32 bytes in \
                     base64 or hex, several with commas between, the one in use first. Keep a copy: Linux keeps keyrings in \
                     the kernel, which forgets them when the machine starts, and after some days in which nobody asked.",
                ),
            Command::new("rotate").about("Change the master key, while everything runs").after_help(
                "A key in a file is renewed. A key from the environment or the keyring is changed there first: the new one in \
                 front, the old one behind a comma; for passphrases TINTYPE_VAULT_FORMER_PASSPHRASE holds the old one.",
            ),
        ],
    )
}

/// Before the store is opened, for which the key is needed.
fn put_into_keyring() -> Outcome {
    if secret_of("TINTYPE_TOKEN").is_some() {
        return Err("this is for people: TINTYPE_TOKEN makes you an agent".into());
    }
    let name = keyring_name().ok_or("set TINTYPE_VAULT_KEYRING to the name of the key, such as tintype")?;
    eprintln!("master key:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    agent::vault::put_into_keyring(&name, &line.trim().to_owned().into())?;
    println!("the keyring holds the master key `{name}`");
    Ok(())
}

pub fn run(verb: &str, matches: &ArgMatches) -> Outcome {
    if verb == "keyring" {
        return put_into_keyring();
    }
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
