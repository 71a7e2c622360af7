use axum::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Outcome;
use super::own_server::{OwnServer, text};

/// Lines of one answer of the server.
const PAGE: usize = 1000;

pub fn command() -> Command {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("The id that `tintype trash list` shows first")
    };
    Command::new("trash")
        .about("List, restore or delete for good what was deleted on a running server")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("List what is in the trash, the newest first"))
        .subcommand(
            Command::new("restore")
                .about("Bring a file or a version back; prints where it is then")
                .arg(id()),
        )
        .subcommand(Command::new("delete").about("Delete one thing for good").arg(id()))
        .subcommand(
            Command::new("empty")
                .about("Delete everything in the trash for good")
                .arg(
                    Arg::new("yes")
                        .long("yes")
                        .action(ArgAction::SetTrue)
                        .help("Really: this cannot be undone"),
                ),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let server = OwnServer::of(matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match matches.subcommand() {
            Some(("list", _)) => list(&server).await,
            Some(("restore", arguments)) => {
                let file = server
                    .ask(Method::POST, &format!("/v1/trash/{}/restore", id(arguments)?), None)
                    .await?;
                println!("{}", text(&file, "filePath"));
                Ok(())
            }
            Some(("delete", arguments)) => {
                server
                    .ask(Method::DELETE, &format!("/v1/trash/{}", id(arguments)?), None)
                    .await?;
                Ok(())
            }
            Some(("empty", arguments)) if arguments.get_flag("yes") => {
                let answer = server.ask(Method::DELETE, "/v1/trash", None).await?;
                println!("{} deleted for good", answer["deleted"]);
                Ok(())
            }
            Some(("empty", _)) => {
                Err("this deletes everything in the trash for good: say --yes if you want that".into())
            }
            _ => Ok(()),
        }
    })
}

/// The id, which becomes a part of a path.
fn id(arguments: &ArgMatches) -> Result<library::TrashId, String> {
    let given = arguments
        .get_one::<String>("id")
        .map(String::as_str)
        .unwrap_or_default();
    given.parse().map_err(|error| format!("`{given}`: {error}"))
}

async fn list(server: &OwnServer) -> Outcome {
    let mut skip = 0;
    loop {
        let path = format!("/v1/trash?limit={PAGE}&skip={skip}");
        let page = server.ask(Method::GET, &path, None).await?;
        let items = page.as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            let version = if text(item, "type") == "file" {
                String::new()
            } else {
                format!(" ({})", text(&item["versionInfo"], "name"))
            };
            println!(
                "{}  deleted {}  until {}  {} bytes  {}{version}",
                text(item, "id"),
                text(item, "deletedAt"),
                text(item, "purgeAt"),
                item["size"],
                text(item, "filePath"),
            );
        }
        skip += items.len();
        if items.len() < PAGE {
            return Ok(());
        }
    }
}
