//! `tintype audit` and `drift`: what was done, and what upstreams did otherwise than they promise.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::desk::Desk;
use super::{group, json_flag, print};
use crate::cli::Outcome;

pub fn audit_command() -> Command {
    group(
        "audit",
        "The records of calls, a chain of hashes",
        vec![
            Command::new("verify")
                .about("Go over the whole chain")
                .arg(
                    Arg::new("head")
                        .long("head")
                        .value_name("HASH")
                        .help("Hash of a record that was noted before: it must still be there"),
                )
                .arg(json_flag()),
            Command::new("export").about("Print records, a line of JSON each").arg(
                Arg::new("after")
                    .long("after")
                    .value_name("N")
                    .value_parser(value_parser!(i64).range(0..))
                    .default_value("0")
                    .help("Only those after this number"),
            ),
        ],
    )
}

pub fn audit(verb: &str, matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    desk.person()?;
    if verb == "export" {
        let mut after = matches.get_one::<i64>("after").copied().unwrap_or(0);
        loop {
            let links = desk.wait(desk.store.records(after, 1000))?;
            let Some(last) = links.last() else {
                break;
            };
            after = last.seq;
            for link in &links {
                println!("{}", json!(link));
            }
        }
        desk.wait(desk.store.close());
        return Ok(());
    }
    let chain = desk.wait(desk.store.verify_records())?;
    let known = match matches.get_one::<String>("head") {
        Some(head) => desk.wait(desk.store.has_record(head))?,
        None => true,
    };
    desk.wait(desk.store.close());
    if matches.get_flag("json") {
        print(
            &json!({ "records": chain.records, "head": chain.head, "brokenAt": chain.broken_at, "headFound": known }),
            true,
        );
    } else {
        println!("{} records, the last is {}", chain.records, chain.head);
    }
    match chain.broken_at {
        Some(seq) => {
            Err(format!("the chain is broken at record {seq}: it was changed, or one before it was taken out").into())
        }
        None if !known => Err("the record that was noted before is gone: records were cut off or replaced".into()),
        None => Ok(()),
    }
}

pub fn drift_command() -> Command {
    Command::new("drift")
        .about("Where answers of upstreams were not what their contract says")
        .arg(
            Arg::new("forget")
                .long("forget")
                .action(ArgAction::SetTrue)
                .help("Forget all of it"),
        )
        .arg(json_flag())
}

pub fn drift(matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    desk.person()?;
    if matches.get_flag("forget") {
        let count = desk.wait(desk.store.forget_drift())?;
        println!("forgot {count} places");
    } else {
        let reports = desk.wait(desk.store.drift())?;
        if matches.get_flag("json") {
            print(&reports.iter().map(|r| json!(r)).collect::<Value>(), true);
        } else {
            for r in reports {
                println!(
                    "{}  {}  {}  {} times, {} mended  {}",
                    r.action, r.pointer, r.kind, r.count, r.repaired, r.detail
                );
            }
        }
    }
    desk.wait(desk.store.close());
    Ok(())
}
