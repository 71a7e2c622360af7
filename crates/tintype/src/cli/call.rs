use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::{
    Call, CallError, CallResult, Credential, Effect, JsonLines, Limits, Pipeline, Policy, Upstream, Verification,
};
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::{Host, Url};

use super::{Outcome, read_config};
use crate::config::Config;
use crate::keys::{KEY_FILE, KeyPair};

/// File in the data directory that keeps the records of calls.
const AUDIT_FILE: &str = "audit.jsonl";

/// Largest input, base64 content included.
const LONGEST_INPUT: usize = 64 << 20;

pub fn command() -> Command {
    Command::new("call")
        .about("Carry out an action: checked, retried, verified and recorded, as for an agent")
        .arg(
            Arg::new("action")
                .value_name("ACTION")
                .required(true)
                .help("Name of the action; `tintype actions` lists them"),
        )
        .arg(
            Arg::new("input")
                .value_name("JSON")
                .conflicts_with("input-file")
                .help("The action's input, such as '{\"path\":\"/travel\"}'"),
        )
        .arg(
            Arg::new("input-file")
                .long("input-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Read the input from a file, or from standard input with -"),
        )
        .arg(
            Arg::new("file")
                .long("file")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Attach this file, for upload_file; fileName is its name unless the input says another"),
        )
        .arg(
            Arg::new("upstream")
                .long("upstream")
                .value_name("URL")
                .help("The server to call, such as https://api.imagekit.io; default: the configured one"),
        )
        .arg(
            Arg::new("allow-delete")
                .long("allow-delete")
                .action(ArgAction::SetTrue)
                .help("Allow actions that destroy something for good"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=86_400))
                .default_value("60")
                .help("Give up after so many seconds, retries included"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print output and proof as one line of JSON: {data, meta}"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let limits = Limits {
        deadline: Duration::from_secs(matches.get_one::<u64>("timeout").copied().unwrap_or(60)),
        ..Limits::default()
    };
    let file = matches.get_one::<PathBuf>("file");
    let call = Call {
        action: matches.get_one::<String>("action").cloned().unwrap_or_default(),
        input: input(matches, file)?,
        file: match file {
            Some(path) => Some(read_at_most(path, limits.file_bytes)?),
            None => None,
        },
        principal: format!("cli:{}", std::env::var("USER").unwrap_or_else(|_| "unknown".into())),
        at: OffsetDateTime::now_utc(),
    };
    let pipeline = pipeline(&config, matches, limits)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(pipeline.call(call)).map_err(|error| told(&error))?;
    print(&result, matches.get_flag("json"));
    Ok(())
}

/// An error of a call as text: its code, what happened, and what to do next.
pub fn told(error: &CallError) -> String {
    let report = error.report();
    let text = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{}: {}{hint}", text("code"), text("message"))
}

fn pipeline(config: &Config, matches: &ArgMatches, limits: Limits) -> Result<Pipeline, Box<dyn std::error::Error>> {
    let base = match matches.get_one::<String>("upstream") {
        Some(url) => url.clone(),
        None => config.public_base(config.listen),
    };
    let upstream = Upstream::new(&base, agent::network(&limits)?).map_err(|e| format!("--upstream: {e}"))?;
    let credential = Credential::private_key(private_key(config, &base)?);
    let mut policy = Policy {
        remedy: "a person who agrees to it can add --allow-delete".to_owned(),
        ..Policy::default()
    };
    if matches.get_flag("allow-delete") {
        policy.allow.insert(Effect::Delete);
    }
    std::fs::create_dir_all(&config.data_dir).map_err(|e| format!("{}: {e}", config.data_dir.display()))?;
    Ok(Pipeline {
        upstream,
        credential,
        policy,
        audit: Arc::new(JsonLines::open(&config.data_dir.join(AUDIT_FILE))?),
        limits,
    })
}

/// The given key, else the one that the server keeps, which goes to that server only.
pub fn private_key(config: &Config, base: &str) -> Result<SecretString, Box<dyn std::error::Error>> {
    if let Some(key) = &config.keys.private_key {
        return Ok(key.clone());
    }
    let kept = config.data_dir.join(KEY_FILE);
    if !kept.exists() {
        return Err(format!(
            "no private key: set TINTYPE_PRIVATE_KEY, or name the server's --data-dir (there is no {KEY_FILE} in {})",
            config.data_dir.display()
        )
        .into());
    }
    if !is_ours(config, base) {
        return Err(format!(
            "the key in {} belongs to this server and is not sent to {base}: set TINTYPE_PRIVATE_KEY to that \
             server's, or public_url if it is this one",
            kept.display()
        )
        .into());
    }
    let keys = KeyPair::resolve(config.keys.clone(), &config.data_dir)?;
    Ok(keys.private_key().clone())
}

/// True for this machine and for what the configuration calls the server's address.
fn is_ours(config: &Config, base: &str) -> bool {
    let Ok(url) = Url::parse(base) else {
        return false;
    };
    let own = Url::parse(&config.public_base(config.listen));
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    is_loopback || own.is_ok_and(|own| own.origin() == url.origin())
}

fn input(matches: &ArgMatches, file: Option<&PathBuf>) -> Result<Value, String> {
    let text = match matches.get_one::<PathBuf>("input-file") {
        Some(path) if path.as_os_str() == "-" => at_most(std::io::stdin().lock(), LONGEST_INPUT, "standard input")?,
        Some(path) => read_at_most(path, LONGEST_INPUT)?,
        None => {
            let text = matches.get_one::<String>("input").map_or("{}", String::as_str);
            Bytes::copy_from_slice(text.as_bytes())
        }
    };
    let mut input: Value = serde_json::from_slice(&text).map_err(|e| format!("the input is not JSON: {e}"))?;
    let name = file.and_then(|path| path.file_name()).and_then(|name| name.to_str());
    if let (Some(name), Value::Object(fields)) = (name, &mut input) {
        fields.entry("fileName").or_insert_with(|| json!(name));
    }
    Ok(input)
}

fn read_at_most(path: &Path, limit: usize) -> Result<Bytes, String> {
    let shown = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| format!("{shown}: {e}"))?;
    at_most(file, limit, &shown)
}

fn at_most(from: impl Read, limit: usize, shown: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(one_more)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("{shown}: {e}"))?;
    if bytes.len() > limit {
        return Err(format!("{shown}: more than {limit} bytes"));
    }
    Ok(bytes.into())
}

/// The output on standard output; how we know, on standard error.
fn print(result: &CallResult, as_json: bool) {
    if as_json {
        println!("{}", json!({ "data": result.output, "meta": result.proof }));
        return;
    }
    println!("{:#}", result.output);
    for drift in &result.proof.drift {
        eprintln!("drift: {}: {}", drift.pointer, drift.detail);
    }
    match &result.proof.verification {
        Verification::NotNeeded => {}
        Verification::Verified { checks } => {
            let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
            eprintln!("verified: {}", names.join(", "));
        }
        Verification::Unverified { reason } => eprintln!("warning: done, but not verified: {reason}"),
    }
}
