use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use library::{BlobUrl, DatabaseUrl, Finding, Library, Settings};

use super::{Outcome, read_config, with_settings};

const PLACES: [&str; 1] = ["data_dir"];

pub fn command() -> Command {
    Command::new("library")
        .about("Check a library, or copy it into another store")
        .subcommand_required(true)
        .subcommand(with_settings(
            Command::new("check")
                .about("Look for missing, damaged and foreign blobs, and repair nothing. Stop the server first")
                .arg(
                    Arg::new("contents")
                        .long("contents")
                        .action(ArgAction::SetTrue)
                        .help("Read every byte and compare it with what was stored (slow)"),
                )
                .arg(
                    Arg::new("json")
                        .long("json")
                        .action(ArgAction::SetTrue)
                        .help("One JSON object a finding, for programs"),
                ),
            PLACES,
        ))
        .subcommand(with_settings(
            Command::new("copy")
                .about(
                    "Copy everything into another store, named by TINTYPE_TARGET_DATABASE_URL and \
                     TINTYPE_TARGET_BLOB_URL. Stop the server first. Run it again to go on after an interruption",
                )
                .arg(
                    Arg::new("target_data_dir")
                        .long("target-data-dir")
                        .value_name("FOLDER")
                        .required(true)
                        .help("Data directory of the copy: of its database and blobs too, unless they are named"),
                ),
            PLACES,
        ))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match matches.subcommand() {
        Some(("check", m)) => runtime.block_on(check(m)),
        Some(("copy", m)) => runtime.block_on(copy(m)),
        _ => Ok(()),
    }
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // Hidden by itself where standard error is no terminal.
    ProgressBar::new(0).with_style(style)
}

async fn check(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let library = Library::open(config.library()).await?;
    let json = matches.get_flag("json");
    let bar = bar("{bar:30} {pos}/{len} blobs, {msg}");
    let mut wrong = 0_u64;
    let mut notes = 0_u64;
    library
        .check_blobs(
            matches.get_flag("contents"),
            |progress| {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
                bar.set_message(HumanBytes(progress.bytes).to_string());
            },
            |finding| {
                let is_loss = !matches!(finding, Finding::Orphan { .. } | Finding::Foreign { .. });
                if is_loss {
                    wrong += 1;
                } else {
                    notes += 1;
                }
                bar.suspend(|| {
                    if json {
                        println!("{}", as_json(&finding));
                    } else {
                        println!("{}", in_words(&finding));
                    }
                });
            },
        )
        .await?;
    let done = bar.position();
    bar.finish_and_clear();
    library.close().await;
    if wrong > 0 {
        return Err(format!("{wrong} of {done} blobs are missing or damaged").into());
    }
    if !json {
        println!("{done} blobs are as they should be; {notes} other objects were found.");
    }
    Ok(())
}

/// What was found, and what would mend it.
fn in_words(finding: &Finding) -> String {
    let of = |files: &[String]| files.join(", ");
    match finding {
        Finding::Missing { blob, files } => format!(
            "missing: {blob}\n  needed by {}\n  put it back from a backup, or upload these files again",
            of(files)
        ),
        Finding::Length {
            blob,
            found,
            expected,
            files,
        } => format!(
            "damaged: {blob} has {found} bytes instead of {expected}\n  needed by {}\n  uploading the same file again replaces it",
            of(files)
        ),
        Finding::Damaged { blob, files } => format!(
            "damaged: {blob} has other bytes than were stored\n  needed by {}\n  remove the object and put it back from a backup, or upload these files again",
            of(files)
        ),
        Finding::Orphan { blob } => {
            format!(
                "unneeded: {blob}\n  left by an upload that was cut short; the server removes it a day after it was written"
            )
        }
        Finding::Foreign { path } => {
            format!("foreign: {path}\n  not a blob of this library; the server never touches it")
        }
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    use serde_json::json;
    match finding {
        Finding::Missing { blob, files } => json!({"finding": "missing", "blob": blob.to_string(), "files": files}),
        Finding::Length {
            blob,
            found,
            expected,
            files,
        } => {
            json!({"finding": "length", "blob": blob.to_string(), "found": found, "expected": expected, "files": files})
        }
        Finding::Damaged { blob, files } => json!({"finding": "damaged", "blob": blob.to_string(), "files": files}),
        Finding::Orphan { blob } => json!({"finding": "unneeded", "blob": blob.to_string()}),
        Finding::Foreign { path } => json!({"finding": "foreign", "path": path}),
    }
}

/// URLs that hold passwords come from the environment: other users of a machine can read its command lines.
fn target(data_dir: &str) -> Result<Settings, Box<dyn std::error::Error>> {
    let mut settings = Settings::embedded(Path::new(data_dir));
    if let Some(url) = variable("TINTYPE_TARGET_DATABASE_URL") {
        settings.database = url
            .parse::<DatabaseUrl>()
            .map_err(|e| format!("TINTYPE_TARGET_DATABASE_URL: {e}"))?;
    }
    if let Some(url) = variable("TINTYPE_TARGET_BLOB_URL") {
        settings.blobs = url
            .parse::<BlobUrl>()
            .map_err(|e| format!("TINTYPE_TARGET_BLOB_URL: {e}"))?;
    }
    Ok(settings)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn copy(matches: &ArgMatches) -> Outcome {
    let config = read_config(matches)?;
    let target = target(matches.get_one::<String>("target_data_dir").map_or("", String::as_str))?;
    let source = Library::open(config.library()).await?;
    let target = Library::open(target).await?;
    let bar = bar("{bar:30} {msg}");
    source
        .copy_into(&target, |progress| {
            bar.set_length(progress.blobs_total + progress.rows_total);
            bar.set_position(progress.blobs + progress.rows);
            bar.set_message(format!(
                "{}/{} blobs ({}), {}/{} rows",
                progress.blobs,
                progress.blobs_total,
                HumanBytes(progress.bytes),
                progress.rows,
                progress.rows_total
            ));
        })
        .await?;
    bar.finish_and_clear();
    let counts = target.counts().await?;
    println!(
        "Copied: {} files in {} versions, {} folders, {} blobs of {}.",
        counts.files,
        counts.versions,
        counts.folders,
        counts.blobs,
        HumanBytes(counts.blob_bytes)
    );
    println!("Copy keys.toml and master.key of the data directory too, if the copy is to have the same keys.");
    target.close().await;
    source.close().await;
    Ok(())
}
