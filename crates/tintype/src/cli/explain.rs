use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use transform::{Accept, Context, Hints, Limits, Mode, OutputSettings, Plan, SourceInfo, Transformation};

use super::Outcome;

pub fn command() -> Command {
    with_language(
        Command::new("explain")
            .about("Say what a transformation means and, for a picture, what would be done and what would come out"),
    )
    .arg(
        Arg::new("picture")
            .value_name("PICTURE")
            .value_parser(value_parser!(PathBuf))
            .help("A picture to plan for; only its header is read"),
    )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let language = Language::of(matches)?;
    let steps = &language.transformation;
    if steps.is_empty() {
        println!("No steps: the picture as it is, in the best format that the client takes.");
    } else {
        println!("{steps}");
        println!("Canonical: {}", steps.canonical());
    }
    for ignored in &steps.ignored {
        println!("Ignored: {} ({})", ignored.text, ignored.reason);
    }
    let Some(path) = matches.get_one::<PathBuf>("picture") else {
        return Ok(());
    };
    let source = probe(path)?;
    let (width, height) = source.upright();
    let alpha = if source.has_alpha { ", with alpha" } else { "" };
    let frames = if source.frames > 1 {
        format!(", {} frames", source.frames)
    } else {
        String::new()
    };
    println!(
        "\nSource: {}, {width}x{height}{alpha}{frames}",
        source.format.extension()
    );
    let plan = language.plan(&source)?;
    println!("\nPlan:\n{plan}");
    Ok(())
}

/// The arguments of `explain` and `transform` that say what is asked for and by whom.
pub fn with_language(command: Command) -> Command {
    command
        .arg(
            Arg::new("transformation")
                .value_name("TRANSFORMATION")
                .required(true)
                .allow_hyphen_values(true)
                .help("As in a URL, such as w-300,h-200:rt-90"),
        )
        .arg(
            Arg::new("strict")
                .long("strict")
                .action(ArgAction::SetTrue)
                .help("Refuse unknown parameters instead of ignoring them"),
        )
        .arg(
            Arg::new("accept")
                .long("accept")
                .value_name("FORMATS")
                .default_value("")
                .help("What the client accepts besides JPEG and PNG: webp, avif, or both with a comma"),
        )
        .arg(
            Arg::new("hint-width")
                .long("hint-width")
                .value_name("PIXELS")
                .value_parser(value_parser!(f64))
                .help("The client's Sec-CH-Width, for w-auto"),
        )
        .arg(
            Arg::new("hint-dpr")
                .long("hint-dpr")
                .value_name("RATIO")
                .value_parser(value_parser!(f64))
                .help("The client's Sec-CH-DPR, for dpr-auto"),
        )
}

/// A transformation and what it is planned for.
pub struct Language {
    pub transformation: Transformation,
    accept: Accept,
    hints: Hints,
    settings: OutputSettings,
    limits: Limits,
}

impl Language {
    pub fn of(matches: &ArgMatches) -> Result<Self, String> {
        let text = matches
            .get_one::<String>("transformation")
            .map(String::as_str)
            .unwrap_or_default();
        let mode = if matches.get_flag("strict") {
            Mode::Strict
        } else {
            Mode::Lenient
        };
        let transformation = Transformation::parse(text, mode).map_err(|e| e.render())?;
        let transformation = transformation.expand(|_| None).map_err(|e| e.to_string())?;
        let mut accept = Accept::default();
        for format in matches
            .get_one::<String>("accept")
            .into_iter()
            .flat_map(|a| a.split(','))
        {
            match format.trim().trim_start_matches("image/") {
                "webp" => accept.webp = true,
                "avif" => accept.avif = true,
                "" => {}
                other => return Err(format!("--accept takes webp and avif, not `{other}`")),
            }
        }
        let hints = Hints {
            width: matches.get_one::<f64>("hint-width").copied(),
            dpr: matches.get_one::<f64>("hint-dpr").copied(),
            ..Hints::default()
        };
        // Whoever names AVIF here wants to see it chosen.
        let settings = OutputSettings {
            avif: accept.avif,
            ..OutputSettings::default()
        };
        Ok(Self {
            transformation,
            accept,
            hints,
            settings,
            limits: Limits::default(),
        })
    }

    /// What is done to this source; an error comes with what to ask for instead.
    pub fn plan(&self, source: &SourceInfo) -> Result<Plan, String> {
        let context = Context {
            accept: self.accept,
            hints: self.hints,
            settings: self.settings,
            limits: &self.limits,
        };
        transform::plan(&self.transformation, source, &context).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        })
    }
}

fn probe(path: &Path) -> Result<SourceInfo, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let probe = engine::probe(&mut BufReader::new(file)).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(probe.info)
}
