//! `tintype approvals`: what waits for a person's decision.

use agent::{Approval, Limits};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;
use time::Duration;

use super::desk::Desk;
use super::{Failure, group, json_flag, print};
use crate::agents::approval_page;
use crate::cli::Outcome;

pub fn command() -> Command {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("apr_..., from the list")
    };
    let reason = || {
        Arg::new("reason")
            .long("reason")
            .value_name("TEXT")
            .help("Why, for the records")
    };
    let upstream = Arg::new("upstream")
        .long("upstream")
        .value_name("URL")
        .help("The server, if the call named one");
    group(
        "approvals",
        "Calls that wait for somebody's decision",
        vec![
            Command::new("list")
                .about("List them, those that wait first")
                .arg(json_flag()),
            Command::new("show")
                .about("Show what one would do")
                .arg(id())
                .arg(json_flag()),
            Command::new("approve")
                .about("Agree, and carry the call out")
                .arg(id())
                .arg(reason())
                .arg(upstream)
                .arg(json_flag()),
            Command::new("deny").about("Refuse").arg(id()).arg(reason()),
            Command::new("link")
                .about("Make a link by which somebody else decides, once")
                .arg(id())
                .arg(
                    Arg::new("for")
                        .long("for")
                        .value_name("NAME")
                        .required(true)
                        .help("Who will decide, for the records"),
                )
                .arg(
                    Arg::new("seconds")
                        .long("seconds")
                        .value_name("N")
                        .value_parser(value_parser!(u32).range(1..=86_400))
                        .default_value("3600")
                        .help("How long it works"),
                ),
        ],
    )
}

pub fn run(verb: &str, matches: &ArgMatches) -> Outcome {
    let desk = Desk::open(matches)?;
    let as_json = matches
        .try_get_one::<bool>("json")
        .ok()
        .flatten()
        .copied()
        .unwrap_or(false);
    let fail = |error| Failure::of(&error, as_json);
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().map(String::as_str);
    let id = text("id").unwrap_or_default();
    let now = desk.now();
    match verb {
        "list" => {
            let who = desk.principal().map_err(fail)?;
            let all = desk.wait(desk.store.approvals(now))?;
            let seen: Vec<Approval> = all
                .into_iter()
                .filter(|a| who.may_decide() || a.request.principal == who.id)
                .collect();
            if as_json {
                print(&json!(seen), true);
            } else {
                for approval in seen {
                    let request = &approval.request;
                    let state = format!("{:?}", approval.state).to_lowercase();
                    println!("{}  {state:8}  {}  {}", approval.id, request.action, request.principal);
                }
            }
        }
        "show" => {
            let who = desk.principal().map_err(fail)?;
            let approval = desk.wait(desk.store.approval(id, &who, now)).map_err(fail)?;
            let answer = desk.wait(desk.store.approved_answer(id, &who, now)).map_err(fail)?;
            print(&json!({ "approval": approval, "answer": answer }), as_json);
        }
        "link" => {
            let person = desk.person()?;
            let life = Duration::seconds(matches.get_one::<u32>("seconds").copied().unwrap_or(3600).into());
            let name = text("for").unwrap_or_default();
            let link = desk.wait(desk.store.approval_link(id, &person, name, life, now));
            let base = desk.config.public_base(desk.config.listen);
            println!("{}", approval_page::address(&base, &link.map_err(fail)?));
        }
        verb => {
            let person = desk.person()?;
            let pipeline = desk.pipeline(text("upstream"), Limits::default())?;
            let approve = verb == "approve";
            let decided = pipeline.decide(id, approve, &person, text("reason"), now);
            match desk.wait(decided).map_err(fail)? {
                Some(answer) => print(&answer, as_json),
                None => println!("denied {id}"),
            }
        }
    }
    desk.wait(desk.store.close());
    Ok(())
}
