use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use secrecy::ExposeSecret;
use transform::{DeliveryUrl, Mode, Position, Transformation};

use super::{Outcome, read_config};
use crate::clock::unix_now;
use crate::keys::{KEY_FILE, KeyPair};

pub fn command() -> Command {
    Command::new("url")
        .about("Build the URL of a file in the library, signed if wanted")
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .required(true)
                .help("The file's path, such as travel/cat.jpg"),
        )
        .arg(
            Arg::new("transformation")
                .value_name("TRANSFORMATION")
                .default_value("")
                .allow_hyphen_values(true)
                .help("Such as w-300,h-200:rt-90"),
        )
        .arg(
            Arg::new("endpoint")
                .long("endpoint")
                .value_name("URL")
                .help("URL endpoint, such as https://media.example.com/demo; default from the configuration"),
        )
        .arg(
            Arg::new("position")
                .long("position")
                .value_parser(["path", "query"])
                .default_value("path")
                .help("Where the transformation stands"),
        )
        .arg(
            Arg::new("sign")
                .long("sign")
                .action(ArgAction::SetTrue)
                .help("Sign with the private key"),
        )
        .arg(
            Arg::new("expires")
                .long("expires")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..))
                .requires("sign")
                .help("The signed URL stops working after so many seconds; without it, never"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let default = || format!("{}/{}", config.public_base(config.listen), config.account_id.as_str());
    let endpoint = matches.get_one::<String>("endpoint").cloned().unwrap_or_else(default);
    let endpoint = endpoint.trim_end_matches('/');
    let transformation = text("transformation");
    // A mistake is better seen here than in the answer to the URL.
    let parsed = Transformation::parse(&transformation, Mode::Lenient).map_err(|e| e.render())?;
    for ignored in &parsed.ignored {
        eprintln!("warning: {} will be ignored ({})", ignored.text, ignored.reason);
    }
    let position = if text("position") == "query" {
        Position::Query
    } else {
        Position::Path
    };
    let url = DeliveryUrl::new(endpoint, text("path"))
        .transformation(&transformation)
        .position(position);
    if !matches.get_flag("sign") {
        println!("{}", url.build());
        return Ok(());
    }
    // Signing changes nothing: a pair is looked for, not made.
    let private_key = match config.keys.private_key {
        Some(key) => key,
        None if config.data_dir.join(KEY_FILE).exists() => {
            KeyPair::resolve(config.keys, &config.data_dir)?.private_key().clone()
        }
        None => {
            return Err(format!(
                "no private key: set TINTYPE_PRIVATE_KEY, or name the server's --data-dir (there is no {KEY_FILE} in {})",
                config.data_dir.display()
            )
            .into());
        }
    };
    let expires = matches
        .get_one::<u64>("expires")
        .map(|seconds| unix_now().saturating_add(*seconds));
    println!("{}", url.signed(private_key.expose_secret(), expires));
    Ok(())
}
