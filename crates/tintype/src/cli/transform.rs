use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use engine::{Budget, Inputs};
use transform::{Mode, Output, Transformation};

use super::Outcome;
use super::explain::{self, Files, Language, with_language};

/// A file given on the command line is the user's own: more than a server takes from strangers.
const LARGEST_SOURCE: u64 = 1 << 30;

pub fn command() -> Command {
    let file = |id: &'static str, value: &'static str, help: &'static str| {
        Arg::new(id)
            .value_name(value)
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    // The source comes first, as in `cp`; clap numbers arguments in the order they are added.
    with_language(
        Command::new("transform")
            .about("Transform a picture without a server")
            .arg(file("source", "SOURCE", "The picture, or - for standard input")),
    )
    .arg(file(
        "result",
        "RESULT",
        "Where to write; - for standard output. Without f-..., its ending chooses the format",
    ))
    .arg(
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Overwrite RESULT if it exists"),
    )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let path = |id: &str| matches.get_one::<PathBuf>(id).cloned().unwrap_or_default();
    let (source, result) = (path("source"), path("result"));
    if result != Path::new("-") && result.exists() && !matches.get_flag("force") {
        return Err(format!("{} exists; overwrite it with --force", result.display()).into());
    }
    let mut language = Language::of(matches)?;
    if language.transformation.asked_format().is_none()
        && !language.transformation.is_original()
        && let Some(format) = ending(&result)
    {
        let format = Transformation::parse(format, Mode::Strict).map_err(|e| e.to_string())?;
        language.transformation = language.transformation.then(format);
    }
    for ignored in &language.transformation.ignored {
        eprintln!("ignored: {} ({})", ignored.text, ignored.reason);
    }
    let bytes = read(&source)?;
    let part = language.transformation.part();
    let probe = engine::probe_part(&mut std::io::Cursor::new(&bytes), &part)
        .map_err(|e| format!("{}: {e}", source.display()))?;
    let files = Files::read(&language.transformation, &explain::folder(matches, &source))?;
    let fonts = crate::fonts::load(None);
    let (plan, measured) = language.bound(&probe.info, &files, &fonts)?;
    let budget = Budget {
        max_source_bytes: LARGEST_SOURCE,
        max_output_bytes: LARGEST_SOURCE,
        ..Budget::default()
    };
    let (bytes, summary) = if plan.output == Output::Original {
        (bytes, "the source untouched".to_owned())
    } else {
        let by_name = files.by_name();
        let inputs = Inputs {
            source: &bytes,
            decoded: None,
            files: &by_name,
            fonts: &fonts,
            models: &engine::Models::default(),
        };
        let done = if measured {
            engine::render_measured(&inputs, |measure| language.plan(&probe.info, measure), &budget)?.0
        } else {
            engine::render_with(&inputs, &plan, &budget)?
        };
        let summary = format!(
            "{}, {} x {}",
            done.format.extension(),
            done.size.width,
            done.size.height
        );
        (done.bytes, summary)
    };
    write(&result, &bytes)?;
    if result != Path::new("-") {
        println!("{}: {summary}, {} bytes", result.display(), bytes.len());
    }
    Ok(())
}

/// The parameter for a file name's ending, where it names a format that can be written.
fn ending(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some("f-jpg"),
        "png" => Some("f-png"),
        "webp" => Some("f-webp"),
        "avif" => Some("f-avif"),
        "gif" => Some("f-gif"),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST_SOURCE + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LARGEST_SOURCE + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| format!("{}: {e}", path.display()))?;
    if bytes.len() as u64 > LARGEST_SOURCE {
        return Err(format!("{} is larger than {LARGEST_SOURCE} bytes", path.display()));
    }
    Ok(bytes)
}

/// Whole or not at all: a failure leaves what was there before.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let said = |e: std::io::Error| format!("{}: {e}", path.display());
    if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            return Err("a picture does not go to a terminal: name a file or redirect the output".into());
        }
        return out.write_all(bytes).and_then(|()| out.flush()).map_err(said);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|e| {
            // Nothing to do about a second failure: the first one is what is reported.
            let _ = fs::remove_file(&partial);
            said(e)
        })
}
