//! `tintype mcp`: the agent side for one client, on standard input and output.

use std::path::PathBuf;
use std::sync::Arc;

use agent::{KeyKeeper, Limits};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rmcp::ServiceExt;
use rmcp::transport::stdio;

use super::connector::desk::{operator, own_key};
use super::{Outcome, read_config};
use crate::agents::own_key::Fixed;
use crate::agents::setup::secret_of;
use crate::agents::{Agents, Own};
use crate::mcp::toolsets::{Shown, TOOLSETS};
use crate::mcp::{Caller, Mcp, Roots};
use crate::observe;

pub fn command() -> Command {
    Command::new("mcp")
        .about("Speak MCP on standard input and output, for one client on this machine")
        .arg(
            Arg::new("toolsets")
                .long("toolsets")
                .value_name("A,B")
                .conflicts_with("dynamic")
                .help(format!("Only these tools: {}", TOOLSETS.join(", "))),
        )
        .arg(
            Arg::new("dynamic")
                .long("dynamic")
                .action(ArgAction::SetTrue)
                .help("Three tools that search, describe and call, instead of all"),
        )
        .arg(
            Arg::new("root")
                .long("root")
                .value_name("DIR")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Let files be uploaded from this folder of this machine; may be given several times"),
        )
        .arg(
            Arg::new("upstream")
                .long("upstream")
                .value_name("URL")
                .help("Another server, with the configured private key"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let shown = match matches.get_one::<String>("toolsets") {
        Some(sets) => Shown::sets(sets)?,
        None if matches.get_flag("dynamic") => Shown::dynamic(),
        None => Shown::default(),
    };
    let roots = Roots::of(matches.get_many::<PathBuf>("root").into_iter().flatten())?;
    // To standard error: standard output belongs to the protocol.
    observe::start_logging(&config, None);
    std::fs::create_dir_all(&config.data_dir).map_err(|e| format!("{}: {e}", config.data_dir.display()))?;
    let upstream = matches.get_one::<String>("upstream").map(String::as_str);
    let base = upstream.map_or_else(|| config.public_base(config.listen), str::to_owned);
    let base = base.trim_end_matches('/').to_owned();
    let agents = Agents::new(Own {
        keys: own_key(&config, &base, upstream.is_some())?
            .map(|(private, public)| Arc::new(Fixed { private, public }) as Arc<dyn KeyKeeper>),
        endpoints: config.endpoints(&base, upstream.is_none()),
        data_dir: config.data_dir.clone(),
        transport: agent::network(&Limits::default())?,
        base,
    });
    let caller = match secret_of("TINTYPE_TOKEN") {
        Some(token) => Caller::Token(token),
        None => Caller::Operator(operator()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let running = Mcp::new(agents.clone(), caller, shown)
            .with_roots(roots)
            .serve(stdio())
            .await?;
        running.waiting().await?;
        if let Ok(store) = agents.store().await {
            store.close().await;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    // Standard input may still be read by a thread that nothing ends.
    runtime.shutdown_background();
    Ok(())
}
