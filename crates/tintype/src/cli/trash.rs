use std::time::Duration;

use agent::Transport;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tower::ServiceExt as _;

use super::own_key::private_key;
use super::{Outcome, read_config};

/// Longer than the server needs for anything here.
const PATIENCE: Duration = Duration::from_secs(60);
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
    let config = read_config(matches)?;
    let base = config.public_base(config.listen);
    let server = Server {
        key: private_key(&config, &base)?,
        transport: agent::network(&agent::Limits::default())?,
        base,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match matches.subcommand() {
            Some(("list", _)) => list(&server).await,
            Some(("restore", arguments)) => {
                let file = server
                    .ask(Method::POST, &format!("/{}/restore", id(arguments)?))
                    .await?;
                println!("{}", text(&file, "filePath"));
                Ok(())
            }
            Some(("delete", arguments)) => {
                server.ask(Method::DELETE, &format!("/{}", id(arguments)?)).await?;
                Ok(())
            }
            Some(("empty", arguments)) if arguments.get_flag("yes") => {
                let answer = server.ask(Method::DELETE, "").await?;
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

async fn list(server: &Server) -> Outcome {
    let mut skip = 0;
    loop {
        let page = server.ask(Method::GET, &format!("?limit={PAGE}&skip={skip}")).await?;
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

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

struct Server {
    base: String,
    key: SecretString,
    transport: Transport,
}

impl Server {
    /// One request below `/v1/trash`; what it answers, or the message of its error.
    async fn ask(&self, method: Method, rest: &str) -> Result<Value, Box<dyn std::error::Error>> {
        let credential = STANDARD.encode(format!("{}:", self.key.expose_secret()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v1/trash{rest}", self.base))
            .header(header::AUTHORIZATION, format!("Basic {credential}"))
            .body(Bytes::new())?;
        let answer = tokio::time::timeout(PATIENCE, self.transport.clone().oneshot(request))
            .await
            .map_err(|_| format!("{} did not answer in {} s", self.base, PATIENCE.as_secs()))??;
        let body: Value = if answer.body().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(answer.body())?
        };
        if answer.status().is_success() {
            Ok(body)
        } else {
            Err(format!("{}: {}", answer.status().as_u16(), text(&body, "message")).into())
        }
    }
}
